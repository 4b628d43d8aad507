"""The world outside the exchanges: what each asset is worth in dollars, at steps of a fixed length.

Theory of operation. Assets follow a jump diffusion (Merton) with one common factor: at each step an asset's value is
multiplied by 1 + sigma (rho z + sqrt(1 - rho^2) g), where z is common, g its own and sigma its volatility under the
present regime. Jumps come at Poisson times, an asset's own and common ones that move each asset by its loading rho.
Regimes (calm, stress) follow a two-state Markov chain: stress means a larger sigma, wider spreads, thinner books and
more activity. A stablecoin's value reverts to its peg.

A World is only a description: every source walks its own path, and two sources of one world walk the same one, however
far apart their clocks are. An asset draws from streams of its own, so that a venue that lists fewer assets still has
the same prices for those that it lists. Only +, -, x, / and sqrt touch a price: see draws.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType

import msgspec

from bot.simex.sources.draws import BITS, NORMAL, Bits, drawn, stream, wait_steps

DAY_MS = 86_400_000
YEAR_MS = 365 * DAY_MS
# A jump never takes more than half of a value in one step.
JUMP_MIN = -0.5
NEVER = 1 << 62
LOG_2 = 0.693147181
DOLLAR = "USD"


class Asset(msgspec.Struct, frozen=True, kw_only=True):
    """An asset's model: dollars at the start, yearly volatility when calm, loading on the common factor, jumps.

    `depth` is a typical quantity at the best price and `half_spread_bps` half a typical spread, both when calm;
    `jump_stdev` the standard deviation of a jump as a share of the value. For a `pegged` asset the start value is the
    peg, `volatility` and jumps mean nothing, and its deviation has `peg_stdev_bps` and `peg_half_life_s`.
    """

    value: float
    volatility: float = 1.0
    loading: float = 0.7
    jumps_per_day: float = 1.0
    jump_stdev: float = 0.01
    depth: float = 10_000.0
    half_spread_bps: float = 1.0
    pegged: bool = False
    peg_stdev_bps: float = 1.0
    peg_half_life_s: float = 600.0


class Regime(msgspec.Struct, frozen=True, kw_only=True):
    """How the market is: factors on volatility, spread, depth and the number of events, and how long it lasts."""

    name: str
    mean_s: float
    volatility: float = 1.0
    spread: float = 1.0
    depth: float = 1.0
    activity: float = 1.0


CALM = Regime(name="calm", mean_s=6 * 3600.0)
STRESS = Regime(name="stress", mean_s=20 * 60.0, volatility=4.0, spread=6.0, depth=0.25, activity=1.5)
OTHER = Asset(value=1.0)
ASSETS: Mapping[str, Asset] = MappingProxyType(
    {
        "BTC": Asset(value=60_000.0, volatility=0.5, loading=0.95, depth=90_000.0, half_spread_bps=0.02),
        "ETH": Asset(value=3_000.0, volatility=0.65, loading=0.9, depth=60_000.0, half_spread_bps=0.03),
        "SOL": Asset(value=150.0, volatility=0.85, loading=0.8, depth=30_000.0, half_spread_bps=0.3),
        "XRP": Asset(value=0.6, volatility=0.8, loading=0.75, depth=30_000.0, half_spread_bps=0.5),
        "ADA": Asset(value=0.45, volatility=0.85, loading=0.75, depth=15_000.0, half_spread_bps=1.0),
        "PEPE": Asset(value=0.00001, volatility=1.3, loading=0.6, depth=10_000.0, jumps_per_day=4.0),
        "SHIB": Asset(value=0.00002, volatility=1.1, loading=0.65, depth=10_000.0, jumps_per_day=3.0),
        "WIF": Asset(value=2.0, volatility=1.4, loading=0.6, depth=8_000.0, half_spread_bps=2.0, jumps_per_day=4.0),
        "DEFI": Asset(value=1_000.0, volatility=0.75, loading=0.9, depth=20_000.0),
        "USDT": Asset(value=1.0, pegged=True),
        "USDC": Asset(value=1.0, pegged=True, depth=400_000.0, half_spread_bps=0.5),
        "FDUSD": Asset(value=1.0, pegged=True, depth=400_000.0, half_spread_bps=0.5),
    }
)


class World(msgspec.Struct, frozen=True, kw_only=True):
    """One world: a seed, when it starts, its assets (others follow OTHER), its two regimes, and its common jumps."""

    seed: int
    start_ms: int
    assets: Mapping[str, Asset] = ASSETS
    step_ms: int = 250
    calm: Regime = CALM
    stress: Regime = STRESS
    common_jumps_per_day: float = 0.5
    common_jump_stdev: float = 0.015

    def asset(self, name: str) -> Asset:
        """The model of an asset."""
        return self.assets.get(name, OTHER)


class Path:
    """A walk through a world. `values`: dollars of each asset after the last step; `next_ms`: when the next is due."""

    def __init__(self, world: World, assets: Iterable[str]) -> None:
        """ValueError for a step that is not positive, or an asset whose value or loading is impossible."""
        if world.step_ms <= 0:
            raise ValueError(f"step_ms {world.step_ms}: allowed is more than zero")
        self.regime = world.calm
        self.values: dict[str, float] = {DOLLAR: 1.0}
        self._world = world
        self._step = 0
        self.next_ms = world.start_ms + world.step_ms
        self._normal = drawn(NORMAL, stream(world.seed, "common").getrandbits, BITS)
        self._rare = stream(world.seed, "regime").getrandbits
        self._floats = [_Float(world, name) for name in sorted(set(assets)) if _floats(world, name)]
        self._pegs = [_Peg(world, name) for name in sorted(set(assets)) if world.asset(name).pegged]
        self._steps_per_day = DAY_MS / world.step_ms
        self._switch_at = self._wait_switch()
        self._jump_at = self._wait_jump()
        self._rare_at = 0
        self._plan()
        self._publish()

    def advance(self, now_ms: int) -> None:
        """Take every step up to and including `now_ms`."""
        if self.next_ms > now_ms:
            return
        step_ms, normal, floats, pegs = self._world.step_ms, self._normal, self._floats, self._pegs
        while self.next_ms <= now_ms:
            self.next_ms += step_ms
            self._step += 1
            volatility = self.regime.volatility
            common = volatility * normal()
            for one in floats:
                one.value *= 1.0 + one.shared * common + one.own * volatility * one.normal()
            for peg in pegs:
                peg.deviation = peg.keep * peg.deviation + peg.noise * volatility * peg.normal()
            if self._step >= self._rare_at:
                self._happen()
        self._publish()

    def shock(self, asset: str, factor: float) -> bool:
        """Multiply an asset's value, or the peg of a pegged one, now and for good; whether the path has the asset."""
        if asset not in self.values or asset == DOLLAR:
            return False
        for one in self._floats:
            one.value *= factor if one.name == asset else 1.0
        for peg in self._pegs:
            peg.value *= factor if peg.name == asset else 1.0
        self._publish()
        return True

    def _publish(self) -> None:
        for one in self._floats:
            self.values[one.name] = one.value
        for peg in self._pegs:
            self.values[peg.name] = peg.value * (1.0 + peg.deviation)

    def _happen(self) -> None:
        world, step = self._world, self._step
        if step >= self._switch_at:
            self.regime = world.stress if self.regime is world.calm else world.calm
            self._switch_at = step + self._wait_switch()
        if step >= self._jump_at:
            size = world.common_jump_stdev * NORMAL[self._rare(BITS)]
            for one in self._floats:
                one.jump(size * one.model.loading)
            self._jump_at = step + self._wait_jump()
        for one in self._floats:
            one.jump_if_due(step)
        self._plan()

    def _plan(self) -> None:
        self._rare_at = min(self._switch_at, self._jump_at, *(one.jump_at for one in self._floats))

    def _wait_switch(self) -> int:
        return wait_steps(self._rare, self.regime.mean_s * 1000 / self._world.step_ms)

    def _wait_jump(self) -> int:
        return _wait_per_day(self._rare, self._world.common_jumps_per_day, self._steps_per_day)


class _Float:
    """An asset whose value floats."""

    __slots__ = ("_steps_per_day", "bits", "jump_at", "model", "name", "normal", "own", "shared", "value")

    def __init__(self, world: World, name: str) -> None:
        self.model = model = world.asset(name)
        if model.value <= 0 or not -1 <= model.loading <= 1:
            raise ValueError(
                f"{name}: a value above zero and a loading from -1 to 1, not {model.value}, {model.loading}"
            )
        self.name, self.value = name, model.value
        self.bits = stream(world.seed, "asset", name).getrandbits
        self.normal = drawn(NORMAL, self.bits, BITS)
        sigma = model.volatility * math.sqrt(world.step_ms / YEAR_MS)
        self.shared = sigma * model.loading
        self.own = sigma * math.sqrt(1.0 - model.loading * model.loading)
        self._steps_per_day = DAY_MS / world.step_ms
        self.jump_at = _wait_per_day(self.bits, model.jumps_per_day, self._steps_per_day)

    def jump(self, size: float) -> None:
        self.value *= 1.0 + max(size, JUMP_MIN)

    def jump_if_due(self, step: int) -> None:
        if step < self.jump_at:
            return
        self.jump(self.model.jump_stdev * self.normal())
        self.jump_at = step + _wait_per_day(self.bits, self.model.jumps_per_day, self._steps_per_day)


class _Peg:
    """A stablecoin: its deviation from the peg is an Ornstein-Uhlenbeck process."""

    __slots__ = ("deviation", "keep", "name", "noise", "normal", "value")

    def __init__(self, world: World, name: str) -> None:
        model = world.asset(name)
        self.name, self.value, self.deviation = name, model.value, 0.0
        self.normal = drawn(NORMAL, stream(world.seed, "asset", name).getrandbits, BITS)
        lifetime = lifetime_ms(model.peg_half_life_s)
        self.keep = lifetime / (lifetime + world.step_ms)
        self.noise = model.peg_stdev_bps / 1e4 * math.sqrt(1.0 - self.keep * self.keep)


def lifetime_ms(half_life_s: float) -> float:
    """The lifetime L of a deviation with this half-life: of it L / (L + t) is left after a time t.

    That is exp(-t / L) for the short times between two events, by arithmetic that every machine does alike.
    """
    return half_life_s * 1000 / LOG_2


def _floats(world: World, name: str) -> bool:
    return name != DOLLAR and not world.asset(name).pegged


def _wait_per_day(bits: Bits, per_day: float, steps_per_day: float) -> int:
    return wait_steps(bits, steps_per_day / per_day) if per_day > 0 else NEVER
