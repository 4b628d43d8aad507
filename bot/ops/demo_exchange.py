"""The simulated exchange of the demo: two accounts, one to be hedged and one that keeps weights.

A process of its own (`python -m bot.ops.demo_exchange SEED STATE_DIR`), as a real exchange is.
"""

import asyncio
import sys
from decimal import Decimal
from pathlib import Path

from bot.simex.config import AccountSpec, KeySpec, SimexConfig
from bot.simex.main import serve

HEDGED = "hedged"
WEIGHTS = "weights"

_COLLATERAL = {"USDT": Decimal(100_000)}
ACCOUNTS = (
    AccountSpec(HEDGED, spot={"BTC": Decimal(1), "ETH": Decimal(10), "USDT": Decimal(1_000)}, usdm=_COLLATERAL),
    # At the simulated market's first prices (60,000 and 3,000) these coins are worth 60 and 40 per cent.
    AccountSpec(WEIGHTS, spot={"BTC": Decimal(1), "ETH": Decimal("13.333")}, usdm=_COLLATERAL),
)


def config(seed: int, state_dir: Path) -> SimexConfig:
    """The exchange of one seed."""
    keys = tuple(KeySpec(account.name, account.name) for account in ACCOUNTS)
    return SimexConfig(seed=seed, accounts=ACCOUNTS, keys=keys, state_dir=state_dir, plain_http=False)


if __name__ == "__main__":
    asyncio.run(serve(config(int(sys.argv[1]), Path(sys.argv[2]))))
