"""A Telegram Bot API on loopback: the methods that the chat uses, with the field names and answers of the real one.

Faults are queued by method, each for one call. Updates are forgotten when a higher offset is asked from, as Telegram
does it, unless `repeating`.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from aiohttp import web

TOKEN = "123456789:AAcanary-0123456789_abcdefghijklmno"
FIRST_UPDATE = 700_000_001


class Call(NamedTuple):
    """A request that arrived."""

    method: str
    body: dict[str, Any]


class Fault(NamedTuple):
    """How one call goes wrong: an HTTP status with Telegram's body, `hang`, `cut`, or `text`, a body of its own."""

    kind: str
    status: int = 0
    description: str = ""
    retry_after: int | None = None
    text: str = ""


HANG = Fault("hang")
CUT = Fault("cut")
UNAUTHORIZED = Fault("status", 401, "Unauthorized")
CONFLICT = Fault("status", 409, "Conflict: terminated by other getUpdates request; make sure that only one bot runs")
INTERNAL = Fault("status", 500, "Internal Server Error")
BLOCKED = Fault("status", 403, "Forbidden: bot was blocked by the user")


def too_many(seconds: int) -> Fault:
    """Telegram's flood limit."""
    return Fault("status", 429, f"Too Many Requests: retry after {seconds}", seconds)


class BotApiServer:
    """The server's mind: what was said to the bot, what it said, and what shall go wrong."""

    def __init__(self) -> None:
        self.token = TOKEN
        self.calls: list[Call] = []
        self.sent: list[tuple[int, str]] = []
        self.faults: dict[str, deque[Fault]] = defaultdict(deque)
        self.always: dict[str, Fault] = {}
        self.webhook = ""
        self.repeating = False
        self.impatient = False
        """Whether a long poll is answered at once, as by a proxy that does not wait."""
        self.address = ""
        self.next_update = FIRST_UPDATE
        self._waiting: deque[dict[str, Any]] = deque()
        self._arrived = asyncio.Event()
        self._over = asyncio.Event()

    # ------------------------------------------------------------------------------------ the test's side
    def deliver(self, message: dict[str, Any], kind: str = "message") -> int:
        """A message arrives; its update's number."""
        number, self.next_update = self.next_update, self.next_update + 1
        self.put({"update_id": number, kind: message})
        return number

    def put(self, update: dict[str, Any]) -> None:
        """An update as it is."""
        self._waiting.append(update)
        self._arrived.set()

    def fail(self, method: str, *faults: Fault) -> None:
        """The next calls of a method go wrong."""
        self.faults[method].extend(faults)

    def texts(self, chat: int) -> list[str]:
        """What was said in a chat."""
        return [text for to, text in self.sent if to == chat]

    def count(self, method: str) -> int:
        """How often a method was called."""
        return sum(call.method == method for call in self.calls)

    @property
    def confirmed(self) -> bool:
        """Whether every update was asked past."""
        return not self._waiting

    # ---------------------------------------------------------------------------------- the network's side
    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One call."""
        method = request.match_info["method"]
        body = await request.json() if request.can_read_body else {}
        self.calls.append(Call(method, body))
        queued = self.faults[method]
        fault = queued.popleft() if queued else self.always.get(method)
        if fault is not None:
            return await self._faulty(request, fault)
        if request.match_info["token"] != self.token:
            return _error(401, "Unauthorized")
        answer: web.StreamResponse = await getattr(self, f"_{method}")(body)
        return answer

    async def _faulty(self, request: web.Request, fault: Fault) -> web.StreamResponse:
        match fault.kind:
            case "hang":
                await self._over.wait()
                return _error(500, "over")
            case "cut":
                assert request.transport is not None
                request.transport.abort()
                return _error(500, "cut")
            case "text":
                location = {"Location": f"{self.address}/botnobody/elsewhere"} if 300 <= fault.status < 400 else {}
                return web.Response(status=fault.status, text=fault.text, headers=location)
            case _:
                return _error(fault.status, fault.description, fault.retry_after)

    async def _getMe(self, _: dict[str, Any]) -> web.Response:  # noqa: N802 - the method's name
        return _ok({"id": 123456789, "is_bot": True, "first_name": "Trim", "username": "trim_bot"})

    async def _getWebhookInfo(self, _: dict[str, Any]) -> web.Response:  # noqa: N802 - the method's name
        return _ok({"url": self.webhook, "has_custom_certificate": False, "pending_update_count": 0})

    async def _sendMessage(self, body: dict[str, Any]) -> web.Response:  # noqa: N802 - the method's name
        if not body["text"] or len(body["text"].encode("utf-16-le")) // 2 > 4096:
            return _error(400, "Bad Request: message is too long")
        self.sent.append((body["chat_id"], body["text"]))
        chat = {"id": body["chat_id"], "type": "private"}
        return _ok({"message_id": len(self.sent), "date": 0, "chat": chat, "text": body["text"]})

    async def _getUpdates(self, body: dict[str, Any]) -> web.Response:  # noqa: N802 - the method's name
        if self.webhook:
            return _error(409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook")
        self._forget(body.get("offset", 0))
        if not self._waiting and body.get("timeout") and not self.impatient:
            self._arrived.clear()
            waits = [asyncio.ensure_future(one.wait()) for one in (self._arrived, self._over)]
            await asyncio.wait(waits, timeout=body["timeout"], return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
        return _ok(list(self._waiting)[: body.get("limit", 100)])

    def _forget(self, offset: int) -> None:
        """A higher offset confirms; numbers that were drawn anew lie lower than the offset and are not confirmed."""
        while self._waiting and not self.repeating and self._waiting[0]["update_id"] < offset:
            if offset - self._waiting[0]["update_id"] > 1_000_000:
                return
            self._waiting.popleft()

    def end(self) -> None:
        """Let whoever waits go."""
        self._over.set()


def _ok(result: object) -> web.Response:
    return web.json_response({"ok": True, "result": result})


def _error(code: int, description: str, retry_after: int | None = None) -> web.Response:
    body: dict[str, Any] = {"ok": False, "error_code": code, "description": description}
    if retry_after is not None:
        body["parameters"] = {"retry_after": retry_after}
    return web.json_response(body, status=code)


@asynccontextmanager
async def bot_api() -> AsyncIterator[BotApiServer]:
    """A running server; its `address` is what `chat.telegram.api` names."""
    server = BotApiServer()
    app = web.Application()
    app.router.add_route("*", "/bot{token}/{method}", server.serve)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        server.end()
        await runner.cleanup()
