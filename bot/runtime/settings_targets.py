"""The targets as a config says them: a model a kind. docs/targets.md has the mathematics of each.

What must fit together (coins, sleeves, sums, units) is judged by `bot.runtime.settings_targets_cross`.
"""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from bot.domain.targets import Base, Decoupled, Neutrality, ParityMethod, WeightsMode
from bot.runtime.fields import Count, OneOf, Share
from bot.runtime.fields_targets import Beta, Reserve
from bot.runtime.quantities import Amount
from bot.runtime.section import Section
from bot.runtime.settings_told import CASH
from bot.runtime.settings_triggers import AT_ONCE, AnyBand, SliceSettings, UntilSettings, WhenSettings
from bot.runtime.vocabulary import Coin, Holding, Name, Value, ValueIfAny, Weight

Mode = Annotated[WeightsMode, OneOf(**{mode.value: mode for mode in WeightsMode})]
Factor = Annotated[Decimal, Share("0", "20")]
_MODE = "full_rebalance shorts what is over and longs what is under; trim_only only shorts."


class Target(Section):
    """What every target has."""

    name: Name = Field(description="Its name in the journal, in alerts and on the screen.")
    band: AnyBand = Field(description="How far the exposure may be from the target.")
    when: WhenSettings = Field(default=WhenSettings(), description="What a hedge waits for.")
    until: UntilSettings | None = Field(default=None, description="What ends the target by itself.")
    owns: dict[Coin, Holding] = Field(
        default_factory=dict, description="Its sleeve: it sees these coins and no others, and nobody else sees them."
    )
    cap: ValueIfAny = Field(default=None, description="The most that each of its overlays may be worth.")


class BasedTarget(Target):
    """What a target has whose sizes are parts of a base."""

    base: Annotated[Base, OneOf(**{base.value: base for base in Base})] = Field(
        default=Base.NAV_LESS_RESERVE,
        description="nav_less_reserve: everything less the reserve; owned: the coins owned of its assets; fixed.",
    )
    reserve: Annotated[tuple[Amount, ...] | None, Reserve()] = Field(
        default=None, description="With nav_less_reserve: what does not count (collateral)."
    )
    fixed: ValueIfAny = Field(default=None, description="With base fixed: the base itself.")


class NeutralTarget(Target):
    """Delta-neutral: the whole holding is hedged."""

    kind: Literal["neutral"] = Field(description="Hedge all of it.")
    assets: tuple[Coin, ...] = Field(min_length=1, description="The coins that are hedged.")


class RatioTarget(Target):
    """Part of the holding is hedged, or more than all of it."""

    kind: Literal["ratio"] = Field(description="Hedge a part of it, or more than all.")
    assets: tuple[Coin, ...] = Field(min_length=1, description="The coins that are hedged.")
    ratio: Annotated[Decimal, Share("0.01", "3")] = Field(
        description="The hedge as a part of the holding: 0.5 is half, 1 all of it."
    )


class WeightsTarget(BasedTarget):
    """Each coin's exposure is kept at its weight."""

    kind: Literal["weights"] = Field(description="Keep each coin at its weight.")
    weights: dict[Coin, Weight] = Field(min_length=1, description="The weight of each coin; together at most 1.")
    mode: Mode = Field(description=_MODE)


class TiltTarget(BasedTarget):
    """Long one side, short the other, on top of what is held."""

    kind: Literal["tilt"] = Field(description="Long one side, short the other.")
    long: dict[Coin, Weight] = Field(min_length=1, description="The long side; its shares add up to 1.")
    short: dict[Coin, Weight] = Field(min_length=1, description="The short side; its shares add up to 1.")
    size: Annotated[Decimal, Share("0.0001", "1")] = Field(description="The long side as a part of the base.")
    neutral: Annotated[Neutrality, OneOf(**{side.value: side for side in Neutrality})] = Field(
        default=Neutrality.DOLLAR,
        description="dollar: both sides are worth the same; beta: times their betas they are.",
    )
    benchmark: Coin = Field(default="BTC", description="With neutral beta: what betas are measured against.")
    betas: dict[Coin, Factor] = Field(default_factory=dict, description="Betas that are given are not measured.")


class CashTarget(BasedTarget):
    """A share of the portfolio is taken out of the market by a short of one coin."""

    kind: Literal["cash_hedge"] = Field(description="Take a share of the portfolio out of the market.")
    share: Annotated[Decimal, Share("0.0001", "1")] = Field(description="The part of the base that becomes cash.")
    anchor: Coin = Field(description="The coin whose future is sold.")
    beta: Annotated[Decimal | None, Beta("0", "20")] = Field(
        default=Decimal(1), description="The portfolio's beta against the anchor: short = share x beta x base."
    )


class LeverageTarget(BasedTarget):
    """More exposure than is owned, by a long overlay."""

    kind: Literal["leverage"] = Field(description="Hold a multiple of the base.")
    weights: dict[Coin, Weight] = Field(min_length=1, description="The weight of each coin; they add up to 1.")
    leverage: Annotated[Decimal, Share("1", "20")] = Field(description="Exposure as a multiple of the base.")
    leverage_max: Annotated[Decimal, Share("1", "20")] = Field(
        description="Exposure / base is never above this, whatever happens."
    )


class ProxyTarget(Target):
    """Coins without a future of their own are hedged through others, by minimum variance."""

    kind: Literal["proxy"] = Field(description="Hedge through other coins' futures.")
    assets: tuple[Coin, ...] = Field(min_length=1, description="The coins that are hedged.")
    anchors: tuple[Coin, ...] = Field(min_length=1, description="The coins whose futures are sold.")
    ratio: Annotated[Decimal, Share("0.01", "3")] = Field(
        default=Decimal(1), description="The part of the holding that is hedged."
    )
    betas: dict[Coin, dict[Coin, Factor]] = Field(
        default_factory=dict, description="Coin -> anchor -> beta; betas that are given are not measured."
    )
    beta_prior: Annotated[Decimal, Share("0", "20")] = Field(
        default=Decimal(1), description="The beta that stands in for one that is known too badly."
    )
    beta_error: Annotated[Decimal, Share("0", "10")] = Field(
        default=Decimal("0.3"), description="A beta whose standard error is above this gives way to the prior."
    )
    samples: Annotated[int, Count("10", "100000")] = Field(
        default=240, description="A beta from fewer returns than this is unknown, and nothing is traded on it."
    )
    effectiveness: Annotated[Decimal, Share("0", "1")] = Field(
        default=Decimal("0.5"), description="The hedge counts as decoupled while it explains less of the variance."
    )
    decoupled: Annotated[Decoupled, OneOf(**{what.value: what for what in Decoupled})] = Field(
        default=Decoupled.CAP,
        description="What is done then. own: the coin's own future, where it has one; cap: a smaller hedge; hold: "
        "nothing changes until a person has looked.",
    )
    decoupled_share: Annotated[Decimal, Share("0", "1")] = Field(
        default=Decimal("0.5"), description="With cap: the part of the hedge that stays."
    )
    anchor_caps: dict[Coin, Value] = Field(
        default_factory=dict, description="The most that each anchor's overlay may be worth."
    )
    cost_aware: bool = Field(default=False, description="Leave out what costs more than the variance it removes.")
    risk_aversion: Annotated[Decimal, Share("0.01", "100000")] = Field(
        default=Decimal(100), description="With cost_aware: risk aversion per NAV; the larger, the more is hedged."
    )


class IndexTarget(BasedTarget):
    """A group of coins is brought down to its weight by a short of an index contract."""

    kind: Literal["index"] = Field(description="Hedge a group with an index contract.")
    assets: tuple[Coin, ...] = Field(min_length=1, description="The group.")
    indices: tuple[Coin, ...] = Field(
        min_length=1, description="Index contracts; the one with the least tracking error is sold."
    )
    weight: Annotated[Decimal, Share("0", "1")] = Field(description="The group's weight of the base.")
    beta: Annotated[Decimal | None, Beta("0", "20")] = Field(
        default=Decimal(1), description="The group's beta against the index."
    )


class ParityTarget(BasedTarget):
    """Weights in which each coin carries the same risk."""

    kind: Literal["risk_parity"] = Field(description="The same risk in each coin.")
    assets: tuple[Coin, ...] = Field(min_length=1, description="The coins.")
    method: Annotated[ParityMethod, OneOf(**{method.value: method for method in ParityMethod})] = Field(
        default=ParityMethod.INVERSE_VOLATILITY,
        description="inverse_volatility: 1 / volatility; equal_risk: equal contributions, correlations counted.",
    )
    mode: Mode = Field(default=WeightsMode.FULL_REBALANCE, description=_MODE)
    exposure: Annotated[Decimal, Share("0.01", "1")] = Field(default=Decimal(1), description="The sum of the weights.")
    volatilities: dict[Coin, Annotated[Decimal, Share("0.000001", "100")]] = Field(
        default_factory=dict, description="Volatilities that are given are not measured; then all of them are given."
    )


class UnwindTarget(Target):
    """The hedges of some coins are closed, slice by slice; the holdings stay."""

    kind: Literal["unwind"] = Field(description="Close hedges.")
    assets: tuple[Coin, ...] = Field(min_length=1, description="The coins whose hedges are closed.")
    slices: SliceSettings = Field(description="How the move is cut.")
    band: AnyBand = Field(default=AT_ONCE, description="What may be left.")


class ConvertTarget(Target):
    """A synthetic sale is made real: coins are sold on the spot market and as much of their hedge is bought back."""

    kind: Literal["convert_to_spot"] = Field(description="Sell coins and close their hedge as a pair.")
    asset: Coin = Field(description="The coin.")
    amount: Holding = Field(description="How many coins are sold.")
    slices: SliceSettings = Field(description="How the move is cut.")
    band: AnyBand = Field(default=AT_ONCE, description="What may be left.")


TargetSettings = (
    NeutralTarget
    | RatioTarget
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
TARGETS: dict[str, type[TargetSettings]] = {
    "neutral": NeutralTarget,
    "ratio": RatioTarget,
    "weights": WeightsTarget,
    "tilt": TiltTarget,
    "cash_hedge": CashTarget,
    "leverage": LeverageTarget,
    "proxy": ProxyTarget,
    "index": IndexTarget,
    "risk_parity": ParityTarget,
    "unwind": UnwindTarget,
    "convert_to_spot": ConvertTarget,
}


def exposed(target: TargetSettings) -> tuple[str, ...]:
    """The coins whose whole exposure a target sets; an overlay on top of what others set has none."""
    match target:
        case NeutralTarget() | RatioTarget() | ParityTarget():
            return target.assets
        case WeightsTarget():
            return tuple(coin for coin in target.weights if coin not in CASH)
        case LeverageTarget():
            return tuple(target.weights)
        case _:
            return ()


def traded(target: TargetSettings) -> tuple[str, ...]:
    """The coins whose futures a target may trade."""
    match target:
        case TiltTarget():
            return tuple(dict.fromkeys((*target.long, *target.short)))
        case CashTarget():
            return (target.anchor,)
        case ProxyTarget():
            return target.anchors
        case IndexTarget():
            return target.indices
        case UnwindTarget():
            return target.assets
        case ConvertTarget():
            return (target.asset,)
        case _:
            return exposed(target)
