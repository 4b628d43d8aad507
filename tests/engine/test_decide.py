"""Baskets and their guards: pairs in step, all or nothing, and what one leg does to another."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.account import Balance
from bot.domain.bands import Unit
from bot.domain.commands import Severity
from bot.domain.events import Action, BalancesChanged
from bot.domain.market import Depth
from bot.domain.order import Side
from bot.domain.targets import Base, WeightsMode
from tests.engine.kit import World
from tests.kit import USDM, USDT, band, d, depth, hedge, neutral, weights


def legs(world: World) -> dict[str, object]:
    """The legs of the last intent, as signed contracts."""
    return {leg.asset: leg.request.signed_contracts for leg in world.intents[-1].intent.legs}


def shocked(world: World, price: float = 90_000.0) -> World:
    """BTC rises by half: 90,000 against 40,000 is 69 against 31."""
    world.run(3)
    world.forget()
    world.price("BTC", price)
    return world.run(10)


# ------------------------------------------------------------------------------------------------------ a rebalance
def test_a_drift_beyond_the_band_is_answered_by_one_short_and_one_long() -> None:
    """60/40 of 130,000 needs 12,000 less BTC and 12,000 more ETH: both legs, each once."""
    world = shocked(World.weighted())

    assert legs(world) == {"BTC": d("-0.133"), "ETH": d("4.8")}
    assert [r.side for r in world.sent] == [Side.SELL, Side.BUY]
    assert (world.position("BTC"), world.position("ETH")) == (d("-0.133"), d("4.8"))
    assert [c.group for c in world.closed] == ["weights"]


def test_a_drift_inside_the_band_is_left_alone() -> None:
    """64 against 36 is inside five points."""
    assert shocked(World.weighted(), 71_000.0).sent == []


def test_trim_only_shorts_what_is_too_much_and_buys_nothing() -> None:
    """The overweight leg alone."""
    world = shocked(World.weighted(weights(mode=WeightsMode.TRIM_ONLY)))

    assert legs(world) == {"BTC": d("-0.133")}
    assert world.position("ETH") == 0


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (weights(base=Base.OWNED), {"BTC": "-0.133", "ETH": "4.8"}),
        (weights(base=Base.NAV_LESS_RESERVE, reserve=d(50_000)), {"BTC": "-0.133", "ETH": "4.8"}),
        (weights(base=Base.FIXED, fixed=d(100_000)), {"BTC": "-0.333"}),
    ],
    ids=["owned", "nav less reserve", "fixed"],
)
def test_each_base_gives_its_own_rebalance(target: object, expected: dict[str, str]) -> None:
    """What the weights are fractions of decides how much is traded."""
    world = shocked(World.weighted(target))  # type: ignore[arg-type]

    assert legs(world) == {coin: d(contracts) for coin, contracts in expected.items()}


def test_a_book_without_a_base_is_held() -> None:
    """A reserve larger than everything that is owned leaves nothing to weigh."""
    world = World.weighted(weights(base=Base.NAV_LESS_RESERVE, reserve=d(900_000))).run()

    assert world.sent == []
    assert world.notices("held")[-1].text == "missing (base): the base is -750000: shares of it mean nothing"


def test_cash_in_doubt_holds_a_base_that_counts_it() -> None:
    """A large step of the collateral waits for its second word before weights of NAV are judged; owned coins do not."""
    moved = (Balance(USDT, d(9_000)),)
    for base, held in ((Base.NAV_LESS_RESERVE, 1), (Base.OWNED, 0)):
        world = World.weighted(weights(base=base, reserve=d(50_000))).run()
        world.forget()
        world.handle(BalancesChanged(USDM, moved, "TRANSFER", world.now, world.now))
        assert len([n for n in world.notices("held") if n.text.startswith("balance (USDT)")]) == held


# -------------------------------------------------------------------------------------------------- legs in step
def thin(coin: str, size: float) -> object:
    """The book of one hedge is thinner than the others."""

    def bend(event: object) -> object:
        if isinstance(event, Depth) and event.instrument == hedge(coin):
            mid = (event.bids[0][0] + event.asks[0][0]) / 2
            return depth(event.instrument, mid, event.received_ns, size)
        return event

    return bend


def test_both_legs_are_cut_to_the_share_that_the_thinner_book_gives() -> None:
    """20 levels of 0.05 give 1 of the 4.8 ETH: BTC sells the same share of its 0.133, rounded down."""
    world = World.weighted()
    world.bent = thin("ETH", 0.05)  # type: ignore[assignment]
    shocked(world)

    assert [(r.instrument, r.signed_contracts) for r in world.sent[:2]] == [
        (hedge("BTC"), d("-0.027")),
        (hedge("ETH"), d("1.000")),
    ]


def test_both_legs_are_cut_to_the_share_that_the_order_cap_gives() -> None:
    """6,000 of 12,000 on each side; the next intent takes the rest."""
    world = shocked(World.weighted(order_notional_max=d(6_000)))

    assert [r.signed_contracts for r in world.sent] == [d("-0.066"), d("2.381"), d("-0.065"), d("2.346")]
    assert len(world.intents) == 2


def test_a_leg_that_is_cut_to_its_limit_is_not_cut_below_it() -> None:
    """The limiting leg of a third keeps every lot that its book gave: the share is exact, not 0.333."""
    world = World.weighted()
    world.bent = thin("ETH", 0.08)  # type: ignore[assignment]
    shocked(world)

    assert world.sent[1].contracts == d("1.600")


def test_a_leg_whose_share_is_too_small_holds_the_pair() -> None:
    """A hair of ETH depth would leave BTC below its minimum: neither leg is sent."""
    world = World.weighted()
    world.bent = thin("ETH", 0.003)  # type: ignore[assignment]
    shocked(world)

    assert world.sent == []
    assert world.notices("held")[-1].text.startswith(("size", "depth"))


def test_one_leg_without_a_book_holds_the_pair() -> None:
    """Nothing of a rebalance is sent if a part of it cannot be."""
    world = World.weighted()
    world.bent = thin("ETH", 0.00001)  # type: ignore[assignment]
    shocked(world)

    assert world.sent == []
    assert world.notices("held")[-1].text.startswith("depth (binance.usdm:ETHUSDT)")


def test_one_refused_leg_holds_the_pair() -> None:
    """A position bound that only ETH breaks stops BTC as well."""
    world = shocked(World.weighted(position_notional_max=d(11_990)), 90_000.0)

    assert world.sent == []
    assert world.notices("held")[-1].subject == "weights"


def test_dust_of_one_leg_does_not_hold_the_other() -> None:
    """2 of 100,000 in ETH are below any minimum; BTC is brought back, ETH's residual is shown."""
    target = weights({"BTC": "0.5", "ETH": "0.0005"}, base=Base.FIXED, fixed=d(100_000))
    world = World.weighted(target, coins={"BTC": "1", "ETH": "0.019"}).run(10)

    assert legs(world) == {"BTC": d("-0.166")}
    assert set(world.closed[0].residuals) == {"BTC", "ETH"}


def test_a_cut_that_cannot_be_halved_is_not_made() -> None:
    """A single leg is never cut by the share of others: there are none."""
    world = shocked(World.weighted(weights(mode=WeightsMode.TRIM_ONLY), order_notional_max=d(6_000)))

    assert [r.signed_contracts for r in world.sent] == [d("-0.066"), d("-0.065")]


# ------------------------------------------------------------------------------------------------- uneven legs
def test_a_pair_of_which_one_leg_failed_is_completed() -> None:
    """BTC filled, ETH was refused: the next intent is ETH alone."""
    world = World.weighted()
    world.run(3)
    world.forget()
    world.price("BTC", 90_000.0)
    world.tick()
    world.forget()
    world.run(10)

    assert (world.position("BTC"), world.position("ETH")) == (d("-0.133"), d("4.8"))


def uneven(**changes: object) -> World:
    """BTC's leg filled; ETH's was not, and cannot be for want of a book."""
    world = World.weighted(**changes)  # type: ignore[arg-type]
    world.run(3)
    world.forget()
    world.price("BTC", 90_000.0)
    ether = next(r for r in world.sent if r.instrument == hedge("ETH"))
    done = world.venue.orders[ether.client_id]
    done.filled = d(0)
    world.venue.positions.pop(hedge("ETH"))
    world.pending = [e for e in world.pending if ether.client_id not in str(e) and "ETHUSDT" not in str(e)]
    world.bent = thin("ETH", 0.00001)  # type: ignore[assignment]
    return world.run(20)


def test_a_pair_that_stays_naked_beyond_its_budget_is_told_once() -> None:
    """12,000 short without its long: after 100,000 dollar-seconds a person is told, once."""
    world = uneven()
    assert world.position("BTC") == d("-0.133")
    assert world.position("ETH") == 0
    assert [n.severity for n in world.notices("naked")] == [Severity.CRITICAL]
    world.run(30)

    assert len(world.notices("naked")) == 1


def test_a_naked_pair_inside_its_budget_is_not_told() -> None:
    """A larger budget keeps quiet, and when the book is back the pair is completed."""
    world = uneven(naked_notional_seconds_max=d(10_000_000))
    assert world.notices("naked") == []

    world.bent = lambda event: event
    world.run(20)
    assert world.position("ETH") == d("4.8")


# ---------------------------------------------------------------------------------------------------- joint guards
def test_the_margin_of_both_legs_counts_for_either() -> None:
    """Each leg alone would pass; both together would not, so neither is sent."""
    world = World.weighted(margin_ratio_max=d("0.0015")).run(3)
    world.forget()
    world.price("BTC", 90_000.0)
    world.run()

    assert world.sent == []
    assert world.notices("held")[-1].text.startswith("margin (binance.usdm:ETHUSDT)")


def test_the_margin_of_an_order_in_flight_counts_for_the_next_coin() -> None:
    """BTC is on its way when ETH is judged in the same breath: ETH waits, though nothing has filled yet."""
    world = World.neutral(margin_ratio_max=d("0.007")).until(lambda w: bool(w.sent))

    assert [r.instrument for r in world.sent] == [hedge("BTC")]
    assert [n.subject for n in world.notices("held") if n.text.startswith("margin")] == ["neutral:ETH"]


def test_a_withdrawal_of_collateral_counts_before_it_is_sure() -> None:
    """The stream says that most of the wallet is gone: no new risk is margined with it."""
    world = World.neutral(neutral("BTC")).run()
    world.reconciling = False
    world.venue.wallet = d(600)
    world.handle(BalancesChanged(USDM, (Balance(USDT, d(600)),), "TRANSFER", world.now, world.now))
    world.venue.coins["BTC"] = d("1.4")
    world.handle(BalancesChanged("binance.spot", (Balance("BTC", d("1.4")),), "DEPOSIT", world.now, world.now))  # type: ignore[arg-type]

    assert len(world.sent) == 1
    assert world.notices("held")[-1].text.startswith("margin")


def test_an_unmargined_wallet_takes_no_risk() -> None:
    """A futures account without any settlement currency in it."""
    world = World.neutral(neutral("BTC"))
    world.venue.wallet = d(0)
    world.run()

    assert world.sent == []
    assert world.notices("held")[-1].text.startswith("margin")


def test_a_position_without_a_mark_is_not_valued() -> None:
    """After a restart a hedge of ETH has no mark yet: BTC's margin is not known either, and so waits."""
    world = World.neutral().run()
    world.restart()
    world.engine.state.books.marks.pop(hedge("ETH"))
    world.bent = lambda event: None if "ETH" in event.instrument else event
    world.deposit("BTC", "0.2")
    world.run(5)

    assert len(world.records("BTC")) == 1
    assert any(n.text.startswith("mark (neutral:BTC)") for n in world.notices("held"))


def test_a_coin_without_a_market_does_not_hold_the_others() -> None:
    """Nothing is known of ETH and nothing is open in it: BTC is hedged, ETH waits."""
    world = World.neutral()
    world.engine.state.books.forget()
    world.bent = lambda event: None if "ETH" in event.instrument else event
    world.run()

    assert (world.position("BTC"), world.position("ETH")) == (d("-1.234"), d(0))


# ------------------------------------------------------------------------------------------------------ symmetry
@settings(max_examples=25)
@given(
    st.decimals("0.01", "3", places=4),
    st.sampled_from(["0.5", "1", "1.5"]),
    st.sampled_from([band("0.01"), band("0.05", "0.02", Unit.COINS), band("900", "300", Unit.QUOTE)]),
)
def test_after_a_hedge_the_book_is_at_its_destination_or_within_a_lot_of_it(
    held: object, ratio: str, within: object
) -> None:
    """Whatever holding, ratio and band: one round of hedging, then rest; never beyond the target."""
    world = World.neutral(neutral("BTC", ratio=ratio, within=within), coins={"BTC": str(held)}).run(15)  # type: ignore[arg-type]
    (assessment,) = world.engine.assess()
    (need,) = assessment.needs
    count = len(world.sent)
    world.run(15)

    assert len(world.sent) == count
    assert need.deviation >= 0
    assert abs(need.hedge) < d("0.002") or not need.breached


def test_a_kill_in_the_middle_of_a_pair_leaves_no_third_order() -> None:
    """Both legs were out: both fills are counted, and no more is sent."""
    world = World.weighted().run(3)
    world.forget()
    world.price("BTC", 90_000.0)
    world.ask(Action.KILL)
    world.run(20)

    assert len(world.sent) == 2
    assert (world.position("BTC"), world.position("ETH")) == (d("-0.133"), d("4.8"))


def test_a_finished_rebalance_does_not_run_after_the_market() -> None:
    """While both legs fill the price moves on, by far less than the band: no further order, one correction."""
    world = World.weighted().run(3)
    world.forget()
    world.price("BTC", 90_000.0)
    for step in range(60):
        world.venue.prices["BTC"] = 90_000.0 + 40.0 * (step % 7)
        world.tick()

    assert len(world.sent) == 2
    assert len(world.closed) == 1
