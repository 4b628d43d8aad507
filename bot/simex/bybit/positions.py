"""Positions and their settings: list, leverage, position mode, margin."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from bot.simex.bybit.desk import DERIVATIVES, WALLET, Desk, category_of, in_venue_words, page
from bot.simex.bybit.errors import VenueError, invalid
from bot.simex.bybit.gate import Call, Route, Scope
from bot.simex.bybit.params import Params
from bot.simex.bybit.position_shapes import position_row
from bot.simex.bybit.stops import Stops
from bot.simex.bybit.tickets import position_side
from bot.simex.core.account import Account
from bot.simex.core.instrument import Instrument
from bot.simex.core.numbers import money
from bot.simex.core.order import PositionSide
from bot.simex.core.refusal import Reason

Row = dict[str, Any]
_LEVERAGE_CODES: Final = {Reason.BEYOND_LEVERAGE: 110013, Reason.INSUFFICIENT_MARGIN: 110012}
_SIDES: Final[tuple[PositionSide, ...]] = ("both", "long", "short")
_ADDED_CODES: Final = {Reason.INSUFFICIENT_MARGIN: 110014}
_REDUCED_CODES: Final = {Reason.INSUFFICIENT_MARGIN: 110078}
_SENT_BACK: Final = (
    "symbol positionIdx riskId riskLimitValue size positionValue avgPrice liqPrice bustPrice markPrice leverage "
    "autoAddMargin positionStatus positionIM positionMM unrealisedPnl cumRealisedPnl stopLoss takeProfit trailingStop "
    "createdTime updatedTime"
).split()


class PositionRest:
    """The endpoints."""

    def __init__(self, desk: Desk, stops: Stops) -> None:
        self._desk = desk
        self._stops = stops
        self._shown: dict[tuple[str, str, str, PositionSide], list[tuple[int, Row]]] = {}

    def routes(self) -> list[Route]:
        """The endpoints."""
        return [
            Route("GET", "/v5/position/list", self.positions, Scope.READ),
            Route("POST", "/v5/position/set-leverage", self.set_leverage, Scope.FUTURES),
            Route("POST", "/v5/position/switch-isolated", self.switch_isolated, Scope.FUTURES),
            Route("POST", "/v5/position/switch-mode", self.switch_mode, Scope.FUTURES),
            Route("POST", "/v5/position/add-margin", self.add_margin, Scope.FUTURES),
            Route("POST", "/v5/position/set-auto-add-margin", self.set_auto_add_margin, Scope.FUTURES),
        ]

    def row(self, account: Account, instrument: Instrument, side: PositionSide) -> Row:
        """A position as it is now."""
        return position_row(
            self._desk.valuation.position(account, instrument, side),
            seq=self._desk.recorder.fills.get((account.account_id, instrument.key), -1),
            in_liquidation=WALLET in account.in_liquidation,
            stops=self._stops.shown(account.account_id, instrument.key, side),
            wire=self._desk.wire,
        )

    def changed(self, account: Account, instrument: Instrument, side: PositionSide) -> Row:
        """A position changed: its row of now, kept for as long as queries lag behind it."""
        row = self.row(account, instrument, side)
        lag_ms, now_ms = self._desk.replica.kept_ms, self._desk.server_ms
        if lag_ms:
            name = (account.account_id, *instrument.key, side)
            kept = self._shown.setdefault(name, [])
            kept.append((now_ms, row))
            while len(kept) > 1 and kept[1][0] <= now_ms - lag_ms:
                del kept[0]
        return row

    # ------------------------------------------------------------------------------------------------------- queries
    def positions(self, call: Call) -> Row:
        """The positions of a symbol, flat ones too, or the open ones of a settle coin."""
        params = call.params
        category, limit = category_of(params, DERIVATIVES), params.limit(20, 200)
        if category == "linear" and "symbol" not in params and "settleCoin" not in params:
            raise invalid("symbol or settleCoin is required")
        self._desk.catch_up()
        account = self._desk.account(call.account)
        rows = [self._lagging(account, one, side) for one, side in self._asked(account, category, params)]
        shown = [(len(rows) - place, row) for place, row in enumerate(rows) if "symbol" in params or row["side"]]
        taken, cursor = page(shown, lambda pair: pair[0], params, limit)
        return {"list": [row for _, row in taken], "nextPageCursor": cursor, "category": category}

    def _asked(self, account: Account, category: str, params: Params) -> Iterator[tuple[Instrument, PositionSide]]:
        hedge = account.hedge_mode.get(category, False)
        sides: tuple[PositionSide, ...] = ("long", "short") if hedge else ("both",)
        coin = params.text("settleCoin")
        for one in self._desk.chosen(category, params):
            if "symbol" in params or coin in ("", one.settle):
                for side in sides:
                    if "symbol" in params or (one.key, side) in account.positions:
                        yield one, side

    def _lagging(self, account: Account, instrument: Instrument, side: PositionSide) -> Row:
        """A position as the replica has it: fresh while nothing changed within the lag."""
        lag_ms, now_ms = self._desk.replica.behind_ms, self._desk.server_ms
        row = self.row(account, instrument, side)
        kept = self._shown.get((account.account_id, *instrument.key, side)) if lag_ms else None
        if not kept or kept[-1][0] <= now_ms - lag_ms:
            return row
        seen = [old for at, old in kept if at <= now_ms - lag_ms]
        return seen[-1] if seen else _flat(row)

    # ------------------------------------------------------------------------------------------------------ settings
    def set_leverage(self, call: Call) -> Row:
        """Set the leverage of an instrument; in hedge mode and isolated margin its two sides may differ."""
        params = call.params
        instrument = self._desk.instrument(category_of(params, DERIVATIVES), params)
        buy, sell = (_leverage(params, name) for name in ("buyLeverage", "sellLeverage"))
        account = self._desk.account(call.account)
        hedge = account.hedge_mode.get(instrument.category, False)
        if buy != sell and not (hedge and account.isolated):
            raise invalid(
                "buyLeverage should be equal to sellLeverage" if not hedge else "cross margin: leverages differ"
            )
        self._desk.catch_up()
        wanted: dict[PositionSide, int] = {"long": buy, "short": sell} if buy != sell else dict.fromkeys(_SIDES, buy)
        with in_venue_words(otherwise=_LEVERAGE_CODES):
            self._desk.exchange.funds.settings.leverages(account, instrument, wanted)
        return {}

    def switch_isolated(self, call: Call) -> Row:
        """A unified account sets its margin mode as a whole: /v5/account/set-margin-mode."""
        raise VenueError(100028)

    def switch_mode(self, call: Call) -> Row:
        """One-way (0) or hedge mode (3) of the linear contracts."""
        params = call.params
        category = category_of(params, DERIVATIVES)
        if category == "inverse":
            raise VenueError(110029)
        mode = params.need_integer("mode")
        if mode not in (0, 3):
            raise invalid("mode invalid")
        if "symbol" in params:
            if self._desk.instrument(category, params).expiry_ms:
                raise VenueError(110029)
        elif "coin" not in params:
            raise invalid("symbol or coin is required")
        self._desk.catch_up()
        with in_venue_words():
            self._desk.exchange.funds.settings.hedge_mode(self._desk.account(call.account), category, hedge=mode == 3)
        return {}

    def add_margin(self, call: Call) -> Row:
        """Move margin into or out of an isolated position."""
        params = call.params
        category = category_of(params, DERIVATIVES)
        instrument, side = self._desk.instrument(category, params), position_side(params)
        amount = params.decimal("margin", signed=True)
        if amount is None or amount == 0 or amount != round(amount, 4):
            raise invalid("margin invalid")
        self._desk.catch_up()
        account = self._desk.account(call.account)
        position = account.positions.get((instrument.key, side))
        if position is None or not position.quantity:
            raise VenueError(110033)
        with in_venue_words(otherwise=_ADDED_CODES if amount > 0 else _REDUCED_CODES):
            self._desk.exchange.funds.add_isolated_margin(account, position, money(amount))
        row = self.row(account, instrument, side)
        return {"category": category, **{name: row[name] for name in _SENT_BACK}}

    def set_auto_add_margin(self, call: Call) -> Row:
        """Only for isolated positions, and off is what there is."""
        params = call.params
        category_of(params, ("linear",))
        self._desk.instrument("linear", params)
        wanted = params.need_integer("autoAddMargin")
        if wanted not in (0, 1):
            raise invalid("autoAddMargin invalid")
        if not self._desk.account(call.account).isolated:
            raise VenueError(110076)
        if wanted:
            raise invalid("autoAddMargin is not open on this exchange")
        return {}


def _leverage(params: Params, name: str) -> int:
    """A leverage in whole steps, as the instruments' leverageStep says."""
    params.need(name)
    found = params.decimal(name) or Decimal(0)
    if found != found.to_integral_value() or found < 1:
        raise invalid(f"{name} invalid")
    return int(found)


def _flat(row: Row) -> Row:
    """The row of a position that the replica has not seen yet."""
    zero = ("size", "avgPrice", "positionValue", "positionIM", "positionIMByMp", "positionMM", "positionMMByMp")
    empty = ("side", "liqPrice", "unrealisedPnl", "breakEvenPrice")
    return {**row, **dict.fromkeys(zero, "0"), **dict.fromkeys(empty, ""), "adlRankIndicator": 0}
