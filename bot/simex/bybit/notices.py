"""Insurance pools, auto-deleveraging alerts, system status and announcements: what the venue says of itself.

A pool is the insurance fund of one coin. Drawdown of a contract's profit is not simulated, so the ratio stays at zero
and auto-deleveraging follows from an empty pool alone.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from bot.simex.bybit.desk import DERIVATIVES, Desk
from bot.simex.bybit.figures import money
from bot.simex.bybit.gate import Call, Route
from bot.simex.core.instrument import Instrument
from bot.simex.core.numbers import amount, unscaled

Row = dict[str, Any]
TRIGGER_RATIO: Final = "-0.3"
STOP_RATIO: Final = "-0.25"
TRIGGER_THRESHOLD: Final = "10000"
NOTICES_MAX: Final = 1_000
STATES: Final = ("scheduled", "ongoing", "completed", "canceled")


@dataclass(frozen=True, slots=True)
class Alert:
    """A contract's place in the auto-deleveraging of its pool; `balance` is money of the coin."""

    coin: str
    symbol: str
    balance: int
    most: int

    def rest_row(self) -> Row:
        """As /v5/market/adlAlert shows it."""
        return {
            "coin": self.coin,
            "symbol": self.symbol,
            "balance": money(self.balance),
            "maxBalance": money(self.most),
            "insurancePnlRatio": TRIGGER_RATIO,
            "pnlRatio": "0",
            "adlTriggerThreshold": TRIGGER_THRESHOLD,
            "adlStopRatio": STOP_RATIO,
        }

    def frame_row(self) -> Row:
        """As the `adlAlert` topic shows it."""
        return {
            "c": self.coin,
            "s": self.symbol,
            "b": money(self.balance),
            "mb": "",
            "i_pr": TRIGGER_RATIO,
            "pr": "0",
            "adl_tt": TRIGGER_THRESHOLD,
            "adl_sr": STOP_RATIO,
        }


class Insurance:
    """The insurance funds as Bybit shows them."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._most: dict[str, int] = {}

    def pools(self) -> list[tuple[str, list[str], int, Decimal]]:
        """Coin, its contracts, the balance as money and its value in dollars."""
        by_coin: dict[str, list[str]] = {}
        for one in self._contracts():
            by_coin.setdefault(one.settle, []).append(one.name)
        marks = self._desk.exchange.marks
        rows = []
        for coin in sorted(by_coin):
            balance = self._balance(coin)
            rows.append((coin, by_coin[coin], balance, amount(balance) * unscaled(marks.dollars(coin))))
        return rows

    def alerts(self, coin: str = "") -> list[Alert]:
        """The contracts that settle in a coin ("inverse": every inverse one), or all."""
        return [
            Alert(one.settle, one.name, self._balance(one.settle), self._most.get(one.settle, 0))
            for one in self._contracts()
            if coin in ("", one.settle if one.kind == "linear" else "inverse")
        ]

    def _contracts(self) -> list[Instrument]:
        return [one for category in DERIVATIVES for one in self._desk.instruments(category) if one.status != "closed"]

    def _balance(self, coin: str) -> int:
        found: int = self._desk.exchange.accounting.ledger.insurance.get(coin, 0)
        self._most[coin] = max(self._most.get(coin, found), found)
        return found


@dataclass(slots=True)
class Status:
    """A maintenance or an incident; times in ms of the server's clock."""

    notice_id: str
    title: str
    state: str
    begin_ms: int
    end_ms: int
    service_types: tuple[int, ...] = (1, 2, 3, 4, 5)
    products: tuple[int, ...] = (1, 2)
    maintain_type: int = 1

    def row(self) -> Row:
        """As /v5/system/status and the `system.status` topic show it."""
        return {
            "id": self.notice_id,
            "title": self.title,
            "state": self.state,
            "begin": str(self.begin_ms),
            "end": str(self.end_ms),
            "href": "",
            "serviceTypes": list(self.service_types),
            "product": list(self.products),
            "uidSuffix": [],
            "maintainType": self.maintain_type,
            "env": 1,
        }


@dataclass(slots=True)
class Announcement:
    """A line of the announcements."""

    title: str
    description: str
    kind: str
    kind_title: str
    tags: tuple[str, ...]
    time_ms: int

    def row(self) -> Row:
        """As /v5/announcements/index shows it."""
        return {
            "title": self.title,
            "description": self.description,
            "type": {"title": self.kind_title, "key": self.kind},
            "tags": list(self.tags),
            "url": "",
            "dateTimestamp": self.time_ms,
            "startDateTimestamp": self.time_ms,
            "endDateTimestamp": self.time_ms,
            "startDataTimestamp": self.time_ms,
            "endDataTimestamp": self.time_ms,
            "publishTime": self.time_ms,
        }


@dataclass(slots=True)
class Notices:
    """What is announced; a control call or a scenario adds to it."""

    statuses: deque[Status] = field(default_factory=lambda: deque(maxlen=NOTICES_MAX))
    announcements: deque[Announcement] = field(default_factory=lambda: deque(maxlen=NOTICES_MAX))
    fresh: list[Status] = field(default_factory=list)
    """Statuses that the `system.status` topic has still to tell."""

    def routes(self) -> list[Route]:
        """The endpoints."""
        return [
            Route("GET", "/v5/system/status", self._system_status, msg=""),
            Route("GET", "/v5/announcements/index", self._announced),
        ]

    def tell(self, status: Status) -> None:
        """Announce a maintenance, or its new state: the newest entry of an id counts."""
        for known in [one for one in self.statuses if one.notice_id == status.notice_id]:
            self.statuses.remove(known)
        self.statuses.appendleft(status)
        self.fresh.append(status)

    def taken(self) -> list[Status]:
        """The statuses that were not told on the stream yet."""
        fresh, self.fresh = self.fresh, []
        return fresh

    def _system_status(self, call: Call) -> Row:
        wanted_id = call.params.text("id")
        wanted = call.params.one_of("state", STATES, "") if "state" in call.params else ""
        rows = [one.row() for one in self.statuses if wanted_id in ("", one.notice_id) and wanted in ("", one.state)]
        return {"list": rows}

    def _announced(self, call: Call) -> Row:
        call.params.need("locale")
        kind, tag = call.params.text("type"), call.params.text("tag")
        number, limit = max(call.params.integer("page") or 1, 1), call.params.limit(20, 1_000)
        rows = [one.row() for one in self.announcements if kind in ("", one.kind) and (not tag or tag in one.tags)]
        return {"total": len(rows), "list": rows[(number - 1) * limit : number * limit]}
