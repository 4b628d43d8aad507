"""Coins that are held: what counts as whose, what is only flagged, and what is too old to count.

Source: formulas.md 2.6 (spot = free + locked + earn and staked x factor - borrowed - interest; deposits once credited).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from bot.calc.ledger_books import Books
from bot.domain.snapshot import Held, HoldingKind
from bot.domain.units import ONE, ZERO, AccountId, Asset, Nanos, Qty

Key = TypeVar("Key")

Wallet = tuple[AccountId, Asset]
"""The coins of one asset in one account."""


@dataclass(slots=True)
class Coins:
    """Coins beside the parts: wallets by account, what can be sold at once, what is under way, what is not at hand."""

    wallets: dict[Wallet, Qty] = field(default_factory=dict)
    free: dict[Asset, Qty] = field(default_factory=dict)
    transit: dict[Asset, Qty] = field(default_factory=dict)
    illiquid: dict[Asset, Qty] = field(default_factory=dict)


class Ages:
    """How old a declared holding may be: in general where it says its time, and by its source."""

    def __init__(self, now: Nanos, age_ns_max: int | None, of: Mapping[AccountId, int]) -> None:
        self.now, self.age_ns_max, self.of = now, age_ns_max, of

    def doubt(self, entry: Held) -> str | None:
        """Why a declared holding cannot be believed; None where it can."""
        bound = self.of.get(entry.account, self.age_ns_max)
        if entry.as_of_ns is None:
            return "it does not say of when it is" if entry.account in self.of else None
        age = self.now - entry.as_of_ns
        if age < 0:
            return "it is of a time to come"
        if bound is not None and age > bound:
            return f"it is {age / 1e9:.0f} s old, at most {bound / 1e9:.0f}"
        return None


def gather(
    holdings: Collection[Held], margined: Collection[Wallet], ages: Ages, books: Books, *, count_transit: bool
) -> Coins:
    """Add every holding to the books. `margined` are the wallets of coin-margined accounts."""
    coins = Coins()
    for entry in holdings:
        quantity = entry.amount * entry.factor
        doubt = ages.doubt(entry) if entry.kind is HoldingKind.DECLARED else None
        if doubt is not None:
            books.lack(f"holding of {entry.account}", doubt, (entry.asset,))
            continue
        _flag(entry, quantity, coins)
        if entry.kind is HoldingKind.FREE and entry.factor == ONE and (entry.account, entry.asset) not in margined:
            _note(coins.free, entry.asset, quantity)
        if entry.kind is HoldingKind.TRANSIT and not count_transit:
            books.add(entry.asset, "spot", ZERO)
            continue
        part, signed = _part(entry, quantity, margined)
        books.add(entry.asset, part, signed)
        books.own(entry.sleeve, entry.asset, signed)
    return coins


def _part(entry: Held, quantity: Qty, margined: Collection[Wallet]) -> tuple[str, Qty]:
    """Under which part a holding stands, and with which sign."""
    match entry.kind:
        case HoldingKind.BORROWED | HoldingKind.INTEREST:
            return "borrowed", -quantity
        case HoldingKind.DECLARED:
            return "declared", quantity
        case HoldingKind.FREE | HoldingKind.LOCKED if (entry.account, entry.asset) in margined:
            return "collateral", quantity
        case _:
            return "spot", quantity


def _flag(entry: Held, quantity: Qty, coins: Coins) -> None:
    """Note what a wallet holds, what is under way and what cannot be moved at once."""
    match entry.kind:
        case HoldingKind.FREE | HoldingKind.LOCKED:
            _note(coins.wallets, (entry.account, entry.asset), quantity)
        case HoldingKind.TRANSIT:
            _note(coins.transit, entry.asset, quantity)
        case HoldingKind.EARN | HoldingKind.STAKED:
            _note(coins.illiquid, entry.asset, quantity)
        case _:
            pass


def _note(sums: dict[Key, Qty], key: Key, quantity: Qty) -> None:
    sums[key] = sums.get(key, ZERO) + quantity
