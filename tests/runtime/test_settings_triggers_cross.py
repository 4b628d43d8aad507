"""The promises of bands, calendars, gates and endings in a config: what they may say, and what they may not."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.domain.bands import Auto, Band, Unit, Width
from bot.domain.triggers import Gate, PriceEnd, Signal, Start, Until, When
from bot.domain.units import HOUR_NS, SECOND_NS, Asset, Price
from bot.runtime.portfolio import targets
from bot.runtime.settings_load import load_text
from tests.runtime.configs import loaded, only_problem

NEW_YEAR_NS = 1_798_761_600 * SECOND_NS
"""2027-01-01T00:00:00Z."""


def neutral(*more: str, band: str = "{trigger: 1 %}") -> str:
    """A neutral target of BTC with further keys, a line each."""
    lines = "".join(f"    {line}\n" for line in more)
    return (
        "portfolio: main\nassets: {BTC: {}, NEXO: {hedge: none}}\ntargets:\n"
        f"  - name: flat\n    kind: neutral\n    assets: [BTC]\n    band: {band}\n{lines}"
    )


def weights(band: str) -> str:
    """A weights target with this band."""
    return (
        "portfolio: main\nassets: {BTC: {}, ETH: {}}\ntargets:\n  - name: core\n    kind: weights\n"
        f"    weights: {{BTC: 1}}\n    mode: trim_only\n    base: owned\n    band: {band}\n"
    )


def percent(value: str) -> Width:
    """A relative width."""
    return Width(Decimal(value) / 100, Unit.RELATIVE)


def test_a_band_may_have_two_sides_and_an_instant() -> None:
    """Each side its own trigger and destination, and a width beyond which nothing is waited for."""
    band = "{trigger: 1 %, destination: 0.5 %, trigger_below: 3 %, destination_below: 1 %, instant: 5 %}"
    (target,) = targets(loaded(neutral(band=band)).settings)

    assert Band(percent("1"), percent("0.5"), percent("3"), percent("1"), percent("5")) == target.band


def test_a_destination_left_out_is_the_target() -> None:
    """The shortest band goes all the way back."""
    (target,) = targets(loaded(neutral()).settings)

    assert Band(percent("1"), percent("0")) == target.band


def test_a_band_may_set_its_own_width() -> None:
    """Aversion or tracking error, within a floor and a hard limit."""
    (target,) = targets(loaded(weights("{auto: {tracking_error: 1 %, hard: 5 pp, floor: 0.2 pp}}")).settings)

    points = [Width(Decimal(value), Unit.POINTS) for value in ("0.05", "0.002")]
    assert Auto(hard=points[0], tracking_error=Decimal("0.01"), floor=points[1]) == target.band


@pytest.mark.parametrize(
    ("band", "part"),
    [
        ("{trigger: 1 %, destination_below: 2 %}", "band.destination_below: value '2 %': wider than the trigger, 1 %"),
        ("{trigger: 2 %, destination: 1 %, trigger_below: 0.5 %}", "wider than the trigger, 0.5 %"),
        ("{trigger: 2 %, trigger_below: 1 pp}", "percentage points are parts of a base, and this kind has none"),
        (
            "{trigger: 2 %, instant: 1 %}",
            "instant: value '1 %': inside the trigger, 2 %: a hedge would be urgent before",
        ),
        ("{trigger: 1 %, trigger_below: 3 %, instant: 2 %}", "inside the trigger_below, 3 %"),
        ("{}", "targets[0].band.trigger: required, and not there"),
        (
            "{tirgger: 1 %, trigger: 1 %}",
            "unknown key; allowed: trigger, destination, trigger_below, destination_below",
        ),
        ("{auto: {hard: 5 %}}", "nothing says how narrow it shall be; allowed: risk_aversion or tracking_error"),
        ("{auto: {hard: 5 %, risk_aversion: 5, tracking_error: 1 %}}", "risk_aversion and tracking_error at once"),
        ("{auto: {risk_aversion: 5}}", "targets[0].band.auto.hard: required, and not there"),
        ("{auto: {risk_aversion: 5, hard: 1 %, floor: 2 %}}", "floor: value '2 %': wider than the hard limit, 1 %"),
        (
            "{auto: {risk_aversion: 5, hard: 1 pp}}",
            "band.auto.hard: value '1 pp': percentage points are parts of a base",
        ),
        ("{auto: {risk_aversion: 5, hard: 1 %, flor: 2 %}}", "did you mean 'floor'?"),
        ("{auto: 3}", "targets[0].band.auto: value '3': not a section"),
        ("3 %", "targets[0].band: value '3 %': not a section"),
    ],
)
def test_a_band_that_cannot_be_meant_is_one_line(band: str, part: str) -> None:
    """Sides, units and the order of widths are judged before anything starts."""
    assert part in only_problem(neutral(band=band))


def test_only_some_kinds_have_a_band_that_sets_its_own_width() -> None:
    """A tilt's deviation is no risk of the portfolio that a formula could weigh."""
    text = weights("{auto: {risk_aversion: 5, hard: 5 %}}").replace("kind: weights", "kind: leverage")
    text = text.replace("mode: trim_only", "leverage: 1\n    leverage_max: 2")

    assert "a band of the kind leverage cannot set its own width" in only_problem(text)


def test_fixed_and_auto_bands_do_not_meet_on_one_coin() -> None:
    """Deviations of one coin are netted, so that one kind of band decides."""
    tilt = "  - {name: lean, kind: tilt, long: {ETH: 1}, short: {BTC: 1}, size: 1 %, band: {trigger: 1 pp}}\n"
    text = weights("{auto: {risk_aversion: 5, hard: 5 %}}") + tilt

    assert "targets[1].band: the band of 'core', which trades BTC too, is auto" in only_problem(text)


def test_everything_that_a_hedge_may_wait_for_arrives() -> None:
    """Durations, calendars, gates and costs reach the engine in its own units."""
    text = neutral(
        "when:",
        "  persist: 30 s",
        '  calendar: "0 8 * * 1"',
        "  start: both",
        "  gates: [{signal: chaikin, fast: 3, slow: 10, threshold: 5 %, asset: NEXO}]",
        "  gate_delay: 2 h",
        "  cost_to_risk: 2",
        "  funding_cost: 30 %",
    )
    gate = Gate(signal=Signal.CHAIKIN, fast=3, slow=10, threshold=Decimal("0.05"), asset=Asset("NEXO"))

    assert (
        When(
            persist_ns=30 * SECOND_NS,
            calendar="0 8 * * 1",
            start=Start.BOTH,
            gates=(gate,),
            gate_delay_ns_max=2 * HOUR_NS,
            cost_to_risk_max=Decimal(2),
            funding_cost_max=Decimal("0.3"),
        )
        == targets(loaded(text).settings)[0].when
    )


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("when: {calendar: daily}", "targets[0].when.calendar: value 'daily': is not a cron line"),
        ('when: {calendar: "0 0 31 2 *"}', "targets[0].when.calendar"),
        ("when: {start: both}", "start: both needs a calendar; allowed: calendar: '0 8 * * 1', or start: either"),
        ("when: {persist: 5}", "targets[0].when.persist: value '5': a number without a unit"),
        ("when: {gates: [{signal: trend, fast: 48, slow: 12}]}", "fast (48) is not shorter than slow (12)"),
        ("when: {gates: [{signal: moon}]}", "targets[0].when.gates[0].signal: value 'moon': not one of the choices"),
        ("when: {gates: [{signal: trend, asset: DOT}]}", "DOT has no entry under assets, so there is no data of it"),
        (
            "when: {gates: [{signal: open_interest, asset: NEXO}]}",
            (
                "open_interest is data of a future, and NEXO has none (hedge: none); allowed: another signal, or an "
                "asset with"
            ),
        ),
        ("when: {gates: [{sginal: trend, signal: trend}]}", "did you mean 'signal'?"),
        (
            "until: {}",
            "targets[0].until: nothing that could end it; allowed: time, price, funding_cost or drift_healed",
        ),
        ("until: {time: tomorrow}", "not a moment in UTC; allowed: a date or a time in UTC, as 2027-06-30"),
        ("until: {time: 2027-02-30}", "no such day or time"),
        ("until: {time: 2027-06-30T08:00}", "did you mean '2027-06-30T08:00Z'?"),
        ("until: {price: {asset: BTC}}", "targets[0].until.price: no price; allowed: above, below, or both"),
        ("until: {price: {asset: DOT, above: 5}}", "DOT has no entry under assets, so nothing says how to price it"),
        ("until: {price: {asset: BTC, above: 0}}", "not above 0"),
        ("until: {price: {asset: BTC, above: 5 EUR}}", "'EUR' is neither the quote nor the reporting currency"),
        ("until: {price: {asset: BTC, above: 5, below: 6}}", "6 is not below 5: every price would end it"),
        ("until: {drift_healed: true}", "a target of the kind neutral has no drift that could heal"),
    ],
)
def test_a_trigger_that_cannot_be_meant_is_one_line(line: str, part: str) -> None:
    """Calendars that never strike, gates without data and ends without a cause are found before anything starts."""
    assert part in only_problem(neutral(line))


def test_a_gate_that_compares_no_averages_may_look_back_far() -> None:
    """Open interest has one window: how it lies to the other one says nothing."""
    assert loaded(neutral("when: {gates: [{signal: open_interest, fast: 72}]}")).settings.targets


@pytest.mark.parametrize("written", ["2027-01-01", "2027-01-01T00:00:00Z", "2027-01-01 00:00Z"])
def test_what_ends_a_target_arrives(written: str) -> None:
    """A moment, a price and a cost, in the engine's units."""
    price = "price: {asset: BTC, above: 150000 USDT, below: 20000}"
    text = neutral(f"until: {{time: {written}, {price}, funding_cost: 0.5}}")
    end = PriceEnd(asset=Asset("BTC"), above=Price(Decimal(150_000)), below=Price(Decimal(20_000)))

    assert (
        Until(at_ns=NEW_YEAR_NS, price=end, funding_cost_max=Decimal("0.5"))  # type: ignore[arg-type]
        == targets(loaded(text).settings)[0].until
    )


def test_a_time_that_is_past_is_refused_by_who_knows_the_time() -> None:
    """Whoever writes a config is told; a service that starts again after the end is not stopped by it."""
    text = neutral("until: {time: 2027-01-01}")
    late = load_text(text, "c.yaml", {}, now_ns=NEW_YEAR_NS - 1)

    assert late.settings.targets
    assert loaded(text).settings.targets
    assert (
        "c.yaml:8: targets[0].until.time: value '2027-01-01': over already: it is 2027-01-01T00:00:00Z; allowed: "
        "a moment "
        "to come, or the target taken out"
    ) in only_problem(text, now_ns=NEW_YEAR_NS)
