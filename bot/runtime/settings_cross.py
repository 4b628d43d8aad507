"""What must fit together in a config: coins and targets, units and currencies, bands, weights, limits.

The checks read the document and not the models, so that one unreadable value does not hide what else is wrong: each
check looks at the values that can be read, and what cannot be read has been reported already.
"""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from bot.domain.rules import UNWIND
from bot.runtime.document import Document
from bot.runtime.fields import Share, Written
from bot.runtime.problems import Problem, closest
from bot.runtime.quantities import COINS, PERCENT, POINTS, Amount, Misread, plain, written_duration
from bot.runtime.settings import (
    AssetSettings,
    BandSettings,
    CredentialSettings,
    ExchangeSettings,
    LimitSettings,
    PaperSettings,
    Settings,
    WeightsTarget,
)
from bot.runtime.settings_alerts_cross import alerts_cross_check

_WEIGHT = Share("0", "1")
HUNDRED = Decimal(100)
_MONEY_LIMITS = ("order_notional", "position_notional")
_ORDERED_LIMITS = (
    ("slippage", "collar_mid", "an order at its slippage limit would be outside the collar"),
    ("order_notional", "position_notional", "one order would be larger than any position may be"),
    ("quote_age", "reducing_quote_age", "what reduces risk would be held to the stricter age"),
    ("unknown_alert", "unknown_halt", "an instrument would be halted before anybody was told"),
)


def cross_check(document: Document) -> list[Problem]:
    """Everything that does not fit together, in no particular order."""
    return [
        *_targets(document),
        *_assets(document),
        *_limits(document),
        *_exchange(document),
        *_credentials(document),
        *_paper(document),
        *_state_dir(document),
        *alerts_cross_check(document),
    ]


def _read(model: type[BaseModel], document: Document, *path: str | int) -> Any:
    """A field's value, its default where it is left out, None where it cannot be read."""
    field = model.model_fields[str(path[-1])]
    raw = document.at(*path)
    if raw is None:
        default = field.get_default(call_default_factory=True)
        return None if default is PydanticUndefined else default
    try:
        return next((mark.read(raw) for mark in field.metadata if isinstance(mark, Written)), raw)
    except Misread:
        return None


def _quote(document: Document) -> str:
    return str(_read(Settings, document, "quote"))


# ------------------------------------------------------------------------------------------------- targets
def _targets(document: Document) -> Iterator[Problem]:
    names: dict[object, int] = {}
    owners: dict[object, str] = {}
    for index, target in enumerate(document.sequence("targets")):
        if not isinstance(target, dict):
            continue
        name = target.get("name")
        if name is not None and names.setdefault(name, index) != index:
            what = f"the name of targets[{names[name]}] too"
            yield document.problem(("targets", index, "name"), what, "a name of its own")
        if name == UNWIND:
            what = "what closing every hedge is called"
            yield document.problem(("targets", index, "name"), what, "another name")
        coins = _coins(document, index)
        yield from _coin_problems(document, coins, str(name), owners)
        yield from _band(document, index, [coin for coin, _ in coins])
        if target.get("kind") == "weights":
            yield from _weights(document, index)


def _coins(document: Document, index: int) -> list[tuple[str, tuple[str | int, ...]]]:
    """A target's coins with the path of each."""
    listed = document.sequence("targets", index, "assets")
    weighed = document.mapping("targets", index, "weights")
    return [
        *((coin, ("targets", index, "assets", place)) for place, coin in enumerate(listed) if isinstance(coin, str)),
        *((coin, ("targets", index, "weights", coin)) for coin in weighed),
    ]


def _coin_problems(
    document: Document, coins: list[tuple[str, tuple[str | int, ...]]], target: str, owners: dict[object, str]
) -> Iterator[Problem]:
    known = document.mapping("assets")
    folded = {coin.upper() for coin in known}  # what is only written in the wrong case has been reported as that
    for coin, path in coins:
        if coin.upper() not in folded:
            what = f"{coin} has no entry under assets, so nothing says how to price and hedge it"
            allowed = ", ".join(known) or f"an entry '{coin}: {{}}' under assets"
            yield document.problem(path, what, allowed, closest(coin, known))
        if coin in owners:
            what = f"{coin} belongs to the target '{owners[coin]}' already"
            yield document.problem(path, what, "each coin in one target")
        owners.setdefault(coin, target)


def _weights(document: Document, index: int) -> Iterator[Problem]:
    here = ("targets", index)
    weights = [_weight(document, index, coin) for coin in document.mapping(*here, "weights")]
    total = sum((weight for weight in weights if weight is not None), Decimal(0))
    if total > 1:
        yield document.problem((*here, "weights"), f"the weights add up to {plain(total)}", "a sum of at most 1")
    quote = _quote(document)
    base = document.at(*here, "base") or "nav_less_reserve"
    needs = {"nav_less_reserve": "reserve", "fixed": "fixed"}.get(str(base))
    if needs is not None and document.at(*here, needs) is None:
        what = f"the base {base} needs '{needs}'"
        allowed = (
            f"base: nav_less_reserve with reserve: 20000 {quote} (collateral that does not count), base: owned, "
            f"or base: fixed with fixed: 100000 {quote}"
        )
        yield document.problem((*here, "base"), what, allowed)
    for key in ("reserve", "fixed"):
        amount = _read(WeightsTarget, document, *here, key)
        if document.at(*here, key) is not None and key != needs and base in ("nav_less_reserve", "owned", "fixed"):
            yield document.problem((*here, key), f"means nothing with the base {base}", "leave it out, or another base")
        elif amount is not None and amount.unit != quote:
            what = f"'{amount.unit}' is not the reporting currency"
            yield document.problem((*here, key), what, f"an amount in {quote}")


def _weight(document: Document, index: int, coin: str) -> Decimal | None:
    try:
        weight: Decimal = _WEIGHT.read(document.at("targets", index, "weights", coin))
    except Misread:
        return None
    return weight


# --------------------------------------------------------------------------------------------------- bands
def _band(document: Document, index: int, coins: list[str]) -> Iterator[Problem]:
    here = ("targets", index, "band")
    widths = {key: _read(BandSettings, document, *here, key) for key in ("trigger", "destination")}
    for key, width in widths.items():
        if width is not None:
            yield from _width(document, (*here, key), width, coins)
    trigger, destination = widths["trigger"], widths["destination"]
    if trigger is None or destination is None or destination.value == 0:
        return
    if destination.unit != trigger.unit:
        allowed = f"0 {trigger.unit} to {trigger}"
        yield document.problem((*here, "destination"), "not in the trigger's unit", allowed)
    elif destination.value > trigger.value:
        what = f"wider than the trigger, {trigger}: a hedge would start inside and end outside"
        yield document.problem((*here, "destination"), what, f"0 {trigger.unit} to {trigger}")


def _width(document: Document, path: tuple[str | int, ...], width: Amount, coins: list[str]) -> Iterator[Problem]:
    weighed = document.at(*path[:2], "kind") == "weights"
    quote = _quote(document)
    allowed = f"a width with %,{' pp,' if weighed else ''} {quote}, coins{f' or {coins[0]}' if len(coins) == 1 else ''}"
    if width.unit in (PERCENT, POINTS) and width.value > HUNDRED:
        yield document.problem(path, "more than the whole", f"at most 100 {width.unit}")
    if width.unit == POINTS and not weighed:
        proposal = f"{plain(width.value)} %"
        yield document.problem(path, "percentage points are parts of a weights target's base", allowed, proposal)
    elif width.unit in coins and len(coins) > 1:
        what = f"a width in {width.unit} for a target of {', '.join(coins)}"
        yield document.problem(path, what, allowed, f"{plain(width.value)} coins")
    elif width.unit not in (PERCENT, POINTS, COINS, quote, *coins):
        meant = closest(width.unit, (quote, COINS, *coins))
        nearest = f"{plain(width.value)} {meant}" if meant else None
        yield document.problem(path, f"'{width.unit}' is not a unit of this", allowed, nearest)


# ------------------------------------------------------------------------------------- assets and limits
def _assets(document: Document) -> Iterator[Problem]:
    for coin in document.mapping("assets"):
        path = ("assets", coin, "declared")
        declared = _read(AssetSettings, document, *path) if isinstance(document.at("assets", coin), dict) else None
        if declared is not None and declared.unit not in ("", COINS, coin):
            yield document.problem(path, f"'{declared.unit}' is another coin", f"a number of {coin}")


def _limits(document: Document) -> Iterator[Problem]:
    quote = _quote(document)
    values = {key: _read(LimitSettings, document, "limits", key) for key in LimitSettings.model_fields}
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
    path = _read(ExchangeSettings, document, "exchange", "ca_file")
    if isinstance(path, Path) and not path.is_file():
        yield document.problem(("exchange", "ca_file"), "no such file", "a certificate in PEM form")


def _credentials(document: Document) -> Iterator[Problem]:
    keys = tuple(CredentialSettings.model_fields)
    given = [key for key in keys if document.at("credentials", key) is not None]
    if len(given) == 1:
        what = f"{given[0]} without {next(key for key in keys if key not in given)}"
        yield document.problem(("credentials", given[0]), what, "both files, or neither")


def _paper(document: Document) -> Iterator[Problem]:
    seed = _read(PaperSettings, document, "paper", "seed")
    balances = document.mapping("paper", "balances")
    if seed == "live" and balances:
        what = "balances mean nothing where the paper account is seeded from the live one"
        yield document.problem(("paper", "balances"), what, "seed: config, or no balances")
    if seed == "config" and not any(document.mapping("paper", "balances", wallet) for wallet in balances):
        what = "a paper account seeded from the config, and no balances"
        yield document.problem(("paper", "seed"), what, "balances: {spot: {BTC: 1}, usdm: {USDT: 50000}}")


def _state_dir(document: Document) -> Iterator[Problem]:
    path = _read(Settings, document, "state_dir")
    if not isinstance(path, Path):
        return
    if not path.is_absolute():
        yield document.problem(("state_dir",), f"{path}: the home folder is not known", "an absolute path")
