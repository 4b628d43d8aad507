"""Actions on markets: prices, books, marks, indices, states, funding, filters, the end of a contract.

Each takes the world, the firing and a way to do something later, and answers how to put things back, if that can be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Final

from bot.simex.core.exchange import Exchange
from bot.simex.core.instrument import HOUR_MS, Instrument
from bot.simex.core.numbers import money, scaled
from bot.simex.faults.armed import Hit
from bot.simex.faults.market import Bent
from bot.simex.faults.world import NothingInScope, Undo, World, instruments, venues

Later = Callable[[int, Undo], None]
Act = Callable[[World, Hit, Later], Undo | None]
STEP_MS: Final = 500
STEPS_MAX: Final = 1_000


def shock(world: World, hit: Hit, _: Later) -> None:
    """Multiply an asset's prices, for good."""
    _shocked(_trading(world, hit), hit.params["asset"], hit.params["factor"])


def crash(world: World, hit: Hit, later: Later) -> None:
    """Multiply an asset's prices step by step, and back again."""
    over_ms, asset = hit.params["over_ms"], hit.params["asset"]
    exchanges = _trading(world, hit)
    steps = min(max(over_ms // STEP_MS, 1), STEPS_MAX)
    factor: float = hit.params["factor"] ** (1 / steps)

    def down() -> None:
        _shocked(exchanges, asset, factor)

    def up() -> None:
        _shocked(exchanges, asset, 1 / factor)

    for number in range(1, steps + 1):
        later(over_ms * number // steps, down)
        if hit.params["back"]:
            later(over_ms + over_ms * number // steps, up)


def book(world: World, hit: Hit, _: Later) -> Undo:
    """Bend books."""
    bent = [(exchange, one, _bent(exchange)) for exchange, one in instruments(world, hit)]
    for exchange, one, source in bent:
        grid = one.filters
        change = source.bend(
            exchange.background(one.key), hit.variant, hit.params["factor"], tick=grid.tick, lot=grid.lot
        )
        exchange.intervene([change])

    def undo() -> None:
        for exchange, one, source in bent:
            exchange.intervene(source.straighten(one.key, exchange.now_ms))

    return undo


def mark(world: World, hit: Hit, _: Later) -> Undo:
    """Fix marks."""
    held = instruments(world, hit, futures=True)
    for exchange, one in held:
        price = hit.params.get("price")
        now = exchange.marks.mark(one.key)
        exchange.marks.hold(one.key, round(now * hit.params["factor"]) if price is None else _scaled(price))
    return lambda: _let_go(held)


def _let_go(held: list[tuple[Exchange, Instrument]]) -> None:
    for exchange, one in held:
        exchange.marks.hold(one.key, None)


def index(world: World, hit: Hit, _: Later) -> Undo:
    """An index is off by a factor."""
    name = hit.params["name"]
    exchanges = [world.exchanges[venue] for venue in venues(world, hit)]

    def bend(factor: float) -> None:
        for exchange in exchanges:
            exchange.intervene(_bent(exchange).bend_index(name, factor, exchange.now_ms))

    bend(hit.params["factor"])
    return lambda: bend(1.0)


def constituent(world: World, hit: Hit, _: Later) -> Undo:
    """One constituent of an index is wrong, stands still or is missing, from the next index price on."""
    index_name, name = hit.params["name"], hit.params["constituent"]
    found = [_bent(world.exchanges[venue]) for venue in venues(world, hit)]
    sources = [one for one in found if one.constituents(index_name)] or found
    for source in sources:
        factor = {"factor": hit.params["factor"], "frozen": 1.0, "missing": None}[hit.variant]
        source.break_constituent(index_name, name, factor, frozen=hit.variant == "frozen")

    def undo() -> None:
        for source in sources:
            source.break_constituent(index_name, name, 1.0)

    return undo


def status(world: World, hit: Hit, _: Later) -> Undo:
    """Halt, restrict or reopen instruments."""
    before = [(exchange, one, one.status) for exchange, one in instruments(world, hit) if one.status != "closed"]
    for exchange, one, _status in before:
        exchange.set_status(one.key, hit.variant)  # type: ignore[arg-type]  # the catalogue's variants are the words

    def undo() -> None:
        for exchange, one, old in before:
            if one.status == hit.variant:
                exchange.set_status(one.key, old)

    return undo


def funding_rate(world: World, hit: Hit, _: Later) -> Undo:
    """Prescribe rates."""
    chosen = _perpetuals(world, hit)
    for exchange, one in chosen:
        in_ms = hit.params["in_ms"]
        exchange.set_rate(one.key, _scaled(hit.params["rate"]), exchange.now_ms + in_ms if in_ms else None)

    def undo() -> None:
        for exchange, one in chosen:
            exchange.set_rate(one.key, None)

    return undo


def funding_terms(world: World, hit: Hit, _: Later) -> Undo:
    """Change interval and cap."""
    before = [(exchange, one, one.funding) for exchange, one in _perpetuals(world, hit)]
    for exchange, one, terms in before:
        assert terms is not None
        hours, cap = hit.params["interval_h"], hit.params.get("cap")
        new = replace(terms, interval_ms=hours * HOUR_MS) if hours else terms
        if cap is not None:
            new = replace(new, cap=_scaled(cap), floor=-_scaled(cap))
        exchange.set_funding_terms(one.key, new)

    def undo() -> None:
        for exchange, one, terms in before:
            assert terms is not None
            exchange.set_funding_terms(one.key, terms)

    return undo


def filters(world: World, hit: Hit, _: Later) -> Undo:
    """Change tick, lot, the smallest quantity and the smallest notional."""
    before = [(exchange, one, one.filters) for exchange, one in instruments(world, hit)]
    for exchange, one, old in before:
        changes = {name: _scaled(hit.params[name]) for name in _SIZES if name in hit.params}
        if "notional_min" in hit.params:
            changes["notional_min"] = money(Decimal(str(hit.params["notional_min"])))
        exchange.set_filters(one.key, replace(old, **changes))

    def undo() -> None:
        for exchange, one, old in before:
            exchange.set_filters(one.key, old)

    return undo


_SIZES: Final = ("tick", "lot", "quantity_min")


def delist(world: World, hit: Hit, _: Later) -> None:
    """End contracts."""
    for exchange, one in instruments(world, hit, futures=True):
        now_ms = exchange.now_ms
        exchange.delivery.delist(one.key, now_ms + hit.params["reduce_only_ms"], now_ms + hit.params["settle_ms"])


def _trading(world: World, hit: Hit) -> list[Exchange]:
    asset = hit.params["asset"]
    chosen = [world.exchanges[venue] for venue in venues(world, hit)]
    found = [one for one in chosen if any(instrument.base == asset for instrument in one.instruments.values())]
    if not found:
        raise NothingInScope(f"asset {asset!r} is traded nowhere")
    return found


def _shocked(exchanges: list[Exchange], asset: str, factor: float) -> None:
    for exchange in exchanges:
        exchange.shock(asset, factor)


def _bent(exchange: Exchange) -> Bent:
    if not isinstance(exchange.market, Bent):
        raise NothingInScope("the market of this exchange cannot be bent")
    return exchange.market


def _perpetuals(world: World, hit: Hit) -> list[tuple[Exchange, Instrument]]:
    found = [(exchange, one) for exchange, one in instruments(world, hit, futures=True) if one.funding is not None]
    if not found:
        raise NothingInScope(f"symbol {hit.fault.scope.symbol!r}: no perpetual is that")
    return found


def _scaled(value: object) -> int:
    return scaled(Decimal(str(value)))


MARKET: Final[Mapping[str, Act]] = {
    "shock": shock,
    "crash": crash,
    "book": book,
    "mark": mark,
    "index": index,
    "constituent": constituent,
    "status": status,
    "funding_rate": funding_rate,
    "funding_terms": funding_terms,
    "filters": filters,
    "delist": delist,
}
