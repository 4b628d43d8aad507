"""Bybit's signatures: HMAC-SHA256 in lower-case hex over timestamp, key, window and payload, or over an expiry."""

from __future__ import annotations

import hashlib
import hmac


def rest_text(timestamp: str, key: str, recv_window: str, payload: str) -> str:
    """What a request signs: `payload` is the query string of a GET and the body of a POST, as they were sent."""
    return timestamp + key + recv_window + payload


def socket_text(expires: str) -> str:
    """What the `auth` of a websocket signs."""
    return "GET/realtime" + expires


def sign(secret: str, text: str) -> str:
    """The signature of a text."""
    return hmac.new(secret.encode(), _bytes(text), hashlib.sha256).hexdigest()


def is_valid(secret: str, text: str, signature: str) -> bool:
    """Whether the signature is that of the text; the comparison takes the same time wherever they differ."""
    return hmac.compare_digest(sign(secret, text).encode(), _bytes(signature))


def _bytes(text: str) -> bytes:
    """Text as it is signed; half a surrogate pair fails no call here, only the comparison."""
    return text.encode("utf-8", "surrogatepass")
