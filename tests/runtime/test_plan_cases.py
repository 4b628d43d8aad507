"""The worked cases that are a portfolio, from a config and a snapshot written by hand to the hedge and its orders."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.runtime.plan_answer import Answer
from tests.runtime.planning import config, d, hedges, perp, planned, sent, snapshot, values

PRICES = {"BTC": "50000", "ETH": "2500"}
FUTURES = [perp("BTC", "50000"), perp("ETH", "2500", tick_size="0.01")]
HALVES = "{name: w, kind: weights, weights: {BTC: 50 %, ETH: 50 %}, mode: full_rebalance, band: {trigger: 0 pp}}"
SIXTY = (
    "{{name: w, kind: weights, weights: {{BTC: 60 %, ETH: 40 %}}, mode: {mode}, band: {{trigger: {trigger}}}{more}}}"
)


def sixty(trigger: str = "1 pp", mode: str = "full_rebalance", more: str = "") -> str:
    """Sixty per cent BTC, forty per cent ETH."""
    return SIXTY.format(mode=mode, trigger=trigger, more=more)


def futures(prices: dict[str, str]) -> list[dict[str, Any]]:
    """A future of each coin that has a price, in the smallest lots there are, so that nothing is lost to rounding."""
    fine = {"lot_size": "0.00000001", "min_contracts": "0.00000001", "tick_size": "0.000001", "min_notional": "0"}
    return [perp(coin, price, **fine) for coin, price in prices.items()]


def weigh(tmp_path: Path, holdings: dict[str, str], *targets: str, **more: Any) -> Answer:
    """Plan for coins at the prices above."""
    return planned(config(tmp_path, *targets), snapshot(PRICES, holdings, instruments=FUTURES, **more))


def test_a_drift_of_ten_points_is_brought_back(tmp_path: Path) -> None:
    """70/30 against 60/40 of 100,000: sell 10,000 of BTC, buy 10,000 of ETH."""
    answer = weigh(tmp_path, {"BTC": "1.4", "ETH": "12"}, sixty("5 pp"))

    assert {"BTC": d(-10_000), "ETH": d(10_000)} == values(answer, PRICES)
    assert {"binance.usdm:BTCUSDT": d("-0.2"), "binance.usdm:ETHUSDT": d(4)} == sent(answer)
    assert d(100_000) == answer.nav == answer.base["w"]


@pytest.mark.parametrize(
    ("bitcoin", "breached"), [("65", False), ("65.01", True), ("55", False), ("54.99", True), ("60", False)]
)
def test_a_band_is_left_only_strictly_beyond_it(tmp_path: Path, bitcoin: str, breached: bool) -> None:
    """Five points of 60 %: exactly 65 and 55 are inside, a hundredth more is not; decided without a float."""
    prices = {"BTC": "1", "ETH": "1"}
    holdings = {"BTC": bitcoin, "ETH": str(d(100) - d(bitcoin))}
    answer = planned(config(tmp_path, sixty("5 pp")), snapshot(prices, holdings))

    assert breached == answer.assets["BTC"].breached == bool(hedges(answer))
    assert (d(55), d(65)) == (answer.assets["BTC"].band.lower, answer.assets["BTC"].band.upper)  # type: ignore[union-attr]


def test_a_tilt_takes_from_one_what_it_gives_the_other(tmp_path: Path) -> None:
    """Five per cent from BTC to ETH: 45,000 and 55,000 net, and nothing in all."""
    target = "{name: t, kind: tilt, long: {ETH: 1}, short: {BTC: 1}, size: 5 %, band: {trigger: 0 coins}}"
    answer = weigh(tmp_path, {"BTC": "1", "ETH": "20"}, target)

    assert {"BTC": d(-5_000), "ETH": d(5_000)} == values(answer, PRICES)
    assert d("0.9") == answer.assets["BTC"].target
    assert {"core": d(1), "t": d("-0.1")} == answer.assets["BTC"].target_parts


def test_a_beta_neutral_tilt_balances_the_market(tmp_path: Path) -> None:
    """With an ETH beta of 1.2 the BTC leg of a 5,000 tilt is 6,000."""
    target = (
        "{name: t, kind: tilt, long: {ETH: 1}, short: {BTC: 1}, size: 5 %, neutral: beta, betas: {ETH: 1.2, BTC: 1},"
        " band: {trigger: 0 coins}}"
    )
    answer = weigh(tmp_path, {"BTC": "1", "ETH": "20"}, target)

    assert {"BTC": d(-6_000), "ETH": d(5_000)} == values(answer, PRICES)


def test_a_neutral_book_shorts_every_coin_it_holds(tmp_path: Path) -> None:
    """2 BTC, 10 ETH and 100 SOL: as many coins short, net nothing."""
    prices = {**PRICES, "SOL": "150"}
    target = "{name: n, kind: neutral, assets: [BTC, ETH, SOL], band: {trigger: 1 %}}"
    portfolio = snapshot(prices, {"BTC": "2", "ETH": "10", "SOL": "100"}, instruments=futures(prices))
    answer = planned(config(tmp_path, target, assets="BTC ETH SOL"), portfolio)

    assert {"BTC": d(-2), "ETH": d(-10), "SOL": d(-100)} == hedges(answer)
    assert {d(0)} == {answer.assets[coin].target for coin in prices}


@pytest.mark.parametrize(
    ("bitcoin", "alt", "expected"),
    [
        ("40000", "60000", {"ALT": d(-10_000), "BTC": d(10_000)}),
        ("70000", "30000", {"BTC": d(-20_000), "ALT": d(20_000)}),
    ],
    ids=["synthetic sell", "synthetic buy"],
)
def test_a_synthetic_trade_moves_both_sides(
    tmp_path: Path, bitcoin: str, alt: str, expected: dict[str, Decimal]
) -> None:
    """Selling alts means an alt short and a BTC long: the short of BTC alone would move it further away."""
    prices = {"BTC": "10000", "ALT": "10"}
    holdings = {"BTC": str(d(bitcoin) / 10_000), "ALT": str(d(alt) / 10)}
    target = HALVES.replace("ETH", "ALT")
    answer = planned(
        config(tmp_path, target, assets="BTC ALT"), snapshot(prices, holdings, instruments=futures(prices))
    )

    assert expected == values(answer, prices)


def test_a_cash_hedge_shorts_a_share_of_everything(tmp_path: Path) -> None:
    """Twenty per cent of 100,000 through BTC: 20,000 short; with a beta of 1.5, 30,000."""
    target = "{{name: c, kind: cash_hedge, share: 20 %, anchor: BTC, beta: {beta}, band: {{trigger: 0 coins}}}}"
    one, more = (weigh(tmp_path, {"BTC": "1.2", "ETH": "16"}, target.format(beta=beta)) for beta in ("1", "1.5"))

    assert {"BTC": d(-20_000)} == values(one, PRICES)
    assert {"BTC": d(-30_000)} == values(more, PRICES)
    assert d("0.8") == one.assets["BTC"].target


@pytest.mark.parametrize(
    ("mode", "expected"), [("trim_only", {"BTC": d(-1_500)}), ("full_rebalance", {"BTC": d(-1_500), "ETH": d(1_500)})]
)
def test_trimming_only_sells(tmp_path: Path, mode: str, expected: dict[str, Decimal]) -> None:
    """7,500 of 10,000 against 60 %: trim sells 1,500, a full rebalance buys the other leg as well."""
    answer = weigh(tmp_path, {"BTC": "0.15", "ETH": "1"}, sixty(mode=mode))

    assert expected == values(answer, PRICES)
    assert d(1_500) == answer.assets["BTC"].deviation_value


SNAPSHOT = {"BTC": "50000", "ETH": "33333"}
ONES = {"BTC": "1", "ETH": "1"}


def test_the_deviation_of_the_snapshot(tmp_path: Path) -> None:
    """50,000 and 33,333 at half each: 8,333.5 too much of one and too little of the other."""
    answer = planned(config(tmp_path, HALVES), snapshot(ONES, SNAPSHOT, instruments=futures(ONES)))

    assert (d(83_333), d("41666.5")) == (answer.nav, answer.assets["ETH"].target)
    assert (d("8333.5"), d("-8333.5")) == (answer.assets["BTC"].deviation, answer.assets["ETH"].deviation)


def test_full_neutrality_shorts_each_coin_by_itself(tmp_path: Path) -> None:
    """50,000 of BTC and 33,333 of ETH: not 83,333 of BTC."""
    target = "{name: n, kind: neutral, assets: [BTC, ETH], band: {trigger: 0 coins}}"
    answer = planned(config(tmp_path, target), snapshot(ONES, SNAPSHOT, instruments=futures(ONES)))

    assert {"BTC": d(-50_000), "ETH": d(-33_333)} == hedges(answer)


@pytest.mark.parametrize(
    ("shorts", "expected"),
    [
        ({}, {"BTC": d("-8333.5"), "ETH": d("8333.5")}),
        ({"BTC": "-83333"}, {"BTC": d("74999.5"), "ETH": d("8333.5")}),
        ({"BTC": "-50000", "ETH": "-33333"}, {"BTC": d("41666.5"), "ETH": d("41666.5")}),
    ],
    ids=["unhedged", "the article's hedge", "each neutral"],
)
def test_a_rebalance_ends_at_the_same_futures_wherever_it_starts(
    tmp_path: Path, shorts: dict[str, str], expected: dict[str, Decimal]
) -> None:
    """Final futures are -8,333.5 BTC and +8,333.5 ETH: an overweight adds to a short, it never buys one back."""
    positions = [
        {"account": "main", "instrument": f"binance.usdm:{coin}USDT", "contracts": size, "entry_price": "1"}
        for coin, size in shorts.items()
    ]
    answer = planned(config(tmp_path, HALVES), snapshot(ONES, SNAPSHOT, instruments=futures(ONES), positions=positions))
    final = {coin: hedge + d(shorts.get(coin, "0")) for coin, hedge in hedges(answer).items()}

    assert expected == hedges(answer)
    assert {"BTC": d("-8333.5"), "ETH": d("8333.5")} == final


def test_fifty_to_forty_per_cent_is_two_thousand(tmp_path: Path) -> None:
    """Half of 20,000 in BTC against 40 %: 2,000, not 1,000."""
    target = sixty().replace("60 %", "40 %").replace("ETH: 40 %", "ETH: 60 %")
    answer = weigh(tmp_path, {"BTC": "0.2", "ETH": "4"}, target)

    assert {"BTC": d(-2_000), "ETH": d(2_000)} == values(answer, PRICES)


def test_a_pair_is_weighed_like_any_other(tmp_path: Path) -> None:
    """60,000 of a layer one and 40,000 of DeFi at half each: 10,000 from one to the other."""
    prices = {"SOL": "100", "UNI": "10"}
    target = HALVES.replace("BTC", "SOL").replace("ETH", "UNI")
    portfolio = snapshot(prices, {"SOL": "600", "UNI": "4000"}, instruments=futures(prices))
    answer = planned(config(tmp_path, target, assets="SOL UNI"), portfolio)

    assert {"SOL": d(-10_000), "UNI": d(10_000)} == values(answer, prices)


WEALTH = {"BTC": "2.4", "ETH": "16", "USDT": "20000"}


@pytest.mark.parametrize(
    ("more", "base", "expected"),
    [
        (", reserve: 20000 USDT", 160_000, {"BTC": d(-24_000), "ETH": d(24_000)}),
        (", base: owned", 160_000, {"BTC": d(-24_000), "ETH": d(24_000)}),
        (", reserve: {USDT: 0}", 180_000, {"BTC": d(-12_000), "ETH": d(32_000)}),
        (", base: fixed, fixed: 160000 USDT", 160_000, {"BTC": d(-24_000), "ETH": d(24_000)}),
    ],
    ids=["less the reserve", "owned", "everything, said so", "fixed"],
)
def test_weights_are_of_the_base_that_is_named(
    tmp_path: Path, more: str, base: int, expected: dict[str, Decimal]
) -> None:
    """BTC has doubled beside 20,000 USDT of collateral: what the weights are of decides the hedge."""
    answer = weigh(tmp_path, WEALTH, sixty(more=more))

    assert (d(180_000), d(base)) == (answer.nav, answer.base["w"])
    assert expected == values(answer, PRICES)


def test_weights_of_undeclared_stablecoins_are_refused(tmp_path: Path) -> None:
    """Collateral that nobody declared would be turned into coins: one line names three ways out, nothing is sent."""
    answer = weigh(tmp_path, WEALTH, sixty())
    (refused,) = answer.refused

    assert ({}, ()) == (hedges(answer), answer.orders)
    assert all(word in refused.why for word in ("20000 USDT", "reserve", "owned", "fixed"))


def inverse(**changes: Any) -> dict[str, Any]:
    """A coin-margined perpetual of BTC: a contract is 100 dollars of face."""
    terms: dict[str, Any] = {
        "id": "binance.coinm:BTCUSD_PERP", "kind": "inverse", "base": "BTC", "quote": "USD", "settle": "BTC",
        "contract_size": "100", "lot_size": "1", "min_contracts": "1", "tick_size": "0.1", "mark_price": "62000",
        "bid": "61999.9", "ask": "62000.1", "taker_fee": "0.0005", "tiers": [{"floor": "0", "mmr": "0.005"}],
    }  # fmt: skip
    return {**terms, **changes}


def test_an_inverse_account_counts_its_collateral_once(tmp_path: Path) -> None:
    """1.3 BTC of wallet and 40,000 dollars of face short: equity and face over the mark, never the wallet again."""
    target = "{name: n, kind: neutral, assets: [BTC], band: {trigger: 0 coins}}"
    held = [{"account": "coinm", "asset": "BTC", "amount": "1.3"}]
    short = {"account": "coinm", "instrument": "binance.coinm:BTCUSD_PERP", "contracts": "-400", "entry_price": "55000"}
    answer = planned(
        config(tmp_path, target, assets="BTC"),
        snapshot({"BTC": "62000"}, held, instruments=[inverse()], positions=[short]),
    )
    bitcoin = answer.assets["BTC"]

    assert d("0.572727273") == round(bitcoin.exposure, 9)
    assert d("1.217888563") == round(bitcoin.parts.collateral, 9)
    assert (d(0), d("-0.645161290")) == (bitcoin.parts.spot, round(bitcoin.parts.inverse, 9))
    assert ("sell", d(355)) == (answer.orders[0].side, answer.orders[0].contracts)


def test_a_hedged_book_is_worth_usdt(tmp_path: Path) -> None:
    """A short against a coin that is held turns the whole of it into USDT exposure, and that falls with the peg."""
    target = "{name: n, kind: neutral, assets: [BTC], band: {trigger: 1 %}}"
    short = {"account": "main", "instrument": "binance.usdm:BTCUSDT", "contracts": "-1", "entry_price": "60000"}
    book = snapshot(
        {"BTC": "60000"}, {"BTC": "1", "USDT": "10000"}, instruments=[perp("BTC", "60000")], positions=[short]
    )
    before = planned(config(tmp_path, target, assets="BTC"), book)
    after = planned(config(tmp_path, target, assets="BTC"), {**book, "prices": {"BTC": "60000", "USDT": "0.99"}})

    assert (d(0), d(70_000)) == (before.assets["BTC"].exposure, before.assets["USDT"].exposure)
    assert d(-700) == after.assets["USDT"].exposure_value - before.assets["USDT"].exposure_value  # type: ignore[operator]


@pytest.mark.parametrize(
    ("held", "side", "limit"), [("1.2345", "sell", "59940.1"), ("-1.2345", "buy", "60060")], ids=["sell", "buy"]
)
def test_an_order_is_rounded_towards_no_trade(tmp_path: Path, held: str, side: str, limit: str) -> None:
    """1.2345 coins in lots of a hundredth: 1.23, its limit to the safe tick, the rest shown and not traded."""
    target = "{name: n, kind: neutral, assets: [BTC], band: {trigger: 0 coins}}"
    future = perp("BTC", "60000.05", tick_size="0.1", lot_size="0.01", bid="60000", ask="60000.1")
    path = config(tmp_path, target, assets="BTC", more="limits: {slippage: 10 bps}\n")
    answer = planned(path, snapshot({"BTC": "60000"}, {"BTC": held}, instruments=[future]))
    (order,) = answer.orders

    assert (side, d("1.23"), d(limit)) == (order.side, order.contracts, order.limit_price)
    assert d("0.0045") == abs(answer.assets["BTC"].residual_after_rounding)
    assert d(held) == answer.assets["BTC"].deviation == -answer.assets["BTC"].hedge


@pytest.mark.parametrize(("indexed", "weight"), [("70000", "50 %"), ("80000", "60 %")])
def test_an_index_brings_a_group_down_to_its_weight(tmp_path: Path, indexed: str, weight: str) -> None:
    """Alts at 70 % against 50 %, or 80 % against 60 %: 20,000 of the index short, and half of that is BTC."""
    prices = {"BTC": "50000", "ALT": "10", "IDX": "100"}
    target = f"{{name: i, kind: index, assets: [ALT], indices: [IDX], weight: {weight}, band: {{trigger: 1 pp}}}}"
    future = perp("IDX", "100", kind="index", composition={"BTC": "0.5", "ALT": "0.5"})
    holdings = {"ALT": str(d(indexed) / 10), "BTC": str((100_000 - d(indexed)) / 50_000)}
    answer = planned(config(tmp_path, target, assets="BTC ALT IDX"), snapshot(prices, holdings, instruments=[future]))

    assert {"IDX": d(-20_000)} == values(answer, prices)
    assert {"binance.usdm:IDXUSDT": d(-200)} == sent(answer)


def test_a_weight_of_cash_is_cash_that_counts(tmp_path: Path) -> None:
    """Half of 40,000 in BTC, a quarter in ETH, and a quarter stays: 30,000 of BTC sell 10,000 and buy 10,000 of ETH."""
    target = (
        "{name: w, kind: weights, weights: {BTC: 50 %, ETH: 25 %, USDT: 25 %}, mode: full_rebalance,"
        " band: {trigger: 0 pp}}"
    )
    book = snapshot(
        {"BTC": "10000", "ETH": "1000"},
        {"BTC": "3", "USDT": "10000"},
        instruments=[perp("BTC", "10000"), perp("ETH", "1000")],
    )
    answer = planned(config(tmp_path, target, assets="BTC ETH"), book)

    assert {"w": d(40_000)} == answer.base
    assert {"BTC": d(-1), "ETH": d(10)} == hedges(answer)
    assert {"BTC": d(2), "ETH": d(10)} == {coin: answer.assets[coin].target for coin in ("BTC", "ETH")}


def test_leverage_is_a_long_on_top(tmp_path: Path) -> None:
    """10,000 of BTC at three times: 20,000 of futures beside the coin, 30,000 in all."""
    target = "{name: l, kind: leverage, weights: {BTC: 1}, leverage: 3, leverage_max: 3, band: {trigger: 0 coins}}"
    answer = planned(
        config(tmp_path, target, assets="BTC"),
        snapshot({"BTC": "10000"}, {"BTC": "1"}, instruments=[perp("BTC", "10000")]),
    )

    assert ({"BTC": d(2)}, d(3)) == (hedges(answer), answer.assets["BTC"].target)


def test_risk_parity_of_a_coin_three_times_as_wild(tmp_path: Path) -> None:
    """Three times the volatility: three quarters BTC and a quarter of the other."""
    target = (
        "{name: p, kind: risk_parity, assets: [BTC, ETH], volatilities: {BTC: 0.5, ETH: 1.5}, base: owned,"
        " band: {trigger: 0 pp}}"
    )
    answer = weigh(tmp_path, {"BTC": "1", "ETH": "20"}, target)

    assert {"BTC": d(25_000), "ETH": d(-25_000)} == values(answer, PRICES)


def test_half_of_a_holding_is_hedged(tmp_path: Path) -> None:
    """60,000 of BTC at a ratio of one half: 30,000 short, 30,000 net."""
    target = "{name: r, kind: ratio, assets: [BTC], ratio: 0.5, band: {trigger: 1 %}}"
    answer = weigh(tmp_path, {"BTC": "1.2"}, target)

    assert ({"BTC": d(-30_000)}, d("0.6")) == (values(answer, PRICES), answer.assets["BTC"].target)
    assert {"r": d("0.6")} == answer.assets["BTC"].target_parts
