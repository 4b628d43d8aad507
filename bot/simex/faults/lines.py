"""One websocket with the faults between the exchange and the socket: frames out, messages in, states. Sans-IO.

`later` runs something after so many milliseconds. Nothing is looked at as long as no fault is armed at this point.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from bot.simex.faults.armed import Hit, Injections
from bot.simex.faults.frames import channels_of, garbled, repriced, symbol_of
from bot.simex.faults.model import Touch
from bot.simex.wire import Session

Frame = str | bytes
Later = Callable[[int, Callable[[], None]], None]
RECENT_MAX: Final = 50
HELD_MAX: Final = 5_000


class Line:
    """Between a session and its socket."""

    def __init__(self, injections: Injections, touch: Touch, out: Callable[[Frame], None], later: Later) -> None:
        self.touch = touch
        self._injections = injections
        self._out = out
        self._later = later
        self._session: Session | None = None
        self._recent: deque[Frame] = deque(maxlen=RECENT_MAX)
        self._held: list[Frame] = []
        self._behind: deque[Frame] = deque()
        self._is_delayed = False

    def opened(self, session: Session) -> None:
        """The session is known from now on."""
        self._session = session

    @property
    def kind(self) -> str:
        """The kind of the session."""
        return self._session.kind if self._session is not None else ""

    def now(self) -> Touch:
        """What it is as a whole; its kind may have changed."""
        return self._touched((self.kind,), "")

    def is_in(self, state: str) -> bool:
        """Whether a state ("blackhole", "no_pongs" ...) is in force for it."""
        return self._injections.in_force(state, self.now()) is not None

    # ------------------------------------------------------------------------------------------------------------ out
    def push(self, text: str) -> None:
        """A frame for the client."""
        if not self._injections.watches("frame"):
            self._emit(text)
            return
        payload = _decoded(text)
        touch = self._touched((self.kind, *channels_of(payload)), symbol_of(payload))
        hits = self._injections.take("frame", touch)
        if hits:
            self._strike(hits[0], text, payload)
        else:
            self._emit(text)
        self._recent.append(text)

    def _strike(self, hit: Hit, text: str, payload: Any) -> None:
        kind, params = hit.kind, hit.params
        if kind == "frame_duplicate":
            recent = [*self._recent, text][-params["copies"] :]
            for frame in [text, *([text] * params["copies"] if hit.variant == "same" else recent)]:
                self._emit(frame)
        elif kind == "frame_reorder":
            self._hold(text, params["window_ms"])
        elif kind == "frame_delay":
            self._delay(text, params["delay_ms"])
        elif kind == "frame_garble":
            self._emit(garbled(hit.variant, text, params["size"]))
        elif kind == "frame_price":
            self._emit(repriced(payload, hit.variant, params["factor"]) or text)

    def _emit(self, frame: Frame) -> None:
        if self._is_delayed:
            if len(self._behind) < HELD_MAX:
                self._behind.append(frame)
            return
        self._out(frame)
        self._release()

    def _hold(self, text: str, window_ms: int) -> None:
        self._held.append(text)
        self._later(window_ms, self._release)

    def _release(self) -> None:
        held, self._held = self._held, []
        for frame in held:
            self._out(frame)

    def _delay(self, text: str, delay_ms: int) -> None:
        self._behind.append(text)
        if not self._is_delayed:
            self._is_delayed = True
            self._later(delay_ms, self._catch_up)

    def _catch_up(self) -> None:
        self._is_delayed = False
        while self._behind:
            self._out(self._behind.popleft())
        self._release()

    # ------------------------------------------------------------------------------------------------------------- in
    def receive(self, session: Session, text: str) -> list[str]:
        """The replies to a message of the client."""
        if not self._injections.watches("message"):
            return session.receive(text)
        message = _decoded(text)
        hits = self._injections.take("message", self._touched((self.kind, *_asked(message)), ""))
        kind = hits[0].kind if hits else ""
        if kind == "message_lost":
            return []
        if kind == "ack_refused":
            return [_refused(message, self.touch.venue)]
        replies = session.receive(text)
        return [] if kind == "ack_lost" else replies

    def _touched(self, channels: tuple[str, ...], symbol: str) -> Touch:
        known = self.touch
        return Touch(known.venue, known.host, "", known.endpoint, symbol, "", channels)


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _asked(message: Any) -> list[str]:
    """The operation of a message and the streams or topics that it names."""
    if not isinstance(message, dict):
        return []
    named = [message.get(name) for name in ("op", "method")]
    for name in ("args", "params"):
        rows = message.get(name)
        named += rows if isinstance(rows, list) else []
    return [one for one in named if isinstance(one, str)]


def _refused(message: Any, venue: str) -> str:
    asked = message if isinstance(message, dict) else {}
    if venue == "bybit":
        reply = {"success": False, "ret_msg": "error:handler not found", "conn_id": "", "op": asked.get("op", "")}
        return json.dumps({**reply, "req_id": asked.get("req_id", "")})
    return json.dumps({"error": {"code": 2, "msg": "Invalid request: rejected"}, "id": asked.get("id")})
