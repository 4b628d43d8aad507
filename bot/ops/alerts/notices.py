"""What the engine says by itself, as alerts: operator's commands, faults, refusals, strangers and the rest.

`held` and `released` come and go with every tick and are no alerts one by one: the conditions watch what they mean.
The engine says everything else once per occurrence, so each occurrence has a key of its own.
"""

from collections.abc import Iterator, Sequence

from bot.domain.commands import Notice, Severity
from bot.domain.events import Action, Event, FaultRaised, OperatorAsked
from bot.domain.hedge import ROUTE
from bot.engine.peg import WAY_BACK
from bot.engine.state import State
from bot.ops.alerts import words
from bot.ops.alerts.kinds import Alert, Kind
from bot.ops.alerts.standing import open_orders, open_positions
from bot.ops.alerts.voice import Voice

KINDS_BY_TOPIC = {
    "operator": Kind.OPERATOR,
    "fault": Kind.FAULT,
    "conservation": Kind.CONSERVATION,
    "left": Kind.LEFT,
    "uncounted": Kind.UNCOUNTED,
    "unreadable": Kind.UNREADABLE,
    "external_change": Kind.EXTERNAL_CHANGE,
    "foreign": Kind.FOREIGN,
    "rejects": Kind.REJECTS,
    "order": Kind.ORDER_LOST,
    "unknown_order": Kind.UNKNOWN_ORDER,
    "naked": Kind.NAKED,
    "unwound": Kind.UNWOUND,
    "waiting": Kind.WAITING,
    "ended": Kind.TARGET_ENDED,
    "closed_early": Kind.CLOSED_EARLY,
    "capped": Kind.CAPPED,
    "decoupled": Kind.DECOUPLED,
    "converted": Kind.CONVERTED,
    "holdings": Kind.HOLDINGS,
    "peg": Kind.PEG,
}
HELD, RELEASED = "held", "released"
MODE = "mode"
"""What an operator's remark about another way to run is about."""
GATHERED = {"config": Kind.CONFIG, "metadata": Kind.METADATA}
"""One change of rules is many notices, and one alert."""
CALENDAR = "calendar"
SILENT = frozenset({HELD, RELEASED, CALENDAR, ROUTE, WAY_BACK, *GATHERED})
"""Topics that are not told one by one: a strike that found nothing to do, how far a peg's way back is, and that a move
is over, of which the alert of its orders tells, are for the journal."""
LOUDNESS = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}

_TITLES = {
    Kind.FAULT: "halted: a fault of ours",
    Kind.CONSERVATION: "{subject} halted: more was filled than ordered",
    Kind.LEFT: "{subject} is no longer in the config, and something stands there",
    Kind.UNCOUNTED: "a position that nothing counts: {subject}",
    Kind.UNREADABLE: "{subject} cannot be read",
    Kind.EXTERNAL_CHANGE: "{subject} halted: the venue moved the position",
    Kind.FOREIGN: "an order that is not ours on {subject}",
    Kind.REJECTS: "{subject} halted: the venue refuses our orders",
    Kind.ORDER_LOST: "an order never reached the book: {subject}",
    Kind.UNKNOWN_ORDER: "the end of an order on {subject} is not known",
    Kind.NAKED: "the legs of {subject} are uneven",
    Kind.UNWOUND: "every hedge is closed",
    Kind.WAITING: "{subject} is outside its band and waits",
    Kind.TARGET_ENDED: "the target {subject} has ended",
    Kind.CLOSED_EARLY: "funding decides on {subject}",
    Kind.CAPPED: "a cap cuts {subject}",
    Kind.DECOUPLED: "{subject}: proxy and coin have come apart",
    Kind.CONVERTED: "the conversion {subject} is done",
    Kind.HOLDINGS: "what {subject} holds cannot be read",
    Kind.PEG: "the peg of {subject}",
    Kind.COMPONENT: "a part failed: {subject}",
}
_DONE = {
    Action.KILL: (
        "killed",
        "Working orders are cancelled, hedges stay as they are; nothing is sent until it is armed.",
    ),
    Action.PAUSE: ("paused", "Working orders end by themselves, hedges stay as they are; nothing new is sent."),
    Action.ARM: ("armed", "Halts are lifted; hedging goes on."),
    Action.UNWIND: (
        "unwinding",
        "Every hedge is closed within the ordinary limits; nothing is hedged until it is armed.",
    ),
    Action.FLATTEN: ("flattening", "Every hedge is closed within wider limits; nothing is hedged until it is armed."),
}
_REMEDY = {
    Kind.FAULT: "Hedges stay as they are. Look into it, then arm.",
    Kind.CONSERVATION: "Hedges stay as they are. Look into it, then arm.",
    Kind.REJECTS: "Hedges stay as they are. Look into it, then arm.",
    Kind.UNCOUNTED: "Hedging goes on, by what the config names.",
    Kind.UNREADABLE: "Nothing new is risked on what it held; orders that reduce go on.",
    Kind.WAITING: "It is hedged as soon as what it waits for is there, and at once beyond the band's `instant`.",
    Kind.TARGET_ENDED: "It stays ended until its entry in the config changes.",
    Kind.CAPPED: "The hedge is as large as the cap lets it be; the rest stays open.",
    Kind.PEG: "Hedges stay as they are, and orders that reduce go on.",
    Kind.HOLDINGS: "The last good reading stands until it is too old; then the coins it tells of are not traded.",
    Kind.COMPONENT: "Hedging goes on meanwhile; the log has the traceback.",
}


def noticed(voice: Voice, notice: Notice, event: Event, state: State) -> Alert | None:
    """A notice as an alert; None for what only feeds a condition or is told with others."""
    if notice.topic in SILENT:
        return None
    kind = _kind(notice.topic)
    if kind is Kind.OPERATOR and isinstance(event, OperatorAsked):
        title, lines = _operator(event, notice, state)
    elif kind is Kind.OPERATOR and notice.subject == MODE:
        title, lines = notice.text, ["This way to run ends, hedges stay as they are, and the other one starts."]
    else:
        title = _TITLES.get(kind, "{topic}: {subject}").format(subject=notice.subject, topic=notice.topic)
        lines = [notice.text, _REMEDY.get(kind, "")]
    return voice.say(
        kind,
        notice.subject,
        title,
        lines,
        key=_key(kind, notice, state),
        severity=notice.severity,
        facts=[*_facts(kind, event, state), ("mode", f"{voice.run_mode}, {state.modes.overall.name}")],
    )


def changed(voice: Voice, notices: Sequence[Notice], state: State) -> Iterator[Alert]:
    """What a change of the config, or of what the venue says of its instruments, came to: one alert for each."""
    for topic, kind in GATHERED.items():
        own = [notice for notice in notices if notice.topic == topic]
        if not own:
            continue
        first = own[0]
        yield voice.say(
            kind,
            first.subject,
            f"{topic}: {first.subject}: {first.text}" if len(own) == 1 else f"{topic}: {len(own)} changes",
            [f"{notice.subject}: {notice.text}" for notice in own],
            key=f"{kind.value}:{state.now}",
            severity=max((notice.severity for notice in own), key=LOUDNESS.__getitem__),
            facts=[
                *((notice.subject, notice.text) for notice in own),
                ("mode", f"{voice.run_mode}, {state.modes.overall.name}"),
            ],
        )


def _kind(topic: str) -> Kind:
    """The kind of a topic: by our table, else of that very name; what nobody has thought of is loud."""
    found = KINDS_BY_TOPIC.get(topic)
    return found or next((kind for kind in Kind if kind.value == topic), Kind.FAULT)


def _operator(event: OperatorAsked, notice: Notice, state: State) -> tuple[str, list[str]]:
    if state.unobeyed:
        return f"{event.action.value} by {event.by} was not obeyed", [f"{notice.text}."]
    done, meaning = _DONE[event.action]
    return f"{done} by {event.by}: {event.reason}", [meaning]


def _key(kind: Kind, notice: Notice, state: State) -> str:
    if kind in (Kind.UNREADABLE, Kind.COMPONENT):
        return f"{kind.value}:{notice.subject}"
    return f"{kind.value}:{notice.subject}:{state.now}"


def _facts(kind: Kind, event: Event, state: State) -> Iterator[tuple[str, str]]:
    """What stands open, where a person has to decide; who asked for what."""
    if isinstance(event, OperatorAsked) and kind is Kind.OPERATOR:
        yield "asked by", event.by
        yield "reason", event.reason
    if isinstance(event, FaultRaised) and kind is Kind.FAULT:
        yield "fault", event.what
    if kind in (Kind.OPERATOR, Kind.FAULT, Kind.CONSERVATION, Kind.EXTERNAL_CHANGE, Kind.UNWOUND):
        yield "open hedges", open_positions(state)
    if kind in (Kind.OPERATOR, Kind.FAULT, Kind.UNKNOWN_ORDER):
        yield "unresolved orders", open_orders(state)
    if latches := [f"{latch.mode.name} {scope}" for scope, latch in sorted(state.modes.latches.items())]:
        yield "latched", words.listed(latches)
