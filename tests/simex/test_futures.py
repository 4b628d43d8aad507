"""Futures accounts: fees, realized PnL, reduce-only, margin, leverage, funding, liquidation."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bot.simex.events import AccountUpdated, LeverageChanged, OrderUpdated
from bot.simex.model import Reject
from tests.simex.stage import ASKS, BIDS, BTC_PERP, BTC_SPOT, START_MS, Stage

DEEP = ([("49999.90", "900.000")], [("50000.10", "900.000")])


def deep(**more: Any) -> Stage:
    """A stage with one very deep level a side."""
    stage = Stage(**more)
    stage.set(BTC_PERP, *DEEP)
    return stage


def moved(stage: Stage, middle: int) -> None:
    """The whole market goes to a price, and mark prices follow at once."""
    ratio = Decimal(middle) / stage.exchange.mark("BTCUSDT").index
    stage.exchange.shock("BTC", ratio, stage.now_ms)


def test_taker_and_maker_fees() -> None:
    """A taker pays 5 bps of the notional and a maker 2 bps, in the settle asset."""
    stage = Stage()
    stage.place("BUY", "1.000", "50000.0")
    stage.place("SELL", "1.000", "50000.0", account="b")

    assert Decimal(100000) - Decimal("10.0000") == stage.wallet("a")
    assert Decimal(100000) - Decimal("25.0000") == stage.wallet("b")


@pytest.mark.parametrize(
    ("side", "back", "pnl"), [("BUY", "SELL", "-0.20"), ("SELL", "BUY", "-0.20")], ids=["long", "short"]
)
def test_a_round_trip_loses_the_spread(side: str, back: str, pnl: str) -> None:
    """Realized PnL is what the closing fill says against the entry, and the wallet explains it line by line."""
    stage = Stage()
    stage.place(side, "1.000")
    stage.place(back, "1.000")
    lines = {row.type: row.amount for row in stage.exchange.accounts.income("a")}

    assert Decimal(pnl) == lines["REALIZED_PNL"]
    assert stage.wallet() - 100_000 == sum(row.amount for row in stage.exchange.accounts.income("a"))
    assert Decimal(0) == stage.held()


def test_entry_price_is_the_average_and_survives_reducing() -> None:
    """Adding averages the entry; reducing keeps it and realizes only the closed part."""
    stage = deep()
    stage.place("SELL", "1.000")
    stage.set(BTC_PERP, [("50999.90", "900.000")], [("51000.10", "900.000")])
    stage.place("SELL", "3.000")
    stage.place("BUY", "2.000", reduce_only=True)
    row = stage.exchange.accounts.futures("a").position("BTCUSDT")

    assert (Decimal("-2.000"), Decimal("50749.9")) == (row.quantity, row.entry_price)
    assert Decimal("-500.4") == row.realized_pnl


def test_turning_around_opens_at_the_new_price() -> None:
    """A fill larger than the position closes it and opens the rest at the fill's own price."""
    stage = deep()
    stage.place("BUY", "1.000")
    stage.place("SELL", "3.000")
    row = stage.exchange.accounts.futures("a").position("BTCUSDT")

    assert (Decimal("-2.000"), Decimal("49999.9")) == (row.quantity, row.entry_price)


def test_break_even_counts_fees_and_what_was_realized() -> None:
    """Closing the rest at the break-even price leaves the wallet where the position found it, fees so far paid."""
    stage = deep()
    stage.place("BUY", "2.000")
    stage.set(BTC_PERP, [("50999.90", "900.000")], [("51000.10", "900.000")])
    stage.place("SELL", "1.000")
    row = stage.exchange.accounts.futures("a").position("BTCUSDT")

    assert Decimal(100_000) == stage.wallet() + row.quantity * (row.break_even_price - row.entry_price)


# ------------------------------------------------------------------------------------------- reduce-only
@pytest.mark.parametrize(("held", "side"), [("0", "SELL"), ("1.000", "BUY"), ("-1.000", "SELL")])
def test_reduce_only_without_anything_to_reduce(held: str, side: str) -> None:
    """A reduce-only order on a flat account, or on the side of its position, is refused."""
    stage = deep()
    if Decimal(held):
        stage.place("BUY" if Decimal(held) > 0 else "SELL", held.lstrip("-"))

    assert -2022 == stage.refused(side, "1.000", reduce_only=True)


def test_reduce_only_is_capped_to_the_position() -> None:
    """A reduce-only order never turns a position around."""
    stage = deep()
    stage.place("SELL", "1.000")
    order = stage.place("BUY", "5.000", reduce_only=True)

    assert (Decimal("1.000"), Decimal("5.000"), "FILLED") == (order.quantity, order.requested_quantity, order.status)
    assert Decimal(0) == stage.held()


def test_resting_reduce_only_orders_count_against_the_position() -> None:
    """Together they never exceed it: the next is capped, one more is refused."""
    stage = deep()
    stage.place("SELL", "1.000")
    stage.place("BUY", "0.600", "49000.0", reduce_only=True)

    assert Decimal("0.400") == stage.place("BUY", "1.000", "49000.0", reduce_only=True).quantity
    assert -2022 == stage.refused("BUY", "0.100", "49000.0", reduce_only=True)


def test_resting_reduce_only_orders_shrink_with_the_position() -> None:
    """When the position is closed another way they expire; when it shrinks they shrink."""
    stage = deep()
    stage.place("SELL", "1.000")
    order = stage.place("BUY", "1.000", "49000.0", reduce_only=True)
    stage.place("BUY", "0.700")

    assert Decimal("0.300") == stage.exchange.orders.get("a", "usdm", "BTCUSDT", order.order_id).quantity

    stage.place("BUY", "0.300")
    told = stage.events(OrderUpdated)

    assert ("EXPIRED", "REDUCE_ONLY") == (told[-1].execution, told[-1].expire_reason)
    assert [] == stage.exchange.orders.open("a", "usdm")


# ------------------------------------------------------------------------------------------------ margin
def test_margin_of_a_position() -> None:
    """Initial margin is notional over leverage, maintenance by the tier, available what is left."""
    stage = deep()
    stage.place("SELL", "1.000")
    account = stage.exchange.accounts.futures("a")
    row, wallet = account.position("BTCUSDT"), account.asset("USDT")
    mark = stage.exchange.mark("BTCUSDT").mark

    assert mark / 20 == row.initial_margin == wallet.initial_margin
    assert mark * Decimal("0.004") == row.maintenance_margin == wallet.maintenance_margin
    assert wallet.wallet_balance + row.unrealized_pnl == wallet.margin_balance
    assert wallet.margin_balance - row.initial_margin == wallet.available_balance


def test_maintenance_in_a_higher_tier_subtracts_cum() -> None:
    """500,000 of notional: 0.5 % less 300, as continuity at 300,000 asks."""
    stage = deep()
    stage.place("SELL", "10.000")
    row = stage.exchange.accounts.futures("a").position("BTCUSDT")

    assert Decimal(10) * row.mark_price * Decimal("0.005") - 300 == row.maintenance_margin


def test_an_order_beyond_the_margin_is_refused() -> None:
    """100,000 at 20x carries 40 coins at 50,000, not 41; cancelling frees the margin of a resting order."""
    stage = deep()

    assert -2019 == stage.refused("SELL", "41.000")

    order = stage.place("SELL", "30.000", "51000.0")

    assert -2019 == stage.refused("SELL", "20.000")

    stage.exchange.cancel("a", "usdm", "BTCUSDT", stage.now_ms, order_id=order.order_id)

    assert "FILLED" == stage.place("SELL", "20.000").status


def test_the_loss_an_order_opens_with_needs_margin() -> None:
    """Selling 30 at 5 % below the mark would lose 75,000 at once: more than is left beside the initial margin."""
    stage = deep()

    assert -2019 == stage.refused("SELL", "30.000", "47500.0")
    assert "NEW" == stage.place("SELL", "30.000", "50000.1").status


def test_reducing_is_never_refused_for_margin() -> None:
    """An account without available balance can still close, reduce-only or not."""
    stage = deep()
    stage.place("SELL", "39.000")
    moved(stage, 51_000)

    assert Decimal(0) == stage.exchange.accounts.futures("a").asset("USDT").available_balance
    assert -2019 == stage.refused("SELL", "1.000")
    assert "FILLED" == stage.place("BUY", "1.000").status
    assert "FILLED" == stage.place("BUY", "1.000", reduce_only=True).status


def test_leverage_changes_margin_and_is_told() -> None:
    """Half the leverage doubles the initial margin; the answer is the notional cap at it."""
    stage = deep()
    stage.place("SELL", "1.000")
    before = stage.exchange.accounts.futures("a").position("BTCUSDT").initial_margin

    assert Decimal(230_000_000) == stage.exchange.accounts.set_leverage("a", "BTCUSDT", 10)
    assert before * 2 == stage.exchange.accounts.futures("a").position("BTCUSDT").initial_margin
    assert [10] == [event.leverage for event in stage.events(LeverageChanged)]


@pytest.mark.parametrize(("leverage", "code"), [(0, -4028), (126, -4028), (125, -2027), (1, -2028)])
def test_leverage_that_does_not_fit(leverage: int, code: int) -> None:
    """Outside 1..max, beyond the tier's cap for the position, or more margin than there is: refused, unchanged."""
    stage = deep()
    stage.place("SELL", "10.000")

    with pytest.raises(Reject, match=str(code)):
        stage.exchange.accounts.set_leverage("a", "BTCUSDT", leverage)

    assert 20 == stage.exchange.accounts.futures("a").position("BTCUSDT").leverage


def test_an_order_beyond_the_leverage_cap_is_refused() -> None:
    """At 125x a position may hold 300,000 of notional."""
    stage = deep()
    stage.exchange.accounts.set_leverage("a", "BTCUSDT", 125)

    assert -2027 == stage.refused("SELL", "7.000")
    assert "FILLED" == stage.place("SELL", "5.000").status


@pytest.mark.parametrize(
    ("setting", "value", "code"),
    [("set_margin_type", "CROSSED", -4046), ("set_dual_side", False, -4059), ("set_multi_assets", False, -4171)],
)
def test_a_setting_that_changes_nothing_is_refused(setting: str, value: Any, code: int) -> None:
    """Each setting answers its own "no need to change"."""
    assert code == _refusal(Stage(), setting, value)


@pytest.mark.parametrize(("price", "margin_code", "side_code"), [("49000.0", -4047, -4067), (None, -4048, -4068)])
def test_modes_are_fixed_while_in_use(price: str | None, margin_code: int, side_code: int) -> None:
    """Margin type and position side stay as they are with open orders, and with a position."""
    stage = deep()
    stage.place("BUY", "0.010", price)

    assert margin_code == _refusal(stage, "set_margin_type", "ISOLATED")
    assert side_code == _refusal(stage, "set_dual_side", True)


def test_hedge_mode_refuses_one_way_orders() -> None:
    """In hedge mode an order without a side of its own is a mismatch."""
    stage = deep()
    stage.exchange.accounts.set_dual_side("a", True)

    assert stage.exchange.accounts.futures("a").dual_side
    assert -4061 == stage.refused("BUY", "0.010")


# ----------------------------------------------------------------------------------------------- funding
@pytest.mark.parametrize(
    ("side", "rate", "sign"),
    [("SELL", "0.0001", 1), ("BUY", "0.0001", -1), ("SELL", "-0.0001", -1), ("BUY", "-0.0001", 1)],
)
def test_funding_sign(side: str, rate: str, sign: int) -> None:
    """With a positive rate a short receives and a long pays: -(signed notional at the mark) * rate."""
    stage = deep(rate=Decimal(rate), interval_ms=60_000)
    stage.place(side, "2.000")
    due = stage.exchange.mark("BTCUSDT").next_funding_ms
    stage.exchange.advance(due - 1)

    assert [] == [row for row in stage.exchange.accounts.income("a") if row.type == "FUNDING_FEE"]

    stage.exchange.advance(due)
    (row,) = [row for row in stage.exchange.accounts.income("a") if row.type == "FUNDING_FEE"]
    settled = stage.exchange.funding_log[-1]

    assert sign * 2 * settled.mark * Decimal("0.0001") == row.amount
    assert due == row.time_ms == settled.time_ms
    assert due + 60_000 == stage.exchange.mark("BTCUSDT").next_funding_ms


def test_funding_is_told_and_needs_a_position() -> None:
    """The payer is told with the reason FUNDING_FEE; who holds nothing is told nothing."""
    stage = deep(interval_ms=60_000)
    stage.place("SELL", "2.000")
    stage.exchange.drain_events()
    stage.exchange.advance(START_MS + 120_000)
    told = [event for event in stage.events(AccountUpdated) if event.reason == "FUNDING_FEE"]

    assert {"a"} == {event.account_id for event in told}
    assert all(event.balances[0].delta > 0 for event in told)


def test_settlements_lie_on_multiples_of_the_interval() -> None:
    """Eight hours means 00:00, 08:00 and 16:00 UTC."""
    due = Stage().exchange.mark("BTCUSDT").next_funding_ms

    assert 0 == due % (8 * 3_600_000)
    assert 0 < due - START_MS <= 8 * 3_600_000


def test_mark_follows_the_index_and_the_basis_slowly() -> None:
    """Index is the spot mid; a basis that jumps enters the mark over half a minute, not at once."""
    stage = Stage()
    stage.set(BTC_PERP, [("50049.90", "1.000")], [("50050.10", "1.000")])
    stage.exchange.advance(stage.now_ms + 1_000)
    early = stage.exchange.mark("BTCUSDT")
    stage.exchange.advance(stage.now_ms + 300_000)
    late = stage.exchange.mark("BTCUSDT")

    assert Decimal(50_000) == early.index == late.index
    assert 0 < early.mark - early.index < 5
    assert 49 < late.mark - late.index <= 50


def test_the_premium_sets_the_rate_when_none_is_given() -> None:
    """A perpetual 0.1 % above the index charges longs the premium less the band of 0.05 %."""
    stage = Stage(rate=None)
    stage.set(BTC_PERP, [("50049.90", "1.000")], [("50050.10", "1.000")])
    stage.exchange.advance(START_MS + 3_600_000)

    assert Decimal("0.00049") < stage.exchange.mark("BTCUSDT").funding_rate <= Decimal("0.0005")


def test_the_premium_starts_anew_with_every_interval() -> None:
    """A premium of the last interval is no part of the next one's rate."""
    stage = Stage(rate=None, interval_ms=600_000)
    stage.set(BTC_PERP, [("50499.90", "1.000")], [("50500.10", "1.000")])
    stage.exchange.advance(START_MS + 300_000)
    stage.set(BTC_PERP, BIDS, ASKS)
    first = stage.exchange.mark("BTCUSDT").funding_rate
    stage.exchange.advance(START_MS + 1_100_000)

    assert first > Decimal("0.005")
    assert Decimal("0.000003") > stage.exchange.mark("BTCUSDT").funding_rate


def test_a_prescribed_rate_and_time_replace_the_markets() -> None:
    """The rate and the next settlement can be set while the exchange runs."""
    stage = deep()
    stage.place("BUY", "1.000")
    due = stage.now_ms + 537
    stage.exchange.set_funding("BTCUSDT", Decimal("-0.01"), due)
    stage.exchange.advance(due + 2_000)

    assert [(Decimal("-0.01"), due)] == [(row.rate, row.time_ms) for row in stage.exchange.funding_log]
    assert stage.wallet() > 100_000


# ------------------------------------------------------------------------------------------- liquidation
def test_liquidation_price_is_where_it_happens() -> None:
    """Just before the reported price the account lives; at it, it is closed with the venue's client id."""
    stage = deep()
    stage.place("SELL", "20.000")
    price = stage.exchange.accounts.futures("a").position("BTCUSDT").liquidation_price
    mark = stage.exchange.mark("BTCUSDT").mark
    stage.exchange.shock("BTC", price / mark - Decimal("0.0001"), stage.now_ms)

    assert Decimal(-20) == stage.held()

    stage.exchange.shock("BTC", Decimal("1.0002"), stage.now_ms)
    forced = stage.exchange.orders.history("a", "usdm", "BTCUSDT")[-1]

    assert Decimal(0) == stage.held()
    assert forced.client_order_id.startswith("autoclose-")
    stage.exchange.check()


def test_liquidation_cancels_orders_and_clears_debt() -> None:
    """A crash beyond bankruptcy leaves no order, no position and a wallet of zero, paid by the insurance fund."""
    stage = deep()
    stage.place("SELL", "30.000")
    resting = stage.place("BUY", "1.000", "48000.0")
    stage.exchange.drain_events()
    moved(stage, 60_000)
    told = stage.events(OrderUpdated)

    assert ("LIQUIDATION", resting.order_id) == (told[0].expire_reason, told[0].order.order_id)
    assert "CALCULATED" in {event.execution for event in told}
    assert (Decimal(0), Decimal(0)) == (stage.held(), stage.wallet())
    stage.exchange.check()


# ------------------------------------------------------------------------------------------------- shock
def test_a_shock_moves_everything_at_once_and_stays() -> None:
    """Spot, perpetual, index and mark move by the factor, and later updates are moved as well."""
    stage = Stage()
    before = stage.exchange.mark("BTCUSDT")
    stage.exchange.shock("BTC", Decimal("1.1"), stage.now_ms)
    after = stage.exchange.mark("BTCUSDT")
    spot = stage.exchange.depth("spot", "BTCUSDT", 1)

    assert before.index * Decimal("1.1") == after.index
    assert before.mark * Decimal("1.1") == after.mark
    assert Decimal("54999.89") == spot.bids[0].price
    assert Decimal("55000.11") == spot.asks[0].price

    stage.set(BTC_SPOT, BIDS, ASKS)

    assert Decimal("54999.89") == stage.exchange.depth("spot", "BTCUSDT", 1).bids[0].price


@pytest.mark.parametrize(("name", "factor"), [("DOGE", "1.1"), ("BTC", "0"), ("BTC", "-1")])
def test_a_shock_needs_a_known_asset_and_a_positive_factor(name: str, factor: str) -> None:
    """What cannot be meant is refused."""
    with pytest.raises(ValueError, match="asset"):
        Stage().exchange.shock(name, Decimal(factor), START_MS)


def _refusal(stage: Stage, setting: str, value: Any) -> int:
    symbol = ("BTCUSDT",) if setting == "set_margin_type" else ()
    with pytest.raises(Reject) as caught:
        getattr(stage.exchange.accounts, setting)("a", *symbol, value)
    return caught.value.code
