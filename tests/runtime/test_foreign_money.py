"""The promise of never taking an amount in another currency for one in the quote currency."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.ops.check import check_config
from bot.runtime.feasible import check_against
from bot.runtime.foreign_money import foreign_amounts
from tests.runtime.configs import RIGHT, catalogue, loaded


def with_cap(cap: str, reporting: str) -> str:
    """The usual config, its target capped, with a reporting currency."""
    return f"reporting: {reporting}\n" + RIGHT.replace("kind: neutral", f"kind: neutral\n    cap: {cap}")


@pytest.mark.parametrize(("cap", "reporting"), [("5 BTC", "BTC"), ("20000 EUR", "EUR"), ("20000 JPY", "JPY")])
def test_an_amount_that_has_no_rate_here_is_refused_where_it_is_written(cap: str, reporting: str) -> None:
    """Neither check nor the start of the service takes 5 BTC for 5 USDT: line, amount and way out are said."""
    found = [str(one) for one in foreign_amounts(loaded(with_cap(cap, reporting)))]
    assert 1 == len(found)
    assert f"has no price of {reporting}: `{cap}` has no worth" in found[0]
    assert "targets[0].cap" in found[0]
    assert found == [str(one) for one in check_against(loaded(with_cap(cap, reporting)), catalogue())]


def test_check_refuses_it_without_a_network(tmp_path: Path) -> None:
    """`trimtab check --offline` is not content with such a config."""
    path = tmp_path / "c.yaml"
    path.write_text(with_cap("5 BTC", "BTC"))
    report, _ = check_config(path, {})
    assert not report.ok
    assert any("`5 BTC`" in str(one) for one in report.problems)


@pytest.mark.parametrize(
    ("cap", "reporting"), [("20000 USD", "USD"), ("20000 USDT", "USDT"), ("20000 USDT", "EUR"), ("20000 USDC", "USDC")]
)
def test_dollars_and_the_quote_currency_count(cap: str, reporting: str) -> None:
    """An amount in any dollar is taken, and one in the quote currency whatever the reporting currency is."""
    assert [] == list(foreign_amounts(loaded(with_cap(cap, reporting))))


def test_bands_and_budgets_are_looked_at_as_well() -> None:
    """A width of a band and a cap of a budget are amounts too."""
    text = "reporting: EUR\nbudgets: {assets: {BTC: 100 EUR}}\n" + RIGHT.replace("trigger: 1 %", "trigger: 50 EUR")
    assert 2 == len(list(foreign_amounts(loaded(text))))
