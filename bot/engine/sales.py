"""What a sale of coins leaves in doubt, and who has to wait for it.

Theory of operation
-------------------
A spot order lives as every order does (`orders`), with one difference: there is no position that it changes, only the
coin's balance in the account, and that is told in absolute figures which may already hold its fills. So fills of a sale
are never taken off a balance here. Instead the balance is in doubt from the moment at which the order may leave until

* the balance is what it was before, less what was filled, and no other figure waits for a second word; or
* a read that was begun when every replica knew of the order's end has been taken over.

An order of unknown fate was never placed only if, besides what `orders` demands, the coin's balance in the account is
what it was before, by a read that was begun after the venue's deadline. That deadline is longer than that of futures:
the spot market checks the window before it forwards an order, and may take `conversions.PROCESSING_NS` from there.

While a balance is in doubt, and while a conversion owes one of its legs, no group that rests on the coin is judged: it
would trade against a half of a pair.
"""

from collections.abc import Iterator
from decimal import ROUND_DOWN

from bot.calc.sizing import mid_price
from bot.domain.instrument import Instrument
from bot.domain.order import Refused
from bot.domain.targets import ConvertTarget
from bot.domain.units import ONE, ZERO, AccountId, ClientOrderId, InstrumentId, Nanos, Qty
from bot.engine.accounts import BalanceBelief
from bot.engine.conversions import Conversion
from bot.engine.orders import OrderRecord
from bot.engine.state import State
from bot.policy.members import Member

CUSHION = ONE - ONE / 50
"""A limit lies below the mid: what is worth only just the minimum there is below it at its limit."""


def pair_of(state: State, target: ConvertTarget) -> tuple[Instrument, Instrument]:
    """The spot pair that a conversion sells on, and the future that its latest pair bought back: of several, that one.

    Before the first, and where the config no longer names it, that is the preferred one.
    """
    rule, instruments = state.layout.assets[target.asset], state.layout.instruments
    first, *others = state.layout.candidates[target.asset]
    latest = InstrumentId(state.conversions.get(target).future)
    return instruments[rule.pricing], instruments[latest if latest in others else first]


def pending(state: State, target: ConvertTarget) -> str:
    """Why it is not known what the last sale has left of the coin; empty where it is."""
    known = state.conversions.get(target)
    record = state.orders.records.get(ClientOrderId(known.sale))
    if record is None:
        return ""
    if record.live:
        return f"order {known.sale} is {record.status.value}"
    if record.filled == 0 or _told(state, target, known, record):
        return ""
    return "the balance that a sale of ours leaves is not confirmed"


def _told(state: State, target: ConvertTarget, known: Conversion, record: OrderRecord) -> bool:
    """Whether the account tells the balances that a sale has left, with nothing that waits for a second word."""
    spot, _ = pair_of(state, target)
    held = state.accounts.balances[spot.account]
    coins, quote = held.get(spot.base, BalanceBelief(ZERO)), held.get(spot.quote, BalanceBelief(ZERO))
    if coins.candidate is not None or quote.candidate is not None:
        return False
    read_ns = state.accounts.accounts[spot.account].seen_ns
    caught_up = read_ns > record.done_ns + state.layout.limits.replica_lag_ns_max
    return caught_up or coins.total == known.before - record.filled


def unconfirmed(state: State) -> Iterator[AccountId]:
    """The accounts whose balances a sale that has ended leaves in doubt."""
    for target in state.layout.conversions:
        record = state.orders.records.get(ClientOrderId(state.conversions.get(target).sale))
        if record is not None and not record.live and pending(state, target):
            yield pair_of(state, target)[0].account


def unchanged(state: State, record: OrderRecord, fresh_ns: int) -> bool:
    """Whether the coin's balance is what it was before a sale, by a read that was begun after a moment."""
    spot = state.layout.instruments.get(record.request.instrument)
    if spot is None:
        return False
    belief = state.accounts.balances[spot.account].get(spot.base, BalanceBelief(ZERO))
    account = state.accounts.accounts[spot.account]
    stands = belief.candidate is None and belief.total == state.conversions.of[record.group].before
    return stands and account.confirmed and account.seen_ns > fresh_ns


def owed(state: State, target: ConvertTarget) -> Qty:
    """What a conversion can make up for: units to sell (> 0) or to buy back (< 0); 0 where it is even but for dust."""
    known = state.conversions.get(target)
    spot, future = pair_of(state, target)
    if known.debt > 0:
        lots = (known.debt / known.each / future.lot).to_integral_value(ROUND_DOWN)
        return -max(lots * future.lot, ZERO) * known.each if lots * future.lot >= future.contracts_min else ZERO
    coins = (-known.debt / spot.lot).to_integral_value(ROUND_DOWN) * spot.lot
    return ZERO if below_minimum(state, spot, coins) else coins


def below_minimum(state: State, spot: Instrument, coins: Qty) -> bool:
    """Whether a sale is too small for the venue. Without a price it is too small: nothing is sold without one."""
    quote = state.books.quotes.get(spot.id)
    if quote is None or not quote.sane:
        return True
    return coins < max(spot.contracts_min, spot.lot) or coins * mid_price(quote) * CUSHION < spot.notional_min


def busy(state: State, group: Member) -> Refused | None:
    """Why a group has to wait for a conversion of a coin that it rests on."""
    for target in state.layout.conversions:
        if target.asset not in state.layout.inputs[group.name]:
            continue
        if why := pending(state, target):
            return Refused("lock", target.asset, f"{target.name}: {why}")
        if not state.conversions.get(target).stopped and owed(state, target):
            return Refused("lock", target.asset, f"{target.name} is about to even out its pair")
    return None


def last_end_ns(state: State, target: ConvertTarget) -> Nanos:
    """When the last order of a conversion ended, as far as it is remembered."""
    ended = (record.done_ns for record in state.orders.records.values() if record.group == target.name)
    return max(ended, default=Nanos(0))


def sellable(state: State, target: ConvertTarget) -> Qty:
    """Coins in the spot account that could be sold now: the least of what is believed, less what orders hold of it."""
    spot, _ = pair_of(state, target)
    belief = state.accounts.balances[spot.account].get(spot.base, BalanceBelief(ZERO))
    return max(belief.least - belief.locked, ZERO)
