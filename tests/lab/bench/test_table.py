"""The printed table."""

import io
from pathlib import Path

import pytest
import rich.console

from bot.lab.bench import table
from bot.lab.bench.figures import AtMost, Figure, Row, Table


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (3.14159, "3.14"), (31.4159, "31.4"), (314.159, "314"), (1234567.8, "1,234,568"), (-0.2, "-0.20")],
)
def test_numbers_have_three_digits(value: float, text: str) -> None:
    """More digits than a measurement has would be noise."""
    assert text == table.number(value)


def test_a_missed_target_is_called_missed(tmp_path: Path) -> None:
    """Figure, unit, target and verdict stand in one line; failures and misses are counted below."""
    figure = Figure(name="a [thing]", value=5.0, unit="us", target=AtMost(4.0), note="how")
    found = Table(table.machine(tmp_path), False, (Row("x", "Title", (figure,), 1.0),), ("y: broke",), 2.0)
    out = io.StringIO()

    table.show(found, rich.console.Console(file=out, width=160))

    (line,) = [line for line in out.getvalue().splitlines() if "a [thing]" in line]
    assert ["a", "[thing]", "5", "us", "<=", "4", "missed", "how"] == line.split()
    assert "not measured: y: broke" in out.getvalue()
    assert "1 targets missed" in out.getvalue()
