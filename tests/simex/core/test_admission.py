"""Every reason to refuse an order, in the order in which they are looked for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import pytest

from bot.simex.core.numbers import MONEY
from bot.simex.core.order import BUY, SELL, Trigger
from bot.simex.core.refusal import Reason, Refused
from bot.simex.core.venue import BYBIT
from tests.simex.core.test_matching import end
from tests.simex.core.trading_stage import Stage, filters, n

if TYPE_CHECKING:
    from bot.simex.core.instrument import Status
    from bot.simex.core.order import Side

STOP = Trigger(price=n(90), by="last", rises=False)


def refused(stage: Stage, side: Side, quantity: str, price: str = "", *, name: str = "a", **more: object) -> Reason:
    """The reason for which an order is refused; a refusal changes nothing."""
    before = stage.exchange.digest()
    with pytest.raises(Refused) as caught:
        stage.exchange.place(name, stage.ticket(side, quantity, price, **more))  # type: ignore[arg-type]

    assert stage.exchange.digest() == before
    stage.exchange.check()
    return caught.value.reason


@pytest.mark.parametrize(
    ("quantity", "price", "more", "reason"),
    [
        ("1", "100.05", {}, Reason.PRICE_TICK),
        ("1", "0.05", {}, Reason.PRICE_RANGE),
        ("1", "100001", {}, Reason.PRICE_RANGE),
        ("0.0005", "100", {}, Reason.QUANTITY_MIN),
        ("1001", "100", {}, Reason.QUANTITY_MAX),
        ("101", "", {}, Reason.QUANTITY_MAX),
        ("1.0005", "100", {}, Reason.QUANTITY_LOT),
        ("0.049", "100", {}, Reason.NOTIONAL_MIN),
        ("0.049", "", {}, Reason.NOTIONAL_MIN),
        ("1", "110.1", {}, Reason.PRICE_ABOVE_MULTIPLIER),
        ("1", "100", {"client_id": "x" * 37}, Reason.CLIENT_ID_FORMAT),
        ("1", "100", {"position_side": "long"}, Reason.POSITION_SIDE),
        ("1", "100", {"reduce_only": True}, Reason.REDUCE_ONLY),
        ("1", "100.1", {"tif": "post_only"}, Reason.POST_ONLY_WOULD_TAKE),
        ("6.001", "100.3", {"tif": "fok"}, Reason.FOK_UNFILLABLE),
        ("1", "100", {"trigger": Trigger(price=n("99.9"), by="last", rises=True)}, Reason.WOULD_TRIGGER),
        ("1", "100", {"trigger": Trigger(price=n("101"), by="mark", rises=False)}, Reason.WOULD_TRIGGER),
        ("1", "100", {"trigger": Trigger(price=n("99.95") + 1, by="index", rises=True)}, Reason.PRICE_TICK),
        ("1000", "100", {"name": "poor"}, Reason.INSUFFICIENT_MARGIN),
    ],
)
def test_a_future_is_refused(quantity: str, price: str, more: dict[str, object], reason: Reason) -> None:
    """A buy of a perpetual that breaks one rule is refused with that rule's reason, and changes nothing."""
    stage = Stage()
    stage.exchange.open_account("poor")

    assert refused(stage, BUY, quantity, price, **more) is reason  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("side", "quantity", "price", "more", "reason"),
    [
        (BUY, "1", "110.1", {}, Reason.PRICE_ABOVE_MULTIPLIER),
        (SELL, "1", "110.1", {}, Reason.PRICE_ABOVE_MULTIPLIER),
        (BUY, "1", "89.9", {}, Reason.PRICE_BELOW_MULTIPLIER),
        (BUY, "1", "100", {"position_side": "both", "reduce_only": True}, Reason.POSITION_SIDE),
        (BUY, "1", "100", {"name": "poor"}, Reason.INSUFFICIENT_BALANCE),
        (SELL, "1", "", {"name": "poor"}, Reason.INSUFFICIENT_BALANCE),
        (BUY, "1", "100.1", {"tif": "post_only"}, Reason.POST_ONLY_WOULD_TAKE),
    ],
)
def test_a_spot_order_is_refused(
    side: Side, quantity: str, price: str, more: dict[str, object], reason: Reason
) -> None:
    """A spot order that breaks one rule is refused with that rule's reason."""
    stage = Stage()
    stage.exchange.open_account("poor")

    assert refused(stage, side, quantity, price, spot=True, **more) is reason  # type: ignore[arg-type]


def test_futures_bound_buys_from_above_and_sells_from_below() -> None:
    """A future's buy may be as low, and its sell as high, as it likes."""
    stage = Stage()

    assert refused(stage, SELL, "1", "89.9") is Reason.PRICE_BELOW_MULTIPLIER
    assert stage.buy("a", "1", "50").status == stage.sell("a", "1", "150").status == "new"


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("halted", Reason.NOT_TRADING),
        ("closed", Reason.NOT_TRADING),
        ("settling", Reason.SETTLEMENT),
        ("cancel_only", Reason.CANCEL_ONLY),
        ("reduce_only", Reason.REDUCE_ONLY_SYMBOL),
    ],
)
def test_a_status_refuses_orders_and_lets_cancel(status: Status, reason: Reason) -> None:
    """No status but trading takes an order that opens; a cancel is always taken."""
    stage = Stage()
    resting = stage.buy("a", "1", "99")
    stage.exchange.set_status(stage.perp.key, status)

    assert refused(stage, BUY, "1", "99") is reason
    assert stage.cancel(resting).status == "canceled"


def test_a_reduce_only_symbol_lets_out() -> None:
    """Where only reductions are allowed, a reduce-only order closes."""
    stage = Stage()
    stage.buy("a", "1")
    stage.exchange.set_status(stage.perp.key, "reduce_only")

    assert stage.sell("a", "1", reduce_only=True).status == "filled"


def test_an_open_client_id_is_taken() -> None:
    """A client id may be used again when its order has ended, where the venue's rule is that of open orders."""
    stage = Stage()
    first = stage.buy("a", "1", "99", client_id="mine")
    assert refused(stage, BUY, "1", "99", client_id="mine") is Reason.CLIENT_ID_DUPLICATE
    stage.cancel(first)

    assert stage.buy("a", "1", "99", client_id="mine").status == "new"


def test_a_client_id_is_taken_for_ever() -> None:
    """Where client ids are unique for ever, an ended order still holds its own."""
    stage = Stage(BYBIT)
    stage.cancel(stage.buy("a", "1", "99", client_id="mine"))

    assert refused(stage, BUY, "1", "99", client_id="mine") is Reason.CLIENT_ID_DUPLICATE


def test_the_number_of_open_orders_is_bounded() -> None:
    """One order too many is refused, resting and conditional orders each by their own bound."""
    stage = Stage()
    stage.exchange.set_filters(stage.perp.key, filters(orders_max=2, algo_orders_max=1))
    for _ in range(2):
        stage.buy("a", "1", "99")
    assert refused(stage, BUY, "1", "99") is Reason.OPEN_ORDERS_MAX
    stage.sell("a", "1", trigger=STOP)

    assert refused(stage, SELL, "1", trigger=STOP) is Reason.ALGO_ORDERS_MAX


def test_an_empty_book_has_no_market() -> None:
    """A market order needs a counterparty, within the bound."""
    stage = Stage()
    for price, _ in (("100.1", 0), ("100.2", 0), ("100.3", 0)):
        stage.level(SELL, price, "0")
    assert refused(stage, BUY, "1") is Reason.NO_LIQUIDITY
    assert refused(stage, BUY, "0", quote_quantity=10**16, spot=True) is Reason.NOTIONAL_MIN
    stage.level(SELL, "110.1", "5")

    assert refused(stage, BUY, "1") is Reason.MARKET_BEYOND_MULTIPLIER


def test_a_market_order_stops_at_its_bound() -> None:
    """A market order takes nothing beyond the multiplier; the rest of it expires."""
    stage = Stage()
    stage.level(SELL, "100.2", "0")
    stage.level(SELL, "100.3", "0")
    stage.level(SELL, "110.1", "9")

    assert end(stage.buy("a", "2")) == ("expired", "market", "1")


def test_quote_quantity_buys_whole_lots() -> None:
    """Money spent at market buys as many lots as the levels give for it, and no more."""
    stage = Stage()
    order = stage.buy("a", "0", spot=True, quote_quantity=150 * 10**16)

    assert end(order) == ("filled", "", "1.498")
    assert order.turnover <= 150 * 10**16


def test_quote_quantity_sells_for_money() -> None:
    """Coins are sold until the money asked for is there, in whole lots."""
    stage = Stage()
    order = stage.sell("a", "0", spot=True, quote_quantity=150 * 10**16)

    assert end(order) == ("filled", "", "1.502")


def test_all_of_a_balance_can_be_spent() -> None:
    """Spot at market needs what it costs, not its quantity at the worst price."""
    stage = Stage()
    account = stage.exchange.open_account("c")
    stage.exchange.funds.deposit(account, "spot", "USDT", n("200.3") * 10**8)

    assert stage.buy("c", "2", spot=True).status == "filled"


def test_reduce_only_is_capped_by_the_position() -> None:
    """A larger reduce-only order is cut to the position, and one in its direction is refused."""
    stage = Stage()
    stage.buy("a", "1")
    for price in ("", "100", "100.1"):
        assert refused(stage, BUY, "1", price, reduce_only=True) is Reason.REDUCE_ONLY
    resting = stage.sell("a", "5", "101", reduce_only=True)

    assert resting.quantity == n(1)
    assert refused(stage, SELL, "1", "101", reduce_only=True) is Reason.REDUCE_ONLY


def test_a_small_remainder_can_be_closed() -> None:
    """The least notional does not bind what only reduces."""
    stage = Stage()
    stage.buy("a", "0.05")
    stage.sell("a", "0.04", reduce_only=True)

    assert stage.sell("a", "0.01", reduce_only=True).status == "filled"
    assert stage.held("a") == "0"


def test_hedge_mode_knows_what_closes() -> None:
    """With two sides an order names one; what closes it is reduce-only by nature, and no more than there is."""
    stage = Stage()
    stage.exchange.funds.settings.hedge_mode(stage.exchange.state.accounts["a"], "usdm", hedge=True)
    assert refused(stage, BUY, "1", "100") is Reason.POSITION_SIDE
    stage.buy("a", "2", position_side="long")
    stage.sell("a", "1", position_side="short")
    assert (stage.held("a", "long"), stage.held("a", "short")) == ("2", "-1")
    assert refused(stage, SELL, "3", position_side="long") is Reason.POSITION_TOO_SMALL
    assert refused(stage, BUY, "1", position_side="long", reduce_only=True) is Reason.REDUCE_ONLY

    assert stage.sell("a", "2", position_side="long").reduce_only
    assert (stage.held("a", "long"), stage.held("a", "short")) == ("0", "-1")


def test_a_venue_may_take_an_order_only_to_end_it() -> None:
    """Where post-only and fill-or-kill are decided after acceptance, the order exists and has expired."""
    stage = Stage(BYBIT)

    assert end(stage.buy("a", "1", "100.1", tif="post_only")) == ("expired", "post_only", "0")
    assert end(stage.buy("a", "7", "100.3", tif="fok")) == ("expired", "fok", "0")


def test_changed_filters_bind_from_now_on() -> None:
    """New filters refuse what the old ones took; what rests stays."""
    stage = Stage()
    resting = stage.buy("a", "1", "99.9")
    stage.exchange.set_filters(stage.perp.key, replace(filters(), tick=n("0.5")))

    assert refused(stage, BUY, "1", "99.9") is Reason.PRICE_TICK
    assert resting.is_open


def test_unknown_names_are_refused() -> None:
    """An account or instrument that the exchange does not have."""
    stage = Stage()
    with pytest.raises(Refused, match="UNKNOWN_ACCOUNT"):
        stage.exchange.place("nobody", stage.ticket(BUY, "1"))
    foreign = msgspec.structs.replace(stage.ticket(BUY, "1"), instrument=Stage(BYBIT).perp)
    with pytest.raises(Refused, match="UNKNOWN_SYMBOL"):
        stage.exchange.place("a", foreign)


def test_the_bounds_of_prices_follow_mark_and_filters() -> None:
    """A price that was accepted a moment ago is refused once the mark has moved, or the filters have changed."""
    stage = Stage()
    stage.buy("a", "1", "95")
    stage.exchange.marks.hold(stage.perp.key, n(80))
    assert refused(stage, BUY, "1", "95") is Reason.PRICE_ABOVE_MULTIPLIER

    stage.buy("a", "1", "85")
    stage.exchange.set_filters(stage.perp.key, filters(notional_min=90 * MONEY))
    assert refused(stage, BUY, "1", "85") is Reason.NOTIONAL_MIN
    stage.exchange.set_status(stage.perp.key, "halted")
    assert refused(stage, BUY, "2", "85") is Reason.NOT_TRADING
