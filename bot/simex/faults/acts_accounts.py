"""Actions on accounts and keys: what the exchange, their owner or a stranger does to them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from bot.simex import hands
from bot.simex.core.account import Account
from bot.simex.core.exchange import Exchange
from bot.simex.core.instrument import Instrument
from bot.simex.core.numbers import SCALE, divided, money, scaled
from bot.simex.core.order import PositionSide
from bot.simex.faults.acts_market import Act, Later
from bot.simex.faults.armed import Hit
from bot.simex.faults.world import NothingInScope, Undo, World, account_of, instruments, venues

LIQUIDATION_MS: Final = 5_000
# How far beyond its liquidation price the mark of a position is held, of 1e-8.
BEYOND: Final = 100_000
_KEY_FLAGS: Final = ("read", "spot", "futures", "withdraw", "transfer", "ip_restricted")


def adl(world: World, hit: Hit, _: Later) -> None:
    """Deleverage a share of a position."""
    share, price = scaled(Decimal(str(hit.params["share"]))), hit.params.get("price")
    for exchange, account, one in _held(world, hit):
        exchange.adl.reduce(account, one.key, _side(hit), share, None if price is None else scaled(Decimal(str(price))))


def adl_rank(world: World, hit: Hit, _: Later) -> Undo:
    """Fix a position's rank."""
    chosen = _accounts(world, hit)

    def rank(value: int | None) -> None:
        for exchange, account, one in chosen:
            exchange.adl.ranking.set(account, one.key, _side(hit), value)

    rank(hit.params["rank"])
    return lambda: rank(None)


def liquidate(world: World, hit: Hit, later: Later) -> None:
    """Hold the mark a little beyond where a position is liquidated, for a while."""
    for exchange, account, one in _held(world, hit):
        view = exchange.valuation.position(account, one, _side(hit))
        if not view.liquidation_price:
            raise NothingInScope(f"{one.name}: nothing can liquidate that position")
        price = scaled(view.liquidation_price)
        away = divided(price * BEYOND, SCALE)
        exchange.marks.hold(one.key, price - away if view.quantity > 0 else price + away)
        later(hit.fault.duration_ms or LIQUIDATION_MS, _freed(exchange, one))


def _freed(exchange: Exchange, one: Instrument) -> Undo:
    return lambda: exchange.marks.hold(one.key, None)


def settings(world: World, hit: Hit, _: Later) -> None:
    """Change settings as the owner would."""
    body = {name: value for name, value in hit.params.items() if value is not None and name != "market"}
    symbol, market = hit.fault.scope.symbol, hit.params.get("market")
    body |= ({"symbol": symbol} if symbol else {}) | ({"market": market} if market else {})
    _by_hand(world, hit, hands.settings, body)


def foreign_order(world: World, hit: Hit, _: Later) -> None:
    """Place an order that none of the clients sent."""
    for exchange, one in instruments(world, hit):
        body = {**hit.params, "account": account_of(hit), "market": one.category, "symbol": one.name}
        body.setdefault("time_in_force", "GTC")
        hands.place(exchange, {name: value for name, value in body.items() if value is not None})


def deposit(world: World, hit: Hit, _: Later) -> None:
    """Coins arrive."""
    _by_hand(world, hit, hands.deposit, dict(hit.params))


def withdraw(world: World, hit: Hit, _: Later) -> None:
    """Coins leave."""
    _by_hand(world, hit, hands.withdraw, dict(hit.params))


def transfer(world: World, hit: Hit, _: Later) -> None:
    """Coins change the wallet."""
    given = hit.params
    for venue in venues(world, hit):
        exchange = world.exchanges[venue]
        amount = money(Decimal(str(given["amount"])))
        account = exchange.state.account(account_of(hit))
        for wallet in (given["from_wallet"], given["to_wallet"]):
            if wallet not in exchange.state.rules.regimes:
                raise NothingInScope(f"wallet {wallet!r}: there are {', '.join(exchange.state.rules.regimes)}")
        exchange.funds.transfer(account, given["asset"], amount, given["from_wallet"], given["to_wallet"])


def insurance(world: World, hit: Hit, _: Later) -> None:
    """Move the insurance fund."""
    asset, amount = hit.params["asset"], hit.params.get("amount")
    for venue in venues(world, hit):
        accounting = world.exchanges[venue].accounting
        if amount is not None:
            accounting.fund_insurance(asset, money(Decimal(str(amount))))
            continue
        held = accounting.ledger.insurance.get(asset, 0)
        factor = scaled(Decimal(str(hit.params["factor"])))
        accounting.fund_insurance(asset, divided(held * (factor - SCALE), SCALE))


def key(world: World, hit: Hit, _: Later) -> None:
    """Change what a key may do."""
    changes: dict[str, Any] = {name: hit.params[name] for name in _KEY_FLAGS if name in hit.params}
    if "expires_in_ms" in hit.params:
        changes["expires_ms"] = world.now_ms() + hit.params["expires_in_ms"]
    if "only_from" in hit.params:
        changes |= {"ips": (hit.params["only_from"],), "ip_restricted": True}
    if not world.change_key(hit.params["name"], changes, venues(world, hit)):
        raise NothingInScope(f"there is no key {hit.params['name']!r}")


def revoke_key(world: World, hit: Hit, _: Later) -> None:
    """Delete a key."""
    if not world.revoke_key(hit.params["name"], venues(world, hit)):
        raise NothingInScope(f"there is no key {hit.params['name']!r}")


def _by_hand(world: World, hit: Hit, act: Any, body: dict[str, Any]) -> None:
    for venue in venues(world, hit):
        act(world.exchanges[venue], {**body, "account": account_of(hit)})


def _side(hit: Hit) -> PositionSide:
    side: PositionSide = hit.params["side"]
    return side


def _accounts(world: World, hit: Hit) -> list[tuple[Exchange, Account, Instrument]]:
    name = account_of(hit)
    return [(exchange, exchange.state.account(name), one) for exchange, one in instruments(world, hit, futures=True)]


def _held(world: World, hit: Hit) -> list[tuple[Exchange, Account, Instrument]]:
    """Where the account has a position. NothingInScope."""
    found = [row for row in _accounts(world, hit) if row[1].position(row[2], _side(hit)).quantity]
    if not found:
        raise NothingInScope(f"account {account_of(hit)!r} has no position there")
    return found


ACCOUNTS: Final[Mapping[str, Act]] = {
    "adl": adl,
    "adl_rank": adl_rank,
    "liquidate": liquidate,
    "settings": settings,
    "foreign_order": foreign_order,
    "deposit": deposit,
    "withdraw": withdraw,
    "transfer": transfer,
    "insurance": insurance,
    "key": key,
    "revoke_key": revoke_key,
}
