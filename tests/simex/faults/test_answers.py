"""HTTP faults around a real dialect: what the client is told, and what is true in the exchange all the while."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from bot.simex.faults.answers import garbled, is_executed
from bot.simex.faults.armed import Hit, Injections
from bot.simex.faults.errors import ERRORS, FRONT_ERRORS, UNKNOWN_OUTCOME
from bot.simex.faults.front import HOLD, RESET, SEND, Front, Outcome
from bot.simex.faults.model import Fault
from bot.simex.faults.scenario import of
from bot.simex.wire import Request, Response
from tests.simex.bybit.stage import Stage

BODY = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.1", "price": "59000"}


class House:
    """A Bybit dialect behind a front with faults."""

    def __init__(self, *faults: dict[str, Any]) -> None:
        self.stage = Stage()
        self.injections = Injections(lambda: self.stage.now_ms)
        of({"faults": list(faults)}, Path()).arm(self.injections)
        self.noted: list[int] = []
        self.front = Front(self.injections, lambda request, _: self.stage.raw(request), self._note)

    def _note(self, request: Request, response: Response, names: Any, fate: str, status: int) -> None:
        self.noted.append(response.status)

    async def order(self, **changes: Any) -> Outcome:
        """A signed order through the front."""
        body = json.dumps({**BODY, **changes})
        request = Request("api.bybit.com", "POST", "/v5/order/create", "", body.encode(), self.stage.headers(body))
        return await self.front.handle(request, self.stage.dialect)

    async def positions(self) -> Outcome:
        """The query of positions."""
        query = "category=linear&symbol=BTCUSDT"
        request = Request("api.bybit.com", "GET", "/v5/position/list", query, b"", self.stage.headers(query))
        return await self.front.handle(request, self.stage.dialect)

    @property
    def orders(self) -> int:
        """How many orders the exchange has."""
        return len(self.stage.exchange.state.accounts["alice"].orders)


def said(outcome: Outcome) -> Any:
    """The body of an answer."""
    return json.loads(outcome.answer.body)


@pytest.mark.parametrize("variant", sorted(ERRORS))
async def test_documented_errors(variant: str) -> None:
    """Each error is told as the venue tells it; executed it is only where the venue says that nobody knows."""
    house = House({"kind": "venue_error", "variant": variant})
    outcome = await house.order()
    status, code, text = ERRORS[variant]["bybit"]

    assert (status, code, text) == (outcome.answer.status, said(outcome)["retCode"], said(outcome)["retMsg"])
    assert int(variant in UNKNOWN_OUTCOME) == house.orders
    assert set(ERRORS[variant]) == {"binance", "bybit"}


@pytest.mark.parametrize(
    ("variant", "status", "orders", "kind"),
    [
        ("403", 403, 0, "text/html"),
        ("408", 200, 1, "application/json"),
        ("418", 403, 0, "application/json"),
        ("429", 200, 0, "application/json"),
        ("451", 403, 0, "application/json"),
        ("500", 500, 1, "text/html"),
        ("502", 502, 1, "text/html"),
        ("504", 504, 1, "text/html"),
    ],
)
async def test_statuses_of_the_front(variant: str, status: int, orders: int, kind: str) -> None:
    """Pages in HTML or the venue's words; a gateway's failure may hide an execution, a refusal never."""
    house = House({"kind": "http_status", "variant": variant})
    outcome = await house.order()

    assert (status, orders, kind) == (outcome.answer.status, house.orders, outcome.answer.content_type)
    assert variant not in FRONT_ERRORS or said(outcome)["retCode"] == FRONT_ERRORS[variant]["bybit"][1]


async def test_a_reducing_order_is_spared_where_only_those_are_taken() -> None:
    """A locked account refuses what adds risk and lets a reduce-only order through to the exchange."""
    house = House({"kind": "venue_error", "variant": "locked", "count": 2})
    refused, reducing = await house.order(), await house.order(reduceOnly=True, side="Sell")

    assert (110023, 0) == (said(refused)["retCode"], house.orders)
    assert 110023 != said(reducing)["retCode"]


@pytest.mark.parametrize(("kind", "end"), [("drop_answer", RESET), ("hold_answer", HOLD)])
async def test_answers_that_do_not_arrive(kind: str, end: str) -> None:
    """Executed or not, as it says; the client is told nothing."""
    house = House({"kind": kind}, {"kind": kind, "params": {"executes": False}})
    first, second = await house.order(), await house.order(price="58000")

    assert ([end] * 2, 1) == ([first.end, second.end], house.orders)


async def test_late_landing() -> None:
    """A parked order is executed inside its window, refused by the exchange after it; the client is told at once."""
    late = {"kind": "late", "variant": "told", "params": {"delay_ms": 1}}
    house = House(late, late)
    told = await house.order()
    before = house.orders
    await asyncio.sleep(0.05)
    after = house.orders
    await house.order(price="58000")
    house.stage.now_ms += 6_000
    await asyncio.sleep(0.05)

    assert (10000, 0, 1, 1) == (said(told)["retCode"], before, after, house.orders)
    assert 2 == len(house.noted)


async def test_late_and_silent() -> None:
    """The order is executed late and its answer is dropped."""
    house = House({"kind": "late", "variant": "silent", "params": {"delay_ms": 1}})

    assert (RESET, 1) == ((await house.order()).end, house.orders)


@pytest.mark.parametrize("variant", ["missing", "null", "string_to_number", "number_to_string", "new_enum", "extra"])
async def test_schema_drift_changes_one_field(variant: str) -> None:
    """The answer is still JSON and differs in one field of its rows; the exchange's own does not."""
    house = House({"kind": "schema_drift", "variant": variant, "params": {"pick": 0.9}})
    changed, intact = said(await house.positions()), said(await house.positions())
    intact["time"] = changed.get("time", intact["time"])
    row, true = changed["result"]["list"][0], intact["result"]["list"][0]
    different = {name for name in row.keys() | true.keys() if row.get(name) != true.get(name)}

    assert changed != intact
    assert len(different) <= 1


async def test_a_named_field_drifts() -> None:
    """The field that is named is the one: text becomes a number."""
    house = House({"kind": "schema_drift", "variant": "string_to_number", "params": {"field": "size"}})

    assert 0.0 == said(await house.positions())["result"]["list"][0]["size"]


async def test_lists_are_emptied_and_cut() -> None:
    """Rows disappear from an answer that is otherwise whole."""
    house = House({"kind": "empty_list"}, {"kind": "short_page", "variant": "newest", "params": {"rows_max": 0}})

    assert [[], []] == [said(await house.positions())["result"]["list"] for _ in range(2)]
    assert 1 == len(said(await house.positions())["result"]["list"])


async def test_limit_headers() -> None:
    """The headers of the limits are missing, or tell what the fault says."""
    missing, wrong = ({"kind": "limit_headers", "variant": one} for one in ("missing", "wrong"))
    house = House(missing, {**wrong, "params": {"value": 7}, "when": {"after": 1}})
    first, second, third = [(await house.positions()).answer.headers for _ in range(3)]

    assert not any(name.startswith("X-Bapi-Limit") for name in first)
    assert "7" == second["X-Bapi-Limit-Status"]
    assert third["X-Bapi-Limit-Status"] not in ("", "7")


async def test_scope_by_account_and_symbol() -> None:
    """The symbol is found in a JSON body and the account by the key."""
    fault = {"kind": "garbage_200", "variant": "empty"}
    house = House({**fault, "scope": {"account": "bob"}}, {**fault, "scope": {"account": "alice", "symbol": "BTC*"}})
    hit, free = await house.order(), await house.order(price="58000")

    assert (b"", ("garbage_200:empty",), ()) == (hit.answer.body, hit.faults, free.faults)
    assert (SEND, 2) == (hit.end, house.orders)


@pytest.mark.parametrize(
    ("variant", "body"), [("truncated", b"abcd"), ("cut", b"abc"), ("{}", b"{}"), ("empty", b""), ("html", b"<html>")]
)
def test_garbage(variant: str, body: bytes) -> None:
    """What comes in place of a body."""
    assert garbled(variant, b"abcdef", 0.5)[0].startswith(body)
    assert len(garbled("cut", b"abcdef", 0.5)[0]) == 3


def test_what_was_never_executed() -> None:
    """An error is never executed, and no parameter makes it so."""
    for fault in (Fault("error"), Fault("http_503", "throttled"), Fault("venue_error", "post_only")):
        assert not is_executed(Hit(1, fault, {"executes": True}, 0))
