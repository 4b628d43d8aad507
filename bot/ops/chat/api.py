"""The Bot API over HTTPS: four methods, and what can become of a call as a type each.

The token is in the path of every address, and aiohttp puts addresses into its errors. So no error of a library leaves
`_call`: ours is made of its type alone, and raised when the library's is no longer being handled, so that it is not
even its context.
"""

from typing import Any, TypeVar

import msgspec
from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from pydantic import SecretStr

from bot.ops.chat.updates import Update, User, read_updates
from bot.runtime.problems import one_line

BODY_BYTES_MAX = 8 * 1024 * 1024
"""More than UPDATES_MAX of the longest messages with the messages that they reply to."""
UPDATES_MAX = 20
RETRY_AFTER_S_MAX = 3_600
DESCRIPTION_CHARS_MAX = 200
CONNECTIONS_MAX = 4
CONNECT_S_MAX = 10.0

HIDDEN = "[redacted]"

T = TypeVar("T")


class BotApiError(Exception):
    """A call that failed: one line, without the token and without the address."""


class Unreachable(BotApiError):
    """No answer, or none of the Bot API's: no connection, a timeout, a 5xx, a redirect, something else than JSON."""


class TokenRefused(BotApiError):
    """The token is not a bot's (401, or 404 for its form): nothing works until the owner changes it."""


class Conflict(BotApiError):
    """Somebody else receives this bot's updates: another process, or a webhook."""


class TooMany(BotApiError):
    """Asked too often; `retry_after_s` is how long to be silent."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"too many requests: silent for {retry_after_s} s")
        self.retry_after_s = retry_after_s


class Rejected(BotApiError):
    """The request itself was refused (400, 403): it would be again."""


class Patience(msgspec.Struct, frozen=True):
    """How long an answer may take, in seconds; a long poll has `poll_s` more."""

    poll_s: int = 30
    answer_s: float = 10.0


class _Parameters(msgspec.Struct, frozen=True):
    retry_after: int | None = None


class _Answer(msgspec.Struct, frozen=True):
    ok: bool
    result: msgspec.Raw = msgspec.Raw(b"null")
    error_code: int | None = None
    description: str = ""
    parameters: _Parameters = _Parameters()


class _Webhook(msgspec.Struct, frozen=True):
    url: str = ""


_ANSWER = msgspec.json.Decoder(_Answer)


def open_session() -> ClientSession:
    """A session for the Bot API alone; no proxy of the environment, no cookies. The caller closes it."""
    connector = TCPConnector(limit=CONNECTIONS_MAX)
    return ClientSession(connector=connector, trust_env=False, cookie_jar=DummyCookieJar())


class BotApi:
    """The methods that the chat uses."""

    def __init__(self, session: ClientSession, address: str, token: SecretStr, patience: Patience) -> None:
        self._session = session
        self._address = address
        self._token = token
        self._patience = patience

    async def me(self) -> User:
        """Who the bot is. Raises BotApiError."""
        return self._read(await self._call("getMe", {}), User)

    async def webhook(self) -> bool:
        """Whether updates go to a webhook, so that nobody can poll. Raises BotApiError."""
        return bool(self._read(await self._call("getWebhookInfo", {}), _Webhook).url)

    async def updates(self, offset: int | None, *, wait: bool) -> tuple[Update, ...]:
        """What happened from `offset` on, waiting for the first if asked; what is before it is forgotten by the server.

        Raises BotApiError.
        """
        poll_s = self._patience.poll_s if wait else 0
        body: dict[str, Any] = {"timeout": poll_s, "limit": UPDATES_MAX, "allowed_updates": ["message"]}
        if offset is not None:
            body["offset"] = offset
        results = self._read(await self._call("getUpdates", body, poll_s), list[msgspec.Raw])
        try:
            return read_updates(results[:UPDATES_MAX])
        except msgspec.MsgspecError:
            pass
        raise Unreachable("getUpdates: an update without a number")

    async def send(self, chat: int, text: str) -> None:
        """Send plain text: no parse mode, so that nothing in it can be markup. Raises BotApiError."""
        body = {"chat_id": chat, "text": text, "link_preview_options": {"is_disabled": True}}
        await self._call("sendMessage", body)

    async def _call(self, method: str, body: dict[str, Any], poll_s: int = 0) -> _Answer:
        patience = ClientTimeout(total=self._patience.answer_s + poll_s, sock_connect=CONNECT_S_MAX)
        address = f"{self._address}/bot{self._token.get_secret_value()}/{method}"
        try:
            async with self._session.post(address, json=body, timeout=patience, allow_redirects=False) as response:
                status, content = response.status, await _content(response)
        except (TimeoutError, ClientError, OSError, ValueError) as error:
            failed = type(error).__name__
        else:
            return self._judged(method, status, content)
        raise Unreachable(f"{method}: {failed}")

    def _judged(self, method: str, status: int, content: bytes) -> _Answer:
        """The answer, if it says ok; what it says instead, raised."""
        answer = _decoded(content)
        if answer is None:
            raise Unreachable(f"{method}: HTTP {status}, and nothing that the Bot API would say")
        if answer.ok:
            return answer
        code = answer.error_code or status
        said = f"{method}: {code}: {self._shown(answer.description)}"
        match code:
            case 401 | 404:
                raise TokenRefused(said)
            case 409:
                raise Conflict(said)
            case 429:
                raise TooMany(min(max(answer.parameters.retry_after or 1, 1), RETRY_AFTER_S_MAX))
            case _ if code >= 500:
                raise Unreachable(said)
            case _:
                raise Rejected(said)

    def _shown(self, text: str) -> str:
        return one_line(text.replace(self._token.get_secret_value(), HIDDEN))[:DESCRIPTION_CHARS_MAX]

    @staticmethod
    def _read(answer: _Answer, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(answer.result, type=kind)
        except msgspec.MsgspecError:
            pass
        raise Unreachable("an answer of another shape")


async def _content(response: ClientResponse) -> bytes:
    """The body; raises ValueError where it is larger than any answer."""
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > BODY_BYTES_MAX:
            raise ValueError("too large")
    return bytes(content)


def _decoded(content: bytes) -> _Answer | None:
    try:
        return _ANSWER.decode(content)
    except msgspec.MsgspecError:
        return None
