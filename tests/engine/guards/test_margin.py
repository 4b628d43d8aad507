"""The margin ratio with the order filled, and everything else that may fill."""

from typing import Any

from bot.domain.account import MarginState
from bot.domain.order import Side
from bot.domain.units import AccountId
from bot.engine.guards.margin import ratio_after
from tests.engine.guards.contexts import holding, moment, order, reducing
from tests.kit import d, hedge

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
