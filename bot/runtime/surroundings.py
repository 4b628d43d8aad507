"""What a process brings along for the daemons that run in it, one after the other."""

from dataclasses import dataclass, field

from bot.domain.events import RunMode
from bot.runtime.companion import Companion
from bot.runtime.holdings import Place
from bot.runtime.redact import Redactor
from bot.runtime.reload import ConfigFile


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Plain values; a daemon that runs by itself, as in most tests, has none of them."""

    companions: tuple[Companion, ...] = ()
    """They look on."""
    config: ConfigFile | None = None
    """The file that can be loaded anew; None where there is none."""
    redactor: Redactor = field(default_factory=Redactor)
    """Knows the companions' secrets already, so that the log never shows them."""
    ways: frozenset[RunMode] = frozenset()
    """The ways to run that an operator may go over to."""
    holdings: tuple[Place, ...] = ()
    """Where coins are held that no venue tells of."""
