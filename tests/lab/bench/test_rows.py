"""Every row, measured with the smallest counts: the figures are there, and they are what they say."""

import gc
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.lab.bench import rows
from bot.lab.bench.figures import Counts, Figure, Row

TINY = Counts(
    repeats=1,
    ticker_frames=600,
    ccxt_frames=50,
    depth_frames=200,
    paced_frames=20,
    replayed=20_000,
    evaluated=4,
    evaluations=2,
    walked=2_000,
    intents=2,
    orders=3,
    appends=100,
    commits=3,
    starts=1,
    statuses=1,
    programs=2,
    updates=2_000,
    exchange_calls=500,
    simulated_s=20,
)


@pytest.fixture(autouse=True)
def _interpreter_as_found() -> Iterator[None]:
    """A row freezes garbage and shortens the switch interval of its own process; here that is everybody's."""
    interval = sys.getswitchinterval()
    yield
    sys.setswitchinterval(interval)
    gc.unfreeze()
    gc.enable()


def measured(key: str, tmp_path: Path) -> dict[str, Figure]:
    """A row's figures by name."""
    row = rows.run_here(key, TINY, tmp_path)
    assert list(tmp_path.iterdir()) == [], "the row left something behind"
    assert row.title == rows.ROWS[key][0]
    return {figure.name.strip(): figure for figure in row.figures}


@pytest.mark.process
@pytest.mark.parametrize("key", ["depth", "replay", "journal", "status", "evaluation", "bands", "simex", "served"])
def test_a_row_measures_something(key: str, tmp_path: Path) -> None:
    """Every figure is a positive number, and nothing is left in the directory."""
    found = measured(key, tmp_path)

    assert found
    assert [] == [name for name, figure in found.items() if not figure.value > 0]


@pytest.mark.process
def test_ratios_are_those_of_the_figures_beside_them(tmp_path: Path) -> None:
    """The ticker's ratios are quotients of the same run."""
    found = measured("ticker", tmp_path)

    for way in ("TLS", "plain"):
        whole = found[f"bookTicker -> decision, flood, {way}"].value
        assert whole / found[f"bare picows + msgspec + arithmetic, {way}"].value == found[f"ours / bare, {way}"].value
        rest = found[f"picows, empty callback, {way}"].value
        assert pytest.approx(whole) == rest + found[f"of it from the frame callback on, {way}"].value
    assert found["ccxt.pro watch_bids_asks, plain"].value > 0


@pytest.mark.process
def test_an_orders_first_byte_leaves_after_the_call(tmp_path: Path) -> None:
    """Durations to the first byte are positive, and a breach may take 500 us more than the commit printed beside it."""
    found = measured("orders", tmp_path)

    assert [] == [name for name, figure in found.items() if not figure.value > 0]
    target = found["breach -> first byte, TLS, p50"].target
    assert target is not None
    assert pytest.approx(found["commit beside it, p50"].value + 500) == target.value


@pytest.mark.process
def test_memory_is_compared_with_itself(tmp_path: Path) -> None:
    """The growth is the difference of what is printed above it."""
    found = measured("memory", tmp_path)

    after = found["resident memory after 2,000 updates"].value
    assert pytest.approx(after - found["resident memory before"].value) == found["growth"].value
    assert found["resident memory before"].value > 10


@pytest.mark.process
def test_a_row_runs_in_a_process_of_its_own(tmp_path: Path) -> None:
    """What the child prints is the row, decoded again."""
    row = rows.run_apart("cli", quick=True, parent=tmp_path)

    assert isinstance(row, Row)
    assert {"trimtab --help, wall", "trimtab --help, CPU", "ccxt modules that it loads"} == {
        figure.name for figure in row.figures
    }


def test_a_row_that_fails_says_why(tmp_path: Path) -> None:
    """The last line of the child's trouble is told; the others go on."""
    with pytest.raises(rows.RowFailed, match=r"replay: .*No such file"):
        rows.run_apart("replay", quick=True, parent=tmp_path / "missing")
