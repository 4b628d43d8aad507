"""`python -m bot.lab.accept`: the bot, live and dry, on a recorded market; one JSON summary, exit 0 if all holds.

Judged are: every asset inside its band at the end; every fill at a price where the recorded book had at least that
much at that moment (rebuilt independently) and inside the slippage limit from the mid at decision; the journal's chain
and its replay; no signed POST, PUT or DELETE in the dry-run; and that the live journal's events lead a dry-run engine
to the same decisions.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from bot.domain.commands import Command, OpenIntent
from bot.domain.events import Event, RunMode, Started
from bot.domain.order import Side
from bot.journal.reader import SqliteReader, verify
from bot.lab.accept.exchange import HOLDINGS, replaying
from bot.lab.accept.recording import BookAt, write_made_up
from bot.runtime import steps
from bot.runtime.app import run_daemon
from bot.runtime.replay import replay
from bot.runtime.settings_load import Loaded
from bot.runtime.steps import Step

BAND = Decimal("0.01")
_COMMANDS = msgspec.json.Decoder(tuple[Command, ...])
_STEP = msgspec.json.Decoder(Step)


async def accept(frames: Path, work: Path, seconds: float) -> dict[str, Any]:
    """Both runs and their judgement."""
    live: dict[str, Any] = {}
    async with replaying(frames, work / "exchange-live") as exchange:
        loaded = exchange.config(work / "live")
        live["exit"] = await _run(loaded, RunMode.LIVE, seconds)
        live |= _positions(await exchange.ask("/control/truth?account=default"))
        journal = loaded.settings.state_dir / "journal-live.sqlite3"
        live["fills"] = _judge_fills((await exchange.ask("/control/fills"))["fills"], frames, journal)
        live["requests"] = (await exchange.ask("/control/requests"))["summary"]["signed_mutating"]
    live["journal"] = _journal(journal)
    live["dry_run_engine_decides_the_same"] = _same_decisions(journal)
    dry = await _dry(frames, work, seconds)
    return {"ok": _all_hold(live, dry), "seconds": seconds, "live": live, "dry_run": dry}


async def _dry(frames: Path, work: Path, seconds: float) -> dict[str, Any]:
    async with replaying(frames, work / "exchange-dry") as exchange:
        loaded = exchange.config(work / "dry")
        code = await _run(loaded, RunMode.DRY_RUN, seconds)
        summary = (await exchange.ask("/control/requests"))["summary"]
    journal = loaded.settings.state_dir / "journal-dry-run.sqlite3"
    orders = sum(len(intent.legs) for intent in _intents(journal).values())
    return {
        "exit": code,
        "signed_mutating_requests": summary["signed_mutating_total"],
        "paper_orders": orders,
        "journal": _journal(journal),
    }


async def _run(loaded: Loaded, mode: RunMode, seconds: float) -> int:
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, stop.set)
    await run_daemon(loaded, mode, stop=stop)
    return 0


def _positions(truth: dict[str, Any]) -> dict[str, Any]:
    held = {row["symbol"]: Decimal(row["quantity"]) for row in truth["usdm"]["positions"]}
    net = {coin: amount + held.get(f"{coin}USDT", Decimal(0)) for coin, amount in HOLDINGS.items()}
    inside = all(abs(net[coin]) <= BAND * amount for coin, amount in HOLDINGS.items())
    return {"net_coins": {coin: str(value) for coin, value in net.items()}, "inside_bands": inside}


def _judge_fills(fills: list[dict[str, Any]], frames: Path, journal: Path) -> dict[str, Any]:
    """Each fill against the recording, and against the slippage limit from the mid its order was decided on."""
    taken: dict[tuple[str, str, int, Decimal], Decimal] = defaultdict(Decimal)
    for fill in fills:
        key = (fill["symbol"], "b" if fill["side"] == "SELL" else "a", fill["source_time"], Decimal(fill["price"]))
        taken[key] += Decimal(fill["quantity"])
    books = {s: BookAt(_capture(frames, s)) for s in sorted({symbol for symbol, *_ in taken})}
    absent = []
    for (symbol, side, moment, price), quantity in sorted(taken.items(), key=lambda item: item[0][2]):
        books[symbol].advance(moment)
        if books[symbol].quantity(side, price) < quantity:
            absent.append({"symbol": symbol, "side": side, "price": str(price), "quantity": str(quantity)})
    slips = _slippages(fills, journal)
    worst = max(slips, default=Decimal(0))
    return {
        "count": len(fills),
        "not_in_the_recorded_book": absent,
        "worst_slippage_bps": f"{worst:.2f}",
        "inside_slippage_limit": len(slips) == len(fills) and worst <= Decimal(15),
    }


def _capture(frames: Path, symbol: str) -> Path:
    return min(frames.glob(f"usdm_{symbol.lower()}_*.gz"))


def _slippages(fills: list[dict[str, Any]], journal: Path) -> list[Decimal]:
    legs = {leg.request.client_id: leg for intent in _intents(journal).values() for leg in intent.legs}
    out = []
    for fill in fills:
        leg = legs.get(fill["client_order_id"])
        if leg is not None:
            sign = 1 if leg.request.side is Side.BUY else -1
            out.append(sign * (Decimal(fill["price"]) / leg.mid - 1) * 10_000)
    return out


def _intents(journal: Path) -> dict[int, Any]:
    found = {}
    with SqliteReader.open(journal) as reader:
        for record in reader.records():
            for command in _COMMANDS.decode(_STEP.decode(record.payload).commands):
                if isinstance(command, OpenIntent):
                    found[command.intent.number] = command.intent
    return found


def _journal(path: Path) -> dict[str, Any]:
    checked, replayed = verify(path), replay(path)
    return {"records": checked.records, "verified": checked.ok, "replayed": replayed.ok, "steps": replayed.steps}


def _same_decisions(journal: Path) -> bool:
    """The live run's events through an engine that was started dry: up to the gateway nothing may differ."""
    with SqliteReader.open(journal) as reader:
        records = ((record.seq, record.payload) for record in reader.records())
        _, result = steps.replay(records, None, _dry_start)
    return result.ok and result.commands > 0


def _dry_start(event: Event) -> Event:
    return msgspec.structs.replace(event, mode=RunMode.DRY_RUN) if isinstance(event, Started) else event


def _all_hold(live: dict[str, Any], dry: dict[str, Any]) -> bool:
    fills = live["fills"]
    return all(
        (
            live["exit"] == 0 and dry["exit"] == 0,
            live["inside_bands"],
            fills["count"] > 0 and not fills["not_in_the_recorded_book"] and fills["inside_slippage_limit"],
            live["journal"]["verified"] and live["journal"]["replayed"],
            live["dry_run_engine_decides_the_same"],
            dry["signed_mutating_requests"] == 0 and dry["paper_orders"] > 0,
            dry["journal"]["verified"] and dry["journal"]["replayed"],
        )
    )


def main() -> int:
    """Parse, run, print the summary."""
    parser = argparse.ArgumentParser(prog="python -m bot.lab.accept", description=__doc__)
    data = os.environ.get("TRIMTAB_DATA")
    default = Path(data) / "frames" if data else None
    parser.add_argument("--frames", type=Path, default=default, help="a directory of captures")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each run lasts")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="trimtab-accept-") as work:
        frames = arguments.frames
        if frames is None or not any(frames.glob("usdm_*.gz")):
            print(f"no captures ({frames or 'neither --frames nor TRIMTAB_DATA'}): making some up", file=sys.stderr)
            frames = Path(work) / "frames"
            write_made_up(frames, int(arguments.seconds) + 30)
        summary = asyncio.run(accept(frames, Path(work), arguments.seconds))
    summary["frames"] = str(arguments.frames) if frames is arguments.frames else "made up"
    print(json.dumps(summary, indent=2))
    return 0 if summary["ok"] else 9


if __name__ == "__main__":
    sys.exit(main())
