"""What the margin of each account leaves for hedges, in a plan, by `limits.margin_ratio`, as in the running service.

What cannot be told is left out: then no margin bears on how a hedge is shared out, and the plan's own margin says what
is unknown.
"""

import msgspec

from bot.calc import stress
from bot.domain.snapshot import Traded
from bot.domain.units import ONE, ZERO
from bot.policy.view import MarginRoom
from bot.runtime.plan_margin import Desk, Unclear
from bot.runtime.plan_routes import home, margin_rate
from bot.runtime.plan_view import Scene


def with_rooms(scene: Scene) -> Scene:
    """The scene with what margins every future that could hedge."""
    futures = [one for found in scene.hedges.values() for one in found]
    rooms = {one.instrument.id: room for one in futures if (room := _room(scene, one)) is not None}
    first = {asset: found[0].instrument.id for asset, found in scene.hedges.items() if found}
    margins = {asset: rooms[name] for asset, name in first.items() if name in rooms}
    return msgspec.structs.replace(scene, rooms=rooms, view=msgspec.structs.replace(scene.view, margins=margins))


def _room(scene: Scene, one: Traded) -> MarginRoom | None:
    try:
        account, pool = Desk(scene, home(scene, one, ONE).account, ()).pool_of(one)
        free = stress.equity(pool) - stress.required(pool) / scene.limits.margin_ratio_max
    except (Unclear, ValueError):
        return None
    return MarginRoom(account=account, rate=float(margin_rate(scene, one)), free=max(free, ZERO))
