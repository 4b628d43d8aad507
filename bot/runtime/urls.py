"""Addresses that may hold secrets: which part of a URL is one, how it may be shown, and what a redactor must know.

Most services put their token into the URL itself, even where a host would stand. Only webhooks and their like are free
of it, by their scheme; and even those must not carry a password, a header or what looks like a token.
"""

import re
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

WEBHOOKS = ("json", "jsons", "xml", "xmls", "form", "forms")
LOCAL = ("syslog", "dbus", "windows", "macosx", "gnome")
PLAIN_SINKS = (*WEBHOOKS, *LOCAL)
"""Schemes of sinks whose URL holds no secret by its nature."""

WEB = ("http", "https")

HIDDEN = "(hidden)"
# Shorter parts of a URL are words: cutting them out of every text would hide more than it protects.
TOKEN_CHARS_MIN = 8
PASSWORD_CHARS_MIN = 4

_TOKEN = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[A-Za-z0-9_.~=%:-]{16,}|\d{16,}")
_SECRET_NAME = re.compile(r"secret|passw|token|key|auth|signature|credential|hash|^[+:-]", re.IGNORECASE)
_WORDS = frozenset("yes no true false text html markdown upstream split truncate post get".split())


def scheme_of(url: str) -> str:
    """The scheme in small letters; empty where there is none."""
    scheme, mark, _ = url.partition("://")
    return scheme.lower() if mark else ""


def burden_of(url: str, plain: tuple[str, ...]) -> str | None:
    """What is secret in a URL, in words, or None where nothing is. `plain` are the schemes that may be free of it."""
    scheme, parts = scheme_of(url), _split(url)
    if scheme not in plain:
        return f"the URL of {scheme}:// holds a token or a password"
    if parts is None:
        return "the URL cannot be read, so it may hold a secret"
    if "@" in parts.netloc:
        return "the URL holds a user or a password"
    if any(_TOKEN.fullmatch(part) for part in _path(parts)):
        return "the URL's path holds what looks like a token"
    if any(_SECRET_NAME.search(name) or _TOKEN.fullmatch(value) for name, value in _query(parts)):
        return "the URL's query holds what looks like a secret"
    return None


def shown_url(url: str) -> str:
    """As much of a URL as may be printed: its scheme, and host and port of a plain webhook."""
    scheme, parts = scheme_of(url), _split(url)
    if not scheme or parts is None or scheme not in (*WEBHOOKS, *WEB):
        return f"{scheme}://{HIDDEN}"
    return f"{scheme}://{parts.netloc.rpartition('@')[2]}/{HIDDEN}"


def secrets_in(url: str) -> tuple[str, ...]:
    """Every part of a URL that a redactor should know, the URL without its scheme first, decoded where it was encoded.

    A host is only known as a part of the whole: for most services it is the token's place, for others the provider's
    name, which appears in good messages too.
    """
    parts = _split(url)
    rest = url.partition("://")[2]
    if parts is None:
        return (rest,)
    user, _, password = parts.netloc.rpartition("@")[0].partition(":")
    places = [user, *_path(parts), *(value for _, value in _query(parts)), parts.fragment]
    if scheme_of(url) not in (*PLAIN_SINKS, *WEB):
        places.append(parts.netloc.rpartition("@")[2])
    found = [rest, *(text for text in places if len(text) >= TOKEN_CHARS_MIN and text.lower() not in _WORDS)]
    found += [password] if len(password) >= PASSWORD_CHARS_MIN else []
    return tuple(dict.fromkeys(form for text in found for form in (text, unquote(text))))


def _split(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:
        return None


def _path(parts: SplitResult) -> list[str]:
    return [part for part in parts.path.split("/") if part]


def _query(parts: SplitResult) -> list[tuple[str, str]]:
    return parse_qsl(parts.query.replace("+", "%2B"), keep_blank_values=True, max_num_fields=100)
