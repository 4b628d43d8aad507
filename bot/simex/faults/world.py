"""What actions act on: the exchanges, their dialects and clocks, and what the running simulated exchange offers."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

from bot.simex.core.exchange import Exchange
from bot.simex.core.instrument import Instrument
from bot.simex.faults.armed import Hit
from bot.simex.faults.model import Scope
from bot.simex.timeline import Timeline

Undo = Callable[[], None]


class World(Protocol):
    """A running simulated exchange. `clocks` are the venues' own, where they have them."""

    @property
    def exchanges(self) -> Mapping[str, Exchange]:
        """Each venue's exchange."""
        ...

    @property
    def dialects(self) -> Mapping[str, Any]:
        """Each venue's dialect."""
        ...

    @property
    def clocks(self) -> Mapping[str, Timeline]:
        """Each venue's clock."""
        ...

    def now_ms(self) -> int:
        """Exchange time."""
        ...

    def hang_up(self, scope: Scope, code: int | None) -> int:
        """Close the websockets in a scope with a code, or reset them within a frame."""
        ...

    def shut(self, venue: str, *, is_shut: bool) -> None:
        """Nothing of a venue answers but its status endpoint, or everything does again."""
        ...

    def disconnect(self, kind: str, refuse_ms: int) -> int:
        """Abort websockets and refuse new ones for a while."""
        ...

    def stall(self, kind: str, duration_ms: int) -> None:
        """Silence streams whose sockets stay alive."""
        ...

    def expire_listen_keys(self) -> int:
        """Expire every listen key."""
        ...

    def revoke_key(self, name: str, venues: Iterable[str]) -> bool:
        """Delete an API key at some venues."""
        ...

    def change_key(self, name: str, changes: Mapping[str, Any], venues: Iterable[str]) -> bool:
        """Change what an API key may do at some venues."""
        ...

    def crowd(self, market: str, weight: int) -> None:
        """Let others use request weight."""
        ...


class NothingInScope(ValueError):
    """An action found nobody to act on."""


def venues(world: World, hit: Hit) -> list[str]:
    """The venues in the scope of an action. NothingInScope."""
    pattern = hit.fault.scope.venue
    found = [one for one in world.exchanges if not pattern or fnmatch.fnmatchcase(one, pattern)]
    if not found:
        raise NothingInScope(f"venue {pattern!r}: there are {', '.join(world.exchanges)}")
    return found


def instruments(world: World, hit: Hit, *, futures: bool = False) -> list[tuple[Exchange, Instrument]]:
    """The instruments in the scope of an action, and where they trade. NothingInScope."""
    found = list(_instruments(world, hit, futures=futures))
    if not found:
        raise NothingInScope(
            f"symbol {hit.fault.scope.symbol!r}, market {hit.params.get('market', '')!r}: nothing is it"
        )
    return found


def _instruments(world: World, hit: Hit, *, futures: bool) -> Iterator[tuple[Exchange, Instrument]]:
    pattern, market = hit.fault.scope.symbol, hit.params.get("market", "")
    for venue in venues(world, hit):
        exchange = world.exchanges[venue]
        for one in exchange.instruments.values():
            is_meant = (not pattern or fnmatch.fnmatchcase(one.name, pattern)) and market in ("", one.category)
            if is_meant and (one.is_future or not futures):
                yield exchange, one


def account_of(hit: Hit) -> str:
    """The account that an action is about: the scope's, or the default one."""
    return hit.fault.scope.account or "default"
