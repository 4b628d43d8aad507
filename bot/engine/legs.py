"""Corrections in progress: what a target's hedge has sent so far, and what a pair leaves naked.

Theory of operation
-------------------
A breach opens a correction for its group (an asset of a ratio target, or a whole weights target). It sends an intent
of one or more legs, waits until every one of them has ended and every position is settled, and looks again: as long as
the destination is not reached and another order can be made, it sends the next intent. Then it closes with an account
of what it took. So a partial fill, a rejected leg and a slice are one thing: what is left is planned anew from
confirmed positions, never from what was meant to happen.

A pair whose legs filled unevenly is naked by the difference. That is completed by the next intent; how long it lasts
is measured in quote currency times seconds, and beyond the budget a person is told.
"""

from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from decimal import Decimal

import msgspec

from bot.domain.units import SECOND_NS, ZERO, ClientOrderId, Nanos, Notional


class Correction(msgspec.Struct, frozen=True):
    """A hedge under way."""

    reason: str
    opened_ns: Nanos
    intents: int
    orders: tuple[ClientOrderId, ...]
    alerted: bool = False


@dataclass(slots=True)
class Legs:
    """Owner of the corrections, by group.

    `proposed` has what was said once: the groups that `observe` spoke of, and that an unwind is done. `held` has the
    reason that was last given for sending nothing.
    """

    corrections: dict[str, Correction] = field(default_factory=dict)
    proposed: dict[str, bool] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)

    def open(self, group: str, reason: str, orders: tuple[ClientOrderId, ...], now: Nanos) -> None:
        """Note an intent's orders under the group's correction, which begins with its first."""
        before = self.corrections.get(group)
        if before is None:
            self.corrections[group] = Correction(reason, now, 1, orders)
        else:
            self.corrections[group] = msgspec.structs.replace(
                before, intents=before.intents + 1, orders=before.orders + orders
            )

    def forget(self, group: str, known: Container[ClientOrderId]) -> None:
        """Let go of a correction's orders that are known no more: it may go on for days, and they ended long ago."""
        if (before := self.corrections.get(group)) is not None:
            orders = tuple(client_id for client_id in before.orders if client_id in known)
            self.corrections[group] = msgspec.structs.replace(before, orders=orders)

    def note_alerted(self, group: str) -> None:
        """Remember that a person was told of a naked pair."""
        self.corrections[group] = msgspec.structs.replace(self.corrections[group], alerted=True)

    def end(self, groups: Iterable[str]) -> tuple[tuple[str, Correction], ...]:
        """Groups that are no longer what they were: forget what was said of them; give back what was under way."""
        ended = []
        for group in groups:
            self.held.pop(group, None)
            self.proposed.pop(group, None)
            if (correction := self.corrections.pop(group, None)) is not None:
                ended.append((group, correction))
        return tuple(ended)

    def abandon(self) -> None:
        """A kill or a restart ends every correction: what is still needed is decided anew."""
        self.corrections.clear()
        self.proposed.clear()


def naked_seconds(notional: Notional, since: Nanos, now: Nanos) -> Decimal:
    """How naked a pair has been: quote currency times seconds."""
    return abs(notional) * (now - since) / SECOND_NS if since else ZERO
