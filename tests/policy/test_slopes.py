"""Slopes on anchors: given, measured, believed; how well they are known and whether they hold."""

import msgspec

from bot.domain.bands import Unit
from bot.domain.statistics import Moments
from bot.domain.targets import ProxyTarget
from bot.domain.units import Asset
from bot.policy import measures, slopes
from bot.policy.slopes import Slopes
from bot.policy.view import Missing, View
from tests.kit import BTC, ETH, band, d
from tests.policy.views import statistics

SOL = Asset("SOL")
MOMENTS = statistics(
    {"BTC": 0.5, "ETH": 0.6, "SOL": 1.0}, {("BTC", "SOL"): 0.9, ("BTC", "ETH"): 0.8, ("ETH", "SOL"): 0.85}
)


def target(*anchors: Asset, **changes: object) -> ProxyTarget:
    """SOL through these anchors."""
    made = ProxyTarget(name="proxy", assets=(SOL,), anchors=anchors or (BTC,), band=band("0", unit=Unit.POINTS))
    return msgspec.structs.replace(made, **changes)


def found(one: ProxyTarget, moments: Moments | None = MOMENTS, prior_weight: float = 0.0) -> Slopes:
    """Slopes that are known."""
    made = slopes.of(one, SOL, View(prices={}, parts={}, moments=moments, prior_weight=prior_weight))

    assert isinstance(made, Slopes)
    return made


def why(one: ProxyTarget, moments: Moments | None = MOMENTS) -> str:
    """Why they are not."""
    made = slopes.of(one, SOL, View(prices={}, parts={}, moments=moments))

    assert isinstance(made, Missing)
    return made.why


def test_a_measured_slope_is_pulled_towards_its_prior_by_its_error() -> None:
    """0.9 x 1.0 / 0.5 = 1.8, known to 0.03: next to nothing of the prior of 1; more where the rule says so."""
    one = found(target())

    assert d("1.79") < one.betas[BTC] < d("1.8")
    assert "measured 1.800 with a standard error of 0.029, R2 0.810" in one.told(SOL)
    assert d("1.39") < found(target(), prior_weight=0.5).betas[BTC] < d("1.41")


def test_a_slope_that_is_badly_known_gives_way_to_its_prior() -> None:
    """Above the largest error that is taken."""
    one = found(target(beta_error_max=d("0.01"), beta_prior=d("1.3")))

    assert one.betas == {BTC: d("1.3")}
    assert one.source.startswith("prior: measured 1.800")


def test_too_few_returns_say_nothing() -> None:
    """Unknown, not the prior."""
    assert why(target(samples_min=2000)) == "the beta of SOL to BTC is unknown: 1000 returns of both, 2000 asked"
    assert "no statistics" in why(target(), None)
    assert "unknown: too few returns, or anchors alike" in why(target(BTC, ETH, samples_min=2000))


def test_several_anchors_share_a_coin_by_least_variance() -> None:
    """Both slopes together, and the residual is uncorrelated with each anchor."""
    one = found(target(BTC, ETH))
    b, e = (float(one.betas[a]) for a in (BTC, ETH))
    per = 0.5 * 0.5, 0.8 * 0.5 * 0.6, 0.6 * 0.6

    assert abs(0.9 * 0.5 - (b * per[0] + e * per[1])) < 1e-4
    assert abs(0.85 * 0.6 - (b * per[1] + e * per[2])) < 1e-4
    assert "effectiveness 0.8" in one.source


def test_several_that_are_badly_known_give_way_to_the_first_anchor_alone() -> None:
    """The prior on the first, nothing on the rest."""
    one = found(target(BTC, ETH, beta_error_max=d("0.01")))

    assert one.betas == {BTC: d(1), ETH: d(0)}
    assert one.source.startswith("prior: effectiveness 0.8")


def test_errors_without_returns_to_spare_are_endless() -> None:
    """Three returns of full weight tell no two slopes."""
    few = msgspec.structs.replace(MOMENTS, effective=2.0)

    assert found(target(BTC, ETH), few).source.endswith("largest standard error inf")


def test_anchors_that_move_alike_cannot_be_told_apart() -> None:
    """And so no slope is."""
    alike = statistics(
        {"BTC": 0.5, "ETH": 0.5, "SOL": 1.0}, {("BTC", "ETH"): 1.0, ("BTC", "SOL"): 0.9, ("ETH", "SOL"): 0.9}
    )
    still = statistics({"BTC": 0.5, "ETH": 0.6, "SOL": 0.0})

    assert "anchors alike" in why(target(BTC, ETH), alike)
    assert "anchors alike" in why(target(BTC, ETH), still)


def test_a_hedge_that_takes_away_too_little_is_broken() -> None:
    """By its effectiveness, with one anchor or several; a given slope is watched for a break of correlation alone."""
    picky = d("0.95")

    assert "effectiveness 0.810 is below 0.950" in found(target(effectiveness_min=picky)).broken
    assert found(target(BTC, ETH, effectiveness_min=picky)).broken.startswith("effectiveness 0.8")
    assert found(target(betas={SOL: {BTC: d(1)}}, effectiveness_min=picky)).broken == ""


def test_a_correlation_that_breaks_is_seen_with_every_kind_of_slope() -> None:
    """The fast one at nothing while the slow one is high."""
    apart = statistics({"BTC": 0.5, "ETH": 0.6, "SOL": 1.0})
    flat = tuple((200.0,) * 3 for _ in range(3))
    broken = msgspec.structs.replace(
        MOMENTS, fast=apart.fast, known=tuple((900.0,) * 3 for _ in range(3)), known_fast=flat
    )

    assert "correlation went from 0.90 to 0.00" in found(target(), broken).broken
    assert "correlation went from" in found(target(BTC, ETH), broken).broken
    assert "; effectiveness" not in found(target(BTC, ETH), broken).broken
    both = found(target(BTC, ETH, effectiveness_min=d("0.95")), broken).broken
    assert both.startswith("effectiveness")
    assert "correlation went from" in both
    assert "correlation" in found(target(betas={SOL: {BTC: d(1)}}), broken).broken
    assert found(target(betas={SOL: {BTC: d(1)}}), None).broken == ""


def test_statistics_become_exact_at_one_place() -> None:
    """Four places; an asset's beta to itself is 1; a volatility that is none is unknown."""
    assert measures.rounded(1.23456) == d("1.2346")
    assert measures.beta(BTC, BTC, None) == d(1)
    assert isinstance(measures.volatility(SOL, None), Missing)
    assert isinstance(measures.beta(SOL, Asset("XRP"), MOMENTS), Missing)
