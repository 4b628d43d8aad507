"""What differs between two configs, in the words of the file, and what of it may change while the daemon runs."""

from __future__ import annotations

import pytest

from bot.runtime.settings import LimitSettings
from bot.runtime.settings_diff import RELOADABLE_LIMITS, Difference, compare
from tests.runtime.configs import RIGHT, WEIGHTS, changed, loaded, with_limit

SINK = "alerts:\n  sinks:\n    phone: {url: 'json://127.0.0.1:8080/alerts'}\n"


def differences(old: str, new: str) -> list[str]:
    """What differs between two texts, as lines."""
    return [str(one) for one in found(old, new)]


def found(old: str, new: str) -> tuple[Difference, ...]:
    """What differs between two texts."""
    return compare(loaded(old).settings, loaded(new).settings)


def test_the_same_config_differs_in_nothing() -> None:
    """Comments, order of keys and spelt-out defaults are no difference."""
    assert () == found(RIGHT, f"# a comment\n{RIGHT}limits: {{slippage: 15 bps}}\n")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("trigger: 1 %", "trigger: 2 %", "targets.neutral.band.trigger: 1 % -> 2 %"),
        ("assets: [BTC, ETH]", "assets: [BTC]", "targets.neutral.assets: [BTC, ETH] -> [BTC]"),
        ("kind: neutral", "kind: ratio\n    ratio: 0.5", "targets.neutral: neutral of BTC, ETH -> ratio of BTC, ETH"),
        ("BTC: {}", "BTC: {declared: 1.5}", "assets.BTC.declared: 0 -> 1.5"),
        ("portfolio: main", "portfolio: other", "portfolio: main -> other"),
    ],
)
def test_a_change_is_told_in_the_words_of_the_file(old: str, new: str, told: str) -> None:
    """The path of the key, what was there and what is there now, each with its unit."""
    assert [told] == differences(RIGHT, changed(old, new))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("quote_age: 3 s", "limits.quote_age: 2 s -> 3 s"),
        ("slippage: 0.2 %", "limits.slippage: 15 bps -> 20 bps"),
        ("order_notional: 30000 USDT", "limits.order_notional: 25000 -> 30000 USDT"),
        ("orders_per_minute: 6", "limits.orders_per_minute: 5 -> 6"),
        ("margin_ratio: 40 %", "limits.margin_ratio: 0.5 -> 0.4"),
    ],
)
def test_a_limit_is_told_in_its_unit(line: str, told: str) -> None:
    """A duration as a duration, a part of a price in basis points, money in its currency."""
    assert [told] == differences(RIGHT, with_limit(line))


def test_weights_and_choices_are_told() -> None:
    """Each weight by its coin, a choice by its word."""
    new = changed("{BTC: 60 %, ETH: 40 %}", "{BTC: 55 %}", WEIGHTS).replace("full_rebalance", "trim_only")

    assert [
        "targets.core.weights.BTC: 0.6 -> 0.55",
        "targets.core.weights.ETH: removed, 0.4",
        "targets.core.mode: full_rebalance -> trim_only",
    ] == differences(WEIGHTS, new)


def test_targets_are_told_apart_by_name() -> None:
    """One that is added in front changes no other; a new order alone is a difference of its own."""
    one = "{name: one, kind: neutral, assets: [BTC], band: {trigger: 1 %, destination: 0 %}}"
    two = one.replace("one", "two").replace("BTC", "ETH")
    head = "portfolio: main\nassets: {BTC: {}, ETH: {}}\ntargets: "

    assert ["targets.two: added, neutral of ETH"] == differences(f"{head}[{one}]\n", f"{head}[{two}, {one}]\n")
    assert ["targets.one: removed, neutral of BTC"] == differences(f"{head}[{one}, {two}]\n", f"{head}[{two}]\n")
    assert ["targets: in another order"] == differences(f"{head}[{one}, {two}]\n", f"{head}[{two}, {one}]\n")


def test_a_url_is_never_shown() -> None:
    """Many a service's URL is its secret."""
    moved = SINK.replace("8080", "9090")

    assert ["alerts.sinks.phone.url: changed"] == differences(RIGHT + SINK, RIGHT + moved)
    assert ["alerts.sinks.phone: added, a section"] == differences(RIGHT, RIGHT + SINK)


def test_a_switch_and_a_file_are_told() -> None:
    """On and off, nothing and something."""
    new = f"{RIGHT}web: {{enabled: false}}\nlog: {{file: {{path: /tmp/x.log}}}}\n"

    assert ["log.file: nothing -> a section", "web.enabled: true -> false"] == differences(RIGHT, new)


# ---------------------------------------------------------------------------------------------- what may change
@pytest.mark.parametrize("name", sorted(LimitSettings.model_fields))
def test_each_limit_is_either_judged_anew_for_each_order_or_needs_a_restart(name: str) -> None:
    """What proofs under way rest on is fixed while the daemon runs, and so is what the client was built with."""
    fixed = {"recv_window", "venue_delay", "clock_offset", "ack_timeout", "evidence_gap", "replica_lag", "balance_step"}

    assert (name not in fixed) == Difference(("limits", name), "1 -> 2").reloadable == (name in RELOADABLE_LIMITS)


@pytest.mark.parametrize(
    ("path", "reloadable"),
    [
        (("targets",), True),
        (("targets", "neutral", "band", "trigger"), True),
        (("alerts", "repeat"), True),
        (("alerts", "heartbeat", "every"), False),
        (("limits",), False),
        (("assets", "BTC", "declared"), False),
        (("intervals", "tick"), False),
        (("exchange", "pin"), False),
        (("log", "level"), False),
    ],
)
def test_targets_alerts_and_limits_may_change_and_nothing_else(path: tuple[str, ...], reloadable: bool) -> None:
    """What the running parts were built with waits for the next start."""
    assert reloadable == Difference(path, "").reloadable


def test_what_needs_a_restart_names_its_line() -> None:
    """The line of the new file, also for a key of a target."""
    new = loaded(f"{RIGHT}intervals: {{tick: 200 ms}}\n")
    (one,) = compare(loaded(RIGHT).settings, new.settings)
    banded = loaded(changed("trigger: 1 %", "trigger: 2 %"))
    (other,) = compare(loaded(RIGHT).settings, banded.settings)
    gone = Difference(("targets", "old"), "removed")

    assert str(one.problem(new)).startswith("c.yaml:10: intervals.tick: value '200 ms': 100 ms -> 200 ms: needs a")
    assert "c.yaml:9: targets[0].band.trigger" in str(other.problem(banded))
    assert ("targets",) == tuple(gone.place(banded))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "{trigger: 1 %, destination: 0 %}",
            "{trigger: 1 %, destination: 0 %, trigger_below: 2 %}",
            "targets.neutral.band.trigger_below: nothing -> 2 %",
        ),
        (
            "{trigger: 1 %, destination: 0 %}",
            "{auto: {risk_aversion: 100, hard: 5 %}}",
            "targets.neutral.band: 1 % to 0 % -> auto, risk aversion 100, at most 5 %",
        ),
        (
            "{trigger: 1 %, destination: 0 %}",
            "{trigger: 1 %, destination: 0 %}\n    when: {persist: 30 s}",
            "targets.neutral.when.persist: 0 s -> 30 s",
        ),
        (
            "{trigger: 1 %, destination: 0 %}",
            "{trigger: 1 %, destination: 0 %}\n    owns: {BTC: 1.5}",
            "targets.neutral.owns.BTC: added, 1.5",
        ),
        (
            "{trigger: 1 %, destination: 0 %}",
            "{trigger: 1 %, destination: 0 %}\n    until: {time: 2027-01-01}",
            "targets.neutral.until.time: nothing -> 2027-01-01T00:00:00Z",
        ),
    ],
)
def test_a_change_of_bands_triggers_and_sleeves_is_told(old: str, new: str, told: str) -> None:
    """What decides when a target acts is told like what it wants."""
    assert [told] == differences(RIGHT, changed(old, new))


def test_a_reserve_is_told_with_its_assets() -> None:
    """So much of which: a number alone would say nothing."""
    new = changed("reserve: 20000 USDT", "reserve: {USDT: 20000, USDC: 5}", WEIGHTS)

    assert ["targets.core.reserve: 20000 USDT -> 20000 USDT, 5 USDC"] == differences(WEIGHTS, new)


@pytest.mark.parametrize("line", ["budgets: {overlay: 1}", "statistics: {sample: 2 h}", "reporting: EUR"])
def test_what_targets_rest_on_needs_a_restart(line: str) -> None:
    """Statistics and budgets that are running are not exchanged under the targets that count on them."""
    (one,) = found(RIGHT, f"{RIGHT}{line}\n")

    assert not one.reloadable
