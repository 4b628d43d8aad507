"""Parameters of faults: a value, or a distribution that one is drawn from whenever the fault fires.

    250                          the value itself
    {uniform: [100, 3000]}       between the two, all alike
    {exponential: 400}           with this mean
    {lognormal: [300, 1.0]}      with this median; the second number is the sigma of the logarithm
    {choice: [100, 200, 5000]}   one of them
    0.3                          of a flag: true with this probability

What is drawn is cut to the parameter's bounds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from random import Random
from typing import Any, Final, Literal

ParamKind = Literal["integer", "number", "flag", "text", "amount"]
_NUMBERS_OF: Final = {"uniform": 2, "exponential": 1, "lognormal": 2}
DISTRIBUTIONS: Final = (*_NUMBERS_OF, "choice")


@dataclass(frozen=True, slots=True)
class Param:
    """What a parameter may be. An "amount" is an exact decimal number; without a default it must be given."""

    kind: ParamKind
    default: Any = None
    least: float = 0
    most: float = 2**53
    allowed: tuple[str, ...] = ()
    needed: bool = False

    def check(self, name: str, value: Any) -> None:
        """ValueError, with what is allowed, for a value or a distribution that this cannot be."""
        if isinstance(value, dict):
            self._check_distribution(name, value)
        elif self.kind == "flag":
            if not isinstance(value, bool) and not _is_number(value, 0, 1):
                raise ValueError(f"{name} {value!r}: allowed are true, false and a probability of 0 to 1")
        elif self.kind == "text":
            self._check_text(name, value)
        elif self.kind == "amount":
            _amount(name, value)
        else:
            self._check_number(name, value)

    def drawn(self, value: Any, random: Random) -> Any:
        """The value, or what is drawn from its distribution."""
        if isinstance(value, dict):
            return self._bounded(_sample(value, random))
        if self.kind == "flag" and not isinstance(value, bool):
            return random.random() < value
        return value

    def _bounded(self, value: Any) -> Any:
        if self.kind == "integer":
            return min(max(round(value), math.ceil(self.least)), math.floor(self.most))
        return min(max(value, self.least), self.most) if self.kind == "number" else value

    def _check_text(self, name: str, value: Any) -> None:
        if not isinstance(value, str):
            raise ValueError(f"{name} {value!r}: a text is needed")
        if self.allowed and value not in self.allowed:
            raise ValueError(f"{name} {value!r}: allowed are {', '.join(self.allowed)}")

    def _check_number(self, name: str, value: Any) -> None:
        whole = self.kind == "integer"
        if not _is_number(value, self.least, self.most) or (whole and not isinstance(value, int)):
            what = "a whole number" if whole else "a number"
            raise ValueError(f"{name} {value!r}: {what} of {shown(self.least)} to {shown(self.most)} is needed")

    def _check_distribution(self, name: str, value: Mapping[str, Any]) -> None:
        if self.kind not in ("integer", "number", "text") or len(value) != 1:
            raise ValueError(f"{name}: one of the distributions {', '.join(DISTRIBUTIONS)} is needed, or a value")
        ((kind, given),) = value.items()
        if kind == "choice" and isinstance(given, list) and given:
            for one in given:
                self.check(name, one)
            return
        numbers = given if isinstance(given, list) else [given]
        if self.kind == "text" or len(numbers) != _NUMBERS_OF.get(kind):
            raise ValueError(f"{name}: write one of uniform: [from, to], exponential: mean, lognormal: [median, sigma]")
        for one in numbers:
            if not _is_number(one, 0, self.most):
                raise ValueError(f"{name}, {kind}: a number of 0 to {shown(self.most)} is needed, not {one!r}")
        if kind == "uniform" and numbers[0] > numbers[1]:
            raise ValueError(f"{name}, uniform: the first number is the smaller one")


def shown(bound: float) -> str:
    """A bound as it is written."""
    return str(int(bound)) if bound == int(bound) else str(bound)


def _is_number(value: Any, least: float, most: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most


def _amount(name: str, value: Any) -> None:
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        found = Decimal("NaN")
    if isinstance(value, bool) or not found.is_finite():
        raise ValueError(f"{name} {value!r}: a number is needed, best as a text")


def _sample(value: Mapping[str, Any], random: Random) -> Any:
    ((kind, given),) = value.items()
    if kind == "choice":
        return random.choice(given)
    numbers = given if isinstance(given, list) else [given]
    if kind == "uniform":
        return random.uniform(*numbers)
    if kind == "exponential":
        return random.expovariate(1 / numbers[0]) if numbers[0] else 0
    return numbers[0] * math.exp(random.gauss(0, numbers[1]))
