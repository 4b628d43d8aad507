"""What an account holds, as the venue reports it."""

from decimal import Decimal

import msgspec

from bot.domain.order import Side
from bot.domain.units import ZERO, AccountId, Asset, Contracts, InstrumentId, Nanos, Notional, Price


class Balance(msgspec.Struct, frozen=True):
    """Coins of one asset in one account: free and locked together, before unrealised profit.

    `locked` is the part of them that orders at the venue hold, as far as it was told.
    """

    asset: Asset
    total: Decimal
    locked: Decimal = ZERO

    @property
    def free(self) -> Decimal:
        """What could be sold or moved now."""
        return self.total - self.locked


class Position(msgspec.Struct, frozen=True):
    """Signed contracts of one instrument (long > 0) and their average entry price (0 when flat)."""

    instrument: InstrumentId
    contracts: Contracts
    entry_price: Price = ZERO

    def after_fill(self, side: Side, contracts: Contracts, price: Price) -> "Position":
        """The position once `contracts` > 0 more were bought or sold at `price`.

        The entry price is the average of what opened the position; closing leaves it, a flip starts anew.
        """
        change = contracts * side.sign
        after = self.contracts + change
        if after == 0:
            return Position(self.instrument, ZERO)
        if self.contracts * change >= 0:
            entry = (self.entry_price * self.contracts + price * change) / after
        else:
            entry = self.entry_price if after * self.contracts > 0 else price
        return Position(self.instrument, after, entry)


class MarginState(msgspec.Struct, frozen=True):
    """The venue's own margin figures of a futures account, in its settlement currency."""

    margin_balance: Notional
    maintenance_margin: Notional
    initial_margin: Notional
    available: Notional


class Uncounted(msgspec.Struct, frozen=True):
    """A position in an account that is read, on a contract that the config does not name: by the venue's own name.

    `contracts` are signed, in the venue's unit; None where only its margin is seen.
    """

    name: str
    contracts: Contracts | None


class AccountSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One schema-valid read of an account over REST.

    `positions` names every tracked instrument: one that is flat stands there with zero contracts, and stands there
    only if the account's own totals agree that it is flat. A read that cannot say so is refused before it gets here.
    `uncounted` are open positions on other contracts, by name: no exposure has them.
    `requested_ns` is when the first of its requests left (0: the moment at which it was received).
    """

    account: AccountId
    balances: tuple[Balance, ...]
    positions: tuple[Position, ...] = ()
    margin: MarginState | None = None
    requested_ns: Nanos = Nanos(0)
    uncounted: tuple[Uncounted, ...] = ()
