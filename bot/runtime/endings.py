"""Ends of targets that lie in the past already: a mistyped year must not close the hedges that stand.

A target that ended at its own time stays in the config until somebody takes it out, and a restart or a reload with it
is no mistake. So what is refused is a time that was past before the target was ever in force.
"""

from collections.abc import Collection, Iterable, Iterator

from bot.domain.instrument import Instrument
from bot.domain.targets import TargetSpec
from bot.domain.units import Nanos
from bot.runtime.fields_targets import written_moment
from bot.runtime.portfolio import alternative_names, targets
from bot.runtime.problems import Problem
from bot.runtime.settings_load import Loaded

PAST = "lies in the past: the target would end at once, and its coins' hedges be closed"
ALLOWED = "a time to come, or no time"


def past_expiries(loaded: Loaded, instruments: Iterable[Instrument], now_ns: Nanos) -> Iterator[Problem]:
    """Futures of a config that have expired: nothing can be hedged with them any more."""
    by_id = {one.id: one for one in instruments}
    for coin in loaded.settings.assets:
        for place, name in enumerate(alternative_names(loaded.settings, coin)):
            expiry_ns = by_id[name].expiry_ns if name in by_id else None
            if expiry_ns is not None and expiry_ns <= now_ns:
                what = f"it expired at {written_moment(expiry_ns)}"
                yield loaded.problem(("assets", coin, "alternatives", place), what, "a future that has not expired")


def past_ends(loaded: Loaded, known: Collection[TargetSpec], now_ns: Nanos) -> Iterator[Problem]:
    """The targets of a config that are new or changed and over already; `known` are those in force before."""
    for index, target in enumerate(targets(loaded.settings)):
        until = target.until
        if until is None or until.at_ns is None or until.at_ns > now_ns or target in known:
            continue
        yield loaded.problem(("targets", index, "until", "time"), PAST, ALLOWED)
