"""A glimpse of the fuzzer (tests/simex/fuzz.py), which runs for ten minutes by `make fuzz`."""

from __future__ import annotations

from typing import Any

import pytest

from bot.simex.binance.router import Router
from bot.simex.core.ledger import Ledger
from tests.simex.fuzz import fuzz

SECONDS, SEED, ROUNDS_MAX = 2.0, 7, 20


async def test_no_rubbish_fells_the_exchange() -> None:
    """Malformed, oversized and nonsensical input gets the venue's own refusals, and the books balance."""
    fuzzer = await fuzz(SECONDS, SEED)

    assert [] == fuzzer.failures
    assert fuzzer.totals["2xx"] > 0
    assert fuzzer.totals["4xx"] > 0
    assert fuzzer.totals["messages"] > 0


async def test_the_fuzzer_sees_a_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error inside a dialect is found, in the answer and in the request log."""

    def broken(*_: Any) -> None:
        raise KeyError("symbol")

    monkeypatch.setattr(Router, "land", broken)
    fuzzer = await fuzz(SECONDS, SEED)

    assert any(": 500 " in failure for failure in fuzzer.failures)
    assert "the request log shows a defect" in fuzzer.failures


async def test_the_fuzzer_sees_books_that_do_not_balance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Money from nowhere is found."""
    monkeypatch.setattr(Ledger, "filled", lambda *_: None)
    # A machine that is busy with other things may see no order filled in so short a time.
    found: list[str] = []
    for seed in range(SEED, SEED + ROUNDS_MAX):
        fuzzer = await fuzz(SECONDS, seed)
        if found := [one for one in fuzzer.failures if "were deposited" in one or "positions add up" in one]:
            break

    assert found
