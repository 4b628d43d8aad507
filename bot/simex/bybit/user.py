"""What a key may do: /v5/user/query-api, which any key may call."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from bot.simex.bybit.desk import Desk
from bot.simex.bybit.gate import Call, Route, Scope, uid
from bot.simex.config import ApiKey

Row = dict[str, Any]
DAY_MS: Final = 86_400_000
NEVER: Final = "1970-01-01T00:00:00Z"
UNRESTRICTED_DAYS: Final = -2
"""`deadlineDay` of a key that is bound to addresses and does not expire."""
EMPTY: Final = (
    "Options CopyTrading BlockTrade Exchange NFT Affiliate Earn FiatP2P FiatConvertBroker FiatGlobalPay FiatBitPay "
    "BitCard ByXPost"
).split()


class UserRest:
    """The endpoint."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[Route]:
        """The endpoint."""
        return [Route("GET", "/v5/user/query-api", self.query_api, Scope.ANY, msg="")]

    def query_api(self, call: Call) -> Row:
        """The key of the call, its permissions, addresses and expiry."""
        key = call.key
        assert key is not None
        account = self._desk.account(key.account)
        number = uid(key.account)
        return {
            "id": str(uid("key:" + key.name)),
            "note": key.name,
            "apiKey": key.key,
            "readOnly": 0 if key.spot or key.futures or key.transfer or key.withdraw else 1,
            "secret": "",
            "permissions": permissions(key),
            "ips": ["127.0.0.1"] if key.ip_restricted else ["*"],
            "type": 1,
            **self._expiry(key),
            "createdAt": _date(self._desk.tape.start_ms),
            "unified": 0,
            "uta": 1,
            "userID": number,
            "inviterID": 0,
            "vipLevel": "No VIP",
            "mktMakerLevel": "0",
            "affiliateID": 0,
            "rsaPublicKey": "",
            "isMaster": not account.parent,
            "parentUid": str(uid(account.parent)) if account.parent else "0",
            "kycLevel": "LEVEL_DEFAULT",
            "kycRegion": "",
            "userIDInt64": str(number),
            "inviterIDInt64": "0",
            "affiliateIDInt64": "0",
        }

    def _expiry(self, key: ApiKey) -> Row:
        if key.expires_ms is None:
            return {"deadlineDay": UNRESTRICTED_DAYS, "expiredAt": NEVER}
        left = (key.expires_ms - self._desk.server_ms) // DAY_MS
        return {"deadlineDay": left, "expiredAt": _date(key.expires_ms)}


def permissions(key: ApiKey) -> dict[str, list[str]]:
    """The permissions of a key by product; a read-only key lists what it may look at."""
    wallet = ["AccountTransfer", "SubMemberTransfer"] if key.transfer else []
    if key.withdraw:
        wallet.append("Withdraw")
    reads = key.read and not (key.spot or key.futures)
    return {
        "ContractTrade": ["Order", "Position"] if key.futures or reads else [],
        "Spot": ["SpotTrade"] if key.spot or reads else [],
        "Wallet": wallet,
        "Derivatives": ["DerivativesTrade"] if key.futures or reads else [],
        **{name: [] for name in EMPTY},
    }


def _date(time_ms: int) -> str:
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
