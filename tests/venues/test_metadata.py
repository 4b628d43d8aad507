"""Instruments read anew beside the daemon's work: only what is wanted, and nothing of it felt."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from bot.domain.instrument import Instrument
from bot.venues.catalogue import CatalogueError
from bot.venues.metadata import LiveMetadata
from bot.venues.routes import USDM
from bot.venues.signing import Credentials
from bot.venues.translate.catalogue import _rows, exchange_info, rows_of
from bot.venues.translate.errors import Cause, Trouble
from bot.venues.transport import Wire
from tests.venues.canned import CREDENTIALS, FUTURE, PAIR, Canned, Clock, client
from tests.venues.translate.test_catalogue import future

SPOT_INFO, USDM_INFO = "/api/v3/exchangeInfo", "/fapi/v1/exchangeInfo"
BRACKETS = "/fapi/v1/leverageBracket"
BRACKET = {"notionalFloor": 0, "notionalCap": 9, "maintMarginRatio": 0.004, "cum": 0}
LIMITS = [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 1_200}]
KNOWN = (PAIR, FUTURE)
STALL_S_MAX = 0.020


def pair(**changes: Any) -> dict[str, Any]:
    """The spot symbol."""
    filters = [*future()["filters"][:2], {"filterType": "NOTIONAL", "minNotional": "5"}]
    return future(**{"filters": filters, **changes})


def laid(**changes: Any) -> Canned:
    """The BTC perpetual with changes, among many others, and its pair."""
    canned = Canned()
    canned.lay("GET", SPOT_INFO, {"symbols": [pair()], "rateLimits": []})
    rows = [future(**changes), *(future(symbol=f"C{n}USDT") for n in range(20))]
    canned.lay("GET", USDM_INFO, {"symbols": rows, "rateLimits": LIMITS})
    canned.lay("GET", BRACKETS, [{"symbol": "BTCUSDT", "brackets": [BRACKET]}])
    return canned


async def read(
    canned: Canned, known: tuple[Instrument, ...] = KNOWN, credentials: Credentials | None = CREDENTIALS
) -> dict[str, Instrument | None]:
    """One read."""
    found = await LiveMetadata(client(canned, Clock(), credentials)).read(known)
    return {str(name): one for name, one in found.items()}


async def test_the_wanted_instruments_are_read_with_their_own_fees() -> None:
    """Filters and brackets as the venue has them now; fees stay as the start read them."""
    canned = laid(filters=[*future()["filters"][:3], {"filterType": "MIN_NOTIONAL", "notional": "50"}])
    found = await read(canned)
    usdm, spot = found["binance.usdm:BTCUSDT"], found["binance.spot:BTCUSDT"]

    assert usdm is not None
    assert spot is not None
    assert (Decimal(50), FUTURE.taker_fee, FUTURE.maker_fee) == (usdm.notional_min, usdm.taker_fee, usdm.maker_fee)
    assert [Decimal("0.004")] == [tier.rate for tier in usdm.tiers]
    assert spot.trading


async def test_only_what_is_wanted_is_asked_where_the_venue_lets_us() -> None:
    """Spot by its symbols, brackets one by one; the perpetuals' list has no filter. Its rate limits count at once."""
    canned, clock = laid(), Clock()
    made = client(canned, clock)
    await LiveMetadata(made).read(KNOWN)
    asked = {request.path: request.params for request in canned.sent}

    assert '["BTCUSDT"]' == asked[SPOT_INFO]["symbols"]
    assert "BTCUSDT" == asked[BRACKETS]["symbol"]
    assert 1_200 == made.budgets[USDM].limits.weight_per_minute


async def test_without_a_contract_only_the_spot_market_is_read() -> None:
    """Where only coins lie, the futures' host need not answer."""
    canned = laid()

    assert {PAIR.id} == set(await read(canned, (PAIR,)))
    assert [SPOT_INFO] == canned.paths()


async def test_what_a_refusal_taught_outlives_a_read_that_states_the_same() -> None:
    """An hourly read must not lead us back into the limit that the venue showed us by a 429."""
    canned, clock = laid(), Clock()
    made = client(canned, clock)
    await LiveMetadata(made).read(KNOWN)
    budget = made.budgets[USDM]
    budget.refused(429, -1003, 1)
    clock.forward(60)
    taught = budget.usage().weight_limit
    await LiveMetadata(made).read(KNOWN)

    assert taught < budget.limits.weight_per_minute
    assert taught == budget.usage().weight_limit


async def test_without_a_key_no_brackets_are_asked_and_those_of_the_start_stay() -> None:
    """The published rate was taken at the start; nothing signed is asked later either."""
    canned = laid()
    found = await read(canned, credentials=None)
    usdm = found["binance.usdm:BTCUSDT"]

    assert usdm is not None
    assert FUTURE.tiers == usdm.tiers
    assert BRACKETS not in canned.paths()


async def test_a_pair_that_is_gone_does_not_hide_the_others() -> None:
    """The venue refuses a question with one unknown symbol in it: each is asked alone then."""
    canned = laid()
    other = msgspec.structs.replace(PAIR, id="binance.spot:ETHUSDT", symbol="ETHUSDT")
    refused = Wire(400, {}, json.dumps({"code": -1121, "msg": "Invalid symbol."}).encode())
    once_more = Canned()
    once_more.lay("GET", SPOT_INFO, refused, {"symbols": [pair()], "rateLimits": []}, refused)
    canned._answers[("GET", SPOT_INFO)] = once_more._answers[("GET", SPOT_INFO)]
    found = await read(canned, (PAIR, other, FUTURE))

    assert found["binance.spot:BTCUSDT"] is not None
    assert found["binance.spot:ETHUSDT"] is None


async def test_a_perpetual_that_is_gone_or_stopped_is_told_apart() -> None:
    """One is not in the list, the other is there without trading; neither is asked for brackets."""
    gone, stopped = laid(symbol="OTHERUSDT"), laid(status="SETTLING")

    assert (await read(gone))["binance.usdm:BTCUSDT"] is None
    halted = (await read(stopped))["binance.usdm:BTCUSDT"]
    assert halted is not None
    assert (False, FUTURE.tiers) == (halted.trading, halted.tiers)
    assert BRACKETS not in [*gone.paths(), *stopped.paths()]


async def test_perpetuals_alone_ask_nothing_of_the_spot_market() -> None:
    """What is not wanted costs no weight."""
    canned = laid()
    await read(canned, (FUTURE,))

    assert SPOT_INFO not in canned.paths()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (SPOT_INFO, b"<html>"),
        (SPOT_INFO, b'{"symbols":[],"rateLimits":[]}'),
        (USDM_INFO, b'{"symbols":[],"rateLimits":[]}'),
        (USDM_INFO, b'{"symbols":[{"symbol":7}],"rateLimits":[]}'),
        (USDM_INFO, b'{"symbols":[{"symbol":"BTCUSDT"}],"rateLimits":[]}'),
        (USDM_INFO, b'{"symbols":[{"symbol":"X"'),
        (USDM_INFO, json.dumps({"symbols": [future(filters=[])], "rateLimits": []}).encode()),
        (BRACKETS, b'[{"symbol":"BTCUSDT","brackets":[]}]'),
        (
            BRACKETS,
            b'[{"symbol":"ETHUSDT","brackets":[{"notionalFloor":0,"notionalCap":9,"maintMarginRatio":1,"cum":0}]}]',
        ),
    ],
)
async def test_what_cannot_be_read_is_an_error_and_never_a_vanished_instrument(path: str, body: bytes) -> None:
    """Empty, cut, of another form, or without what must be there: nothing is concluded from it."""
    canned = laid()
    canned._answers[("GET", path)].clear()
    canned.lay("GET", path, body)

    with pytest.raises(CatalogueError):
        await read(canned)


async def test_a_venue_that_is_down_is_an_error() -> None:
    """No answer says nothing of what it trades."""
    canned = laid()
    canned._answers[("GET", USDM_INFO)].clear()
    canned.lay("GET", USDM_INFO, *(TimeoutError() for _ in range(3)))

    with pytest.raises(CatalogueError, match="cannot be read"):
        await read(canned)
    assert Trouble(cause=Cause.TIMEOUT, host="x") is not None


def whole_market(symbols: int = 650) -> bytes:
    """An exchangeInfo of the size of the venue's own."""
    padding = {
        "orderTypes": ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET"] * 4,
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
        "permissionSets": ["GRID", "COPY", "DCA", "PSB", "FUTURES_GRID"] * 4,
    }
    rows = [future(symbol=f"COIN{n}USDT", baseAsset=f"COIN{n}", **padding) for n in range(symbols)]
    return json.dumps({"symbols": [*rows, future()], "rateLimits": LIMITS}, separators=(",", ":")).encode()


def test_a_whole_market_yields_only_the_rows_that_are_wanted() -> None:
    """The same rows as the whole reading gives, out of a megabyte."""
    body = whole_market()
    found = rows_of(body, frozenset({"BTCUSDT", "COIN7USDT"}))
    all_of_it = {row.symbol: row for row in exchange_info(body).symbols}

    assert ["COIN7USDT", "BTCUSDT"] == [row.symbol for row in found.symbols]
    assert all(row == all_of_it[row.symbol] for row in found.symbols)
    assert len(body) > 500_000


def test_no_step_of_reading_a_whole_market_holds_the_loop() -> None:
    """The one step that is not cut smaller, in its best run of five: the thread lets the loop in after it."""
    body, best = whole_market(), STALL_S_MAX
    for _ in range(5):
        began = time.perf_counter()
        _rows.decode(body)
        best = min(best, time.perf_counter() - began)

    assert best < STALL_S_MAX
