"""Contracts of every kind and snapshots of them, for tests of the ledger."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from bot.calc.ledger import Ledger, ledger
from bot.domain.instrument import Instrument, Kind, instrument_id
from bot.domain.order import Side
from bot.domain.snapshot import Account, Greeks, Held, HeldPosition, HoldingKind, Snapshot, Traded, Working
from bot.domain.units import AccountId, Asset, InstrumentId, Nanos, Price
from tests.kit import BTC, ETH, START_NS, USDT, d

USD, PEPE, DEFI = Asset("USD"), Asset("PEPE"), Asset("DEFI")
SPOT, USDM, COINM = AccountId("spot"), AccountId("usdm"), AccountId("coinm")


def contract(kind: Kind = Kind.LINEAR, **changes: Any) -> Instrument:
    """A contract on BTC; of a kind that pays coins it is quoted in USD and margined in BTC."""
    in_coins = kind in (Kind.INVERSE, Kind.QUANTO, Kind.OPTION)
    account = COINM if in_coins else USDM
    name = f"BTC-{kind.name}"
    made = Instrument(
        id=instrument_id(account, name),
        account=account,
        symbol=name,
        kind=kind,
        base=BTC,
        quote=USD if in_coins else USDT,
        settle=BTC if in_coins else USDT,
        tick=d("0.1"),
        lot=d("0.001"),
    )
    return msgspec.structs.replace(made, **changes)


def market(instrument: Instrument, mark: Decimal | None = None, **changes: Any) -> Traded:
    """An instrument with its mark."""
    return Traded(instrument=instrument, venue="venue", mark=mark, **changes)


def coins(asset: Asset, amount: Decimal, account: AccountId = SPOT, **changes: Any) -> Held:
    """A holding."""
    return Held(account=account, asset=asset, amount=amount, **changes)


def position(instrument: Instrument, contracts: Decimal, entry: Price | None = None, **changes: Any) -> HeldPosition:
    """A position in the instrument's own account."""
    return HeldPosition(
        account=changes.pop("account", instrument.account),
        instrument=instrument.id,
        contracts=contracts,
        entry_price=entry,
        **changes,
    )


def order(instrument: Instrument, side: Side, remaining: Decimal, **changes: Any) -> Working:
    """A working order."""
    return Working(account=instrument.account, instrument=instrument.id, side=side, remaining=remaining, **changes)


def snapshot(prices: dict[Asset, Price], *things: Any, **changes: Any) -> Snapshot:
    """A snapshot of holdings, positions, orders, markets and accounts in any order."""
    return Snapshot(
        now_ns=changes.pop("now", START_NS),
        prices=prices,
        holdings=tuple(t for t in things if isinstance(t, Held)),
        positions=tuple(t for t in things if isinstance(t, HeldPosition)),
        orders=tuple(t for t in things if isinstance(t, Working)),
        instruments=tuple(t for t in things if isinstance(t, Traded)),
        accounts=tuple(t for t in things if isinstance(t, Account)),
        **changes,
    )


def added(prices: dict[Asset, Price], *things: Any, **how: Any) -> Ledger:
    """The ledger of a snapshot in USD."""
    return ledger(snapshot(prices, *things), reporting=USD, **how)


__all__ = [
    "BTC",
    "COINM",
    "DEFI",
    "ETH",
    "PEPE",
    "SPOT",
    "START_NS",
    "USD",
    "USDM",
    "USDT",
    "Account",
    "Asset",
    "Greeks",
    "HoldingKind",
    "InstrumentId",
    "Kind",
    "Nanos",
    "Side",
    "added",
    "coins",
    "contract",
    "d",
    "market",
    "order",
    "position",
    "snapshot",
]
