"""Proxy hedges that a cap, the margin or their costs bind: solved among all anchors, not cut one by one."""

import math
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.calc import linear, moments
from bot.calc.forms import Form
from bot.domain.bands import Unit
from bot.domain.targets import Decoupled, ProxyTarget
from bot.domain.units import Asset
from bot.policy import frugal
from bot.policy.purse import Scope
from bot.policy.view import MarginRoom, View
from tests.kit import BTC, ETH, band, d, pricing
from tests.policy.views import book, needs, only, parts, statistics, trades

ANY = band("0", unit=Unit.POINTS)
SOL = Asset("SOL")
MOMENTS = statistics(
    {"BTC": 0.5, "ETH": 0.6, "SOL": 1.0}, {("BTC", "ETH"): 0.8, ("BTC", "SOL"): 0.9, ("ETH", "SOL"): 0.85}
)
"""A year: Cov(BTC, ETH) 0.24, Cov(BTC, SOL) 0.45, Cov(ETH, SOL) 0.51; variances 0.25, 0.36 and 1."""
VIEW = book(changes={"moments": MOMENTS}, BTC=("50000", "0", "0"), ETH=("2500", "0", "0"), SOL=("100", "100", "0"))
FREE = d(1_000_000)


def proxy(**changes: object) -> ProxyTarget:
    """SOL through both, whatever its R squared."""
    made = ProxyTarget(name="proxy", assets=(SOL,), anchors=(BTC, ETH), band=ANY)
    return msgspec.structs.replace(made, **changes)


def traded(target: ProxyTarget, **changes: object) -> dict[str, float]:
    """What is traded, rounded to whole units of money."""
    view = msgspec.structs.replace(VIEW, **changes)
    return {asset: round(float(value)) for asset, value in trades(target, view=view, hedged=("BTC", "ETH")).items()}


def why(target: ProxyTarget, **changes: object) -> str:
    """The words at ETH."""
    return needs(target, view=msgspec.structs.replace(VIEW, **changes), hedged=("BTC", "ETH"))[ETH].why


def variance(known: View, coins: dict[Asset, float]) -> float:
    """What values of coins vary by, a year."""
    assert known.moments is not None
    matrix = moments.covariance(known.moments, tuple(coins))
    assert matrix is not None
    return 8760 * linear.quadratic(matrix, list(coins.values()))


def margins(free: Decimal, rate: float = 0.02, *accounts: str) -> dict[Asset, MarginRoom]:
    """So much free margin for both anchors."""
    names = accounts or ("usdm", "usdm")
    return {a: MarginRoom(account=n, rate=rate, free=free) for a, n in zip((BTC, ETH), names, strict=True)}


def test_what_a_cap_cuts_moves_to_the_other_anchor() -> None:
    """Plain: 12,222 and 6,019. BTC at 5,000: the least variance is at (0.51 x 10,000 - 0.24 x 5,000) / 0.36 of ETH."""
    assert {"BTC": -12222, "ETH": -6019} == traded(proxy())
    assert {"BTC": -5000, "ETH": -10834} == traded(proxy(anchor_caps={BTC: d(5_000)}))
    assert {"BTC": -5000, "ETH": -5000} == traded(proxy(cap=d(5_000)))
    assert {"BTC": -5000, "ETH": -10834} == traded(proxy(), caps={BTC: d(5_000)})
    assert "bound by the cap of BTC, the least variance is 40.91 % of BTC, 179.99 % of ETH" in why(
        proxy(anchor_caps={BTC: d(5_000)})
    )


def test_the_volatility_that_is_left_is_the_least_there_is() -> None:
    """Cut at 5,000 of BTC and left alone 52.3 % stay; solved 43.6 %, and no other amount of ETH leaves less."""
    cut = variance(VIEW, {SOL: 1.0, BTC: -0.5, ETH: -0.6019})
    solved = variance(VIEW, {SOL: 1.0, BTC: -0.5, ETH: -1.0834})

    assert (0.523, 0.436) == (round(math.sqrt(cut), 3), round(math.sqrt(solved), 3))
    assert solved < min(variance(VIEW, {SOL: 1.0, BTC: -0.5, ETH: eth}) for eth in (-1.07, -1.10))


def test_a_cap_that_does_not_bind_changes_nothing_until_it_does() -> None:
    """The amounts stay linear in prices, and a condition says up to where: 100 SOL at 163.6 want 20,000 of BTC."""
    target = proxy(anchor_caps={BTC: d(20_000)}, band=band("99999", unit=Unit.QUOTE))
    rows = only(target, view=VIEW, hedged=("BTC", "ETH")).rows({a: pricing(a) for a in ("BTC", "ETH", "SOL")})  # type: ignore[misc]
    caps = [row for row in rows if row.constant == 20_000 and row.coefficients.keys() == {pricing("SOL")}]

    assert {-122.22} == {round(row.coefficients[pricing("SOL")], 2) for row in caps}


def test_betas_that_are_given_are_cut_and_not_moved() -> None:
    """Their owner says what he wants of each: the words say that nothing was moved; without a cap there are none."""
    betas = {SOL: {BTC: d("1.2"), ETH: d("0.6")}}
    capped = proxy(betas=betas, anchor_caps={BTC: d(5_000)})

    assert {"BTC": -5000, "ETH": -6000} == traded(capped)
    assert "betas are given: what the cap cuts is not moved to others" in why(capped)
    assert "not moved" not in why(proxy(betas=betas, anchor_caps={BTC: d(50_000)}))
    assert "not moved" not in why(proxy(betas=betas), margins=margins(d(1)))


def test_one_anchor_has_nobody_to_move_to() -> None:
    """The cap cuts, and that is the least variance."""
    assert {"BTC": -5000} == traded(proxy(anchors=(BTC,), anchor_caps={BTC: d(5_000)}))


def test_without_covariances_the_cap_cuts() -> None:
    """Anchors that hedge themselves need no statistics; what a cap cuts of them then stays open, and is told."""
    target = proxy(assets=(BTC, ETH), anchor_caps={BTC: d(5_000)})
    held = {**VIEW.parts, BTC: parts("0.2"), ETH: parts("2")}

    assert {"BTC": -5000, "ETH": -5000} == traded(target, parts=held, moments=None)
    assert "no hedge of least variance is known within its caps" in why(target, parts=held, moments=None)
    assert {"BTC": -5000, "ETH": -8333} == traded(target, parts=held)


def test_margin_is_dealt_out_by_what_it_hedges() -> None:
    """200 at 2 % margin 10,000 in all: both anchors together keep that row, and the least variance says how."""
    found = traded(proxy(), margins=margins(d(200)))
    here = {SOL: 10_000.0, BTC: float(found["BTC"]), ETH: float(found.get("ETH", 0))}
    others = [here | {BTC: here[BTC] + step, ETH: here[ETH] - step} for step in (-500.0, 500.0)]

    assert -10_000 == sum(found.values())
    assert all(variance(VIEW, here) <= variance(VIEW, one) for one in others if one[ETH] <= 0)
    assert "bound by margin, the least variance is" in why(proxy(), margins=margins(d(200)))


def test_what_stands_is_margined_already() -> None:
    """5,000 of BTC short need no free margin to be kept; another target's futures do not help."""
    standing = {**VIEW.parts, BTC: parts("0", "-0.1")}
    scope = Scope((proxy(), msgspec.structs.replace(proxy(), name="other")), VIEW)

    def most(**changes: object) -> float:
        view = msgspec.structs.replace(VIEW, margins=margins(d(100)), parts=standing, **changes)
        return frugal._margin(proxy(), (BTC, ETH), Scope(scope.targets, view)).most

    assert 200.0 == most()
    assert 100.0 == most(booked={"other": {BTC: d("-0.1")}})


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({}, "no margin row: the free margin for BTC is unknown"),
        (margins(d(10), 0.02, "a", "b"), "no margin row: several accounts margin these futures"),
        (margins(FREE), ""),
    ],
)
def test_a_margin_that_is_not_known_is_no_row_and_told(known: dict[Asset, MarginRoom], said: str) -> None:
    """The hedge is solved within its caps alone."""
    capped = proxy(anchor_caps={BTC: d(5_000)})

    assert {"BTC": -5000, "ETH": -10834} == traded(capped, margins=known)
    assert said in why(capped, margins=known)
    assert bool(said) is ("no margin row" in why(capped, margins=known))


def test_a_decoupled_coins_own_future_takes_nothing_of_what_others_leave() -> None:
    """SOL by its own future: no more of it than SOL is worth, whatever a cap of BTC leaves of ETH's hedge."""
    target = proxy(assets=(ETH, SOL), decoupled=Decoupled.OWN, effectiveness_min=d("0.99"), anchor_caps={ETH: d(2_000)})
    held = {**VIEW.parts, ETH: parts("2")}
    found = trades(target, view=msgspec.structs.replace(VIEW, parts=held), hedged=("BTC", "ETH", "SOL"))

    assert d(-10_000) == found["SOL"]
    assert d(-2_000) == found["ETH"]
    assert d(-2_880) == found["BTC"], "0.24 / 0.25 of the 3,000 that the cap cut"


def test_a_dear_anchor_gives_way_to_a_cheap_one() -> None:
    """At 20 % for ETH, 243 of it a unit of risk: 243 x 0.25 / 0.0324 less of it, 243 x 0.24 / 0.0324 more of BTC."""
    found = traded(proxy(cost_aware=True), costs={BTC: 0.0, ETH: 0.2})

    assert {"BTC": -14_024, "ETH": -4_141} == found


def test_funding_that_is_earned_enlarges_no_hedge() -> None:
    """Shorts that receive 100 % a year are worth their fee and no more; shorts that pay it are not opened."""
    costs = {BTC: 0.0006, ETH: 0.0006}
    rates = dict.fromkeys((BTC, ETH), 1.0)
    earning = traded(proxy(cost_aware=True), costs=costs, funding_apr=rates)
    paying = traded(proxy(cost_aware=True), costs=costs, funding_apr={BTC: -9.0, ETH: -9.0})

    assert {"BTC": -12222, "ETH": -6019} == earning
    assert sum(paying.values()) > sum(earning.values())


def test_the_more_one_minds_risk_the_more_is_hedged() -> None:
    """`risk_aversion` is a key of the target."""
    sizes = [
        traded(proxy(cost_aware=True, risk_aversion=d(aversion)), costs={BTC: 0.02, ETH: 0.02})
        for aversion in (1, 10, 1000)
    ]

    assert [-1 * sum(one.values()) for one in sizes] == sorted(-1 * sum(one.values()) for one in sizes)
    assert sum(sizes[0].values()) > sum(sizes[-1].values())


def test_a_hedge_that_is_worth_its_cost_keeps_its_caps() -> None:
    """Costs and caps together; the words say the amount where the plain one is nothing."""
    target = proxy(cost_aware=True, anchor_caps={BTC: d(5_000)}, betas={SOL: {BTC: d(1), ETH: d(0)}})
    found = traded(target, costs={BTC: 0.0001, ETH: 0.0001})

    assert -5000 == found["BTC"]
    assert -3500 < found["ETH"] < -3000
    assert "in ETH" in why(target, costs={BTC: 0.0001, ETH: 0.0001})


def test_a_program_that_finds_nothing_cuts() -> None:
    """An anchor that never moves has no place in the program."""
    flat = statistics({"BTC": 0.5, "ETH": 0.0, "SOL": 1.0}, {("BTC", "SOL"): 0.9})
    view = msgspec.structs.replace(VIEW, moments=flat)
    amounts = {BTC: Form(d(-9_000)), ETH: Form(d(-1_000))}
    found = frugal.solved(proxy(anchor_caps={BTC: d(5_000)}), amounts, Scope((proxy(),), view), given=False)

    assert isinstance(found, frugal.Solved)
    assert amounts == found.amounts


LOADS = st.lists(st.floats(-1.5, 1.5), min_size=3, max_size=3)
CAPS = st.dictionaries(st.sampled_from((BTC, ETH)), st.integers(500, 20_000).map(Decimal))


@given(loads=LOADS, own=st.floats(0.1, 1.0), caps=CAPS, free=st.integers(1, 800), held=st.integers(-200, 200))
def test_solved_is_never_worse_than_cut_and_keeps_every_limit(
    loads: list[float], own: float, caps: dict[Asset, Decimal], free: int, held: int
) -> None:
    """Whatever moves with what: caps and margin are kept, and no more variance is left than by cutting one by one."""
    names = (BTC, ETH, SOL)
    size = [math.sqrt(load * load + own * own) for load in loads]
    pairs = {(a, b): loads[i] * loads[j] / size[i] / size[j] for i, a in enumerate(names) for j, b in enumerate(names)}
    known = statistics(dict(zip(names, size, strict=True)), pairs)  # type: ignore[arg-type]
    room = margins(Decimal(free))
    view = msgspec.structs.replace(VIEW, moments=known, margins=room, parts={**VIEW.parts, SOL: parts(str(held))})
    coins = float(held) * 100.0
    plain = {a: Form(Decimal(repr(-coins * b))) for a, b in _slopes(view).items()}
    found = frugal.solved(proxy(anchor_caps=caps), plain, Scope((proxy(),), view), given=False)
    assert isinstance(found, frugal.Solved)
    after = {a: float(form.value(view.prices)) for a, form in found.amounts.items()}
    cut = {
        a: max(-float(caps.get(a, d("9e9"))), min(float(caps.get(a, d("9e9"))), float(f.constant)))
        for a, f in plain.items()
    }
    used = 0.02 * sum(map(abs, cut.values()))
    fair = {a: value * min(1.0, free / used if used else 1.0) for a, value in cut.items()}

    assert all(abs(after[a]) <= cap for a, cap in caps.items())
    assert 0.02 * sum(map(abs, after.values())) <= free * (1 + 1e-9) + 1e-6
    assert variance(view, {SOL: coins, **after}) <= variance(view, {SOL: coins, **fair}) * (1 + 1e-6) + 1.0


def _slopes(view: View) -> dict[Asset, float]:
    """Those of least variance of SOL on both."""
    assert view.moments is not None
    matrix = moments.covariance(view.moments, (SOL, BTC, ETH))
    assert matrix is not None
    solved = linear.solve(linear.submatrix(matrix, (1, 2), (1, 2)), [matrix[1][0], matrix[2][0]])
    assert solved is not None
    return dict(zip((BTC, ETH), solved, strict=True))
