"""What a venue says of its instruments, in answers that are partial, that change their mind, or that are garbage."""

from __future__ import annotations

import asyncio

from bot.domain.events import RulesChanged
from bot.domain.units import MINUTE_NS, SECOND_NS
from bot.runtime.metadata import CONFIRM_NS, STOPPED_EVERY_NS
from bot.venues.budget import Budget, Lane
from bot.venues.budget import Limits as RateLimits
from bot.venues.translate.catalogue import rows_of
from tests.kit import START_NS, d
from tests.runtime.stage import facts_of
from tests.runtime.test_metadata import BTC_HEDGE, EVERY_S, Listing, hours, reading


def rested() -> Listing:
    """A hedged book, and a venue whose answers a test makes up."""
    listing = Listing()
    listing.at_rest()
    return listing


async def test_an_instrument_that_only_one_answer_left_out_is_traded_on() -> None:
    """A partial list, and a whole one a minute later: nothing was agreed on, so nothing stops."""
    listing = rested()
    whole = dict(listing.now)
    listing.now = {**whole, BTC_HEDGE: None}

    def is_back() -> None:
        listing.now = whole

    listing.then = is_back
    async with reading(listing):
        await hours(listing)

    assert (2, True) == (listing.reads, listing.future.trading)
    assert [] == facts_of(listing.journal, RulesChanged)


async def test_what_the_venue_took_back_while_it_waited_never_comes_into_force() -> None:
    """A stop that waited for an order's end, and was over by then, does not stop the instrument afterwards."""
    listing = rested()
    listing.exchange.truth.coins["BTC"] += d("0.2")
    listing.read()
    listing.clock.move(2 * SECOND_NS)
    listing.read()
    order = listing.order()
    assert listing.engine.state.orders.live()
    listing.relist(trading=False)
    waits = asyncio.create_task(listing.amendments.run())
    async with reading(listing):
        await hours(listing)
        told = facts_of(listing.journal, RulesChanged)
        listing.relist()
        await listing.wait(EVERY_S)
        listing.fill(order)
        await listing.wait(CONFIRM_NS / SECOND_NS + 5)
    waits.cancel()

    assert ([], []) == (told, listing.engine.state.orders.live())
    assert listing.future.trading
    assert [] == facts_of(listing.journal, RulesChanged)


async def test_a_trading_stop_is_looked_at_again_within_minutes() -> None:
    """A hedge cannot be given back meanwhile, so a pause of the venue's must not cost an hour after its end."""
    listing = rested()
    listing.relist(trading=False)
    async with reading(listing):
        await hours(listing)
        assert not listing.future.trading
        listing.relist()
        await listing.wait((STOPPED_EVERY_NS + CONFIRM_NS) / SECOND_NS + 1)

    assert listing.future.trading


def test_a_rate_limit_of_nothing_is_not_believed() -> None:
    """Nothing could leave under it any more: no order, and no read that would bring a better answer either."""
    body = b"""{"symbols": [{"symbol": "X"}], "rateLimits": [
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 0},
        {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": -1},
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 200}]}"""
    stated = RateLimits(weight_per_minute=2_400, orders_per_10s=300, orders_per_minute=1_200)
    budget = Budget(stated, lambda: START_NS - START_NS % MINUTE_NS, asyncio.sleep)
    budget.configure(rows_of(body, frozenset()).limits(stated))

    assert RateLimits(weight_per_minute=2_400, orders_per_10s=200, orders_per_minute=1_200) == budget.limits
    assert 0 == budget.take(Lane.ORDER, 1, orders=1)
    assert budget.used_ratio() < 1
