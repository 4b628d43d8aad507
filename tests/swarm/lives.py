"""A life: what a seed draws for one bot. Place, market, swarm, what its owner does, and one situation that is sought.

Rates of minutes do not happen within seconds, so a life's swarm is livelier than one of hours, and each life is led
towards a situation or two. Whether it gets there, and what the rest of the swarm makes of it, is not arranged.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

from tests.e2e.kit import ACROSS, BINANCE, BYBIT, REVERSED, Place
from tests.swarm import situations as met

EITHER: Final = Place(
    venues=("binance", "bybit"),
    funds=ACROSS.funds.__class__(spot=BINANCE.funds.spot, usdm=BINANCE.funds.usdm, unified=ACROSS.funds.unified),
    assets="{BTC: {alternatives: ['bybit.linear:BTCUSDT']}, ETH: {alternatives: ['bybit.linear:ETHUSDT']}}",
    coins=("binance", "spot"),
    contracts=("binance", "usdm"),
    order_route="POST /fapi/v1/order",
)
PLACES: Final = {"binance": BINANCE, "bybit": BYBIT, "across": ACROSS, "reversed": REVERSED, "either": EITHER}
MORE: Final = 0.5
"""How many lives are led towards a second situation."""
LIVELINESS: Final = (1.0, 4.0, 10.0)
CRASHES: Final = {met.CRASH_UNSENT: (0, "durable"), met.CRASH_UNANSWERED: (1, "before")}
_ONLY_AT: Final = {
    met.SECOND_VENUE: ("either",),
    met.BAN_UNKNOWN: ("binance", "reversed", "either"),
    met.RESYNC: ("bybit", "across"),
    met.LISTEN_KEY: ("binance", "reversed", "across", "either"),
}
FOCI: Final = (
    *(met.UNKNOWN_EXECUTED, met.ADL_UNKNOWN, met.PARTIAL_DISCONNECT, met.CRASH_UNSENT, met.BAN_UNKNOWN),
    *(met.SECOND_VENUE, met.KILL_IN_FLIGHT, met.RESYNC, met.FUNDING_INSIDE, met.MAINTENANCE_START),
    *(met.UNKNOWN_ABSENT, met.REST_FIRST, met.LIQUIDATION_SEEN, met.CRASH_UNANSWERED, met.LISTEN_KEY),
    *(met.PARTIAL_LOST, met.EVENT_DISORDERED, met.ADL_SEEN, ""),
)
"""What lives are led towards, in turn; the last one towards nothing."""


@dataclass(frozen=True, slots=True)
class Life:
    """What is drawn. `moves` are (asset, coins that come or go) in turn; `then` is sought after `focus`."""

    seed: int
    focus: str
    then: str
    place_name: str
    liveliness: float
    is_calm: bool
    is_swarm_first: bool
    query_lag_ms: int
    engine_delay_ms: int
    moves: tuple[tuple[str, str], ...]

    @property
    def place(self) -> Place:
        """Where it plays."""
        return PLACES[self.place_name]

    def __str__(self) -> str:
        sought = " and ".join(one for one in (self.focus, self.then) if one) or "nothing"
        return f"seed {self.seed} at {self.place_name}, towards {sought}"


def drawn(seed: int) -> Life:
    """The life of a seed."""
    random = Random(f"life:{seed}")
    focus = FOCI[seed % len(FOCI)]
    return Life(
        seed=seed,
        focus=focus,
        then=random.choice(FOCI) if random.random() < MORE else "",
        place_name=random.choice(_ONLY_AT.get(focus, tuple(PLACES))),
        liveliness=random.choice(LIVELINESS),
        is_calm=random.random() < 0.7,
        is_swarm_first=random.random() < 0.3,
        query_lag_ms=random.choice((0, 0, 300, 900)),
        engine_delay_ms=random.choice((0, 0, 5, 50)),
        moves=tuple(_move(random) for _ in range(random.randint(1, 2))),
    )


def _move(random: Random) -> tuple[str, str]:
    """Coins that come, or go: never all that there is."""
    asset = random.choice(("BTC", "ETH"))
    least, most = (20, 400) if asset == "BTC" else (200, 4_000)
    amount = random.randint(least, most)
    return asset, f"{random.choice(('', '-'))}{amount / 1_000:.3f}"
