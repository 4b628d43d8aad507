"""Off-venue holdings: a good reading becomes a fact, a bad one counts for nothing and is said once."""

from __future__ import annotations

import json
import os
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import structlog
from aiohttp import web

from bot.domain.events import Event, HoldingsDeclared, Remarked
from bot.domain.units import SECOND_NS, Asset
from bot.runtime.clock import ManualClock
from bot.runtime.holdings import BYTES_MAX, Holdings, Place, Unreadable, parse

BTC, ETH = Asset("BTC"), Asset("ETH")
NOW_NS = 1_800_000_000 * SECOND_NS
GOOD = {"as_of": "2027-01-15T07:00:00Z", "holdings": {"BTC": "1.5", "ETH": "0"}}


def written(value: Any) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def test_a_reading_says_what_is_held_and_as_of_when() -> None:
    """Amounts are exact; coins that nobody asked for are left out."""
    body = written(GOOD | {"holdings": {"BTC": "1.50", "ETH": "0", "DOGE": "9"}})

    assert ({BTC: Decimal("1.50"), ETH: Decimal(0)}, 1_799_996_400 * SECOND_NS) == parse(body, (BTC, ETH), 1, NOW_NS)


def test_without_a_time_of_its_own_a_reading_is_of_when_it_was_written() -> None:
    """A file that is not touched grows old, whatever it says."""
    _, as_of_ns = parse(written({"holdings": {"BTC": "1"}}), (BTC,), NOW_NS - 5, NOW_NS)

    assert NOW_NS - 5 == as_of_ns


def test_a_file_of_the_future_never_grows_old_and_counts_for_nothing() -> None:
    """A clock that was wrong when it was written, or a copy that kept a wrong time: its age is nobody's guess."""
    with pytest.raises(Unreadable, match="its own time lies in the future"):
        parse(written({"holdings": {"BTC": "1"}}), (BTC,), NOW_NS + 3600 * SECOND_NS, NOW_NS)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "; a reading looks like {"),
        (b"[1]", "; a reading looks like {"),
        (b'{"holdings": {"BTC": "1", "BTC": "2"}}', "a name stands there twice"),
        ({"holdings": {"BTC": 1.5}}, "; a reading looks like {"),
        ({"holdings": {"BTC": "1"}, "held": 1}, "; a reading looks like {"),
        ({"holdings": {"BTC": "much"}}, "BTC: 'much' is not a decimal number"),
        ({"holdings": {"BTC": "NaN"}}, "BTC: 'NaN' is not an amount of 0 or more"),
        ({"holdings": {"BTC": "-1"}}, "BTC: '-1' is not an amount of 0 or more"),
        ({"holdings": {"BTC": "1" * 31}}, "is not an amount of 0 or more"),
        ({"holdings": {"ETH": "1"}}, "says nothing of BTC; a coin that is gone stands there as 0"),
        ({"as_of": "2027-01-15T08:30:00Z", "holdings": {"BTC": "1"}}, "lies in the future"),
        ({"as_of": "2027-01-15T07:00:00", "holdings": {"BTC": "1"}}, "as_of has no time zone"),
    ],
)
def test_what_is_malformed_counts_for_nothing(body: Any, why: str) -> None:
    """A number instead of a string, an omission, an unknown key: one line, and no holding is made of it."""
    with pytest.raises(Unreadable, match=re.escape(why)):
        parse(written(body), (BTC,), 1, NOW_NS)


class Desk:
    """A reader of one source, and what it said."""

    def __init__(self, place: Path | str) -> None:
        self.events: list[Event] = []
        clock = ManualClock(NOW_NS)
        self.source = Place("vault", place, (BTC,), 60 * SECOND_NS)
        self.reader = Holdings((self.source,), self.events.append, clock, structlog.get_logger())

    async def look(self) -> Event:
        """Read once; the latest event."""
        async with aiohttp.ClientSession() as session:
            await self.reader.look(self.source, session)
        return self.events[-1]


async def test_a_file_is_read_with_its_own_time(tmp_path: Path) -> None:
    """The time at which the file was written is the time of what it says."""
    path = tmp_path / "vault.json"
    path.write_bytes(written({"holdings": {"BTC": "2"}}))
    os.utime(path, ns=(0, NOW_NS - 7 * SECOND_NS))

    told = await Desk(path).look()

    assert HoldingsDeclared("vault", {BTC: Decimal(2)}, NOW_NS - 7 * SECOND_NS, NOW_NS) == told  # type: ignore[arg-type]


async def test_what_cannot_be_read_is_said_once_per_reason(tmp_path: Path) -> None:
    """A missing file is remarked once, not with every look; another reason is another remark."""
    path = tmp_path / "vault.json"
    desk = Desk(path)

    first, again = await desk.look(), await desk.look()
    path.write_bytes(b" " * (BYTES_MAX + 1))
    other = await desk.look()

    assert (first, 2) == (again, len(desk.events))
    assert isinstance(first, Remarked)
    assert "No such file" in first.text
    assert isinstance(other, Remarked)
    assert "longer than" in other.text


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [(200, GOOD, HoldingsDeclared), (500, GOOD, Remarked), (302, GOOD, Remarked), (200, "<html>", Remarked)],
)
async def test_an_endpoint_is_asked_and_not_followed_elsewhere(status: int, body: Any, told: type[Event]) -> None:
    """Only a 200 that can be read counts; a redirect is not followed."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, body=written(body if isinstance(body, dict) else str(body).encode()))

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        port = runner.addresses[0][1]
        assert isinstance(await Desk(f"http://127.0.0.1:{port}/").look(), told)
    finally:
        await runner.cleanup()


async def test_an_endpoint_that_is_down_is_said(unused_tcp_port: int) -> None:
    """Nothing raises: the last good reading stands until it is too old."""
    told = await Desk(f"http://127.0.0.1:{unused_tcp_port}/").look()

    assert isinstance(told, Remarked)
    assert "not reached" in told.text
