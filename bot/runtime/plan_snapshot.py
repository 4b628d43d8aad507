"""From the snapshot file to the typed portfolio that a plan is derived from, or to everything that is wrong with it.

What a section leaves out is unknown and stays unknown: `Reading.gaps` says it of an instrument's terms, which the
portfolio's own types have no word for. What it says must be possible: a price above zero, an instrument that exists.
"""

from pathlib import Path

import msgspec

from bot.domain.snapshot import (
    Account,
    Bar,
    Bars,
    Borrowable,
    CarryState,
    Held,
    HeldPosition,
    HoldingKind,
    Memory,
    PositionMode,
    Returns,
    Snapshot,
    Working,
)
from bot.domain.units import AccountId, Asset, Contracts, InstrumentId, Nanos
from bot.runtime import plan_wire as wire
from bot.runtime.plan_market import MAIN, InstrumentReader
from bot.runtime.plan_shape import Place, judge
from bot.runtime.plan_values import Problems, Values, maybe
from bot.runtime.problems import ConfigError, Problem

FILE_BYTES_MAX = 64 * 1024 * 1024

_SIGNED_KINDS = (HoldingKind.FREE, HoldingKind.DECLARED)


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot, and what its instruments leave open: by instrument, the keys that are not there."""

    snapshot: Snapshot
    gaps: dict[InstrumentId, tuple[str, ...]] = {}


def read_file(path: Path) -> Reading:
    """The snapshot of a file. Raises ConfigError with everything that is wrong."""
    place = str(path)
    try:
        with path.open("rb") as file:
            raw = file.read(FILE_BYTES_MAX + 1)
        text = raw.decode("utf-8-sig")
    except OSError as error:
        raise ConfigError([Problem(place=place, what=f"cannot be read: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([Problem(place=place, what="not text in UTF-8")]) from error
    if len(raw) > FILE_BYTES_MAX:
        raise ConfigError([Problem(place=place, what=f"larger than {FILE_BYTES_MAX // 1024 // 1024} MiB")])
    return read(text, place)


def read(text: str, place: str = "snapshot") -> Reading:
    """The snapshot of a text. Raises ConfigError with everything that is wrong, `PROBLEMS_MAX` of it at most."""
    try:
        raw = wire.parsed(text)
    except wire.NotJson as error:
        raise ConfigError([Problem(place=place, line=error.line, what=error.what)]) from error
    problems = Problems(text, place, raw)
    judge(wire.WireSnapshot, raw, problems.add)
    problems.stop()
    reading = _Reader(Values(problems)).reading(msgspec.convert(raw, wire.WireSnapshot))
    problems.stop()
    return reading


class _Reader:
    """Turns sections into values, reporting what cannot be."""

    def __init__(self, values: Values) -> None:
        self._v = values

    def reading(self, told: wire.WireSnapshot) -> Reading:
        """The whole snapshot."""
        now = self._v.time(told.now, ("now",))
        holdings = self._holdings(told, now)
        accounts = _two_sided(self._accounts(told.accounts), told.positions)
        reader = InstrumentReader(self._v, told, holdings)
        self._v.once(("instruments",), (one.id for one in told.instruments))
        instruments = tuple(reader.traded(one, ("instruments", i)) for i, one in enumerate(told.instruments))
        known = {one.instrument.id for one in instruments}
        snapshot = Snapshot(
            now_ns=now,
            prices={Asset(a): self._v.above(p, ("prices", a)) for a, p in told.prices.items()},
            holdings=holdings,
            accounts=accounts,
            positions=self._positions(told.positions, known),
            orders=self._orders(told.orders, known),
            instruments=instruments,
            returns=None if told.returns is None else self._returns(told.returns, now),
            bars={Asset(a): self._bars(b, ("bars", a)) for a, b in told.bars.items()},
            open_interest=self._open_interest(told.open_interest),
            memory=self._memory(told.state, now),
        )
        return Reading(snapshot=snapshot, gaps=reader.gaps)

    def _holdings(self, told: wire.WireSnapshot, now: Nanos) -> tuple[Held, ...]:
        if isinstance(told.holdings, dict):
            return tuple(
                Held(account=MAIN, asset=Asset(a), amount=self._v.number(q, ("holdings", a)))
                for a, q in told.holdings.items()
            )
        return tuple(self._held(one, ("holdings", i), now) for i, one in enumerate(told.holdings))

    def _held(self, told: wire.WireHeld, at: Place, now: Nanos) -> Held:
        amount = self._v.number if told.kind in _SIGNED_KINDS else self._v.least
        return Held(
            account=AccountId(told.account),
            asset=Asset(told.asset),
            amount=amount(told.amount, (*at, "amount")),
            kind=told.kind,
            factor=self._v.above(told.factor, (*at, "factor")),
            sleeve=told.sleeve,
            as_of_ns=maybe(told.as_of, lambda text: self._v.past(text, (*at, "as_of"), now)),
        )

    def _accounts(self, told: tuple[wire.WireAccount, ...]) -> tuple[Account, ...]:
        self._v.once(("accounts",), (one.id for one in told))
        return tuple(self._account(one, ("accounts", i)) for i, one in enumerate(told))

    def _account(self, told: wire.WireAccount, at: Place) -> Account:
        return Account(
            id=AccountId(told.id),
            margin_mode=told.margin_mode,
            position_mode=told.position_mode,
            haircuts={Asset(a): self._v.share(h, (*at, "haircuts", a)) for a, h in told.haircuts.items()},
            margin_balance=self._v.maybe(told.margin_balance, (*at, "margin_balance"), self._v.number),
            maintenance_margin=self._v.maybe(told.maintenance_margin, (*at, "maintenance_margin"), self._v.least),
            initial_margin=self._v.maybe(told.initial_margin, (*at, "initial_margin"), self._v.least),
            max_withdraw=self._v.maybe(told.max_withdraw, (*at, "max_withdraw"), self._v.least),
            transfers_allowed=told.transfers_allowed,
            borrow={
                Asset(a): Borrowable(
                    self._v.least(b.apr, (*at, "borrow", a, "apr")),
                    self._v.maybe(b.available, (*at, "borrow", a, "available"), self._v.least),
                )
                for a, b in told.borrow.items()
            },
            maker_fee=self._v.maybe(told.fees.maker, (*at, "fees", "maker"), self._v.number),
            taker_fee=self._v.maybe(told.fees.taker, (*at, "fees", "taker"), self._v.number),
        )

    def _positions(self, told: tuple[wire.WirePosition, ...], known: set[InstrumentId]) -> tuple[HeldPosition, ...]:
        self._v.once(("positions",), (f"{p.account} {p.instrument} {p.side} {p.sleeve}".rstrip() for p in told))
        return tuple(self._position(one, ("positions", i), known) for i, one in enumerate(told))

    def _position(self, told: wire.WirePosition, at: Place, known: set[InstrumentId]) -> HeldPosition:
        contracts = self._v.number(told.contracts, (*at, "contracts"))
        if told.side != "both" and contracts * (1 if told.side == "long" else -1) < 0:
            self._v.problem((*at, "contracts"), f"the wrong sign for a {told.side} position", "long > 0, short < 0")
        return HeldPosition(
            account=AccountId(told.account),
            instrument=self._v.known(told.instrument, (*at, "instrument"), known),
            contracts=contracts,
            entry_price=self._v.maybe(told.entry_price, (*at, "entry_price"), self._v.above),
            leverage=self._v.maybe(told.leverage, (*at, "leverage"), self._v.above),
            margin_mode=told.margin_mode,
            isolated_wallet=self._v.maybe(told.isolated_wallet, (*at, "isolated_wallet"), self._v.number),
            liquidation_price=self._v.maybe(told.liquidation_price, (*at, "liquidation_price"), self._v.above),
            adl_rank=maybe(told.adl_rank, lambda text: int(self._v.least(text, (*at, "adl_rank")))),
            sleeve=told.sleeve,
        )

    def _orders(self, told: tuple[wire.WireOrder, ...], known: set[InstrumentId]) -> tuple[Working, ...]:
        return tuple(
            Working(
                account=AccountId(one.account),
                instrument=self._v.known(one.instrument, ("orders", i, "instrument"), known),
                side=one.side,
                remaining=self._v.above(one.remaining, ("orders", i, "remaining")),
                limit_price=self._v.maybe(one.limit_price, ("orders", i, "limit_price"), self._v.above),
                reduce_only=one.reduce_only,
                unknown=one.state == "unknown",
            )
            for i, one in enumerate(told)
        )

    def _returns(self, told: wire.WireReturns, now: Nanos) -> Returns:
        lengths = {len(rows) for rows in told.series.values()}
        if len(lengths) > 1:
            self._v.problem(
                ("returns", "series"), "series of different lengths", "one entry an interval; null for none"
            )
        return Returns(
            interval_ns=self._v.hours(told.interval_hours, ("returns", "interval_hours")),
            end_ns=self._v.past(told.end, ("returns", "end"), now),
            logarithmic=told.kind == "log",
            series={
                Asset(a): tuple(
                    None if r is None else self._return(r, ("returns", "series", a, i), told.kind)
                    for i, r in enumerate(rows)
                )
                for a, rows in told.series.items()
            },
        )

    def _return(self, text: str, at: Place, kind: str) -> float:
        value = self._v.number(text, at)
        if kind == "simple" and value <= -1:
            self._v.problem(at, "a loss of everything", "a simple return above -1")
        return float(value)

    def _bars(self, told: wire.WireBars, at: Place) -> Bars:
        bars = []
        for i, row in enumerate(told.ohlcv):
            prices = [float(self._v.above(text, (*at, "ohlcv", i, 1 + j))) for j, text in enumerate(row[1:5])]
            volume = float(self._v.least(row[5], (*at, "ohlcv", i, 5)))
            opened = self._v.time(row[0], (*at, "ohlcv", i, 0))
            bars.append(Bar(opened, prices[0], prices[1], prices[2], prices[3], volume))
        self._v.rising((*at, "ohlcv"), [bar.opened_ns for bar in bars])
        return Bars(self._v.hours(told.interval_hours, (*at, "interval_hours")), tuple(bars))

    def _open_interest(
        self, told: dict[str, tuple[tuple[str, str], ...]]
    ) -> dict[InstrumentId, tuple[tuple[Nanos, Contracts], ...]]:
        return {
            InstrumentId(name): tuple(
                (
                    self._v.time(time, ("open_interest", name, i, 0)),
                    self._v.least(text, ("open_interest", name, i, 1)),
                )
                for i, (time, text) in enumerate(rows)
            )
            for name, rows in told.items()
        }

    def _memory(self, told: wire.WireState, now: Nanos) -> Memory:
        return Memory(
            outside_since={
                Asset(a): self._v.past(band.outside_since, ("state", "bands", a, "outside_since"), now)
                for a, band in told.bands.items()
                if band.outside_since is not None
            },
            carry={name: self._carry(one, ("state", "carry", name), now) for name, one in told.carry.items()},
            last_run={n: self._v.past(t, ("state", "last_run", n), now) for n, t in told.last_run.items()},
            overlay_pnl=self._v.number(told.overlay_pnl, ("state", "overlay_pnl")),
        )

    def _carry(self, told: wire.WireCarry, at: Place, now: Nanos) -> CarryState:
        return CarryState(
            told.on,
            maybe(told.since, lambda text: self._v.past(text, (*at, "since"), now)),
            self._v.maybe(told.entry_basis, (*at, "entry_basis"), self._v.number),
        )


def _two_sided(accounts: tuple[Account, ...], positions: tuple[wire.WirePosition, ...]) -> tuple[Account, ...]:
    """The accounts, in hedge mode those that hold a position of a named side: a venue has such in no other mode."""
    named = {one.account for one in positions if one.side != "both"}
    absent = sorted(named - {one.id for one in accounts})
    known = [
        msgspec.structs.replace(one, position_mode=PositionMode.HEDGE) if one.id in named else one for one in accounts
    ]
    return (*known, *(Account(id=AccountId(name), position_mode=PositionMode.HEDGE) for name in absent))
