"""The chat's commands without a network: a message and a moment in, what to say and what to ask of the daemon out.

Theory of operation. A message is obeyed when a user on the list typed it just now, in a private chat. What only looks
(/status, /delta, /plan, /mode) and /pause are answered at once; /kill, /resume and /mode NAME are shown with a one-time
code first and done when the code comes back from the same user in the same chat. /resume is bound to the latches that
it showed, too: what was latched since then is not lifted unseen.

Nobody else gets an answer, so that a stranger does not learn what this is; the owner is told of him.
"""

from collections.abc import Callable, Collection

import msgspec

from bot.domain.events import RunMode
from bot.domain.units import SECOND_NS
from bot.engine.modes import GLOBAL, Mode
from bot.ops.chat import answers
from bot.ops.chat.codes import DIGITS, Codes, Risky
from bot.ops.chat.strangers import Stranger, Strangers
from bot.ops.chat.updates import Message
from bot.runtime.health import Health
from bot.runtime.status import Status

AGE_S_MAX = 60
"""A message that waited for longer, while this process was down or the line was, must not pause or kill it now."""
REASON_CHARS_MAX = 500
NO_REASON = "no reason given"

RUN_MODES = tuple(mode.value for mode in RunMode)


class Moment(msgspec.Struct, frozen=True):
    """Now: `now_ns` by the daemon's clock, which never steps; `wall_ns` by the wall's, which messages are dated by."""

    now_ns: int
    wall_ns: int


class Say(msgspec.Struct, frozen=True):
    """A message to send."""

    chat: int
    text: str


class Ask(msgspec.Struct, frozen=True):
    """Something to ask the daemon for; `first` is said before it, where it may end this process."""

    chat: int
    verb: str
    arguments: dict[str, str]
    first: str = ""


Act = Say | Ask | Stranger
Look = Callable[[], tuple[Status, Health]]
"""The whole picture now, and whether the daemon could hedge."""


class _Heard(msgspec.Struct, frozen=True):
    user: int
    chat: int
    rest: str
    now_ns: int
    look: Look

    @property
    def by(self) -> str:
        return f"telegram:{self.user}"

    @property
    def status(self) -> Status:
        return self.look()[0]


class Commands:
    """Reads messages; owner of what each user was asked to confirm, and of who was told of."""

    def __init__(self, users: Collection[int], codes: Codes) -> None:
        self._users = frozenset(users)
        self._codes = codes
        self._strangers = Strangers()
        self._stale_told: dict[int, int] = {}
        self._known: dict[str, Callable[[_Heard], tuple[Act, ...]]] = {
            "start": self._help,
            "help": self._help,
            "status": self._status,
            "delta": self._delta,
            "plan": self._plan,
            "pause": self._pause,
            "kill": self._kill,
            "resume": self._resume,
            "mode": self._mode,
            "confirm": self._confirm,
        }

    def begin(self) -> None:
        """Another daemon is listened for: what was asked of the former, in its way to run, is not done by this one."""
        self._codes.void()

    def hear(self, message: Message, moment: Moment, look: Look) -> tuple[Act, ...]:
        """What follows from a message, in order; nothing where it is nobody's to answer."""
        sender = message.sender
        if sender is None or sender.is_bot or message.sender_chat is not None:
            return ()
        if sender.id not in self._users:
            stranger = self._strangers.met(sender, moment.now_ns)
            return () if stranger is None else (stranger,)
        if message.chat.type != "private" or message.chat.id != sender.id:
            return (Say(sender.id, answers.PRIVATE_ONLY),)
        if (refused := self._refused(message, sender.id, moment)) is not None:
            return (Say(sender.id, refused),) if refused else ()
        name, rest = _parsed(message.text)
        heard = _Heard(sender.id, message.chat.id, rest, moment.now_ns, look)
        known = self._known.get(name)
        return known(heard) if known else (Say(heard.chat, answers.UNKNOWN),)

    def _refused(self, message: Message, user: int, moment: Moment) -> str | None:
        """Why a listed user's message is not obeyed; empty where that was said already, None where it is obeyed."""
        age_s = moment.wall_ns // SECOND_NS - message.date
        if age_s > AGE_S_MAX:
            return self._too_old(user, age_s, moment.now_ns)
        if age_s < -AGE_S_MAX:
            return answers.ahead(-age_s)
        if message.second_hand:
            return answers.second_hand(message.second_hand)
        return None if message.text.strip() else answers.TEXT_ONLY

    def _too_old(self, user: int, age_s: int, now_ns: int) -> str:
        """Said once for all that waited together: a night's backlog is no reason for a hundred answers."""
        told = self._stale_told.get(user)
        if told is not None and now_ns - told < AGE_S_MAX * SECOND_NS:
            return ""
        self._stale_told[user] = now_ns
        return answers.too_old(age_s, AGE_S_MAX)

    # ------------------------------------------------------------------------------------------- looking
    def _help(self, heard: _Heard) -> tuple[Act, ...]:
        return (Say(heard.chat, answers.HELP),)

    def _status(self, heard: _Heard) -> tuple[Act, ...]:
        return (Say(heard.chat, answers.status_text(*heard.look())),)

    def _delta(self, heard: _Heard) -> tuple[Act, ...]:
        return (Say(heard.chat, answers.delta_text(heard.status)),)

    def _plan(self, heard: _Heard) -> tuple[Act, ...]:
        return (Ask(heard.chat, "plan", {}),)

    # -------------------------------------------------------------------------------------------- acting
    def _pause(self, heard: _Heard) -> tuple[Act, ...]:
        """At once, except where it would only overwrite why it is halted already."""
        status = heard.status
        if any(latch.scope == GLOBAL and latch.mode == Mode.HALT.name for latch in status.latches):
            return (Say(heard.chat, answers.lines("Nothing to pause, it is halted:", answers.latched(status))),)
        return (Ask(heard.chat, "pause", {"reason": heard.rest or NO_REASON, "by": heard.by}),)

    def _kill(self, heard: _Heard) -> tuple[Act, ...]:
        reason = heard.rest or NO_REASON
        risky = Risky("kill", (("reason", reason), ("by", heard.by)))
        return self._ask_for_code(heard, risky, answers.kill_prompt(heard.status, reason))

    def _resume(self, heard: _Heard) -> tuple[Act, ...]:
        status = heard.status
        if not status.latches:
            return (Say(heard.chat, f"Nothing is latched; mode {status.mode}."),)
        if not heard.rest:
            shown = answers.lines("Say why it is safe again: /resume REASON. This would be lifted:")
            return (Say(heard.chat, f"{shown}\n{answers.lines(answers.latched(status))}"),)
        risky = Risky("arm", (("reason", heard.rest), ("by", heard.by)), seen=status.latches)
        return self._ask_for_code(heard, risky, answers.resume_prompt(status, heard.rest))

    def _mode(self, heard: _Heard) -> tuple[Act, ...]:
        status, wanted = heard.status, heard.rest.lower()
        if not wanted:
            return (Say(heard.chat, answers.mode_text(status)),)
        if wanted not in RUN_MODES:
            return (Say(heard.chat, answers.lines(f"'{wanted}' is no way to run; allowed: {', '.join(RUN_MODES)}")),)
        if wanted == status.run_mode:
            return (Say(heard.chat, f"It runs in {wanted} already."),)
        risky = Risky("mode", (("mode", wanted), ("reason", "asked by chat"), ("by", heard.by)))
        return self._ask_for_code(heard, risky, answers.mode_prompt(status, wanted))

    def _ask_for_code(self, heard: _Heard, risky: Risky, what: list[str]) -> tuple[Act, ...]:
        code = self._codes.issue(heard.user, heard.chat, risky, heard.now_ns)
        return (Say(heard.chat, answers.prompt(what, code, self._codes.valid_s)),)

    def _confirm(self, heard: _Heard) -> tuple[Act, ...]:
        opened = self._codes.redeem(heard.user, heard.chat, heard.rest, heard.now_ns)
        if isinstance(opened, Risky):
            return self._confirmed(heard, opened)
        return (Say(heard.chat, answers.not_opened(opened, self._codes.tries_left(heard.user))),)

    def _confirmed(self, heard: _Heard, risky: Risky) -> tuple[Act, ...]:
        arguments = dict(risky.arguments)
        if risky.verb == "mode":
            first = f"Changing to {arguments['mode']}; I am back once it runs."
            return (Ask(heard.chat, "mode", arguments, first),)
        if risky.verb == "arm" and risky.seen != (status := heard.status).latches:
            return (Say(heard.chat, answers.lines(answers.CHANGED, answers.latched(status) or "nothing latched")),)
        return (Ask(heard.chat, risky.verb, arguments),)


def _parsed(text: str) -> tuple[str, str]:
    """Command and the rest, blanks collapsed; a bare code is a confirmation, anything else that is no command is ''."""
    name, _, rest = " ".join(text.split()).partition(" ")
    if not rest and len(name) == DIGITS and name.isascii() and name.isdecimal():
        return "confirm", name
    if not name.startswith("/"):
        return "", ""
    return name[1:].partition("@")[0].lower(), rest[:REASON_CHARS_MAX]
