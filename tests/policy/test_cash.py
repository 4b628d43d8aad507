"""Cash hedges: a share of the base goes out of the market, by a beta that is given or measured."""

import msgspec

from bot.calc.boxes import Row
from bot.domain.bands import Unit
from bot.domain.targets import Base, Basis, CashTarget
from bot.domain.units import ZERO, Asset
from tests.kit import BTC, ETH, band, d, pricing
from tests.policy.views import book, missing, needs, only, statistics, trades

ANY = band("0", unit=Unit.POINTS)
MOMENTS = statistics({"BTC": 0.5, "ETH": 1.0}, 0.6)
VIEW = book(changes={"moments": MOMENTS}, cash="20000", BTC=("50000", "1", "0"), ETH=("2500", "20", "0"))
PRICING = {Asset(c): pricing(c) for c in ("BTC", "ETH")}


def cash(**changes: object) -> CashTarget:
    """A fifth, by a measured beta."""
    made = CashTarget(name="cash", share=d("0.2"), anchor=BTC, band=ANY, beta=None)
    return msgspec.structs.replace(made, **changes)


def test_a_measured_beta_is_that_of_each_coin_by_its_value() -> None:
    """50,000 with a beta of 1 and 50,000 with 1.2: a fifth of 110,000. Cash has no beta."""
    need = needs(cash(), view=VIEW)["BTC"]

    assert round(need.hedge * need.price, 6) == d(-22_000)
    assert "beta of what is held to BTC: 0.9167" in need.why


def test_a_fixed_base_takes_the_beta_of_all_that_is_held() -> None:
    """A fifth of 10,000 with a beta of 110,000 / 120,000; whose beta moves with prices is looked at each time."""
    target = cash(basis=Basis(base=Base.FIXED, fixed=d(10_000)))

    assert trades(target, view=VIEW) == {"BTC": d("-1833.4")}
    resting = only(msgspec.structs.replace(target, band=band("10000", unit=Unit.QUOTE)), view=VIEW)
    assert Row(-1.0, {pricing("BTC"): -1.0, pricing("ETH"): -1.0}) in resting.rows(PRICING)
    assert Row(-1.0, {pricing("BTC"): -1.0, pricing("ETH"): -1.0}) not in only(cash(), view=VIEW).rows(PRICING)


def test_what_is_not_known_stops_a_cash_hedge() -> None:
    """A beta, a price, a base."""
    assert "no statistics" in missing(cash(), view=msgspec.structs.replace(VIEW, moments=None))
    no_price = msgspec.structs.replace(VIEW, prices={BTC: d(50_000)})
    fixed = cash(basis=Basis(base=Base.FIXED, fixed=d(10_000)))
    assert missing(fixed, view=no_price, hedged=("BTC",)).startswith("no price of ETH")
    assert missing(cash(), view=no_price, hedged=("BTC",)).startswith("no price of ETH")


def test_a_reserve_is_no_part_of_what_is_hedged() -> None:
    """A reserve of a coin is taken off its value."""
    target = cash(basis=Basis(reserve={ETH: d(20), Asset("USDT"): ZERO}))

    assert trades(target, view=VIEW) == {"BTC": d(-10_000)}
