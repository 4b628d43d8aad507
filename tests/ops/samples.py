"""A Status made by hand: a live book of two coins, one of them outside its band."""

from decimal import Decimal as D
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
        "asset": name, "group": "core", "price": D("61800.25"), "holding": D("1.2345"), "futures": D("-1.234"),
        "working": D(0), "exposure": D("0.0005"), "target": D(0), "deviation": D("0.0005"),
        "deviation_value": D("30.90"), "trigger": D("0.012345"), "breached": False, "held_because": None,
        "outside_ns": 2 * SECOND, "largest_deviation": D("1.2345"), "largest_deviation_value": D("76292.40"),
        "why": "holdings 1.2345 x ratio 1.0 - short 1.234",
    }  # fmt: skip
    return AssetStatus(**{**fields, **changes})


def order(number: int = 1, **changes: Any) -> OrderStatus:
    """A filled sell; `changes` replaces fields."""
    fields: dict[str, Any] = {
        "client_id": f"tt{number:022d}", "instrument": "binance.usdm:BTCUSDT", "side": "sell", "contracts": D("1.234"),
        "limit_price": D("61740.10"), "filled": D("1.234"), "average_price": D("61795.02"), "status": "filled",
        "reduce_only": False, "slippage_bps": D("0.85"), "fee": D("30.50"), "sent_ns": NOW_NS - 60 * SECOND,
    }  # fmt: skip
    return OrderStatus(**{**fields, **changes})


def position(name: str = "binance.usdm:BTCUSDT", **changes: Any) -> PositionStatus:
    """A short that receives funding; `changes` replaces fields."""
    fields: dict[str, Any] = {
        "instrument": name, "contracts": D("-1.234"), "entry_price": D("61795.02"), "mark": D("61801.1"),
        "unrealized": D("-7.50"), "funding_rate": D("0.0001"), "next_funding_ns": NOW_NS + 3 * 3600 * SECOND,
        "settled": True,
    }  # fmt: skip
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
            "ETH", price=D("3012.4"), holding=D("10"), futures=D("-9.2"), exposure=D("0.8"), deviation=D("0.8"),
            deviation_value=D("2409.92"), trigger=D("0.1"), breached=True,
            held_because="mark price of ETHUSDT is 7.2 s old, 5 s allowed",
            largest_deviation=D("10"), largest_deviation_value=D("30124"), outside_ns=95 * SECOND,
        ),
    ),
    positions=(position(), position("binance.usdm:ETHUSDT", contracts=D("-9.2"), entry_price=D("3011.02"), mark=None)),
    margin_ratio=D("0.0213"),
    latches=(),
    streams=(
        StreamStatus("spot market", True, 120_000_000, 1),
        StreamStatus("usdm market", False, 7_200_000_000, 2),
        StreamStatus("usdm user", True, 900_000_000, 1),
        StreamStatus("spot user", True, None, 1),
    ),
    orders=(
        order(1),
        order(2, instrument="binance.usdm:ETHUSDT", contracts=D("9.2"), filled=D("9.2"), limit_price=D("3008.1"),
              average_price=D("3011.02"), fee=D("11.08"), slippage_bps=D("-0.3")),
        order(3, side="buy", contracts=D("0.1"), filled=D(0), average_price=None, status="unknown", slippage_bps=None,
              fee=D(0)),
    ),
    notices=("usdm market stream lost: closed by the peer (1006)", "order tt…3 is unknown: no answer in 10 s"),
    totals=Totals(orders=3, fills=4, fees=D("41.58"), funding=D("0.62"), slippage=D("6.41")),
    journal_path="/home/me/.local/state/trimtab/journal.sqlite",
    journal_sequence=482,
    journal_head="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
)  # fmt: skip

KILLED = msgspec.structs.replace(
    STATUS, mode="halt", latches=(LatchStatus("global", "halt", "fat finger on the desk", "me (pid 4711)", NOW_NS),)
)
