"""What may be believed at this moment: prices, balances and positions that a decision could rest on.

Unknown is a state, not zero: what cannot be trusted holds its asset and says why.
"""

from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import NamedTuple

from bot.calc.boxes import EVERYWHERE, Box
from bot.calc.margin import Holding, unrealized
from bot.calc.sizing import mid_price
from bot.domain.hedge import Parts
from bot.domain.instrument import Kind
from bot.domain.market import Mark, Quote
from bot.domain.order import Refused
from bot.domain.units import (
    BPS_PER_UNIT,
    ONE,
    SECOND_NS,
    ZERO,
    AccountId,
    Asset,
    Contracts,
    InstrumentId,
    Notional,
    Price,
    Qty,
    exact,
)
from bot.engine.accounts import BalanceBelief
from bot.engine.layout import Layout
from bot.engine.orders import OrderRecord
from bot.engine.state import State
from bot.policy.members import Member
from bot.policy.purse import Scope
from bot.policy.view import View

PRICE_DOUBTS = frozenset({"price", "stale_price", "stale_mark", "price_deviation", "mark"})
"""Guards that doubt a price and nothing else: they hold new risk, not what gives a hedge back."""

_INVERSE = Kind.INVERSE

MARK_NAMES_MAX = 4096
"""Names of marks that are remembered: more than any portfolio has futures."""

INDEX_ROOM = 0.25
"""The part of what there is between a mid and the edge of agreement that its index may take."""


class Marked(NamedTuple):
    """Coins of every open future and its mark, by the name of that mark, and the value that they were entered at.

    Of what is not linear in its mark there are no coins: its profit is taken off the value.
    """

    coins: Mapping[Asset, Qty]
    marks: Mapping[Asset, Price]
    entered: Notional


@lru_cache(maxsize=MARK_NAMES_MAX)
def mark_of(future: InstrumentId) -> Asset:
    """The name under which a future's mark is among prices."""
    return Asset(f"{future} mark")


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
        self.bare = Scope(state.layout.targets, View(prices=self.prices, parts=self.parts, now=state.now))
        """The same for groups that look at nothing but their own coin."""

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
        return sum(map(unrealized, self.holdings or ()), ZERO)

    @cached_property
    def marked(self) -> Marked:
        """The same profit as coins at their marks, so that one can say how far the marks may move."""
        coins: dict[Asset, Qty] = {}
        marks: dict[Asset, Price] = {}
        entered = ZERO
        for one in self.holdings or ():
            if one.instrument.kind is _INVERSE:
                entered -= unrealized(one)
            elif contracts := one.position.contracts:
                name = mark_of(one.instrument.id)
                coins[name] = held = one.instrument.coins(contracts)
                marks[name] = one.mark
                entered += held * one.position.entry_price
        return Marked(coins, marks, entered)

    @cached_property
    def wallets(self) -> tuple[Mapping[Asset, Decimal], ...]:
        """Every account's balances."""
        return tuple(self.state.accounts.totals(account) for account in self.state.layout.rules.accounts)

    @cached_property
    def spot(self) -> Mapping[Asset, Qty]:
        """Coins in all wallets together."""
        out: dict[Asset, Qty] = {}
        for wallet in self.wallets:
            for asset, quantity in wallet.items():
                out[asset] = out[asset] + quantity if asset in out else quantity
        return out

    @cached_property
    def uncertain(self) -> Mapping[Asset, BalanceBelief]:
        """Balances that wait for a second word."""
        return self.state.accounts.uncertain()

    @cached_property
    def contracts(self) -> Mapping[InstrumentId, Contracts]:
        """Signed contracts of every position."""
        return {name: belief.position.contracts for name, belief in self.state.accounts.positions.items()}

    @cached_property
    def working(self) -> Mapping[InstrumentId, Contracts]:
        """Signed contracts still to fill."""
        return self.state.orders.working()

    @cached_property
    def live(self) -> Mapping[InstrumentId, OrderRecord]:
        """The oldest order that may still fill, of each instrument that has one."""
        return {record.request.instrument: record for record in reversed(self.state.orders.live())}

    @cached_property
    def unread(self) -> Mapping[AccountId, str]:
        """The accounts that cannot be trusted now, each with why."""
        accounts = self.state.layout.rules.accounts
        return {account: why for account in accounts if (why := _account_doubt(self.state, account))}

    @cached_property
    def between(self) -> Refused | None:
        """Why net asset value is not known at this moment: the two halves of a fill may not have come both.

        What closes a future takes its profit from the position and brings it to the wallet, and these are two pieces
        of news. Between them net asset value lacks it or has it twice, and whoever took shares of it would trade
        there and back.
        """
        live, positions = self.live, self.state.accounts.positions
        names = [name for name, belief in positions.items() if name in live or not belief.settled]
        if not names:
            return None
        return Refused("lock", min(names), "net asset value waits for the end of an order and what it brought")

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
    for account, why in beliefs.unread.items():
        if (reason := _rests_on(state, group, account)) is not None:
            return Refused("account", account, why + reason)
    if group.name in state.layout.cash and (
        refused := beliefs.between or _coins_doubt(beliefs, state.layout.rules.quote)
    ):
        return refused
    doubts = beliefs.doubts
    for asset in state.layout.inputs[group.name]:
        if asset not in doubts:
            doubts[asset] = _coins_doubt(beliefs, asset) or price_doubt(state, asset)
        if refused := doubts[asset]:
            return refused
    if beliefs.holdings is None:
        return Refused("mark", group.name, "a futures position has no mark price, so its profit is unknown")
    return None


def _rests_on(state: State, group: Member, account: AccountId) -> str | None:
    """Whether an account bears on a group: one that margins its futures, or may hold its coins; None: it does not.

    That is one which held some when it was last read, or was never read; and where some left another account since, it
    may hold them now. A venue that is down stops what rests on it, and nothing else.
    """
    layout, belief = state.layout, state.accounts.accounts[account]
    if group.name in layout.cash or not belief.confirmed:
        return ""
    coins, held = layout.inputs[group.name], state.accounts.totals(account)
    futures = [name for coin in coins for name in layout.candidates.get(coin, ())]
    forms = [form for coin in coins for form in (coin, *layout.held_as.get(coin, ()))]
    if any(layout.instruments[name].account == account for name in futures) or any(map(held.get, forms)):
        return ""
    # What a conversion of ours sells leaves an account as well, and its other half may not wait.
    sold = {target.asset for target in layout.conversions}
    left = [form for form in forms if form not in sold and state.accounts.fell.get(form, 0) > belief.seen_ns]
    return f", and {left[0]} left another account since: it may be there" if left else None


def _account_doubt(state: State, account: AccountId) -> str:
    belief = state.accounts.accounts[account]
    if not belief.confirmed:
        return "not confirmed since the start"
    bound = state.layout.limits.account_age_ns_max
    old = age(state, belief.seen_ns)
    if old is None or old > bound:
        return f"last read longer than {bound / SECOND_NS:.0f} s ago"
    return ""


def _coins_doubt(beliefs: Beliefs, asset: Asset) -> Refused | None:
    """Why it is not known how much is held of an asset."""
    state, layout = beliefs.state, beliefs.state.layout
    for held in (asset, *layout.held_as.get(asset, ())) if beliefs.uncertain else ():
        if (balance := beliefs.uncertain.get(held)) is not None:
            why = f"changed from {balance.total} to {balance.candidate}; waiting for a second word on it"
            return Refused("balance", held, why)
    why = state.declared.doubt(layout.rules.sources, asset, state.now) if layout.rules.sources else ""
    return Refused("declared", asset, why) if why else None


def price_doubt(state: State, asset: Asset) -> Refused | None:
    """Why the price of an asset cannot be trusted now."""
    layout, books = state.layout, state.books
    rule, limits = layout.assets[asset], layout.rules.limits
    quote = books.quotes.get(rule.pricing)
    if quote is None or not quote.sane:
        return Refused("price", asset, f"no sane quote of {rule.pricing}")
    oldest_ns = state.now - limits.quote_age_ns_max_of(rule.pricing)
    # Of a quote that is young itself nobody need ask whether the depth still shows it.
    if quote.received_ns < oldest_ns and books.book_received_ns(rule.pricing) < oldest_ns:
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
    mark, limits = state.books.marks.get(hedge), state.layout.rules.limits
    if mark is None or mark.received_ns < state.now - limits.mark_age_ns_max:
        return Refused("stale_mark", asset, f"no fresh mark and index price of {hedge}")
    near, off = _each(mark, state.layout, hedge), state.layout.deviation_max
    if near * (1 - off) <= quote.mid <= near * (1 + off):
        return None
    each = exact(mark.index) / state.layout.instruments[hedge].base_units
    if abs(mid_price(quote) / each - ONE) * BPS_PER_UNIT > limits.price_deviation_bps_max:
        why = f"mid and index differ by more than {limits.price_deviation_bps_max} bps"
        return Refused("price_deviation", asset, why)
    return None


def price_room(state: State, asset: Asset) -> tuple[Box, Box]:
    """The mids, and the indices, between which the price agrees with the index, whichever of them they are.

    Where there is no index, the mids are those around the last one within which bid and ask cannot be too far apart.
    """
    rule, off = state.layout.assets[asset], state.layout.deviation_max
    mid = state.books.quotes[rule.pricing].mid
    if rule.hedge is None:
        near = off / (1 + off)
        return Box(mid * (1 - near), mid * (1 + near)), EVERYWHERE
    mark = state.books.marks[rule.hedge]
    each = _each(mark, state.layout, rule.hedge)
    room = max(INDEX_ROOM * (off - abs(mid / each - 1)), 0.0)
    mids = Box(each * (1 + room) * (1 - off), each * (1 - room) * (1 + off))
    return mids, Box(mark.index * (1 - room), mark.index * (1 + room))


def _each(mark: Mark, layout: Layout, hedge: InstrumentId) -> float:
    """What the index of a future says of one unit."""
    units = layout.instruments[hedge].base_units
    return mark.index if units == ONE else mark.index / float(units)


def wallet(state: State, name: InstrumentId) -> Decimal | None:
    """What can be counted on of the futures wallet that margins an instrument; None while it is not confirmed."""
    instrument = state.layout.instruments[name]
    if not state.accounts.accounts[instrument.account].confirmed:
        return None
    belief = state.accounts.balances[instrument.account].get(instrument.settle)
    return belief.least if belief else ZERO
