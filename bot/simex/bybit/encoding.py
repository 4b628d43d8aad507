"""JSON of answers and messages: fast, and safe for whatever a client made the exchange repeat."""

from __future__ import annotations

import json
from typing import Any

import msgspec


def encode(value: Any) -> bytes:
    """A value as JSON; half a surrogate pair that a client sent is escaped."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()
