"""Positions that the config does not name: nothing counts them, and nobody is left to find that out alone."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import pytest

from bot.domain.account import AccountSnapshot, Uncounted
from bot.domain.commands import Notice, Severity
from bot.domain.units import AccountId, InstrumentId, Nanos
from bot.engine import uncounted
from bot.engine.accounts import UNCOUNTED_AGAIN_NS
from tests.engine.kit import Venue, World
from tests.engine.test_held_as import staked
from tests.engine.test_marks import same_again
from tests.kit import PRICES, USDM, d


class ByHand(Venue):
    """A venue on which somebody else has positions, too."""

    others: tuple[Uncounted, ...] = ()

    def snapshot(self, account: AccountId, names: Iterable[InstrumentId], now: int) -> AccountSnapshot:
        """As ever, with them."""
        seen = super().snapshot(account, names, now)
        return msgspec.structs.replace(seen, uncounted=self.others) if account == USDM else seen


def by_hand(*others: Uncounted) -> tuple[World, ByHand]:
    """A book of one bitcoin whose owner trades by hand as well."""
    world = World(staked(WBTC="1"), {"BTC": d(1)})
    world.venue = venue = ByHand(dict(PRICES), {"BTC": d(1)})
    venue.others = others
    return world.start().run(6), venue


def told(world: World) -> list[tuple[Severity, str]]:
    """The notices about it."""
    found = [one for one in world.log if isinstance(one, Notice) and one.topic == "uncounted"]
    return [(one.severity, one.subject) for one in found]


def test_a_hedge_by_hand_on_another_contract_is_told_once() -> None:
    """Half a bitcoin is short in another currency: the whole is hedged all the same, and that is said, once a start."""
    world, _ = by_hand(Uncounted("BTCUSDC", d("-0.5")))
    world.run(30)

    assert d(-1) == world.position("BTC")
    assert [(Severity.CRITICAL, f"{USDM}:BTCUSDC")] == told(world)
    (line,) = uncounted.lines(world.engine.state)
    assert "BTCUSDC at binance.usdm: a position of -0.5 contracts" in line
    assert "BTC is hedged as if it were not there" in line
    same_again(world)


def test_one_that_is_opened_later_is_told_and_forgotten_when_it_is_closed() -> None:
    """Somebody may trade there all day: closed and opened again it is shown, and told once in an hour."""
    world, venue = by_hand()
    for others, pause_ns, times in (
        ((Uncounted("ETHUSDT", d(2)),), 0, 1),
        ((), 0, 1),
        ((Uncounted("ETHUSDT", d(3)),), 0, 1),
        ((), UNCOUNTED_AGAIN_NS, 1),
        ((Uncounted("ETHUSDT", d(4)),), 0, 2),
    ):
        venue.others = others
        world.run(12)
        assert len(others) == len(uncounted.lines(world.engine.state))
        assert [(Severity.WARNING, f"{USDM}:ETHUSDT")] * times == told(world)
        world.now = Nanos(world.now + pause_ns)
    same_again(world)


def test_a_start_tells_it_again() -> None:
    """Whoever starts it looks at it: what still stands is told once more."""
    world, _ = by_hand(Uncounted("BTC-margined contracts", None))
    world.handle(world.started())
    world.start().run(6)

    assert [Severity.CRITICAL] * 2 == [severity for severity, _ in told(world)]


def test_a_read_that_tells_of_another_position_is_no_confirmation() -> None:
    """The journal keeps agreeing reads in short: one that differs in this alone is kept whole, or it would be lost."""
    world, _ = by_hand()
    names = [one.id for one in world.rules.instruments if one.tiers]
    seen = world.venue.snapshot(USDM, names, world.now)
    assert world.engine.state.accounts.agrees(seen)

    assert not world.engine.state.accounts.agrees(
        msgspec.structs.replace(seen, uncounted=(Uncounted("BTCUSDC", d(1)),))
    )


@pytest.mark.parametrize(
    ("name", "coin"),
    [
        ("BTCUSDC", "BTC"),
        ("BTCUSDT_261225", "BTC"),
        ("BTCPERP", "BTC"),
        ("BTC-26DEC26", "BTC"),
        ("1000BTCUSDT", "BTC"),
        ("BTC1000USDT", "BTC"),
        ("WBTCUSDT", "BTC"),
        ("BTCDOMUSDT", None),
        ("ETHUSDC", None),
        ("1000", None),
    ],
)
def test_a_contract_says_its_coin_by_its_name(name: str, coin: str | None) -> None:
    """Whatever it settles in, whenever it ends, however many coins it is of."""
    world, _ = by_hand()

    assert coin == uncounted.coin_of(world.engine.state.layout, name)
