"""Bybit's v5 endpoints that we use, with how often a second each may be asked.

Everything of one key lies in one unified account: its coins margin its futures, and a coin is counted once.
"""

from __future__ import annotations

from bot.domain.instrument import instrument_id
from bot.domain.units import InstrumentId
from bot.domain.venues import BYBIT_UNIFIED
from bot.venues.routes import Route

UNIFIED = BYBIT_UNIFIED
HOST = "api.bybit.com"
SPOT, LINEAR, INVERSE = "spot", "linear", "inverse"
"""The venue's categories of what is traded."""


def instrument_name(category: str, symbol: str) -> InstrumentId:
    """An instrument's id, of any category of the venue."""
    return instrument_id(UNIFIED, f"{category}:{symbol}")


def _private(path: str, per_second: int, method: str = "GET", orders: int = 0) -> Route:
    return Route(
        account=UNIFIED,
        section="private",
        path=f"v5/{path}",
        method=method,
        orders=orders,
        served_by=HOST,
        per_second=per_second,
    )


def _public(path: str) -> Route:
    return Route(account=UNIFIED, section="public", path=f"v5/{path}", signed=False, served_by=HOST)


ORDER_NEW = _private("order/create", 10, "POST", orders=1)
ORDER_CANCEL = _private("order/cancel", 10, "POST")
ORDERS_NOW = _private("order/realtime", 50)
ORDERS_PAST = _private("order/history", 50)
EXECUTIONS = _private("execution/list", 50)
WALLET = _private("account/wallet-balance", 50)
POSITIONS = _private("position/list", 50)
LEDGER = _private("account/transaction-log", 30)
FEES = _private("account/fee-rate", 10)
ACCOUNT_INFO = _private("account/info", 50)
KEY_SCOPE = _private("user/query-api", 10)

TIME = _public("market/time")
INSTRUMENTS = _public("market/instruments-info")
RISK_LIMITS = _public("market/risk-limit")
TICKERS = _public("market/tickers")
KLINES = _public("market/kline")
FUNDING_RATES = _public("market/funding/history")
OPEN_INTEREST = _public("market/open-interest")
