"""Index, mark and premium: where they come from and how they move."""

from __future__ import annotations

from bot.simex.core.accounting import Accounting
from bot.simex.core.events import Marked
from bot.simex.core.numbers import SCALE
from bot.simex.core.state import State
from bot.simex.core.venue import BINANCE
from tests.simex.core.money_stage import START_MS, future, spot

BTC, COIN = future("BTCUSDT"), future("BTCUSD_PERP", "inverse", quote="USD", face=100)
PAIR = spot("BTCUSDT", "BTC")


def opened(**mids: int) -> Accounting:
    """An exchange with these mids, by category, in whole units."""
    state = State(BINANCE, (BTC, COIN, PAIR), START_MS)
    names = {"spot": PAIR.key, "usdm": BTC.key, "coinm": COIN.key}
    accounting = Accounting(state, {names[category]: mid * SCALE for category, mid in mids.items()}.get)
    accounting.marks.sample()
    return accounting


def test_the_spot_book_is_the_index_and_the_basis_is_averaged() -> None:
    """The first sample takes the whole basis; later ones move a thirtieth of the way."""
    mids = {PAIR.key: 1000 * SCALE, BTC.key: 1003 * SCALE}
    accounting = Accounting(State(BINANCE, (BTC, PAIR), START_MS), mids.get)
    marks = accounting.marks
    marks.sample()
    assert (1000 * SCALE, 1003 * SCALE) == (marks.index(BTC.key), marks.mark(BTC.key))

    mids[BTC.key] = 1006 * SCALE
    marks.sample()
    assert 1003 * SCALE + 3 * SCALE // 30 == marks.mark(BTC.key)


def test_a_thin_book_moves_the_mark_by_one_percent_at_most() -> None:
    """A contract at 1100 over an index of 1000 has a mark of 1010."""
    marks = opened(spot=1000, usdm=1100).marks

    assert 1010 * SCALE == marks.mark(BTC.key)


def test_a_dollar_index_falls_back_on_the_usdt_book_and_then_on_the_contract() -> None:
    """BTCUSD has no book here: its index is that of BTCUSDT; without any spot book, the contract's own."""
    assert 1000 * SCALE == opened(spot=1000, coinm=1001).marks.index(COIN.key)
    assert 1001 * SCALE == opened(coinm=1001).marks.index(COIN.key)


def test_the_source_names_an_index_or_its_constituents() -> None:
    """A named price is the index; constituents and our own book give their median."""
    marks = opened(spot=1000, usdm=1000).marks
    marks.index_price("BTCUSDT/elsewhere", 1002 * SCALE)
    marks.index_price("BTCUSDT/broken", 2000 * SCALE)
    marks.sample()
    assert 1002 * SCALE == marks.index(BTC.key)
    marks.index_price("BTCUSDT/fourth", 1001 * SCALE)
    marks.sample()
    assert 1_001 * SCALE + SCALE // 2 == marks.index(BTC.key)

    marks.index_price("BTCUSDT", 990 * SCALE)
    marks.sample()
    assert 990 * SCALE == marks.index(BTC.key)


def test_a_missing_price_leaves_the_last_one() -> None:
    """Without a book there is no mark at first; when the book empties, the basis stays."""
    mids = {PAIR.key: 1000 * SCALE, BTC.key: 1003 * SCALE}
    accounting = Accounting(State(BINANCE, (BTC, COIN, PAIR), START_MS), mids.get)
    marks = accounting.marks
    assert 0 == marks.mark(COIN.key) == marks.index(COIN.key)
    marks.sample()
    del mids[BTC.key]
    mids[PAIR.key] = 2000 * SCALE
    marks.sample()

    assert 2003 * SCALE == marks.mark(BTC.key)
    mids.clear()
    marks.sample()
    assert 2003 * SCALE == marks.mark(BTC.key)


def test_a_shock_is_followed_at_once() -> None:
    """Index and basis move with the factor, without averaging; other assets stay."""
    mids = {PAIR.key: 1000 * SCALE, BTC.key: 1002 * SCALE}
    marks = Accounting(State(BINANCE, (BTC, PAIR), START_MS), mids.get).marks
    marks.sample()
    mids.update({PAIR.key: 800 * SCALE, BTC.key: 802 * SCALE})
    version = marks.version
    marks.follow("ETH", 0.5)
    assert 1002 * SCALE == marks.mark(BTC.key)
    marks.follow("BTC", 0.5)

    assert 801 * SCALE == marks.mark(BTC.key)
    assert marks.version > version


def test_a_mark_can_be_held() -> None:
    """A held mark ignores index and book until it is let go."""
    marks = opened(spot=1000, usdm=1000).marks
    marks.hold(BTC.key, 1080 * SCALE)
    marks.sample()
    assert 1080 * SCALE == marks.mark(BTC.key)
    marks.hold(BTC.key, None)

    assert 1000 * SCALE == marks.mark(BTC.key)


def test_assets_in_dollars() -> None:
    """Stablecoins are a dollar unless said otherwise; coins have their index; what nothing prices is worth nothing."""
    marks = opened(spot=1000, usdm=1000).marks

    assert (SCALE, 1000 * SCALE, 0) == (marks.dollars("USDT"), marks.dollars("BTC"), marks.dollars("XYZ"))
    marks.index_price("USDTUSD", 65 * SCALE // 100)
    assert SCALE == marks.dollars("USDT")
    marks.sample()
    assert 65 * SCALE // 100 == marks.dollars("USDT")


def test_every_future_is_told_with_rate_and_time() -> None:
    """A perpetual's event carries the rate that would be charged and when; a closed contract is not told."""
    accounting = opened(spot=1000, usdm=1000, coinm=1000)
    accounting.state.drain()
    accounting.marks.sample()

    told = [event for event in accounting.state.drain() if isinstance(event, Marked)]
    assert [BTC, COIN] == [event.instrument for event in told]
    assert (10_000, START_MS + 8 * 3_600_000) == (told[0].rate, told[0].next_funding_ms)
    COIN.status = "closed"
    accounting.marks.sample()
    COIN.status = "trading"
    assert 1 == len(accounting.state.drain())
