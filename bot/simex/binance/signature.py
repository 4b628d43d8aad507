"""Binance's signatures, checked over exactly the bytes that were received, for the three kinds of keys.

REST: the payload is the query string and the form body, concatenated without a separator, with the `signature`
parameter taken out and nothing else touched. Websocket API: the payload is `name=value` of every parameter but
`signature`, sorted by name and joined by `&`.

HMAC: SHA-256 in hexadecimal, whose case does not matter. RSA: PKCS#1 v1.5 over SHA-256, in base64. Ed25519: in base64.
The secret of the latter two is the client's private key (PEM, PKCS#8); the venue, which knows only the public half,
derives it from there.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bot.simex.config import ApiKey

SIGNATURE = "signature"
KEYS_CACHED_MAX = 256
_Verify = Callable[[bytes, bytes], None]


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


def sign(key: ApiKey, payload: str) -> str:
    """The signature of `payload` as the owner of the key makes it."""
    if key.kind == "hmac":
        return hmac.new(key.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
    private = _private_key(key.secret)
    if isinstance(private, Ed25519PrivateKey):
        signed = private.sign(payload.encode())
    else:
        signed = private.sign(payload.encode(), PKCS1v15(), SHA256())
    return base64.b64encode(signed).decode()


def is_valid(key: ApiKey, payload: str, signature: str) -> bool:
    """Whether `signature` signs `payload` with this key; an HMAC is compared in constant time."""
    if key.kind == "hmac":
        return hmac.compare_digest(sign(key, payload).encode(), signature.lower().encode())
    try:
        _verifier(key.secret)(base64.b64decode(signature, validate=True), payload.encode())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


@lru_cache(KEYS_CACHED_MAX)
def _private_key(pem: str) -> Ed25519PrivateKey | RSAPrivateKey:
    """The private key of a PEM text. ValueError when it is of neither kind."""
    found = load_pem_private_key(pem.encode(), password=None)
    if not isinstance(found, Ed25519PrivateKey | RSAPrivateKey):
        raise ValueError("a private key is Ed25519 or RSA")
    return found


@lru_cache(KEYS_CACHED_MAX)
def _verifier(pem: str) -> _Verify:
    private = _private_key(pem)
    if isinstance(private, Ed25519PrivateKey):
        return private.public_key().verify
    public = private.public_key()
    return lambda signature, payload: public.verify(signature, payload, PKCS1v15(), SHA256())
