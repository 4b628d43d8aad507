"""Targets compose by addition, the narrowest band decides, and one hedge follows; or it waits, and says for what."""

import itertools
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.bands import Auto, Band, Unit, Width
from bot.domain.targets import CashTarget, Neutrality, RatioTarget, TargetSpec, TiltTarget
from bot.domain.triggers import Start, When
from bot.domain.units import HOUR_NS, SECOND_NS, ZERO, Asset, Nanos
from bot.policy.view import View
from tests.kit import BTC, ETH, band, d, neutral, pricing, weights
from tests.policy.views import NOW, book, derived, needs, only, parts, statistics, trades

ANY = band("0", unit=Unit.POINTS)
SOL = Asset("SOL")
CASH = CashTarget(name="cash", share=d("0.2"), anchor=BTC, band=ANY)
TILT = TiltTarget(name="tilt", long={ETH: d(1)}, short={BTC: d(1)}, size=d("0.05"), band=ANY)
VIEW = book(BTC=("50000", "1", "0"), ETH=("2500", "20", "0"))


def test_overlays_add_up() -> None:
    """Neutral -50,000, cash -20,000 and the short side of a tilt -5,000: one order of 1.5 BTC, told by its parts."""
    found = needs(neutral("BTC", "ETH"), CASH, TILT, view=VIEW)

    assert {asset: need.hedge for asset, need in found.items()} == {"BTC": d("-1.5"), "ETH": d(-18)}
    assert found["BTC"].shares == {"cash": d("-0.4"), "neutral": d(-1), "tilt": d("-0.1")}
    assert "target -0.5 (cash -0.4, neutral -1, tilt -0.1), deviation 1.5" in found["BTC"].why


def test_the_narrowest_band_decides() -> None:
    """One per cent of the neutral coin, or 20 points of the cash hedge's base: the first is left."""
    wide = msgspec.structs.replace(CASH, share=d("0"), band=band("0.2", "0.1", unit=Unit.POINTS))
    view = book(BTC=("50000", "1", "-0.985"), ETH=("2500", "20", "0"))
    (need,) = [n for n in needs(neutral("BTC"), wide, view=view).values() if n.hedge]

    assert (need.trigger, need.hedge) == (d("0.01"), d("-0.015"))


def test_each_side_has_its_own_narrowest_band() -> None:
    """Above the one, below the other; both are told."""
    widths = [Width(d(n), Unit.COINS) for n in ("0.5", "0.1", "0.2", "0.05")]
    lopsided = msgspec.structs.replace(neutral("BTC", within=Band(*widths)), name="lopsided", owns={BTC: d(1)})
    even = msgspec.structs.replace(neutral("BTC", within=band("0.3", unit=Unit.COINS)), owns={BTC: d(1)})
    need = needs(lopsided, even, view=book(BTC=("50000", "2", "-1.75")))["BTC"]

    assert (need.trigger, need.destination) == (d("0.3"), d(0))
    assert (need.trigger_below, need.destination_below) == (d("0.2"), d("0.05"))


@pytest.mark.parametrize(("futures", "hedge"), [("-0.8", "0"), ("-0.69", "-0.21"), ("-1.19", "0"), ("-1.21", "0.16")])
def test_an_asymmetric_band_ends_where_its_side_says(futures: str, hedge: str) -> None:
    """0.3 too little is a sale back to 0.1; 0.2 too much a purchase back to 0.05."""
    widths = [Width(d(n), Unit.COINS) for n in ("0.3", "0.1", "0.2", "0.05")]

    assert needs(neutral("BTC", within=Band(*widths)), view=book(BTC=("50000", "1", futures)))["BTC"].hedge == d(hedge)


def test_a_member_is_at_rest_without_a_word() -> None:
    """Inside its bands nothing is made for a person, unless one asks."""
    resting = only(weights(), view=book(BTC=("1", "60", "0"), ETH=("1", "40", "0")))

    assert (resting.needs, resting.fired, resting.waits, resting.outside) == ((), False, (), ())
    asked = only(weights(), view=book(BTC=("1", "60", "0"), ETH=("1", "40", "0")), explain=True)
    assert [need.why for need in asked.needs] == [
        "BTC: exposure 60 = holding 60 + futures 0; target 60, deviation 0; band 5 pp kept",
        "ETH: exposure 40 = holding 40 + futures 0; target 40, deviation 0; band 5 pp kept",
    ]


def test_an_index_is_part_of_both_exposure_and_target() -> None:
    """What an index's future brings of a coin is nobody's deviation, and told."""
    held = msgspec.structs.replace(parts("1", "-1"), index=d("-0.5"))
    need = needs(neutral("BTC"), view=View(prices={BTC: d(50_000)}, parts={BTC: held}))["BTC"]

    assert (need.parts.exposure, need.target, need.deviation) == (d("-0.5"), d("-0.5"), d(0))
    assert "+ index -0.5" in need.why


def patient(**when: object) -> RatioTarget:
    """A neutral target that waits."""
    return msgspec.structs.replace(neutral("BTC"), when=When(**when))  # type: ignore[arg-type]


OUT = book(BTC=("50000", "1", "-0.9"))


@pytest.mark.parametrize(("since", "fires"), [(None, False), (59, False), (60, True)])
def test_a_breach_waits_until_it_has_lasted(since: int | None, fires: bool) -> None:
    """Seen just now, for 59 and for 60 seconds."""
    outside = None if since is None else {BTC: Nanos(NOW - since * SECOND_NS)}
    found = only(patient(persist_ns=60 * SECOND_NS), view=OUT, outside_since=outside)

    assert (found.outside, found.fired) == ((BTC,), fires)
    assert [need.hedge for need in found.needs] == [d("-0.1") if fires else d(0)]
    assert found.needs[0].breached
    assert found.waits == (() if fires else (f"neutral BTC: outside for {since or 0} of 60 s",))


def test_a_correction_under_way_waits_for_nothing() -> None:
    """It has begun."""
    assert only(patient(persist_ns=HOUR_NS), view=OUT, correcting=True).needs[0].hedge == d("-0.1")


def test_a_breach_beyond_instant_waits_for_nothing() -> None:
    """Five per cent are enough."""
    within = msgspec.structs.replace(band("0.01"), instant=Width(d("0.05"), Unit.RELATIVE))
    target = msgspec.structs.replace(patient(persist_ns=HOUR_NS), band=within)

    assert only(target, view=OUT).fired
    assert not only(target, view=book(BTC=("50000", "1", "-0.95"))).fired


def test_one_target_that_fires_is_enough() -> None:
    """The patient one has the narrower band; beyond the other's wider one nothing is waited for."""
    slow = msgspec.structs.replace(patient(persist_ns=HOUR_NS), owns={BTC: d("0.5")})
    quick = msgspec.structs.replace(neutral("BTC", within=band("0.08", unit=Unit.COINS)), name="quick")

    assert only(slow, quick, view=OUT).fired
    assert not only(slow, quick, view=book(BTC=("50000", "1", "-0.93"))).fired


def test_a_hedge_that_is_not_worth_it_is_skipped_and_told() -> None:
    """Its cost against a day's risk."""
    view = msgspec.structs.replace(OUT, costs={BTC: 0.01}, moments=statistics({"BTC": 0.19}))
    found = only(patient(cost_to_risk_max=d("0.5")), view=view)

    assert not found.fired
    assert found.waits[0].startswith("neutral BTC: it costs 0.010000 against a risk of 0.009945 a day")


@pytest.mark.parametrize(
    ("start", "futures", "struck", "hedge"),
    [
        (Start.CALENDAR, "-0.9", None, "0"),
        (Start.CALENDAR, "-0.995", 10, "-0.005"),
        (Start.CALENDAR, "-1", 10, "0"),
        (Start.EITHER, "-0.995", 10, "-0.005"),
        (Start.EITHER, "-0.9", None, "-0.1"),
        (Start.BOTH, "-0.995", 10, "0"),
        (Start.BOTH, "-0.9", 10, "-0.1"),
        (Start.BOTH, "-0.9", None, "0"),
        (Start.CALENDAR, "-0.995", 25 * 3600, "0"),
    ],
)
def test_a_calendar_takes_each_asset_to_its_destination(
    start: Start, futures: str, struck: int | None, hedge: str
) -> None:
    """Alone, with the band, or instead of it; a strike of more than a day ago is none."""
    target = patient(calendar="0 0 * * *", start=start)
    strikes = {} if struck is None else {"neutral": Nanos(NOW - struck * SECOND_NS)}
    need = needs(target, view=book(BTC=("50000", "1", futures)), struck=strikes)["BTC"]

    assert need.hedge == d(hedge)


def test_a_strike_of_another_target_is_none_of_ones_own() -> None:
    """And a strike with nothing to do is no wait."""
    found = only(patient(calendar="@daily", start=Start.CALENDAR), view=OUT, struck={"other": NOW})

    assert found.waits == ("neutral BTC: its calendar has not struck",)
    resting = only(
        patient(calendar="@daily", start=Start.CALENDAR), view=book(BTC=("1", "1", "-1")), struck={"neutral": NOW}
    )
    assert (resting.fired, resting.waits) == (False, ())


def test_a_missing_input_stops_the_members_that_need_it_and_no_other() -> None:
    """A tilt without its beta stops BTC and ETH, which it ties, and not SOL."""
    tilt = msgspec.structs.replace(TILT, neutral=Neutrality.BETA)
    view = book(BTC=("50000", "1", "0"), ETH=("2500", "20", "0"), SOL=("100", "1", "0"))
    found = {one.member.name: one for one in derived(neutral("BTC", "SOL"), tilt, view=view)}

    assert found["neutral+tilt:BTC,ETH"].missing is not None
    assert [need.hedge for need in found["neutral:SOL"].needs] == [d(-1)]


def test_a_fixed_and_an_auto_band_on_one_asset_contradict_each_other() -> None:
    """Only one kind can decide."""
    auto = Auto(hard=Width(d("0.1"), Unit.RELATIVE), risk_aversion=d(100))
    found = only(neutral("BTC"), msgspec.structs.replace(CASH, band=auto), view=VIEW)

    assert found.missing is not None
    assert "only one kind can decide" in found.missing.why


COINS = (BTC, ETH, SOL)


@st.composite
def books(draw: st.DrawFn) -> View:
    """Three coins with futures."""
    prices = {c: draw(st.decimals("0.5", 70_000, places=2)) for c in COINS}
    held = {c: draw(st.decimals("0.1", 100, places=3)) for c in COINS}
    futures = {c: draw(st.decimals(-100, 100, places=3)) for c in COINS}
    return View(prices=prices, parts={c: parts(held[c], futures[c]) for c in COINS}, now=NOW)


@st.composite
def targets(draw: st.DrawFn) -> tuple[TargetSpec, ...]:
    """One that sets exposures and up to three overlays on top of it."""
    within = band(str(draw(st.decimals("0.001", "0.2", places=3))), unit=Unit.POINTS)
    choices: tuple[TargetSpec, ...] = (
        neutral("BTC", "ETH", "SOL"),
        weights({"BTC": "0.5", "ETH": "0.3", "SOL": "0.2"}, within=within),
        msgspec.structs.replace(neutral("BTC", "ETH", ratio="0.4"), name="half"),
    )
    first = draw(st.sampled_from(choices))
    size = draw(st.decimals("0.01", "0.3", places=2))
    overlays: tuple[TargetSpec, ...] = (
        msgspec.structs.replace(CASH, share=size, band=within),
        msgspec.structs.replace(TILT, size=size, band=within),
        msgspec.structs.replace(TILT, name="pair", long={SOL: d(1)}, short={ETH: d(1)}, band=within),
    )
    chosen = draw(st.lists(st.sampled_from(range(len(overlays))), unique=True, max_size=3))
    return (first, *(overlays[place] for place in chosen))


@given(books(), targets())
def test_adding_a_target_adds_its_overlay(view: View, rules: tuple[TargetSpec, ...]) -> None:
    """Together they want what each of them wants alone, coin by coin."""
    together = {n.asset: n.shares for one in derived(*rules, view=view, explain=True) for n in one.needs}
    alone: dict[Asset, Decimal] = {}
    for rule in rules:
        for one in derived(rule, view=view, explain=True):
            for need in one.needs:
                alone[need.asset] = alone.get(need.asset, ZERO) + sum(need.shares.values(), ZERO)

    assert {a: sum(shares.values(), ZERO) for a, shares in together.items()}.keys() == alone.keys()
    for asset, shares in together.items():
        assert abs(sum(shares.values(), ZERO) - alone[asset]) < d("1e-18")


@given(books(), targets(), st.booleans())
def test_permuting_targets_changes_nothing(view: View, rules: tuple[TargetSpec, ...], correcting: bool) -> None:
    """Not one digit, in whatever order they are written."""
    found = {
        tuple((n.asset, n.hedge, n.why) for one in derived(*order, view=view, correcting=correcting) for n in one.needs)
        for order in itertools.permutations(rules)
    }

    assert len(found) == 1


@given(books(), targets())
def test_the_trade_is_the_target_less_all_that_is_there(view: View, rules: tuple[TargetSpec, ...]) -> None:
    """h = T - E; applying it and looking again gives no trade (up to the last of 28 digits)."""
    first = needs(*rules, view=view, correcting=True)
    done = {a: parts(p.spot, p.linear + (first[a].hedge if a in first else ZERO)) for a, p in view.parts.items()}
    again = needs(*rules, view=msgspec.structs.replace(view, parts=done), correcting=True)

    for asset, need in first.items():
        assert abs(need.target - need.parts.exposure + need.deviation) < d("1e-18")
        assert abs(again[asset].hedge) < d("1e-15")


@given(books(), targets())
def test_inside_nothing_outside_to_the_destination(view: View, rules: tuple[TargetSpec, ...]) -> None:
    """Trades move toward the target, never past it, and end inside the band."""
    for need in needs(*rules, view=view).values():
        after = need.deviation + need.hedge
        assert after * need.deviation >= 0
        assert abs(after) <= abs(need.deviation)
        if need.breached:
            assert abs(after) <= need.trigger


@given(books(), targets(), st.integers(2, 9).map(Decimal))
def test_relabelling_the_currency_changes_no_coins(view: View, rules: tuple[TargetSpec, ...], factor: Decimal) -> None:
    """All prices times c: the same coins, worth c times as much."""
    dear = msgspec.structs.replace(view, prices={a: p * factor for a, p in view.prices.items()})
    one, other = needs(*rules, view=view), needs(*rules, view=dear)

    for asset, need in one.items():
        assert abs(need.hedge - other[asset].hedge) < d("1e-18")
        assert need.breached is other[asset].breached


def mirrored(view: View) -> View:
    """Everything held and owed the other way round."""
    return msgspec.structs.replace(view, parts={a: parts(-p.spot, -p.linear) for a, p in view.parts.items()})


@given(books(), st.decimals("0", "1.5", places=2), st.decimals("0.001", "0.2", places=3))
def test_negating_the_book_negates_the_trades(view: View, ratio: Decimal, width: Decimal) -> None:
    """Exactly, under symmetric bands."""
    rule = neutral("BTC", "ETH", "SOL", ratio=str(ratio), within=band(str(width)))
    one, other = needs(rule, view=view), needs(rule, view=mirrored(view))

    assert {a: n.hedge for a, n in one.items()} == {a: -n.hedge for a, n in other.items()}


MOVES = st.decimals("0.7", "1.4", places=4)


@given(books(), targets(), st.tuples(MOVES, MOVES, MOVES))
def test_while_every_row_holds_nothing_is_called_for(
    view: View, rules: tuple[TargetSpec, ...], moves: tuple[Decimal, Decimal, Decimal]
) -> None:
    """Wherever prices go: rows made at rest fail before a band is left."""
    moved = msgspec.structs.replace(view, prices={c: view.prices[c] * m for c, m in zip(COINS, moves, strict=True)})
    at = {pricing(c): float(p) for c, p in moved.prices.items()}
    before = derived(*rules, view=view)
    after = derived(*rules, view=moved)

    for one, other in zip(before, after, strict=True):
        if not one.outside and all(row.slack(at) >= 0 for row in one.rows({c: pricing(c) for c in COINS})):
            assert other.outside == ()


def test_a_weights_target_and_an_overlay_share_one_sum() -> None:
    """Their bases are the same NAV: it is added up once, and their forms stay short."""
    basket = weights(base=CASH.basis.base, within=ANY)
    found = only(basket, CASH, view=VIEW)
    (first, second) = found.judged[0].aims

    assert first.base.whole is second.base.whole
    assert trades(basket, CASH, view=VIEW)["BTC"] == d(-10_000)
