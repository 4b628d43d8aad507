"""Hourly prices that a book lives through, recorded or made up, and what the product's statistics say of them."""

from __future__ import annotations

import csv
import gzip
import math
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, pairwise
from operator import mul
from pathlib import Path

import msgspec

from bot.calc import moments
from bot.calc.joint import Coupling, coupling
from bot.calc.linear import cholesky
from bot.domain.statistics import Matrix
from bot.domain.targets import StatisticsRule
from bot.domain.units import HOUR_NS, Asset, Nanos

HOUR_MS = 3_600_000
DAY_HOURS = 24
YEAR_HOURS = 8_760
WARM_UP_HOURS = 720
CORRELATION = 0.7
"""Of made-up prices, each pair's."""

Row = tuple[float, ...]
"""A number of each asset."""


class NoPrices(Exception):
    """The recorded prices are not there, or not whole; the message is for a person."""


class Book(msgspec.Struct, frozen=True, kw_only=True):
    """Weights of NAV to be kept and the one-way cost of a trade of each; volatilities a year for made-up prices."""

    assets: tuple[str, ...]
    weights: Row
    costs: Row
    volatilities: Row


BOOK = Book(
    assets=("BTC", "ETH", "SOL", "ADA", "XRP"),
    weights=(0.40, 0.25, 0.15, 0.10, 0.10),
    costs=(5.5e-4, 5.5e-4, 6e-4, 6.5e-4, 6e-4),
    volatilities=(0.55, 0.70, 0.95, 0.85, 0.85),
)


@dataclass(frozen=True)
class History:
    """Prices by hour, from one midnight (UTC) to another."""

    spot: tuple[Row, ...]
    futures: tuple[Row, ...]

    @property
    def hours(self) -> int:
        """How many hours are measured: all after the warm-up."""
        return len(self.spot) - 1 - WARM_UP_HOURS

    @cached_property
    def couplings(self) -> tuple[Coupling, ...]:
        """What was known of the covariance a year at each hour, from the end of the warm-up on."""
        known = islice(_covariances(self.spot), WARM_UP_HOURS, None)
        annual = (tuple(tuple(YEAR_HOURS * value for value in row) for row in one) for one in known)
        return tuple(map(coupling, annual))


def recorded(directory: Path, book: Book = BOOK) -> History:
    """The prices of 2024 on Binance, spot and perpetual, whole days. Raises NoPrices."""
    spot = _columns(directory, "spot", book)
    futures = _columns(directory, "usdm", book)
    common = sorted(set.intersection(*(set(column) for column in (*spot, *futures))))
    hours = _whole_days(common)
    return History(
        spot=tuple(tuple(column[hour] for column in spot) for hour in hours),
        futures=tuple(tuple(column[hour] for column in futures) for hour in hours),
    )


def made(seed: int, days: int, correlation: float = CORRELATION, book: Book = BOOK) -> History:
    """Correlated geometric Brownian motion without drift, `days` after the warm-up; futures trade at spot's price."""
    chance = random.Random(seed)
    size = len(book.assets)
    factor = cholesky([[1.0 if i == j else correlation for j in range(size)] for i in range(size)])
    assert factor is not None, "a common correlation of [0, 1) is always one"
    hourly = [volatility / math.sqrt(YEAR_HOURS) for volatility in book.volatilities]
    prices = [(1.0,) * size]
    for _ in range(WARM_UP_HOURS + days * DAY_HOURS):
        normal = [chance.gauss(0.0, 1.0) for _ in range(size)]
        mixed = [sum(map(mul, row, normal)) for row in factor]
        prices.append(tuple(p * math.exp(s * z - s * s / 2) for p, s, z in zip(prices[-1], hourly, mixed, strict=True)))
    return History(spot=tuple(prices), futures=tuple(prices))


def _columns(directory: Path, kind: str, book: Book) -> list[dict[int, float]]:
    return [_closes(directory / f"binance-{kind}-{asset}USDT-1h-2024.csv.gz") for asset in book.assets]


def _closes(path: Path) -> dict[int, float]:
    """The price at each full hour since 1970, which is the close of the bar that began an hour before."""
    try:
        with gzip.open(path, "rt", encoding="ascii", newline="") as file:
            return {int(bar["time_ms"]) // HOUR_MS + 1: float(bar["close"]) for bar in csv.DictReader(file)}
    except (OSError, EOFError, KeyError, ValueError) as error:
        raise NoPrices(f"{path}: {error}") from error


def _whole_days(hours: list[int]) -> range:
    midnights = [hour for hour in hours if hour % DAY_HOURS == 0] or [0]
    whole = range(midnights[0], midnights[-1] + 1)
    there = sum(1 for hour in hours if hour in whole)
    if len(whole) - 1 <= WARM_UP_HOURS or there < len(whole):
        raise NoPrices("the hours that all prices have in common are too few, or have gaps")
    return whole


def _covariances(prices: Iterable[Row]) -> Iterator[Matrix]:
    """What the product's own statistics say at each hour, by the defaults of a portfolio."""
    state = moments.begin(StatisticsRule())
    for hour, row in enumerate(prices):
        mids = {Asset(f"{i:03}"): price for i, price in enumerate(row)}
        state = moments.advance(state, mids, Nanos((hour + 1) * HOUR_NS))
        yield moments.moments(state).covariance


def steps(rows: Iterable[Row]) -> list[Row]:
    """What each number grows by from one hour to the next."""
    return [tuple(b - a for a, b in zip(before, after, strict=True)) for before, after in pairwise(rows)]
