"""A derivation as it is shown in a plan, whether a snapshot or a running daemon's: needs into the answer's values."""

from collections.abc import Iterable, Mapping

import msgspec

from bot.calc import liquidation, stress, topup
from bot.calc.tiers import INFINITE
from bot.domain.hedge import Need, Parts
from bot.domain.instrument import Kind
from bot.domain.targets import CORE, TargetSpec
from bot.domain.units import ONE, ZERO, Asset, Notional, Price, Qty
from bot.policy.purse import holds
from bot.runtime.plan_answer import AssetParts, BandCoins, PlannedAsset

Sleeves = Mapping[str, Mapping[Asset, Qty]]
"""The coins that each target has to itself, by its name; a target that is not there sees what is nobody's."""


def held(parts: Parts, value: Qty | None) -> PlannedAsset:
    """An asset that no target speaks of: what there is of it, and what that is worth."""
    return PlannedAsset(exposure=parts.exposure, exposure_value=value, parts=_parts(parts))


def explained(
    need: Need,
    targets: Iterable[TargetSpec],
    sleeves: Sleeves,
    *,
    residual: Qty,
    gates: tuple[str, ...] = (),
    remarks: Iterable[str] = (),
) -> PlannedAsset:
    """An asset with its whole derivation. `residual` is what orders leave of the hedge, `remarks` join its `why`."""
    below = need.trigger if need.trigger_below is None else need.trigger_below
    end_below = need.destination if need.destination_below is None else need.destination_below
    return msgspec.structs.replace(
        held(need.parts, need.parts.exposure * need.price),
        target=need.target,
        target_parts=target_parts(need, targets, sleeves),
        deviation=need.deviation,
        deviation_value=need.value,
        band=BandCoins(
            lower=need.target - below,
            upper=need.target + need.trigger,
            destination_lower=need.target - end_below,
            destination_upper=need.target + need.destination,
        ),
        breached=need.breached,
        gates=gates,
        hedge=need.hedge,
        residual_after_rounding=residual,
        why="; ".join((need.why, *remarks)),
    )


def target_parts(need: Need, targets: Iterable[TargetSpec], sleeves: Sleeves) -> dict[str, Qty]:
    """Who wants what of the target exposure: each target its overlay, and the coins whose whole exposure it sets.

    Coins that are nobody's by name are the core's, so that the parts add up to the target.
    """
    parts = dict(need.shares)
    left = need.target - sum(parts.values(), ZERO)
    owner = CORE
    for target in targets:
        own = sleeves.get(target.name)
        if own is None:
            owner = target.name if need.asset in holds(target) else owner
        elif coins := own.get(need.asset):
            parts[target.name] = parts.get(target.name, ZERO) + coins
            left -= coins
    if left or owner in parts:
        parts[owner] = parts.get(owner, ZERO) + left
    return dict(sorted(parts.items()))


def sleeves_of(need: Need) -> str:
    """The targets that an order is for, as one name."""
    return "+".join(sorted(need.shares)) or CORE


def _parts(parts: Parts) -> AssetParts:
    return AssetParts(
        spot=parts.spot,
        linear=parts.linear + parts.index,
        inverse=parts.inverse,
        collateral=parts.collateral,
        quanto=parts.quanto,
        options=parts.options,
        quote_leg=parts.quote_leg,
        borrowed=parts.borrowed,
        declared=parts.declared,
        working=parts.working,
    )


def short_of(pool: stress.Pool) -> Notional:
    """What an account lacks to survive a move of `stress.STRESS_MIN` either way: its top-up, in value."""
    return max(topup.shortfall(pool, stress.STRESS_MIN), topup.shortfall(pool, -stress.STRESS_MIN))


def liquidated_at(one: stress.Exposed, pool: stress.Pool, unit: Price = ONE) -> Price | None:
    """The liquidation price of one position of a pool, all others as they are; None where no price does it.

    It is as if it had been opened at its mark with the pool's equity. `unit` is the value of its settlement asset.
    What moves with the same coin, collateral or another side of the contract, moves along: it is not as it is.
    """
    if _moved_along(one, pool):
        return _by_stress(one, pool)
    others = [other for other in pool.positions if other is not one and other.contracts]
    elsewhere = stress.required(msgspec.structs.replace(pool, positions=tuple(others)))
    equity = (stress.equity(pool) - elsewhere) / unit
    instrument, amount = one.instrument, one.instrument.coins(one.contracts)
    if instrument.kind is Kind.INVERSE:
        found = liquidation.inverse(face=amount, entry=one.mark, wallet=equity, tiers=instrument.tiers)
    else:
        found = liquidation.linear(coins=amount, entry=one.mark, wallet=equity, tiers=instrument.tiers)
    return None if found is None or found == INFINITE else found


def _moved_along(one: stress.Exposed, pool: stress.Pool) -> bool:
    """Whether the price of a position's coin changes more of its pool than the position."""
    sides = [other for other in pool.positions if other.contracts and other.instrument.id == one.instrument.id]
    if len(sides) > 1:
        return True
    if one.instrument.kind is Kind.INVERSE:
        return len(pool.coins) > 1 or pool.cash != 0
    return any(coin.asset == one.instrument.base and coin.equity for coin in pool.coins)


def _by_stress(one: stress.Exposed, pool: stress.Pool) -> Price | None:
    """The price at which a move of one coin alone, against its position, uses the pool up."""
    base = one.instrument.base
    assets = {coin.asset for coin in pool.coins} | {other.instrument.base for other in pool.positions}
    found = stress.distance(pool, {asset: ONE if asset == base else ZERO for asset in assets})
    if one.contracts > 0:
        return None if found.down >= ONE else one.mark * (ONE - found.down)
    return None if found.up == INFINITE else one.mark * (ONE + found.up)
