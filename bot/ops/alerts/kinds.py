"""Every kind of alert there is: how loud it is, what it means, and the runbook page that says what to do.

A kind's page is `docs/runbooks/<kind>.md`; the docs are built from this table and tested against it.
"""

from enum import Enum

import msgspec

from bot.domain.commands import Severity

RUNBOOKS = "docs/runbooks"


class Kind(Enum):
    """What an alert is about."""

    START = "start"
    START_REFUSED = "start_refused"
    STOP = "stop"
    FAILED = "failed"
    HEDGE = "hedge"
    PROPOSAL = "proposal"
    OPERATOR = "operator"
    UNWOUND = "unwound"
    FAULT = "fault"
    CONSERVATION = "conservation"
    REJECTS = "rejects"
    ORDER_LOST = "order_lost"
    UNKNOWN_ORDER = "unknown_order"
    EXTERNAL_CHANGE = "external_change"
    FOREIGN = "foreign"
    LEFT = "left"
    UNCOUNTED = "uncounted"
    NAKED = "naked"
    UNREADABLE = "unreadable"
    STREAM_DOWN = "stream_down"
    STALE = "stale"
    UNHEDGED = "unhedged"
    WAITING = "waiting"
    TARGET_ENDED = "target_ended"
    CLOSED_EARLY = "closed_early"
    CAPPED = "capped"
    DECOUPLED = "decoupled"
    CONVERTED = "converted"
    HOLDINGS = "holdings"
    MARGIN = "margin"
    PEG = "peg"
    CLOCK = "clock"
    RATE_BUDGET = "rate_budget"
    JOURNAL_SLOW = "journal_slow"
    DISK = "disk"
    COMPONENT = "component"
    CONFIG = "config"
    METADATA = "metadata"
    CHAT = "chat"
    SINK_DOWN = "sink_down"
    DIGEST = "digest"

    @property
    def runbook(self) -> str:
        """The page that says what to do."""
        return f"{RUNBOOKS}/{self.value}.md"


LIFE = frozenset({Kind.START, Kind.STOP, Kind.START_REFUSED, Kind.FAILED})
"""What a process says of its own beginning and end: one key for all of it, so that a loop of crashes is one thing."""


def life_key(portfolio: str) -> str:
    """The key of a portfolio's beginnings and ends."""
    return f"life:{portfolio}"


class About(msgspec.Struct, frozen=True):
    """A kind's usual severity (an alert may be louder) and its meaning in a sentence."""

    severity: Severity
    meaning: str


_I, _W, _C = Severity.INFO, Severity.WARNING, Severity.CRITICAL

KINDS: dict[Kind, About] = {
    Kind.START: About(_I, "The daemon starts; the first alert also proves that each sink can be reached."),
    Kind.START_REFUSED: About(_C, "The daemon did not start: what it looked at first forbids it."),
    Kind.STOP: About(_I, "The daemon ended in good order; hedges stay in place and nobody watches them."),
    Kind.FAILED: About(_C, "The daemon ended because a part of it could not be kept alive."),
    Kind.HEDGE: About(_I, "A hedge was adjusted: why, by which orders, and what they cost."),
    Kind.PROPOSAL: About(_I, "In observe: what would have been done, and why."),
    Kind.OPERATOR: About(_W, "An operator's command: kill, arm, pause, unwind, flatten or a change of mode."),
    Kind.UNWOUND: About(_I, "Every hedge is closed; nothing is hedged until it is armed."),
    Kind.FAULT: About(_C, "Something of ours broke (journal, invariant, task): halted."),
    Kind.CONSERVATION: About(_C, "More was filled than was ordered: halted."),
    Kind.REJECTS: About(_C, "The venue refused several orders in a row: the instrument is halted."),
    Kind.ORDER_LOST: About(_W, "Orders in a row never reached the book, which is proven."),
    Kind.UNKNOWN_ORDER: About(_W, "What became of an order has not been known for too long."),
    Kind.EXTERNAL_CHANGE: About(_C, "The venue moved a position without an order of ours (liquidation, ADL ...)."),
    Kind.FOREIGN: About(_C, "An order on the account that is not ours."),
    Kind.LEFT: About(_C, "A position or an order stands on an instrument that the config no longer names."),
    Kind.UNCOUNTED: About(_C, "A position stands in an account on a contract that the config never named."),
    Kind.NAKED: About(_C, "The legs of a pair have been uneven for longer than the budget allows."),
    Kind.UNREADABLE: About(_W, "An account could not be read several times in a row."),
    Kind.STREAM_DOWN: About(_W, "A websocket has been down; the unhedged delta is said with it."),
    Kind.STALE: About(_W, "Data or accounts are too old to decide on: nothing new is risked meanwhile."),
    Kind.UNHEDGED: About(_W, "An asset has been outside its band for long, and why no hedge was sent."),
    Kind.WAITING: About(_I, "A coin is outside its band, and its target waits: for a duration, a calendar or a gate."),
    Kind.TARGET_ENDED: About(_W, "A target ended by itself, as its `until` says; its hedges are closed."),
    Kind.CLOSED_EARLY: About(_W, "A hedge is closed early because its funding costs too much, or hedges again."),
    Kind.CAPPED: About(_W, "A cap or a budget cuts what a target wants."),
    Kind.DECOUPLED: About(_W, "A proxy hedge and the coin it stands for no longer move together."),
    Kind.CONVERTED: About(_I, "A synthetic sale was made real: the coins are sold, and their hedge is closed."),
    Kind.HOLDINGS: About(_W, "What is held off the venues could not be read."),
    Kind.MARGIN: About(_W, "The margin ratio, or the distance to liquidation, passed a stage."),
    Kind.PEG: About(_W, "The quote currency is off its peg to the dollar, or is back."),
    Kind.CLOCK: About(_W, "The venue's clock and ours are too far apart: orders are held back."),
    Kind.RATE_BUDGET: About(_W, "The venue's rate budget is nearly used up, or the venue refuses requests."),
    Kind.JOURNAL_SLOW: About(_W, "The journal's disk answers slowly: orders wait for it."),
    Kind.DISK: About(_W, "The disk that holds the journal is nearly full."),
    Kind.COMPONENT: About(_W, "A part of the daemon failed and was started again."),
    Kind.CONFIG: About(_I, "The config was loaded anew, or a new one was refused."),
    Kind.METADATA: About(_W, "The venue changed an instrument: lot, minimum, margin tiers or status."),
    Kind.CHAT: About(_W, "Somebody who is not on the list spoke to the chat bot."),
    Kind.SINK_DOWN: About(_W, "An alert sink cannot be reached; its alerts wait, and its stand-in has taken over."),
    Kind.DIGEST: About(_I, "Many alerts in one, because they came faster than they may be sent."),
}


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One alert, as it is composed; what a sink shows is made of it.

    `key` is what deduplication goes by: two alerts of one key within the repeat time are one. `resolved` says that a
    condition which was told is over. `facts` are label and value, in the order in which they are shown.
    """

    kind: Kind
    severity: Severity
    subject: str
    title: str
    text: str
    key: str
    at_ns: int
    """Unix time."""
    portfolio: str
    run_mode: str
    facts: tuple[tuple[str, str], ...] = ()
    resolved: bool = False

    @property
    def runbook(self) -> str:
        """The page that says what to do."""
        return self.kind.runbook
