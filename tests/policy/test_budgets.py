"""Budgets: what is too much is cut by the same share everywhere, told, and looked at anew while it binds."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.bands import Unit
from bot.domain.targets import Budgets, CashTarget, Neutrality, TargetSpec, TiltTarget
from bot.domain.units import ZERO, InstrumentId
from bot.policy import budgets
from bot.policy.budgets import NO_CUTS, Cuts
from bot.policy.compose import Derived, derive, members
from bot.policy.purse import Scope
from bot.policy.view import Missing, View
from tests.kit import BTC, ETH, band, d, neutral, pricing
from tests.policy.views import NOW, book, parts

ANY = band("0", unit=Unit.POINTS)
HEDGES = {BTC: InstrumentId("binance.usdm:BTCUSDT"), ETH: InstrumentId("bybit.linear:ETHUSDT")}
VIEW = book(BTC=("50000", "1", "0"), ETH=("2500", "20", "0"))
CASH = CashTarget(name="cash", share=d("0.2"), anchor=BTC, band=ANY)
TILT = TiltTarget(name="tilt", long={ETH: d(1)}, short={BTC: d(1)}, size=d("0.1"), band=ANY)


def cut(*targets: TargetSpec, view: View = VIEW, **bounds: object) -> Cuts:
    """What these budgets cut."""
    found = budgets.cuts(budgets.ceilings(Budgets(**bounds), HEDGES), Scope(targets, view))  # type: ignore[arg-type]

    assert isinstance(found, Cuts)
    return found


def derived(*targets: TargetSpec, view: View = VIEW, **bounds: object) -> list[Derived]:
    """Every member under these budgets."""
    cuts = cut(*targets, view=view, **bounds)
    return [derive(one, targets, view, cuts=cuts, explain=True) for one in members(targets, (BTC, ETH))]


def values(*targets: TargetSpec, view: View = VIEW, **bounds: object) -> dict[str, Decimal]:
    """What would be traded, in the unit of account."""
    found = (need for one in derived(*targets, view=view, **bounds) for need in one.needs)
    return {need.asset: round(need.hedge * need.price, 6) for need in found if need.hedge}


def test_without_budgets_nothing_is_cut() -> None:
    """And nothing is looked at."""
    assert cut(CASH) is NO_CUTS


@pytest.mark.parametrize(
    "bounds",
    [{"assets": {BTC: d(15_000)}}, {"instruments": {HEDGES[BTC]: d(15_000)}, "assets": {BTC: d(40_000)}}],
    ids=["asset", "instrument"],
)
def test_the_net_overlay_of_an_asset_is_capped(bounds: dict[str, object]) -> None:
    """20,000 of cash hedge and 10,000 of tilt are cut to 15,000 in proportion, and told."""
    (found,) = derived(CASH, TILT, **bounds)  # type: ignore[arg-type]
    need = {one.asset: one for one in found.needs}[BTC]

    assert need.hedge * need.price == d(-15_000)
    assert {name: round(coins * 50_000) for name, coins in need.shares.items()} == {"cash": -10_000, "tilt": -5_000}
    assert need.why.endswith("cut by a cap or a budget")


def test_a_cap_that_does_not_bind_changes_no_digit() -> None:
    """Coins stay coins, and the price at which it would bind is a row."""
    (found,) = derived(neutral("BTC"), assets={BTC: d(60_000)})

    assert found.needs[0].hedge == d(-1)
    hedged = book(BTC=("50000", "1", "-1"))
    (rest,) = derived(neutral("BTC"), view=hedged, assets={BTC: d(60_000)})
    assert min(row.slack({pricing("BTC"): 50_000.0}) for row in rest.rows({BTC: pricing("BTC")})) > 0
    assert any(row.slack({pricing("BTC"): 61_000.0}) < 0 for row in rest.rows({BTC: pricing("BTC")}))


def test_a_venues_cap_cuts_all_of_its_assets() -> None:
    """Both futures at one venue: 30,000 and 10,000 to half of that."""
    there = {BTC: InstrumentId("binance.usdm:BTCUSDT"), ETH: InstrumentId("binance.usdm:ETHUSDT")}
    made = budgets.ceilings(Budgets(venues={"binance": d(20_000)}), there)
    cuts = budgets.cuts(made, Scope((CASH, TILT), VIEW))

    assert isinstance(cuts, Cuts)
    assert cuts.shares == {BTC: d("0.5"), ETH: d("0.5")}
    assert cuts.note == "overlays at binance cut to 50 % by its cap"


def test_another_venues_assets_are_left_alone() -> None:
    """BTC's future is elsewhere."""
    assert values(CASH, TILT, venues={"bybit": d(5_000)}) == {"BTC": d(-30_000), "ETH": d(5_000)}


def test_all_overlays_together_keep_their_share_of_nav() -> None:
    """40,000 of 100,000 where 20 % are allowed: half of each, and every price is looked at."""
    (found,) = derived(CASH, TILT, overlay=d("0.2"))

    assert values(CASH, TILT, overlay=d("0.2")) == {"BTC": d(-15_000), "ETH": d(5_000)}
    assert found.notes == ("overlays cut to 50 % by their budget",)
    names = {BTC: pricing("BTC"), ETH: pricing("ETH")}
    assert any(set(row.coefficients.values()) == {-1.0} for row in found.rows(names))


def test_the_core_stays_what_it_is() -> None:
    """Hedges one to one do not take from it; overlays on top of them have what it leaves."""
    assert values(neutral("BTC"), core=d("0.9")) == {"BTC": d(-50_000)}
    assert values(neutral("BTC"), TILT, core=d("0.95")) == {"BTC": d(-52_500), "ETH": d(2_500)}
    over = msgspec.structs.replace(neutral("BTC"), ratio=d(2))
    assert values(over, core=d("0.5")) == {"BTC": d(-50_000)}


def test_shares_compose() -> None:
    """First the core's, then that of all overlays, of what it left."""
    found = cut(neutral("BTC"), TILT, core=d("0.95"), overlay=d("0.275"))

    assert (found.tilted, found.shares) == (d("0.25"), {BTC: d("0.5"), ETH: d("0.5")})
    assert found.note == "overlays cut to 25 % to keep the core; overlays cut to 50 % by their budget"


def test_what_cannot_say_what_it_wants_counts_as_it_stands() -> None:
    """A tilt without its betas: the futures that are there take their room."""
    blind = msgspec.structs.replace(TILT, neutral=Neutrality.BETA)
    view = book(BTC=("50000", "1", "-0.4"), ETH=("2500", "20", "0"))
    found = cut(CASH, blind, view=view, overlay=d("0.1"))

    assert found.shares == {BTC: d("0.5"), ETH: d("0.5")}


def test_what_overlays_nobody_can_see_stop_a_budget_that_counts_them() -> None:
    """An asset that could be hedged and is not known is not at nothing."""
    view = msgspec.structs.replace(VIEW, parts={BTC: VIEW.parts[BTC]})
    made = budgets.ceilings(Budgets(venues={"binance": d(1)}), HEDGES)
    found = budgets.cuts(made, Scope((CASH,), view))

    assert isinstance(found, Missing)
    assert found.why == "what overlays of ETH are worth is unknown, and a budget counts them"


def test_a_budget_of_an_unknown_nav_stops_everything() -> None:
    """Nobody can say how much is allowed."""
    view = msgspec.structs.replace(VIEW, blind={ETH: "no answer"})
    made = budgets.ceilings(Budgets(overlay=d("0.5")), HEDGES)
    cuts = budgets.cuts(made, Scope((neutral("BTC"),), view))
    (one,) = members((neutral("BTC"),), (BTC,))

    assert isinstance(cuts, Missing)
    assert derive(one, (neutral("BTC"),), view, cuts=cuts).missing == cuts


def test_a_budget_of_nothing_to_cut() -> None:
    """No targets, no overlays."""
    assert cut(overlay=d("0.5")).shares == {}


MOVES = st.decimals("0.6", "1.6", places=3)


@given(
    st.tuples(MOVES, MOVES),
    st.decimals("0.05", "1", places=2),
    st.decimals("0.05", "1", places=2),
    st.sampled_from((ZERO, d(15_000), d(45_000))),
    st.decimals("-1", "1", places=2),
)
def test_while_every_row_holds_nothing_more_is_cut(
    moves: tuple[Decimal, Decimal], overlay: Decimal, core: Decimal, cap: Decimal, short: Decimal
) -> None:
    """Wherever prices go: rows fail before a budget begins to bind."""
    view = View(prices=VIEW.prices, parts={BTC: parts("1", str(short)), ETH: parts("20", "0")}, now=NOW)
    moved = msgspec.structs.replace(
        view, prices={c: view.prices[c] * m for c, m in zip((BTC, ETH), moves, strict=True)}
    )
    bounds = {"overlay": overlay, "core": core, "assets": {BTC: cap} if cap else {}, "venues": {"bybit": d(12_000)}}
    rules = (CASH, TILT)
    at = {pricing(c): float(p) for c, p in moved.prices.items()}
    rows = [
        row for one in derived(*rules, view=view, **bounds) for row in one.rows({c: pricing(c) for c in (BTC, ETH)})
    ]
    before, after = cut(*rules, view=view, **bounds), cut(*rules, view=moved, **bounds)

    if all(row.slack(at) >= 0 for row in rows):
        assert not before.shares
        assert not after.shares
        assert before.tilted == after.tilted == 1


def test_a_cap_of_one_of_several_futures_bounds_no_overlay() -> None:
    """Only where every future of a coin has one do they add up to a bound; a venue's needs all of them there."""
    binance, bybit = InstrumentId("binance.usdm:BTCUSDT"), InstrumentId("bybit.linear:BTCUSDT")
    one = Budgets(instruments={binance: d(10_000)}, venues={"binance": d(5_000)})
    both = Budgets(instruments={binance: d(10_000), bybit: d(20_000)}, assets={BTC: d(40_000)})

    alone = budgets.ceilings(one, {BTC: binance}, {BTC: (bybit,)})
    assert ({}, (("binance", (), d(5_000)),)) == (alone.caps, alone.venues)
    assert {BTC: d(30_000)} == budgets.ceilings(both, {BTC: binance}, {BTC: (bybit,)}).caps
    assert (("binance", (BTC,), d(5_000)),) == budgets.ceilings(one, {BTC: binance}).venues
