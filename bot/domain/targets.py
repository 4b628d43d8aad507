"""What the owner wants of the portfolio's exposure, as data: the language of targets.

Every target says which futures it wants beside the coins that are held (its overlay); overlays add up. Exposures are
signed, long > 0. What is not said of a statistic (a beta, a correlation) is measured; see docs/targets.md.
"""

from decimal import Decimal
from enum import Enum

import msgspec

from bot.domain.bands import Auto, Band
from bot.domain.triggers import Slices, Until, When
from bot.domain.units import DAY_NS, ONE, ZERO, Asset, Notional, Qty

CORE = "core"
"""The sleeve of everything that no target owns by name."""
UNWIND = "unwind"
"""What closing every hedge is called where a target's name stands: no target may have it."""


class WeightsMode(Enum):
    """Whether a rebalance may buy as well as sell."""

    FULL_REBALANCE = "full_rebalance"
    TRIM_ONLY = "trim_only"


class Base(Enum):
    """What shares and weights are fractions of."""

    NAV_LESS_RESERVE = "nav_less_reserve"
    """Net asset value less the declared reserve and the sleeves of other targets."""
    OWNED = "owned"
    """The coins owned of the target's own assets, without the overlay's profit."""
    FIXED = "fixed"


class Basis(msgspec.Struct, frozen=True, kw_only=True):
    """The base of a target. `reserve` (units of each asset) does not count; `fixed` is the base where it is FIXED."""

    base: Base = Base.NAV_LESS_RESERVE
    reserve: dict[Asset, Qty] = {}
    fixed: Notional = ZERO


class Neutrality(Enum):
    """What the two sides of a tilt balance."""

    DOLLAR = "dollar"
    """The same value on both sides."""
    BETA = "beta"
    """The same market exposure on both sides: each side times its beta."""


class Decoupled(Enum):
    """What a proxy hedge does when its correlation has broken down."""

    OWN = "own"
    """Hedge with the coin's own future, where it has one; else as `cap`."""
    CAP = "cap"
    """Keep the proxy, no larger than `decoupled_share` of what it would be."""
    HOLD = "hold"
    """Change nothing until a person has looked."""


class ParityMethod(Enum):
    """How risk-parity weights are found."""

    INVERSE_VOLATILITY = "inverse_volatility"
    EQUAL_RISK = "equal_risk"


class Common(msgspec.Struct, frozen=True, kw_only=True):
    """What every target may say beside its own subject.

    `owns` (units of each asset) is this target's sleeve: it sees these coins and no others, and nobody else sees them.
    `cap` bounds the value of each of its overlays, in the unit of account; None: no bound of its own.
    """

    when: When = When()
    until: Until | None = None
    owns: dict[Asset, Qty] = {}
    cap: Notional | None = None


class RatioTarget(Common, frozen=True, tag="ratio"):
    """Hedge `ratio` of each asset's holding: 1 is delta-neutral, 0.5 half hedged, above 1 over-hedged."""

    name: str
    assets: tuple[Asset, ...]
    ratio: Decimal
    band: Band | Auto


class WeightsTarget(Common, frozen=True, kw_only=True, tag="weights"):
    """Keep each asset's exposure at its weight of the base. Weights above 1 in sum are leverage and need its target."""

    name: str
    weights: dict[Asset, Decimal]
    mode: WeightsMode
    band: Band | Auto
    basis: Basis = Basis()


class TiltTarget(Common, frozen=True, kw_only=True, tag="tilt"):
    """Add `size` of the base on the long side and take it from the short side.

    `long` and `short` are shares of their side, each adding up to 1. With BETA neutrality the short side is scaled by
    beta(long) / beta(short) against `benchmark`; `betas` that are given are not measured.
    """

    name: str
    long: dict[Asset, Decimal]
    short: dict[Asset, Decimal]
    size: Decimal
    band: Band
    neutral: Neutrality = Neutrality.DOLLAR
    benchmark: Asset = Asset("BTC")
    betas: dict[Asset, Decimal] = {}
    basis: Basis = Basis()


class CashTarget(Common, frozen=True, kw_only=True, tag="cash_hedge"):
    """Take `share` of the base out of the market by a short of `anchor`: short = share x beta x base.

    `beta` is the portfolio's against the anchor; None: measured, from the betas of what is held.
    """

    name: str
    share: Decimal
    anchor: Asset
    band: Band
    beta: Decimal | None = ONE
    basis: Basis = Basis()


class LeverageTarget(Common, frozen=True, kw_only=True, tag="leverage"):
    """Hold `leverage` x the base in the listed assets, by `weights` (adding up to 1), with a long overlay.

    `leverage_max` bounds exposure / base whatever happens, and so the overlay: it must be given.
    """

    name: str
    weights: dict[Asset, Decimal]
    leverage: Decimal
    leverage_max: Decimal
    band: Band
    basis: Basis = Basis()


class ProxyTarget(Common, frozen=True, kw_only=True, tag="proxy"):
    """Hedge `ratio` of `assets` through futures of `anchors`, by minimum variance.

    `betas` (asset -> anchor -> beta) that are given are not measured. A measured beta with a standard error above
    `beta_error_max` gives way to `beta_prior`; one that rests on fewer than `samples_min` returns is unknown. The
    hedge counts as decoupled while its effectiveness (R squared) is below `effectiveness_min`, or the fast correlation
    leaves the slow one (formulas.md 2.8). `anchor_caps` bound each anchor's overlay, `cost_aware` leaves out what
    costs more than the variance it removes, at a `risk_aversion` per NAV.
    """

    name: str
    assets: tuple[Asset, ...]
    anchors: tuple[Asset, ...]
    band: Band
    ratio: Decimal = ONE
    betas: dict[Asset, dict[Asset, Decimal]] = {}
    beta_prior: Decimal = ONE
    beta_error_max: Decimal = Decimal("0.3")
    samples_min: int = 240
    effectiveness_min: Decimal = Decimal("0.5")
    decoupled: Decoupled = Decoupled.CAP
    decoupled_share: Decimal = Decimal("0.5")
    anchor_caps: dict[Asset, Notional] = {}
    cost_aware: bool = False
    risk_aversion: Decimal = Decimal(100)
    """That at which the bands of a common book are some tenths of a per cent wide (formulas.md 3)."""


class IndexTarget(Common, frozen=True, kw_only=True, tag="index"):
    """Bring a group of assets down to `weight` of the base by a short of an index contract.

    Of `indices` (each an asset that stands for an index and has a future) the one with the least tracking error is
    taken. short = beta x (value of `assets` - weight x base), never a long. `beta` None: measured.
    """

    name: str
    assets: tuple[Asset, ...]
    indices: tuple[Asset, ...]
    weight: Decimal
    band: Band
    beta: Decimal | None = ONE
    basis: Basis = Basis()


class ParityTarget(Common, frozen=True, kw_only=True, tag="risk_parity"):
    """Weights in which each asset carries the same risk; `exposure` is their sum."""

    name: str
    assets: tuple[Asset, ...]
    band: Band | Auto
    method: ParityMethod = ParityMethod.INVERSE_VOLATILITY
    mode: WeightsMode = WeightsMode.FULL_REBALANCE
    exposure: Decimal = ONE
    volatilities: dict[Asset, Decimal] = {}
    """Volatilities that are given are not measured; then all of them are (any one unit of time will do)."""
    basis: Basis = Basis()


class UnwindTarget(Common, frozen=True, kw_only=True, tag="unwind"):
    """Close the hedges of `assets`, slice by slice; the holdings stay."""

    name: str
    assets: tuple[Asset, ...]
    slices: Slices
    band: Band


class ConvertTarget(Common, frozen=True, kw_only=True, tag="convert_to_spot"):
    """Make a synthetic sale real: sell `amount` coins of `asset` on the spot market and buy back as much of its hedge.

    Both orders are a pair, so that the exposure stays what it is. Done once `amount` is sold, and never more than is
    hedged, nor than is held free.
    """

    name: str
    asset: Asset
    amount: Qty
    slices: Slices
    band: Band


TargetSpec = (
    RatioTarget
    | WeightsTarget
    | TiltTarget
    | CashTarget
    | LeverageTarget
    | ProxyTarget
    | IndexTarget
    | ParityTarget
    | UnwindTarget
    | ConvertTarget
)

RESERVED_KINDS = ("funding_harvest", "cash_and_carry", "reverse_carry", "roll")
"""Kinds that the language keeps a place for and that are not built yet."""


class Budgets(msgspec.Struct, frozen=True, kw_only=True):
    """What overlays may be worth in all. Shares are of NAV; caps are notional in the unit of account.

    `core` is the least share of NAV that stays in coins as they are (unhedged or hedged one to one), `overlay` the
    most that all overlays together may be worth (gross), `carry` what carry trades may use. None: no bound.
    """

    core: Decimal | None = None
    overlay: Decimal | None = None
    carry: Decimal | None = None
    assets: dict[Asset, Notional] = {}
    instruments: dict[str, Notional] = {}
    venues: dict[str, Notional] = {}


class StatisticsRule(msgspec.Struct, frozen=True, kw_only=True):
    """How statistics are taken: one sample of all mids every `sample_ns`, weights halving every `half_life_ns`."""

    sample_ns: int = 3_600_000_000_000
    half_life_ns: int = 14 * DAY_NS
    fast_half_life_ns: int = 3 * DAY_NS
    slow_half_life_ns: int = 30 * DAY_NS
    prior_weight: Decimal = ZERO
    """Shrinkage of betas towards their prior, 0 to 1; 0: by standard error alone (Vasicek)."""
