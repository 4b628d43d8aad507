"""Tickers as /v5/market/tickers and the `tickers` topic show them, every documented field present."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.simex.bybit.desk import Desk
from bot.simex.bybit.figures import money, plain, price, quantity
from bot.simex.bybit.instrument_shapes import funding_hours
from bot.simex.bybit.tape import Day, open_interest
from bot.simex.core.instrument import Instrument
from bot.simex.core.numbers import SCALE, divided

Row = dict[str, str]
PERCENT_PLACES = 6


class Tickers:
    """Builds the rows. `held` answers what accounts hold of an instrument on one side."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._days: dict[tuple[str, str], tuple[int, Day]] = {}

    def row(self, instrument: Instrument) -> Row:
        """A ticker of the REST answer."""
        row = self._common(instrument) | self._top(instrument)
        if instrument.kind == "spot":
            return row | {"usdIndexPrice": self._dollars(instrument)}
        row |= self._future(instrument) | self._dates(instrument)
        row |= {"preOpenPrice": "", "preQty": "", "curPreListingPhase": ""}
        row |= {"fundingIntervalHour": funding_hours(instrument), "fundingCap": _cap(instrument)}
        if not instrument.expiry_ms:
            row |= {"basis": "", "basisRateYear": ""}
        return row | {"deliveryTime": str(instrument.expiry_ms or 0)}

    def frame(self, instrument: Instrument) -> Row:
        """The `data` of a ticker message."""
        row = self._common(instrument)
        if instrument.kind == "spot":
            return row | {"usdIndexPrice": self._dollars(instrument)}
        row |= {"tickDirection": self._desk.tape.line(instrument).direction}
        row |= self._future(instrument) | self._top(instrument)
        if instrument.expiry_ms:
            delivery = datetime.fromtimestamp(instrument.expiry_ms / 1000, UTC)
            return row | self._dates(instrument) | {"deliveryTime": f"{delivery:%Y-%m-%dT%H:%M:%SZ}"}
        row |= {"fundingIntervalHour": funding_hours(instrument), "fundingCap": _cap(instrument)}
        return row | {"preOpenPrice": "", "preQty": "", "curPreListingPhase": ""}

    def _day(self, instrument: Instrument) -> Day:
        """The last 24 hours, looked at once a second."""
        now_ms = self._desk.server_ms
        known = self._days.get(instrument.key)
        if known is None or now_ms - known[0] >= 1_000:
            known = self._days[instrument.key] = (now_ms, self._desk.tape.day(instrument, now_ms))
        return known[1]

    def _common(self, instrument: Instrument) -> Row:
        last, day = self._desk.last_price(instrument), self._day(instrument)
        change = divided((last - day.previous) * SCALE, day.previous) if day.previous else 0
        row = {
            "symbol": instrument.name,
            "lastPrice": price(instrument, last),
            "prevPrice24h": price(instrument, day.previous or last),
            "price24hPcnt": plain(change // 100 * 100),
            "highPrice24h": price(instrument, max(day.high, last)),
            "lowPrice24h": price(instrument, min(day.low or last, last)),
            "turnover24h": money(day.turnover),
            "volume24h": quantity(instrument, day.volume),
        }
        if instrument.is_future:
            row["prevPrice1h"] = price(instrument, day.hour_ago or last)
        return row

    def _top(self, instrument: Instrument) -> Row:
        bid, bid_quantity, ask, ask_quantity = self._desk.exchange.top(instrument.key)
        return {
            "bid1Price": price(instrument, bid) if bid else "",
            "bid1Size": quantity(instrument, bid_quantity) if bid else "",
            "ask1Price": price(instrument, ask) if ask else "",
            "ask1Size": quantity(instrument, ask_quantity) if ask else "",
        }

    def _future(self, instrument: Instrument) -> Row:
        marks, key = self._desk.exchange.marks, instrument.key
        mark, index = marks.mark(key), marks.index(key)
        rates = self._desk.exchange.accounting.rates
        held = open_interest(instrument, mark, self._held(instrument))
        perpetual = instrument.funding is not None
        return {
            "indexPrice": price(instrument, index),
            "markPrice": price(instrument, mark),
            "openInterest": quantity(instrument, 2 * held),
            "openInterestValue": money(instrument.notional(2 * held, mark)) if mark else "0",
            "singleOpenInterest": quantity(instrument, held),
            "singleOpenInterestValue": money(instrument.notional(held, mark)) if mark else "0",
            "fundingRate": plain(rates.rate(key)) if perpetual else "",
            "nextFundingTime": str(self._desk.wire(rates.next_ms(key))) if perpetual else "",
        }

    def _dates(self, instrument: Instrument) -> Row:
        """What only dated futures have; a perpetual shows the fields empty."""
        names = ("predictedDeliveryPrice", "basisRate", "deliveryFeeRate", "basis", "basisRateYear")
        if not instrument.expiry_ms:
            return dict.fromkeys(names[:3], "")
        marks = self._desk.exchange.marks
        index, last = marks.index(instrument.key), self._desk.last_price(instrument)
        basis = last - index
        rate = divided(basis * SCALE, index) if index else 0
        left_ms = max(instrument.expiry_ms - self._desk.exchange.now_ms, 86_400_000)
        yearly = divided(rate * 365 * 86_400_000, left_ms)
        return dict(
            zip(
                names,
                (price(instrument, index), plain(rate), "0", price(instrument, basis), plain(yearly)),
                strict=True,
            )
        )

    def _dollars(self, instrument: Instrument) -> str:
        found = self._desk.exchange.marks.dollars(instrument.base)
        return plain(found) if found else ""

    def _held(self, instrument: Instrument) -> int:
        accounts = self._desk.exchange.state.accounts.values()
        rows = (account.positions.get((instrument.key, side)) for account in accounts for side in ("both", "long"))
        return sum(max(row.quantity, 0) for row in rows if row is not None)


def _cap(instrument: Instrument) -> str:
    return plain(instrument.funding.cap) if instrument.funding else ""
