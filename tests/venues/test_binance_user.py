"""Frames of the private streams become facts; what is no fact becomes a request for a snapshot or a new connection."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.domain.account import Balance, Position
from bot.domain.events import BalancesChanged, FaultRaised, ForeignOrderSeen, OrderReported, PositionsChanged, Source
from bot.domain.order import Fill, OrderReport, Side, Status
from bot.domain.units import AccountId, Asset, ClientOrderId, InstrumentId, Nanos
from bot.venues.binance import UNREADABLE, Acknowledged, BadFrame, RequestRefused, ShutdownAnnounced
from bot.venues.binance_facts import Outcome, UnknownKind, WantReconnect, WantRefresh
from bot.venues.binance_user import parse_spot, parse_usdm

NOW = Nanos(1_700_000_000_000_000_000)
BTC, SPOT_BTC = InstrumentId("binance.usdm:BTCUSDT"), InstrumentId("binance.spot:BTCUSDT")
USDM, SPOT = AccountId("binance.usdm"), AccountId("binance.spot")
OURS = "tt0123456789abcdefghijkl"
D = Decimal

ORDER: dict[str, Any] = {
    "s": "BTCUSDT", "c": OURS, "S": "SELL", "o": "LIMIT", "f": "IOC", "q": "0.500", "p": "60000", "ap": "60001.5",
    "sp": "0", "x": "TRADE", "X": "PARTIALLY_FILLED", "i": 99, "l": "0.200", "z": "0.300", "L": "60002.0", "n": "0.01",
    "N": "USDT", "T": 1700000000123, "t": 7, "m": False, "R": True, "ps": "BOTH", "rp": "0", "er": "0",
}  # fmt: skip
EXECUTION: dict[str, Any] = {
    "e": "executionReport", "E": 1700000000124, "s": "BTCUSDT", "c": OURS, "S": "BUY", "o": "LIMIT", "f": "GTC",
    "q": "1.0", "p": "60000", "C": "", "x": "TRADE", "X": "FILLED", "r": "NONE", "i": 5, "l": "1.0", "z": "1.0",
    "L": "60000", "n": "0.001", "N": "BTC", "T": 1700000000123, "t": 8, "m": True, "Z": "60000",
}  # fmt: skip


def usdm(event: dict[str, Any]) -> tuple[Outcome, ...]:
    """What a USD-M frame says."""
    return parse_usdm(json.dumps(event).encode(), NOW)


def usdm_order(**changes: Any) -> tuple[Outcome, ...]:
    """What an order update says."""
    return usdm({"e": "ORDER_TRADE_UPDATE", "E": 2, "T": 1, "o": {**ORDER, **changes}})


def account(**body: Any) -> tuple[Outcome, ...]:
    """What an account update says."""
    return usdm({"e": "ACCOUNT_UPDATE", "E": 1700000000124, "T": 1700000000123, "a": {"m": "ORDER", **body}})


def spot(event: dict[str, Any]) -> tuple[Outcome, ...]:
    """What an event of the spot user stream says."""
    return parse_spot(json.dumps({"subscriptionId": 0, "event": event}).encode(), NOW)


def row(amount: str, side: str = "BOTH", entry: str = "60000.5") -> dict[str, str]:
    """A position as the venue writes it."""
    return {"s": "BTCUSDT", "pa": amount, "ep": entry, "up": "0", "mt": "cross", "iw": "0", "ps": side}


def test_a_trade_of_ours_is_reported_with_its_fill() -> None:
    """An order update of ours carries the cumulative state and the execution that caused it."""
    fill = Fill(
        trade_id="7", price=D("60002.0"), contracts=D("0.200"), fee=D("0.01"), fee_asset=Asset("USDT"), maker=False,
        at_ns=Nanos(1700000000123000000),
    )  # fmt: skip
    report = OrderReport(
        client_id=ClientOrderId(OURS), instrument=BTC, side=Side.SELL, status=Status.PARTIALLY_FILLED,
        contracts=D("0.500"), filled=D("0.300"), venue_id="99", average_price=D("60001.5"), reduce_only=True,
        updated_ns=Nanos(1700000000123000000), fills=(fill,),
    )  # fmt: skip

    assert (OrderReported(report, Source.STREAM, NOW),) == usdm_order()


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("NEW", Status.NEW),
        ("PARTIALLY_FILLED", Status.PARTIALLY_FILLED),
        ("FILLED", Status.FILLED),
        ("CANCELED", Status.CANCELED),
        ("REJECTED", Status.REJECTED),
        ("EXPIRED", Status.EXPIRED),
        ("EXPIRED_IN_MATCH", Status.EXPIRED),
    ],
)
def test_an_order_without_a_trade_has_no_fill(word: str, status: Status) -> None:
    """Every status of the venue has its own in the domain, and without an execution there is no fill or price."""
    (event,) = usdm_order(x=word, X=word, l="0", z="0", L="0", ap="0", N=None)

    assert isinstance(event, OrderReported)
    assert (status, (), None) == (event.report.status, event.report.fills, event.report.average_price)


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("web_abc", "order of somebody else"),
        ("tt_by_hand", "order of somebody else"),
        ("", "order of somebody else"),
        ("autoclose-1700000000", "liquidation"),
        ("adl_autoclose", "auto-deleveraging"),
        ("adl_autoclose_12345", "auto-deleveraging"),
        ("settlement_autoclose-9", "settlement"),
    ],
)
def test_a_foreign_trade_is_named_by_its_cause(name: str, cause: str) -> None:
    """A trade that is not ours is foreign, signed by its side, and the venue's own orders are told apart."""
    assert (ForeignOrderSeen(BTC, name or "99", cause, D("-0.200"), NOW),) == usdm_order(c=name)


def test_a_foreign_order_is_seen_when_it_appears_and_trades() -> None:
    """A foreign order that appears is seen with nothing traded; how it ends without a trade is not worth a fact."""
    appeared = usdm_order(c="web_abc", x="NEW", X="NEW", l="0")

    assert (ForeignOrderSeen(BTC, "web_abc", "order of somebody else", D(0), NOW),) == appeared
    assert () == usdm_order(c="web_abc", x="CANCELED", X="CANCELED", l="0")


def test_a_liquidation_in_the_venues_own_statuses_is_understood() -> None:
    """Executions of a liquidation carry statuses that no order of ours has; they are foreign, not unreadable."""
    (event,) = usdm_order(c="autoclose-1", x="CALCULATED", X="NEW_INSURANCE", S="BUY")

    assert ForeignOrderSeen(BTC, "autoclose-1", "liquidation", D("0.200"), NOW) == event


def test_an_account_update_is_absolute() -> None:
    """Balances and positions are taken as they now are, at the time of the matching engine, with their cause."""
    at = Nanos(1700000000123000000)

    assert (
        BalancesChanged(USDM, (Balance(Asset("USDT"), D("122.5")),), "ORDER", at, NOW),
        PositionsChanged(USDM, (Position(BTC, D("-1.5"), D("60000.5")),), "ORDER", at, NOW),
    ) == account(B=[{"a": "USDT", "wb": "122.5", "cw": "100", "bc": "50"}], P=[row("-1.5")])


def test_a_funding_payment_names_no_position() -> None:
    """Funding changes a balance only: positions that are not named are not touched, and never read as flat."""
    (event,) = account(m="FUNDING_FEE", B=[{"a": "USDT", "wb": "1", "cw": "1", "bc": "0.1"}], P=[])

    assert isinstance(event, BalancesChanged)
    assert "FUNDING_FEE" == event.cause


def test_hedge_mode_is_a_fault() -> None:
    """An instrument with a long and a short side is not netted: no position is claimed, and a person is told."""
    outcomes = account(P=[row("0"), row("20", "LONG"), row("-10", "SHORT")])

    assert [FaultRaised] == [type(outcome) for outcome in outcomes]
    assert isinstance(outcomes[0], FaultRaised)
    assert "hedge mode" in outcomes[0].what


def test_hedge_mode_of_one_symbol_does_not_hide_another() -> None:
    """Positions of symbols that are in order are still reported beside the fault."""
    other = {**row("3"), "s": "ETHUSDT"}
    outcomes = account(P=[row("20", "LONG"), other])

    assert [PositionsChanged, FaultRaised] == [type(outcome) for outcome in outcomes]


def test_an_order_of_ours_in_hedge_mode_is_reported_and_a_fault() -> None:
    """Evidence about our order counts even when the account turns out to be in the wrong mode."""
    assert [OrderReported, FaultRaised] == [type(outcome) for outcome in usdm_order(ps="LONG")]


@pytest.mark.parametrize(
    ("event", "outcomes"),
    [
        ({"e": "listenKeyExpired", "E": 1, "listenKey": "secret"}, (WantReconnect("the listen key expired"),)),
        ({"e": "TRADE_LITE", "s": "BTCUSDT"}, ()),
        ({"e": "serverShutdown", "E": 1}, (ShutdownAnnounced(),)),
        ({"e": "MARGIN_CALL", "E": 1, "p": []}, (WantRefresh(USDM, "margin call"),)),
        ({"e": "SOMETHING_NEW"}, (UnknownKind("SOMETHING_NEW"),)),
        (
            {"e": "ACCOUNT_CONFIG_UPDATE", "ac": {"s": "BTCUSDT", "l": 25}},
            (WantRefresh(USDM, "leverage of BTCUSDT is now 25"),),
        ),
        (
            {"e": "ACCOUNT_CONFIG_UPDATE", "ai": {"j": False}},
            (WantRefresh(USDM, "settings of the account were changed"),),
        ),
        (
            {"e": "ALGO_UPDATE", "o": {"s": "BTCUSDT", "caid": "stop1", "X": "NEW"}},
            (ForeignOrderSeen(BTC, "stop1", "conditional order (NEW)", D(0), NOW),),
        ),
    ],
)
def test_other_usdm_events(event: dict[str, Any], outcomes: tuple[Outcome, ...]) -> None:
    """What is no fact about orders, positions or balances becomes what it asks for."""
    assert outcomes == usdm(event)


def test_multi_assets_mode_is_a_fault() -> None:
    """When the account is switched to multi-assets mode its margin means something else: a person is told."""
    fault, refresh = usdm({"e": "ACCOUNT_CONFIG_UPDATE", "ai": {"j": True}})

    assert isinstance(fault, FaultRaised)
    assert "multi-assets mode" in fault.what
    assert isinstance(refresh, WantRefresh)


def test_an_envelope_is_opened() -> None:
    """The same event inside the envelope of a combined stream says the same."""
    event = {"e": "ORDER_TRADE_UPDATE", "E": 2, "T": 1, "o": ORDER}

    assert usdm(event) == parse_usdm(json.dumps({"stream": "key", "data": event}).encode(), NOW)


def test_a_spot_trade_of_ours_is_reported_with_its_fill() -> None:
    """An execution report of ours carries the cumulative state, its average price and the execution."""
    (event,) = spot(EXECUTION)

    assert isinstance(event, OrderReported)
    report = event.report
    assert (SPOT_BTC, Side.BUY, Status.FILLED, D("60000")) == (
        report.instrument,
        report.side,
        report.status,
        report.average_price,
    )
    assert [("8", D("1.0"), D("0.001"), "BTC", True)] == [
        (fill.trade_id, fill.contracts, fill.fee, fill.fee_asset, fill.maker) for fill in report.fills
    ]


def test_a_cancelled_spot_order_is_named_by_its_own_id() -> None:
    """The report of a cancel names the cancel request first: the order is the other name."""
    (event,) = spot(
        {**EXECUTION, "c": "cancel-request", "C": OURS, "x": "CANCELED", "X": "CANCELED", "l": "0", "N": None}
    )

    assert isinstance(event, OrderReported)
    assert (OURS, Status.CANCELED, ()) == (event.report.client_id, event.report.status, event.report.fills)


def test_a_foreign_spot_trade_is_foreign() -> None:
    """A trade by hand on the spot account is seen with its signed quantity."""
    assert (ForeignOrderSeen(SPOT_BTC, "web", "order of somebody else", D("1.0"), NOW),) == spot(
        {**EXECUTION, "c": "web"}
    )


def test_spot_balances_are_free_and_locked_together() -> None:
    """The spot account's position is absolute: free and locked of every asset that it names."""
    event = {"e": "outboundAccountPosition", "E": 2, "u": 1, "B": [{"a": "ETH", "f": "10000.5", "l": "0.25"}]}

    held = Balance(Asset("ETH"), D("10000.75"), D("0.25"))
    assert (BalancesChanged(SPOT, (held,), "", Nanos(1_000_000), NOW),) == spot(event)


@pytest.mark.parametrize(
    ("event", "outcomes"),
    [
        (
            {"e": "balanceUpdate", "E": 1, "a": "BTC", "d": "100", "T": 1},
            (WantRefresh(SPOT, "BTC was deposited, withdrawn or transferred"),),
        ),
        (
            {"e": "externalLockUpdate", "E": 1, "a": "NEO", "d": "10", "T": 1},
            (WantRefresh(SPOT, "NEO was locked or unlocked by the venue"),),
        ),
        ({"e": "eventStreamTerminated", "E": 1}, (WantReconnect("the venue ended the subscription"),)),
        ({"e": "serverShutdown", "E": 1}, (ShutdownAnnounced(),)),
        ({"e": "listStatus", "E": 1}, ()),
        ({"e": "somethingNew"}, (UnknownKind("somethingNew"),)),
    ],
)
def test_other_spot_events(event: dict[str, Any], outcomes: tuple[Outcome, ...]) -> None:
    """A difference is never added up: it asks for a snapshot."""
    assert outcomes == spot(event)


def test_answers_of_the_websocket_api_are_told_from_events() -> None:
    """A subscription is acknowledged or refused by the answer that carries its number."""
    good = {"id": 3, "status": 200, "result": {"subscriptionId": 0}, "rateLimits": []}
    bad = {"id": 3, "status": 401, "error": {"code": -2015, "msg": "Invalid API-key"}}

    assert (Acknowledged(3),) == parse_spot(json.dumps(good).encode(), NOW)
    assert (RequestRefused(3, -2015, "Invalid API-key"),) == parse_spot(json.dumps(bad).encode(), NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"S": "HOLD"},
        {"X": "NEW_ADL"},
        {"X": "HALF"},
        {"q": "NaN"},
        {"z": "Infinity"},
        {"L": "1E+99999"},
        {"T": None},
        {"q": None},
    ],
)
def test_an_order_that_cannot_be_read_is_refused_whole(changes: dict[str, Any]) -> None:
    """A status, side or number that is not understood never becomes half a report."""
    with pytest.raises(UNREADABLE):
        usdm_order(**changes)


def test_a_missing_field_is_refused() -> None:
    """An order update without its cumulative quantity is not taken as zero filled."""
    order = {name: value for name, value in ORDER.items() if name != "z"}

    with pytest.raises(UNREADABLE):
        usdm({"e": "ORDER_TRADE_UPDATE", "E": 2, "T": 1, "o": order})


@pytest.mark.parametrize("frame", [b"{}", b'{"id":null}', b'{"id":1,"status":500}', b'{"event":{}}'])
def test_a_frame_of_no_kind_is_bad(frame: bytes) -> None:
    """What is neither an event nor an answer is refused."""
    with pytest.raises(BadFrame):
        parse_spot(frame, NOW)


@given(st.binary(max_size=200))
@example(b'{"e":"ORDER_TRADE_UPDATE","o":' + b"[" * 100_000)
@example(b'{"event":{"e":"\xff"}}')
def test_garbage_is_unreadable_and_nothing_else(payload: bytes) -> None:
    """Whatever bytes come, reading them fails in the ways that a feed expects, and no other."""
    for parse in (parse_usdm, parse_spot):
        with pytest.raises(UNREADABLE):
            parse(payload, NOW)


@given(st.sampled_from(sorted(ORDER)), st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just([]))
def test_a_spoilt_field_is_read_or_refused(name: str, value: Any) -> None:
    """Any field may drift to any type: the order is read, or refused as unreadable, and never anything else."""
    try:
        outcomes = usdm_order(**{name: value})
    except UNREADABLE:
        return
    assert all(isinstance(outcome, OrderReported | ForeignOrderSeen | FaultRaised) for outcome in outcomes)
