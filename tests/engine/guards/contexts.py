"""The moment at which an order is judged, made so that every guard passes unless a test changes something."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from bot.calc.margin import Holding
from bot.domain.account import Position
from bot.domain.order import OrderRequest, Side, TimeInForce
from bot.domain.units import MILLISECOND_NS, ClientOrderId
from bot.engine.guards.context import Context
from bot.engine.modes import Mode
from tests.kit import START_NS, d, hedge, limits, mark, perpetual, quote

NAME = hedge("BTC")


def order(contracts: str | Decimal = "1", side: Side = Side.SELL, price: str = "59910", **changes: Any) -> OrderRequest:
    """A sell of one at the slippage limit."""
    made = OrderRequest(
        client_id=ClientOrderId("tt1"),
        instrument=NAME,
        side=side,
        contracts=d(contracts) if isinstance(contracts, str) else contracts,
        limit_price=d(price),
        time_in_force=TimeInForce.IOC,
        reduce_only=False,
        intent=1,
        leg=0,
        decided_ns=START_NS,
    )
    return msgspec.structs.replace(made, **changes)


def holding(contracts: str = "0", entry: str = "60000", price: str = "60000", **instrument: Any) -> Holding:
    """A position at its mark."""
    return Holding(perpetual(**instrument), Position(instrument.get("id", NAME), d(contracts), d(entry)), d(price))


def moment(request: OrderRequest | None = None, **changes: Any) -> Context:
    """A moment at which an order that adds risk passes every guard."""
    made = Context(
        request=request or order(),
        instrument=perpetual(),
        limits=limits(),
        mode=Mode.RUN,
        quote=quote(NAME, 60_000.0),
        mark=mark(NAME, 60_000.0),
        book_age_ns=MILLISECOND_NS,
        mark_age_ns=MILLISECOND_NS,
        account_age_ns=MILLISECOND_NS,
        stream_up=True,
        clock_offset_ns=MILLISECOND_NS,
        position=d(0),
        settled=True,
        live=d(0),
        sent_last_minute=0,
        rejects_in_row=0,
        wallet=d(50_000),
        holdings=(holding(),),
        alongside=(),
        venue_margin=None,
        slippage_bps_max=d(15),
        intent_left=d(1),
    )
    return msgspec.structs.replace(made, **changes)


def reducing(**changes: Any) -> Context:
    """A moment at which an order closes a short of one."""
    closing = order("1", Side.BUY, "60090", reduce_only=True)
    return moment(closing, **{"position": d(-1), "holdings": (holding("-1"),), **changes})
