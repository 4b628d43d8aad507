"""Brackets of maintenance margin: derived deductions, and the data that venues really have."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.calc.tiers import bracketed, maintenance, tier_of
from bot.domain.instrument import Tier
from tests.kit import d

if TYPE_CHECKING:
    from pathlib import Path

ROWS = st.lists(
    st.tuples(st.integers(1, 5_000_000), st.integers(1, 90)), min_size=1, max_size=8, unique_by=lambda row: row[0]
)


def ladder(rows: list[tuple[int, int]]) -> tuple[Tier, ...]:
    """Brackets from 0 on, with rising floors and rates (in thousandths)."""
    floors, rates = [0, *sorted(f for f, _ in rows)], [1, *sorted(r for _, r in rows)]
    return bracketed((Decimal(f), Decimal(r) / 1_000) for f, r in zip(floors, rates, strict=True))


def test_the_deductions_are_the_venues_own() -> None:
    """Floors 0, 300,000 and 800,000 at 0.4, 0.5 and 0.65 % deduct 0, 300 and 1,500."""
    made = bracketed([(d(0), d("0.004")), (d(300_000), d("0.005")), (d(800_000), d("0.0065"))])

    assert [tier.deduction for tier in made] == [0, 300, 1_500]


@given(ROWS)
def test_brackets_meet_exactly_at_every_floor(rows: list[tuple[int, int]]) -> None:
    """At a floor the bracket below asks for exactly what the one above does."""
    tiers = ladder(rows)

    for below, above in pairwise(tiers):
        assert above.floor * below.rate - below.deduction == maintenance(above.floor, tiers)


@given(ROWS, st.integers(0, 9_000_000), st.integers(0, 9_000_000))
def test_margin_rises_with_the_notional_and_faster_than_it(rows: list[tuple[int, int]], one: int, other: int) -> None:
    """Maintenance margin is monotone, and a larger notional never needs a smaller share of itself."""
    small, large = (Decimal(n) for n in sorted((one, other)))
    tiers = ladder(rows)

    assert maintenance(small, tiers) <= maintenance(large, tiers)
    assert maintenance(small, tiers) * large <= maintenance(large, tiers) * small + d("1e-9")


@pytest.mark.parametrize(
    "rows",
    [
        [("0", "0")],
        [("0", "1.01")],
        [("-1", "0.01")],
        [("Infinity", "0.01")],
        [("NaN", "0.01")],
        [("0", "0.02"), ("10", "0.01")],
        [("0", "0.01"), ("0", "0.02")],
    ],
)
def test_impossible_brackets_are_refused(rows: list[tuple[str, str]]) -> None:
    """Rates that fall or leave (0, 1], and floors that do not rise, are no brackets."""
    with pytest.raises((ValueError, ArithmeticError)):
        bracketed([(d(floor), d(rate)) for floor, rate in rows])


def test_no_tiers_is_not_no_margin() -> None:
    """What is unknown is refused, and not taken for nothing."""
    assert bracketed([]) == ()
    with pytest.raises(ValueError, match="tiers"):
        tier_of(d(1), ())


def test_derived_deductions_are_those_of_a_real_venue(data_dir: Path) -> None:
    """For every bracket of 907 symbols the recursion gives what the venue itself says."""
    place = data_dir / "brackets" / "binance_leverage_tiers_freqtrade2026.9.json.gz"
    if not place.is_file():
        pytest.skip(f"no recorded brackets in {place.parent}; TRIMTAB_DATA names a folder that holds brackets/")
    symbols = json.loads(gzip.decompress(place.read_bytes()), parse_float=Decimal)
    checked = 0
    for rows in symbols.values():
        tiers = bracketed((row["minNotional"], row["maintenanceMarginRate"]) for row in rows)
        assert [tier.deduction for tier in tiers] == [row["info"]["cum"] for row in rows]
        checked += len(tiers)

    assert checked > 7_000
