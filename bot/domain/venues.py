"""What the venues call their markets, and what the house calls the accounts and instruments behind them.

A config names an instrument by its market and symbol, `spot:BTCUSDT`, and by the venue too where it is not the
config's own, `bybit.linear:BTCUSDT`. `usdm` and `linear` are two words for contracts that settle in a stablecoin, and
either venue takes both.
"""

import msgspec

from bot.domain.instrument import instrument_id
from bot.domain.units import AccountId, InstrumentId

BINANCE_SPOT, BINANCE_USDM = AccountId("binance.spot"), AccountId("binance.usdm")
BYBIT_UNIFIED = AccountId("bybit.unified")
"""Everything of one Bybit key lies in one account: its coins margin its futures, and a coin is counted once."""

SPOT, USDM, LINEAR = "spot", "usdm", "linear"
BINANCE, BYBIT = "binance", "bybit"


class Names(msgspec.Struct, frozen=True):
    """One venue's names: its accounts, the one that margins futures, and its word for them in a config."""

    accounts: tuple[AccountId, ...]
    futures: AccountId
    contracts: str


NAMES = {
    BINANCE: Names((BINANCE_SPOT, BINANCE_USDM), BINANCE_USDM, USDM),
    BYBIT: Names((BYBIT_UNIFIED,), BYBIT_UNIFIED, LINEAR),
}
VENUES = tuple(NAMES)
SPOT_MARKETS = (SPOT, *(f"{venue}.{SPOT}" for venue in VENUES))
FUTURES_MARKETS = (USDM, LINEAR, *(f"{venue}.{market}" for venue in VENUES for market in (USDM, LINEAR)))
"""Every way to write a market."""


def split(market: str, venue: str) -> tuple[str, str]:
    """The venue and the bare market of a written one; `venue` is where none is written."""
    written, _, bare = market.rpartition(".")
    return written or venue, bare


def instrument_named(venue: str, market: str, symbol: str) -> InstrumentId:
    """The instrument of a bare market of a venue.

    At Bybit a pair and a contract share the account and may share the symbol, so their category is in the name.
    """
    if venue == BYBIT:
        return instrument_id(BYBIT_UNIFIED, f"{SPOT if market == SPOT else LINEAR}:{symbol}")
    return instrument_id(BINANCE_SPOT if market == SPOT else BINANCE_USDM, symbol)


def written(name: InstrumentId) -> str:
    """An instrument as a config of its own venue would write it: ``usdm:BTCUSDT``, ``linear:BTCUSDT``."""
    account, _, symbol = name.partition(":")
    return symbol if ":" in symbol else f"{account.rpartition('.')[2]}:{symbol}"


def venue_of(name: InstrumentId | AccountId) -> str:
    """The venue of an instrument or an account."""
    return name.partition(":")[0].partition(".")[0]
