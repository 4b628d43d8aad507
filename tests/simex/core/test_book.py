"""The queue of a price level, and the shape of a side."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.simex.core.book import Book, BookSide, clear_better
from bot.simex.core.order import BUY, SELL, Order, Side
from tests.simex.core.trading_stage import perpetual


def order(order_id: int, price: int, quantity: int, side: Side = BUY) -> Order:
    """A bare limit order."""
    return Order(
        order_id,
        "",
        "a",
        PERPETUAL,
        side,
        "limit",
        "gtc",
        quantity,
        price,
        "none",
        "user",
        0,
        0,
    )


PERPETUAL = perpetual()


def test_an_order_stands_behind_what_is_there_and_before_what_comes() -> None:
    """The background at its arrival is ahead of an order, later background is not."""
    side, mine = BookSide(BUY), order(1, 100, 5)
    side.set_background(100, 10)
    side.add(mine)
    side.set_background(100, 30)

    assert mine.ahead == 10
    assert side.depth(1) == ((100, 35),)


def test_background_is_cancelled_from_behind() -> None:
    """A shrinking background moves an order forward only when nothing behind it is left to go."""
    side, mine = BookSide(BUY), order(1, 100, 5)
    side.set_background(100, 10)
    side.add(mine)
    side.set_background(100, 30)
    side.set_background(100, 10)
    assert mine.ahead == 10
    side.set_background(100, 4)

    assert mine.ahead == 4


def test_background_is_traded_from_the_front() -> None:
    """What is traded of the background brings every order behind it forward."""
    side, first, second = BookSide(SELL), order(1, 100, 5, SELL), order(2, 100, 5, SELL)
    side.set_background(100, 10)
    side.add(first)
    side.set_background(100, 16)
    side.add(second)
    side.take_background(side.levels[100], 8)

    assert (first.ahead, second.ahead) == (2, 8)


def test_a_level_is_gone_with_its_last_quantity() -> None:
    """Background and orders both leave an empty level behind, which no longer counts as the best."""
    side = BookSide(SELL)
    side.set_background(100, 1)
    side.add(order(1, 101, 1, SELL))
    side.set_background(100, 0)
    assert side.best_price() == 101
    side.remove(next(iter(side.levels[101].orders.values())))

    assert (side.best_price(), side.keys, side.levels) == (0, [], {})


def test_changes_are_told_once_best_first() -> None:
    """The touched prices come out with what they hold now, zero when gone, and are then forgotten."""
    side = BookSide(BUY)
    for price, quantity in ((98, 1), (100, 2), (99, 3), (99, 0)):
        side.set_background(price, quantity)

    assert side.taken_changes() == ((100, 2), (99, 0), (98, 1))
    assert side.taken_changes() == ()


def test_clearing_spares_the_price_itself_and_account_orders() -> None:
    """Background better than a price goes; the price itself, worse ones and account orders stay."""
    side, mine = BookSide(SELL), order(1, 98, 7, SELL)
    for price in (98, 99, 100, 101):
        side.set_background(price, 1)
    side.add(mine)
    clear_better(side, 100)

    assert side.depth(9) == ((98, 7), (100, 1), (101, 1))
    assert mine.ahead == 0


def test_the_mid_needs_both_sides() -> None:
    """Without one side there is no mid and that half of the top is zero."""
    book = Book(PERPETUAL)
    book.bids.set_background(100, 3)
    assert (book.mid(), book.top()) == (0, (100, 3, 0, 0))
    book.asks.set_background(105, 2)

    assert (book.mid(), book.top()) == (102, (100, 3, 105, 2))


@given(
    sign=st.sampled_from((BUY, SELL)),
    steps=st.lists(st.tuples(st.integers(1, 12), st.integers(0, 9), st.booleans()), max_size=60),
)
def test_a_side_is_its_levels_sorted(sign: Side, steps: list[tuple[int, int, bool]]) -> None:
    """Whatever comes and goes, the keys are the levels in order, aheads never exceed the background and never fall."""
    side = BookSide(sign)
    live: list[Order] = []
    for number, (price, quantity, background) in enumerate(steps, 1):
        if background:
            side.set_background(price, quantity)
        elif quantity:
            live.append(order(number, price, quantity, sign))
            side.add(live[-1])
        elif live:
            side.remove(live.pop(price % len(live)))

    assert side.keys == sorted(price * sign for price in side.levels)
    for level in side.levels.values():
        aheads = [one.ahead for one in level.orders.values()]
        assert aheads == sorted(aheads)
        assert all(ahead <= level.background for ahead in aheads)
        assert level.resting == sum(one.remaining for one in level.orders.values())
        assert level.background + level.resting > 0
