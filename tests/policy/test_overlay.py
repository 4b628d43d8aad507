"""Ratio targets: what is hedged, and that a price alone never calls for a trade."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.calc.boxes import Row
from bot.domain.bands import Unit
from tests.kit import BTC, ETH, band, d, neutral, pricing
from tests.policy.views import book, derived, needs, only


def hedge_of(held: str, futures: str, ratio: str = "1", price: str = "60000", *, correcting: bool = False) -> Decimal:
    """What a ratio target with a band of 1 % trades."""
    view = book(BTC=(price, held, futures))
    return needs(neutral("BTC", ratio=ratio), view=view, correcting=correcting)["BTC"].hedge


@pytest.mark.parametrize(
    ("held", "futures", "ratio", "trade"),
    [
        ("2", "0", "1", "-2"),
        ("2", "0", "0.5", "-1"),
        ("2", "0", "1.5", "-3"),
        ("10", "-2", "1", "-8"),
        ("1", "-2", "1", "1"),
        ("0", "-2", "1", "2"),
        ("2", "-2", "1", "0"),
    ],
    ids=["neutral", "half", "over", "partly hedged", "withdrawn", "all withdrawn", "hedged"],
)
def test_the_trade_brings_the_futures_to_the_ratio(held: str, futures: str, ratio: str, trade: str) -> None:
    """Short ratio x holding, in both directions: after a withdrawal the short is bought back."""
    assert hedge_of(held, futures, ratio) == d(trade)


@pytest.mark.parametrize(
    ("futures", "trade"), [("-0.99", "0"), ("-0.9899", "-0.0101"), ("-1.01", "0"), ("-1.0101", "0.0101")]
)
def test_a_relative_band_is_a_fraction_of_the_hedged_coins(futures: str, trade: str) -> None:
    """1 % of 1 BTC: exactly at the edge nothing, a ten-thousandth beyond it all of it."""
    assert hedge_of("1", futures) == d(trade)


@given(st.decimals(-100, 100, places=4), st.decimals(-100, 100, places=4), st.decimals(0, 2, places=2))
def test_negating_the_book_negates_the_trade(held: Decimal, futures: Decimal, ratio: Decimal) -> None:
    """A short book is hedged by the mirrored long."""
    assert hedge_of(str(held), str(futures), str(ratio)) == -hedge_of(str(-held), str(-futures), str(ratio))


@given(st.decimals("0.01", 99_999, places=2))
def test_a_coin_matched_hedge_needs_no_trade_at_any_price(price: Decimal) -> None:
    """A short of as many coins as are held is right whatever the coin costs, and its rows say so."""
    found = only(neutral("BTC"), view=book(BTC=(str(price), "1.2345", "-1.2345")))

    assert found.outside == ()
    assert found.rows({BTC: pricing("BTC")}) == []


def test_only_a_band_in_quote_currency_depends_on_the_price() -> None:
    """0.01 coins beyond the target are inside 500 dollars until the coin costs 50,000."""
    target = neutral("BTC", within=band("500", unit=Unit.QUOTE))
    found = only(target, view=book(BTC=("40000", "1", "-0.99")))

    assert found.rows({BTC: pricing("BTC")}) == [Row(500.0, {pricing("BTC"): -0.01})]


def test_each_coin_is_judged_by_itself() -> None:
    """One that is unknown stops nobody else."""
    view = book(BTC=("60000", "1", "0"), ETH=("2500", "1", "0"))
    prices = {BTC: view.prices[BTC]}
    one, other = derived(neutral("BTC", "ETH"), view=msgspec.structs.replace(view, prices=prices))

    assert [need.hedge for need in one.needs] == [d(-1)]
    assert other.missing is not None
    assert other.missing.why == "the price of ETH is unknown"


def test_an_unknown_holding_is_never_zero() -> None:
    """Without its coins an asset is not judged, and the reason is passed on."""
    view = book(BTC=("60000", "1", "0"))
    blind = msgspec.structs.replace(view, parts={}, blind={BTC: "the wallet could not be read"})
    found = only(neutral("BTC"), view=blind, hedged=("BTC",))

    assert found.missing is not None
    assert found.missing.why == "the exposure of BTC is unknown: the wallet could not be read"


def test_coins_of_a_sleeve_are_hedged_by_their_own_target() -> None:
    """Of three coins one is another target's: the one hedges two, the other half of its own."""
    core = neutral("BTC")
    own = msgspec.structs.replace(neutral("BTC", ratio="0.5"), name="own", owns={BTC: d(1)})
    need = needs(core, own, view=book(BTC=("60000", "3", "0")))["BTC"]

    assert need.hedge == d("-2.5")
    assert need.shares == {"neutral": d(-2), "own": d("-0.5")}


def test_the_sleeve_may_be_labelled_by_the_books() -> None:
    """Coins that carry a target's name in the view are its own; what the config gives it are the same coins."""
    own = msgspec.structs.replace(neutral("BTC"), name="own", owns={BTC: d(1), ETH: d(2)})
    for labelled, hedge in (("0.5", d(-1)), ("1.5", d("-1.5"))):
        view = book(changes={"owned": {"own": {BTC: d(labelled)}}}, BTC=("60000", "3", "0"), ETH=("2500", "9", "0"))

        assert needs(own, view=view)["BTC"].hedge == hedge


def test_a_ratio_beside_another_measure_is_judged_in_money() -> None:
    """A relative width is still a part of the hedged coins."""
    target = msgspec.structs.replace(neutral("BTC"), cap=d(30_000))
    need = needs(target, view=book(BTC=("60000", "1", "-0.4")))["BTC"]

    assert need.hedge == d("-0.1")
    assert need.why.endswith("neutral capped at 30000")
    assert needs(target, view=book(BTC=("60000", "0.5", "-0.496")))["BTC"].hedge == 0
