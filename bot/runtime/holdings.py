"""Holdings that lie where no venue can tell of them: read from a file or an endpoint by the clock.

A reading is a JSON object, ``{"as_of": "2026-01-31T12:00:00Z", "holdings": {"BTC": "1.5"}}``, amounts as decimal
strings in whole units, ``as_of`` left out where the file's own time (or the answer's moment) is meant. A reading that
is malformed, names a coin twice or lacks one that the source is meant to tell of counts for nothing: the last good one
stands until it is older than its age limit, and then what it told of is unknown. It is never zero by an omission.
"""

import asyncio
import datetime as dt
import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from structlog.typing import FilteringBoundLogger

from bot.domain.events import Event, HoldingsDeclared, Remarked
from bot.domain.units import SECOND_NS, Asset, Nanos, Qty
from bot.runtime.clock import Clock
from bot.runtime.secrets import CredentialError, read_secret
from bot.runtime.settings_book import HoldingSettings

BYTES_MAX = 1 << 20
TIMEOUT_S = 10.0
AMOUNT_DIGITS_MAX = 30
FUTURE_NS_MAX = 60 * SECOND_NS
"""How far ahead of our clock a reading's own time may lie."""
SHAPE = '{"as_of": "2026-01-31T12:00:00Z", "holdings": {"BTC": "1.5"}}'


class Unreadable(Exception):
    """A reading that counts for nothing; the message is one line for a person."""


class _Reading(msgspec.Struct, forbid_unknown_fields=True):
    holdings: dict[str, str]
    as_of: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where holdings are read: a file's path or an endpoint's address; which coins it must tell of, how often.

    `private` is a file that holds the endpoint's address, because there is a secret in it; `where` is told of all.
    """

    name: str
    where: Path | str
    assets: tuple[Asset, ...]
    every_ns: int
    private: bool = False


def places(settings: Mapping[str, HoldingSettings]) -> tuple[Place, ...]:
    """The sources of a config, by name."""
    return tuple(_place(name, one) for name, one in sorted(settings.items()))


def _place(name: str, one: HoldingSettings) -> Place:
    where = one.file or one.url or one.url_file
    assert where is not None, "the config was checked: a source has one place"
    assets = tuple(Asset(coin) for coin in sorted(one.assets))
    return Place(name, where, assets, one.every, private=where is one.url_file)


class Holdings:
    """Reads every source by the clock; one child of the daemon."""

    def __init__(
        self, sources: Sequence[Place], sink: Callable[[Event], None], clock: Clock, log: FilteringBoundLogger
    ) -> None:
        self._sources = tuple(sources)
        self._sink = sink
        self._clock = clock
        self._log = log
        self._told: dict[str, str] = {}

    async def run(self) -> None:
        """Read until cancelled, each source at its own pace."""
        async with AsyncExitStack() as stack:
            session = await stack.enter_async_context(_session())
            async with asyncio.TaskGroup() as group:
                for source in self._sources:
                    group.create_task(self._follow(source, session))
            await asyncio.Event().wait()

    async def look(self, source: Place, session: aiohttp.ClientSession) -> None:
        """One reading: what it tells becomes a fact; what it cannot tell is said once per reason."""
        try:
            if isinstance(source.where, Path) and not source.private:
                body, written_ns = await asyncio.to_thread(_file, source.where)
            else:
                address = await asyncio.to_thread(_address, source.where)
                body, written_ns = await _fetched(address, session), self._clock.now_ns()
            holdings, as_of_ns = parse(body, source.assets, written_ns, self._clock.now_ns())
        except Unreadable as error:
            self._say(source, str(error))
            return
        self._told.pop(source.name, None)
        self._sink(HoldingsDeclared(source.name, holdings, as_of_ns, self._clock.now_ns()))

    async def _follow(self, source: Place, session: aiohttp.ClientSession) -> None:
        while True:
            await self.look(source, session)
            await self._clock.sleep(source.every_ns / SECOND_NS)

    def _say(self, source: Place, why: str) -> None:
        self._log.warning("holdings", source=source.name, why=why)
        if self._told.get(source.name) != why:
            self._told[source.name] = why
            text = f"{source.where} counts for nothing: {why}"
            self._sink(Remarked("holdings", source.name, text, self._clock.now_ns()))


def parse(body: bytes, wanted: Sequence[Asset], written_ns: int, now_ns: int) -> tuple[dict[Asset, Qty], Nanos]:
    """What a reading says of the coins that are wanted of it, and as of when. Raises Unreadable."""
    try:
        reading = msgspec.convert(json.loads(body, object_pairs_hook=_once), _Reading)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Unreadable(f"{error}; a reading looks like {SHAPE}") from None
    holdings = {Asset(name): _amount(name, text) for name, text in sorted(reading.holdings.items())}
    if missing := sorted(set(wanted) - holdings.keys()):
        raise Unreadable(f"says nothing of {', '.join(missing)}; a coin that is gone stands there as 0")
    return {asset: holdings[asset] for asset in sorted(wanted)}, _as_of(reading.as_of, written_ns, now_ns)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names are different ones: of a coin that stands there twice nobody knows which counts."""
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a name stands there twice")
    return made


def _amount(name: str, text: str) -> Qty:
    try:
        amount = Decimal(text)
    except ArithmeticError:
        raise Unreadable(f"{name}: '{text[:40]}' is not a decimal number") from None
    if not amount.is_finite() or amount < 0 or len(amount.as_tuple().digits) > AMOUNT_DIGITS_MAX:
        raise Unreadable(f"{name}: '{text[:40]}' is not an amount of 0 or more")
    return amount


def _as_of(said: dt.datetime | None, written_ns: int, now_ns: int) -> Nanos:
    if said is None:
        if written_ns > now_ns + FUTURE_NS_MAX:
            raise Unreadable("its own time lies in the future, so that nobody could tell how old it is")
        return Nanos(min(written_ns, now_ns))
    if said.tzinfo is None:
        raise Unreadable("as_of has no time zone; write it in UTC, with a Z")
    as_of_ns = int(said.timestamp() * 1_000_000) * 1_000
    if as_of_ns > now_ns + FUTURE_NS_MAX:
        raise Unreadable(f"as_of {said.isoformat()} lies in the future")
    return Nanos(min(as_of_ns, now_ns))


def _file(path: Path) -> tuple[bytes, int]:
    try:
        with path.open("rb") as file:
            body = file.read(BYTES_MAX + 1)
            written_ns = os.fstat(file.fileno()).st_mtime_ns
    except OSError as error:
        raise Unreadable(f"cannot be read ({error.strerror})") from None
    return _short(body), written_ns


def _address(where: Path | str) -> str:
    """An endpoint's address, out of its file where there is a secret in it: that file is yours alone."""
    if isinstance(where, str):
        return where
    try:
        return read_secret(where, private=True)
    except CredentialError as error:
        raise Unreadable(str(error)) from None


async def _fetched(url: str, session: aiohttp.ClientSession) -> bytes:
    try:
        async with session.get(url, allow_redirects=False) as answer:
            if answer.status != 200:
                raise Unreadable(f"it answered {answer.status}")
            return _short(await answer.content.read(BYTES_MAX + 1))
    except (aiohttp.ClientError, TimeoutError, ValueError, OSError) as error:
        raise Unreadable(f"not reached ({type(error).__name__})") from None


def _short(body: bytes) -> bytes:
    if len(body) > BYTES_MAX:
        raise Unreadable(f"longer than {BYTES_MAX >> 10} KiB")
    return body


def _session() -> aiohttp.ClientSession:
    """A session of its own: it has nothing of the venue's, neither its pin nor its key."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    return aiohttp.ClientSession(timeout=timeout, trust_env=False, cookie_jar=aiohttp.DummyCookieJar())
