"""Binance spot's REST endpoints (api/v3)."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

from bot.simex.binance.desk import Desk, page
from bot.simex.binance.errors import BAD_SYMBOL, VenueError, either_missing, illegal, not_required, venue_error
from bot.simex.binance.exchange_info import SPOT_ORDER_TYPES, spot_symbol
from bot.simex.binance.gate import Call, Route, Scope, Security
from bot.simex.binance.limits import SPOT_LIMITS
from bot.simex.binance.params import Params
from bot.simex.binance.shapes import (
    money,
    spot_ack,
    spot_cancelled,
    spot_fill,
    spot_levels,
    spot_order,
    spot_result,
    spot_trade,
)
from bot.simex.model import ZERO, NewOrder, Side, Symbol, TimeInForce

DEPTH_LEVELS_MAX = 5_000
DECIMALS_MAX = 8
DAY_MS = 86_400_000
SIDES: tuple[Side, ...] = ("BUY", "SELL")
TIMES_IN_FORCE: tuple[TimeInForce, ...] = ("GTC", "IOC", "FOK")
_CLIENT_ID = re.compile(r"^[a-zA-Z0-9-_]{1,36}$")
# Types that the venue has and this exchange does not, with the words for a symbol that does not take them.
_OTHER_TYPES = {
    "STOP_LOSS": "Stop loss",
    "STOP_LOSS_LIMIT": "Stop loss limit",
    "TAKE_PROFIT": "Take profit",
    "TAKE_PROFIT_LIMIT": "Take profit limit",
}


def depth_weight(params: Params) -> int:
    """The weight of a depth request by its limit."""
    limit = params.limit("limit", 100, DEPTH_LEVELS_MAX)
    return next(weight for most, weight in ((100, 5), (500, 25), (1_000, 50), (DEPTH_LEVELS_MAX, 250)) if limit <= most)


def open_orders_weight(params: Params) -> int:
    """All symbols at once cost more."""
    return 6 if "symbol" in params else 80


def ticker_weight(params: Params) -> int:
    """All symbols at once cost more."""
    return 2 if "symbol" in params else 4


def precise(name: str, value: Decimal | None, decimals: int = DECIMALS_MAX) -> Decimal | None:
    """Refuse a number with more decimals than the venue reads."""
    exponent = value.as_tuple().exponent if value is not None else 0
    if isinstance(exponent, int) and -exponent > decimals:
        raise VenueError(-1111, f"Parameter '{name}' has too much precision.")
    return value


def check_day(params: Params) -> None:
    """Refuse a time span of more than 24 hours, or one that ends before it begins."""
    start, end = params.integer("startTime"), params.integer("endTime")
    if start is None or end is None:
        return
    if start > end:
        raise VenueError(-1023, "Start time is greater than end time.")
    if end - start > DAY_MS:
        raise VenueError(-1127, "More than 24 hours between startTime and endTime.")


class SpotRest:
    """The handlers of api/v3."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._exchange = desk.exchange

    def routes(self) -> list[Route]:
        """Every endpoint with its weight, security and permission."""
        signed, read, trade = Security.SIGNED, Scope.READ, Scope.SPOT
        return [
            Route("GET", "/api/v3/ping", lambda _: {}),
            Route("GET", "/api/v3/time", self._time),
            Route("GET", "/api/v3/exchangeInfo", self._exchange_info, 20),
            Route("GET", "/api/v3/depth", self._depth, depth_weight),
            Route("GET", "/api/v3/ticker/bookTicker", self._book_ticker, ticker_weight),
            Route("GET", "/api/v3/ticker/price", self._price_ticker, ticker_weight),
            Route("GET", "/api/v3/account", self._account, 20, signed, read),
            Route("GET", "/api/v3/account/commission", self._commission, 20, signed, read),
            Route("POST", "/api/v3/order", self._place, 1, signed, trade, is_order=True),
            Route("POST", "/api/v3/order/test", self._place_test, 1, signed, trade),
            Route("GET", "/api/v3/order", self._query, 4, signed, read),
            Route("DELETE", "/api/v3/order", self._cancel, 1, signed, trade),
            Route("GET", "/api/v3/openOrders", self._open_orders, open_orders_weight, signed, read),
            Route("DELETE", "/api/v3/openOrders", self._cancel_all, 1, signed, trade),
            Route("GET", "/api/v3/allOrders", self._all_orders, 20, signed, read),
            Route("GET", "/api/v3/myTrades", self._my_trades, 20, signed, read),
        ]

    # ------------------------------------------------------------------------------------------------- market data
    def _time(self, _: Call) -> dict[str, int]:
        """The server's clock."""
        return {"serverTime": self._desk.timeline.server_ms()}

    def _exchange_info(self, call: Call) -> dict[str, Any]:
        """Rules, limits and filters of every symbol, or of those asked for."""
        return {
            "timezone": "UTC",
            "serverTime": self._desk.timeline.server_ms(),
            "rateLimits": SPOT_LIMITS.as_rate_limits(),
            "exchangeFilters": [],
            "symbols": [spot_symbol(symbol) for symbol in self._asked(call.params)],
        }

    def _depth(self, call: Call) -> dict[str, Any]:
        """A snapshot of the book."""
        symbol = self._desk.symbol(call.params)
        depth = self._exchange.depth("spot", symbol.name, call.params.limit("limit", 100, DEPTH_LEVELS_MAX))
        return {
            "lastUpdateId": depth.update_id,
            "bids": spot_levels(depth.bids),
            "asks": spot_levels(depth.asks),
        }

    def _book_ticker(self, call: Call) -> Any:
        """Best bid and ask, of one symbol or a list."""
        rows = [self._book_ticker_row(symbol) for symbol in self._asked(call.params)]
        return rows[0] if "symbol" in call.params else rows

    def _price_ticker(self, call: Call) -> Any:
        """The middle of the book as the latest price, of one symbol or a list."""
        rows = [{"symbol": one.name, "price": money(self._mid(one))} for one in self._asked(call.params)]
        return rows[0] if "symbol" in call.params else rows

    def _book_ticker_row(self, symbol: Symbol) -> dict[str, str]:
        depth = self._exchange.depth("spot", symbol.name, 1)
        bid, ask = spot_levels(depth.bids) or [["0.00000000"] * 2], spot_levels(depth.asks) or [["0.00000000"] * 2]
        return {
            "symbol": symbol.name,
            "bidPrice": bid[0][0],
            "bidQty": bid[0][1],
            "askPrice": ask[0][0],
            "askQty": ask[0][1],
        }

    def _mid(self, symbol: Symbol) -> Decimal:
        depth = self._exchange.depth("spot", symbol.name, 1)
        prices = [side[0].price for side in (depth.bids, depth.asks) if side]
        mid = sum(prices, ZERO) / len(prices) if prices else ZERO
        return mid.quantize(symbol.tick)

    def _asked(self, params: Params) -> list[Symbol]:
        if "symbols" not in params:
            return self._desk.some_symbols(params)[0]
        try:
            names = json.loads(params.need("symbols"))
        except ValueError:
            names = None
        if not isinstance(names, list):
            raise illegal("symbols", '^\\["[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}\\]$')
        known = {symbol.name: symbol for symbol in self._desk.symbols()}
        if not all(isinstance(name, str) and name in known for name in names):
            raise venue_error(BAD_SYMBOL)
        return [known[name] for name in names]

    # ---------------------------------------------------------------------------------------------------- account
    def _account(self, call: Call) -> dict[str, Any]:
        """Balances and fees."""
        skip_zero = call.params.boolean("omitZeroBalances")
        rows = [row for row in self._exchange.accounts.spot(call.account) if row.free or row.locked or not skip_zero]
        first = self._desk.symbols()[0]
        assert call.key is not None
        return {
            "makerCommission": int(first.maker_fee * 10_000),
            "takerCommission": int(first.taker_fee * 10_000),
            "buyerCommission": 0,
            "sellerCommission": 0,
            "commissionRates": _rates(first),
            "canTrade": call.key.spot,
            "canWithdraw": call.key.withdraw,
            "canDeposit": True,
            "brokered": False,
            "requireSelfTradePrevention": False,
            "preventSor": False,
            "updateTime": self._desk.wire(self._exchange.now_ms),
            "accountType": "SPOT",
            "balances": [{"asset": row.asset, "free": money(row.free), "locked": money(row.locked)} for row in rows],
            "permissions": ["SPOT"],
            "uid": _uid(call.account),
        }

    def _commission(self, call: Call) -> dict[str, Any]:
        """The fee rates of one symbol; no discount asset is held."""
        symbol = self._desk.symbol(call.params)
        nothing = {"maker": "0.00000000", "taker": "0.00000000", "buyer": "0.00000000", "seller": "0.00000000"}
        return {
            "symbol": symbol.name,
            "standardCommission": _rates(symbol),
            "specialCommission": nothing,
            "taxCommission": nothing,
            "discount": {
                "enabledForAccount": False,
                "enabledForSymbol": False,
                "discountAsset": "BNB",
                "discount": "0.75000000",
            },
        }

    # ----------------------------------------------------------------------------------------------------- orders
    def _place(self, call: Call) -> dict[str, Any]:
        """A new order, answered as ACK, RESULT or FULL."""
        new = self._read(call.params)
        default = "FULL" if new.type in ("LIMIT", "MARKET") else "ACK"
        bad_shape = VenueError(-1136, "Invalid newOrderRespType.")
        shape = call.params.one_of("newOrderRespType", ("ACK", "RESULT", "FULL"), bad_shape, default)
        order = self._exchange.place(call.account, new, self._desk.now_ms)
        call.order_id, call.client_order_id = order.order_id, order.client_order_id
        if shape == "ACK":
            return spot_ack(order, self._desk.wire)
        answer = spot_result(order, self._desk.wire)
        if shape == "FULL":
            answer["fills"] = [spot_fill(trade) for trade in self._desk.fills_of(order)]
        return answer

    def _place_test(self, call: Call) -> dict[str, Any]:
        """Read a new order and forget it."""
        self._read(call.params)
        return {}

    def _query(self, call: Call) -> dict[str, Any]:
        """One order, open or not."""
        return spot_order(self._desk.find_order(call.account, call.params), self._desk.wire)

    def _cancel(self, call: Call) -> dict[str, Any]:
        """Cancel an open order."""
        order, cancel_id = self._desk.cancel(call.account, call.params)
        call.order_id, call.client_order_id = order.order_id, order.client_order_id
        return spot_cancelled(order, cancel_id, self._desk.wire)

    def _cancel_all(self, call: Call) -> list[dict[str, Any]]:
        """Cancel every open order of a symbol; -2011 when there is none."""
        symbol = self._desk.symbol(call.params)
        orders = self._exchange.cancel_all(call.account, "spot", symbol.name, self._desk.now_ms)
        if not orders:
            raise VenueError(-2011, "Unknown order sent.")
        return [spot_cancelled(order, self._desk.cancel_id(order.order_id), self._desk.wire) for order in orders]

    def _open_orders(self, call: Call) -> list[dict[str, Any]]:
        """Open orders, of one symbol or all."""
        name = self._desk.symbol(call.params).name if "symbol" in call.params else None
        return [spot_order(order, self._desk.wire) for order in self._exchange.orders.open(call.account, "spot", name)]

    def _all_orders(self, call: Call) -> list[dict[str, Any]]:
        """Every order of a symbol, from an id or within a time."""
        symbol, first = self._desk.symbol(call.params), call.params.integer("orderId") or 0
        check_day(call.params)
        found = [
            order
            for order in self._exchange.orders.history(call.account, "spot", symbol.name)
            if order.order_id >= first and self._desk.in_time(call.params, order.created_ms)
        ]
        return [spot_order(order, self._desk.wire) for order in page(found, call.params)]

    def _my_trades(self, call: Call) -> list[dict[str, Any]]:
        """The account's fills of a symbol."""
        symbol, params = self._desk.symbol(call.params), call.params
        check_day(params)
        order_id, first = params.integer("orderId"), params.integer("fromId") or 0
        found = [
            trade
            for trade in self._exchange.accounts.trades(call.account, "spot", symbol.name)
            if (order_id is None or trade.order_id == order_id)
            and trade.trade_id >= first
            and self._desk.in_time(params, trade.time_ms)
        ]
        return [spot_trade(trade, self._desk.wire) for trade in page(found, params)]

    def _read(self, params: Params) -> NewOrder:
        symbol = self._desk.symbol(params)
        side = params.one_of("side", SIDES, VenueError(-1117, "Invalid side."))
        kind = params.need("type")
        if kind in _OTHER_TYPES:
            raise VenueError(-2010, f"{_OTHER_TYPES[kind]} orders are not supported for this symbol.")
        if kind not in SPOT_ORDER_TYPES:
            raise VenueError(-1116, "Invalid orderType.")
        client_id = params.text("newClientOrderId")
        if client_id and not _CLIENT_ID.match(client_id):
            raise illegal("newClientOrderId", _CLIENT_ID.pattern)
        _check_presence(params, kind)
        return NewOrder(
            market="spot",
            symbol=symbol.name,
            side=side,  # type: ignore[arg-type]  # one_of has just made sure
            type=kind,
            quantity=precise("quantity", params.decimal("quantity")),
            price=precise("price", params.decimal("price")),
            time_in_force=_time_in_force(params, kind),
            client_order_id=client_id,
            quote_quantity=precise("quoteOrderQty", params.decimal("quoteOrderQty")),
        )


def _check_presence(params: Params, kind: str) -> None:
    """Refuse an order that lacks what its type needs, or carries what its type does not take."""
    if kind == "MARKET":
        if "quantity" not in params and "quoteOrderQty" not in params:
            raise either_missing("quantity", "quoteOrderQty")
        if "quantity" in params and "quoteOrderQty" in params:
            raise VenueError(-1128, "Combination of optional parameters invalid.")
        unwanted = [name for name in ("price", "timeInForce") if name in params]
    else:
        for name in ("timeInForce", "quantity", "price") if kind == "LIMIT" else ("quantity", "price"):
            params.need(name)
        unwanted = [name for name in ("quoteOrderQty",) if name in params]
        if kind == "LIMIT_MAKER" and "timeInForce" in params:
            unwanted.append("timeInForce")
    if unwanted:
        raise not_required(unwanted[0])


def _time_in_force(params: Params, kind: str) -> TimeInForce:
    if kind != "LIMIT":
        return "GTC"
    bad = VenueError(-1115, "Invalid timeInForce.")
    return params.one_of("timeInForce", TIMES_IN_FORCE, bad)  # type: ignore[return-value]  # one of the literals


def _uid(account: str) -> int:
    """A stable number for an account's name."""
    return int.from_bytes(account.encode()[:6].rjust(6, b"0"), "big") % 1_000_000_000


def _rates(symbol: Symbol) -> dict[str, str]:
    return {
        "maker": money(symbol.maker_fee),
        "taker": money(symbol.taker_fee),
        "buyer": "0.00000000",
        "seller": "0.00000000",
    }
