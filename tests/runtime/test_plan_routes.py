"""How a plan shares a hedge out over the futures of a coin: as the running service does, each as far as limits go."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.runtime.plan_answer import Answer
from tests.runtime.planning import config, d, perp, planned, sent, snapshot

NEUTRAL = "{name: n, kind: neutral, assets: [BTC], band: {trigger: 0 coins}}"
NEAR, FAR = "binance.usdm:BTCUSDT", "bybit.unified:linear:BTCUSDT"


def poor(**changes: Any) -> dict[str, Any]:
    """Binance's perpetual, whose shorts receive nothing."""
    return perp("BTC", "60000", **{"funding": {"rate": "0", "interval_hours": "8"}, **changes})


def rich(**changes: Any) -> dict[str, Any]:
    """Bybit's, whose shorts receive 0.03 % every eight hours."""
    funding = {"rate": "0.0003", "interval_hours": "8"}
    return perp("BTC", "60000", **{"id": FAR, "venue": "bybit", "funding": funding, **changes})


def hedge_of(tmp_path: Path, *instruments: dict[str, Any], more: str = "", **extra: Any) -> Answer:
    """Plan a neutral BTC at 60,000."""
    path = config(tmp_path, NEUTRAL, assets="BTC", more=more)
    holdings = extra.pop("holdings", {"BTC": "1"})
    return planned(path, snapshot({"BTC": "60000"}, holdings, instruments=list(instruments), **extra))


def test_what_the_cheapest_book_does_not_hold_goes_to_the_next(tmp_path: Path) -> None:
    """0.4 contracts within 15 bps: 0.4 there, 0.6 on the dearer future, and why."""
    thin = rich(bids=[["59999.9", "0.4"]], asks=[["60000.1", "0.4"]])
    answer = hedge_of(tmp_path, poor(), thin)

    assert {FAR: d("-0.4"), NEAR: d("-0.6")} == sent(answer)
    assert f"the book of {FAR} holds 0.4 contracts within 15 bps" in answer.assets["BTC"].why


@pytest.mark.parametrize(
    ("more", "changes"),
    [
        ("budgets: {instruments: {bybit.linear:BTCUSDT: 30000 USDT}}\n", {}),
        ("budgets: {venues: {bybit: 30000 USDT}}\n", {}),
        ("limits: {position_notional: 30000 USDT}\n", {}),
        ("", {"max_position": "0.5"}),
    ],
)
def test_what_a_cap_does_not_let_the_cheapest_take_goes_to_the_next(
    tmp_path: Path, more: str, changes: dict[str, str]
) -> None:
    """Half a coin is 30,000: the other half is sold on the other future, and nothing is refused."""
    answer = hedge_of(tmp_path, poor(), rich(**changes), more=more)

    assert {FAR: d("-0.5"), NEAR: d("-0.5")} == sent(answer)
    assert (d(0), ()) == (answer.assets["BTC"].residual_after_rounding, answer.refused)


def test_futures_at_one_venue_share_its_budget(tmp_path: Path) -> None:
    """24,000 for the venue: the cheaper of its two futures takes all of it, a third one the rest."""
    twin = rich(id="bybit.unified:linear:BTCPERP", taker_fee="0.0004")
    answer = hedge_of(tmp_path, poor(), rich(), twin, more="budgets: {venues: {bybit: 24000 USDT}}\n")

    assert {"bybit.unified:linear:BTCPERP": d("-0.4"), NEAR: d("-0.6")} == sent(answer)


def test_what_no_future_takes_is_left_and_told(tmp_path: Path) -> None:
    """Two thin books: the rest waits."""
    book = {"bids": [["59999.9", "0.2"]], "asks": [["60000.1", "0.2"]]}
    answer = hedge_of(tmp_path, poor(**book), rich(**book))

    assert {FAR: d("-0.2"), NEAR: d("-0.2")} == sent(answer)
    assert d("-0.6") == answer.assets["BTC"].residual_after_rounding
    assert ["its futures leave -0.6 of it"] == [line.why for line in answer.refused]


def test_where_no_future_takes_anything_the_reasons_are_told(tmp_path: Path) -> None:
    """Nothing is sent, and every future says what is in its way."""
    answer = hedge_of(tmp_path, poor(), rich(), more="budgets: {venues: {binance: 30 USDT, bybit: 30 USDT}}\n")

    assert {} == sent(answer)
    assert 0 < len(answer.refused)


def test_a_new_half_goes_to_the_cheaper_future_and_the_old_one_stays(tmp_path: Path) -> None:
    """Funding of 0.03 % a settlement beats all trades: the new half goes there, and the words say what stays."""
    half = [{"account": "main", "instrument": NEAR, "contracts": "-0.5", "entry_price": "60000"}]
    answer = hedge_of(tmp_path, poor(), rich(), positions=half)
    why = answer.assets["BTC"].why

    assert {FAR: d("-0.5")} == sent(answer)
    assert f"{FAR} saves" in why
    assert f"what {NEAR} holds stays there until a move of it pays" in why
    assert "moving from" not in why


def wallets(tmp_path: Path, there: str) -> Answer:
    """One coin in a wallet of its own, and cash in both futures accounts."""
    cash = [("cold", "BTC", "1"), ("binance.usdm", "USDT", "50000"), ("bybit.unified", "USDT", there)]
    held = [{"account": account, "asset": asset, "amount": amount} for account, asset, amount in cash]
    tiers = {"tiers": [{"floor": "0", "mmr": "0.01"}]}
    more = "limits: {stress_distance: 0 %}\n"
    return hedge_of(tmp_path, poor(**tiers), rich(**tiers), holdings=held, more=more)


@pytest.mark.parametrize(("there", "coins"), [("660", "0.5"), ("50000", "1")])
def test_the_margin_of_an_account_bounds_what_it_takes(tmp_path: Path, there: str, coins: str) -> None:
    """1 % of maintenance margin at a ratio of 0.5, 5 bps of fee and 15 of slippage: 660 are good for 30,000."""
    found = sent(wallets(tmp_path, there))

    assert d(coins) == -found[FAR]
    assert d(-1) == sum(found.values(), Decimal(0))


def test_capital_that_would_earn_elsewhere_is_a_cost(tmp_path: Path) -> None:
    """Alike but for their brackets: the one that ties up less is the cheaper one once capital has a price."""
    alike = {"funding": {"rate": "0", "interval_hours": "8"}}
    heavy, light = ({"tiers": [{"floor": "0", "mmr": mmr}], **alike} for mmr in ("0.05", "0.004"))
    free = hedge_of(tmp_path, poor(**heavy), rich(**light))
    priced = hedge_of(tmp_path, poor(**heavy), rich(**light), more="routing: {capital_apr: 5 %}\n")

    assert {NEAR: d(-1)} == sent(free)
    assert {FAR: d(-1)} == sent(priced)


def test_a_basis_that_may_turn_is_a_cost_of_perpetuals(tmp_path: Path) -> None:
    """With funding at nothing a perpetual beats a dated future without a premium, until its basis has a price."""
    name = "binance.usdm:BTCUSDT_241227"
    dated = poor(id=name, expiry="2024-12-27T08:00:00Z", index_price="60000", taker_fee="0.0006")
    free = hedge_of(tmp_path, poor(), dated)
    priced = hedge_of(tmp_path, poor(), dated, more="routing: {adverse_basis: 5 %}\n")

    assert {NEAR: d(-1)} == sent(free)
    assert {name: d(-1)} == sent(priced)
