"""Sleeves, conversions and statistics of a plan whose inputs are at odds with its config."""

import json
from pathlib import Path
from typing import Any

import pytest

from bot.ops.plan_files import plan_of_files
from bot.ops.speak import Stop
from bot.runtime.plan_snapshot import read
from bot.runtime.problems import ConfigError
from bot.runtime.settings_load import load
from tests.runtime.planning import config, d, hedges, perp, planned, snapshot

OWN = "{name: own, kind: neutral, assets: [ETH], owns: {ETH: 5}, band: {trigger: 0 coins}}"
CORE = "{name: core, kind: ratio, ratio: 50 %, assets: [ETH], band: {trigger: 0 coins}}"
ETH = perp("ETH", "2500", tick_size="0.01")


def held(amount: str, **changes: Any) -> dict[str, Any]:
    """Coins of ETH."""
    return {"account": "spot", "asset": "ETH", "amount": amount, **changes}


def test_a_sleeve_that_config_and_snapshot_name_is_counted_once(tmp_path: Path) -> None:
    """5 of 15 ETH are the sleeve's, said twice: they are hedged in full and the other ten by half."""
    said = snapshot({"ETH": "2500"}, [held("10"), held("5", sleeve="own")], instruments=[ETH])
    once = snapshot({"ETH": "2500"}, [held("15")], instruments=[ETH])
    path = config(tmp_path, OWN, CORE)
    plans = [planned(path, one) for one in (said, once)]

    assert [{"ETH": d(-10)}] * 2 == [hedges(one) for one in plans]
    assert [{"own": d(0), "core": d(5)}] * 2 == [one.assets["ETH"].target_parts for one in plans]


def test_a_sleeve_of_more_than_there_is_hedges_what_is_there(tmp_path: Path) -> None:
    """Five are given to the sleeve and two are there: two are hedged, as the service would, and a line says so."""
    answer = planned(config(tmp_path, OWN), snapshot({"ETH": "2500"}, [held("2")], instruments=[ETH]))

    assert {"ETH": d(-2)} == hedges(answer)
    assert () == answer.refused
    assert "5 ETH are given to sleeves, and 2 are there: no more than that is hedged" in answer.unknown


def test_a_short_of_coins_that_have_left_is_bought_back(tmp_path: Path) -> None:
    """Five are given to the sleeve, four are there and five are short: one too many comes back."""
    short = {"account": "main", "instrument": ETH["id"], "contracts": "-5", "entry_price": "2500"}
    book = snapshot({"ETH": "2500"}, [held("4")], instruments=[ETH], positions=[short])
    answer = planned(config(tmp_path, OWN), book)

    assert {"ETH": d(1)} == hedges(answer)


def test_coins_that_are_not_free_are_not_converted_and_that_is_said(tmp_path: Path) -> None:
    """Locked coins cannot be sold: nothing is free, which is known and no mystery."""
    target = "{name: c, kind: convert_to_spot, asset: ETH, amount: 1 ETH, slices: {notional: 30000 USDT, every: 60 s}}"
    short = {"account": "main", "instrument": ETH["id"], "contracts": "-1", "entry_price": "2500"}
    book = snapshot({"ETH": "2500"}, [held("2", kind="locked")], instruments=[ETH], positions=[short])
    answer = planned(config(tmp_path, target), book)

    assert () == answer.orders
    assert "no ETH is free to be sold" in answer.assets["ETH"].why


def test_coins_in_another_form_count_as_what_they_stand_for(tmp_path: Path) -> None:
    """Two ETH and a staked one that stands for 1.15 are 3.15 ETH, in a plan as in the running service."""
    target = "{name: n, kind: neutral, assets: [ETH], band: {trigger: 0 coins}}"
    path = config(tmp_path, target)
    path.write_text(path.read_text().replace("ETH: {}", "ETH: {held_as: {STETH: 1.15}}"))
    staked = {"account": "spot", "asset": "STETH", "amount": "1", "kind": "staked"}
    answer = planned(path, snapshot({"ETH": "2500"}, [held("2"), staked], instruments=[ETH]))

    assert {"ETH": d("-3.15")} == hedges(answer)
    assert not any("STETH" in line for line in answer.unknown)


def returns(end: str) -> dict[str, Any]:
    """A few returns that end at a moment."""
    return {"interval_hours": "1", "end": end, "series": {"ETH": ["0.01", None, "-0.01"]}}


def test_returns_of_the_future_are_refused_and_old_ones_told_of() -> None:
    """What ends after `now` cannot be; one line says what is allowed."""
    with pytest.raises(ConfigError) as caught:
        read(_text(returns("2024-08-09T00:00:01Z")))
    (problem,) = caught.value.problems

    assert ("returns.end", "a time up to `now`") == (problem.key, problem.allowed)


@pytest.mark.parametrize(("end", "told"), [("2024-08-06T00:00:00Z", False), ("2024-08-05T00:00:00Z", True)])
def test_returns_that_ended_days_ago_are_told_of(tmp_path: Path, end: str, told: bool) -> None:
    """After three days the fast statistics have forgotten half of what they knew."""
    answer = planned(
        config(tmp_path, CORE), snapshot({"ETH": "2500"}, [held("2")], instruments=[ETH], returns=returns(end))
    )

    assert told == any("the last of them is 96 h old" in line for line in answer.unknown)


@pytest.mark.parametrize(("end", "known"), [("2024-07-01T00:00:00Z", True), ("2023-08-09T00:00:00Z", False)])
def test_returns_of_another_year_are_no_statistics(tmp_path: Path, end: str, known: bool) -> None:
    """Older than three half-lives of 14 days they are as if they were not there: a measured beta is unknown."""
    target = "{name: c, kind: cash_hedge, share: 10 %, anchor: ETH, beta: measured, base: owned, band: {trigger: 0 pp}}"
    book = snapshot({"ETH": "2500"}, [held("2")], instruments=[ETH], returns=returns(end))
    answer = planned(config(tmp_path, target), book)

    assert known != any("nothing rests on them" in line for line in answer.unknown)
    assert known == any("betas and volatilities rest on them" in line for line in answer.unknown)


@pytest.mark.parametrize("key", ["prices", "holdings"])
def test_a_section_that_is_missing_says_what_belongs_there(key: str) -> None:
    """A required section is named, with its form."""
    book = {name: value for name, value in snapshot({}, {}).items() if name != key}
    with pytest.raises(ConfigError) as caught:
        read(_text(None, book))
    (problem,) = caught.value.problems

    assert (key, "missing") == (problem.key, problem.what)
    assert (problem.allowed or "").startswith("an object: a name and a value each")


@pytest.mark.parametrize("kind", ["netural", "funding_harvest"])
def test_a_kind_that_is_none_is_one_problem(tmp_path: Path, kind: str) -> None:
    """Of an unknown kind nobody can say whether its widths fit: only the kind is complained of."""
    with pytest.raises(ConfigError) as caught:
        load(config(tmp_path, f"{{name: x, kind: {kind}, assets: [ETH], band: {{trigger: 1 pp}}}}"))

    assert ["targets[0].kind"] == [one.key for one in caught.value.problems]


def _text(told: Any, book: dict[str, Any] | None = None) -> str:
    return json.dumps((snapshot({}, {}) if book is None else book) | ({} if told is None else {"returns": told}))


def test_an_interval_of_nothing_is_refused() -> None:
    """Hours that are no second long would divide by nothing."""
    with pytest.raises(ConfigError) as caught:
        read(_text({**returns("2024-08-09T00:00:00Z"), "interval_hours": "0.0000000001"}))
    (problem,) = caught.value.problems

    assert ("returns.interval_hours", "too short") == (problem.key, problem.what)


def test_numbers_that_nobody_can_reckon_with_end_in_one_line(tmp_path: Path) -> None:
    """A lot of 1E-20 coins: one line and no plan, never a traceback."""
    book = tmp_path / "snapshot.json"
    odd = perp("ETH", "2500", tick_size="0.01", lot_size="1E-20")
    book.write_text(json.dumps(snapshot({"ETH": "2500"}, [held("1000000")], instruments=[odd])), encoding="utf-8")
    with pytest.raises(Stop) as caught:
        plan_of_files(config(tmp_path, CORE), book, None)

    assert "too far apart" in str(caught.value)
