"""What `trimtab check` finds without a network: everything wrong with a config, and in words what it asks for."""

import os
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from bot.calc.peg import STOP_BPS
from bot.ops.check_words import target_words
from bot.runtime.foreign_money import foreign_amounts
from bot.runtime.portfolio import hedge_symbol, pricing_symbol
from bot.runtime.problems import ConfigError, Problem
from bot.runtime.quantities import plain
from bot.runtime.redact import Redactor
from bot.runtime.secrets import CredentialError, NoCredentials, load_credentials
from bot.runtime.settings import Settings
from bot.runtime.settings_load import Loaded, load


class ConfigReport(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a check. `ok` is what the exit code says; `credentials` is where the key comes from, if any."""

    ok: bool
    place: str
    portfolio: str | None = None
    problems: tuple[Problem, ...] = ()
    summary: tuple[str, ...] = ()
    credentials: str | None = None


def check_config(
    path: Path, environ: Mapping[str, str] | None = None, redactor: Redactor | None = None
) -> tuple[ConfigReport, Loaded | None]:
    """Check a config file with the environment over it; also the loaded settings, where they could be loaded.

    A missing key is no problem here (observe needs none), one that may not be used is.
    """
    environ = os.environ if environ is None else environ
    try:
        loaded = load(path, environ, now_ns=time.time_ns())
    except ConfigError as error:
        return ConfigReport(ok=False, place=str(path), problems=error.problems), None
    source, problems = _credentials(loaded, environ, redactor or Redactor())
    problems = (*foreign_amounts(loaded), *_unpinned(loaded), *problems)
    report = ConfigReport(
        ok=not problems,
        place=str(path),
        portfolio=loaded.settings.portfolio,
        problems=problems,
        summary=summary(loaded.settings),
        credentials=source,
    )
    return report, loaded


def _unpinned(loaded: Loaded) -> tuple[Problem, ...]:
    """Hosts that a pin leaves out, all at once: a daemon would meet them one after the other."""
    if not loaded.settings.exchange.pin:
        return ()
    from bot.runtime.wiring import UNPINNED, unpinned

    missing = unpinned(loaded.settings)
    return (loaded.problem(("exchange", "pin"), f"{UNPINNED}: {', '.join(missing)}"),) if missing else ()


def _credentials(
    loaded: Loaded, environ: Mapping[str, str], redactor: Redactor
) -> tuple[str | None, tuple[Problem, ...]]:
    try:
        return load_credentials(loaded.settings.credentials, redactor, environ).source, ()
    except NoCredentials:
        return None, ()
    except CredentialError as error:
        return None, (loaded.problem(("credentials",), str(error)),)


def summary(settings: Settings) -> tuple[str, ...]:
    """What a config asks for, a line each, in words."""
    assets = (
        f"{coin}: priced by {pricing_symbol(settings, coin)}, {_hedged(settings, coin)}"
        + (f", {plain(asset.declared.value)} declared" if asset.declared.value else "")
        for coin, asset in settings.assets.items()
    )
    limits = settings.limits
    order = (
        f"an order: at most {plain(limits.order_notional.value)} {settings.quote}, within {plain(limits.slippage)} bps "
        f"of the mid; a position: at most {plain(limits.position_notional.value)} {settings.quote}"
    )
    return (
        f"portfolio {settings.portfolio} on {settings.venue}, in {settings.quote}; state in {settings.state_dir}",
        *assets,
        *(target_words(target) for target in settings.targets),
        order,
        margin_words(settings),
        peg_words(settings),
    )


def margin_words(settings: Settings) -> str:
    """What the account's margin must be after an order."""
    limits = settings.limits
    survives = f"and it survives a move of all prices by {plain(limits.stress_distance * 100)} %"
    return (
        f"after an order the margin ratio is at most {plain(limits.margin_ratio * 100)} %"
        f"{f', {survives}' if limits.stress_distance else '; no distance to liquidation is asked for'}"
    )


def peg_words(settings: Settings) -> str:
    """Whether anybody watches what the quote currency is worth."""
    if not settings.peg.references:
        return f"nobody watches the peg of {settings.quote}: peg.references names nothing, so a loss is yours to notice"
    named = ", ".join(str(symbol) for symbol in settings.peg.references)
    return f"the peg of {settings.quote} is watched by {named}; beyond {plain(STOP_BPS)} bps no order adds risk"


def _hedged(settings: Settings, coin: str) -> str:
    symbol = hedge_symbol(settings, coin)
    return "without a future of its own" if symbol is None else f"hedged with {symbol}"
