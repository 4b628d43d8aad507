"""What all groups are judged by is added up once, and anew once an order was opened."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from bot.domain.instrument import Kind
from bot.domain.units import SECOND_NS, Asset, Nanos
from bot.engine import decide
from bot.engine.accounts import Accounts, BalanceBelief
from bot.engine.orders import Orders
from bot.engine.trust import Beliefs, mark_of
from bot.lab.bench import wide
from bot.policy.members import Member
from tests.engine.kit import World
from tests.kit import USDM, d, hedge, neutral

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


def test_wallets_are_added_up() -> None:
    """A coin that lies in two accounts is counted with both."""
    world = World.neutral(neutral("BTC"), coins={"BTC": "1.5"}).run(3)
    balances = world.engine.state.accounts.balances
    balances[USDM][Asset("BTC")] = BalanceBelief(d("0.25"))

    assert d("1.75") == Beliefs(world.engine.state).spot[Asset("BTC")]


def test_what_is_not_linear_in_its_mark_is_in_no_row() -> None:
    """Face of 15,000 entered at 60,000 has a profit in coins that no number of coins at the mark would give."""
    world = World.neutral(neutral("BTC"), coins={"BTC": "1"}).run(3)
    linear, layout = Beliefs(world.engine.state), world.engine.state.layout
    name = mark_of(hedge("BTC"))
    coins, marks, entered = linear.marked

    assert {name: d(-1)} == coins
    assert linear.unrealized == coins[name] * marks[name] - entered
    layout.instruments[hedge("BTC")] = msgspec.structs.replace(layout.instruments[hedge("BTC")], kind=Kind.INVERSE)
    inverse = Beliefs(world.engine.state)
    assert ({}, {}, -inverse.unrealized) == inverse.marked
