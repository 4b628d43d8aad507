"""The public endpoints that only futures have: mark and index, funding, open interest, indices, basis, deliveries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from bot.simex.bars import DAY_MS, HOUR_MS, INTERVALS
from bot.simex.binance.contracts import PERPETUAL, contract_type, of_pair, pair_of
from bot.simex.binance.desk import page
from bot.simex.binance.errors import BAD_SYMBOL, VenueError, missing, venue_error
from bot.simex.binance.figures import fixed, money, price
from bot.simex.binance.gate import Call, Route, Weight
from bot.simex.binance.marketplace import Marketplace
from bot.simex.binance.params import Params
from bot.simex.binance.tape import Settlement, dollars_of, open_interest
from bot.simex.core.instrument import Instrument
from bot.simex.core.numbers import SCALE, divided, unscaled
from bot.simex.sources.index import Constituent, constituents_of

Row = dict[str, Any]
FUNDING_ROWS: Final = (100, 1_000)
HISTORY_ROWS: Final = (30, 500)
HISTORY_MS: Final = 30 * DAY_MS
EIGHT_HOURS_MS: Final = 8 * HOUR_MS
PERIODS: Final = ("5m", "15m", "30m", "1h", "2h", "4h", "6h", "12h", "1d")
YEAR_MS: Final = 365 * DAY_MS
# The multi-assets index: how much worse than the index an asset counts, of 1e-8; the stable ones are exact.
INDEX_BUFFER: Final = 5_000_000
EXACT_DOLLARS: Final = frozenset({"USDT", "USDC"})
# What is shown of a constituent without a price.
HIDDEN_PRICE: Final = "-1"
PREFIXES: Final = {"usdm": "/fapi/v1", "coinm": "/dapi/v1"}


class DerivativesRest:
    """The handlers of USD-M or of COIN-M."""

    def __init__(self, market: Marketplace) -> None:
        self._market = market
        self._desk = market.desk
        self._is_usdm = market.desk.market == "usdm"
        self._prefix = PREFIXES[market.desk.market]

    def routes(self) -> list[Route]:
        """Every endpoint with its weight."""
        routes = [
            self._get("premiumIndex", self._premium_index, _by_symbol(1, 10)),
            self._get("fundingRate", self._funding_rate),
            self._get("fundingInfo", self._funding_info, 0),
            self._get("openInterest", self._open_interest),
            self._get("constituents", self._constituents, 2),
            Route("GET", "/futures/data/openInterestHist", self._open_interest_history, 0 if self._is_usdm else 1),
            Route("GET", "/futures/data/basis", self._basis, 0 if self._is_usdm else 1),
        ]
        if not self._is_usdm:
            return routes
        return [
            *routes,
            self._get("insuranceBalance", self._insurance),
            self._get("assetIndex", self._asset_index, _by_symbol(1, 10)),
            self._get("indexInfo", lambda _: []),
            Route("GET", "/futures/data/delivery-price", self._deliveries, 0),
        ]

    def _get(self, name: str, handler: Callable[[Call], Any], weight: Weight = 1) -> Route:
        return Route("GET", f"{self._prefix}/{name}", handler, weight)

    def _asked(self, params: Params) -> tuple[list[Instrument], bool]:
        """The contracts of `symbol`, of `pair` (COIN-M), or all; and whether one row is the answer."""
        if not self._is_usdm and "pair" in params and "symbol" not in params:
            return self._of_pair(params.text("pair")), False
        chosen, single = self._desk.some_symbols(params)
        return chosen, single and self._is_usdm

    def _of_pair(self, pair: str) -> list[Instrument]:
        found = of_pair(self._desk.symbols(), pair)
        if not found:
            raise venue_error(BAD_SYMBOL)
        return found

    # ----------------------------------------------------------------------------------------------- mark and funding
    def _premium_index(self, call: Call) -> Any:
        """Mark, index, funding rate and next funding time."""
        self._desk.catch_up()
        instruments, single = self._asked(call.params)
        rows = [self._premium(one) for one in instruments]
        return rows[0] if single else rows

    def _premium(self, instrument: Instrument) -> Row:
        told, terms = self._market.mark(instrument), instrument.funding
        nothing = "0.00000000" if self._is_usdm else ""
        return {
            "symbol": instrument.name,
            **({} if self._is_usdm else {"pair": pair_of(instrument)}),
            "markPrice": fixed(told.mark, 8),
            "indexPrice": fixed(told.index, 8),
            "estimatedSettlePrice": fixed(told.index, 8),
            "lastFundingRate": fixed(told.rate, 8) if terms else nothing,
            "interestRate": fixed(terms.interest_per_8h, 8) if terms else nothing,
            "nextFundingTime": self._desk.wire(told.next_funding_ms) if terms else 0,
            "time": self._desk.wire(told.time_ms),
        }

    def _funding_rate(self, call: Call) -> list[Row]:
        """Funding rates as they were charged, oldest first; before the exchange opened all were the interest rate."""
        params = call.params
        if not self._is_usdm and "symbol" not in params:
            raise missing("symbol")
        instruments, _ = self._desk.some_symbols(params)
        start, end = params.integer("startTime"), params.integer("endTime")
        found = [
            (row, one)
            for one in instruments
            for row in self._settlements(one)
            if (start is None or row.time_ms >= start) and (end is None or row.time_ms <= end)
        ]
        found.sort(key=lambda pair: (pair[0].time_ms, pair[1].name))
        return [self._settlement(one, row) for row, one in page(found, params, *FUNDING_ROWS)]

    def _settlements(self, instrument: Instrument) -> list[Settlement]:
        """What was charged, oldest first: made up before the exchange opened, then as it was."""
        terms, line = instrument.funding, self._market.line(instrument)
        if terms is None:
            return []
        # On the wire an interval is as long as clients see it pass.
        step = max(round(terms.interval_ms / self._desk.timeline.speed), 1)
        rate = divided(terms.interest_per_8h * terms.interval_ms, EIGHT_HOURS_MS)
        mark = self._market.mark(instrument).mark
        opened_ms = self._market.tape.start_ms // step * step
        count = min(FUNDING_ROWS[1], max(0, (opened_ms - instrument.listed_ms) // step))
        past = [Settlement(opened_ms - back * step, rate, mark) for back in range(count - 1, -1, -1)]
        return [*past, *line.fundings]

    def _settlement(self, instrument: Instrument, row: Settlement) -> Row:
        return {
            "symbol": instrument.name,
            "fundingTime": row.time_ms,
            "fundingRate": fixed(row.rate, 8),
            "markPrice": fixed(row.mark, 8),
        }

    def _funding_info(self, _: Call) -> list[Row]:
        """The symbols whose funding differs from the venue's default of eight hours, as the venue lists them."""
        speed = self._desk.timeline.speed
        return [
            {
                "symbol": one.name,
                "adjustedFundingRateCap": fixed(one.funding.cap, 8),
                "adjustedFundingRateFloor": fixed(one.funding.floor, 8),
                "fundingIntervalHours": _hours(one.funding.interval_ms, speed),
                "disclaimer": False,
            }
            for one in self._desk.symbols()
            if one.funding is not None and one.funding.interval_ms != EIGHT_HOURS_MS * speed
        ]

    # -------------------------------------------------------------------------------------------------- open interest
    def _open_interest(self, call: Call) -> Row:
        """Contracts open now."""
        instrument = self._desk.symbol(call.params)
        self._desk.catch_up()
        held = fixed(self._market.open_interest(instrument), instrument.quantity_places)
        row: Row = {"symbol": instrument.name, "openInterest": held, "time": self._desk.server_ms}
        if self._is_usdm:
            return row
        kind = contract_type(instrument, self._desk.server_ms)
        return {"symbol": instrument.name, "pair": pair_of(instrument), **row, "contractType": kind}

    def _open_interest_history(self, call: Call) -> list[Row]:
        """Contracts open at the end of each period; what is not the present is the background alone."""
        params = call.params
        if self._is_usdm:
            chosen: list[Instrument] = [self._desk.symbol(params)]
        else:
            chosen = self._of_pair(params.need("pair"))
            kind = params.need("contractType")
            chosen = [one for one in chosen if kind in ("ALL", contract_type(one, self._desk.server_ms))]
        return [self._interest(chosen, params, at) for at in self._periods(params)]

    def _interest(self, instruments: list[Instrument], params: Params, time_ms: int) -> Row:
        contracts = worth = 0
        for one in instruments:
            mark = self._price_at(one, time_ms)
            held = open_interest(one, mark, 0)
            contracts += held
            worth += one.notional(held, mark) if one.kind == "inverse" else dollars_of(one, held, mark)
        named: Row = {"symbol": instruments[0].name} if self._is_usdm and instruments else {}
        if not self._is_usdm:
            named = {"pair": params.text("pair"), "contractType": params.text("contractType")}
        supply: Row = {"CMCCirculatingSupply": "0.00000000"} if self._is_usdm else {}
        return {
            **named,
            "sumOpenInterest": fixed(contracts, 8),
            "sumOpenInterestValue": money(worth),
            **supply,
            "timestamp": time_ms,
        }

    def _periods(self, params: Params) -> list[int]:
        """The ends of the periods that are asked for, oldest first, none older than the venue keeps."""
        period = params.need("period")
        if period not in PERIODS:
            raise VenueError(-1120, "Invalid interval.")
        step, now_ms = INTERVALS[period], self._desk.server_ms
        limit = params.limit("limit", *HISTORY_ROWS)
        start, end = params.integer("startTime"), params.integer("endTime")
        last_ms = min(now_ms if end is None else end, now_ms) // step * step
        first_ms = max(start or 0, now_ms - HISTORY_MS)
        times = list(range(last_ms, first_ms - 1, -step)) if last_ms >= first_ms else []
        return times[:limit][::-1]

    def _price_at(self, instrument: Instrument, time_ms: int) -> int:
        """The mark at a moment, as its bars have it."""
        bars = self._market.line(instrument).bars["mark"].rows("5m", time_ms - 1, time_ms, 1)
        return bars[-1].close if bars else self._market.mark(instrument).mark

    # ---------------------------------------------------------------------------------------------- indices and basis
    def _constituents(self, call: Call) -> Row:
        """What an index is made of as its source says; where that does not know: the index itself, and it alone."""
        name = call.params.need("symbol")
        known = [one for one in self._desk.symbols() if name in (one.name, pair_of(one))]
        if not known:
            raise venue_error(BAD_SYMBOL)
        self._desk.catch_up()
        index = known[0].index
        found = constituents_of(self._desk.exchange.market, index)
        alone = Constituent("binance", self._market.mark(known[0]).index, SCALE)
        rows = [self._constituent(index, one) for one in found or (alone,)]
        return {"symbol": name, "time": self._desk.server_ms, "constituents": rows}

    def _constituent(self, index: str, one: Constituent) -> Row:
        row: Row = {"exchange": one.name, "symbol": index}
        if not self._is_usdm:
            return row
        shown = HIDDEN_PRICE if one.price is None else fixed(one.price, 8)
        return row | {"price": shown, "weight": fixed(one.share, 8)}

    def _basis(self, call: Call) -> list[Row]:
        """Futures price less index at the end of each period; annualized where there is a delivery."""
        params = call.params
        pair, kind = params.need("pair"), params.need("contractType")
        chosen = [one for one in self._of_pair(pair) if contract_type(one, self._desk.server_ms) == kind]
        return [self._basis_row(chosen[0], kind, at) for at in self._periods(params)] if chosen else []

    def _basis_row(self, instrument: Instrument, kind: str, time_ms: int) -> Row:
        bars = self._market.line(instrument).bars
        futures = bars["trade"].rows("5m", time_ms - 1, time_ms, 1)
        indices = bars["index"].rows("5m", time_ms - 1, time_ms, 1)
        told = self._market.mark(instrument)
        index = indices[-1].open if indices else told.index
        at = futures[-1].open if futures else told.mark
        rate = divided((at - index) * SCALE, max(index, 1))
        left_ms = (instrument.expiry_ms or 0) - self._desk.exchange.now_ms
        yearly = fixed(rate * YEAR_MS // left_ms, 4) if kind != PERPETUAL and left_ms > 0 else ""
        return {
            "indexPrice": fixed(index, 8),
            "contractType": kind,
            "basisRate": fixed(rate, 4),
            "futuresPrice": price(instrument, at),
            "annualizedBasisRate": yearly,
            "basis": fixed(at - index, 8),
            "pair": pair_of(instrument),
            "timestamp": time_ms,
        }

    def _asset_index(self, call: Call) -> Any:
        """What an asset is worth as collateral in multi-assets mode."""
        rules, marks = self._desk.exchange.state.rules, self._desk.exchange.marks
        known = {f"{asset}USD": marks.dollars(asset) for asset in rules.haircuts if marks.dollars(asset)}
        if "symbol" not in call.params:
            return [self._asset_row(name, known[name]) for name in sorted(known)]
        name = call.params.text("symbol")
        if name not in known:
            raise venue_error(BAD_SYMBOL)
        return self._asset_row(name, known[name])

    def _asset_row(self, name: str, index: int) -> Row:
        asset = name.removesuffix("USD")
        share = self._desk.exchange.state.rules.haircuts[asset]
        buffer = SCALE - share
        exchanged = 0 if asset in EXACT_DOLLARS else INDEX_BUFFER
        return {
            "symbol": name,
            "time": self._desk.server_ms,
            "index": fixed(index, 8),
            "bidBuffer": fixed(buffer, 8),
            "askBuffer": fixed(buffer, 8),
            "bidRate": fixed(index * (SCALE - buffer) // SCALE, 8),
            "askRate": fixed(index * (SCALE + buffer) // SCALE, 8),
            "autoExchangeBidBuffer": fixed(exchanged, 8),
            "autoExchangeAskBuffer": fixed(exchanged, 8),
            "autoExchangeBidRate": fixed(index * (SCALE - exchanged) // SCALE, 8),
            "autoExchangeAskRate": fixed(index * (SCALE + exchanged) // SCALE, 8),
        }

    def _insurance(self, call: Call) -> Any:
        """The insurance fund: one for all contracts that settle in an asset."""
        instruments, single = self._desk.some_symbols(call.params)
        fund, now_ms = self._desk.exchange.accounting.ledger.insurance, self._desk.server_ms
        rows = []
        for asset in sorted({one.settle for one in instruments}):
            names = sorted(one.name for one in self._desk.symbols() if one.settle == asset)
            balance = {"asset": asset, "marginBalance": money(fund.get(asset, 0)), "updateTime": now_ms}
            rows.append({"symbols": names, "assets": [balance]})
        return rows[0] if single else rows

    def _deliveries(self, call: Call) -> list[Row]:
        """The deliveries of a pair, newest first."""
        ended = [
            self._market.tape.ends[one.key]
            for one in self._of_pair(call.params.need("pair"))
            if one.expiry_ms is not None and one.key in self._market.tape.ends
        ]
        return [{"deliveryTime": at, "deliveryPrice": float(unscaled(value))} for at, value in sorted(ended)[::-1]]


def _hours(interval_ms: int, speed: float) -> int | float:
    """A funding interval as clients see it pass: whole hours at the venue, parts of one in a demonstration."""
    hours = interval_ms / HOUR_MS / speed
    return int(hours) if hours.is_integer() else round(hours, 6)


def _by_symbol(one: int, every: int) -> Weight:
    return lambda params: one if "symbol" in params else every
