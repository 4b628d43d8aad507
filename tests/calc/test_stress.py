"""Stress distance under a joint shock, and what a set of orders does to an account."""

from __future__ import annotations

from decimal import Decimal
from itertools import product

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.calc.liquidation import inverse, linear
from bot.calc.stress import (
    Coin,
    Distance,
    Exposed,
    Planned,
    Pool,
    Projection,
    distance,
    equity,
    filled,
    margin_ratio,
    objection,
    project,
    required,
    required_for_short,
    slack,
    too_near,
    worst,
)
from bot.calc.tiers import INFINITE, bracketed
from bot.domain.instrument import Instrument, Kind
from bot.domain.units import AccountId, Asset, InstrumentId
from tests.kit import BTC, ETH, d, hedge, perpetual

TIERS = bracketed([(d(0), d("0.004")), (d(50_000), d("0.005")), (d(250_000), d("0.01")), (d(1_000_000), d("0.1"))])
COIN_TIERS = bracketed([(d(0), d("0.004")), (d(5), d("0.01")), (d(50), d("0.025")), (d(200), d("0.5"))])
SOL = Asset("SOL")
PRICE = {BTC: d(60_000), ETH: d(2_500), SOL: d(150)}
COINM = InstrumentId("binance.coinm:BTCUSD_PERP")


def held(coin: str, contracts: Decimal) -> Exposed:
    """A linear position of one coin a contract."""
    return Exposed(instrument=perpetual(coin, tiers=TIERS), contracts=contracts, mark=PRICE[Asset(coin)])


def coin_margined(contracts: Decimal) -> Exposed:
    """An inverse BTC position of 100 USD of face a contract."""
    made = Instrument(
        id=COINM,
        account=AccountId("binance.coinm"),
        symbol="BTCUSD_PERP",
        kind=Kind.INVERSE,
        base=BTC,
        quote=Asset("USD"),
        settle=BTC,
        tick=d("0.1"),
        lot=d(1),
        contract_size=d(100),
        tiers=COIN_TIERS,
    )
    return Exposed(instrument=made, contracts=contracts, mark=PRICE[BTC])


AMOUNT = st.decimals("-30", 30, places=2)
BETA = st.decimals("-1.5", 3, places=1)
POOLS = st.builds(
    lambda cash, btc, eth, sol, face, coins, haircut, elsewhere: Pool(
        cash=cash,
        coins=(Coin(asset=BTC, equity=coins, price=d(60_100), haircut=haircut),),
        positions=(held("BTC", btc), held("ETH", eth * 20), held("SOL", sol * 200), coin_margined(face)),
        elsewhere=elsewhere,
    ),
    st.decimals(0, 2_000_000, places=2),
    AMOUNT,
    AMOUNT,
    AMOUNT,
    st.integers(-20_000, 20_000).map(Decimal),
    st.decimals("-5", 40, places=3),
    st.decimals("0.5", 1, places=2),
    st.decimals(0, 1_000, places=2),
)
BETAS = st.builds(lambda one, other: {BTC: d(1), ETH: one, SOL: other}, BETA, BETA)


@given(POOLS, BETAS)
def test_at_the_distance_equity_is_maintenance_margin_and_nowhere_nearer(
    pool: Pool, betas: dict[Asset, Decimal]
) -> None:
    """Slack is used up at the distance, on either side, and positive at every tenth of the way."""
    found = distance(pool, betas)

    for sign, far in ((1, found.up), (-1, found.down)):
        if far == 0:
            assert slack(pool, d(0), betas) <= d("1e-8")
            continue
        if far < INFINITE:
            assert abs(slack(pool, sign * far, betas)) < max(d("1e-8"), far * d("1e-8"))
        near = min(far, d(50))
        for tenth in range(10):
            assert slack(pool, sign * near * tenth / 10, betas) > -d("1e-8")


@given(POOLS, BETAS)
def test_where_no_distance_is_found_no_shock_liquidates(pool: Pool, betas: dict[Asset, Decimal]) -> None:
    """Infinite means that a hundredfold move, and every move on the way, leaves margin."""
    found = distance(pool, betas)

    for sign, far in ((1, found.up), (-1, found.down)):
        if far == INFINITE:
            assert worst(pool, d(100 * sign), betas) >= -d("1e-8")


@given(POOLS, BETAS, st.decimals(-3, 3, places=2))
def test_the_worst_of_the_way_is_at_none_of_its_points_exceeded(
    pool: Pool, betas: dict[Asset, Decimal], shock: Decimal
) -> None:
    """No point of the way to a shock has less slack than is said."""
    least = worst(pool, shock, betas)

    for part in range(21):
        assert slack(pool, shock * part / 20, betas) >= least - d("1e-8")


@given(POOLS, BETAS)
def test_slack_now_is_equity_less_maintenance_margin(pool: Pool, betas: dict[Asset, Decimal]) -> None:
    """Without a shock betas do not matter, and the ratio says the same as the slack."""
    now = slack(pool, d(0), betas)

    assert abs(now - (equity(pool) - required(pool))) < d("1e-12")
    assert (margin_ratio(pool) < 1) is (equity(pool) - required(pool) > 0 or required(pool) == 0)


@given(POOLS, st.decimals(1, 100_000, places=2), BETAS)
def test_more_cash_is_never_nearer(pool: Pool, added: Decimal, betas: dict[Asset, Decimal]) -> None:
    """Adding margin moves liquidation away on both sides."""
    before = distance(pool, betas)
    after = distance(
        Pool(cash=pool.cash + added, coins=pool.coins, positions=pool.positions, elsewhere=pool.elsewhere), betas
    )

    assert after.up >= before.up
    assert after.down >= before.down


@given(st.decimals("0.01", 20, places=2), st.decimals("0.1", 20, places=1), st.sampled_from([1, -1]))
def test_one_linear_position_alone_is_liquidated_at_its_price(coins: Decimal, leverage: Decimal, sign: int) -> None:
    """The distance and the liquidation price are the same point, said in two ways."""
    wallet = coins * PRICE[BTC] / leverage
    found = distance(Pool(cash=wallet, positions=(held("BTC", sign * coins),)))
    price = linear(coins=sign * coins, entry=PRICE[BTC], wallet=wallet, tiers=TIERS)
    far = found.up if sign < 0 else found.down

    assert (price is None) is (far == INFINITE)
    if price is not None:
        assert abs(PRICE[BTC] * (1 - sign * far) - price) < d("1e-12")


@given(st.integers(-6_000, 6_000).filter(bool).map(Decimal), st.decimals("0.1", 4, places=2))
def test_one_inverse_position_alone_is_liquidated_at_its_price(contracts: Decimal, coins: Decimal) -> None:
    """The coins' own fall is in both: the same price, with the mark as the entry."""
    pool = Pool(coins=(Coin(asset=BTC, equity=coins, price=PRICE[BTC]),), positions=(coin_margined(contracts),))
    found = distance(pool)
    price = inverse(face=contracts * 100, entry=PRICE[BTC], wallet=coins, tiers=COIN_TIERS)
    far = found.up if contracts < 0 else found.down

    if found.nearest == 0:
        return
    assert (price is None) is (far == INFINITE)
    if price is not None:
        assert abs(PRICE[BTC] * (1 - far * (1 if contracts > 0 else -1)) / price - 1) < d("1e-12")


@given(st.decimals("0.1", 20, places=2), st.decimals("0.5", 1, places=2))
def test_own_coins_offset_a_short(coins: Decimal, haircut: Decimal) -> None:
    """With c B >= Q (1 + top rate) no rise liquidates; with no collateral of the kind a rise does."""
    enough = coins * (1 + TIERS[-1].rate) / haircut + d("1e-20")
    short = (held("BTC", -coins),)
    covered = Pool(
        cash=coins * PRICE[BTC],
        coins=(Coin(asset=BTC, equity=enough, price=PRICE[BTC], haircut=haircut),),
        positions=short,
    )

    assert distance(covered).up == INFINITE
    assert distance(Pool(cash=coins * PRICE[BTC], positions=short)).up < INFINITE


def test_eighty_twenty_capital_is_liquidated_at_a_rise_of_23_8_per_cent() -> None:
    """80 in coins elsewhere and 20 as the margin of their short, at 1 % of maintenance margin."""
    short = Exposed(instrument=perpetual(tiers=bracketed([(d(0), d("0.01"))])), contracts=d(-80), mark=d(1))

    assert round(distance(Pool(cash=d(20), positions=(short,))).up, 3) == d("0.238")


def test_a_quotes_own_price_scales_everything_of_its_positions() -> None:
    """In a currency worth half, cash of half as much reaches as far; an index contract is like a linear one."""
    whole = held("BTC", d(-10))
    half = Exposed(instrument=perpetual(tiers=TIERS, kind=Kind.INDEX), contracts=d(-10), mark=d(60_000), unit=d("0.5"))
    one, other = Pool(cash=d(300_000), positions=(whole,)), Pool(cash=d(150_000), positions=(half,))
    sale = Planned(instrument=hedge("BTC"), contracts=d(-1), price=d(59_000), fee=d("0.001"))

    assert required(one) == 2 * required(other)
    assert distance(one) == distance(other)
    assert filled(one, [sale]).cash == 2 * filled(other, [sale]).cash


def test_betas_make_a_market_move_of_each_assets_own() -> None:
    """A long of beta 2 falls twice as fast, one of beta 0 does not move: half the way liquidates, or none does."""
    long = (held("SOL", d(100)),)
    pool = Pool(cash=d(5_000), positions=long)

    assert abs(distance(pool, {SOL: d(2)}).down * 2 - distance(pool).down) < d("1e-20")
    assert distance(pool, {SOL: d(0)}) == Distance(INFINITE, INFINITE)


def test_a_price_stops_at_zero() -> None:
    """A long of beta 2 is worth nothing at a fall of half, and costs no more beyond: the short beside it lives on."""
    pool = Pool(cash=d(13_000), positions=(held("SOL", d(100)), held("BTC", d("0.1"))))
    betas = {SOL: d(2), BTC: d(1)}

    assert slack(pool, d("-0.5"), betas) == d(13_000) - 15_000 - 3_000 - maintained("3000")
    assert slack(pool, d("-0.9"), betas) == d(13_000) - 15_000 - 5_400 - maintained("600")
    assert distance(Pool(cash=d(19_000), positions=pool.positions), betas).down == (d(4_000) - 24) / (6_000 - 24)


def maintained(notional: str) -> Decimal:
    """Maintenance margin in the first bracket."""
    return d(notional) * TIERS[0].rate


def test_a_debt_of_coins_counts_in_full() -> None:
    """A haircut lowers what is owned, and never what is owed."""
    owned = Pool(coins=(Coin(asset=BTC, equity=d(1), price=d(100), haircut=d("0.9")),))
    owed = Pool(coins=(Coin(asset=BTC, equity=d(-1), price=d(100), haircut=d("0.9")),))

    assert equity(owned) == 90
    assert equity(owed) == slack(owed, d(0)) == -100


def test_nothing_at_stake_is_infinitely_far() -> None:
    """No position, no distance, whatever the balance; flat ones need no tiers."""
    flat = Exposed(instrument=perpetual(tiers=()), contracts=d(0), mark=d(1))

    assert distance(Pool(positions=(flat,))) == Distance(INFINITE, INFINITE)
    assert margin_ratio(Pool(positions=(flat,))) == 0


def test_what_is_unknown_is_refused() -> None:
    """An option, an inverse contract without its coin, and an asset without a beta stop the calculation."""
    option = Exposed(instrument=perpetual(kind=Kind.OPTION), contracts=d(1), mark=d(1))

    with pytest.raises(ValueError, match="the margin of option contracts is the venue's"):
        distance(Pool(positions=(option,)))
    with pytest.raises(ValueError, match="the equity of BTC"):
        required(Pool(positions=(coin_margined(d(1)),)))
    with pytest.raises(KeyError):
        distance(Pool(cash=d(1_000), positions=(held("SOL", d(1)),)), {})


@pytest.mark.parametrize(
    ("sigma", "days", "rise"), [("0.02", "1", "0.3"), ("0.04", "1", "0.4"), ("0.04", "4", "0.8"), ("0", "9", "0.3")]
)
def test_a_short_must_survive_ten_standard_deviations_or_thirty_per_cent(sigma: str, days: str, rise: str) -> None:
    """The larger of 30 % and 10 x daily sigma x sqrt(days to top up)."""
    assert required_for_short(d(sigma), d(days)) == d(rise)


def test_an_order_that_fills_changes_position_and_pays_fee_and_slippage() -> None:
    """Selling 1 BTC 10 below the mark at 0.05 %: 10 and 29.995 are gone."""
    pool = Pool(cash=d(20_000), positions=(held("BTC", d(0)),))
    after = filled(pool, [Planned(instrument=hedge("BTC"), contracts=d(-1), price=d(59_990), fee=d("0.0005"))])

    assert after.positions[0].contracts == -1
    assert after.cash == d(20_000) - 10 - d("29.995")


def test_an_inverse_order_pays_in_coins() -> None:
    """Buying 600 contracts of 100 at 60,100 with the mark at 60,000 loses coins, and the fee is a share of them."""
    pool = Pool(
        coins=(Coin(asset=ETH, equity=d(3), price=d(2_500)), Coin(asset=BTC, equity=d(1), price=d(60_000))),
        positions=(coin_margined(d(0)),),
    )
    after = filled(pool, [Planned(instrument=COINM, contracts=d(600), price=d(60_100), fee=d("0.0005"))])
    bought = d(60_000) / d(60_100)

    assert after.coins[0].equity == 3
    assert after.coins[1].equity == 1 + (bought - 1) - bought * d("0.0005")


def test_an_order_elsewhere_is_not_projected_here() -> None:
    """An instrument that the pool does not list is a mistake, not a new position."""
    with pytest.raises(ValueError, match="not margined in this pool"):
        filled(Pool(), [Planned(instrument=COINM, contracts=d(1), price=d(1))])


@given(POOLS, st.decimals("-20", 20, places=2), BETAS)
def test_reducing_at_the_mark_never_brings_the_ratio_up(
    pool: Pool, contracts: Decimal, betas: dict[Asset, Decimal]
) -> None:
    """An order that only reduces lowers maintenance margin, keeps equity, and is never objected to."""
    one = pool.positions[0]
    size = max(min(contracts, max(-one.contracts, d(0))), min(-one.contracts, d(0)))
    seen = project(pool, [Planned(instrument=one.instrument.id, contracts=size, price=one.mark)], betas)

    assert abs(one.contracts + size) <= abs(one.contracts)
    assert seen.ratio_after <= seen.ratio_before
    assert objection(seen, ratio_max=d(0), stress_min=d(10), reducing=True) == ""


@given(POOLS, st.decimals("-20", 20, places=2), BETAS, st.decimals("0.1", 1, places=2), st.decimals(0, 1, places=2))
def test_no_order_passes_whose_margin_is_outside_the_limits(
    pool: Pool, contracts: Decimal, betas: dict[Asset, Decimal], ratio_max: Decimal, stress_min: Decimal
) -> None:
    """What is not objected to has its ratio and its distance inside the limits after it."""
    seen = project(pool, [Planned(instrument=hedge("BTC"), contracts=contracts, price=d(60_000))], betas)
    said = objection(seen, ratio_max=ratio_max, stress_min=stress_min, reducing=False)

    assert (said == "") is (seen.ratio_after <= ratio_max and seen.stress_after.nearest >= stress_min)


def test_an_objection_says_its_figures() -> None:
    """The sentence names what would be and what must be."""
    far = Distance(d("0.2"), INFINITE)
    seen = Projection(ratio_before=d(0), ratio_after=d("0.61"), stress_before=far, stress_after=far)

    assert objection(seen, ratio_max=d("0.5"), stress_min=d("0.3"), reducing=False) == (
        "the margin ratio would be 0.610, at most 0.5"
    )
    assert objection(seen, ratio_max=d("0.7"), stress_min=d("0.3"), reducing=False) == (
        "a move of 20.0% would liquidate the account, it must survive 30.0%"
    )


LEGS = st.lists(st.tuples(AMOUNT, AMOUNT), min_size=3, max_size=3)


@given(st.decimals(0, 2_000_000, places=2), LEGS, BETAS)
def test_what_may_be_either_is_as_near_as_the_worst_of_all_combinations(
    cash: Decimal, legs: list[tuple[Decimal, Decimal]], betas: dict[Asset, Decimal]
) -> None:
    """The distance of a pool that may come to several is the least over each of them taken for sure."""
    coins = (("BTC", 1), ("ETH", 20), ("SOL", 200))
    each = [[held(coin, size * scale) for size in sizes] for (coin, scale), sizes in zip(coins, legs, strict=True)]
    unsure = tuple(msgspec.structs.replace(one, maybe=(other.contracts,)) for one, other in each)
    found = distance(Pool(cash=cash, positions=unsure), betas)
    sure = [distance(Pool(cash=cash, positions=combined), betas) for combined in product(*each)]

    for ours, worst_of in ((found.up, min(one.up for one in sure)), (found.down, min(one.down for one in sure))):
        assert ours == worst_of or abs(ours - worst_of) < d("1e-12") * max(ours, worst_of)


def test_a_flat_position_that_may_be_opened_is_near_as_if_it_were() -> None:
    """Nothing is held and something may be: its distance counts; nothing that may be is as far as can be."""
    maybe = msgspec.structs.replace(held("BTC", d(0)), maybe=(d(-1),))

    assert distance(Pool(cash=d(6_000), positions=(maybe,))) == distance(
        Pool(cash=d(6_000), positions=(held("BTC", d(-1)),))
    )
    assert distance(Pool(cash=d(6_000), positions=(held("BTC", d(0)),))).nearest == INFINITE


def test_an_inverse_position_is_not_one_of_several() -> None:
    """Its coins' equity would have to be as well; that is not asked for anywhere."""
    coins = (Coin(asset=BTC, equity=d(1), price=d(60_000)),)
    unsure = msgspec.structs.replace(coin_margined(d(1)), maybe=(d(2),))

    with pytest.raises(ValueError, match="not one of several"):
        distance(Pool(coins=coins, positions=(unsure,)))


def test_what_is_too_near_says_its_figures() -> None:
    """At the least it is far enough."""
    assert too_near(d("0.15"), d("0.15")) == ""
    assert too_near(d("0.149"), d("0.15")) == "a move of 14.9% would liquidate the account, it must survive 15.0%"
