"""The dialect over a seeded market with every instrument that is listed: books, tickers, every public answer."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from bot.simex.bybit.dialect import Bybit
from bot.simex.config import SimexConfig
from bot.simex.house import exchanges
from bot.simex.timeline import Timeline
from bot.simex.wire import Request
from tests.simex.bybit.documented import FIELDS
from tests.simex.bybit.rebuilt import Rebuilt
from tests.simex.bybit.stage import START_MS

CATEGORIES = ("spot", "linear", "inverse")


class Market:
    """A seeded Bybit of its own clock."""

    def __init__(self) -> None:
        self.now_ms = START_MS
        self.exchange = exchanges(SimexConfig(venues=("bybit",), seed=7), START_MS)["bybit"]
        self.dialect = Bybit(self.exchange, Timeline(lambda: self.now_ms), (), lambda *_: None)

    def run(self, ms: int) -> None:
        """Let time pass in steps of 20 ms."""
        for _ in range(ms // 20):
            self.now_ms += 20
            self.exchange.advance(self.now_ms)
            self.dialect.publish(self.exchange.drain())
            self.dialect.tick()

    def ask(self, path: str, query: str) -> dict[str, Any]:
        """The result of a public call."""
        answer = json.loads(self.dialect.respond(Request("api.bybit.com", "GET", path, query)).body)
        assert answer["retCode"] == 0, answer
        result: dict[str, Any] = answer["result"]
        return result

    def follow(self, category: str, topics: list[str]) -> list[dict[str, Any]]:
        """A list to which the frames of topics come."""
        frames: list[dict[str, Any]] = []
        path = f"/v5/public/{category}"
        session = self.dialect.connect("stream.bybit.com", path, "", lambda text: frames.append(json.loads(text)))
        assert session is not None
        for topic in topics:
            message = json.dumps({"op": "subscribe", "args": [topic]})
            reply, *first = (json.loads(text) for text in session.receive(message))
            assert reply["success"], reply
            frames += first
        return frames


@pytest.fixture(scope="module")
def market() -> Market:
    """A seeded market that has lived for a while."""
    found = Market()
    found.run(2_000)
    return found


@pytest.mark.parametrize("category", CATEGORIES)
def test_books_of_every_instrument(market: Market, category: str) -> None:
    """Rebuilt from differences they are the exchange's, at every depth and for every instrument."""
    names = [one.name for one in market.exchange.instruments.values() if one.category == category]
    depths = (1, 50, 200)
    frames = market.follow(category, [f"orderbook.{depth}.{name}" for name in names for depth in depths])
    market.run(5_000)
    market.run(200)
    rebuilt = {(name, depth): Rebuilt(depth) for name in names for depth in depths}
    for frame in frames:
        _, depth, name = frame["topic"].split(".")
        rebuilt[name, int(depth)].apply(frame)

    assert len(names) >= 2
    assert len(frames) > 10 * len(names)
    for (name, depth), one in rebuilt.items():
        book = market.ask("/v5/market/orderbook", f"category={category}&symbol={name}&limit={depth}")
        assert ([tuple(row) for row in book["b"]], [tuple(row) for row in book["a"]]) == one.levels()


@pytest.mark.parametrize("category", CATEGORIES)
def test_tickers_of_every_instrument(market: Market, category: str) -> None:
    """Every field, also of dated futures; the differences lead from the snapshot to the present."""
    infos = market.ask("/v5/market/instruments-info", f"category={category}")["list"]
    frames = market.follow(category, [f"tickers.{one['symbol']}" for one in infos])
    market.run(3_000)
    shown: dict[str, dict[str, str]] = {}
    for frame in frames:
        shown.setdefault(frame["data"]["symbol"], {}).update(frame["data"])

    for info in infos:
        ticker = shown[info["symbol"]]
        kind = "SPOT" if category == "spot" else "FUTURE" if info["deliveryTime"] != "0" else "PERPETUAL"
        assert set() == FIELDS[f"WS_TICKER_{kind}"] - set(ticker)
        if category != "spot":
            assert Decimal(ticker["bid1Price"]) < Decimal(ticker["ask1Price"])
            assert Decimal(ticker["markPrice"]) == pytest.approx(Decimal(ticker["indexPrice"]), rel=Decimal("0.05"))
    rows = {one["symbol"]: one for one in market.ask("/v5/market/tickers", f"category={category}")["list"]}
    assert set(rows) == set(shown)
    assert all(FIELDS["TICKER_SPOT" if category == "spot" else "TICKER_PERPETUAL"] <= set(one) for one in rows.values())
