"""What the doctor looks at on the venue: everything in one run, and nothing hides anything else.

What can be asked without the key is asked without it where the key is refused; what one host does not answer is left
out and said once. Nothing is changed.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from decimal import Decimal

from bot.domain.account import MarginState
from bot.domain.instrument import Kind
from bot.domain.units import SECOND_NS
from bot.domain.venues import venue_of
from bot.ops.configs import hushed
from bot.ops.doctor_book import Book, judged
from bot.ops.findings import Found, fine, no, warning
from bot.ops.speak import warn
from bot.runtime import log, wiring
from bot.runtime.app import fit
from bot.runtime.clock import SystemClock
from bot.runtime.feasible import check_against
from bot.runtime.market import Market, account_holdings, paper_holdings, read_market
from bot.runtime.portfolio import venues, written
from bot.runtime.problems import Problem
from bot.runtime.redact import Redactor
from bot.runtime.refusal import StartRefused
from bot.runtime.secrets import CredentialError, Credentials, load_credentials, load_other
from bot.runtime.settings_load import Loaded
from bot.venues.exchange import Preflight
from bot.venues.signing import KeyUnusable
from bot.venues.translate.catalogue import Fees
from bot.venues.translate.errors import Trouble, described
from bot.venues.translate.settings import SymbolSetting

PATIENCE_S = 300.0
"""The whole look; a full rate window is waited out within it."""
WINDOW_PATIENCE_NS = 65 * SECOND_NS
TOLD_WAIT_S = 3.0
FEE_SYMBOLS_MAX = 10
"""So many symbols are asked for their fee rates: each costs as much as four account reads."""
# What explains why the market could not be read at all, and why it could not be read with the key.
_UNREACHED = frozenset(("connection",))
_UNKEYED = frozenset(("connection", "key", "key scope"))


class ToldClock(SystemClock):
    """Says so when it sleeps for long: the venue's rate window is full, and somebody sits before the screen."""

    async def sleep(self, seconds: float) -> None:
        """Sleep."""
        if seconds > TOLD_WAIT_S:
            warn(f"waiting {seconds:.0f} s for the venue's rate window ...")
        await super().sleep(seconds)


class VenueLook:
    """One look; `findings` grows as it goes, so that what ends it early loses nothing of what was found."""

    def __init__(self, loaded: Loaded) -> None:
        self.loaded = hushed(loaded)
        self.findings: list[Found] = []
        self.account: str | None = None
        self._redactor = Redactor()

    async def run(self) -> None:
        """Look at everything. Whatever the venue does is a finding."""
        redactor = self._redactor
        with log.start(self.loaded.settings.log, redactor):
            try:
                async with asyncio.timeout(PATIENCE_S), AsyncExitStack() as stack:
                    await self._look(self._key(redactor), stack)
            except TimeoutError:
                self._add(no("connection", f"the venue did not answer everything within {PATIENCE_S:g} s"))
            except StartRefused as error:
                at = error.at or ("exchange",)
                self._add(*(no(error.kind, str(self.loaded.problem(at, line))) for line in error.lines))

    def _key(self, redactor: Redactor) -> Credentials | None:
        try:
            return load_credentials(self.loaded.settings.credentials, redactor)
        except CredentialError as error:
            self._add(no("credentials", str(self.loaded.problem(("credentials",), str(error)))))
            return None

    def _others(self) -> dict[str, Credentials]:
        """The keys of the venues beside the config's own; what is wrong with one is a finding."""
        settings, found = self.loaded.settings, dict[str, Credentials]()
        for venue in venues(settings)[1:]:
            try:
                found[venue] = load_other(settings.credentials, venue, self._redactor)
            except CredentialError as error:
                self._add(no("credentials", str(self.loaded.problem(("credentials",), str(error)))))
        return found

    async def _look(self, key: Credentials | None, stack: AsyncExitStack) -> None:
        settings, clock = self.loaded.settings, ToldClock()
        way = await self._way(key, stack, clock)
        # Signed reads carry the venue's time from here on, however far off this machine's is.
        for exchange in way.exchanges:
            for account in exchange.client.dialect.clocks:
                await exchange.client.measure(account)
        market, troubles = await self._market(way, stack, clock)
        inspectors = wiring.inspectors(settings, way, market.instruments if market is not None else ())
        for exchange, inspector in inspectors:
            signs = exchange.client.signs
            looked = await inspector.inspect() if signs else (*await inspector.clocks(), *inspector.budget())
            self._add(*(Found(one.subject, one.ok, one.blocking, one.text) for one in looked))
        explained = _UNREACHED if market is None else _UNKEYED
        if not any(one.subject in explained and one.refuses for one in self.findings):
            self._add(*troubles)
        if market is None:
            return
        holdings = await self._holdings(way, market)
        self._add(*self._fit(market, holdings))
        rates = await self._rates(way, market)
        margin, modes = _read_by([inspector for _, inspector in inspectors])
        self._add(*judged(Book(self.loaded, market, holdings, margin, modes, rates)))
        self.account = await wiring.account_number(way) if self._keyed(way) else None

    async def _way(self, key: Credentials | None, stack: AsyncExitStack, clock: SystemClock) -> wiring.Reach:
        """A way to the venue, with the key if it can sign at all."""
        others = self._others() if key is not None else {}
        way = await wiring.reach(self.loaded.settings, key, clock, log.logger("bot.doctor").info, stack, others)
        way.be_patient(WINDOW_PATIENCE_NS)
        try:
            for exchange in way.exchanges:
                exchange.client.warm()
        except KeyUnusable as error:
            self._add(no("credentials", str(self.loaded.problem(("credentials",), str(error)))))
            return await self._way(None, stack, clock)
        return way

    async def _market(
        self, way: wiring.Reach, stack: AsyncExitStack, clock: SystemClock
    ) -> tuple[Market | None, list[Found]]:
        """The market; without the key where it cannot be read with it. Also what went wrong with that."""
        settings = self.loaded.settings
        troubles: list[Found] = []
        ways = [way]
        if way.key is not None:
            ways.append(await self._way(None, stack, clock))
        for one in ways:
            try:
                return await read_market(settings, one), troubles
            except StartRefused as error:
                troubles += [no("connection", line) for line in error.lines]
        return None, troubles

    async def _holdings(self, way: wiring.Reach, market: Market) -> dict[str, Decimal] | None:
        if way.key is not None:
            return await account_holdings(self.loaded.settings, way, market) if self._keyed(way) else None
        if self.loaded.settings.paper.seed == "live":
            return None
        try:
            return paper_holdings(await wiring.paper_state(self.loaded.settings, way, market.instruments))
        except StartRefused as error:
            self._add(*(warning("paper account", line) for line in error.lines))
            return None

    def _fit(self, market: Market, holdings: dict[str, Decimal] | None) -> list[Found]:
        """The config against the market: symbols, settlement, and bands against lots at today's prices."""
        settings = self.loaded.settings
        known = [written(settings, name) for name in market.known]
        problems: tuple[Problem, ...] = check_against(self.loaded, market.instruments, market.prices, holdings, known)
        return [no("market", str(problem)) for problem in problems] or [Found(*fit(holdings))]

    async def _rates(self, way: wiring.Reach, market: Market) -> dict[str, Fees]:
        """The account's own fee rates, as far as the key can be used at all."""
        if not self._keyed(way):
            return {}
        found: dict[str, Fees] = {}
        for exchange in way.exchanges:
            own = (one for one in market.instruments if venue_of(one.account) == exchange.name)
            futures = sorted(one.symbol for one in own if one.kind is not Kind.SPOT)
            for symbol in futures[:FEE_SYMBOLS_MAX]:
                rates = await exchange.fees(symbol)
                if isinstance(rates, Trouble):
                    why = described(exchange.name, rates)
                    self._add(warning("fees", f"{symbol}: the rates cannot be read: {why}"))
                    break
                found[symbol] = rates
            if len(futures) > FEE_SYMBOLS_MAX:
                self._add(fine("fees", f"{', '.join(futures[FEE_SYMBOLS_MAX:])}: not asked, each costs rate budget"))
        return found

    def _keyed(self, way: wiring.Reach) -> bool:
        """Whether there is a key that the venue accepts: a refused one is not tried again and again."""
        return way.key is not None and not any(one.subject == "key" and one.refuses for one in self.findings)

    def _add(self, *found: Found) -> None:
        """Add findings, each text once."""
        for one in found:
            if all(one.text != known.text for known in self.findings):
                self.findings.append(one)


def _read_by(inspectors: Sequence[Preflight]) -> tuple[MarginState | None, dict[str, SymbolSetting]]:
    """What the inspections read: leverage by symbol, and the margin of the one account that hedges."""
    margins = [one.margin for one in inspectors if one.margin is not None]
    modes = {symbol: setting for one in inspectors for symbol, setting in one.settings.items()}
    return (margins[0] if len(margins) == 1 else None), modes
