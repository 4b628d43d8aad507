"""Mark prices and funding rates of the perpetuals.

Index = mid of the spot book. Mark = index + a moving average of the basis (perpetual mid - index), each sample clamped.
The rate follows the venue's formula from the average premium P of the interval so far:

    rate = P + clamp(I - P, -0.05 %, +0.05 %), capped, with the interest I = 0.01 % per eight hours

A positive rate is paid by longs to shorts.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from bot.simex.account import money
from bot.simex.model import ZERO, Mark, Symbol

# A sample a second: an averaging time of about half a minute.
BASIS_WEIGHT = Decimal(1) / Decimal(30)
# A sample further from the index than this share of it counts as this share.
BASIS_CLAMP = Decimal("0.01")
INTEREST_PER_8H = Decimal("0.0001")
INTEREST_BAND = Decimal("0.0005")
EIGHT_HOURS_MS = 8 * 3_600_000


def clamp(value: Decimal, bound: Decimal) -> Decimal:
    """Value limited to [-bound, bound]."""
    return max(-bound, min(bound, value))


def premium_rate(premium: Decimal, interval_ms: int, cap: Decimal) -> Decimal:
    """The funding rate of an interval whose average premium is given, as ratios."""
    interest = INTEREST_PER_8H * interval_ms / EIGHT_HOURS_MS
    return money(clamp(premium + clamp(interest - premium, INTEREST_BAND), cap))


def next_multiple(now_ms: int, interval_ms: int) -> int:
    """The first settlement after `now_ms`: settlements lie on multiples of the interval in UTC."""
    return (now_ms // interval_ms + 1) * interval_ms


@dataclass(slots=True)
class MarkState:
    """Mark price and premium of one perpetual; `sample` is called once a second."""

    symbol: Symbol
    next_funding_ms: int
    prescribed: Decimal | None = None
    index: Decimal = ZERO
    basis: Decimal = ZERO
    _premiums: Decimal = ZERO
    _samples: int = 0

    @property
    def price(self) -> Decimal:
        """The mark price, to eight decimals."""
        return money(self.index + self.basis)

    def sample(self, index: Decimal, perpetual: Decimal) -> None:
        """Take in both mids of this moment."""
        raw = clamp(perpetual - index, index * BASIS_CLAMP)
        self.basis = raw if not self.index else self.basis + (raw - self.basis) * BASIS_WEIGHT
        self.index = money(index)
        self._premiums += raw / index
        self._samples += 1

    def rescale(self, factor: Decimal) -> None:
        """Follow a price shock at once."""
        self.index = money(self.index * factor)
        self.basis *= factor

    def rate(self) -> Decimal:
        """The rate as it would be charged now."""
        if self.prescribed is not None:
            return self.prescribed
        premium = self._premiums / self._samples if self._samples else ZERO
        return premium_rate(premium, self.symbol.funding_interval_ms, self.symbol.funding_cap)

    def settled(self) -> None:
        """Begin the next interval."""
        self.next_funding_ms += self.symbol.funding_interval_ms
        self._premiums, self._samples = ZERO, 0

    def view(self, now_ms: int) -> Mark:
        """The state as a value."""
        return Mark(
            symbol=self.symbol.name,
            mark=self.price,
            index=self.index,
            funding_rate=self.rate(),
            next_funding_ms=self.next_funding_ms,
            time_ms=now_ms,
        )
