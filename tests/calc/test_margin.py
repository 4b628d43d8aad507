"""Maintenance margin by bracket, and the ratio before and after an order."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.calc.margin import (
    INFINITE,
    Holding,
    maintenance,
    ratio,
    ratio_after,
    required,
    stress_after,
    stress_distance,
    unrealized,
)
from bot.domain.account import MarginState, Position
from bot.domain.instrument import Kind, Tier
from bot.domain.units import ZERO
from tests.kit import d, hedge, perpetual

TIERS = (Tier(d(0), d("0.004"), d(0)), Tier(d(50_000), d("0.005"), d(50)), Tier(d(250_000), d("0.01"), d(1_300)))


def held(contracts: str, entry: str, mark: str) -> Holding:
    """A position with its mark."""
    return Holding(perpetual(tiers=TIERS), Position(hedge("BTC"), d(contracts), d(entry)), d(mark))


@pytest.mark.parametrize("floor", ["50000", "250000"])
def test_maintenance_margin_is_continuous_at_every_bracket(floor: str) -> None:
    """A notional at a bracket's edge needs the same by either bracket."""
    below = d(floor) - d("0.000001")

    assert abs(maintenance(d(floor), TIERS) - maintenance(below, TIERS)) < d("0.0000001")


@given(st.decimals(0, 10_000_000, places=2), st.decimals(0, 10_000_000, places=2))
def test_maintenance_margin_rises_with_the_notional(one: Decimal, other: Decimal) -> None:
    """More notional never needs less margin."""
    small, large = sorted((one, other))

    assert maintenance(small, TIERS) <= maintenance(large, TIERS)


def test_maintenance_margin_without_tiers_is_refused() -> None:
    """Unknown tiers are not zero margin."""
    with pytest.raises(ValueError, match="tiers"):
        maintenance(d(1), ())


def test_a_notional_below_the_first_bracket_is_in_it() -> None:
    """A venue whose first bracket does not begin at zero still has one for small positions."""
    assert maintenance(d(10), (Tier(d(100), d("0.01"), d(0)),)) == d("0.1")


def test_profit_has_the_sign_of_the_position() -> None:
    """A short gains what the price falls and loses what it rises."""
    assert unrealized(held("-2", "60000", "59000")) == d(2_000)
    assert unrealized(held("2", "60000", "59000")) == d(-2_000)


def inverse(contracts: str, entry: str, mark: str) -> Holding:
    """An inverse position of 100 of face a contract."""
    made = perpetual(kind=Kind.INVERSE, contract_size=d(100), tiers=TIERS[:1])
    return Holding(made, Position(hedge("BTC"), d(contracts), d(entry)), d(mark))


def test_an_inverse_position_is_margined_in_coins() -> None:
    """1.3 coins and -40,000 of face from 55,000 at 62,000 are 1.217888563 coins; 0.4 % of its coins is needed."""
    short = inverse("-400", "55000", "62000")

    assert round(d("1.3") + unrealized(short), 9) == d("1.217888563")
    assert required([short]) == d(40_000) / d(62_000) * d("0.004")
    assert unrealized(inverse("0", "0", "62000")) == required([inverse("0", "0", "62000")]) == 0


def test_the_stress_of_an_inverse_position_is_not_taken_for_a_linear_ones() -> None:
    """Its margin moves with the price: without its coins the distance is refused."""
    with pytest.raises(ValueError, match="equity of USDT"):
        stress_distance([inverse("-400", "55000", "62000")], d(1))


def test_flat_positions_need_no_margin() -> None:
    """A flat instrument needs nothing, even where its tiers are unknown; others add up."""
    flat = Holding(perpetual(tiers=()), Position(hedge("BTC"), ZERO), d(60_000))

    assert required([flat]) == 0
    assert required([flat, held("-1", "60000", "60000"), held("1", "60000", "60000")]) == 2 * d(250)


def test_the_margin_ratio_is_one_at_liquidation() -> None:
    """Maintenance over balance; nothing needed is 0, nothing left is infinite."""
    assert ratio(d(250), d(250)) == 1
    assert ratio(d(0), d(0)) == 0
    assert ratio(d(1), d(0)) == INFINITE
    assert ratio(d(1), d(-5)) == INFINITE


def test_the_ratio_after_an_order_counts_its_cost_and_its_margin() -> None:
    """1 BTC short at 60,000 needs 250 of 10,000 less 40 of costs."""
    flat, short = (held("0", "0", "60000"),), (held("-1", "59900", "60000"),)

    assert ratio_after(d(10_000), flat, short, d(40), None) == d(250) / d(9_960)


def test_the_higher_of_the_venues_ratio_and_ours_counts() -> None:
    """What the venue knows of other positions is added to what the order needs."""
    venue = MarginState(margin_balance=d(5_000), maintenance_margin=d(2_000), initial_margin=d(0), available=d(0))
    flat, short = (held("0", "0", "60000"),), (held("-1", "60000", "60000"),)

    assert ratio_after(d(10_000), flat, short, d(0), venue) == d(2_250) / d(5_000)
    assert ratio_after(d(400), flat, short, d(0), venue) == d(250) / d(400)


def test_an_order_that_needs_less_does_not_improve_the_venues_figure() -> None:
    """The venue's own maintenance margin is never talked down."""
    venue = MarginState(margin_balance=d(1_000), maintenance_margin=d(600), initial_margin=d(0), available=d(0))
    short, flat = (held("-1", "60000", "60000"),), (held("0", "0", "60000"),)

    assert ratio_after(d(10_000), short, flat, d(0), venue) == d("0.6")


@given(st.integers(1, 40).map(Decimal), st.integers(1, 9).map(Decimal), st.sampled_from([1, -1]))
def test_at_the_liquidation_price_equity_equals_maintenance_margin(
    contracts: Decimal, leverage: Decimal, sign: int
) -> None:
    """P_liq = (W + cum - s Q E) / (Q (mmr - s)) is where the ratio is 1, long or short (one bracket)."""
    tier, entry = Tier(d(0), d("0.01"), d(0)), d(100)
    wallet = contracts * entry / leverage
    liquidation = (wallet - sign * contracts * entry) / (contracts * (tier.rate - sign))
    at = Holding(perpetual(tiers=(tier,)), Position(hedge("BTC"), sign * contracts, entry), liquidation)

    if liquidation > 0:
        assert abs(ratio(required([at]), wallet + unrealized(at)) - 1) < d("1e-20")
        assert (liquidation > entry) is (sign < 0)


def moved(holdings: tuple[Holding, ...], factor: Decimal) -> tuple[Holding, ...]:
    """The same positions with every price times a factor."""
    return tuple(Holding(one.instrument, one.position, one.mark * factor) for one in holdings)


def slack(holdings: tuple[Holding, ...], balance: Decimal, factor: Decimal) -> Decimal:
    """Margin balance less maintenance margin once every price was multiplied."""
    after = moved(holdings, factor)
    gained = sum((unrealized(one) for one in after), ZERO) - sum((unrealized(one) for one in holdings), ZERO)
    return balance + gained - required(after)


POSITIONS = st.lists(
    st.tuples(st.decimals(-20, 20, places=3), st.decimals(100, 90_000, places=1)), min_size=1, max_size=4
)


@given(POSITIONS, st.decimals(0, 2_000_000, places=2))
def test_at_the_stress_distance_the_margin_is_used_up_and_not_before(
    book: list[tuple[Decimal, Decimal]], balance: Decimal
) -> None:
    """Either direction at the distance uses the margin up, none does any nearer; infinite means that none ever does."""
    holdings = tuple(held(str(contracts), str(mark), str(mark)) for contracts, mark in book)
    distance = stress_distance(holdings, balance)
    near = min(distance, d(1_000)) * d("0.999999")

    if distance == 0:
        assert slack(holdings, balance, d(1)) <= 0
        return
    assert min(slack(holdings, balance, 1 + near), slack(holdings, balance, max(1 - near, ZERO))) >= 0
    if distance < INFINITE:
        ends = [slack(holdings, balance, 1 + distance), slack(holdings, balance, max(1 - distance, ZERO))]
        assert min(map(abs, ends)) < d("0.000001")


def test_a_short_is_liquidated_by_a_rise() -> None:
    """One coin short at 10,000 with 5,000: 4,960 are free, and each per cent up takes 100.40 of them."""
    assert stress_distance([held("-1", "10000", "10000")], d(5_000)) == d(4_960) / d(10_040)


def test_a_long_is_liquidated_by_a_fall() -> None:
    """One coin long at 10,000 with 5,000: balance P - 5,000 equals 0.4 % of P."""
    distance = stress_distance([held("1", "10000", "10000")], d(5_000))

    assert abs(distance - (1 - d(5_000) / d("0.996") / d(10_000))) < d("1e-20")


def test_a_long_that_is_paid_for_is_never_liquidated() -> None:
    """A long whose whole worth lies in the account outlives a fall to nothing."""
    assert stress_distance([held("1", "10000", "10000")], d(10_000)) == INFINITE


def test_no_position_no_distance() -> None:
    """A flat account is infinitely far from liquidation, an empty one too."""
    assert stress_distance([held("0", "10000", "10000")], d(0)) == INFINITE


def test_what_other_positions_need_brings_liquidation_nearer() -> None:
    """Maintenance margin elsewhere in the account cannot be used twice."""
    short = [held("-1", "10000", "10000")]

    assert stress_distance(short, d(5_000), d(1_000)) == stress_distance(short, d(4_000))


def test_where_liquidation_is_due_the_distance_is_nothing() -> None:
    """Less balance than maintenance margin: no move is needed any more."""
    assert stress_distance([held("-1", "10000", "10000")], d(30)) == 0


def test_the_distance_after_an_order_is_the_nearer_of_ours_and_the_venues() -> None:
    """Ours is of the wallet with what positions have gained, theirs of their balance and of what we do not track."""
    before, after = (held("-1", "9000", "10000"),), (held("-2", "9500", "10000"),)
    ours = stress_distance(after, d(6_000) - d(1_000) - d(10))
    theirs = stress_distance(after, d(4_000) - d(10), d(100))
    venue = MarginState(margin_balance=d(4_000), maintenance_margin=d(140), initial_margin=d(0), available=d(0))

    assert stress_after(d(6_000), before, after, {}, d(10), None) == ours
    assert stress_after(d(6_000), before, after, {}, d(10), venue) == theirs < ours
    assert stress_after(d(3_000), before, after, {}, d(10), venue) < theirs


def test_the_distance_counts_what_positions_may_come_to() -> None:
    """What may be larger is as near as if it were; where the position may be smaller that helps nothing."""
    before = (held("-1", "10000", "10000"),)
    larger = stress_distance((held("-3", "10000", "10000"),), d(5_000))

    assert stress_after(d(5_000), before, before, {hedge("BTC"): (d(-3), d(0))}, ZERO, None) == larger
    assert larger < stress_distance(before, d(5_000))
