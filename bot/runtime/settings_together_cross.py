"""What several targets may not say at once: one exposure twice, one band two ways, one cash counted twice."""

from collections.abc import Iterator

from bot.domain.targets import Base
from bot.runtime.document import Document
from bot.runtime.problems import Problem
from bot.runtime.settings_kinds_cross import RESERVE_KINDS
from bot.runtime.settings_reading import read
from bot.runtime.settings_targets import BasedTarget
from bot.runtime.settings_told import Told
from bot.runtime.settings_triggers import AUTO


def together_problems(document: Document, targets: list[Told]) -> Iterator[Problem]:
    """Everything that two targets contradict each other in."""
    yield from _exposed_twice(document, targets)
    yield from _counted_twice(document, targets)
    yield from _two_ways(document, targets)
    yield from _unwound(document, targets)


def _exposed_twice(document: Document, targets: list[Told]) -> Iterator[Problem]:
    """The whole exposure of a coin is set once, or each setter but one has a sleeve."""
    owners: dict[str, Told] = {}
    for target in targets:
        if target.owns:
            continue
        for coin, path in target.exposed:
            other = owners.setdefault(coin, target)
            if other is not target:
                what = f"{coin} belongs to the target '{other.name}' already"
                allowed = "each coin in one target, or 'owns' that says which coins are this target's"
                yield document.problem(path, what, allowed)


def _counted_twice(document: Document, targets: list[Told]) -> Iterator[Problem]:
    """Two targets that invest all of NAV would both invest the same cash."""
    first: Told | None = None
    for target in targets:
        base = read(BasedTarget, document, *target.here, "base")
        if target.kind not in RESERVE_KINDS or base is not Base.NAV_LESS_RESERVE or target.owns:
            continue
        if first is None:
            first = target
            continue
        what = f"its base is all of NAV less a reserve, as that of '{first.name}': both would count the same cash"
        key = "base" if document.at(*target.here, "base") is not None else "kind"
        yield document.problem((*target.here, key), what, "base: owned, base: fixed, or a sleeve (owns) of its own")


def _two_ways(document: Document, targets: list[Told]) -> Iterator[Problem]:
    """Deviations of one coin are netted and judged by one band: it sets its own width, or it does not."""
    kinds: dict[str, tuple[bool, Told]] = {}
    told: set[int] = set()
    for target in targets:
        if document.at(*target.here, "band") is None:
            continue
        auto = AUTO in document.mapping(*target.here, "band")
        for coin, _ in target.traded:
            other_auto, other = kinds.setdefault(coin, (auto, target))
            if other_auto is not auto and target.index not in told:
                told.add(target.index)
                what = f"the band of '{other.name}', which trades {coin} too, is {'auto' if other_auto else 'fixed'}"
                yield document.problem((*target.here, "band"), what, "both fixed, or both auto if both can be")


def _unwound(document: Document, targets: list[Told]) -> Iterator[Problem]:
    """What is unwound has no other target that would hedge it again."""
    for target in targets:
        if target.kind != "unwind":
            continue
        for coin, path in target.traded:
            others = [
                other
                for other in targets
                if (other.kind != "unwind" or other.index < target.index) and coin in {name for name, _ in other.traded}
            ]
            if others:
                what = f"the target '{others[0].name}' wants futures on {coin} that this one closes"
                yield document.problem(path, what, "one of the two")
