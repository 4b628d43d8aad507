"""The ledger of an exchange for people: what each account's wallets received and gave, and what balances it."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice, repeat
from typing import Any, Final

from bot.simex.core.account import Account, Income
from bot.simex.core.exchange import Exchange
from bot.simex.core.instrument import Key
from bot.simex.truth import amount, unscaled

PAGE_DEFAULT: Final = 500
PAGE_MAX: Final = 5_000


def ledger_of(
    exchange: Exchange, *, account: str = "", asset: str = "", after: int = 0, limit: int = PAGE_DEFAULT
) -> dict[str, Any]:
    """The postings after the number `after`, oldest first, and the totals of the exchange at this moment.

    `account` and `asset` choose postings; the totals are of everybody. `next_after` asks for the next page, None at the
    end. An account keeps its newest postings only, so that those before may be gone. Refused: no such account.
    """
    state = exchange.state
    chosen = [state.account(account)] if account else list(state.accounts.values())
    found = islice(_postings(chosen, asset, after), limit + 1)
    rows = [_row(one, income) for one, income in found]
    page = rows[:limit]
    return {
        "venue": state.rules.name,
        "time_ms": exchange.now_ms,
        "postings": page,
        "next_after": page[-1]["number"] if len(rows) > limit else None,
        "totals": _totals(exchange),
        "positions": _positions(exchange),
    }


def _postings(accounts: Iterable[Account], asset: str, after: int) -> Iterator[tuple[Account, Income]]:
    each = [zip(repeat(account), account.income) for account in accounts]
    for account, income in heapq.merge(*each, key=lambda row: row[1].income_id):
        if income.income_id > after and asset in ("", income.asset):
            yield account, income


def _row(account: Account, one: Income) -> dict[str, Any]:
    return {
        "number": one.income_id,
        "time_ms": one.time_ms,
        "account": account.account_id,
        "wallet": one.wallet,
        "asset": one.asset,
        "kind": one.kind,
        "amount": amount(one.amount),
        "balance": amount(one.balance),
        "market": one.instrument.category if one.instrument else None,
        "symbol": one.instrument.name if one.instrument else None,
        "trade_id": one.trade.trade_id if one.trade else None,
        "note": one.note,
    }


def _totals(exchange: Exchange) -> dict[str, Mapping[str, Any]]:
    """By asset: what accounts, strangers, fees and insurance hold, and what was deposited; the first four add up to it.

    What accounts hold is on cash basis: coins and isolated margins, less the cost of the positions they carry.
    """
    ledger, accounts = exchange.accounting.ledger, _held(exchange.state.accounts.values())
    places = {"accounts": accounts, "strangers": ledger.house, "fees": ledger.fees, "insurance": ledger.insurance}
    assets = sorted({*ledger.external, *(asset for place in places.values() for asset in place)})
    return {
        asset: {
            **{name: amount(place.get(asset, 0)) for name, place in places.items()},
            "deposited": amount(ledger.external.get(asset, 0)),
        }
        for asset in assets
    }


def _held(accounts: Iterable[Account]) -> dict[str, int]:
    held: defaultdict[str, int] = defaultdict(int)
    for account in accounts:
        for coins in account.wallets.values():
            for asset, coin in coins.items():
                held[asset] += coin.balance
        for position in account.positions.values():
            held[position.instrument.settle] += position.isolated_margin - position.cost
    return held


def _positions(exchange: Exchange) -> list[dict[str, Any]]:
    """By contract: what accounts hold together and what strangers hold against it."""
    ours: defaultdict[Key, int] = defaultdict(int)
    for account in exchange.state.accounts.values():
        for position in account.positions.values():
            ours[position.instrument.key] += position.quantity
    theirs = exchange.accounting.ledger.house_positions
    return [
        {
            "market": key[0],
            "symbol": key[1],
            "accounts": unscaled(ours.get(key, 0)),
            "strangers": unscaled(theirs.get(key, 0)),
        }
        for key in sorted({*ours, *theirs})
        if ours.get(key, 0) or theirs.get(key, 0)
    ]
