"""Keys and members: what a key may do, which any key may ask, and a master's sub-accounts, which its keys may."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from bot.simex.bybit.desk import Desk
from bot.simex.bybit.errors import VenueError
from bot.simex.bybit.gate import Call, Route, Scope, uid
from bot.simex.bybit.signature import public_half
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


STANDARD: Final = 1
NORMAL: Final = 1
UNIFIED_2: Final = 5
"""`memberType`, `status` and `accountMode` of every sub-account here."""
MEMBERS_MAX: Final = 10_000
MEMBER_ROWS: Final = 100
LAST_PAGE: Final = "0"


class UserRest:
    """The endpoints."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[Route]:
        """The endpoints."""
        return [
            Route("GET", "/v5/user/query-api", self.query_api, Scope.ANY, msg=""),
            Route("GET", "/v5/user/query-sub-members", self.sub_members, Scope.ANY, msg=""),
            Route("GET", "/v5/user/submembers", self.sub_member_pages, Scope.ANY, msg=""),
            Route("GET", "/v5/asset/transfer/query-sub-member-list", self.sub_member_ids, Scope.ANY, msg="success"),
        ]

    def sub_members(self, call: Call) -> Row:
        """The sub-accounts of a master, newest first."""
        return {"subMembers": [_member(name) for name in self._subs(call)[:MEMBERS_MAX]]}

    def sub_member_pages(self, call: Call) -> Row:
        """The same in pages; the cursor is the id of the last one shown, "0" at the end."""
        found = self._subs(call)
        size = min(call.params.integer("pageSize") or MEMBER_ROWS, MEMBER_ROWS)
        after = call.params.text("nextCursor", LAST_PAGE)
        ids = [str(uid(name)) for name in found]
        first = ids.index(after) + 1 if after in ids else 0
        page = found[first : first + size]
        is_last = first + size >= len(found)
        return {
            "subMembers": [_member(name) for name in page],
            "nextCursor": LAST_PAGE if is_last else str(uid(page[-1])),
        }

    def sub_member_ids(self, call: Call) -> Row:
        """The ids of the sub-accounts, to all of which coins can be transferred."""
        ids = [str(uid(name)) for name in self._subs(call)]
        return {"subMemberIds": ids, "transferableSubMemberIds": ids}

    def _subs(self, call: Call) -> list[str]:
        """A master's sub-accounts, newest first; refused without one of the permissions that the venue asks for."""
        key, accounts = call.key, self._desk.exchange.state.accounts
        assert key is not None
        if accounts[key.account].parent or not (key.transfer or key.withdraw):
            raise VenueError(10005)
        return [name for name, one in reversed(accounts.items()) if one.parent == key.account]

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
            "ips": list(key.ips) or (["127.0.0.1"] if key.ip_restricted else ["*"]),
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
            "rsaPublicKey": public_half(key),
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


def _member(name: str) -> Row:
    return {
        "uid": str(uid(name)),
        "username": name,
        "memberType": STANDARD,
        "status": NORMAL,
        "remark": "",
        "accountMode": UNIFIED_2,
    }


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
