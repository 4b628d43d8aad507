"""Drives diffs of many books through the Binance dialect in virtual time and checks them by the venue's rules.

python -m tests.simex.sync_million 1000000
"""

from __future__ import annotations

import json
import sys
from functools import partial
from typing import Any

from tests.simex.binance.market_stage import STREAMS, MarketStage
from tests.simex.binance.sync import Checker

STREAM_NAMES = {"spot": "btcusdt@depth@100ms", "usdm": "btcusdt@depth@100ms", "coinm": "btcusd_perp@depth@100ms"}
SNAPSHOT_PATHS = {
    "spot": ("/api/v3/depth", "BTCUSDT"),
    "usdm": ("/fapi/v1/depth", "BTCUSDT"),
    "coinm": ("/dapi/v1/depth", "BTCUSD_PERP"),
}
SPEEDS = {"spot": ("@100ms", ""), "usdm": ("@100ms", "", "@500ms"), "coinm": ("@100ms", "")}
STEP_MS = 100


class Run:
    """Every book of the synthetic market, each at every speed; `lose_every`: each n-th frame does not arrive."""

    def __init__(self, lose_every: int = 0) -> None:
        self._stage = MarketStage(busy=True)
        self._lose_every = lose_every
        self._arrived = 0
        self._torn: set[int] = set()
        self.torn: list[int] = []
        """First ids of the frames before which at least one was lost."""
        self._checkers: list[Checker] = []
        for market, name in self._stage.exchange.instruments:
            for speed in SPEEDS[market]:
                checker = Checker(is_spot=market == "spot")
                self._checkers.append(checker)
                self._open(market, f"{name.lower()}@depth{speed}", checker)

    def _open(self, market: str, stream: str, checker: Checker) -> None:
        session = self._stage.dialect.connect(STREAMS[market], f"/ws/{stream}", "", partial(self._receive, checker))
        assert session is not None

    def _receive(self, checker: Checker, text: str) -> None:
        data: dict[str, Any] = json.loads(text)
        self._arrived += 1
        if checker.last_id is None:
            # A careful client begins anew with a snapshot; here it begins with the frame itself.
            checker.last_id = data.get("pu", data["U"] - 1)
        elif self._lose_every and self._arrived % self._lose_every == 0:
            self._torn.add(id(checker))
            return
        elif id(checker) in self._torn:
            self._torn.remove(id(checker))
            self.torn.append(data["U"])
        checker.frame(data)

    def until(self, frames: int) -> None:
        """Let time pass until so many frames were sent."""
        stage = self._stage
        while self._arrived < frames:
            stage.now_ms += STEP_MS
            stage.exchange.advance(stage.now_ms)
            stage.flush()
            stage.dialect.tick()

    def frames(self) -> int:
        """Frames that arrived."""
        return self._arrived

    def gaps(self) -> list[int]:
        """Where books had to begin anew, as each book met them."""
        return [gap for checker in self._checkers for gap in checker.gaps]


def main(count: int) -> int:
    """Zero when there was no gap in so many diffs."""
    run = Run()
    run.until(count)
    sys.stdout.write(f"{run.frames()} diffs, {len(run.gaps())} gaps\n")
    return 1 if run.gaps() else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
