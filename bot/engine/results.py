"""What a correction took: orders, prices, slippage and fees, for the journal and for people."""

from decimal import Decimal

from bot.calc.sizing import slippage_bps
from bot.domain.commands import CloseCorrection, LegResult
from bot.engine.decide import Assessment
from bot.engine.legs import Correction
from bot.engine.orders import OrderRecord
from bot.engine.state import State


def close(state: State, assessment: Assessment) -> CloseCorrection:
    """Sum up a group's correction as it ends."""
    correction = state.legs.corrections[assessment.group]
    return CloseCorrection(
        group=assessment.group,
        reason=correction.reason,
        intents=correction.intents,
        results=_results(state, correction),
        residuals={need.asset: need.deviation for need in assessment.needs},
        opened_ns=correction.opened_ns,
        closed_ns=state.now,
    )


def cut_short(state: State, group: str, correction: Correction) -> CloseCorrection:
    """Sum up a correction whose target changed under way: what is left of it is for the new rules to decide."""
    return CloseCorrection(
        group=group,
        reason=f"{correction.reason}; ended unfinished, because its target was changed",
        intents=correction.intents,
        results=_results(state, correction),
        residuals={},
        opened_ns=correction.opened_ns,
        closed_ns=state.now,
    )


def slippage(record: OrderRecord) -> Decimal | None:
    """Average fill price against the mid at decision, in bps; > 0 is a cost. None without a fill."""
    if record.average_price is None:
        return None
    return slippage_bps(record.request.side, record.average_price, record.mid)


def _results(state: State, correction: Correction) -> tuple[LegResult, ...]:
    return tuple(_result(state.orders.records[i]) for i in correction.orders if i in state.orders.records)


def _result(record: OrderRecord) -> LegResult:
    return LegResult(
        client_id=record.request.client_id,
        instrument=record.request.instrument,
        signed_contracts=record.request.signed_contracts,
        filled=record.filled,
        average_price=record.average_price,
        slippage_bps=slippage(record),
        fee=record.fee,
        status=record.status.value,
    )
