"""Where alerts go: each sink's URL from the config or a file, told to the redactor before anybody else sees it.

A URL with a secret comes from systemd's credential `trimtab_sink_<name>`, or else from the file that `url_file` names:
the owner's own, mode 0600. A file named by a TRIMTAB_ variable is handed over by a container and not held to that.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from bot.runtime.problems import ConfigError, Problem, one_line
from bot.runtime.redact import Redactor
from bot.runtime.secrets import CREDENTIALS_DIRECTORY, CredentialError, read_secret
from bot.runtime.settings_load import Loaded
from bot.runtime.urls import WEB, burden_of, scheme_of, secrets_in, shown_url

CREDENTIAL_PREFIX = "trimtab_sink_"
HEARTBEAT_CREDENTIAL = "trimtab_heartbeat"
SINKS_ALLOWED = "any URL of apprise, as tgram://token/chat, mailto://user:password@host, json://127.0.0.1:8080/alerts"
HEARTBEAT_ALLOWED = "https://host/path"

Path_ = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Address:
    """A sink's URL; `path` is where the config speaks of it."""

    name: str
    url: SecretStr
    path: Path_


def sink_addresses(loaded: Loaded, redactor: Redactor, environ: Mapping[str, str] | None = None) -> tuple[Address, ...]:
    """Every sink's address, in the config's order.

    Raises:
        ConfigError: with one line for each that is missing, unreadable or readable by others.
    """
    environ = os.environ if environ is None else environ
    found: list[Address] = []
    problems: list[Problem] = []
    for name, sink in loaded.settings.alerts.sinks.items():
        path = ("alerts", "sinks", name)
        made = _address(loaded, path, (sink.url, sink.url_file), f"{CREDENTIAL_PREFIX}{name}", environ)
        if isinstance(made, Problem):
            problems.append(made)
        else:
            redactor.learn(*made[1])
            found.append(Address(name, made[0], path))
    if problems:
        raise ConfigError(problems)
    return tuple(found)


def heartbeat_address(loaded: Loaded, redactor: Redactor, environ: Mapping[str, str] | None = None) -> SecretStr | None:
    """The URL outside that is called while all is well; None where the config has none. Raises ConfigError."""
    environ = os.environ if environ is None else environ
    settings, path = loaded.settings.alerts.heartbeat, ("alerts", "heartbeat")
    if settings is None:
        return None
    made = _address(loaded, path, (settings.url, settings.url_file), HEARTBEAT_CREDENTIAL, environ)
    if isinstance(made, Problem):
        raise ConfigError([made])
    url, secrets = made
    redactor.learn(*secrets)
    if scheme_of(url.get_secret_value()) not in WEB:
        raise ConfigError([wrong(loaded, Address("heartbeat", url, path), "no web address", HEARTBEAT_ALLOWED)])
    return url


def wrong(loaded: Loaded, address: Address, what: str, allowed: str) -> Problem:
    """Something wrong with an address that was read: where it was written, and nothing of its secrets."""
    shown = shown_url(address.url.get_secret_value())
    at_url = loaded.document.at(*address.path, "url") is not None
    return loaded.problem((*address.path, "url" if at_url else "url_file"), f"{one_line(shown)}: {what}", allowed)


def _address(
    loaded: Loaded, path: Path_, written: tuple[str | None, Path | None], credential: str, environ: Mapping[str, str]
) -> tuple[SecretStr, tuple[str, ...]] | Problem:
    """The URL and what of it is secret, or what is wrong."""
    url, file = written
    if url is not None:
        return SecretStr(url), ()  # the config's own check let it pass: it holds no secret
    folder = environ.get(CREDENTIALS_DIRECTORY)
    handed = Path(folder) / credential if folder else None
    if handed is not None and handed.exists():
        source, private = handed, False
    elif file is not None:
        source, private = file, loaded.document.origin((*path, "url_file")).line is not None
    else:
        allowed = f"url, url_file, or systemd's credential {credential}"
        return loaded.problem(path, "no address", allowed)
    return _read(loaded, path, source, private=private)


def _read(loaded: Loaded, path: Path_, source: Path, *, private: bool) -> tuple[SecretStr, tuple[str, ...]] | Problem:
    allowed = "a file of yours, mode 0600, with one URL in it"
    try:
        text = read_secret(source, private=private)
    except CredentialError as error:
        return loaded.problem((*path, "url_file"), str(error), allowed)
    if not scheme_of(text) or not text.isprintable() or " " in text:
        return loaded.problem((*path, "url_file"), f"{one_line(str(source))} holds no URL", allowed)
    plain = burden_of(text, ("json", "xml", "form", *WEB)) is None
    return SecretStr(text), () if plain else secrets_in(text)
