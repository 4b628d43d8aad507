"""Spot's account endpoints (api/v3): balances, fees, fills, prevented matches, order counts; and what is retired."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from bot.simex.binance import spot_shapes as shapes
from bot.simex.binance.desk import page
from bot.simex.binance.errors import VenueError, venue_error
from bot.simex.binance.exchange_info import spot_symbol
from bot.simex.binance.gate import Call, Route, Scope, Security, Weight
from bot.simex.binance.limits import RateLimiter
from bot.simex.binance.params import Params
from bot.simex.binance.prevented import PreventedMatch
from bot.simex.binance.spot_desk import DAY_MS, SpotDesk
from bot.simex.binance.words import money_of, prevention_of
from bot.simex.core.account import Account
from bot.simex.core.instrument import Instrument

RETIRED: Final = (-1020, "This operation is not supported.", 410)
Row = dict[str, Any]


def my_trades_weight(params: Params) -> int:
    """Those of one order are cheap."""
    return 5 if "orderId" in params else 20


def prevented_weight(params: Params) -> int:
    """One match is cheap."""
    return 2 if "preventedMatchId" in params else 20


class SpotAccount:
    """The handlers."""

    def __init__(self, desk: SpotDesk, limiter: RateLimiter) -> None:
        self._desk = desk
        self._limiter = limiter

    def routes(self) -> list[Route]:
        """Every endpoint with its weight, security and permission."""
        retired = [Route(method, "/api/v3/userDataStream", _retired, 2) for method in ("POST", "PUT", "DELETE")]
        return [
            self._read("account", self._account, 20),
            self._read("account/commission", self._commission, 20),
            self._read("rateLimit/order", self._order_counts, 40),
            self._read("myTrades", self._my_trades, my_trades_weight),
            self._read("myPreventedMatches", self._prevented, prevented_weight),
            self._read("myAllocations", self._allocations, 20),
            self._read("myFilters", self._filters, 40),
            *retired,
        ]

    def _read(self, name: str, handler: Callable[[Call], Any], weight: Weight) -> Route:
        return Route("GET", f"/api/v3/{name}", handler, weight, Security.SIGNED, Scope.READ)

    def fees(self, account_id: str, instrument: Instrument) -> tuple[int, int]:
        """Maker and taker rate of an account on a symbol, of 1e-8."""
        own = self._desk.account(account_id).fees.get(instrument.category)
        return own or (instrument.maker_fee, instrument.taker_fee)

    def _account(self, call: Call) -> Row:
        """Balances and fees."""
        assert call.key is not None
        desk, account = self._desk, self._desk.account(call.account)
        first = desk.symbols()[0]
        maker, taker = self.fees(call.account, first)
        return {
            "makerCommission": maker // 10_000,
            "takerCommission": taker // 10_000,
            "buyerCommission": 0,
            "sellerCommission": 0,
            "commissionRates": shapes.rates(maker, taker),
            "canTrade": call.key.spot,
            "canWithdraw": call.key.withdraw,
            "canDeposit": True,
            "brokered": False,
            "requireSelfTradePrevention": False,
            "preventSor": False,
            "updateTime": desk.wire(account.updated_ms or desk.exchange.now_ms),
            "accountType": "SPOT",
            "balances": self._balances(account, skip_zero=call.params.boolean("omitZeroBalances")),
            "permissions": ["SPOT"],
            "uid": uid_of(call.account),
        }

    def _balances(self, account: Account, *, skip_zero: bool) -> list[Row]:
        """Every asset that is traded or held, by name, as the queries see it."""
        replica, now_ms = self._desk.replica, self._desk.server_ms
        wallet = account.wallets[self._desk.wallet]
        traded = {name for one in self._desk.symbols() for name in (one.base, one.quote)}
        rows = []
        for asset in sorted(traded | set(wallet)):
            coin = wallet.get(asset)
            free, locked = (coin.free, coin.locked) if coin is not None else (0, 0)
            seen = replica.balances.coins(account.account_id, self._desk.wallet, asset, now_ms)
            if seen is not None:
                free, locked = seen.balance - seen.locked, seen.locked
            if free or locked or not skip_zero:
                rows.append({"asset": asset, "free": money_of(free), "locked": money_of(locked)})
        return rows

    def _commission(self, call: Call) -> Row:
        """The fee rates of one symbol."""
        instrument = self._desk.symbol(call.params)
        return shapes.commission_row(instrument, *self.fees(call.account, instrument))

    def _order_counts(self, call: Call) -> list[Row]:
        """The unfilled order count of every interval."""
        return self._limiter.order_counts(call.account, self._desk.server_ms)

    def _my_trades(self, call: Call) -> list[Row]:
        """The account's fills of a symbol."""
        params, desk = call.params, self._desk
        instrument = desk.symbol(params)
        check_span(params)
        order_id, first = params.integer("orderId"), params.integer("fromId") or 0
        horizon_ms = desk.replica.horizon_ms(desk.server_ms)
        found = [
            trade
            for trade in desk.account(call.account).trades
            if trade.instrument is instrument
            and (order_id is None or trade.order_id == order_id)
            and trade.trade_id >= first
            and desk.wire(trade.time_ms) <= horizon_ms
            and desk.in_time(params, trade.time_ms)
        ]
        return [shapes.trade_row(desk, trade) for trade in page(found, params)]

    def _prevented(self, call: Call) -> list[Row]:
        """What self-trade prevention kept from matching: by the number of a match, or of one order."""
        params, desk = call.params, self._desk
        instrument = desk.symbol(params)
        one, order_id = params.integer("preventedMatchId"), params.integer("orderId")
        if one is None and order_id is None:
            raise VenueError(-1128, "Combination of optional parameters invalid.")
        found = desk.prevented.select(call.account, one, order_id, params.integer("fromPreventedMatchId") or 0)
        rows = [
            prevented_row(desk, match, uid_of(call.account)) for match in found if match.taker.instrument is instrument
        ]
        return rows[: params.limit("limit", 500, 1_000)]

    def _filters(self, call: Call) -> Row:
        """The filters of a symbol, which are the same for every account."""
        symbol = spot_symbol(self._desk.symbol(call.params))
        return {"exchangeFilters": [], "symbolFilters": symbol["filters"], "assetFilters": []}

    def _allocations(self, call: Call) -> list[Row]:
        """Allocations of smart order routing, of which there are none."""
        self._desk.symbol(call.params)
        return []


def check_span(params: Params) -> None:
    """Refuse a time span of more than 24 hours, or one that ends before it begins."""
    start, end = params.moment("startTime"), params.moment("endTime")
    if start is None or end is None:
        return
    if start > end:
        raise VenueError(-1023, "Start time is greater than end time.")
    if end - start > DAY_MS:
        raise VenueError(-1127, "More than 24 hours between startTime and endTime.")


def prevented_row(desk: SpotDesk, match: PreventedMatch, group: int) -> Row:
    """A row of myPreventedMatches; only the quantities that expired are there."""
    row: Row = {
        "symbol": match.taker.instrument.name,
        "preventedMatchId": match.number,
        "takerOrderId": match.taker.order_id,
        "makerSymbol": match.maker.instrument.name,
        "makerOrderId": match.maker.order_id,
        "tradeGroupId": group,
        "selfTradePreventionMode": prevention_of(match.taker),
        "price": shapes.number(match.maker.price),
    }
    if match.taker_quantity:
        row["takerPreventedQuantity"] = shapes.number(match.taker_quantity)
    if match.maker_quantity:
        row["makerPreventedQuantity"] = shapes.number(match.maker_quantity)
    return {**row, "transactTime": desk.wire(match.time_ms)}


def uid_of(account: str) -> int:
    """A stable number for an account's name."""
    return int.from_bytes(account.encode()[:6].rjust(6, b"0"), "big") % 1_000_000_000


def _retired(_: Call) -> Row:
    raise venue_error(RETIRED)
