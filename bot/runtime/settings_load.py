"""From a file and the environment to settings, or to everything that is wrong with them, in the order of the file."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bot.domain.targets import RESERVED_KINDS
from bot.runtime.document import Document, read_document
from bot.runtime.environment import overlay
from bot.runtime.problems import ConfigError, Problem, closest, names_a_secret
from bot.runtime.settings import (
    AssetSettings,
    CredentialSettings,
    ExchangeSettings,
    IntervalSettings,
    KeySettings,
    LimitSettings,
    LogSettings,
    PaperBalances,
    PaperSettings,
    Settings,
)
from bot.runtime.settings_book import BudgetSettings, HoldingSettings, StatisticsSettings
from bot.runtime.settings_cross import cross_check
from bot.runtime.settings_service import (
    AlertSettings,
    ChatSettings,
    HealthSettings,
    HeartbeatSettings,
    JournalSettings,
    LogFileSettings,
    QuietHours,
    SinkSettings,
    TelegramSettings,
    WebSettings,
)
from bot.runtime.settings_targets import TARGETS
from bot.runtime.settings_triggers import (
    AUTO,
    AutoBandSettings,
    AutoSettings,
    BandSettings,
    GateSettings,
    PriceSettings,
    SliceSettings,
    UntilSettings,
    WhenSettings,
)

FILE_BYTES_MAX = 256 * 1024

# Paths that start at the config file's folder when they are not absolute; * stands for every key of a section.
_PATHS = (
    ("state_dir",),
    ("exchange", "ca_file"),
    ("credentials", "api_key_file"),
    ("credentials", "api_secret_file"),
    ("credentials", "binance", "api_key_file"),
    ("credentials", "binance", "api_secret_file"),
    ("credentials", "bybit", "api_key_file"),
    ("credentials", "bybit", "api_secret_file"),
    ("alerts", "sinks", "*", "url_file"),
    ("alerts", "heartbeat", "url_file"),
    ("chat", "telegram", "token_file"),
    ("log", "file", "path"),
    ("holdings", "*", "file"),
    ("holdings", "*", "url_file"),
)

# What has to be there and is no single value: how it is written.
_WRITTEN = {
    "band": "a section, as {trigger: 1 %, destination: 0 %}",
    "slices": "a section, as {notional: 10000 USDT, every: 1 min}",
    "weights": "coins with their weights, as {BTC: 60 %, ETH: 40 %}",
    "long": "coins with their shares, 1 in sum, as {ETH: 100 %}",
    "short": "coins with their shares, 1 in sum, as {BTC: 100 %}",
    "anchors": "a list of coins, as [BTC, ETH]",
    "indices": "a list of coins, as [DEFI]",
}

_SECTIONS: dict[tuple[str, ...], type[BaseModel]] = {
    (): Settings,
    ("budgets",): BudgetSettings,
    ("statistics",): StatisticsSettings,
    ("limits",): LimitSettings,
    ("intervals",): IntervalSettings,
    ("exchange",): ExchangeSettings,
    ("credentials",): CredentialSettings,
    ("credentials", "binance"): KeySettings,
    ("credentials", "bybit"): KeySettings,
    ("paper",): PaperSettings,
    ("paper", "balances"): PaperBalances,
    ("log",): LogSettings,
    ("log", "file"): LogFileSettings,
    ("alerts",): AlertSettings,
    ("alerts", "heartbeat"): HeartbeatSettings,
    ("chat",): ChatSettings,
    ("chat", "telegram"): TelegramSettings,
    ("web",): WebSettings,
    ("health",): HealthSettings,
    ("journal",): JournalSettings,
}
_TARGET_SECTIONS: dict[tuple[str, ...], type[BaseModel]] = {
    ("band", AUTO): AutoSettings,
    ("when",): WhenSettings,
    ("when", "gates", "*"): GateSettings,
    ("until",): UntilSettings,
    ("until", "price"): PriceSettings,
    ("slices",): SliceSettings,
}
# Where pydantic puts a target's kind into the path of an error: targets, index, kind, key.
_KIND_PLACE = 2
_EXPECTED = {
    "string_type": ("not a text", "a text"),
    "tuple_type": ("not a list", "a list, as [BTC, ETH] or lines that start with '- '"),
    "dict_type": ("not a section", "keys with their values below it"),
    "model_type": ("not a section", "keys with their values below it"),
    "model_attributes_type": ("not a section", "keys with their values below it"),
    "too_short": ("empty", "at least one entry"),
}


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings and the document that they came from, so that a later finding can name its line."""

    settings: Settings
    document: Document

    def problem(
        self, path: Sequence[str | int], what: str, allowed: str | None = None, meant: str | None = None
    ) -> Problem:
        """Something found wrong later, at the line where it was written."""
        return self.document.problem(path, what, allowed, meant)


def load(path: Path, environ: Mapping[str, str] | None = None, *, now_ns: int | None = None) -> Loaded:
    """Read a config file and the TRIMTAB_ variables over it.

    A target whose time is over at `now_ns` is a problem for whoever writes a config, and none for a service that
    starts again after the target has ended: where `now_ns` is None no moment is past.

    Raises:
        ConfigError: with every problem of the file and the variables at once.
    """
    return load_text(_text(path), str(path), environ, path.parent, now_ns=now_ns)


def _text(path: Path) -> str:
    place = str(path)
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        what = f"cannot be read: {error.strerror or error}"
        raise ConfigError([Problem(place=place, what=what, allowed="a YAML file")]) from None
    if len(content) > FILE_BYTES_MAX:
        raise ConfigError([Problem(place=place, what=f"larger than {FILE_BYTES_MAX} bytes", allowed="a YAML file")])
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError([Problem(place=place, line=line, what="not UTF-8 text", allowed="a YAML file")]) from None


def load_text(
    text: str,
    place: str,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
    *,
    now_ns: int | None = None,
) -> Loaded:
    """The same for a text that is already read; `folder` is where its relative paths start."""
    document = read_document(text, place)
    malformed = document.value is None and document.problems
    if malformed:
        raise ConfigError(document.problems)
    if folder is not None:
        _anchor(document, folder)
    overlay(document, os.environ if environ is None else environ)
    return Loaded(_validated(document, now_ns), document)


def _anchor(document: Document, folder: Path) -> None:
    for *parents, key in _places(document):
        section = document.mapping(*parents)
        value = section.get(key)
        if isinstance(value, str) and value and not value.startswith(("~", "/")):
            section[key] = str(folder.absolute() / value)


def _places(document: Document) -> Iterator[tuple[str, ...]]:
    """The paths of `_PATHS` with every key of the document that a * stands for."""
    for path in _PATHS:
        if "*" not in path:
            yield path
            continue
        at = path.index("*")
        for key in document.mapping(*path[:at]):
            yield (*path[:at], str(key), *path[at + 1 :])


def _validated(document: Document, now_ns: int | None) -> Settings:
    settings: Settings | None = None
    problems = list(document.problems)
    if not isinstance(document.value, dict):
        what = "empty" if document.value is None else "not a section"
        raise ConfigError([*problems, document.problem((), what, f"the keys {_keys(Settings)}")])
    try:
        settings = Settings(document)
    except ValidationError as error:
        found = error.errors(include_url=False)
        problems += [_problem(document, details) for details in found if _true(document, details)]
    problems += cross_check(document, now_ns)
    if problems or settings is None:
        raise ConfigError(_in_order(problems))
    return settings


def _in_order(problems: list[Problem]) -> list[Problem]:
    unique = list(dict.fromkeys(problems))
    return sorted(unique, key=lambda problem: (problem.line is None, problem.line or 0, problem.place))


def _true(document: Document, details: ErrorDetails) -> bool:
    """Pydantic calls a list empty when its items are wrong; they are reported one by one."""
    return details["type"] != "too_short" or not document.at(*_path(document, details))


def _problem(document: Document, details: ErrorDetails) -> Problem:
    path, context = _path(document, details), details.get("ctx", {})
    match details["type"]:
        case "misread":
            return document.problem(path, context["what"], context["allowed"], context["meant"])
        case "missing":
            return document.problem(path, "required, and not there", _description(document, path))
        case "extra_forbidden":
            return _unknown_key(document, path)
        case "literal_error":
            return _choice(document, path, str(context["expected"]).replace("'", "").replace(" or ", ", "))
        case "union_tag_invalid" | "union_tag_not_found":
            return _kind(document, (*path, "kind"))
        case kind:
            what, allowed = _EXPECTED.get(kind, (details["msg"], None))
            return document.problem(path, what, allowed)


def _kind(document: Document, path: Sequence[str | int]) -> Problem:
    if document.at(*path) in RESERVED_KINDS:
        return document.problem(path, "comes later: this version cannot do it", ", ".join(TARGETS))
    return _choice(document, path, ", ".join(TARGETS))


def _choice(document: Document, path: Sequence[str | int], allowed: str) -> Problem:
    value = document.at(*path)
    what = "required, and not there" if value is None else "not one of the choices"
    return document.problem(path, what, allowed, closest(str(value), allowed.split(", ")))


def _unknown_key(document: Document, path: Sequence[str | int]) -> Problem:
    model, key = _model_at(document, path[:-1]), str(path[-1])
    if model is None:
        return document.problem(path, "unknown key")
    missing = [name for name in model.model_fields if name not in document.mapping(*path[:-1])]
    meant = closest(key, missing) or closest(key, model.model_fields)
    if names_a_secret(key) and meant is None:
        allowed = "credentials.api_key_file and credentials.api_secret_file"
        return document.problem(path, "secrets do not belong into a config", allowed)
    return document.problem(path, "unknown key", _keys(model), meant)


def _keys(model: type[BaseModel]) -> str:
    return ", ".join(model.model_fields)


def _description(document: Document, path: Sequence[str | int]) -> str | None:
    model = _model_at(document, path[:-1])
    field = model.model_fields.get(str(path[-1])) if model is not None else None
    if field is None:
        return None
    for mark in field.metadata:
        if allowed := getattr(mark, "allowed", None):
            return str(allowed)
    if path[0] in ("targets", "holdings") and path[-1] == "assets":
        return "a list of coins, as [BTC, ETH]"
    return _WRITTEN.get(str(path[-1])) or (field.description.rstrip(".") if field.description else None)


def _path(document: Document, details: ErrorDetails) -> tuple[str | int, ...]:
    """The path in the document. Pydantic's own marks (a target's kind, [key]) are no part of it."""
    path: list[str | int] = []
    for index, part in enumerate(details["loc"]):
        last = index == len(details["loc"]) - 1
        if index == _KIND_PLACE and path[:1] == ["targets"]:
            continue
        if _has(document, path, part) or (last and details["type"] == "missing"):
            path.append(part)
    return tuple(path)


def _has(document: Document, path: Sequence[str | int], part: str | int) -> bool:
    here = document.at(*path)
    return part in here if isinstance(here, dict) else isinstance(here, list) and part in range(len(here))


def _model_at(document: Document, path: Sequence[str | int]) -> type[BaseModel] | None:
    """The model whose fields are the keys at a path."""
    match list(path):
        case ["targets", int(index)]:
            return TARGETS.get(str(document.at("targets", index, "kind")))
        case ["targets", int(index), "band"]:
            return AutoBandSettings if AUTO in document.mapping("targets", index, "band") else BandSettings
        case ["targets", int(), *below]:
            return _TARGET_SECTIONS.get(tuple("*" if isinstance(part, int) else part for part in below))
        case ["holdings", _]:
            return HoldingSettings
        case ["assets", _]:
            return AssetSettings
        case ["alerts", "sinks", _]:
            return SinkSettings
        case ["alerts", "sinks", _, "quiet_hours"]:
            return QuietHours
        case parts:
            return _SECTIONS.get(tuple(map(str, parts)))
