"""Looking at the simulated Binance behind its sockets."""

from decimal import Decimal
from typing import NamedTuple

from bot.simex.core.exchange import Exchange
from bot.simex.core.instrument import Key
from bot.simex.core.numbers import money, unscaled
from bot.simex.serve import Simex

PERPETUAL: Key = ("usdm", "BTCUSDT")
SPOT_PAIR: Key = ("spot", "BTCUSDT")


class Best(NamedTuple):
    """The best prices of a book."""

    bid: Decimal
    ask: Decimal


def binance(simex: Simex) -> Exchange:
    """The core behind Binance's hosts."""
    return simex.exchanges["binance"]


def top_of(simex: Simex, key: Key) -> Best:
    """The best bid and ask of an instrument now."""
    bid, _, ask, _ = binance(simex).top(key)
    return Best(unscaled(bid), unscaled(ask))


def deposit(simex: Simex, wallet: str, asset: str, coins: Decimal) -> None:
    """Put coins into a wallet of the default account, and tell of it."""
    exchange = binance(simex)
    exchange.funds.deposit(exchange.state.account("default"), wallet, asset, money(coins))
    simex.flush()
