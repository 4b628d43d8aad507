"""The host names that simex answers under."""

from __future__ import annotations

from typing import Final

SPOT_REST: Final = (
    "api.binance.com",
    "api-gcp.binance.com",
    "api1.binance.com",
    "api2.binance.com",
    "api3.binance.com",
    "api4.binance.com",
)
SPOT_STREAM: Final = "stream.binance.com"
SPOT_WS_API: Final = "ws-api.binance.com"
USDM_REST: Final = "fapi.binance.com"
USDM_STREAM: Final = "fstream.binance.com"
USDM_WS_API: Final = "ws-fapi.binance.com"
COINM_REST: Final = "dapi.binance.com"
COINM_STREAM: Final = "dstream.binance.com"
COINM_WS_API: Final = "ws-dapi.binance.com"
PORTFOLIO_REST: Final = "papi.binance.com"

BINANCE: Final = (
    *SPOT_REST,
    SPOT_STREAM,
    SPOT_WS_API,
    USDM_REST,
    USDM_STREAM,
    USDM_WS_API,
    COINM_REST,
    COINM_STREAM,
    COINM_WS_API,
    PORTFOLIO_REST,
)


def bare(host_header: str) -> str:
    """The host of a Host header, without its port and in lower case."""
    return host_header.partition(":")[0].lower()
