"""From a need to an order: never more, never worse, never dust."""

from dataclasses import dataclass
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.calc.sizing import Sized, SizeLimits, Unsized, limit_price, mid_price, size, slippage_bps, vwap, within
from bot.domain.instrument import Instrument
from bot.domain.order import Side
from tests.kit import d, depth, hedge, perpetual, quote

NAME = hedge("BTC")
LIMITS = SizeLimits(d(15), d(250_000))


def sized(
    need: str | Decimal,
    position: str | Decimal = "0",
    mid: float = 60_000.0,
    deep: float = 50.0,
    instrument: Instrument | None = None,
    limits: SizeLimits = LIMITS,
) -> Sized | Unsized:
    """Size a need against a book of equal levels, 0.1 apart."""
    book = depth(NAME, mid, size=deep)
    return size(instrument or perpetual(), Decimal(need), Decimal(position), quote(NAME, mid), book, limits)


def order(*args: object, **kwargs: object) -> Sized:
    """The order of a need that has one."""
    found = sized(*args, **kwargs)  # type: ignore[arg-type]
    assert isinstance(found, Sized)
    return found


def none(*args: object, **kwargs: object) -> Unsized:
    """Why a need has no order."""
    found = sized(*args, **kwargs)  # type: ignore[arg-type]
    assert isinstance(found, Unsized)
    return found


def test_the_worked_case_of_rounding() -> None:
    """1.2345 coins in lots of 0.01 are 1.23; 10 bps of 60,000.05 sell at 59,940.1 and buy at 60,060.0."""
    coarse = perpetual(lot=d("0.01"))

    assert coarse.contracts(d("-1.2345")) == d("-1.23")
    assert limit_price(coarse, Side.SELL, d("60000.05"), d(10)) == d("59940.1")
    assert limit_price(coarse, Side.BUY, d("60000.05"), d(10)) == d("60060.0")


def test_the_worked_case_of_contracts() -> None:
    """1,500 dollars at 60,000 in contracts of 0.001 are 25 contracts and 0.025 coins."""
    mini = perpetual(contract_size=d("0.001"), lot=d(1))

    assert mini.contracts(d(1_500) / d(60_000)) == 25
    assert mini.coins(d(25)) == d("0.025")


def test_a_need_becomes_an_order_with_its_figures() -> None:
    """A sell at the touch, rounded to the lot, its limit inside the slippage bound, its remainder told."""
    found = order("-1.2345")

    assert (found.side, found.contracts, found.limit_price) == (Side.SELL, d("1.234"), d("59910.0"))
    assert (found.mid, found.expected_vwap) == (d("60000.0"), d("59999.9"))
    assert (found.reduce_only, found.residual) == (False, d("-0.0005"))


@pytest.mark.parametrize(
    ("need", "position", "reduce_only"),
    [("1", "-2", True), ("2", "-2", True), ("3", "-2", False), ("-1", "-2", False), ("1", "0", False)],
    ids=["part", "all", "turn round", "add", "open"],
)
def test_an_order_that_only_reduces_says_so(need: str, position: str, reduce_only: bool) -> None:
    """Reduce-only is asked for exactly where the position gets smaller and keeps its sign."""
    assert order(need, position).reduce_only is reduce_only


def test_an_order_takes_no_more_than_the_book_gives_within_the_limit() -> None:
    """Twenty levels of 0.01 give 0.2; what is not there is left for the next order."""
    found = order("-1", deep=0.01)

    assert found.contracts == d("0.2")
    assert found.residual == d("-0.8")
    assert found.expected_vwap == d("59998.95")


def test_levels_beyond_the_limit_do_not_count() -> None:
    """With a limit 0.2 from mid only the first two levels are there."""
    tight = SizeLimits(d(1) / 30, d(250_000))

    assert order("-1", deep=0.2, limits=tight).contracts == d("0.4")


def test_an_order_is_capped_by_the_owner_and_by_the_venue() -> None:
    """The order cap counts at mid and is rounded down; the venue's largest order counts as well."""
    assert order("-9", limits=SizeLimits(d(15), d(60_059))).contracts == d("1.000")
    assert order("-9", instrument=perpetual(contracts_max=d("0.5"))).contracts == d("0.5")


def test_what_is_below_the_minimum_is_dust() -> None:
    """Less than a lot, or than 100 dollars, is not ordered; and is said to be dust, not lack of liquidity."""
    assert none("-0.0009").dust
    assert none("-0.001").dust
    assert order("-0.002").contracts == d("0.002")


def test_a_reducing_order_may_be_below_the_minimum_where_the_venue_allows_it() -> None:
    """The last thousandth of a hedge can be closed where the venue exempts reduce-only orders, and only there."""
    strict = perpetual(reduce_only_below_minimum=False)

    assert order("0.001", position="-0.001").contracts == d("0.001")
    assert none("0.001", position="-0.001", instrument=strict).dust


def test_a_minimum_on_a_lot_is_not_rounded_up_further() -> None:
    """A minimum of exactly two lots is two lots."""
    exact = perpetual(notional_min=d("119.82"), lot=d("0.001"))

    assert order("-0.002", instrument=exact).contracts == d("0.002")


def test_a_book_that_gives_less_than_the_minimum_is_no_order_and_no_dust() -> None:
    """Too thin a book within the limit is said as such: the need is still there."""
    assert not none("-1", deep=0.00005).dust


def test_a_spread_beyond_the_limit_gives_no_order() -> None:
    """With the touch outside the slippage limit nothing is sent at any price."""
    assert not none("-1", limits=SizeLimits(d("0.001"), d(250_000))).dust


def test_a_slice_never_leaves_dust_behind() -> None:
    """A slice whose remainder could not be ordered is shortened, so that the last one takes the whole tail."""
    assert order("-0.201", deep=0.01).contracts == d("0.2") - d("0.001")


def test_a_slice_that_cannot_be_shortened_is_sent_whole() -> None:
    """Where shortening would make the slice itself too small, dust is the lesser evil."""
    assert order("-0.003", deep=0.0001).contracts == d("0.002")


def test_a_tick_coarser_than_the_price_makes_no_order() -> None:
    """A price that rounds to zero is an error of the rules, not an order."""
    assert not none("1", mid=0.2, instrument=perpetual(tick=d(1), notional_min=d(0))).dust


@pytest.mark.parametrize(("side", "price", "bps"), [(Side.BUY, "101", "100"), (Side.SELL, "101", "-100")])
def test_slippage_is_positive_where_it_costs(side: Side, price: str, bps: str) -> None:
    """Buying above the mid costs; selling above it gains."""
    assert slippage_bps(side, d(price), d(100)) == d(bps)


LOTS = st.sampled_from([d("0.001"), d("0.01"), d("0.1"), d(1)])
NEEDS = st.decimals(-30, 30, places=5).filter(bool)
POSITIONS = st.integers(-30, 30).map(Decimal)


@dataclass(frozen=True)
class Case:
    """A need in a book."""

    need: Decimal
    position: Decimal
    lot: Decimal
    deep: float
    mid: float
    cap: Decimal


CASES = st.builds(
    Case,
    NEEDS,
    POSITIONS,
    LOTS,
    st.floats(0.001, 5.0).map(lambda x: round(x, 3)),
    st.floats(50.0, 90_000.0).map(lambda x: round(x, 1)),
    st.integers(1_000, 1_000_000).map(Decimal),
)


@given(CASES)
def test_no_order_crosses_its_need_its_cap_its_limit_or_the_book(case: Case) -> None:
    """For any need, book, lot and cap: whole lots, inside every bound, and price and size are what the book holds."""
    rules, bounds = perpetual(lot=case.lot), SizeLimits(d(15), case.cap)
    found = sized(case.need, case.position, case.mid, case.deep, rules, bounds)
    if isinstance(found, Unsized):
        return
    mid, signed = mid_price(quote(NAME, case.mid)), found.contracts * found.side.sign
    levels = within(depth(NAME, case.mid, size=case.deep).against(found.side), found.side, found.limit_price)

    assert found.contracts > 0
    assert found.contracts % case.lot == 0
    assert found.limit_price % rules.tick == 0
    assert signed * case.need > 0
    assert abs(signed) <= abs(case.need)
    assert found.contracts * mid <= case.cap
    assert found.contracts <= sum(s for _, s in levels)
    assert found.residual == case.need - signed
    assert slippage_bps(found.side, found.limit_price, mid) <= 15
    assert slippage_bps(found.side, found.expected_vwap, mid) <= 15
    assert found.contracts * found.limit_price >= rules.notional_min or found.reduce_only
    if found.reduce_only:
        assert abs(case.position + signed) < abs(case.position)
        assert (case.position + signed) * case.position >= 0


@given(CASES)
def test_a_mirrored_need_makes_the_mirrored_order(case: Case) -> None:
    """Turning the need, the position and the book round turns the order round and changes nothing else."""
    rules, bounds = perpetual(lot=case.lot, notional_min=d(0)), SizeLimits(d(15), case.cap)
    one = sized(case.need, case.position, case.mid, case.deep, rules, bounds)
    other = sized(-case.need, -case.position, case.mid, case.deep, rules, bounds)

    if isinstance(one, Sized) and isinstance(other, Sized):
        assert (one.contracts, one.reduce_only) == (other.contracts, other.reduce_only)
        assert one.side is not other.side
    else:
        assert type(one) is type(other)


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=8), st.data())
def test_the_average_price_of_a_larger_order_is_never_better(
    levels: list[tuple[int, int]], data: st.DataObject
) -> None:
    """Buying more from a book moves the average up, from the best ask on."""
    rows = [(Decimal(100 + k), Decimal(size)) for k, (_, size) in enumerate(levels)]
    total = sum((s for _, s in rows), d(0))
    small, large = sorted(data.draw(st.tuples(*[st.integers(1, int(total)).map(Decimal)] * 2)))

    assert rows[0][0] <= vwap(rows, small) <= vwap(rows, large) <= rows[-1][0]
