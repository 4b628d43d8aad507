"""A folder of public Binance files as a market: what data.binance.vision offers, unpacked nowhere and renamed never.

Files are known by their names (`BTCUSDT-1h-2024-01.zip`, `BTCUSDT-bookTicker-2024-01-01.zip`,
`BTCUSDT-fundingRate-2024-01.zip`, `BTCUSDT-aggTrades-2024-01-01.zip`) and by a folder above them (spot, um, cm, as on
the site; usdm and coinm do as well). Klines in a folder `indexPriceKlines` are of an index; those of marks and premiums
are left alone, for the exchange makes its own. Where an instrument has best prices, its klines are not used; its trades
are used only there, for a path through bars has trades of its own.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Final

from bot.simex.core.flow import Flow
from bot.simex.core.instrument import Category, Instrument
from bot.simex.sources.bars import BarBook, bar_flows, index_flows
from bot.simex.sources.dumps import DumpError, agg_trades, book_tickers, funding_rates, klines
from bot.simex.sources.history import HistoryMarket
from bot.simex.sources.ticks import best_flows, funding_flows, trade_flows

CATEGORIES: Final[Mapping[str, Category]] = {
    "spot": "spot",
    "um": "usdm",
    "usdm": "usdm",
    "cm": "coinm",
    "coinm": "coinm",
}
_NAME = re.compile(
    r"(?P<symbol>[A-Z0-9_]+)-(?P<kind>bookTicker|fundingRate|aggTrades|\d+(?:s|m|h|d|w|mo))-"
    r"(?P<date>\d{4}-\d{2}(?:-\d{2})?)\.(?:zip|csv|csv\.gz)\Z"
)
_DERIVED = frozenset({"markPriceKlines", "premiumIndexKlines"})

Name = tuple[Category, str]
Files = dict[str, list[Path]]


def market(
    directory: Path,
    instruments: Sequence[Instrument],
    start_ms: int | None = None,
    book: BarBook | None = None,
    failures: list[DumpError] | None = None,
) -> HistoryMarket:
    """The market of the instruments that have klines or best prices in the folder or below it.

    FileNotFoundError when none has; DumpError, with file and line, for a bad row when it is reached. With `failures`
    one that is reached after the opening is put there, and its records end before it.
    """
    found = files(directory)
    listed = [one for one in instruments if found[one.key].keys() & {"bars", "bookTicker"}]
    if not listed:
        raise FileNotFoundError(f"no klines or bookTicker files of a known instrument below {directory}")
    streams = [stream for one in listed for stream in _streams(one, found[one.key], book)]
    indices = {one.index: found[(one.category, one.index)].get("index", []) for one in listed if one.is_future}
    streams += [index_flows(name, chain.from_iterable(map(klines, paths))) for name, paths in indices.items() if paths]
    if failures is None:
        return HistoryMarket(listed, streams, start_ms)
    try:
        return HistoryMarket(listed, [_noted(stream, failures) for stream in streams], start_ms)
    except ValueError as error:
        # Where a bad row is the reason that there is no book, it is what is wrong.
        raise next(iter(failures), error) from None


def _noted(stream: Iterable[Flow], failures: list[DumpError]) -> Iterator[Flow]:
    try:
        yield from stream
    except DumpError as error:
        failures.append(error)


def files(directory: Path) -> defaultdict[Name, Files]:
    """Every file of a known name by (category, symbol) and kind, in the order of the dates."""
    found: defaultdict[Name, Files] = defaultdict(dict)
    named = ((_NAME.match(path.name), path) for path in directory.rglob("*") if path.is_file())
    for match, path in sorted(((m, p) for m, p in named if m), key=lambda one: (one[0]["date"], str(one[1]))):
        folders = path.relative_to(directory).parts[:-1]
        category = next((CATEGORIES[part] for part in folders if part in CATEGORIES), None)
        if category is not None and not _DERIVED & set(folders):
            found[(category, match["symbol"])].setdefault(_kind(match["kind"], folders), []).append(path)
    return found


def _kind(kind: str, folders: Iterable[str]) -> str:
    if not kind[0].isdigit():
        return kind
    return "index" if "indexPriceKlines" in folders else "bars"


def _streams(instrument: Instrument, kinds: Files, book: BarBook | None) -> Iterator[Iterable[Flow]]:
    if "bookTicker" in kinds:
        yield best_flows(instrument, chain.from_iterable(map(book_tickers, kinds["bookTicker"])))
        yield trade_flows(instrument.key, chain.from_iterable(map(agg_trades, kinds.get("aggTrades", []))))
    else:
        yield bar_flows(instrument, chain.from_iterable(map(klines, kinds["bars"])), book)
    if "fundingRate" in kinds:
        yield funding_flows(instrument.key, chain.from_iterable(map(funding_rates, kinds["fundingRate"])))
