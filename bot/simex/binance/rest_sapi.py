"""The wallet endpoints (sapi): permissions, coins, transfers between wallets and sub-accounts, statuses.

`maintenance` is what the system status says; `delistings` what is announced: (moment in wire time, names of symbols).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from bot.simex.binance.desk import exact
from bot.simex.binance.errors import VenueError, missing
from bot.simex.binance.gate import Call, Route, SapiKind, Scope, Security
from bot.simex.binance.params import Params
from bot.simex.binance.sapi_shapes import coin_row, restrictions, snapshot_row
from bot.simex.binance.spot_desk import TRANSFERS_MAX, SpotDesk
from bot.simex.binance.spot_shapes import number
from bot.simex.binance.words import money_of, plain
from bot.simex.core.account import Account
from bot.simex.core.numbers import MONEY, SCALE, amount
from bot.simex.core.refusal import Reason, Refused

WALLETS: Final = {"MAIN": "spot", "UMFUTURE": "usdm", "CMFUTURE": "coinm", "FUNDING": "funding"}
UNIVERSAL: Final = {"SPOT": "spot", "USDT_FUTURE": "usdm", "COIN_FUTURE": "coinm"}
LEGACY: Final = {1: ("spot", "usdm"), 2: ("usdm", "spot"), 3: ("spot", "coinm"), 4: ("coinm", "spot")}
SNAPSHOTS: Final = {"SPOT": "spot", "FUTURES": "usdm"}
PAGE_MAX: Final = 100
PAGE_DEFAULT: Final = 10
SUB_PAGE_MAX: Final = 200
LIST_MAX: Final = 500
_SUFFIX: Final = "@simex.invalid"
_CREATED_MS: Final = 1_614_792_000_000
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Transfer:
    """A transfer that was made; `amount` as money, the moment in wire time."""

    number: int
    account_id: str
    to_account_id: str
    kind: str
    asset: str
    amount: int
    time_ms: int


class SapiRest:
    """The handlers of sapi."""

    def __init__(self, desk: SpotDesk) -> None:
        self._desk = desk
        self._exchange = desk.exchange
        self._transfers: deque[Transfer] = deque(maxlen=TRANSFERS_MAX)
        self._last_number = 13_526_853_622
        self.maintenance = False
        self.delistings: list[tuple[int, tuple[str, ...]]] = []

    def routes(self) -> list[Route]:
        """Every endpoint with its weight, by what it is limited, security and permission."""
        return [
            self._public("system/status", self._system_status),
            self._signed("GET", "account/apiRestrictions", restrictions),
            self._signed("GET", "account/status", lambda _: {"data": "Normal"}),
            self._signed("GET", "account/apiTradingStatus", self._trading_status),
            self._signed("GET", "account/info", self._info),
            self._signed("GET", "accountSnapshot", self._snapshot, 2_400),
            self._signed("GET", "capital/config/getall", self._coins, 10),
            self._signed("GET", "asset/tradeFee", self._trade_fee),
            self._signed("GET", "asset/wallet/balance", self._wallet_balance, 60),
            self._signed("POST", "asset/transfer", self._transfer, 900, "uid"),
            self._signed("GET", "asset/transfer", self._transfer_history),
            self._signed("POST", "futures/transfer", self._legacy_transfer),
            self._signed("GET", "sub-account/list", self._sub_accounts),
            self._signed("POST", "sub-account/universalTransfer", self._universal_transfer, 360, "uid"),
            self._signed("GET", "sub-account/universalTransfer", self._universal_history),
            Route("GET", "/sapi/v1/spot/delist-schedule", self._delist_schedule, 100, Security.KEY, sapi="ip"),
            Route("GET", "/sapi/v1/margin/allPairs", lambda _: [], 1, Security.KEY, sapi="ip"),
            self._signed("GET", "margin/isolated/allPairs", lambda _: [], 10),
            self._signed("POST", "asset/getUserAsset", self._user_assets, 5, version=3),
        ]

    def _public(self, name: str, handler: Callable[[Call], Any]) -> Route:
        return Route("GET", f"/sapi/v1/{name}", handler, 1, sapi="ip")

    def _signed(
        self,
        method: str,
        name: str,
        handler: Callable[[Call], Any],
        weight: int = 1,
        kind: SapiKind = "ip",
        version: int = 1,
    ) -> Route:
        path = f"/sapi/v{version}/{name}"
        return Route(method, path, handler, weight, Security.SIGNED, Scope.READ, sapi=kind)

    # -------------------------------------------------------------------------------------------------------- statuses
    def _system_status(self, _: Call) -> Row:
        return {"status": 1, "msg": "system maintenance"} if self.maintenance else {"status": 0, "msg": "normal"}

    def _trading_status(self, _: Call) -> Row:
        """An account whose trading is not locked."""
        trigger = {"GCR": 150, "IFER": 150, "UFR": 300}
        locked = {"isLocked": False, "plannedRecoverTime": 0, "triggerCondition": trigger, "updateTime": 0}
        return {"data": locked}

    def _info(self, call: Call) -> Row:
        assert call.key is not None
        return {"vipLevel": 0, "isMarginEnabled": False, "isFutureEnabled": call.key.futures}

    def _delist_schedule(self, _: Call) -> list[Row]:
        return [{"delistTime": moment, "symbols": list(names)} for moment, names in self.delistings]

    # ----------------------------------------------------------------------------------------------------------- coins
    def _wallet(self, call: Call, wallet: str) -> dict[str, tuple[int, int]]:
        """Free and locked money of each asset that is traded or held, by name."""
        coins = self._desk.account(call.account).wallets[wallet]
        traded = {name for one in self._desk.symbols() for name in (one.base, one.quote)}
        held = {asset: (coin.free, coin.locked) for asset, coin in coins.items()}
        return {asset: held.get(asset, (0, 0)) for asset in sorted(traded | set(held))}

    def _coins(self, call: Call) -> list[Row]:
        """Every coin with the caller's spot balance and one network."""
        found = self._wallet(call, self._desk.wallet)
        return [coin_row(asset, money_of(free), money_of(locked)) for asset, (free, locked) in found.items()]

    def _user_assets(self, call: Call) -> list[Row]:
        """The coins that are held, or the one asked for."""
        asked = call.params.text("asset")
        return [
            {
                "asset": asset,
                "free": money_of(free),
                "locked": money_of(locked),
                "freeze": "0",
                "withdrawing": "0",
                "ipoable": "0",
                "btcValuation": "0",
            }
            for asset, (free, locked) in self._wallet(call, self._desk.wallet).items()
            if (free or locked) and asked in ("", asset)
        ]

    def _trade_fee(self, call: Call) -> list[Row]:
        """Maker and taker rates of one symbol or of all."""
        own = self._desk.account(call.account).fees.get(self._desk.market)
        rows = []
        for one in self._desk.some_symbols(call.params)[0]:
            maker, taker = own or (one.maker_fee, one.taker_fee)
            rows.append({"symbol": one.name, "makerCommission": number(maker), "takerCommission": number(taker)})
        return rows

    def _wallet_balance(self, call: Call) -> list[Row]:
        """What each wallet is worth, in the asset asked for (BTC unless said otherwise)."""
        quote = call.params.text("quoteAsset", "BTC")
        price = self._exchange.marks.dollars(quote)
        if not price:
            raise VenueError(-1121, "Invalid symbol.")
        account = self._desk.account(call.account)
        names = {"Spot": "spot", "Funding": "funding", "USDⓈ-M Futures": "usdm", "COIN-M Futures": "coinm"}
        return [
            {"activate": True, "balance": plain(self._worth(account, wallet) / price), "walletName": name}
            for name, wallet in names.items()
        ]

    def _worth(self, account: Account, wallet: str) -> Decimal:
        """The dollars of 1e-8 that the coins of a wallet are worth."""
        coins = account.wallets[wallet].items()
        return Decimal(sum(coin.balance * self._exchange.marks.dollars(asset) // MONEY for asset, coin in coins))

    def _snapshot(self, call: Call) -> Row:
        """The account as it is now, as the snapshot of today."""
        kind = call.params.one_of("type", SNAPSHOTS, missing("type"))
        moment = self._desk.wire(self._exchange.now_ms)
        rows = self._wallet(call, SNAPSHOTS[kind])
        return {"code": 200, "msg": "", "snapshotVos": [snapshot_row(kind.lower(), rows, moment)]}

    # ------------------------------------------------------------------------------------------------------- transfers
    def _transfer(self, call: Call) -> Row:
        """Move coins between the caller's wallets; the key needs the permission."""
        kind = call.params.need("type")
        source, _, target = kind.partition("_")
        if source not in WALLETS or target not in WALLETS or source == target:
            raise missing("type")
        _permitted(call)
        return {"tranId": self._move(call, kind, (call.account, WALLETS[source]), (call.account, WALLETS[target]))}

    def _legacy_transfer(self, call: Call) -> Row:
        """The older call: 1 and 2 are spot and USD-M, 3 and 4 spot and COIN-M."""
        number_of = call.params.need_integer("type")
        if number_of not in LEGACY:
            raise missing("type")
        _permitted(call)
        source, target = LEGACY[number_of]
        return {"tranId": self._move(call, str(number_of), (call.account, source), (call.account, target))}

    def _universal_transfer(self, call: Call) -> Row:
        """Move coins between a master's and its sub-accounts' wallets; without an e-mail it is the master's own."""
        params = call.params
        source = self._member(call, params.text("fromEmail"))
        target = self._member(call, params.text("toEmail"))
        from_kind, to_kind = (
            params.one_of(name, UNIVERSAL, missing(name)) for name in ("fromAccountType", "toAccountType")
        )
        _permitted(call)
        client_id = params.text("clientTranId")
        kind = f"{from_kind}_{to_kind}"
        made = self._move(call, kind, (source, UNIVERSAL[from_kind]), (target, UNIVERSAL[to_kind]))
        return {"tranId": made, "clientTranId": client_id} if client_id else {"tranId": made}

    def _move(self, call: Call, kind: str, source: tuple[str, str], target: tuple[str, str]) -> int:
        desk, asset = self._desk, call.params.need("asset")
        value = exact(call.params.need_decimal("amount")) * SCALE
        giver, taker = desk.account(source[0]), desk.account(target[0])
        desk.catch_up()
        try:
            self._exchange.funds.transfer(giver, asset, value, source[1], target[1], taker)
        except Refused as refused:
            if refused.reason is Reason.TRANSFER_AMOUNT:
                raise missing("amount") from None
            raise VenueError(-5013, "Asset transfer failed: insufficient balance") from None
        self._last_number += 1
        moment = desk.wire(self._exchange.now_ms)
        self._transfers.append(Transfer(self._last_number, source[0], target[0], kind, asset, value, moment))
        return self._last_number

    def _transfer_history(self, call: Call) -> Row:
        """The caller's transfers of one kind, newest first."""
        params, kind = call.params, call.params.need("type")
        found = [one for one in self._recent(params) if one.kind == kind and one.account_id == call.account]
        rows = [
            {
                "asset": one.asset,
                "amount": plain(amount(one.amount)),
                "type": one.kind,
                "status": "CONFIRMED",
                "tranId": one.number,
                "timestamp": one.time_ms,
            }
            for one in _cut(found, params, "current", "size", PAGE_DEFAULT, PAGE_MAX)
        ]
        return {"total": len(found), "rows": rows}

    def _universal_history(self, call: Call) -> Row:
        """The transfers between a master and its sub-accounts, newest first."""
        params, members = call.params, {call.account, *self._subs(call)}
        found = [
            one
            for one in self._recent(params)
            if {one.account_id, one.to_account_id} <= members and one.kind.split("_")[0] in ("SPOT", "USDT", "COIN")
        ]
        rows = [
            {
                "tranId": one.number,
                "fromEmail": email_of(one.account_id),
                "toEmail": email_of(one.to_account_id),
                "asset": one.asset,
                "amount": plain(amount(one.amount)),
                "createTimeStamp": one.time_ms,
                "status": "SUCCESS",
            }
            for one in _cut(found, params, "page", "limit", LIST_MAX, LIST_MAX)
        ]
        return {"result": rows, "totalCount": len(found)}

    def _recent(self, params: Params) -> list[Transfer]:
        start, end = params.moment("startTime") or 0, params.moment("endTime")
        last = self._desk.server_ms if end is None else end
        return [one for one in reversed(self._transfers) if start <= one.time_ms <= last]

    # ---------------------------------------------------------------------------------------------------- sub-accounts
    def _subs(self, call: Call) -> list[str]:
        accounts = self._exchange.state.accounts
        return sorted(name for name, one in accounts.items() if one.parent == call.account)

    def _member(self, call: Call, email: str) -> str:
        name = email.removesuffix(_SUFFIX) if email else call.account
        if name != call.account and name not in self._subs(call):
            raise VenueError(-12014, "Sub-account does not exist or does not belong to this account.")
        return name

    def _sub_accounts(self, call: Call) -> Row:
        """The sub-accounts of the caller."""
        asked = call.params.text("email")
        rows = [
            {
                "subUserId": index,
                "email": email_of(name),
                "remark": "",
                "isFreeze": False,
                "createTime": _CREATED_MS,
                "isManagedSubAccount": False,
                "isAssetManagementSubAccount": False,
            }
            for index, name in enumerate(self._subs(call), start=1)
            if asked in ("", email_of(name))
        ]
        return {"subAccounts": _cut(rows, call.params, "page", "limit", 1, SUB_PAGE_MAX)}


def email_of(account: str) -> str:
    """The e-mail address under which a master knows an account: its name at a domain that cannot exist."""
    return account + _SUFFIX


def _permitted(call: Call) -> None:
    assert call.key is not None
    if not call.key.transfer:
        raise VenueError(-1002, "You are not authorized to execute this request.", 401)


def _cut(rows: list[Any], params: Params, page_name: str, size_name: str, default: int, most: int) -> list[Any]:
    """One page of rows; pages are numbered from 1."""
    page, size = max(params.integer(page_name) or 1, 1), params.limit(size_name, default, most)
    return rows[(page - 1) * size : page * size]
