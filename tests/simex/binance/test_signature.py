"""Signatures against the examples of the venue's documentation."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import given
from hypothesis import strategies as st

from bot.simex.binance.signature import is_valid, rest_payload, sign, ws_payload
from bot.simex.config import ApiKey, KeyKind, KeySpec

SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
API_KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
QUERY = "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
SIGNED = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
ESCAPED = QUERY.replace("LTCBTC", "%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96")
ESCAPED_SIGNED = "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3"


def hmac_key(more: str = "") -> ApiKey:
    """A key with the documented secret, or one that is longer."""
    return ApiKey.made(KeySpec("documented", secret=SECRET + more))


def test_documented_rest_examples() -> None:
    """The two documented requests have the documented signatures, percent-encoding kept as sent."""
    assert SIGNED == sign(hmac_key(), rest_payload(QUERY, ""))
    assert ESCAPED_SIGNED == sign(hmac_key(), rest_payload("", ESCAPED))


def test_documented_websocket_example() -> None:
    """The documented websocket request, its parameters in any order, has the documented signature."""
    params = {
        "symbol": "BTCUSDT",
        "side": "SELL",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.01000000",
        "price": "52000.00",
        "recvWindow": 100,
        "timestamp": 1645423376532,
        "apiKey": API_KEY,
        "signature": "------",
    }

    assert "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24" == sign(hmac_key(), ws_payload(params))


def test_a_hexadecimal_signature_has_no_case() -> None:
    """Upper-case signatures are valid, those of another secret or payload are not."""
    assert is_valid(hmac_key(), QUERY, SIGNED.upper())
    assert not is_valid(hmac_key("x"), QUERY, SIGNED)
    assert not is_valid(hmac_key(), QUERY + "0", SIGNED)
    assert not is_valid(hmac_key(), QUERY, "é")


@given(st.lists(st.sampled_from(["a=1", "b=%20", "c=x+y", "d="]), max_size=4), st.integers(0, 4))
def test_the_signature_is_left_out_wherever_it_stands(pairs: list[str], place: int) -> None:
    """Taking the signature out leaves every other byte as it was sent."""
    signed = [*pairs[:place], "signature=ff", *pairs[place:]]

    assert "&".join(pairs) == rest_payload("&".join(signed), "")


def test_query_and_body_are_joined_without_a_separator() -> None:
    """The payload of a mixed request is the query string followed at once by the body."""
    assert "a=1b=2" == rest_payload("a=1", "b=2&signature=ff")


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_signatures_of_private_keys(kind: KeyKind) -> None:
    """An Ed25519 or RSA signature in base64 is valid for its key, payload and letter case alone."""
    key, other = ApiKey.made(KeySpec("one", kind=kind)), ApiKey.made(KeySpec("two", kind=kind))
    signature = sign(key, QUERY)

    assert is_valid(key, QUERY, signature)
    assert not is_valid(other, QUERY, signature)
    assert not is_valid(key, QUERY + "0", signature)
    assert not is_valid(key, QUERY, signature.swapcase())
    assert not is_valid(key, QUERY, "not base64!")
    assert {"ed25519": 64, "rsa": 256}[kind] == len(base64.b64decode(signature))


def test_private_keys_are_what_clients_load() -> None:
    """The secret of an Ed25519 or RSA key is an unencrypted PKCS#8 text, and no secret is shown by repr."""
    for kind in ("ed25519", "rsa"):
        key = ApiKey.made(KeySpec("one", kind=kind))
        assert key.secret.startswith("-----BEGIN PRIVATE KEY-----")
        assert load_pem_private_key(key.secret.encode(), password=None) is not None
        assert key.secret not in repr(key)


def test_unknown_kind_of_key() -> None:
    """A kind of key that nobody has is refused by name."""
    with pytest.raises(ValueError, match="'dsa': allowed are hmac, ed25519, rsa"):
        KeySpec("one", kind="dsa")  # type: ignore[arg-type]  # what is tested


@pytest.mark.parametrize("pem", ["", "nonsense"])
def test_a_secret_that_is_no_private_key(pem: str) -> None:
    """An Ed25519 key whose secret is no PEM text verifies nothing."""
    key = ApiKey.made(KeySpec("one", kind="ed25519", secret=pem or "x"))

    assert not is_valid(key, QUERY, "AAAA")
