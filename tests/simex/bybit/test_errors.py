"""Bybit's codes: the documented messages, the reasons of the core, and for every code what brings it about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest

from bot.simex.bybit.errors import ENDS_CANCELLED, MESSAGES, REASONS, REJECTIONS, VenueError, refusal
from bot.simex.core.flow import Levels
from bot.simex.core.instrument import Category, Status
from bot.simex.core.order import BUY, SELL, Ticket
from bot.simex.core.refusal import Reason, Refused
from bot.simex.wire import Request
from tests.simex.bybit.documented import CODES
from tests.simex.bybit.stage import PERP, Stage, decoded

# What the notes on this venue say a hedger must be able to tell apart.
NEEDED = (
    429, 10000, 10001, 10002, 10003, 10004, 10005, 10006, 10010, 10014, 10016, 10019, 10429, 10403, 10404, 20003, 20006,
    110001, 110003, 110004, 110007, 110012, 110017, 110020, 110021, 110023, 110042, 110044, 110045, 110063, 110066,
    110072, 110074, 110079, 110090, 110094, 110118, 110120, 110121, 30228,
)  # fmt: skip


@pytest.mark.parametrize("code", sorted(CODES))
def test_messages_are_the_documented_ones(code: int) -> None:
    """A code travels with the words of the documentation."""
    assert CODES[code] == MESSAGES[code]


def test_the_codes_a_hedger_needs_exist() -> None:
    """Every code that changes what a client does next is in the table."""
    assert set() == set(NEEDED) - set(MESSAGES)


@pytest.mark.parametrize("reason", list(Reason))
@pytest.mark.parametrize("spot", [True, False])
def test_every_reason_has_a_code(reason: Reason, spot: bool) -> None:
    """Whatever the core refuses has a documented code in both kinds of market."""
    error = refusal(Refused(reason), spot=spot)

    assert error.code in MESSAGES
    assert error.msg.startswith(MESSAGES[error.code])
    assert (200, {}) == (error.status, error.result)


def test_no_reason_is_forgotten() -> None:
    """The table has each reason once."""
    assert set(Reason) == set(REASONS)


def test_rejections_are_documented_words() -> None:
    """What the engine refuses after the acknowledgement has a reject reason; what only found no match is cancelled."""
    assert ENDS_CANCELLED <= set(REJECTIONS)
    assert all(word.startswith("EC_") for word in REJECTIONS.values())


def test_a_call_may_have_codes_of_its_own() -> None:
    """The leverage that is too high for a position is another code than an order that is."""
    refused = Refused(Reason.BEYOND_LEVERAGE)

    assert 110090 == refusal(refused, spot=False).code
    assert 110013 == refusal(refused, spot=False, otherwise={Reason.BEYOND_LEVERAGE: 110013}).code


def test_an_error_says_its_code() -> None:
    """For people who read a traceback."""
    assert "10005 Permission denied" in str(VenueError(10005))


# ------------------------------------------------------------------------------------------ every code by its own cause
USUAL = {"category": "linear", "symbol": "BTCUSDT"}
SPOT = {"category": "spot", "qty": "0.01"}
SELL_SPOT = {**SPOT, "side": "Sell"}
WAITS = {"triggerPrice": "61000", "triggerDirection": 1}
WINDOW = {"X-BAPI-RECV-WINDOW": "5000"}
Cause = Callable[[Stage], int]


def code_of(answer: dict[str, Any]) -> int:
    """The code of an answer."""
    code: int = answer["retCode"]
    return code


def order(**changes: Any) -> Cause:
    """An order that is refused as it is."""
    return lambda stage: code_of(stage.order(**changes))


def post(path: str, **params: Any) -> Cause:
    """A signed POST that is refused as it is."""
    return lambda stage: code_of(stage.post(path, **params))


def after(*before: Callable[[Stage], Any], then: Cause) -> Cause:
    """Something else happens first."""

    def cause(stage: Stage) -> int:
        for one in before:
            one(stage)
        return then(stage)

    return cause


def status(name: Status, category: Category = "linear", symbol: str = "BTCUSDT") -> Callable[[Stage], None]:
    """An instrument's state changes."""
    return lambda stage: stage.exchange.set_status((category, symbol), name)


def bought(**changes: Any) -> Callable[[Stage], str]:
    """A market order is filled."""
    return lambda stage: stage.placed(orderType="Market", **changes)


def key(**changes: Any) -> Callable[[Stage], bool]:
    """The owner of the key changes it."""
    return lambda stage: stage.dialect.keys.change("desk", **changes)


def many(count: int, **changes: Any) -> Callable[[Stage], None]:
    """Orders that wait or rest, as slowly as the limits want."""

    def place(stage: Stage) -> None:
        for _ in range(count):
            stage.placed(**changes)
            stage.leap(100)

    return place


def resting(stage: Stage) -> None:
    """Five hundred orders, beside the gateway."""
    ticket = Ticket(
        instrument=stage.exchange.instruments[PERP], side=BUY, type="limit", quantity=10**7, price=59 * 10**11
    )
    for _ in range(500):
        stage.exchange.place("alice", ticket)


def amended(category: str = "linear", changes: Mapping[str, Any] = MappingProxyType({}), **order: Any) -> Cause:
    """An order is placed, partly filled by strangers, and amended."""

    def cause(stage: Stage) -> int:
        order_id = stage.placed(category=category, price="59999.5", **order)
        stage.strangers((category, "BTCUSDT"), SELL, "0.05")
        return code_of(stage.post("/v5/order/amend", category=category, symbol="BTCUSDT", orderId=order_id, **changes))

    return cause


def transfer(**changes: Any) -> Cause:
    """A transfer between the account's own wallets."""
    usual = {"transferId": str(UUID(int=1)), "coin": "USDT", "amount": "1"}
    usual |= {"fromAccountType": "UNIFIED", "toAccountType": "FUND"}
    return post("/v5/asset/transfer/inter-transfer", **{**usual, **changes})


def traded(count: int = 1, op: str = "order.create", **changes: Any) -> Cause:
    """So many requests of one trade websocket; the code of the last."""

    def cause(stage: Stage) -> int:
        socket = stage.connect("/v5/trade")
        socket.auth()
        header = {**WINDOW, "X-BAPI-TIMESTAMP": str(stage.now_ms)}
        values = {**USUAL, "side": "Buy", "orderType": "Limit", "qty": "0.1", "price": "59000"}
        replies = [socket.ask(**{"op": op, "header": header, "args": [values], **changes})[0] for _ in range(count)]
        return code_of(replies[-1])

    return cause


def restarting(stage: Stage) -> int:
    """The trade service restarts under an open connection."""
    socket = stage.connect("/v5/trade")
    socket.auth()
    stage.dialect.restart_trade()
    return code_of(socket.ask(op="order.create", header={"X-BAPI-TIMESTAMP": str(stage.now_ms)}, args=[USUAL])[0])


def again(stage: Stage) -> int:
    """A second authentication."""
    socket = stage.connect("/v5/trade")
    return [code_of(socket.auth()) for _ in range(2)][-1]


def flooded(stage: Stage) -> int:
    """More than three thousand requests a second over many connections."""
    codes = {traded(99, op="order.dance")(stage) for _ in range(30)}
    assert {10404} == codes
    return traded()(stage)


def signed(**headers: str) -> Cause:
    """A signed GET whose headers are changed afterwards."""

    def cause(stage: Stage) -> int:
        found = {**stage.headers(""), **headers}
        return code_of(decoded(stage.raw(Request("api.bybit.com", "GET", "/v5/account/info", "", b"", found))))

    return cause


def front(name: str) -> Cause:
    """What the front says where a fault asks for it."""
    request = Request("api.bybit.com", "POST", "/v5/order/create")
    return lambda stage: code_of(decoded(stage.dialect.refusal(name, request)))


def hurried(stage: Stage) -> int:
    """Two cancellations of one order, the second before the engine has seen the first."""
    stage.dialect.entry.delay_ms = 50
    order_id = stage.placed()
    stage.leap(50)
    return [code_of(stage.post("/v5/order/cancel", **USUAL, orderId=order_id)) for _ in range(2)][-1]


def liquidated(stage: Stage) -> None:
    """The account is on the ladder of liquidation."""
    stage.exchange.state.account("alice").in_liquidation.add("unified")


def dated_instrument(stage: Stage) -> None:
    """The perpetual is a dated future, and about to be delivered."""
    stage.exchange.instruments[PERP].expiry_ms = stage.now_ms + 10**9
    stage.exchange.set_status(PERP, "reduce_only")


def delisting(stage: Stage) -> None:
    """The perpetual is being delisted: by now orders may only reduce."""
    stage.exchange.delivery.delist(PERP, stage.now_ms, stage.now_ms + 60_000)
    stage.leap(1)


def isolated(stage: Stage) -> None:
    """The account is in isolated margin."""
    stage.result(stage.post(MODE, setMarginMode="ISOLATED_MARGIN"))


def far_away(stage: Stage) -> None:
    """The book leaves the mark."""
    stage.move("70000", index=False)


def emptied(stage: Stage) -> None:
    """Nobody offers spot any more."""
    stage.tape.say(Levels(("spot", "BTCUSDT"), stage.now_ms + 1, (), ()))
    stage.leap(1)


LEVERAGE, SWITCH = "/v5/position/set-leverage", "/v5/position/switch-mode"
STOP, MARGIN = "/v5/position/trading-stop", "/v5/position/add-margin"
MODE = "/v5/account/set-margin-mode"
CAUSES: dict[int, Cause] = {
    429: front("throttled"),
    10000: front("unknown"),
    10001: order(qty="x"),
    10002: signed(**{"x-bapi-timestamp": "1"}),
    10003: signed(**{"x-bapi-api-key": "nobody"}),
    10004: signed(**{"x-bapi-sign": "0" * 64}),
    10005: after(key(futures=False), then=order()),
    10006: after(many(0), *[lambda stage: stage.placed()] * 10, then=order()),
    10007: signed(**{"x-bapi-sign": ""}),
    10010: after(key(ips=("203.0.113.7",)), then=order()),
    10016: front("unavailable"),
    10017: post("/v5/nothing"),
    10019: restarting,
    10027: after(lambda stage: stage.dialect.limits.ban_user("alice", stage.now_ms + 1), then=order()),
    10403: flooded,
    10404: traded(op="order.dance"),
    10429: after(lambda stage: setattr(stage.dialect.router, "is_protected", True), then=order()),
    20001: again,
    20003: traded(201),
    20006: traded(2, reqId="same"),
    30228: after(delisting, then=order()),
    33004: after(key(expires_ms=1), then=order()),
    34040: after(bought(stopLoss="58000"), then=post(STOP, **USUAL, stopLoss="58000")),
    100028: post("/v5/position/switch-isolated", **USUAL, tradeMode=1),
    110001: post("/v5/order/cancel", **USUAL, orderId="unknown"),
    110003: order(price="1000001"),
    110007: order(qty="600"),
    110009: after(many(10, **WAITS), then=order(**WAITS)),
    110012: after(bought(qty="10"), then=post(LEVERAGE, **USUAL, buyLeverage="1", sellLeverage="1")),
    110013: post(LEVERAGE, **USUAL, buyLeverage="500", sellLeverage="500"),
    110014: after(isolated, bought(), then=post(MARGIN, **USUAL, margin="1000000")),
    110015: after(bought(), then=post(MARGIN, **USUAL, margin="10")),
    110017: order(reduceOnly=True),
    110020: after(resting, then=order()),
    110023: after(status("reduce_only"), then=order()),
    110024: after(bought(), then=post(SWITCH, **USUAL, mode=3)),
    110025: post(SWITCH, **USUAL, mode=0),
    110028: after(lambda stage: stage.placed(), then=post(SWITCH, **USUAL, mode=3)),
    110029: post(SWITCH, category="inverse", symbol="BTCUSD", mode=3),
    110033: post(MARGIN, **USUAL, margin="10"),
    110042: after(dated_instrument, then=order()),
    110043: post(LEVERAGE, **USUAL, buyLeverage="20", sellLeverage="20"),
    110059: amended(changes={"stopLoss": "57000"}, stopLoss="58000"),
    110061: after(
        bought(qty="0.5"),
        *[
            lambda stage: (
                post(STOP, **USUAL, tpslMode="Partial", slSize="0.01", stopLoss="58000")(stage),
                stage.leap(100),
            )
        ]
        * 20,
        then=post(STOP, **USUAL, tpslMode="Partial", slSize="0.01", stopLoss="58000"),
    ),
    110063: after(status("settling"), then=order()),
    110064: amended(changes={"qty": "0.05"}),
    110066: after(status("cancel_only"), then=order()),
    110072: after(lambda stage: stage.placed(orderLinkId="once"), then=order(orderLinkId="once")),
    110074: after(status("halted"), then=order()),
    110078: after(isolated, bought(), then=post(MARGIN, **USUAL, margin="-1000")),
    110076: post("/v5/position/set-auto-add-margin", **USUAL, autoAddMargin=1),
    110079: hurried,
    110090: after(post(LEVERAGE, **USUAL, buyLeverage="100", sellLeverage="100"), then=order(qty="100")),
    110092: order(triggerPrice="59000", triggerDirection=1),
    110093: order(triggerPrice="61000", triggerDirection=2),
    110094: order(qty="0.001", price="1000"),
    110118: after(far_away, then=order(orderType="Market")),
    110120: order(side="Sell", price="50000"),
    110121: order(price="70000"),
    131002: transfer(transferId="1"),
    131207: post(
        "/v5/asset/transfer/universal-transfer",
        transferId=str(UUID(int=1)),
        coin="USDT",
        amount="1",
        fromMemberId=1,
        toMemberId=2,
        fromAccountType="UNIFIED",
        toAccountType="UNIFIED",
    ),
    131210: transfer(amount="1.000000001"),
    131211: transfer(toAccountType="UNIFIED"),
    131212: transfer(amount="100001"),
    131214: after(transfer(), then=transfer()),
    131215: transfer(amount="0"),
    140003: after(liquidated, then=order()),
    170121: order(**SPOT, symbol="NOSUCH"),
    170124: order(**{**SPOT, "qty": "100"}),
    170131: order(**{**SPOT, "qty": "10"}),
    170132: order(**SPOT, price="1000001"),
    170134: order(**SPOT, price="59000.001"),
    170136: order(**{**SPOT, "qty": "0.00001"}),
    170137: order(**{**SPOT, "qty": "0.0100001"}),
    170140: order(**{**SPOT, "qty": "0.00002"}),
    170141: after(lambda stage: stage.placed(**SPOT, orderLinkId="once"), then=order(**SPOT, orderLinkId="once")),
    170151: after(status("halted", "spot"), then=order(**SPOT)),
    170157: after(status("cancel_only", "spot"), then=order(**SPOT)),
    170198: after(
        emptied, then=order(**SELL_SPOT, orderType="Market", slippageToleranceType="TickSize", slippageTolerance="9")
    ),
    170213: post("/v5/order/cancel", category="spot", symbol="BTCUSDT", orderId="unknown"),
    170226: after(liquidated, then=order(**SPOT)),
    170227: order(**SPOT, stopLoss="58000"),
    170313: amended("spot", {"qty": "0.05"}),
    170371: order(**SELL_SPOT, price="10000"),
    170372: order(**SPOT, price="400000"),
    170810: after(many(30, **SPOT, triggerPrice="61000"), then=order(**SPOT, triggerPrice="61000")),
    3400045: after(lambda stage: stage.placed(), then=post(MODE, setMarginMode="ISOLATED_MARGIN")),
}
# Codes that nothing causes here, and why. A fault may say them all the same (kind `error`).
NEVER = {
    10014: "the documentation names no cause",
    10029: "keys have no list of symbols",
    110004: "a unified account that cannot pay is told 110007",
    110005: "a position has no status that forbids an order but liquidation: 140003",
    110006: "a unified account that cannot pay is told 110007",
    110008: "an order that has ended is unknown: 110001",
    110010: "an order that has ended is unknown: 110001",
    110018: "a key's account is always known",
    110019: "an id that is none is unknown: 110001",
    110021: "open interest has no limit",
    110026: "an account that has its margin mode already is told nothing",
    110044: "a unified account that cannot pay is told 110007",
    110045: "a unified account that cannot pay is told 110007",
    110073: "set-margin-mode says 3400045",
    110077: "portfolio margin cannot be chosen",
    131001: "the wallets never fail",
    170115: "an enumeration that is not known is 10001",
    170116: "an enumeration that is not known is 10001",
    170117: "an enumeration that is not known is 10001",
    170210: "acknowledged, and Cancelled on the stream",
    170218: "acknowledged, and Cancelled on the stream",
}


@pytest.mark.parametrize("code", sorted(CAUSES))
def test_a_code_has_its_cause(stage: Stage, code: int) -> None:
    """What the documentation describes brings the code that it names."""
    assert code == CAUSES[code](stage)


def test_every_code_has_a_cause_or_a_reason_to_have_none() -> None:
    """No code of the table is forgotten, and none is on both lists."""
    assert (set(MESSAGES), set()) == (CAUSES.keys() | NEVER.keys(), CAUSES.keys() & NEVER.keys())
