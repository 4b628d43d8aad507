"""The portfolio that is measured with: 60 % BTC and 40 % ETH by value, hedged on Binance, in band.

Its ages are bounded by an hour instead of seconds and its order counts hardly at all, so that no pause of the machine
and no repetition turns a measurement into a refusal. The guards run all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from bot.domain.account import AccountSnapshot, Balance, Position
from bot.domain.bands import Band, Unit, Width
from bot.domain.commands import Command, SubmitOrder
from bot.domain.events import AccountSeen, ClockSampled, Event, RunMode, Started, StreamChanged, Ticked
from bot.domain.instrument import Instrument, Kind, Tier, instrument_id
from bot.domain.market import Depth, Mark, Quote
from bot.domain.order import Approved
from bot.domain.rules import AssetRule, Limits, Rules
from bot.domain.targets import Base, Basis, WeightsMode, WeightsTarget
from bot.domain.units import MILLISECOND_NS, SECOND_NS, AccountId, Asset, Bps, Contracts, InstrumentId, Nanos, Qty
from bot.engine.engine import Engine
from bot.journal.sqlite import SqliteJournal
from bot.journal.store import JournalError, Stamp
from bot.lab.bench.frames import PRICES, SYMBOLS
from bot.runtime.clock import SystemClock
from bot.runtime.loop import Carrier, Loop, Observer
from bot.runtime.steps import decode_state, encode_state

SPOT = AccountId("binance.spot")
USDM = AccountId("binance.usdm")
USDT = Asset("USDT")
BTC_QUOTE = instrument_id(SPOT, "BTCUSDT")
HOUR_NS = 3_600 * SECOND_NS
SETTLED_NS = 5 * SECOND_NS
"""How long before now the book is set up: two reads of an account must lie apart to count as two."""
TRIGGER = Decimal("0.05")
EDGE = Decimal("0.0495")
"""A drift this close below the trigger: a half per cent more on BTC breaches."""
BREACHING = 1.005
_WEIGHTS = {"BTC": Decimal("0.6"), "ETH": Decimal("0.4")}
_NAV = Decimal(150_000)

LIMITS = Limits(
    slippage_bps_max=Bps(Decimal(15)),
    flatten_slippage_bps_max=Bps(Decimal(50)),
    collar_mid_bps_max=Bps(Decimal(30)),
    collar_mark_bps_max=Bps(Decimal(200)),
    price_deviation_bps_max=Bps(Decimal(100)),
    order_notional_max=Decimal(250_000),
    position_notional_max=Decimal(500_000),
    margin_ratio_max=Decimal("0.5"),
    quote_age_ns_max=HOUR_NS,
    mark_age_ns_max=HOUR_NS,
    account_age_ns_max=HOUR_NS,
    reducing_quote_age_ns_max=HOUR_NS,
    clock_offset_ns_max=SECOND_NS // 2,
    orders_per_minute_max=1_000_000,
    rejects_in_row_max=3,
    ack_timeout_ns=5 * SECOND_NS,
    order_deadline_ns=4 * SECOND_NS,
    evidence_gap_ns=SECOND_NS,
    replica_lag_ns_max=10 * SECOND_NS,
    balance_step_max=Decimal("0.2"),
    unknown_alert_ns=60 * SECOND_NS,
    unknown_halt_ns=300 * SECOND_NS,
    naked_notional_seconds_max=Decimal(100_000),
)


def instrument(kind: Kind, account: AccountId, symbol: str) -> Instrument:
    """An instrument in USDT."""
    return Instrument(
        id=instrument_id(account, symbol),
        account=account,
        symbol=symbol,
        kind=kind,
        base=Asset(symbol.removesuffix(USDT)),
        quote=USDT,
        settle=USDT,
        tick=Decimal("0.01"),
        lot=Decimal("0.001"),
        notional_min=Decimal(100),
        tiers=(Tier(Decimal(0), Decimal("0.004"), Decimal(0)),),
        taker_fee=Decimal("0.0005"),
    )


INSTRUMENTS = {
    one.id: one
    for symbol in SYMBOLS
    for one in (instrument(Kind.SPOT, SPOT, symbol), instrument(Kind.LINEAR, USDM, symbol))
}


def rules() -> Rules:
    """The portfolio as the engine sees it. It only trims, so a breach leads to one order."""
    band = Band(Width(TRIGGER, Unit.POINTS), Width(Decimal(0), Unit.POINTS))
    target = WeightsTarget(
        name="bench",
        weights={Asset(name): weight for name, weight in _WEIGHTS.items()},
        mode=WeightsMode.TRIM_ONLY,
        basis=Basis(base=Base.OWNED),
        band=band,
    )
    assets = tuple(
        AssetRule(Asset(s.removesuffix(USDT)), instrument_id(SPOT, s), instrument_id(USDM, s)) for s in SYMBOLS
    )
    return Rules(
        portfolio="bench",
        quote=USDT,
        accounts=(SPOT, USDM),
        instruments=tuple(INSTRUMENTS.values()),
        assets=assets,
        targets=(target,),
        limits=LIMITS,
    )


def quote(instrument: InstrumentId, mid: float, now: int, sequence: int = 1) -> Quote:
    """A best bid and ask two cents apart."""
    return Quote(instrument, mid - 0.01, mid + 0.01, 5.0, 5.0, sequence, now)


def accounts(now: int, drift: Decimal) -> tuple[AccountSeen, ...]:
    """A read of both accounts; BTC's weight is above its target by `drift`."""
    coins = tuple(
        Balance(Asset(name), Qty((_NAV * (weight + sign * drift) / exact_price(name)).quantize(Decimal("1e-8"))))
        for (name, weight), sign in zip(_WEIGHTS.items(), (1, -1), strict=True)
    )
    flat = tuple(Position(instrument_id(USDM, symbol), Contracts(Decimal(0))) for symbol in SYMBOLS)
    wallet = (Balance(USDT, Qty(Decimal(50_000))),)
    spot = AccountSnapshot(account=SPOT, balances=(*coins, Balance(USDT, Qty(Decimal(5)))))
    futures = AccountSnapshot(account=USDM, balances=wallet, positions=flat)
    return AccountSeen(spot, Nanos(now)), AccountSeen(futures, Nanos(now))


def exact_price(coin: str) -> Decimal:
    """A coin's price at the start of every measurement."""
    return Decimal(str(PRICES[coin + USDT]))


def market(now: int) -> list[Event]:
    """Books, marks and quotes of every instrument at their starting prices."""
    out: list[Event] = []
    for name, instrument in INSTRUMENTS.items():
        mid = PRICES[instrument.symbol]
        bids = tuple((mid - 0.01 * k, 50.0) for k in range(1, 21))
        asks = tuple((mid + 0.01 * k, 50.0) for k in range(1, 21))
        out += [Depth(name, bids, asks, 0, now), quote(name, mid, now, 0)]
        if instrument.kind is Kind.LINEAR:
            out.append(Mark(name, mid, mid, 0.0001, now + HOUR_NS, now))
    return out


def opening(now: int, drift: Decimal) -> list[Event]:
    """The events after which an engine is in band and every box is drawn."""
    began = now - SETTLED_NS
    return [
        Started(RunMode.LIVE, began // MILLISECOND_NS, rules(), Nanos(began)),
        *accounts(began, drift),
        StreamChanged("binance.usdm.user", True, "connected", Nanos(began), USDM),
        ClockSampled(USDM, MILLISECOND_NS, MILLISECOND_NS, Nanos(began)),
        *market(now),
        *accounts(now, drift),
        Ticked(Nanos(now)),
    ]


def engine(now: int, drift: Decimal = Decimal(0)) -> Engine:
    """An engine in band."""
    events = opening(now, drift)
    assert isinstance(events[0], Started)
    made = Engine(events[0])
    for event in events:
        made.handle(event)
    return made


class Restorable:
    """An engine just inside its band's edge that can be had again and again, as if nothing had happened since."""

    def __init__(self, now: int) -> None:
        made = engine(now, EDGE)
        self._state = encode_state(made.state)
        self.breaching = quote(BTC_QUOTE, PRICES["BTCUSDT"] * BREACHING, now)

    def engine(self) -> Engine:
        """The engine before the breach, all its boxes drawn."""
        restored = Engine.of(decode_state(self._state))
        restored.handle(Ticked(restored.state.now))
        return restored

    def order(self) -> Approved:
        """The order that the breach leads to."""
        return submitted(self.engine().handle(self.breaching))


def submitted(commands: Sequence[Command]) -> Approved:
    """The one order among the commands; a measurement without it would measure nothing."""
    (order,) = [command.order for command in commands if isinstance(command, SubmitOrder)]
    return order


def open_journal(directory: Path, clock: SystemClock) -> SqliteJournal:
    """A journal on disk as the daemon has it: synchronous FULL."""

    def failed(error: JournalError) -> None:
        raise error

    stamp = Stamp(mode="live", account="bench")
    return SqliteJournal.open(directory / "bench.sqlite", stamp, clock.wall_ns, failed)


def _broken(what: str, error: Exception) -> None:
    """Nothing to do here: `Loop.broken` keeps the error, and whoever measures looks at it."""


def nothing_follows(*_: object) -> None:
    """A carrier or observer with nothing to do: in band no command and no step follows from a quote."""


def loop_in_band(
    journal: SqliteJournal,
    clock: SystemClock,
    carrier: Carrier = nothing_follows,
    observer: Observer = nothing_follows,
) -> Loop:
    """The daemon's loop around an engine in band."""
    now = clock.now_ns()
    events = opening(now, Decimal(0))
    assert isinstance(events[0], Started)
    made = Loop(Engine(events[0]), journal, clock, carrier=carrier, observer=observer, on_broken=_broken)
    for event in events:
        made.step(event)
    return made
