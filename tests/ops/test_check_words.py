"""The promises of a target told in a sentence."""

from __future__ import annotations

import pytest

from bot.ops.check_words import target_words
from tests.runtime.configs import loaded

HEAD = "portfolio: p\nassets: {BTC: {}, ETH: {}, NEXO: {hedge: none}, DEFI: {composition: {UNI: 1}}}\ntargets:\n"


def told(words: str) -> str:
    """The sentence of the only target of a config."""
    (target,) = loaded(f"{HEAD}  - {{name: t, {words}}}\n").settings.targets
    return target_words(target)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            "kind: neutral, assets: [BTC, ETH], band: {trigger: 1 %, trigger_below: 2 %}",
            "BTC, ETH delta-neutral; a hedge starts beyond 1 % above the target or 2 % below it and ends at 0 %",
        ),
        (
            "kind: ratio, ratio: 0.5, assets: [BTC], band: {trigger: 1 %, destination: 0.5 %, destination_below: 1 %}",
            "50 % of BTC hedged; a hedge starts beyond 1 % and ends at 0.5 % above or 1 % below",
        ),
        (
            (
                "kind: weights, weights: {BTC: 1}, mode: trim_only, base: fixed, fixed: 5 USD, band: {trigger: 1 pp}, "
                "cap: 9 USD"
            ),
            (
                "BTC 100 % of 5 USD, trim only; a hedge starts beyond 1 pp and ends at 0 %; an overlay is worth 9 "
                "USD at "
                "most"
            ),
        ),
        (
            "kind: tilt, long: {ETH: 1}, short: {BTC: 1}, size: 5 %, neutral: beta, band: {trigger: 1 pp}",
            (
                "long ETH 100 %, short BTC 100 %, 5 % of net asset value a side, beta-neutral against BTC; a "
                "hedge starts "
                "beyond 1 pp and ends at 0 %"
            ),
        ),
        (
            (
                "kind: cash_hedge, share: 0.2, anchor: BTC, beta: measured, reserve: {USDT: 5, USDC: 6}, band: "
                "{trigger: 1 pp}"
            ),
            (
                "20 % of net asset value less 5 USDT, 6 USDC out of the market through BTC, beta measured; a "
                "hedge starts "
                "beyond 1 pp and ends at 0 %"
            ),
        ),
        (
            "kind: leverage, weights: {BTC: 1}, leverage: 2, leverage_max: 3, base: owned, band: {trigger: 1 pp}",
            ("2 times the coins owned in BTC 100 %, never above 3 times; a hedge starts beyond 1 pp and ends at 0 %"),
        ),
        (
            "kind: proxy, assets: [NEXO], anchors: [BTC], band: {trigger: 5 %}, owns: {NEXO: 10}",
            (
                "100 % of NEXO hedged through BTC, by minimum variance; a hedge starts beyond 5 % and ends at 0 "
                "%; it owns "
                "10 NEXO"
            ),
        ),
        (
            "kind: index, assets: [ETH], indices: [DEFI], weight: 50 %, beta: 1.5, band: {trigger: 1 pp}",
            "ETH at 50 % of net asset value through DEFI, beta 1.5; a hedge starts beyond 1 pp and ends at 0 %",
        ),
        (
            "kind: risk_parity, assets: [BTC], base: owned, band: {auto: {risk_aversion: 100, hard: 5 %}}",
            (
                "BTC at the same risk (inverse volatility), 100 % of the coins owned; its band follows from cost "
                "and risk "
                "aversion 100, and is 5 % at most"
            ),
        ),
        (
            "kind: neutral, assets: [BTC], band: {auto: {tracking_error: 1 %, hard: 5 %}}",
            "BTC delta-neutral; its band follows from cost and a tracking error of 1 % a year, and is 5 % at most",
        ),
        (
            "kind: unwind, assets: [BTC], slices: {notional: 1000 USDT, every: 90 s}",
            "the hedges of BTC closed, 1000 USDT every 90 s",
        ),
        (
            "kind: convert_to_spot, asset: BTC, amount: 0.5 BTC, slices: {notional: 1000 USDT, every: 1 min}",
            "0.5 BTC sold and as much of its hedge bought back, 1000 USDT every 1 min",
        ),
    ],
)
def test_every_kind_has_its_words(words: str, sentence: str) -> None:
    """Whoever checks a config reads what it asks for, and sees a misunderstanding before it trades."""
    assert f"target t: {sentence}" == told(words)


def test_triggers_and_endings_are_told() -> None:
    """What a hedge waits for and what ends the target are a part of what is asked for."""
    when = (
        "when: {persist: 30 s, calendar: '0 8 * * 1', gates: [{signal: trend}], cost_to_risk: 2, funding_cost: 30 %}, "
        "until: {time: 2027-06-30, price: {asset: BTC, above: 5, below: 2 USDT}, funding_cost: 50 %}"
    )

    assert (
        "target t: BTC delta-neutral; a hedge starts beyond 1 % and ends at 0 %; triggers: has lasted 30 s, "
        "either band "
        "and calendar '0 8 * * 1' UTC, trend may delay it by 4 h, not while it costs over 2 times the risk of a day, "
        "closed early above 30 % funding a year; it ends at 2027-06-30T00:00:00Z or with BTC at 5 or above or with BTC "
        "at 2 USDT or below or above 50 % funding a year"
    ) == told(f"kind: neutral, assets: [BTC], band: {{trigger: 1 %}}, {when}")


def test_a_drift_that_heals_is_told() -> None:
    """A target that needs no hedge any more says that it will end."""
    words = "kind: weights, weights: {BTC: 1}, mode: trim_only, base: owned, band: {trigger: 1 pp}"

    assert told(f"{words}, until: {{drift_healed: true}}").endswith("; it ends once the drift has healed")
