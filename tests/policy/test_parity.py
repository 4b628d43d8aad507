"""Risk parity: weights that carry the same risk, exact, by what is given or measured."""

import msgspec

from bot.domain.bands import Unit
from bot.domain.targets import Base, Basis, ParityMethod, ParityTarget
from bot.domain.units import Asset
from bot.policy import parity
from bot.policy.purse import Scope
from bot.policy.view import Missing
from tests.kit import BTC, ETH, band, d
from tests.policy.views import book, missing, needs, statistics

ANY = band("0", unit=Unit.POINTS)
SOL = Asset("SOL")
EQUAL = ParityMethod.EQUAL_RISK
VIEW = book(BTC=("1", "50", "0"), ETH=("1", "50", "0"), SOL=("1", "50", "0"))


def target(**changes: object) -> ParityTarget:
    """Three coins by what is measured."""
    made = ParityTarget(name="parity", assets=(BTC, ETH, SOL), band=ANY, basis=Basis(base=Base.OWNED))
    return msgspec.structs.replace(made, **changes)


def weights(one: ParityTarget, **changes: object) -> dict[str, str]:
    """The weights as text, or why there are none."""
    found = parity.weights(one, Scope((one,), msgspec.structs.replace(VIEW, **changes)))
    return {"why": found.why} if isinstance(found, Missing) else {a: str(w.normalize()) for a, w in found.items()}


def test_measured_volatilities_weigh_inversely() -> None:
    """0.5, 1 and 1: half for the calm one."""
    moments = statistics({"BTC": 0.5, "ETH": 1.0, "SOL": 1.0})

    assert weights(target(), moments=moments) == {"BTC": "0.5", "ETH": "0.25", "SOL": "0.25"}
    assert (
        "weights BTC 0.5, ETH 0.25, SOL 0.25"
        in needs(target(), view=msgspec.structs.replace(VIEW, moments=moments))["BTC"].why
    )


def test_weights_add_up_to_the_exposure_exactly() -> None:
    """Thirds of four places leave a ten-thousandth, which the last of the largest takes."""
    even = target(volatilities={BTC: d(1), ETH: d(1), SOL: d(1)})

    assert weights(even) == {"BTC": "0.3333", "ETH": "0.3333", "SOL": "0.3334"}
    assert weights(msgspec.structs.replace(even, exposure=d(2))) == {"BTC": "0.6667", "ETH": "0.6667", "SOL": "0.6666"}


def test_equal_risk_counts_correlations() -> None:
    """Two coins that move together share the room of one."""
    moments = statistics({"BTC": 1.0, "ETH": 1.0, "SOL": 1.0}, {("ETH", "SOL"): 0.999})
    found = weights(target(method=EQUAL), moments=moments)

    assert found["ETH"] == found["SOL"]
    assert 0.41 < float(found["BTC"]) < 0.42


def test_given_volatilities_keep_measured_correlations() -> None:
    """Uncorrelated, equal risk is inverse volatility, by the given ones."""
    moments = statistics({"BTC": 1.0, "ETH": 1.0, "SOL": 1.0})
    given_ = {BTC: d(1), ETH: d(2), SOL: d(2)}

    assert weights(target(method=EQUAL, volatilities=given_), moments=moments) == {
        "BTC": "0.5",
        "ETH": "0.25",
        "SOL": "0.25",
    }


def test_what_is_not_measured_has_no_weight() -> None:
    """Neither method guesses."""
    some = statistics({"BTC": 1.0, "ETH": 1.0})
    part = {BTC: d(1)}

    assert "the volatility of BTC is unknown" in weights(target())["why"]
    assert "the volatility of SOL is unknown" in weights(target(), moments=some)["why"]
    assert "the covariances of BTC, ETH, SOL are unknown" in weights(target(method=EQUAL), moments=some)["why"]
    still = statistics({"BTC": 1.0, "ETH": 1.0, "SOL": 0.0})
    assert "the covariances of BTC" in weights(target(method=EQUAL), moments=still)["why"]
    assert "no weights carry the same risk" in weights(target(), moments=still)["why"]
    every = statistics({"BTC": 1.0, "ETH": 1.0, "SOL": 1.0})
    for method in ParityMethod:
        found = weights(target(method=method, volatilities=part), moments=every)
        assert found["why"] == "the volatility of ETH is not given, though others are"
    assert "is unknown" in missing(target(), view=VIEW)
