"""An order that is only thought of: what placing it would come to, with nothing changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.simex.core.order import Order, Ticket
from bot.simex.core.refusal import Reason, Refused
from bot.simex.core.venue import BINANCE, BYBIT
from tests.simex.core.test_exchange import Anything

if TYPE_CHECKING:
    from bot.simex.core.venue import VenueRules


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), rules=st.sampled_from([BINANCE, BYBIT]))
def test_what_is_examined_is_what_would_happen(seed: int, rules: VenueRules) -> None:
    """An order that passes is accepted, one that does not is refused for the same reason, and nothing has changed."""
    world, plain = Anything(seed, rules), Anything(seed, rules)
    place = world.exchange.place
    examined: list[tuple[Reason | None, Reason | None]] = []

    def examining(account: str, ticket: Ticket) -> Order:
        found: Reason | None = None
        try:
            world.exchange.examine(account, ticket)
        except Refused as refused:
            found = refused.reason
        try:
            order = place(account, ticket)
        except Refused as refused:
            examined.append((found, refused.reason))
            raise
        examined.append((found, None))
        return order

    world.exchange.place = examining  # type: ignore[assignment]  # each order is examined first

    assert plain.run(40) == world.run(40)
    assert all(before == after for before, after in examined)
    assert examined
