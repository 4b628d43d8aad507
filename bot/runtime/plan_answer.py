"""The answer of `trimtab plan`, from a snapshot or a running daemon: one shape, exact numbers as plain texts.

Signs: deviation = exposure - target in coins; `hedge` is coins to trade from where it is to the destination (sell < 0),
before lots; an order's `contracts` are above 0 and its side says which way. What is not known is null and stands in
`unknown` or `refused`, never as zero; a distance that no move reaches is null too.
"""

from decimal import Decimal
from typing import Any

import msgspec

PLACES = 18
"""Digits after the point: a division has more than anybody could trade."""

Known = Decimal | None


class AssetParts(msgspec.Struct, frozen=True, kw_only=True):
    """Where an asset's exposure comes from, in coins; they add up to it. What index futures hold of it is linear."""

    spot: Decimal
    linear: Decimal
    inverse: Decimal
    collateral: Decimal
    quanto: Decimal
    options: Decimal
    quote_leg: Decimal
    borrowed: Decimal
    declared: Decimal
    working: Decimal


class BandCoins(msgspec.Struct, frozen=True, kw_only=True):
    """The band of the exposure, in coins: a hedge starts outside lower..upper and ends at the destination's edge."""

    lower: Decimal
    upper: Decimal
    destination_lower: Decimal
    destination_upper: Decimal
    unit: str = "coins"


class PlannedAsset(msgspec.Struct, frozen=True, kw_only=True):
    """One asset's derivation. `gates` are what its hedge waits for; without a target it deviates from nothing."""

    exposure: Decimal
    exposure_value: Known
    parts: AssetParts
    target: Known = None
    target_parts: dict[str, Decimal] = {}
    deviation: Known = None
    deviation_value: Known = None
    band: BandCoins | None = None
    breached: bool = False
    gates: tuple[str, ...] = ()
    hedge: Decimal = Decimal(0)
    residual_after_rounding: Decimal = Decimal(0)
    why: str = ""


class Cost(msgspec.Struct, frozen=True):
    """What an order costs, in the reporting currency: its fee, and the book's price against the mid."""

    fee: Known
    slippage: Known


class PlannedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order that would be sent. `quantity` is in coins, `notional` in the instrument's quote currency."""

    account: str
    instrument: str
    for_: str = msgspec.field(name="for")
    sleeve: str
    side: str
    contracts: Decimal
    quantity: Decimal
    notional: Known
    limit_price: Decimal
    vwap: Known
    cost: Cost
    reduce_only: bool
    pair: str | None = None


class AccountMargin(msgspec.Struct, frozen=True, kw_only=True):
    """An account's margin before and after the orders. `liquidation` is after them;."""

    ratio_before: Known
    ratio_after: Known
    stress_distance_up: Known
    stress_distance_down: Known
    liquidation: dict[str, Known]
    top_up: Known


class CarryLine(msgspec.Struct, frozen=True, kw_only=True):
    """A carry trade's figures: rates a year as fractions, cost as a fraction of the notional."""

    forecast_apr: Known
    basis_ann: Known
    round_trip_cost: Known
    break_even_hours: Known
    decision: str
    why: str


class TransferLine(msgspec.Struct, frozen=True, kw_only=True):
    """Collateral that should be moved before markets ask for it."""

    from_: str = msgspec.field(name="from")
    to: str
    asset: str
    amount: Decimal
    why: str


class RefusedLine(msgspec.Struct, frozen=True):
    """What is not planned, and why."""

    what: str
    why: str


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The whole plan."""

    nav: Known
    base: dict[str, Known]
    reporting_currency: str
    assets: dict[str, PlannedAsset]
    orders: tuple[PlannedOrder, ...]
    margin: dict[str, AccountMargin]
    carry: dict[str, CarryLine]
    transfers: tuple[TransferLine, ...]
    refused: tuple[RefusedLine, ...]
    unknown: tuple[str, ...]


def text(number: Decimal) -> str:
    """A number without exponent and trailing zeros, rounded to `PLACES`; minus zero is zero."""
    plain = f"{number:.{PLACES}f}".rstrip("0").rstrip(".")
    return "0" if plain == "-0" else plain


def document(answer: Answer) -> dict[str, Any]:
    """The answer as it is printed: JSON's own types, numbers as texts, nothing that is not finite."""
    built = msgspec.to_builtins(answer, builtin_types=(Decimal,))
    assert isinstance(built, dict), "a struct becomes a mapping"
    return {key: _plain(value) for key, value in built.items()}


def _plain(value: Any) -> Any:
    match value:
        case Decimal():
            return text(value) if value.is_finite() else None
        case dict():
            return {key: _plain(one) for key, one in value.items()}
        case list() | tuple():
            return [_plain(one) for one in value]
        case _:
            return value
