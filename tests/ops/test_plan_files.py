"""`trimtab plan --snapshot`: a plan from two files, without a daemon, a key or a network."""

import json
from pathlib import Path
from typing import Any

import pytest

from bot.ops.exits import Exit
from tests.ops.desk import trimtab
from tests.runtime.planning import NOW, config, d, perp, snapshot

pytestmark = pytest.mark.usefixtures("no_settings")
NEUTRAL = "{name: n, kind: neutral, assets: [BTC], band: {trigger: 1 %}}"
KEYS = ["nav", "base", "reporting_currency", "assets", "orders", "margin", "carry", "transfers", "refused", "unknown"]
ORDER_KEYS = {
    "account", "instrument", "for", "sleeve", "side", "contracts", "quantity", "notional", "limit_price", "vwap",
    "cost", "reduce_only", "pair",
}  # fmt: skip
ASSET_KEYS = {
    "exposure", "exposure_value", "parts", "target", "target_parts", "deviation", "deviation_value", "band", "breached",
    "gates", "hedge", "residual_after_rounding", "why",
}  # fmt: skip
PART_KEYS = {
    "spot", "linear", "inverse", "collateral", "quanto", "options", "quote_leg", "borrowed", "declared", "working",
}  # fmt: skip
MARGIN_KEYS = {
    "ratio_before", "ratio_after", "stress_distance_up", "stress_distance_down", "liquidation", "top_up",
}  # fmt: skip


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A neutral 1.5 BTC: its config and its snapshot."""
    portfolio = snapshot({"BTC": "60000"}, {"BTC": "1.5", "USDT": "30000"}, instruments=[perp("BTC", "60000")])
    place = tmp_path / "snapshot.json"
    place.write_text(json.dumps(portfolio), encoding="utf-8")
    return config(tmp_path, NEUTRAL, assets="BTC"), place


def plan(files: tuple[Path, Path], *words: str) -> tuple[int, str, str]:
    """Run the verb on them."""
    return trimtab("plan", "--config", files[0], "--snapshot", files[1], *words)


def numbers(value: Any) -> list[str]:
    """Every text of a document that stands for a number's place."""
    match value:
        case dict():
            return [text for key, one in value.items() if key not in ("why", "side", "unit") for text in numbers(one)]
        case list():
            return [text for one in value for text in numbers(one)]
        case _:
            return [value] if isinstance(value, str) else []


def test_the_answer_has_the_keys_of_the_contract(files: tuple[Path, Path]) -> None:
    """One document: its keys in their order, and no others, wherever they stand."""
    code, out, err = plan(files, "--json")
    answer = json.loads(out)
    (order,) = answer["orders"]

    assert (Exit.OK, "", KEYS) == (code, err, list(answer))
    assert (ORDER_KEYS, {"fee", "slippage"}) == (set(order), set(order["cost"]))
    assert {frozenset(ASSET_KEYS)} == {frozenset(one) for one in answer["assets"].values()}
    assert PART_KEYS == set(answer["assets"]["BTC"]["parts"])
    assert {"lower", "upper", "destination_lower", "destination_upper", "unit"} == set(answer["assets"]["BTC"]["band"])
    assert {frozenset(MARGIN_KEYS)} == {frozenset(one) for one in answer["margin"].values()}


def test_numbers_are_plain_texts(files: tuple[Path, Path]) -> None:
    """No exponent, no trailing zero, no minus zero, and never a JSON number."""
    answer = json.loads(plan(files, "--json")[1], parse_float=pytest.fail, parse_int=pytest.fail)
    texts = [text for text in numbers(answer) if text[:1].isdigit() or text.startswith("-")]

    assert texts
    assert [] == [text for text in texts if "e" in text.lower() or text == "-0" or ("." in text and text.endswith("0"))]
    assert ("120000", "-1.5", "0") == (
        answer["nav"],
        answer["assets"]["BTC"]["hedge"],
        answer["assets"]["BTC"]["target"],
    )


def test_a_person_sees_the_whole_derivation(files: tuple[Path, Path]) -> None:
    """Without --json the same answer is drawn."""
    code, out, _ = plan(files)

    assert Exit.OK == code
    for words in ("120,000.00 USD", "where the exposure comes from", "sell 1.5 BTC", "orders that would be sent now"):
        assert words in out


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("pirces", {}, "pirces: no such key"),
        ("prices", {"BTC": 60000}, "prices.BTC: value '60000': a bare number"),
        ("now", "yesterday", "now: value 'yesterday': not a time"),
        ("prices", {"BTC": "-60000"}, "prices.BTC: value '-60000': not above zero"),
        ("positions", [{"account": "a", "instrument": "x", "contracts": "1"}], "no such instrument"),
    ],
)
def test_a_malformed_snapshot_is_a_line_and_a_usage_error(
    files: tuple[Path, Path], key: str, value: object, said: str
) -> None:
    """The file, the place, the fault: one line each, and nothing is planned on the rest."""
    document = json.loads(files[1].read_text(encoding="utf-8"))
    files[1].write_text(json.dumps({**document, key: value}, indent=1), encoding="utf-8")
    code, out, err = plan(files)

    assert (Exit.USAGE, "") == (code, out)
    assert said in err.splitlines()[0]
    assert err.splitlines()[-1].endswith("1 problem, nothing was planned")


def test_a_malformed_snapshot_is_data_for_a_program(files: tuple[Path, Path]) -> None:
    """With --json the problems come as a document, each with its key."""
    files[1].write_text('{"now": 1}', encoding="utf-8")
    code, out, _ = plan(files, "--json")
    error = json.loads(out)["error"]

    assert (Exit.USAGE, "snapshot") == (code, error["code"])
    assert {"now", "prices", "holdings"} == {problem["key"] for problem in error["details"]}


def test_a_broken_config_is_named(files: tuple[Path, Path]) -> None:
    """What is wrong with the targets is told as everywhere else."""
    files[0].write_text("portfolio: x\n", encoding="utf-8")

    assert Exit.USAGE == plan(files)[0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--snapshot", "x.json"), "--config"),
        (("--at", NOW), "--snapshot"),
        (("--config", "C", "--snapshot", "S", "--at", "soon"), "--at soon"),
    ],
)
def test_a_wrong_command_line_says_what_it_needs(files: tuple[Path, Path], words: tuple[str, ...], said: str) -> None:
    """A snapshot needs a config, a moment needs a snapshot and must be a time."""
    places = {"C": files[0], "S": files[1]}
    code, _, err = trimtab("plan", *(places.get(word, word) for word in words))

    assert Exit.USAGE == code
    assert said in err


def test_the_moment_can_be_another_one(files: tuple[Path, Path]) -> None:
    """With --at the same portfolio is planned for another time: by then the future has expired."""
    document = json.loads(files[1].read_text(encoding="utf-8"))
    document["instruments"][0]["expiry"] = "2024-09-27T08:00:00Z"
    files[1].write_text(json.dumps(document), encoding="utf-8")
    now, later = (json.loads(plan(files, "--json", *words)[1]) for words in ((), ("--at", "2024-10-01T00:00:00Z")))

    assert (1, 0) == (len(now["orders"]), len(later["orders"]))
    assert "expired" in later["refused"][0]["why"]
    assert d("-1.5") == d(later["assets"]["BTC"]["hedge"])
