"""Index hedges: which contract, how much of it, and never a long."""

import msgspec

from bot.domain.bands import Unit
from bot.domain.targets import IndexTarget
from bot.domain.units import Asset
from bot.policy import index as rule
from bot.policy.purse import Scope
from bot.policy.view import Missing
from tests.kit import BTC, ETH, band, d, pricing
from tests.policy.views import book, missing, needs, only, statistics, trades

ANY = band("0", unit=Unit.POINTS)
ALT, WIDE, NEAR = Asset("ALT"), Asset("WIDE"), Asset("NEAR")
MOMENTS = statistics(
    {"ALT": 1.0, "WIDE": 0.8, "NEAR": 0.8}, {("ALT", "WIDE"): 0.6, ("ALT", "NEAR"): 0.9, ("NEAR", "WIDE"): 0.7}
)
VIEW = book(
    changes={"moments": MOMENTS},
    BTC=("1", "30000", "0"),
    ALT=("1", "70000", "0"),
    WIDE=("1", "0", "0"),
    NEAR=("1", "0", "0"),
)
CONTRACTS = ("WIDE", "NEAR")


def index(**changes: object) -> IndexTarget:
    """ALT down to half of the base, through the better of two contracts."""
    made = IndexTarget(name="index", assets=(ALT,), indices=(WIDE, NEAR), weight=d("0.5"), band=ANY)
    return msgspec.structs.replace(made, **changes)


def test_the_contract_that_follows_best_is_taken() -> None:
    """By tracking error, not by name; and it says what it does not know of the contract."""
    found = needs(index(), view=VIEW, hedged=CONTRACTS)

    assert trades(index(), view=VIEW, hedged=CONTRACTS) == {"NEAR": d(-20_000)}
    assert "tracking error" in found["NEAR"].why
    assert "what NEAR is made of is not known" in found["NEAR"].why


def test_funding_counts_against_a_contract() -> None:
    """One whose short pays a year's price is left for the other; a receipt is no cost."""
    dear = msgspec.structs.replace(VIEW, funding_apr={NEAR: -2.0})

    assert trades(index(), view=dear, hedged=CONTRACTS) == {"WIDE": d(-20_000)}
    assert trades(index(), view=msgspec.structs.replace(VIEW, funding_apr={NEAR: 2.0}), hedged=CONTRACTS) == {
        "NEAR": d(-20_000)
    }


def test_a_held_contract_is_kept_for_a_small_difference_and_left_for_a_large_one() -> None:
    """All of the old one is bought back as the new one is sold."""
    held = {**VIEW.parts, WIDE: msgspec.structs.replace(VIEW.parts[WIDE], linear=d(-20_000))}
    much = msgspec.structs.replace(VIEW, parts=held)
    little = msgspec.structs.replace(
        much, moments=statistics({"ALT": 1.0, "WIDE": 0.8, "NEAR": 0.8}, {("ALT", "WIDE"): 0.9, ("ALT", "NEAR"): 0.901})
    )

    assert trades(index(), view=much, hedged=CONTRACTS) == {"NEAR": d(-20_000), "WIDE": d(20_000)}
    assert trades(index(), view=little, hedged=CONTRACTS) == {}


def test_a_measured_beta_sizes_the_short() -> None:
    """ALT moves 0.9 / 0.8 for one of NEAR."""
    assert trades(index(beta=None), view=VIEW, hedged=CONTRACTS) == {"NEAR": d(-22_500)}


def test_a_group_below_its_weight_is_never_bought() -> None:
    """A short that is no longer wanted is closed, and no more."""
    view = book(BTC=("1", "70000", "0"), ALT=("1", "30000", "0"), WIDE=("1", "0", "-500"))
    target = index(indices=(WIDE,))

    assert trades(target, view=view, hedged=("WIDE",)) == {"WIDE": d(500)}
    assert "index only sells" in needs(target, view=view, hedged=("WIDE",))["WIDE"].why


def test_what_turns_with_every_price_is_looked_at_at_every_price() -> None:
    """A choice among contracts or a measured beta; one contract with a given beta is linear."""
    names = {asset: pricing(asset) for asset in VIEW.parts}

    def always(target: IndexTarget) -> bool:
        resting = msgspec.structs.replace(target, band=band("99999", unit=Unit.QUOTE))
        rows = only(resting, view=VIEW, hedged=CONTRACTS).rows(names)
        return any(len(row.coefficients) == 4 and max(row.coefficients.values()) < 0 for row in rows)

    assert always(index())
    assert always(index(indices=(NEAR,), beta=None))
    assert not always(index(indices=(NEAR,)))


def test_what_is_not_known_stops_it() -> None:
    """A base, a group, statistics to choose by, a contract to trade."""
    no_group = msgspec.structs.replace(VIEW, parts={a: p for a, p in VIEW.parts.items() if a != ALT})
    unpriced = msgspec.structs.replace(VIEW, blind={ETH: "x"})

    assert missing(index(), view=no_group, hedged=CONTRACTS) == "the value of ALT is unknown"
    assert "net asset value is unknown" in missing(index(), view=unpriced, hedged=CONTRACTS)
    blank = msgspec.structs.replace(VIEW, moments=None)
    assert "no statistics of returns yet to choose among" in missing(index(), view=blank, hedged=CONTRACTS)
    other = msgspec.structs.replace(VIEW, moments=statistics({"BTC": 1.0}))
    assert "too few returns" in missing(index(), view=other, hedged=CONTRACTS)


def test_without_a_contract_there_is_nothing_to_choose() -> None:
    """A target whose contracts cannot be traded is no member, and says so where it is asked."""
    found = rule.aims(index(), Scope((index(),), VIEW), (BTC,))
    assert isinstance(found, Missing)
    assert found.why == "none of WIDE, NEAR has a future that could be traded"


def test_a_relative_band_is_a_part_of_the_group_and_not_of_the_excess() -> None:
    """A group that stands at its weight has an excess of nearly nothing: the band must not close around it."""
    within = index(indices=(WIDE,), beta=d(1), weight=d("0.6999"), band=band("0.01", unit=Unit.RELATIVE))

    assert trades(within, view=VIEW, hedged=CONTRACTS) == {}
    assert trades(msgspec.structs.replace(within, weight=d("0.69")), view=VIEW, hedged=CONTRACTS) == {"WIDE": d(-1000)}
