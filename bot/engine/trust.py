"""What may be believed at this moment: prices, balances and positions that a decision could rest on.

Unknown is a state, not zero: what cannot be trusted holds its asset and says why.
"""

from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property

from bot.calc.margin import Holding, unrealized
from bot.calc.sizing import mid_price
from bot.domain.hedge import Parts
from bot.domain.instrument import Instrument
from bot.domain.market import Quote
from bot.domain.order import Refused
from bot.domain.units import BPS_PER_UNIT, ONE, SECOND_NS, ZERO, AccountId, Asset, Contracts, InstrumentId, Price, exact
from bot.engine.orders import OrderRecord
from bot.engine.state import State
from bot.policy.members import Member

PRICE_DOUBTS = frozenset({"price", "stale_price", "stale_mark", "price_deviation", "mark"})
"""Guards that doubt a price and nothing else: they hold new risk, not what gives a hedge back."""


class Beliefs:
    """What every group is judged by, added up at most once for all of them.

    It is of one moment: whoever changes the state makes a new one, and nobody keeps one.
    """

    def __init__(self, state: State) -> None:
        self.state = state
        self.prices: dict[Asset, Price] = {}
        self.parts: dict[Asset, Parts] = {}
        self.doubts: dict[Asset, Refused | None] = {}
        """What has been looked up of each asset so far: groups share their inputs."""

    @cached_property
    def holdings(self) -> tuple[Holding, ...] | None:
        """Every futures position with its mark; None while the mark of one that is open, or may be, is missing."""
        state, out = self.state, []
        for name in sorted(state.accounts.positions):
            position = state.accounts.positions[name].position
            mark = state.books.marks.get(name)
            instrument = state.layout.instruments.get(name)
            if instrument is None or (mark is None and position.contracts == 0 and name not in self.live):
                continue
            if mark is None:
                return None
            out.append(Holding(instrument, position, exact(mark.mark)))
        return tuple(out)

    @cached_property
    def unrealized(self) -> Decimal:
        """Profit of all positions at their marks, in quote currency; zero while it is unknown."""
        return sum((unrealized(one) for one in self.holdings or ()), ZERO)

    @cached_property
    def wallets(self) -> tuple[Mapping[Asset, Decimal], ...]:
        """Every account's balances."""
        return tuple(self.state.accounts.totals(account) for account in self.state.layout.rules.accounts)

    @cached_property
    def contracts(self) -> Mapping[InstrumentId, Contracts]:
        """Signed contracts of every position."""
        return {name: belief.position.contracts for name, belief in self.state.accounts.positions.items()}

    @cached_property
    def working(self) -> Mapping[InstrumentId, Contracts]:
        """Signed contracts still to fill."""
        return self.state.orders.working()

    @cached_property
    def instruments(self) -> Mapping[Asset, tuple[Instrument, ...]]:
        """What trades each coin."""
        out: dict[Asset, list[Instrument]] = {}
        for instrument in self.state.layout.rules.instruments:
            out.setdefault(instrument.base, []).append(instrument)
        return {asset: tuple(found) for asset, found in out.items()}

    @cached_property
    def live(self) -> Mapping[InstrumentId, OrderRecord]:
        """The oldest order that may still fill, of each instrument that has one."""
        return {record.request.instrument: record for record in reversed(self.state.orders.live())}

    @cached_property
    def unread(self) -> Refused | None:
        """The first account that cannot be trusted now."""
        for account in self.state.layout.rules.accounts:
            if why := _account_doubt(self.state, account):
                return Refused("account", account, why)
        return None

    @cached_property
    def between(self) -> Refused | None:
        """Why net asset value is not known at this moment: the two halves of a fill may not have come both.

        What closes a future takes its profit from the position and brings it to the wallet, and these are two pieces
        of news. Between them net asset value lacks it or has it twice, and whoever took shares of it would trade
        there and back.
        """
        for name, belief in sorted(self.state.accounts.positions.items()):
            if name in self.live or not belief.settled:
                return Refused("lock", name, "net asset value waits for the end of an order and what it brought")
        return None

    @cached_property
    def last(self) -> Mapping[InstrumentId, OrderRecord]:
        """The latest order of each instrument."""
        return {record.request.instrument: record for record in self.state.orders.records.values()}


def age(state: State, received_ns: int) -> int | None:
    """Nanoseconds since something was heard of; None when it never was."""
    return max(state.now - received_ns, 0) if received_ns else None


def doubt(beliefs: Beliefs, group: Member) -> Refused | None:
    """Why a group cannot be judged now; None when every input of it can be trusted."""
    state = beliefs.state
    if (refused := beliefs.unread) is not None:
        return refused
    if group.name in state.layout.cash and (
        refused := beliefs.between or _coins_doubt(state, state.layout.rules.quote)
    ):
        return refused
    for asset in state.layout.inputs[group.name]:
        if asset not in beliefs.doubts:
            beliefs.doubts[asset] = _asset_doubt(state, asset)
        if refused := beliefs.doubts[asset]:
            return refused
    if beliefs.holdings is None:
        return Refused("mark", group.name, "a futures position has no mark price, so its profit is unknown")
    return None


def _account_doubt(state: State, account: AccountId) -> str:
    belief = state.accounts.accounts[account]
    if not belief.confirmed:
        return "not confirmed since the start"
    bound = state.layout.limits.account_age_ns_max
    old = age(state, belief.seen_ns)
    if old is None or old > bound:
        return f"last read longer than {bound / SECOND_NS:.0f} s ago"
    return ""


def _coins_doubt(state: State, asset: Asset) -> Refused | None:
    """Why it is not known how much is held of an asset."""
    balance = state.accounts.uncertain(asset)
    if balance is not None:
        why = f"changed from {balance.total} to {balance.candidate}; waiting for a second word on it"
        return Refused("balance", asset, why)
    why = state.declared.doubt(state.layout.rules.sources, asset, state.now)
    return Refused("declared", asset, why) if why else None


def _asset_doubt(state: State, asset: Asset) -> Refused | None:
    return _coins_doubt(state, asset) or price_doubt(state, asset)


def price_doubt(state: State, asset: Asset) -> Refused | None:
    """Why the price of an asset cannot be trusted now."""
    rule, limits = state.layout.assets[asset], state.layout.limits
    quote = state.books.quotes.get(rule.pricing)
    if quote is None or not quote.sane:
        return Refused("price", asset, f"no sane quote of {rule.pricing}")
    old = age(state, state.books.book_received_ns(rule.pricing))
    if old is None or old > limits.quote_age_ns_max:
        return Refused("stale_price", asset, f"{rule.pricing} was last heard of too long ago")
    return _spread_doubt(state, asset, quote) if rule.hedge is None else _mark_doubt(state, asset, rule.hedge, quote)


def _spread_doubt(state: State, asset: Asset, quote: Quote) -> Refused | None:
    """Whether a coin that no index prices has a market at all: its mid is known no better than to half the spread."""
    bound = state.layout.limits.price_deviation_bps_max
    if (quote.ask - quote.bid) / 2 <= quote.mid * float(bound / BPS_PER_UNIT):
        return None
    return Refused("price", asset, f"bid and ask are more than {bound} bps away from the middle between them")


def _mark_doubt(state: State, asset: Asset, hedge: InstrumentId, quote: Quote) -> Refused | None:
    """Whether a coin's price is what the index of its future says."""
    mark, limits = state.books.marks.get(hedge), state.layout.limits
    mark_age = age(state, mark.received_ns) if mark else None
    if mark is None or mark_age is None or mark_age > limits.mark_age_ns_max:
        return Refused("stale_mark", asset, f"no fresh mark and index price of {hedge}")
    low, high = price_bounds(state, asset)
    if low <= quote.mid <= high:
        return None
    each = exact(mark.index) / state.layout.instruments[hedge].base_units
    if abs(mid_price(quote) / each - ONE) * BPS_PER_UNIT > limits.price_deviation_bps_max:
        why = f"mid and index differ by more than {limits.price_deviation_bps_max} bps"
        return Refused("price_deviation", asset, why)
    return None


def price_bounds(state: State, asset: Asset) -> tuple[float, float]:
    """The mids between which the price still agrees with the index: part of the asset's box.

    Where there is no index, those around the last mid within which bid and ask cannot be too far apart.
    """
    rule = state.layout.assets[asset]
    hedge, off = rule.hedge, state.layout.deviation_max
    if hedge is None:
        mid, near = state.books.quotes[rule.pricing].mid, off / (1 + off)
        return mid * (1 - near), mid * (1 + near)
    units = state.layout.instruments[hedge].base_units
    each = state.books.marks[hedge].index / (1.0 if units == 1 else float(units))
    return each * (1 - off), each * (1 + off)


def wallet(state: State, name: InstrumentId) -> Decimal | None:
    """What can be counted on of the futures wallet that margins an instrument; None while it is not confirmed."""
    instrument = state.layout.instruments[name]
    if not state.accounts.accounts[instrument.account].confirmed:
        return None
    belief = state.accounts.balances[instrument.account].get(instrument.settle)
    return belief.least if belief else ZERO
