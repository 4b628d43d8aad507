"""The answer of `trimtab plan`: what would be done now, and why."""

from typing import Any

from bot.engine.decide import Assessment
from bot.engine.engine import Engine


def plan(engine: Engine) -> dict[str, Any]:
    """Every group's derivation, and the orders that would follow from it at this moment."""
    assessments = engine.assess()
    out: dict[str, Any] = {"mode": engine.state.modes.overall.name, "groups": [], "orders": [], "refused": []}
    for assessment in assessments:
        out["groups"].append(_group(assessment))
        if assessment.held is not None:
            out["refused"].append(
                {"what": assessment.group, "guard": assessment.held.guard, "why": assessment.held.why}
            )
        elif assessment.called_for:
            _draft(engine, assessment, out)
    return out


def _group(assessment: Assessment) -> dict[str, Any]:
    held = assessment.held
    return {
        "group": assessment.group,
        "held_because": f"{held.guard}: {held.why}" if held else None,
        "assets": [
            {
                "asset": need.asset,
                "price": need.price,
                "exposure": need.parts.exposure,
                "holding": need.parts.holding,
                "futures": need.parts.futures,
                "working": need.parts.working,
                "target": need.target,
                "deviation": need.deviation,
                "deviation_value": need.value,
                "trigger": need.trigger,
                "destination": need.destination,
                "breached": need.breached,
                "hedge": need.hedge,
                "why": need.why,
            }
            for need in assessment.needs
        ],
    }


def _draft(engine: Engine, assessment: Assessment, out: dict[str, Any]) -> None:
    draft = engine.draft(assessment)
    if draft.refused is not None:
        out["refused"].append({"what": assessment.group, "guard": draft.refused.guard, "why": draft.refused.why})
    if draft.intent is None:
        return
    for leg in draft.intent.legs:
        request = leg.request
        out["orders"].append(
            {
                "group": assessment.group,
                "instrument": request.instrument,
                "side": request.side.value,
                "contracts": request.contracts,
                "limit_price": request.limit_price,
                "expected_vwap": leg.expected_vwap,
                "reduce_only": request.reduce_only,
                "residual": leg.residual,
            }
        )
