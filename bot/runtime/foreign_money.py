"""Amounts that the running service could not count: it has one unit of account, and prices of coins in that alone.

An amount in another dollar counts one to one, and the guard of the peg watches what that is worth. An amount in a
reporting currency that is no dollar has no rate here: taken one to one it would be another amount altogether. A plan
of a snapshot, which has the price of its reporting currency, takes both.
"""

from collections.abc import Iterator

from pydantic import BaseModel

from bot.runtime.document import Path
from bot.runtime.problems import Problem
from bot.runtime.quantities import Amount
from bot.runtime.settings_book_cross import DOLLARS
from bot.runtime.settings_load import Loaded

SECTIONS = ("targets", "budgets")
"""Where amounts of money are written."""
COINS = frozenset({"reserve", "owns"})
"""What is written there are units of assets, whatever is reported in: they need no rate."""


def foreign_amounts(loaded: Loaded) -> Iterator[Problem]:
    """Every amount of targets and budgets in a reporting currency that is worth something else than the quote."""
    reporting, quote = loaded.settings.reporting, loaded.settings.quote
    if reporting == quote or reporting in DOLLARS:
        return
    for section in SECTIONS:
        for path, amount in _amounts(getattr(loaded.settings, section), (section,)):
            if amount.unit == reporting:
                what = f"the running service counts in {quote} and has no price of {reporting}: `{amount}` has no worth"
                yield loaded.problem(path, what, f"an amount in {quote}; `trimtab plan --snapshot` takes both")


def _amounts(value: object, path: Path) -> Iterator[tuple[Path, Amount]]:
    if isinstance(value, Amount):
        yield path, value
    elif isinstance(value, BaseModel):
        for name in (name for name in type(value).model_fields if name not in COINS):
            yield from _amounts(getattr(value, name), (*path, name))
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from _amounts(one, (*path, key))
    elif isinstance(value, tuple | list):
        for place, one in enumerate(value):
            yield from _amounts(one, (*path, place))
