"""Prices to live through: the same for everybody, whole days, and never silently incomplete."""

from __future__ import annotations

import gzip
import math
import os
from pathlib import Path

import pytest

from bot.lab.bands.history import (
    BOOK,
    DAY_HOURS,
    HOUR_MS,
    WARM_UP_HOURS,
    YEAR_HOURS,
    Book,
    NoPrices,
    made,
    recorded,
    steps,
)

PAIR = Book(assets=("AA", "BB"), weights=(0.6, 0.4), costs=(5e-4, 6e-4), volatilities=(0.5, 0.8))
FIRST_HOUR = 20_000 * DAY_HOURS - 2
"""A bar that opens two hours before a midnight: the first full hour that is known is the last of that day."""


def write(directory: Path, hours: int, without: int | None = None) -> None:
    """Recorded bars of the pair: the hour's number is the price; one hour may be missing."""
    directory.mkdir(exist_ok=True)
    for kind in ("spot", "usdm"):
        for asset in PAIR.assets:
            bars = [f"{hour * HOUR_MS},1,1,1,{hour + 1},9" for hour in range(FIRST_HOUR, FIRST_HOUR + hours)]
            if without is not None and kind == "usdm":
                del bars[without]
            text = "\n".join(["time_ms,open,high,low,close,volume", *bars])
            (directory / f"binance-{kind}-{asset}USDT-1h-2024.csv.gz").write_bytes(gzip.compress(text.encode()))


def test_one_seed_is_one_path() -> None:
    """The same seed makes the same prices, another makes others."""
    assert made(1, 1, 0.7, PAIR).spot == made(1, 1, 0.7, PAIR).spot != made(2, 1, 0.7, PAIR).spot


def test_made_up_prices_are_as_volatile_and_correlated_as_asked() -> None:
    """Volatility a year and correlation of log returns come out within their sampling error."""
    prices = made(3, 170, 0.7, PAIR).spot
    logs = [tuple(map(math.log, row)) for row in prices]
    a, b = zip(*steps(logs), strict=True)
    square_a, square_b = sum(x * x for x in a) / len(a), sum(x * x for x in b) / len(b)

    assert math.sqrt(square_a * YEAR_HOURS) == pytest.approx(0.5, rel=0.05)
    assert math.sqrt(square_b * YEAR_HOURS) == pytest.approx(0.8, rel=0.05)
    assert sum(x * y for x, y in zip(a, b, strict=True)) / len(a) == pytest.approx(
        0.7 * math.sqrt(square_a * square_b), rel=0.08
    )


def test_what_is_known_is_the_products_covariance_a_year() -> None:
    """There is one for each hour from the end of the warm-up, and it is near what the prices were made with."""
    history = made(3, 2, 0.7, PAIR)

    assert history.hours == 2 * DAY_HOURS
    assert len(history.couplings) == history.hours + 1
    assert [0.25, 0.64] == pytest.approx(list(history.couplings[-1].variances), rel=0.25)
    assert history.couplings[-1].rows[0][1] == pytest.approx(0.5 * 0.7 * 0.8 / 0.5, rel=0.25)


def test_recorded_prices_are_whole_days_of_closes(tmp_path: Path) -> None:
    """The close of a bar is the price at its end; what lies outside the first and last midnight is left out."""
    write(tmp_path, 2 + 31 * DAY_HOURS + 5)
    history = recorded(tmp_path, PAIR)

    assert history.spot[0][0] % DAY_HOURS == 0
    assert history.spot[0][0] == FIRST_HOUR + 2
    assert len(history.spot) == len(history.futures) == 31 * DAY_HOURS + 1
    assert history.hours == 31 * DAY_HOURS - WARM_UP_HOURS


@pytest.mark.parametrize(("hours", "without"), [(32 * DAY_HOURS, 300), (DAY_HOURS, None), (5, None)])
def test_prices_with_gaps_or_too_few_are_refused(tmp_path: Path, hours: int, without: int | None) -> None:
    """A missing hour is not lived through as if nothing had happened."""
    write(tmp_path, hours, without)

    with pytest.raises(NoPrices, match="too few, or have gaps"):
        recorded(tmp_path, PAIR)


@pytest.mark.parametrize("content", [None, b"not gzip", gzip.compress(b"time_ms,close\n1,x\n", mtime=0)])
def test_files_that_cannot_be_read_are_named(tmp_path: Path, content: bytes | None) -> None:
    """No file, or none of ours: the message says which."""
    if content is not None:
        (tmp_path / "binance-spot-AAUSDT-1h-2024.csv.gz").write_bytes(content)

    with pytest.raises(NoPrices, match="binance-spot-AAUSDT"):
        recorded(tmp_path, PAIR)


@pytest.mark.data
def test_the_year_2024_is_there() -> None:
    """The recorded prices of the measured book have no gap."""
    root = os.environ.get("TRIMTAB_DATA") or Path(__file__).resolve().parents[4] / "shared" / "data"
    directory = Path(root) / "prices"
    if not directory.is_dir():
        pytest.skip(f"no recorded prices at {directory} (TRIMTAB_DATA)")

    assert recorded(directory, BOOK).hours > 330 * DAY_HOURS
