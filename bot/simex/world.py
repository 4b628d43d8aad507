"""The symbols and the market source that a configuration asks for."""

from __future__ import annotations

from bot.simex.config import SimexConfig
from bot.simex.market import MarketSource
from bot.simex.market.recorded import RecordedMarket
from bot.simex.market.synthetic import SyntheticMarket
from bot.simex.model import Symbol
from bot.simex.symbols import default_symbols, index_perpetual, only


def market_of(config: SimexConfig, start_ms: int) -> tuple[tuple[Symbol, ...], MarketSource]:
    """The instruments and the source of their books, starting at `start_ms`.

    Recorded: FileNotFoundError or ValueError when the directory has no usable capture.
    """
    interval_ms = config.funding_interval_s * 1000 if config.funding_interval_s else None
    symbols = default_symbols(interval_ms)
    if config.index_perpetual:
        symbols = (*symbols, index_perpetual(interval_ms))
    if config.replay_dir is not None:
        market = RecordedMarket(
            config.replay_dir,
            symbols,
            start_ms,
            speed=config.speed,
            funding_rate=config.funding_rate,
            loop=config.loop,
        )
        return only(symbols, market.keys), market
    return symbols, SyntheticMarket(symbols, config.seed, start_ms, funding_rate=config.funding_rate)
