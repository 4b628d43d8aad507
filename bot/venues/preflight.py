"""What must hold on the account before the first live order: read, judged, and never changed from here.

Every finding is one line that says what was seen and, where it is wrong, what to do about it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.domain.events import AccountSeen, AccountUnreadable
from bot.domain.instrument import Instrument, Kind
from bot.domain.units import MILLISECOND_NS, AccountId, Asset
from bot.venues import routes
from bot.venues.client import Client
from bot.venues.ports import Finding
from bot.venues.signing import KeyUnusable
from bot.venues.snapshot import LiveSnapshots
from bot.venues.translate.errors import BINANCE, Trouble, described, is_key_refused
from bot.venues.translate.settings import (
    KeyScope,
    SymbolSetting,
    hedge_mode,
    key_scope,
    multi_assets_mode,
    symbol_settings,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from bot.domain.account import MarginState
    from bot.domain.events import ClockSampled, Fact
    from bot.domain.units import InstrumentId
    from bot.venues.budget import Usage

DAY_MS = 24 * 3_600 * 1_000
EXPIRY_DAYS_WARN = 14
BUDGET_SHARE_WARN = 0.25
"""Our own start takes a twentieth; reads stop at a third."""
CROSS = "CROSSED"
NAMES = {routes.SPOT: "spot", routes.USDM: "USD-M"}


class LivePreflight:
    """Looks at clocks, key, modes, leverage, balances and the rate budget, in one run.

    `settings` (by symbol) and `margin` are what the inspection read; they are empty and None where it could not.
    `sold` names the spot pairs whose coins are to be sold; where there are any, the key has to be allowed to.
    `has_futures`: whether contracts are traded here. Where only coins lie, the futures side is not looked at, and the
    key needs no right to it.
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
        self._snapshots = LiveSnapshots(client, known, settle, sold)
        self._readable: set[AccountId] = set()
        self._used: dict[AccountId, Usage] = {}
        self.settings: dict[str, SymbolSetting] = {}
        self.margin: MarginState | None = None

    async def inspect(self) -> tuple[Finding, ...]:
        """Every finding. A host that does not answer, or a key that is refused, is said once and ends its part alone.

        A clock that is off ends nothing: what is asked afterwards is signed by the venue's own time.
        """
        if unusable := self._unusable():
            return unusable
        clocks = await self.clocks()
        return (*clocks, *await self._account(), *self.budget())

    def _unusable(self) -> tuple[Finding, ...]:
        """Why nothing can be asked with the key; nothing where it can."""
        if not self._client.signs:
            text = "no API key is configured: live needs one with futures rights and without withdrawal"
            return (Finding("key", False, text),)
        try:
            self._client.warm()
        except KeyUnusable as error:
            return (Finding("key", False, str(error)),)
        return ()

    async def clocks(self) -> tuple[Finding, ...]:
        """The venue's clocks against ours, which shows at the same time whether its hosts answer."""
        findings, self._readable = [], set()
        for account in (routes.SPOT, routes.USDM) if self._has_futures else (routes.SPOT,):
            found = await self._client.measure(account)
            if isinstance(found, Trouble):
                findings.append(Finding("connection", False, described(BINANCE, found)))
                continue
            self._readable.add(account)
            self._used[account] = self._client.budgets[account].usage()
            findings.append(clock_finding(NAMES[account], found, self._clock_offset_ns_max))
        return tuple(findings)

    async def _account(self) -> tuple[Finding, ...]:
        """The key, then what may be read with it."""
        findings = [*await self._scope()] if routes.SPOT in self._readable else []
        parts = (
            (routes.USDM, self._position_mode),
            (routes.USDM, self._asset_mode),
            (routes.USDM, self._leverage),
            (routes.SPOT, self._spot_balances),
            (routes.USDM, self._usdm_balances),
        )
        for account, inspect in parts:
            if account in self._readable and not key_is_refused(findings):
                findings += await inspect()
        return tuple(findings)

    async def _scope(self) -> tuple[Finding, ...]:
        """What the key may do; what it may not read is not asked for afterwards."""
        found = await self._client.read(routes.KEY_SCOPE, {}, key_scope)
        if isinstance(found, Trouble):
            return (refused("key scope", found),)
        if not found.enable_reading:
            self._readable.clear()
        if not found.enable_futures:
            self._readable.discard(routes.USDM)
        rights = (*_scope(found, self._client.clock(), has_futures=self._has_futures), *self._selling(found))
        return (Finding("key", True, "Binance accepts the key"), *rights)

    def _selling(self, scope: KeyScope) -> tuple[Finding, ...]:
        """Whether the key may sell coins, where that is wanted."""
        if not self._sold:
            return ()
        if scope.enable_spot_and_margin_trading:
            return (Finding("key scope", True, "the key may sell coins on the spot market"),)
        text = "the key may not trade spot, and convert_to_spot sells coins: enable spot trading for it, or take "
        return (Finding("key scope", False, f"{text}the target out"),)

    async def _position_mode(self) -> tuple[Finding, ...]:
        fix = "hedge mode: switch to one-way mode in the futures preferences (without open positions or orders)"
        return await self._switch("position mode", routes.POSITION_MODE, hedge_mode, fix, "one-way")

    async def _asset_mode(self) -> tuple[Finding, ...]:
        fix = "multi-assets mode: switch to single-asset mode in the futures preferences"
        return await self._switch("asset mode", routes.ASSET_MODE, multi_assets_mode, fix, "single-asset")

    async def _switch(
        self, subject: str, route: routes.Route, parse: Callable[[bytes], bool], wrong: str, right: str
    ) -> tuple[Finding, ...]:
        found = await self._client.read(route, {}, parse)
        if isinstance(found, Trouble):
            return (refused(subject, found),)
        return (Finding(subject, not found, wrong if found else right),)

    async def _leverage(self) -> tuple[Finding, ...]:
        found = await self._client.read(routes.SYMBOL_CONFIG, {}, symbol_settings)
        if isinstance(found, Trouble):
            return (refused("margin type", found),)
        self.settings = found
        findings = []
        for symbol in self._hedges:
            setting = found.get(symbol)
            if setting is None:
                findings.append(Finding("margin type", False, f"{symbol}: the account has no settings for it"))
            elif setting.margin_type != CROSS:
                text = f"{symbol}: {setting.margin_type.lower()} margin; set it to cross, where the margin guard looks"
                findings.append(Finding("margin type", False, text))
            else:
                findings.append(Finding("margin type", True, f"{symbol}: cross, leverage {setting.leverage}x"))
        return tuple(findings)

    async def _spot_balances(self) -> tuple[Finding, ...]:
        return await self._balance(routes.SPOT)

    async def _usdm_balances(self) -> tuple[Finding, ...]:
        return await self._balance(routes.USDM)

    async def _balance(self, account: AccountId) -> tuple[Finding, ...]:
        facts = await self._snapshots.account(account)
        lacking = f"transfer {self._settle} to the futures wallet before hedging"
        finding, margin = balance_finding(f"{NAMES[account]} balances", facts, self._settle, lacking)
        self.margin = margin or self.margin
        return (finding,)

    def budget(self) -> tuple[Finding, ...]:
        """What is used of the rate budget: before we asked for much, so that most of it is somebody else's."""
        findings = []
        for account, used in self._used.items():
            blocked = self._client.budgets[account].usage().blocked_until_ns != 0
            findings.append(budget_finding(f"{NAMES[account]}: ", used, "request weight used this minute", blocked))
        return tuple(findings)


def budget_finding(name: str, used: Usage, what: str, blocked: bool) -> Finding:
    """How much of a rate limit was used before we asked for much."""
    ok = not blocked and used.weight <= BUDGET_SHARE_WARN * used.weight_limit
    text = f"{name}{used.weight} of {used.weight_limit} {what}"
    if not ok:
        text += "; another program shares this address or key: give it its own"
    return Finding("rate budget", ok, text, blocking=blocked)


def balance_finding(
    subject: str, facts: tuple[Fact, ...], settle: Asset, lacking: str
) -> tuple[Finding, MarginState | None]:
    """What a read of an account shows; `lacking` is the advice where there is no collateral, empty: none is needed."""
    seen = facts[0]
    if isinstance(seen, AccountUnreadable):
        return Finding(subject, False, f"cannot be read: {seen.reason}"), None
    assert isinstance(seen, AccountSeen)
    margin, held = seen.snapshot.margin, sum(1 for balance in seen.snapshot.balances if balance.total)
    if margin is None or not lacking:
        return Finding(subject, True, f"readable, {held} assets held"), margin
    text = f"readable, margin balance {margin.margin_balance:.2f} {settle}, {margin.available:.2f} available"
    if margin.margin_balance <= 0:
        text += f"; {lacking}"
    return Finding(subject, margin.margin_balance > 0, text), margin


def key_is_refused(findings: Iterable[Finding]) -> bool:
    """Whether one of them says that the key is refused."""
    return any(finding.subject == "key" and not finding.ok for finding in findings)


def clock_finding(name: str, found: ClockSampled, offset_ns_max: int) -> Finding:
    """How far a venue's clock is off, and whether that is too far."""
    offset_ms = found.offset_ns / MILLISECOND_NS
    direction = "ahead of" if offset_ms >= 0 else "behind"
    text = (
        f"{name}: the venue is {abs(offset_ms):.0f} ms {direction} this clock "
        f"(round trip {found.round_trip_ns / MILLISECOND_NS:.0f} ms)"
    )
    ok = abs(found.offset_ns) <= offset_ns_max
    if not ok:
        most_ms = offset_ns_max // MILLISECOND_NS
        text += f"; at most {most_ms} ms is allowed: synchronise it (timedatectl set-ntp true, or chronyc makestep)"
    return Finding("clock", ok, text)


def _scope(scope: KeyScope, now_ns: int, *, has_futures: bool) -> tuple[Finding, ...]:
    findings = []
    if scope.enable_withdrawals:
        text = "this key may withdraw: make one without withdrawal; live never starts with it"
        findings.append(Finding("key scope", False, text))
    else:
        findings.append(Finding("key scope", True, "the key may not withdraw"))
    if has_futures and not scope.enable_futures:
        findings.append(Finding("key scope", False, "the key may not trade futures: enable futures for it"))
    if not scope.enable_reading:
        findings.append(Finding("key scope", False, "the key may not read: enable reading for it"))
    if scope.permits_universal_transfer or scope.enable_internal_transfer:
        text = "the key may transfer between wallets or accounts: it does not need to"
        findings.append(Finding("key scope", False, text, blocking=False))
    if not scope.ip_restrict:
        text = "the key works from any address: bind it to this machine's"
        findings.append(Finding("key scope", False, text, blocking=False))
    expiry = scope.trading_authority_expiration_time
    if expiry is not None:
        days = (expiry - now_ns // MILLISECOND_NS) / DAY_MS
        if days < EXPIRY_DAYS_WARN:
            text = f"the key's trading right ends in {max(days, 0.0):.1f} days: renew it"
            findings.append(Finding("key scope", False, text, blocking=days <= 0))
    return tuple(findings)


def refused(subject: str, found: Trouble, venue: str = BINANCE) -> Finding:
    """A signed read that failed: a key that is refused is one line, whatever was asked with it."""
    if is_key_refused(venue, found):
        return Finding("key", False, described(venue, found))
    return Finding(subject, False, f"cannot be read: {described(venue, found)}")
