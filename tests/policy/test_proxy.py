"""Proxy hedges: how much of each anchor, whose betas, and what happens once a coin has left it."""

import msgspec

from bot.domain.bands import Unit
from bot.domain.targets import Decoupled, ProxyTarget
from bot.domain.units import Asset
from tests.kit import BTC, ETH, band, d, pricing
from tests.policy.views import book, missing, needs, only, statistics, trades

ANY = band("0", unit=Unit.POINTS)
SOL, ADA = Asset("SOL"), Asset("ADA")
CLOSE = {("ADA", "BTC"): 0.8, ("ADA", "SOL"): 0.8, ("BTC", "SOL"): 0.9, ("BTC", "ETH"): 0.8, ("ETH", "SOL"): 0.85}
MOMENTS = statistics({"ADA": 1.0, "BTC": 0.5, "ETH": 0.6, "SOL": 1.0}, CLOSE)
VIEW = book(
    changes={"moments": MOMENTS},
    BTC=("50000", "1", "0"),
    ETH=("2500", "0", "0"),
    SOL=("100", "100", "0"),
    ADA=("1", "5000", "0"),
)


def proxy(**changes: object) -> ProxyTarget:
    """SOL and ADA through BTC, half of their variance at least."""
    made = ProxyTarget(name="proxy", assets=(SOL, ADA), anchors=(BTC,), band=ANY)
    return msgspec.structs.replace(made, **changes)


def traded(target: ProxyTarget, **changes: object) -> dict[str, object]:
    """What is traded where BTC and ETH have futures."""
    return dict(trades(target, view=msgspec.structs.replace(VIEW, **changes), hedged=("BTC", "ETH")))


def test_given_betas_are_taken_as_they_are() -> None:
    """10,000 of SOL at 1.8 and 5,000 of ADA at 1.6 are 26,000 of BTC; no statistics are asked for."""
    target = proxy(betas={SOL: {BTC: d("1.8")}, ADA: {BTC: d("1.6")}})

    assert traded(target, moments=None) == {"BTC": d(-26_000)}
    assert traded(msgspec.structs.replace(target, ratio=d("0.5")), moments=None) == {"BTC": d(-13_000)}


def test_an_anchor_among_the_hedged_is_hedged_by_itself() -> None:
    """Its beta to itself is 1, whatever is measured."""
    target = proxy(assets=(BTC, SOL), betas={SOL: {BTC: d(2)}})

    assert traded(target) == {"BTC": d(-70_000)}


def test_a_single_coin_names_what_the_hedge_is_for() -> None:
    """The need stands at the anchor and says whose it is."""
    one = needs(proxy(assets=(SOL,), betas={SOL: {BTC: d(1)}}), view=VIEW, hedged=("BTC",))["BTC"]
    several = needs(proxy(betas={SOL: {BTC: d(1)}, ADA: {BTC: d(1)}}), view=VIEW, hedged=("BTC",))["BTC"]

    assert (one.cause, several.cause) == (SOL, None)
    assert "SOL = 1 BTC (given)" in one.why


def test_points_are_of_what_is_hedged() -> None:
    """Five points of 15,000 are 750 of the anchor."""
    target = proxy(betas={SOL: {BTC: d(1)}, ADA: {BTC: d(1)}}, band=band("0.05", unit=Unit.POINTS))
    view = msgspec.structs.replace(VIEW, parts={**VIEW.parts, BTC: msgspec.structs.replace(VIEW.parts[BTC])})
    found = needs(target, view=view, hedged=("BTC",))["BTC"]

    assert found.trigger * found.price == d(750)


def test_caps_bound_each_anchor() -> None:
    """26,000 wanted, 20,000 allowed: told, and judged at the cap."""
    target = proxy(betas={SOL: {BTC: d("1.8")}, ADA: {BTC: d("1.6")}}, anchor_caps={BTC: d(20_000)})

    assert traded(target) == {"BTC": d(-20_000)}
    assert "proxy capped at 20000" in needs(target, view=VIEW, hedged=("BTC",))["BTC"].why


def test_what_cannot_be_known_stops_it() -> None:
    """An anchor's future, a value, a beta: one line each."""

    def why(**changes: object) -> str:
        return missing(proxy(**changes), view=VIEW, hedged=("BTC",))

    assert why(anchors=(BTC, ETH)) == "the anchor ETH has no future that could be traded"
    assert why(assets=(Asset("XRP"),)) == "the value of XRP is unknown"
    assert why(betas={SOL: {ETH: d(1)}}) == "the beta of SOL to BTC is not given, though others are"


def decoupled(what: Decoupled) -> ProxyTarget:
    """SOL by a given slope, with a floor of effectiveness that no coin meets."""
    return proxy(assets=(SOL,), effectiveness_min=d("0.99"), decoupled=what)


def test_a_decoupled_coin_keeps_a_part_of_its_proxy() -> None:
    """Half of 1.8 x 10,000, and the reason is told."""
    need = needs(decoupled(Decoupled.CAP), view=VIEW, hedged=("BTC",))["BTC"]

    assert round(need.hedge * need.price, -2) == d(-9_000)
    assert "SOL has decoupled (SOL on BTC: effectiveness 0.810 is below 0.990): 50 % of its proxy" in need.why


def test_a_decoupled_coin_may_be_hedged_by_its_own_future() -> None:
    """Where it has one; where it has none, a part of the proxy stays."""
    own = decoupled(Decoupled.OWN)

    assert trades(own, view=VIEW, hedged=("BTC", "SOL")) == {"SOL": d(-10_000)}
    assert trades(own, view=VIEW, hedged=("BTC",)).keys() == {"BTC"}


def test_a_coin_that_is_coupled_leaves_its_own_future_alone() -> None:
    """And gives back what it had of it."""
    own = proxy(assets=(SOL,), betas={SOL: {BTC: d(1)}}, decoupled=Decoupled.OWN)
    hedged = {**VIEW.parts, SOL: msgspec.structs.replace(VIEW.parts[SOL], linear=d(-10))}
    view = msgspec.structs.replace(VIEW, parts=hedged)

    assert trades(own, view=view, hedged=("BTC", "SOL")) == {"BTC": d(-10_000), "SOL": d(1_000)}


def test_a_decoupled_coin_may_wait_for_a_person() -> None:
    """Nothing is changed until somebody has looked."""
    why = missing(decoupled(Decoupled.HOLD), view=VIEW, hedged=("BTC",))

    assert why.endswith("held until a person has looked")


def test_costs_leave_out_what_is_not_worth_them() -> None:
    """A hedge that costs nearly its value is left out, one that costs little is kept almost whole."""
    target = proxy(assets=(SOL,), betas={SOL: {BTC: d("1.8")}}, cost_aware=True)

    assert traded(target, costs={BTC: 0.9}) == {}
    cheap = traded(target, costs={BTC: 0.0001})["BTC"]
    assert isinstance(cheap, type(d(1)))
    assert d(-18_000) < cheap < d(-17_000)


def test_what_stands_costs_nothing_to_keep() -> None:
    """A spread that opens for a moment sells no hedge: the way back would be paid as well."""
    target = proxy(assets=(SOL,), betas={SOL: {BTC: d("1.8")}}, cost_aware=True)
    price = VIEW.prices[BTC]
    standing = {**VIEW.parts, BTC: msgspec.structs.replace(VIEW.parts[BTC], linear=d(-18_000) / price)}
    known = {"parts": standing, "booked": {"proxy": {BTC: d(-18_000) / price}}}

    assert traded(target, costs={BTC: 0.9}, **known) == {}
    assert traded(target, costs={BTC: 0.9}, parts=standing)["BTC"] == d(18_000)


def test_costs_are_weighed_anew_at_every_price() -> None:
    """Nothing is skipped: the program looks at values."""
    target = proxy(assets=(SOL,), betas={SOL: {BTC: d("1.8")}}, cost_aware=True, band=band("99999", unit=Unit.QUOTE))
    view = msgspec.structs.replace(VIEW, costs={BTC: 0.0001})
    names = {Asset(c): pricing(c) for c in ("BTC", "ETH", "SOL", "ADA")}
    rows = only(target, view=view, hedged=("BTC",)).rows(names)

    assert any(max(row.coefficients.values()) < 0 and len(row.coefficients) == 4 for row in rows)


def test_costs_that_are_not_known_stop_it() -> None:
    """A cost, the covariances, net asset value, or a program that finds nothing."""
    target = proxy(assets=(SOL,), betas={SOL: {BTC: d("1.8")}}, cost_aware=True)

    def why(**changes: object) -> str:
        return missing(target, view=msgspec.structs.replace(VIEW, **changes), hedged=("BTC",))

    assert why() == "what a trade of BTC costs is unknown"
    assert "the covariances of BTC are unknown" in why(moments=None, costs={BTC: 0.1})
    assert why(blind={ETH: "x"}, costs={BTC: 0.1}) == "net asset value is unknown: ETH"
    assert why(costs={BTC: float("nan")}) == "proxy: no hedge of least risk and cost could be found"


def test_a_hedge_of_nothing_needs_no_share() -> None:
    """No coins, no hedge, whatever it would cost."""
    target = proxy(assets=(SOL,), betas={SOL: {BTC: d("1.8")}}, cost_aware=True)
    empty = {**VIEW.parts, SOL: msgspec.structs.replace(VIEW.parts[SOL], spot=d(0))}

    assert traded(target, costs={BTC: 0.1}, parts=empty) == {}
