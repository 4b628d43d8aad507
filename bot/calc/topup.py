"""Margin that must be there before it is needed: how much a stressed account lacks, and where it can come from.

A short hedge loses in the futures wallet what the coins gain elsewhere, so the transfer must come ahead of the move:
q P s - free margin (formulas.md 2.10). A source gives no more than its venue lets go.
"""

from collections.abc import Iterable, Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import msgspec

from bot.calc.stress import Pool, worst
from bot.domain.units import ONE, ZERO, AccountId, Asset, Notional, Price, Qty


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """What an account could send. `price` is the value of one unit, `haircut` the share that counts on arrival.

    `max_withdraw` is what the venue lets go now (None: unknown, so that nothing is planned on it), `spare` what may
    leave it by our own judgement: other hedges' collateral may not.
    """

    account: AccountId
    asset: Asset
    max_withdraw: Qty | None
    spare: Qty
    transfers_allowed: bool = True
    price: Price = ONE
    haircut: Decimal = ONE


class Transfer(msgspec.Struct, frozen=True):
    """Send `amount` units of an asset from one account to another."""

    source: AccountId
    destination: AccountId
    asset: Asset
    amount: Qty


class TopUp(msgspec.Struct, frozen=True, kw_only=True):
    """What an account needs ahead, the transfers that bring it, and what they leave `missing`, in value.

    `notes` says of every source that gives nothing why it does not.
    """

    account: AccountId
    needed: Notional
    transfers: tuple[Transfer, ...] = ()
    missing: Notional = ZERO
    notes: tuple[str, ...] = ()


def transfer_ahead(coins: Qty, price: Price, stress: Decimal, free_margin: Notional) -> Notional:
    """What a short of `coins` loses under a rise of `stress`, less what is free: >= 0.

    `shortfall` is the exact form, with several positions, brackets and coin collateral.
    """
    return max(abs(coins) * price * stress - free_margin, ZERO)


def shortfall(pool: Pool, stress: Decimal, betas: Mapping[Asset, Decimal] | None = None) -> Notional:
    """What a pool lacks, in cash, to survive every move of the market from none to `stress` (< 0 for a fall): >= 0.

    Raises:
        KeyError: an asset without a beta.
        ValueError: what the pool's margin rests on is unknown (see `bot.calc.stress`).
    """
    return max(-worst(pool, stress, betas), ZERO)


def plan(account: AccountId, needed: Notional, sources: Iterable[Source], step: Qty = Decimal("0.01")) -> TopUp:
    """Transfers that bring `needed` >= 0 into the account, from the sources in the order given.

    Amounts are multiples of `step`, rounded up to cover the need, down to what the source has.
    """
    missing, transfers, notes = needed, list[Transfer](), list[str]()
    for source in sources:
        if missing <= 0:
            break
        if why := _barred(source, account):
            notes.append(f"{source.account} {source.asset}: {why}")
            continue
        worth = source.price * source.haircut
        amount = min(_up(missing / worth, step), _down(_available(source), step))
        if amount > 0:
            transfers.append(Transfer(source.account, account, source.asset, amount))
            missing -= amount * worth
    return TopUp(
        account=account, needed=needed, transfers=tuple(transfers), missing=max(missing, ZERO), notes=tuple(notes)
    )


def _barred(source: Source, account: AccountId) -> str:
    if source.account == account:
        return "it is the account that needs it"
    if not source.transfers_allowed:
        return "transfers out are not allowed"
    if source.max_withdraw is None:
        return "what may be withdrawn is unknown"
    if source.price <= 0 or source.haircut <= 0:
        return "it counts for nothing there"
    return "" if _available(source) > 0 else "nothing of it is free"


def _available(source: Source) -> Qty:
    return min(source.max_withdraw or ZERO, source.spare)


def _up(amount: Qty, step: Qty) -> Qty:
    return (amount / step).to_integral_value(ROUND_CEILING) * step


def _down(amount: Qty, step: Qty) -> Qty:
    return (amount / step).to_integral_value(ROUND_FLOOR) * step
