"""Liquidation prices, isolated and cross, linear and inverse, and how far ours lies from the venue's.

Source: formulas.md 2.10. A price P liquidates where equity(P) = maintenance margin(P), in the bracket of P itself:
linear P = (W + cum - q E) / (Q rate - q), inverse P = (N + |N| rate) / (B + cum + N / E).
The venue's own liquidation price is authoritative; ours checks it, and answers what would be after an order.
A short is liquidated at its price or above, a long at or below; None: no price does it. Where every price does it,
the answer is 0 for a short and infinite for a long.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal

from bot.calc.slack import Line, crossing
from bot.calc.tiers import INFINITE, tier_of
from bot.domain.instrument import Tier
from bot.domain.units import ONE, ZERO, Notional, Price, Qty

APART_MAX = Decimal("0.02")
"""Our price and the venue's may differ by this fraction of the venue's before somebody must look."""


def linear(
    *, coins: Qty, entry: Price, wallet: Notional, tiers: tuple[Tier, ...], collateral: Qty = ZERO
) -> Price | None:
    """The liquidation price of a linear position of signed `coins`.

    `wallet` is what margins it, before its own UPnL: the isolated wallet, or in cross margin the account's wallet
    with the other positions' UPnL less their maintenance margin (see `cross_wallet`). `collateral` is coins of the
    same asset that margin it, after their haircut; with enough of them no rise liquidates a short, and a fall below
    what the wallet owes is then what does.

    Raises:
        ValueError: the instrument has no tiers.
    """

    def piece(tier: Tier) -> Line:
        return Line(coins + collateral - abs(coins) * tier.rate, wallet + tier.deduction - coins * entry)

    def line(price: Price) -> Line:
        return piece(tier_of(abs(coins) * price, tiers))

    if coins == 0:
        return None
    return _price(line, piece(tier_of(ZERO, tiers)), piece(tier_of(INFINITE, tiers)), short=coins < 0)


def inverse(*, face: Notional, entry: Price, wallet: Qty, tiers: tuple[Tier, ...]) -> Price | None:
    """The liquidation price of an inverse position of signed `face` (contracts x face), margined in `wallet` coins.

    The brackets' floors and deductions are in coins. A short that its coins cover (B + cum + N / E >= 0) has none.

    Raises:
        ValueError: the instrument has no tiers.
    """

    def piece(tier: Tier) -> Line:
        return Line(wallet + face / entry + tier.deduction, -face - abs(face) * tier.rate)

    def line(price: Price) -> Line:
        return piece(tier_of(abs(face) / price if price > 0 else INFINITE, tiers))

    if face == 0:
        return None
    return _price(line, piece(tier_of(INFINITE, tiers)), piece(tier_of(ZERO, tiers)), short=face < 0)


def _price(line: Callable[[Price], Line], lowest: Line, highest: Line, *, short: bool) -> Price | None:
    """The root on the position's own side, else the one on the other; the pieces are those at 0 and at infinity."""
    above, below = _above(line, highest), _below(line, lowest)
    first, second = (above, below) if short else (below, above)
    return first if first is not None else second


def _above(line: Callable[[Price], Line], highest: Line) -> Price | None:
    if highest.slope >= 0:
        return None
    found = crossing(line, highest, falling=True)
    return ZERO if found is None else max(found, ZERO)


def _below(line: Callable[[Price], Line], lowest: Line) -> Price | None:
    if lowest.rest >= 0:
        return None
    found = crossing(line, lowest, falling=False)
    return INFINITE if found is None else found


def isolated_linear(coins: Qty, entry: Price, leverage: Decimal, added: Notional = ZERO) -> Notional:
    """The isolated wallet of a linear position: initial margin at `leverage` > 0, and what was added to it."""
    return abs(coins) * entry / leverage + added


def isolated_inverse(face: Notional, entry: Price, leverage: Decimal, added: Qty = ZERO) -> Qty:
    """The isolated wallet of an inverse position in coins."""
    return abs(face) / entry / leverage + added


def cross_wallet(wallet: Decimal, others: Iterable[tuple[Decimal, Decimal]]) -> Decimal:
    """What margins one position in cross margin: the wallet, with the others' (UPnL, maintenance margin)."""
    return wallet + sum((profit - needed for profit, needed in others), ZERO)


def apart(own: Price | None, venue: Price | None) -> Decimal:
    """How far our price is from the venue's, as a fraction of the venue's; infinite where only one of them is there.

    A venue's 0 means that it sees none.
    """
    ours, theirs = (None if p is None or p <= 0 or p == INFINITE else p for p in (own, venue))
    if ours is None and theirs is None:
        return ZERO
    return INFINITE if ours is None or theirs is None else abs(ours / theirs - ONE)


def disagreement(own: Price | None, venue: Price | None, apart_max: Decimal = APART_MAX) -> str:
    """One sentence where the prices are more than `apart_max` apart, else nothing."""
    if apart(own, venue) <= apart_max:
        return ""
    ours, theirs = (f"{p:f}" if p else "none" for p in (own, venue))
    return f"the venue's liquidation price is {theirs}, ours {ours}: more than {apart_max:%} apart"
