"""The carrier: an order leaves when its step is durable and not before; what shells answer goes to the sink."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from bot.domain.commands import CancelOrder, Command, QueryOrder, RefreshAccount, SubmitOrder
from bot.domain.events import HELD_BACK, Endpoint, Event, Fact, OrderRejected, OrderReported
from bot.domain.units import AccountId
from bot.runtime import carrier
from bot.runtime.carrier import Carrier, NoGateway
from bot.runtime.clock import settle
from tests.kit import SPOT, START_NS, USDM
from tests.runtime.stage import Bench, Exchange, journal_of


class Hold:
    """A carrier over the exchange and a journal that commits when it is told to."""

    def __init__(self) -> None:
        self.bench = Bench().ready()
        self.orders = [command for command in self.bench.breach() if isinstance(command, SubmitOrder)]
        self.exchange: Exchange = self.bench.exchange
        self.journal = journal_of(self.bench.clock, held=True)
        self.seq = self.journal.append("step", b"{}", 1)
        self.events: list[Event] = []
        self.faults: list[str] = []
        self.withheld = ""
        self.carrier = Carrier(
            self.exchange,
            self.exchange,
            self.journal,
            sink=self.events.append,
            fault=self.faults.append,
            withholds=lambda request: self.withheld,
            now_ns=self.bench.clock.now_ns,
        )

    @property
    def order(self) -> SubmitOrder:
        """An order that was approved."""
        return self.orders[0]

    @property
    def cancel(self) -> CancelOrder:
        """A cancel of it."""
        return CancelOrder(self.order.order.request.instrument, self.order.order.request.client_id)

    @property
    def query(self) -> QueryOrder:
        """A look for it."""
        request = self.order.order.request
        return QueryOrder(request.instrument, request.client_id, Endpoint.ORDER, START_NS)


async def test_an_order_leaves_when_its_step_is_durable_and_not_before() -> None:
    """While the disk has not answered the gateway sends nothing; then it sends once."""
    hold = Hold()
    hold.carrier([hold.order], hold.seq)
    await settle()
    before = list(hold.exchange.sent)
    hold.journal.commit()
    await settle()

    assert [] == before
    assert [hold.order.order.request] == hold.exchange.sent
    assert OrderReported is type(hold.events[-1])


async def test_an_order_waits_for_its_own_step_not_for_an_earlier_one() -> None:
    """What is durable before it does not let it out."""
    hold = Hold()
    hold.journal.commit()
    later = hold.journal.append("step", b"{}", 2)
    hold.carrier([hold.order], later)
    await settle()

    assert [] == hold.exchange.sent
    await hold.carrier.close()


async def test_an_order_never_leaves_when_the_journal_failed() -> None:
    """A step that will never be durable sends nothing, and the failure is a fault."""
    hold = Hold()
    hold.carrier([hold.order], hold.seq)
    await settle()
    hold.journal.fail("disk full")
    await settle()

    assert ([], []) == (hold.exchange.sent, hold.events)
    assert ["journal: disk full"] == hold.faults


async def test_an_order_that_was_given_up_meanwhile_never_leaves() -> None:
    """A kill that came while the disk was slow counts: the order is reported as one that never left us."""
    hold = Hold()
    hold.carrier([hold.order], hold.seq)
    await settle()
    hold.withheld = "HALT came before it left"
    hold.journal.commit()
    await settle()
    (event,) = hold.events

    assert [] == hold.exchange.sent
    assert isinstance(event, OrderRejected)
    assert (HELD_BACK, "not sent: HALT came before it left") == (event.code, event.message)


async def test_an_order_does_not_wait_behind_a_read() -> None:
    """A read that is never answered holds nothing up."""
    hold = Hold()

    async def never(account: AccountId) -> tuple[Fact, ...]:
        await asyncio.Event().wait()
        return ()

    hold.exchange.account = never  # type: ignore[method-assign]
    hold.journal.commit()
    hold.carrier([RefreshAccount(SPOT, "x"), RefreshAccount(USDM, "x"), hold.order], hold.seq)
    await settle()

    assert 1 == len(hold.exchange.sent)
    await hold.carrier.close()


async def test_cancels_and_queries_do_not_wait_for_the_disk() -> None:
    """They add no risk: they go at once."""
    hold = Hold()
    hold.carrier([hold.cancel, hold.query], hold.seq)
    await settle()
    client_id = hold.order.order.request.client_id

    assert ([client_id], [client_id]) == (hold.exchange.cancelled, hold.exchange.asked)


async def test_what_nobody_has_to_carry_is_left_alone() -> None:
    """Intents and notices are for the journal and for people."""
    hold = Hold()
    said = [command for command, _ in hold.bench.carried if not isinstance(command, SubmitOrder | RefreshAccount)]
    hold.carrier(said, hold.seq)
    await settle()

    assert said
    assert ([], [], []) == (hold.exchange.sent, hold.exchange.reads, hold.events)


async def test_one_read_of_an_account_at_a_time() -> None:
    """A wish for a read of an account that is being read is fulfilled by that read; another account is read beside."""
    hold = Hold()
    gate = asyncio.Event()
    begun: list[AccountId] = []

    async def slow(account: AccountId) -> tuple[Fact, ...]:
        begun.append(account)
        await gate.wait()
        return (hold.exchange.seen(account),)

    hold.exchange.account = slow  # type: ignore[method-assign]
    for account in (SPOT, SPOT, USDM, SPOT):
        hold.carrier.refresh(account)
    await settle()
    during = list(begun)
    assert dict.fromkeys((SPOT, USDM), hold.bench.clock.now_ns()) == hold.carrier.reading
    gate.set()
    await settle()
    assert {} == hold.carrier.reading
    hold.carrier.refresh(SPOT)
    await settle()

    assert [SPOT, USDM] == during
    assert [SPOT, USDM, SPOT] == begun
    assert 3 == len(hold.events)


async def test_a_read_that_fails_does_not_bar_the_next() -> None:
    """After a defect in a read the account can be read again."""
    hold = Hold()
    read = hold.exchange.account

    async def broken(account: AccountId) -> tuple[Fact, ...]:
        raise ZeroDivisionError

    hold.exchange.account = broken  # type: ignore[method-assign]
    hold.carrier.refresh(SPOT)
    await settle()
    hold.exchange.account = read  # type: ignore[method-assign]
    hold.carrier.refresh(SPOT)
    await settle()

    assert ["an account read failed by a bug of ours: ZeroDivisionError"] == hold.faults
    assert [SPOT] == hold.exchange.reads


def raising(error: Exception) -> Callable[..., Awaitable[tuple[Fact, ...]]]:
    """A shell's call that fails in a way that no shell should."""

    async def call(*_: object) -> tuple[Fact, ...]:
        raise error

    return call


@pytest.mark.parametrize(
    ("call", "what"), [("submit", "an order"), ("cancel", "a cancel"), ("query", "an order query")]
)
async def test_a_shells_unexpected_exception_is_a_fault(call: str, what: str) -> None:
    """Shells answer with events whatever a venue does; one that raises is a bug of ours and halts, quoting no text."""
    hold = Hold()
    setattr(hold.exchange, call, raising(KeyError("secret")))
    commands: dict[str, Command] = {"submit": hold.order, "cancel": hold.cancel, "query": hold.query}
    hold.carrier([commands[call]], hold.seq)
    await settle()

    assert [f"{what} failed by a bug of ours: KeyError"] == hold.faults


async def test_close_ends_every_task() -> None:
    """What is under way is cancelled, sends nothing afterwards and is no fault."""
    hold = Hold()
    hold.carrier([hold.order, RefreshAccount(SPOT, "x")], hold.seq)
    await hold.carrier.close()
    hold.journal.commit()
    await settle()

    assert ([], [], []) == (hold.exchange.sent, hold.events, hold.faults)
    assert {asyncio.current_task()} == asyncio.all_tasks()


async def test_calls_under_way_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop that runs away halts, and the call beyond the bound is not made: its order is told as one held back."""
    monkeypatch.setattr(carrier, "TASKS_MAX", 1)
    hold = Hold()
    hold.carrier(hold.orders, hold.seq)
    hold.carrier.refresh(SPOT)
    hold.journal.commit()
    await settle()
    refused = [event for event in hold.events if isinstance(event, OrderRejected)]

    assert [hold.orders[0].order.request] == hold.exchange.sent
    assert [hold.orders[1].order.request.client_id] == [event.client_id for event in refused]
    assert [
        "1 calls to the venue are under way: an order was not made",
        "1 calls to the venue are under way: an account read was not made",
    ] == hold.faults
    hold.carrier.refresh(SPOT)
    await settle()
    assert [SPOT] == hold.exchange.reads


async def test_observe_has_no_way_out() -> None:
    """Without a gateway an order is a bug that stops everything, and there is nothing to cancel or to look for."""
    hold = Hold()
    none = NoGateway()

    assert ((), ()) == (await none.cancel(hold.cancel), await none.query(hold.query))
    with pytest.raises(AssertionError, match="no gateway"):
        await none.submit(hold.order.order, asyncio.get_running_loop().create_future())
