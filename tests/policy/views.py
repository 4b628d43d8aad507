"""What a policy looks at, made of a few numbers, and what comes of it."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

from bot.domain.hedge import Need, Parts
from bot.domain.statistics import Moments
from bot.domain.targets import TargetSpec
from bot.domain.units import HOUR_NS, ZERO, Asset, Nanos
from bot.policy.compose import Derived, derive, members
from bot.policy.purse import Scope
from bot.policy.view import View
from tests.kit import USDT, d

NOW = Nanos(1_700_000_000_000_000_000)


def parts(held: str | Decimal = "0", futures: str | Decimal = "0", working: str | Decimal = "0") -> Parts:
    """Coins that are held, futures on them and working orders."""
    return Parts(Decimal(held), ZERO, Decimal(futures), Decimal(working))


def book(cash: str = "0", unrealized: str = "0", changes: dict[str, Any] | None = None, **coins: Any) -> View:
    """Coins as (price, held, futures), and cash in USDT."""
    prices = {Asset(coin): d(price) for coin, (price, _, _) in coins.items()}
    held = {Asset(coin): parts(spot, futures) for coin, (_, spot, futures) in coins.items()}
    if cash != "0":
        prices[USDT], held[USDT] = d(1), parts(cash)
    more = {"now": NOW, **(changes or {})}
    return View(prices=prices, parts=held, unrealized=d(unrealized), **more)


def statistics(volatilities: dict[str, float], correlation: float | dict[tuple[str, str], float] = 0.0) -> Moments:
    """Hourly moments of a thousand returns; volatilities are a year's, fast and slow the same."""
    names = sorted(volatilities)
    each = [volatilities[name] / math.sqrt(8760) for name in names]

    def rho(one: str, other: str) -> float:
        if one == other:
            return 1.0
        if isinstance(correlation, float):
            return correlation
        return correlation.get((one, other), correlation.get((other, one), 0.0))

    matrix = tuple(tuple(rho(a, b) * each[i] * each[j] for j, b in enumerate(names)) for i, a in enumerate(names))
    return Moments(
        assets=tuple(Asset(name) for name in names),
        interval_ns=HOUR_NS,
        at_ns=NOW,
        samples=(1000,) * len(names),
        effective=900.0,
        covariance=matrix,
        fast=matrix,
        slow=matrix,
    )


def derived(*targets: TargetSpec, view: View, hedged: tuple[str, ...] | None = None, **changes: Any) -> list[Derived]:
    """Every member's derivation; all of the view's coins but USDT can be hedged."""
    hedgeable = [Asset(coin) for coin in hedged or view.parts if coin != USDT]
    scope = Scope(targets, view)
    return [derive(one, targets, view, scope=scope, **changes) for one in members(targets, hedgeable)]


def only(*targets: TargetSpec, view: View, **changes: Any) -> Derived:
    """The one member's derivation."""
    (found,) = derived(*targets, view=view, **changes)
    return found


def needs(*targets: TargetSpec, view: View, **changes: Any) -> dict[str, Need]:
    """Every need, by asset; nothing may be missing."""
    found = derived(*targets, view=view, **{"explain": True, **changes})

    assert [one.missing for one in found if one.missing] == []
    return {need.asset: need for one in found for need in one.needs}


def trades(*targets: TargetSpec, view: View, **changes: Any) -> dict[str, Decimal]:
    """What would be traded, in the unit of account, where anything is."""
    return {a: round(n.hedge * n.price, 6) for a, n in needs(*targets, view=view, **changes).items() if n.hedge}


def missing(*targets: TargetSpec, view: View, **changes: Any) -> str:
    """Why the one member cannot be judged."""
    found = only(*targets, view=view, **changes)

    assert found.missing is not None
    assert found.needs == ()
    return found.missing.why
