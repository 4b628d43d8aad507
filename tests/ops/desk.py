"""A stand-in daemon for the verbs: the real control socket with verbs that note what they were asked."""

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from bot.ops.cli import app
from bot.runtime import killfile
from bot.runtime.control import ControlServer, Denied, Handler
from tests.ops.samples import STATUS

VERBS = ("status", "health", "plan", "kill", "arm", "unwind", "flatten", "reload")


class Desk:
    """What the stand-in was asked, in order; `answers` says what it answers, an exception is raised."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[str, object] = {
            "status": STATUS,
            "kill": {"mode": "HALT"},
            "arm": {"mode": "RUN"},
            "unwind": {"mode": "UNWIND"},
            "flatten": {"confirm": "abc123", "valid_s": "30"},
        }

    def handlers(self) -> dict[str, Handler]:
        """The verbs."""
        return {verb: self._handler(verb) for verb in VERBS}

    def _handler(self, verb: str) -> Handler:
        async def answer(args: Mapping[str, Any]) -> object:
            self.asked.append((verb, dict(args)))
            if verb == "arm":
                killfile.remove(self.state_dir)
            said = self.answers.get(verb)
            if isinstance(said, Denied):
                raise said
            return said

        return answer


@contextmanager
def desk_at(state_dir: Path) -> Iterator[Desk]:
    """Serve a stand-in daemon from a thread of its own."""
    desk, up = Desk(state_dir), threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        async with ControlServer(state_dir, desk.handlers()):
            up.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert up.wait(5)
    try:
        yield desk
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(5)
        loop.close()


def trimtab(*words: object) -> tuple[int, str, str]:
    """Run the command line in this process: exit code, standard output, standard error."""
    done = CliRunner().invoke(app, [str(word) for word in words])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout, done.stderr
