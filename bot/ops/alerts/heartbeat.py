"""A URL outside that is called while all is well: when the calls stop coming, somebody else raises the alarm."""

from collections.abc import Sequence

import aiohttp
from pydantic import SecretStr

from bot.domain.commands import Command
from bot.domain.events import Event
from bot.domain.units import SECOND_NS
from bot.engine.state import State
from bot.runtime.companion import House
from bot.runtime.log import logger

TIMEOUT_S = 10.0
# A service that is away for a night is one line an hour, not one a minute.
FAILURES_LOGGED_EVERY_NS = 3_600 * SECOND_NS


class Heartbeat:
    """Calls the URL every so often while the daemon is ready, and is silent while it is not."""

    name = "heartbeat"

    def __init__(self, url: SecretStr, every_ns: int) -> None:
        self._url, self._every_s = url, every_ns / SECOND_NS
        self._log = logger(__name__)
        self._told_ns: int | None = None
        self.sent = 0
        self.failed = 0

    def on_step(self, event: Event, commands: Sequence[Command], state: State) -> None:
        """Steps are of no interest here."""

    async def run(self, house: House) -> None:
        """Call, wait, and again."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout, trust_env=True) as session:
            while True:
                if house.health().ready:
                    self._note(await self._call(session), house.now_ns())
                await house.sleep(self._every_s)

    async def _call(self, session: aiohttp.ClientSession) -> str | None:
        """What went wrong, in words without the URL; None where nothing did."""
        try:
            async with session.get(self._url.get_secret_value(), allow_redirects=False) as response:
                return None if 200 <= response.status < 300 else f"it answers {response.status}"
        except TimeoutError:
            return f"no answer within {TIMEOUT_S:g} s"
        except aiohttp.ClientConnectorError as error:
            return f"it cannot be reached: {error.os_error.strerror or 'connection failed'}"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return f"the call failed: {type(error).__name__}"

    def _note(self, trouble: str | None, now_ns: int) -> None:
        if trouble is None:
            self.sent += 1
            return
        self.failed += 1
        if self._told_ns is None or now_ns - self._told_ns >= FAILURES_LOGGED_EVERY_NS:
            self._told_ns = now_ns
            self._log.warning("heartbeat not delivered", reason=trouble)
