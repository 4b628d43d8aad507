"""Owner of the conversions: how many coins each has sold, and how much of their hedge it has bought back.

Theory of operation
-------------------
A conversion sells coins on the spot market and buys back as much of their future, pair by pair. What it has done is
counted from the venue's reports of its own orders, which are facts of the journal; never from balances, which move for
many reasons. So what was sold is known over restarts, and a target that is done stays done.

`debt` is what the two legs differ by: above zero more was sold than bought back, and the future is owed; below zero
more was bought back than sold, and a sale is owed. What is owed is made up for before the next slice, and until then
nobody else trades the coin's hedge (`sales.busy`). A pair that stays uneven for longer than the naked-exposure budget
allows stops its conversion: a person is told, and whoever hedges the coin looks after its exposure again. It goes on
when an operator arms; what it owed is then no longer owed, because the hedge was corrected without it.

A conversion is remembered by its name and coin for good: raised, its amount is what is sold in all; taken out of the
config and put back, it goes on where it was and does not begin anew.
"""

from dataclasses import dataclass, field

import msgspec

from bot.domain.targets import ConvertTarget
from bot.domain.units import ONE, SECOND_NS, ZERO, Asset, Contracts, Qty
from bot.engine.orders import OrderRecord

PROCESSING_NS = 10 * SECOND_NS
"""How long the spot market may work on an order whose window it has checked."""


class Conversion(msgspec.Struct, frozen=True, kw_only=True):
    """What a conversion has come to, in units of its asset.

    `future` is what its latest pair bought back, and `each` how many units one contract of that is. `sale` is its
    latest spot order, and `before` the balance on which that was decided. `finished` is the amount at which it was
    done, `stopped` why it goes on no more.
    """

    asset: Asset
    future: str = ""
    each: Qty = ONE
    sold: Qty = ZERO
    bought: Qty = ZERO
    sale: str = ""
    before: Qty = ZERO
    finished: Qty = ZERO
    stopped: str = ""

    @property
    def debt(self) -> Qty:
        """What was sold and not yet bought back (> 0), or bought back and not yet sold (< 0)."""
        return self.sold - self.bought


@dataclass(slots=True)
class Conversions:
    """The conversions, by target."""

    of: dict[str, Conversion] = field(default_factory=dict)

    def get(self, target: ConvertTarget) -> Conversion:
        """What a conversion has come to. Under another coin the name is another conversion's."""
        found = self.of.get(target.name)
        return found if found is not None and found.asset == target.asset else Conversion(asset=target.asset)

    def open(self, target: ConvertTarget, future: str, each: Qty, sale: str, before: Qty) -> None:
        """Orders go out with this step; `sale` is the spot one, empty where there is none.

        No order of it is in flight then, so that what its purchases fill is of that future until the next time.
        """
        known = self.get(target)
        if sale:
            known = msgspec.structs.replace(known, sale=sale, before=before)
        self.of[target.name] = msgspec.structs.replace(known, future=future, each=each)

    def sells(self, record: OrderRecord) -> bool:
        """Whether an order is a sale of coins: the only ones of a conversion that are not reduce-only."""
        return record.group in self.of and not record.request.reduce_only

    def on_fill(self, record: OrderRecord, contracts: Contracts) -> None:
        """Count what an order of a conversion newly filled. `contracts` is signed."""
        known = self.of.get(record.group)
        if known is None:
            return
        if self.sells(record):
            self.of[record.group] = msgspec.structs.replace(known, sold=known.sold - contracts)
        else:
            self.of[record.group] = msgspec.structs.replace(known, bought=known.bought + contracts * known.each)

    def finish(self, target: ConvertTarget) -> None:
        """All that is to be sold is sold, or the rest of it cannot be."""
        self.of[target.name] = msgspec.structs.replace(self.get(target), finished=target.amount)

    def stop(self, target: ConvertTarget, why: str) -> None:
        """A pair stayed uneven for too long."""
        self.of[target.name] = msgspec.structs.replace(self.get(target), stopped=why)

    def rearm(self) -> None:
        """An operator has looked: what was stopped goes on, and owes nothing."""
        for name, known in self.of.items():
            if known.stopped:
                self.of[name] = msgspec.structs.replace(known, stopped="", bought=known.sold)
