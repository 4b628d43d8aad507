"""The promises of the redactor: no form and no piece of a secret passes."""

from __future__ import annotations

import base64
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote, urlencode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.runtime.redact import CUT, PIECE_CHARS, REDACTED, SHOWN_CHARS_MAX, Redactor

KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
ODD = "p@ss phr/ase+with=odd:chars!"


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    """One that knows three secrets."""
    return Redactor([KEY, SECRET, ODD])


def pieces(secret: str) -> set[str]:
    """Every piece of a secret that would give it away."""
    return {secret[at : at + PIECE_CHARS] for at in range(len(secret) - PIECE_CHARS + 1)}


def leaks(text: str, *secrets: str) -> list[str]:
    """The pieces of secrets that a text shows."""
    return [piece for secret in secrets for piece in sorted(pieces(secret)) if piece in text]


FORMS = st.sampled_from([KEY, SECRET, ODD]).flatmap(
    lambda secret: st.sampled_from(
        [
            secret,
            quote(secret, safe=""),
            base64.b64encode(secret.encode()).decode(),
            base64.b64encode(f"u:{secret}".encode()).decode(),
            base64.b64encode(f"ab{secret}cd".encode()).decode(),
            base64.urlsafe_b64encode(secret.encode()).decode(),
            secret.encode().hex(),
            urlencode({"q": secret}, quote_via=quote),
            secret[3:],
            secret[: PIECE_CHARS + 1],
        ]
    )
)


@given(before=st.text(max_size=20), form=FORMS, after=st.text(max_size=20))
def test_no_piece_of_a_secret_passes(redactor: Redactor, before: str, form: str, after: str) -> None:
    """Whatever stands around it and however it is written, nothing of a secret is left in a text."""
    text = redactor.text(before + form + after)

    assert [] == leaks(text, KEY, SECRET, ODD)
    assert [] == leaks(text, *(form[at:-4] for at in (0, 2, 4) if len(form) > PIECE_CHARS + 10))


@given(st.text(max_size=200))
def test_redaction_is_settled_after_once(text: str) -> None:
    """Redacting twice is redacting once: the marks are no secrets themselves."""
    redactor = Redactor([KEY])
    once = redactor.text(text)

    assert once == redactor.text(once)


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("GET https://fapi.binance.com/fapi/v1/order?symbol=BTCUSDT&timestamp=1&signature=abcdef0123", "abcdef0123"),
        ('{"listenKey":"pqia91ma19a5s61cv6a81va65sdf19v8a65a1"}', "pqia91ma19"),
        ("{'X-MBX-APIKEY': 'notloaded123', 'Content-Type': 'x'}", "notloaded123"),
        ("X-MBX-APIKEY: notloaded123", "notloaded123"),
        ('body: "{\\"apiKey\\": \\"notloaded123\\"}"', "notloaded123"),
        ("https://x/?apiKey=notloaded123&a=1", "notloaded123"),
        ("Authorization: Bearer notloaded123", "notloaded123"),
        ("Authorization: Basic bm90bG9hZGVk", "bm90bG9hZGVk"),
        ("wss://fstream.binance.com/ws/" + "a1B2" * 16, "a1B2"),
        ("postgres://me:notloaded123@host/db", "notloaded123"),
        ("https://api.telegram.org/bot123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11/send", "ABC-DEF1234"),
        ("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYD\n-----END PRIVATE KEY-----", "MC4CAQAwBQYD"),
        ("-----BEGIN EC PRIVATE KEY-----\nMC4CAQAwBQYD cut", "MC4CAQAwBQYD"),
        ("password=notloaded123", "notloaded123"),
    ],
)
def test_what_derives_from_secrets_is_hidden(text: str, hidden: str) -> None:
    """Signatures, listen keys and keys in headers, queries and JSON are hidden though nobody registered them."""
    shown = Redactor().text(text)

    assert hidden not in shown
    assert REDACTED in shown


@pytest.mark.parametrize(
    "text",
    [
        "hedge opened BTC -1.222 at 61800.2: holdings 1.2345 x ratio 1.0; band 1 %/5 % breached at 98.9 %",
        "binance.usdm:BTCUSDT order tt0123456789abcdefghijklmn filled",
        "design=3 assigned: yes keys pressed monkey=banana",
        "GET https://fapi.binance.com/fapi/v1/time 200",
    ],
)
def test_honest_lines_are_left_alone(redactor: Redactor, text: str) -> None:
    """What is no secret is shown as it is."""
    assert text == redactor.text(text)


class Held(msgspec.Struct):
    """A value that holds something."""

    api_secret: str
    price: Decimal


class Opaque:
    """A value that shows a secret when asked for its text."""

    def __repr__(self) -> str:
        return f"<{SECRET}>"


def test_values_are_walked(redactor: Redactor) -> None:
    """Mappings, lists, structs, bytes, paths, exceptions and foreign objects are looked into, keys included."""
    value = {
        "nested": [{"api_secret": "unknown", KEY: (KEY, {SECRET})}],
        "struct": Held("unknown", Decimal("1.50")),
        "bytes": SECRET.encode(),
        "path": Path("/tmp") / KEY,
        "error": ValueError(SECRET),
        "object": Opaque(),
        "flag": True,
        "none": None,
        "number": 3,
    }
    shown = redactor.value(value)

    assert [] == leaks(repr(shown), KEY, SECRET)
    assert "unknown" not in repr(shown)
    assert {"flag": True, "none": None, "number": 3}.items() <= shown.items()  # type: ignore[attr-defined]
    assert {"api_secret": REDACTED, "price": "1.50"} == shown["struct"]  # type: ignore[index]


def test_values_that_hold_themselves_end(redactor: Redactor) -> None:
    """A list inside itself is cut at a depth."""
    endless: list[object] = [SECRET]
    endless.append(endless)

    assert [] == leaks(repr(redactor.value(endless)), SECRET)


def test_long_texts_lose_their_middle() -> None:
    """A page of HTML does not fill the log; the end, where a traceback names its error, stays."""
    text = Redactor().text("a" * 50_000 + "the error")

    assert SHOWN_CHARS_MAX + len(CUT) == len(text)
    assert text.endswith("the error")


def test_short_secrets_are_matched_whole() -> None:
    """A passphrase of a few characters is hidden too."""
    assert f"say {REDACTED} now" == Redactor(["sesame"]).text("say sesame now")


def test_secrets_learnt_later_count_at_once(redactor: Redactor) -> None:
    """A key loaded after the log was started is hidden from then on."""
    fresh = Redactor()
    before = fresh.text(KEY)
    fresh.learn(KEY)

    assert (KEY, REDACTED) == (before, fresh.text(KEY))
