"""A delta is what equity moves with: every exposure of the ledger against the numerical derivative of its NAV."""

from __future__ import annotations

from decimal import Decimal
from math import erf, log, sqrt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.calc.ledger import Ledger
from bot.domain.instrument import Instrument
from bot.domain.units import Price, exact
from tests.calc.book import (
    BTC,
    COINM,
    ETH,
    PEPE,
    USD,
    USDT,
    Asset,
    Greeks,
    Kind,
    added,
    coins,
    contract,
    d,
    market,
    position,
)

Prices = dict[Asset, Price]
PRICES: Prices = {BTC: d(60_000), ETH: d(2_500), USDT: d("0.98"), PEPE: d("0.00001"), USD: d(1)}
BUMP = d("0.0001")
SIZE = st.decimals(-50, 50, places=3)
COINS = st.decimals(0, 100, places=3)
ENTRY = st.decimals(20_000, 120_000, places=1)

LINEAR = contract(contract_size=d("0.01"))
DATED = contract(id="usdm:BTC-DATED", expiry_ns=2_000_000_000_000_000_000)
MEME = contract(base=PEPE, id="usdm:1000PEPE", base_units=d(1000), contract_size=d(10))
INVERSE = contract(Kind.INVERSE, contract_size=d(100))
QUANTO = contract(Kind.QUANTO, base=ETH, contract_size=d("0.000001"))
COIN_CALL = contract(Kind.OPTION)
MONEY_PUT = contract(Kind.OPTION, id="usdm:PUT", quote=USDT, settle=USDT, contract_size=d("0.1"))
FUTURES = (LINEAR, DATED, MEME, INVERSE, QUANTO)


def black_scholes(price: float, strike: float, *, call: bool) -> tuple[float, float]:
    """Value and delta of an option with half a year to run, a volatility of 60 % and no interest."""
    spread = 0.6 * sqrt(0.5)
    upper = (log(price / strike) + spread**2 / 2) / spread
    lower = upper - spread
    value = price * normal(upper) - strike * normal(lower)
    return (value, normal(upper)) if call else (value - price + strike, normal(upper) - 1)


def normal(x: float) -> float:
    """The standard normal distribution."""
    return (1 + erf(x / sqrt(2))) / 2


def mark(instrument: Instrument, prices: Prices) -> Price:
    """The index in the instrument's quote currency, for one contract coin."""
    return prices[instrument.base] * instrument.base_units / prices[instrument.quote]


def coin_call(prices: Prices, *, adjusted: bool = False) -> Any:
    """A call on a BTC whose premium is BTC, with a strike of 65,000 USD, as its venue quotes it."""
    price = float(prices[BTC])
    value, delta = black_scholes(price, 65_000, call=True)
    in_coins = exact(value / price)
    shown = exact(delta) - in_coins if adjusted else exact(delta)
    greeks = Greeks(delta=shown, mark_coin=in_coins, premium_adjusted=adjusted)
    return market(COIN_CALL, greeks=greeks, index=prices[BTC])


def money_put(prices: Prices, *, adjusted: bool = False) -> Any:
    """A put on a tenth of a BTC whose premium is USDT, with a strike of 55,000 USDT."""
    price = float(prices[BTC] / prices[USDT])
    value, delta = black_scholes(price, 55_000, call=False)
    each = exact(delta) * MONEY_PUT.contract_size
    in_coins = exact(value / price) * MONEY_PUT.contract_size
    greeks = Greeks(delta=each - in_coins if adjusted else each, mark_coin=in_coins, premium_adjusted=adjusted)
    return market(MONEY_PUT, exact(value), greeks=greeks)


def world(prices: Prices, things: tuple[Any, ...], *, adjusted: bool = False) -> Ledger:
    """The ledger of a book at prices whose marks are their indices, implied volatility unchanged."""
    markets = [market(instrument, mark(instrument, prices)) for instrument in FUTURES]
    options = [coin_call(prices, adjusted=adjusted), money_put(prices, adjusted=adjusted)]
    return added(prices, *things, *markets, *options)


def derivative(asset: Asset, things: tuple[Any, ...]) -> Decimal:
    """What NAV gains for each unit that an asset's price rises by."""
    step = PRICES[asset] * BUMP
    up, down = (world({**PRICES, asset: PRICES[asset] + sign * step}, things).nav for sign in (1, -1))
    assert up is not None
    assert down is not None
    return (up - down) / (2 * step)


def close(one: Decimal, other: Decimal, tolerance: str = "1e-6") -> bool:
    """Whether two figures agree up to what a central difference leaves out."""
    return abs(one - other) <= d(tolerance) * max(abs(one), abs(other), d(1))


BOOKS: dict[str, tuple[Any, ...]] = {
    "linear": (coins(BTC, d(1)), coins(USDT, d(9_000)), position(LINEAR, d(-130), d(58_000))),
    "dated": (position(DATED, d("-0.7"), d(63_000)), coins(BTC, d(1))),
    "multiplied": (coins(PEPE, d(1_000_000)), position(MEME, d(-40), d("0.011"))),
    "inverse with collateral": (coins(BTC, d(2), COINM), position(INVERSE, d(-700), d(55_000))),
    "inverse beside coins elsewhere": (
        coins(BTC, d(3)),
        coins(BTC, d("0.4"), COINM),
        position(INVERSE, d(300), d(70_000)),
    ),
    "quanto with collateral": (coins(BTC, d(1), COINM), position(QUANTO, d(-800), d(2_700))),
    "quanto and inverse": (
        coins(BTC, d(1), COINM),
        position(QUANTO, d(500), d(2_300)),
        position(INVERSE, d(-200), d(61_000)),
    ),
    "option paid in coins": (coins(BTC, d(2), COINM), position(COIN_CALL, d(-3))),
    "option paid in money": (coins(USDT, d(5_000)), position(MONEY_PUT, d(25))),
    "both sides of a hedge-mode account": (position(LINEAR, d(300), d(50_000)), position(LINEAR, d(-500), d(62_000))),
    "everything": (
        coins(BTC, d(2), COINM),
        coins(ETH, d(40)),
        coins(USDT, d(-3_000)),
        position(LINEAR, d(-130), d(58_000)),
        position(INVERSE, d(-700), d(55_000)),
        position(QUANTO, d(-800), d(2_700)),
        position(COIN_CALL, d(4)),
        position(MONEY_PUT, d(-12)),
    ),
}


@pytest.mark.parametrize("asset", [BTC, ETH, USDT, PEPE])
@pytest.mark.parametrize("book", BOOKS)
def test_an_exposure_is_the_derivative_of_nav(book: str, asset: Asset) -> None:
    """For every kind of contract and for the stablecoin it pays in: delta = dNAV / dprice."""
    parts = world(PRICES, BOOKS[book]).parts.get(asset)

    assert close(parts.exposure if parts is not None else d(0), derivative(asset, BOOKS[book]), "1e-5")


@pytest.mark.parametrize("book", BOOKS)
def test_exposures_are_worth_the_nav(book: str) -> None:
    """What is owed in one currency for coins of another is counted on both sides: all of it together is the NAV."""
    made = world(PRICES, BOOKS[book])
    worth = sum((parts.exposure * PRICES[asset] for asset, parts in made.parts.items()), d(0))

    assert made.nav is not None
    assert close(worth, made.nav, "1e-12")


@pytest.mark.parametrize("book", ["option paid in coins", "option paid in money", "everything"])
def test_greeks_of_either_convention_give_one_exposure(book: str) -> None:
    """A venue that takes the premium off its deltas and one that does not describe the same book."""
    one, other = world(PRICES, BOOKS[book]), world(PRICES, BOOKS[book], adjusted=True)

    assert one.nav == other.nav
    assert close(one.parts[BTC].exposure, other.parts[BTC].exposure, "1e-20")


def test_coins_in_a_coin_margined_account_are_counted_with_the_black_scholes_delta_or_the_equity() -> None:
    """Cash + n x BS = equity + n x (BS - mark): never a mixture, which would be off by n marks."""
    made = world(PRICES, (coins(BTC, d(2), COINM), position(COIN_CALL, d(-3)))).parts[BTC]
    greeks = coin_call(PRICES).greeks

    assert made.collateral == 2 - 3 * greeks.mark_coin
    assert made.options == -3 * (greeks.delta - greeks.mark_coin)
    assert close(made.exposure, 2 - 3 * greeks.delta, "1e-20")


@given(COINS, SIZE, ENTRY, COINS, SIZE, ENTRY)
def test_linear_and_inverse_books_of_any_size_agree_with_their_derivative(
    held: Decimal, short: Decimal, entry: Decimal, wallet: Decimal, face: Decimal, other: Decimal
) -> None:
    """Any coins, any collateral, any positions at any entry: the BTC and USDT exposures are dNAV / dprice."""
    things = (
        coins(BTC, held),
        coins(BTC, wallet, COINM),
        position(LINEAR, short * 100, entry),
        position(INVERSE, face * 100, other),
    )
    parts = world(PRICES, things).parts

    assert close(parts[BTC].exposure, derivative(BTC, things), "1e-9")
    assert close(parts[USDT].exposure if USDT in parts else d(0), derivative(USDT, things), "1e-6")


@given(st.decimals(30_000, 120_000, places=1))
def test_a_full_inverse_short_is_worth_the_same_at_every_price(price: Decimal) -> None:
    """1 BTC against a face of -60,000 from 60,000 is 60,000 USD from 30,000 to 120,000, with no delta."""
    short = contract(Kind.INVERSE)
    made = added({BTC: price}, coins(BTC, d(1), COINM), market(short, price), position(short, d(-60_000), d(60_000)))

    assert made.nav is not None
    assert close(made.nav, d(60_000), "1e-20")
    assert abs(made.parts[BTC].exposure) < d("1e-20")
    assert made.parts[USD].exposure == 60_000


@given(st.decimals(1_000, 200_000, places=1), st.decimals(-500, 500, places=1))
def test_a_coin_matched_linear_hedge_is_worth_the_same_at_every_price(price: Decimal, basis: Decimal) -> None:
    """1 BTC against a short of 1 at a constant basis needs no re-hedge and changes no value."""
    entry = d(60_000) + basis
    things = (coins(BTC, d(1)), position(DATED, d(-1), entry), market(DATED, price + basis))
    made = added({BTC: price, USDT: d(1)}, *things)

    assert made.nav == 60_000
    assert made.parts[BTC].exposure == 0


@given(SIZE, ENTRY, st.integers(1, 125))
def test_entry_and_leverage_do_not_change_a_linear_delta(contracts: Decimal, entry: Decimal, leverage: int) -> None:
    """The delta of a linear position is its coins, whatever it was bought at and however it is margined."""
    held = position(LINEAR, contracts * 10, entry, leverage=d(leverage))
    parts = world(PRICES, (coins(BTC, d(0)), held)).parts

    assert parts[BTC].linear == contracts / 10


@given(st.decimals("0.01", 1_000, places=2), COINS, SIZE)
def test_relabelling_the_unit_of_account_scales_values_and_no_coins(
    scale: Decimal, held: Decimal, contracts: Decimal
) -> None:
    """When every price is c times as large, NAV is too, and the coins stay what they are."""
    entry = d(58_000)
    things = (coins(BTC, held), coins(USDT, d(9_000)), position(LINEAR, contracts, entry))
    scaled = {asset: price * scale for asset, price in PRICES.items() if asset != USD}
    before = added(PRICES, *things, market(LINEAR, d(60_000)))
    after = added(scaled, *things, market(LINEAR, d(60_000)))

    assert before.parts == after.parts
    assert before.nav is not None
    assert after.nav == before.nav * scale


def test_the_delta_of_the_test_s_own_option_is_right() -> None:
    """The test's delta is the derivative of the test's value, or nothing above would mean anything."""
    up, down = (black_scholes(60_000.0 + step, 65_000, call=True)[0] for step in (1.0, -1.0))

    assert abs((up - down) / 2 - black_scholes(60_000, 65_000, call=True)[1]) < 1e-6
