"""Price rows: wherever prices go while all of them hold, nothing is called for."""

from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.bands import Band, Unit, Width
from bot.domain.targets import Base, Budgets, LeverageTarget, RatioTarget, TargetSpec, WeightsMode
from bot.domain.units import Asset, InstrumentId
from bot.policy import budgets
from bot.policy.compose import Derived, derive, members
from bot.policy.purse import Scope
from bot.policy.view import View
from tests.kit import BTC, ETH, d, neutral, pricing, weights
from tests.policy.views import parts

SOL = Asset("SOL")
COINS = (BTC, ETH, SOL)
HEDGES = {coin: InstrumentId(f"binance.usdm:{coin}USDT") for coin in COINS}
UNITS = {Unit.COINS: d("0.5"), Unit.QUOTE: d(500), Unit.RELATIVE: d("0.05"), Unit.POINTS: d("0.02")}
MOVES = st.decimals("0.7", "1.4", places=4)


@st.composite
def bands(draw: st.DrawFn, *units: Unit) -> Band:
    """Lopsided, in any unit."""
    above, below = (draw(st.sampled_from(units or tuple(Unit))) for _ in range(2))
    zero = Width(d(0), Unit.COINS)
    return Band(Width(UNITS[above], above), zero, Width(UNITS[below] * 2, below), zero)


@st.composite
def rules(draw: st.DrawFn) -> tuple[TargetSpec, ...]:
    """A basket that may only sell, a leverage near its bound, or neutral coins; with caps, on top of one another."""
    cap = draw(st.sampled_from((None, d(400), d(2_000))))
    basket = weights(
        {"BTC": "0.5", "ETH": "0.3"},
        draw(st.sampled_from(WeightsMode)),
        base=draw(st.sampled_from((Base.OWNED, Base.NAV_LESS_RESERVE))),
        within=draw(bands()),
        cap=cap,
    )
    up = LeverageTarget(
        name="up",
        weights={BTC: d("0.5"), ETH: d("0.5")},
        leverage=d(1),
        leverage_max=draw(st.sampled_from((d("1.02"), d("1.25"), d("1.3")))),
        band=draw(bands()),
    )
    coins: RatioTarget = neutral("BTC", "SOL", within=draw(bands(Unit.RELATIVE, Unit.COINS, Unit.QUOTE)))
    own = msgspec.structs.replace(
        coins, cap=cap, owns={BTC: d(5), SOL: d(50)}, ratio=draw(st.sampled_from((d(1), d("0.5"))))
    )
    return draw(st.sampled_from(((basket,), (up,), (own,), (basket, own), (up, own))))


def judged(targets: tuple[TargetSpec, ...], view: View, asset_cap: Decimal | None) -> list[Derived]:
    """Every member, under a cap of BTC."""
    made = budgets.ceilings(Budgets(assets={} if asset_cap is None else {BTC: asset_cap}), HEDGES)
    scope = Scope(targets, view)
    cuts = budgets.cuts(made, scope)
    return [derive(one, targets, view, scope=scope, cuts=cuts) for one in members(targets, COINS)]


@given(
    rules(),
    st.sampled_from((None, d(300), d(1_500))),
    st.tuples(*(st.decimals(-20, 20, places=1) for _ in COINS)),
    st.tuples(MOVES, MOVES, MOVES),
)
def test_while_every_row_holds_nothing_is_called_for(
    targets: tuple[TargetSpec, ...],
    asset_cap: Decimal | None,
    futures: tuple[Decimal, Decimal, Decimal],
    moves: tuple[Decimal, Decimal, Decimal],
) -> None:
    """Trims, caps, bounds and lopsided bands of any unit: rows fail before a band is left."""
    held = dict(zip(COINS, ("20", "400", "100"), strict=True))
    start = dict(zip(COINS, (d(100), d(5), d(10)), strict=True))
    view = View(prices=start, parts={c: parts(held[c], f) for c, f in zip(COINS, futures, strict=True)})
    moved = msgspec.structs.replace(view, prices={c: start[c] * m for c, m in zip(COINS, moves, strict=True)})
    names = {c: pricing(c) for c in COINS}
    at = {pricing(c): float(price) for c, price in moved.prices.items()}

    for one, other in zip(judged(targets, view, asset_cap), judged(targets, moved, asset_cap), strict=True):
        if not one.outside and all(row.slack(at) >= 0 for row in one.rows(names)):
            assert other.outside == ()


def test_what_is_owed_has_rows_with_room_as_what_is_held() -> None:
    """A relative width of a debt is as wide as that of a holding."""
    target = msgspec.structs.replace(neutral("BTC"), cap=d(900))
    view = View(prices={BTC: d(100)}, parts={BTC: parts("-5", "5")})
    (found,) = judged((target,), view, None)
    rows = found.rows({BTC: pricing("BTC")})

    assert rows
    assert min(row.slack({pricing("BTC"): 100.0}) for row in rows) > 1
