"""Auto bands: found by the joint program, bounded by what the owner said, and exact where it counts."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.bands import Auto, Unit, Width
from bot.domain.targets import Basis, TiltTarget, WeightsTarget
from bot.domain.triggers import When
from bot.domain.units import HOUR_NS, ZERO, Asset
from bot.policy.compose import Derived
from bot.policy.view import View
from tests.kit import BTC, ETH, USDT, band, d, neutral, pricing, weights
from tests.policy.views import book, missing, needs, only, parts, statistics

VOLATILITIES = {"BTC": 0.5, "ETH": 0.8}
KNOWN = {
    "moments": statistics(VOLATILITIES, 0.7),
    "drift_variance": {BTC: 0.01, ETH: 0.01},
    "costs": {BTC: 0.0006, ETH: 0.0006},
}
NAMES = {BTC: pricing("BTC"), ETH: pricing("ETH")}
AUTO = Auto(hard=Width(d("0.1"), Unit.POINTS), risk_aversion=d(100), trade_min=ZERO)


def auto(**changes: object) -> Auto:
    """A hard limit of ten points, a risk aversion of 100, and no least trade."""
    return msgspec.structs.replace(AUTO, **changes)


def target(width: Auto = AUTO) -> WeightsTarget:
    """60/40 of NAV."""
    return WeightsTarget(
        name="weights",
        weights={BTC: d("0.6"), ETH: d("0.4")},
        mode=weights().mode,
        band=width,
        basis=Basis(reserve={USDT: ZERO}),
    )


def view(btc: str = "60", eth: str = "40", **changes: object) -> View:
    """A book of a hundred."""
    return msgspec.structs.replace(book(changes=KNOWN, BTC=("1", btc, "0"), ETH=("1", eth, "0")), **changes)


def hedged(btc: str, eth: str) -> View:
    """The same book at its weights, with futures on top."""
    return view(parts={BTC: parts("60", btc), ETH: parts("40", eth)})


def traded(found: Derived) -> dict[str, Decimal]:
    """What each asset trades, to a millionth."""
    return {need.asset: round(need.hedge * need.price, 6) for need in found.needs}


def test_inside_their_bands_nothing_is_traded() -> None:
    """At the target, and a little off it."""
    assert only(target(), view=view()).needs == ()
    assert only(target(), view=view("60.5", "39.5")).needs == ()


def test_a_single_asset_is_traded_to_the_edge_of_its_band() -> None:
    """(3 k sigma_x^2 / (2 gamma sigma_r^2))^(1/3) = 0.71 % of NAV: a deviation of 2 ends there."""
    one = WeightsTarget(name="weights", weights={BTC: d("0.6")}, mode=weights().mode, band=AUTO)
    width = (1.5 * 0.0006 * 0.01 / (100 * 0.25)) ** (1 / 3) * 100
    need = needs(one, view=view("62", "38"), hedged=("BTC",))["BTC"]

    assert abs(float(need.trigger) - width) < 1e-6
    assert need.destination == need.trigger
    assert abs(float(need.deviation + need.hedge) - width) < 1e-6
    assert need.breached


def test_deviations_that_offset_each_other_may_stay_longer() -> None:
    """The same sale of BTC is smaller where ETH is short of its target by as much."""
    alone = traded(only(target(), view=hedged("2", "0")))["BTC"]
    offset = traded(only(target(), view=hedged("2", "-2")))["BTC"]

    assert alone < offset < 0


def test_a_least_trade_leaves_out_the_small_ones() -> None:
    """Of two trades the one that is worth less than a hundredth of NAV is none."""
    both = traded(only(target(), view=hedged("4", "1.2")))
    few = traded(only(target(auto(trade_min=d("0.01"))), view=hedged("4", "1.2")))

    assert both["ETH"] != 0
    assert few["ETH"] == 0
    assert few["BTC"] < d(-1)


def test_beyond_the_hard_limit_an_asset_is_always_traded() -> None:
    """However wide its own band is, and however long its target would wait; exactly at it nothing is."""
    wide = auto(risk_aversion=d("0.0001"), hard=Width(d("0.05"), Unit.POINTS), trade_min=d("0.5"))
    patient = msgspec.structs.replace(target(wide), when=When(persist_ns=HOUR_NS))

    assert only(patient, view=view("65", "35")).needs == ()
    found = only(patient, view=view("65.01", "34.99"))
    assert found.fired
    assert traded(found) == {"BTC": d("-0.01"), "ETH": d("0.01")}


def test_a_hair_beyond_the_hard_limit_is_seen_in_decimals() -> None:
    """Where the floats of program and limit are the same number."""
    wide = auto(risk_aversion=d("0.0001"), hard=Width(d("0.05"), Unit.POINTS))
    hair = d("1e-20")
    found = only(target(wide), view=view(str(65 + hair), str(35 - hair)))

    assert [need.hedge for need in found.needs] == [-hair, hair]


def test_the_floor_bounds_a_band_from_below() -> None:
    """Three points at least."""
    floor = auto(floor=Width(d("0.03"), Unit.POINTS))

    assert only(target(floor), view=view("62.9", "37.1")).needs == ()
    assert only(target(floor), view=view("63.1", "36.9"), explain=True).needs[0].trigger == d(3)


def test_a_tracking_error_sets_the_risk_aversion() -> None:
    """A smaller one makes narrower bands."""

    def trigger(budget: str) -> Decimal:
        return (
            only(target(auto(risk_aversion=None, tracking_error=d(budget))), view=view(), explain=True).needs[0].trigger
        )

    assert trigger("0.002") < trigger("0.01") < trigger("0.02")


def test_the_strictest_of_several_targets_decides() -> None:
    """The largest aversion, the nearest hard limit; widths may be coins of a ratio target."""
    hard = Width(d("0.5"), Unit.COINS)
    strict = msgspec.structs.replace(neutral("BTC"), name="strict", band=auto(risk_aversion=d(10_000), hard=hard))
    lax = msgspec.structs.replace(neutral("BTC"), name="lax", band=auto(hard=hard), owns={BTC: d(30)})
    both, one = needs(strict, lax, view=view())["BTC"], needs(lax, view=view())["BTC"]

    assert both.trigger < one.trigger
    assert abs(both.deviation + both.hedge) <= both.trigger + d("1e-9")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"moments": None}, "the covariances of BTC, ETH are unknown"),
        ({"drift_variance": {BTC: 0.01, ETH: float("nan")}}, "the drift of ETH is unknown"),
        ({"costs": {BTC: 0.0006, ETH: float("nan")}}, "the cost of ETH is unknown"),
    ],
)
def test_where_an_input_is_unknown_the_hard_limit_alone_decides(changes: dict[str, object], why: str) -> None:
    """Inside it nothing is traded; outside it goes back to the target, and that is told."""
    rest = only(target(), view=view("69", "31", **changes), explain=True)

    assert rest.notes == (f"auto band at its hard limit alone: {why}",)
    assert traded(rest) == {"BTC": d(0), "ETH": d(0)}
    assert traded(only(target(), view=view("71", "29", **changes))) == {"BTC": d(-11), "ETH": d(11)}


def test_an_unknown_nav_leaves_the_hard_limit_to_coins() -> None:
    """A ratio target's hard limit needs no net asset value."""
    hard = msgspec.structs.replace(neutral("BTC"), band=auto(hard=Width(d("0.1"), Unit.RELATIVE)))
    found = only(hard, view=view(blind={ETH: "no answer"}), hedged=("BTC",))

    assert found.notes == ("auto band at its hard limit alone: net asset value is unknown: ETH",)
    assert traded(found) == {"BTC": d(-60)}


def test_where_the_program_finds_no_answer_each_band_decides_alone() -> None:
    """Covariances that contradict each other; and it is told."""
    broken = statistics({"BTC": 0.5, "ETH": 0.8}, 5.0)
    found = only(target(), view=view("62", "38", moments=broken))

    assert found.notes == ("the joint band program did not converge: each asset by its own band",)
    assert set(traded(found)) == {"BTC", "ETH"}


def test_missing_targets_stay_missing() -> None:
    """An auto band does not hide that a base is unknown."""
    assert "no answer" in missing(target(), view=view(blind={ETH: "no answer"}))


MOVES = st.decimals("0.8", "1.25", places=4)
BANDS = st.builds(
    Auto,
    hard=st.sampled_from((Width(d("0.1"), Unit.POINTS), Width(d("0.02"), Unit.RELATIVE), Width(d(3), Unit.QUOTE))),
    floor=st.sampled_from((Width(d("0.01"), Unit.RELATIVE), Width(d("0.04"), Unit.POINTS), Width(ZERO, Unit.COINS))),
    risk_aversion=st.sampled_from((d(0), d(1), d(100), d(10_000))),
    trade_min=st.just(ZERO),
)


@given(BANDS, st.tuples(MOVES, MOVES), st.decimals("-3", "3", places=2), st.sampled_from((None, d(100))))
def test_while_every_row_holds_the_program_trades_nothing(
    width: Auto, moves: tuple[Decimal, Decimal], futures: Decimal, cap: Decimal | None
) -> None:
    """Wherever prices go, whichever of own width, floor and hard limit is the band; a cap skips nothing."""
    rule = msgspec.structs.replace(target(width), cap=cap)
    before = view(parts={BTC: parts("60", str(futures)), ETH: parts("40", "0")})
    moved = msgspec.structs.replace(before, prices=dict(zip((BTC, ETH), moves, strict=True)))
    at = {pricing(c): float(p) for c, p in moved.prices.items()}
    rest = only(rule, view=before)

    if not rest.outside and all(row.slack(at) >= 0 for row in rest.rows(NAMES)):
        assert only(rule, view=moved).outside == ()


def test_rows_leave_room_at_the_target() -> None:
    """So that quotes can be skipped at all."""
    at = {pricing("BTC"): 1.0, pricing("ETH"): 1.0}

    assert min(row.slack(at) for row in only(target(), view=view()).rows(NAMES)) > 0.5


def test_fixed_bands_beside_auto_ones_are_judged_by_themselves() -> None:
    """A tilt ties the basket's BTC to SOL: SOL's breach corrects SOL, and the auto assets stay inside their bands."""
    sol = Asset("SOL")
    held = TiltTarget(name="held", long={sol: d(1)}, short={ETH: d(0)}, size=d("0.01"), band=band("0"))
    auto_eth = msgspec.structs.replace(target(), weights={BTC: d("0.6")})
    both = book(changes=KNOWN, BTC=("1", "60", "0"), ETH=("1", "40", "0"), SOL=("1", "0", "0"))
    found = only(auto_eth, _tied(held), view=both)

    assert traded(found) == {"BTC": d(0), "SOL": d(1)}


def _tied(tilt: TiltTarget) -> TiltTarget:
    """A tilt that reaches BTC without wanting anything of it."""
    return msgspec.structs.replace(tilt, short={BTC: d(0)})
