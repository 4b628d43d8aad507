"""The worked cases about targets, with the numbers they must come to."""

from decimal import Decimal
from typing import Any

import pytest

from bot.calc.forms import Whole
from bot.domain.bands import Unit
from bot.domain.targets import (
    Base,
    Basis,
    CashTarget,
    IndexTarget,
    LeverageTarget,
    Neutrality,
    ParityTarget,
    TiltTarget,
    WeightsMode,
    WeightsTarget,
)
from bot.domain.units import Asset
from bot.policy import measures, parity
from bot.policy.purse import Scope
from bot.policy.view import View
from tests.kit import band, d, neutral, weights
from tests.policy.views import book, needs, statistics, trades

ANY = band("0", unit=Unit.POINTS)
FIVE = band("0.05", unit=Unit.POINTS)
BTC, ETH, ALT = Asset("BTC"), Asset("ETH"), Asset("ALT")


def halves(one: str = "0.5", other: str = "0.5", coin: str = "ETH") -> WeightsTarget:
    """Two weights of what is owned, without a band."""
    return weights({"BTC": one, coin: other}, within=ANY)


@pytest.mark.parametrize(
    ("spot", "target", "hedge"),
    [
        (("BTC", "70000", "ETH", "30000"), ("0.6", "0.4"), ("-10000", "10000")),
        (("BTC", "75000", "ETH", "25000"), ("0.6", "0.4"), ("-15000", "15000")),
        (("BTC", "40000", "ALT", "60000"), ("0.5", "0.5"), ("10000", "-10000")),
        (("BTC", "70000", "ALT", "30000"), ("0.5", "0.5"), ("-20000", "20000")),
        (("BTC", "50000", "ETH", "33333"), ("0.5", "0.5"), ("-8333.5", "8333.5")),
        (("BTC", "10000", "ETH", "10000"), ("0.4", "0.6"), ("-2000", "2000")),
        (("L1", "60000", "DEFI", "40000"), ("0.5", "0.5"), ("-10000", "10000")),
    ],
    ids=[
        "drift_60_40_70_30",
        "drift to 75/25",
        "synthetic_sell_alts",
        "synthetic_buy_alts",
        "snapshot",
        "weight_50_to_40",
        "l1_defi_pair",
    ],
)
def test_weights_are_restored_by_selling_what_is_over_and_buying_what_is_under(
    spot: tuple[str, str, str, str], target: tuple[str, str], hedge: tuple[str, str]
) -> None:
    """Each coin goes to its weight of what is owned: short the one, long the other, by the same value."""
    one, value, other, rest = spot
    coins: dict[str, Any] = {one: ("1", value, "0"), other: ("1", rest, "0")}
    view = book(**coins)
    rule = weights({one: target[0], other: target[1]}, within=ANY)

    assert trades(rule, view=view) == {one: d(hedge[0]), other: d(hedge[1])}


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (("-83333", "0"), {"BTC": d("74999.5"), "ETH": d("8333.5")}),
        (("-50000", "-33333"), {"BTC": d("41666.5"), "ETH": d("41666.5")}),
        (("0", "0"), {"BTC": d("-8333.5"), "ETH": d("8333.5")}),
        (("-8333.5", "8333.5"), {}),
    ],
    ids=["from the article's hedge", "from neutral", "unhedged", "at the target"],
)
def test_rebalance_sign(start: tuple[str, str], expected: dict[str, Decimal]) -> None:
    """Overweight means a larger short, whatever the futures were before: h = T - E."""
    view = book(BTC=("1", "50000", start[0]), ETH=("1", "33333", start[1]))

    assert trades(halves(), view=view) == expected


def test_full_neutral() -> None:
    """Each coin is hedged by itself: -50,000 BTC and -33,333 ETH, not -83,333 BTC."""
    view = book(BTC=("1", "50000", "0"), ETH=("1", "33333", "0"))

    assert trades(neutral("BTC", "ETH"), view=view) == {"BTC": d(-50_000), "ETH": d(-33_333)}


def test_partial_short() -> None:
    """10 BTC of which a fifth is hedged: short 2, net 8."""
    need = needs(neutral("BTC", ratio="0.2"), view=book(BTC=("60000", "10", "0")))["BTC"]

    assert (need.hedge, need.target, need.parts.exposure + need.hedge) == (d(-2), d(8), d(8))


def test_allocation_hedge() -> None:
    """60,000 of which half is hedged nets 30,000; a fall of 5 % costs 1,500."""
    need = needs(neutral("BTC", ratio="0.5"), view=book(BTC=("1", "60000", "0")))["BTC"]

    assert need.target == d(30_000)
    assert need.target * d("-0.05") == d(-1_500)


def test_deviation_usd() -> None:
    """7,500 against 6,000: trim_only sells 1,500 and buys nothing, full_rebalance buys 1,500 of the other."""
    view = book(BTC=("1", "7500", "0"), ALT=("1", "2500", "0"))
    sixty = {"BTC": "0.6", "ALT": "0.4"}

    assert trades(weights(sixty, WeightsMode.TRIM_ONLY, within=ANY), view=view) == {"BTC": d(-1_500)}
    assert trades(weights(sixty, within=ANY), view=view) == {"BTC": d(-1_500), "ALT": d(1_500)}


@pytest.mark.parametrize(("share", "triggered"), [("0.65", False), ("0.6501", True), ("0.55", False), ("0.5499", True)])
def test_tolerance_abs(share: str, triggered: bool) -> None:
    """60 % within five points: exactly at the edge nothing, beyond it a hedge (0.65 - 0.60 > 0.05 in floats)."""
    view = book(BTC=("1", share, "0"), ETH=("1", str(1 - d(share)), "0"))

    assert bool(trades(weights(within=FIVE), view=view)) is triggered


@pytest.mark.parametrize(("btc", "triggered"), [("63000", False), ("63001", True)])
def test_a_relative_tolerance_is_another_one(btc: str, triggered: bool) -> None:
    """5 % of 60 % are three points."""
    view = book(BTC=("1", btc, "0"), ETH=("1", str(100_000 - int(btc)), "0"))
    target = weights(within=band("0.05"))

    assert ("BTC" in [a for a, n in needs(target, view=view).items() if n.breached]) is triggered


def tilt(**changes: object) -> TiltTarget:
    """Five per cent of ETH against BTC."""
    return TiltTarget(
        **{
            "name": "tilt",
            "long": {ETH: d(1)},
            "short": {BTC: d(1)},
            "size": d("0.05"),
            "band": ANY,
            **changes,
        }  # type: ignore[arg-type]
    )


def test_tilt_50_50_plus5_eth() -> None:
    """-5,000 BTC and +5,000 ETH of 100,000; with a beta of 1.2 the neutral leg is 6,000."""
    view = book(BTC=("50000", "1", "0"), ETH=("2500", "20", "0"))

    assert trades(tilt(), view=view) == {"BTC": d(-5_000), "ETH": d(5_000)}
    by_beta = tilt(neutral=Neutrality.BETA, betas={BTC: d(1), ETH: d("1.2")})
    assert trades(by_beta, view=view) == {"BTC": d(-6_000), "ETH": d(5_000)}


def test_a_measured_beta_is_rounded_and_told() -> None:
    """ETH moves 1.2 for BTC's 1: its volatility is a half more, and four fifths of it are BTC's."""
    view = book(
        changes={"moments": statistics({"BTC": 0.5, "ETH": 0.75}, 0.8)},
        BTC=("50000", "1", "0"),
        ETH=("2500", "20", "0"),
    )
    found = needs(tilt(neutral=Neutrality.BETA), view=view)

    assert round(found["BTC"].hedge * 50_000, 6) == d(-6_000)
    assert "short side x 1.2 for equal betas" in found["BTC"].why


def test_market_neutral_pairs_with_several_assets_a_side() -> None:
    """Before rounding, the dollars of a tilt's sides add up to nothing, and each coin has its share."""
    view = book(BTC=("100", "500", "0"), ETH=("10", "2500", "0"), SOL=("5", "5000", "0"))
    target = tilt(long={ETH: d("0.25"), Asset("SOL"): d("0.75")}, size=d("0.1"))
    found = trades(target, view=view)

    assert found == {"BTC": d(-10_000), "ETH": d(2_500), "SOL": d(7_500)}


def test_cash_hedge_20pct() -> None:
    """A fifth of 100,000 into cash is a short of 20,000 of the anchor."""
    view = book(BTC=("50000", "1", "0"), ETH=("2500", "20", "0"))
    target = CashTarget(name="cash", share=d("0.2"), anchor=BTC, band=ANY)

    assert trades(target, view=view) == {"BTC": d(-20_000)}
    steep = CashTarget(name="cash", share=d("0.2"), anchor=BTC, band=ANY, beta=d("1.5"))
    assert trades(steep, view=view) == {"BTC": d(-30_000)}


@pytest.mark.parametrize(
    ("basis", "base", "hedge"),
    [
        (Basis(reserve={Asset("USDT"): d(20_000)}), "160000", ("-24000", "24000")),
        (Basis(base=Base.OWNED), "160000", ("-24000", "24000")),
        (Basis(reserve={Asset("USDT"): d(0)}), "180000", ("-12000", "32000")),
        (Basis(base=Base.FIXED, fixed=d(100_000)), "100000", ("-60000", "0")),
    ],
    ids=["nav less reserve", "owned", "plain nav, as the owner said", "fixed"],
)
def test_weights_base(basis: Basis, base: str, hedge: tuple[str, str]) -> None:
    """BTC x2 in a 60/40 book with 20,000 of collateral: counted as NAV it becomes 20,000 of net long."""
    view = book(cash="20000", BTC=("2", "60000", "0"), ETH=("1", "40000", "0"))
    target = weights(within=ANY)
    target = WeightsTarget(name="weights", weights=target.weights, mode=target.mode, band=ANY, basis=basis)
    found = Scope((target,), view).base(target, basis, tuple(target.weights))
    assert isinstance(found, Whole)
    due = {coin: d(value) for coin, value in zip(("BTC", "ETH"), hedge, strict=True) if value != "0"}

    assert found.value == d(base)
    assert trades(target, view=view) == due


def test_risk_parity_3x() -> None:
    """Three times the volatility has a third of the weight: 75/25."""
    target = ParityTarget(
        name="parity", assets=(BTC, ALT), band=ANY, volatilities={BTC: d(1), ALT: d(3)}, basis=Basis(base=Base.OWNED)
    )
    view = book(BTC=("1", "50000", "0"), ALT=("1", "50000", "0"))

    assert parity.weights(target, Scope((target,), view)) == {BTC: d("0.75"), ALT: d("0.25")}
    assert trades(target, view=view) == {"BTC": d(25_000), "ALT": d(-25_000)}


def test_the_hedge_of_a_volatile_coin_is_its_beta_and_not_its_volatility() -> None:
    """Three times as volatile and correlated by 0.7: a dollar is hedged by 2.1 dollars, not by 3."""
    moments = statistics({"BTC": 0.5, "ALT": 1.5}, 0.7)

    assert measures.beta(ALT, BTC, moments) == d("2.1")


@pytest.mark.parametrize(("alts", "weight"), [("0.7", "0.5"), ("0.8", "0.6")], ids=["index_overlay", "concentration"])
def test_an_index_takes_a_group_down_to_its_weight(alts: str, weight: str) -> None:
    """20 points too many of 100,000 are a short of 20,000 of the index, and its BTC half is told."""
    value = d(alts) * 100_000
    view = book(BTC=("1", str(100_000 - value), "0"), ALT=("1", str(value), "0"), IDX=("1", "0", "0"))
    halves_of = {Asset("IDX"): {BTC: d("0.5"), ALT: d("0.5")}}
    view = View(prices=view.prices, parts=view.parts, indices=halves_of)
    target = IndexTarget(name="index", assets=(ALT,), indices=(Asset("IDX"),), weight=d(weight), band=ANY)
    found = needs(target, view=view)["IDX"]

    assert found.hedge == d(-20_000)
    assert "IDX also moves 50 % ALT, 50 % BTC" in found.why


def test_leverage_3x() -> None:
    """10,000 at three times are 30,000 of exposure; a rise of 20 % makes 6,000."""
    target = LeverageTarget(name="up", weights={BTC: d(1)}, leverage=d(3), leverage_max=d("3.5"), band=ANY)
    view = book(cash="10000", BTC=("50000", "0", "0"))
    need = needs(target, view=view)["BTC"]

    assert need.hedge * need.price == d(30_000)
    assert need.target * need.price * d("0.2") == d(6_000)
