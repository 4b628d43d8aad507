"""What must fit together in the targets of a config: coins and sleeves, sums, bases, hedges, what acts when.

The checks read the document and not the models, so that one unreadable value does not hide what else is wrong: each
check looks at the values that can be read, and what cannot be read has been reported already.
"""

from collections.abc import Iterator

from bot.domain.hedge import ROUTE
from bot.domain.targets import UNWIND
from bot.runtime.document import Document, Path
from bot.runtime.problems import Problem, closest
from bot.runtime.settings_bands_cross import band_problems
from bot.runtime.settings_kinds_cross import kind_problems
from bot.runtime.settings_reading import currencies_of, has_price, money_problem
from bot.runtime.settings_together_cross import together_problems
from bot.runtime.settings_told import Told, told
from bot.runtime.settings_triggers_cross import trigger_problems


def targets_cross_check(document: Document, now_ns: int | None) -> Iterator[Problem]:
    """Everything about targets that does not fit together, in no particular order."""
    targets = told(document)
    yield from _names(document, targets)
    for target in targets:
        yield from _known(document, target)
        yield from _twice(document, target)
        yield from _owns(document, target)
        yield from band_problems(document, target.index, [coin for coin, _ in target.banded])
        yield from trigger_problems(document, target, now_ns)
        yield from kind_problems(document, target)
        yield from money_problem(document, (*target.here, "cap"))
    yield from together_problems(document, targets)


def _names(document: Document, targets: list[Told]) -> Iterator[Problem]:
    names: dict[str, int] = {}
    for target in targets:
        if target.name and names.setdefault(target.name, target.index) != target.index:
            what = f"the name of targets[{names[target.name]}] too"
            yield document.problem((*target.here, "name"), what, "a name of its own")
        if target.name == UNWIND:
            yield document.problem((*target.here, "name"), "what closing every hedge is called", "another name")
        if target.name == ROUTE:
            what = "what moving a hedge to another future is called"
            yield document.problem((*target.here, "name"), what, "another name")


def _known(document: Document, target: Told) -> Iterator[Problem]:
    """Every coin that a target names has an entry under assets."""
    known = document.mapping("assets")
    folded = {coin.upper() for coin in known}  # what is only written in the wrong case has been reported as that
    for coin, path in target.named:
        if coin.upper() not in folded:
            what = f"{coin} has no entry under assets, so nothing says how to price and hedge it"
            allowed = ", ".join(known) or f"an entry '{coin}: {{}}' under assets"
            yield document.problem(path, what, allowed, closest(coin, known))


def _twice(document: Document, target: Told) -> Iterator[Problem]:
    """A list names each coin once."""
    for key in ("assets", "anchors", "indices"):
        listed = document.sequence(*target.here, key)
        for place, coin in enumerate(listed):
            if isinstance(coin, str) and listed.index(coin) != place:
                what = f"{coin} stands in the list already"
                yield document.problem((*target.here, key, place), what, "each coin once")


def _owns(document: Document, target: Told) -> Iterator[Problem]:
    """A sleeve's coins are known, and written in their own unit."""
    known = (*document.mapping("assets"), *currencies_of(document))
    for coin in document.mapping(*target.here, "owns"):
        path: Path = (*target.here, "owns", coin)
        if coin == coin.upper() and not has_price(document, coin):
            what = f"{coin} has no entry under assets, so nothing says how to price it"
            yield document.problem(path, what, ", ".join(known), closest(coin, known))
        unit = target.unit_of("owns", coin)
        if unit not in ("", "coins", coin):
            yield document.problem(path, f"'{unit}' is another coin", f"a number of {coin}")
