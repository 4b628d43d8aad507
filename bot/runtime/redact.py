"""Nothing that is secret leaves the process: one redactor for the log, alerts, the journal and every other text.

Three nets, because each has holes. Loaded secrets are known by value: any 12 characters of one, as written, in base64
or percent-encoded, are cut out wherever they stand, so a text that was cut short inside a secret is safe too. Names
(`api_secret`, `listenKey`) hide whatever stands under them. Patterns (`signature=`, `X-MBX-APIKEY:`) catch what was
derived from a secret, or belongs to somebody else's.
"""

import base64
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from urllib.parse import quote

import msgspec

REDACTED = "[redacted]"

# Shorter pieces of a secret give nothing away and would match by chance.
PIECE_CHARS = 12
SECRET_CHARS_MIN = 4
DEPTH_MAX = 8
READ_CHARS_MAX = 200_000
SHOWN_CHARS_MAX = 20_000
CUT = " [cut] "

_NAMES = re.compile(
    r"secret|passw|passphrase|signature|private_?key|listen_?key|api_?key|mbx_?apikey|authorization|bearer"
    r"|(^|_)(token|key|cookie|credentials?)$",
    re.IGNORECASE,
)

_KEYED = (
    r"signature|sign(?==)|listen_?key|api_?key|api_?secret|secret(?:_?key)?|x-mbx-apikey|x-bapi-(?:api-key|sign)"
    r"|ok-access-(?:key|sign|passphrase)|passphrase|password|private_?key|(?:access_?|auth_?)?token|authorization"
)
_VALUE = r"""[^\s"'\\&,;{}()\[\]]+"""
_PATTERNS = (
    # name=value, name: value and "name": "value", as in queries, headers, JSON and reprs.
    (
        re.compile(
            rf"""(?<![A-Za-z0-9])((?:{_KEYED})\\?["']?\s*[=:]\s*(?:Bearer\s+|Basic\s+|b?\\?["'])?){_VALUE}""",
            re.IGNORECASE,
        ),
        rf"\1{REDACTED}",
    ),
    # A user stream's address carries its listen key as the path.
    (re.compile(r"(/ws/|streams=|/stream/)([A-Za-z0-9]{40,})"), rf"\1{REDACTED}"),
    # https://user:password@host
    (re.compile(r"(\b[a-z][a-z0-9+.-]{0,20}://)[^\s/@:]+:[^\s/@]+@", re.IGNORECASE), rf"\1{REDACTED}@"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"), REDACTED),
    (re.compile(r"(/bot)\d+:[A-Za-z0-9_-]{20,}"), rf"\1{REDACTED}"),
)


class Redactor:
    """Knows the loaded secrets and cuts them out of texts. Safe to share between threads."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._known = _Known(frozenset(), (), None)
        self.learn(*secrets)

    def learn(self, *secrets: str) -> None:
        """Register secrets: from now on no piece of them passes."""
        forms = {form for secret in secrets for form in _forms(secret)}
        pieces = {form[at : at + PIECE_CHARS] for form in forms for at in range(len(form) - PIECE_CHARS + 1)}
        short = {form for form in forms if SECRET_CHARS_MIN <= len(form) < PIECE_CHARS}
        with self._lock:
            self._known = self._known.with_more(pieces, short)

    def text(self, text: str) -> str:
        """The text without secrets. Too long a text loses its middle: a traceback says at its end what it is about."""
        text = self.loaded(text[:READ_CHARS_MAX])
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
        half = SHOWN_CHARS_MAX // 2
        return text if len(text) <= SHOWN_CHARS_MAX else f"{text[:half]}{CUT}{text[-half:]}"

    def loaded(self, text: str) -> str:
        """The text without the loaded secrets; the patterns are left alone, so a JSON document stays one."""
        known = self._known
        if known.runs is not None:
            text = known.runs.sub(lambda run: _without_pieces(run.group(), known.pieces), text)
        for short in known.short:
            text = text.replace(short, REDACTED)
        return text

    def value(self, value: object, name: str = "", depth: int = 0) -> object:
        """A value as plain texts, numbers, mappings and lists, texts redacted and secret names hidden."""
        if name and value is not None and not isinstance(value, bool) and _NAMES.search(name):
            return REDACTED
        match value:
            case str():
                return self.text(value)
            case None | bool() | int() | float():
                return value
            case bytes() | bytearray():
                return self.text(bytes(value).decode("utf-8", "backslashreplace"))
            case Decimal() | PurePath():
                return self.text(str(value))
            case Enum():
                return self.value(value.value, name, depth + 1)
            case _ if depth < DEPTH_MAX:
                return self._compound(value, name, depth + 1)
            case _:
                return self.text(repr(value))

    def _compound(self, value: object, name: str, depth: int) -> object:
        match value:
            case Mapping():
                return {self.text(str(key)): self.value(item, str(key), depth) for key, item in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self.value(item, name, depth) for item in value]
            case msgspec.Struct():
                return {field: self.value(getattr(value, field), field, depth) for field in value.__struct_fields__}
            case _:
                return self.text(repr(value))


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of the secrets: their pieces, those too short for pieces, and where pieces can be at all."""

    pieces: frozenset[str]
    short: tuple[str, ...]
    runs: re.Pattern[str] | None

    def with_more(self, pieces: set[str], short: set[str]) -> "_Known":
        every = self.pieces | pieces
        alphabet = "".join(sorted({character for piece in every for character in piece}))
        runs = re.compile(f"[{re.escape(alphabet)}]{{{PIECE_CHARS},}}") if every else None
        return _Known(every, tuple(sorted({*self.short, *short}, key=lambda form: (-len(form), form))), runs)


def _without_pieces(text: str, pieces: frozenset[str]) -> str:
    kept: list[str] = []
    start, at, last = 0, 0, len(text) - PIECE_CHARS
    while at <= last:
        if text[at : at + PIECE_CHARS] not in pieces:
            at += 1
            continue
        kept += (text[start:at], REDACTED)
        while at <= last and text[at : at + PIECE_CHARS] in pieces:
            at += 1
        at += PIECE_CHARS - 1
        start = at
    return "".join((*kept, text[start:]))


def _forms(secret: str) -> set[str]:
    """How a secret may appear: as it is, each line of it, percent-encoded, in hex, in base64 at every alignment."""
    raw = secret.encode()
    forms = {secret, *secret.split(), quote(secret, safe=""), raw.hex(), raw.hex().upper()}
    for shift in range(3):
        # A prefix of 0 to 2 bytes shifts the alignment (as in "user:secret"); the characters it touches come off.
        encoded = base64.b64encode(bytes(shift) + raw).decode().rstrip("=")
        exact = encoded[(0, 2, 3)[shift] : len(encoded) if (shift + len(raw)) % 3 == 0 else -1]
        forms |= {exact, exact.replace("+", "-").replace("/", "_"), quote(exact, safe="")}
    return forms
