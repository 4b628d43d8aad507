"""The promises of holding a config against what the venue trades."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bot.domain.instrument import Kind
from bot.runtime.feasible import check_against, corrections, hedges_needed
from tests.runtime.configs import RIGHT, WEIGHTS, catalogue, changed, instrument, loaded, with_limit

PRICES = {"BTC": Decimal(60_000), "ETH": Decimal(3_000)}
PARITY = "kind: risk_parity, assets: [BTC, ETH]"
HOLDINGS = {"BTC": Decimal(1), "ETH": Decimal(10), "USDT": Decimal(50_000)}


def lines(text: str = RIGHT, **changes: Any) -> list[str]:
    """What is found wrong when the BTC perpetual differs so."""
    return [str(found) for found in check_against(loaded(text), catalogue(**changes), PRICES, HOLDINGS)]


def one_coin(trigger: str, destination: str = "0 coins") -> str:
    """A config of BTC alone with this band."""
    text = changed("assets: [BTC, ETH]", "assets: [BTC]")
    return text.replace("trigger: 1 %", f"trigger: {trigger}").replace(
        "destination: 0 %", f"destination: {destination}"
    )


@pytest.mark.parametrize("text", [RIGHT, WEIGHTS])
def test_what_the_venue_can_do_is_fine(text: str) -> None:
    """A config that fits has no findings."""
    assert [] == lines(text)


def test_a_symbol_that_does_not_exist_is_named_with_a_near_one() -> None:
    """A misspelt symbol is found at its line, and the right one proposed."""
    text = changed("  BTC: {}", "  BTC: {hedge: usdm:BTCUSDTT}")

    assert [
        (
            "c.yaml:3: assets.BTC.hedge: value 'usdm:BTCUSDTT': usdm:BTCUSDTT does not exist on binance; "
            "allowed: a symbol of its usdm market; did you mean 'usdm:BTCUSDT'?"
        )
    ] == lines(text)


def test_what_all_symbols_share_makes_none_of_them_near() -> None:
    """A proposal resembles the symbol that was written, not only its market and its currency."""
    text = changed("  BTC: {}", "  BTC: {hedge: usdm:XYZUSDT}")
    found = check_against(loaded(text), catalogue(), known=["usdm:SOLUSDT", "usdm:ADAUSDT"])

    assert [None] == [problem.meant for problem in found]


def test_a_near_symbol_may_come_from_the_whole_market() -> None:
    """Where the venue's list is at hand, the proposal is taken from it."""
    text = changed("  BTC: {}", "  BTC: {hedge: usdm:BTTCUSDT}")
    found = check_against(loaded(text), catalogue()[:1] + catalogue()[2:], known=["usdm:BTCUSDT", "spot:BTTCUSDT"])

    assert "usdm:BTCUSDT" == found[0].meant


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"kind": Kind.INVERSE}, "usdm:BTCUSDT is inverse; allowed: a linear future"),
        ({"settle": "USDC"}, "usdm:BTCUSDT settles in USDC; allowed: a future that settles in USDT"),
        ({"quote": "USDC"}, "usdm:BTCUSDT is quoted in USDC; allowed: one quoted in USDT, as quote says"),
        ({"base": "BTCDOM"}, "usdm:BTCUSDT is an instrument of BTCDOM; allowed: one of BTC"),
        ({"trading": False}, "usdm:BTCUSDT is not trading"),
        ({"expiry_ns": 1}, "usdm:BTCUSDT expires, and nothing would roll it; allowed: a perpetual"),
    ],
)
def test_a_future_that_is_no_hedge_is_refused(changes: dict[str, Any], part: str) -> None:
    """A hedge is a linear perpetual of the coin that settles in the reporting currency, or there is none."""
    found = lines(**changes)

    assert 1 == len(found)
    assert f"c.yaml:3: assets.BTC.hedge: {part}" in found[0]


def test_a_band_below_one_lot_says_both_numbers() -> None:
    """A band that no order could restore is refused, with the band, the smallest order, and what would do."""
    assert [
        (
            "c.yaml:9: targets[0].band.trigger: value '30 USDT': a trigger of 0.0005 BTC is below the smallest "
            "order of usdm:BTCUSDT, 0.002 BTC (lot 0.001, at 60000 USDT): a breach could not be corrected; "
            "allowed: at least 120 USDT"
        )
    ] == lines(one_coin("30 USDT"))


def test_a_band_in_coins_needs_no_price_to_be_below_one_lot() -> None:
    """What the lot alone says is said even before the first quote."""
    found = check_against(loaded(one_coin("0.0005 BTC")), catalogue())

    assert ["at least 0.001 BTC"] == [problem.allowed for problem in found]


def test_the_smallest_order_counts_its_minimum_notional() -> None:
    """At 60,000 a hundred dollars are two lots: a band of one lot is still too narrow."""
    assert "0.002 BTC (lot 0.001" in lines(one_coin("0.001 BTC"))[0]
    assert [] == lines(one_coin("0.002 BTC"))
    assert [] == lines(one_coin("0.001 BTC"), notional_min=Decimal(0))


def test_a_destination_near_the_trigger_is_too_narrow_as_well() -> None:
    """What is traded at a breach is the distance from trigger to destination, and that must be an order."""
    assert [] == lines(one_coin("0.01 BTC", "0.008 BTC"))
    found = lines(one_coin("0.01 BTC", "0.009 BTC"))

    assert "a trigger of 0.01 BTC less its destination of 0.009 BTC is below" in found[0]
    assert found[0].endswith("allowed: at least 0.011 BTC")


def test_a_relative_band_is_measured_on_what_is_held() -> None:
    """One per cent of 1 BTC is an order; one per cent of a tenth is not; and dust is nobody's problem."""
    for held, findings in (("1", 0), ("0.1", 1), ("0.0001", 0), ("0", 0)):
        holdings = HOLDINGS | {"BTC": Decimal(held)}
        assert findings == len(check_against(loaded(), catalogue(), PRICES, holdings)), held


def test_declared_coins_are_held_too() -> None:
    """A cold wallet counts when a band is measured."""
    text = changed("  BTC: {}", "  BTC: {declared: 0.1}")

    assert "a trigger of 0.001 BTC is below" in str(check_against(loaded(text), catalogue(), PRICES, {})[0])


def test_what_nobody_looked_at_is_not_judged() -> None:
    """Declared coins are a part of the holding, and a part says nothing about a band that is a share of all of it."""
    text = changed("  BTC: {}", "  BTC: {declared: 0.1}")

    assert () == check_against(loaded(text), catalogue(), PRICES)


def test_a_destination_of_nothing_is_nothing_whatever_is_held() -> None:
    """0 % of a holding that is not there yet hides no trigger that is below an order by its own number."""
    found = check_against(loaded(one_coin("0.0001 coins", "0 %")), catalogue(), PRICES, {})

    assert ["at least 0.002 coins"] == [problem.allowed for problem in found]


def test_points_are_measured_on_the_base() -> None:
    """Percentage points of a base of 120,000 are orders down to a tenth of a point, and no further."""
    assert [] == lines(WEIGHTS.replace("5 pp", "0.1 pp"))
    found = lines(WEIGHTS.replace("5 pp", "0.05 pp"))

    assert "value '0.05 pp': a trigger of 0.001 BTC is below the smallest order" in found[0]
    assert 2 == len(found)


def test_an_order_limit_below_the_smallest_order_is_refused() -> None:
    """Orders cut down to a limit that the venue does not take would never be sent."""
    found = lines(with_limit("order_notional: 110 USDT"))

    assert [
        (
            "c.yaml:11: limits.order_notional: value '110 USDT': 110 USDT is below the smallest order of usdm:BTCUSDT, "
            "120 USDT; allowed: at least 120 USDT"
        )
    ] == found


def test_findings_of_every_coin_come_at_once() -> None:
    """The whole config is held against the venue, not up to the first finding."""
    found = check_against(loaded(), (instrument("spot", "BTCUSDT"),), PRICES, HOLDINGS)

    assert ["assets.BTC.hedge", "assets.ETH.pricing", "assets.ETH.hedge"] == [problem.key for problem in found]


def test_a_breachs_least_trade_is_told_in_coins() -> None:
    """The trigger less the destination, beside the smallest order; without holdings a share cannot be told."""
    text = one_coin("1 %", "0.4 %")
    (found,) = corrections(loaded(text), catalogue(), PRICES, HOLDINGS)

    assert ("neutral", "BTC", Decimal("0.006"), Decimal("0.002")) == (
        found.target,
        found.coin,
        found.coins,
        found.smallest,
    )
    assert () == corrections(loaded(text), catalogue(), PRICES, {})
    assert () == corrections(loaded(text), (), PRICES, HOLDINGS)


@pytest.mark.parametrize(
    ("target", "needed"),
    [
        ("kind: neutral, assets: [BTC, ETH]", {"BTC": "-1.5", "ETH": "-10"}),
        ("kind: ratio, ratio: 0.5, assets: [ETH]", {"ETH": "-5"}),
        (
            "kind: weights, weights: {BTC: 0.5, ETH: 0.5}, mode: full_rebalance, base: owned",
            {"BTC": "-0.5", "ETH": "10"},
        ),
        ("kind: weights, weights: {BTC: 0.5, ETH: 0.5}, mode: trim_only, base: owned", {"BTC": "-0.5", "ETH": "0"}),
    ],
)
def test_what_would_put_everything_on_its_target(target: str, needed: dict[str, str]) -> None:
    """Signed coins of futures: shorts for what is over, declared coins counted, longs only where they are wanted."""
    head = "portfolio: p\nassets: {BTC: {declared: 0.5}, ETH: {}}\ntargets:\n"
    text = f"{head}  - {{name: t, {target}, band: {{trigger: 1000 USDT, destination: 0 USDT}}}}\n"

    assert {coin: Decimal(coins) for coin, coins in needed.items()} == hedges_needed(loaded(text), PRICES, HOLDINGS)


def test_a_weight_without_a_price_is_left_out() -> None:
    """What cannot be told is not told as zero."""
    assert {} == hedges_needed(loaded(WEIGHTS), {"BTC": PRICES["BTC"]}, HOLDINGS)


KINDS = """\
portfolio: p
assets: {BTC: {}, ETH: {}}
targets:
  - {name: t, %s, band: {trigger: %s}}
"""


@pytest.mark.parametrize(
    ("target", "wide", "narrow", "least"),
    [
        # Holdings are 1 BTC and 10 ETH, 90,000, with 50,000 USDT beside them; the smallest order of BTC is 0.002, 120.
        ("kind: cash_hedge, share: 20 %, anchor: BTC", "0.1 pp", "0.05 pp", "0.0858 pp"),
        ("kind: cash_hedge, share: 20 %, anchor: BTC, reserve: 50000 USDT", "0.14 pp", "0.13 pp", "0.1334 pp"),
        (
            "kind: tilt, long: {ETH: 1}, short: {BTC: 1}, size: 10 %, base: fixed, fixed: 60000 USDT",
            "2 %",
            "1.9 %",
            "2 %",
        ),
        ("kind: leverage, weights: {BTC: 1}, leverage: 2, leverage_max: 3, base: owned", "0.1 %", "0.09 %", "0.1 %"),
        (
            "kind: risk_parity, assets: [BTC, ETH], volatilities: {BTC: 1, ETH: 2}, base: owned",
            "0.2 %",
            "0.1 %",
            "0.2 %",
        ),
        ("kind: proxy, assets: [ETH], anchors: [BTC], betas: {ETH: {BTC: 2}}", "0.2 %", "0.19 %", "0.2 %"),
    ],
)
def test_a_band_of_any_kind_is_held_against_the_smallest_order(target: str, wide: str, narrow: str, least: str) -> None:
    """Whatever a width is a part of, it is an order at the present prices or it is refused with what would be one."""
    said = "is below the smallest order of usdm:BTCUSDT, 0.002 BTC"
    assert [] == [one for one in lines(KINDS % (target, wide)) if said in one]
    (found,) = [one for one in lines(KINDS % (target, narrow)) if said in one]

    assert found.endswith(f"allowed: at least {least}")


@pytest.mark.parametrize(
    "target",
    [
        "kind: cash_hedge, share: 20 %, anchor: BTC, beta: measured",
        "kind: risk_parity, assets: [BTC, ETH], base: owned",
        "kind: proxy, assets: [ETH], anchors: [BTC]",
        "kind: tilt, long: {ETH: 1}, short: {BTC: 1}, size: 10 %, neutral: beta, reserve: 50000 USDT",
    ],
)
def test_what_rests_on_statistics_is_not_judged_before_there_are_any(target: str) -> None:
    """A measured beta or volatility is not known at the start: no width that is a part of it is refused."""
    assert [] == [one for one in lines(KINDS % (target, "0.0001 %")) if "smallest order of usdm:BTCUSDT" in one]


def test_both_sides_of_a_band_are_judged() -> None:
    """A trigger of its own below the target must be an order too."""
    text = one_coin("0.01 BTC").replace("trigger: 0.01 BTC", "trigger: 0.01 BTC, trigger_below: 0.0005 BTC")
    (found,) = lines(text)

    assert "targets[0].band.trigger_below: value '0.0005 BTC'" in found


def test_an_auto_band_is_judged_at_its_hard_limit() -> None:
    """What always trades must be able to."""
    text = changed("{trigger: 1 %, destination: 0 %}", "{auto: {risk_aversion: 5, hard: 0.1 %}}")
    text = text.replace("[BTC, ETH]", "[BTC]")
    (found,) = check_against(loaded(text), catalogue(), PRICES, HOLDINGS)

    assert ("targets[0].band.auto.hard", "at least 0.2 %") == (found.key, found.allowed)


def test_what_closes_or_converts_has_no_band_to_judge() -> None:
    """It goes as far as lots let it."""
    text = (
        KINDS.replace(", band: {trigger: %s}", "")
        % "kind: unwind, assets: [BTC], slices: {notional: 1 USDT, every: 1 s}"
    )

    assert [] == lines(text)


@pytest.mark.parametrize(("amount", "findings"), [("1", 0), ("1.1", 1)])
def test_no_more_is_converted_than_there_is(amount: str, findings: int) -> None:
    """A conversion of coins that are not held is refused before the first of them is sold."""
    slices = "slices: {notional: 1000 USDT, every: 1 min}"
    text = KINDS.replace(", band: {trigger: %s}", "") % f"kind: convert_to_spot, asset: BTC, amount: {amount}, {slices}"
    found = lines(text)

    assert findings == len(found)
    assert all(
        "targets[0].amount: value '1.1': more than there is of it, 1 BTC; allowed: at most 1" in one for one in found
    )
    assert () == check_against(loaded(text), catalogue(), PRICES)


def test_sleeves_own_no_more_than_there_is() -> None:
    """Two sleeves share what is held, and one that would own coins of the other is refused."""
    text = changed("assets: [BTC, ETH]", "assets: [BTC]\n    owns: {BTC: 0.7}")
    text += "  - {name: two, kind: neutral, assets: [BTC], owns: {BTC: 0.4}, band: {trigger: 2 %}}\n"
    found = check_against(loaded(text), catalogue(), PRICES, HOLDINGS)

    assert ["targets[1].owns.BTC"] == [problem.key for problem in found]
    assert "the sleeve owns 0.4 BTC, and only 0.3 are there for it; allowed: at most 0.3" in str(found[0])


@pytest.mark.parametrize("kind", ["weights: {BTC: 0.6, ETH: 0.4}, mode: full_rebalance, kind: weights", PARITY])
def test_undeclared_stablecoins_are_not_invested(kind: str) -> None:
    """Collateral that nobody spoke of makes weights of everything mean something else: the three bases are named."""
    (found,) = lines(KINDS % (kind, "5 pp"))

    assert (
        "net asset value counts 50000 USDT that no weight names; allowed: base: nav_less_reserve with reserve:" in found
    )
    assert "base: owned, or base: fixed" in found
    assert [] == lines(KINDS % (f"{kind}, reserve: 0 USDT", "5 pp"))
    assert [] == lines(KINDS % (f"{kind}, base: owned", "5 pp"))


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("kind: tilt, long: {ETH: 1}, short: {BTC: 1}, size: 10 %, reserve: 50000 USDT", {"BTC": "-0.15", "ETH": "3"}),
        ("kind: cash_hedge, share: 20 %, anchor: BTC, base: fixed, fixed: 60000 USDT", {"BTC": "-0.2"}),
        ("kind: cash_hedge, share: 20 %, anchor: BTC, beta: measured", {}),
        ("kind: leverage, weights: {BTC: 1}, leverage: 2, leverage_max: 3, base: owned", {"BTC": "1"}),
        ("kind: proxy, assets: [ETH], anchors: [BTC], betas: {ETH: {BTC: 2}}", {"BTC": "-1"}),
        ("kind: index, assets: [ETH], indices: [BTC], weight: 25 %, base: fixed, fixed: 60000 USDT", {"BTC": "-0.25"}),
        (f"{PARITY}, volatilities: {{BTC: 2, ETH: 1}}, base: owned", {"BTC": "-0.5", "ETH": "10"}),
    ],
)
def test_what_any_kind_would_hold_of_futures(target: str, expected: dict[str, str]) -> None:
    """The position that puts a target where it wants to be, as far as nothing measured decides it."""
    found = hedges_needed(loaded(KINDS % (target, "5 %")), PRICES, HOLDINGS)

    assert {coin: Decimal(coins) for coin, coins in expected.items()} == {c: round(q, 12) for c, q in found.items()}


def test_overlays_of_several_targets_add_up() -> None:
    """A coin that two targets trade needs the sum; one whose sum holds an unknown is left out."""
    text = KINDS % ("kind: neutral, assets: [BTC]", "1 %")
    tilt = "  - {name: lean, kind: tilt, long: {BTC: 1}, short: {ETH: 1}, size: 1, base: fixed, fixed: 6000 USDT,"

    assert {"BTC": Decimal("-0.9"), "ETH": Decimal(-2)} == hedges_needed(
        loaded(f"{text}{tilt} band: {{trigger: 5 %}}}}\n"), PRICES, HOLDINGS
    )
    unknown = loaded(f"{text}{tilt} neutral: beta, band: {{trigger: 5 %}}}}\n")
    assert {"BTC": Decimal("-0.9")} == hedges_needed(unknown, PRICES, HOLDINGS)


def test_a_sleeve_of_coins_elsewhere_is_not_judged_before_they_are_read() -> None:
    """What a file or an endpoint declares is not known at the start."""
    text = changed("assets: [BTC, ETH]", "assets: [BTC]\n    owns: {BTC: 50}")

    assert 1 == len(lines(text))
    assert [] == lines(f"{text}holdings: {{cold: {{file: cold.json, assets: [BTC]}}}}\n")


@pytest.mark.parametrize(
    ("budget", "what", "meant"),
    [
        ("instruments: {BTCUSDT: 1000 USDT}", "budgets.instruments.BTCUSDT", "usdm:BTCUSDT"),
        ("instruments: {'usdm:BTCUSD': 1000 USDT}", "usdm:BTCUSD is traded by no target", "usdm:BTCUSDT"),
        ("venues: {kraken: 3 USDT}", "budgets.venues.kraken", "allowed: binance"),
    ],
)
def test_a_cap_on_what_nobody_trades_is_refused(budget: str, what: str, meant: str) -> None:
    """A mistyped cap would bound nothing without a word."""
    (line,) = lines(f"{RIGHT}\nbudgets: {{{budget}}}\n")

    assert what in line
    assert meant in line


def test_caps_on_what_is_traded_are_fine() -> None:
    """The config's own futures, as it writes them, and its venue."""
    budget = "budgets: {instruments: {'usdm:BTCUSDT': 1000 USDT}, venues: {binance: 3000 USDT}}"

    assert [] == lines(f"{RIGHT}\n{budget}\n")


PEGGED = f"{RIGHT}peg: {{references: [spot:USDCUSDT]}}\n"


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"base": "BTC"}, "spot:USDCUSDT trades BTC against USDT; allowed: a pair of USDT with another dollar"),
        ({"quote": "FDUSD"}, "spot:USDCUSDT trades USDC against FDUSD; allowed: a pair of USDT with another dollar"),
        ({"trading": False}, "spot:USDCUSDT is not trading; allowed: a pair that trades"),
    ],
)
def test_a_reference_that_says_nothing_of_the_peg_is_refused(changes: dict[str, Any], part: str) -> None:
    """What its name promises is held against what the venue says that it is; a good one is fine."""
    dollar = instrument("spot", "USDCUSDT", **{"base": "USDC", **changes})
    (found,) = check_against(loaded(PEGGED), (*catalogue(), dollar), PRICES, HOLDINGS)

    assert f"c.yaml:10: peg.references[0]: value 'spot:USDCUSDT': {part}" == str(found)
    assert not check_against(loaded(PEGGED), (*catalogue(), instrument("spot", "USDCUSDT", "USDC")), PRICES, HOLDINGS)


def test_a_reference_that_does_not_exist_is_named() -> None:
    """Nobody starts in the belief that the peg is watched."""
    assert ["peg.references[0]: value 'spot:USDCUSDT': spot:USDCUSDT does not exist on binance"] == [
        line.partition(": ")[2].partition(";")[0] for line in lines(PEGGED)
    ]
