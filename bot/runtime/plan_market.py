"""The instruments of a snapshot file: their terms and markets, and what they leave open."""

from decimal import Decimal

from bot.domain.instrument import Instrument, Kind, Tier, account_of
from bot.domain.snapshot import ExactLevel, FundingTerms, Greeks, Held, Settlement, Traded
from bot.domain.units import ONE, SECOND_NS, ZERO, AccountId, Asset, InstrumentId
from bot.runtime import plan_wire as wire
from bot.runtime.plan_shape import Place
from bot.runtime.plan_values import Values, maybe

MAIN = AccountId("main")
"""The account of holdings in their short form."""
EXEMPTING = ("binance", "bybit")
"""Venues that take an order below their minimum notional if it only reduces."""
COMPOSITION_OFF_MAX = Decimal("0.001")


class InstrumentReader:
    """Turns instruments into values. `gaps` has, by instrument, the keys that are needed and not there."""

    def __init__(self, values: Values, told: wire.WireSnapshot, holdings: tuple[Held, ...]) -> None:
        self._v = values
        self._homes = Homes(told, holdings)
        self.gaps: dict[InstrumentId, tuple[str, ...]] = {}

    def traded(self, told: wire.WireInstrument, at: Place) -> Traded:
        """One instrument with its market."""
        rates = self._homes.fees(told)
        instrument = Instrument(
            id=InstrumentId(told.id),
            account=self._homes.account(told),
            symbol=told.id.partition(":")[2] or told.id,
            kind=told.kind,
            base=Asset(told.base),
            quote=Asset(told.quote or ""),
            settle=Asset(told.settle or _settles_in(told)),
            tick=self._v.size(told.tick_size, (*at, "tick_size")),
            lot=self._v.size(told.lot_size, (*at, "lot_size")),
            contract_size=ONE if told.kind is Kind.SPOT else self._v.size(told.contract_size, (*at, "contract_size")),
            contracts_min=self._v.maybe(told.min_contracts, (*at, "min_contracts"), self._v.least) or ZERO,
            contracts_max=self._v.maybe(told.max_contracts, (*at, "max_contracts"), self._v.above),
            notional_min=self._v.maybe(told.min_notional, (*at, "min_notional"), self._v.least) or ZERO,
            reduce_only_below_minimum=told.kind is not Kind.SPOT and told.venue in EXEMPTING,
            taker_fee=self._v.maybe(told.taker_fee or rates.taker, (*at, "taker_fee"), self._v.number) or ZERO,
            maker_fee=self._v.maybe(told.maker_fee or rates.maker, (*at, "maker_fee"), self._v.number) or ZERO,
            expiry_ns=maybe(told.expiry, lambda text: self._v.time(text, (*at, "expiry"))),
            trading=told.status == "trading",
            tiers=self._tiers(told.tiers, (*at, "tiers")),
            base_units=self._v.above(told.base_units, (*at, "base_units")),
        )
        self.gaps[instrument.id] = _left_open(told, rates)
        return self._market(told, instrument, at)

    def _market(self, told: wire.WireInstrument, instrument: Instrument, at: Place) -> Traded:
        bids, asks = (self._levels(rows, (*at, side)) for side, rows in (("bids", told.bids), ("asks", told.asks)))
        bid = self._v.maybe(told.bid, (*at, "bid"), self._v.above) or (bids[0][0] if bids else None)
        ask = self._v.maybe(told.ask, (*at, "ask"), self._v.above) or (asks[0][0] if asks else None)
        if bid is not None and ask is not None and bid >= ask:
            self._v.problem((*at, "bid" if told.bid else "bids"), "the book is crossed", "a bid below the ask")
        return Traded(
            instrument=instrument,
            venue=told.venue or account_of(instrument.id).partition(".")[0],
            status=told.status,
            mark=self._v.maybe(told.mark_price, (*at, "mark_price"), self._v.above),
            index=self._v.maybe(told.index_price, (*at, "index_price"), self._v.above),
            bid=bid,
            ask=ask,
            bids=bids,
            asks=asks,
            adv_notional=self._v.maybe(told.adv_notional, (*at, "adv_notional"), self._v.least),
            funding=maybe(told.funding, lambda terms: self._funding(terms, (*at, "funding"))),
            greeks=maybe(told.greeks, lambda greeks: self._greeks(greeks, (*at, "greeks"))),
            settlement=maybe(told.settlement, lambda terms: self._settlement(terms, (*at, "settlement"))),
            composition=self._composition(told.composition, (*at, "composition")),
            position_max=self._v.maybe(told.max_position, (*at, "max_position"), self._v.above),
            quote_age_ns=maybe(
                told.quote_age_s, lambda text: int(self._v.least(text, (*at, "quote_age_s")) * SECOND_NS)
            ),
        )

    def _levels(self, told: wire.Levels, at: Place) -> tuple[ExactLevel, ...]:
        rows = tuple(
            (self._v.above(price, (*at, i, 0)), self._v.above(size, (*at, i, 1)))
            for i, (price, size) in enumerate(told)
        )
        prices = [price for price, _ in rows]
        if prices != sorted(prices, reverse=at[-1] == "bids"):
            self._v.problem(at, "not in order", "the best price first")
        return rows

    def _tiers(self, told: tuple[wire.WireTier, ...], at: Place) -> tuple[Tier, ...]:
        out: list[Tier] = []
        for i, tier in enumerate(told):
            floor = self._v.least(tier.floor, (*at, i, "floor"))
            rate = self._v.share(tier.mmr, (*at, i, "mmr"))
            last = out[-1] if out else Tier(ZERO, rate, ZERO)
            if out and (floor <= last.floor or rate < last.rate):
                self._v.problem((*at, i), "not above the bracket before it", "floors and rates that rise")
            out.append(Tier(floor, rate, last.deduction + floor * (rate - last.rate)))
        return tuple(out)

    def _funding(self, told: wire.WireFunding, at: Place) -> FundingTerms:
        history = tuple(
            (self._v.time(time, (*at, "history", i, 0)), self._v.number(rate, (*at, "history", i, 1)))
            for i, (time, rate) in enumerate(told.history)
        )
        self._v.rising((*at, "history"), [time for time, _ in history])
        return FundingTerms(
            rate=self._v.maybe(told.rate, (*at, "rate"), self._v.number),
            interval_ns=maybe(told.interval_hours, lambda text: self._v.hours(text, (*at, "interval_hours"))),
            next_ns=maybe(told.next, lambda text: self._v.time(text, (*at, "next"))),
            cap=self._v.maybe(told.cap, (*at, "cap"), self._v.number),
            floor=self._v.maybe(told.floor, (*at, "floor"), self._v.number),
            history=history,
        )

    def _greeks(self, told: wire.WireGreeks, at: Place) -> Greeks:
        return Greeks(
            delta=self._v.number(told.delta, (*at, "delta")),
            gamma=self._v.number(told.gamma, (*at, "gamma")),
            mark_coin=self._v.maybe(told.mark_coin, (*at, "mark_coin"), self._v.least),
            premium_adjusted=told.convention == "premium_adjusted",
        )

    def _settlement(self, told: wire.WireSettlement, at: Place) -> Settlement:
        return Settlement(
            self._v.least(told.fee, (*at, "fee")), self._v.least(told.window_minutes, (*at, "window_minutes"))
        )

    def _composition(self, told: dict[str, str], at: Place) -> dict[Asset, Decimal]:
        shares = {Asset(a): self._v.share(share, (*at, a)) for a, share in told.items()}
        if shares and abs(sum(shares.values(), ZERO) - ONE) > COMPOSITION_OFF_MAX:
            self._v.problem(at, "the shares do not add up to 1", "shares that do")
        return shares


class Homes:
    """Which account an instrument is traded in: a position's, its name's, the one that holds what it settles in."""

    def __init__(self, told: wire.WireSnapshot, holdings: tuple[Held, ...]) -> None:
        ordered = {one.instrument: one.account for one in reversed(told.orders)}
        self._by_position = ordered | {one.instrument: one.account for one in reversed(told.positions)}
        self._accounts = {one.id: one for one in told.accounts}
        self._holdings = holdings

    def account(self, told: wire.WireInstrument) -> AccountId:
        """The account."""
        prefix = told.id.partition(":")[0] if ":" in told.id else ""
        settles = told.base if told.kind is Kind.SPOT else told.settle or _settles_in(told)
        held = [one.account for one in self._holdings if one.asset == settles]
        known = {*self._accounts, *(one.account for one in self._holdings)}
        near = [name for name in self._accounts if told.venue and name.partition(".")[0] == told.venue]
        places = (
            self._by_position.get(told.id, ""),
            prefix if prefix in known else "",
            *(name for name in near if name in held),
            *near,
            *held,
            *(self._accounts if len(self._accounts) == 1 else ()),
            prefix,
            MAIN,
        )
        return AccountId(next(filter(None, places)))

    def fees(self, told: wire.WireInstrument) -> wire.WireFees:
        """The account's fees, for what the instrument does not say."""
        account = self._accounts.get(self.account(told))
        return account.fees if account else wire.WireFees()


def _settles_in(told: wire.WireInstrument) -> str:
    """What a contract settles in where it does not say: inverse in its coin, linear in its quote."""
    return told.base if told.kind is Kind.INVERSE else "" if told.kind is Kind.QUANTO else told.quote or ""


def _left_open(told: wire.WireInstrument, rates: wire.WireFees) -> tuple[str, ...]:
    needed: dict[str, object] = {
        "tick_size": told.tick_size,
        "lot_size": told.lot_size,
        "quote": told.quote,
        "settle": told.settle or _settles_in(told) or None,
        "contract_size": told.contract_size or (ONE if told.kind is Kind.SPOT else None),
        "taker_fee": told.taker_fee or rates.taker,
    }
    return tuple(name for name, value in needed.items() if value is None)
