"""The promises of budgets, statistics and sources of holdings in a config."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from bot.domain.rules import HoldingSource
from bot.domain.targets import Budgets, StatisticsRule
from bot.domain.units import DAY_NS, HOUR_NS, SECOND_NS, Asset, Notional
from bot.runtime.portfolio import budgets, pegs, sources, statistics
from bot.runtime.settings_load import load
from tests.runtime.configs import RIGHT, loaded, only_problem

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "q8Zr3Tn6Wp1Lx5Kc9Vb2Mh7Jd4"
TILT = "  - {name: lean, kind: tilt, long: {ETH: 1}, short: {BTC: 1}, size: 20 %, band: {trigger: 1 pp}}\n"
CASH = "  - {name: cash, kind: cash_hedge, share: 30 %, anchor: BTC, beta: 2, band: {trigger: 1 pp}}\n"


@pytest.mark.parametrize(
    ("lines", "part"),
    [
        (
            "budgets: {core: 80 %, carry: 30 %}",
            (
                "budgets.carry: value '30 %': core (80 %) and carry (30 %) cannot both be had; allowed: together at "
                "most 100 %"
            ),
        ),
        (f"{TILT}{CASH}budgets: {{overlay: 90 %}}", "ask for overlays of 100 % of their bases (lean 40 % + cash 60 %)"),
        ("budgets: {assets: {DOT: 5 USDT}}", "budgets.assets.DOT: value '5 USDT': DOT has no entry under assets"),
        (
            "budgets: {assets: {BTC: 5 BTC}}",
            "'BTC' is neither the quote nor the reporting currency; allowed: an amount in",
        ),
        ("budgets: {venues: {binance: 5 USTD}}", "did you mean '5 USDT'?"),
        ("budgets: {ovrelay: 1}", "budgets.ovrelay: value '1': unknown key"),
        (
            "peg: {references: [spot:BTCUSDT]}",
            "peg.references[0]: value 'spot:BTCUSDT': BTCUSDT is no pair of USDT with another dollar; allowed: a",
        ),
        ("peg: {references: [spot:USDCBUSD]}", "USDCBUSD is no pair of USDT with another dollar"),
        ("quote: USDC\npeg: {references: [spot:FDUSDUSDT]}", "FDUSDUSDT is no pair of USDC with another dollar"),
        (
            "peg: {references: [spot:USDCUSDT, spot:USDCUSDT]}",
            "peg.references[1]: value 'spot:USDCUSDT': USDCUSDT is named",
        ),
        ("peg: {references: [usdm:USDCUSDT]}", "did you mean 'spot:USDCUSDT'?"),
        ("peg: {reference: [spot:USDCUSDT]}", "peg.reference: unknown key"),
        ("statistics: {fast_half_life: 40 d}", "fast_half_life (40 d) is not below slow_half_life (30 d)"),
        ("statistics: {sample: 12 h, half_life: 6 h}", "half_life (6 h) is shorter than a sample (12 h)"),
        (
            "holdings: {cold: {assets: [BTC]}}",
            "holdings.cold: nothing says where it is read; allowed: one of file, url",
        ),
        ("holdings: {cold: {file: a, url_file: b, assets: [BTC]}}", "holdings.cold.url_file: value"),
        ("holdings: {cold: {file: a, assets: []}}", "holdings.cold.assets: empty; allowed: at least one entry"),
        ("holdings: {cold: {file: a, assets: [DOT]}}", "holdings.cold.assets[0]: value 'DOT': DOT has no entry"),
        (
            "holdings: {cold: {file: a, assets: [BTC, BTC]}}",
            "BTC is declared by 'cold' already; allowed: each coin in one",
        ),
        ("holdings: {a: {file: a, assets: [BTC]}, b: {file: b, assets: [BTC]}}", "BTC is declared by 'a' already"),
        (
            "holdings: {cold: {file: a, assets: [BTC], every: 2 h}}",
            "age (1 h) is below every (2 h): it would be unknown",
        ),
        ("holdings: {cold: {url: 'ftp://x/y', assets: [BTC]}}", "allowed: a URL with http or https"),
        (
            f"holdings: {{cold: {{url: 'https://x/{TOKEN}', assets: [BTC]}}}}",
            "allowed: url_file, with the URL in that file",
        ),
        ("holdings: {cold: {file: a, asets: [BTC], assets: [BTC]}}", "did you mean 'assets'?"),
    ],
)
def test_what_cannot_hold_is_one_line(lines: str, part: str) -> None:
    """Budgets that contradict targets, statistics without samples and sources without a source are found at once."""
    assert part in only_problem(f"{RIGHT}{lines}\n")


def test_a_secret_in_a_source_is_not_shown() -> None:
    """A pasted token is not repeated on the screen."""
    assert TOKEN not in only_problem(f"{RIGHT}holdings: {{cold: {{url: 'https://x/{TOKEN}', assets: [BTC]}}}}\n")


def test_an_overlay_of_a_sleeve_or_a_fixed_base_is_no_share_of_everything() -> None:
    """Only what is a share of net asset value by its own words is held against a share of net asset value."""
    fixed = CASH.replace("beta: 2", "beta: 2, base: fixed, fixed: 100 USDT")

    assert loaded(f"{RIGHT}{fixed}budgets: {{overlay: 10 %}}\n").settings.targets


def test_nothing_said_is_no_bound_and_the_usual_statistics() -> None:
    """A config without these sections means what it always did."""
    settings = loaded().settings

    assert (Budgets(), StatisticsRule(), ()) == (budgets(settings), statistics(settings), sources(settings))


def test_budgets_arrive() -> None:
    """Shares as ratios, money in the unit of account, instruments by their whole names."""
    text = (
        f"{RIGHT}budgets:\n  core: 50 %\n  overlay: 1.5\n  carry: 0 %\n  assets: {{BTC: 1000 USDT, ETH: 1000 USD}}\n"
        "  instruments: {usdm:BTCUSDT: 5 USDT, 'okx:BTC-USDT-SWAP': 6 USDT}\n  venues: {binance: 7 USDT}\n"
    )
    expected = Budgets(
        core=Decimal("0.5"),
        overlay=Decimal("1.5"),
        carry=Decimal(0),
        assets={Asset("BTC"): Notional(Decimal(999)), Asset("ETH"): Notional(Decimal(1000))},
        instruments={
            "binance.usdm:BTCUSDT": Notional(Decimal("4.995")),
            "okx:BTC-USDT-SWAP": Notional(Decimal("5.994")),
        },
        venues={"binance": Notional(Decimal("6.993"))},
    )

    assert expected == budgets(loaded(text).settings, {"USDT": Decimal("0.999")})


def test_statistics_arrive() -> None:
    """Durations in nanoseconds, the weight of the prior as a ratio."""
    given = "sample: 30 min, half_life: 7 d, fast_half_life: 1 d, slow_half_life: 20 d, prior_weight: 10 %"
    text = f"{RIGHT}statistics: {{{given}}}\n"

    assert StatisticsRule(
        sample_ns=HOUR_NS // 2,
        half_life_ns=7 * DAY_NS,
        fast_half_life_ns=DAY_NS,
        slow_half_life_ns=20 * DAY_NS,
        prior_weight=Decimal("0.1"),
    ) == statistics(loaded(text).settings)


def test_sources_arrive_in_the_order_of_their_names() -> None:
    """Which coins each speaks of, and how old its word may be."""
    lines = "holdings:\n  two: {url: 'https://127.0.0.1:8443/h', assets: [ETH], age: 90 s}\n"
    lines += "  one: {file: f, assets: [BTC]}\n"
    expected = (
        HoldingSource("one", (Asset("BTC"),), HOUR_NS),
        HoldingSource("two", (Asset("ETH"),), 90 * SECOND_NS),
    )

    assert expected == sources(loaded(f"{RIGHT}{lines}").settings)


def test_a_source_starts_at_the_config(tmp_path: Path) -> None:
    """A config and the file of its cold wallet can be moved together."""
    (tmp_path / "c.yaml").write_text(
        f"{RIGHT}holdings: {{cold: {{file: cold.json, assets: [BTC]}}}}\n", encoding="utf-8"
    )

    assert tmp_path / "cold.json" == load(tmp_path / "c.yaml", {}).settings.holdings["cold"].file


@pytest.mark.parametrize(("quote", "symbol"), [("USDT", "USDCUSDT"), ("USDT", "USDTUSD"), ("USDC", "USDCUSDT")])
def test_a_peg_may_be_read_from_a_pair_either_way_round(quote: str, symbol: str) -> None:
    """The quote currency may be what is bought or what is paid."""
    settings = loaded(f"{RIGHT}quote: {quote}\npeg: {{references: [spot:{symbol}]}}\n").settings

    assert (f"binance.spot:{symbol}",) == pegs(settings)
