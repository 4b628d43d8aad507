"""bookTicker frame -> decision, and depth frame -> book in the engine, beside what others pay for the same frames."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from bot.lab.bench import floor
from bot.lab.bench.desk import loop_in_band, open_journal
from bot.lab.bench.figures import AtMost, Counts, Figure
from bot.lab.bench.flood import Flooded, through
from bot.lab.bench.near_end import Far, far_end
from bot.runtime import gc_policy
from bot.runtime.clock import SystemClock
from bot.runtime.loop import Loop

TICKER_US = 4.0
PACED_PER_S = 1_000
Run = Callable[[], Awaitable[Flooded]]


async def _turns(repeats: int, *runs: Run) -> list[list[Flooded]]:
    """Every run in turn, `repeats` times, so that all see the same machine."""
    out: list[list[Flooded]] = [[] for _ in runs]
    for _ in range(repeats):
        for found, run in zip(out, runs, strict=True):
            found.append(await run())
    return out


def _us(runs: list[Flooded]) -> float:
    return min(run.us for run in runs)


async def _flooded(far: Far, loop: Loop, counts: Counts, *, tls: bool) -> list[Figure]:
    count, way = counts.ticker_frames, "TLS" if tls else "plain"
    ours, each, bare, empty = await _turns(
        counts.repeats,
        lambda: through(loop, far, "ticker", count, tls=tls),
        lambda: through(loop, far, "ticker", count, tls=tls, each=True),
        lambda: floor.bare(far, "ticker", count, tls=tls),
        lambda: floor.empty(far, "ticker", count, tls=tls),
    )
    whole, nothing = _us(ours), _us(empty)
    and_tls = ", TLS" if tls else ""
    per_decision = ours[0].frames / max(ours[0].decided, 1)
    return [
        Figure(
            name=f"bookTicker -> decision, flood, {way}",
            value=whole,
            unit="us",
            note=f"socket{and_tls} and websocket included; about {per_decision:.0f} frames conflate into a decision",
        ),
        Figure(
            name=f"  of it from the frame callback on, {way}",
            value=whole - nothing,
            unit="us",
            target=AtMost(TICKER_US),
            note="the same less picows with a callback that only counts",
        ),
        Figure(
            name=f"  every frame decided, {way}",
            value=_us(each),
            unit="us",
            note="nothing conflates: inbox, drain and engine for each",
        ),
        Figure(name=f"bare picows + msgspec + arithmetic, {way}", value=_us(bare), unit="us"),
        Figure(name=f"  ours / bare, {way}", value=whole / _us(bare), unit="x"),
        Figure(name=f"picows, empty callback, {way}", value=nothing, unit="us"),
    ]


async def _paced(far: Far, loop: Loop, counts: Counts) -> list[Figure]:
    ours = await through(loop, far, "ticker", counts.paced_frames, tls=True, rate=PACED_PER_S)
    bare = await floor.bare(far, "ticker", counts.paced_frames, tls=True, rate=PACED_PER_S)
    return [
        Figure(
            name=f"bookTicker -> decision, {PACED_PER_S:,}/s, TLS",
            value=ours.us,
            unit="us",
            note="a wake-up of the process for nearly every frame",
        ),
        Figure(name=f"  ours / bare, {PACED_PER_S:,}/s, TLS", value=ours.us / bare.us, unit="x"),
    ]


async def _ccxt(far: Far, loop: Loop, counts: Counts) -> list[Figure]:
    found = await floor.ccxt_pro(far, counts.ccxt_frames)
    ours = await through(loop, far, "ticker", counts.ccxt_frames, tls=False)
    return [
        Figure(
            name="ccxt.pro watch_bids_asks, plain",
            value=found.us,
            unit="us",
            note="same frames, its own client and loop; it conflates too",
        ),
        Figure(name="  ccxt.pro / ours, plain", value=found.us / ours.us, unit="x"),
    ]


async def measure(counts: Counts, directory: Path) -> list[Figure]:
    """The row of best prices."""
    clock = SystemClock()
    with far_end(directory) as far, open_journal(directory, clock) as journal:
        loop = loop_in_band(journal, clock)
        gc_policy.settle()
        return [
            *await _flooded(far, loop, counts, tls=True),
            *await _flooded(far, loop, counts, tls=False),
            *await _paced(far, loop, counts),
            *await _ccxt(far, loop, counts),
        ]


async def measure_depth(counts: Counts, directory: Path) -> list[Figure]:
    """The row of books."""
    clock = SystemClock()
    with far_end(directory) as far, open_journal(directory, clock) as journal:
        loop = loop_in_band(journal, clock)
        gc_policy.settle()
        flood, each = await _turns(
            counts.repeats,
            lambda: through(loop, far, "depth", counts.depth_frames, tls=True),
            lambda: through(loop, far, "depth", counts.depth_frames, tls=True, each=True),
        )
        empty = await floor.empty(far, "depth", counts.depth_frames, tls=True)
    return [
        Figure(
            name="depth20 -> usable book, flood, TLS",
            value=_us(flood),
            unit="us",
            note="20 + 20 levels as numbers, the latest book of each instrument in the engine",
        ),
        Figure(
            name="  every book into the engine, TLS",
            value=_us(each),
            unit="us",
            note="nothing conflates: inbox, drain and engine for each",
        ),
        Figure(name="picows, empty callback, depth20, TLS", value=empty.us, unit="us"),
    ]
