"""Bybit on its worst day: what would have hedged twice, flattened by mistake, or stopped in silence."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from bot.domain.commands import QueryOrder
from bot.domain.events import AccountSeen, BalancesChanged, Endpoint, ForeignOrderSeen, OrderNotFound, OrderReported
from bot.domain.units import SECOND_NS, Nanos
from bot.domain.venues import BYBIT_UNIFIED
from bot.venues.binance import UNREADABLE
from bot.venues.budget import Lane
from bot.venues.bybit_budget import EndpointBudgets
from bot.venues.bybit_gateway import RECEIVED_NS, BybitGateway
from bot.venues.bybit_routes import ORDER_NEW, WALLET
from bot.venues.bybit_snapshot import BybitSnapshots
from bot.venues.bybit_user import UserParser
from bot.venues.translate.bybit_accounts import position_page, positions, wallet
from tests.venues.bybitkit import BTC, INSTRUMENTS, USDT, client, execution, good, receipt, rows
from tests.venues.canned import NOW_NS, Canned, Clock, approved, client_id, durable
from tests.venues.test_bybit_user import frame, told

CREATE = "/v5/order/create"
NOW, PAST, TRADES = "/v5/order/realtime", "/v5/order/history", "/v5/execution/list"


def look(endpoint: Endpoint, sent_ns: int = NOW_NS - SECOND_NS) -> QueryOrder:
    """A look for order 1."""
    return QueryOrder(BTC, client_id(1), endpoint, Nanos(sent_ns))


def nothing_known() -> Canned:
    """A venue whose every answer about orders is an empty list, after it took order 1."""
    canned = Canned()
    canned.lay("POST", CREATE, receipt())
    for path in (NOW, PAST, TRADES):
        canned.lay("GET", path, rows())
    return canned


# ------------------------------------------------------------------------------------------------- orders, fills
@pytest.mark.parametrize("endpoint", list(Endpoint))
async def test_a_received_order_is_not_denied_while_it_may_still_lie_in_the_queue(endpoint: Endpoint) -> None:
    """Bybit said that it has the order: lists that do not show it are behind, and nothing was learned of them yet."""
    clock = Clock()
    gateway = BybitGateway(client(nothing_known(), clock), INSTRUMENTS)
    assert () == await gateway.submit(approved(1, instrument=BTC), durable())
    clock.forward(8)

    assert () == await gateway.query(look(endpoint))


@pytest.mark.parametrize("endpoint", list(Endpoint))
async def test_a_received_order_that_is_nowhere_for_long_is_denied(endpoint: Endpoint) -> None:
    """A receipt is no fill: in the end the denial counts, or the instrument would be locked for good."""
    clock = Clock()
    gateway = BybitGateway(client(nothing_known(), clock), INSTRUMENTS)
    await gateway.submit(approved(1, instrument=BTC), durable())
    clock.forward(RECEIVED_NS / SECOND_NS + 1)

    (found,) = await gateway.query(look(endpoint))
    assert isinstance(found, OrderNotFound)


async def test_an_order_is_looked_for_in_the_history_of_its_own_time() -> None:
    """Unasked, the history shows the last seven days: an order of before a long outage would stay unknown for ever."""
    canned = nothing_known()
    sent_ns = NOW_NS - 30 * 24 * 3_600 * SECOND_NS
    await BybitGateway(client(canned, Clock()), INSTRUMENTS).query(look(Endpoint.TRADES, sent_ns))

    begins = [int(request.params["startTime"]) for request in canned.sent]
    assert len(begins) == 2
    assert all(sent_ns // 1_000_000 - 60_000 == begin for begin in begins)


def test_a_row_that_cannot_be_read_takes_no_fill_with_it() -> None:
    """A frame is dropped whole for one bad row: what else stood in it counts when it comes again."""
    parser, own = UserParser(USDT), execution("a", "0.2")
    with pytest.raises(UNREADABLE):
        parser.parse(frame("execution", own, execution("b", "0.3", side="Neither")), NOW_NS)

    (found,) = parser.parse(frame("execution", own, own), NOW_NS)
    assert isinstance(found, OrderReported)
    assert Decimal("0.2") == found.report.filled


@pytest.mark.parametrize(
    ("created", "cause"),
    [("CreateByLiq", "liquidation"), ("CreateBySettle", "settlement"), ("CreateByUser", "somebody")],
)
def test_a_partial_liquidation_is_told_by_who_made_its_order(created: str, cause: str) -> None:
    """It trades like any order of the market; only its order's maker tells it from somebody's own trade."""
    (found,) = told("execution", execution("a", "0.2", orderLinkId="", createType=created))

    assert isinstance(found, ForeignOrderSeen)
    assert cause in found.cause


# ------------------------------------------------------------------------------------------------- what is held
def test_another_wallet_of_the_account_is_not_the_unified_one() -> None:
    """An account that was upgraded early keeps inverse contracts' coins apart: they are none of what is watched."""
    apart = {"accountType": "CONTRACT", "coin": [{"coin": "BTC", "walletBalance": "0"}]}
    own = {"accountType": "UNIFIED", "coin": [{"coin": "BTC", "walletBalance": "1"}]}

    (found,) = told("wallet", apart, own)
    assert isinstance(found, BalancesChanged)
    assert [Decimal(1)] == [balance.total for balance in found.balances]


def read(coins: list[dict[str, Any]], listed: list[dict[str, Any]], maintenance: str = "200") -> Any:
    """Positions as they follow from a wallet's and a list's answers."""
    account = {
        "accountType": "UNIFIED",
        "totalMarginBalance": "10000",
        "totalAvailableBalance": "7000",
        "totalInitialMargin": "1000",
        "totalMaintenanceMargin": maintenance,
        "coin": coins,
    }
    held = position_page(json.dumps({"list": listed}).encode()).rows
    return positions(wallet(json.dumps({"list": [account]}).encode()), held, {"BTCUSDT": BTC}, USDT)


SHORT = {"symbol": "BTCUSDT", "side": "Sell", "size": "0.5", "avgPrice": "60000", "positionMM": "200"}


@pytest.mark.parametrize("coins", [[], [{"coin": "USDT", "walletBalance": "5000", "totalPositionMM": ""}]])
def test_an_account_that_does_not_say_what_its_margin_is_for_is_not_flat(coins: list[dict[str, Any]]) -> None:
    """Without the settlement coin's share all of the account's margin asks for positions: else a cut answer is flat."""
    with pytest.raises(ValueError, match="maintenance margin"):
        read(coins, [])
    (short,) = read(coins, [SHORT])
    assert Decimal("-0.5") == short.contracts


def test_an_account_without_margin_may_say_nothing_of_it() -> None:
    """Where nothing is margined an empty list is what it says."""
    (flat,) = read([{"coin": "USDT", "walletBalance": "5000", "totalPositionMM": ""}], [], maintenance="0")
    assert Decimal(0) == flat.contracts


async def test_a_coin_without_an_instrument_here_is_seen_and_seen_to_leave() -> None:
    """Hedged at another venue, it may lie here all the same; once seen it is asked for by name, and stands at zero."""
    canned, clock = Canned(), Clock()
    first, second = coins(BTC="1", USDT="5000"), coins(BTC="1", USDT="5000", SOL="7")
    canned.lay("GET", "/v5/account/wallet-balance", first, second, coins(BTC="1", USDT="5000", SOL="0"), first)
    for path in ("/v5/position/list", NOW):
        canned.lay("GET", path, rows())
    snapshots = BybitSnapshots(client(canned, clock), INSTRUMENTS.values(), USDT)
    seen = [await snapshots.account(BYBIT_UNIFIED) for _ in range(2)]

    assert ["7", "0"] == [total_of(facts, "SOL") for facts in seen]
    asked = [one.params.get("coin") for one in canned.sent if one.path.endswith("wallet-balance")]
    assert ["BTC,USDT", None, "BTC,SOL,USDT", None] == asked


def coins(**held: str) -> dict[str, Any]:
    """A wallet of these coins, without any margin."""
    account = dict.fromkeys(("totalMarginBalance", "totalAvailableBalance"), "10000")
    account |= dict.fromkeys(("totalInitialMargin", "totalMaintenanceMargin"), "0")
    listed = [{"coin": name, "walletBalance": total, "totalPositionMM": "0"} for name, total in held.items()]
    return good({"list": [{"accountType": "UNIFIED", **account, "coin": listed}]})


def total_of(facts: tuple[Any, ...], asset: str) -> str:
    """What a read says of a coin."""
    (seen,) = (one for one in facts if isinstance(one, AccountSeen))
    (total,) = (one.total for one in seen.snapshot.balances if one.asset == asset)
    return str(total)


# ------------------------------------------------------------------------------------------------- limits
def test_a_limit_of_the_address_stops_every_endpoint() -> None:
    """10018 speaks of the address: whoever goes on at another endpoint lengthens the ban that comes next."""
    clock = Clock()
    budgets = EndpointBudgets(clock, clock.sleep)
    budgets.of(WALLET).refused(200, 10_018, None)

    assert budgets.of(ORDER_NEW).take(Lane.REDUCE, 1, 1) > 0
