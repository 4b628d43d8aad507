"""The Bybit host names that simex answers under, and the websocket paths of the stream host."""

from __future__ import annotations

from typing import Final

REST: Final = ("api.bybit.com", "api.bytick.com")
STREAM: Final = "stream.bybit.com"
BYBIT: Final = (*REST, STREAM)

PUBLIC_PATHS: Final = {
    "/v5/public/spot": "spot",
    "/v5/public/linear": "linear",
    "/v5/public/inverse": "inverse",
    "/v5/public/option": "option",
}
STATUS_PATH: Final = "/v5/public/misc/status"
PRIVATE_PATH: Final = "/v5/private"
TRADE_PATH: Final = "/v5/trade"
