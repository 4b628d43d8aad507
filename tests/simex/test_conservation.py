"""Conservation while it runs, what is said when it breaks, and the ledger that shows where money went."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from bot.simex import main as command
from bot.simex.config import SimexConfig
from bot.simex.conservation import CPU_SHARE_MAX, EVERY_S, Conservation, NotConserved
from bot.simex.core.exchange import Exchange
from bot.simex.house import exchanges
from bot.simex.serve import Simex
from tests.simex.looks import PERPETUAL, binance, top_of
from tests.simex.pinned import CONFIG, control, running, told

START_MS = 1_760_000_000_000
SLOW = replace(CONFIG, tick_ms=1_000)


class Watch:
    """Checks of fresh exchanges, a clock turned by hand, and what was said."""

    def __init__(self) -> None:
        self.exchanges = exchanges(SimexConfig(), START_MS)
        self.now_s = 0.0
        self.said: list[str] = []
        self.checks = Conservation(self.exchanges, lambda: self.now_s, self.said.append)
        self.checks.tick()

    def spoil(self, venue: str = "bybit") -> None:
        """A coin comes from nowhere."""
        spoil(self.exchanges[venue])


def spoil(exchange: Exchange) -> None:
    """A coin comes from nowhere."""
    wallet = next(iter(exchange.state.rules.regimes))
    exchange.state.account("default").wallets[wallet]["USDT"].balance += 7


def test_it_is_checked_once_a_second_and_where_something_happened() -> None:
    """Not sooner, not without a reason, and never for more than a share of the time that passes."""
    watch = Watch()
    first = watch.checks.of("bybit")["checks"]
    watch.checks.happened("bybit")
    watch.checks.tick()
    sooner = watch.checks.of("bybit")["checks"]
    watch.now_s += EVERY_S + 1 / CPU_SHARE_MAX
    watch.checks.tick()
    watch.now_s += EVERY_S + 1 / CPU_SHARE_MAX
    watch.checks.tick()

    assert (1, 1, 2, 1) == (first, sooner, watch.checks.of("bybit")["checks"], watch.checks.of("binance")["checks"])
    assert ([], "") == (watch.said, watch.checks.error)


def test_what_is_broken_is_said_once_and_kept() -> None:
    """The venue, the moment and the amount; the other venue is well, and the end is an error."""
    watch = Watch()
    watch.spoil()
    watch.checks.happened("bybit")
    watch.now_s += 1_000
    for _ in range(2):
        watch.checks.tick()
    with pytest.raises(NotConserved, match="bybit at 1760000000000: USDT: "):
        watch.checks.finish()

    assert 1 == len(watch.said)
    assert [False, True] == [watch.checks.of(venue)["holds"] for venue in ("bybit", "binance")]


async def test_a_running_exchange_is_checked() -> None:
    """Its status and its truth say that it balances, and when that was looked at."""
    async with running() as (simex, session):
        await asyncio.sleep(0.05)
        status, truth = await told(simex, session, "status"), await told(simex, session, "truth", venue="bybit")

        assert ["binance", "bybit"] == list(status["conservation"])
        assert (True, "") == (truth["conservation"]["holds"], truth["conservation"]["error"])
        assert truth["conservation"]["checks"] >= 1


async def test_a_broken_exchange_says_so_loudly(capfd: pytest.CaptureFixture[str]) -> None:
    """Its truth is an error, its status and ledger say why, stderr has it, and the end of the block raises."""
    with pytest.raises(NotConserved, match="binance"):  # noqa: PT012 - the block that ends is what raises
        async with running(SLOW) as (simex, session):
            spoil(binance(simex))
            simex.conservation.happened("binance")
            simex.conservation.tick()
            async with session.get(f"{simex.control_url}/control/truth") as response:
                answer = response.status, (await response.json())["error"]
            status, ledger = await told(simex, session, "status"), await told(simex, session, "ledger")

            assert (500, True) == (answer[0], answer[1].startswith("not conserved: binance at "))
            assert (False, False) == (status["conservation"]["binance"]["holds"], ledger["conservation"]["holds"])
    assert "NOT CONSERVED: binance" in capfd.readouterr().err


def test_the_command_ends_with_a_code_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """3: neither a signal nor wrong options."""
    start = Simex._open

    async def broken(simex: Simex, stack: Any) -> None:
        await start(simex, stack)
        spoil(binance(simex))
        asyncio.get_running_loop().call_later(0.01, simex.clock.cancel)

    monkeypatch.setattr(Simex, "_open", broken)

    assert command.EXIT_BROKEN == command.main(["--json"])
    assert "NOT CONSERVED" in capsys.readouterr().err


async def test_the_ledger_shows_every_posting() -> None:
    """A wallet's postings add up to what is in it; totals of all places add up to what was deposited."""
    async with running(SLOW) as (simex, session):
        order = {"market": "usdm", "symbol": "BTCUSDT", "type": "MARKET", "side": "BUY", "quantity": "0.1"}
        await control(simex, session, "place", account="other", **order)
        await control(simex, session, "withdraw", wallet="usdm", asset="USDT", amount="1000", account="other")
        all_ = await told(simex, session, "ledger")
        mine = await told(simex, session, "ledger", account="other", asset="USDT")
        usdm = [row for row in mine["postings"] if row["wallet"] == "usdm"]
        (position,) = all_["positions"]

        assert ["deposit", "commission", "withdraw"] == [row["kind"] for row in usdm]
        assert sum(Decimal(row["amount"]) for row in usdm) == Decimal(usdm[-1]["balance"])
        assert {"default", "other"} == {row["account"] for row in all_["postings"]}
        assert {"other"} == {row["account"] for row in mine["postings"]}
        for row in all_["totals"].values():
            places = sum(Decimal(row[name]) for name in ("accounts", "strangers", "fees", "insurance"))
            assert Decimal(row["deposited"]) == places
        assert ("BTCUSDT", "0.1", "-0.1") == (position["symbol"], position["accounts"], position["strangers"])
        assert top_of(simex, PERPETUAL).bid > 0


async def test_the_ledger_is_told_in_pages() -> None:
    """Each page says where the next one begins; the last one that there is none."""
    async with running(SLOW) as (simex, session):
        pages: list[list[int]] = []
        after: int | None = 0
        while after is not None:
            page = await told(simex, session, "ledger", limit=3, after=after, venue="bybit")
            pages.append([row["number"] for row in page["postings"]])
            after = page["next_after"]
        whole = await told(simex, session, "ledger", venue="bybit")

        assert [row["number"] for row in whole["postings"]] == [number for page in pages for number in page]
        assert all(len(page) <= 3 for page in pages)
        async with session.get(f"{simex.control_url}/control/ledger?account=nobody") as response:
            assert 400 == response.status
