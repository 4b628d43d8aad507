"""From facts to readings: how bad each condition looks, and the words that it would be told in.

Thresholds and patience are here; what flaps, lasts and clears is `bot.ops.alerts.conditions`.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal

import msgspec

from bot.domain.commands import Severity
from bot.domain.units import MILLISECOND_NS, SECOND_NS
from bot.ops.alerts import words
from bot.ops.alerts.conditions import LEVEL_MAX, Course, Reading, Step
from bot.ops.alerts.facts import AssetFact, DoubtFact, Facts, StreamFact
from bot.ops.alerts.kinds import Kind
from bot.runtime.settings import Settings
from bot.venues.budget import Lane

WARNING, CRITICAL = Severity.WARNING, Severity.CRITICAL
CRITICAL_AFTER_TIMES = 10
"""A stream down or data in doubt is critical once it lasted so many times as long as it took to be told."""
UNHEDGED_CRITICAL_TIMES = 5
FAR_TRIGGERS = 3
"""An asset off its target by more than so many triggers is critical without waiting longer."""
CLEAR_NS = 30 * SECOND_NS
UNHEDGED_CLEAR_NS = 5 * SECOND_NS
MARGIN_WARN = Decimal("0.35")
MARGIN_WARN_SHARE = Decimal("0.7")
"""Of the limit, where the limit is low."""
MARGIN_CRITICAL = Decimal("0.70")
MARGIN_CRITICAL_ABOVE = Decimal("0.05")
"""Above the limit, where the limit is high."""
MARGIN_EASE = Decimal("0.02")
STRESS_EASE = Decimal("0.01")
STRESS_STAGE = 2
"""Of the margin's stages, the one that a distance to liquidation below its limit makes: only what reduces is sent."""
CLOCK_EASE_SHARE = Decimal("0.8")
JOURNAL_SLOW_NS = 500 * MILLISECOND_NS
JOURNAL_STUCK_NS = 5 * SECOND_NS
JOURNAL_PATIENCE_NS = 3 * SECOND_NS
BUDGET_PATIENCE_NS = 5 * SECOND_NS
BUDGET_BLOCKED_PATIENCE_NS = 60 * SECOND_NS
DISK_CRITICAL_PART = 4
DISK_EASE_PART = 20
DELTAS_SHOWN = 12


class Bounds(msgspec.Struct, frozen=True):
    """What the owner set: patience in nanoseconds, and the free disk in bytes below which it is said."""

    stale_ns: int
    unhedged_ns: int
    disk_free_bytes: int

    @classmethod
    def of(cls, settings: Settings) -> "Bounds":
        """Take them from the config."""
        return cls(settings.alerts.stale, settings.alerts.unhedged, settings.journal.disk_free)


def readings(facts: Facts, bounds: Bounds) -> list[Reading]:
    """One reading for each thing that could be wrong, in a fixed order."""
    return [
        *(_stream(one, facts, bounds) for one in facts.streams),
        *(_doubt(one, facts, bounds) for one in facts.doubts),
        *_assets(facts, bounds),
        _margin(facts),
        *(_clock(account, offset, facts) for account, offset in facts.clock_offsets),
        *(_budget(host, used) for host, used in facts.budgets),
        _journal(facts),
        _disk(facts, bounds),
    ]


def _patient(kind: Kind, after_ns: int) -> Course:
    """A warning that becomes critical when it goes on."""
    steps = (Step(1, after_ns, 1), Step(1, after_ns * CRITICAL_AFTER_TIMES, 2))
    return Course(kind=kind, steps=steps, clear_ns=CLEAR_NS, severities=(WARNING, CRITICAL))


# ------------------------------------------------------------------------------------------------ streams and data
def _stream(stream: StreamFact, facts: Facts, bounds: Bounds) -> Reading:
    return Reading(
        key=f"{Kind.STREAM_DOWN.value}:{stream.name}",
        course=_patient(Kind.STREAM_DOWN, bounds.stale_ns),
        subject=stream.name,
        level=0 if stream.up else 1,
        title=f"stream {stream.name} is down{_most_off(stream.assets, facts)}",
        lines=(f"It feeds {words.listed(stream.assets)}; no new risk is taken on what it told.",),
        facts=tuple(_deltas(stream.assets, facts)) if not stream.up else (),
        over=f"stream {stream.name} is up again",
    )


def _doubt(doubt: DoubtFact, facts: Facts, bounds: Bounds) -> Reading:
    return Reading(
        key=f"{Kind.STALE.value}:{doubt.subject}",
        course=_patient(Kind.STALE, bounds.stale_ns),
        subject=doubt.subject,
        level=1 if doubt.why else 0,
        easing=LEVEL_MAX if doubt.why is None else 0,
        title=f"{doubt.subject} in doubt{_most_off(doubt.assets, facts)}",
        lines=(doubt.why or "", f"No new risk is taken on {words.listed(doubt.groups)}."),
        facts=tuple(_deltas(doubt.assets, facts)) if doubt.why else (),
        over=f"{doubt.subject} can be trusted again",
    )


def _most_off(assets: Iterable[str], facts: Facts) -> str:
    """The unhedged delta in a title: of the asset with the most money off target, and how many more there are."""
    known = [facts.deltas[asset] for asset in assets if asset in facts.deltas]
    if not known:
        return ""
    worst = max(known, key=lambda one: abs(one.value or Decimal(0)))
    more = f" and {len(known) - 1} more" if len(known) > 1 else ""
    off = words.coins(worst.deviation, worst.asset, signed=True)
    return f"; unhedged {off} ({words.money(worst.value, facts.quote, signed=True)}){more}"


def _deltas(assets: Iterable[str], facts: Facts) -> Iterator[tuple[str, str]]:
    """How far each asset was off its target when that was last known: what nobody may be hedging now."""
    for asset in list(assets)[:DELTAS_SHOWN]:
        last = facts.deltas.get(asset)
        if last is None:
            yield f"unhedged {asset}", "not known since the start"
            continue
        off = words.coins(last.deviation, asset, signed=True)
        value = words.money(last.value, facts.quote, signed=True)
        yield f"unhedged {asset}", f"{off} ({value}), known {words.duration(facts.now_ns - last.seen_ns)} ago"


# ------------------------------------------------------------------------------------------------ assets
def _assets(facts: Facts, bounds: Bounds) -> Iterator[Reading]:
    """In observe nothing is ever hedged, and the proposals say so."""
    if facts.observing:
        return
    for asset in facts.assets:
        yield _unwind(asset, bounds) if asset.unwinding else _unhedged(asset, facts, bounds)


def _unhedged(asset: AssetFact, facts: Facts, bounds: Bounds) -> Reading:
    after, far = bounds.unhedged_ns, _is_far(asset)
    off = words.coins(asset.deviation, asset.asset, signed=True)
    steps = (Step(1, after, 1), Step(1, after * UNHEDGED_CRITICAL_TIMES, 2), Step(2, after, 2))
    return Reading(
        key=f"{Kind.UNHEDGED.value}:{asset.asset}",
        course=Course(kind=Kind.UNHEDGED, steps=steps, clear_ns=UNHEDGED_CLEAR_NS, severities=(WARNING, CRITICAL)),
        subject=asset.asset,
        level=0 if not asset.breached else 2 if far else 1,
        easing=LEVEL_MAX if asset.breached is None else 0,
        title=f"{asset.asset} outside its band: {off} ({words.money(asset.value, facts.quote, signed=True)})",
        lines=(f"Held: {asset.why_held}" if asset.why_held else "Nothing holds it: orders do not bring it back.",),
        facts=(
            ("off target", off),
            ("value", words.money(asset.value, facts.quote, signed=True)),
            ("band", f"trigger {words.coins(asset.trigger, asset.asset)}"),
        ),
        over=f"{asset.asset} is back inside its band",
    )


def _is_far(asset: AssetFact) -> bool:
    if asset.deviation is None or asset.trigger is None:
        return False
    return abs(asset.deviation) > FAR_TRIGGERS * asset.trigger


def _unwind(asset: AssetFact, bounds: Bounds) -> Reading:
    steps = (Step(1, bounds.unhedged_ns, 1), Step(1, bounds.unhedged_ns * UNHEDGED_CRITICAL_TIMES, 2))
    return Reading(
        key=f"{Kind.UNHEDGED.value}:unwind:{asset.asset}",
        course=Course(kind=Kind.UNHEDGED, steps=steps, clear_ns=UNHEDGED_CLEAR_NS, severities=(WARNING, CRITICAL)),
        subject=asset.asset,
        level=1 if asset.breached else 0,
        easing=LEVEL_MAX if asset.breached is None else 0,
        title=f"the {asset.asset} hedge is still open: {words.coins(asset.deviation, asset.asset, signed=True)}",
        lines=("It is being unwound.", f"Held: {asset.why_held}" if asset.why_held else ""),
        over=f"the {asset.asset} hedge is closed",
    )


# ------------------------------------------------------------------------------------------------ margin
_MARGIN = Course(
    kind=Kind.MARGIN,
    steps=(Step(1, 0, 1), Step(2, 0, 2), Step(3, 0, 3)),
    clear_ns=CLEAR_NS,
    severities=(WARNING, WARNING, CRITICAL),
)
_MARGIN_WORDS = (
    "",
    "Add collateral before it reaches the limit.",
    "Only orders that reduce a position are sent: add collateral, or the hedge cannot follow.",
    "Near liquidation: add collateral now. Liquidation is at 100 %.",
)


def margin_stages(ratio_max: Decimal) -> tuple[Decimal, Decimal, Decimal]:
    """From which ratio on it is warned, only what reduces is sent, and it is critical."""
    warn = min(MARGIN_WARN, MARGIN_WARN_SHARE * ratio_max)
    return warn, ratio_max, max(MARGIN_CRITICAL, ratio_max + MARGIN_CRITICAL_ABOVE)


def _margin(facts: Facts) -> Reading:
    ratio, stages = facts.margin_ratio, margin_stages(facts.margin_ratio_max)
    level = 0 if ratio is None else sum(ratio >= stage for stage in stages)
    easing = LEVEL_MAX if ratio is None else sum(ratio >= stage - MARGIN_EASE for stage in stages)
    if facts.margin_stress is not None and facts.stress_distance_min:
        level = max(level, STRESS_STAGE if facts.margin_stress < facts.stress_distance_min else 0)
        easing = max(easing, STRESS_STAGE if facts.margin_stress < facts.stress_distance_min + STRESS_EASE else 0)
    stress = words.percent(facts.margin_stress, 1) if facts.margin_stress is not None else "not known"
    return Reading(
        key=Kind.MARGIN.value,
        course=_MARGIN,
        subject="margin",
        level=level,
        easing=easing,
        title=f"margin ratio {words.percent(ratio, 1)}{_thin(facts)}",
        lines=(_MARGIN_WORDS[level],),
        facts=(
            ("margin ratio", words.percent(ratio)),
            ("stages", ", ".join(words.percent(stage, 0) for stage in stages)),
            ("distance to liquidation", stress),
            ("it must survive", words.percent(facts.stress_distance_min, 1)),
        ),
        over=f"margin ratio {words.percent(ratio, 1)}: below every stage",
    )


def _thin(facts: Facts) -> str:
    """In a title: how small a move would liquidate, where it is smaller than it may be."""
    stress = facts.margin_stress
    if stress is None or stress >= facts.stress_distance_min:
        return ""
    return f", a move of {words.percent(stress, 1)} from liquidation"


# ------------------------------------------------------------------------------------------------ the machine room
def _clock(account: str, offset_ns: int | None, facts: Facts) -> Reading:
    bound = facts.clock_offset_ns_max
    off = "not known" if offset_ns is None else f"{Decimal(offset_ns) / SECOND_NS:+.3f} s"
    eased = offset_ns is None or abs(offset_ns) > bound * CLOCK_EASE_SHARE
    return Reading(
        key=f"{Kind.CLOCK.value}:{account}",
        course=Course(kind=Kind.CLOCK, steps=(Step(1, 0, 1),), clear_ns=CLEAR_NS, severities=(WARNING,)),
        subject=account,
        level=1 if offset_ns is not None and abs(offset_ns) > bound else 0,
        easing=1 if eased else 0,
        title=f"the clock of {account} is {off} from ours",
        lines=(f"Beyond {words.duration(bound)} orders are held back: set this machine's clock (NTP).",),
        over=f"the clock of {account} agrees again ({off})",
    )


_BUDGET = Course(
    kind=Kind.RATE_BUDGET,
    steps=(Step(1, BUDGET_PATIENCE_NS, 1), Step(2, BUDGET_BLOCKED_PATIENCE_NS, 2)),
    clear_ns=CLEAR_NS,
    severities=(WARNING, CRITICAL),
)


def _budget(host: str, used: float) -> Reading:
    blocked = used >= 1
    share = f"{used * 100:.0f} %"
    what = "nothing may leave" if blocked else "new orders are held back"
    return Reading(
        key=f"{Kind.RATE_BUDGET.value}:{host}",
        course=_BUDGET,
        subject=host,
        level=2 if blocked else 1 if used >= Lane.ORDER.value else 0,
        easing=1 if used >= Lane.READ.value else 0,
        title=f"rate budget of {host}: {share} used, {what}",
        lines=("The venue counts requests per address: look for another program that uses it.",),
        over=f"rate budget of {host}: {share} used",
    )


_JOURNAL = Course(
    kind=Kind.JOURNAL_SLOW,
    steps=(Step(1, JOURNAL_PATIENCE_NS, 1), Step(2, 0, 2)),
    clear_ns=CLEAR_NS,
    severities=(WARNING, CRITICAL),
)


def _journal(facts: Facts) -> Reading:
    lag = facts.journal_lag_ns
    return Reading(
        key=Kind.JOURNAL_SLOW.value,
        course=_JOURNAL,
        subject="journal",
        level=sum(lag > bound for bound in (JOURNAL_SLOW_NS, JOURNAL_STUCK_NS)),
        title=f"the journal is {words.duration(lag)} behind",
        lines=("No order is sent before its record is on the disk: look at the disk.",),
        over="the journal's disk keeps up again",
    )


def _disk(facts: Facts, bounds: Bounds) -> Reading:
    free, bound = facts.disk_free_bytes, bounds.disk_free_bytes
    shown = words.UNKNOWN if free is None else words.size(free)
    levels = (bound, bound // DISK_CRITICAL_PART)
    return Reading(
        key=Kind.DISK.value,
        course=Course(
            kind=Kind.DISK,
            steps=(Step(1, 0, 1), Step(2, 0, 2)),
            clear_ns=CLEAR_NS,
            severities=(WARNING, CRITICAL),
        ),
        subject="disk",
        level=0 if free is None else sum(free < one for one in levels),
        easing=LEVEL_MAX if free is None else sum(free < one + bound // DISK_EASE_PART for one in levels),
        title=f"the journal's disk has {shown} left",
        lines=("When it is full nothing can be journaled, and nothing is sent.",),
        facts=(("free", shown), ("bound", words.size(bound))),
        over=f"the journal's disk has {shown} left again",
    )
