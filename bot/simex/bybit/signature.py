"""Bybit's signatures, over timestamp, key, window and payload, or over the expiry of a websocket's authentication.

A key that the venue made signs with HMAC-SHA256, in lower-case hex; one of which the venue was given the public half
signs with RSA-SHA256 (PKCS#1 v1.5), in base64. The secret of the latter is the owner's private key as PEM, from which
the venue, that knows only the public half, derives it here.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from bot.simex.config import ApiKey

KEYS_CACHED_MAX: Final = 256


def rest_text(timestamp: str, key: str, recv_window: str, payload: str) -> str:
    """What a request signs: `payload` is the query string of a GET and the body of a POST, as they were sent."""
    return timestamp + key + recv_window + payload


def socket_text(expires: str) -> str:
    """What the `auth` of a websocket signs."""
    return "GET/realtime" + expires


def sign(key: ApiKey, text: str) -> str:
    """The signature of a text as the owner of the key makes it."""
    if key.kind == "hmac":
        return hmac.new(key.secret.encode(), _bytes(text), hashlib.sha256).hexdigest()
    return base64.b64encode(_private_key(key.secret).sign(_bytes(text), PKCS1v15(), SHA256())).decode()


def is_valid(key: ApiKey, text: str, signature: str) -> bool:
    """Whether the signature is that of the text; an HMAC is compared in the same time wherever they differ."""
    if key.kind == "hmac":
        return hmac.compare_digest(sign(key, text).encode(), _bytes(signature))
    try:
        signed = base64.b64decode(signature, validate=True)
        _private_key(key.secret).public_key().verify(signed, _bytes(text), PKCS1v15(), SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def public_half(key: ApiKey) -> str:
    """The public key that its owner registered, as PEM; empty for a key that the venue made."""
    if key.kind == "hmac":
        return ""
    public = _private_key(key.secret).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@lru_cache(KEYS_CACHED_MAX)
def _private_key(pem: str) -> RSAPrivateKey:
    """The private key of a PEM text. ValueError when it is of another kind."""
    found = load_pem_private_key(pem.encode(), password=None)
    if not isinstance(found, RSAPrivateKey):
        raise ValueError("a private key at Bybit is RSA")
    return found


def _bytes(text: str) -> bytes:
    """Text as it is signed; half a surrogate pair fails no call here, only the comparison."""
    return text.encode("utf-8", "surrogatepass")
