"""What judges a life must itself be able to say no."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec

from bot.domain.events import FaultRaised
from bot.domain.order import Status
from bot.domain.units import ClientOrderId, Nanos
from bot.engine.modes import GLOBAL, Latch, Mode
from bot.journal.sqlite import SqliteJournal
from bot.journal.store import Stamp
from bot.runtime.steps import Step, encode_state
from bot.simex import hands
from bot.simex.house import exchanges
from tests.e2e.kit import BINANCE, exchange
from tests.engine.kit import World
from tests.swarm import journals
from tests.swarm.ledger import Ledger
from tests.swarm.observer import Observer

BTC = "BTC"


class Deaf(Observer):
    """One that no exchange talks to."""

    def _requests(self, state: object) -> None:
        pass


def one_order() -> World:
    """A world with one filled order."""
    return World.neutral().run(3)


def changed(world: World, **changes: Any) -> None:
    """Change the first order's record behind the engine's back."""
    orders = world.engine.state.orders.records
    name = next(iter(orders))
    orders[name] = msgspec.structs.replace(orders[name], **changes)


def test_an_order_that_reopens_or_unfills_is_a_breach() -> None:
    """Terminal states stay, and what was filled stays filled."""
    world, observer = one_order(), Deaf()
    tick = FaultRaised("test", Nanos(world.now))
    observer.on_step(tick, (), world.engine.state)
    assert observer.breaches == []
    changed(world, status=Status.NEW, filled=Decimal(0))
    observer.on_step(tick, (), world.engine.state)

    assert any("filled fell" in one for one in observer.breaches)
    assert any("became new" in one for one in observer.breaches)


def test_two_live_orders_on_one_future_are_a_breach() -> None:
    """Whatever made the second one."""
    world, observer = one_order(), Deaf()
    changed(world, status=Status.UNKNOWN)
    orders = world.engine.state.orders.records
    first = next(iter(orders.values()))
    other = msgspec.structs.replace(first, request=msgspec.structs.replace(first.request, client_id="tt-other"))
    orders[ClientOrderId("tt-other")] = other
    observer.on_step(FaultRaised("test", Nanos(world.now)), (), world.engine.state)

    assert any("2 live orders" in one for one in observer.breaches)


def test_an_order_under_a_halt_is_a_breach() -> None:
    """A decision that the kill switch should have stopped."""
    world, observer = World.neutral(), Deaf()
    world.until(lambda w: bool(w.sent))
    submits = [one for one in world.log if type(one).__name__ == "SubmitOrder"]
    world.engine.state.modes.latch(GLOBAL, Latch(Mode.HALT, "test", "test", Nanos(world.now)))
    observer.on_step(FaultRaised("test", Nanos(world.now)), submits, world.engine.state)

    assert "an order was decided under a halt" in observer.breaches


def test_what_breaks_inside_the_bot_or_the_observer_is_a_breach() -> None:
    """A child that failed is told by a fault; an observer that fails says so itself."""
    observer = Deaf()
    observer.on_step(FaultRaised("feed failed: ValueError: x", Nanos(1)), (), World.neutral().engine.state)
    assert any("something of the bot broke" in one for one in observer.breaches)
    observer.on_step(cast("Any", None), (), cast("Any", None))
    assert any("the observer failed" in one for one in observer.breaches)


def test_more_sold_than_there_is_is_found() -> None:
    """A second sale of the same bitcoin, in the exchange's own books."""
    simex = SimpleNamespace(exchanges=exchanges(exchange(BINANCE, is_calm=True), 1_700_000_000_000, []))
    venue, ledger = simex.exchanges["binance"], Ledger(cast("Any", simex), BINANCE)
    sale = {"market": "usdm", "symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": "1"}
    hands.place(venue, sale)
    assert (ledger.overdone(BTC, -1), ledger.is_in_band(BTC)) == ("", True)
    hands.place(venue, sale)

    assert "something was sent twice" in ledger.overdone(BTC, -1)
    assert not ledger.is_in_band(BTC)
    for _ in range(2):
        assert ledger.overdone(BTC, 1) == ""
        hands.place(venue, sale | {"side": "BUY"})
    assert "something was sent twice" in ledger.overdone(BTC, 1)


def journal(path: Path, world: World) -> None:
    """A world's steps and its state, as a daemon leaves them."""
    stamp = Stamp("live", "binance:1", ("binance",))
    with SqliteJournal.open(path, stamp, lambda: 1, lambda _: None) as kept:
        last = 0
        for step in world.steps:
            last = kept.append("step", msgspec.json.encode(step), 1)
        kept.durable(last).result(10)
        kept.checkpoint(last, encode_state(world.engine.state)).result(10)


def test_a_journal_is_whole_or_found_out(tmp_path: Path) -> None:
    """As the daemon left it it is whole; with one command changed it replays to something else."""
    world = one_order()
    journal(tmp_path / "good.sqlite3", world)
    assert journals.defects(tmp_path / "good.sqlite3") == []
    at = next(number for number, step in enumerate(world.steps) if b"SubmitOrder" in bytes(step.commands))
    step = world.steps[at]
    world.steps[at] = Step(step.now_ns, step.reads, step.event, msgspec.Raw(b'[{"type":"CancelOrder"}]'))  # type: ignore[call-overload]
    journal(tmp_path / "bad.sqlite3", world)

    assert any("replays to something else" in one for one in journals.defects(tmp_path / "bad.sqlite3"))


def test_a_state_that_the_journal_does_not_explain_is_found(tmp_path: Path) -> None:
    """What was kept at the end differs from what the records lead to."""
    world = one_order()
    changed(world, filled=Decimal(9))
    journal(tmp_path / "odd.sqlite3", world)

    assert any("orders differ" in one for one in journals.defects(tmp_path / "odd.sqlite3"))
