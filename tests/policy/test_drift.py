"""The drift of weights from returns: what an auto band goes by until it has seen its own."""

import msgspec
import pytest

from bot.calc import autoband
from bot.domain.bands import Auto, Unit, Width
from bot.domain.targets import Base, Basis, ParityTarget, RatioTarget, TargetSpec, WeightsTarget
from bot.domain.units import Asset
from bot.policy import drift
from bot.policy.compose import Derived
from bot.policy.gather import gather
from bot.policy.judge import Ruler, judge
from bot.policy.purse import Scope
from bot.policy.view import Missing, View
from tests.kit import BTC, ETH, USDT, d, weights
from tests.policy.views import book, needs, only, parts, statistics

SOL = Asset("SOL")
AUTO = Auto(hard=Width(d("0.1"), Unit.POINTS), risk_aversion=d(100))
MOMENTS = statistics({"BTC": 0.5, "ETH": 0.8, "SOL": 1.0}, 0.5)
"""A year: variances 0.25, 0.64 and 1, covariances 0.2, 0.25 and 0.4."""
NOTHING = Basis(reserve={USDT: d(0)})
COSTS = {BTC: 0.0006, ETH: 0.0006, SOL: 0.0006}


def target(basis: Basis = NOTHING) -> WeightsTarget:
    """60/40 of a base, in a band of its own width."""
    shares = {BTC: d("0.6"), ETH: d("0.4")}
    return WeightsTarget(name="weights", weights=shares, mode=weights().mode, band=AUTO, basis=basis)


def view(**changes: object) -> View:
    """A hundred, at its weights, of which nobody has seen any drift."""
    made = book(changes={"moments": MOMENTS, "costs": COSTS}, BTC=("1", "60", "0"), ETH=("1", "40", "0"))
    return msgspec.structs.replace(made, **changes)


def with_coins(**coins: str) -> View:
    """The same with more of a coin or of cash."""
    more = {Asset(coin): parts(held) for coin, held in coins.items()}
    return view(parts={**view().parts, **more}, prices={**view().prices, **dict.fromkeys(more, d(1))})


def variances(one: TargetSpec, seen: View, *others: TargetSpec) -> dict[str, float]:
    """What returns say of every asset, rounded."""
    scope = Scope((one, *others), seen)
    found, nav = gather(scope.targets, scope, (BTC, ETH)), scope.nav()
    assert not isinstance(found, Missing)
    assert not isinstance(nav, Missing)
    judged = [judge(asset, aims, seen, Ruler(seen)) for asset, aims in found.aims.items()]
    return {asset: round(value, 9) for asset, value in drift.of_returns(judged, scope, nav).items()}


def words(found: Derived) -> str:
    """The notes."""
    return "; ".join(found.notes)


def test_two_weights_of_everything_drift_alike() -> None:
    """w1 w2 (r1 - r2) is the drift of both: 0.0576 x (0.25 + 0.64 - 0.4)."""
    assert dict.fromkeys((BTC, ETH), round(0.0576 * 0.49, 9)) == variances(target(), view())


def test_a_band_begins_with_it_and_says_so() -> None:
    """The width is that of the closed form at this drift, until one was seen."""
    seen = view(drift_variance={BTC: 0.01, ETH: 0.01})
    off = {BTC: parts("60", "5"), ETH: parts("40")}
    need = needs(target(), view=view(parts=off))[BTC]
    problem = autoband.Problem(variance=0.0576 * 0.49, returns=0.25, aversion=100.0, cost=0.0006)

    assert abs(float(need.trigger) / 100 - autoband.width(problem)) < 1e-9
    assert "drift from returns: BTC, ETH" in words(only(target(), view=view()))
    assert "drift from returns: ETH" in words(only(target(), view=view(drift_variance={BTC: 0.01})))
    both = {BTC: 1e-9, ETH: 1e-9}
    assert "drift from returns: BTC" in words(only(target(), view=view(drift_variance=both, drift_brief={BTC})))
    assert "drift from returns" not in words(only(target(), view=view(drift_variance=both)))
    assert "" == words(only(target(), view=seen))


@pytest.mark.parametrize(
    ("basis", "btc"),
    [
        (NOTHING, 0.0576 * 0.49),
        (Basis(base=Base.OWNED), 0.0576 * 0.49 / 4),
        (Basis(base=Base.FIXED, fixed=d(100)), 0.36 * 0.25 / 4),
    ],
)
def test_what_the_base_is_decides_what_moves_it(basis: Basis, btc: float) -> None:
    """Beside a hundred of cash: weights of 200, of the 100 that is owned (a half of NAV), and of what never moves."""
    assert round(btc, 9) == variances(target(basis), with_coins(USDT="100"))[BTC]


def test_a_coin_that_is_no_weight_moves_the_base_too() -> None:
    """A hundred of SOL in a base of 200: Var(r1 - 0.6 r1 - 0.4 r2 - 0.5 r3) of it."""
    a, b, c = 0.4, -0.4, -0.5
    moved = a * a * 0.25 + b * b * 0.64 + c * c + 2 * (a * b * 0.2 + a * c * 0.25 + b * c * 0.4)

    assert round(0.36 * moved, 9) == variances(target(), with_coins(SOL="100"))[BTC]


def test_what_does_not_follow_from_returns_stays_unknown() -> None:
    """No returns, a coin without any, a hedge that prices do not move: the hard limit alone, as before."""
    neutral = RatioTarget(name="neutral", assets=(BTC, ETH), band=AUTO, ratio=d(1))

    assert {} == variances(target(), view(moments=None))
    assert {} == variances(target(), with_coins(DOGE="100"))
    assert {} == variances(neutral, view())
    assert {} == variances(target(), view(), msgspec.structs.replace(target(), name="again"))
    assert "the drift of BTC is unknown" in words(only(neutral, view=view(), hedged=("BTC",), explain=True))


def test_parity_weights_drift_like_weights() -> None:
    """By inverse volatility 0.6154 and 0.3846 of everything."""
    parity = ParityTarget(name="parity", assets=(BTC, ETH), band=AUTO, basis=NOTHING)
    found = variances(parity, view())

    assert round((0.6154 * 0.3846) ** 2 * 0.49, 9) == found[BTC] == found[ETH]
