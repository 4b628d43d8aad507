"""Handing events to their owners."""

import msgspec

from bot.domain.events import ClockSampled, StreamChanged, Ticked
from bot.domain.targets import CashTarget, RatioTarget
from bot.domain.units import SECOND_NS, Asset, Nanos
from bot.engine.layout import Layout
from bot.engine.state import State
from tests.engine.kit import World
from tests.kit import BTC, ETH, USDM, band, d, hedge, neutral, pricing, rules, weights


def test_a_group_is_what_is_corrected_together() -> None:
    """Each coin of a ratio target alone, the coins of a weights target all at once."""
    layout = Layout.of(rules(neutral("SOL", "BNB"), weights(name="basket"), coins=("BTC", "ETH", "SOL", "BNB")))

    assert [(g.name, g.assets) for g in layout.groups] == [
        ("basket", (BTC, ETH)),
        ("neutral:BNB", (Asset("BNB"),)),
        ("neutral:SOL", (Asset("SOL"),)),
    ]


def test_market_data_touches_the_groups_that_it_can_change() -> None:
    """A coin's spot market and its future touch every group that rests on the coin, each once."""
    cash = CashTarget(name="cash", share=d("0.2"), anchor=ETH, band=band("0.05"))
    layout = Layout.of(rules(neutral("BTC"), cash))

    assert [g.name for g in layout.touching(pricing("BTC"))] == ["cash", "neutral:BTC"]
    assert [g.name for g in layout.touching(hedge("ETH"))] == ["cash"]
    assert layout.touching(pricing("SOL")) == ()


def test_an_asset_priced_by_its_own_future_is_touched_once() -> None:
    """Where there is no spot market one instrument does both."""
    base = rules(neutral("BTC"))
    own = type(base.assets[0])(BTC, hedge("BTC"), hedge("BTC"))
    layout = Layout.of(rules(neutral("BTC"), assets=(own,)))

    assert [g.name for g in layout.touching(hedge("BTC"))] == ["neutral:BTC"]


def test_hedges_are_named_in_a_fixed_order() -> None:
    """Whatever the order of the rules."""
    assert [r.asset for r in Layout.of(rules(coins=("ETH", "BTC"))).hedges()] == [BTC, ETH]
    assert isinstance(neutral(), RatioTarget)


def test_time_never_steps_back() -> None:
    """A late event does not make the world younger, and an early one moves the clock with it."""
    world = World.neutral().run(1)
    state = world.engine.state
    was = state.now
    world.handle(Ticked(Nanos(was - SECOND_NS)))
    assert state.now == was

    world.handle(ClockSampled(USDM, 0, 0, Nanos(was + SECOND_NS)))
    assert state.now == was + SECOND_NS


def test_a_stream_without_an_account_is_only_remembered() -> None:
    """Market streams tell nothing of an account; a private one does."""
    world = World.neutral()
    world.handle(StreamChanged("spot.market", False, "reset", world.now))
    world.handle(StreamChanged("usdm.user", False, "reset", world.now, USDM))

    assert world.engine.state.streams["spot.market"] is False
    assert world.engine.state.accounts.accounts[USDM].stream_up is False


def test_new_risk_needs_the_private_stream() -> None:
    """While the futures account's stream is down a hedge may not grow; when it is back it does."""
    world = World.neutral(neutral("BTC", within=band("0.01"))).run()
    world.handle(StreamChanged("usdm.user", False, "reset", world.now, USDM))
    world.deposit("BTC", "0.2")
    world.run()
    assert world.position("BTC") == d("-1.234")
    assert world.notices("held")[-1].text.startswith("private_stream")

    world.handle(StreamChanged("usdm.user", True, "", world.now, USDM))
    world.run()
    assert world.position("BTC") == d("-1.434")


def test_a_checkpoint_keeps_the_rules_and_not_what_is_looked_up_in_them() -> None:
    """An index is made anew; and a state that was kept before there were books, marks and statistics can be read."""
    state = World.neutral().run(5).engine.state
    kept = msgspec.json.decode(msgspec.json.encode(state))
    assert {"rules"} == kept["layout"].keys()
    for later in ("sleeves", "triggers", "statistics", "declared"):
        del kept[later]
    kept["layout"]["groups"] = [{"name": "neutral:BTC"}]
    older = msgspec.json.decode(msgspec.json.encode(kept), type=State)

    assert state.layout == older.layout
    assert state.layout.touched == older.layout.touched
    assert state.accounts == older.accounts
