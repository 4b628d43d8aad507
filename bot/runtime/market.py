"""What the venue says before anything runs, and whether the config can work with it.

Instruments, the names of all others, mark prices and what is held are read once; `judge` holds the config against them
and refuses the start with every finding at its line.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from bot.domain.events import AccountSeen
from bot.domain.instrument import Instrument, Kind
from bot.domain.units import ZERO, InstrumentId
from bot.domain.venues import venue_of
from bot.runtime.feasible import check_against
from bot.runtime.portfolio import accounts, has_futures, hedge_name, instruments_wanted, symbols_wanted, written
from bot.runtime.refusal import StartRefused
from bot.runtime.settings import Settings
from bot.runtime.settings_load import Loaded
from bot.runtime.wiring import Reach, live_reads
from bot.venues.catalogue import CatalogueError
from bot.venues.paper_account import PaperState
from bot.venues.prices import PricesUnreadable
from bot.venues.translate.catalogue import Fees


@dataclass(frozen=True, slots=True)
class Market:
    """What the venue trades of the config, everything else it names, and the price of each coin (quote currency)."""

    instruments: tuple[Instrument, ...]
    known: frozenset[InstrumentId]
    prices: Mapping[str, Decimal]


async def read_market(settings: Settings, way: Reach) -> Market:
    """Read it; of instruments that the config names and the venue has not, nothing. Raises StartRefused."""
    fee = Fees(settings.paper.taker_fee / 10_000, settings.paper.taker_fee / 10_000)
    try:
        listings = [
            await exchange.catalogue(fee, fee if has_futures(settings, exchange.name) else None).listing(
                symbols_wanted(settings, exchange.name)
            )
            for exchange in way.exchanges
        ]
        wanted = instruments_wanted(settings)
        instruments = tuple(one for listing in listings for one in listing.instruments if one.id in wanted)
        hedges = _hedges(settings, instruments)
        marks = await _marks(way, hedges.values())
    except CatalogueError as error:
        raise StartRefused("key" if error.key_refused else "venue", *error.problems) from error
    except PricesUnreadable as error:
        raise StartRefused("venue", str(error)) from error
    known = frozenset(name for listing in listings for name in listing.known)
    return Market(instruments, known, {coin: marks[hedge.id] for coin, hedge in hedges.items()})


async def _marks(way: Reach, futures: Iterable[Instrument]) -> dict[InstrumentId, Decimal]:
    """The mark price of each of these futures, from its own venue."""
    found: dict[InstrumentId, Decimal] = {}
    wanted = tuple(futures)
    for exchange in way.exchanges:
        own = {one.symbol: one.id for one in wanted if venue_of(one.account) == exchange.name}
        if own:
            found |= {own[symbol]: price for symbol, price in (await exchange.marks(own)).items()}
    return found


def _hedges(settings: Settings, instruments: tuple[Instrument, ...]) -> dict[str, Instrument]:
    """Each coin's hedge whose mark is a price of that coin; what is wrong with others is said anyway."""
    by_id = {one.id: one for one in instruments}
    found = {}
    for coin in settings.assets:
        name = hedge_name(settings, coin)
        future = None if name is None else by_id.get(name)
        if future is not None and future.trading and _prices(future, coin, settings.quote):
            found[coin] = future
    return found


def _prices(future: Instrument, coin: str, quote: str) -> bool:
    return (future.kind, future.base, future.quote) == (Kind.LINEAR, coin, quote)


async def account_holdings(settings: Settings, way: Reach, market: Market) -> dict[str, Decimal] | None:
    """What the account holds of each coin in all its wallets; None where there is no key or a wallet cannot be read."""
    if way.key is None:
        return None
    snapshots = live_reads(settings, way, market.instruments)
    wallets: list[dict[str, Decimal]] = []
    for account in accounts(settings):
        seen = [fact.snapshot for fact in await snapshots.account(account) if isinstance(fact, AccountSeen)]
        if not seen:
            return None
        wallets.append({balance.asset: balance.total for balance in seen[0].balances})
    return _together(wallets)


def paper_holdings(paper: PaperState) -> dict[str, Decimal]:
    """What a paper account holds of each coin in all its wallets."""
    return _together({str(coin): total for coin, total in wallet.items()} for wallet in paper.balances.values())


def _together(wallets: Iterable[Mapping[str, Decimal]]) -> dict[str, Decimal]:
    held: dict[str, Decimal] = {}
    for wallet in wallets:
        for coin, total in wallet.items():
            held[coin] = held.get(coin, ZERO) + total
    return held


def judge(
    loaded: Loaded,
    market: Market,
    holdings: Mapping[str, Decimal] | None,
    warn: Callable[[str], None] | None = None,
) -> None:
    """Hold the config against the venue. Without `holdings` (None) bands that are parts of them are not judged.

    With `warn`, what depends on today's prices and holdings is only said: the portfolio has run before, its hedges may
    be open, and a price that rose or coins that left must not keep the daemon from looking after them.

    Raises:
        StartRefused: with a line for each finding, its file and line first.
    """
    known = [written(loaded.settings, name) for name in market.known]
    lasting = check_against(loaded, market.instruments, {}, None, known)
    problems = check_against(loaded, market.instruments, market.prices, holdings, known)
    if warn is not None:
        for passing in problems:
            if passing not in lasting:
                warn(str(passing))
        problems = lasting
    if problems:
        raise StartRefused("config", *(str(problem) for problem in problems))
