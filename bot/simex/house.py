"""The exchanges that a configuration asks for: one core a venue, all of them in one world.

Synthetic: the venues' markets walk the same world, so that their prices go together and differ a little. Recorded: a
venue has the instruments of which the directory holds a capture, and is left out when it holds none. History: Binance
has the instruments of which the directory holds klines or best prices, and is alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from bot.simex.config import AccountSpec, SimexConfig
from bot.simex.core.exchange import Exchange
from bot.simex.core.flow import MarketSource
from bot.simex.core.instrument import Instrument
from bot.simex.core.numbers import money, scaled
from bot.simex.core.venue import BINANCE, BYBIT, VenueRules
from bot.simex.faults.market import Bent
from bot.simex.sources import archive, frames, listings
from bot.simex.sources.dumps import DumpError
from bot.simex.sources.recorded import RecordedMarket
from bot.simex.sources.synthetic import Behaviour, SyntheticMarket
from bot.simex.sources.world import CALM, World

RULES: Final[Mapping[str, VenueRules]] = {"binance": BINANCE, "bybit": BYBIT}
_BYBIT_RECORDED: Final = ("spot", "linear", "inverse")


def exchanges(config: SimexConfig, start_ms: int, failures: list[DumpError] | None = None) -> dict[str, Exchange]:
    """The exchange of each venue, its accounts opened and funded. ValueError when nothing can be traded.

    A bad row that is reached later on is put into `failures`; without it, it is raised there.
    """
    made = ((venue, _exchange(venue, config, start_ms, failures)) for venue in config.venues)
    found = {venue: exchange for venue, exchange in made if exchange is not None}
    if not found:
        raise ValueError(
            f"{config.replay_dir or config.history_dir}: no records of an instrument of {', '.join(config.venues)}"
        )
    for venue, exchange in found.items():
        for account in config.accounts:
            fund(exchange, venue, account)
    return found


def fund(exchange: Exchange, venue: str, account: AccountSpec) -> None:
    """Open an account and put its coins into its wallets; ValueError for an amount that is negative or too fine."""
    opened = exchange.open_account(account.name, account.parent)
    for wallet, coins in account.wallets(venue).items():
        for asset, amount in coins.items():
            if amount:
                exchange.funds.deposit(opened, wallet, asset, money(amount))


def _exchange(venue: str, config: SimexConfig, start_ms: int, failures: list[DumpError] | None) -> Exchange | None:
    instruments = [_as_configured(one, config) for one in _listed(venue, start_ms)]
    market = _market(venue, config, instruments, start_ms, failures)
    if market is None:
        return None
    traded = [one for one in instruments if one.key in market.keys]
    exchange = Exchange(RULES[venue], traded, Bent(market), seed=config.seed, start_ms=start_ms)
    if config.funding_rate is not None:
        for one in traded:
            if one.funding is not None:
                exchange.set_rate(one.key, scaled(config.funding_rate))
    return exchange


def _market(
    venue: str,
    config: SimexConfig,
    instruments: Sequence[Instrument],
    start_ms: int,
    failures: list[DumpError] | None,
) -> MarketSource | None:
    if config.replay_dir is not None:
        return _recorded(venue, config, instruments, start_ms)
    if config.history_dir is not None:
        if venue != "binance":
            return None
        return archive.market(config.history_dir, instruments, start_ms, failures=failures)
    return SyntheticMarket(_world(config, start_ms), instruments, Behaviour(venue=venue))


def _listed(venue: str, start_ms: int) -> Sequence[Instrument]:
    return listings.bybit(start_ms) if venue == "bybit" else listings.binance(start_ms)


def _as_configured(instrument: Instrument, config: SimexConfig) -> Instrument:
    if instrument.funding is not None and config.funding_interval_s is not None:
        instrument.funding = replace(instrument.funding, interval_ms=config.funding_interval_s * 1000)
    return instrument


def _world(config: SimexConfig, start_ms: int) -> World:
    if config.is_calm:
        return World(seed=config.seed, start_ms=start_ms, stress=CALM, common_jumps_per_day=0.0)
    return World(seed=config.seed, start_ms=start_ms)


def _recorded(
    venue: str, config: SimexConfig, instruments: Sequence[Instrument], start_ms: int
) -> RecordedMarket | None:
    assert config.replay_dir is not None
    if not config.replay_dir.is_dir():
        raise ValueError(f"{config.replay_dir}: there is no such directory")
    if venue == "binance":
        files = frames.captures(config.replay_dir, [one.key for one in instruments])
    else:
        names = {one.name for one in instruments}
        files = {}
        for category in _BYBIT_RECORDED:
            files |= frames.archives(config.replay_dir, category, sorted(names))
        files = {key: paths for key, paths in files.items() if key in {one.key for one in instruments}}
    if not files:
        return None
    return RecordedMarket(files, instruments, start_ms, speed=config.speed, loop=config.loop)
