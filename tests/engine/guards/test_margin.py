"""The margin ratio with the order filled, and everything else that may fill."""

from typing import Any

from bot.domain.account import MarginState
from bot.domain.instrument import Kind
from bot.domain.order import Side
from bot.domain.units import AccountId
from bot.engine.guards.margin import ratio_after, stress_after
from tests.engine.guards.contexts import holding, moment, order, reducing
from tests.kit import d, hedge, limits

NEEDED = d(240)
COST = d("29.955") + d(90)
"""1 BTC at a mark of 60,000 and 0.4 %; fee of 5 bps on the limit of 59,910 and 90 of slippage against the mark."""


def test_the_ratio_after_the_order_stays_below_its_bound() -> None:
    """240 of maintenance margin on 480 of equity after costs is exactly one half."""
    assert ratio_after(moment(wallet=2 * NEEDED + COST)) is None
    assert ratio_after(moment(wallet=2 * NEEDED + COST - d("0.01"))) is not None


def test_a_buy_below_the_mark_costs_only_its_fee() -> None:
    """A limit better than the mark is no gain to count on, and no cost."""
    cheap = order(side=Side.BUY, price="59910")

    assert ratio_after(moment(cheap, wallet=2 * NEEDED + d("29.955"))) is None
    assert ratio_after(moment(cheap, wallet=2 * NEEDED + d("29.954"))) is not None


def test_what_is_not_known_is_not_well_margined() -> None:
    """Without wallet, marks or tiers there is no ratio, and so no new risk; what reduces needs none of them."""
    unknown: list[dict[str, Any]] = [{"wallet": None}, {"holdings": None}, {"mark": None}]

    for missing in unknown:
        assert ratio_after(moment(**missing)) is not None
        assert ratio_after(reducing(**missing)) is None
    assert ratio_after(moment(instrument=holding(tiers=()).instrument)) is not None
    other = holding("-3", price="2500", entry="2500", id=hedge("ETH"), tiers=())
    assert ratio_after(moment(wallet=d(10**6), holdings=(holding(), other))) is not None
    assert ratio_after(moment(wallet=d(10**6), holdings=(holding(), holding("0", id=hedge("ETH"), tiers=())))) is None


def test_other_orders_that_may_fill_count_as_filled() -> None:
    """Each of two orders passes alone; together they do not, whichever of them is on its way already."""
    ether = {"id": hedge("ETH")}
    held = (holding(), holding(price="2500", entry="2500", **ether))
    other = order("24", price="2500", instrument=hedge("ETH"))
    wallet = 2 * NEEDED + COST + d(30)

    assert ratio_after(moment(wallet=wallet, holdings=held)) is None
    assert ratio_after(moment(wallet=wallet, holdings=held, alongside=(other,))) is not None
    assert ratio_after(moment(wallet=2 * wallet, holdings=held, alongside=(other,))) is None


def test_the_venues_figure_is_raised_by_all_that_may_fill() -> None:
    """What is on its way is not in the venue's maintenance margin yet, so it is added to it."""
    venue = MarginState(margin_balance=d(1_000), maintenance_margin=d(0), initial_margin=d(0), available=d(0))
    before = order("1", price="60000")

    assert ratio_after(moment(venue_margin=venue)) is None
    assert ratio_after(moment(venue_margin=venue, alongside=(before,))) is not None


def test_positions_of_another_account_do_not_margin_this_one() -> None:
    """Another venue's short neither loads this wallet nor relieves it."""
    elsewhere = holding("-100", price="90000", id=hedge("ETH"), account=AccountId("other.usdm"))

    assert ratio_after(moment(wallet=2 * NEEDED + COST, holdings=(holding(), elsewhere))) is None


def test_losses_of_open_positions_are_gone_already() -> None:
    """A short from 59,000 at a mark of 60,000 has lost 1,000 of the wallet."""
    losing = (holding("-1", entry="59000"),)
    enough = 4 * NEEDED + COST + d(1_000)

    assert ratio_after(moment(wallet=enough, holdings=losing, position=d(-1))) is None
    assert ratio_after(moment(wallet=enough - 1, holdings=losing, position=d(-1))) is not None


def test_a_ruined_account_takes_no_risk_and_can_still_be_closed() -> None:
    """With less than nothing the ratio is infinite; closing is not compared at all."""
    assert ratio_after(moment(wallet=d(-5_000))) is not None
    assert ratio_after(reducing(wallet=d(-5_000))) is None


FAR = limits(stress_distance_min=d("0.15"))
SURVIVED = d("9276") + COST
"""A rise of 15 % costs a short of one at 60,000 a loss of 9,000, and needs 0.4 % of 69,000."""


def test_after_the_order_the_account_survives_the_move_it_must() -> None:
    """At the bound to the cent it passes, a cent below not, with both moves said."""
    assert stress_after(moment(limits=FAR, wallet=SURVIVED)) is None
    refused = stress_after(moment(limits=FAR, wallet=SURVIVED - d("60")))
    assert refused is not None
    assert (refused.guard, refused.why) == (
        "stress", "a move of 14.9% would liquidate the account, it must survive 15.0%"
    )  # fmt: skip


def test_no_distance_is_asked_for_where_the_limit_is_off() -> None:
    """Zero is off: then nothing has to be known either."""
    assert stress_after(moment(wallet=d(1))) is None
    assert stress_after(moment(wallet=None)) is None


def test_what_is_not_known_survives_nothing() -> None:
    """Without wallet, marks or tiers, or with a contract of another kind, no distance is known, and so no new risk."""
    for missing in ({"wallet": None}, {"holdings": None}, {"mark": None}):
        assert stress_after(moment(limits=FAR, **missing)) is not None
        assert stress_after(reducing(limits=FAR, **missing)) is None
    other = holding("1", price="2500", entry="2500", id=hedge("ETH"), kind=Kind.INVERSE)
    refused = stress_after(moment(limits=FAR, wallet=d(10**6), holdings=(holding(), other)))
    assert refused is not None
    assert "not linear" in refused.why
    flat = holding(price="2500", entry="2500", id=hedge("ETH"), kind=Kind.INVERSE)
    assert stress_after(moment(limits=FAR, wallet=d(10**6), holdings=(holding(), flat))) is None
    bare = holding(price="2500", entry="2500", id=hedge("ETH"), tiers=())
    there_and_back = tuple(order("1", side, price="2500", instrument=hedge("ETH")) for side in Side)
    assert ratio_after(moment(wallet=d(10**6), holdings=(holding(), bare), alongside=there_and_back)) is None
    assert stress_after(moment(limits=FAR, wallet=d(10**6), holdings=(holding(), bare), alongside=there_and_back))


def test_a_ruined_account_can_still_be_closed() -> None:
    """What reduces is not compared at all."""
    assert stress_after(moment(limits=FAR, wallet=d(-5_000))) is not None
    assert stress_after(reducing(limits=FAR, wallet=d(-5_000))) is None


def test_of_what_may_fill_the_worse_counts() -> None:
    """A long on its way may save the short from a rise, or not come; a short on its way adds to it."""
    ether = {"id": hedge("ETH")}
    held = (holding(), holding(price="2500", entry="2500", **ether))
    saves = order("20", Side.BUY, price="2500", instrument=hedge("ETH"))
    adds = order("20", Side.SELL, price="2500", instrument=hedge("ETH"))
    thin, rich = SURVIVED - d(500), SURVIVED + d(200)

    assert stress_after(moment(limits=FAR, wallet=thin, holdings=held, alongside=(saves,))) is not None
    assert stress_after(moment(limits=FAR, wallet=rich, holdings=held, alongside=(saves,))) is None
    assert stress_after(moment(limits=FAR, wallet=rich, holdings=held, alongside=(adds,))) is not None
    assert stress_after(moment(limits=FAR, wallet=rich, holdings=held)) is None


def test_the_venues_balance_counts_where_it_is_thinner() -> None:
    """Our wallet may survive what the venue's own figures do not."""
    venue = MarginState(margin_balance=d(5_000), maintenance_margin=d(0), initial_margin=d(0), available=d(0))

    assert stress_after(moment(limits=FAR, wallet=d(50_000))) is None
    assert stress_after(moment(limits=FAR, wallet=d(50_000), venue_margin=venue)) is not None
