"""What can be traded: contract sizes, ticks, lots, and the one place where contracts and coins are converted."""

from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, Decimal
from enum import Enum

import msgspec

from bot.domain.units import ZERO, AccountId, Asset, Contracts, InstrumentId, Nanos, Notional, Price, Qty


class Kind(Enum):
    """How an instrument pays."""

    SPOT = "spot"
    LINEAR = "linear"
    INVERSE = "inverse"
    QUANTO = "quanto"
    OPTION = "option"
    INDEX = "index"
    """Linear on an index of several assets."""


class Tier(msgspec.Struct, frozen=True):
    """A maintenance-margin bracket: from `floor` of notional on, margin = notional x `rate` - `deduction`."""

    floor: Notional
    rate: Decimal
    deduction: Notional


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """One instrument's rules, as the venue states them.

    `contract_size` is base coins per contract for a linear instrument or an option (1 for spot), quote currency of
    face for an inverse one, settlement coins per point of the quote for a quanto.
    `base_units` is how many units of the asset `base` one contract coin is: 1000 for 1000PEPE, whose prices are per
    1000 PEPE. `lot`, `contracts_min` and `contracts_max` are in contracts, `tick` in quote currency.
    """

    id: InstrumentId
    account: AccountId
    symbol: str
    kind: Kind
    base: Asset
    quote: Asset
    settle: Asset
    tick: Price
    lot: Contracts
    contract_size: Qty = Decimal(1)
    contracts_min: Contracts = ZERO
    contracts_max: Contracts | None = None
    notional_min: Notional = ZERO
    reduce_only_below_minimum: bool = False
    taker_fee: Decimal = ZERO
    maker_fee: Decimal = ZERO
    expiry_ns: Nanos | None = None
    trading: bool = True
    tiers: tuple[Tier, ...] = ()
    base_units: Decimal = Decimal(1)

    def coins(self, contracts: Contracts) -> Qty:
        """Signed contracts as signed base coins."""
        return contracts * self.contract_size

    def contracts(self, coins: Qty) -> Contracts:
        """Signed coins as signed contracts, rounded to the lot toward no trade."""
        lots = (coins / self.contract_size / self.lot).to_integral_value(ROUND_DOWN)
        return lots * self.lot

    def floor_price(self, price: Price) -> Price:
        """The highest tick at or below `price`: a buy limit is never worse than asked for."""
        return (price / self.tick).to_integral_value(ROUND_FLOOR) * self.tick

    def ceil_price(self, price: Price) -> Price:
        """The lowest tick at or above `price`: a sell limit is never worse than asked for."""
        return (price / self.tick).to_integral_value(ROUND_CEILING) * self.tick


def instrument_id(account: AccountId, symbol: str) -> InstrumentId:
    """Name an instrument by its account and the venue's symbol."""
    return InstrumentId(f"{account}:{symbol}")


def account_of(name: InstrumentId) -> AccountId:
    """The account of an instrument, by its name alone: one that the rules no longer know has it too."""
    return AccountId(name.partition(":")[0])
