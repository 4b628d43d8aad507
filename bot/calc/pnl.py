"""What one contract does: its delta, its notional, its profit and the cash that it moves, by kind of contract.

Source: formulas.md 2.1 (linear), 2.2 (inverse), 2.3 (quanto), 2.5 (funding), 2.7 (options). All exact Decimals.

| kind | contract size m | P&L in the settlement asset | delta in contract coins |
|---|---|---|---|
| spot, linear, dated, index | base coins | n m (M - E) | n m |
| inverse | quote units of face | n m (1/E - 1/M) | n m / M |
| quanto | settlement coins per point | n m (M - E) | n m x settlement price / quote price |
| option | base coins | n m (M - E), M in the asset that the premium is paid in | by greeks, see `option_delta` |

n is signed contracts (long > 0), E the entry price, M the mark. One contract coin is `base_units` units of the asset
(1000PEPE), so that a delta in units of the asset is `base_units` times the one above.
A delta goes with the account's equity: the P&L so far is counted as coins of the settlement asset beside it, never in
it as well. An inverse position is n m / M beside the account's equity, or n m / E beside its wallet.
"""

from decimal import ROUND_HALF_EVEN, Decimal

import msgspec

from bot.domain.instrument import Instrument, Kind
from bot.domain.snapshot import Greeks
from bot.domain.units import MINUTE_NS, ONE, ZERO, Contracts, Nanos, Notional, Price, Qty

COIN_QUANTUM = Decimal("1e-18")
"""The cash of an inverse fill is N/P: it is kept to this many coins, so that sums of fills are exact in any order."""


def base_units(instrument: Instrument, contracts: Contracts) -> Qty:
    """Signed contracts of a linear instrument as signed units of its base asset: its delta, whatever the price."""
    return contracts * instrument.contract_size * instrument.base_units


def delta(instrument: Instrument, contracts: Contracts, mark: Price, payout: Decimal = ONE) -> Qty:
    """Units of the base asset that the position's value moves with, beside the account's equity in settlement coins.

    `payout` is the price of a quanto's settlement asset in its quote currency; other kinds do not look at it.

    Raises:
        ValueError: an option, whose delta is its greeks' (see `option_delta`).
    """
    size = contracts * instrument.contract_size * instrument.base_units
    match instrument.kind:
        case Kind.INVERSE:
            return size / mark
        case Kind.QUANTO:
            return size * payout
        case Kind.OPTION:
            msg = f"the delta of {instrument.id} is its greeks'"
            raise ValueError(msg)
        case _:
            return size


def unsettled(instrument: Instrument, now: Nanos, window_minutes: Decimal) -> Decimal:
    """The share of a dated contract whose settlement price is still open: its delta is so much of the full one.

    A venue settles at the average over the last minutes, so that the delta runs out evenly over them; 1 before, and
    for a perpetual; 0 from the expiry on. Venues let the greeks of options run out themselves.
    """
    if instrument.expiry_ns is None:
        return ONE
    left, window = instrument.expiry_ns - now, window_minutes * MINUTE_NS
    if left <= 0:
        return ZERO
    return left / window if left < window else ONE


def cross_delta(instrument: Instrument, contracts: Contracts, entry: Price, mark: Price) -> Qty:
    """Settlement coins whose price a quanto's value moves with: its unrealised P&L, once and not beside an equity."""
    return unrealized(instrument, contracts, entry, mark)


def notional(instrument: Instrument, contracts: Contracts, mark: Price) -> Notional:
    """Signed notional in quote currency: n m M, an inverse contract's face, a quanto's in its settlement asset."""
    size = contracts * instrument.contract_size
    return size if instrument.kind is Kind.INVERSE else size * mark


def settled_notional(instrument: Instrument, contracts: Contracts, mark: Price) -> Notional:
    """Signed notional in the settlement asset: what a funding rate is a fraction of."""
    size = contracts * instrument.contract_size
    return size / mark if instrument.kind is Kind.INVERSE else size * mark


def unrealized(instrument: Instrument, contracts: Contracts, entry: Price, mark: Price) -> Notional:
    """P&L of an open position at its mark, in the settlement asset."""
    size = contracts * instrument.contract_size
    if instrument.kind is Kind.INVERSE:
        return size / entry - size / mark
    return size * (mark - entry)


def fill_cash(instrument: Instrument, contracts: Contracts, price: Price) -> Notional:
    """What a fill of signed contracts moves into the account (> 0) or out of it, in the settlement asset.

    The sum over all fills, and over closing what is left at the mark, is the P&L: realised and unrealised need no
    entry price, and the order of the fills does not matter.
    """
    size = contracts * instrument.contract_size
    if instrument.kind is Kind.INVERSE:
        return (size / price).quantize(COIN_QUANTUM, ROUND_HALF_EVEN)
    return -size * price


def funding_cash(instrument: Instrument, contracts: Contracts, mark: Price, rate: Decimal) -> Notional:
    """Funding of one settlement in the settlement asset: -(signed notional at the mark) x rate.

    A short receives when the rate is positive. Only what is held at that instant counts; dated futures pay none.
    """
    if instrument.expiry_ns is not None:
        return ZERO
    return -settled_notional(instrument, contracts, mark) * rate


class Tally(msgspec.Struct, frozen=True):
    """The books of one position in its settlement asset, kept by cash: exact for any order of its fills.

    `cash` is what the fills moved, `fees` what they cost (> 0 is paid), `funding` what was received.
    """

    contracts: Contracts = ZERO
    cash: Notional = ZERO
    fees: Notional = ZERO
    funding: Notional = ZERO

    def filled(self, instrument: Instrument, contracts: Contracts, price: Price, fee: Notional = ZERO) -> "Tally":
        """After a fill of signed contracts; `fee` > 0 in the settlement asset is paid, < 0 is a rebate."""
        cash = self.cash + fill_cash(instrument, contracts, price)
        return Tally(self.contracts + contracts, cash, self.fees + fee, self.funding)

    def funded(self, instrument: Instrument, mark: Price, rate: Decimal) -> "Tally":
        """After a funding settlement."""
        received = funding_cash(instrument, self.contracts, mark, rate)
        return msgspec.structs.replace(self, funding=self.funding + received)

    def profit(self, instrument: Instrument, mark: Price) -> Notional:
        """Realised and unrealised P&L at a mark, funding and fees included: the equity that the position has made."""
        return self.cash + fill_cash(instrument, -self.contracts, mark) + self.funding - self.fees


def is_coin_premium(instrument: Instrument) -> bool:
    """Whether an option's premium is paid in the coin that it is on."""
    return instrument.kind is Kind.OPTION and instrument.settle == instrument.base


def option_delta(greeks: Greeks, *, coin_premium: bool) -> Qty | None:
    """Base coins per contract held long, beside the account's equity; None where a mark in coins is needed and absent.

    An option whose premium is paid in its own coin is worth coins already, and those are in the equity: its net
    transaction delta is the Black-Scholes delta less its mark in coins. A venue that adjusts its greeks has taken the
    mark off before, so that it is never taken off twice; where the premium is paid in something else, it is put back.
    """
    if coin_premium == greeks.premium_adjusted:
        return greeks.delta
    if greeks.mark_coin is None:
        return None
    return greeks.delta - greeks.mark_coin if coin_premium else greeks.delta + greeks.mark_coin


def inverse_equity(wallet: Qty, face: Notional, entry: Price, mark: Price) -> Qty:
    """Coins of a coin-margined account, unrealised P&L included: B + N (1/E - 1/M), N the signed face."""
    return wallet + face / entry - face / mark


def inverse_account_delta(wallet: Qty, face: Notional, entry: Price) -> Qty:
    """Coins that a coin-margined account's value moves with: B + N/E, the same as equity coins + N/M at every mark."""
    return wallet + face / entry


class Pair(msgspec.Struct, frozen=True):
    """Coins on one side and a future on the other, with the prices at which they were taken (signed, long > 0).

    Matched coins (`spot` = -`future`) lock the basis whatever the price does; matched values do not.
    """

    spot: Qty
    future: Qty
    spot_entry: Price
    future_entry: Price

    def profit(self, spot_price: Price, future_price: Price, interest: Qty = ZERO) -> Notional:
        """P&L at two prices, before funding and fees; `interest` is coins owed beside the borrowed ones (>= 0)."""
        coins = self.spot * (spot_price - self.spot_entry) - interest * spot_price
        return coins + self.future * (future_price - self.future_entry)

    def profit_at_expiry(self, price: Price, interest: Qty = ZERO) -> Notional:
        """P&L once the future has settled at the spot price."""
        return self.profit(price, price, interest)


def carry_pair(amount: Notional, spot_price: Price, future_price: Price) -> Pair:
    """Cash-and-carry: buy coins for `amount`, sell a dated future on as many coins."""
    coins = amount / spot_price
    return Pair(coins, -coins, spot_price, future_price)


def value_matched_pair(amount: Notional, spot_price: Price, future_price: Price) -> Pair:
    """Buy coins for `amount` and sell a future worth as much: what a carry must not do, since it locks nothing."""
    return Pair(amount / spot_price, -amount / future_price, spot_price, future_price)


def reverse_pair(amount: Notional, spot_price: Price, future_price: Price, coin_interest: Decimal = ZERO) -> Pair:
    """Reverse carry: sell borrowed coins worth `amount`, buy a dated future on all that will be owed.

    `coin_interest` is the interest until expiry as a fraction of the coins borrowed (0 where it is paid in money).
    """
    coins = amount / spot_price
    return Pair(-coins, coins * (ONE + coin_interest), spot_price, future_price)


def basis_profit(basis_before: Price, basis_after: Price, quantity: Qty) -> Notional:
    """P&L of coins held against as many sold futures: -(b1 - b0) q, b = future - spot. A falling future is a gain."""
    return -(basis_after - basis_before) * quantity
