"""The only door to an order: `review` asks every guard, and only it makes an `Approved`."""

from collections.abc import Callable

from bot.domain.instrument import Kind
from bot.domain.order import Approved, Refused
from bot.engine.guards import data, margin, peg, permission, price, sale, size
from bot.engine.guards.context import Context

Guard = Callable[[Context], Refused | None]

GUARDS: tuple[Guard, ...] = (
    permission.mode,
    permission.lock,
    permission.conservation,
    permission.rejects,
    permission.pace,
    data.quote,
    data.mark,
    data.account,
    data.clock,
    peg.steady,
    size.filters,
    price.slippage,
    price.collar_mid,
    price.collar_mark,
    size.order_notional,
    size.position_notional,
    margin.ratio_after,
    margin.stress_after,
)
MARGIN_GUARDS = (margin.ratio_after, margin.stress_after)
SALE_GUARDS: tuple[Guard, ...] = (
    sale.form,
    *(guard for guard in GUARDS if guard not in MARGIN_GUARDS),
    sale.minimum,
    sale.covered,
)
"""For a spot order: it has no margin, and bounds of its own. Whatever is no sale of coins does not pass."""


def review(context: Context) -> Approved | Refused:
    """Approve an order, or say which guard refuses it first and with which figures."""
    for guard in SALE_GUARDS if context.instrument.kind is Kind.SPOT else GUARDS:
        if refused := guard(context):
            return refused
    return Approved(context.request)
