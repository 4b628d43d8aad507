"""Which file answers for which kind of target, which assets' futures a target may trade, and whether it links them."""

from collections.abc import Callable, Collection
from typing import Any

import msgspec

from bot.domain.targets import (
    CashTarget,
    ConvertTarget,
    Decoupled,
    IndexTarget,
    LeverageTarget,
    ParityTarget,
    ProxyTarget,
    RatioTarget,
    TargetSpec,
    TiltTarget,
    UnwindTarget,
    WeightsTarget,
)
from bot.domain.units import Asset, Notional
from bot.policy import basket, cash, index, leverage, overlay, parity, proxy, tilt, unwind
from bot.policy.purse import Scope, holds
from bot.policy.view import Aim, Missing

Answer = tuple[Aim, ...] | Missing

ANSWERS: dict[type, Callable[[Any, Scope, Collection[Asset]], Answer]] = {
    RatioTarget: overlay.aims,
    WeightsTarget: basket.aims,
    TiltTarget: tilt.aims,
    ProxyTarget: proxy.aims,
    IndexTarget: index.aims,
    ParityTarget: parity.aims,
    UnwindTarget: unwind.aims,
    CashTarget: cash.aims,
    LeverageTarget: leverage.aims,
}

SEPARATE = (RatioTarget, UnwindTarget, ConvertTarget)
"""Kinds whose assets have nothing to do with one another: each is judged and corrected on its own."""


def aims(target: TargetSpec, scope: Scope, assets: Collection[Asset]) -> Answer:
    """What a target wants of the futures of `assets`. A conversion wants none: it trades a pair (policy.convert)."""
    answer = ANSWERS.get(type(target))
    found = answer(target, scope, assets) if answer is not None else ()
    if target.cap is None or isinstance(found, Missing) or isinstance(target, UnwindTarget):
        return found
    return tuple(_capped(aim, target.cap) for aim in found)


def reach(target: TargetSpec) -> tuple[Asset, ...]:
    """The assets whose futures a target may trade, each once."""
    match target:
        case TiltTarget():
            named = (*target.long, *target.short)
        case WeightsTarget() | LeverageTarget():
            named = tuple(target.weights)
        case CashTarget():
            named = (target.anchor,)
        case ProxyTarget():
            named = (*target.anchors, *target.assets) if target.decoupled is Decoupled.OWN else target.anchors
        case IndexTarget():
            named = target.indices
        case ConvertTarget():
            named = (target.asset,)
        case _:
            named = target.assets
    return tuple(dict.fromkeys(named))


def weighed(target: TargetSpec) -> tuple[Asset, ...]:
    """The assets that the base of what is owned adds up: those that are hedged, not what they are hedged with."""
    return target.assets if isinstance(target, IndexTarget) else holds(target) or reach(target)


def _capped(aim: Aim, cap: Notional) -> Aim:
    """The aim with its overlay's value bounded by the target's own cap."""
    least = -cap if aim.least is None else max(aim.least, -cap)
    most = cap if aim.most is None else min(aim.most, cap)
    return msgspec.structs.replace(aim, least=least, most=most)
