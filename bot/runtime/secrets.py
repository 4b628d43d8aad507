"""The API key and its secret: where they may come from, in which order, and how carefully they are read.

1. systemd's credentials: the files `trimtab_api_key` and `trimtab_api_secret` in $CREDENTIALS_DIRECTORY.
2. Files named by TRIMTAB_API_KEY_FILE and TRIMTAB_API_SECRET_FILE, as container secrets are handed over.
3. Files named in the config (credentials.api_key_file, api_secret_file): they must be the user's own, mode 0600.
4. TRIMTAB_API_KEY and TRIMTAB_API_SECRET: the last choice, since a process's environment is easily read.

The first source that names either of the two must have both: a pair is never put together from two places, and a
source that is there but wrong is an error, not a reason to try the next one.
"""

import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from bot.runtime.problems import one_line
from bot.runtime.redact import Redactor
from bot.runtime.settings import CredentialSettings, KeySettings

SECRET_BYTES_MAX = 8_192
SECRET_CHARS_MIN = 8

CREDENTIALS_DIRECTORY = "CREDENTIALS_DIRECTORY"
CREDENTIAL_NAMES = ("trimtab_api_key", "trimtab_api_secret")
VARIABLES = ("TRIMTAB_API_KEY", "TRIMTAB_API_SECRET")
FILE_VARIABLES = ("TRIMTAB_API_KEY_FILE", "TRIMTAB_API_SECRET_FILE")
SETTING_NAMES = ("credentials.api_key_file", "credentials.api_secret_file")


class CredentialError(Exception):
    """No usable API key: one line that says what was looked at and what to do. It holds nothing of a secret."""


class NoCredentials(CredentialError):
    """No source holds a key at all, which observe and a dry-run with balances of its own can do without."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A key with its secret; `source` is a name for people."""

    api_key: SecretStr
    api_secret: SecretStr
    source: str


def load_credentials(
    settings: CredentialSettings, redactor: Redactor, environ: Mapping[str, str] | None = None
) -> Credentials:
    """Find the key and teach its values to the redactor before anybody else sees them.

    Raises:
        NoCredentials: where no source names one.
        CredentialError: where the first source that does is incomplete, unreadable or readable by others.
    """
    environ = os.environ if environ is None else environ
    for source in (_from_systemd, _from_variable_files, _from_config, _from_variables):
        if (found := source(settings, environ)) is not None:
            redactor.learn(found.api_key.get_secret_value(), found.api_secret.get_secret_value())
            return found
    raise NoCredentials(
        f"no API key: looked at ${CREDENTIALS_DIRECTORY}, {' and '.join(FILE_VARIABLES)}, {' and '.join(SETTING_NAMES)}"
        f", {' and '.join(VARIABLES)}"
    )


def load_other(settings: CredentialSettings, venue: str, redactor: Redactor) -> Credentials:
    """The key of a venue beside the config's own: files that the config names under `credentials.<venue>`.

    Raises as `load_credentials`.
    """
    chosen: KeySettings = getattr(settings, venue)
    names = tuple(f"credentials.{venue}.{key}" for key in KeySettings.model_fields)
    paths = (chosen.api_key_file, chosen.api_secret_file)
    told = tuple(None if path is None else str(path) for path in paths)
    found = _pair(told, (names[0], names[1]), f"files of {venue}", lambda path: _file(path, private=True))
    if found is None:
        raise NoCredentials(f"no API key of {venue}: looked at {' and '.join(names)}")
    redactor.learn(found.api_key.get_secret_value(), found.api_secret.get_secret_value())
    return found


# ------------------------------------------------------------------------------------------------ sources
def _from_systemd(_: CredentialSettings, environ: Mapping[str, str]) -> Credentials | None:
    folder = environ.get(CREDENTIALS_DIRECTORY)
    if not folder:
        return None
    paths = [Path(folder) / name for name in CREDENTIAL_NAMES]
    named = tuple(str(path) if path.exists() else None for path in paths)
    return _pair(named, CREDENTIAL_NAMES, f"${CREDENTIALS_DIRECTORY}", lambda path: _file(path, private=False))


def _from_variable_files(_: CredentialSettings, environ: Mapping[str, str]) -> Credentials | None:
    named = tuple(environ.get(name) or None for name in FILE_VARIABLES)
    return _pair(named, FILE_VARIABLES, "secret files", lambda path: _file(path, private=False))


def _from_config(settings: CredentialSettings, _: Mapping[str, str]) -> Credentials | None:
    paths = (settings.api_key_file, settings.api_secret_file)
    named = tuple(None if path is None else str(path) for path in paths)
    return _pair(named, SETTING_NAMES, "files named in the config", lambda path: _file(path, private=True))


def _from_variables(_: CredentialSettings, environ: Mapping[str, str]) -> Credentials | None:
    named = tuple(environ.get(name) or None for name in VARIABLES)
    return _pair(named, VARIABLES, "the environment", lambda value: value)


def _pair(
    found: tuple[str | None, ...], names: tuple[str, str], source: str, read: Callable[[str], str]
) -> Credentials | None:
    key, secret = found
    if key is None and secret is None:
        return None
    if key is None or secret is None:
        missing, present = names if key is None else names[::-1]
        raise CredentialError(f"{present} is there but {missing} is not: a key needs its secret, from the same source")
    texts = [_checked(name, read(value)) for name, value in zip(names, (key, secret), strict=True)]
    return Credentials(SecretStr(texts[0]), SecretStr(texts[1]), source)


def _checked(name: str, text: str) -> str:
    text = text.strip()
    if len(text) < SECRET_CHARS_MIN:
        raise CredentialError(f"{name} holds {len(text)} characters: no key is that short")
    if not text.startswith("-----BEGIN ") and not (text.isascii() and text.isprintable() and " " not in text):
        raise CredentialError(f"{name} holds blanks, line breaks or odd characters: it was not pasted as it should be")
    return text


# -------------------------------------------------------------------------------------------------- files
def read_secret(path: Path, *, private: bool) -> str:
    """A secret's file as text, without blanks around it; `private` asks for the user's own file, closed to others.

    Raises CredentialError, which names the file and what is wrong with it and holds nothing of its content.
    """
    return _file(str(path), private=private).strip()


def _file(name: str, *, private: bool) -> str:
    """Read a secret's file. The checks are made on the open file, so that it cannot be exchanged after them."""
    shown = one_line(name)
    try:
        descriptor = os.open(Path(name).expanduser(), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            _inspect(shown, os.fstat(descriptor), private=private)
            content = os.read(descriptor, SECRET_BYTES_MAX + 1)
        finally:
            os.close(descriptor)
    except (OSError, RuntimeError, ValueError) as error:
        raise CredentialError(f"{shown} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(content) > SECRET_BYTES_MAX:
        raise CredentialError(f"{shown} is larger than {SECRET_BYTES_MAX} bytes: that is no key")
    try:
        return content.decode("ascii")
    except UnicodeDecodeError:
        raise CredentialError(f"{shown} is not plain text") from None


def _inspect(shown: str, status: os.stat_result, *, private: bool) -> None:
    mode = stat.S_IMODE(status.st_mode)
    if not stat.S_ISREG(status.st_mode):
        raise CredentialError(f"{shown} is not a file")
    if private and status.st_uid != os.geteuid():
        raise CredentialError(f"{shown} belongs to uid {status.st_uid}, not to {os.geteuid()} who runs this")
    if private and mode & 0o077:
        raise CredentialError(f"{shown} may be read by others (mode {mode:04o}); do: chmod 600 {shown}")
    if mode & 0o022:
        raise CredentialError(f"{shown} may be changed by others (mode {mode:04o})")
