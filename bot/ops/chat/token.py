"""The bot's token and the address it is sent to: read as carefully as an API key, and never shown.

The token is a part of every request's path. So it travels over https, or to a Bot API server on this very machine.
"""

import os
import re
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from pydantic import SecretStr

from bot.runtime.problems import one_line
from bot.runtime.redact import Redactor
from bot.runtime.secrets import CREDENTIALS_DIRECTORY, CredentialError, read_secret
from bot.runtime.settings_service import TelegramSettings

CREDENTIAL_NAME = "trimtab_telegram_token"
TOKEN_SETTING = "chat.telegram.token_file"  # noqa: S105 - a setting's name
API_SETTING = "chat.telegram.api"

_TOKEN = re.compile(r"[0-9]{3,20}:[A-Za-z0-9_-]{20,128}")
_ALLOWED = "a file of yours, mode 0600, with the token that @BotFather gave, digits:letters"
_API_ALLOWED = "https://host, or http://127.0.0.1:port of a Bot API server on this machine, without a token in it"


class ChatError(Exception):
    """The chat cannot be set up: one line that says what, where and what is allowed. It holds nothing of the token."""


def load_token(
    settings: TelegramSettings, redactor: Redactor, environ: Mapping[str, str] | None = None
) -> tuple[SecretStr, str]:
    """The token and where it came from; the redactor knows it before anybody else does.

    systemd's credential comes first, then the file that the config names. Raises ChatError.
    """
    environ = os.environ if environ is None else environ
    folder = environ.get(CREDENTIALS_DIRECTORY)
    handed = Path(folder) / CREDENTIAL_NAME if folder else None
    if handed is not None and handed.exists():
        place, path, private = f"${CREDENTIALS_DIRECTORY}/{CREDENTIAL_NAME}", handed, False
    else:
        place, path, private = TOKEN_SETTING, settings.token_file, True
    try:
        text = read_secret(path, private=private)
    except CredentialError as error:
        raise ChatError(f"{place}: {error}; allowed: {_ALLOWED}") from None
    redactor.learn(text)
    if not _TOKEN.fullmatch(text):
        raise ChatError(f"{place}: {one_line(str(path))} holds no bot token; allowed: {_ALLOWED}")
    return SecretStr(text), place


def api_address(settings: TelegramSettings) -> str:
    """Where the Bot API is, without a slash at the end. Raises ChatError where the token must not be sent there."""
    try:
        parts = urlsplit(settings.api)
        good = bool(parts.hostname) and parts.port != 0 and not _burdened(parts)
    except ValueError:
        raise ChatError(f"{API_SETTING}: no address; allowed: {_API_ALLOWED}") from None
    if not good:
        raise ChatError(f"{API_SETTING}: the address holds more than a host and a path; allowed: {_API_ALLOWED}")
    if parts.scheme != "https" and not (parts.scheme == "http" and _here(parts.hostname or "")):
        raise ChatError(f"{API_SETTING}: the token would travel in the clear; allowed: {_API_ALLOWED}")
    return settings.api.rstrip("/")


def _burdened(parts: SplitResult) -> bool:
    return bool(parts.username or parts.password or parts.query or parts.fragment or re.search(r"/bot\d", parts.path))


def _here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
