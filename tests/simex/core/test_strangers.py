"""What the market's flow does to books and to the orders it meets."""

from __future__ import annotations

from bot.simex.core.events import OrderChanged, Traded
from bot.simex.core.flow import Aggression, FundingRate, IndexPrice, Level, Levels, Print, Top
from bot.simex.core.order import BUY, SELL, Trigger
from tests.simex.core.test_matching import end, fills
from tests.simex.core.trading_stage import Stage, n, rows


def test_a_top_says_that_nothing_is_better() -> None:
    """The best background becomes exactly what the record says; worse levels stay."""
    stage = Stage()
    stage.tell(Top(stage.perp.key, stage.now_ms + 1, n("99.8"), n(5), n("100.2"), n("0.5")))

    assert stage.book() == ([("99.8", "5"), ("99.7", "3")], [("100.2", "0.5"), ("100.3", "3")])


def test_a_top_without_a_side_empties_it() -> None:
    """A bid of zero says that nobody bids."""
    stage = Stage()
    stage.tell(Top(stage.perp.key, stage.now_ms + 1, 0, 0, n("100.1"), n(4)))

    assert stage.book() == ([], [("100.1", "4"), ("100.2", "2"), ("100.3", "3")])


def test_levels_replace_the_whole_background() -> None:
    """What is not in a snapshot is gone, and accounts' orders stay."""
    stage = Stage()
    stage.buy("a", "1", "99.5")
    stage.tell(Levels(stage.perp.key, stage.now_ms + 1, rows((("99", "7"),)), rows((("101", "8"),))))

    assert stage.book() == ([("99.5", "1"), ("99", "7")], [("101", "8")])


def test_a_level_that_crosses_an_order_fills_it_at_its_own_price() -> None:
    """A stranger's bid above an account's ask trades with it, best order first; the rest of the bid stays."""
    stage = Stage()
    cheap, dear = stage.sell("a", "2", "100"), stage.sell("a", "2", "100.1")
    stage.exchange.drain()
    stage.level(BUY, "100.1", "5")

    assert fills(stage) == [("a", "100", "2", True), ("a", "100.1", "2", True)]
    assert (cheap.status, dear.status) == ("filled", "filled")
    assert stage.book()[0][0] == ("100.1", "1")


def test_a_small_crossing_level_fills_a_part() -> None:
    """An order takes all of a smaller level that crosses it and rests with what is left."""
    stage = Stage()
    mine = stage.sell("a", "2", "100")
    stage.level(BUY, "100", "0.5")

    assert (mine.status, mine.filled) == ("partially_filled", n("0.5"))
    assert stage.book()[0][0] == ("99.9", "1")


def test_a_recorded_trade_fills_what_stood_in_its_way() -> None:
    """Orders better than the print are filled, at its price those that no background precedes; levels are untouched."""
    stage = Stage()
    better, at_price = stage.buy("a", "1", "100"), stage.buy("b", "1", "99.9")
    before = stage.book()[0][1:]
    stage.exchange.drain()
    stage.tell(Print(stage.perp.key, stage.now_ms + 1, n("99.9"), n("2.5"), SELL))

    assert end(better) == ("filled", "", "1")
    assert end(at_price) == ("partially_filled", "", "0.5")
    assert stage.book()[0] == [("99.9", "1.5"), *before[1:]]


def test_a_print_beyond_an_order_passed_the_background_before_it() -> None:
    """A trade at a worse price says that nothing better was left: an order there is filled whatever was ahead of it."""
    stage = Stage()
    mine = stage.buy("a", "1", "99.9")
    stage.tell(Print(stage.perp.key, stage.now_ms + 1, n("99.8"), n(1), SELL))

    assert end(mine) == ("filled", "", "1")


def test_a_print_brings_an_order_forward() -> None:
    """A trade of what stood before an order shortens its way, and the record of the level does not do so twice."""
    stage = Stage()
    mine = stage.buy("a", "1", "99.8")
    stage.tell(Print(stage.perp.key, stage.now_ms + 1, n("99.8"), n("0.5"), SELL))
    assert mine.ahead == n("1.5")
    stage.level(BUY, "99.8", "1.5")

    assert mine.ahead == n("1.5")


def test_a_print_is_told_once_however_many_it_filled() -> None:
    """The public trades of a print add up to its quantity."""
    stage = Stage()
    stage.buy("a", "1", "100")
    stage.exchange.drain()
    stage.tell(Print(stage.perp.key, stage.now_ms + 1, n("99.9"), n(3), SELL))
    trades = stage.drained(Traded)

    assert [(one.price, one.quantity, one.buyer_is_maker) for one in trades] == [
        (n(100), n(1), True),
        (n("99.9"), n(2), True),
    ]


def test_a_print_away_from_every_order_fills_nothing() -> None:
    """A trade on the other side of an account's order is only told."""
    stage = Stage()
    mine = stage.buy("a", "1", "99.5")
    stage.exchange.drain()
    stage.tell(Print(stage.perp.key, stage.now_ms + 1, n("100.1"), n(1), BUY))

    assert mine.filled == 0
    assert stage.drained(OrderChanged) == []


def test_index_and_funding_reach_the_marks() -> None:
    """The source's index price is the index at the next sample, its rate the one of its settlement."""
    stage = Stage()
    settles = stage.exchange.accounting.rates.next_ms(stage.perp.key)
    stage.tell(IndexPrice("BTCUSDT", stage.now_ms + 1, n("101.5")), FundingRate(stage.perp.key, settles, 12_345))
    stage.exchange.advance(stage.now_ms + 1_000)

    assert stage.exchange.marks.index(stage.perp.key) == n("101.5")


def test_the_order_of_a_moment_is_the_order_of_the_flow() -> None:
    """Two changes of one level in one millisecond leave the later one."""
    stage = Stage()
    now = stage.now_ms + 1
    stage.tell(*(Level(stage.perp.key, now, BUY, n("99.9"), n(quantity)) for quantity in (8, 0, 3)))

    assert stage.book()[0][0] == ("99.9", "3")


def test_nothing_trades_in_a_halt() -> None:
    """While an instrument is halted its book changes and no order is filled; what crosses by then trades afterwards."""
    stage = Stage()
    stage.buy("a", "1")
    mine = stage.sell("a", "2", "100")
    stop = stage.sell("a", "1", trigger=Trigger(price=n("99.9"), by="mark", rises=False), reduce_only=True)
    stage.exchange.set_status(stage.perp.key, "halted")
    stage.level(BUY, "100", "5")
    stage.tell(
        Aggression(stage.perp.key, stage.now_ms + 1, BUY, 0, n(9)),
        Print(stage.perp.key, stage.now_ms + 1, n(101), n(9), BUY),
    )
    stage.exchange.marks.hold(stage.perp.key, n(99))
    stage.exchange.advance(stage.now_ms + 1_000)
    assert (mine.filled, stop.status) == (0, "untriggered")
    stage.exchange.set_status(stage.perp.key, "trading")
    stage.exchange.check()
    assert (mine.status, stage.book()[0][0]) == ("filled", ("100", "3"))
    stage.exchange.advance(stage.now_ms + 1_000)

    assert end(stop) == ("expired", "reduce_only", "0")
