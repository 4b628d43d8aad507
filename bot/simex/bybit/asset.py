"""Assets beside trading: transfers between the unified and the funding account, balances, coins."""

from __future__ import annotations

import uuid
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final

from bot.simex.bybit.desk import FUNDING_WALLET, WALLET, Desk, in_venue_words, page
from bot.simex.bybit.errors import VenueError
from bot.simex.bybit.figures import decimal, money
from bot.simex.bybit.gate import Call, Route, Scope, uid
from bot.simex.bybit.params import DAY_MS, Params, period
from bot.simex.core.account import Account
from bot.simex.core.refusal import Reason

Row = dict[str, Any]
WALLETS: Final = {"UNIFIED": WALLET, "FUND": FUNDING_WALLET}
AMOUNT_DECIMALS_MAX: Final = 8
TRANSFERS_MAX: Final = 20_000
COINS_ASKED_MAX: Final = 10
_SHORT: Final = {
    Reason.INSUFFICIENT_BALANCE: 131212,
    Reason.INSUFFICIENT_MARGIN: 131212,
    Reason.TRANSFER_AMOUNT: 131215,
}


@dataclass(frozen=True, slots=True)
class _Transfer:
    number: int
    account: str
    transfer_id: str
    coin: str
    amount: int
    source: str
    target: str
    time_ms: int


class AssetRest:
    """The endpoints."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._transfers: OrderedDict[tuple[str, str], _Transfer] = OrderedDict()
        self._number = 0

    def routes(self) -> list[Route]:
        """The endpoints."""
        made = "success"
        return [
            Route("POST", "/v5/asset/transfer/inter-transfer", self.transfer, Scope.TRANSFER, msg=made),
            Route("POST", "/v5/asset/transfer/universal-transfer", self.universal, Scope.TRANSFER, msg=made),
            Route("GET", "/v5/asset/transfer/query-inter-transfer-list", self.transfers, Scope.READ, msg=made),
            Route("GET", "/v5/asset/transfer/query-account-coins-balance", self.balances, Scope.READ, msg=made),
            Route("GET", "/v5/asset/transfer/query-account-coin-balance", self.balance, Scope.READ, msg=made),
            Route("GET", "/v5/asset/transfer/query-asset-info", self.spot_assets, Scope.READ, msg=made),
            Route("GET", "/v5/asset/coin/query-info", self.coins, Scope.READ, msg=made),
        ]

    # ------------------------------------------------------------------------------------------------------ transfers
    def transfer(self, call: Call) -> Row:
        """Move a coin between the account's own wallets."""
        source, target = (_wallet(call.params, name) for name in ("fromAccountType", "toAccountType"))
        if source == target:
            raise VenueError(131211)
        account = self._desk.account(call.account)
        return self._move(call, account, account, source, target)

    def universal(self, call: Call) -> Row:
        """Move a coin between a master account and its sub-accounts, or between two of them."""
        source, target = (_wallet(call.params, name) for name in ("fromAccountType", "toAccountType"))
        giver, taker = (self._member(call, name) for name in ("fromMemberId", "toMemberId"))
        return self._move(call, giver, taker, source, target)

    def _member(self, call: Call, name: str) -> Account:
        wanted = call.params.need_integer(name)
        own = self._desk.account(call.account)
        family = own.parent or own.account_id
        for account in self._desk.exchange.state.accounts.values():
            if uid(account.account_id) == wanted and family in (account.account_id, account.parent):
                return account
        raise VenueError(131207)

    def _move(self, call: Call, giver: Account, taker: Account, source: str, target: str) -> Row:
        params = call.params
        transfer_id, coin, asked = params.need("transferId"), params.need("coin"), params.decimal("amount") or 0
        if not _is_uuid(transfer_id):
            raise VenueError(131002)
        if asked != round(asked, AMOUNT_DECIMALS_MAX):
            raise VenueError(131210)
        amount = params.money("amount")
        if (call.account, transfer_id) in self._transfers:
            raise VenueError(131214)
        if amount <= 0:
            raise VenueError(131215)
        self._desk.catch_up()
        with in_venue_words(otherwise=_SHORT):
            self._desk.exchange.funds.transfer(giver, coin, amount, WALLETS[source], WALLETS[target], taker)
        self._number += 1
        self._transfers[call.account, transfer_id] = _Transfer(
            self._number, call.account, transfer_id, coin, amount, source, target, self._desk.server_ms
        )
        while len(self._transfers) > TRANSFERS_MAX:
            self._transfers.popitem(last=False)
        return {"transferId": transfer_id, "status": "SUCCESS"}

    def transfers(self, call: Call) -> Row:
        """The account's transfers, newest first."""
        params = call.params
        first, last = period(params, self._desk.server_ms, 7 * DAY_MS)
        wanted_id, coin, status = params.text("transferId"), params.text("coin"), params.text("status", "SUCCESS")
        found = [
            one
            for one in reversed(self._transfers.values())
            if one.account == call.account
            and wanted_id in ("", one.transfer_id)
            and coin in ("", one.coin)
            and status == "SUCCESS"
            and first <= one.time_ms <= last
        ]
        taken, cursor = page(found, lambda one: one.number, params, params.limit(20, 50))
        rows = [
            {
                "transferId": one.transfer_id,
                "coin": one.coin,
                "amount": money(one.amount),
                "fromAccountType": one.source,
                "toAccountType": one.target,
                "timestamp": str(one.time_ms),
                "status": "SUCCESS",
            }
            for one in taken
        ]
        return {"list": rows, "nextPageCursor": cursor}

    # ------------------------------------------------------------------------------------------------------- balances
    def balances(self, call: Call) -> Row:
        """Coins of one wallet."""
        params = call.params
        kind = _wallet(params, "accountType")
        names = tuple(filter(None, params.text("coin").split(",")))
        if kind == "UNIFIED" and not 0 < len(names) <= COINS_ASKED_MAX:
            raise VenueError(131002)
        self._desk.catch_up()
        owner = self._owner(call)
        rows = [self._balance(owner, kind, name) for name in names or sorted(owner.wallets[WALLETS[kind]])]
        return {"memberId": str(uid(owner.account_id)), "accountType": kind, "balance": rows}

    def balance(self, call: Call) -> Row:
        """One coin of one wallet."""
        params = call.params
        kind, coin = _wallet(params, "accountType"), params.need("coin")
        self._desk.catch_up()
        owner = self._owner(call)
        member = str(uid(owner.account_id))
        more = {"transferSafeAmount": "", "ltvTransferSafeAmount": ""}
        row = {**self._balance(owner, kind, coin), **more}
        return {"accountType": kind, "bizType": 1, "accountId": member, "memberId": member, "balance": row}

    def _owner(self, call: Call) -> Account:
        return self._member(call, "memberId") if "memberId" in call.params else self._desk.account(call.account)

    def _balance(self, owner: Account, kind: str, coin: str) -> Row:
        if coin not in self._coins():
            raise VenueError(131002)
        view = self._desk.valuation.asset(owner, WALLETS[kind], coin)
        return {
            "coin": coin,
            "walletBalance": decimal(view.balance),
            "transferBalance": decimal(view.withdrawable),
            "bonus": "0",
        }

    def spot_assets(self, call: Call) -> Row:
        """Coins as a spot account of old showed them; a unified account has them in its one wallet."""
        call.params.one_of("accountType", ("SPOT",))
        wanted = call.params.text("coin")
        self._desk.catch_up()
        views = self._desk.valuation.assets(self._desk.account(call.account), WALLET)
        rows = [
            {"coin": one.asset, "frozen": decimal(one.locked), "free": decimal(one.free), "withdraw": "0"}
            for one in views
            if wanted in ("", one.asset) and one.balance
        ]
        return {"spot": {"status": "ACCOUNT_STATUS_NORMAL", "assets": rows}}

    # ---------------------------------------------------------------------------------------------------------- coins
    def coins(self, call: Call) -> Row:
        """Every coin with its chains; nothing leaves a simulated exchange, so the chain is one of its own."""
        wanted = call.params.text("coin")
        return {"rows": [_coin_row(name) for name in self._coins() if wanted in ("", name)]}

    def _coins(self) -> list[str]:
        instruments = self._desk.exchange.instruments.values()
        return sorted({name for one in instruments for name in (one.base, one.quote, one.settle)} - {"USD"})


def _wallet(params: Params, name: str) -> str:
    found = params.need(name)
    if found not in WALLETS:
        raise VenueError(131002)
    return found


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return len(text) == 36


def _coin_row(name: str) -> Row:
    chain = {
        "chainType": "Simulated",
        "confirmation": "1",
        "withdrawFee": "0",
        "depositMin": "0",
        "withdrawMin": "0",
        "chain": "SIM",
        "chainDeposit": "0",
        "chainWithdraw": "0",
        "minAccuracy": "8",
        "withdrawPercentageFee": "0",
        "contractAddress": "",
        "safeConfirmNumber": "1",
        "withdrawMax": "0",
    }
    return {"name": name, "coin": name, "remainAmount": "0", "chains": [chain]}
