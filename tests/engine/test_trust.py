"""What all groups are judged by is added up once, and anew once an order was opened."""

from collections.abc import Callable
from typing import Any

import pytest

from bot.domain.units import SECOND_NS, Nanos
from bot.engine import decide
from bot.engine.accounts import Accounts
from bot.engine.orders import Orders
from bot.engine.trust import Beliefs
from bot.lab.bench import wide
from bot.policy.members import Member
from tests.engine.kit import World
from tests.kit import neutral

NOW = Nanos(1_700_000_000 * SECOND_NS)


@pytest.fixture(name="sums")
def _sums(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows by a name whenever balances or orders are gone through."""
    seen: list[str] = []

    def counted(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def count(*args: Any) -> Any:
            seen.append(name)
            return method(*args)

        return count

    monkeypatch.setattr(Accounts, "totals", counted("totals", Accounts.totals))
    monkeypatch.setattr(Orders, "working", counted("working", Orders.working))
    monkeypatch.setattr(Orders, "live", counted("live", Orders.live))
    return seen


@pytest.mark.parametrize("groups", [1, 30])
def test_however_many_groups_there_are_sums_are_made_once(groups: int, sums: list[str]) -> None:
    """A look at thirty groups goes through balances and orders as often as a look at one."""
    engine = wide.engine(NOW, groups)
    sums.clear()

    assert groups == len(engine.assess())
    assert ["live", "live", "totals", "totals", "working"] == sorted(sums)


def test_groups_judged_together_are_judged_as_each_by_itself() -> None:
    """What is shared changes no assessment."""
    world = World.neutral(neutral("BTC", "ETH")).run()
    state = world.engine.state

    assert [
        decide.assess(Beliefs(state), group, explain=True) for group in state.layout.groups
    ] == world.engine.assess()


def test_a_group_sees_the_order_that_the_one_before_it_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within one event, too: what the first order may still fill is believed of when the second group is judged."""
    world, judged = World.neutral(neutral("BTC", "ETH")).run(), list[tuple[int, bool]]()

    def assess(beliefs: Beliefs, group: Member) -> decide.Assessment:
        judged.append((len(world.engine.state.orders.live()), bool(beliefs.working)))
        return exactly(beliefs, group)

    exactly = decide.assess
    monkeypatch.setattr(decide, "assess", assess)
    world.deposit("BTC", "0.2")
    world.run()

    assert (1, True) in judged
    assert [] == [one for one in judged if one not in {(0, False), (1, True)}]
