"""Who is judged together: what targets tie, and what it is called."""

import itertools

import msgspec

from bot.domain.bands import Unit
from bot.domain.targets import CashTarget, ConvertTarget, Decoupled, IndexTarget, ProxyTarget, TargetSpec, UnwindTarget
from bot.domain.triggers import Slices
from bot.domain.units import Asset
from bot.policy.compose import members
from bot.policy.kinds import reach, weighed
from tests.kit import BTC, ETH, USDT, band, d, neutral, weights

SOL, ADA = Asset("SOL"), Asset("ADA")
ALL = (BTC, ETH, SOL, ADA)
ANY = band("0", unit=Unit.POINTS)
CASH = CashTarget(name="cash", share=d("0.2"), anchor=BTC, band=ANY)


def names(*targets: TargetSpec, hedgeable: tuple[Asset, ...] = ALL) -> list[str]:
    """The members' names."""
    return [one.name for one in members(targets, hedgeable)]


def test_each_asset_of_a_ratio_target_is_a_member() -> None:
    """Even of one that has a single asset."""
    assert names(neutral("BTC", "ETH")) == ["neutral:BTC", "neutral:ETH"]
    assert names(neutral("ETH")) == ["neutral:ETH"]


def test_a_basket_is_one_member() -> None:
    """By its own name, though not all of it can be traded."""
    (one,) = members((weights({"BTC": "0.5", "USDT": "0.5"}),), ALL)

    assert (one.name, one.assets) == ("weights", (BTC,))
    assert USDT not in one.assets


def test_targets_that_share_an_asset_are_judged_together() -> None:
    """The overlay on BTC ties the neutral BTC, and leaves the neutral ETH alone."""
    assert names(neutral("BTC", "ETH"), CASH) == ["cash+neutral:BTC", "neutral:ETH"]
    assert names(weights(), CASH) == ["cash+weights"]
    assert names(weights(), neutral("SOL", "ADA"), CASH) == ["cash+weights", "neutral:ADA", "neutral:SOL"]


def test_ties_reach_as_far_as_they_hold_together() -> None:
    """Two baskets with a coin in common are one member of three coins."""
    other = msgspec.structs.replace(weights({"ETH": "0.5", "SOL": "0.5"}), name="other")
    (one,) = members((weights(), other), ALL)

    assert (one.name, one.assets) == ("other+weights", (BTC, ETH, SOL))


def test_the_order_of_targets_changes_nothing() -> None:
    """Members, their names, targets and assets are in the order of names."""
    targets: tuple[TargetSpec, ...] = (weights(), neutral("SOL"), CASH)
    found = [members(one, ALL) for one in itertools.permutations(targets)]

    assert all(one == found[0] for one in found)


def test_what_no_future_reaches_is_no_member() -> None:
    """Nothing to trade, nothing to judge."""
    assert names(neutral("BTC"), hedgeable=()) == []


def test_a_target_reaches_what_it_may_trade() -> None:
    """The anchors of a proxy, and its coins where it may hedge them by themselves; an index's contracts."""
    slices = Slices(notional_max=d(1), every_ns=1)
    proxy = ProxyTarget(name="proxy", assets=(SOL,), anchors=(BTC, ETH), band=ANY)

    assert reach(proxy) == (BTC, ETH)
    assert reach(msgspec.structs.replace(proxy, decoupled=Decoupled.OWN)) == (BTC, ETH, SOL)
    assert reach(IndexTarget(name="i", assets=(SOL,), indices=(ADA,), weight=d(0), band=ANY)) == (ADA,)
    assert reach(UnwindTarget(name="u", assets=(SOL, BTC), slices=slices, band=ANY)) == (SOL, BTC)
    assert reach(ConvertTarget(name="c", asset=SOL, amount=d(1), slices=slices, band=ANY)) == (SOL,)


def test_a_base_of_what_is_owned_is_that_of_the_hedged_coins() -> None:
    """An index hedge weighs its coins and not its contracts, weights their own coins, a cash hedge its anchor."""
    assert weighed(IndexTarget(name="i", assets=(SOL,), indices=(ADA,), weight=d(0), band=ANY)) == (SOL,)
    assert weighed(neutral("BTC", "ETH")) == (BTC, ETH)
    assert weighed(CASH) == (BTC,)
