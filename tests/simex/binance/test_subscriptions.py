"""The control messages of market-stream connections, and the addresses that open them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot.simex.binance.subscriptions import STREAMS_MAX, Hub, MarketSession, Opening, opening


def session(combined: bool = False) -> tuple[Hub, MarketSession, list[str]]:
    """A session on a hub of its own, with what was pushed to it."""
    hub, pushed = Hub(), list[str]()
    return hub, MarketSession(hub, pushed.append, combined), pushed


def ask(one: MarketSession, message: Any) -> dict[str, Any]:
    """The decoded reply to a control message."""
    (reply,) = one.receive(message if isinstance(message, str) else json.dumps(message))
    decoded: dict[str, Any] = json.loads(reply)
    return decoded


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("/ws", "", Opening((), False)),
        ("/ws/3", "", Opening((), False)),
        ("/ws/btcusdt@bookTicker", "", Opening(("btcusdt@bookTicker",), False)),
        ("/ws/a@trade/b@trade", "", Opening(("a@trade", "b@trade"), False)),
        ("/stream", "", Opening((), True)),
        ("/stream", "streams=a@trade/b@trade", Opening(("a@trade", "b@trade"), True)),
        ("/stream", "timeUnit=MILLISECOND&streams=a%40trade", Opening(("a@trade",), True)),
        ("/public/ws/3", "", Opening((), False)),
        ("/market/stream", "streams=a@markPrice", Opening(("a@markPrice",), True)),
        ("/private/ws", "listenKey=k", Opening((), False, ("k",))),
        ("/private/ws/k", "", Opening(("k",), False)),
        ("/private/stream", "streams=k", Opening(("k",), True)),
        ("/", "", None),
        ("/wss", "", None),
    ],
)
def test_addresses(path: str, query: str, expected: Opening | None) -> None:
    """Every documented form of address opens with its streams, raw under /ws and wrapped under /stream."""
    assert expected == opening(path, query)


@pytest.mark.parametrize("identity", [1, -5, "e2a85d9f-07a5-4f94-8d5f-789dc3deb097", None])
def test_subscribe_list_unsubscribe(identity: object) -> None:
    """Ids of every kind are echoed, the list is what was subscribed, a stream twice counts once."""
    _, one, _ = session()
    done = {"result": None, "id": identity}

    assert done == ask(one, {"method": "SUBSCRIBE", "params": ["a@trade", "b@trade", "a@trade"], "id": identity})
    assert ["a@trade", "b@trade"] == ask(one, {"method": "LIST_SUBSCRIPTIONS", "id": identity})["result"]
    assert done == ask(one, {"method": "UNSUBSCRIBE", "params": ["a@trade", "never@seen"], "id": identity})
    assert ["b@trade"] == ask(one, {"method": "LIST_SUBSCRIPTIONS", "id": identity})["result"]


def test_only_listeners_hear() -> None:
    """A frame goes to those who listen to its stream, raw or wrapped as each asked, and to none after its end."""
    hub, raw, heard = session()
    wrapped_heard: list[str] = []
    wrapped = MarketSession(hub, wrapped_heard.append, combined=True)
    for one in (raw, wrapped):
        one.open(["a@trade"])
    hub.publish("a@trade", '{"p":"1"}')
    hub.publish("b@trade", '{"p":"2"}')
    raw.closed()
    hub.publish("a@trade", '{"p":"3"}')

    assert ['{"p":"1"}'] == heard
    assert ['{"stream":"a@trade","data":{"p":"1"}}', '{"stream":"a@trade","data":{"p":"3"}}'] == wrapped_heard


def test_the_last_listener_frees_the_stream() -> None:
    """A stream without listeners is not wanted, so nobody builds its frames."""
    hub, one, _ = session()
    one.open(["a@trade"])
    before = hub.wanted("a@trade")
    one.closed()

    assert (True, False) == (before, hub.wanted("a@trade"))


def test_properties() -> None:
    """`combined` can be read and set on a connection."""
    _, one, _ = session()

    assert not ask(one, {"method": "GET_PROPERTY", "params": ["combined"], "id": 1})["result"]
    ask(one, {"method": "SET_PROPERTY", "params": ["combined", True], "id": 2})
    assert ask(one, {"method": "GET_PROPERTY", "params": ["combined"], "id": 3})["result"]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("{", 3),
        ("[]", 2),
        ('{"id":1}', 2),
        ('{"method":"SUBSCRIBE","params":["a"],"id":1.5}', 2),
        ('{"method":"SUBSCRIBE","params":["a"],"id":true}', 2),
        ('{"method":"SUBSCRIBE","params":[],"id":1}', 2),
        ('{"method":"SUBSCRIBE","params":"a","id":1}', 2),
        ('{"method":"SUBSCRIBE","params":[1],"id":1}', 2),
        ('{"method":"LISTEN","id":1}', 2),
        ('{"method":["SUBSCRIBE"],"id":1}', 2),
        ('{"method":"GET_PROPERTY","params":["colour"],"id":1}', 0),
        ('{"method":"SET_PROPERTY","params":["combined","yes"],"id":1}', 1),
    ],
)
def test_wrong_messages(message: str, code: int) -> None:
    """What is not understood is answered with the documented code, and the session lives on."""
    _, one, _ = session()

    assert code == ask(one, message)["error"]["code"]
    assert [] == ask(one, {"method": "LIST_SUBSCRIPTIONS", "id": 9})["result"]


def test_streams_are_bounded() -> None:
    """A connection carries at most 1024 streams."""
    _, one, _ = session()
    names = [f"s{number}@trade" for number in range(STREAMS_MAX)]

    assert None is ask(one, {"method": "SUBSCRIBE", "params": names, "id": 1})["result"]
    assert 2 == ask(one, {"method": "SUBSCRIBE", "params": ["one@more"], "id": 2})["error"]["code"]
