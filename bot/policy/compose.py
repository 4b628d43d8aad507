"""Targets and a view into needs: overlays add up, deviations are netted, bands judge, one hedge per asset follows.

Theory of operation
-------------------
A member is what is judged and corrected together: assets that targets tie to one another (the weights of a basket, the
two sides of a tilt) with every target that wants something of their futures. For each member `derive`
  1. asks every target for its aims, as values linear in prices; one that misses an input stops the member, one that is
     over, or whose hedge is closed early, wants nothing any more (`gather`);
  2. cuts them to caps and budgets (`budgets`);
  3. nets each asset's deviation and judges it by the band of every target concerned: the narrowest decides (`judge`,
     and `auto` where bands are to be found);
  4. lets the triggers of the targets whose bands are left say whether that is acted on now, waits or is skipped: it is
     acted on if any of them says so (`triggers`);
  5. if any asset is acted on, or a correction is under way, brings every asset of the member to its destination.
What a person reads is made only where something is called for, or asked for (`explain`): at rest nothing is formatted.
"""

from collections.abc import Collection, Mapping, Sequence

import msgspec

from bot.calc.boxes import Row
from bot.calc.forms import Form
from bot.domain.bands import Auto
from bot.domain.hedge import Need
from bot.domain.targets import ConvertTarget, TargetSpec
from bot.domain.units import ONE, ZERO, Asset, InstrumentId, Nanos, Notional, Price, Qty
from bot.policy import auto, convert, rows
from bot.policy import explain as words
from bot.policy.budgets import NO_CUTS, Cuts
from bot.policy.convert import Pair
from bot.policy.firing import Moment, judgement, outsiders, wanted
from bot.policy.gather import Gathered, Told, gather
from bot.policy.judge import Judged, Ruler, judge
from bot.policy.members import Member, members
from bot.policy.purse import Scope
from bot.policy.view import Missing, View

__all__ = ["Derived", "Member", "derive", "members"]

NO_LINES: tuple[str, ...] = ()


class Derived(msgspec.Struct, frozen=True, kw_only=True):
    """What a member comes to. `needs` are empty at rest, unless an explanation was asked for.

    `outside` are the assets whose deviation is beyond a band. `fired` says that the member is acted on now; `waits`
    why it is not though something is outside or has struck. `ended` are targets that have ended by themselves just
    now, `closed` those whose hedge is closed early, each with why; `pairs` is what conversions trade.
    `missing` is the input without which nothing can be said. `notes` are lines for a person, `short` coins of which
    its targets own more by name than there is.
    """

    member: Member
    needs: tuple[Need, ...] = ()
    judged: tuple[Judged, ...] = ()
    outside: tuple[Asset, ...] = ()
    fired: bool = False
    waits: tuple[str, ...] = ()
    ended: Told = ()
    closed: Told = ()
    pairs: tuple[Pair, ...] = ()
    notes: tuple[str, ...] = ()
    short: Mapping[Asset, str] = {}
    missing: Missing | None = None
    prices: Mapping[Asset, Price] = {}
    marked: Collection[Asset] = ()
    """Futures whose marks are among the prices."""
    caps: Mapping[Asset, Notional] = {}
    conditions: tuple[Form, ...] = ()
    """Forms that are >= 0 while all of this stays as it is, beside those of the fixed bands."""
    found: Collection[Asset] = ()
    """Assets whose bands the joint program found: the conditions have theirs."""

    def forms(self) -> list[Form]:
        """Everything that must stay >= 0 for all of this to stay as it is, as forms over the assets' prices."""
        out = list(self.conditions)
        for one in self.judged:
            if one.asset in self.found:
                continue
            out += rows.conditions(one, self.prices, self.caps.get(one.asset))
        return out

    def rows(self, pricing: Mapping[Asset, InstrumentId]) -> list[Row]:
        """The same as rows over the instruments that price the assets. Made when asked for."""
        return rows.Rows(pricing, self.prices).of(self.forms())


def derive(  # noqa: PLR0913 - all that is remembered between two looks, each by its name
    member: Member,
    targets: Sequence[TargetSpec],
    view: View,
    *,
    correcting: bool = False,
    ended: Collection[str] = (),
    closed: Collection[str] = (),
    outside_since: Mapping[Asset, Nanos] | None = None,
    struck: Mapping[str, Nanos] | None = None,
    cuts: Cuts | Missing = NO_CUTS,
    explain: bool = False,
    scope: Scope | None = None,
) -> Derived:
    """Judge a member at this moment; the module says how.

    `correcting`: a correction of it is under way. `ended` and `closed` are the names of targets that were over before,
    and of those whose hedge was closed early. `outside_since` has the moment at which each asset was first seen
    outside, `struck` when calendars struck that were not served yet. `scope` may be shared by members of one moment.
    """
    scope = scope or Scope(targets, view)
    found = _resolved(member, scope, cuts, ended, closed)
    if isinstance(found, Missing):
        return Derived(member=member, missing=found)
    gathered, bands = found
    assert not isinstance(cuts, Missing), "unknown cuts stop every member"
    breached = outsiders(bands.judged, bands.trades)
    fired, waits = correcting, NO_LINES
    if (breached or struck) and not correcting:
        over = {*ended, *dict(gathered.ended), *dict(gathered.closed)}
        fired, waits = judgement(
            bands.judged, breached, bands.trades, _moment(member, view, outside_since, struck, over)
        )
    needs: tuple[Need, ...] = ()
    if breached or fired or explain:
        needs = tuple(_need(one, bands.trades, fired=fired, outside=one.asset in breached) for one in bands.judged)
    pairs, held = _pairs(member, scope, ended)
    short = scope.short_of(member.targets) if scope.short else scope.short
    return Derived(
        member=member,
        needs=needs,
        judged=bands.judged,
        outside=tuple(breached),
        fired=fired,
        waits=waits + held,
        ended=gathered.ended,
        closed=gathered.closed,
        pairs=pairs,
        notes=_notes(cuts.note, bands.note, short),
        short=short,
        prices=view.prices,
        marked=view.marked.keys(),
        caps=cuts.caps,
        conditions=gathered.conditions + cuts.conditions + bands.conditions,
        found=bands.trades.keys(),
    )


def _moment(
    member: Member,
    view: View,
    outside_since: Mapping[Asset, Nanos] | None,
    struck: Mapping[str, Nanos] | None,
    over: Collection[str],
) -> Moment:
    by_name = {target.name: target for target in member.targets}
    return Moment(view=view, targets=by_name, outside_since=outside_since or {}, struck=struck or {}, over=over)


def _notes(cut: str, found: str, short: Mapping[Asset, str]) -> tuple[str, ...]:
    if not (cut or found or short):
        return NO_LINES
    return tuple(note for note in (cut, found, *short.values()) if note)


def _resolved(
    member: Member, scope: Scope, cuts: Cuts | Missing, ended: Collection[str], closed: Collection[str]
) -> tuple[Gathered, auto.Resolved] | Missing:
    """What is wanted of the member's assets and how that is judged, with every band found."""
    if isinstance(cuts, Missing):
        return cuts
    found = _unknown(member, scope.view) or gather(member.targets, scope, member.assets, ended, closed)
    if isinstance(found, Missing):
        return found
    judged = _judged(member, found, scope.view, cuts)
    for target in member.targets:
        if type(target.band) is Auto:
            resolved = auto.resolved(judged, scope)
            return resolved if isinstance(resolved, Missing) else (found, resolved)
    return found, auto.Resolved(judged=judged)


def _unknown(member: Member, view: View) -> Missing | None:
    """The first of the member's own assets that is not known."""
    for asset in member.assets:
        if asset not in view.parts:
            return Missing(asset, f"the exposure of {asset} is unknown: {view.blind.get(asset, 'nobody says')}")
        if asset not in view.prices:
            return Missing(asset, f"the price of {asset} is unknown")
    return None


def _judged(member: Member, found: Gathered, view: View, cuts: Cuts) -> tuple[Judged, ...]:
    ruler = Ruler(view)
    if cuts is NO_CUTS:
        return tuple([judge(asset, aims, view, ruler) for asset, aims in found.aims.items()])
    by_name = {target.name: target for target in member.targets}
    out = []
    for asset, aims in found.aims.items():
        shares = [cuts.share(asset, by_name[aim.target]) for aim in aims]
        left = shares if any(one < ONE for one in shares) else None
        out.append(judge(asset, aims, view, ruler, cuts.caps.get(asset), left))
    return tuple(out)


def _pairs(member: Member, scope: Scope, ended: Collection[str]) -> tuple[tuple[Pair, ...], tuple[str, ...]]:
    """What conversions trade, and why others do not."""
    pairs: list[Pair] = []
    held: list[str] = []
    for target in member.targets:
        if type(target) is ConvertTarget and target.name not in ended:
            found = convert.pair(target, scope)
            if isinstance(found, Missing):
                held.append(f"{target.name}: {found.why}")
            else:
                pairs.append(found)
    return tuple(pairs), tuple(held)


def _need(judged: Judged, trades: Mapping[Asset, Qty], *, fired: bool, outside: bool) -> Need:
    return words.need(judged, wanted(judged, trades) if fired else ZERO, breached=outside)
