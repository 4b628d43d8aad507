"""Which future carries a hedge, how many contracts of it, and what keeps an order from being planned."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.runtime.plan_answer import Answer
from tests.runtime.planning import config, d, hedges, perp, planned, sent, snapshot

NEUTRAL = "{name: n, kind: neutral, assets: [BTC], band: {trigger: 0 coins}}"
BTC = "binance.usdm:BTCUSDT"


def hedge_of(
    tmp_path: Path, held: str, *instruments: dict[str, Any], more: str = "", hedge: str = "", **extra: Any
) -> Answer:
    """Plan a neutral BTC at 60,000."""
    path = config(tmp_path, NEUTRAL, assets="BTC", more=more)
    if hedge:
        path.write_text(path.read_text().replace("BTC: {}", f"BTC: {{hedge: {hedge}}}"))
    return planned(path, snapshot({"BTC": "60000"}, {"BTC": held}, instruments=list(instruments), **extra))


def short(contracts: str, **changes: Any) -> list[dict[str, Any]]:
    """A position in the perpetual."""
    return [{"account": "main", "instrument": BTC, "contracts": contracts, "entry_price": "60000", **changes}]


def test_without_instruments_a_hedge_is_coins_and_no_order(tmp_path: Path) -> None:
    """What would have to be traded is said; that nothing can be is said too."""
    answer = hedge_of(tmp_path, "1.5")

    assert ({"BTC": d("-1.5")}, ()) == (hedges(answer), answer.orders)
    assert d("-1.5") == answer.assets["BTC"].residual_after_rounding
    assert ["BTC"] == [line.what for line in answer.refused]


def test_the_config_chooses_the_future(tmp_path: Path) -> None:
    """The future that the config names is taken, however cheap another one is."""
    dear = perp("BTC", "60000", id="binance.usdm:BTCUSDC", quote="USDC", settle="USDC", taker_fee="0.01")
    chosen = hedge_of(tmp_path, "1", perp("BTC", "60000"), dear, hedge="usdm:BTCUSDC")

    assert ["binance.usdm:BTCUSDC"] == [order.instrument for order in chosen.orders]


@pytest.mark.parametrize("name", ["binance.usdm:BTCUSDT_250328", "usdm:BTCUSDT_250328", "BTCUSDT_250328"])
def test_the_configs_future_is_found_by_any_of_its_names(tmp_path: Path, name: str) -> None:
    """A snapshot may name an instrument in full, without its venue, or by its symbol."""
    named = perp("BTC", "60000", id=name, expiry="2025-03-28T08:00:00Z")
    answer = hedge_of(tmp_path, "1", perp("BTC", "60000"), named, hedge="usdm:BTCUSDT_250328")

    assert [name] == [order.instrument for order in answer.orders]


def test_the_cheapest_future_is_taken_where_the_config_names_none(tmp_path: Path) -> None:
    """Funding decides between two perpetuals that are otherwise alike: a short receives it."""
    poor, rich = ({"funding": {"rate": rate, "interval_hours": "8"}} for rate in ("-0.0001", "0.0003"))
    answer = hedge_of(
        tmp_path,
        "1",
        perp("BTC", "60000", **poor),
        perp("BTC", "60000", id="bybit.linear:BTCUSDT", venue="bybit", **rich),
    )

    assert ["bybit.linear:BTCUSDT"] == [order.instrument for order in answer.orders]
    assert "the least of 2" in answer.assets["BTC"].why


def test_what_reduces_goes_where_the_position_is(tmp_path: Path) -> None:
    """A short that is too large is bought back, reduce-only, on its own venue, and the rest of it stays."""
    other = perp("BTC", "60000", id="bybit.linear:BTCUSDT", venue="bybit", taker_fee="0")
    answer = hedge_of(tmp_path, "1", perp("BTC", "60000"), other, positions=short("-1.25"))
    (order,) = answer.orders

    assert (BTC, "buy", d("0.25"), True) == (order.instrument, order.side, order.contracts, order.reduce_only)


def test_a_reduction_that_is_not_enough_is_followed_by_an_opening(tmp_path: Path) -> None:
    """A long on one venue is closed before a short is opened where that is cheapest; the remainder goes whole."""
    free = {"funding": {"rate": "0", "interval_hours": "8"}}
    cheap = perp("BTC", "60000", id="bybit.linear:BTCUSDT", venue="bybit", taker_fee="0", **free)
    answer = hedge_of(tmp_path, "1", perp("BTC", "60000", **free), cheap, positions=short("0.0004"))

    assert {BTC: d(0), "bybit.linear:BTCUSDT": d(-1)} == {BTC: d(0), **sent(answer)}
    assert d("-0.0004") == answer.assets["BTC"].residual_after_rounding


def test_a_thousand_of_a_small_coin_is_one_contract_coin(tmp_path: Path) -> None:
    """1000PEPE: a contract coin is a thousand PEPE, its price is for a thousand, the hedge is in PEPE."""
    future = perp(
        "PEPE", "0.01", id="binance.usdm:1000PEPEUSDT", base_units="1000", tick_size="0.0000001", lot_size="1",
        min_contracts="1",
    )  # fmt: skip
    target = NEUTRAL.replace("BTC", "PEPE")
    portfolio = snapshot({"PEPE": "0.00001"}, {"PEPE": "5000500"}, instruments=[future])
    answer = planned(config(tmp_path, target, assets="PEPE"), portfolio)
    (order,) = answer.orders

    assert (d(5000), d(5_000_000), d(50)) == (order.contracts, order.quantity, order.notional)
    assert d(-500) == answer.assets["PEPE"].residual_after_rounding


@pytest.mark.parametrize("amount", ["1500", "1499.99"])
def test_inverse_contracts_are_faces(tmp_path: Path, amount: str) -> None:
    """1,500 dollars of BTC are fifteen contracts of a hundred, at a price that divides nothing evenly."""
    price = "61234.7"
    coin = {
        "id": "binance.coinm:BTCUSD_PERP", "venue": "binance", "kind": "inverse", "base": "BTC", "quote": "USD",
        "contract_size": "100", "tick_size": "0.1", "lot_size": "1", "mark_price": price, "taker_fee": "0",
    }  # fmt: skip
    sides = "long: {BTC: 1}, short: {ETH: 1}, size: 1"
    target = f"{{name: t, kind: tilt, {sides}, base: fixed, fixed: {amount} USDT, band: {{trigger: 0 coins}}}}"
    portfolio = snapshot({"BTC": price, "ETH": "2500"}, {}, instruments=[coin, perp("ETH", "2500")])
    answer = planned(config(tmp_path, target), portfolio)

    assert d(15 if amount == "1500" else 14) == answer.orders[0].contracts
    assert "binance.coinm:BTCUSD_PERP" == answer.orders[0].instrument


def test_a_quanto_contract_counts_at_its_payout(tmp_path: Path) -> None:
    """A contract that pays 0.0001 BTC a point of ETH is 0.0001 x 60,000 / 1 = 6 ETH of delta at these prices."""
    quanto = {
        "id": "bitmex:ETHUSD", "venue": "bitmex", "kind": "quanto", "base": "ETH", "quote": "USD", "settle": "BTC",
        "contract_size": "0.0001", "tick_size": "0.05", "lot_size": "1", "mark_price": "2500", "bid": "2499.95",
        "ask": "2500.05", "taker_fee": "0",
    }  # fmt: skip
    target = "{name: n, kind: neutral, assets: [ETH], band: {trigger: 0 coins}}"
    portfolio = snapshot({"BTC": "60000", "ETH": "2500"}, {"ETH": "20"}, instruments=[quanto])
    answer = planned(config(tmp_path, target), portfolio)
    (order,) = answer.orders

    assert ("sell", d(3), d(18), d(45_000)) == (order.side, order.contracts, order.quantity, order.notional)
    assert d(-2) == answer.assets["ETH"].residual_after_rounding


def test_slices_walk_down_one_book(tmp_path: Path) -> None:
    """Each slice of an order pays what those before it leave of the book; together they pay the walk of the whole."""
    book = {"bids": [["60000", "0.5"], ["59990", "0.5"]], "bid": None, "max_contracts": "0.4"}
    answer = hedge_of(tmp_path, "1", perp("BTC", "60000", **book))

    assert [d(60_000), d("59992.5"), d(59_990)] == [order.vwap for order in answer.orders]


def test_a_measured_beta_sizes_a_proxy(tmp_path: Path) -> None:
    """Returns of the snapshot that are twice the anchor's make the hedge twice the holding's value."""
    target = "{name: p, kind: proxy, assets: [ALT], anchors: [BTC], samples: 20, band: {trigger: 0 coins}}"
    anchor = ["0.01", "-0.02", "0.005", "0.015", "-0.01"] * 60
    series = {"BTC": anchor, "ALT": [str(2 * d(one)) for one in anchor]}
    returns = {"interval_hours": "1", "kind": "log", "end": "2024-08-09T00:00:00Z", "series": series}
    portfolio = snapshot({"BTC": "50000", "ALT": "10"}, {"ALT": "1000"}, instruments=[perp("BTC", "50000")])
    path = config(tmp_path, target, assets="BTC ALT")
    told, silent = planned(path, {**portfolio, "returns": returns}), planned(path, portfolio)

    assert d("0.4") == round(told.orders[0].contracts, 3)
    assert ((), ["p"]) == (silent.orders, [line.what for line in silent.refused])


def test_funding_is_forecast_from_its_history(tmp_path: Path) -> None:
    """Rates that were settled decide over the venue's estimate of the next one."""
    history = [[f"2024-08-0{day}T00:00:00Z", "0.001"] for day in range(1, 9)]
    paid = {"funding": {"rate": "-0.01", "interval_hours": "8", "history": history}}
    flat = {"funding": {"rate": "0", "interval_hours": "8"}}
    other = perp("BTC", "60000", id="bybit.linear:BTCUSDT", venue="bybit", **paid)
    answer = hedge_of(tmp_path, "1", perp("BTC", "60000", **flat), other)

    assert ["bybit.linear:BTCUSDT"] == [order.instrument for order in answer.orders]


def test_a_dated_future_of_the_asset_is_a_hedge(tmp_path: Path) -> None:
    """Where there is no perpetual the dated contract is taken, coin for coin."""
    dated = perp("BTC", "61000", id="binance.usdm:BTCUSDT_241227", expiry="2024-12-27T08:00:00Z", index_price="60000")
    answer = hedge_of(tmp_path, "1", dated)

    assert {"binance.usdm:BTCUSDT_241227": d(-1)} == sent(answer)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"expiry": "2024-08-08T08:00:00Z"}, "expired"),
        ({"status": "settling"}, "settling"),
        ({"status": "reduce_only"}, "reduce_only"),
        ({"quote_age_s": "60"}, "60.0 s old"),
        ({"lot_size": None}, "lot_size"),
        ({"contract_size": None}, "contract_size"),
        ({"tick_size": None}, "tick_size"),
        ({"mark_price": None, "bid": None, "ask": None}, "no price"),
    ],
)
def test_what_cannot_be_traded_says_why(tmp_path: Path, changes: dict[str, Any], why: str) -> None:
    """A future that has expired, is halted, is stale, or of which a term is unknown gets no order and one line."""
    answer = hedge_of(tmp_path, "1", perp("BTC", "60000", **changes))
    (refused,) = answer.refused

    assert ((), d(-1)) == (answer.orders, answer.assets["BTC"].residual_after_rounding)
    assert why in refused.why


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"min_contracts": "2"}, "minimum of 2"), ({"min_notional": "100000"}, "minimum"), ({"lot_size": "3"}, "minimum")],
)
def test_below_a_minimum_there_is_no_order(tmp_path: Path, changes: dict[str, str], why: str) -> None:
    """What no order can be made of is left, and said: it is nobody's fault and no refusal."""
    answer = hedge_of(tmp_path, "1", perp("BTC", "60000", **changes))

    assert ((), (), d(-1)) == (answer.orders, answer.refused, answer.assets["BTC"].residual_after_rounding)
    assert any(why in line for line in answer.unknown)


def test_the_last_reduction_takes_the_whole_remainder(tmp_path: Path) -> None:
    """A short of three dollars is closed whole, below the venue's minimum, where the venue lets what reduces pass."""
    future = perp("BTC", "60000", lot_size="0.00001", min_contracts="0.00001", min_notional="100")
    answer = hedge_of(tmp_path, "0", future, positions=short("-0.00005"))

    assert (d("0.00005"), True) == (answer.orders[0].contracts, answer.orders[0].reduce_only)


def test_a_book_gives_what_it_holds(tmp_path: Path) -> None:
    """The price is the walk's; what is not in the book within the limit is not invented, and waits."""
    book = {"bids": [["60000", "0.2"], ["59990", "0.3"], ["59000", "9"]], "bid": None}
    answer = hedge_of(tmp_path, "1", perp("BTC", "60000", **book))
    (order,) = answer.orders

    assert (d("0.5"), d(59_994)) == (order.contracts, order.vwap)
    assert d("-0.5") == answer.assets["BTC"].residual_after_rounding
    assert "0.5 of 1.000 contracts" in answer.refused[0].why


def test_an_order_is_cut_to_what_one_may_be(tmp_path: Path) -> None:
    """The venue's largest order and the config's own cut a hedge; the slices add up to it, and none is dust."""
    future = perp("BTC", "60000", max_contracts="0.4", min_notional="13000")
    answer = hedge_of(tmp_path, "1", future)
    cut = hedge_of(tmp_path, "1", perp("BTC", "60000"), more="limits: {order_notional: 30000 USDT}\n")

    assert [d("0.4"), d("0.383"), d("0.217")] == [order.contracts for order in answer.orders]
    assert [d("0.5"), d("0.5")] == [order.contracts for order in cut.orders]
    assert d(0) == answer.assets["BTC"].residual_after_rounding == cut.assets["BTC"].residual_after_rounding


def test_a_default_limit_is_the_daemons_to_keep(tmp_path: Path) -> None:
    """A hedge beyond the default largest order is shown as the one order that it is, with a word on its slices."""
    answer = hedge_of(tmp_path, "1", perp("BTC", "60000"))

    assert [d(1)] == [order.contracts for order in answer.orders]
    assert "sent in 3 orders of at most 25000 USDT" in answer.assets["BTC"].why
    assert "limits.position_notional" not in answer.assets["BTC"].why


def test_a_default_position_limit_is_told_and_cuts_nothing(tmp_path: Path) -> None:
    """A position beyond the daemon's default is shown whole; why it would be held stands beside it."""
    answer = hedge_of(tmp_path, "10", perp("BTC", "60000"))

    assert [d(10)] == [order.contracts for order in answer.orders]
    assert "the daemon holds it until limits.position_notional is higher" in answer.assets["BTC"].why


@pytest.mark.parametrize(
    ("more", "changes", "by"),
    [
        ("limits: {position_notional: 30000 USDT}\n", {}, "limits.position_notional"),
        ("", {"max_position": "0.5"}, "largest position"),
    ],
)
def test_caps_cut_what_is_opened(tmp_path: Path, more: str, changes: dict[str, str], by: str) -> None:
    """A position, an instrument and a venue have their bounds; what is beyond is refused by name."""
    answer = hedge_of(tmp_path, "1", perp("BTC", "60000", **changes), more=more)
    (refused,) = answer.refused

    assert {BTC: d("-0.5")} == sent(answer)
    assert by in refused.why
    assert d("-0.5") == answer.assets["BTC"].residual_after_rounding


@pytest.mark.parametrize(
    "budget",
    [
        "instruments: {'usdm:BTCUSDT': 30000 USDT}",
        "venues: {binance: 30000 USDT}",
        "assets: {BTC: 30000 USDT}",
        "overlay: 50 %",
    ],
)
def test_budgets_cut_what_is_wanted(tmp_path: Path, budget: str) -> None:
    """An overlay of 60,000 is cut to what an instrument, a venue, a coin or all of them may have, and it says so."""
    answer = hedge_of(tmp_path, "1", perp("BTC", "60000"), more=f"budgets: {{{budget}}}\n")

    assert ({"BTC": d("-0.5")}, {BTC: d("-0.5")}) == (hedges(answer), sent(answer))
    assert "cut" in answer.assets["BTC"].why


def test_caps_never_cut_what_reduces(tmp_path: Path) -> None:
    """Out of a position that is too large there is always a way."""
    more = "limits: {order_notional: 1000 USDT, position_notional: 1000 USDT}\n"
    answer = hedge_of(tmp_path, "0", perp("BTC", "60000"), more=more, positions=short("-1"))

    assert ({BTC: d(1)}, ()) == (sent(answer), answer.refused)


def test_working_orders_count(tmp_path: Path) -> None:
    """What is on its way already is not sent again."""
    working = [{"account": "main", "instrument": BTC, "side": "sell", "remaining": "0.6", "limit_price": "59900"}]
    answer = hedge_of(tmp_path, "1", perp("BTC", "60000"), orders=working)

    assert (d("-0.6"), {BTC: d("-0.4")}) == (answer.assets["BTC"].parts.working, sent(answer))


@pytest.mark.parametrize("held", ["1", "-1"])
def test_an_order_of_unknown_fate_stops_its_instrument(tmp_path: Path, held: str) -> None:
    """Until it is proven what became of it, nothing else is sent there, and the plan says what it may still do."""
    order = {"account": "main", "instrument": BTC, "side": "sell", "remaining": "0.1", "state": "unknown"}
    answer = hedge_of(tmp_path, held, perp("BTC", "60000"), orders=[order], positions=short("-1"))

    assert () == answer.orders
    assert "unknown fate" in answer.refused[0].why
    assert any("unknown fate" in line and line.startswith("BTC") for line in answer.unknown)


@pytest.mark.parametrize(("peg", "orders"), [("0.986", 1), ("0.984", 0), ("1.016", 0)])
def test_a_broken_peg_stops_new_risk(tmp_path: Path, peg: str, orders: int) -> None:
    """Beyond one and a half per cent off its dollar a stablecoin's contracts take nothing new; what reduces passes."""
    book = snapshot({"BTC": "60000"}, {"BTC": "1"}, instruments=[perp("BTC", "60000")])
    book["prices"]["USDT"] = peg
    path = config(tmp_path, NEUTRAL, assets="BTC")
    opening = planned(path, book)
    closing = planned(path, {**book, "holdings": {}, "positions": short("-1")})

    assert (orders, 1) == (len(opening.orders), len(closing.orders))
    assert bool(orders) != any("off its peg" in line.why for line in opening.refused)


def test_a_coin_without_a_future_gets_none(tmp_path: Path) -> None:
    """Where the config says that a coin has no future, none is taken though the snapshot has one."""
    target = "{name: p, kind: proxy, assets: [ALT], anchors: [BTC], betas: {ALT: {BTC: 1}}, band: {trigger: 0 coins}}"
    path = config(tmp_path, target, assets="BTC ALT")
    path.write_text(path.read_text().replace("ALT: {}", "ALT: {hedge: none}"))
    futures = [perp("BTC", "50000"), perp("ALT", "10")]
    answer = planned(path, snapshot({"BTC": "50000", "ALT": "10"}, {"ALT": "1000"}, instruments=futures))

    assert [BTC] == [order.instrument for order in answer.orders]


def test_costs_are_fee_and_slippage(tmp_path: Path) -> None:
    """A fee on the notional at the middle, and what the book's price is below it; unknown fees are unknown."""
    told = hedge_of(tmp_path, "1", perp("BTC", "60000", tick_size="1")).orders[0].cost
    silent = hedge_of(tmp_path, "1", perp("BTC", "60000", taker_fee=None)).orders[0].cost

    assert (d(30), d(1)) == (told.fee, round(told.slippage or Decimal(0), 9))
    assert silent.fee is None


def test_two_targets_on_one_coin_send_one_order(tmp_path: Path) -> None:
    """What a neutral target sells and a tilt buys is netted: one order, the shares of both shown."""
    tilt = "{name: t, kind: tilt, long: {BTC: 1}, short: {ETH: 1}, size: 10 %, band: {trigger: 0 coins}}"
    portfolio = snapshot(
        {"BTC": "50000", "ETH": "2500"},
        {"BTC": "1", "ETH": "20"},
        instruments=[perp("BTC", "50000"), perp("ETH", "2500")],
    )
    answer = planned(config(tmp_path, NEUTRAL, tilt), portfolio)
    (order,) = (order for order in answer.orders if order.for_ == "BTC")

    assert (d("0.8"), "sell", "n+t") == (order.contracts, order.side, order.sleeve)
    assert {"n": d(0), "t": d("0.2")} == answer.assets["BTC"].target_parts


def test_a_proxy_hedge_stands_at_the_instruments_coin(tmp_path: Path) -> None:
    """An alt without a future is hedged through BTC: the order is for the alt, on BTC's perpetual."""
    target = "{name: p, kind: proxy, assets: [ALT], anchors: [BTC], betas: {ALT: {BTC: 1.5}}, band: {trigger: 0 coins}}"
    portfolio = snapshot({"BTC": "50000", "ALT": "10"}, {"ALT": "1000"}, instruments=[perp("BTC", "50000")])
    answer = planned(config(tmp_path, target, assets="BTC ALT"), portfolio)
    (order,) = answer.orders

    assert {"BTC": d("-0.3")} == hedges(answer)
    assert (BTC, "ALT", d("0.3")) == (order.instrument, order.for_, order.contracts)
