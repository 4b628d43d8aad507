"""Bad input, wherever it arrives: one clear line in the settings, in a plan and in the engine, and no order from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from bot.domain.bands import Auto, Unit, Width
from bot.domain.events import HoldingsDeclared
from bot.domain.rules import HoldingSource
from bot.domain.targets import Neutrality, ProxyTarget, TargetSpec, TiltTarget, WeightsMode, WeightsTarget
from bot.domain.units import SECOND_NS, Asset, Nanos, Qty
from bot.runtime.problems import ConfigError
from tests.engine.kit import World
from tests.engine.test_inputs import futureless, world_of
from tests.kit import BTC, ETH, band, d, limits, neutral, rules
from tests.runtime.planning import config, hedges, perp, planned, snapshot

SOL = Asset("SOL")
PRICES = {"BTC": "60000", "ETH": "2500"}
FUTURES = [perp("BTC", "60000"), perp("ETH", "2500", tick_size="0.01")]
HELD = {"BTC": "1", "ETH": "10"}
ETHER = "{name: e, kind: neutral, assets: [ETH], band: {trigger: 1 %}}"
OVERWEIGHT = (
    "{name: w, kind: weights, weights: {BTC: 70 %, ETH: 40 %}, mode: full_rebalance, base: owned,"
    " band: {trigger: 1 pp}}"
)


# ------------------------------------------------------------------------------------------------ settings and plan
@pytest.mark.parametrize(
    ("targets", "line"),
    [
        (
            (
                "{name: a, kind: neutral, assets: [BTC], band: {trigger: 1 %}}",
                "{name: b, kind: ratio, assets: [BTC], ratio: 0.5, band: {trigger: 1 %}}",
            ),
            "BTC belongs to the target 'a' already",
        ),
        (
            (OVERWEIGHT,),
            "the weights add up to 1.1; allowed: a sum of at most 1, or a target of the kind leverage",
        ),
        (
            ("{name: u, kind: tilt, long: {ETH: 1}, short: {ETH: 1}, size: 5 %, band: {trigger: 1 pp}}",),
            "ETH is on the long side too",
        ),
    ],
    ids=["two targets", "weights above one", "both sides"],
)
def test_a_contradiction_never_gets_as_far_as_a_plan(tmp_path: Path, targets: tuple[str, ...], line: str) -> None:
    """One line at the place in the file; there is no settings object to plan or to start anything with."""
    path = config(tmp_path, *targets)
    with pytest.raises(ConfigError) as refused:
        planned(path, snapshot(PRICES, HELD, instruments=FUTURES))
    lines = [text for text in str(refused.value).splitlines() if line in text]

    assert len(lines) == 1
    assert f"{path}:" in lines[0]


PROXY = "{name: p, kind: proxy, assets: [ALT], anchors: [BTC], band: {trigger: 0 coins}}"


@pytest.mark.parametrize("hours", [0, 30, 239])
def test_a_plan_trades_nothing_on_a_proxy_without_enough_history(tmp_path: Path, hours: int) -> None:
    """A beta of fewer returns than the target asks for is unknown: one line, no order of it, and ETH is hedged."""
    series = {"BTC": ["0.01", "-0.02", "0.005"] * 80, "ALT": ["0.02", "-0.04", "0.011"] * 80}
    short = {coin: rows[:hours] for coin, rows in series.items()}
    returns = {"interval_hours": "1", "kind": "log", "end": "2024-08-09T00:00:00Z", "series": short}
    more: dict[str, Any] = {"returns": returns} if hours else {}
    book = snapshot({**PRICES, "ALT": "10"}, {**HELD, "ALT": "1000"}, instruments=FUTURES, **more)
    answer = planned(config(tmp_path, PROXY, ETHER, assets="BTC ETH ALT"), book)
    (refused,) = [one for one in answer.refused if one.what == "p"]

    assert {"ETH": d(-10)} == hedges(answer)
    assert "ALT" in refused.why
    assert "\n" not in refused.why


@pytest.mark.parametrize("expiry", ["2024-06-28T08:00:00Z", "2024-08-09T00:00:00Z"])
def test_a_plan_trades_nothing_on_a_future_that_has_expired(tmp_path: Path, expiry: str) -> None:
    """A hedge whose only future has expired, to the second, gets no order and a line that says so; ETH is hedged."""
    dated = perp("BTC", "60000", id="binance.usdm:BTCUSDT_240628", expiry=expiry)
    both = "{name: n, kind: neutral, assets: [BTC], band: {trigger: 1 %}}"
    answer = planned(config(tmp_path, both, ETHER), snapshot(PRICES, HELD, instruments=[dated, FUTURES[1]]))
    said = [one.why for one in answer.refused if one.what in ("BTC", dated["id"])]

    assert ["binance.usdm:ETHUSDT"] == [order.instrument for order in answer.orders]
    assert len(said) == 1
    assert "expire" in said[0]


# ----------------------------------------------------------------------------------------------------------- the engine
def held(world: World, *subjects: str) -> list[str]:
    """What was said of groups that wait, last word first."""
    return [n.text for n in reversed(world.notices("held")) if not subjects or n.subject in subjects]


UNTAUGHT: dict[str, TargetSpec] = {
    "proxy": ProxyTarget(name="proxy", assets=(SOL,), anchors=(BTC,), band=band("0.02")),
    "two anchors": ProxyTarget(name="proxy", assets=(SOL,), anchors=(BTC, ETH), band=band("0.02")),
}


@pytest.mark.parametrize("which", UNTAUGHT)
def test_the_engine_trades_nothing_on_a_beta_that_it_has_not_learned(which: str) -> None:
    """Without history the proxy waits with one line that names it; a target that needs none of it is hedged."""
    target = UNTAUGHT[which]
    others = () if which == "two anchors" else (neutral("ETH"),)
    world = world_of(futureless(target, *others), BTC="0", ETH="10", SOL="100").run(6)

    assert world.position("BTC") == 0
    assert [r.instrument for r in world.sent if "BTC" in r.instrument] == []
    assert world.position("ETH") == (d(-10) if others else d(0))
    assert "SOL" in held(world, "proxy")[0]
    assert all("\n" not in text for text in held(world))


def test_the_engine_trades_nothing_on_a_beta_neutral_tilt_without_betas() -> None:
    """Unknown is not 1: the tilt waits and says which beta it lacks."""
    tilt = TiltTarget(
        name="tilt", long={ETH: d(1)}, short={BTC: d(1)}, size=d("0.1"), band=band("0.02"), neutral=Neutrality.BETA
    )
    world = World.neutral(tilt, coins={"BTC": "1", "ETH": "10"}).run(6)

    assert world.sent == []
    assert "beta" in held(world, "tilt")[0]


def test_the_engine_trades_nothing_on_bands_that_contradict_each_other() -> None:
    """A fixed and an auto band on one coin, should rules ever bring them: held with a line, and ETH is hedged."""
    auto = Auto(hard=Width(d("0.1"), Unit.RELATIVE), risk_aversion=d(100))
    one = msgspec.structs.replace(neutral("BTC", ratio="0.5"), name="one")
    two = msgspec.structs.replace(neutral("BTC", ratio="0.5"), name="two", band=auto)
    world = World.neutral(one, two, neutral("ETH"), coins={"BTC": "1", "ETH": "10"}).run(6)

    assert (world.position("BTC"), world.position("ETH")) == (d(0), d(-10))
    assert "only one kind can decide" in held(world)[0]


def test_the_engine_takes_no_order_that_is_smaller_than_a_lot() -> None:
    """A band narrower than a lot that prices have made so after the start: what no order can bring inside is left."""
    narrow = neutral("BTC", within=band("0.0001", unit=Unit.COINS))
    world = World.neutral(narrow, coins={"BTC": "1.0005"}).run(6)
    sent = len(world.sent)
    world.run(10)

    assert world.position("BTC") == d(-1)
    assert len(world.sent) == sent == 1


SOURCES = (HoldingSource("cold", (BTC,), 60 * SECOND_NS),)


@pytest.mark.parametrize("story", ["never", "stale", "stale at once", "gone silent"])
def test_the_engine_trades_nothing_on_holdings_that_nobody_vouches_for(story: str) -> None:
    """Never read, read too old, or silent for longer than allowed: one line, BTC stands still, and ETH is hedged."""
    world = World(rules(neutral(), sources=SOURCES, limits=limits()), {"BTC": d(1), "ETH": d(10)}).start()
    age = {"stale": 61, "stale at once": 3_600}.get(story, 0)
    if story != "never":
        world.handle(HoldingsDeclared("cold", {BTC: Qty("2")}, Nanos(world.now - age * SECOND_NS), world.now))
    world.run(4)
    hedge = d(-3) if story == "gone silent" else d(0)
    assert world.position("BTC") == hedge
    world.run(70)
    world.deposit("BTC", "0.15")
    world.run(6)

    assert (world.position("BTC"), world.position("ETH")) == (hedge, d(-10))
    assert held(world, "neutral:BTC")[0].startswith("declared (BTC): the source cold")


def test_the_engine_holds_weights_of_a_base_that_means_nothing() -> None:
    """Shares of nothing are refused in words, and nothing is sent."""
    empty = WeightsTarget(
        name="weights",
        weights={BTC: d("0.6"), ETH: d("0.4")},
        mode=WeightsMode.FULL_REBALANCE,
        band=band("0.05", unit=Unit.POINTS),
    )
    world = World.neutral(empty, coins={"BTC": "1", "ETH": "16"}).run(6)

    assert world.sent == []
    assert "declare a reserve of USDT" in held(world, "weights")[0]
