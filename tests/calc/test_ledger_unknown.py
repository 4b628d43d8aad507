"""A missing input is unknown: it stops the assets that need it and no others, and is never 0 or 1."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bot.calc.ledger import Ledger
from bot.calc.ledger_books import Unknown
from bot.calc.ledger_parts import Lack, effect
from bot.domain.snapshot import MarginMode
from bot.domain.units import SECOND_NS, AccountId
from tests.calc.book import (
    BTC,
    COINM,
    DEFI,
    ETH,
    START_NS,
    USD,
    USDM,
    USDT,
    Account,
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
)

PRICES = {BTC: d(60_000), ETH: d(2_500), USDT: d("0.999"), USD: d(1)}
LINEAR, INVERSE = contract(), contract(Kind.INVERSE)
QUANTO = contract(Kind.QUANTO, base=ETH, contract_size=d("0.000001"))
CALL = contract(Kind.OPTION)
PUT = contract(Kind.OPTION, id="usdm:PUT", quote=USDT, settle=USDT, account=USDM)
INDEX = contract(Kind.INDEX, base=DEFI)
MARK, ENTRY = d(60_000), d(59_000)
VAULT = AccountId("vault")
KEPT = (coins(BTC, d(1)), coins(ETH, d(10)), coins(USDT, d(5_000), USDM), coins(BTC, d(2), COINM))


def book(*things: Any, prices: dict[Asset, Decimal] | None = None, **how: Any) -> Ledger:
    """The ledger of coins in every account and of what a case adds."""
    return added(PRICES if prices is None else prices, *KEPT, *things, **how)


def stopped(made: Ledger) -> set[Asset]:
    """The assets of which something is unknown, each with a reason, and gone from the parts if their coins are."""
    assets = {asset for entry in made.unknown for asset in entry.assets}
    assert all(made.lacking(asset) for asset in assets)
    return assets


def test_a_whole_book_lacks_nothing() -> None:
    """With every input there, nothing is unknown and no asset has a reason to wait."""
    made = book(market(LINEAR, MARK), position(LINEAR, d(-1), ENTRY))

    assert made.unknown == ()
    assert made.lacking(BTC) is None


@pytest.mark.parametrize(
    ("things", "assets", "why"),
    [
        ((market(LINEAR), position(LINEAR, d(-1), ENTRY)), {USDT}, "no mark price"),
        ((market(LINEAR, MARK), position(LINEAR, d(-1))), {USDT}, "no entry price"),
        ((market(INVERSE), position(INVERSE, d(-100), ENTRY)), {BTC}, "no mark price"),
        ((market(INVERSE, MARK), position(INVERSE, d(-100))), {BTC}, "no entry price"),
        ((market(QUANTO), position(QUANTO, d(5), d(2_400))), {BTC, USD}, "no mark price"),
        ((market(CALL, MARK), position(CALL, d(5))), {BTC, USD}, "no greeks"),
        ((market(PUT, d(900)), position(PUT, d(5))), {BTC, USDT}, "no greeks"),
        ((market(CALL, greeks=Greeks(delta=d(1))), position(CALL, d(5))), {BTC, USD}, "no mark price in coins"),
        ((market(PUT, greeks=Greeks(delta=d(-1))), position(PUT, d(5))), {USDT}, "no mark price"),
        ((market(LINEAR, MARK, status="settling"), position(contract(Kind.SPOT, id="spot:X"), d(1))), None, "nothing"),
        ((position(LINEAR, d(1)),), None, "nothing describes"),
        ((order(LINEAR, Side.BUY, d(1)),), None, "nothing describes"),
        ((market(contract(Kind.SPOT)), position(contract(Kind.SPOT), d(1))), {BTC, USDT}, "no positions"),
        ((market(INVERSE), order(INVERSE, Side.BUY, d(1))), {BTC}, "no mark price"),
    ],
)
def test_what_lacks_an_input_stops_and_the_rest_stays(
    things: tuple[Any, ...], assets: set[Asset] | None, why: str
) -> None:
    """The assets that need what is missing leave the parts; None: a contract unheard of may be on any asset."""
    made = book(*things)

    assert stopped(made) == (set(PRICES) if assets is None else assets)
    assert stopped(made).isdisjoint(made.parts)
    assert any(why in entry.why for entry in made.unknown)
    assert assets is None or ETH in made.parts


@pytest.mark.parametrize(
    ("things", "valued"),
    [
        ((market(LINEAR), position(LINEAR, d(-1), ENTRY)), False),
        ((market(INVERSE, MARK), position(INVERSE, d(-100))), False),
        ((market(PUT, d(900)), position(PUT, d(5))), True),
        ((market(INVERSE), order(INVERSE, Side.BUY, d(1))), True),
        ((position(LINEAR, d(1)),), False),
    ],
)
def test_net_asset_value_is_known_while_its_inputs_are(things: tuple[Any, ...], valued: bool) -> None:
    """A mark, an entry price or a contract that is missing is one of them; the delta of an option is not."""
    assert valued == (book(*things).nav is not None)


def test_unrealised_profit_in_coins_does_not_make_the_one_in_money_unknown() -> None:
    """An inverse position without a mark leaves the P&L of the linear ones as it is."""
    things = (market(INVERSE), position(INVERSE, d(-100), ENTRY), market(LINEAR, MARK), position(LINEAR, d(1), ENTRY))

    assert book(*things).unrealized == 999
    assert book(market(LINEAR), position(LINEAR, d(1), ENTRY)).unrealized is None


def test_an_asset_without_a_price_keeps_its_coins_and_has_no_value() -> None:
    """What is held of it is known, NAV is not, and it says so once."""
    made = book(prices={BTC: d(60_000), USDT: d(1)})

    assert made.parts[ETH].exposure == 10
    assert made.unknown == (Unknown(what="ETH", why="no price", assets=(ETH,)),)
    assert made.nav is None


@pytest.mark.parametrize("price", ["0", "-1", "NaN", "Infinity"])
def test_a_price_that_means_nothing_is_none(price: str) -> None:
    """Zero, negative and not-a-number are as unknown as an absent price."""
    made = book(prices={**PRICES, ETH: d(price)})

    assert ETH not in made.prices
    assert stopped(made) == {ETH}


def test_a_future_on_an_asset_without_a_price_waits_and_net_asset_value_does_not() -> None:
    """Coins of a future are no part of the NAV, but what they are worth is needed to hedge them."""
    sol = Asset("SOL")
    future = contract(base=sol)
    made = book(market(future, d(100)), position(future, d(3), d(90)))

    assert stopped(made) == {sol}
    assert made.parts[sol].linear == 3
    assert made.nav is not None


def test_profit_in_a_currency_without_a_price_is_unknown() -> None:
    """Its coins are known; the P&L and the NAV in the unit of account are not."""
    made = added({BTC: d(60_000)}, market(LINEAR, MARK), position(LINEAR, d(-1), ENTRY))

    assert made.parts[USDT].quote_leg == 59_000
    assert made.lacking(USDT) == "USDT: no price"
    assert (made.unrealized, made.nav) == (None, None)


def test_a_missing_price_is_told_once() -> None:
    """A currency that two accounts profit in and a wallet holds has one line, and other profits do not hide it."""
    second = contract(account=AccountId("other"), id="other:BTC")
    things = (market(LINEAR, MARK), market(second, MARK), position(LINEAR, d(-1), ENTRY), position(second, d(1), ENTRY))
    made = book(*things, prices={BTC: d(60_000), ETH: d(2_500)})

    assert [entry.what for entry in made.unknown] == ["USDT"]
    assert made.unrealized is None


def test_a_profit_that_is_known_does_not_hide_one_that_is_not() -> None:
    """One account's mark is missing: what another made does not become all that was made."""
    second = contract(account=AccountId("other"), id="other:BTC")
    things = (market(LINEAR), market(second, MARK), position(LINEAR, d(-1), ENTRY), position(second, d(1), ENTRY))

    assert book(*things).unrealized is None


def test_a_reporting_currency_that_is_not_worth_itself_is_a_contradiction() -> None:
    """A price of 0.99 of what everything is priced in makes the NAV unknown."""
    made = book(prices={**PRICES, USD: d("0.99")})

    assert stopped(made) == {USD}
    assert made.nav is None


def test_a_quanto_needs_the_price_of_what_it_pays() -> None:
    """Without one its delta and the coins' value are unknown; what it is quoted in is lacking with it."""
    made = added({ETH: d(2_500)}, market(QUANTO, d(2_500)), position(QUANTO, d(5), d(2_400)))

    assert made.lacking(ETH) == f"{QUANTO.id}: no price of BTC"
    assert made.nav is None


def test_an_option_s_quote_leg_needs_an_index() -> None:
    """A put paid in USDT owes USDT for its delta at the index; without an index or a price of BTC that is unknown."""
    greeks = Greeks(delta=d("-0.5"))
    made = added({USDT: d(1)}, market(PUT, d(900), greeks=greeks), position(PUT, d(2)))

    assert made.lacking(USDT) == f"{PUT.id}: neither an index price nor a price of BTC"
    assert made.parts[BTC].options == -1
    assert made.nav == 1_800


def test_an_option_without_a_mark_in_coins_still_has_an_adjusted_delta() -> None:
    """A venue that adjusts its greeks gives the delta; what the option is worth stays unknown."""
    greeks = Greeks(delta=d("0.4"), premium_adjusted=True)
    made = book(market(CALL, greeks=greeks), position(CALL, d(2)))

    assert stopped(made) == {BTC}
    assert made.nav is None


@pytest.mark.parametrize(
    ("expiry", "assets"), [(START_NS, {BTC, USDT}), (START_NS - 1, {BTC, USDT}), (START_NS + 1, set())]
)
def test_an_expired_contract_has_no_position(expiry: int, assets: set[Asset]) -> None:
    """From its expiry on its P&L is in a wallet or on its way there: what it touches is unknown."""
    dated = contract(expiry_ns=expiry)

    assert stopped(book(market(dated, MARK), position(dated, d(-1), ENTRY))) == assets


def test_an_expired_index_contract_touches_what_it_is_made_of() -> None:
    """The look-through of a settled contract is unknown too."""
    dated = contract(Kind.INDEX, base=DEFI, expiry_ns=START_NS)
    listed = market(dated, d(1_000), composition={BTC: d("0.6"), ETH: d("0.4")})

    assert {BTC, ETH, DEFI, USDT} == stopped(book(listed, position(dated, d(1), d(900))))


def test_an_index_that_nobody_describes_cannot_be_hedged_with() -> None:
    """Its own exposure is stopped; there is no telling which others it has."""
    made = book(market(INDEX, d(1_000)), position(INDEX, d(1), d(900)), prices={**PRICES, DEFI: d(1_000)})

    assert stopped(made) == {DEFI}


@pytest.mark.parametrize(("missing", "assets"), [(DEFI, {DEFI, BTC, ETH}), (ETH, {ETH})])
def test_seeing_through_an_index_needs_its_price_and_those_of_its_assets(missing: Asset, assets: set[Asset]) -> None:
    """Without the index's price all of its assets are unknown, without one asset's price that asset."""
    prices = {asset: price for asset, price in {**PRICES, DEFI: d(1_000)}.items() if asset != missing}
    listed = market(INDEX, d(1_000), composition={BTC: d("0.6"), ETH: d("0.4")})

    assert stopped(book(listed, position(INDEX, d(1), d(900)), prices=prices)) == assets


@pytest.mark.parametrize(
    ("age_s", "how", "stale"),
    [
        (60, {"declared_age_ns_max": 60 * SECOND_NS}, False),
        (61, {"declared_age_ns_max": 60 * SECOND_NS}, True),
        (61, {}, False),
        (61, {"age_ns_max_of": {VAULT: 90 * SECOND_NS}, "declared_age_ns_max": 1}, False),
        (91, {"age_ns_max_of": {VAULT: 90 * SECOND_NS}}, True),
        (-1, {}, True),
        (None, {"declared_age_ns_max": 60 * SECOND_NS}, False),
        (None, {"age_ns_max_of": {VAULT: 90 * SECOND_NS}}, True),
    ],
)
def test_a_declared_holding_counts_until_it_is_too_old(age_s: int | None, how: dict[str, Any], stale: bool) -> None:
    """Beyond its age, of a time to come, or silent about its time where a bound asks for it: unknown."""
    when = None if age_s is None else START_NS - age_s * SECOND_NS
    made = book(coins(ETH, d(7), VAULT, kind=HoldingKind.DECLARED, as_of_ns=when), **how)

    assert stopped(made) == ({ETH} if stale else set())
    assert stale or made.parts[ETH].declared == 7
    assert stale == (made.nav is None)


def test_only_declared_holdings_grow_old() -> None:
    """What a venue says of a wallet has its own bounds elsewhere."""
    old = coins(ETH, d(7), as_of_ns=START_NS - 10**15)

    assert book(old, declared_age_ns_max=1).parts[ETH].spot == 17


def test_an_account_s_margin_balance_tells_a_profit_that_no_entry_price_does() -> None:
    """Collateral is the margin balance where a position does not say at what price it was opened."""
    things = (market(INVERSE, MARK), position(INVERSE, d(-600)))
    made = book(*things, Account(id=COINM, margin_balance=d("1.9")))

    assert made.parts[BTC].collateral == d("1.9")
    assert made.parts[BTC].exposure == d("2.89")
    assert made.nav == (1 + d("1.9")) * 60_000 + 25_000 + 5_000 * d("0.999")


def test_a_margin_balance_in_money_tells_a_profit_too() -> None:
    """5,000 USDT and a margin balance of 4,400 are a P&L of -600."""
    things = (market(LINEAR, MARK), position(LINEAR, d(-1)))
    made = book(*things, Account(id=USDM, margin_balance=d(4_400)))

    assert made.unrealized == -600 * d("0.999")
    assert made.parts[USDT].exposure == 4_400 + 60_000


@pytest.mark.parametrize(
    "things",
    [
        (Account(id=COINM),),
        (Account(id=USDM, margin_balance=d("1.9")),),
        (Account(id=COINM, margin_balance=d("1.9"), margin_mode=MarginMode.PORTFOLIO),),
        (Account(id=COINM, margin_balance=d("1.9"), margin_mode=MarginMode.MULTI_ASSET),),
        (
            Account(id=COINM, margin_balance=d("1.9")),
            market(LINEAR, MARK),
            position(LINEAR, d(1), ENTRY, account=COINM),
        ),
        (
            Account(id=COINM, margin_balance=d("1.9")),
            market(CALL, greeks=Greeks(delta=d("0.5"), mark_coin=d("0.1"))),
            position(CALL, d(1)),
        ),
    ],
)
def test_a_margin_balance_that_may_mean_more_tells_nothing(things: tuple[Any, ...]) -> None:
    """Absent, another account's, a sum over assets, or one that may have the value of options in it."""
    made = book(market(INVERSE, MARK), position(INVERSE, d(-600)), *things)

    assert BTC not in made.parts
    assert made.nav is None


def test_what_a_margin_balance_leaves_is_the_profit_of_the_one_sleeve_that_says_none() -> None:
    """1.9 coins of equity on 2 are -0.1; the sleeve that says its entry lost 0.02, so the other lost 0.08."""
    known = position(INVERSE, d(-6_000), d(50_000), sleeve="carry")
    made = book(
        market(INVERSE, MARK),
        known,
        position(INVERSE, d(-600), sleeve="tilt"),
        Account(id=COINM, margin_balance=d("1.9")),
    )

    assert made.owned == {"carry": {BTC: d("-0.02")}, "tilt": {BTC: d("-0.08")}}
    assert made.parts[BTC].collateral == d("1.9")


def test_a_margin_balance_cannot_be_shared_between_sleeves() -> None:
    """Two sleeves that both lack an entry price cannot be told apart: nothing is guessed."""
    made = book(
        market(INVERSE, MARK),
        position(INVERSE, d(-600), sleeve="carry"),
        position(INVERSE, d(-600), sleeve="tilt"),
        Account(id=COINM, margin_balance=d("1.9")),
    )

    assert "cannot be told" in (made.lacking(BTC) or "")


@pytest.mark.parametrize(("greek", "delta"), [(d("0.5"), d("0.5")), (None, None)])
def test_an_option_quoted_in_its_own_coin_adds_its_delta_and_nothing_else(
    greek: Decimal | None, delta: Decimal | None
) -> None:
    """The money of its strike is not in the coin; where the greeks are missing the coin is unknown all the same."""
    option = contract(Kind.OPTION, quote=BTC)
    greeks = None if greek is None else Greeks(delta=greek, premium_adjusted=True, mark_coin=d("0.05"))
    found = effect(position(option, d(1)), market(option, d("0.05"), greeks=greeks), {BTC: d(60_000)}, START_NS)

    assert (delta, None if delta is None else d(0)) == (
        (None, None) if isinstance(found.delta, Lack) else (found.delta, found.quote_leg)
    )
    assert isinstance(found.quote_leg, Lack) is isinstance(found.delta, Lack)
