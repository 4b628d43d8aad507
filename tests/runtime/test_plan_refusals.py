"""What a plan refuses and what a hedge waits for: one asset's trouble is its own, and unknown is never nothing."""

from pathlib import Path
from typing import Any

import pytest

from tests.runtime.planning import NOW, config, d, hedges, perp, planned, snapshot

BOTH = "{name: n, kind: neutral, assets: [BTC, ETH], band: {trigger: 1 %}}"
PRICES = {"BTC": "60000", "ETH": "2500"}
FUTURES = [perp("BTC", "60000"), perp("ETH", "2500")]
HOLDINGS = {"BTC": "1", "ETH": "10"}
SIXTY = (
    "{name: w, kind: weights, weights: {BTC: 60 %, ETH: 40 %}, mode: full_rebalance, reserve: {USDT: 0},"
    " band: {trigger: 1 pp}}"
)
INVERSE = {
    "id": "coinm:BTCUSD", "kind": "inverse", "base": "BTC", "quote": "USD", "settle": "BTC", "contract_size": "100",
    "tick_size": "0.1", "lot_size": "1", "mark_price": "60000",
}  # fmt: skip
LINEAR_WITHOUT_SIZE = perp("BTC", "60000", contract_size=None)
OPTION = {"id": "opt", "kind": "option", "base": "BTC", "quote": "USD", "settle": "BTC", "contract_size": "1"}


def held(instrument: str, **changes: Any) -> list[dict[str, Any]]:
    """A position of ten contracts."""
    return [{"account": "main", "instrument": instrument, "contracts": "-10", **changes}]


@pytest.mark.parametrize(
    ("instrument", "position", "why"),
    [
        (INVERSE, held("coinm:BTCUSD"), "entry price"),
        ({**INVERSE, "mark_price": None}, held("coinm:BTCUSD", entry_price="60000"), "no mark price"),
        (LINEAR_WITHOUT_SIZE, held("binance.usdm:BTCUSDT", entry_price="60000"), "contract_size"),
        (OPTION, held("opt"), "no mark price in coins"),
    ],
    ids=["entry of an inverse", "mark of an inverse", "contract size", "greeks"],
)
def test_an_unknown_input_refuses_its_asset_and_no_other(
    tmp_path: Path, instrument: dict[str, Any], position: list[dict[str, Any]], why: str
) -> None:
    """What a position of BTC is cannot be said: BTC is refused by name, ETH is planned all the same."""
    others = [one for one in FUTURES if one["id"] != instrument["id"]]
    book = snapshot(PRICES, HOLDINGS, instruments=[instrument, *others], positions=position)
    answer = planned(config(tmp_path, BOTH), book)
    lines = {line.what: line.why for line in answer.refused}

    assert {"ETH": d(-10)} == hedges(answer)
    assert why in lines["BTC"]
    assert "BTC" not in answer.assets
    assert answer.nav is None


def test_a_missing_price_is_unknown(tmp_path: Path) -> None:
    """A coin without a price is refused where its price is needed, and net asset value is not told without it."""
    book = snapshot({"ETH": "2500"}, HOLDINGS, instruments=FUTURES)
    answer = planned(config(tmp_path, BOTH), book)

    assert {"ETH": d(-10)} == hedges(answer)
    assert ["BTC" in line.what for line in answer.refused] == [True]
    assert (None, None) == (answer.nav, answer.assets["BTC"].exposure_value)


def test_weights_of_an_unknown_net_asset_value_are_refused(tmp_path: Path) -> None:
    """Anything that net asset value counts and nobody knows stops the shares of it, not the hedge of another target."""
    solana = "{name: s, kind: neutral, assets: [SOL], band: {trigger: 1 %}}"
    book = snapshot({**PRICES, "SOL": "100"}, {**HOLDINGS, "SOL": "5", "DOGE": "100"}, instruments=FUTURES)
    answer = planned(config(tmp_path, SIXTY, solana, assets="BTC ETH SOL"), book)

    assert {"SOL": d(-5)} == hedges(answer)
    assert {"w": None} == answer.base
    assert any(line.what in ("w", "DOGE") and "DOGE" in line.why for line in answer.refused)


def test_a_source_that_is_not_told_is_unknown(tmp_path: Path) -> None:
    """Coins that a source of the config speaks of must be in the snapshot, as that source's, and young enough."""
    more = "holdings: {vault: {file: vault.json, assets: [BTC], age: 1 h}}\n"
    path = config(tmp_path, BOTH, more=more)
    told = {"account": "vault", "asset": "BTC", "amount": "2", "kind": "declared"}
    own = [{"account": "main", "asset": "ETH", "amount": "10"}]
    young, old, silent = (
        planned(path, snapshot(PRICES, [*own, *extra], instruments=FUTURES))
        for extra in (
            [{**told, "as_of": "2024-08-08T23:30:00Z"}], [{**told, "as_of": "2024-08-08T22:00:00Z"}], [],
        )
    )  # fmt: skip

    assert {"BTC": d(-2), "ETH": d(-10)} == hedges(young)
    assert {"ETH": d(-10)} == hedges(old) == hedges(silent)
    assert ["BTC"] == [line.what for line in old.refused] == [line.what for line in silent.refused]


def test_coins_that_the_config_declares_count(tmp_path: Path) -> None:
    """A cold wallet of the config is hedged with the rest, and stands under declared."""
    path = config(tmp_path, BOTH)
    path.write_text(path.read_text().replace("BTC: {}", "BTC: {declared: 3}"))
    answer = planned(path, snapshot(PRICES, HOLDINGS, instruments=FUTURES))

    assert (d(3), d(-4)) == (answer.assets["BTC"].parts.declared, answer.assets["BTC"].hedge)


def test_coins_in_transit_are_told_and_not_counted(tmp_path: Path) -> None:
    """What was sent and not credited is nobody's exposure yet; the plan says how much it is."""
    coins = [{"account": "main", "asset": "BTC", "amount": "1"}, {"account": "main", "asset": "BTC", "amount": "2", "kind": "transit"}]  # fmt: skip # noqa: E501
    answer = planned(config(tmp_path, BOTH), snapshot(PRICES, coins, instruments=FUTURES))

    assert d(1) == answer.assets["BTC"].exposure
    assert any("2 BTC are in transit" in line for line in answer.unknown)


def test_the_reporting_currency_is_worth_one(tmp_path: Path) -> None:
    """A dollar that is not a dollar makes everything that is counted in dollars unknown."""
    answer = planned(config(tmp_path, BOTH), snapshot({**PRICES, "USD": "0.9"}, HOLDINGS, instruments=FUTURES))

    assert any("USD" in line for line in answer.unknown)
    assert answer.nav is None


def test_an_expired_position_is_settled_and_not_there(tmp_path: Path) -> None:
    """A position in a contract that has expired contradicts itself: its coin is refused."""
    dated = perp("BTC", "60000", id="binance.usdm:BTCUSDT_240628", expiry="2024-06-28T08:00:00Z")
    book = snapshot(PRICES, HOLDINGS, instruments=[*FUTURES, dated], positions=held(dated["id"], entry_price="60000"))
    answer = planned(config(tmp_path, BOTH), book)

    assert {"ETH": d(-10)} == hedges(answer)
    assert any(line.what == "BTC" and "expired" in line.why for line in answer.refused)


@pytest.mark.parametrize(("width", "orders"), [("0.0005 BTC", 0), ("0.001 BTC", 1), ("0 coins", 1)])
def test_a_band_narrower_than_a_lot_is_refused(tmp_path: Path, width: str, orders: int) -> None:
    """What lots could never bring inside is one line and no order; a band of nothing asks for what lots allow."""
    target = BOTH.replace("trigger: 1 %", f"trigger: {width}").replace(", ETH", "")
    answer = planned(config(tmp_path, target), snapshot(PRICES, HOLDINGS, instruments=FUTURES))

    assert orders == len(answer.orders)
    assert [True] * (1 - orders) == ["narrower than a lot" in line.why for line in answer.refused]


# -------------------------------------------------------------------------------------------- what a hedge waits for
@pytest.mark.parametrize(
    ("since", "at", "hedged"),
    [(None, NOW, False), ("2024-08-08T23:50:00Z", NOW, False), ("2024-08-08T23:30:00Z", NOW, True)],
)
def test_a_breach_must_last(tmp_path: Path, since: str | None, at: str, hedged: bool) -> None:
    """Half an hour outside is asked for: what the running daemon remembers decides, and waiting says how long."""
    target = BOTH.replace("1 %}", "1 %}, when: {persist: 30 min}").replace(", ETH", "")
    state = {"bands": {"BTC": {"outside_since": since}}}
    answer = planned(config(tmp_path, target), snapshot(PRICES, HOLDINGS, instruments=FUTURES, state=state), at)
    bitcoin = answer.assets["BTC"]

    assert (True, hedged, hedged) == (bitcoin.breached, bool(bitcoin.hedge), bool(answer.orders))
    assert hedged or any("of 1800 s" in gate for gate in bitcoin.gates)


@pytest.mark.parametrize(
    ("at", "last", "hedged"),
    [
        ("2024-08-09T00:00:00Z", None, True),
        ("2024-08-09T12:00:00Z", None, True),
        ("2024-08-09T12:00:00Z", "2024-08-09T00:00:01Z", False),
        ("2024-08-10T12:00:00Z", None, False),
    ],
    ids=["it strikes", "half a day late", "it was served", "too late"],
)
def test_a_calendar_strikes(tmp_path: Path, at: str, last: str | None, hedged: bool) -> None:
    """Fridays at midnight: the strike is acted on once, within a day, and between strikes a breach waits for it."""
    target = BOTH.replace("1 %}", "1 %}, when: {calendar: '0 0 * * 5', start: calendar}").replace(", ETH", "")
    state = {"last_run": {"n": last}} if last else {}
    book = snapshot(PRICES, HOLDINGS, instruments=FUTURES)
    answer = planned(config(tmp_path, target), {**book, "now": at, "state": state})

    assert hedged == bool(answer.orders)
    assert hedged or any("calendar" in gate for gate in answer.assets["BTC"].gates)


def test_a_target_ends_by_its_time(tmp_path: Path) -> None:
    """Past its end a target wants nothing any more, and its hedge is closed."""
    target = BOTH.replace("1 %}", "1 %}, until: {time: 2024-09-01}").replace(", ETH", "")
    short = [{"account": "main", "instrument": "binance.usdm:BTCUSDT", "contracts": "-1", "entry_price": "60000"}]
    book = snapshot(PRICES, HOLDINGS, instruments=FUTURES, positions=short)
    before, after = (planned(config(tmp_path, target), book, at) for at in (NOW, "2024-09-01T00:00:00Z"))

    assert ({}, {"BTC": d(1)}) == (hedges(before), hedges(after))
    assert [("buy", True)] == [(order.side, order.reduce_only) for order in after.orders]


def test_sleeves_keep_targets_apart(tmp_path: Path) -> None:
    """A target hedges its own coins and nobody else's; the parts of the target exposure say whose they are."""
    mine = "{name: mine, kind: neutral, assets: [BTC], owns: {BTC: 0.4}, band: {trigger: 1 %}}"
    rest = "{name: rest, kind: ratio, assets: [BTC], ratio: 0.5, band: {trigger: 1 %}}"
    answer = planned(config(tmp_path, mine, rest), snapshot(PRICES, HOLDINGS, instruments=FUTURES))
    bitcoin = answer.assets["BTC"]

    assert (d("-0.7"), d("0.3")) == (bitcoin.hedge, bitcoin.target)
    assert {"mine": d(0), "rest": d("0.3")} == bitcoin.target_parts
    assert ["mine+rest"] == [order.sleeve for order in answer.orders]
