"""The public market endpoints of the present: instruments, books, tickers, trades, risk limits, insurance, status."""

from __future__ import annotations

from typing import Any, Final

from bot.simex.bybit.desk import CATEGORIES, DERIVATIVES, Desk, category_of, page
from bot.simex.bybit.errors import invalid
from bot.simex.bybit.figures import decimal, money, plain, price, quantity
from bot.simex.bybit.gate import Call, Route, Scope
from bot.simex.bybit.instrument_shapes import STATUS, instrument_row, tier_rows
from bot.simex.bybit.notices import Insurance
from bot.simex.bybit.records import order_digits, order_uuid
from bot.simex.bybit.ticker_shapes import Tickers
from bot.simex.core.book import Levels
from bot.simex.core.instrument import Instrument
from bot.simex.core.numbers import SCALE
from bot.simex.sources.index import Constituent, constituents_of

Row = dict[str, Any]
DEPTH_MAX: Final = 1_000
_DEPTHS: Final = {"spot": 1, "linear": 25, "inverse": 25}
_TRADES: Final = {"spot": (60, 60), "linear": (500, 1_000), "inverse": (500, 1_000)}
_STATUSES: Final = ("PreLaunch", "Trading", "Delivering", "Closed")


class MarketRest:
    """The endpoints."""

    def __init__(self, desk: Desk, insurance: Insurance) -> None:
        self._desk = desk
        self._tickers = Tickers(desk)
        self._insurance = insurance

    def routes(self) -> list[Route]:
        """The endpoints."""
        return [
            Route("GET", "/v5/market/time", self.time),
            Route("GET", "/v5/market/instruments-info", self.instruments),
            Route("GET", "/v5/account/instruments-info", self.instruments, Scope.READ),
            Route("GET", "/v5/market/orderbook", self.orderbook),
            Route("GET", "/v5/market/tickers", self.tickers),
            Route("GET", "/v5/market/recent-trade", self.trades),
            Route("GET", "/v5/market/risk-limit", self.risk_limits),
            Route("GET", "/v5/market/insurance", self.insurance),
            Route("GET", "/v5/market/adlAlert", self.adl_alerts),
            Route("GET", "/v5/market/price-limit", self.price_limit, msg=""),
            Route("GET", "/v5/market/index-price-components", self.index_components, msg=""),
        ]

    def time(self, call: Call) -> Row:
        """The server's clock."""
        now_ms = self._desk.server_ms
        return {"timeSecond": str(now_ms // 1000), "timeNano": str(now_ms * 1_000_000)}

    def instruments(self, call: Call) -> Row:
        """Instruments of a category; options are a category without any."""
        params = call.params
        category = params.one_of("category", (*CATEGORIES, "option"))
        if category == "option":
            return {"category": category, "nextPageCursor": "", "list": []}
        chosen = self._desk.chosen(category, params)
        status = params.one_of("status", _STATUSES, "Trading") if "symbol" not in params else ""
        listed = self._desk.instruments(category)
        numbered = {one.name: number for number, one in enumerate(listed, start=1)}
        found = [
            one
            for one in chosen
            if status in ("", STATUS[one.status]) and params.text("baseCoin", one.base) == one.base
        ]
        limit = DEPTH_MAX if category == "spot" else params.limit(500, 1_000)
        taken, cursor = page(found, lambda one: len(listed) - numbered[one.name], params, limit)
        rows = [instrument_row(one, numbered[one.name]) for one in taken]
        shown = {"category": category, "list": rows}
        return shown if category == "spot" else {**shown, "nextPageCursor": cursor}

    def orderbook(self, call: Call) -> Row:
        """A snapshot of the book."""
        params = call.params
        category = category_of(params)
        instrument, limit = self._desk.instrument(category, params), params.limit(_DEPTHS[category], DEPTH_MAX)
        self._desk.catch_up()
        update_id, bids, asks = self._desk.exchange.depth(instrument.key, limit)
        now_ms = self._desk.server_ms
        return {
            "s": instrument.name,
            "b": ladder(instrument, bids),
            "a": ladder(instrument, asks),
            "ts": now_ms,
            "u": update_id,
            "seq": update_id,
            "cts": self._desk.wire(self._desk.exchange.now_ms),
        }

    def tickers(self, call: Call) -> Row:
        """Last prices, best quotes and 24 hours of one instrument or all."""
        params = call.params
        category = params.one_of("category", (*CATEGORIES, "option"))
        self._desk.catch_up()
        chosen = [] if category == "option" else self._desk.chosen(category, params)
        return {"category": category, "list": [self._tickers.row(one) for one in chosen if one.status != "closed"]}

    def trades(self, call: Call) -> Row:
        """The last public trades, newest first."""
        params = call.params
        category = category_of(params)
        default, most = _TRADES[category]
        instrument, limit = self._desk.instrument(category, params), params.limit(default, most)
        rows = []
        for printed in list(self._desk.tape.line(instrument).trades)[::-1][:limit]:
            event = printed.event
            rows.append(
                {
                    "execId": public_trade_id(instrument, event.trade_id),
                    "symbol": instrument.name,
                    "price": price(instrument, event.price),
                    "size": quantity(instrument, event.quantity),
                    "side": "Sell" if event.buyer_is_maker else "Buy",
                    "time": str(self._desk.wire(event.time_ms)),
                    "isBlockTrade": False,
                    "isRPITrade": False,
                    "seq": str(printed.seq),
                }
            )
        return {"category": category, "list": rows}

    def risk_limits(self, call: Call) -> Row:
        """The tiers of one instrument or all."""
        params = call.params
        category = category_of(params, DERIVATIVES)
        rows = [row for one in self._desk.chosen(category, params) for row in tier_rows(one)]
        return {"category": category, "list": rows, "nextPageCursor": ""}

    def insurance(self, call: Call) -> Row:
        """The insurance pools by coin."""
        wanted = call.params.text("coin")
        rows = [
            {"coin": coin, "symbols": ",".join(names), "balance": money(balance), "value": decimal(value, 8)}
            for coin, names, balance, value in self._insurance.pools()
            if wanted in ("", coin)
        ]
        return {"updatedTime": str(self._desk.server_ms // 60_000 * 60_000), "list": rows}

    def adl_alerts(self, call: Call) -> Row:
        """How near each contract is to auto-deleveraging."""
        wanted = call.params.text("symbol")
        rows = [one.rest_row() for one in self._insurance.alerts() if wanted in ("", one.symbol)]
        return {"updatedTime": str(self._desk.server_ms // 60_000 * 60_000), "list": rows}

    def price_limit(self, call: Call) -> Row:
        """The highest bid and lowest ask that are accepted now."""
        category = category_of(call.params, default="linear")
        instrument = self._desk.instrument(category, call.params)
        self._desk.catch_up()
        return {**price_limits(self._desk, instrument), "ts": str(self._desk.server_ms)}

    def index_components(self, call: Call) -> Row:
        """What an index is made of as its source says; where that does not know: the index itself, and it alone."""
        name = call.params.need("indexName")
        self._desk.catch_up()
        exchange = self._desk.exchange
        known = [one for one in exchange.instruments.values() if one.is_future and one.index == name]
        if not known:
            raise invalid("indexName invalid")
        index = exchange.marks.index(known[0].key)
        found = constituents_of(exchange.market, name) or (Constituent("Bybit", index, SCALE),)
        return {
            "indexName": name,
            "lastPrice": plain(index),
            "updateTime": str(self._desk.wire(exchange.now_ms)),
            "components": [_component(name, one) for one in found],
        }


def _component(index: str, one: Constituent) -> Row:
    at = plain(one.price or 0)
    return {
        "exchange": one.name,
        "spotPair": index,
        "equivalentPrice": at,
        "multiplier": "1",
        "price": at,
        "weight": plain(one.share),
    }


def price_limits(desk: Desk, instrument: Instrument) -> Row:
    """The bounds of an order's price by the mark (futures) or the mid (spot)."""
    filters = instrument.filters
    reference = desk.exchange.marks.mark(instrument.key) or desk.mid(instrument)
    up = filters.multiplier_up or 2 * SCALE
    highest = reference * up // SCALE // filters.tick * filters.tick
    lowest = -(-reference * filters.multiplier_down // SCALE // filters.tick) * filters.tick
    return {
        "symbol": instrument.name,
        "buyLmt": price(instrument, min(highest, filters.price_max)),
        "sellLmt": price(instrument, max(lowest, filters.price_min)),
    }


def ladder(instrument: Instrument, levels: Levels) -> list[list[str]]:
    """One side of a book as rows of price and size."""
    return [[price(instrument, at), quantity(instrument, size)] for at, size in levels]


def public_trade_id(instrument: Instrument, number: int) -> str:
    """A public trade's id: digits for spot, a uuid for derivatives."""
    return order_digits(number) if instrument.kind == "spot" else order_uuid(f"public:{instrument.name}:{number}")
