"""Changes of the rules wait for a moment of rest, the newest of each kind wins, and a person is told of a long wait."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from functools import partial

import msgspec
import pytest

from bot.domain.commands import Severity
from bot.domain.events import RulesChanged, Stopping
from bot.domain.rules import Rules
from bot.domain.units import SECOND_NS
from bot.runtime.amendments import BARRED, REST_PATIENCE_NS, Amendment, Amendments
from tests.kit import d, limits
from tests.runtime.amending import Desk, running
from tests.runtime.stage import facts_of


def with_ratio(ratio: str, rules: Rules) -> Rules:
    """The rules with another ratio."""
    (target,) = rules.targets
    return msgspec.structs.replace(rules, targets=(msgspec.structs.replace(target, ratio=d(ratio)),))


def ratio(desk: Desk) -> str:
    """The ratio in force."""
    return str(desk.engine.state.layout.rules.targets[0].ratio)  # type: ignore[union-attr]


def amendment(to: str, done: list[bool] | None = None) -> Amendment:
    """A change of the ratio."""
    told = done if done is not None else []
    return Amendment(partial(with_ratio, to), f"to {to}", (f"targets.core.ratio: 1 -> {to}",), told.append)


def looking(desk: Desk) -> AbstractAsyncContextManager[None]:
    """With the child that looks for the moment."""
    return running(desk.amendments.run())


def test_at_rest_a_change_is_taken_over_at_once() -> None:
    """It is journaled with its reason and its words, and whoever proposed it knows."""
    desk, done = Desk().at_rest(), list[bool]()

    assert "" == desk.amendments.propose("config", amendment("0.5", done))
    (fact,) = facts_of(desk.journal, RulesChanged)
    assert ("to 0.5", ("targets.core.ratio: 1 -> 0.5",), "0.5", [True]) == (fact.why, fact.changes, ratio(desk), done)


async def test_a_change_waits_for_the_order_in_flight_and_its_correction() -> None:
    """While the order is live, and until its correction is closed, the rules are those it was made under."""
    desk = Desk()
    desk.exchange.truth.fills_at_most = d("0.4")
    request = desk.order()
    async with looking(desk):
        why = desk.amendments.propose("config", amendment("0.5"))
        await desk.wait(1)
        assert (True, "1") == (request.client_id in why, ratio(desk))
        desk.fill(request)
        await desk.wait(0.5)
        assert ("1", []) == (ratio(desk), desk.engine.state.orders.live())
        desk.exchange.truth.fills_at_most = None
        desk.fill(desk.order())
        await desk.wait()

        assert "0.5" == ratio(desk)


async def test_the_newest_of_a_kind_wins_and_kinds_do_not_hinder_each_other() -> None:
    """A second reload takes the place of the first; what the venue changed comes into force beside it."""
    desk = Desk()
    request = desk.order()
    wider = Amendment(
        lambda rules: msgspec.structs.replace(
            rules, instruments=tuple(msgspec.structs.replace(one, tick=d("0.5")) for one in rules.instruments)
        ),
        "venue",
        (),
        lambda _: None,
    )
    async with looking(desk):
        for one in (amendment("0.5"), amendment("0.999")):
            desk.amendments.propose("config", one)
        desk.amendments.propose("metadata", wider)
        desk.fill(request)
        desk.read()
        desk.breach()
        await desk.wait()

    rules = desk.engine.state.layout.rules
    assert ["to 0.999", "venue"] == [fact.why for fact in facts_of(desk.journal, RulesChanged)]
    assert ("0.999", d("0.5")) == (ratio(desk), rules.instruments[0].tick)


async def test_a_change_that_was_withdrawn_never_comes() -> None:
    """The owner put the file back: nothing is left to be taken over."""
    desk = Desk()
    request = desk.order()
    async with looking(desk):
        desk.amendments.propose("config", amendment("0.5"))
        withdrawn = (desk.amendments.withdraw("config"), desk.amendments.withdraw("config"))
        desk.fill(request)
        desk.read()
        desk.breach()
        await desk.wait(1)

    assert ((True, False), "1") == (withdrawn, ratio(desk))


async def test_a_wait_behind_an_order_without_an_end_is_told_once_and_goes_on() -> None:
    """After a minute a person hears why; nothing is changed over an order whose fate is unknown."""
    desk = Desk()
    desk.order()
    async with looking(desk):
        desk.amendments.propose("config", amendment("0.5"))
        await desk.wait(2 * REST_PATIENCE_NS / SECOND_NS)

    told = [notice for notice in desk.notices if notice.subject == "waiting"]
    assert [(Severity.WARNING, "config")] == [(one.severity, one.topic) for one in told]
    assert "to 0.5: still waits" in told[0].text
    assert "1" == ratio(desk)


async def test_a_correction_that_cannot_end_is_waited_for_a_minute_only() -> None:
    """Held by the limit that is to be changed it would never end: with no order live the change comes."""
    desk = Desk()
    desk.exchange.truth.fills_at_most = d("0.4")
    desk.fill(desk.order())
    async with looking(desk):
        why = desk.amendments.propose("config", amendment("0.5"))
        await desk.wait(REST_PATIENCE_NS / SECOND_NS - 1)
        before = ratio(desk)
        await desk.wait(2)

    assert ("1", "0.5") == (before, ratio(desk))
    assert "a correction of core:BTC is under way" == why


def test_a_change_of_nothing_needs_no_rest() -> None:
    """Routes of alerts are journaled at any moment."""
    desk = Desk()
    desk.order()
    routes = Amendment(lambda rules: rules, "reload", ("alerts.repeat: 30 min -> 1 h",), lambda _: None)

    assert "" == desk.amendments.propose("config", routes)
    assert 1 == len(facts_of(desk.journal, RulesChanged))


def test_nothing_changes_while_it_stops() -> None:
    """What is not in force when it winds down is read by the next start."""
    desk = Desk().at_rest()
    desk.loop.step(Stopping(desk.clock.now_ns()))

    assert "the daemon is stopping" == desk.amendments.propose("config", amendment("0.5"))
    assert "1" == ratio(desk)


def test_what_the_engine_bars_is_let_go_and_told() -> None:
    """A defect of ours that got as far as the engine changes nothing, and whoever proposed it hears so."""
    desk, done = Desk().at_rest(), list[bool]()
    barred = Amendment(lambda rules: msgspec.structs.replace(rules, limits=limits()), "why", (), done.append)

    assert BARRED == desk.amendments.propose("config", barred)
    assert [False] == done
    assert any("not taken over" in notice.text for notice in desk.notices)
    assert not desk.amendments.withdraw("config")


def test_a_step_that_fails_halts() -> None:
    """A defect in the engine is a fault, like in every step of the loop, and not an answer to whoever asked."""
    desk = Desk().at_rest()

    def broken(_: object) -> None:
        raise ZeroDivisionError("a defect")

    amendments = Amendments(desk.engine, broken, desk.faults.append, desk.clock, desk.amendments._log)
    amendments.propose("config", amendment("0.5"))

    assert ["the engine failed on RulesChanged: ZeroDivisionError: a defect"] == desk.faults


@pytest.mark.parametrize("patience", [REST_PATIENCE_NS])
def test_patience_is_longer_than_an_order_takes(patience: int) -> None:
    """A minute: an order has ended long before, and an owner is still there."""
    assert 10 * SECOND_NS < patience <= 120 * SECOND_NS
