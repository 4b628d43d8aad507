"""What this venue calls the intervals of bars; the bars themselves are those of every venue."""

from __future__ import annotations

from typing import Final

# As clients ask for it -> as bot.simex.bars has it.
INTERVALS: Final = {
    "1": "1m",
    "3": "3m",
    "5": "5m",
    "15": "15m",
    "30": "30m",
    "60": "1h",
    "120": "2h",
    "240": "4h",
    "360": "6h",
    "720": "12h",
    "D": "1d",
    "W": "1w",
    "M": "1M",
}
