"""The transaction log: lines of a wallet's history as Bybit shows them, what one fill booked in one line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from bot.simex.bybit.figures import money, plain, price, quantity
from bot.simex.bybit.order_shapes import side_name
from bot.simex.bybit.recorder import Recorder, execution_id
from bot.simex.core.account import Account, Income, WalletName
from bot.simex.core.instrument import Instrument
from bot.simex.core.numbers import SCALE, divided
from bot.simex.core.order import Trade

Row = dict[str, Any]
_KINDS: Final = {
    "funding": "SETTLEMENT",
    "delivery": "DELIVERY",
    "insurance": "LIQUIDATION",
    "interest": "INTEREST",
}
_ORIGINS: Final = {"user": "TRADE", "liquidation": "LIQUIDATION", "takeover": "LIQUIDATION", "adl": "ADL"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line: what one event booked in one asset; money of the asset, `fee` positive when paid."""

    incomes: tuple[Income, ...]
    time_ms: int
    kind: str

    @property
    def number(self) -> int:
        """Grows with every line."""
        return self.incomes[-1].income_id

    @property
    def asset(self) -> str:
        """The asset."""
        return self.incomes[0].asset

    @property
    def instrument(self) -> Instrument | None:
        """The instrument, if the line is about one."""
        return self.incomes[0].instrument

    def _unwritten_fee(self) -> int:
        """The fee of a spot fill, which the core takes without a line of its own."""
        trade = self.incomes[0].trade
        if trade is None or trade.instrument.kind != "spot" or trade.fee_asset != self.asset:
            return 0
        return 0 if any(one.kind == "commission" for one in self.incomes) else trade.fee

    def row(self, recorder: Recorder) -> Row:
        """As /v5/account/transaction-log shows it."""
        last, instrument, trade = self.incomes[-1], self.instrument, self.incomes[0].trade
        unwritten = self._unwritten_fee()
        fee = unwritten - sum(one.amount for one in self.incomes if one.kind == "commission")
        funding = sum(one.amount for one in self.incomes if one.kind == "funding")
        change = sum(one.amount for one in self.incomes) - unwritten
        row: Row = {
            "id": f"{last.income_id}_{instrument.name if instrument else ''}_{self.asset}",
            "symbol": instrument.name if instrument else "",
            "category": instrument.category if instrument else "",
            "side": "None",
            "transactionTime": str(self.time_ms),
            "type": self.kind,
            "transSubType": "",
            "qty": "0",
            "size": "0",
            "currency": self.asset,
            "tradePrice": "",
            "funding": money(funding) if funding else "",
            "fee": money(fee),
            "cashFlow": money(change + fee - funding),
            "change": money(change),
            "cashBalance": money(last.balance - unwritten),
            "feeRate": "0",
            "bonusChange": "",
            "tradeId": "",
            "orderId": "",
            "orderLinkId": "",
            "extraFees": "",
        }
        if trade is not None:
            return row | _of_trade(trade, last, fee, change, recorder)
        if funding and instrument is not None:
            return row | _of_funding(last, instrument)
        return row


def _of_trade(trade: Trade, last: Income, fee: int, change: int, recorder: Recorder) -> Row:
    instrument = trade.instrument
    spot = instrument.kind == "spot"
    tag = recorder.tag_by_id(trade.order_id)
    basis = trade.worth if not spot or trade.fee_asset != instrument.base else trade.quantity * SCALE
    return {
        "side": side_name(trade.side),
        "qty": money(change + fee) if spot else quantity(instrument, trade.quantity),
        "size": "0" if spot else quantity(instrument, last.position),
        "tradePrice": price(instrument, trade.price),
        "feeRate": plain(divided(fee * SCALE, basis)) if fee and basis else "0",
        "tradeId": execution_id(trade),
        "orderId": tag.venue_id if tag else "",
        "orderLinkId": tag.link_id if tag else "",
    }


def _of_funding(last: Income, instrument: Instrument) -> Row:
    long = last.position > 0
    return {
        "side": side_name(last.position),
        "qty": quantity(instrument, abs(last.position)),
        "size": quantity(instrument, last.position),
        "tradePrice": price(instrument, last.price),
        "feeRate": plain(last.rate if long else -last.rate),
    }


def lines(account: Account, wallet: WalletName, wire: Callable[[int], int]) -> Iterator[Line]:
    """The lines of a wallet, newest first."""
    booked = (one for one in reversed(account.income) if one.wallet == wallet)
    for _, group in groupby(booked, _together):
        by_asset: dict[str, list[Income]] = {}
        for income in group:
            by_asset.setdefault(income.asset, []).insert(0, income)
        for incomes in sorted(by_asset.values(), key=lambda rows: -rows[-1].income_id):
            yield Line(tuple(incomes), wire(incomes[0].time_ms), _kind(incomes[0]))


def _together(income: Income) -> tuple[int, int]:
    """What makes two incomes parts of one event: the same side of the same fill."""
    trade = income.trade
    return (0, income.income_id) if trade is None else (trade.trade_id, trade.order_id)


def _kind(income: Income) -> str:
    if income.trade is not None and income.kind != "delivery":
        return _ORIGINS.get(income.trade.origin, "TRADE")
    if income.kind in ("transfer", "deposit", "withdraw"):
        return "TRANSFER_IN" if income.amount > 0 else "TRANSFER_OUT"
    return _KINDS.get(income.kind, "TRADE")
