"""The instruments of both markets, or one line a problem."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bot.venues.catalogue import CatalogueError, LiveCatalogue
from bot.venues.routes import USDM
from bot.venues.signing import Credentials
from bot.venues.translate.catalogue import Fees
from tests.venues.canned import CREDENTIALS, Canned, Clock, client
from tests.venues.translate.test_catalogue import future

SPOT_INFO, USDM_INFO = "/api/v3/exchangeInfo", "/fapi/v1/exchangeInfo"
BRACKETS, COMMISSION = "/fapi/v1/leverageBracket", "/fapi/v1/commissionRate"
BRACKET = {"notionalFloor": 0, "notionalCap": 9, "maintMarginRatio": 0.004, "cum": 0}
SPOT_FEES, USDM_FEES = Fees(Decimal("0.001"), Decimal("0.001")), Fees(Decimal("0.0005"), Decimal("0.0002"))


def pair() -> dict[str, Any]:
    """The spot symbol."""
    return future(filters=[*future()["filters"][:2], {"filterType": "NOTIONAL", "minNotional": "5"}])


def laid() -> Canned:
    """Both markets with BTCUSDT, and the account's own brackets and fees."""
    canned = Canned()
    limits = [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 1_200}]
    canned.lay("GET", SPOT_INFO, {"symbols": [pair()], "rateLimits": []})
    canned.lay("GET", USDM_INFO, {"symbols": [future(), future(symbol="ETHUSDT")], "rateLimits": limits})
    canned.lay("GET", BRACKETS, [{"symbol": "BTCUSDT", "brackets": [BRACKET]}])
    rates = {"symbol": "BTCUSDT", "makerCommissionRate": "0.00018", "takerCommissionRate": "0.00045"}
    canned.lay("GET", COMMISSION, rates)
    return canned


def catalogue(canned: Canned, credentials: Credentials | None = CREDENTIALS) -> LiveCatalogue:
    """A catalogue over canned answers."""
    return LiveCatalogue(client(canned, Clock(), credentials), SPOT_FEES, USDM_FEES)


async def test_both_markets_of_a_symbol_are_given() -> None:
    """Spot and USD-M, the latter with the account's own fees and brackets."""
    spot, usdm = (await catalogue(laid()).listing(frozenset({"BTCUSDT"}))).instruments

    assert ("binance.spot:BTCUSDT", "binance.usdm:BTCUSDT") == (spot.id, usdm.id)
    assert (Decimal("0.001"), Decimal("0.00045")) == (spot.taker_fee, usdm.taker_fee)
    assert [Decimal("0.004")] == [tier.rate for tier in usdm.tiers]


async def test_without_a_key_the_configured_fees_stand_in() -> None:
    """Nothing signed is asked, and the published maintenance rate serves."""
    canned = laid()
    _, usdm = (await catalogue(canned, None).listing(frozenset({"BTCUSDT"}))).instruments

    assert (Decimal("0.0005"), [Decimal("0.025")]) == (usdm.taker_fee, [tier.rate for tier in usdm.tiers])
    assert {SPOT_INFO, USDM_INFO} == set(canned.paths())


async def test_without_contracts_only_the_spot_market_is_read() -> None:
    """Neither the futures' host nor a right to them is needed where only coins lie."""
    canned = laid()
    found = await LiveCatalogue(client(canned, Clock()), SPOT_FEES, None).listing(frozenset({"BTCUSDT"}))

    assert ["binance.spot:BTCUSDT"] == [one.id for one in found.instruments]
    assert [SPOT_INFO] == canned.paths()


async def test_unreadable_fees_fall_back_and_unreadable_brackets_do_not() -> None:
    """A fee is a matter of cost; margin brackets are a matter of safety."""
    canned = laid()
    canned._answers.pop(("GET", COMMISSION))
    canned.lay("GET", COMMISSION, b"<html>")
    _, usdm = (await catalogue(canned).listing(frozenset({"BTCUSDT"}))).instruments
    assert Decimal("0.0005") == usdm.taker_fee

    canned._answers.pop(("GET", BRACKETS))
    canned.lay("GET", BRACKETS, b"<html>")
    with pytest.raises(CatalogueError, match="margin brackets"):
        await catalogue(canned).listing(frozenset({"BTCUSDT"}))


async def test_a_symbol_that_does_not_exist_is_left_out_and_the_others_are_named() -> None:
    """Whoever asked says where it was written, with the whole market to propose from."""
    found = await catalogue(laid()).listing(frozenset({"BTCUSDX", "BTCUSDT"}))

    assert ["BTCUSDT", "BTCUSDT"] == [one.symbol for one in found.instruments]
    assert {"binance.spot:BTCUSDT", "binance.usdm:BTCUSDT", "binance.usdm:ETHUSDT"} == found.known


async def test_a_symbol_without_brackets_is_a_problem() -> None:
    """A future whose margin is unknown is not traded."""
    with pytest.raises(CatalogueError, match="ETHUSDT"):
        await catalogue(laid()).listing(frozenset({"ETHUSDT"}))


async def test_a_venue_that_does_not_answer_is_named() -> None:
    """One line with the host."""
    canned = laid()
    canned._answers.pop(("GET", USDM_INFO))
    canned.lay("GET", USDM_INFO, TimeoutError())
    with pytest.raises(CatalogueError, match=r"fapi\.binance\.com"):
        await catalogue(canned).listing(frozenset({"BTCUSDT"}))


async def test_a_wrong_key_is_said_as_such() -> None:
    """Where the first signed request is refused, the line is about the key."""
    canned = laid()
    canned._answers.pop(("GET", BRACKETS))
    canned.lay("GET", BRACKETS, {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}, status=401)
    with pytest.raises(CatalogueError, match="refuses the key"):
        await catalogue(canned).listing(frozenset({"BTCUSDT"}))


async def test_the_budget_takes_the_venues_limits() -> None:
    """What exchangeInfo states bounds what we ask."""
    one = client(laid(), Clock())
    await LiveCatalogue(one, SPOT_FEES, USDM_FEES).listing(frozenset({"BTCUSDT"}))

    assert 1_200 == one.budgets[USDM].usage().weight_limit
