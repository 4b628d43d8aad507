"""What a bot's journal must be after a life: whole, replayable to the same state, and ahead of every order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from bot.engine.engine import Engine
from bot.engine.state import State
from bot.journal.reader import SqliteReader, verify
from bot.runtime import steps
from bot.runtime.replay import replay
from tests.swarm import situations as met

OWNERS = ("orders", "legs", "modes", "sleeves", "conversions", "routes", "accounts", "foreign", "left", "epoch")
"""The parts of the state that facts alone make. Prices, and what is measured on them, are not journaled."""
TOLD = frozenset({"OrderReported", "OrderRejected", "OrderUnanswered", "OrderNotFound"})


def path_of(state_dir: Path) -> Path:
    """Where a live bot's journal lies."""
    return state_dir / "journal-live.sqlite3"


def defects(path: Path) -> list[str]:
    """What is wrong with a journal that no daemon writes any more."""
    found = [] if (seen := verify(path)).ok else [f"the journal's chain is broken: {seen}"]
    if not (result := replay(path)).ok:
        found.append(f"the journal replays to something else: {result.difference}")
    else:
        found += _state_defects(path)
    return found


def _state_defects(path: Path) -> list[str]:
    """Where the replay's state differs from what the daemon kept when it ended."""
    with SqliteReader.open(path) as reader:
        kept = reader.latest_checkpoint()
        if kept is None:
            return []
        rows = ((one.seq, one.payload) for one in reader.records() if one.seq <= kept.seq)
        engine, _ = steps.replay(rows, None)
    assert engine is not None
    return differences(steps.decode_state(kept.state), engine)


def differences(kept: State, engine: Engine) -> list[str]:
    """The owners that are not the same in a kept state and a replayed one."""
    encode = msgspec.json.encode
    pairs = ((name, encode(getattr(kept, name)), encode(getattr(engine.state, name))) for name in OWNERS)
    return [
        f"after a replay {name} differ: {ours.decode()[:400]} became {theirs.decode()[:400]}"
        for name, ours, theirs in pairs
        if ours != theirs
    ]


def order_ids(path: Path) -> tuple[set[str], set[str]]:
    """Client order ids: those that were journaled to be sent, and those of which something was heard."""
    submitted, told = set(), set()
    with SqliteReader.open(path) as reader:
        for record in reader.records():
            step: Any = msgspec.json.decode(record.payload)
            for command in step["commands"]:
                if command["type"] == "SubmitOrder":
                    submitted.add(command["order"]["request"]["client_id"])
            event = step["event"]
            if event["type"] in TOLD:
                told.add(event.get("client_id") or event["report"]["client_id"])
    return submitted, told


def crash(path: Path, arrived: set[str]) -> dict[str, int]:
    """What a crash that has just been fell into."""
    submitted, told = order_ids(path)
    return dict(met.of_crash(submitted, told, arrived))
