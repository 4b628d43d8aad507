"""The control messages of Binance's market-stream connections, and who listens to what.

Spot and USD-M share the protocol: SUBSCRIBE, UNSUBSCRIBE, LIST_SUBSCRIPTIONS and the `combined` property, with ids that
are integers, short strings or null. A stream nobody publishes may be subscribed to; it stays silent, as at the venue.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from bot.simex.binance.time_unit import text_in_micros

STREAMS_MAX = 1_024
COINM_STREAMS_MAX = 200
ID_CHARACTERS_MAX = 36
ZONE = "@+08:00"
"""What the name of a kline stream ends with whose days begin at midnight of UTC+8."""
_PREFIXES = ("/market", "/public", "/private", "/pm")
_CONNECTION_NUMBER = re.compile(r"^\d{1,6}$")
_FIELDS = ("method", "params", "id")
_METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")


@dataclass(frozen=True, slots=True)
class Opening:
    """What a connection's path and query ask for: the first streams, and whether frames are wrapped."""

    streams: tuple[str, ...]
    combined: bool
    listen_keys: tuple[str, ...] = ()


def _query_values(query: str, name: str) -> list[str]:
    return [unquote(pair[len(name) + 1 :]) for pair in query.split("&") if pair.startswith(name + "=")]


def opening(path: str, query: str) -> Opening | None:
    """The opening of a path like /ws, /ws/<n>, /ws/<stream>, /stream or /stream?streams=, or None.

    The same paths exist under /market, /public and /private; ?listenKey= names a user stream.
    """
    for prefix in _PREFIXES:
        if path.startswith(prefix + "/"):
            path = path[len(prefix) :]
            break
    keys = tuple(_query_values(query, "listenKey"))
    names = [name for text in _query_values(query, "streams") for name in text.split("/") if name]
    head, _, rest = path.lstrip("/").partition("/")
    if head == "stream":
        return Opening(tuple(names), combined=True, listen_keys=keys)
    if head != "ws":
        return None
    raw = [name for name in unquote(rest).split("/") if name and not _CONNECTION_NUMBER.match(name)]
    return Opening((*raw, *names), combined=False, listen_keys=keys)


class Hub:
    """Which sessions listen to which stream."""

    def __init__(self) -> None:
        self._listeners: dict[str, dict[MarketSession, None]] = {}

    def add(self, stream: str, session: MarketSession) -> None:
        """`session` listens to `stream` from now on."""
        self._listeners.setdefault(stream, {})[session] = None

    def remove(self, stream: str, session: MarketSession) -> None:
        """`session` listens to `stream` no longer."""
        listeners = self._listeners.get(stream)
        if listeners is not None:
            listeners.pop(session, None)
            if not listeners:
                del self._listeners[stream]

    def wanted(self, stream: str) -> bool:
        """Whether anybody listens to `stream`."""
        return stream in self._listeners

    def streams(self) -> Iterable[str]:
        """Every stream with a listener."""
        return self._listeners.keys()

    def publish(self, stream: str, payload: str) -> None:
        """Send a payload to every listener of `stream`, wrapped for those that asked for it."""
        listeners = self._listeners.get(stream)
        if not listeners:
            return
        texts: dict[tuple[bool, bool], str] = {(False, False): payload}
        for session in list(listeners):
            shape = session.combined, session.tells_micros
            text = texts.get(shape)
            if text is None:
                text = texts[shape] = _shaped(stream, payload, *shape)
            session.push(text)


def _shaped(stream: str, payload: str, combined: bool, tells_micros: bool) -> str:
    """A payload as a connection wants it: wrapped with its stream's name, its moments in microseconds."""
    told = text_in_micros(payload) if tells_micros else payload
    return f'{{"stream":"{stream}","data":{told}}}' if combined else told


def is_zoned(stream: str) -> bool:
    """Whether a stream is one of klines of a time zone, which spot alone has."""
    return "@kline_" in stream and stream.endswith(ZONE)


def _refusal(code: int, msg: str, identity: object = None) -> str:
    body: dict[str, Any] = {"error": {"code": code, "msg": msg}}
    if identity is not None:
        body["id"] = identity
    return json.dumps(body, separators=(",", ":"))


def _result(result: object, identity: object) -> str:
    return json.dumps({"result": result, "id": identity}, separators=(",", ":"))


def _is_id(identity: object) -> bool:
    if identity is None or (isinstance(identity, int) and not isinstance(identity, bool)):
        return True
    return isinstance(identity, str) and len(identity) <= ID_CHARACTERS_MAX


@dataclass(eq=False, slots=True)
class MarketSession:
    """One market-stream connection; on USD-M it may carry user streams as well, by their listen keys."""

    hub: Hub
    push: Callable[[str], None]
    combined: bool
    kind: str = "market"
    tells_micros: bool = False
    streams_max: int = STREAMS_MAX
    has_zones: bool = True
    streams: dict[str, None] = field(default_factory=dict)
    on_stream: Callable[[MarketSession, str, bool], None] | None = None
    on_closed: Callable[[MarketSession], None] | None = None

    def open(self, first: Iterable[str]) -> None:
        """Listen to the streams that the connection's address named."""
        self._subscribe(list(first))

    def receive(self, text: str) -> list[str]:
        """The reply to one control message."""
        try:
            message = json.loads(text)
        except json.JSONDecodeError as error:
            place = f"line {error.lineno} column {error.colno}"
            return [_refusal(3, f"Invalid JSON: expected value at {place}")]
        except RecursionError:
            return [_refusal(3, "Invalid JSON: recursion limit exceeded at line 1 column 128")]
        if not isinstance(message, dict) or "method" not in message:
            return [_refusal(2, f"Invalid request: missing field `method` at line 1 column {len(text)}")]
        if len(message) > len(_FIELDS):
            return [_refusal(2, "Invalid request: too many parameters")]
        identity = message.get("id")
        if not _is_id(identity):
            return [_refusal(2, "Invalid request: request ID must be an unsigned integer")]
        return [self._answer(message["method"], message.get("params"), identity)]

    def closed(self) -> None:
        """Forget every stream."""
        self._unsubscribe(list(self.streams))
        if self.on_closed is not None:
            self.on_closed(self)

    def announce_shutdown(self, now_ms: int) -> None:
        """Tell the client that its connection will end soon."""
        event = f'{{"e":"serverShutdown","E":{now_ms * 1_000 if self.tells_micros else now_ms}}}'
        self.push(f'{{"stream":"!serverShutdown","data":{event}}}' if self.combined else event)

    def _answer(self, method: object, params: object, identity: object) -> str:
        names = params if isinstance(params, list) else []
        if method == "LIST_SUBSCRIPTIONS":
            return _result(list(self.streams), identity)
        if method in ("SUBSCRIBE", "UNSUBSCRIBE"):
            return self._change(names, identity, wanted=method == "SUBSCRIBE")
        if method in ("GET_PROPERTY", "SET_PROPERTY"):
            return self._property(names, identity, is_set=method == "SET_PROPERTY")
        known = ", ".join(f"`{name}`" for name in _METHODS)
        text = f"Invalid request: unknown variant `{method}`, expected one of {known} at line 1 column 28"
        return _refusal(2, text, identity)

    def _change(self, names: list[Any], identity: object, *, wanted: bool) -> str:
        if not names or not all(isinstance(name, str) for name in names):
            return _refusal(2, "Invalid request: params must be a non-empty list of stream names", identity)
        if not wanted:
            self._unsubscribe(names)
        elif not self.has_zones and any(is_zoned(name) for name in names):
            return _refusal(2, "Invalid request: klines of a time zone are not published here", identity)
        elif len(set(self.streams) | set(names)) > self.streams_max:
            return _refusal(2, f"Invalid request: at most {self.streams_max} streams a connection", identity)
        else:
            self._subscribe(names)
        return _result(None, identity)

    def _property(self, names: list[Any], identity: object, *, is_set: bool) -> str:
        if not names or not isinstance(names[0], str):
            return _refusal(2, "Invalid request: property name must be a string", identity)
        if names[0] != "combined":
            return _refusal(0, "Unknown property", identity)
        if len(names) > 1 + is_set:
            return _refusal(2, "Invalid request: too many parameters", identity)
        if not is_set:
            return _result(self.combined, identity)
        if len(names) < 2 or not isinstance(names[1], bool):
            return _refusal(1, "Invalid value type: expected Boolean", identity)
        self.combined = names[1]
        return _result(None, identity)

    def _subscribe(self, names: list[str]) -> None:
        for name in names:
            if name not in self.streams:
                self.streams[name] = None
                self.hub.add(name, self)
                if self.on_stream is not None:
                    self.on_stream(self, name, True)

    def _unsubscribe(self, names: list[str]) -> None:
        for name in names:
            if name in self.streams:
                del self.streams[name]
                self.hub.remove(name, self)
                if self.on_stream is not None:
                    self.on_stream(self, name, False)
