"""A target as its document tells it: which coins it names, in which part, each with its path."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from bot.runtime.document import Document, Path
from bot.runtime.quantities import Misread, quantity

Place = tuple[str, Path]

EXPOSED = {"neutral": "assets", "ratio": "assets", "risk_parity": "assets", "weights": "weights", "leverage": "weights"}
"""The kinds that set a coin's whole exposure, and where they name the coins."""
TRADED = (
    EXPOSED
    | {"tilt": "long short", "cash_hedge": "anchor", "proxy": "anchors", "index": "indices"}
    | {
        "unwind": "assets",
        "convert_to_spot": "asset",
    }
)
"""Where each kind names the coins whose futures it trades."""
CASH = frozenset({"USDT", "USDC"})
"""What may be the quote currency: beside coins a weight of it is the share that stays cash, and nothing is traded."""
_ALSO = {"proxy": "assets betas", "index": "assets", "tilt": "benchmark betas", "risk_parity": "volatilities"}
"""Where it names others that must be known too."""


@dataclass(frozen=True)
class Told:
    """One target of the document."""

    document: Document
    index: int
    kind: str
    name: str

    @property
    def here(self) -> Path:
        """Its path."""
        return ("targets", self.index)

    @cached_property
    def exposed(self) -> list[Place]:
        """The coins whose whole exposure it sets."""
        return self._places(EXPOSED.get(self.kind, ""))

    @cached_property
    def traded(self) -> list[Place]:
        """The coins whose futures it may trade."""
        return self._places(TRADED.get(self.kind, ""))

    @property
    def banded(self) -> list[Place]:
        """The coins that its band is measured on."""
        return self.traded

    @cached_property
    def named(self) -> list[Place]:
        """Every coin that it names as a part of what it is."""
        keys = " ".join((TRADED.get(self.kind, "assets weights"), _ALSO.get(self.kind, "")))
        return self._places(keys)

    @property
    def owns(self) -> tuple[str, ...]:
        """The coins of its sleeve."""
        return tuple(self.document.mapping(*self.here, "owns"))

    def unit_of(self, *path: str) -> str:
        """The unit that stands at a path; empty where none does or it cannot be read."""
        try:
            return quantity(self.document.at(*self.here, *path), "").unit
        except Misread:
            return ""

    @property
    def cash(self) -> list[Place]:
        """The currencies among the weights."""
        return [place for place in self._at("weights") if self.kind == "weights" and place[0] in CASH]

    def _places(self, keys: str) -> list[Place]:
        cash = self.cash
        return [place for key in keys.split() for place in self._at(key) if place not in cash]

    def _at(self, key: str) -> Iterator[Place]:
        path: Path = (*self.here, key)
        raw = self.document.at(*path)
        if isinstance(raw, str):
            yield raw, path
        elif isinstance(raw, list):
            yield from ((coin, (*path, place)) for place, coin in enumerate(raw) if isinstance(coin, str))
        elif isinstance(raw, dict):
            yield from ((coin, (*path, coin)) for coin in raw)


def told(document: Document) -> list[Told]:
    """Every target that is a section at all, in the order of the file."""
    return [
        Told(document, index, str(target.get("kind")), "" if target.get("name") is None else str(target.get("name")))
        for index, target in enumerate(document.sequence("targets"))
        if isinstance(target, dict)
    ]
