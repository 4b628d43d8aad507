"""What must hold on a Bybit account before the first live order: read, judged, and never changed from here."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from bot.domain.instrument import Instrument, Kind
from bot.domain.units import SECOND_NS, Asset
from bot.venues import bybit_routes as routes
from bot.venues.bybit_routes import LINEAR, UNIFIED
from bot.venues.bybit_snapshot import BybitSnapshots
from bot.venues.client import Client
from bot.venues.ports import Finding
from bot.venues.preflight import (
    EXPIRY_DAYS_WARN,
    balance_finding,
    budget_finding,
    clock_finding,
    key_is_refused,
    refused,
)
from bot.venues.signing import KeyUnusable
from bot.venues.translate.bybit_accounts import (
    AccountInfo,
    KeyScope,
    account_info,
    key_scope,
    symbol_modes,
)
from bot.venues.translate.errors import BYBIT, Trouble, described
from bot.venues.translate.settings import SymbolSetting

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from bot.domain.account import MarginState
    from bot.domain.units import InstrumentId
    from bot.venues.budget import Usage

NAME = "Bybit"
DAY_S = 24 * 3_600


class BybitPreflight:
    """Looks at clock, key, modes, leverage, balances and the rate budget, in one run.

    `settings` (by symbol) and `margin` are what the inspection read; they are empty and None where it could not.
    `sold` names the spot pairs whose coins are to be sold; where there are any, the key has to be allowed to.
    `has_futures`: whether contracts are traded here. Where only coins lie, a key that may only read will do.
    """

    def __init__(
        self,
        client: Client,
        instruments: Iterable[Instrument],
        settle: Asset,
        *,
        clock_offset_ns_max: int,
        sold: Collection[InstrumentId] = (),
        has_futures: bool = True,
    ) -> None:
        known = tuple(instruments)
        self._client = client
        self._hedges = tuple(sorted(one.symbol for one in known if one.kind is not Kind.SPOT))
        self._settle = settle
        self._clock_offset_ns_max = clock_offset_ns_max
        self._sold = tuple(sorted(sold))
        self._has_futures = has_futures
        self._snapshots = BybitSnapshots(client, known, settle, sold)
        self._used: Usage | None = None
        self.settings: dict[str, SymbolSetting] = {}
        self.margin: MarginState | None = None

    async def inspect(self) -> tuple[Finding, ...]:
        """Every finding. A venue that does not answer, or a key that is refused, is said once and ends the rest."""
        if unusable := self._unusable():
            return unusable
        clocks = await self.clocks()
        account = await self._account() if self._used is not None else ()
        return (*clocks, *account, *self.budget())

    def _unusable(self) -> tuple[Finding, ...]:
        """Why nothing can be asked with the key; nothing where it can."""
        if not self._client.signs:
            text = "no API key of Bybit is configured: live needs one with contract rights and without withdrawal"
            return (Finding("key", False, text),)
        try:
            self._client.warm()
        except KeyUnusable as error:
            return (Finding("key", False, str(error)),)
        return ()

    async def clocks(self) -> tuple[Finding, ...]:
        """The venue's clock against ours, which shows at the same time whether it answers."""
        found = await self._client.measure(UNIFIED)
        if isinstance(found, Trouble):
            return (Finding("connection", False, described(BYBIT, found)),)
        self._used = self._client.counters.of(routes.TIME).usage()
        return (clock_finding(NAME, found, self._clock_offset_ns_max),)

    async def _account(self) -> tuple[Finding, ...]:
        findings = [*await self._scope()]
        for inspect in (self._modes, self._leverage, self._balances):
            if not key_is_refused(findings):
                findings += await inspect()
        return tuple(findings)

    async def _scope(self) -> tuple[Finding, ...]:
        found = await self._client.read(routes.KEY_SCOPE, {}, key_scope)
        if isinstance(found, Trouble):
            return (refused("key scope", found, BYBIT),)
        rights = scope_findings(
            found, self._client.clock() / SECOND_NS, sells=bool(self._sold), has_futures=self._has_futures
        )
        return (Finding("key", True, "Bybit accepts the key"), *rights)

    async def _modes(self) -> tuple[Finding, ...]:
        found = await self._client.read(routes.ACCOUNT_INFO, {}, account_info)
        if isinstance(found, Trouble):
            return (refused("margin mode", found, BYBIT),)
        return _mode_findings(found)

    async def _leverage(self) -> tuple[Finding, ...]:
        """Position mode and leverage of each hedge: a symbol is asked by name, for it is listed flat then, too."""
        findings: list[Finding] = []
        for symbol in self._hedges:
            params: dict[str, str | int] = {"category": LINEAR, "symbol": symbol}
            found = await self._client.read(routes.POSITIONS, params, partial(symbol_modes, symbol=symbol))
            if isinstance(found, Trouble):
                return (*findings, refused("position mode", found, BYBIT))
            self.settings[symbol] = SymbolSetting(symbol, "CROSSED", found.leverage)
            text = f"{symbol}: one-way, leverage {found.leverage}x"
            if not found.one_way:
                text = f"{symbol}: hedge mode; switch it to one-way mode (without open positions or orders)"
            findings.append(Finding("position mode", found.one_way, text))
        return tuple(findings)

    async def _balances(self) -> tuple[Finding, ...]:
        facts = await self._snapshots.account(UNIFIED)
        lacking = f"transfer {self._settle} to the unified account before hedging" if self._has_futures else ""
        finding, self.margin = balance_finding("Bybit balances", facts, self._settle, lacking)
        return (finding,)

    def budget(self) -> tuple[Finding, ...]:
        """What is used of the address's requests: before we asked for much, so most of it is somebody else's."""
        if self._used is None:
            return ()
        blocked = self._client.counters.of(routes.TIME).usage().blocked_until_ns != 0
        return (budget_finding(f"{NAME}: ", self._used, "requests of this address in five seconds", blocked),)


def _mode_findings(info: AccountInfo) -> tuple[Finding, ...]:
    if not info.unified:
        text = "not a unified trading account: upgrade it at Bybit, nothing else is supported"
        return (Finding("account type", False, text),)
    text = "cross margin"
    if not info.cross:
        text = f"{info.margin_mode.lower().replace('_', ' ')}: switch to cross margin, where the margin guard looks"
    return (Finding("account type", True, "unified"), Finding("margin mode", info.cross, text))


def scope_findings(scope: KeyScope, now_s: float, *, sells: bool, has_futures: bool) -> tuple[Finding, ...]:
    """What a key may do, held against what it should."""
    findings = [_withdrawal(scope), *(_trading(scope) if has_futures else ())]
    if sells and (scope.read_only or not scope.may("Spot", "SpotTrade")):
        text = (
            "the key may not trade spot, and convert_to_spot sells coins: enable spot trading, or take the target out"
        )
        findings.append(Finding("key scope", False, text))
    if any(scope.may("Wallet", right) for right in ("AccountTransfer", "SubMemberTransfer", "SubMemberTransferList")):
        text = "the key may transfer between wallets or accounts: it does not need to"
        findings.append(Finding("key scope", False, text, blocking=False))
    if not scope.bound:
        text = "the key works from any address: bind it to this machine's"
        findings.append(Finding("key scope", False, text, blocking=False))
    return (*findings, *_expiry(scope, now_s))


def _withdrawal(scope: KeyScope) -> Finding:
    if scope.may("Wallet", "Withdraw"):
        return Finding(
            "key scope", False, "this key may withdraw: make one without withdrawal; live never starts with it"
        )
    return Finding("key scope", True, "the key may not withdraw")


def _trading(scope: KeyScope) -> list[Finding]:
    if scope.read_only:
        return [Finding("key scope", False, "the key may only read: make one that may trade contracts")]
    if not (scope.may("ContractTrade", "Order") and scope.may("ContractTrade", "Position")):
        return [Finding("key scope", False, "the key may not trade contracts: enable orders and positions for it")]
    return []


def _expiry(scope: KeyScope, now_s: float) -> tuple[Finding, ...]:
    """Only a key without an address list expires; of another the venue tells the epoch or a time before it."""
    try:
        ends_s = datetime.fromisoformat(scope.expired_at).astimezone(UTC).timestamp() if scope.expired_at else 0.0
    except ValueError:
        ends_s = 0.0
    if scope.bound or ends_s <= 0:
        return ()
    days = (ends_s - now_s) / DAY_S
    if days >= EXPIRY_DAYS_WARN:
        return ()
    text = f"the key ends in {max(days, 0.0):.1f} days: renew it"
    return (Finding("key scope", False, text, blocking=days <= 0),)
