"""Who is judged together: the connected components of the assets that targets tie to one another."""

from collections.abc import Collection, Mapping, Sequence

import msgspec

from bot.domain.targets import TargetSpec
from bot.domain.units import Asset
from bot.policy import kinds


class Member(msgspec.Struct, frozen=True):
    """What is judged and corrected together. `assets` can be hedged; both are in the order of their names."""

    name: str
    targets: tuple[TargetSpec, ...]
    assets: tuple[Asset, ...]


def members(targets: Sequence[TargetSpec], hedgeable: Collection[Asset]) -> tuple[Member, ...]:
    """The connected components of the hedgeable assets that targets reach, in the order of their names.

    One asset of a ratio target alone is "NAME:ASSET", a target alone "NAME"; several are "A+B", with ":X,Y" where
    these are not all of the assets that they reach.
    """
    ordered = sorted(targets, key=lambda one: one.name)
    reached = {one.name: [asset for asset in kinds.reach(one) if asset in hedgeable] for one in ordered}
    parent: dict[Asset, Asset] = {}

    def root(asset: Asset) -> Asset:
        while parent.setdefault(asset, asset) != asset:
            asset = parent[asset]
        return asset

    for target in ordered:
        assets = reached[target.name]
        for asset in assets:
            first = asset if isinstance(target, kinds.SEPARATE) else assets[0]
            one, other = sorted((root(asset), root(first)))
            parent[other] = one
    components: dict[Asset, list[Asset]] = {}
    for asset in sorted(parent):
        components.setdefault(root(asset), []).append(asset)
    found = (_member(assets, ordered, reached) for assets in components.values())
    return tuple(sorted(found, key=lambda one: one.name))


def _member(assets: list[Asset], ordered: Sequence[TargetSpec], reached: Mapping[str, Collection[Asset]]) -> Member:
    own = tuple(one for one in ordered if not set(assets).isdisjoint(reached[one.name]))
    name = "+".join(one.name for one in own)
    partial = {asset for one in own for asset in reached[one.name]} != set(assets)
    if partial or (len(own) == 1 and isinstance(own[0], kinds.SEPARATE)):
        name = f"{name}:{','.join(assets)}"
    return Member(name, own, tuple(assets))
