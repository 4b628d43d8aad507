"""The dead man's switch: orders that are cancelled unless their owner keeps asking for time."""

from __future__ import annotations

from bot.simex.core.desk import Desk
from bot.simex.core.instrument import Key
from bot.simex.core.state import State


class Countdowns:
    """One countdown for each account and instrument. It cancels orders and leaves positions alone."""

    def __init__(self, state: State, desk: Desk) -> None:
        self._state = state
        self._desk = desk
        self._ends: dict[tuple[str, Key], int] = {}

    def set(self, account_id: str, key: Key, length_ms: int) -> None:
        """Begin anew; a length of 0 disarms."""
        if length_ms > 0:
            self._ends[(account_id, key)] = self._state.now_ms + length_ms
        else:
            self._ends.pop((account_id, key), None)

    @property
    def due_ms(self) -> int | None:
        """When the first one runs out, None when none is armed."""
        return min(self._ends.values()) if self._ends else None

    def run(self) -> None:
        """Cancel the orders of those that ran out."""
        for (account_id, key), end_ms in sorted(self._ends.items(), key=lambda item: (item[1], item[0])):
            if end_ms <= self._state.now_ms:
                del self._ends[(account_id, key)]
                account = self._state.account(account_id)
                self._desk.cancel_all(account, key[0], key, reason="countdown")
