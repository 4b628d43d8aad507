"""Plans over several accounts, both sides of a contract, and collateral that moves with what it margins."""

from pathlib import Path
from typing import Any

import pytest

from bot.runtime.plan_answer import Answer
from tests.runtime.planning import config, d, perp, planned, snapshot

NEUTRAL = "{name: n, kind: neutral, assets: [BTC], band: {trigger: 0 coins}}"
BTC = "binance.usdm:BTCUSDT"
FLAT = [{"floor": "0", "mmr": "0.004"}]
HEDGED = [{"id": "a", "position_mode": "hedge"}]


def future(**changes: Any) -> dict[str, Any]:
    """A perpetual at 60,000 that costs nothing to trade and needs 0.4 %."""
    return perp("BTC", "60000", **{"taker_fee": "0", "tiers": FLAT, "bid": "60000", "ask": "60000.1", **changes})


def held(contracts: str, account: str = "a", **changes: Any) -> dict[str, Any]:
    """A position in the perpetual, opened at its mark."""
    return {"account": account, "instrument": BTC, "contracts": contracts, "entry_price": "60000", **changes}


def wallets(coins: str, *accounts: str) -> list[dict[str, Any]]:
    """Coins elsewhere, and 50,000 USDT in each account."""
    spot = {"account": "spot", "asset": "BTC", "amount": coins}
    return [spot, *({"account": name, "asset": "USDT", "amount": "50000"} for name in accounts)]


def answer_of(tmp_path: Path, holdings: Any, *positions: dict[str, Any], more: str = "", **extra: Any) -> Answer:
    """A delta-neutral plan at a BTC of 60,000."""
    extra = {"instruments": [future()], "positions": positions, **extra}
    return planned(config(tmp_path, NEUTRAL, assets="BTC", more=more), snapshot({"BTC": "60000"}, holdings, **extra))


def sent(answer: Answer) -> list[tuple[str, str, str, bool]]:
    """Every order's account, side, contracts, and whether it only reduces."""
    return [(one.account, one.side, f"{one.contracts.normalize():f}", one.reduce_only) for one in answer.orders]


@pytest.mark.parametrize(
    ("coins", "expected"),
    [
        ("0.5", [("a", "buy", "1", True), ("b", "buy", "0.5", True)]),
        ("-0.5", [("a", "buy", "1.5", False), ("b", "buy", "1", True)]),
        ("2.5", [("a", "sell", "0.5", False)]),
    ],
    ids=["reduce both", "through zero", "add"],
)
def test_an_order_reduces_what_its_own_account_holds(tmp_path: Path, coins: str, expected: list[Any]) -> None:
    """A contract that two accounts hold is reduced in each by what is there, and opened in one of them."""
    answer = answer_of(tmp_path, wallets(coins, "a", "b"), held("-1", "a"), held("-1", "b"))

    assert expected == sent(answer)
    assert d(0) == answer.assets["BTC"].residual_after_rounding


@pytest.mark.parametrize(
    ("coins", "expected"),
    [
        ("0.5", [("a", "buy", "0.6", True)]),
        ("3", [("a", "sell", "0.4", True), ("a", "sell", "1.5", False)]),
        ("-0.9", [("a", "buy", "1.5", True), ("a", "buy", "0.5", False)]),
    ],
)
def test_in_hedge_mode_each_side_is_an_order_of_its_own(tmp_path: Path, coins: str, expected: list[Any]) -> None:
    """0.4 long and 1.5 short side by side: what is against the need is reduced first, the rest is opened."""
    sides = (held("0.4", side="long"), held("-1.5", side="short"))
    told = answer_of(tmp_path, wallets(coins, "a"), *sides, accounts=HEDGED)

    assert expected == sent(told) == sent(answer_of(tmp_path, wallets(coins, "a"), *sides))


def test_in_hedge_mode_both_sides_need_margin(tmp_path: Path) -> None:
    """0.4 long and 1.5 short need 0.4 % of 1.9 coins, and are liquidated where the short's losses use all up."""
    sides = (held("0.4", side="long"), held("-1.5", side="short"))
    margin = answer_of(tmp_path, wallets("1.1", "a"), *sides).margin["a"]

    assert d("0.00912") == margin.ratio_before == margin.ratio_after
    price = (50_000 + d("1.1") * 60_000) / (d("1.1") + d("1.9") * d("0.004"))
    assert round(price, 6) == round(margin.liquidation[BTC] or d(0), 6)


def test_a_side_that_is_opened_beside_another_adds_its_margin(tmp_path: Path) -> None:
    """Orders change the side that they are of: the long is closed and the short doubled, 3 coins in all."""
    sides = (held("0.4", side="long"), held("-1.5", side="short"))
    margin = answer_of(tmp_path, wallets("3", "a"), *sides, instruments=[future(mark_price="60000")]).margin["a"]

    assert d("0.0144") == round(margin.ratio_after or d(0), 6)


def test_a_short_against_its_own_coins_is_liquidated_far_away(tmp_path: Path) -> None:
    """Collateral of the same coin rises with the short's losses: 0.95 of a coin leaves 5 % and the margin to pay."""
    account = [{"id": "a", "margin_mode": "multi_asset", "haircuts": {"BTC": "0.95"}}]
    coins = [{"account": "a", "asset": "BTC", "amount": "1"}, {"account": "a", "asset": "USDT", "amount": "1000"}]
    margin = answer_of(tmp_path, coins, held("-1"), accounts=account).margin["a"]

    assert round(d(61_000) / d("0.054"), 6) == round(margin.liquidation[BTC] or d(0), 6)
    assert round(d(61_000) / d("0.054") / 60_000 - 1, 9) == round(margin.stress_distance_up or d(0), 9)


def test_own_coins_that_cover_a_long_say_where_it_is_liquidated(tmp_path: Path) -> None:
    """A long on its own coin loses on both: at P, 0.5 P + P - 60,000 + 40,000 is the margin 0.004 P."""
    account = [{"id": "a", "margin_mode": "multi_asset", "haircuts": {"BTC": "0.5"}}]
    coins = [{"account": "a", "asset": "BTC", "amount": "1"}, {"account": "a", "asset": "USDT", "amount": "40000"}]
    elsewhere = {"account": "b", "asset": "BTC", "amount": "-2"}
    margin = answer_of(tmp_path, [*coins, elsewhere], held("1"), accounts=account).margin["a"]

    assert round(d(20_000) / (d("1.5") - d("0.004")), 6) == round(margin.liquidation[BTC] or d(0), 6)


def test_a_covered_long_that_no_price_liquidates_has_none(tmp_path: Path) -> None:
    """Enough cash beside it pays for the fall to nothing."""
    account = [{"id": "a", "margin_mode": "multi_asset", "haircuts": {"BTC": "0.5"}}]
    coins = [{"account": "a", "asset": "BTC", "amount": "1"}, {"account": "a", "asset": "USDT", "amount": "70000"}]
    elsewhere = {"account": "b", "asset": "BTC", "amount": "-2"}
    margin = answer_of(tmp_path, [*coins, elsewhere], held("1"), accounts=account).margin["a"]

    assert margin.liquidation[BTC] is None


def test_another_stablecoin_is_cash_under_stress(tmp_path: Path) -> None:
    """10,000 USDC beside USDT contracts count after their haircut, and do not rise with the market."""
    account = [{"id": "a", "margin_mode": "multi_asset", "haircuts": {"USDC": "0.9"}}]
    coins = [
        {"account": "a", "asset": "USDC", "amount": "10000"},
        {"account": "a", "asset": "USDT", "amount": "0"},
        {"account": "spot", "asset": "BTC", "amount": "1"},
    ]
    book = snapshot(
        {"BTC": "60000", "USDC": "1"}, coins, instruments=[future()], positions=[held("-1")], accounts=account
    )
    margin = planned(config(tmp_path, NEUTRAL, assets="BTC"), book).margin["a"]

    assert round(d(69_000) / d("1.004") / 60_000 - 1, 9) == round(margin.stress_distance_up or d(0), 9)


def test_a_future_in_its_last_hour_takes_no_new_risk(tmp_path: Path) -> None:
    """Half an hour before expiry the perpetual carries what is needed, though its funding is not known."""
    dated = future(id="binance.usdm:BTCUSDT_240809", expiry="2024-08-09T00:30:00Z")
    answer = answer_of(tmp_path, wallets("1", "a"), instruments=[future(), dated])
    alone = answer_of(tmp_path, wallets("1", "a"), instruments=[dated])

    assert [BTC] == [one.instrument for one in answer.orders]
    assert () == alone.orders
    assert "expires within the hour" in alone.refused[0].why


def test_a_spot_sale_is_of_the_account_that_has_the_coins(tmp_path: Path) -> None:
    """The coins lie in one account and the contracts in another: each order goes to its own."""
    target = (
        "{name: c, kind: convert_to_spot, asset: BTC, amount: 0.5 BTC, slices: {notional: 30000 USDT, every: 60 s}}"
    )
    market = {**future(), "id": "x:BTCUSDT", "kind": "spot"}
    del market["contract_size"], market["tiers"]
    book = snapshot({"BTC": "60000"}, wallets("1", "a"), instruments=[future(), market], positions=[held("-1")])
    answer = planned(config(tmp_path, target, assets="BTC"), book)

    assert [("spot", "sell"), ("a", "buy")] == [(one.account, one.side) for one in answer.orders]


def test_a_stablecoin_that_begins_to_leave_its_peg_is_told_of(tmp_path: Path) -> None:
    """Beyond half a per cent the plan warns and still hedges; beyond one and a half it opens nothing."""
    plans = [
        planned(
            config(tmp_path, NEUTRAL, assets="BTC"),
            snapshot({"BTC": "60000", "USDT": price}, wallets("1", "a"), instruments=[future()]),
        )
        for price in ("1.005", "1.006", "1.016")
    ]

    assert [False, True, False] == ["more than 0.500 % off its peg" in one.assets["BTC"].why for one in plans]
    assert [1, 1, 0] == [len(one.orders) for one in plans]


def test_a_budget_in_money_of_unknown_worth_opens_nothing(tmp_path: Path) -> None:
    """A venue's budget cannot be kept where USDT has no price: it is never taken for a dollar."""
    book = snapshot({"BTC": "60000"}, wallets("1", "a"), instruments=[future()])
    del book["prices"]["USDT"]
    budgets = "budgets: {venues: {binance: 1000000 USD}}\n"
    free, bound = (planned(config(tmp_path, NEUTRAL, assets="BTC", more=more), book) for more in ("", budgets))

    assert (1, 0) == (len(free.orders), len(bound.orders))
    assert any("no price of USDT" in line.why for line in bound.refused)


@pytest.mark.parametrize("term", ["contract_size", "quote", "settle"])
@pytest.mark.parametrize("mode", ["cross", "isolated", "multi_asset"])
def test_a_position_in_a_contract_without_terms_has_no_margin_and_stops_nobody_else(
    tmp_path: Path, term: str, mode: str
) -> None:
    """Of a contract that does not say what it is worth the margin is unknown, with a line; ETH is planned."""
    hole = future()
    for name in (term, "quote") if term == "settle" else (term,):
        del hole[name]
    eth = perp("ETH", "3000", tick_size="0.01")
    other = {"account": "a", "instrument": eth["id"], "contracts": "-1", "entry_price": "3000"}
    target = "{name: n, kind: neutral, assets: [BTC, ETH], band: {trigger: 0 coins}}"
    book = snapshot(
        {"BTC": "60000", "ETH": "3000"}, [*wallets("1", "a"), {"account": "spot", "asset": "ETH", "amount": "2"}],
        instruments=[hole, eth], positions=[held("-1"), other], accounts=[{"id": "a", "margin_mode": mode}],
    )  # fmt: skip
    answer = planned(config(tmp_path, target), book)

    assert [("a", "sell", "1", False)] == sent(answer)
    assert ["BTC"] == [line.what for line in answer.refused]
    assert answer.margin["a"].ratio_after is None
    assert any(line.startswith("margin of a: no") for line in answer.unknown)
