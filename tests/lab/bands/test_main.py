"""The command: its promises, its table and its exit codes."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from bot.domain.bands import TRADE_MIN, Auto, Unit, Width
from bot.lab.bands import __main__ as command
from bot.lab.bands.frontier import Match
from bot.lab.bands.living import Outcome
from bot.lab.bands.measure import Cell, Check, Part, Plan, Report, summed
from bot.lab.bands.rules import LEAST
from bot.lab.bands.table import text

EVEN = Cell(ratio=0.5, low=0.4, high=0.6, is_equal=True)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit code."""
    monkeypatch.setattr("sys.argv", ["bands", "--workers", "1", *arguments])
    return command.main()


@pytest.mark.slow
def test_the_joint_band_is_cheaper_on_a_short_path(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The smoke test holds: half the cost of rehedging by the clock, and well below drift to target."""
    assert run(monkeypatch, "--quick") == 0

    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in lines if line.startswith("joint against")] == ["ok"] * 3


def test_a_missed_promise_is_an_exit_code(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Held to what nothing can keep, the command says so and ends with 1."""
    monkeypatch.setattr(command, "QUICK_MAX", (0.01, 0.01))
    monkeypatch.setattr(command, "QUICK_DAYS", 20)

    assert run(monkeypatch, "--quick") == 1
    assert capsys.readouterr().out.count("MISSED") == 3


def test_without_prices_nothing_is_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A directory without recordings is exit code 2 and a line that says what to do."""
    assert run(monkeypatch, "--data", str(tmp_path)) == 2
    assert "--synthetic" in capsys.readouterr().err


def test_the_report_is_also_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """--json prints what the table is made of."""
    monkeypatch.setattr(command, "QUICK_DAYS", 5)
    run(monkeypatch, "--quick", "--json")

    report = msgspec.json.decode(capsys.readouterr().out, type=Report)
    assert list(report.references) == ["8h", "24h", "1% -> target"]


def test_the_promises_are_those_of_the_issue() -> None:
    """0.60 and 0.40 on recorded prices, 0.65 and 0.55 on at least five made-up paths of three years."""
    real, made = command.real(Path("data")), command.synthetic(command.SEEDS, round(command.YEARS * 365))

    assert (real.drift_max, real.clock_max) == (0.60, 0.40)
    assert (made.drift_max, made.clock_max) == (0.65, 0.55)
    assert len({source.seed for source in made.sources}) >= 5
    assert {(source.days, source.correlation) for source in made.sources} == {(1095, 0.7)}


@pytest.mark.parametrize(
    ("cell", "ok"),
    [
        (EVEN, True),
        (msgspec.structs.replace(EVEN, ratio=0.61), False),
        (msgspec.structs.replace(EVEN, is_equal=False), False),
        (None, False),
    ],
)
def test_only_an_equal_tracking_error_keeps_a_promise(cell: Cell | None, ok: bool) -> None:
    """A cheap rule that strays further, or was not found, proves nothing."""
    assert Check(reference="8h", cell=cell, ratio_max=0.6).ok is ok


def found(ratio: float, *, is_equal: bool = True) -> Part:
    """What a process found: one reference that cost 0.002, and the joint band beside it."""
    reference = Outcome(tracking_error=0.01, cost=0.002, trades=12.0)
    match = Match(number=100.0, outcome=reference, ratio=ratio, is_equal=is_equal)
    return Part(references={"8h": reference}, matches={"joint": {"8h": match}})


PLAN = Plan(title="", sources=(), families=("joint",), references=("8h",), drift_max=0.5, clock_max=0.5)


def test_several_paths_are_summed_up_by_their_median() -> None:
    """Each seed is a path of its own; the table shows the median and the spread, and the median keeps the promise."""
    report = summed(PLAN, [found(0.45), found(0.9), found(0.4)])

    assert report.cells["joint"]["8h"] == Cell(ratio=0.45, low=0.4, high=0.9, is_equal=True)
    assert [check.ok for check in report.checks] == [True]


def test_what_is_shipped_is_held_to_the_same_promise() -> None:
    """The joint band with the least trade that a config has where it says nothing is a check of its own."""
    bare, shipped = found(0.45), found(0.55)
    both = msgspec.structs.replace(bare, matches={**bare.matches, LEAST: shipped.matches["joint"]})
    plan = msgspec.structs.replace(PLAN, families=("joint", LEAST))

    assert [(check.family, check.ok) for check in summed(plan, [both]).checks] == [("joint", True), (LEAST, False)]
    assert Auto(hard=Width(Decimal(1), Unit.QUOTE)).trade_min == TRADE_MIN
    assert LEAST == "joint >= 0.1%"


@pytest.mark.parametrize(
    "other", [found(0.4, is_equal=False), msgspec.structs.replace(found(0.4), matches={"joint": {"8h": None}})]
)
def test_a_path_without_a_match_spoils_the_median(other: Part) -> None:
    """A promise that is kept on the other paths only is not kept."""
    report = summed(PLAN, [found(0.4), found(0.4), other])

    assert [check.ok for check in report.checks] == [False]


def test_the_table_says_what_was_not_reached_and_not_equal() -> None:
    """A dash where there is no match, a tilde where the tracking errors differ."""
    reference = Outcome(tracking_error=0.01, cost=0.002, trades=12.0)
    unequal = msgspec.structs.replace(EVEN, is_equal=False)
    shown = text(
        Report(
            title="made up",
            references={"8h": reference},
            cells={"W-W": {"8h": None}, "joint": {"8h": unequal}},
            checks=(Check(reference="8h", cell=EVEN, ratio_max=0.6),),
        )
    ).splitlines()

    assert shown[3].split() == ["8h", "100.0", "20.0", "12", "-", "~0.500", "[0.40,0.60]"]
    assert shown[-1].split() == ["joint", "against", "8h", "0.500", "[0.40,0.60]", "<=", "0.60", "ok"]
