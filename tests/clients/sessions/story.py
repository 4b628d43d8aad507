"""What every session is told with: where the exchange is, steps that are named as they pass, patience that ends.

A session runs in another environment than the project's and imports nothing of it. It is given one argument, the path
of a JSON file with what a user would copy from the ready line: keys, certificate, proxy, plain ports. The certificate
and the proxy are also in the environment, under the names that clients look for.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import sys
import time
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

PATIENCE_S = 20.0
LOOK_S = 0.05
FUNDED_WITHIN_MS = 1_000
FUNDING_RATE = "0.0005"
Kinds = type[Exception] | tuple[type[Exception], ...]


class Story:
    """One session: what it was given, and what it has shown so far."""

    def __init__(self) -> None:
        self.given: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text())
        self.key: str = self.given["keys"]["default"]["api_key"]
        self.secret: str = self.given["keys"]["default"]["secret"]
        self.ca_file: str = self.given["ca_file"]
        self.proxy: str = self.given["proxy_url"]
        self._control = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def passed(self, step: str, shown: object = "") -> None:
        """Say that a step did what it should."""
        sys.stdout.write(f"ok {step} {shown}".rstrip() + "\n")
        sys.stdout.flush()

    def until(self, what: str, found: Callable[[], Any]) -> Any:
        """Wait, within bounds, for something that is not falsy; answers it."""
        deadline = time.monotonic() + PATIENCE_S
        while not (value := found()):
            assert time.monotonic() < deadline, f"not within {PATIENCE_S} s: {what}"
            time.sleep(LOOK_S)
        return value

    def next_second(self) -> None:
        """Let a second pass, so that limits by the second are fresh."""
        then = time.monotonic() + 1
        self.until("the next second", lambda: time.monotonic() > then)

    async def until_async(self, what: str, found: Callable[[], Any]) -> Any:
        """The same while other tasks run; what is looked at may itself be awaited."""
        deadline = time.monotonic() + PATIENCE_S
        while not (value := await _value(found())):
            assert time.monotonic() < deadline, f"not within {PATIENCE_S} s: {what}"
            await asyncio.sleep(LOOK_S)
        return value

    def raises(self, step: str, kind: Kinds, code: int | str, call: Callable[[], object]) -> None:
        """The call must fail with this client's exception and the venue's code in it."""
        try:
            call()
        except kind as error:
            self._refused(step, code, error)
            return
        raise AssertionError(f"{step}: nothing was raised")

    async def raises_async(self, step: str, kind: Kinds, code: int | str, call: Awaitable[object]) -> None:
        """The same for a call that is awaited."""
        try:
            await call
        except kind as error:
            self._refused(step, code, error)
            return
        raise AssertionError(f"{step}: nothing was raised")

    def _refused(self, step: str, code: int | str, error: Exception) -> None:
        assert _says(error, code), f"{step}: {error!r} lacks {code}"
        self.passed(f"refused: {step}", f"{code} {type(error).__name__}")

    def unless(self, kind: Kinds, code: int | str, call: Callable[[], Any]) -> Any:
        """The call's answer, or None where the venue may refuse it with this code: the market may have been faster."""
        try:
            return call()
        except kind as error:
            if not _says(error, code):
                raise
            return None

    async def unless_async(self, kind: Kinds, code: int | str, call: Awaitable[Any]) -> Any:
        """The same for a call that is awaited."""
        try:
            return await call
        except kind as error:
            if not _says(error, code):
                raise
            return None

    def control(self, name: str, **body: object) -> dict[str, Any]:
        """Move the simulated world by its control API."""
        request = urllib.request.Request(
            f"{self.given['control_url']}/control/{name}", json.dumps(body).encode(), {"Content-Type": "text/json"}
        )
        with self._control.open(request, timeout=PATIENCE_S) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def charge_funding_soon(self, venue: str, symbol: str) -> None:
        """Let the next funding of a perpetual be charged in a moment; positive: longs pay."""
        with self._control.open(f"{self.given['control_url']}/control/status", timeout=PATIENCE_S) as answer:
            now_ms = json.load(answer)["exchange_ms"]
        self.control("funding", venue=venue, symbol=symbol, rate=FUNDING_RATE, next_ms=now_ms + FUNDED_WITHIN_MS)


async def stopped(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks until they are over.

    Once is not enough: up to Python 3.11 `asyncio.wait_for`, which clients listen with, swallows a cancellation that
    comes with a message.
    """
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=LOOK_S)
    await asyncio.gather(*tasks, return_exceptions=True)


def _says(error: Exception, code: int | str) -> bool:
    return str(code) in str(vars(error)) + str(error)


async def _value(found: Any) -> Any:
    return await found if inspect.isawaitable(found) else found


def tick_of(price: str | float, factor: float, places: int) -> str:
    """A price moved by a factor and rounded to the instrument's places."""
    return f"{float(price) * factor:.{places}f}"


def is_ordered(times: list[int]) -> bool:
    """Whether time never goes back."""
    return times == sorted(times)
