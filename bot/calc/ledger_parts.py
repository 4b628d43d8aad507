"""What one position adds to the ledger: coins of its base, of its quote currency and of its settlement asset.

Whatever the kind of contract, the three add up to its value: delta x price of the base + quote leg x price of the quote
+ P&L x price of the settlement asset (at a mark that is the index). So no exposure is lost and none counted twice.
Source: formulas.md 2.1-2.3, 2.7, 2.9.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

import msgspec

from bot.calc import pnl
from bot.domain.instrument import Kind
from bot.domain.snapshot import HeldPosition, Traded
from bot.domain.units import ONE, ZERO, Asset, Contracts, Nanos, Price, Qty


class Lack(msgspec.Struct, frozen=True):
    """A figure that cannot be had, and which input is missing for it."""

    why: str


Known = Qty | Lack
Futures = Literal["linear", "inverse", "quanto", "options"]

PART: dict[Kind, Futures] = {
    Kind.LINEAR: "linear",
    Kind.INDEX: "linear",
    Kind.INVERSE: "inverse",
    Kind.QUANTO: "quanto",
    Kind.OPTION: "options",
}
"""Under which part of its base asset a contract is shown. A spot market has no positions."""

NO_MARK = Lack("no mark price")


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """What a position is in coins: `delta` of its base asset, `quote_leg` of its quote, `pnl` of its settlement asset.

    `pnl` is what the position is worth beside the wallet: unrealised P&L, or an option at its mark.
    """

    position: HeldPosition
    traded: Traded
    delta: Known
    quote_leg: Known
    pnl: Known


def effect(position: HeldPosition, traded: Traded, prices: Mapping[Asset, Price], now: Nanos) -> Effect:
    """A position's three figures at a moment. `prices` are in the reporting currency."""
    contracts = position.contracts
    made = delta(traded, contracts, prices, now)
    return Effect(
        position=position,
        traded=traded,
        delta=made,
        quote_leg=_face(traded, contracts, now) if _is_inverse(traded) else _quote_leg(traded, made, prices),
        pnl=_pnl(traded, contracts, position.entry_price),
    )


def delta(traded: Traded, contracts: Contracts, prices: Mapping[Asset, Price], now: Nanos | None = None) -> Known:
    """Units of the base asset that signed contracts add, beside the account's equity.

    `now` is for dated contracts, whose delta runs out while they settle; without it they count in full.
    """
    full = _full_delta(traded, contracts, prices)
    return full if now is None or isinstance(full, Lack) else full * _unsettled(traded, now)


def _unsettled(traded: Traded, now: Nanos) -> Decimal:
    """The share of a contract that is not settled yet; the greeks of an option tell it themselves."""
    if traded.settlement is None or traded.instrument.kind is Kind.OPTION:
        return ONE
    return pnl.unsettled(traded.instrument, now, traded.settlement.window_minutes)


def _full_delta(traded: Traded, contracts: Contracts, prices: Mapping[Asset, Price]) -> Known:
    instrument = traded.instrument
    match instrument.kind:
        case Kind.OPTION:
            return _option_delta(traded, contracts)
        case Kind.INVERSE:
            return NO_MARK if traded.mark is None else pnl.delta(instrument, contracts, traded.mark)
        case Kind.QUANTO:
            payout = _payout(traded, prices)
            return payout if isinstance(payout, Lack) else pnl.delta(instrument, contracts, ZERO, payout)
        case _:
            return pnl.base_units(instrument, contracts)


def _option_delta(traded: Traded, contracts: Contracts) -> Known:
    if traded.greeks is None:
        return Lack("no greeks")
    each = pnl.option_delta(traded.greeks, coin_premium=pnl.is_coin_premium(traded.instrument))
    return Lack("no mark price in coins") if each is None else contracts * each


def _payout(traded: Traded, prices: Mapping[Asset, Price]) -> Known:
    """The price of the settlement asset in the quote currency."""
    settle, quote = traded.instrument.settle, traded.instrument.quote
    missing = [asset for asset in (settle, quote) if asset not in prices]
    return Lack(f"no price of {missing[0]}") if missing else prices[settle] / prices[quote]


def _is_inverse(traded: Traded) -> bool:
    return traded.instrument.kind is Kind.INVERSE


def _face(traded: Traded, contracts: Contracts, now: Nanos) -> Qty:
    """What an inverse contract owes in its quote currency is its face, at whatever mark."""
    return -contracts * traded.instrument.contract_size * _unsettled(traded, now)


def _quote_leg(traded: Traded, made: Known, prices: Mapping[Asset, Price]) -> Known:
    """Quote currency that is owed for the delta: -delta at the price it is marked at.

    An option that is quoted in its own coin does not say which currency its strike is in: then that leg is left out.
    """
    if traded.instrument.quote == traded.instrument.base:
        return made if isinstance(made, Lack) else ZERO
    reference = _reference(traded, prices)
    if isinstance(made, Lack):
        return made
    return reference if isinstance(reference, Lack) else -made * reference / traded.instrument.base_units


def _reference(traded: Traded, prices: Mapping[Asset, Price]) -> Known:
    """Quote currency for one contract coin: a future's mark, the index that an option is on."""
    instrument = traded.instrument
    if instrument.kind is not Kind.OPTION:
        return NO_MARK if traded.mark is None else traded.mark
    if traded.index is not None:
        return traded.index
    missing = [asset for asset in (instrument.base, instrument.quote) if asset not in prices]
    if missing:
        return Lack(f"neither an index price nor a price of {missing[0]}")
    return prices[instrument.base] / prices[instrument.quote] * instrument.base_units


def _pnl(traded: Traded, contracts: Contracts, entry: Price | None) -> Known:
    """What the position is worth beside the wallet, in its settlement asset."""
    instrument = traded.instrument
    if instrument.kind is Kind.OPTION:
        return _option_value(traded, contracts)
    if traded.mark is None:
        return NO_MARK
    if entry is None:
        return Lack("no entry price, and no margin balance of its account to tell by")
    return pnl.unrealized(instrument, contracts, entry, traded.mark)


def _option_value(traded: Traded, contracts: Contracts) -> Known:
    """An option at its mark: in coins where its premium is paid in coins."""
    if pnl.is_coin_premium(traded.instrument):
        mark = traded.greeks.mark_coin if traded.greeks is not None else None
        return Lack("no mark price in coins") if mark is None else contracts * mark
    if traded.mark is None:
        return NO_MARK
    return contracts * traded.instrument.contract_size * traded.mark


def pays_coins(traded: Traded) -> bool:
    """Whether a contract makes its account a coin-margined one: its P&L is in the coin that it is on."""
    return _is_inverse(traded) or pnl.is_coin_premium(traded.instrument)
