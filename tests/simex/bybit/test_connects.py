"""How many websockets may be opened: the venue's bound in five minutes, over all paths of its streaming host."""

from __future__ import annotations

import pytest
from aiohttp import WSServerHandshakeError

from bot.simex.bybit import dialect
from bot.simex.wire import SocketRules
from tests.simex.pinned import running

FEW = 3


async def test_too_many_websockets_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Closed ones count as well; the REST host and the other venue are not concerned."""
    few = SocketRules(ping_every_s=0.0, pong_within_s=0.0, messages_per_s=1_000, connects_per_5_min=FEW)
    monkeypatch.setattr(dialect, "SOCKET_RULES", few)
    async with running() as (simex, session):
        for path in ("public/linear", "private", "trade"):
            async with session.ws_connect(f"wss://stream.bybit.com/v5/{path}"):
                pass
        with pytest.raises(WSServerHandshakeError, match="429"):
            await session.ws_connect("wss://stream.bybit.com/v5/public/spot")
        async with session.get("https://api.bybit.com/v5/market/time") as response:
            assert 200 == response.status
        async with session.ws_connect("wss://fstream.binance.com/ws"):
            assert simex.conservation.error == ""
