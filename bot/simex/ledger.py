"""Double entry for the exchange: what leaves one place arrives in another, to the last decimal.

The house is the counterparty of every fill against background liquidity and of funding. On cash basis (a wallet less
the cost of the positions it carries) money per asset is constant whatever the prices are:

    sum over accounts (balances - position costs) + house + fees + insurance = external (net deposits)

and per contract: sum over accounts of the position + the house's position = 0.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

from bot.simex.model import ZERO


class Ledger:
    """The exchange's own side of every posting. Amounts are signed: positive is received by the named place."""

    def __init__(self) -> None:
        self.external: defaultdict[str, Decimal] = defaultdict(Decimal)
        self.house: defaultdict[str, Decimal] = defaultdict(Decimal)
        self.fees: defaultdict[str, Decimal] = defaultdict(Decimal)
        self.insurance: defaultdict[str, Decimal] = defaultdict(Decimal)
        self.house_positions: defaultdict[str, Decimal] = defaultdict(Decimal)

    def expected(self, asset: str) -> Decimal:
        """What all accounts together must hold of an asset, on cash basis."""
        return self.external[asset] - self.house[asset] - self.fees[asset] - self.insurance[asset]

    def assets(self) -> set[str]:
        """Every asset that was ever posted."""
        return set(self.external) | set(self.house) | set(self.fees) | set(self.insurance)

    def check(self, held: dict[str, Decimal], positions: dict[str, Decimal]) -> None:
        """Raise AssertionError unless the accounts' holdings and positions balance the exchange's own side."""
        for asset in sorted(self.assets() | set(held)):
            found, expected = held.get(asset, ZERO), self.expected(asset)
            if found != expected:
                raise AssertionError(f"{asset}: accounts hold {found}, the ledger says {expected}")
        for symbol in sorted(set(positions) | set(self.house_positions)):
            total = positions.get(symbol, ZERO) + self.house_positions[symbol]
            if total:
                raise AssertionError(f"{symbol}: positions add up to {total}, not to zero")
