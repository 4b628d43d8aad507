"""Whether a member is acted on: what is outside, whose triggers are concerned, and what each asset would trade.

A member is acted on as soon as the triggers of one target fire for one asset. A target is concerned where its own band
is left (of an auto band: where the joint program trades), or where its calendar has struck and a hedge would be made.
What is over, or closed early, waits for nothing.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

import msgspec

from bot.calc import bands
from bot.domain.order import Side
from bot.domain.targets import TargetSpec
from bot.domain.triggers import Start, When
from bot.domain.units import Asset, Nanos, Qty
from bot.policy import triggers
from bot.policy.judge import Judged
from bot.policy.triggers import Skip, Wait
from bot.policy.view import Aim, View

AT_ONCE = When()

Trades = Mapping[Asset, Qty]
"""What the joint program trades of the assets whose bands it found, in coins."""


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """What triggers look at beside the view: since when assets are outside, and which calendars have struck."""

    view: View
    targets: Mapping[str, TargetSpec]
    outside_since: Mapping[Asset, Nanos]
    struck: Mapping[str, Nanos]
    over: Collection[str]

    def strike(self, target: TargetSpec) -> Nanos | None:
        """When the target's calendar struck, if that still counts."""
        return triggers.struck_at(target.when, self.struck.get(target.name), self.view.now)


def wanted(judged: Judged, trades: Trades) -> Qty:
    """What would be traded of an asset now, in coins: to the destination of its band, or what the program says."""
    if judged.asset in trades:
        return trades[judged.asset]
    deviation, band = judged.narrowest(above=judged.deviations[0].amount > 0)
    return bands.correction(deviation, band, correcting=True)


def outsiders(judged: Collection[Judged], trades: Trades) -> dict[Asset, Sequence[Aim]]:
    """Assets whose deviation calls for a hedge, triggers apart, with the aims whose own band is left."""
    out: dict[Asset, Sequence[Aim]] = {}
    for one in judged:
        if one.asset in trades:
            if trades[one.asset]:
                out[one.asset] = one.aims
        elif breached := one.breached():
            out[one.asset] = breached
    return out


def judgement(
    judged: Collection[Judged], breached: Mapping[Asset, Sequence[Aim]], trades: Trades, moment: Moment
) -> tuple[bool, tuple[str, ...]]:
    """Whether any trigger fires; if none does, what those that are concerned wait for."""
    waits: list[str] = []
    for one in judged:
        own = breached.get(one.asset, ())
        for aim in (*own, *_struck(one, own, trades, moment)):
            verdict = _verdict(one, aim, moment)
            if isinstance(verdict, Wait):
                waits += [f"{aim.target} {one.asset}: {reason}" for reason in verdict.reasons]
            elif isinstance(verdict, Skip):
                waits.append(f"{aim.target} {one.asset}: {verdict.why}")
            else:
                return True, ()
    return False, tuple(dict.fromkeys(waits))


def _struck(judged: Judged, breached: Sequence[Aim], trades: Trades, moment: Moment) -> Iterator[Aim]:
    """Aims inside their band whose calendar alone starts a hedge, where there is one to make."""
    for aim in judged.aims if moment.struck else ():
        target = moment.targets[aim.target]
        alone = target.when.start is not Start.BOTH and moment.strike(target) is not None
        if alone and aim not in breached and wanted(judged, trades):
            yield aim


def _verdict(judged: Judged, aim: Aim, moment: Moment) -> triggers.Fire | Wait | Skip:
    target = moment.targets[aim.target]
    if aim.target in moment.over or target.when == AT_ONCE:
        return triggers.FIRE
    breach = triggers.breach_of(
        target.when,
        judged.asset,
        Side.SELL if judged.deviations[0].amount > 0 else Side.BUY,
        moment.view,
        since=moment.outside_since.get(judged.asset),
        struck=moment.strike(target),
        urgent=judged.urgent(),
    )
    return triggers.verdict(target.when, breach)
