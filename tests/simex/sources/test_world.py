"""The world: seeded paths with the volatility, correlation, jumps, regimes and pegs that its models say."""

from __future__ import annotations

import math
from statistics import correlation, fmean, pstdev

import pytest

from bot.simex.sources.draws import BITS, EXPONENTIAL, NORMAL, stream, wait_steps
from bot.simex.sources.world import ASSETS, YEAR_MS, Asset, Path, Regime, World
from tests.simex.sources.background import START_MS

SECOND = 1000
QUIET = Regime(name="calm", mean_s=1e9)


def returns(path: Path, steps: int, *assets: str) -> list[list[float]]:
    """Log returns of assets over steps of a second."""
    found: list[list[float]] = [[] for _ in assets]
    before = [path.values[asset] for asset in assets]
    for step in range(1, steps + 1):
        path.advance(START_MS + step * SECOND)
        now = [path.values[asset] for asset in assets]
        for series, a, b in zip(found, before, now, strict=True):
            series.append(math.log(b / a))
        before = now
    return found


def diffusion(**assets: Asset) -> World:
    """A world without jumps and without stress."""
    return World(seed=7, start_ms=START_MS, assets=assets, step_ms=SECOND, calm=QUIET, common_jumps_per_day=0.0)


def test_quantile_tables_have_the_moments_of_their_distributions() -> None:
    """Mean zero and deviation one; mean one: to a tenth of a per cent."""
    assert fmean(NORMAL) == pytest.approx(0.0, abs=1e-9)
    assert pstdev(NORMAL) == pytest.approx(1.0, abs=1e-3)
    assert fmean(EXPONENTIAL) == pytest.approx(1.0, abs=1e-3)
    assert len(NORMAL) == len(EXPONENTIAL) == 1 << BITS


def test_waiting_is_never_shorter_than_a_step_and_right_on_average() -> None:
    """A Poisson process in steps."""
    bits = stream(1, "test").getrandbits
    waits = [wait_steps(bits, 50.0) for _ in range(20_000)]

    assert min(waits) >= 1
    assert fmean(waits) == pytest.approx(50.5, rel=0.03)


def test_volatility_and_correlation_are_as_modelled() -> None:
    """Realised yearly volatility within three per cent of the model's; correlation is the product of the loadings."""
    world = diffusion(
        A=Asset(value=100.0, volatility=0.5, loading=0.9, jumps_per_day=0.0),
        B=Asset(value=1.0, volatility=1.0, loading=0.8, jumps_per_day=0.0),
    )

    a, b = returns(Path(world, ["A", "B"]), 20_000, "A", "B")

    year = math.sqrt(YEAR_MS / SECOND)
    assert pstdev(a) * year == pytest.approx(0.5, rel=0.03)
    assert pstdev(b) * year == pytest.approx(1.0, rel=0.03)
    assert correlation(a, b) == pytest.approx(0.72, abs=0.02)


def test_jumps_come_as_often_and_as_large_as_modelled() -> None:
    """Five sigma returns are jumps: their number within three deviations of Poisson, their size as modelled."""
    per_day, days = 2000.0, 0.5
    world = diffusion(A=Asset(value=100.0, volatility=0.2, jumps_per_day=per_day, jump_stdev=0.01))

    (series,) = returns(Path(world, ["A"]), int(days * 86_400), "A")

    sigma = 0.2 / math.sqrt(YEAR_MS / SECOND)
    jumps = [r for r in series if abs(r) > 5 * sigma]
    expected = per_day * days * (1 - 2 * 5 * sigma / 0.01 / math.sqrt(2 * math.pi))
    assert abs(len(jumps) - expected) < 3 * math.sqrt(expected)
    assert pstdev(jumps) == pytest.approx(0.01, rel=0.1)


def test_common_jumps_move_assets_together_by_their_loading() -> None:
    """An asset with half the loading makes half the jump, at the same step."""
    world = World(
        seed=3,
        start_ms=START_MS,
        assets={
            "A": Asset(value=1.0, volatility=1e-6, loading=1.0, jumps_per_day=0.0),
            "B": Asset(value=1.0, volatility=1e-6, loading=0.5, jumps_per_day=0.0),
        },
        step_ms=SECOND,
        calm=QUIET,
        common_jumps_per_day=500.0,
    )

    a, b = returns(Path(world, ["A", "B"]), 20_000, "A", "B")

    jumps = [(x, y) for x, y in zip(a, b, strict=True) if abs(x) > 1e-3]
    assert len(jumps) > 60
    assert all(math.expm1(y) == pytest.approx(math.expm1(x) / 2, abs=1e-6) for x, y in jumps)


def test_regimes_alternate_for_as_long_as_modelled_and_stress_is_wilder() -> None:
    """The share of time in stress and its volatility are the model's."""
    world = World(
        seed=5,
        start_ms=START_MS,
        assets={"A": Asset(value=100.0, volatility=0.5, jumps_per_day=0.0)},
        step_ms=SECOND,
        calm=Regime(name="calm", mean_s=300.0),
        stress=Regime(name="stress", mean_s=100.0, volatility=4.0),
        common_jumps_per_day=0.0,
    )
    path = Path(world, ["A"])
    seen: dict[str, list[float]] = {"calm": [], "stress": []}
    for _ in range(60_000):
        name, before = path.regime.name, path.values["A"]
        path.advance(path.next_ms)
        seen[name].append(path.values["A"] / before - 1)

    assert len(seen["stress"]) / 60_000 == pytest.approx(0.25, abs=0.05)
    assert pstdev(seen["stress"]) / pstdev(seen["calm"]) == pytest.approx(4.0, rel=0.05)


def test_a_stablecoin_keeps_to_its_peg_until_the_peg_is_shocked() -> None:
    """It strays by its deviation around the peg; after a shock around the new one."""
    path = Path(World(seed=2, start_ms=START_MS), ["USDC"])
    before = []
    for second in range(1, 20_000):
        path.advance(START_MS + second * SECOND)
        before.append(path.values["USDC"])
    assert fmean(before) == pytest.approx(1.0, abs=1e-4)
    assert max(abs(value - 1.0) for value in before) < 0.003

    assert path.shock("USDC", 0.9)

    assert path.values["USDC"] == pytest.approx(0.9, abs=0.003)
    path.advance(START_MS + 30_000 * SECOND)
    assert path.values["USDC"] == pytest.approx(0.9, abs=0.003)


def test_an_asset_has_the_same_path_whoever_else_is_there_and_however_it_is_walked() -> None:
    """Steps at once or one by one, alone or with others: the values are equal to the last bit."""
    world = World(seed=11, start_ms=START_MS)
    alone, together = Path(world, ["BTC"]), Path(world, ["BTC", "ETH", "USDT", "WIF"])

    alone.advance(START_MS + 3_600_000)
    for ms in range(37, 3_600_001, 1237):
        together.advance(START_MS + ms)
    together.advance(START_MS + 3_600_000)

    assert alone.values["BTC"] == together.values["BTC"] != ASSETS["BTC"].value


def test_an_unknown_asset_cannot_be_shocked() -> None:
    """Neither one that the path does not have nor the dollar, in which everything is told."""
    path = Path(World(seed=1, start_ms=START_MS), ["BTC", "USD"])

    assert not path.shock("ETH", 2.0)
    assert not path.shock("USD", 2.0)
    assert path.values["USD"] == 1.0


@pytest.mark.parametrize("asset", [Asset(value=0.0), Asset(value=-1.0), Asset(value=1.0, loading=1.5)])
def test_an_impossible_asset_is_refused(asset: Asset) -> None:
    """A value above zero and a loading between -1 and 1."""
    with pytest.raises(ValueError, match="A: a value above zero"):
        Path(World(seed=1, start_ms=0, assets={"A": asset}), ["A"])


def test_a_step_must_be_positive() -> None:
    """A world that does not move on is refused before anything is drawn."""
    with pytest.raises(ValueError, match="step_ms 0"):
        Path(World(seed=1, start_ms=0, step_ms=0), ["BTC"])
