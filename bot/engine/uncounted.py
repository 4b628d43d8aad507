"""Positions in the accounts that are read, on contracts that the config does not name: no exposure has them."""

from bot.domain.account import Uncounted
from bot.domain.units import AccountId, Asset
from bot.engine.layout import Layout
from bot.engine.state import State

MULTIPLES = "0123456789"
"""Some contracts are of many coins, and say so before the name or behind it (1000PEPEUSDT, SHIB1000USDT)."""
BEHIND = ("USD", "PERP", "-", "1000")
"""What may stand behind a coin in a contract's name: a currency, or a date. BTCDOMUSDT is none of bitcoin."""


def coin_of(layout: Layout, name: str) -> Asset | None:
    """The coin of the config that a contract is of, by its name; None where it is none of them."""
    bare = name.lstrip(MULTIPLES) or name
    found = [coin for coin in layout.assets for form in (coin, *layout.held_as.get(coin, ())) if _is_of(bare, form)]
    return max(found, key=len, default=None)


def _is_of(name: str, coin: Asset) -> bool:
    return name.startswith(coin) and name[len(coin) :].startswith(BEHIND)


def told(layout: Layout, account: AccountId, one: Uncounted) -> tuple[Asset | None, str]:
    """The coin that a position is of, where the config has it, and a line for people."""
    coin = coin_of(layout, one.name)
    size = "a position" if one.contracts is None else f"a position of {one.contracts.normalize():f} contracts"
    line = f"{one.name} at {account}: {size} that the config does not name, so that nothing counts it"
    if coin is None:
        return None, line
    return coin, f"{line}: {coin} is hedged as if it were not there; close it, or hold it in another account"


def lines(state: State) -> list[str]:
    """A line for each that the accounts hold now, in the order of the accounts."""
    held = ((account, one) for account in state.layout.rules.accounts for one in _of(state, account))
    return [told(state.layout, account, one)[1] for account, one in held]


def _of(state: State, account: AccountId) -> tuple[Uncounted, ...]:
    return state.accounts.uncounted.get(account, ())
