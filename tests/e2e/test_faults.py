"""An order whose fate is not known is looked for and never sent again; answers that cannot be believed move nothing."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.simex.serve import Simex
from tests.e2e.kit import config, exchange, running

ONLY_BTC = "[{name: neutral, kind: neutral, assets: [BTC], band: {trigger: 1 %, destination: 0 %}}]"
ORDER = {"method": "POST", "path": "/fapi/v1/order"}

LOST_AFTER_EXECUTION: list[dict[str, Any]] = [
    {"kind": "drop_answer", "count": 1, **ORDER},
    {"kind": "http_503", "variant": "unknown", "executes": True, "count": 1, **ORDER},
    {"kind": "garbage_200", "variant": "empty", "executes": True, "count": 1, **ORDER},
    {"kind": "garbage_200", "variant": "truncated", "executes": True, "count": 1, **ORDER},
    {"kind": "garbage_200", "variant": "html", "executes": True, "count": 1, **ORDER},
]


@pytest.mark.parametrize("fault", LOST_AFTER_EXECUTION, ids=lambda f: f"{f['kind']}-{f.get('variant', '')}")
async def test_an_executed_order_without_an_answer_is_found_not_repeated(tmp_path: Path, fault: dict[str, Any]) -> None:
    """The exchange executes and the answer is lost: one order request in all, and the hedge is known."""
    async with Simex.start(exchange()) as simex:
        await _arm(simex, fault)
        async with running(simex, config(simex, tmp_path, targets=ONLY_BTC)) as story:
            await story.until_position("BTCUSDT", "-1")
            await story.stays("BTCUSDT", "-1")
            assert await story.order_requests() == 1


async def test_an_order_that_never_landed_is_proven_absent_before_the_next(tmp_path: Path) -> None:
    """503 unknown, not executed: the instrument is locked until two endpoints deny the order, then one more is sent."""
    fault = {"kind": "http_503", "variant": "unknown", "executes": False, "count": 1, **ORDER}
    async with Simex.start(exchange()) as simex:
        await _arm(simex, fault)
        async with running(simex, config(simex, tmp_path, targets=ONLY_BTC)) as story:
            await story.until_position("BTCUSDT", "-1")
            assert await story.order_requests() == 2
            statuses = [row["status"] for row in (await story.command("status"))["orders"]]
            assert statuses == ["not_placed", "filled"]


@pytest.mark.parametrize("kind", ["empty_list", "empty_balances"])
async def test_empty_account_answers_change_nothing(tmp_path: Path, kind: str) -> None:
    """Position or balance answers that are empty for a while lead to no order and no forgotten coin."""
    async with Simex.start(exchange()) as simex, running(simex, config(simex, tmp_path, targets=ONLY_BTC)) as story:
        await story.until_position("BTCUSDT", "-1")
        for path in ("/fapi/v3/positionRisk", "/fapi/v3/account", "/api/v3/account"):
            await _arm(simex, {"kind": kind, "count": 5, "method": "GET", "path": path})
        await story.stays("BTCUSDT", "-1", seconds=4)
        row = next(r for r in (await story.command("status"))["assets"] if r["asset"] == "BTC")
        assert Decimal(row["holding"]) == 1


async def _arm(simex: Simex, fault: dict[str, Any]) -> None:
    import aiohttp

    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{simex.control_url}/control/fault", json=fault) as answer,
    ):
        assert answer.status == 200, await answer.text()
