"""What is really so: an account's whole state as the exchange itself knows it, for tests and closing tables."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from bot.simex.core import numbers
from bot.simex.core.account import Account
from bot.simex.core.events import Event, OrderChanged
from bot.simex.core.exchange import Exchange
from bot.simex.core.instrument import Instrument
from bot.simex.core.order import BUY, Order, Trade
from bot.simex.core.views import AssetView, PositionView

TRADES_MAX = 10_000
FILLS_MAX = 100_000


def amount(money: int) -> Decimal:
    """Money of the core as a Decimal without trailing zeros."""
    return _plain(numbers.amount(money))


def unscaled(value: int) -> Decimal:
    """A price or quantity of the core as a Decimal without trailing zeros."""
    return _plain(numbers.unscaled(value))


def truth_of(exchange: Exchange, account_id: str) -> dict[str, Any]:
    """Wallets, positions, open orders, trades, funding and marks. Refused when there is no such account.

    A cash wallet is a list of coins, another one has its assets and its positions. `funding_received` is what funding
    paid into the wallets (negative: paid out), per asset.
    """
    account = exchange.state.account(account_id)
    trades = [_trade(one) for one in account.trades]
    futures = [one for one in exchange.instruments.values() if one.is_future]
    return {
        "account": account_id,
        "venue": exchange.state.rules.name,
        "time_ms": exchange.now_ms,
        **{wallet: _wallet(exchange, account, wallet) for wallet in exchange.state.rules.regimes},
        "open_orders": [order_row(one) for one in sorted(account.orders.values(), key=lambda order: order.order_id)],
        "trades": trades[-TRADES_MAX:],
        "trades_total": len(trades),
        "funding_received": _funding(account),
        "marks": [_mark(exchange, one) for one in futures],
    }


class Witness:
    """The truth about every account fill, in order, with the market source's place at that time; the newest are kept.

    The place tells a second reader of the same source which book an order of a taker met.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._fills: deque[dict[str, Any]] = deque(maxlen=FILLS_MAX)

    def see(self, events: Iterable[Event]) -> None:
        """Note the fills among events that have just happened."""
        for event in events:
            if isinstance(event, OrderChanged) and event.trade is not None:
                self._fills.append({**_trade(event.trade), "source_time": self._exchange.market.position})

    def after(self, count: int, most: int) -> list[dict[str, Any]]:
        """At most so many fills, those after the first `count`."""
        return list(self._fills)[count : count + most]

    def __len__(self) -> int:
        return len(self._fills)


def _wallet(exchange: Exchange, account: Account, wallet: str) -> Any:
    rules = exchange.state.rules
    assets = exchange.valuation.assets(account, wallet)
    if rules.regimes[wallet] == "cash":
        return [_coins(one) for one in assets]
    categories = [name for name, owner in rules.wallets.items() if owner == wallet]
    positions = [row for name in categories for row in exchange.valuation.positions(account, name)]
    return {"assets": [_asset(one) for one in assets], "positions": [_position(one) for one in positions]}


def _coins(view: AssetView) -> Mapping[str, Any]:
    return _shown({"asset": view.asset, "free": view.free, "locked": view.locked})


def _asset(view: AssetView) -> Mapping[str, Any]:
    return _shown(
        {
            "asset": view.asset,
            "wallet_balance": view.balance,
            "locked": view.locked,
            "unrealized_pnl": view.unrealized,
            "margin_balance": view.margin_balance,
            "maintenance_margin": view.maintenance,
            "position_initial_margin": view.position_margin,
            "open_order_initial_margin": view.order_margin,
            "available_balance": view.available,
            "max_withdraw": view.withdrawable,
        }
    )


def _position(view: PositionView) -> Mapping[str, Any]:
    return _shown(
        {
            "symbol": view.instrument.name,
            "market": view.instrument.category,
            "side": view.side,
            "quantity": view.quantity,
            "entry_price": view.entry_price,
            "break_even_price": view.break_even_price,
            "mark_price": view.mark_price,
            "unrealized_pnl": view.unrealized,
            "liquidation_price": view.liquidation_price,
            "leverage": view.leverage,
            "margin_type": "ISOLATED" if view.isolated else "CROSSED",
            "notional": view.notional,
            "initial_margin": view.initial_margin,
            "maintenance_margin": view.maintenance_margin,
            "realized_pnl": view.realized,
            "funding": view.funding,
            "adl_rank": view.adl_rank,
        }
    )


def order_row(order: Order) -> Mapping[str, Any]:
    """An order as JSON-ready values."""
    return {
        "order_id": order.order_id,
        "client_order_id": order.client_id,
        "market": order.instrument.category,
        "symbol": order.instrument.name,
        "side": _side(order.side),
        "type": order.type.upper(),
        "time_in_force": order.tif.upper(),
        "price": unscaled(order.price),
        "quantity": unscaled(order.quantity),
        "filled": unscaled(order.filled),
        "reduce_only": order.reduce_only,
        "position_side": order.position_side.upper(),
        "status": order.status.upper(),
        "created_ms": order.created_ms,
        "updated_ms": order.updated_ms,
    }


def _trade(trade: Trade) -> dict[str, Any]:
    return {
        "trade_id": trade.trade_id,
        "order_id": trade.order_id,
        "client_order_id": trade.client_id,
        "account_id": trade.account_id,
        "market": trade.instrument.category,
        "symbol": trade.instrument.name,
        "side": _side(trade.side),
        "price": unscaled(trade.price),
        "quantity": unscaled(trade.quantity),
        "quote_quantity": amount(trade.worth),
        "commission": amount(trade.fee),
        "commission_asset": trade.fee_asset,
        "is_maker": trade.is_maker,
        "realized_pnl": amount(trade.realized),
        "origin": trade.origin,
        "time_ms": trade.time_ms,
    }


def _mark(exchange: Exchange, instrument: Instrument) -> Mapping[str, Any]:
    key = instrument.key
    perpetual = instrument.funding is not None
    return {
        "symbol": instrument.name,
        "market": instrument.category,
        "mark": unscaled(exchange.marks.mark(key)),
        "index": unscaled(exchange.marks.index(key)),
        "funding_rate": unscaled(exchange.accounting.rates.rate(key)) if perpetual else None,
        "next_funding_ms": exchange.accounting.rates.next_ms(key) if perpetual else None,
    }


def _funding(account: Account) -> dict[str, Decimal]:
    found: dict[str, int] = {}
    for row in account.income:
        if row.kind == "funding":
            found[row.asset] = found.get(row.asset, 0) + row.amount
    return {asset: amount(total) for asset, total in sorted(found.items())}


def _side(side: int) -> str:
    return "BUY" if side == BUY else "SELL"


def _shown(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: _plain(value) if isinstance(value, Decimal) else value for name, value in row.items()}


def _plain(value: Decimal) -> Decimal:
    """The same number without trailing zeros and without an exponent."""
    shorter = value.normalize()
    return shorter if shorter % 1 else shorter.quantize(Decimal(1))
