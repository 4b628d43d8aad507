"""A target of the config in a sentence, as `trimtab check` tells it."""

from collections.abc import Mapping
from decimal import Decimal

from bot.domain.targets import Base, Neutrality
from bot.runtime.fields_targets import written_moment
from bot.runtime.quantities import Amount, plain, written_duration
from bot.runtime.settings_targets import (
    BasedTarget,
    CashTarget,
    ConvertTarget,
    IndexTarget,
    LeverageTarget,
    NeutralTarget,
    ParityTarget,
    ProxyTarget,
    RatioTarget,
    TargetSettings,
    TiltTarget,
    UnwindTarget,
    WeightsTarget,
)
from bot.runtime.settings_triggers import (
    AT_ONCE,
    AutoBandSettings,
    BandSettings,
    SliceSettings,
    UntilSettings,
    WhenSettings,
)


def target_words(target: TargetSettings) -> str:
    """What a target wants, when it acts and what ends it."""
    parts = [f"target {target.name}: {_wanted(target)}", _band(target.band), _when(target.when)]
    if target.owns:
        owned = ", ".join(f"{plain(amount.value)} {coin}" for coin, amount in target.owns.items())
        parts.append(f"it owns {owned}")
    if target.cap is not None:
        parts.append(f"an overlay is worth {target.cap} at most")
    if target.until is not None:
        parts.append(f"it ends {_until(target.until)}")
    return "; ".join(filter(None, parts))


def _wanted(target: TargetSettings) -> str:
    match target:
        case NeutralTarget():
            said = f"{_list(target.assets)} delta-neutral"
        case RatioTarget():
            said = f"{_percent(target.ratio)} of {_list(target.assets)} hedged"
        case ProxyTarget():
            hedged = f"{_percent(target.ratio)} of {_list(target.assets)} hedged"
            said = f"{hedged} through {_list(target.anchors)}, by minimum variance"
        case UnwindTarget():
            said = f"the hedges of {_list(target.assets)} closed, {_slices(target.slices)}"
        case ConvertTarget():
            amount = f"{plain(target.amount.value)} {target.asset}"
            said = f"{amount} sold and as much of its hedge bought back, {_slices(target.slices)}"
        case _:
            said = _of_a_base(target)
    return said


def _of_a_base(
    target: WeightsTarget | TiltTarget | CashTarget | LeverageTarget | IndexTarget | ParityTarget,
) -> str:
    base, said = _base(target), ""
    match target:
        case WeightsTarget():
            said = f"{_shares(target.weights)} of {base}, {target.mode.value.replace('_', ' ')}"
        case TiltTarget():
            sides = f"long {_shares(target.long)}, short {_shares(target.short)}"
            even = (
                "dollar-neutral" if target.neutral is Neutrality.DOLLAR else f"beta-neutral against {target.benchmark}"
            )
            said = f"{sides}, {_percent(target.size)} of {base} a side, {even}"
        case CashTarget():
            share = f"{_percent(target.share)} of {base}"
            said = f"{share} out of the market through {target.anchor}{_beta(target.beta)}"
        case LeverageTarget():
            most = f"never above {plain(target.leverage_max)} times"
            said = f"{plain(target.leverage)} times {base} in {_shares(target.weights)}, {most}"
        case IndexTarget():
            group = f"{_list(target.assets)} at {_percent(target.weight)} of {base}"
            said = f"{group} through {_list(target.indices)}{_beta(target.beta)}"
        case ParityTarget():
            method = target.method.value.replace("_", " ")
            said = f"{_list(target.assets)} at the same risk ({method}), {_percent(target.exposure)} of {base}"
    return said


def _base(target: BasedTarget) -> str:
    match target.base:
        case Base.OWNED:
            return "the coins owned"
        case Base.FIXED:
            return f"{target.fixed}"
        case _:
            reserve = ", ".join(map(str, target.reserve or ()))
            return f"net asset value less {reserve}" if reserve else "net asset value"


def _beta(beta: Decimal | None) -> str:
    return ", beta measured" if beta is None else "" if beta == 1 else f", beta {plain(beta)}"


def _slices(slices: SliceSettings) -> str:
    return f"{slices.notional} every {written_duration(slices.every)}"


def _band(band: BandSettings | AutoBandSettings) -> str:
    if isinstance(band, AutoBandSettings):
        auto = band.auto
        wanted = (
            f"risk aversion {plain(auto.risk_aversion)}"
            if auto.risk_aversion is not None
            else f"a tracking error of {_percent(auto.tracking_error or Decimal(0))} a year"
        )
        return f"its band follows from cost and {wanted}, and is {auto.hard} at most"
    if band == AT_ONCE:
        return ""
    below = "" if band.trigger_below is None else f" above the target or {band.trigger_below} below it"
    return f"a hedge starts beyond {band.trigger}{below} and ends at {_ends(band)}"


def _ends(band: BandSettings) -> str:
    end: Amount = band.destination
    return str(end) if band.destination_below is None else f"{end} above or {band.destination_below} below"


def _when(when: WhenSettings) -> str:
    parts = []
    if when.persist:
        parts.append(f"has lasted {written_duration(when.persist)}")
    if when.calendar:
        parts.append(f"{when.start.value} band and calendar '{when.calendar}' UTC")
    if when.gates:
        signals = ", ".join(gate.signal.value for gate in when.gates)
        parts.append(f"{signals} may delay it by {written_duration(when.gate_delay)}")
    if when.cost_to_risk is not None:
        parts.append(f"not while it costs over {plain(when.cost_to_risk)} times the risk of a day")
    if when.funding_cost is not None:
        parts.append(f"closed early above {_percent(when.funding_cost)} funding a year")
    return f"triggers: {', '.join(parts)}" if parts else ""


def _until(until: UntilSettings) -> str:
    parts = []
    if until.time is not None:
        parts.append(f"at {written_moment(until.time)}")
    if until.price is not None:
        price = until.price
        levels = (("above", price.above), ("below", price.below))
        parts += [f"with {price.asset} at {level} or {side}" for side, level in levels if level is not None]
    if until.funding_cost is not None:
        parts.append(f"above {_percent(until.funding_cost)} funding a year")
    if until.drift_healed:
        parts.append("once the drift has healed")
    return " or ".join(parts)


def _list(coins: tuple[str, ...]) -> str:
    return ", ".join(coins)


def _shares(shares: Mapping[str, Decimal]) -> str:
    return ", ".join(f"{coin} {_percent(share)}" for coin, share in shares.items())


def _percent(share: Decimal) -> str:
    return f"{plain(share * 100)} %"
