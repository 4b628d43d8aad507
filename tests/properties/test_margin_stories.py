"""No order that adds risk leaves an account near its liquidation, whatever happened before it was sent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import chain, combinations

from hypothesis import event, given, settings
from hypothesis import strategies as st

from bot.domain.account import Balance
from bot.domain.commands import Command, SubmitOrder
from bot.domain.events import Action, BalancesChanged, Event
from bot.domain.order import OrderRequest
from bot.domain.units import BPS_PER_UNIT, ONE, ZERO
from tests.engine.kit import World
from tests.kit import USDM, USDT, d

LIMIT = d("0.15")
MOVES = tuple(LIMIT * part / 4 for part in range(-4, 5))
FEE = d(5) / BPS_PER_UNIT
CHAPTERS = st.sampled_from("deposit withdraw ether dear cheap apart fund drain deaf hearing restart arm wait".split())


def needed(notional: Decimal) -> Decimal:
    """Maintenance margin of the kit's perpetuals, from their definition."""
    return notional * d("0.004") if notional <= 300_000 else notional * d("0.005") - 300


def every_part(orders: Sequence[OrderRequest]) -> Iterable[tuple[OrderRequest, ...]]:
    """Every way in which some of the orders fill."""
    return chain.from_iterable(combinations(orders, count) for count in range(len(orders) + 1))


class Judged(World):
    """A world in which each order that leaves is held against the limit by an account of its own."""

    checked = 0

    def handle(self, event: Event) -> Sequence[Command]:
        """Look at each order, with those before it that may fill or not."""
        commands = super().handle(event)
        new = [one.order.request for one in commands if isinstance(one, SubmitOrder)]
        live = [record.request for record in self.engine.state.orders.live()]
        before = [one for one in live if one.client_id not in {request.client_id for request in new}]
        for request in new:
            if not request.reduce_only:
                self.check(request, before)
            before.append(request)
        return commands

    def check(self, request: OrderRequest, others: Sequence[OrderRequest]) -> None:
        """The slack under every move up to the limit, whichever of the others fill."""
        for filling in every_part(others):
            for move in MOVES:
                assert self.slack((*filling, request), move) > -d("1e-6"), f"{request} with {len(filling)} at {move}"
        self.checked += 1

    def slack(self, filling: Sequence[OrderRequest], move: Decimal) -> Decimal:
        """Equity less maintenance margin with these filled at their limits, and all prices moved."""
        state = self.engine.state
        left = state.accounts.balances[USDM][USDT].least
        for name, belief in state.accounts.positions.items():
            mark, size = d(str(state.books.marks[name].mark)), belief.position.contracts
            left += size * (mark - belief.position.entry_price) if size else ZERO
            for order in (one for one in filling if one.instrument == name):
                size += order.signed_contracts
                left += order.signed_contracts * (mark - order.limit_price) - order.contracts * order.limit_price * FEE
            left += size * mark * move - needed(abs(size) * mark * (ONE + move))
        return left


def happen(world: World, chapter: str) -> None:  # noqa: C901 - one branch a chapter
    """One of the things that may happen to a portfolio."""
    prices = world.venue.prices
    match chapter:
        case "deposit":
            world.deposit("BTC", "0.15")
        case "withdraw" if world.venue.coins["BTC"] > d("0.3"):
            world.deposit("BTC", "-0.12")
        case "ether":
            world.deposit("ETH", "1.9")
        case "dear" | "cheap":
            for coin in prices:
                world.price(coin, round(prices[coin] * (1.04 if chapter == "dear" else 0.96), 1))
        case "apart":
            world.price("BTC", round(prices["BTC"] * 1.03, 1))
            world.price("ETH", round(prices["ETH"] * 0.97, 1))
        case "fund" | "drain":
            world.venue.wallet *= d("1.15") if chapter == "fund" else d("0.85")
            held = (Balance(USDT, world.venue.wallet),)
            world.pending.append(BalancesChanged(USDM, held, "TRANSFER", world.now, world.now))
        case "deaf":
            world.venue.answers = world.venue.streams = False
        case "hearing":
            world.venue.answers = world.venue.streams = True
        case "restart":
            world.restart()
        case "arm":
            world.ask(Action.ARM)
        case _:
            world.run(4)


@settings(max_examples=40, deadline=None)
@given(st.integers(8_000, 30_000), st.lists(CHAPTERS, min_size=3, max_size=20))
def test_no_story_ends_in_an_order_too_near_to_liquidation(wallet: int, story: Sequence[str]) -> None:
    """Flows, prices, transfers, lost answers and restarts: each order that adds risk survives 15 % either way."""
    world = Judged.neutral(coins={"BTC": "1", "ETH": "10"}, stress_distance_min=LIMIT, orders_per_minute_max=99)
    assert isinstance(world, Judged)
    world.venue.wallet = Decimal(wallet)
    world.run(3)
    for chapter in story:
        happen(world, chapter)
        world.run(2)
    event(f"orders held against the limit: {min(world.checked, 3)}")
