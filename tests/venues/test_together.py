"""Several exchanges as one: each account and instrument is asked where it lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.domain.commands import CancelOrder, QueryOrder
from bot.domain.events import CancelFailed, ClockSampled, Endpoint
from bot.domain.units import AccountId, InstrumentId, Nanos
from bot.domain.venues import BINANCE_SPOT, BINANCE_USDM, BYBIT_UNIFIED
from bot.venues.together import Gateways, Metadatas, Reads
from tests.venues import bybitkit, canned
from tests.venues.canned import approved, client_id, durable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bot.domain.instrument import Instrument


class Venue:
    """One exchange that notes what it was asked."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.asked: list[Any] = []

    def renew(self, instruments: Iterable[Instrument]) -> None:
        self.asked.append([one.id for one in instruments])

    async def submit(self, order: Any, durable: Any) -> Any:
        await durable
        self.asked.append(order.request.instrument)
        return ()

    async def cancel(self, command: CancelOrder) -> Any:
        self.asked.append(command.instrument)
        return (CancelFailed(command.client_id, self.name, Nanos(1)),)

    async def query(self, command: QueryOrder) -> Any:
        self.asked.append(command.instrument)
        return ()

    async def account(self, account: AccountId) -> Any:
        self.asked.append(account)
        return ()

    async def funding(self, account: AccountId, since_ns: Nanos) -> Any:
        self.asked.append(account)
        return ()

    async def clock(self) -> tuple[ClockSampled, ...]:
        self.asked.append("clock")
        return (ClockSampled(AccountId(self.name), 1, 1, Nanos(1)),)

    async def read(self, known: Iterable[Instrument]) -> dict[InstrumentId, Any]:
        return {one.id: self.name for one in known}


def pair() -> tuple[Venue, Venue, dict[AccountId, Any]]:
    """Two exchanges, the first with two accounts."""
    binance, bybit = Venue("binance"), Venue("bybit")
    return binance, bybit, {BINANCE_SPOT: binance, BINANCE_USDM: binance, BYBIT_UNIFIED: bybit}


async def test_an_order_goes_where_its_instrument_lies() -> None:
    """Submit, cancel and look alike."""
    binance, bybit, by_account = pair()
    both = Gateways(by_account)
    await both.submit(approved(), durable())
    await both.submit(approved(2, instrument=bybitkit.BTC), durable())
    await both.cancel(CancelOrder(bybitkit.BTC, client_id(2)))
    await both.query(QueryOrder(canned.BTC, client_id(1), Endpoint.ORDER, Nanos(1)))

    assert [canned.BTC, canned.BTC] == binance.asked
    assert [bybitkit.BTC, bybitkit.BTC] == bybit.asked


async def test_an_order_of_a_venue_that_left_teaches_nothing() -> None:
    """It is neither denied nor reported, and a kill that names it is no defect of ours."""
    both = Gateways({BINANCE_USDM: Venue("binance")})

    assert () == await both.query(QueryOrder(bybitkit.BTC, client_id(1), Endpoint.ORDER, Nanos(1)))
    assert () == await both.cancel(CancelOrder(bybitkit.BTC, client_id(1)))


def test_changed_instruments_are_told_to_their_own() -> None:
    """Nobody hears of another's."""
    binance, bybit, by_account = pair()
    Gateways(by_account).renew([canned.FUTURE, bybitkit.FUTURE])

    assert ([[canned.BTC]], [[bybitkit.BTC]]) == (binance.asked, bybit.asked)


async def test_accounts_are_read_where_they_are_and_clocks_once() -> None:
    """An exchange with two accounts has one clock call."""
    binance, bybit, by_account = pair()
    both = Reads(by_account)
    await both.account(BYBIT_UNIFIED)
    await both.funding(BINANCE_USDM, Nanos(0))
    samples = await both.clock()

    assert [BYBIT_UNIFIED, "clock"] == bybit.asked
    assert [BINANCE_USDM, "clock"] == binance.asked
    assert 2 == len(samples)


async def test_instruments_are_read_anew_by_venue() -> None:
    """Each from its own, all in one answer."""
    _, _, by_account = pair()
    found: dict[InstrumentId, Any] = dict(
        await Metadatas(by_account).read([canned.FUTURE, canned.PAIR, bybitkit.FUTURE])
    )

    assert {canned.BTC: "binance", canned.SPOT_BTC: "binance", bybitkit.BTC: "bybit"} == found
