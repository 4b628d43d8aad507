"""What a person or a fault may do to a running exchange from outside: sockets, streams, clocks, keys, crowds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from bot.simex.binance.dialect import Binance
from bot.simex.bybit.dialect import Bybit
from bot.simex.config import ApiKey, KeySpec
from bot.simex.faults.model import Scope
from bot.simex.server import Server
from bot.simex.timeline import Timeline

KEYS_MAX: Final = 1_000


class Levers:
    """The levers of a running exchange; `dialects` are by venue."""

    dialects: Mapping[str, Binance | Bybit]
    timeline: Timeline
    keys: dict[str, ApiKey]
    _server: Server

    def disconnect(self, kind: str = "all", refuse_ms: int = 0) -> int:
        """Abort websockets of a kind and refuse new ones for a while; answers how many were aborted."""
        if refuse_ms:
            self._server.gates.refuse(kind, refuse_ms / 1000)
        return self._server.disconnect(kind)

    def hang_up(self, scope: Scope, code: int | None) -> int:
        """Close the websockets in a scope with a code, or reset them within a frame; answers how many."""
        return self._server.hang_up(scope, code)

    def shut(self, venue: str, *, is_shut: bool) -> None:
        """Nothing of a venue answers but its status endpoint, or everything does again."""
        (self._server.shut_venues.add if is_shut else self._server.shut_venues.discard)(venue)

    def stall(self, kind: str, duration_ms: int) -> None:
        """Silence streams for a while (0 ends it); what they would have sent is lost."""
        for dialect in self.dialects.values():
            until_ms = dialect.timeline.server_ms() + duration_ms if duration_ms else 0
            if kind in ("market", "all"):
                dialect.silence.market_until_ms = until_ms
            if kind in ("user", "all"):
                dialect.silence.user_until_ms = until_ms

    def set_clock(self, offset_ms: int) -> None:
        """Set the server's clock against the wall clock."""
        self.timeline.offset_ms = offset_ms

    def expire_listen_keys(self) -> int:
        """Expire every listen key; answers how many."""
        binance = self.dialects.get("binance")
        return len(binance.expire_listen_keys(everything=True)) if isinstance(binance, Binance) else 0

    def new_key(self, spec: KeySpec, venues: Iterable[str]) -> tuple[ApiKey, list[str]]:
        """Make a key at some venues; answers it and the venues that have keys of its kind. ValueError says why not."""
        if spec.name in self.keys or len(self.keys) >= KEYS_MAX:
            raise ValueError(f"key {spec.name!r}: there is one of that name, or there are {KEYS_MAX} already")
        made = ApiKey.made(spec)
        known = [venue for venue in venues if self.dialects[venue].keys.add(made)]
        if not known:
            raise ValueError(f"kind {spec.kind!r}: no venue that is meant has such keys")
        self.keys[made.name] = made
        return made, known

    def revoke_key(self, name: str, venues: Iterable[str]) -> bool:
        """Delete an API key at some venues; whether any of them knew one of that name."""
        return sum(self.dialects[venue].keys.revoke(name) for venue in venues) > 0

    def change_key(self, name: str, changes: Mapping[str, Any], venues: Iterable[str]) -> bool:
        """Change what an API key may do at some venues; whether any of them knows one of that name.

        A key that is restricted to addresses no longer has none that it is bound to.
        """
        if changes.get("ip_restricted") is False:
            changes = {"ips": (), **changes}
        return sum(self.dialects[venue].keys.change(name, **changes) for venue in venues) > 0

    def crowd(self, market: str, weight: int) -> None:
        """Let other programs behind the clients' address use so much request weight of every minute."""
        binance = self.dialects.get("binance")
        if isinstance(binance, Binance):
            binance.crowd(market, weight)
