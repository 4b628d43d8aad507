"""What is really so: an account's whole state as the exchange itself knows it, for tests and closing tables."""

from __future__ import annotations

from typing import Any

import msgspec

from bot.simex.exchange import Exchange
from bot.simex.model import ZERO

TRADES_MAX = 10_000


def truth_of(exchange: Exchange, account: str) -> dict[str, Any]:
    """Balances, positions, open orders, trades, income and marks. KeyError when there is no such account.

    `funding_received` is what funding paid into the wallet (negative: paid out), per asset.
    """
    futures = exchange.accounts.futures(account)
    income = exchange.accounts.income(account)
    funding: dict[str, Any] = {}
    for row in income:
        if row.type == "FUNDING_FEE":
            funding[row.asset] = funding.get(row.asset, ZERO) + row.amount
    trades = [
        trade
        for symbol in exchange.symbols.values()
        for trade in exchange.accounts.trades(account, symbol.market, symbol.name)
    ]
    trades.sort(key=lambda trade: (trade.time_ms, trade.trade_id))
    marks = [exchange.mark(symbol.name) for symbol in exchange.symbols.values() if symbol.market == "usdm"]
    return {
        "account": account,
        "time_ms": exchange.now_ms,
        "spot": [msgspec.structs.asdict(row) for row in exchange.accounts.spot(account)],
        "usdm": {
            "assets": [msgspec.structs.asdict(row) for row in futures.assets],
            "positions": [msgspec.structs.asdict(row) for row in futures.positions if row.quantity],
        },
        "open_orders": [
            msgspec.structs.asdict(order)
            for market in ("spot", "usdm")
            for order in exchange.orders.open(account, market)
        ],
        "trades": [msgspec.structs.asdict(trade) for trade in trades[-TRADES_MAX:]],
        "trades_total": len(trades),
        "funding_received": funding,
        "marks": [msgspec.structs.asdict(mark) for mark in marks],
    }
