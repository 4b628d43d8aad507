"""The books that a ledger is added up in: coins by asset and part, coins and P&L by sleeve, and what is unknown."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from bot.domain.hedge import Parts
from bot.domain.targets import CORE
from bot.domain.units import ZERO, Asset, Notional, Qty


class Unknown(msgspec.Struct, frozen=True, kw_only=True):
    """An input that is missing. `what` it is of, `why` nothing can be said, and the `assets` that cannot do without it.

    `value` is whether net asset value needs it.
    """

    what: str
    why: str
    assets: tuple[Asset, ...]
    value: bool = True


@dataclass(slots=True)
class Books:
    """What has been added up so far. `blind` assets are those of whose coins something is unknown."""

    coins: dict[Asset, dict[str, Qty]] = field(default_factory=dict)
    owned: dict[str, dict[Asset, Qty]] = field(default_factory=dict)
    booked: dict[str, dict[Asset, Qty]] = field(default_factory=dict)
    unrealized: Notional | None = ZERO
    unrealized_of: dict[str, Notional] = field(default_factory=dict)
    unknown: list[Unknown] = field(default_factory=list)
    blind: set[Asset] = field(default_factory=set)
    unheard: list[str] = field(default_factory=list)

    def add(self, asset: Asset, part: str, quantity: Qty) -> None:
        """Add coins to a part of an asset."""
        parts = self.coins.setdefault(asset, {})
        parts[part] = parts.get(part, ZERO) + quantity

    def own(self, sleeve: str, asset: Asset, quantity: Qty) -> None:
        """Add coins to a sleeve; those of the core belong to nobody by name."""
        _note(self.owned, sleeve, asset, quantity)

    def book(self, sleeve: str, asset: Asset, quantity: Qty) -> None:
        """Add coins of a future to the sleeve that it is booked to."""
        _note(self.booked, sleeve, asset, quantity)

    def earn(self, sleeve: str, value: Notional) -> None:
        """Add P&L that is not in coins to the whole and to its sleeve."""
        if self.unrealized is not None:
            self.unrealized += value
        if label(sleeve):
            self.unrealized_of[sleeve] = self.unrealized_of.get(sleeve, ZERO) + value

    def lack(self, what: str, why: str, assets: Iterable[Asset], *, value: bool = True) -> None:
        """Say that something is missing, so that the coins of `assets` are unknown."""
        named = tuple(sorted(set(assets)))
        self.unknown.append(Unknown(what=what, why=why, assets=named, value=value))
        self.blind.update(named)

    def lack_price(self, asset: Asset, *, value: bool) -> None:
        """Say, once, that an asset has no price: its coins are known, what they are worth is not."""
        said = Unknown(what=asset, why="no price", assets=(asset,), value=True)
        if said in self.unknown:
            return
        self.unknown.append(Unknown(what=asset, why="no price", assets=(asset,), value=value))

    def lack_everything(self, what: str) -> None:
        """A contract that nobody describes may be on any asset, so that nothing is known of any."""
        self.unheard.append(what)

    def parts(self) -> dict[Asset, Parts]:
        """The parts of every asset of which everything is known, in a fixed order."""
        return {} if self.unheard else {a: parts for a, parts in self.all_parts() if a not in self.blind}

    def all_parts(self) -> list[tuple[Asset, Parts]]:
        """What was added up, in a fixed order: the wallet may be known though some of the exposure is not."""
        return [(asset, made(self.coins[asset])) for asset in sorted(self.coins)]

    def all_unknown(self, assets: Iterable[Asset]) -> tuple[Unknown, ...]:
        """Everything that is missing; `assets` is all there are."""
        everything = tuple(sorted({*assets, *self.coins}))
        why = "nothing describes this instrument, so that its exposure may be anybody's"
        return (*(Unknown(what=what, why=why, assets=everything) for what in self.unheard), *self.unknown)


def made(coins: dict[str, Qty]) -> Parts:
    """An asset's parts from what was added up."""
    zeros = {"spot": ZERO, "declared": ZERO, "linear": ZERO, "working": ZERO}
    return Parts(**{**zeros, **coins})


def _note(sleeves: dict[str, dict[Asset, Qty]], sleeve: str, asset: Asset, quantity: Qty) -> None:
    if label(sleeve):
        coins = sleeves.setdefault(sleeve, {})
        coins[asset] = coins.get(asset, ZERO) + quantity


def label(sleeve: str) -> str:
    """The name of a sleeve that is a target's own; empty for the core, and where none is said."""
    return "" if sleeve == CORE else sleeve
