"""The margin of a plan: ratios before and after its orders, stress distances, liquidation prices, top-ups."""

from pathlib import Path
from typing import Any

import pytest

from bot.runtime.plan_answer import AccountMargin, Answer
from tests.runtime.planning import config, d, perp, planned, snapshot

NEUTRAL = "{name: n, kind: neutral, assets: [BTC], band: {trigger: 0 coins}}"
BTC = "binance.usdm:BTCUSDT"
FLAT = [{"floor": "0", "mmr": "0.004"}]


def answer_of(tmp_path: Path, holdings: Any, *, target: str = NEUTRAL, more: str = "", **extra: Any) -> Answer:
    """Plan at a BTC of 60,000, with a perpetual that costs nothing to trade and needs 0.4 %."""
    future = perp("BTC", "60000", taker_fee="0", tiers=FLAT, bid="60000", ask="60000.1")
    extra.setdefault("instruments", [future])
    return planned(config(tmp_path, target, assets="BTC", more=more), snapshot({"BTC": "60000"}, holdings, **extra))


def short(contracts: str = "-1", **changes: Any) -> dict[str, Any]:
    """A position in the perpetual, opened at 60,000."""
    return {"account": "main", "instrument": BTC, "contracts": contracts, "entry_price": "60000", **changes}


def of(answer: Answer, account: str = "main") -> AccountMargin:
    """One account's margin."""
    return answer.margin[account]


def test_a_short_is_margined_by_its_wallet_alone(tmp_path: Path) -> None:
    """1 BTC short on 20,000 USDT: 240 of margin needed, gone at (W + Q E) / (Q (1 + mmr)); the coin is elsewhere."""
    margin = of(answer_of(tmp_path, {"BTC": "1", "USDT": "20000"}, positions=[short()]))

    assert d("0.012") == margin.ratio_before == margin.ratio_after
    assert round(d(80_000) / d("1.004"), 8) == round(margin.liquidation[BTC] or d(0), 8)
    assert round(d(80_000) / d("1.004") / 60_000 - 1, 8) == round(margin.stress_distance_up or d(0), 8)
    assert d("Infinity") == margin.stress_distance_down


def test_the_orders_count_after_and_not_before(tmp_path: Path) -> None:
    """Nothing is margined before a first short; after it, its maintenance margin and what it lost against the mark."""
    answer = answer_of(tmp_path, {"BTC": "1", "USDT": "20000"}, instruments=[perp("BTC", "60000", tiers=FLAT)])
    margin = of(answer)

    assert d(0) == margin.ratio_before
    assert round(d(240) / (20_000 - d("29.99995") - d("0.1")), 6) == round(margin.ratio_after or d(0), 6)


def test_a_wallet_that_is_not_told_is_not_empty(tmp_path: Path) -> None:
    """Without a balance of the settlement asset the margin is unknown: null, a line, and no order refused for it."""
    answer = answer_of(tmp_path, {"BTC": "1"})
    margin = of(answer, "binance.usdm")

    assert (None, None, None) == (margin.ratio_before, margin.ratio_after, margin.top_up)
    assert any("no balance of USDT" in line for line in answer.unknown)
    assert 1 == len(answer.orders)


@pytest.mark.parametrize("missing", ["tiers", "entry_price", "price"])
def test_an_unknown_input_makes_the_margin_unknown(tmp_path: Path, missing: str) -> None:
    """No tiers, no entry price, no price of the quote: the figures are null and the reason is said."""
    book: dict[str, Any] = {"positions": [short()]}
    if missing == "tiers":
        book["instruments"] = [perp("BTC", "60000", tiers=[])]
    if missing == "entry_price":
        book["positions"] = [short(entry_price=None)]
    portfolio = snapshot(
        {"BTC": "60000"}, {"BTC": "1", "USDT": "20000"}, **{"instruments": [perp("BTC", "60000")], **book}
    )
    if missing == "price":
        del portfolio["prices"]["USDT"]
    answer = planned(config(tmp_path, NEUTRAL, assets="BTC"), portfolio)

    assert (None, {BTC: None}) == (of(answer).ratio_after, of(answer).liquidation)
    assert any(line.startswith("margin of main") for line in answer.unknown)


def test_the_margin_of_options_is_the_venues_to_say(tmp_path: Path) -> None:
    """Options have no brackets: what the venue says of the account stands, the rest is unknown by name."""
    option = {
        "id": "opt", "kind": "option", "base": "BTC", "quote": "USD", "settle": "BTC", "contract_size": "1",
        "greeks": {"delta": "0.5", "mark_coin": "0.05"},
    }  # fmt: skip
    position = [{"account": "deribit", "instrument": "opt", "contracts": "1", "entry_price": "0.05"}]
    account = {"id": "deribit", "margin_balance": "2", "maintenance_margin": "0.5"}
    held = [{"account": "deribit", "asset": "BTC", "amount": "2"}]
    answer = answer_of(
        tmp_path, held, target=NEUTRAL.replace("0 c", "9 c"), instruments=[option], positions=position,
        accounts=[account],
    )  # fmt: skip

    assert (d("0.25"), None, {}) == (
        of(answer, "deribit").ratio_before, of(answer, "deribit").ratio_after, of(answer, "deribit").liquidation,
    )  # fmt: skip
    assert any("option contracts" in line for line in answer.unknown)


def test_what_the_venue_says_comes_first(tmp_path: Path) -> None:
    """Its margin balance and maintenance margin stand, and so does its liquidation price; a difference is told."""
    account = {"id": "main", "margin_balance": "10000", "maintenance_margin": "500"}
    told = answer_of(
        tmp_path, {"BTC": "1", "USDT": "20000"}, positions=[short(liquidation_price="90000")], accounts=[account]
    )

    assert (d("0.05"), d(90_000)) == (of(told).ratio_before, of(told).liquidation[BTC])
    assert any("liquidation price" in line and BTC in line for line in told.unknown)


def test_thin_margin_refuses_what_opens(tmp_path: Path) -> None:
    """An order after which margin would be beyond the limit is not planned: its reason names limit and account."""
    answer = answer_of(tmp_path, {"BTC": "10", "USDT": "3000"}, more="limits: {position_notional: 1000000 USDT}\n")
    (refused,) = answer.refused

    assert ((), d(-10)) == (answer.orders, answer.assets["BTC"].residual_after_rounding)
    assert "margin ratio of main" in refused.why
    assert {} == answer.margin


def test_thin_margin_never_refuses_what_reduces(tmp_path: Path) -> None:
    """Out of a position whose margin is thin there is always a way."""
    answer = answer_of(tmp_path, {"BTC": "0", "USDT": "300"}, positions=[short()])

    assert [("buy", True)] == [(order.side, order.reduce_only) for order in answer.orders]
    assert () == answer.refused


def test_a_top_up_comes_ahead_and_from_where_it_is(tmp_path: Path) -> None:
    """To survive 30 % up, a short of 1 BTC needs 18,000 and its margin then; what lacks is free in another account."""
    wallets = [
        {"account": "main", "asset": "USDT", "amount": "10000"},
        {"account": "main", "asset": "BTC", "amount": "1"},
        {"account": "spot", "asset": "USDT", "amount": "5000"},
        {"account": "vault", "asset": "USDT", "amount": "50000"},
    ]
    accounts = [{"id": "main"}, {"id": "spot", "max_withdraw": "4000"}, {"id": "vault", "transfers_allowed": False}]
    answer = answer_of(tmp_path, wallets, positions=[short()], accounts=accounts)

    assert d(18_000) + d("0.004") * 78_000 - 10_000 == of(answer).top_up
    assert [("spot", "main", "USDT", d(4000))] == [(t.from_, t.to, t.asset, t.amount) for t in answer.transfers]
    assert any("4312 USDT" in line for line in answer.unknown)


def test_isolated_margin_is_the_positions_own(tmp_path: Path) -> None:
    """Three times leverage on 10,000: gone 33.07 % below, whatever else the account holds."""
    target = (
        "{name: l, kind: leverage, weights: {BTC: 1}, leverage: 1, leverage_max: 3, base: owned, band: {trigger: 90 %}}"
    )
    long = short("0.5", margin_mode="isolated", leverage="3")
    margin = of(answer_of(tmp_path, {"BTC": "1", "USDT": "999999"}, target=target, positions=[long]))

    assert d("0.330656") == round(margin.stress_distance_down or d(0), 6)
    assert round(60_000 * (1 - d("0.330656")), 0) == round(margin.liquidation[BTC] or d(0), 0)


def coin_margined(wallet: str, face: str) -> dict[str, Any]:
    """An inverse position of face dollars, opened at its mark."""
    future = {
        "id": "coinm:BTCUSD", "kind": "inverse", "base": "BTC", "quote": "USD", "settle": "BTC", "contract_size": "1",
        "tick_size": "0.1", "lot_size": "1", "mark_price": "60000", "taker_fee": "0",
        "tiers": [{"floor": "0", "mmr": "0.005"}],
    }  # fmt: skip
    position = {"account": "coinm", "instrument": "coinm:BTCUSD", "contracts": face, "entry_price": "60000"}
    held = [{"account": "coinm", "asset": "BTC", "amount": wallet}]
    return {"holdings": held, "instruments": [future], "positions": [position]}


@pytest.mark.parametrize(("wallet", "price"), [("0.5", d(119_400)), ("1", None)], ids=["half covered", "covered"])
def test_a_coin_margined_short_that_is_covered_is_never_liquidated(tmp_path: Path, wallet: str, price: Any) -> None:
    """Half a coin against 60,000 of face is gone at 119,400; a whole one never is, however far the price rises."""
    target = NEUTRAL.replace("0 coins", "9 coins")
    margin = of(answer_of(tmp_path, target=target, **coin_margined(wallet, "-60000")), "coinm")

    assert {"coinm:BTCUSD": price} == {k: None if v is None else round(v, 6) for k, v in margin.liquidation.items()}


def test_portfolio_margin_counts_coins_after_their_haircut(tmp_path: Path) -> None:
    """A short against the coin in the same account: no rise liquidates it; without a haircut it counts nothing."""
    accounts = [{"id": "main", "margin_mode": "portfolio", "haircuts": {"BTC": "0.95"}}]
    wallet = {"BTC": "1.1", "USDT": "0"}
    book: dict[str, Any] = {"positions": [short()], "target": NEUTRAL.replace("0 c", "1 c")}
    covered = of(answer_of(tmp_path, wallet, accounts=accounts, **book))
    bare = answer_of(tmp_path, wallet, accounts=[{"id": "main", "margin_mode": "portfolio"}], **book)

    assert d("Infinity") == covered.stress_distance_up
    assert d(0) == of(bare).stress_distance_up
    assert any("no haircut of BTC" in line for line in bare.unknown)


THIN = "limits: {stress_distance: 40 %, position_notional: 1000000 USDT}"


def test_a_plan_that_would_be_too_near_to_liquidation_is_refused_as_the_daemon_would(tmp_path: Path) -> None:
    """A move of 33 % liquidates 1 BTC short on 20,000 USDT: refused at 40 %, planned at 15 %; a reduction always."""
    held = {"BTC": "1", "USDT": "20000"}
    answer = answer_of(tmp_path, held, more=THIN)
    (refused,) = answer.refused

    assert () == answer.orders
    assert refused.why == "main: a move of 32.8% would liquidate the account, it must survive 40.0%"
    assert 1 == len(answer_of(tmp_path, held).orders)
    reduced = answer_of(tmp_path, {"BTC": "0.5", "USDT": "20000"}, positions=[short()], more=THIN)
    assert [True] == [order.reduce_only for order in reduced.orders]
