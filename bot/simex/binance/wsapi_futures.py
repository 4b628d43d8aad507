"""The websocket APIs of the futures: which method is which endpoint (ws-fapi.binance.com, ws-dapi.binance.com).

A request is answered as the endpoint answers; sessions, signatures and limits are those of wsapi.ApiSession. Methods
that begin with "v2/" are newer versions of the same call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

USDM_PATH: Final = "/ws-fapi/v1"
COINM_PATH: Final = "/ws-dapi/v1"
Methods = Mapping[str, tuple[str, str]]


def _shared(prefix: str) -> dict[str, tuple[str, str]]:
    """What both markets have."""
    order, listen_key = f"{prefix}/v1/order", f"{prefix}/v1/listenKey"
    return {
        "ping": ("GET", f"{prefix}/v1/ping"),
        "time": ("GET", f"{prefix}/v1/time"),
        "order.place": ("POST", order),
        "order.modify": ("PUT", order),
        "order.cancel": ("DELETE", order),
        "order.status": ("GET", order),
        "userDataStream.start": ("POST", listen_key),
        "userDataStream.ping": ("PUT", listen_key),
        "userDataStream.stop": ("DELETE", listen_key),
    }


USDM_METHODS: Final[Methods] = {
    **_shared("/fapi"),
    "depth": ("GET", "/fapi/v1/depth"),
    "ticker.price": ("GET", "/fapi/v1/ticker/price"),
    "ticker.book": ("GET", "/fapi/v1/ticker/bookTicker"),
    "algoOrder.place": ("POST", "/fapi/v1/algoOrder"),
    "algoOrder.cancel": ("DELETE", "/fapi/v1/algoOrder"),
    "account.position": ("GET", "/fapi/v2/positionRisk"),
    "v2/account.position": ("GET", "/fapi/v3/positionRisk"),
    "account.balance": ("GET", "/fapi/v2/balance"),
    "v2/account.balance": ("GET", "/fapi/v3/balance"),
    "account.status": ("GET", "/fapi/v2/account"),
    "v2/account.status": ("GET", "/fapi/v3/account"),
}
COINM_METHODS: Final[Methods] = {
    **_shared("/dapi"),
    "account.position": ("GET", "/dapi/v1/positionRisk"),
    "account.balance": ("GET", "/dapi/v1/balance"),
    "account.status": ("GET", "/dapi/v1/account"),
}
