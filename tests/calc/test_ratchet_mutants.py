"""The proof that skipping is sound would fall with any of its steps: each is broken in turn, and found out."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.calc import ratchet
from tests.calc.walks import Walk, idle, pushed, too_near

pytestmark = pytest.mark.slow
SEEDS = 200
MUTANT = "bot.calc.ratchet_mutant"

MUTANTS = {
    "a rising price lowers its sum": (
        "lower, upper = place.lo - lo, place.hi - hi",
        "lower, upper = lo - place.lo, hi - place.hi",
    ),
    "debts rise with their price": (
        "            if share > 0:\n                total.lo +=",
        "            if share < 0:\n                total.lo +=",
    ),
    "the lower end does not move": ("                total.lo += share * lower\n", "                pass\n"),
    "the upper end does not move": ("                total.hi += share * upper\n", "                pass\n"),
    "bounds are not ratcheted": ("        place.tighten()\n        self._moves += 1\n", "        self._moves += 1\n"),
    "a floor is taken at its best corner": (
        "(self.hi if slope > 0 else self.lo)",
        "(self.lo if slope > 0 else self.hi)",
    ),
    "a ceiling is taken at its best corner": (
        "(self.lo if slope > 0 else self.hi)",
        "(self.hi if slope > 0 else self.lo)",
    ),
    "a floor comes down": ("if not bound <= total.floor:", "if not bound >= total.floor:"),
    "a ceiling goes up": ("if not bound >= total.ceiling:", "if not bound <= total.ceiling:"),
    "every floor counts, the last one": ("if not bound <= total.floor:", "if True:"),
    "every ceiling counts, the last one": ("if not bound >= total.ceiling:", "if True:"),
    "the best of a sum is above its floor": (
        "if not (total.floor <= total.lo and",
        "if not (total.floor <= total.hi and",
    ),
    "the best of a sum is below its ceiling": ("and total.hi <= total.ceiling):", "and total.lo <= total.ceiling):"),
    "nothing is tested": ("if not (total.floor <= total.lo and total.hi <= total.ceiling):", "if False:"),
    "only floors are tested": ("(total.floor <= total.lo and total.hi <= total.ceiling)", "(total.floor <= total.lo)"),
    "only ceilings are tested": (
        "(total.floor <= total.lo and total.hi <= total.ceiling)",
        "(total.hi <= total.ceiling)",
    ),
    "doubt in favour of a sum": ("least - total.doubt", "least + total.doubt"),
    "doubt in favour of its other end": ("most + total.doubt", "most - total.doubt"),
    "doubt in favour of a row": (
        " - DOUBT * (abs(row.constant) + GROWTH_MAX * sizes)",
        " + DOUBT * (abs(row.constant) + GROWTH_MAX * sizes)",
    ),
    "the best corner of a sum below": (
        "share * (place.lo if share > 0 else place.hi)",
        "share * (place.hi if share > 0 else place.lo)",
    ),
    "the best corner of a sum above": (
        "share * (place.hi if share > 0 else place.lo)",
        "share * (place.lo if share > 0 else place.hi)",
    ),
    "a sum without its constant": ("total.lo = total.whole.constant + least", "total.lo = least"),
    "floors for ceilings": (
        "edges = place.floors if below else place.ceilings",
        "edges = place.ceilings if below else place.floors",
    ),
    "a bound on the wrong side": ("below = row.share > 0", "below = row.share < 0"),
    "an edge of the wrong slope": ("-a / row.share", "a / row.share"),
    "an edge of the wrong constant": (
        "DOUBT * abs(row.constant) - row.constant",
        "DOUBT * abs(row.constant) + row.constant",
    ),
    "a sum may go where it is dealt out": (
        "total.value - room if below else total.value + room",
        "total.value + room if below else total.value - room",
    ),
    "what is dealt out counts ten times": ("room = distance * total.gross", "room = 10 * distance * total.gross"),
    "a sum has no size": ("            sizes += share * total.gross\n", ""),
    "a sum has no value": ("slack += row.share * total.value - share * total.doubt", "slack -= share * total.doubt"),
    "limits of the wrong side": (
        "narrow(place.mid * (1 - distance), place.mid * (1 + distance))",
        "narrow(place.mid * (1 - distance), place.mid * (1 + 2 * distance))",
    ),
    "limits twice as far": (
        "narrow(place.mid * (1 - distance), place.mid * (1 + distance))",
        "narrow(place.mid * (1 - 2 * distance), place.mid * (1 + distance))",
    ),
    "limits only widen": ("if not least <= self.least:", "if least <= self.least:"),
    "the upper limit only rises": ("if not most >= self.most:", "if most >= self.most:"),
    "limits are not looked at": ("not place.least <= quote.bid < quote.ask <= place.most", "not quote.bid < quote.ask"),
    "a box beyond its lower limit": ("max(bid - self.reach, self.least)", "min(bid - self.reach, self.least)"),
    "a box beyond its upper limit": ("min(ask + self.reach, self.most)", "max(ask + self.reach, self.most)"),
    "a row that fails is left out": ("                self._fail(row)\n", ""),
    "only the prices of its own are closed": (
        "for name in row.whole.coefficients if row.whole is not None else ():",
        "for name in ():",
    ),
    "a closed price moves": ("self.least, self.most = INFINITY, -INFINITY", "pass"),
    "drawn anew where it was": (
        "total.ceiling):\n                return self._drawn({**quotes, place.name: quote}, place.name)",
        "total.ceiling):\n                return self._drawn(quotes, place.name)",
    ),
    "boxes as wide as all of the room": (
        "if not (self._stand(ROOM * radius) or self._stand(0.0)):",
        "self._stand(4 * radius)\n        if False:",
    ),
    "bounds do not stand where they were put": (
        "        for place in self._places.values():\n            place.tighten()\n",
        "",
    ),
    "a row whose sum stands still has no room": (
        "row.constant + row.share * row.whole.constant",
        "row.constant - row.share * row.whole.constant",
    ),
}


@pytest.fixture
def mutant(request: pytest.FixtureRequest) -> Iterator[Any]:
    """The ratchet with one of its steps broken."""
    old, new = request.param
    assert ratchet.__file__ is not None
    source = Path(ratchet.__file__).read_text(encoding="utf-8")
    assert source.count(old) == 1, f"{source.count(old)} places read {old!r}"
    module = types.ModuleType(MUTANT)
    sys.modules[MUTANT] = module
    try:
        exec(compile(source.replace(old, new), MUTANT, "exec"), module.__dict__)
        yield module.Ratchet
    finally:
        del sys.modules[MUTANT]


def found_out(made: Any) -> bool:
    """Whether any quote is skipped at which a row fails, or almost; whether a quiet market is not skipped."""
    try:
        return too_near(made) or pushed(made) or idle(made) or any(Walk(seed, made).wrong() for seed in range(SEEDS))
    except (AssertionError, RecursionError):
        return True


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS.keys(), indirect=True)
def test_a_broken_step_skips_what_it_must_not(mutant: Any) -> None:
    """Signs, corners, directions, doubts and limits: without any one of them a row fails unseen."""
    assert found_out(mutant)


def test_the_ratchet_itself_never_does() -> None:
    """The same walks over what was not broken, and they do skip."""
    walks = [Walk(seed) for seed in range(60)]

    assert not too_near(ratchet.Ratchet)
    assert not pushed(ratchet.Ratchet)
    assert not idle(ratchet.Ratchet)
    assert [] == [why for why in (walk.wrong() for walk in walks) if why]
    assert sum(walk.accepted for walk in walks) > 500
    assert sum(walk.moves for walk in walks) > 500
