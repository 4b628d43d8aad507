"""What differs between two loaded configs, in the words of the file, and whether it may change while it runs.

Targets are told apart by their names: one that moves in the list has not changed. docs/decisions/0007-hot-reload.md
says why these fields may change and no others.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any

from pydantic import BaseModel

from bot.runtime.document import Path
from bot.runtime.fields import BasisPoints, Written
from bot.runtime.fields_targets import Reserve
from bot.runtime.problems import HIDDEN, Problem, shown
from bot.runtime.quantities import plain
from bot.runtime.settings import Settings
from bot.runtime.settings_load import Loaded
from bot.runtime.settings_targets import TARGETS, TargetSettings, exposed, traded
from bot.runtime.settings_triggers import AutoBandSettings, BandSettings

TARGETS_KEY = "targets"
RELOADABLE = frozenset({TARGETS_KEY, "alerts"})
RELOADABLE_LIMITS = frozenset(
    "slippage flatten_slippage collar_mid collar_mark price_deviation order_notional position_notional margin_ratio "
    "stress_distance quote_age mark_age account_age reducing_quote_age orders_per_minute rejects_in_row unknown_alert "
    "unknown_halt naked_exposure".split()
)
"""The limits that are judged anew for each order. The others are what proofs under way rest on."""
HEARTBEAT = ("alerts", "heartbeat")
"""A companion of its own, built at the start: the outside must not miss a beat because of an edit."""
NEEDS_RESTART = "needs a restart"
_NOTHING = "nothing"
_MAY_HOLD_SECRETS = ("url",)

Marks = Sequence[object]


class _Absent(Enum):
    ABSENT = "absent"


ABSENT = _Absent.ABSENT


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs. `path` has a target's name where the document has its place in the list."""

    path: tuple[str, ...]
    words: str

    @property
    def reloadable(self) -> bool:
        """Whether it may change while the daemon runs."""
        if self.path[0] == "limits":
            return self.path[1:2] != () and self.path[1] in RELOADABLE_LIMITS
        if self.path[:2] == HEARTBEAT:
            return False
        return self.path[0] in RELOADABLE

    @property
    def target(self) -> str | None:
        """The target that it is about."""
        return self.path[1] if self.path[0] == TARGETS_KEY and len(self.path) > 1 else None

    def __str__(self) -> str:
        """As a person reads it: ``targets.neutral.band.trigger: 1 % -> 2 %``."""
        return f"{'.'.join(self.path)}: {self.words}"

    def problem(self, loaded: Loaded) -> Problem:
        """The same as a thing that cannot be done, at its line of the new config."""
        return loaded.problem(self.place(loaded), f"{self.words}: {NEEDS_RESTART}")

    def place(self, loaded: Loaded) -> Path:
        """Its path in the document of a config."""
        names = [target.name for target in loaded.settings.targets]
        if self.target is None or self.target not in names:
            return self.path[:1] if self.target is not None else self.path
        return (TARGETS_KEY, names.index(self.target), *self.path[2:])


def compare(old: Settings, new: Settings) -> tuple[Difference, ...]:
    """Everything that differs, in the order of the schema."""
    found: list[Difference] = []
    for name, field in Settings.model_fields.items():
        before, after = getattr(old, name), getattr(new, name)
        if name == TARGETS_KEY:
            found += _targets(before, after)
        else:
            found += _walk((name,), before, after, field.metadata)
    return tuple(found)


def _targets(old: tuple[TargetSettings, ...], new: tuple[TargetSettings, ...]) -> Iterator[Difference]:
    before, after = ({target.name: target for target in targets} for targets in (old, new))
    yield from _walk((TARGETS_KEY,), before, after, ())
    if [name for name in before if name in after] != [name for name in after if name in before]:
        yield Difference((TARGETS_KEY,), "in another order")


def _walk(path: tuple[str, ...], old: object, new: object, marks: Marks) -> Iterator[Difference]:
    if old == new:
        return
    if isinstance(old, BaseModel) and type(old) is type(new):
        for name, field in type(old).model_fields.items():
            yield from _walk((*path, name), getattr(old, name), getattr(new, name), field.metadata)
    elif path[0] == TARGETS_KEY and None in (old, new) and isinstance(old or new, BaseModel):
        yield from _filled(path, old, new)
    elif isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys((*old, *new)):
            yield from _walk((*path, str(key)), old.get(key, ABSENT), new.get(key, ABSENT), marks)
    else:
        yield Difference(path, _words(path, old, new, marks))


def _filled(path: tuple[str, ...], old: object, new: object) -> Iterator[Difference]:
    """A section of a target that came or went, key by key."""
    section = old or new
    assert isinstance(section, BaseModel), "one of them is there"
    for name, field in type(section).model_fields.items():
        if (value := getattr(section, name)) != field.get_default():
            before, after = (value, None) if new is None else (None, value)
            yield from _walk((*path, name), before, after, field.metadata)


def _words(path: tuple[str, ...], old: object, new: object, marks: Marks) -> str:
    if path[-1].startswith(_MAY_HOLD_SECRETS):
        return "changed"
    if old is ABSENT:
        return f"added, {_shown(path, new, marks)}"
    if new is ABSENT:
        return f"removed, {_shown(path, old, marks)}"
    return f"{_shown(path, old, marks)} -> {_shown(path, new, marks)}"


def _shown(path: tuple[str, ...], value: Any, marks: Marks) -> str:
    """A value as the file would hold it; hidden where it may be a secret."""
    text = shown(_text(value, marks), path[-1]) or _NOTHING
    return text if text == HIDDEN else text.strip("'") or "''"


def _text(value: Any, marks: Marks) -> str:
    mark = next((one for one in marks if isinstance(one, Written)), None)
    if isinstance(value, tuple(TARGETS.values())):
        return _about(value)
    if isinstance(value, BandSettings | AutoBandSettings):
        return band_words(value)
    if isinstance(value, BaseModel):
        return "a section"
    if isinstance(value, tuple) and not isinstance(mark, Reserve):
        return f"[{', '.join(_text(one, ()) for one in value)}]"
    if isinstance(value, Decimal) and not isinstance(mark, BasisPoints):
        return plain(value)
    if mark is not None and value is not None and not isinstance(value, Mapping | Enum):
        return str(mark.show(value))
    return _bare(value)


def _bare(value: Any) -> str:
    if value is None:
        return _NOTHING
    if isinstance(value, bool):
        return str(value).lower()
    return str(value.value if isinstance(value, Enum) else value)


def _about(target: Any) -> str:
    """A whole target in few words: its kind and its coins."""
    return f"{target.kind} of {', '.join(exposed(target) or traded(target))}"


def band_words(band: BandSettings | AutoBandSettings) -> str:
    """A band in few words."""
    if isinstance(band, AutoBandSettings):
        auto = band.auto
        wanted = (
            f"risk aversion {plain(auto.risk_aversion)}"
            if auto.risk_aversion is not None
            else f"tracking error {plain((auto.tracking_error or Decimal(0)) * 100)} %"
        )
        return f"auto, {wanted}, at most {auto.hard}"
    below = "" if band.trigger_below is None else f" above and {band.trigger_below} below"
    return f"{band.trigger}{below} to {band.destination}"
