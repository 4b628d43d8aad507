"""Which coins a target sees, and what its shares are fractions of."""

import msgspec
import pytest

from bot.calc.forms import Whole
from bot.domain.bands import Unit
from bot.domain.targets import Base, Basis, CashTarget, LeverageTarget, TiltTarget, WeightsTarget
from bot.domain.units import Asset
from bot.policy.purse import Scope, holds
from bot.policy.view import Missing
from tests.kit import BTC, ETH, USDT, band, d, neutral, weights
from tests.policy.views import book

ANY = band("0", unit=Unit.POINTS)
NAV = Basis()
VIEW = book(cash="1000", unrealized="50", BTC=("100", "3", "-1"), ETH=("10", "5", "0"))
CORE = CashTarget(name="core", share=d(1), anchor=BTC, band=ANY)
OWN = msgspec.structs.replace(CORE, name="own", owns={BTC: d(1), USDT: d(200)})


def value(scope: Scope, target: WeightsTarget | CashTarget, basis: Basis = NAV, own: tuple[Asset, ...] = ()) -> object:
    """The base's value, or why there is none."""
    found = scope.base(target, basis, own)
    return found.why if isinstance(found, Missing) else found.value


def test_a_sleeve_is_seen_by_its_target_alone() -> None:
    """Its coins and its profit are the one's, and nobody else's."""
    scope = Scope((CORE, OWN), msgspec.structs.replace(VIEW, unrealized_of={"own": d(7)}))

    assert scope.counted(OWN) == OWN.owns
    assert (scope.held(CORE, BTC), scope.counted(CORE)[BTC], scope.counted(CORE)[USDT]) == (d(2), d(2), d(800))
    assert value(scope, OWN) == d(307)
    assert value(scope, CORE) == d(43) + 200 + 50 + 800
    assert scope.held(OWN, ETH) == 0


def test_sleeves_share_what_is_there() -> None:
    """3 BTC for names that own 4 and 2 of them: 2 and 1, and none for the core; another coin's sleeve is as it was."""
    first, second = (msgspec.structs.replace(CORE, name=name, owns={BTC: d(n)}) for name, n in (("a", 4), ("b", 2)))
    other = msgspec.structs.replace(CORE, name="c", owns={ETH: d(1)})
    scope = Scope((CORE, first, second, other), VIEW)

    assert [d(2), d(1), d(0), d(0)] == [scope.held(one, BTC) for one in (first, second, other, CORE)]
    assert d(1) == scope.held(other, ETH)
    assert {BTC: "6 BTC are given to sleeves, and 3 are there"} == scope.short_of((first, other))
    assert {} == scope.short_of((CORE, other))


def test_net_asset_value_counts_everything_once() -> None:
    """Sleeves and all."""
    scope = Scope((CORE, OWN), VIEW)
    found = scope.nav()

    assert isinstance(found, Whole)
    assert found.value == d(1_400)
    assert scope.nav() is found


def test_what_has_no_price_leaves_net_asset_value_unknown() -> None:
    """Once for all who ask."""
    scope = Scope((CORE,), msgspec.structs.replace(VIEW, prices={BTC: d(100)}))

    assert scope.nav() == Missing(ETH, "no price of ETH, USDT, so that the base is unknown")


def test_coins_whose_whole_exposure_another_target_sets_do_not_count() -> None:
    """For a target that sets some itself; an overlay on top counts them all."""
    basket, other = weights(), neutral("BTC")
    apart = msgspec.structs.replace(basket, weights={ETH: d(1)})
    scope = Scope((apart, other, CORE), VIEW)

    assert value(scope, apart) == d(1_100)
    assert value(scope, CORE) == d(1_400)
    blind = Scope((apart, other, CORE), msgspec.structs.replace(VIEW, blind={BTC: "no answer"}))
    assert value(blind, apart) == d(1_100)
    assert value(blind, CORE) == "net asset value is unknown: BTC: no answer"


@pytest.mark.parametrize(
    ("basis", "own", "expected"),
    [
        (Basis(reserve={USDT: d(400), ETH: d(5)}), (), d(950)),
        (Basis(base=Base.OWNED), (BTC, ETH), d(350)),
        (Basis(base=Base.OWNED), (BTC, Asset("SOL")), "how much SOL is owned is unknown"),
        (Basis(base=Base.FIXED, fixed=d(77)), (), d(77)),
        (Basis(base=Base.FIXED), (), "the base is 0: shares of it mean nothing"),
    ],
)
def test_a_base_is_what_it_says(basis: Basis, own: tuple[Asset, ...], expected: object) -> None:
    """Less its reserve; of the coins it names; or a number. Unknown coins are not zero."""
    assert value(Scope((CORE,), VIEW), CORE, basis, own) == expected


def test_a_reserve_of_all_there_is_leaves_nothing_to_take_shares_of() -> None:
    """And one of what has no price leaves nobody to say what is left."""
    scope = Scope((CORE,), VIEW)

    assert value(scope, CORE, Basis(reserve={USDT: d(1_400)})) == "the base is 0: shares of it mean nothing"
    assert value(scope, CORE, Basis(reserve={Asset("SOL"): d(1)})) == ("no price of SOL, so that the base is unknown")
    unknown = Scope((CORE,), msgspec.structs.replace(VIEW, blind={BTC: "no answer"}))
    assert value(unknown, CORE, Basis(reserve={USDT: d(1)})) == "net asset value is unknown: BTC: no answer"
    poor = Scope((CORE,), msgspec.structs.replace(VIEW, unrealized=d(-9_000)))
    assert value(poor, CORE, Basis(reserve={USDT: d(1)})) == "the base is -7650: shares of it mean nothing"


def test_one_sum_is_made_for_all_who_ask_for_the_same() -> None:
    """And another one for who asks for another."""
    tilt = TiltTarget(name="tilt", long={ETH: d(1)}, short={BTC: d(1)}, size=d(1), band=ANY)
    scope = Scope((CORE, tilt), VIEW)

    assert scope.base(CORE, NAV, ()) is scope.base(tilt, Basis(reserve={USDT: d(0)}), ())
    assert scope.base(CORE, NAV, ()) is not scope.base(tilt, Basis(reserve={USDT: d(1)}), ())
    assert scope.base(CORE, Basis(base=Base.OWNED), (BTC,)) is scope.base(tilt, Basis(base=Base.OWNED), (BTC,))


def test_targets_that_set_whole_exposures_hold_their_assets() -> None:
    """Ratio, weights, leverage, risk parity; overlays hold nothing."""
    up = LeverageTarget(name="up", weights={BTC: d(1)}, leverage=d(2), leverage_max=d(3), band=ANY)

    assert (holds(neutral("BTC")), holds(weights()), holds(up), holds(CORE)) == ((BTC,), (BTC, ETH), (BTC,), ())
