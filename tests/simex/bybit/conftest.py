"""The fixture of the dialect's tests."""

from __future__ import annotations

import pytest

from tests.simex.bybit.stage import Stage


@pytest.fixture
def stage() -> Stage:
    """A small exchange at a funding time, with quiet books around 60,000 dollars."""
    return Stage()
