"""Binance's HMAC-SHA256 signatures, checked over exactly the bytes that were received.

REST: the payload is the query string and the form body, concatenated without a separator, with the `signature`
parameter taken out and nothing else touched. Websocket API: the payload is `name=value` of every parameter but
`signature`, sorted by name and joined by `&`. The signature is hexadecimal and its case does not matter.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

SIGNATURE = "signature"


def _without_signature(part: str) -> str:
    return "&".join(pair for pair in part.split("&") if not pair.startswith(SIGNATURE + "="))


def rest_payload(query: str, body: str) -> str:
    """What a client must have signed for this query string and this body."""
    return _without_signature(query) + _without_signature(body)


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def ws_payload(params: Mapping[str, object]) -> str:
    """What a client must have signed for the parameters of a websocket request."""
    return "&".join(f"{name}={_as_text(params[name])}" for name in sorted(params) if name != SIGNATURE)


def sign(secret: str, payload: str) -> str:
    """The hexadecimal HMAC-SHA256 of `payload`."""
    return hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()


def is_valid(secret: str, payload: str, signature: str) -> bool:
    """Whether `signature` signs `payload`, compared in constant time."""
    return hmac.compare_digest(sign(secret, payload).encode(), signature.lower().encode())
