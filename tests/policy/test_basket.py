"""Weights targets: worked cases, bases, and what no rebalance may do."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.calc.boxes import Row
from bot.domain.hedge import Parts
from bot.domain.rules import Base, Unit, WeightsMode, WeightsTarget
from bot.domain.units import ZERO, Asset
from bot.policy import basket
from bot.policy.view import View
from tests.kit import band, d, pricing, weights
from tests.policy.views import book, trades

ANY = band("0", unit=Unit.POINTS)
FIVE_POINTS = band("0.05", unit=Unit.POINTS)


def halves(btc: str = "0.5", other: str = "0.5", **changes: object) -> WeightsTarget:
    """Two weights without a band."""
    return weights({"BTC": btc, "ETH": other}, within=ANY, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("btc", "eth", "target", "expected"),
    [
        ("70000", "30000", ("0.6", "0.4"), ("-10000", "10000")),
        ("75000", "25000", ("0.6", "0.4"), ("-15000", "15000")),
        ("40000", "60000", ("0.5", "0.5"), ("10000", "-10000")),
        ("70000", "30000", ("0.5", "0.5"), ("-20000", "20000")),
        ("50000", "33333", ("0.5", "0.5"), ("-8333.5", "8333.5")),
        ("10000", "10000", ("0.4", "0.6"), ("-2000", "2000")),
        ("60000", "40000", ("0.5", "0.5"), ("-10000", "10000")),
    ],
    ids=["60/40 at 70", "60/40 at 75", "synthetic sell", "synthetic buy", "snapshot", "50 to 40", "pair"],
)
def test_an_overweight_is_sold_and_an_underweight_bought(
    btc: str, eth: str, target: tuple[str, str], expected: tuple[str, str]
) -> None:
    """Each coin goes to its weight of what is owned: short the one, long the other, by the same value."""
    view = book(BTC=("1", btc, "0"), ETH=("1", eth, "0"))

    assert trades(halves(*target), view) == {"BTC": d(expected[0]), "ETH": d(expected[1])}


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (("-83333", "0"), ("74999.5", "8333.5")),
        (("-50000", "-33333"), ("41666.5", "41666.5")),
        (("-8333.5", "8333.5"), None),
    ],
    ids=["from a wrong hedge", "from neutral", "from the target"],
)
def test_the_trade_is_the_target_less_all_that_is_there(
    start: tuple[str, str], expected: tuple[str, str] | None
) -> None:
    """Overweight means a larger short, whatever the futures were before; at the target nothing is traded."""
    view = book(BTC=("1", "50000", start[0]), ETH=("1", "33333", start[1]))
    due = {} if expected is None else {"BTC": d(expected[0]), "ETH": d(expected[1])}

    assert trades(halves(), view) == due


def test_trim_only_sells_and_leaves_the_other_leg() -> None:
    """7,500 of a target of 6,000: sell 1,500 and buy nothing; in full, buy 1,500 of the other."""
    view = book(BTC=("1", "7500", "0"), ETH=("1", "2500", "0"))
    sixty = {"BTC": "0.6", "ETH": "0.4"}

    assert trades(weights(sixty, WeightsMode.TRIM_ONLY, within=ANY), view) == {"BTC": d(-1_500)}
    assert trades(weights(sixty, within=ANY), view) == {"BTC": d(-1_500), "ETH": d(1_500)}


@pytest.mark.parametrize(
    ("base", "reserve", "whole", "expected"),
    [
        (Base.NAV_LESS_RESERVE, "20000", "160000", ("-24000", "24000")),
        (Base.OWNED, "0", "160000", ("-24000", "24000")),
        (Base.NAV_LESS_RESERVE, "0", "180000", ("-12000", "32000")),
        (Base.FIXED, "0", "100000", ("-60000", "0")),
    ],
    ids=["nav less reserve", "owned", "plain nav", "fixed"],
)
def test_each_base_weighs_what_it_says(base: Base, reserve: str, whole: str, expected: tuple[str, str]) -> None:
    """BTC x2 in a 60/40 book with 20,000 of collateral: an undeclared reserve becomes 20,000 of net long."""
    view = book(cash="20000", BTC=("2", "60000", "0"), ETH=("1", "40000", "0"))
    target = weights(base=base, reserve=d(reserve), fixed=d(100_000), within=ANY)
    due = {coin: d(value) for coin, value in zip(("BTC", "ETH"), expected, strict=True) if value != "0"}

    assert basket.base(target, view) == d(whole)
    assert trades(target, view) == due


def test_the_profit_of_futures_belongs_to_the_net_asset_value() -> None:
    """What the overlay gained or lost is part of NAV, and not of what is owned."""
    view = book(cash="20000", unrealized="-3000", BTC=("1", "100", "0"), ETH=("1", "100", "0"))

    assert basket.base(halves(base=Base.NAV_LESS_RESERVE, reserve=d(20_000)), view) == d(-2_800)
    assert basket.base(halves(), view) == d(200)


def test_weights_of_nothing_mean_nothing() -> None:
    """A base that is not positive is an error, not a book of zero weights."""
    with pytest.raises(ValueError, match="mean nothing"):
        basket.needs(halves(), book(BTC=("1", "0", "0"), ETH=("1", "0", "0")), correcting=False)


@pytest.mark.parametrize(("btc", "traded"), [("65000", False), ("65010", True), ("55000", False), ("54990", True)])
def test_the_band_of_a_weight_is_left_only_beyond_its_edge(btc: str, traded: bool) -> None:
    """60/40 of 100,000 within 5 points: 65.00 is kept, 65.01 is not."""
    view = book(BTC=("1", btc, "0"), ETH=("1", str(100_000 - int(btc)), "0"))

    assert bool(trades(weights(within=FIVE_POINTS), view)) is traded


def test_when_one_weight_breaches_all_are_corrected() -> None:
    """A leg inside its own band is traded along, or what one sells nothing would buy."""
    shares = {"BTC": "0.5", "ETH": "0.25", "SOL": "0.25"}
    view = book(BTC=("1", "56", "0"), ETH=("1", "22", "0"), SOL=("1", "22", "0"))

    assert trades(weights(shares, within=FIVE_POINTS), view) == {"BTC": d(-6), "ETH": d(3), "SOL": d(3)}


def test_a_correction_under_way_goes_on_inside_the_band() -> None:
    """Half-way through, the rest is still traded."""
    view = book(BTC=("1", "62", "0"), ETH=("1", "38", "0"))

    assert trades(weights(within=FIVE_POINTS), view) == {}
    assert trades(weights(within=FIVE_POINTS), view, correcting=True) == {"BTC": d(-2), "ETH": d(2)}


WEIGHT = st.integers(1, 60).map(lambda n: Decimal(n) / 100)
VALUES = st.decimals(1, 100_000, places=2)


@st.composite
def books(draw: st.DrawFn, futures: bool = True) -> tuple[dict[Asset, Decimal], View]:
    """Three coins with weights of at most one together."""
    coins = [Asset(c) for c in ("BTC", "ETH", "SOL")]
    raw = [draw(st.integers(1, 100)) for _ in coins]
    shares = {c: Decimal(n) / Decimal(sum(raw)) for c, n in zip(coins, raw, strict=True)}
    prices = {c: draw(st.decimals("0.5", 70_000, places=2)) for c in coins}
    held = {c: draw(st.decimals(0, 100, places=3)) for c in coins}
    held[coins[0]] += 1
    short = {c: draw(st.decimals(-50, 50, places=3)) if futures else ZERO for c in coins}
    return shares, View(prices, {c: Parts(held[c], ZERO, short[c], ZERO) for c in coins}, ZERO, ZERO)


@given(books())
def test_a_full_rebalance_ends_at_the_weights_and_trades_no_value_in_sum(
    case: tuple[dict[Asset, Decimal], View],
) -> None:
    """From futures that were neutral in value, sells and buys cancel; afterwards every weight is its target."""
    shares, view = case
    target = weights(within=ANY, weights=shares)
    needs = basket.needs(target, view, correcting=True)
    whole = basket.base(target, view)
    before = sum((p.futures * view.prices[a] for a, p in view.parts.items()), ZERO)

    assert abs(sum((n.hedge * n.price for n in needs), ZERO) + before) < d("1e-12") * whole
    for need in needs:
        after = (need.parts.exposure + need.hedge) * need.price
        assert abs(after - shares[need.asset] * whole) < d("1e-12") * whole


@given(books())
def test_trading_a_need_leaves_none(case: tuple[dict[Asset, Decimal], View]) -> None:
    """Applying the hedge and looking again gives no trade (up to the last of 28 digits)."""
    shares, view = case
    target = weights(within=ANY, weights=shares)
    needs = basket.needs(target, view, correcting=True)
    done = {n.asset: Parts(n.parts.spot, ZERO, n.parts.futures + n.hedge, ZERO) for n in needs}
    again = basket.needs(target, View(view.prices, done, ZERO, ZERO), correcting=True)

    assert all(abs(need.hedge * need.price) < d("1e-15") for need in again)


@given(books(futures=False))
def test_trim_only_never_buys_and_never_sells_more_than_is_held(case: tuple[dict[Asset, Decimal], View]) -> None:
    """From an unhedged book every trade lowers an exposure and leaves it positive."""
    shares, view = case
    target = weights(within=ANY, mode=WeightsMode.TRIM_ONLY, weights=shares)

    for need in basket.needs(target, view, correcting=True):
        assert need.hedge <= 0
        assert need.parts.exposure + need.hedge >= -d("1e-20")


@given(books(), st.integers(2, 9).map(Decimal))
def test_relabelling_the_currency_changes_no_coins(case: tuple[dict[Asset, Decimal], View], factor: Decimal) -> None:
    """All prices times c: the same coins are traded, worth c times as much."""
    shares, view = case
    dear = View({a: p * factor for a, p in view.prices.items()}, view.parts, ZERO, ZERO)
    target = weights(within=FIVE_POINTS, weights=shares)
    one, other = (basket.needs(target, v, correcting=False) for v in (view, dear))

    for cheap, expensive in zip(one, other, strict=True):
        assert abs(cheap.hedge - expensive.hedge) < d("1e-18")
        assert cheap.breached is expensive.breached


def slack(row: Row, view: View) -> float:
    """What a row has left at a view's prices."""
    return row.constant + sum(a * float(view.prices[Asset(i[-7:-4])]) for i, a in row.coefficients.items())


@given(
    books(),
    st.sampled_from(Unit),
    st.decimals("0.001", "0.3", places=3),
    st.sampled_from(WeightsMode),
    st.sampled_from(Base),
)
def test_rows_hold_only_where_no_weight_breaches(
    case: tuple[dict[Asset, Decimal], View], unit: Unit, width: Decimal, mode: WeightsMode, base: Base
) -> None:
    """Whatever unit, mode and base: a breach always shows as a row that fails."""
    shares, view = case
    scale = {Unit.QUOTE: d(10_000), Unit.COINS: d(10)}.get(unit, d(1))
    target = weights(weights=shares, mode=mode, base=base, within=band(str(width * scale), unit=unit), fixed=d(50_000))
    rows = basket.rows(target, {a: pricing(a) for a in shares}, view)
    needs = basket.needs(target, view, correcting=False)

    if any(need.breached for need in needs):
        assert min(slack(row, view) for row in rows) < 1e-6


@pytest.mark.parametrize(("futures", "breached"), [("4", False), ("10", True), ("-4", False), ("-10", True)])
def test_trim_only_rows_tell_a_future_that_left_the_holding(futures: str, breached: bool) -> None:
    """40 held of a weight of 50: the goal is the 40, and futures beyond five points of it fail a row, either way."""
    view = book(BTC=("1", "40", futures), ETH=("1", "60", "-10"))
    target = weights({"BTC": "0.5", "ETH": "0.5"}, WeightsMode.TRIM_ONLY, within=FIVE_POINTS)
    rows = basket.rows(target, {Asset(c): pricing(c) for c in ("BTC", "ETH")}, view)
    needs = basket.needs(target, view, correcting=False)

    assert any(need.breached for need in needs) is breached
    assert (min(slack(row, view) for row in rows) < 0) is breached


def test_rows_leave_room_where_no_weight_is_near_its_band() -> None:
    """A book at its targets has rows with slack, so that quotes can be skipped at all."""
    view = book(BTC=("60000", "1", "0"), ETH=("2500", "16", "0"))
    pricings = {Asset(c): pricing(c) for c in ("BTC", "ETH")}

    for mode in WeightsMode:
        rows = basket.rows(weights(within=FIVE_POINTS, mode=mode), pricings, view)
        assert min(slack(row, view) for row in rows) > 0
