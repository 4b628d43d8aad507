"""Carries commands out: each in a task of its own, so that an order never waits behind a read.

What a shell answers are events, and they go back into the inbox. A task that fails halts: it is a bug of ours (shells
answer with events, whatever a venue does), or the journal that an order waited for.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Protocol

from bot.domain.commands import CancelOrder, Command, QueryOrder, RefreshAccount, SubmitOrder
from bot.domain.events import HELD_BACK, Fact, OrderRejected
from bot.domain.order import Approved, OrderRequest
from bot.domain.units import AccountId, Nanos
from bot.journal.store import JournalError
from bot.venues.ports import Gateway, Sink, Snapshots

Fault = Callable[[str], None]
Withholds = Callable[[OrderRequest], str]
"""Why an order may not leave any more; empty when it may."""
Call = Callable[[], Awaitable[tuple[Fact, ...]]]
TASKS_MAX = 1_000
"""More than this many calls at once is a loop that runs away: it halts, and no further call is made."""


class Withheld(Exception):
    """An order was not sent, because it was given up or halted while its step was on its way to the disk."""


class Durable(Protocol):
    """What the carrier needs of the journal."""

    async def flushed(self, seq: int) -> None:
        """Wait until a record is on disk."""
        ...


class NoGateway:
    """`observe`: there is no way out for orders, and the engine asks for none."""

    async def submit(self, order: Approved, durable: Awaitable[None]) -> tuple[Fact, ...]:
        """An order in `observe` is a bug."""
        raise AssertionError("observe has no gateway")

    async def cancel(self, command: CancelOrder) -> tuple[Fact, ...]:
        """Nothing to cancel."""
        return ()

    async def query(self, command: QueryOrder) -> tuple[Fact, ...]:
        """Nothing to look for."""
        return ()


class Carrier:
    """Hands commands to the shells and their answers to the sink."""

    def __init__(
        self,
        gateway: Gateway,
        snapshots: Snapshots,
        journal: Durable,
        sink: Sink,
        fault: Fault,
        withholds: Withholds,
        now_ns: Callable[[], Nanos],
    ) -> None:
        self._gateway = gateway
        self._snapshots = snapshots
        self._journal = journal
        self._sink = sink
        self._fault = fault
        self._withholds = withholds
        self._now_ns = now_ns
        self._tasks: set[asyncio.Task[None]] = set()
        self.reading: dict[AccountId, Nanos] = {}
        """The accounts of which a read is under way, and since when."""

    def __call__(self, commands: Sequence[Command], seq: int) -> None:
        """Start what a step asks for; orders wait for the step to be durable, after they are signed."""
        for command in commands:
            if isinstance(command, SubmitOrder):
                if not self._start(partial(self._submit, command.order, seq), "an order"):
                    self._sink(self._held_back(command.order.request, "too many calls are under way"))
            elif isinstance(command, CancelOrder):
                self._start(partial(self._gateway.cancel, command), "a cancel")
            elif isinstance(command, QueryOrder):
                self._start(partial(self._gateway.query, command), "an order query")
            elif isinstance(command, RefreshAccount):
                self.refresh(command.account)

    def refresh(self, account: AccountId) -> None:
        """Read an account, unless a read of it is under way."""
        if account not in self.reading and self._start(partial(self._read, account), "an account read"):
            self.reading[account] = self._now_ns()

    async def close(self) -> None:
        """End every task."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _submit(self, order: Approved, seq: int) -> tuple[Fact, ...]:
        request = order.request
        cleared = self._cleared(request, seq)
        try:
            return await self._gateway.submit(order, cleared)
        except Withheld as why:
            return (self._held_back(request, str(why)),)
        finally:
            cleared.close()

    def _held_back(self, request: OrderRequest, why: str) -> OrderRejected:
        return OrderRejected(request.client_id, HELD_BACK, f"not sent: {why}", self._now_ns())

    async def _cleared(self, request: OrderRequest, seq: int) -> None:
        """Wait for an order's step to be durable; then, at the last moment, ask whether it may still leave."""
        await self._journal.flushed(seq)
        if why := self._withholds(request):
            raise Withheld(why)

    async def _read(self, account: AccountId) -> tuple[Fact, ...]:
        try:
            return await self._snapshots.account(account)
        finally:
            self.reading.pop(account, None)

    def _start(self, call: Call, what: str) -> bool:
        """Make a call in a task of its own; says whether it was made."""
        if len(self._tasks) >= TASKS_MAX:
            self._fault(f"{TASKS_MAX} calls to the venue are under way: {what} was not made")
            return False
        task = asyncio.ensure_future(self._carry(call))
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._ended(done, what))
        return True

    async def _carry(self, call: Call) -> None:
        for event in await call():
            self._sink(event)

    def _ended(self, task: asyncio.Task[None], what: str) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            return
        if isinstance(error, JournalError):
            self._fault(f"journal: {error}")
        else:
            self._fault(f"{what} failed by a bug of ours: {type(error).__name__}")
