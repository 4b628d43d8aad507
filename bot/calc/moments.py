"""Exponentially weighted variances and covariances of returns, sample by sample (formulas.md 2.8).

Theory of operation. A sample is all mids at one moment, one every `interval_ns`. The log return of an asset since the
sample before counts where both samples have its mid; a mid that is missing (or stale, so that it was left out) leaves
out that return and the next one, which has nothing to start from: nothing is ever taken for a return of 0. For each
pair of assets and each of three half-lives the accumulator keeps the weighted sum of the products of their returns
and the sum of the weights. Their quotient is the second moment about zero: unbiased however short the history is,
since it is divided by the weights that went in and not by the weight of an endless history.

Time. Weights decay by the time that passed, whatever was seen in it. After a gap the return spans k intervals: its
products are divided by k, which is their expectation per interval, and count as the one observation that they are.
Beyond SPAN_MAX intervals no return is made of a gap; below one interval a return counts for the part that it is.

All of it is plain data and plain arithmetic in a fixed order: the same samples give the same bits.
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from operator import mul

import msgspec

from bot.calc import linear
from bot.calc.elementary import halved, log
from bot.domain.snapshot import Returns
from bot.domain.statistics import Matrix, Moments
from bot.domain.targets import StatisticsRule
from bot.domain.units import Asset, Nanos

SPAN_MIN = 0.5
"""A sample that comes sooner than this part of an interval after the one before is not taken."""
SPAN_MAX = 168.0
"""Mids further apart than this many intervals make no return: too much may have happened to the coin's unit itself."""
HALF_LIVES_MAX = 10
"""Past returns older than this many of the longest half-life are left out: they weigh less than a thousandth."""
Triangle = tuple[tuple[float, ...], ...]
"""A symmetric matrix's lower half: row i has i + 1 elements."""
Three = tuple[Triangle, Triangle, Triangle]
"""For the rule's half-life, the fast and the slow one."""
EMPTY: Three = ((), (), ())


class Accumulator(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the next sample is added to. `assets` are sorted; `mids` are those of the sample at `at_ns`."""

    interval_ns: int
    half_lives_ns: tuple[int, int, int]
    at_ns: Nanos = Nanos(0)
    mids: dict[Asset, float] = {}
    assets: tuple[Asset, ...] = ()
    samples: tuple[int, ...] = ()
    sums: Three = EMPTY
    weights: Three = EMPTY


def begin(rule: StatisticsRule) -> Accumulator:
    """Statistics that know nothing."""
    return Accumulator(interval_ns=rule.sample_ns, half_lives_ns=_half_lives(rule))


def is_for(accumulator: Accumulator, rule: StatisticsRule) -> bool:
    """Whether these statistics are taken by this rule; those of another rule must begin anew."""
    return (accumulator.interval_ns, accumulator.half_lives_ns) == (rule.sample_ns, _half_lives(rule))


def advance(accumulator: Accumulator, mids: Mapping[Asset, float], sampled_ns: Nanos) -> Accumulator:
    """Add a sample. One that comes too soon, or from the past, changes nothing; what is no price is left out."""
    span = (sampled_ns - accumulator.at_ns) / accumulator.interval_ns
    if span < SPAN_MIN:
        return accumulator
    usable = {asset: mid for asset, mid in sorted(mids.items()) if 0.0 < mid < math.inf}
    past = accumulator.mids if span <= SPAN_MAX else {}
    changes = {asset: _log_or_none(mid / past[asset]) for asset, mid in usable.items() if asset in past}
    grown = _grown(accumulator, usable)
    state = _State(grown)
    state.add([changes.get(asset) for asset in grown.assets], span)
    return msgspec.structs.replace(state.frozen(), at_ns=sampled_ns, mids=usable)


def of_returns(returns: Returns, rule: StatisticsRule) -> Accumulator:
    """Statistics of past returns, in the rule's own interval whatever theirs is.

    Simple returns are made logarithmic. A series that is shorter than the others lacks the oldest; what is no return
    (None, not a number, a loss of everything) is missing.
    """
    assets = tuple(sorted(returns.series))
    span = returns.interval_ns / rule.sample_ns
    length = max(map(len, returns.series.values()), default=0)
    length = min(length, HALF_LIVES_MAX * max(_half_lives(rule)) // returns.interval_ns)
    columns = [_column(returns.series[asset], length, logarithmic=returns.logarithmic) for asset in assets]
    summed = [_summed(columns, length, span, halved(returns.interval_ns / one)) for one in _half_lives(rule)]
    return Accumulator(
        interval_ns=rule.sample_ns,
        half_lives_ns=_half_lives(rule),
        at_ns=returns.end_ns,
        assets=assets,
        samples=tuple(length - column.count(None) for column in columns),
        sums=(summed[0][0], summed[1][0], summed[2][0]),
        weights=(summed[0][1], summed[1][1], summed[2][1]),
    )


def seeded(accumulator: Accumulator, history: Accumulator) -> Accumulator:
    """Begin with a history: of each pair of assets the statistics that rest on more weight are taken.

    Both must be of one rule. Where the history ends later than the last sample, the next sample starts anew, so that
    no return counts twice.

    Raises:
        ValueError: they are not of one rule.
    """
    if (accumulator.interval_ns, accumulator.half_lives_ns) != (history.interval_ns, history.half_lives_ns):
        msg = "statistics and their history must have one interval and the same half-lives"
        raise ValueError(msg)
    at_ns = max(accumulator.at_ns, history.at_ns)
    assets = {*accumulator.assets, *history.assets}
    own, past = (_State(_grown(one, assets)) for one in (accumulator, history))
    own.decay((at_ns - accumulator.at_ns) / accumulator.interval_ns)
    past.decay((at_ns - history.at_ns) / history.interval_ns)
    own.take(past)
    mids = accumulator.mids if at_ns == accumulator.at_ns else {}
    return msgspec.structs.replace(own.frozen(), at_ns=at_ns, mids=mids)


def kept(accumulator: Accumulator, assets: Collection[Asset]) -> Accumulator:
    """The statistics of these assets only: what the portfolio no longer names is forgotten."""
    where = [i for i, asset in enumerate(accumulator.assets) if asset in assets]
    return msgspec.structs.replace(
        accumulator,
        mids={asset: mid for asset, mid in accumulator.mids.items() if asset in assets},
        assets=tuple(accumulator.assets[i] for i in where),
        samples=tuple(accumulator.samples[i] for i in where),
        sums=tuple(_cut(one, where) for one in accumulator.sums),
        weights=tuple(_cut(one, where) for one in accumulator.weights),
    )


def moments(accumulator: Accumulator) -> Moments:
    """What the samples say so far. O(n^2), and O(n^3) where returns are missing: once a sample, not once a quote."""
    covariance, fast, slow = (
        _full(_quotient(sums, weights)) for sums, weights in zip(accumulator.sums, accumulator.weights, strict=True)
    )
    known, known_fast = (
        _full(_effective(weights, halved(accumulator.interval_ns / half_life)))
        for weights, half_life in zip(accumulator.weights[:2], accumulator.half_lives_ns[:2], strict=True)
    )
    return Moments(
        assets=accumulator.assets,
        interval_ns=accumulator.interval_ns,
        at_ns=accumulator.at_ns,
        samples=accumulator.samples,
        effective=max((known[i][i] for i in range(len(known))), default=0.0),
        covariance=_consistent(covariance, known),
        fast=fast,
        slow=slow,
        known=known,
        known_fast=known_fast,
    )


def unmeasured(moments: Moments, assets: Collection[Asset], samples_min: int = 1) -> tuple[Asset, ...]:
    """Those of the assets that have fewer returns than `samples_min`, or none in common with another of them."""
    index = {asset: i for i, asset in enumerate(moments.assets) if asset in assets}
    many = {asset: i for asset, i in index.items() if moments.samples[i] >= max(samples_min, 1)}
    apart = {a for a, i in many.items() for j in many.values() if not _weight(moments, i, j) > 0.0}
    return tuple(sorted({*assets} - many.keys() | apart))


def covariance(moments: Moments, assets: Collection[Asset], samples_min: int = 1) -> Matrix | None:
    """The covariances of these assets in this order, per interval; None where one is `unmeasured`."""
    if unmeasured(moments, assets, samples_min):
        return None
    where = [moments.assets.index(asset) for asset in assets]
    return linear.submatrix(moments.covariance, where, where)


def weight(moments: Moments, one: Asset, other: Asset) -> float:
    """How many returns of full weight two assets have in common; 0 where one is not among the moments."""
    if one not in moments.assets or other not in moments.assets:
        return 0.0
    return _weight(moments, moments.assets.index(one), moments.assets.index(other))


def _weight(moments: Moments, i: int, j: int) -> float:
    return moments.known[i][j] if moments.known else min(moments.effective, moments.samples[i], moments.samples[j])


def log_return(value: float | None, *, logarithmic: bool) -> float | None:
    """A return made logarithmic, where it is not so already; None for what is no return."""
    if value is None or not math.isfinite(value):
        return None
    return value if logarithmic else _log_or_none(1.0 + value)


class _State:
    """The accumulator's sums as lists, while returns are added to them."""

    def __init__(self, accumulator: Accumulator) -> None:
        self._start = accumulator
        self._samples = list(accumulator.samples)
        self._sums = [list(map(list, one)) for one in accumulator.sums]
        self._weights = [list(map(list, one)) for one in accumulator.weights]

    def add(self, returns: list[float | None], span: float) -> None:
        """Let `span` intervals pass and add the returns over them."""
        part = min(1.0, span)
        there = [0.0 if one is None else 1.0 for one in returns]
        values = [one or 0.0 for one in returns]
        self._fold(values, part / span, span, self._sums)
        self._fold(there, part, span, self._weights)
        for i, one in enumerate(returns):
            self._samples[i] += one is not None

    def decay(self, span: float) -> None:
        """Let `span` >= 0 intervals pass without a sample."""
        nothing = [0.0] * len(self._samples)
        self._fold(nothing, 0.0, span, self._sums)
        self._fold(nothing, 0.0, span, self._weights)

    def _fold(self, values: list[float], factor: float, span: float, into: list[list[list[float]]]) -> None:
        for triangle, half_life in zip(into, self._start.half_lives_ns, strict=True):
            left = halved(span * self._start.interval_ns / half_life)
            for i, row in enumerate(triangle):
                own = factor * values[i]
                triangle[i] = [left * so_far + own * other for so_far, other in zip(row, values, strict=False)]

    def take(self, other: "_State") -> None:
        """Take each pair from `other` that has more weight there; both have the same assets."""
        for kind, triangle in enumerate(other._weights):
            for i, row in enumerate(triangle):
                for j, there in enumerate(row):
                    if there > self._weights[kind][i][j]:
                        self._weights[kind][i][j] = there
                        self._sums[kind][i][j] = other._sums[kind][i][j]
        self._samples = [max(pair) for pair in zip(self._samples, other._samples, strict=True)]

    def frozen(self) -> Accumulator:
        """The accumulator as it is now."""
        return msgspec.structs.replace(
            self._start,
            samples=tuple(self._samples),
            sums=tuple(tuple(map(tuple, one)) for one in self._sums),
            weights=tuple(tuple(map(tuple, one)) for one in self._weights),
        )


def _half_lives(rule: StatisticsRule) -> tuple[int, int, int]:
    return (rule.half_life_ns, rule.fast_half_life_ns, rule.slow_half_life_ns)


def _log_or_none(ratio: float) -> float | None:
    """The log of a price ratio; None where it is too large or too small for a float."""
    return log(ratio) if 0.0 < ratio < math.inf else None


def _column(series: Sequence[float | None], length: int, *, logarithmic: bool) -> list[float | None]:
    """The latest `length` log returns, oldest first; what is missing at the beginning is None."""
    latest = [log_return(one, logarithmic=logarithmic) for one in series[max(0, len(series) - length) :]]
    return [None] * (length - len(latest)) + latest


def _summed(columns: Sequence[list[float | None]], length: int, span: float, left: float) -> tuple[Triangle, Triangle]:
    """The sums that adding these returns one by one would lead to; `left` is what a step leaves of a weight."""
    part, age_weights = min(1.0, span), [1.0]
    while len(age_weights) < length:
        age_weights.append(age_weights[-1] * left)
    ages = age_weights[:length][::-1]
    total = part * math.fsum(ages)
    values = [[one or 0.0 for one in column] for column in columns]
    there = [[0.0 if one is None else 1.0 for one in column] for column in columns]
    gaps = [None in column for column in columns]
    sums, weights = [], []
    for i, own in enumerate(values):
        aged, seen = list(map(mul, own, ages)), list(map(mul, there[i], ages))
        sums.append(tuple(part / span * linear.dot(aged, other) for other in values[: i + 1]))
        weights.append(tuple(part * linear.dot(seen, there[j]) if gaps[i] or gaps[j] else total for j in range(i + 1)))
    return tuple(sums), tuple(weights)


def _grown(accumulator: Accumulator, assets: Collection[Asset]) -> Accumulator:
    """The accumulator with rows for these assets as well, of which nothing is known yet."""
    every = tuple(sorted({*accumulator.assets, *assets}))
    if every == accumulator.assets:
        return accumulator
    old = {asset: i for i, asset in enumerate(accumulator.assets)}
    where = [old.get(asset) for asset in every]
    return msgspec.structs.replace(
        accumulator,
        assets=every,
        samples=tuple(0 if i is None else accumulator.samples[i] for i in where),
        sums=tuple(_cut(one, where) for one in accumulator.sums),
        weights=tuple(_cut(one, where) for one in accumulator.weights),
    )


def _cut(triangle: Triangle, where: Collection[int | None]) -> Triangle:
    """The rows at these ascending places; zeros where a place is None."""
    places = list(where)
    return tuple(
        tuple(0.0 if i is None or j is None else triangle[i][j] for j in places[: n + 1]) for n, i in enumerate(places)
    )


def _quotient(sums: Triangle, weights: Triangle) -> Iterator[list[float]]:
    for row, under in zip(sums, weights, strict=True):
        yield [s / w if w > 0.0 else 0.0 for s, w in zip(row, under, strict=True)]


def _effective(weights: Triangle, ratio: float) -> Iterator[list[float]]:
    """(sum w)^2 / sum w^2 of a geometric series of which the sum is known.

    With n returns sum w = (1 - r^n) / (1 - r), so that r^n follows and with it (1 + r)/(1 - r) x (1 - r^n)/(1 + r^n).
    Returns that are old weigh little and so count little here, too.
    """
    for row in weights:
        rests = (max(0.0, 1.0 - w * (1.0 - ratio)) for w in row)
        yield [(1.0 + ratio) / (1.0 - ratio) * (1.0 - rest) / (1.0 + rest) for rest in rests]


def _full(rows: Iterator[list[float]]) -> Matrix:
    """A symmetric matrix from its lower half."""
    lower = list(rows)
    return tuple(tuple(lower[i][j] if j <= i else lower[j][i] for j in range(len(lower))) for i in range(len(lower)))


def _consistent(covariance: Matrix, known: Matrix) -> Matrix:
    """Covariances that belong together: taken over different samples, they might allow a negative variance.

    Where every pair was measured over the same samples they cannot, and nothing is touched. Otherwise the asset that
    is known best comes first, and what contradicts those before it gives way.
    """
    if len({one for row in known for one in row}) <= 1:
        return covariance
    return linear.reconciled(covariance, sorted(range(len(known)), key=lambda i: (-known[i][i], i)))
