"""Everything that is held, owed and traded is counted once, under the name that says where it comes from."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.calc.ledger import ledger
from bot.calc.ledger_working import Doubt
from bot.domain.hedge import Parts
from bot.domain.snapshot import Settlement
from bot.domain.units import MINUTE_NS
from tests.calc.book import (
    BTC,
    COINM,
    DEFI,
    ETH,
    PEPE,
    SPOT,
    START_NS,
    USD,
    USDM,
    USDT,
    Asset,
    Greeks,
    HoldingKind,
    Kind,
    Side,
    added,
    coins,
    contract,
    d,
    market,
    order,
    position,
    snapshot,
)

PRICES = {BTC: d(60_000), ETH: d(2_500), USDT: d("0.999")}
LINEAR, INVERSE = contract(contract_size=d("0.01")), contract(Kind.INVERSE, contract_size=d(100))
LINEAR_MARKET, INVERSE_MARKET = market(LINEAR, d(61_000)), market(INVERSE, d(60_000))
QTY = st.decimals(-100, 100, places=4)


def parts(asset: Asset, *things: Any, **how: Any) -> Parts:
    """One asset's parts at the prices above."""
    return added(PRICES, *things, **how).parts[asset]


def test_every_kind_of_holding_has_its_place() -> None:
    """Free, locked, earn and staked coins are spot; what is declared stands apart; debts are subtracted once."""
    kinds = HoldingKind
    held = {kinds.FREE: 1, kinds.LOCKED: 2, kinds.EARN: 4, kinds.STAKED: 8, kinds.DECLARED: 16}
    owed = {kinds.BORROWED: 32, kinds.INTEREST: 64}
    made = added(PRICES, *(coins(ETH, d(amount), kind=kind) for kind, amount in {**held, **owed}.items()))

    assert made.parts[ETH] == Parts(d(15), d(16), d(0), d(0), borrowed=d(-96))
    assert made.illiquid == {ETH: d(12)}
    assert made.nav == (15 + 16 - 96) * d(2_500)


def test_a_factor_turns_what_is_held_into_units_of_the_asset() -> None:
    """10 stETH worth 1.15 ETH each are 11.5 ETH."""
    assert parts(ETH, coins(ETH, d(10), kind=HoldingKind.STAKED, factor=d("1.15"))).spot == d("11.5")


def test_coins_in_transit_are_flagged_and_count_only_when_told_to() -> None:
    """A deposit that is not credited yet is neither hedged nor part of the NAV."""
    sent = coins(BTC, d(3), kind=HoldingKind.TRANSIT)
    silent, told = added(PRICES, sent), added(PRICES, sent, count_transit=True)

    assert {BTC: d(3)} == silent.transit == told.transit
    assert (d(0), d(0)) == (silent.parts[BTC].spot, silent.nav)
    assert (d(3), d(180_000)) == (told.parts[BTC].spot, told.nav)


def test_coins_of_a_coin_margined_account_are_collateral_and_nothing_else() -> None:
    """Its wallet, locked coins too, becomes equity: 2.5 + N(1/E - 1/M) at N = -75,000; other accounts' stay spot."""
    things = (coins(BTC, d(2), COINM), coins(BTC, d("0.5"), COINM, kind=HoldingKind.LOCKED), coins(BTC, d(4)))
    made = parts(BTC, *things, INVERSE_MARKET, position(INVERSE, d(-750), d(50_000)))

    assert made == Parts(d(4), d(0), d(0), d(0), inverse=d("-1.25"), collateral=d("2.25"))


def test_earned_and_borrowed_coins_of_a_coin_margined_account_are_not_its_collateral() -> None:
    """They back no position, so that they keep their own names."""
    things = (coins(BTC, d(2), COINM, kind=HoldingKind.EARN), coins(BTC, d(1), COINM, kind=HoldingKind.BORROWED))
    made = parts(BTC, *things, INVERSE_MARKET, position(INVERSE, d(-600), d(60_000)))

    assert (made.spot, made.borrowed, made.collateral) == (d(2), d(-1), d(0))


def test_a_closed_inverse_position_makes_no_collateral() -> None:
    """Coins of an account without open positions are spot, and no mark is asked for."""
    made = parts(BTC, coins(BTC, d(2), COINM), market(INVERSE), position(INVERSE, d(0)))

    assert (made.spot, made.collateral) == (d(2), d(0))


def test_quote_currency_owed_by_linear_futures_is_wallet_plus_pnl_less_notional() -> None:
    """5,000 USDT beside a short of 2 BTC from 60,000, now at 61,000: 5,000 - 2,000 + 122,000."""
    made = parts(USDT, coins(USDT, d(5_000), USDM), LINEAR_MARKET, position(LINEAR, d(-200), d(60_000)))

    assert (made.spot, made.quote_leg, made.exposure) == (d(5_000), d(120_000), d(125_000))


def test_pnl_in_a_stablecoin_is_worth_what_the_stablecoin_is() -> None:
    """A loss of 2,000 USDT is one of 1,998 USD at a peg of 0.999."""
    made = added(PRICES, coins(USDT, d(5_000), USDM), LINEAR_MARKET, position(LINEAR, d(-200), d(60_000)))

    assert made.unrealized == -1_998
    assert made.nav == 3_000 * d("0.999")


def test_both_sides_of_a_hedge_mode_account_count() -> None:
    """A long of 3 and a short of 5 on one instrument are a net of -2, with the P&L of each."""
    long, short = position(LINEAR, d(300), d(50_000)), position(LINEAR, d(-500), d(62_000))
    made = added(PRICES, LINEAR_MARKET, long, short)

    assert made.parts[BTC].linear == -2
    assert made.unrealized == (3 * 11_000 + 5 * 1_000) * d("0.999")


def test_multiplied_units_are_counted_one_by_one() -> None:
    """Ten contracts of 1000PEPE are 10,000 PEPE, and their notional is at the price of a thousand."""
    future = contract(base=PEPE, base_units=d(1_000))
    made = added(
        {PEPE: d("0.00001")},
        market(future, d("0.01")),
        position(future, d(-10), d("0.01")),
        order(future, Side.SELL, d(5)),
    )

    assert (made.parts[PEPE].linear, made.parts[PEPE].working) == (d(-10_000), d(-5_000))
    assert made.parts[USDT].quote_leg == d("0.1")


def test_a_quanto_is_shown_in_its_base_and_its_profit_in_what_it_pays() -> None:
    """1,000 contracts of 1e-6 BTC per point of ETH from 2,300, at 2,500: 24 ETH and 0.2 BTC beside the wallet."""
    quanto = contract(Kind.QUANTO, base=ETH, contract_size=d("0.000001"))
    made = added(PRICES, coins(BTC, d(1), COINM), market(quanto, d(2_500)), position(quanto, d(1_000), d(2_300)))

    assert made.parts[ETH].quanto == 60
    assert (made.parts[BTC].spot, made.parts[BTC].quote_leg) == (d(1), d("0.2"))
    assert made.unrealized == 12_000


def test_a_quanto_s_profit_is_in_the_equity_of_a_coin_margined_account() -> None:
    """Where the account's equity is counted the cross-delta is in it, and is not added beside it."""
    quanto = contract(Kind.QUANTO, base=ETH, contract_size=d("0.000001"))
    things = (market(quanto, d(2_500)), position(quanto, d(1_000), d(2_300)), INVERSE_MARKET)
    made = added(PRICES, coins(BTC, d(1), COINM), *things, position(INVERSE, d(-300), d(60_000)))

    assert (made.parts[BTC].collateral, made.parts[BTC].quote_leg, made.unrealized) == (d("1.2"), d(0), d(0))


def test_an_index_contract_is_seen_through() -> None:
    """-20 contracts on an index at 1,000 are -20 of it, and 12,000 of BTC and 8,000 of ETH as shares of 60/40."""
    future = contract(Kind.INDEX, base=DEFI)
    listed = market(future, d(1_000), composition={BTC: d("0.6"), ETH: d("0.4")})
    made = added({**PRICES, DEFI: d(1_000)}, listed, position(future, d(-15), d(1_000)), order(future, Side.SELL, d(5)))

    assert (made.parts[DEFI].linear, made.parts[DEFI].working) == (d(-15), d(-5))
    assert (made.parts[BTC].index, made.parts[ETH].index) == (d("-0.2"), d("-3.2"))


def test_an_index_may_get_its_composition_from_elsewhere() -> None:
    """What the market does not say of an index the config may."""
    future = contract(Kind.INDEX, base=DEFI)
    things = (market(future, d(1_000)), position(future, d(6), d(1_000)))
    made = added({**PRICES, DEFI: d(1_000)}, *things, compositions={DEFI: {BTC: d(1)}})

    assert made.parts[BTC].index == d("0.1")


def test_working_orders_count_at_what_remains_of_them() -> None:
    """A sell of 1 BTC and a buy of 0.4 still to fill make -0.6; what the orders are on is told in contracts."""
    sell, buy = order(LINEAR, Side.SELL, d(100)), order(LINEAR, Side.BUY, d(40))
    made = added(PRICES, coins(BTC, d(1)), LINEAR_MARKET, sell, buy)

    assert made.parts[BTC].working == d("-0.6")
    assert made.working == {LINEAR.id: d(-60)}
    assert made.nav == 60_000


def test_reduce_only_orders_count_at_no_more_than_the_position() -> None:
    """Two reduce-only buys of 1 against a short of 1.5 can close 1.5; a reduce-only sell can close nothing."""
    buys = [order(LINEAR, Side.BUY, d(100), reduce_only=True)] * 2
    sell = order(LINEAR, Side.SELL, d(100), reduce_only=True)
    made = parts(BTC, LINEAR_MARKET, position(LINEAR, d(-150), d(60_000)), *buys, sell)

    assert (made.working, made.exposure) == (d("1.5"), d(0))


def test_spot_orders_change_nothing_until_they_fill() -> None:
    """A resting sale of the owner's is neither sold yet nor a hedge."""
    spot = contract(Kind.SPOT, account=SPOT, id="spot:BTCUSDT")
    made = added(PRICES, coins(BTC, d(1)), market(spot), order(spot, Side.SELL, d(1)))

    assert (made.parts[BTC].working, made.parts[BTC].exposure) == (d(0), d(1))
    assert not made.working
    assert not made.doubt


def test_orders_of_unknown_fate_are_told_at_their_worst() -> None:
    """A future's unknown sell may be gone (exposure higher), its buy too (lower); a spot sale may have happened."""
    spot = contract(Kind.SPOT, account=SPOT, id="spot:BTCUSDT")
    sell, buy = order(LINEAR, Side.SELL, d(100), unknown=True), order(LINEAR, Side.BUY, d(40), unknown=True)
    sale = order(spot, Side.SELL, d(2), unknown=True)
    made = added(PRICES, LINEAR_MARKET, market(spot), sell, buy, sale, order(LINEAR, Side.SELL, d(5)))

    assert made.doubt == {BTC: Doubt(d("-2.4"), d(1))}
    assert made.parts[BTC].working == d("-0.65")


def test_sleeves_have_their_own_coins_and_profits() -> None:
    """Coins by their label, debts taken off, coin profits as coins and money profits as money; the core has no name."""
    things = (
        coins(BTC, d(1)),
        coins(BTC, d(2), sleeve="tilt"),
        coins(BTC, d("0.5"), sleeve="tilt", kind=HoldingKind.BORROWED),
        coins(BTC, d(3), COINM, sleeve="carry"),
        position(INVERSE, d(-750), d(50_000), sleeve="carry"),
        position(LINEAR, d(100), d(60_000), sleeve="tilt"),
        position(LINEAR, d(-100), d(60_500), sleeve="core"),
        position(LINEAR, d(50), d(60_500)),
    )
    made = added(PRICES, *things, INVERSE_MARKET, LINEAR_MARKET)

    assert made.owned == {"tilt": {BTC: d("1.5")}, "carry": {BTC: d("2.75")}}
    assert made.unrealized_of == {"tilt": 1_000 * d("0.999")}
    assert made.booked == {"tilt": {BTC: d(1)}, "carry": {BTC: d("-1.25")}}
    assert made.unrealized == (1_000 - 500 + 250) * d("0.999")


def test_what_can_be_sold_now_is_free_and_itself() -> None:
    """Not what is locked, staked, wrapped, sent or declared, and not the collateral of a coin-margined account."""
    others = [kind for kind in HoldingKind if kind is not HoldingKind.FREE]
    things = (
        *(coins(BTC, d(9), kind=kind) for kind in others),
        coins(BTC, d(9), factor=d("0.99")),
        coins(BTC, d(9), COINM),
        position(INVERSE, d(-1), d(60_000)),
    )
    made = added(PRICES, *things, coins(BTC, d(1)), coins(BTC, d(2), USDM), INVERSE_MARKET)

    assert made.free == {BTC: d(3)}


def test_a_dated_short_loses_its_delta_while_it_settles() -> None:
    """15 minutes before an expiry that averages over 30, half of the hedge is left, and half of what it owes."""
    dated = contract(expiry_ns=START_NS + 15 * MINUTE_NS)
    listed = market(dated, d(60_000), settlement=Settlement(window_minutes=d(30)))
    made = added(PRICES, coins(BTC, d(3)), listed, position(dated, d(-3), d(60_000)))

    assert made.parts[BTC].exposure == d("1.5")
    assert made.parts[USDT].exposure == 90_000


def test_the_greeks_of_an_option_run_out_by_themselves() -> None:
    """A venue decays them in the settlement window: they are not cut a second time."""
    option = contract(Kind.OPTION, settle=USDT, expiry_ns=START_NS + MINUTE_NS)
    listed = market(option, d(5), greeks=Greeks(delta=d("0.1")), settlement=Settlement(window_minutes=d(30)))

    assert parts(BTC, listed, position(option, d(2))).options == d("0.2")


def test_working_orders_on_coin_margined_contracts_count_as_coins() -> None:
    """A sale of 6 contracts of 100 USD at a mark of 60,000 is a hundredth of a coin."""
    assert parts(BTC, INVERSE_MARKET, order(INVERSE, Side.SELL, d(6))).working == d("-0.01")


def test_the_unit_of_account_may_be_a_stablecoin() -> None:
    """Reported in USDT, 10,000 USDT are 10,000 and need no price."""
    made = ledger(snapshot({BTC: d(60_000)}, coins(USDT, d(10_000)), coins(BTC, d(1))), reporting=USDT)

    assert made.prices[USDT] == 1
    assert made.nav == 70_000


def test_an_empty_portfolio_is_worth_nothing() -> None:
    """Nothing held is known to be nothing."""
    made = added({})

    assert (made.nav, made.unrealized, made.parts, made.unknown) == (d(0), d(0), {}, ())


@pytest.mark.parametrize("asset", [BTC, USDT])
@given(QTY, QTY, st.integers(-500, 500), st.integers(-500, 500))
def test_exposures_add_up_over_accounts(asset: Asset, one: Decimal, other: Decimal, contracts: int, more: int) -> None:
    """The same coins and positions in one account or in two are the same exposure and the same NAV."""
    second = contract(contract_size=d("0.01"), account="other", id="other:BTC")
    markets = (LINEAR_MARKET, market(second, d(61_000)))
    entry = d(60_000)
    apart = (
        coins(BTC, one),
        coins(BTC, other, USDM),
        position(LINEAR, d(contracts), entry),
        position(second, d(more), entry),
    )
    joined = (coins(BTC, one + other), position(LINEAR, d(contracts + more), entry))
    two, single = added(PRICES, *apart, coins(USDT, one), *markets), added(PRICES, *joined, coins(USDT, one), *markets)

    assert two.parts[asset].exposure == single.parts[asset].exposure
    assert two.nav == single.nav


@given(QTY, st.integers(-500, 500), st.integers(-100, 100), st.integers(1, 1_000))
def test_a_book_c_times_as_large_has_c_times_the_exposure(
    held: Decimal, contracts: int, ordered: int, scale: int
) -> None:
    """Coins, positions and orders scaled together scale exposure and NAV."""

    def book(c: int) -> Any:
        side = Side.BUY if ordered > 0 else Side.SELL
        things = (
            coins(BTC, c * held),
            position(LINEAR, d(c * contracts), d(60_000)),
            order(LINEAR, side, d(c * abs(ordered))),
        )
        return added(PRICES, LINEAR_MARKET, *things)

    one, many = book(1), book(scale)

    assert many.parts[BTC].exposure == scale * one.parts[BTC].exposure
    assert many.nav == scale * one.nav


@given(QTY, st.integers(-500, 500))
def test_a_mirrored_book_has_mirrored_exposures(held: Decimal, contracts: int) -> None:
    """Turning every sign turns the exposure of every asset, exactly."""
    one, other = (
        added(PRICES, coins(BTC, sign * held), LINEAR_MARKET, position(LINEAR, sign * d(contracts), d(60_000))).parts
        for sign in (1, -1)
    )

    assert {a: -p.exposure for a, p in one.items()} == {a: p.exposure for a, p in other.items()}


@given(QTY, st.integers(-500, 500), st.integers(-200, 200))
def test_a_hedge_by_the_difference_leaves_nothing_to_do(held: Decimal, contracts: int, target: int) -> None:
    """h = T - E for any exposure: once it is traded the exposure is the target, and the next h is 0."""
    first = parts(BTC, coins(BTC, held), LINEAR_MARKET, position(LINEAR, d(contracts), d(60_000)))
    trade = (target - first.exposure) / LINEAR.contract_size
    after = parts(BTC, coins(BTC, held), LINEAR_MARKET, position(LINEAR, contracts + trade, d(60_000)))

    assert after.exposure == target


@given(
    st.permutations(
        [
            coins(BTC, d(2), COINM),
            coins(BTC, d(1)),
            coins(USDT, d(500), USDM),
            position(INVERSE, d(-750), d(50_000)),
            position(LINEAR, d(-100), d(60_500)),
            order(LINEAR, Side.SELL, d(7)),
            INVERSE_MARKET,
            LINEAR_MARKET,
        ]
    )
)
def test_the_order_in_which_things_are_told_does_not_matter(things: list[Any]) -> None:
    """One portfolio has one ledger."""
    fixed = sorted(things, key=repr)

    assert added(PRICES, *things) == added(PRICES, *fixed)


def test_an_inverse_contract_that_settles_loses_its_delta_and_its_face() -> None:
    """Half of the window gone: half of the coins, half of the USD that they are owed for."""
    dated = contract(Kind.INVERSE, expiry_ns=START_NS + 15 * MINUTE_NS)
    listed = market(dated, d(60_000), settlement=Settlement(window_minutes=d(30)))
    made = added(PRICES, coins(BTC, d(1), COINM), listed, position(dated, d(-60_000), d(60_000)))

    assert made.parts[BTC].inverse == d("-0.5")
    assert made.parts[USD].quote_leg == 30_000


def test_a_quanto_quoted_in_a_stablecoin_is_converted_with_its_price() -> None:
    """A contract that pays 1e-6 BTC per USDT of ETH: at a peg of 0.8 a point is worth 0.06 / 0.8 of an ETH's dollar."""
    quanto = contract(Kind.QUANTO, base=ETH, quote=USDT, contract_size=d("0.000001"))
    prices = {BTC: d(60_000), ETH: d(2_500), USDT: d("0.8")}
    made = added(prices, market(quanto, d(3_125)), position(quanto, d(1_000), d(3_125)))

    assert made.parts[ETH].quanto == 75
    assert made.parts[USDT].quote_leg == -234_375


def test_an_option_on_multiplied_units_is_indexed_by_the_price_of_so_many() -> None:
    """-1,000 PEPE of delta at 0.01 USDT for a thousand owe 0.01 USDT, beside the option's own 0.005."""
    option = contract(Kind.OPTION, base=PEPE, quote=USDT, settle=USDT, base_units=d(1_000))
    listed = market(option, d("0.005"), greeks=Greeks(delta=d(-1_000)))
    made = added({PEPE: d("0.00001"), USDT: d(1)}, listed, position(option, d(1)))

    assert made.parts[PEPE].options == -1_000
    assert made.parts[USDT].quote_leg == d("0.015")
