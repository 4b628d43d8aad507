"""A few lives with fixed seeds, a bot that is broken on purpose, and the judges that must notice."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace

import msgspec
import pytest

from bot.domain.events import Fact, OrderUnanswered
from bot.domain.order import Approved
from bot.runtime.carrier import Carrier
from tests.swarm import __main__ as command
from tests.swarm.lives import FOCI, Life, drawn
from tests.swarm.play import Outcome, play
from tests.swarm.situations import FUNDING_INSIDE, SITUATIONS, UNKNOWN_EXECUTED, missing, of_crash

TOLD = FOCI.index(UNKNOWN_EXECUTED), FOCI.index(FUNDING_INSIDE)
"""Seeds whose lives are short."""


def short(seed: int) -> Life:
    """The life of a seed, led towards one situation."""
    return replace(drawn(seed), then="")


@pytest.mark.parametrize("seed", TOLD)
async def test_a_life_of_a_fixed_seed_ends_well_and_meets_what_it_is_led_towards(seed: int) -> None:
    """No invariant is broken, and the sought situation was seen."""
    outcome = await play(seed, short)

    assert outcome.breaches == []
    assert outcome.met[drawn(seed).focus] > 0


async def test_a_bot_that_sends_again_what_was_not_answered_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mutant repeats an order whose answer was lost, under a new id: twice too much is traded, the life is red."""

    async def stubborn(self: Carrier, order: Approved, seq: int) -> tuple[Fact, ...]:
        facts = await submit(self, order, seq)
        if not any(isinstance(one, OrderUnanswered) for one in facts):
            return facts
        again = msgspec.structs.replace(order.request, client_id=f"{order.request.client_id[:-1]}z")
        return await self._gateway.submit(msgspec.structs.replace(order, request=again), asyncio.sleep(0))

    submit = Carrier._submit
    monkeypatch.setattr(Carrier, "_submit", stubborn)
    outcome = await play(TOLD[0], short)

    assert any("something was sent twice" in breach for breach in outcome.breaches)
    assert any("is not journaled" in breach for breach in outcome.breaches)


def test_each_situation_is_sought_or_comes_by_itself() -> None:
    """Every life is led towards a situation of the list, or towards nothing; a seed draws one life."""
    assert {*FOCI} <= {*SITUATIONS, ""}
    assert drawn(7) == drawn(7) != drawn(8)
    assert missing(Counter(dict.fromkeys(SITUATIONS, 1))) == []


def test_a_crash_is_told_by_what_reached_disk_and_exchange() -> None:
    """On disk and not at the exchange, at the exchange and not heard of, heard of: three different things."""
    assert sum(of_crash({"a"}, set(), set()).values()) == sum(of_crash({"a"}, set(), {"a"}).values()) == 1
    assert of_crash({"a"}, set(), set()) != of_crash({"a"}, set(), {"a"})
    assert sum(of_crash({"a"}, {"a"}, {"a"}).values()) == 0


@pytest.mark.parametrize(
    ("met", "breaches", "code"),
    [(SITUATIONS, [], 0), (tuple(SITUATIONS)[1:], [], 1), (SITUATIONS, ["broken"], 1)],
    ids=["all", "one-missed", "one-broken"],
)
def test_a_run_is_red_for_a_breach_and_for_a_situation_never_met(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    met: tuple[str, ...],
    breaches: list[str],
    code: int,
) -> None:
    """The exit code says so, a missed situation is named, and a failing seed comes with the command that replays it."""
    outcome = Outcome(17, "seed 17", Counter(dict.fromkeys(met, 1)), breaches)
    monkeypatch.setattr(command, "outcomes", lambda *_: iter((outcome,)))

    assert code == command.main(["1", "17"])
    told = capsys.readouterr().out
    assert ("never met: " in told) == (len(met) < len(SITUATIONS))
    assert ("make swarm ARGS='--seed 17'" in told) == bool(breaches)
