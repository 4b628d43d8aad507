"""The trade websocket: order entry over one connection, with the answers of the REST endpoints in another envelope."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from bot.simex.bybit.desk import CATEGORIES
from bot.simex.bybit.errors import MESSAGES, VenueError, invalid
from bot.simex.bybit.gate import RECV_WINDOW_MS_DEFAULT, KeyRing, authenticate_socket, check_expiry, check_window
from bot.simex.bybit.limits import Usage
from bot.simex.bybit.router import Answer, Router
from bot.simex.bybit.sessions import Line, encoded, parsed
from bot.simex.config import ApiKey
from bot.simex.wire import Request, Response, Trace

OPERATIONS: Final = {
    f"order.{verb}{batch}": f"/v5/order/{verb}{batch}"
    for verb in ("create", "amend", "cancel")
    for batch in ("", "-batch")
}
REQUEST_ID_MAX: Final = 36
REQUEST_IDS_KEPT: Final = 10_000
MESSAGES_PER_S: Final = 200
SOCKET_PATH: Final = "/v5/trade"
Message = dict[str, Any]
Logger = Callable[[Request, Response], None]


@dataclass(eq=False, slots=True)
class TradeSession:
    """One connection of the trade websocket."""

    line: Line
    host: str
    router: Router
    keys: KeyRing
    log: Logger
    on_closed: Callable[[TradeSession], None]
    kind: str = "api"
    key: ApiKey | None = None
    restarting: bool = False
    _seen: dict[str, None] = field(default_factory=dict)
    _times: deque[int] = field(default_factory=lambda: deque(maxlen=MESSAGES_PER_S))

    def closed(self) -> None:
        """The connection is gone."""
        self.on_closed(self)

    def receive(self, text: str) -> list[str]:
        """The answer to one request."""
        self.line.alive()
        message = parsed(text)
        if message is None:
            return [self._failure({}, "", VenueError(10001, "Request parameter error: invalid JSON"))]
        op = message.get("op")
        name = op if isinstance(op, str) else ""
        try:
            return [self._answer(message, name)]
        except VenueError as error:
            return [self._failure(message, name, error)]

    def _answer(self, message: Message, op: str) -> str:
        if op == "ping":
            head = {"retCode": 0, "retMsg": "OK", "op": "pong", "data": [str(self.line.server_ms())]}
            return encoded({**_named(message), **head, "connId": self.line.conn_id})
        self._check_rate()
        if op == "auth":
            return self._authenticate(message)
        path = OPERATIONS.get(op)
        if path is None:
            raise VenueError(10404)
        values = self._admit(message)
        assert self.key is not None
        # Looked up anew: the key may have been changed or revoked, or have expired, since the session began.
        key = self.keys.find(self.key.key)
        check_expiry(key, self.line.server_ms())
        answer = self.router.call(path, values, key)
        self._note(path, answer.trace)
        return self._order_reply(message, op, answer)

    def _authenticate(self, message: Message) -> str:
        if self.key is not None:
            raise VenueError(20001)
        self.key = authenticate_socket(self.keys, message.get("args"), self.line.server_ms(), self.line.address)
        trace = Trace(key_name=self.key.name, account=self.key.account, signed=True, verdict="ok")
        self._note(SOCKET_PATH, trace, method="AUTH")
        return encoded({**_named(message), "retCode": 0, "retMsg": "OK", "op": "auth", "connId": self.line.conn_id})

    def _admit(self, message: Message) -> Message:
        """The order of a request that may go on to the endpoint."""
        if self.key is None:
            raise VenueError(10007)
        if self.restarting:
            raise VenueError(10019)
        header, args = message.get("header"), message.get("args")
        if not isinstance(header, dict):
            raise invalid("header is required")
        window = header.get("X-BAPI-RECV-WINDOW") or RECV_WINDOW_MS_DEFAULT
        check_window(str(header.get("X-BAPI-TIMESTAMP", "")), str(window), self.line.server_ms())
        if not (isinstance(args, list) and len(args) == 1 and isinstance(args[0], dict)):
            raise invalid("args invalid")
        values: Message = args[0]
        if values.get("category") not in CATEGORIES:
            raise VenueError(10404, "category is not correct/supported")
        self._check_request_id(message)
        return values

    def _check_request_id(self, message: Message) -> None:
        found = message.get("reqId")
        if found is None or found == "":
            return
        if not isinstance(found, str) or len(found) > REQUEST_ID_MAX:
            raise invalid("reqId invalid")
        if found in self._seen:
            raise VenueError(20006)
        self._seen[found] = None
        if len(self._seen) > REQUEST_IDS_KEPT:
            del self._seen[next(iter(self._seen))]

    def _check_rate(self) -> None:
        self.router.count_socket_request()
        now_ms = self.line.server_ms()
        if len(self._times) == self._times.maxlen and now_ms - self._times[0] < 1_000:
            raise VenueError(20003)
        self._times.append(now_ms)

    def _order_reply(self, message: Message, op: str, answer: Answer) -> str:
        return encoded(
            {
                **_named(message),
                "retCode": answer.code,
                "retMsg": answer.msg,
                "op": op,
                "data": answer.result,
                "retExtInfo": answer.extra,
                "header": self._header(answer.usage),
                "connId": self.line.conn_id,
            }
        )

    def _header(self, usage: Usage | None) -> dict[str, str]:
        limits = usage.headers() if usage is not None else {}
        return {**limits, "Traceid": self.router.trace_id(), "Timenow": str(self.line.server_ms())}

    def _failure(self, message: Message, op: str, error: VenueError) -> str:
        text = error.msg or MESSAGES.get(error.code, "")
        trace = Trace(
            key_name=self.key.name if self.key else None,
            account=self.key.account if self.key else None,
            signed=self.key is not None,
            verdict="refused",
            code=error.code,
        )
        self._note(OPERATIONS.get(op, SOCKET_PATH), trace)
        head = {"retCode": error.code, "retMsg": text, "op": op, "connId": self.line.conn_id}
        if op in OPERATIONS:
            head |= {"data": {}, "retExtInfo": {}, "header": self._header(None)}
        return encoded({**_named(message), **head})

    def _note(self, path: str, trace: Trace, method: str = "POST") -> None:
        self.log(Request(self.host, method, path), Response(200, b"", trace=trace))


def _named(message: Message) -> Message:
    """The `reqId` of a request, for its answer; nothing when it had none."""
    found = message.get("reqId")
    return {"reqId": found[:REQUEST_ID_MAX]} if isinstance(found, str) and found else {}
