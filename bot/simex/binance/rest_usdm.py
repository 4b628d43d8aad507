"""Binance USD-M's REST endpoints for market data and trading (fapi); accounts are in rest_usdm_account."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import msgspec

from bot.simex.binance.desk import Desk, page
from bot.simex.binance.errors import VenueError, missing, not_required
from bot.simex.binance.exchange_info import USDM_ORDER_TYPES, USDM_TIMES_IN_FORCE, usdm_symbol
from bot.simex.binance.gate import Call, Route, Scope, Security
from bot.simex.binance.limits import USDM_LIMITS
from bot.simex.binance.params import Params
from bot.simex.binance.shapes import money, places, usdm_levels, usdm_order, usdm_query
from bot.simex.model import ZERO, FundingSettlement, NewOrder, Order, PositionSide, Side, Symbol, TimeInForce

DEPTH_LIMITS = (5, 10, 20, 50, 100, 500, 1_000)
DEPTH_DEFAULT = 500
FUNDING_ROWS_DEFAULT = 100
COUNTDOWNS_MAX = 10_000
INTEREST_RATE = "0.00010000"
EIGHT_HOURS_MS = 8 * 3_600_000
_SIDES: tuple[Side, ...] = ("BUY", "SELL")
_POSITION_SIDES: tuple[PositionSide, ...] = ("BOTH", "LONG", "SHORT")
_CONDITIONAL = ("STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET")
_CLIENT_ID = re.compile(r"^[\.A-Z\:/a-z0-9_-]{1,36}$")


def depth_weight(params: Params) -> int:
    """The weight of a depth request by its limit."""
    limit = params.integer("limit") or DEPTH_DEFAULT
    return next((weight for most, weight in ((50, 2), (100, 5), (500, 10)) if limit <= most), 20)


def _one_or_all(one: int, every: int) -> Any:
    return lambda params: one if "symbol" in params else every


class UsdmRest:
    """The handlers of fapi market data and orders."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._exchange = desk.exchange
        self._countdowns: dict[tuple[str, str], int] = {}

    def routes(self) -> list[Route]:
        """Every endpoint with its weight, security and permission."""
        signed, futures = Security.SIGNED, Scope.FUTURES
        return [
            Route("GET", "/fapi/v1/ping", lambda _: {}),
            Route("GET", "/fapi/v1/time", self._time),
            Route("GET", "/fapi/v1/exchangeInfo", self._exchange_info),
            Route("GET", "/fapi/v1/depth", self._depth, depth_weight),
            Route("GET", "/fapi/v1/ticker/bookTicker", self._book_ticker, _one_or_all(2, 5)),
            Route("GET", "/fapi/v1/ticker/price", self._price_ticker, _one_or_all(1, 2)),
            Route("GET", "/fapi/v2/ticker/price", self._price_ticker, _one_or_all(1, 2)),
            Route("GET", "/fapi/v1/premiumIndex", self._premium_index, _one_or_all(1, 10)),
            Route("GET", "/fapi/v1/fundingRate", self._funding_rate),
            Route("GET", "/fapi/v1/fundingInfo", self._funding_info, 0),
            Route("POST", "/fapi/v1/order", self._place, 0, signed, futures, is_order=True),
            Route("POST", "/fapi/v1/order/test", self._place_test, 0, signed, futures),
            Route("GET", "/fapi/v1/order", self._query, 1, signed, futures),
            Route("DELETE", "/fapi/v1/order", self._cancel, 1, signed, futures),
            Route("GET", "/fapi/v1/openOrder", self._open_order, 1, signed, futures),
            Route("GET", "/fapi/v1/openOrders", self._open_orders, _one_or_all(1, 40), signed, futures),
            Route("DELETE", "/fapi/v1/allOpenOrders", self._cancel_all, 1, signed, futures),
            Route("GET", "/fapi/v1/allOrders", self._all_orders, 5, signed, futures),
            Route("POST", "/fapi/v1/countdownCancelAll", self._countdown, 10, signed, futures),
        ]

    # ------------------------------------------------------------------------------------------------- market data
    def _time(self, _: Call) -> dict[str, int]:
        """The server's clock."""
        return {"serverTime": self._desk.timeline.server_ms()}

    def _exchange_info(self, _: Call) -> dict[str, Any]:
        """Rules, limits and filters of every perpetual."""
        assets = sorted({symbol.settle for symbol in self._desk.symbols()})
        return {
            "timezone": "UTC",
            "serverTime": self._desk.timeline.server_ms(),
            "futuresType": "U_MARGINED",
            "rateLimits": USDM_LIMITS.as_rate_limits(),
            "exchangeFilters": [],
            "assets": [{"asset": name, "marginAvailable": True, "autoAssetExchange": "-10000"} for name in assets],
            "symbols": [usdm_symbol(symbol) for symbol in self._desk.symbols()],
        }

    def _depth(self, call: Call) -> dict[str, Any]:
        """A snapshot of the book; only the venue's limits are taken."""
        symbol = self._desk.symbol(call.params)
        limit = call.params.integer("limit") or DEPTH_DEFAULT
        if limit not in DEPTH_LIMITS:
            raise VenueError(-4021, f"{limit} is not valid depth limit.")
        depth = self._exchange.depth("usdm", symbol.name, limit)
        moment = self._desk.wire(depth.time_ms)
        return {
            "lastUpdateId": depth.update_id,
            "E": self._desk.timeline.server_ms(),
            "T": moment,
            "bids": usdm_levels(depth.bids, symbol),
            "asks": usdm_levels(depth.asks, symbol),
        }

    def _book_ticker(self, call: Call) -> Any:
        """Best bid and ask, of one symbol or all."""
        symbols, single = self._desk.some_symbols(call.params)
        rows = [self._book_ticker_row(symbol) for symbol in symbols]
        return rows[0] if single else rows

    def _price_ticker(self, call: Call) -> Any:
        """The middle of the book as the latest price, of one symbol or all."""
        symbols, single = self._desk.some_symbols(call.params)
        rows = []
        for symbol in symbols:
            best = self._exchange.depth("usdm", symbol.name, 1)
            prices = [side[0].price for side in (best.bids, best.asks) if side]
            mid = sum(prices, ZERO) / len(prices) if prices else ZERO
            text = places(mid.quantize(symbol.tick), symbol.price_precision)
            rows.append({"symbol": symbol.name, "price": text, "time": self._desk.wire(best.time_ms)})
        return rows[0] if single else rows

    def _premium_index(self, call: Call) -> Any:
        """Mark, index, funding rate and next funding time, of one symbol or all."""
        symbols, single = self._desk.some_symbols(call.params)
        rows = [self._premium(symbol) for symbol in symbols]
        return rows[0] if single else rows

    def _funding_rate(self, call: Call) -> list[dict[str, Any]]:
        """Funding rates as they were charged, oldest first."""
        names = {symbol.name for symbol in self._desk.some_symbols(call.params)[0]}
        found = [
            row
            for row in self._exchange.funding_log
            if row.symbol in names and self._desk.in_time(call.params, row.time_ms)
        ]
        return [self._settlement(row) for row in page(found, call.params, FUNDING_ROWS_DEFAULT)]

    def _funding_info(self, _: Call) -> list[dict[str, Any]]:
        """The symbols whose funding differs from the venue's default of eight hours, as the venue lists them."""
        return [
            {
                "symbol": symbol.name,
                "adjustedFundingRateCap": money(symbol.funding_cap),
                "adjustedFundingRateFloor": money(-symbol.funding_cap),
                "fundingIntervalHours": _hours(symbol.funding_interval_ms, self._desk.timeline.speed),
                "disclaimer": False,
            }
            for symbol in self._desk.symbols()
            if symbol.funding_interval_ms != EIGHT_HOURS_MS * self._desk.timeline.speed
        ]

    def _book_ticker_row(self, symbol: Symbol) -> dict[str, Any]:
        depth = self._exchange.depth("usdm", symbol.name, 1)
        nothing = [["0", "0"]]
        bid, ask = usdm_levels(depth.bids, symbol) or nothing, usdm_levels(depth.asks, symbol) or nothing
        return {
            "symbol": symbol.name,
            "bidPrice": bid[0][0],
            "bidQty": bid[0][1],
            "askPrice": ask[0][0],
            "askQty": ask[0][1],
            "time": self._desk.wire(depth.time_ms),
        }

    def _premium(self, symbol: Symbol) -> dict[str, Any]:
        mark = self._exchange.mark(symbol.name)
        return {
            "symbol": symbol.name,
            "markPrice": money(mark.mark),
            "indexPrice": money(mark.index),
            "estimatedSettlePrice": money(mark.index),
            "lastFundingRate": money(mark.funding_rate),
            "interestRate": INTEREST_RATE,
            "nextFundingTime": self._desk.wire(mark.next_funding_ms),
            "time": self._desk.wire(mark.time_ms),
        }

    def _settlement(self, row: FundingSettlement) -> dict[str, Any]:
        return {
            "symbol": row.symbol,
            "fundingTime": self._desk.wire(row.time_ms),
            "fundingRate": money(row.rate),
            "markPrice": money(row.mark),
        }

    # ----------------------------------------------------------------------------------------------------- orders
    def _place(self, call: Call) -> dict[str, Any]:
        """A new order; ACK tells of its acceptance only, RESULT of what became of it."""
        new = self._read(call.params)
        bad_shape = VenueError(-1136, "Invalid newOrderRespType.")
        shape = call.params.one_of("newOrderRespType", ("ACK", "RESULT"), bad_shape, "ACK")
        order = self._exchange.place(call.account, new, self._desk.now_ms)
        call.order_id, call.client_order_id = order.order_id, order.client_order_id
        return self._row(order if shape == "RESULT" else _as_accepted(order))

    def _place_test(self, call: Call) -> dict[str, Any]:
        """Read a new order and forget it."""
        self._read(call.params)
        return {}

    def _query(self, call: Call) -> dict[str, Any]:
        """One order, open or not."""
        order = self._desk.find_order(call.account, call.params)
        return usdm_query(order, self._exchange.symbol("usdm", order.symbol), self._desk.wire)

    def _open_order(self, call: Call) -> dict[str, Any]:
        """One open order; -2013 when it is no longer open."""
        order = self._desk.find_order(call.account, call.params)
        if not order.is_open:
            raise VenueError(-2013, "Order does not exist.")
        return usdm_query(order, self._exchange.symbol("usdm", order.symbol), self._desk.wire)

    def _cancel(self, call: Call) -> dict[str, Any]:
        """Cancel an open order."""
        order, _ = self._desk.cancel(call.account, call.params)
        call.order_id, call.client_order_id = order.order_id, order.client_order_id
        return self._row(order)

    def _cancel_all(self, call: Call) -> dict[str, Any]:
        """Cancel every open order of a symbol."""
        symbol = self._desk.symbol(call.params)
        self._exchange.cancel_all(call.account, "usdm", symbol.name, self._desk.now_ms)
        return {"code": 200, "msg": "The operation of cancel all open order is done."}

    def _open_orders(self, call: Call) -> list[dict[str, Any]]:
        """Open orders, of one symbol or all."""
        name = self._desk.symbol(call.params).name if "symbol" in call.params else None
        return [self._queried(order) for order in self._exchange.orders.open(call.account, "usdm", name)]

    def _all_orders(self, call: Call) -> list[dict[str, Any]]:
        """Every order of a symbol, from an id or within a time."""
        symbol, first = self._desk.symbol(call.params), call.params.integer("orderId") or 0
        found = [
            order
            for order in self._exchange.orders.history(call.account, "usdm", symbol.name)
            if order.order_id >= first and self._desk.in_time(call.params, order.created_ms)
        ]
        return [self._queried(order) for order in page(found, call.params)]

    def _countdown(self, call: Call) -> dict[str, Any]:
        """The venue's dead man: cancel the symbol's open orders unless renewed in time; zero stops it."""
        symbol, wait_ms = self._desk.symbol(call.params), call.params.need_integer("countdownTime")
        key = (call.account, symbol.name)
        if wait_ms == 0:
            self._countdowns.pop(key, None)
        else:
            assert len(self._countdowns) < COUNTDOWNS_MAX
            self._countdowns[key] = self._desk.timeline.server_ms() + wait_ms
        return {"symbol": symbol.name, "countdownTime": str(wait_ms)}

    def run_countdowns(self) -> None:
        """Cancel the orders of every countdown that has ended."""
        now_ms = self._desk.timeline.server_ms()
        for key in [key for key, until_ms in self._countdowns.items() if until_ms <= now_ms]:
            del self._countdowns[key]
            account, name = key
            self._exchange.cancel_all(account, "usdm", name, self._desk.now_ms)

    def _row(self, order: Order) -> dict[str, Any]:
        return usdm_order(order, self._exchange.symbol("usdm", order.symbol), self._desk.wire)

    def _queried(self, order: Order) -> dict[str, Any]:
        return usdm_query(order, self._exchange.symbol("usdm", order.symbol), self._desk.wire)

    def _read(self, params: Params) -> NewOrder:
        symbol = self._desk.symbol(params)
        side = params.one_of("side", _SIDES, VenueError(-1117, "Invalid side."))
        kind = params.need("type")
        if kind in _CONDITIONAL:
            text = "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead."
            raise VenueError(-4120, text)
        if kind not in USDM_ORDER_TYPES:
            raise VenueError(-1116, "Invalid orderType.")
        client_id = params.text("newClientOrderId")
        if client_id and not _CLIENT_ID.match(client_id):
            raise VenueError(-4015, "Client order id is not valid.")
        bad_side = VenueError(-4060, "Invalid position side.")
        position_side = params.one_of("positionSide", _POSITION_SIDES, bad_side, "BOTH")
        return NewOrder(
            market="usdm",
            symbol=symbol.name,
            side=side,  # type: ignore[arg-type]  # one_of has just made sure
            type=kind,
            quantity=_precise(params.need_decimal("quantity"), symbol.quantity_precision),
            price=_price(params, kind, symbol),
            time_in_force=_time_in_force(params, kind),
            reduce_only=params.boolean("reduceOnly"),
            client_order_id=client_id,
            position_side=position_side,  # type: ignore[arg-type]  # one_of has just made sure
        )


def _hours(interval_ms: int, speed: float) -> int | float:
    """A funding interval as clients see it pass: whole hours at the venue, parts of one in a demonstration."""
    hours = interval_ms / 3_600_000 / speed
    return int(hours) if hours.is_integer() else round(hours, 6)


def _as_accepted(order: Order) -> Order:
    """The order as its acceptance is told, before anything else happened to it."""
    return msgspec.structs.replace(order, status="NEW", filled=ZERO, quote_filled=ZERO, updated_ms=order.created_ms)


def _precise(value: Decimal, decimals: int) -> Decimal:
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and -exponent > decimals:
        raise VenueError(-1111, "Precision is over the maximum defined for this asset.")
    return value


def _price(params: Params, kind: str, symbol: Symbol) -> Decimal | None:
    if kind == "MARKET":
        if "price" in params:
            raise not_required("price")
        return None
    return _precise(params.need_decimal("price"), symbol.price_precision)


def _time_in_force(params: Params, kind: str) -> TimeInForce:
    if kind == "MARKET":
        if "timeInForce" in params:
            raise not_required("timeinforce")
        return "GTC"
    if "timeInForce" not in params:
        raise missing("timeInForce")
    bad = VenueError(-1115, "Invalid timeInForce.")
    return params.one_of("timeInForce", USDM_TIMES_IN_FORCE, bad)  # type: ignore[return-value]  # one of the literals
