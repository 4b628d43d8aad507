"""The terminal view: it fits, it says what is unknown, and nobody can write on the terminal through it."""

import io
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from bot.ops import rows, view
from bot.ops.rows import ASCII, UNICODE
from bot.runtime.status import ConversionStatus, PegStatus, Status, StreamStatus
from tests.ops.samples import KILLED, NOW_NS, STATUS, asset, order, position


def shown(drawn: RenderableType, width: int = 100) -> list[str]:
    """What a terminal of this width would show, without colours."""
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None, highlight=False)
    with console.capture() as captured:
        console.print(drawn)
    return [line.rstrip() for line in captured.get().splitlines()]


def changed(**changes: object) -> Status:
    """The sample with other fields."""
    return msgspec.structs.replace(STATUS, **changes)


@pytest.mark.parametrize("status", [STATUS, KILLED, changed(orders=(), notices=(), positions=(), streams=())])
@pytest.mark.parametrize(("width", "height"), [(100, 30), (80, 24), (200, 60)])
def test_it_fits_the_screen(status: Status, width: int, height: int) -> None:
    """No line is wider and the whole is not higher than the terminal."""
    lines = shown(view.draw(status, height, width), width)

    assert len(lines) <= height
    assert max(map(len, lines)) <= width


@given(count=st.integers(0, 100), notes=st.integers(0, 50), height=st.integers(24, 60))
def test_long_lists_are_cut_to_the_screen(count: int, notes: int, height: int) -> None:
    """However much has happened, the screen holds, and the newest is on it."""
    orders = tuple(order(number, contracts=Decimal(number)) for number in range(1, count + 1))
    status = changed(orders=orders, notices=tuple(f"notice {number}" for number in range(notes)))
    lines = shown(view.draw(status, height, 100))

    assert len(lines) <= height
    assert not count or any(line.split()[2:3] == [str(count)] for line in lines if "BTCUSDT" in line)


def test_the_whole_story_is_on_it() -> None:
    """Mode, book, futures, funding, streams, orders and notices can all be read."""
    text = "\n".join(shown(view.draw(STATUS)))

    for words in ("savings", "LIVE", "RUN", "in band", "OUT +2,409.92", "receives", "3 h 00 m", "usdm market#2 7.2s"):
        assert words in text
    for words in ("mark price of ETHUSDT is 7.2 s old", "unknown", "closed by the peer", "margin 2.13 %", "#482"):
        assert words in text


def test_a_kill_is_hard_to_miss() -> None:
    """A latched mode stands under the header with its reason and who set it."""
    assert ["HALT global: fat finger on the desk (by me (pid 4711))"] == shown(view.draw(KILLED))[1:2]


def test_unknown_is_shown_as_unknown() -> None:
    """An asset of which nothing is known shows question marks and no zero."""
    fields = ("price", "holding", "futures", "working", "exposure", "target", "deviation", "deviation_value", "trigger")
    nothing = asset("BTC", breached=None, **dict.fromkeys(fields))
    row = next(line for line in shown(view.draw(changed(assets=(nothing,)))) if line.startswith("BTC "))

    assert ["?"] * 6 == row.split()[1:7]
    assert row.endswith("unknown")


def test_an_unwound_book_says_so() -> None:
    """A hedge that was closed on purpose is not shown as a problem."""
    nothing = asset("BTC", group="unwind:BTC", breached=None, futures=None)

    assert "unwound" == rows.state(nothing).plain


@given(st.decimals(min_value=-3, max_value=3, places=3))
def test_the_bar_shows_which_side_and_how_far(scaled: Decimal) -> None:
    """The mark is left of the target for a negative deviation, and beyond an edge only outside the band."""
    row = asset(deviation=scaled, trigger=Decimal(1), breached=abs(scaled) > 1)
    text = rows.bar(row, UNICODE).plain
    mark = next(i for i, cell in enumerate(text) if cell in (UNICODE.here, UNICODE.beyond))
    edges = [i for i, cell in enumerate(text) if cell == UNICODE.edge]

    assert 17 == len(text)
    assert (mark - 8) * scaled >= 0
    assert (UNICODE.beyond in text) == (abs(scaled) > 1)
    if abs(scaled) > Decimal("1.2"):
        assert mark < edges[0] or mark > edges[-1]


def test_a_terminal_without_unicode_gets_ascii() -> None:
    """Where the encoding cannot draw lines, plain characters do."""
    text = rows.bar(asset(), ASCII).plain

    assert text.isascii()
    assert ASCII is view.glyphs_for(Console(file=io.TextIOWrapper(io.BytesIO(), encoding="ascii")))


@pytest.mark.parametrize("text", ["\x1b[2Jgone", "two\nlines", "back\rover", "\x9b31m"])
def test_nobody_writes_on_the_terminal_through_it(text: str) -> None:
    """Control characters in a notice, a reason or a latch reach the terminal as text only."""
    latches = (msgspec.structs.replace(KILLED.latches[0], reason=text),)
    status = changed(notices=(text,), assets=(asset(held_because=text),), latches=latches)
    drawn = shown(view.draw(status))

    assert not any(character in "\x1b\r\x9b" for line in drawn for character in line)
    assert 1 == sum(line.startswith("BTC held:") for line in drawn)


def test_streams_that_are_down_come_first() -> None:
    """What is wrong is not cut off at the end of the line, and a silent user stream is not wrong."""
    found = (StreamStatus("binance.usdm.user", True, 60 * 10**9, 1), StreamStatus("binance.spot.book", False, None, 3))
    (line,) = shown(view.streams(found, UNICODE))

    assert "✗ spot.book#3 ? ● usdm.user 1m00s" == line


def test_funding_says_who_pays() -> None:
    """With a positive rate a short receives and a long pays; with a negative one the other way round."""
    notes = {
        (side, rate): shown(
            rows.positions((position(contracts=Decimal(side), funding_rate=Decimal(rate)),), NOW_NS, True)
        )
        for side in ("-1", "1")
        for rate in ("0.0001", "-0.0001")
    }
    words = {key: lines[-1].split()[-1] for key, lines in notes.items()}

    assert {"receives"} == {words["-1", "0.0001"], words["1", "-0.0001"]}
    assert {"pays"} == {words["1", "0.0001"], words["-1", "-0.0001"]}


def test_a_position_that_is_not_confirmed_says_so() -> None:
    """What the venue has not confirmed is marked before anything else is said of it."""
    assert shown(rows.positions((position(settled=False),), NOW_NS, True))[-1].endswith("not confirmed yet")


def test_a_progress_line_is_plain_and_has_no_clock() -> None:
    """For logs: the same state gives the same line, whatever the time."""
    line = view.progress_line(STATUS)

    assert line == view.progress_line(changed(now_ns=NOW_NS + 1))
    assert "live; run; BTC +0.0005 in band; ETH +0.8 OUT; orders 3; usdm market down" == line


def test_not_ready_is_said() -> None:
    """A daemon that cannot hedge now does not look like one that has nothing to do."""
    assert "not ready" in shown(view.draw(changed(ready=False)))[0]
    assert "not ready" in view.progress_line(changed(ready=False))


STEADY = PegStatus(asset="USDT", price=Decimal(1), off_bps=Decimal(0), level="steady", told="USDT is at 1.0000 USD")


@pytest.mark.parametrize(
    ("peg", "line"),
    [
        (msgspec.structs.replace(STEADY, level="warned"), "PEG: USDT is at 1.0000 USD (warned)"),
        (msgspec.structs.replace(STEADY, level="stopped"), "PEG: USDT is at 1.0000 USD (no order adds risk)"),
        (msgspec.structs.replace(STEADY, price=None, told="not known"), "PEG: not known (no order adds risk)"),
    ],
)
def test_a_lost_peg_has_a_line_of_its_own(peg: PegStatus, line: str) -> None:
    """For as long as it is off, was lately or is not known; the screen still holds."""
    lines = shown(view.draw(msgspec.structs.replace(KILLED, peg=peg)))

    assert line in lines
    assert len(lines) <= view.HEIGHT


def test_a_peg_that_holds_stands_beside_the_margin() -> None:
    """Where it is watched its price is shown, where it is not nothing is."""
    assert any("USDT 1.0000 USD" in line for line in shown(view.draw(changed(peg=STEADY))))
    assert not any("USDT 1.0000 USD" in line or "PEG" in line for line in shown(view.draw(STATUS)))


@pytest.mark.parametrize(
    ("state", "why", "line"),
    [
        ("selling", "", "realise selling: 0.3 of 0.4 BTC sold, 0.2 of the hedge bought back"),
        ("stopped", "uneven", "realise stopped: 0.3 of 0.4 BTC sold, 0.2 of the hedge bought back: uneven"),
    ],
)
def test_a_conversion_says_how_far_it_has_come(state: str, why: str, line: str) -> None:
    """A line each below the coins; the screen still holds."""
    conversion = ConversionStatus(
        target="realise",
        asset="BTC",
        amount=Decimal("0.4"),
        sold=Decimal("0.3"),
        bought=Decimal("0.2"),
        state=state,
        why=why,
    )
    lines = shown(view.draw(msgspec.structs.replace(KILLED, conversions=(conversion,))))

    assert line in lines
    assert len(lines) <= view.HEIGHT
