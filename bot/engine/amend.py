"""What may change in the rules of a running engine.

Theory of operation
-------------------
Rules change as a whole, between two events, and only while no order is live. So every intent is decided, sized, guarded
and sent under one set of rules, and an order keeps to its end the limits it was made under. What the engine believes
(positions, balances, orders, latches, proofs under way) is indexed by accounts and instruments and judged by timing
bounds; hence none of these may change while it runs, and a change that touches them is refused whole: it needs a
restart, which confirms everything anew.

A correction under way goes on if its target is the same as before. If its target changed or went it ends unfinished,
and what its orders came to is told then; the new rules begin with the book as it is, and with nothing said.
"""

from dataclasses import dataclass

from bot.domain.hedge import ROUTE
from bot.domain.instrument import Instrument
from bot.domain.rules import Rules
from bot.domain.targets import UNWIND, ConvertTarget
from bot.domain.units import Asset, InstrumentId
from bot.engine.layout import coins_of
from bot.engine.legs import Correction
from bot.engine.sleeves import UNASSIGNED
from bot.policy.purse import holds

LASTING = ("portfolio", "quote", "accounts", "assets", "sources", "statistics", "pegs")
PROOFS = (
    "order_deadline_ns",
    "clock_offset_ns_max",
    "ack_timeout_ns",
    "evidence_gap_ns",
    "replica_lag_ns_max",
    "balance_step_max",
)
"""Limits that proofs rest on (that an order was never placed, that a balance is so): one under way began with these."""
RESERVED_NAMES = frozenset({UNWIND, UNASSIGNED, ROUTE})
IDENTITY = ("id", "account", "symbol", "kind", "base", "quote", "settle", "contract_size")
"""What makes an instrument what our positions on it are counted in."""


@dataclass(frozen=True, slots=True)
class Amended:
    """What a change of rules came to: `barred` says why it was not taken over, and then nothing else is said."""

    barred: str = ""
    relisted: bool = False
    """Whether it is the venue that changed something of an instrument."""
    ended: tuple[tuple[str, Correction], ...] = ()
    untargeted: tuple[Asset, ...] = ()
    stopped: tuple[InstrumentId, ...] = ()
    resumed: tuple[InstrumentId, ...] = ()


def identity(instrument: Instrument) -> tuple[object, ...]:
    """What of an instrument stays as long as an engine runs."""
    return tuple(getattr(instrument, name) for name in IDENTITY)


def bar(old: Rules, new: Rules) -> str:
    """Why rules cannot take the place of others while the engine runs; empty when they can."""
    for name in LASTING:
        if getattr(old, name) != getattr(new, name):
            return f"the {name} cannot change while it runs"
    if tuple(map(identity, old.instruments)) != tuple(map(identity, new.instruments)):
        return "the instruments, and what a contract of them is, cannot change while it runs"
    if _sold(new) - _sold(old):
        return "what may be sold is looked at when it starts (the key's right, open orders): restart for another coin"
    for name in PROOFS:
        if getattr(old.limits, name) != getattr(new.limits, name):
            return f"{name} cannot change while it runs: proofs rest on it"
    if old.limits.venue_deadlines_ns != new.limits.venue_deadlines_ns:
        return "a venue's order_deadline_ns cannot change while it runs: proofs rest on it"
    return _unfit(new)


def _sold(rules: Rules) -> set[Asset]:
    """The coins that targets sell."""
    return {target.asset for target in rules.targets if isinstance(target, ConvertTarget)}


def _unfit(rules: Rules) -> str:
    """What is wrong with rules by themselves. Whoever made them has checked; a defect there must not get here."""
    rules_of = {rule.asset for rule in rules.assets}
    if not all(set(coins_of(target)) <= rules_of for target in rules.targets):
        return "each coin of a target needs an entry of its own"
    whole = [coin for target in rules.targets if not target.owns for coin in holds(target)]
    if len(set(whole)) < len(whole):
        return "each coin has at most one target that sets the whole of its exposure"
    names = [target.name for target in rules.targets]
    if len(set(names)) < len(names) or RESERVED_NAMES & set(names):
        return "each target needs a name of its own"
    if any(one.tick <= 0 or one.lot <= 0 for one in rules.instruments):
        return "an instrument has no tick or no lot"
    return ""
