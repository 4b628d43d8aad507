"""Converting to spot: coins are sold and their hedge bought back, as one pair."""

import msgspec
import pytest

from bot.domain.bands import Unit
from bot.domain.targets import ConvertTarget
from bot.domain.triggers import Slices
from bot.domain.units import SECOND_NS, Nanos
from bot.policy.convert import Pair
from bot.policy.view import View
from tests.kit import BTC, band, d, neutral
from tests.policy.views import NOW, book, only


def convert(amount: str = "2", notional: str = "60000") -> ConvertTarget:
    """Two coins in slices of one."""
    slices = Slices(notional_max=d(notional), every_ns=60 * SECOND_NS)
    return ConvertTarget(name="real", asset=BTC, amount=d(amount), slices=slices, band=band("0", unit=Unit.COINS))


VIEW = book(changes={"free": {BTC: d(3)}}, BTC=("60000", "5", "-5"))


def pair(target: ConvertTarget, **changes: object) -> Pair:
    """The one pair."""
    view: View = msgspec.structs.replace(VIEW, **changes)
    (found,) = only(target, view=view).pairs
    return found


def test_a_slice_is_sold_and_bought_back_at_once() -> None:
    """Both legs are of the same size, so that the exposure stays what it is."""
    found = pair(convert())

    assert (found.spot, found.future, found.left) == (d(-1), d(1), d(1))
    assert found.spot + found.future == 0
    assert found.why == "sell 1 BTC and buy back as much of its hedge; 1 BTC left to convert"


@pytest.mark.parametrize(
    ("changes", "coins", "why"),
    [
        ({"converted": {"real": d("1.5")}}, "0.5", "sell 0.5 BTC"),
        ({"converted": {"real": d(2)}}, "0", "all of BTC that was to be is converted"),
        ({"converted": {"real": d(3)}}, "0", "all of BTC that was to be is converted"),
        ({"free": {BTC: d("0.25")}}, "0.25", "sell 0.25 BTC"),
        ({"free": {BTC: d(0)}}, "0", "no BTC is free to be sold"),
        ({"parts": book(BTC=("60000", "5", "-0.75")).parts}, "0.75", "sell 0.75 BTC"),
        ({"parts": book(BTC=("60000", "5", "1")).parts}, "0", "no hedge of BTC is left to buy back"),
        ({"sliced": {"real": {BTC: Nanos(NOW - 10 * SECOND_NS)}}}, "0", "next slice in 50 s"),
        ({"sliced": {"real": {BTC: Nanos(NOW - 60 * SECOND_NS)}}}, "1", "sell 1 BTC"),
    ],
)
def test_never_more_than_is_left_hedged_and_free(changes: dict[str, object], coins: str, why: str) -> None:
    """Whatever bounds it first; and it says what it waits for."""
    found = pair(convert(), **changes)

    assert found.coins == d(coins)
    assert found.why.startswith(why)


def test_unknown_free_coins_stop_the_conversion_alone() -> None:
    """The hedge beside it goes on."""
    view = book(BTC=("60000", "5", "-4"))
    found = only(convert(), neutral("BTC"), view=view)

    assert found.pairs == ()
    assert found.waits == ("real: how much BTC could be sold is unknown",)
    assert [need.hedge for need in found.needs] == [d(-1)]


def test_a_conversion_wants_no_overlay_of_its_own() -> None:
    """Before the pair and after it the deviation of whoever wanted the hedge is nothing."""
    target = (convert(), neutral("BTC"))
    before = only(*target, view=VIEW, explain=True)
    after = only(*target, view=book(changes={"free": {BTC: d(2)}}, BTC=("60000", "4", "-4")), explain=True)

    assert before.needs[0].deviation == after.needs[0].deviation == 0


def test_a_conversion_that_has_ended_trades_nothing() -> None:
    """Whoever runs it remembers that."""
    assert only(convert(), view=VIEW, ended=("real",)).pairs == ()
