"""What the demo's alerts must have been: each once, in order, with the numbers of the exchange's own books."""

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal

from bot.ops.demo_alerts import Told
from bot.ops.demo_books import Book
from bot.ops.demo_stage import Stage

CENT = Decimal("0.01")
QUOTE = "USDT"
_TRADED = re.compile(r"(sold|bought) ([\d,]*\.?\d+) ([A-Z]+) at")
_FEES = re.compile(rf"^Fees: (-?[\d,]*\.?\d+) {QUOTE}", re.MULTILINE)

Event = tuple[str, str]
"""A kind (a test of the sink has none) and words of the title. Events of one tuple may come in any order."""

HEDGED_STORY: tuple[tuple[Event, ...], ...] = (
    (("", "alert test"),),
    (("start", "started"),),
    (("hedge", "BTC hedged: sold"), ("hedge", "ETH hedged: sold")),
    (("hedge", "BTC hedged: sold"),),
    (("hedge", "ETH hedged: sold"),),
    (("operator", "killed"),),
    (("operator", "armed"),),
    (("hedge", "BTC hedged: sold"),),
    (("operator", "unwinding"),),
    (("hedge", "BTC hedge closed: bought"), ("hedge", "ETH hedge closed: bought")),
    (("unwound", "every hedge is closed"),),
)


def without_weather(told: Iterable[Told]) -> list[Told]:
    """What was told of the story's own kinds: that a stream or the disk was slow is the machine's business."""
    kinds = {kind for moment in HEDGED_STORY for kind, _ in moment}
    return [one for one in told if one.kind() in kinds]


def mismatch(told: Sequence[Told], story: Iterable[Sequence[Event]]) -> str:
    """What was told otherwise than the story has it; empty when each thing was told once and in order."""
    left = list(told)
    for moment in story:
        heard, left = left[: len(moment)], left[len(moment) :]
        for kind, words in moment:
            found = [one for one in heard if one.kind() == kind and words in one.title]
            if not found:
                return f"{kind} ({words}) is missing; told instead: {_titles(heard)}"
            heard.remove(found[0])
    return f"told beyond the story: {_titles(left)}" if left else ""


def sums(told: Iterable[Told]) -> tuple[dict[str, Decimal], Decimal]:
    """What all hedges together traded, in coins by asset (sold < 0), and what they paid in fees."""
    coins: dict[str, Decimal] = {}
    fees = Decimal(0)
    for one in told:
        for side, amount, asset in _TRADED.findall(one.title):
            signed = Decimal(amount.replace(",", "")) * (1 if side == "bought" else -1)
            coins[asset] = coins.get(asset, Decimal(0)) + signed
        fees += sum((Decimal(fee.replace(",", "")) for fee in _FEES.findall(one.text)), Decimal(0))
    return coins, fees


def agrees(stage: Stage, book: Book) -> bool:
    """Whether the alerts' numbers are the exchange's: nothing is left open, and the fees are what it charged."""
    told = stage.alerts.told(book.name)
    coins, fees = sums(told)
    charged = stage.truth(book).fees(QUOTE)
    rounding = CENT * len(told)
    return bool(coins) and not any(coins.values()) and abs(fees - charged) <= rounding


def _titles(told: Iterable[Told]) -> str:
    return "; ".join(f"[{one.kind()}] {one.title}" for one in told) or "nothing"
