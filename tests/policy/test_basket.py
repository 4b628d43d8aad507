"""Weights targets: bases, bands, and what no rebalance may do."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.calc.boxes import Row
from bot.domain.bands import Unit
from bot.domain.targets import Base, Basis, WeightsMode, WeightsTarget
from bot.domain.units import ZERO, Asset
from bot.policy.view import View
from tests.kit import band, d, pricing, weights
from tests.policy.views import book, missing, needs, only, parts, trades

ANY = band("0", unit=Unit.POINTS)
FIVE_POINTS = band("0.05", unit=Unit.POINTS)


def test_the_profit_of_futures_belongs_to_the_net_asset_value() -> None:
    """What the overlay gained or lost is part of NAV, and not of what is owned."""
    view = book(cash="20000", unrealized="3000", BTC=("1", "100", "0"), ETH=("1", "100", "0"))
    nav = weights({"BTC": "0.5", "ETH": "0.5"}, base=Base.NAV_LESS_RESERVE, reserve=20_000, within=ANY)
    owned = weights({"BTC": "0.5", "ETH": "0.5"}, within=ANY)

    assert trades(nav, view=view) == {"BTC": d(1_500), "ETH": d(1_500)}
    assert trades(owned, view=view) == {}


def test_weights_of_nothing_mean_nothing() -> None:
    """A base that is not positive stops the target; it is no book of zero weights."""
    why = missing(weights(within=ANY), view=book(BTC=("1", "0", "0"), ETH=("1", "0", "0")))

    assert why == "the base is 0: shares of it mean nothing"


def test_a_coin_without_a_price_stops_what_counts_it() -> None:
    """Net asset value is unknown while the price of anything held is; what is owned of the weights is not."""
    view = book(BTC=("1", "60", "0"), ETH=("1", "40", "0"), SOL=("1", "5", "0"))
    priced = {asset: price for asset, price in view.prices.items() if asset != "SOL"}
    view = msgspec.structs.replace(view, prices=priced)

    assert missing(weights(base=Base.NAV_LESS_RESERVE), view=view, hedged=("BTC", "ETH")).startswith("no price of SOL")
    assert needs(weights(), view=view, hedged=("BTC", "ETH"))["BTC"].hedge == 0


def test_a_coin_that_is_not_known_stops_net_asset_value() -> None:
    """An account that could not be read is not an empty one."""
    view = book(changes={"blind": {Asset("SOL"): "no answer"}}, BTC=("1", "60", "0"), ETH=("1", "40", "0"))

    assert missing(weights(base=Base.NAV_LESS_RESERVE), view=view) == "net asset value is unknown: SOL: no answer"
    assert trades(weights(), view=view) == {}


def test_undeclared_stablecoins_are_refused_with_the_choices() -> None:
    """Collateral in net asset value would become a net long: the line says what can be declared."""
    view = book(cash="20000", BTC=("1", "120000", "0"), ETH=("1", "40000", "0"))
    plain = WeightsTarget(
        name="weights",
        weights={Asset("BTC"): d("0.6"), Asset("ETH"): d("0.4")},
        mode=WeightsMode.FULL_REBALANCE,
        band=ANY,
    )

    assert missing(plain, view=view) == (
        "net asset value counts 20000 USDT that no weight names: declare a reserve of USDT (0 counts all of it), "
        "base owned, or base fixed"
    )
    counted = msgspec.structs.replace(plain, basis=Basis(reserve={Asset("USDT"): ZERO}))
    weighed = msgspec.structs.replace(plain, weights={**plain.weights, Asset("USDT"): ZERO})
    assert set(trades(counted, view=view)) == set(trades(weighed, view=view)) == {"BTC", "ETH"}


def test_a_trace_of_a_stablecoin_stops_nothing() -> None:
    """A funding payment of a few dollars is no collateral."""
    view = book(cash="100", BTC=("1", "60000", "0"), ETH=("1", "40000", "0"))

    assert (
        trades(
            WeightsTarget(
                name="weights",
                weights={Asset("BTC"): d("0.6"), Asset("ETH"): d("0.4")},
                mode=WeightsMode.FULL_REBALANCE,
                band=FIVE_POINTS,
            ),
            view=view,
        )
        == {}
    )


def test_when_one_weight_breaches_all_are_corrected() -> None:
    """A leg inside its own band is traded along, or what one sells nothing would buy."""
    shares = {"BTC": "0.5", "ETH": "0.25", "SOL": "0.25"}
    view = book(BTC=("1", "56", "0"), ETH=("1", "22", "0"), SOL=("1", "22", "0"))

    assert trades(weights(shares, within=FIVE_POINTS), view=view) == {"BTC": d(-6), "ETH": d(3), "SOL": d(3)}


def test_a_correction_under_way_goes_on_inside_the_band() -> None:
    """Half-way through, the rest is still traded."""
    view = book(BTC=("1", "62", "0"), ETH=("1", "38", "0"))

    assert trades(weights(within=FIVE_POINTS), view=view) == {}
    assert trades(weights(within=FIVE_POINTS), view=view, correcting=True) == {"BTC": d(-2), "ETH": d(2)}


@pytest.mark.parametrize(
    ("within", "futures", "expected"),
    [
        (band("3", unit=Unit.QUOTE), "3", {}),
        (band("3", unit=Unit.QUOTE), "3.1", {"BTC": d("-3.1")}),
        (band("2", unit=Unit.COINS), "1", {}),
        (band("2", unit=Unit.COINS), "2.1", {"BTC": d("-2.1")}),
        (band("0.05"), "3", {}),
        (band("0.05"), "3.1", {"BTC": d("-3.1")}),
    ],
)
def test_a_width_may_be_money_coins_or_a_part_of_the_weight(
    within: object, futures: str, expected: dict[str, Decimal]
) -> None:
    """Three dollars, two coins of a dollar, and 5 % of 60."""
    view = book(BTC=("1", "60", futures), ETH=("1", "40", "0"))

    assert trades(weights(within=within), view=view) == expected  # type: ignore[arg-type]


def test_a_weight_that_cannot_be_traded_is_left_to_the_others() -> None:
    """Cash may have a weight: it has no future, and what is left of the base are its own."""
    view = book(cash="20", BTC=("1", "60", "0"), ETH=("1", "20", "0"))
    target = weights({"BTC": "0.5", "ETH": "0.3", "USDT": "0.2"}, base=Base.NAV_LESS_RESERVE, within=ANY)

    assert trades(target, view=view) == {"BTC": d(-10), "ETH": d(10)}


def test_the_coins_of_another_target_do_not_count() -> None:
    """A coin whose whole exposure another target sets is not part of these weights' base."""
    view = book(BTC=("1", "60", "0"), ETH=("1", "40", "0"), SOL=("1", "50", "-50"))
    nav = weights(base=Base.NAV_LESS_RESERVE, within=ANY)
    apart = msgspec.structs.replace(weights({"SOL": "0"}, within=ANY), name="apart")

    assert trades(nav, apart, view=view) == {}
    assert trades(nav, view=view, hedged=("BTC", "ETH")) == {"BTC": d(30), "ETH": d(20)}


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
    return shares, View(prices=prices, parts={c: parts(held[c], short[c]) for c in coins})


@given(books())
def test_a_full_rebalance_ends_at_the_weights_and_trades_no_value_in_sum(
    case: tuple[dict[Asset, Decimal], View],
) -> None:
    """From futures that were neutral in value, sells and buys cancel; afterwards every weight is its target."""
    shares, view = case
    found = needs(weights(within=ANY, weights=shares), view=view, correcting=True)
    whole = sum((p.wallet * view.prices[a] for a, p in view.parts.items()), ZERO)
    before = sum((p.futures * view.prices[a] for a, p in view.parts.items()), ZERO)

    assert abs(sum((n.hedge * n.price for n in found.values()), ZERO) + before) < d("1e-12") * whole
    for need in found.values():
        after = (need.parts.exposure + need.hedge) * need.price
        assert abs(after - shares[need.asset] * whole) < d("1e-12") * whole


@given(books())
def test_trading_a_need_leaves_none(case: tuple[dict[Asset, Decimal], View]) -> None:
    """Applying the hedge and looking again gives no trade (up to the last of 28 digits)."""
    shares, view = case
    target = weights(within=ANY, weights=shares)
    found = needs(target, view=view, correcting=True)
    done = {Asset(a): parts(n.parts.spot, n.parts.futures + n.hedge) for a, n in found.items()}
    again = needs(target, view=View(prices=view.prices, parts=done), correcting=True)

    assert all(abs(need.hedge * need.price) < d("1e-15") for need in again.values())


@given(books(futures=False))
def test_trim_only_never_buys_and_never_sells_more_than_is_held(case: tuple[dict[Asset, Decimal], View]) -> None:
    """From an unhedged book every trade lowers an exposure and leaves it positive."""
    shares, view = case
    target = weights(within=ANY, mode=WeightsMode.TRIM_ONLY, weights=shares)

    for need in needs(target, view=view, correcting=True).values():
        assert need.hedge <= 0
        assert need.parts.exposure + need.hedge >= -d("1e-20")


@given(books(), st.integers(2, 9).map(Decimal))
def test_relabelling_the_currency_changes_no_coins(case: tuple[dict[Asset, Decimal], View], factor: Decimal) -> None:
    """All prices times c: the same coins are traded, worth c times as much."""
    shares, view = case
    dear = View(prices={a: p * factor for a, p in view.prices.items()}, parts=view.parts)
    target = weights(within=FIVE_POINTS, weights=shares)
    one, other = (needs(target, view=v) for v in (view, dear))

    for cheap, expensive in zip(one.values(), other.values(), strict=True):
        assert abs(cheap.hedge - expensive.hedge) < d("1e-18")
        assert cheap.breached is expensive.breached


def slack(row: Row, view: View) -> float:
    """What a row has left at a view's prices."""
    return row.slack({pricing(asset): float(price) for asset, price in view.prices.items()})


@given(
    books(),
    st.sampled_from(Unit),
    st.decimals("0.001", "0.3", places=3),
    st.sampled_from(WeightsMode),
    st.sampled_from(Base),
)
def test_rows_fail_exactly_where_a_weight_breaches(
    case: tuple[dict[Asset, Decimal], View], unit: Unit, width: Decimal, mode: WeightsMode, base: Base
) -> None:
    """Whatever unit, mode and base: a breach always shows as a row that fails, and no row fails without one."""
    shares, view = case
    scale = {Unit.QUOTE: d(10_000), Unit.COINS: d(10)}.get(unit, d(1))
    target = weights(weights=shares, mode=mode, base=base, within=band(str(width * scale), unit=unit), fixed=d(50_000))
    found = only(target, view=view)
    least = min((slack(row, view) for row in found.rows({a: pricing(a) for a in shares})), default=1.0)

    assert least < 1e-6 if found.outside else least > -1e-6


@pytest.mark.parametrize(("futures", "breached"), [("4", False), ("10", True), ("-4", False), ("-10", True)])
def test_trim_only_rows_tell_a_future_that_left_the_holding(futures: str, breached: bool) -> None:
    """40 held of a weight of 50: the goal is the 40, and futures beyond five points of it fail a row, either way."""
    view = book(BTC=("1", "40", futures), ETH=("1", "60", "-10"))
    found = only(weights({"BTC": "0.5", "ETH": "0.5"}, WeightsMode.TRIM_ONLY, within=FIVE_POINTS), view=view)

    assert bool(found.outside) is breached
    rows = found.rows({Asset(c): pricing(c) for c in ("BTC", "ETH")})
    assert (min(slack(row, view) for row in rows) < 0) is breached


def test_rows_leave_room_where_no_weight_is_near_its_band() -> None:
    """A book at its targets has rows with slack, so that quotes can be skipped at all."""
    view = book(BTC=("60000", "1", "0"), ETH=("2500", "16", "0"))
    pricings = {Asset(c): pricing(c) for c in ("BTC", "ETH")}

    for mode in WeightsMode:
        rows = only(weights(within=FIVE_POINTS, mode=mode), view=view).rows(pricings)
        assert min(slack(row, view) for row in rows) > 0
