"""One life from its seed to its end: an exchange, a bot, a swarm, and what must hold afterwards."""

from __future__ import annotations

import asyncio
import gc
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any, Final

import aiohttp

from bot.domain.commands import Severity
from bot.runtime.ask import AskError
from bot.simex.faults.swarm import swarm
from bot.simex.serve import Simex
from tests.e2e.kit import Story, config, exchange
from tests.swarm import journals, situations
from tests.swarm.keeper import Keeper, crashed
from tests.swarm.ledger import Ledger
from tests.swarm.lives import CRASHES, Life, drawn
from tests.swarm.observer import Observer
from tests.swarm.stages import STAGES, Stage

LIFE_S: Final = 300.0
HEDGED_S: Final = 6.0
CALM_S: Final = 40.0
"""A bot that nothing holds is back in its band within thirty seconds; the machine is shared."""
BANNED_S: Final = 100.0
"""After a 418 the bot keeps to a smaller share of its limits, which may be used up until the minute is over."""
LOOK_S: Final = 0.1
SWARM_HOURS: Final = 0.1
INTERVALS: Final = "{tick: 20 ms, reconcile: 1 s, clock: 5 s}"
ORDERS: Final = ("/fapi/v1/order", "/v5/order/create")
ASSETS: Final = ("BTC", "ETH")
TOLD: Final = ("held", "unreadable", "unknown_order")
"""What an alert is about that says why nothing is sent: an account that cannot be read, for one."""
ARMED_MAX: Final = 4


@dataclass(slots=True)
class Outcome:
    """How a life ended: `breaches` are sentences, none of them in a good one."""

    seed: int
    what: str
    met: Counter[str] = field(default_factory=Counter)
    breaches: list[str] = field(default_factory=list)
    how: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


def lived(seed: int) -> Outcome:
    """Live the life of a seed in an event loop of its own."""
    return asyncio.run(play(seed))


async def play(seed: int, life_of: Callable[[int], Life] = drawn) -> Outcome:
    """Live the life of a seed."""
    life, began = life_of(seed), time.monotonic()
    directory = Path(tempfile.mkdtemp(prefix="trimtab-swarm-"))
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(str(context)[:500]))
    unhandled: list[str] = []
    played = _Played(life, directory)
    try:
        async with asyncio.timeout(LIFE_S):
            await played.live()
    except TimeoutError:
        played.breach(f"it took more than {LIFE_S:g} s")
    except Exception as error:  # noqa: BLE001 - whatever ends a life is what is looked for
        played.breach(f"the life ended with {error!r}")
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    outcome = played.outcome
    # What a forgotten task raised is told when it is collected.
    gc.collect()
    outcome.breaches += [f"unhandled: {one}" for one in unhandled]
    outcome.seconds = time.monotonic() - began
    return outcome


class _Played:
    def __init__(self, life: Life, directory: Path) -> None:
        self._life = life
        self._directory = directory
        self._moves = cycle(life.moves)
        self.outcome = Outcome(life.seed, str(life))
        self.breach = self.outcome.breaches.append

    async def live(self) -> None:
        life = self._life
        chosen: dict[str, Any] = {"seed": life.seed + 1, "is_calm": life.is_calm, "query_lag_ms": life.query_lag_ms}
        chosen |= {"engine_delay_ms": life.engine_delay_ms}
        async with Simex.start(exchange(life.place, **chosen)) as simex, aiohttp.ClientSession() as session:
            loaded = config(simex, self._directory, place=life.place, intervals=INTERVALS)
            self._ledger = ledger = Ledger(simex, life.place)
            self._simex, self._observer = simex, Observer(ledger.overdone)
            self._observer.watch(simex)
            self._keeper = Keeper(loaded, self._observer)
            self._story = Story(simex, loaded, session, life.place)
            self._path = journals.path_of(loaded.settings.state_dir)
            try:
                await self._days()
            finally:
                await self._keeper.stop()
                self._account()

    async def _days(self) -> None:
        """Birth, the swarm, the sought situation, and quiet."""
        if self._life.focus in CRASHES:
            await self._crash()
        if self._life.is_swarm_first:
            self._arm()
        if not await self._keeper.start():
            return
        await self._within(HEDGED_S, self._is_in_band)
        if not self._life.is_swarm_first:
            self._arm()
        stage = Stage(self._life, self._story, self._keeper, self._observer, self._move, self._bring)
        await STAGES[self._life.focus](stage)
        await asyncio.sleep(1.0)
        await STAGES[self._life.then](stage)
        await asyncio.sleep(1.0)
        await self._quiet()

    def _arm(self) -> None:
        swarm(self._life.seed, SWARM_HOURS, self._life.liveliness).arm(self._simex.injections)

    async def _crash(self) -> None:
        number, when = CRASHES[self._life.focus]
        if await crashed(self._directory, number, when):
            await asyncio.sleep(0.3)
            self._observer.met.update(journals.crash(self._path, set(self._arrived())))

    async def _move(self) -> str:
        """The owner's next coins come or go."""
        asset, amount = next(self._moves)
        await self._bring(asset, amount)
        return asset

    async def _bring(self, asset: str, amount: str) -> None:
        """Coins come, or go where the amount is negative."""
        verb = "withdraw" if amount.startswith("-") else "deposit"
        self._ledger.moving(asset)
        await self._story.coins(verb, asset, amount.lstrip("-"))

    # ---------------------------------------------------------------------------------------------------- the end
    async def _quiet(self) -> None:
        """No more faults: it is back in its band, or held or halted and has said why; armed it comes back."""
        await self._story.control("clear_faults")
        if not self._keeper.is_running:
            self._observer.breach("it does not run any more")
            return
        banned = any(row.status == 418 for row in self._simex.requests)
        await self._within(BANNED_S if banned else CALM_S, self._is_settled)
        status = await self._status()
        if not self._is_in_band():
            await self._explained(status)
        await self._rearmed(status)
        self.outcome.how["in band" if self._is_in_band() else "held"] += 1

    async def _rearmed(self, status: dict[str, Any]) -> None:
        """Halted it has said why; armed it goes on. What is adopted after that may halt it again, with an alert too."""
        for _ in range(ARMED_MAX):
            if not status.get("latches"):
                break
            self._said_latches(status)
            self.outcome.how["halted"] += 1
            # Whoever arms looks first, and not before what is unknown has been found out.
            await self._within(CALM_S, lambda: not self._observer.holds_doubt())
            await self._story.command("arm", reason="a life's end", by="swarm")
            await self._within(CALM_S, self._is_settled)
            status = await self._status()
        else:
            self._observer.breach(f"armed {ARMED_MAX} times, it is halted again: {status['latches']}")
        if self.outcome.how["halted"] and not self._is_in_band():
            self._observer.breach(f"armed, it is not back in its band: {self._offs()}; {_held(status)}")

    async def _explained(self, status: dict[str, Any]) -> None:
        """Out of its band: something must hold it, and a person must have been told."""
        held = _held(status)
        if not held and not status.get("latches"):
            self._observer.breach(f"out of band and nothing holds it: {self._offs()}")
            return
        told = [one for one in self._observer.notices if one.severity is not Severity.INFO]
        if held and not any(one.topic in TOLD for one in told) and not status.get("latches"):
            self._observer.breach(f"held without an alert: {held}")

    def _said_latches(self, status: dict[str, Any]) -> None:
        told = " ".join(one.text for one in self._observer.notices if one.severity is Severity.CRITICAL)
        for latch in status["latches"]:
            if latch["reason"].partition(":")[0] not in told:
                self._observer.breach(f"{latch['scope']} is halted without an alert: {latch['reason']}")

    async def _status(self) -> dict[str, Any]:
        try:
            status: dict[str, Any] = await self._story.command("status")
        except AskError as error:
            self._observer.breach(f"it does not answer: {error}")
            return {}
        return status

    def _is_settled(self) -> bool:
        state = self._observer.state
        return state is not None and (bool(state.modes.latches) or self._is_in_band())

    def _is_in_band(self) -> bool:
        return not self._observer.holds_live() and all(self._ledger.is_in_band(one) for one in ASSETS)

    def _offs(self) -> str:
        return ", ".join(f"{one} {self._ledger.off(one)} off" for one in ASSETS)

    async def _within(self, seconds: float, holds: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(LOOK_S)
        return True

    # --------------------------------------------------------------------------------------------------- accounts
    def _arrived(self) -> list[str]:
        """The client ids of the orders that reached the exchange, as often as they did."""
        rows = (row for row in self._simex.requests if row.method == "POST" and row.path in ORDERS)
        params = ("newClientOrderId", "orderLinkId")
        named = (next((row.params[one] for one in params if one in row.params), row.client_order_id) for row in rows)
        return [one for one in named if one]

    def _account(self) -> None:
        """What must hold of the exchange and the journal, whatever happened."""
        for venue, one in self._simex.exchanges.items():
            try:
                one.check()
            except AssertionError as error:
                self.breach(f"{venue} does not add up: {error}")
        if any(row.verdict == "simex_defect" for row in self._simex.requests):
            self.breach("the exchange itself failed on a request")
        sent = Counter(self._arrived())
        self.outcome.breaches += [f"order {name} was sent {times} times" for name, times in sent.items() if times > 1]
        if self._path.exists():
            self.outcome.breaches += journals.defects(self._path)
            unwritten = set(sent) - journals.order_ids(self._path)[0]
            self.outcome.breaches += [f"order {name} was sent and is not journaled" for name in sorted(unwritten)]
        self.outcome.breaches += self._observer.breaches + self._observer.refusals
        self.outcome.met = self._observer.met + situations.of_frames(self._simex.injections.log)
        self.outcome.how["orders"] += len(sent)
        self.outcome.how["faults"] += self._simex.injections.log.total


def _held(status: dict[str, Any]) -> str:
    """Why assets are held back, as the bot says."""
    held = (row for row in status.get("assets", ()) if row["held_because"])
    return "; ".join(f"{row['asset']}: {row['held_because']}" for row in held)
