"""Units as types: what a number means is checked before it is used.

Signs, once for all: a quantity, position, exposure or hedge is positive when long and negative when short.
Times are integer nanoseconds since the Unix epoch on a clock that never steps back (see `bot.runtime.clock`).
"""

from decimal import Decimal
from functools import lru_cache
from typing import NewType

Nanos = NewType("Nanos", int)
"""Integer nanoseconds: a moment since the Unix epoch, or a duration."""

Price = Decimal
"""Quote currency for one base coin."""

Qty = Decimal
"""Base coins."""

Contracts = Decimal
"""Exchange contracts; on a linear USD-M instrument one contract is `contract_size` coins."""

Notional = Decimal
"""Quote currency."""

Bps = Decimal
"""Hundredths of a per cent."""

Asset = NewType("Asset", str)
"""A coin or currency: ``BTC``, ``USDT``."""

AccountId = NewType("AccountId", str)
"""A wallet of one venue: ``binance.spot``, ``binance.usdm``."""

InstrumentId = NewType("InstrumentId", str)
"""An account and the venue's own symbol: ``binance.usdm:BTCUSDT``."""

ClientOrderId = NewType("ClientOrderId", str)
"""Our name of an order, never used twice: ``tt`` and 22 of [a-z0-9]."""

CLIENT_ID_PREFIX = "tt"

_REMEMBERED_MAX = 8_192
ZERO = Decimal(0)
ONE = Decimal(1)
BPS_PER_UNIT = Decimal(10_000)
SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
MILLISECOND_NS = 1_000_000
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS


def exact(value: float) -> Decimal:
    """Take a float that was read from a decimal text back to that text's exact value.

    ``repr`` of a float is the shortest text that reads back as the same float, so a price that came over the wire
    as ``61800.2`` is ``Decimal("61800.2")`` again, where ``Decimal(61800.2)`` would carry binary noise.
    """
    # Of a whole book few prices are new at a time. Zeros are made anew: the two of them are equal and read differently.
    return _remembered(value) if value else Decimal(repr(value))


@lru_cache(maxsize=_REMEMBERED_MAX, typed=True)
def _remembered(value: float) -> Decimal:
    return Decimal(repr(value))
