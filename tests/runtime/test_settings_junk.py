"""The promise that no config, however broken, ends in anything but lines about it."""

from __future__ import annotations

import copy
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.ops.check_words import target_words
from bot.runtime import portfolio
from bot.runtime.feasible import check_against
from bot.runtime.problems import ConfigError
from bot.runtime.settings_load import load_text
from tests.runtime.configs import instrument

EXAMPLE = (Path(__file__).resolve().parents[2] / "config" / "example.yaml").read_text(encoding="utf-8")
DOCUMENT = yaml.safe_load(EXAMPLE)
JUNK: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1e3,
    "",
    "x",
    "1 %",
    "none",
    "measured",
    "2027-01-01",
    [],
    {},
    ["x"],
    {"x": 1},
    [{"BTC": "x"}],
)
ROUNDS = 80
PRICES = {"BTC": Decimal(60_000), "ETH": Decimal(3_000)}
HOLDINGS = {"BTC": Decimal(1), "ETH": Decimal(10), "USDT": Decimal(50_000)}


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place of a document that holds a value."""
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(place for key, value in inner for place in places(value, (*path, key)))]


def broken(chance: random.Random) -> str:
    """The example with junk in one to three places, or a key that is gone or new."""
    document = copy.deepcopy(DOCUMENT)
    for _ in range(chance.randint(1, 3)):
        path = chance.choice([place for place in places(document) if place])
        node = document
        for part in path[:-1]:
            node = node[part]
        if chance.random() < 0.3 and isinstance(node, dict):
            node[chance.choice(("x", "band", "owns", "assets", "auto"))] = node.pop(path[-1])
        else:
            node[path[-1]] = chance.choice(JUNK)
    return yaml.safe_dump(document)


def lines(text: str) -> list[str]:
    """What is wrong with a config; where nothing is, everything that is made of it is made."""
    try:
        found = load_text(text, "c.yaml", {}, now_ns=1)
    except ConfigError as error:
        return [str(problem) for problem in error.problems]
    portfolio.targets(found.settings)
    portfolio.budgets(found.settings)
    names = (name.removeprefix("binance.").split(":") for name in portfolio.instruments_wanted(found.settings))
    traded = [instrument(market, symbol, symbol.removesuffix("USDT")) for market, symbol in names]
    for target in found.settings.targets:
        assert target.name in target_words(target)
    return [str(problem) for problem in check_against(found, traded, PRICES, HOLDINGS)]


@pytest.mark.parametrize("seed", range(4))
def test_junk_ends_in_lines(seed: int) -> None:
    """Whatever stands where: a config loads, or what is wrong with it is told, each a line with its place."""
    chance = random.Random(seed)
    told = [lines(broken(chance)) for _ in range(ROUNDS // 4)]

    assert sum(map(bool, told)) > ROUNDS // 16
    assert [] == [line for one in told for line in one if not line.startswith("c.yaml:") or "\n" in line]
