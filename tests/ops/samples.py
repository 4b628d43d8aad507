"""A Status made by hand: a live book of two coins, one of them outside its band."""

from decimal import Decimal
from typing import Any

import msgspec

from bot.runtime.status import (
    AssetStatus,
    LatchStatus,
    OrderStatus,
    PositionStatus,
    Status,
    StreamStatus,
    Totals,
)

NOW_NS = 1_790_000_000_000_000_000
SECOND = 1_000_000_000


def asset(name: str = "BTC", **changes: Any) -> AssetStatus:
    """An asset inside its band; `changes` replaces fields."""
    fields: dict[str, Any] = {
        "asset": name,
        "group": "core",
        "price": Decimal("61800.25"),
        "holding": Decimal("1.2345"),
        "futures": Decimal("-1.234"),
        "working": Decimal(0),
        "exposure": Decimal("0.0005"),
        "target": Decimal(0),
        "deviation": Decimal("0.0005"),
        "deviation_value": Decimal("30.90"),
        "trigger": Decimal("0.012345"),
        "breached": False,
        "held_because": None,
        "outside_ns": 2 * SECOND,
        "largest_deviation": Decimal("1.2345"),
        "largest_deviation_value": Decimal("76292.40"),
        "why": "holdings 1.2345 x ratio 1.0 - short 1.234",
    }
    return AssetStatus(**{**fields, **changes})


def order(number: int = 1, **changes: Any) -> OrderStatus:
    """A filled sell; `changes` replaces fields."""
    fields: dict[str, Any] = {
        "client_id": f"tt{number:022d}",
        "instrument": "binance.usdm:BTCUSDT",
        "side": "sell",
        "contracts": Decimal("1.234"),
        "limit_price": Decimal("61740.10"),
        "filled": Decimal("1.234"),
        "average_price": Decimal("61795.02"),
        "status": "filled",
        "reduce_only": False,
        "slippage_bps": Decimal("0.85"),
        "fee": Decimal("30.50"),
        "sent_ns": NOW_NS - 60 * SECOND,
    }
    return OrderStatus(**{**fields, **changes})


def position(name: str = "binance.usdm:BTCUSDT", **changes: Any) -> PositionStatus:
    """A short that receives funding; `changes` replaces fields."""
    fields: dict[str, Any] = {
        "instrument": name,
        "contracts": Decimal("-1.234"),
        "entry_price": Decimal("61795.02"),
        "mark": Decimal("61801.1"),
        "unrealized": Decimal("-7.50"),
        "funding_rate": Decimal("0.0001"),
        "next_funding_ns": NOW_NS + 3 * 3600 * SECOND,
        "settled": True,
    }
    return PositionStatus(**{**fields, **changes})


STATUS = Status(
    portfolio="savings",
    run_mode="live",
    mode="run",
    ready=True,
    now_ns=NOW_NS,
    started_ns=NOW_NS - 3723 * SECOND,
    assets=(
        asset(),
        asset(
            "ETH",
            price=Decimal("3012.4"),
            holding=Decimal(10),
            futures=Decimal("-9.2"),
            exposure=Decimal("0.8"),
            deviation=Decimal("0.8"),
            deviation_value=Decimal("2409.92"),
            trigger=Decimal("0.1"),
            breached=True,
            held_because="mark price of ETHUSDT is 7.2 s old, 5 s allowed",
            largest_deviation=Decimal(10),
            largest_deviation_value=Decimal(30124),
            outside_ns=95 * SECOND,
        ),
    ),
    positions=(
        position(),
        position("binance.usdm:ETHUSDT", contracts=Decimal("-9.2"), entry_price=Decimal("3011.02"), mark=None),
    ),
    margin_ratio=Decimal("0.0213"),
    latches=(),
    streams=(
        StreamStatus("spot market", True, 120_000_000, 1),
        StreamStatus("usdm market", False, 7_200_000_000, 2),
        StreamStatus("usdm user", True, 900_000_000, 1),
        StreamStatus("spot user", True, None, 1),
    ),
    orders=(
        order(1),
        order(
            2,
            instrument="binance.usdm:ETHUSDT",
            contracts=Decimal("9.2"),
            filled=Decimal("9.2"),
            limit_price=Decimal("3008.1"),
            average_price=Decimal("3011.02"),
            fee=Decimal("11.08"),
            slippage_bps=Decimal("-0.3"),
        ),
        order(
            3,
            side="buy",
            contracts=Decimal("0.1"),
            filled=Decimal(0),
            average_price=None,
            status="unknown",
            slippage_bps=None,
            fee=Decimal(0),
        ),
    ),
    notices=("usdm market stream lost: closed by the peer (1006)", "order tt…3 is unknown: no answer in 10 s"),
    totals=Totals(orders=3, fills=4, fees=Decimal("41.58"), funding=Decimal("0.62"), slippage=Decimal("6.41")),
    journal_path="/home/me/.local/state/trimtab/journal.sqlite",
    journal_sequence=482,
    journal_head="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
)

KILLED = msgspec.structs.replace(
    STATUS, mode="halt", latches=(LatchStatus("global", "halt", "fat finger on the desk", "me (pid 4711)", NOW_NS),)
)
