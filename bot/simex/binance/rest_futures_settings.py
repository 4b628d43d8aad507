"""What a futures account may set, and what binds it: leverage, modes, isolated margin, tiers, fees, limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from bot.simex.binance import futures_errors as refused
from bot.simex.binance import futures_positions as shapes
from bot.simex.binance.desk import exact, page
from bot.simex.binance.errors import illegal, missing, venue_error
from bot.simex.binance.futures_desk import FuturesDesk
from bot.simex.binance.futures_records import MarginChange
from bot.simex.binance.futures_tickets import read_position_side
from bot.simex.binance.futures_view import DAY_MS
from bot.simex.binance.gate import Call, Route, Scope, Security, Weight
from bot.simex.binance.limits import RateLimiter
from bot.simex.binance.params import Params
from bot.simex.binance.rest_futures_queries import one_or_all, within
from bot.simex.binance.words import plain
from bot.simex.core.account import Account
from bot.simex.core.instrument import Instrument
from bot.simex.core.numbers import BOOKED, amount, unscaled
from bot.simex.core.order import PositionSide
from bot.simex.core.refusal import Reason, Refused

MONTH_MS: Final = 30 * DAY_MS
_SUCCESS: Final = {"code": 200, "msg": "success"}
_ADDED, _REDUCED = 1, 2
Row = dict[str, Any]


class FuturesSettings:
    """The handlers. `limiter` has the market's limits, as its exchangeInfo tells them."""

    def __init__(self, desk: FuturesDesk, limiter: RateLimiter) -> None:
        self._desk = desk
        self._exchange = desk.exchange
        self._limiter = limiter

    def routes(self) -> list[Route]:
        """Every endpoint with its weight, security and permission."""
        shared = [
            self._read("v1/commissionRate", self._commission_rate, 20),
            self._read("v1/positionMargin/history", self._margin_history),
            self._read("v1/positionSide/dual", self._dual_side, 30),
            self._trade("v1/leverage", self._set_leverage),
            self._trade("v1/marginType", self._set_margin_type),
            self._trade("v1/positionMargin", self._move_margin),
            self._trade("v1/positionSide/dual", self._set_dual_side),
        ]
        if self._desk.is_inverse:
            return [
                *shared,
                self._read("v1/leverageBracket", self._pair_brackets),
                self._read("v2/leverageBracket", self._brackets),
            ]
        return [
            *shared,
            self._read("v1/leverageBracket", self._brackets),
            self._read("v1/accountConfig", self._account_config, 5),
            self._read("v1/symbolConfig", self._symbol_config, 5),
            self._read("v1/multiAssetsMargin", self._multi_assets, 30),
            self._trade("v1/multiAssetsMargin", self._set_multi_assets),
            self._read("v1/rateLimit/order", self._order_limits),
            self._read("v1/feeBurn", self._fee_burn, 30),
            self._trade("v1/feeBurn", self._set_fee_burn),
            self._read("v1/apiTradingStatus", self._trading_status, one_or_all(1, 10)),
        ]

    def _read(self, name: str, handler: Callable[[Call], Any], weight: Weight = 1) -> Route:
        return Route("GET", f"{self._desk.prefix}/{name}", handler, weight, Security.SIGNED, Scope.READ)

    def _trade(self, name: str, handler: Callable[[Call], Any]) -> Route:
        return Route("POST", f"{self._desk.prefix}/{name}", handler, 1, Security.SIGNED, Scope.FUTURES)

    def _account(self, call: Call) -> Account:
        """The caller's account as it is by now."""
        self._desk.catch_up()
        return self._desk.account(call.account)

    def _is_hedged(self, account: Account) -> bool:
        return account.hedge_mode.get(self._desk.market, False)

    # ------------------------------------------------------------------------------------------------------- settings
    def _set_leverage(self, call: Call) -> Row:
        """Set a symbol's leverage; the same again is no error."""
        account, instrument = self._account(call), self._desk.symbol(call.params)
        leverage = call.params.need_integer("leverage")
        try:
            cap = self._exchange.funds.settings.leverage(account, instrument, leverage)
        except Refused as error:
            if error.reason is not Reason.LEVERAGE_UNCHANGED:
                told = Refused(error.reason, str(leverage))
                words = refused.leverage_words(self._desk.market)
                raise refused.refusal_of(self._desk.market, told, words) from None
            cap = self._cap(account, instrument)
        bound = "maxQty" if self._desk.is_inverse else "maxNotionalValue"
        return {"symbol": instrument.name, "leverage": leverage, bound: plain(amount(cap))}

    def _cap(self, account: Account, instrument: Instrument) -> int:
        view = self._desk.valuation.position(account, instrument, self._desk.sides(account)[-1])
        return exact(view.max_notional) * BOOKED

    def _set_margin_type(self, call: Call) -> Row:
        """Set a symbol's margin type; -4046 when it has it already."""
        account, instrument = self._account(call), self._desk.symbol(call.params)
        chosen = call.params.one_of("marginType", ("CROSSED", "ISOLATED"), missing("marginType"))
        try:
            self._exchange.funds.settings.margin_type(account, instrument, isolated=chosen == "ISOLATED")
        except Refused as error:
            raise refused.refusal_of(self._desk.market, error, refused.MARGIN_TYPE) from None
        return dict(_SUCCESS)

    def _dual_side(self, call: Call) -> Row:
        """Whether the account is in hedge mode."""
        return {"dualSidePosition": self._is_hedged(self._account(call))}

    def _set_dual_side(self, call: Call) -> Row:
        """Set hedge mode; -4059 when nothing changes."""
        hedge = _needed_flag(call.params, "dualSidePosition")
        account = self._account(call)
        self._desk.run(lambda: self._exchange.funds.settings.hedge_mode(account, self._desk.market, hedge=hedge))
        return dict(_SUCCESS)

    def _multi_assets(self, call: Call) -> Row:
        """Whether the account is in multi-assets mode."""
        return {"multiAssetsMargin": self._account(call).multi_assets}

    def _set_multi_assets(self, call: Call) -> Row:
        """Set multi-assets mode; -4171 when nothing changes."""
        multi = _needed_flag(call.params, "multiAssetsMargin")
        try:
            self._exchange.funds.settings.multi_assets(self._account(call), multi=multi)
        except Refused as error:
            raise refused.refusal_of(self._desk.market, error, refused.MULTI_ASSETS) from None
        return dict(_SUCCESS)

    def _account_config(self, call: Call) -> Row:
        """The account's modes."""
        account = self._account(call)
        return {
            "feeTier": 0,
            "canTrade": True,
            "canDeposit": True,
            "canWithdraw": True,
            "dualSidePosition": self._is_hedged(account),
            "updateTime": 0,
            "multiAssetsMargin": account.multi_assets,
            "tradeGroupId": -1,
        }

    def _symbol_config(self, call: Call) -> list[Row]:
        """Margin type and leverage of one symbol or all."""
        account = self._account(call)
        rows = []
        for instrument in self._desk.some_symbols(call.params)[0]:
            view = self._desk.valuation.position(account, instrument, self._desk.sides(account)[-1])
            rows.append(
                {
                    "symbol": instrument.name,
                    "marginType": "ISOLATED" if view.isolated else "CROSSED",
                    "isAutoAddMargin": False,
                    "leverage": view.leverage,
                    "maxNotionalValue": plain(view.max_notional),
                }
            )
        return rows

    def _order_limits(self, _: Call) -> list[Row]:
        """The order-count limits of the account."""
        return [dict(row) for row in self._limiter.limits.as_rate_limits() if row["rateLimitType"] == "ORDERS"]

    def _fee_burn(self, call: Call) -> Row:
        """Whether fees may be paid in BNB; there is none in these wallets, so it changes no fee."""
        return {"feeBurn": self._desk.records.notebook(call.account).fee_burn}

    def _set_fee_burn(self, call: Call) -> Row:
        """Switch it."""
        self._desk.records.notebook(call.account).fee_burn = _needed_flag(call.params, "feeBurn")
        return dict(_SUCCESS)

    def _trading_status(self, call: Call) -> Row:
        """The quantitative rules: nothing is ever locked here."""
        self._desk.some_symbols(call.params)
        return {"indicators": {}, "updateTime": self._desk.server_ms}

    def _commission_rate(self, call: Call) -> Row:
        """The account's fee rates of one symbol."""
        instrument, account = self._desk.symbol(call.params), self._account(call)
        maker, taker = account.fees.get(self._desk.market, (instrument.maker_fee, instrument.taker_fee))
        row = {
            "symbol": instrument.name,
            "makerCommissionRate": plain(unscaled(maker)),
            "takerCommissionRate": plain(unscaled(taker)),
        }
        return row if self._desk.is_inverse else {**row, "rpiCommissionRate": plain(unscaled(maker))}

    def _brackets(self, call: Call) -> list[Row]:
        """The maintenance tiers of one symbol or all; a list in either case, as the venue answers."""
        instruments = self._desk.some_symbols(call.params)[0]
        return [{"symbol": one.name, "brackets": shapes.brackets(one)} for one in instruments]

    def _pair_brackets(self, call: Call) -> list[Row]:
        """The tiers by pair, of its perpetual."""
        wanted = call.params.text("pair")
        found: dict[str, Instrument] = {}
        for one in self._desk.symbols():
            if wanted in ("", self._desk.pair(one)) and (one.expiry_ms is None or self._desk.pair(one) not in found):
                found[self._desk.pair(one)] = one
        if wanted and not found:
            raise venue_error(refused.BAD_PAIR[self._desk.market])
        return [{"pair": pair, "brackets": shapes.brackets(one)} for pair, one in sorted(found.items())]

    # --------------------------------------------------------------------------------------------------------- margin
    def _move_margin(self, call: Call) -> Row:
        """Move margin into (1) or out of (2) an isolated position."""
        params, instrument = call.params, self._desk.symbol(call.params)
        given, kind, side = params.need_decimal("amount"), params.need_integer("type"), read_position_side(params)
        if kind not in (_ADDED, _REDUCED):
            raise refused.bad_data("type")
        if given <= 0:
            raise venue_error(refused.AMOUNT_NOT_POSITIVE)
        change = MarginChange(instrument.key, side, kind, exact(given) * BOOKED, self._exchange.now_ms)
        self._shift(self._account(call), instrument, side, change)
        self._desk.records.notebook(call.account).margin_changes.append(change)
        return {"amount": float(given), "code": 200, "msg": "Successfully modify position margin.", "type": kind}

    def _shift(self, account: Account, instrument: Instrument, side: PositionSide, change: MarginChange) -> None:
        if (side == "both") == self._is_hedged(account):
            raise refused.refusal_of(self._desk.market, Refused(Reason.POSITION_SIDE))
        position = account.position(instrument, side)
        if not position.isolated:
            raise venue_error(refused.MARGIN_OF_CROSS)
        if not position.quantity:
            raise venue_error(refused.MARGIN_OF_FLAT)
        added = change.kind == _ADDED
        try:
            self._exchange.funds.add_isolated_margin(account, position, change.amount if added else -change.amount)
        except Refused:
            raise venue_error(refused.CROSS_TOO_LITTLE if added else refused.ISOLATED_TOO_LITTLE) from None

    def _margin_history(self, call: Call) -> list[Row]:
        """What was moved, oldest first."""
        params, instrument = call.params, self._desk.symbol(call.params)
        kind = params.integer("type")
        in_span = within(self._desk, params, MONTH_MS, 30)
        found = [
            change
            for change in self._desk.records.notebook(call.account).margin_changes
            if change.key == instrument.key and kind in (None, change.kind) and in_span(change.time_ms)
        ]
        return [self._margin_row(instrument, one) for one in page(found, params, *self._margin_rows())]

    def _margin_rows(self) -> tuple[int, int]:
        return (50, 500) if self._desk.is_inverse else (500, 500)

    def _margin_row(self, instrument: Instrument, one: MarginChange) -> Row:
        return {
            "symbol": instrument.name,
            "type": one.kind,
            **({} if self._desk.is_inverse else {"deltaType": "USER_ADJUST"}),
            "amount": plain(amount(one.amount)),
            "asset": instrument.settle,
            "time": self._desk.wire(one.time_ms),
            "positionSide": one.side.upper(),
        }


def _needed_flag(params: Params, name: str) -> bool:
    """A mandatory "true" or "false"."""
    params.need(name)
    if params.text(name).lower() not in ("true", "false"):
        raise illegal(name, "^(true|false)$")
    return params.boolean(name)
