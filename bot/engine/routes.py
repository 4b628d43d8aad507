"""Owner of the routes: which future carries each coin's hedge, and the moves from one to another.

Theory of operation
-------------------
Only coins that have several futures have a route. Exposure is the sum over all of them, so it does not matter to a
target where its hedge is; it matters to what the hedge costs. `chosen` is the future on which a hedge was last opened:
the next one goes there as well, until another is cheaper by more than a buffer (`bot.calc.spreading`).

A move closes a position on one future and opens as much on another, pair by pair (`bot.engine.moves`). It begins only
where what it saves over the horizon beats both trades and the buffer, or where the position cannot stay, and at most
one begins of a coin in `bot.engine.moves.MOVE_EVERY_NS`. `debt` is what its legs differ by, counted from the venue's
reports of its own orders and never from balances: above zero more was bought than sold, so that the coin's exposure is
that much too long. What is owed is made up for before the next pair. It is owed no longer once the coin's own targets
trade (they begin with the positions as they are), when something else moved one of the positions, and when an operator
asks for something; then the coin's targets look after its exposure, as they always do.

A move is `turned` by an order against it, whoever decided it: what was closed is opened again where it was, or what was
opened is closed again. Such a pair cost two trades and brought nothing, and the next one would as well: it is the last.

Both are marked by orders that go out with the same step, by facts, or by a notice of the same step: a replay marks them
too. A move outlives a restart, for the reports of its orders do.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

import msgspec

from bot.domain.hedge import ROUTE, HedgeIntent
from bot.domain.order import OrderRequest
from bot.domain.units import ZERO, Asset, InstrumentId, Nanos, Qty
from bot.engine.orders import OrderRecord


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """A position on its way: signed `coins` of it were there when it began.

    `debt` is signed coins bought more than sold, `filled_ns` when its last fill came, `turned` that it was traded back.
    """

    source: InstrumentId
    target: InstrumentId
    coins: Qty
    why: str
    begun_ns: Nanos
    debt: Qty = ZERO
    filled_ns: Nanos = Nanos(0)
    turned: bool = False

    def turns(self, request: OrderRequest) -> bool:
        """Whether an order trades back what this moves."""
        way = self.coins * request.side.sign
        return way > 0 if request.instrument == self.source else way < 0 and request.instrument == self.target


@dataclass(slots=True)
class Routes:
    """The futures that carry hedges, and the moves under way, by coin. `begun` is when the last move of each began."""

    chosen: dict[Asset, InstrumentId] = field(default_factory=dict)
    moves: dict[Asset, Move] = field(default_factory=dict)
    begun: dict[Asset, Nanos] = field(default_factory=dict)

    def on_intent(self, intent: HedgeIntent, routed: Collection[InstrumentId]) -> None:
        """Orders go out: what opens says where the route leads, and a coin's own hedge takes over what a move owes.

        `routed` are the futures of those coins that have several.
        """
        for leg in intent.legs:
            if leg.request.instrument not in routed:
                continue
            if not leg.request.reduce_only:
                self.chosen[leg.asset] = leg.request.instrument
            if (move := self.moves.get(leg.asset)) is not None and move.turns(leg.request):
                self.moves[leg.asset] = msgspec.structs.replace(move, turned=True)
            if intent.group != group_of(leg.asset):
                self.settle(leg.asset)

    def begin(self, asset: Asset, move: Move) -> None:
        """The first pair of a move goes out with this step."""
        self.moves[asset] = move
        self.begun[asset] = move.begun_ns

    def on_fill(self, record: OrderRecord, units: Qty, now: Nanos) -> None:
        """Count what an order of a move newly filled, in signed units of the coin."""
        for asset, move in self.moves.items():
            if record.group == group_of(asset):
                self.moves[asset] = msgspec.structs.replace(move, debt=move.debt + units, filled_ns=now)

    def settle(self, asset: Asset) -> None:
        """Nothing is owed of a coin any more."""
        if (move := self.moves.get(asset)) is not None:
            self.moves[asset] = msgspec.structs.replace(move, debt=ZERO)

    def disturb(self, name: InstrumentId) -> None:
        """Something else moved a position: what a move of it has to make up for is not known any more."""
        for asset, move in self.moves.items():
            if name in (move.source, move.target):
                self.settle(asset)

    def end(self, asset: Asset) -> None:
        """A move is over."""
        del self.moves[asset]

    def keep(self, candidates: dict[Asset, tuple[InstrumentId, ...]]) -> None:
        """A start: forget what the config no longer names as one of several futures of a coin."""
        self.chosen = {asset: name for asset, name in self.chosen.items() if name in candidates.get(asset, ())}
        self.moves = {
            asset: move
            for asset, move in self.moves.items()
            if {move.source, move.target} <= {*candidates.get(asset, ())}
        }

    def abandon(self) -> None:
        """An operator asked for something: no move goes on."""
        self.moves.clear()


def group_of(asset: Asset) -> str:
    """The name under which a coin's moves are corrections."""
    return f"{ROUTE}:{asset}"
