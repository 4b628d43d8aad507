"""Account reads: believed, or unreadable; never zero by silence."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from bot.domain.account import Balance
from bot.domain.events import AccountSeen, AccountUnreadable, ClockSampled, OrderReported, Source
from bot.domain.units import Asset, Nanos
from bot.venues.routes import SPOT, USDM
from bot.venues.snapshot import INCOME_ROWS, LiveSnapshots
from tests.venues.canned import (
    BTC,
    INSTRUMENTS,
    NOW_NS,
    SPOT_BTC,
    USDT,
    Canned,
    Clock,
    client,
    client_id,
    order_row,
    spot_row,
)
from tests.venues.translate.test_accounts import account_body, rows_body

SPOT_ACCOUNT, ACCOUNT, POSITIONS = "/api/v3/account", "/fapi/v3/account", "/fapi/v3/positionRisk"
OPEN, INCOME = "/fapi/v1/openOrders", "/fapi/v1/income"


def snapshots(canned: Canned, clock: Clock | None = None) -> LiveSnapshots:
    """Snapshots over canned answers."""
    return LiveSnapshots(client(canned, clock or Clock()), INSTRUMENTS.values(), USDT)


def usdm(canned: Canned, *, account: Any = None, rows: Any = None, orders: Any = None) -> Canned:
    """Lay out a USD-M account with its short of 0.5 BTC, or what replaces a part of it."""
    canned.lay("GET", ACCOUNT, account_body() if account is None else account)
    canned.lay("GET", POSITIONS, rows_body() if rows is None else rows)
    canned.lay("GET", OPEN, [] if orders is None else orders)
    return canned


def spot(*rows: tuple[str, str, str]) -> dict[str, Any]:
    """A spot account with these balances."""
    return {"balances": [{"asset": asset, "free": free, "locked": locked} for asset, free, locked in rows]}


async def test_an_account_is_seen_whole() -> None:
    """Balances, the position of every tracked instrument and the margin figures, as of the request."""
    (found,) = await snapshots(usdm(Canned())).account(USDM)

    assert isinstance(found, AccountSeen)
    seen = found.snapshot
    assert [(BTC, Decimal("-0.5"))] == [(p.instrument, p.contracts) for p in seen.positions]
    assert (Balance(USDT, Decimal("50000.5")),) == seen.balances
    assert seen.margin is not None
    assert (Decimal("120.02710820"), NOW_NS) == (seen.margin.maintenance_margin, seen.requested_ns)


@pytest.mark.parametrize("part", ["account", "rows", "orders"])
@pytest.mark.parametrize("answer", [b"", b"{}", b"<html>", b"[{", b'{"code":-1,"msg":"x"}', TimeoutError()])
async def test_garbage_in_any_part_changes_nothing(part: str, answer: Any) -> None:
    """An account of which one part cannot be read is unreadable as a whole, with a reason."""
    (found,) = await snapshots(usdm(Canned(), **{part: answer})).account(USDM)

    assert isinstance(found, AccountUnreadable)
    assert found.reason


@pytest.mark.parametrize(
    "parts",
    [
        {"rows": []},
        {"account": account_body(listed=[])},
        {"account": account_body(listed=[]), "rows": []},
        {"account": account_body(assets=[], listed=[]), "rows": []},
    ],
)
async def test_an_empty_answer_is_not_a_flat_account(parts: dict[str, Any]) -> None:
    """Whichever lists come back empty, the short is not called gone while anything speaks of it."""
    (found,) = await snapshots(usdm(Canned(), **parts)).account(USDM)

    assert isinstance(found, AccountUnreadable)


async def test_a_fill_between_two_requests_is_read_again() -> None:
    """Parts that disagree are asked once more, and the account is as of the second time."""
    canned, clock = Canned(), Clock()
    canned.lay("GET", POSITIONS, [], rows_body())
    canned.lay("GET", ACCOUNT, account_body())
    canned.lay("GET", OPEN, [])
    (found,) = await snapshots(canned, clock).account(USDM)

    assert isinstance(found, AccountSeen)
    assert found.snapshot.requested_ns == clock.now_ns > NOW_NS


async def test_parts_that_go_on_disagreeing_are_given_up() -> None:
    """One more time, not for ever."""
    canned = usdm(Canned(), rows=[])
    (found,) = await snapshots(canned).account(USDM)

    assert isinstance(found, AccountUnreadable)
    assert 2 == canned.paths().count(POSITIONS)


async def test_open_orders_of_ours_are_reported() -> None:
    """An order of ours that rests is told with the account; somebody else's is not ours."""
    resting = order_row(status="NEW", executedQty="0", avgPrice="0", cumQuote="0")
    foreign = {"orderId": 8, "clientOrderId": "web_1"}
    facts = await snapshots(usdm(Canned(), orders=[resting, foreign])).account(USDM)

    reports = [fact for fact in facts if isinstance(fact, OrderReported)]
    assert [(client_id(1), Source.QUERY)] == [(fact.report.client_id, fact.source) for fact in reports]
    assert 2 == len(facts)


async def test_spot_holdings_are_free_and_locked() -> None:
    """Everything held is told, and tracked assets at zero."""
    canned = Canned()
    canned.lay("GET", SPOT_ACCOUNT, spot(("BTC", "1", "0.25"), ("USDT", "0", "0"), ("DOGE", "0", "0")))
    (found,) = await snapshots(canned).account(SPOT)

    assert isinstance(found, AccountSeen)
    assert (
        Balance(Asset("BTC"), Decimal("1.25"), Decimal("0.25")),
        Balance(USDT, Decimal(0)),
    ) == found.snapshot.balances


async def test_open_sales_of_ours_are_reported() -> None:
    """A sale of ours that rests is told with the spot account, of the pairs on which there may be one."""
    canned = Canned()
    canned.lay("GET", SPOT_ACCOUNT, spot(("BTC", "1", "0.5")))
    resting = spot_row(status="NEW", executedQty="0", cummulativeQuoteQty="0", fills=[])
    canned.lay("GET", "/api/v3/openOrders", [resting, {"orderId": 8, "clientOrderId": "web_1"}])
    reads = LiveSnapshots(client(canned, Clock()), INSTRUMENTS.values(), USDT, (SPOT_BTC,))
    seen, report = await reads.account(SPOT)

    assert isinstance(seen, AccountSeen)
    assert isinstance(report, OrderReported)
    assert (client_id(1), SPOT_BTC, Source.QUERY) == (report.report.client_id, report.report.instrument, report.source)


async def test_an_unreadable_list_of_sales_makes_the_account_unreadable() -> None:
    """A read of which one part failed is no read."""
    canned = Canned()
    canned.lay("GET", SPOT_ACCOUNT, spot(("BTC", "1", "0.5")))
    canned.lay("GET", "/api/v3/openOrders", b"<html>")
    reads = LiveSnapshots(client(canned, Clock()), INSTRUMENTS.values(), USDT, (SPOT_BTC,))
    (found,) = await reads.account(SPOT)

    assert isinstance(found, AccountUnreadable)


@pytest.mark.parametrize("answer", [{"balances": []}, {}, b"", [], b"<html>", TimeoutError()])
async def test_spot_holdings_are_never_zero_by_silence(answer: Any) -> None:
    """An empty or broken spot account is unreadable."""
    canned = Canned()
    canned.lay("GET", SPOT_ACCOUNT, answer)
    (found,) = await snapshots(canned).account(SPOT)

    assert isinstance(found, AccountUnreadable)


async def test_a_coin_that_vanishes_from_the_list_is_not_sold() -> None:
    """A holding that is no longer even named makes the read unreadable; named at zero it is zero."""
    canned = Canned()
    held, missing = spot(("BTC", "1", "0"), ("USDT", "5", "0")), spot(("USDT", "5", "0"))
    canned.lay("GET", SPOT_ACCOUNT, held, missing, spot(("BTC", "0", "0"), ("USDT", "5", "0")))
    one = snapshots(canned)

    kinds = [type((await one.account(SPOT))[0]) for _ in range(3)]
    assert [AccountSeen, AccountUnreadable, AccountSeen] == kinds


async def test_a_coin_of_no_instrument_is_told_when_it_is_gone() -> None:
    """A staked coin that the config counts as another one was there: at zero it is told, and not passed over."""
    canned = Canned()
    canned.lay("GET", SPOT_ACCOUNT, spot(("USDT", "5", "0"), ("STETH", "2", "0")))
    canned.lay("GET", SPOT_ACCOUNT, spot(("USDT", "5", "0"), ("STETH", "0", "0"), ("DOGE", "0", "0")))
    one = snapshots(canned)

    told = []
    for _ in range(2):
        (found,) = await one.account(SPOT)
        assert isinstance(found, AccountSeen)
        told.append({row.asset: row.total for row in found.snapshot.balances})
    assert [Decimal(2), Decimal(0)] == [balances[Asset("STETH")] for balances in told]
    assert Asset("DOGE") not in told[1]


def income_row(number: int, amount: str, **changes: Any) -> dict[str, Any]:
    """One funding settlement of the ledger."""
    row = {"symbol": "BTCUSDT", "incomeType": "FUNDING_FEE", "income": amount, "asset": "USDT", "time": 1_000 + number}
    return {**row, "tranId": number, **changes}


async def test_funding_comes_from_the_ledger() -> None:
    """What was received is positive, once per settlement, for tracked instruments only."""
    canned = Canned()
    rows = [income_row(2, "-0.5"), income_row(1, "1.25"), income_row(1, "1.25"), income_row(3, "9", symbol="XYZUSDT")]
    canned.lay("GET", INCOME, rows)
    found = await snapshots(canned).funding(USDM, Nanos(0))

    assert [("1:BTCUSDT", Decimal("1.25")), ("2:BTCUSDT", Decimal("-0.5"))] == [
        (p.transaction, p.amount) for p in found
    ]
    assert "FUNDING_FEE" == canned.sent[0].params["incomeType"]


async def test_a_long_ledger_is_read_page_by_page() -> None:
    """A full page is followed by the next, and rows on the border count once."""
    canned = Canned()
    first = [income_row(number, "1") for number in range(INCOME_ROWS)]
    canned.lay("GET", INCOME, first, [first[-1], income_row(INCOME_ROWS, "1")])

    assert INCOME_ROWS + 1 == len(await snapshots(canned).funding(USDM, Nanos(0)))


async def test_an_unreadable_ledger_has_no_funding() -> None:
    """Garbage books nothing."""
    canned = Canned()
    canned.lay("GET", INCOME, b"<html>")

    assert () == await snapshots(canned).funding(USDM, Nanos(0))
    assert () == await snapshots(canned).funding(SPOT, Nanos(0))


async def test_each_clock_that_answers_is_sampled() -> None:
    """One venue's silence does not hide the other's clock."""
    canned = Canned()
    canned.lay("GET", "/fapi/v1/time", {"serverTime": NOW_NS // 1_000_000 + 40})
    canned.lay("GET", "/api/v3/time", TimeoutError())

    assert (ClockSampled(USDM, 40_000_000, 0, NOW_NS),) == await snapshots(canned).clock()


async def test_many_symbols_are_asked_at_once() -> None:
    """Beyond some symbols one request for all open orders is the cheaper one."""
    canned = usdm(Canned())
    many = [INSTRUMENTS[BTC], *(type_of(number) for number in range(20))]
    await LiveSnapshots(client(canned, Clock()), many, USDT).account(USDM)

    asked = [sent.params for sent in canned.sent if sent.path == OPEN]
    assert 1 == len(asked)
    assert "symbol" not in asked[0]


def type_of(number: int) -> Any:
    """Another future."""
    return msgspec.structs.replace(INSTRUMENTS[BTC], symbol=f"C{number}USDT", id=f"binance.usdm:C{number}USDT")
