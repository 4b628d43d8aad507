"""Listen keys over REST: made, extended, never deleted, and every trouble is one of two exceptions."""

from __future__ import annotations

import pytest

from bot.venues.listenkey import ListenKeyGone, ListenKeyTrouble
from bot.venues.listenkey_rest import RestListenKeys
from tests.venues.canned import KEY, SECRET, Canned, Clock, client

PATH = "/fapi/v1/listenKey"
LISTEN_KEY = "pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1"


def keys(canned: Canned) -> RestListenKeys:
    """The REST side over canned answers."""
    return RestListenKeys(client(canned, Clock()))


async def test_a_key_is_asked_for_by_post() -> None:
    """One POST with the API key in its header and no signature, because the venue asks for none."""
    canned = Canned()
    canned.lay("POST", PATH, {"listenKey": LISTEN_KEY})
    made = await keys(canned).create()
    (sent,) = canned.sent

    assert LISTEN_KEY == made
    assert ("POST", KEY) == (sent.method, sent.headers["X-MBX-APIKEY"])
    assert SECRET not in sent.payload


async def test_a_key_is_extended_by_put() -> None:
    """One PUT; the venue answers with an empty object, and that is an answer."""
    canned = Canned()
    canned.lay("PUT", PATH, {})
    await keys(canned).extend()

    assert ["PUT"] == [sent.method for sent in canned.sent]


async def test_an_answer_that_names_the_key_extends_it_as_well() -> None:
    """The venue has answered with the key itself at times."""
    canned = Canned()
    canned.lay("PUT", PATH, {"listenKey": LISTEN_KEY})
    await keys(canned).extend()

    assert 1 == len(canned.sent)


async def test_a_key_that_is_gone_is_told_as_such() -> None:
    """-1125: there is nothing to extend, a new key is needed."""
    canned = Canned()
    canned.lay("PUT", PATH, {"code": -1125, "msg": "This listenKey does not exist."}, status=400)

    with pytest.raises(ListenKeyGone):
        await keys(canned).extend()


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}, 401),
        ({"code": -1003, "msg": "Too many requests."}, 429),
        ({"code": -1001, "msg": "Internal error."}, 503),
        (b"<html>", 502),
        (TimeoutError(), 0),
        (ConnectionResetError(), 0),
    ],
)
async def test_whatever_else_goes_wrong_is_trouble_and_not_a_lost_key(answer: object, status: int) -> None:
    """A refusal, an overload or a silence: the key may well live, so it is not given up for that."""
    canned = Canned()
    for method in ("POST", "PUT"):
        canned.lay(method, PATH, answer, status=status)

    with pytest.raises(ListenKeyTrouble):
        await keys(canned).create()
    with pytest.raises(ListenKeyTrouble) as raised:
        await keys(canned).extend()
    assert not isinstance(raised.value, ListenKeyGone)


@pytest.mark.parametrize("answer", [b"", b"<html>", b"{}", b"[]", {"listenKey": ""}, {"listenKey": 7}, {"key": "x"}])
async def test_an_answer_without_a_key_is_trouble(answer: object) -> None:
    """A 200 that cannot be read gives no key, least of all an empty one to listen on."""
    canned = Canned()
    canned.lay("POST", PATH, answer)

    with pytest.raises(ListenKeyTrouble):
        await keys(canned).create()


async def test_no_trouble_quotes_a_key() -> None:
    """Neither the API key nor the listen key stands in what is said."""
    canned = Canned()
    canned.lay("POST", PATH, {"listenKey": LISTEN_KEY, "code": 1}, status=400)
    canned.lay("PUT", PATH, {"code": -1125, "msg": f"{KEY} {SECRET}"}, status=400)
    said = []
    for call in (keys(canned).create, keys(canned).extend):
        with pytest.raises(ListenKeyTrouble) as raised:
            await call()
        said.append(str(raised.value))

    assert not any(secret in text for text in said for secret in (KEY, SECRET, LISTEN_KEY))


async def test_a_key_is_asked_for_once_a_call() -> None:
    """The stream decides when to ask again; nothing here repeats by itself."""
    canned = Canned()
    canned.lay("POST", PATH, TimeoutError())
    with pytest.raises(ListenKeyTrouble):
        await keys(canned).create()

    assert 1 == len(canned.sent)


async def test_a_key_is_never_deleted() -> None:
    """It belongs to the account: another program may listen on it."""
    assert {"create", "extend"} == {name for name in dir(RestListenKeys) if not name.startswith("_")}
