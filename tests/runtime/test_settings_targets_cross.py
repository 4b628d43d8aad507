"""The promises of what must fit together in targets: sleeves, sums, sides, anchors, bases; one clear line each."""

from __future__ import annotations

import pytest

from bot.domain.targets import RESERVED_KINDS
from bot.runtime.settings_targets import TARGETS
from tests.runtime.configs import loaded, only_problem, problems

HEAD = """\
portfolio: main
assets:
  BTC: {}
  ETH: {}
  SOL: {}
  NEXO: {hedge: none}
  DEFI: {composition: {UNI: 0.6, AAVE: 0.4}}
targets:
"""
BAND = "band: {trigger: 1 %}"
NEUTRAL = f"  - {{name: flat, kind: neutral, assets: [BTC], {BAND}}}\n"
RIGHT = {
    "neutral": "kind: neutral, assets: [BTC]",
    "ratio": "kind: ratio, assets: [BTC], ratio: 0.5",
    "weights": "kind: weights, weights: {BTC: 60 %, ETH: 40 %}, mode: trim_only, reserve: 20000 USDT",
    "tilt": "kind: tilt, long: {ETH: 1}, short: {BTC: 1}, size: 5 %",
    "cash_hedge": "kind: cash_hedge, share: 20 %, anchor: BTC",
    "leverage": "kind: leverage, weights: {BTC: 1}, leverage: 2, leverage_max: 3",
    "proxy": "kind: proxy, assets: [NEXO], anchors: [BTC, ETH]",
    "index": "kind: index, assets: [BTC, ETH], indices: [DEFI], weight: 50 %",
    "risk_parity": "kind: risk_parity, assets: [BTC, ETH]",
    "unwind": "kind: unwind, assets: [BTC], slices: {notional: 1000 USDT, every: 1 min}",
    "convert_to_spot": "kind: convert_to_spot, asset: BTC, amount: 0.5, slices: {notional: 1000 USD, every: 1 min}",
}


def one(words: str, *more: str) -> str:
    """A config of one target, or of several, each with a band of 1 % where it has none of its own."""
    lines = [words if "band:" in words else f"{words}, {BAND}" for words in (words, *more)]
    return HEAD + "".join(f"  - {{name: t{place}, {line}}}\n" for place, line in enumerate(lines))


@pytest.mark.parametrize("kind", TARGETS)
def test_every_kind_loads(kind: str) -> None:
    """A target of each kind is short to write, and is that kind."""
    assert kind == loaded(one(RIGHT[kind])).settings.targets[0].kind


@pytest.mark.parametrize("kind", ["neutral", "ratio", "proxy", "unwind", "convert_to_spot"])
def test_points_belong_to_kinds_with_a_base(kind: str) -> None:
    """A percentage point of nothing is no width."""
    assert "percentage points are parts of a base" in only_problem(one(f"{RIGHT[kind]}, band: {{trigger: 1 pp}}"))


@pytest.mark.parametrize("kind", ["weights", "tilt", "cash_hedge", "leverage", "index", "risk_parity"])
def test_points_are_parts_of_a_base(kind: str) -> None:
    """Every kind with a base may have its band in percentage points of it."""
    assert "pp" == loaded(one(f"{RIGHT[kind]}, band: {{trigger: 1 pp}}")).settings.targets[0].band.trigger.unit  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", RESERVED_KINDS)
def test_a_kind_to_come_is_refused_as_that(kind: str) -> None:
    """The language keeps its place, and nobody has to guess whether it is a spelling mistake."""
    assert f"targets[0].kind: value '{kind}': comes later" in only_problem(one(f"kind: {kind}"))


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (
            one(RIGHT["neutral"], RIGHT["weights"]),
            (
                "c.yaml:10: targets[1].weights.BTC: value '60 %': BTC belongs to the target 't0' already; "
                "allowed: each "
                "coin in one target, or 'owns' that says which coins are this target's"
            ),
        ),
        (
            one("kind: weights, weights: {BTC: 60 %, ETH: 50 %}, mode: trim_only, base: owned"),
            "the weights add up to 1.1; allowed: a sum of at most 1, or a target of the kind leverage",
        ),
        (
            one("kind: leverage, weights: {BTC: 1}, leverage: 2"),
            "targets[0].leverage_max: required, and not there; allowed: 1 to 20",
        ),
        (
            one("kind: leverage, weights: {BTC: 1}, leverage: 2, leverage_max: 1.5"),
            "targets[0].leverage: value '2': leverage (2) is beyond leverage_max (1.5); allowed: at most 1.5",
        ),
        (
            one("kind: leverage, weights: {BTC: 1}, leverage: 2, leverage_max: 2"),
            (
                "targets[0].leverage_max: value '2': leverage_max is leverage itself (2), so that a band of 1 % would "
                "reach beyond it; allowed: more than leverage, or a trigger of 0"
            ),
        ),
        (
            one("kind: weights, weights: {BTC: 60 %, USDC: 40 %}, mode: trim_only, base: owned"),
            "targets[0].weights.USDC: value '40 %': USDC is cash and not the quote currency; allowed: coins, and USDT",
        ),
        (
            one("kind: weights, weights: {USDT: 40 %}, mode: trim_only, base: owned"),
            "targets[0].weights.USDT: value '40 %': USDT alone is no portfolio; allowed: a weight of a coin beside it",
        ),
        (
            one("kind: leverage, weights: {BTC: 0.5, ETH: 0.4}, leverage: 2, leverage_max: 3"),
            "targets[0].weights: the shares add up to 0.9; allowed: a sum of 1",
        ),
        (one("kind: tilt, long: {ETH: 1}, short: {ETH: 1}, size: 5 %"), "ETH is on the long side too"),
        (
            one("kind: tilt, long: {ETH: 0.6, SOL: 0.5}, short: {BTC: 1}, size: 5 %"),
            "targets[0].long: the shares add up to 1.1; allowed: a sum of 1",
        ),
        (one(f"{RIGHT['tilt']}, betas: {{ETH: 1.2}}"), "targets[0].betas: means nothing with neutral: dollar"),
        (
            one("kind: proxy, assets: [SOL, BTC], anchors: [BTC]"),
            "BTC would be hedged through itself; allowed: another coin, or BTC in a target of the kind neutral",
        ),
        (
            one("kind: proxy, assets: [SOL], anchors: [NEXO]"),
            "targets[0].anchors[0]: value 'NEXO': NEXO has no future (hedge: none); allowed: a coin with a future",
        ),
        (
            one(f"{RIGHT['proxy']}, betas: {{NEXO: {{BTC: 1.2}}}}"),
            "no beta to ETH: what is given and what is measured cannot be mixed",
        ),
        (
            one("kind: proxy, assets: [NEXO], anchors: [BTC], betas: {SOL: {BTC: 1}}"),
            "targets[0].betas.SOL: SOL is not hedged here; allowed: NEXO",
        ),
        (
            one("kind: proxy, assets: [NEXO], anchors: [BTC], betas: {NEXO: {BTC: 1, SOL: 1}}"),
            "SOL is not an anchor here; allowed: BTC",
        ),
        (one(f"{RIGHT['proxy']}, anchor_caps: {{SOL: 5 USDT}}"), "SOL is not an anchor here; allowed: BTC, ETH"),
        (
            one("kind: proxy, assets: [NEXO], anchors: [BTC, BTC]"),
            "BTC stands in the list already; allowed: each coin once",
        ),
        (
            one("kind: neutral, assets: [NEXO]"),
            "NEXO has no future (hedge: none); allowed: a coin with a future, or a target of the kind proxy",
        ),
        (one("kind: cash_hedge, share: 20 %, anchor: NEXO"), "targets[0].anchor: value 'NEXO': NEXO has no future"),
        (
            one("kind: index, assets: [BTC, DEFI], indices: [DEFI], weight: 0.5"),
            "DEFI is in the group that it shall hedge",
        ),
        (one(f"{RIGHT['risk_parity']}, volatilities: {{BTC: 60 %}}"), "no volatility of ETH: what is given and"),
        (
            one(RIGHT["risk_parity"].replace("BTC, ETH", "BTC, DOT")),
            "targets[0].assets[1]: value 'DOT': DOT has no entry under assets",
        ),
        (
            one("kind: tilt, long: {ETH: 1}, short: {BTC: 1}, size: 5 %, neutral: beta, benchmark: TOTAL"),
            "targets[0].benchmark: value 'TOTAL': TOTAL has no entry under assets",
        ),
        (
            one(f"{RIGHT['weights']}", "kind: risk_parity, assets: [SOL]"),
            (
                "targets[1].kind: value 'risk_parity': its base is all of NAV less a reserve, as that of 't0': "
                "both would "
                "count the same cash; allowed: base: owned, base: fixed, or a sleeve (owns) of its own"
            ),
        ),
        (
            one(RIGHT["neutral"], f"{RIGHT['unwind']}"),
            "targets[1].assets[0]: value 'BTC': the target 't0' wants futures on BTC that this one closes",
        ),
        (
            one(RIGHT["neutral"], f"{RIGHT['unwind']}, owns: {{BTC: 0.5}}"),
            "targets[1].assets[0]: value 'BTC': the target 't0' wants futures on BTC that this one closes",
        ),
        (
            one(RIGHT["unwind"], f"{RIGHT['unwind']}"),
            "targets[1].assets[0]: value 'BTC': the target 't0' wants futures on BTC that this one closes",
        ),
        (
            one(f"{RIGHT['convert_to_spot']}, owns: {{BTC: 0.4}}"),
            "targets[0].amount: value '0.5': more than the target owns, 0.4 BTC; allowed: at most 0.4",
        ),
        (one(RIGHT["convert_to_spot"].replace("0.5", "0")), "targets[0].amount: value '0': nothing to sell"),
        (one(RIGHT["convert_to_spot"].replace("0.5", "0.5 ETH")), "'ETH' is another coin; allowed: a number of BTC"),
        (one(f"{RIGHT['neutral']}, owns: {{BTC: 1 ETH}}"), "targets[0].owns.BTC: value '1 ETH': 'ETH' is another coin"),
        (one(f"{RIGHT['neutral']}, owns: {{BTC: -1}}"), "targets[0].owns.BTC: value '-1': negative"),
        (
            one(f"{RIGHT['neutral']}, owns: {{DOT: 1}}"),
            "DOT has no entry under assets, so nothing says how to price it",
        ),
        (
            one(f"{RIGHT['neutral']}, cap: 5 EUR"),
            (
                "targets[0].cap: value '5 EUR': 'EUR' is neither the quote nor the reporting currency; allowed: an "
                "amount in"
            ),
        ),
        (one(RIGHT["unwind"].replace("USDT", "BTC")), "targets[0].slices.notional: value '1000 BTC': 'BTC' is neither"),
        (one(f"{RIGHT['tilt']}, reserve: {{USDT: 5, USDX: 1}}"), "'USDX' is neither the quote currency nor an asset"),
        (one(f"{RIGHT['tilt']}, reserve: {{usdt: 5}}"), "targets[0].reserve: 'usdt' is not an asset"),
        (one(f"{RIGHT['tilt']}, reserve: {{USDT: 5 BTC}}"), "targets[0].reserve: 'BTC' stands beside USDT"),
        (one(f"{RIGHT['tilt']}, reserve: -5 USDT"), "targets[0].reserve: value '-5 USDT': negative"),
    ],
)
def test_a_contradiction_is_one_line(text: str, part: str) -> None:
    """What cannot be meant is found before anything starts, at its line, with what would be right."""
    assert part in only_problem(text)


@pytest.mark.parametrize(
    "text",
    [
        one(f"{RIGHT['neutral']}, owns: {{BTC: 1}}", RIGHT["weights"]),
        one(RIGHT["neutral"], RIGHT["tilt"], RIGHT["cash_hedge"]),
        one(RIGHT["weights"], "kind: risk_parity, assets: [SOL], base: owned"),
        one(RIGHT["weights"], "kind: risk_parity, assets: [SOL], owns: {SOL: 5, USDT: 500}"),
        one(RIGHT["neutral"], RIGHT["convert_to_spot"]),
        one(f"{RIGHT['tilt']}, reserve: {{USDT: 5, ETH: 1}}"),
        one(f"{RIGHT['weights'].replace('20000 USDT', '0 USDT')}"),
        one("kind: cash_hedge, share: 20 %, anchor: BTC, beta: measured"),
    ],
)
def test_targets_that_can_be_told_apart_add_up(text: str) -> None:
    """Sleeves, overlays on top and bases of their own are no contradiction."""
    assert loaded(text).settings.targets


def test_each_coin_without_a_future_is_told() -> None:
    """One unknown coin hides no other."""
    found = problems(one("kind: tilt, long: {NEXO: 1}, short: {DOT: 1}, size: 5 %"))

    assert ["targets[0].long.NEXO", "targets[0].short.DOT"] == sorted(problem.key for problem in found)
