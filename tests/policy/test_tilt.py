"""Tilts: both sides balance, by dollars or by beta, whatever is held."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.bands import Unit
from bot.domain.targets import Basis, Neutrality, TiltTarget
from bot.domain.units import ZERO, Asset
from bot.policy.view import View
from tests.kit import BTC, ETH, USDT, band, d
from tests.policy.views import book, missing, needs, parts, statistics, trades

ANY = band("0", unit=Unit.POINTS)
SOL = Asset("SOL")
VIEW = book(BTC=("50000", "1", "0"), ETH=("2500", "20", "0"))


def tilt(**changes: object) -> TiltTarget:
    """Five per cent of ETH against BTC."""
    given_ = {"name": "tilt", "long": {ETH: d(1)}, "short": {BTC: d(1)}, "size": d("0.05"), "band": ANY, **changes}
    return TiltTarget(**given_)  # type: ignore[arg-type]


def test_a_tilt_of_an_unknown_base_is_unknown() -> None:
    """Nothing held, nothing to take a share of."""
    assert missing(tilt(), view=book(BTC=("1", "0", "0"), ETH=("1", "0", "0"))).startswith("the base is 0")


def test_an_unknown_beta_stops_a_beta_neutral_tilt() -> None:
    """It is never taken for 1; what is given needs no statistics."""
    by_beta = tilt(neutral=Neutrality.BETA)

    assert "no statistics of returns yet" in missing(by_beta, view=VIEW)
    assert trades(tilt(neutral=Neutrality.BETA, betas={BTC: d(1), ETH: d(2)}), view=VIEW)["BTC"] == d(-10_000)


def test_a_side_that_falls_as_the_market_rises_balances_nothing() -> None:
    """A negative beta cannot be balanced by a short."""
    assert missing(tilt(neutral=Neutrality.BETA, betas={BTC: d(1), ETH: d(-1)}), view=VIEW) == (
        "betas of -1 and 1 cannot balance one another"
    )


def test_the_shape_of_a_beta_neutral_tilt_is_that_of_its_sides() -> None:
    """Two shorts with betas of 1 and 2 in equal parts weigh 1.5: the short side is 1.2 / 1.5 of the long one."""
    view = book(BTC=("1", "50000", "0"), ETH=("1", "50000", "0"), SOL=("1", "0", "0"))
    target = tilt(
        short={BTC: d("0.5"), SOL: d("0.5")},
        neutral=Neutrality.BETA,
        betas={BTC: d(1), SOL: d(2), ETH: d("1.2")},
    )

    assert trades(target, view=view) == {"BTC": d(-2_000), "SOL": d(-2_000), "ETH": d(5_000)}


def test_a_coin_on_both_sides_is_netted() -> None:
    """Half of the long side is bought back by its own short."""
    target = tilt(long={ETH: d("0.5"), BTC: d("0.5")})

    assert trades(target, view=VIEW) == {"ETH": d(2_500), "BTC": d(-2_500)}


def test_measured_betas_are_against_the_benchmark() -> None:
    """The benchmark's own is 1."""
    view = book(
        changes={"moments": statistics({"BTC": 0.5, "ETH": 1.0}, 0.6)},
        BTC=("50000", "1", "0"),
        ETH=("2500", "20", "0"),
    )

    assert round(needs(tilt(neutral=Neutrality.BETA), view=view)["BTC"].hedge * 50_000, 6) == d(-6_000)


@given(
    st.lists(st.integers(1, 50), min_size=2, max_size=2),
    st.decimals("0.01", "0.5", places=2),
    st.lists(st.decimals("0.1", 90_000, places=2), min_size=3, max_size=3),
    st.lists(st.decimals(0, 50, places=3), min_size=3, max_size=3),
)
def test_the_dollars_of_a_tilt_add_up_to_nothing(
    weights: list[int], size: Decimal, prices: list[Decimal], held: list[Decimal]
) -> None:
    """From any book without futures."""
    total = sum(weights)
    target = tilt(
        long={BTC: Decimal(weights[0]) / total, ETH: Decimal(weights[1]) / total},
        short={SOL: d(1)},
        size=size,
        basis=Basis(reserve={USDT: ZERO}),
    )
    coins = (BTC, ETH, SOL)
    held[0] += 1
    view = View(
        prices=dict(zip(coins, prices, strict=True)), parts={c: parts(h) for c, h in zip(coins, held, strict=True)}
    )
    traded = [need.hedge * need.price for need in needs(target, view=view).values()]
    whole = sum((h * p for h, p in zip(held, prices, strict=True)), ZERO)

    assert abs(sum(traded, ZERO)) < d("1e-20") * whole
