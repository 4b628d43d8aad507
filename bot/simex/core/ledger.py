"""Double entry for the exchange: what leaves one place arrives in another, to the last integer.

The house is the counterparty of every fill against background liquidity. On cash basis (a wallet and the isolated
margins, less the cost of the positions they carry) money per asset is constant whatever the prices are:

    sum over accounts (coins + isolated margins - costs) + house + fees + insurance = external (net deposits)

and per contract: sum over accounts of the position + the house's position = 0.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from bot.simex.core.account import Account
from bot.simex.core.instrument import Instrument, Key


class Ledger:
    """The exchange's own side of every posting, as money by asset; positive is received by the named place."""

    def __init__(self) -> None:
        self.external: defaultdict[str, int] = defaultdict(int)
        self.house: defaultdict[str, int] = defaultdict(int)
        self.fees: defaultdict[str, int] = defaultdict(int)
        self.insurance: defaultdict[str, int] = defaultdict(int)
        self.house_positions: defaultdict[Key, int] = defaultdict(int)

    def filled(self, instrument: Instrument, quantity: int, worth: int, fee: int, residue: int) -> None:
        """One side of a fill: its fee, the rest that could not be booked; and what of it the house took, if it did."""
        asset = instrument.settle
        self.fees[asset] += fee
        if worth or residue:
            self.house[asset] += worth + residue
        if quantity:
            self.house_positions[instrument.key] -= quantity

    def check(self, accounts: Iterable[Account]) -> None:
        """Raise AssertionError unless the accounts' holdings and positions balance the exchange's own side."""
        held, positions = _holdings(accounts)
        ours = (self.house, self.fees, self.insurance)
        for asset in sorted({*held, *self.external, *self.house, *self.fees, *self.insurance}):
            found = held.get(asset, 0) + sum(place.get(asset, 0) for place in ours)
            expected = self.external.get(asset, 0)
            if found != expected:
                raise AssertionError(f"{asset}: {found} of 1e-16 exist, {expected} were deposited")
        for key in sorted({*positions, *self.house_positions}):
            total = positions.get(key, 0) + self.house_positions.get(key, 0)
            if total:
                raise AssertionError(f"{key}: positions add up to {total} of 1e-8, not to zero")


def _holdings(accounts: Iterable[Account]) -> tuple[dict[str, int], dict[Key, int]]:
    held: defaultdict[str, int] = defaultdict(int)
    positions: defaultdict[Key, int] = defaultdict(int)
    for account in accounts:
        for coins in account.wallets.values():
            for asset, coin in coins.items():
                held[asset] += coin.balance
        for position in account.positions.values():
            held[position.instrument.settle] += position.isolated_margin - position.cost
            positions[position.instrument.key] += position.quantity
    return held, positions
