"""User-stream events: documented fields, the order of events, and what they say of an order's life."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.simex.binance.client import FSTREAM, Client, spot_order, usdm_order
from tests.simex.binance.test_wsapi import subscribed

ORDER_ALWAYS = set("s c S o f q p ap sp x X i l z L T t b a m R wt ot ps cp rp pP si ss V pm gtd er".split())
ORDER_FILL = ORDER_ALWAYS | {"N", "n"}
REPORT = set("e E s c S o f q p P F g C x X r i l z L n N T t I w m M O Z Y Q W V".split())


@pytest.fixture
def client() -> Client:
    return Client()


def brief(frames: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """Each USD-M event in a word or two."""
    return [
        (frame["o"]["x"], frame["o"]["X"], frame["o"]["z"])
        if "o" in frame
        else (frame["e"], frame.get("a", {}).get("m"))
        for frame in frames
    ]


def test_a_partial_fill_on_usdm(client: Client) -> None:
    """An IOC over two levels: accepted, two fills each with its account update, and the rest expires, in this order."""
    client.user_stream()
    client.order(quantity="4", price="49995")
    frames = client.frames()
    orders = [frame["o"] for frame in frames if "o" in frame]

    assert [
        ("NEW", "NEW", "0.000"),
        ("TRADE", "PARTIALLY_FILLED", "1.000"),
        ("TRADE", "PARTIALLY_FILLED", "3.000"),
        ("EXPIRED", "EXPIRED", "3.000"),
    ] == brief([frame for frame in frames if "o" in frame])
    assert [("ACCOUNT_UPDATE", "ORDER")] * 2 == brief([frame for frame in frames if "a" in frame])
    assert [ORDER_ALWAYS, ORDER_FILL, ORDER_FILL, ORDER_ALWAYS] == [set(order) for order in orders]
    assert ["0", "0", "0", "2"] == [order["er"] for order in orders]
    assert [("49999.90", "1.000"), ("49999.00", "2.000")] == [(order["L"], order["l"]) for order in orders[1:3]]


def test_the_fill_and_the_account_agree(client: Client) -> None:
    """The account update carries the position and wallet that REST then tells."""
    client.user_stream()
    client.order()
    frames = client.frames()
    (account,) = [frame["a"] for frame in frames if "a" in frame]
    (fill,) = [frame["o"] for frame in frames if frame.get("o", {}).get("x") == "TRADE"]

    assert {"m", "B", "P"} == set(account)
    assert client.ok("GET", "/fapi/v3/balance")[0]["balance"] == account["B"][0]["wb"]
    assert {"s", "pa", "ep", "bep", "cr", "up", "mt", "iw", "ps", "ma"} == set(account["P"][0])
    assert ("-0.100", "49999.9", "cross", "BOTH") == tuple(account["P"][0][k] for k in ("pa", "ep", "mt", "ps"))
    assert Decimal("0.1") * Decimal("49999.9") * Decimal("0.0005") == Decimal(fill["n"])
    assert {"e", "T", "E", "o"} == set(frames[0])


def test_a_resting_order_that_is_cancelled(client: Client) -> None:
    """NEW then CANCELED under the order's own client id; the resting notional is told and gone again."""
    client.user_stream()
    placed = client.ok(
        "POST", "/fapi/v1/order", **usdm_order(side="BUY", price="49000", timeInForce="GTC", newClientOrderId="tt1")
    )
    client.ok("DELETE", "/fapi/v1/order", symbol="BTCUSDT", orderId=placed["orderId"])
    new, gone = (frame["o"] for frame in client.frames())

    assert [("NEW", "NEW", "tt1", "4900"), ("CANCELED", "CANCELED", "tt1", "0")] == [
        tuple(order[k] for k in ("x", "X", "c", "b")) for order in (new, gone)
    ]


def test_deposits_and_funding_change_the_wallet(client: Client) -> None:
    """A deposit and a funding payment are account updates with their reason and amount."""
    client.user_stream()
    client.order()
    client.frames()
    client.exchange.accounts.deposit("a", "usdm", "USDT", Decimal(250))
    client.move(client.exchange.mark("BTCUSDT").next_funding_ms - client.wall_ms + 1)
    deposit, funding = (frame["a"] for frame in client.frames() if "a" in frame)

    assert ("DEPOSIT", "250.00000000") == (deposit["m"], deposit["B"][0]["bc"])
    assert "FUNDING_FEE" == funding["m"]
    assert Decimal("0.49") < Decimal(funding["B"][0]["bc"]) < Decimal("0.51")


def test_settings_are_told(client: Client) -> None:
    """A change of leverage is an ACCOUNT_CONFIG_UPDATE."""
    client.user_stream()
    client.ok("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=7)
    (frame,) = client.frames()

    assert {"e", "E", "T", "ac"} == set(frame)
    assert {"s": "BTCUSDT", "l": 7} == frame["ac"]


def test_only_the_account_itself_hears(client: Client) -> None:
    """Another account's orders are not on the stream, and spot ones are not on the futures stream."""
    client.user_stream()
    client.ok("POST", "/fapi/v1/order", key="other", **usdm_order())
    client.ok("POST", "/api/v3/order", **spot_order())

    assert [] == client.frames()


def test_every_address_of_a_user_stream_works(client: Client) -> None:
    """A listen key opens its stream as a path, as ?listenKey= under /private, and wrapped as a combined stream."""
    client.user_stream()
    key = client.dialect.listen_keys.key_of("a")
    client.connect(FSTREAM, "/private/ws", f"listenKey={key}")
    client.connect(FSTREAM, "/private/stream", f"streams={key}")
    client.ok("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=7)
    path, query, wrapped = client.frames()

    assert path == query == wrapped["data"]
    assert key == wrapped["stream"]


def test_an_expired_listen_key_is_told_and_silent(client: Client) -> None:
    """After 60 minutes without PUT the stream says listenKeyExpired, then nothing more although its socket lives."""
    client.user_stream()
    key = client.dialect.listen_keys.key_of("a")
    client.move(60 * 60_000)
    (frame,) = client.frames()
    client.order()

    assert ("listenKeyExpired", key, {"e", "E", "listenKey"}) == (frame["e"], frame["listenKey"], set(frame))
    assert [] == client.frames()


def test_a_partial_fill_on_spot(client: Client) -> None:
    """An IOC over two levels: accepted, two fills, the rest expires; each report has the documented fields."""
    subscribed(client)
    client.ok("POST", "/api/v3/order", **spot_order(quantity="4", price="49995", newClientOrderId="tt1"))
    events = [frame["event"] for frame in client.frames()]
    reports = [event for event in events if event["e"] == "executionReport"]

    assert [
        ("NEW", "NEW", "0.00000000", -1),
        ("TRADE", "PARTIALLY_FILLED", "1.00000000", reports[1]["t"]),
        ("TRADE", "PARTIALLY_FILLED", "3.00000000", reports[2]["t"]),
        ("EXPIRED", "EXPIRED", "3.00000000", -1),
    ] == [tuple(report[k] for k in ("x", "X", "z", "t")) for report in reports]
    assert [REPORT, REPORT, REPORT, REPORT | {"eR"}] == [set(report) for report in reports]
    assert "UNFILLED_IOC_QUANTITY_EXPIRED" == reports[-1]["eR"]
    assert "149997.90000000" == reports[-1]["Z"]
    assert {"tt1"} == {report["c"] for report in reports}


def test_spot_balances_follow_the_fills(client: Client) -> None:
    """The last outboundAccountPosition of an order has the balances that REST then tells."""
    subscribed(client)
    client.ok("POST", "/api/v3/order", **spot_order())
    events = [frame["event"] for frame in client.frames()]
    last = [event for event in events if event["e"] == "outboundAccountPosition"][-1]
    rest = {row["asset"]: row for row in client.ok("GET", "/api/v3/account")["balances"]}

    assert {"e", "E", "u", "B"} == set(last)
    assert {"BTC", "USDT"} == {row["a"] for row in last["B"]}
    assert all((rest[row["a"]]["free"], rest[row["a"]]["locked"]) == (row["f"], row["l"]) for row in last["B"])


def test_a_spot_cancellation_has_two_ids(client: Client) -> None:
    """`c` is the cancellation's id and `C` the order's own."""
    subscribed(client)
    placed = client.ok(
        "POST", "/api/v3/order", **spot_order(side="BUY", price="49000", timeInForce="GTC", newClientOrderId="tt1")
    )
    client.frames()
    client.ok("DELETE", "/api/v3/order", symbol="BTCUSDT", orderId=placed["orderId"], newClientOrderId="bye")
    (report,) = [f["event"] for f in client.frames() if f["event"]["e"] == "executionReport"]

    assert ("bye", "tt1", "CANCELED", False) == tuple(report[k] for k in ("c", "C", "X", "w"))


def test_a_spot_deposit(client: Client) -> None:
    """A deposit is a balanceUpdate with its amount and an outboundAccountPosition with the new balance."""
    subscribed(client)
    client.exchange.accounts.deposit("a", "spot", "BTC", Decimal("0.5"))
    client.flush()
    moved, position = (frame["event"] for frame in client.frames())

    assert {"e", "E", "a", "d", "T"} == set(moved)
    assert ("BTC", "0.50000000") == (moved["a"], moved["d"])
    assert [{"a": "BTC", "f": "10.50000000", "l": "0.00000000"}] == position["B"]


def test_a_stalled_user_stream_loses_events(client: Client) -> None:
    """What happens during a stall of user streams is never told; REST knows it."""
    client.user_stream()
    client.dialect.silence.user_until_ms = client.wall_ms + 1000
    client.order()
    client.move(1000)

    assert [] == client.frames()
    assert 1 == len(client.ok("GET", "/fapi/v1/userTrades", symbol="BTCUSDT"))


@pytest.mark.data
def test_documented_examples_have_these_fields(data_dir: Path) -> None:
    """Every field of the documentation's examples is sent, bar the ones of order kinds that do not exist here."""
    futures = data_dir / "shapes" / "binance" / "futures" / "user_data_json"
    spot = data_dir / "shapes" / "binance" / "spot" / "user_data_json"
    order = json.loads((futures / "order_update_trade.json").read_text())["o"]
    report = json.loads((spot / "execution_report_wrapped.json").read_text())["event"]
    trailing_stop = {"AP", "cr"}

    assert set() == set(order) - ORDER_FILL - trailing_stop
    assert set(report) == REPORT
