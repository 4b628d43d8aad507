"""What must fit together in a config: units and currencies, limits, files; targets and budgets have files of their own.

The checks read the document and not the models, so that one unreadable value does not hide what else is wrong: each
check looks at the values that can be read, and what cannot be read has been reported already.
"""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from bot.domain.venues import BINANCE, BYBIT, USDM, VENUES, instrument_named, split
from bot.runtime.document import Document
from bot.runtime.fields_targets import NONE
from bot.runtime.problems import Problem
from bot.runtime.quantities import COINS, Amount, plain, written_duration
from bot.runtime.settings import (
    AssetSettings,
    ExchangeSettings,
    KeySettings,
    LimitSettings,
    PaperSettings,
    Settings,
)
from bot.runtime.settings_alerts_cross import alerts_cross_check
from bot.runtime.settings_book_cross import book_cross_check
from bot.runtime.settings_reading import currencies_of, read, read_share
from bot.runtime.settings_targets_cross import targets_cross_check

_MONEY_LIMITS = ("order_notional", "position_notional")
_WALLETS = {"spot": {BINANCE}, "usdm": {BINANCE}, "unified": {BYBIT}}
_ORDERED_LIMITS = (
    ("slippage", "collar_mid", "an order at its slippage limit would be outside the collar"),
    ("order_notional", "position_notional", "one order would be larger than any position may be"),
    ("quote_age", "reducing_quote_age", "what reduces risk would be held to the stricter age"),
    ("unknown_alert", "unknown_halt", "an instrument would be halted before anybody was told"),
)


def cross_check(document: Document, now_ns: int | None = None) -> list[Problem]:
    """Everything that does not fit together, in no particular order; `now_ns` is what moments are past of."""
    return [
        *targets_cross_check(document, now_ns),
        *book_cross_check(document),
        *_assets(document),
        *_limits(document),
        *_exchange(document),
        *_credentials(document),
        *_paper(document),
        *_state_dir(document),
        *alerts_cross_check(document),
    ]


def _quote(document: Document) -> str:
    return str(read(Settings, document, "quote"))


# ------------------------------------------------------------------------------------- assets and limits
def _assets(document: Document) -> Iterator[Problem]:
    for coin in document.mapping("assets"):
        path = ("assets", coin, "declared")
        declared = read(AssetSettings, document, *path) if isinstance(document.at("assets", coin), dict) else None
        if declared is not None and declared.unit not in ("", COINS, coin):
            yield document.problem(path, f"'{declared.unit}' is another coin", f"a number of {coin}")
        yield from _composition(document, coin)
        yield from _alternatives(document, coin)
    yield from _held_as(document)


def _held_as(document: Document) -> Iterator[Problem]:
    """A coin counts once: by itself, or as one other."""
    known, seen = {*document.mapping("assets"), *currencies_of(document)}, dict[str, str]()
    for coin in document.mapping("assets"):
        for other in document.mapping("assets", coin, "held_as"):
            path = ("assets", coin, "held_as", other)
            if other in known:
                yield document.problem(path, f"{other} counts by itself", "a coin that has no entry of its own")
            elif other in seen:
                yield document.problem(path, f"{other} counts as {seen[other]} already", "each coin once")
            seen[other] = coin


def _alternatives(document: Document, coin: str) -> Iterator[Problem]:
    """Futures beside the one that hedges a coin, each named once."""
    path, quote = ("assets", coin, "alternatives"), _quote(document)
    hedge, venue = document.at("assets", coin, "hedge"), str(read(Settings, document, "venue"))
    seen = [_future(hedge or f"{USDM}:{coin}{quote}", venue)]
    for place, named in enumerate(document.sequence(*path)):
        here, future = (*path, place), _future(named, venue)
        if hedge == NONE:
            yield document.problem(here, f"{coin} has no future of its own", "no alternatives, or a hedge")
        elif future in seen:
            what = "its hedge already" if future == seen[0] else "named twice"
            yield document.problem(here, f"{named} is {what}", "each future once")
        seen.append(future)


def _future(written: object, venue: str) -> str:
    """One name for a future, whichever way it is written: with its venue or without, by either word for its market."""
    market, _, symbol = str(written).lower().partition(":")
    return instrument_named(*split(market, venue), symbol)


def _composition(document: Document, coin: str) -> Iterator[Problem]:
    path = ("assets", coin, "composition")
    shares = [read_share(document, *path, part) for part in document.mapping(*path)]
    if shares and None not in shares and sum(share for share in shares if share is not None) != 1:
        total = plain(sum((share for share in shares if share is not None), Decimal(0)))
        yield document.problem(path, f"the shares add up to {total}", "a sum of 1")
    if shares and document.at("assets", coin, "hedge") == NONE:
        what = f"{coin} is an index that no future stands for"
        yield document.problem(("assets", coin, "hedge"), what, "the index's own future")


def _limits(document: Document) -> Iterator[Problem]:
    quote = _quote(document)
    values = {key: read(LimitSettings, document, "limits", key) for key in LimitSettings.model_fields}
    expected = dict.fromkeys(_MONEY_LIMITS, quote) | {"naked_exposure": f"{quote} s"}
    for key, unit in expected.items():
        amount = values[key]
        if amount is not None and amount.unit not in ("", unit):
            what = f"'{amount.unit}' is not a unit of this"
            yield document.problem(("limits", key), what, f"an amount in {unit}", f"{plain(amount.value)} {unit}")
    for low, high, why in _ORDERED_LIMITS:
        if _beyond(values[low], values[high]):
            key = low if document.at("limits", low) is not None else high
            what = f"{low} ({_shown(low, values)}) is beyond {high} ({_shown(high, values)}): {why}"
            yield document.problem(("limits", key), what, f"{low} <= {high}")


def _beyond(low: Any, high: Any) -> bool:
    if isinstance(low, Amount) and isinstance(high, Amount):
        return low.value > high.value
    return low is not None and high is not None and bool(low > high)


def _shown(key: str, values: dict[str, Any]) -> str:
    value = values[key]
    if isinstance(value, int):
        return written_duration(value)
    return str(value) if isinstance(value, Amount) else f"{plain(value)} bps"


# ----------------------------------------------------------------------------------- files and places
def _exchange(document: Document) -> Iterator[Problem]:
    pinned, authority = document.mapping("exchange", "pin"), document.at("exchange", "ca_file")
    if pinned and authority is None:
        what = "hosts are pinned without ca_file, so nothing says whose certificates to trust"
        yield document.problem(("exchange", "pin"), what, "pin and ca_file together, or neither")
    if authority is not None and not pinned:
        what = "an authority of its own without pinned hosts"
        yield document.problem(("exchange", "ca_file"), what, "pin and ca_file together, or neither")
    path = read(ExchangeSettings, document, "exchange", "ca_file")
    if isinstance(path, Path) and not path.is_file():
        yield document.problem(("exchange", "ca_file"), "no such file", "a certificate in PEM form")


def _credentials(document: Document) -> Iterator[Problem]:
    keys = tuple(KeySettings.model_fields)
    for place in (("credentials",), *(("credentials", venue) for venue in VENUES)):
        given = [key for key in keys if document.at(*place, key) is not None]
        if len(given) == 1:
            what = f"{given[0]} without {next(key for key in keys if key not in given)}"
            yield document.problem((*place, given[0]), what, "both files, or neither")


def _paper(document: Document) -> Iterator[Problem]:
    seed = read(PaperSettings, document, "paper", "seed")
    balances = document.mapping("paper", "balances")
    if seed == "live" and balances:
        what = "balances mean nothing where the paper account is seeded from the live one"
        yield document.problem(("paper", "balances"), what, "seed: config, or no balances")
    if seed == "config" and not any(document.mapping("paper", "balances", wallet) for wallet in balances):
        what = "a paper account seeded from the config, and no balances"
        yield document.problem(("paper", "seed"), what, "balances: {spot: {BTC: 1}, usdm: {USDT: 50000}}")
    used = _venues_named(document)
    for wallet in balances:
        if wallet in _WALLETS and not used & _WALLETS[wallet]:
            allowed = ", ".join(name for name, venues in _WALLETS.items() if used & venues)
            what = "a wallet of a venue that this config does not use"
            yield document.problem(("paper", "balances", wallet), what, allowed)


def _venues_named(document: Document) -> set[str]:
    """The config's venue, and those before the dot of an instrument."""
    own = document.at("venue")
    used: set[str] = {str(own) if own in VENUES else BINANCE}
    for coin in document.mapping("assets"):
        for told in document.mapping("assets", coin).values():
            texts = told if isinstance(told, list) else [told]
            used |= {str(text).partition(".")[0] for text in texts} & set(VENUES)
    return used


def _state_dir(document: Document) -> Iterator[Problem]:
    path = read(Settings, document, "state_dir")
    if not isinstance(path, Path):
        return
    if not path.is_absolute():
        yield document.problem(("state_dir",), f"{path}: the home folder is not known", "an absolute path")
