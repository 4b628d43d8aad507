"""What may be believed at this moment: prices, balances and positions that a decision could rest on.

Unknown is a state, not zero: what cannot be trusted holds its asset and says why.
"""

from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property

from bot.calc import exposure
from bot.calc.margin import Holding, unrealized
from bot.calc.sizing import mid_price
from bot.domain.hedge import Parts
from bot.domain.instrument import Instrument
from bot.domain.order import Refused
from bot.domain.rules import Base, WeightsTarget
from bot.domain.units import BPS_PER_UNIT, ONE, SECOND_NS, ZERO, AccountId, Asset, Contracts, InstrumentId, Price, exact
from bot.engine.orders import OrderRecord
from bot.engine.state import Group, State
from bot.policy.view import View

PRICE_DOUBTS = frozenset({"price", "stale_price", "stale_mark", "price_deviation", "mark"})
"""Guards that doubt a price and nothing else: they hold new risk, not what gives a hedge back."""


class Beliefs:
    """What every group is judged by, added up at most once for all of them.

    It is of one moment: whoever changes the state makes a new one, and nobody keeps one.
    """

    def __init__(self, state: State) -> None:
        self.state = state

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
    def cash(self) -> Decimal:
        """Quote currency of every account."""
        return sum((wallet.get(self.state.layout.rules.quote, ZERO) for wallet in self.wallets), ZERO)

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
    def last(self) -> Mapping[InstrumentId, OrderRecord]:
        """The latest order of each instrument."""
        return {record.request.instrument: record for record in self.state.orders.records.values()}


def age(state: State, received_ns: int) -> int | None:
    """Nanoseconds since something was heard of; None when it never was."""
    return max(state.now - received_ns, 0) if received_ns else None


def doubt(beliefs: Beliefs, group: Group) -> Refused | None:
    """Why a group cannot be judged now; None when every input of it can be trusted."""
    state = beliefs.state
    for account in state.layout.rules.accounts:
        if why := _account_doubt(state, account):
            return Refused("account", account, why)
    if _counts_cash(group) and (refused := _balance_doubt(state, state.layout.rules.quote)):
        return refused
    for asset in group.assets:
        if refused := _asset_doubt(state, asset):
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


def _counts_cash(group: Group) -> bool:
    return isinstance(group.target, WeightsTarget) and group.target.base is Base.NAV_LESS_RESERVE


def _balance_doubt(state: State, asset: Asset) -> Refused | None:
    if (balance := state.accounts.uncertain(asset)) is None:
        return None
    why = f"changed from {balance.total} to {balance.candidate}; waiting for a second word on it"
    return Refused("balance", asset, why)


def _asset_doubt(state: State, asset: Asset) -> Refused | None:
    rule, limits = state.layout.assets[asset], state.layout.limits
    if refused := _balance_doubt(state, asset):
        return refused
    quote = state.books.quotes.get(rule.pricing)
    if quote is None or not quote.sane:
        return Refused("price", asset, f"no sane quote of {rule.pricing}")
    old = age(state, state.books.book_received_ns(rule.pricing))
    if old is None or old > limits.quote_age_ns_max:
        return Refused("stale_price", asset, f"{rule.pricing} was last heard of too long ago")
    mark = state.books.marks.get(rule.hedge)
    mark_age = age(state, mark.received_ns) if mark else None
    if mark is None or mark_age is None or mark_age > limits.mark_age_ns_max:
        return Refused("stale_mark", asset, f"no fresh mark and index price of {rule.hedge}")
    off = abs(mid_price(quote) / exact(mark.index) - ONE) * BPS_PER_UNIT
    if off > limits.price_deviation_bps_max:
        why = f"mid and index differ by more than {limits.price_deviation_bps_max} bps"
        return Refused("price_deviation", asset, why)
    return None


def price_bounds(state: State, asset: Asset) -> tuple[float, float]:
    """The mids between which the price still agrees with the index: part of the asset's box."""
    mark = state.books.marks[state.layout.assets[asset].hedge]
    off = float(state.layout.limits.price_deviation_bps_max / BPS_PER_UNIT) * (1 - 1e-9)
    return mark.index * (1 - off), mark.index * (1 + off)


def price(state: State, asset: Asset) -> Price:
    """The exact mid of an asset's pricing instrument. Call it only where `doubt` found none."""
    return mid_price(state.books.quotes[state.layout.assets[asset].pricing])


def parts(beliefs: Beliefs, asset: Asset) -> Parts:
    """Where an asset's exposure comes from, as believed."""
    declared = beliefs.state.layout.assets[asset].declared
    traded = beliefs.instruments.get(asset, ())
    return exposure.parts(asset, beliefs.wallets, declared, beliefs.contracts, beliefs.working, traded)


def view(beliefs: Beliefs, group: Group) -> View:
    """A group's assets at their prices, and the cash beside them. Call it only where `doubt` found none."""
    return View(
        prices={asset: price(beliefs.state, asset) for asset in group.assets},
        parts={asset: parts(beliefs, asset) for asset in group.assets},
        cash=beliefs.cash,
        unrealized=beliefs.unrealized,
    )


def wallet(state: State, name: InstrumentId) -> Decimal | None:
    """What can be counted on of the futures wallet that margins an instrument; None while it is not confirmed."""
    instrument = state.layout.instruments[name]
    if not state.accounts.accounts[instrument.account].confirmed:
        return None
    belief = state.accounts.balances[instrument.account].get(instrument.settle)
    return belief.least if belief else ZERO
