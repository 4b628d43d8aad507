"""The plan as a person sees it: the whole derivation, what follows, and what stands against it."""

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from bot.ops.exits import Exit
from bot.ops.plans import draw_plan, print_plan, read_plan
from bot.ops.speak import Stop
from tests.ops.plan_samples import BITCOIN, EMPTY, MARGIN, ORDER, plan

WIDTH = 140


def shown(answer: dict[str, Any], width: int = WIDTH) -> str:
    """What stands on the screen."""
    console = Console(file=StringIO(), width=width)
    console.print(draw_plan(read_plan(answer)))
    written = console.file
    assert isinstance(written, StringIO)
    return written.getvalue()


def line_of(text: str, *words: str) -> str:
    """The one line with all of these words."""
    (found,) = [line for line in text.splitlines() if all(word in line for word in words)]
    return found


def test_the_derivation_is_drawn_in_its_order() -> None:
    """Worth, exposure, targets, orders, margin, and what is moved, refused and unknown come one after the other."""
    text = shown(plan())
    marks = (
        "net asset value", "where the exposure comes from", "what the targets want", "sell 1 BTC: holding 1",
        "orders that would be sent now", "margin of the accounts", "move", "not planned", "not known",
    )  # fmt: skip
    places = [text.index(mark) for mark in marks]

    assert sorted(places) == places
    assert "80,000.00 USD" in text
    assert "base of core 60,000.00" in text


def test_every_figure_of_an_order_is_there() -> None:
    """Side, instrument, account, for what, contracts, limit, expected price and cost stand in one line."""
    line = line_of(shown(plan()), "sell", "59,910.00")

    assert ["sell", "BTCUSDT", "usdm", "binance.usdm", "BTC", "1", "59,910.00", "59,990.5000", "39.50"] == [
        word if word != "59,990.50" else "59,990.5000" for word in line.split()
    ]


def test_a_margin_shows_both_sides_of_the_orders() -> None:
    """Ratios before and after, both distances, the top-up and the liquidation price; what never comes says never."""
    line = line_of(shown(plan()), "binance.usdm", "79,800.00")

    for word in ("0.00 %", "1.20 %", "33.0 %", "never", "1,500"):
        assert word in line


def test_what_is_unknown_of_a_margin_is_no_never() -> None:
    """Where the margin cannot be told a distance is a question mark: not reached and not known are two things."""
    unknown = {**dict.fromkeys(MARGIN, None), "liquidation": {"binance.usdm:BTCUSDT": None}}
    text = shown(plan(margin={"binance.usdm": unknown}))

    assert "never" not in text
    assert 6 == line_of(text, "binance.usdm", "?").count("?")


def test_what_a_hedge_waits_for_is_said() -> None:
    """A breach that waits shows what for; a target of several shows the share of each."""
    waiting = {**BITCOIN, "gates": ["its calendar has not struck"], "target_parts": {"core": "1", "tilt": "-0.1"}}
    text = shown(plan(assets={"BTC": waiting}, orders=[]))

    assert "waits  its calendar has not struck" in text
    assert "target = core +1, tilt -0.1" in text
    assert "No order would be sent now." in text


def test_a_reason_without_a_target_is_shown() -> None:
    """What is done with an asset that no overlay is wanted of (a conversion) is said as well."""
    untargeted = {**BITCOIN, "target": None, "deviation": None, "deviation_value": None, "band": None}

    assert "sell 1 BTC: holding 1" in shown(plan(assets={"BTC": untargeted}))


def test_empty_columns_are_left_out() -> None:
    """A source that no asset has anything in takes no room; one that has stands there with its name."""
    with_options = {**BITCOIN, "parts": {**BITCOIN["parts"], "options": "0.5"}}

    assert "options" not in shown(plan())
    assert "options" in shown(plan(assets={"BTC": with_options}))


def test_carry_is_shown() -> None:
    """Forecast, basis, cost, break-even and decision of each carry trade."""
    line = {
        "forecast_apr": "0.11", "basis_ann": None, "round_trip_cost": "0.0011", "break_even_hours": "87.6",
        "decision": "enter", "why": "above the threshold",
    }  # fmt: skip
    text = line_of(shown(plan(carry={"harvest": line})), "harvest")

    for word in ("11.00 %", "?", "0.110 %", "87.6 h", "enter: above the threshold"):
        assert word in text


def test_a_plan_of_nothing_is_short() -> None:
    """Nothing known is said as unknown, and no empty table is drawn."""
    assert ["net asset value unknown", "", "No order would be sent now."] == [
        line.rstrip() for line in shown(EMPTY).splitlines()
    ]


def test_costs_that_are_unknown_are_question_marks() -> None:
    """A fee that nobody told is not nothing, nor is a price."""
    order = {**ORDER, "vwap": None, "cost": {"fee": None, "slippage": "1"}}

    assert ["?", "?"] == line_of(shown(plan(orders=[order])), "sell", "59,910.00").split()[-2:]


def test_nothing_steers_the_terminal() -> None:
    """Names and reasons come from files and venues: control characters are shown, not obeyed."""
    evil = "\x1b[2J"
    text = shown(plan(refused=[{"what": evil, "why": evil}], unknown=[evil], assets={evil: {**BITCOIN, "why": evil}}))

    assert "\x1b" not in text
    assert "\\x1b" in text


@pytest.mark.parametrize("answer", [{"mode": "RUN"}, {**plan(), "orders": [{"side": "sell"}]}, []])
def test_another_versions_answer_is_refused(answer: object) -> None:
    """An answer that this version does not read ends the verb; half a plan is worse than none."""
    with pytest.raises(Stop) as stopped:
        print_plan(answer)

    assert Exit.INTERNAL == stopped.value.exit
