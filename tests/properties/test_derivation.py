"""What targets derive from a book: its mirror image gives the mirrored trades, and what is done needs nothing more."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.bands import Band, Unit, Width
from bot.domain.targets import (
    Base,
    Basis,
    CashTarget,
    Neutrality,
    ProxyTarget,
    RatioTarget,
    TargetSpec,
    TiltTarget,
    UnwindTarget,
    WeightsMode,
    WeightsTarget,
)
from bot.domain.triggers import Slices
from bot.domain.units import ZERO, Asset
from bot.policy.view import View
from tests.kit import BTC, ETH, d
from tests.policy.views import NOW, needs, parts

SOL = Asset("SOL")
COINS = (BTC, ETH, SOL)
SOME = settings(max_examples=40)
"""A derivation of five targets takes a few milliseconds, and making them up as many."""
ONE_COIN = st.decimals("0.5", 70_000, places=2)
SHARE = st.decimals("-0.6", "0.6", places=2)
UNITS = [Unit.RELATIVE, Unit.POINTS, Unit.COINS, Unit.QUOTE]


@st.composite
def views(draw: st.DrawFn) -> View:
    """Three coins, each held, owed or absent, with any futures."""
    amount = st.decimals(-100, 100, places=3)
    prices = {coin: draw(ONE_COIN) for coin in COINS}
    return View(prices=prices, parts={coin: parts(draw(amount), draw(amount)) for coin in COINS}, now=NOW)


@st.composite
def widths(draw: st.DrawFn, units: list[Unit]) -> tuple[Width, Width]:
    """A trigger and a destination inside it, in one unit."""
    unit = draw(st.sampled_from(units))
    trigger = draw(st.decimals("0.001", "0.3", places=3)) * {Unit.QUOTE: d(10_000), Unit.COINS: d(10)}.get(unit, d(1))
    return Width(trigger, unit), Width(trigger * draw(st.decimals(0, 1, places=1)), unit)


@st.composite
def bands(draw: st.DrawFn, units: list[Unit] = UNITS) -> Band:
    """Of any unit, alike on both sides or not, with a destination and perhaps a size that waits for nothing."""
    (above, end), (below, lower) = draw(widths(units)), draw(widths(units))
    instant = draw(st.none() | widths(units).map(lambda both: Width(both[0].value * 2, both[0].unit)))
    if draw(st.booleans()):
        return Band(above, end, instant=instant)
    return Band(above, end, below, lower, instant)


PLAIN_UNITS = [Unit.RELATIVE, Unit.COINS, Unit.QUOTE]
"""A ratio and a proxy have no base that points could be parts of."""
FIXED = Basis(base=Base.FIXED, fixed=d(1_000_000))


@st.composite
def rules(draw: st.DrawFn) -> tuple[TargetSpec, ...]:
    """One that sets whole exposures and any overlays on top; shares of a fixed base, so that a debt may be weighed."""
    first: TargetSpec
    if draw(st.booleans()):
        first = RatioTarget("ratio", COINS, draw(st.decimals(0, "1.5", places=2)), draw(bands(PLAIN_UNITS)))
    else:
        shares = {coin: draw(SHARE) for coin in COINS}
        full = WeightsMode.FULL_REBALANCE
        first = WeightsTarget(name="weights", weights=shares, mode=full, band=draw(bands()), basis=FIXED)
    overlays: tuple[TargetSpec, ...] = (
        TiltTarget(name="tilt", long={ETH: d(1)}, short={BTC: d(1)}, size=draw(SHARE), band=draw(bands()), basis=FIXED),
        TiltTarget(
            name="beta",
            long={SOL: d(1)},
            short={BTC: d("0.5"), ETH: d("0.5")},
            size=draw(SHARE),
            band=draw(bands()),
            neutral=Neutrality.BETA,
            betas={BTC: d(1), ETH: d("1.2"), SOL: d("1.7")},
            basis=FIXED,
        ),
        CashTarget(name="cash", share=draw(SHARE), anchor=BTC, band=draw(bands()), basis=FIXED),
        ProxyTarget(
            name="proxy",
            assets=(SOL,),
            anchors=(BTC, ETH),
            band=draw(bands(PLAIN_UNITS)),
            betas={SOL: {BTC: d("0.6"), ETH: d("0.4")}},
        ),
    )
    chosen = draw(st.sets(st.integers(0, len(overlays) - 1)))
    return (first, *(overlays[place] for place in sorted(chosen)))


def mirrored_band(band: Band) -> Band:
    """What was allowed above is allowed below."""
    if band.trigger_below is None or band.destination_below is None:
        return band
    return Band(band.trigger_below, band.destination_below, band.trigger, band.destination, band.instant)


def mirrored(rule: TargetSpec) -> TargetSpec:
    """The target that wants the negative of every exposure; a hedge of a part of what is held is its own mirror."""
    assert isinstance(rule.band, Band)
    changes: dict[str, object] = {"band": mirrored_band(rule.band)}
    match rule:
        case WeightsTarget():
            changes["weights"] = {asset: -share for asset, share in rule.weights.items()}
        case TiltTarget():
            changes["size"] = -rule.size
        case CashTarget():
            changes["share"] = -rule.share
        case _:
            pass
    return msgspec.structs.replace(rule, **changes)


def negated(view: View) -> View:
    """Everything that is held is owed."""
    return msgspec.structs.replace(view, parts={a: parts(-p.spot, -p.linear) for a, p in view.parts.items()})


def filled(view: View, hedges: Mapping[str, Decimal]) -> View:
    """The book once its hedges are traded."""
    done = {a: parts(p.spot, p.linear + hedges.get(a, ZERO)) for a, p in view.parts.items()}
    return msgspec.structs.replace(view, parts=done)


@SOME
@given(views(), rules(), st.booleans())
def test_the_mirror_of_a_book_and_its_targets_has_the_mirrored_trades(
    view: View, wanted: tuple[TargetSpec, ...], correcting: bool
) -> None:
    """Negating coins, futures and targets negates every deviation and every trade, to the last digit."""
    one = needs(*wanted, view=view, correcting=correcting)
    other = needs(*map(mirrored, wanted), view=negated(view), correcting=correcting)

    assert {a: (n.deviation, n.hedge) for a, n in one.items()} == {
        a: (-n.deviation, -n.hedge) for a, n in other.items()
    }
    assert [n.breached for n in one.values()] == [n.breached for n in other.values()]


@SOME
@given(views(), rules())
def test_a_hedge_that_is_done_needs_no_other(view: View, wanted: tuple[TargetSpec, ...]) -> None:
    """Traded to its destinations, the same book is inside every band, whatever their kind: nothing more is traded."""
    first = needs(*wanted, view=view)
    again = needs(*wanted, view=filled(view, {a: n.hedge for a, n in first.items()}))

    for need in again.values():
        rounding = d("1e-18") * max(abs(need.parts.holding), abs(need.parts.futures), d(1))
        assert abs(need.hedge) <= rounding or not first[need.asset].breached


@SOME
@given(views(), rules())
def test_a_book_at_its_targets_is_left_alone(view: View, wanted: tuple[TargetSpec, ...]) -> None:
    """Target = current: nothing is breached and nothing is traded, even by a correction that is under way."""
    first = needs(*wanted, view=view)
    at = filled(view, {a: -n.deviation for a, n in first.items()})

    for need in needs(*wanted, view=at, correcting=True).values():
        assert abs(need.hedge) <= d("1e-18") * max(abs(need.target), abs(need.parts.holding), d(1))


@SOME
@given(views(), rules())
def test_a_short_that_is_unwound_leaves_the_book_flat(view: View, wanted: tuple[TargetSpec, ...]) -> None:
    """Whatever hedges were built, unwinding all of them trades their exact negative: no future is left."""
    built = filled(view, {a: n.hedge for a, n in needs(*wanted, view=view, correcting=True).items()})
    none = Width(ZERO, Unit.COINS)
    slices = Slices(notional_max=d(10) ** 12, every_ns=0)
    closing = UnwindTarget(name="close", assets=COINS, slices=slices, band=Band(none, none))
    unwound = needs(closing, view=built, correcting=True)

    assert {a: n.hedge for a, n in unwound.items()} == {a: -p.futures for a, p in built.parts.items()}
    assert not any(p.futures for p in filled(built, {a: n.hedge for a, n in unwound.items()}).parts.values())


def relabelled(rule: TargetSpec, factor: Decimal) -> TargetSpec:
    """The same target where a dollar is called `factor` units: what is said in money is said in that many."""
    assert isinstance(rule.band, Band)

    def scaled(width: Width | None) -> Width | None:
        return width if width is None or width.unit is not Unit.QUOTE else Width(width.value * factor, width.unit)

    band = Band(*(scaled(getattr(rule.band, name)) for name in Band.__struct_fields__))  # type: ignore[arg-type]
    changes: dict[str, object] = {"band": band}
    if hasattr(rule, "basis"):
        changes["basis"] = msgspec.structs.replace(rule.basis, fixed=rule.basis.fixed * factor)
    return msgspec.structs.replace(rule, **changes)


@SOME
@given(views(), rules(), st.sampled_from(["0.01", "10", "1000"]), st.booleans())
def test_the_name_of_the_unit_of_account_changes_no_coin(
    view: View, wanted: tuple[TargetSpec, ...], factor: str, correcting: bool
) -> None:
    """All prices and all money times c: the same coins to the last digit, every value times c, every verdict kept."""
    scale = d(factor)
    dear = msgspec.structs.replace(view, prices={a: p * scale for a, p in view.prices.items()})
    one = needs(*wanted, view=view, correcting=correcting)
    other = needs(*(relabelled(rule, scale) for rule in wanted), view=dear, correcting=correcting)

    assert {a: (n.deviation, n.hedge, n.target, n.trigger, n.breached, n.value * scale) for a, n in one.items()} == {
        a: (n.deviation, n.hedge, n.target, n.trigger, n.breached, n.value) for a, n in other.items()
    }


@SOME
@given(views(), rules())
def test_a_correction_stays_on_its_side_and_ends_inside(view: View, wanted: tuple[TargetSpec, ...]) -> None:
    """Inside the band nothing; outside, towards the target, never past it, to the destination of that side."""
    for need in needs(*wanted, view=view).values():
        above = need.deviation > 0
        trigger = need.trigger if above or need.trigger_below is None else need.trigger_below
        end = need.destination if above or need.destination_below is None else need.destination_below
        after, small = need.deviation + need.hedge, d("1e-20") * max(abs(need.deviation), d(1))

        assert need.breached is (abs(need.deviation) > trigger) or abs(abs(need.deviation) - trigger) <= small
        assert after * need.deviation >= 0
        assert abs(after) <= abs(need.deviation)
        if need.breached:
            assert abs(after) <= trigger + small
            assert abs(abs(after) - min(end, abs(need.deviation))) <= small
            assert need.hedge * need.deviation < 0


@SOME
@given(views(), bands(), st.sampled_from(COINS))
def test_a_member_inside_all_its_bands_trades_nothing(view: View, within: Band, coin: Asset) -> None:
    """Where no asset is outside, no asset is traded, whatever the band."""
    shares = {asset: d("0.2") for asset in COINS}
    full = WeightsMode.FULL_REBALANCE
    target = WeightsTarget(name="weights", weights=shares, mode=full, band=within, basis=FIXED)
    at = filled(view, {a: -n.deviation for a, n in needs(target, view=view).items()})
    edge = needs(target, view=at)[coin].trigger
    near = filled(at, {coin: edge * d("0.999")})

    assert not any(need.breached or need.hedge for need in needs(target, view=near).values())
