"""The wallet endpoints (sapi) that clients ask before they trade, and the empty COIN-M side."""

from __future__ import annotations

from typing import Any

from bot.simex.binance.desk import Desk
from bot.simex.binance.errors import VenueError, missing
from bot.simex.binance.gate import Call, Route, Scope, Security
from bot.simex.binance.limits import USDM_LIMITS
from bot.simex.binance.shapes import money

KEY_CREATED_MS = 1_614_792_000_000
_TRANSFERS = {"MAIN_UMFUTURE": "spot", "UMFUTURE_MAIN": "usdm"}


class SapiRest:
    """The handlers of sapi/v1."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._accounts = desk.exchange.accounts

    def routes(self) -> list[Route]:
        """Every endpoint with its weight, security and permission."""
        signed, read = Security.SIGNED, Scope.READ
        return [
            Route("GET", "/sapi/v1/system/status", lambda _: {"status": 0, "msg": "normal"}),
            Route("GET", "/sapi/v1/account/apiRestrictions", self._restrictions, 1, signed, read),
            Route("GET", "/sapi/v1/account/status", lambda _: {"data": "Normal"}, 1, signed, read),
            Route("GET", "/sapi/v1/capital/config/getall", self._coins, 10, signed, read),
            Route("GET", "/sapi/v1/margin/allPairs", lambda _: [], 1, Security.KEY, read),
            Route("GET", "/sapi/v1/margin/isolated/allPairs", lambda _: [], 10, signed, read),
            Route("POST", "/sapi/v1/asset/transfer", self._transfer, 900, signed, read),
        ]

    def _restrictions(self, call: Call) -> dict[str, Any]:
        """What the calling key may do."""
        key = call.key
        assert key is not None
        row: dict[str, Any] = {
            "ipRestrict": key.ip_restricted,
            "createTime": KEY_CREATED_MS,
            "enableReading": key.read,
            "enableSpotAndMarginTrading": key.spot,
            "enableWithdrawals": key.withdraw,
            "enableInternalTransfer": key.transfer,
            "enableMargin": False,
            "enableFutures": key.futures,
            "permitsUniversalTransfer": key.transfer,
            "enableVanillaOptions": False,
            "enableFixApiTrade": False,
            "enableFixReadOnly": False,
            "enablePortfolioMarginTrading": False,
        }
        if key.expires_ms is not None:
            row["tradingAuthorityExpirationTime"] = key.expires_ms
        return row

    def _coins(self, call: Call) -> list[dict[str, Any]]:
        """Every coin with the caller's spot balance and one network."""
        return [_coin(row.asset, money(row.free), money(row.locked)) for row in self._accounts.spot(call.account)]

    def _transfer(self, call: Call) -> dict[str, int]:
        """Move coins between the spot and the futures wallet; the key needs the transfer permission."""
        assert call.key is not None
        if not call.key.transfer:
            raise VenueError(-1002, "You are not authorized to execute this request.", 401)
        source = _TRANSFERS.get(call.params.need("type"))
        if source is None:
            raise missing("type")
        amount = call.params.need_decimal("amount")
        number = self._accounts.transfer(call.account, source, call.params.need("asset"), amount)  # type: ignore[arg-type]
        return {"tranId": number}


def _coin(asset: str, free: str, locked: str) -> dict[str, Any]:
    network = {
        "network": asset,
        "coin": asset,
        "name": asset,
        "isDefault": True,
        "depositEnable": True,
        "withdrawEnable": True,
        "depositDesc": "",
        "withdrawDesc": "",
        "specialTips": "",
        "resetAddressStatus": False,
        "addressRegex": "",
        "memoRegex": "",
        "withdrawFee": "0.0001",
        "withdrawMin": "0.001",
        "withdrawMax": "10000000",
        "withdrawIntegerMultiple": "0.00000001",
        "minConfirm": 1,
        "unLockConfirm": 0,
        "sameAddress": False,
        "estimatedArrivalTime": 1,
        "busy": False,
    }
    return {
        "coin": asset,
        "name": asset,
        "depositAllEnable": True,
        "withdrawAllEnable": True,
        "free": free,
        "locked": locked,
        "freeze": "0",
        "withdrawing": "0",
        "ipoing": "0",
        "ipoable": "0",
        "storage": "0",
        "isLegalMoney": False,
        "trading": True,
        "networkList": [network],
    }


class CoinmRest:
    """The handlers of dapi: a venue without a single COIN-M contract."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[Route]:
        """Every endpoint with its weight."""
        return [
            Route("GET", "/dapi/v1/ping", lambda _: {}),
            Route("GET", "/dapi/v1/time", lambda _: {"serverTime": self._desk.timeline.server_ms()}),
            Route("GET", "/dapi/v1/exchangeInfo", self._exchange_info),
        ]

    def _exchange_info(self, _: Call) -> dict[str, Any]:
        """Limits, and no symbols."""
        return {
            "timezone": "UTC",
            "serverTime": self._desk.timeline.server_ms(),
            "rateLimits": USDM_LIMITS.as_rate_limits(),
            "exchangeFilters": [],
            "symbols": [],
        }
