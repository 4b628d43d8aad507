"""What differs between venues inside the core: wallets, margin regimes, rules of the liquidation ladder. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bot.simex.core.account import WalletName
from bot.simex.core.instrument import Category
from bot.simex.core.numbers import SCALE

# "cash": spot only. "single": each settle asset is its own margin pool, or all with haircuts when the account is in
# multi-assets mode. "unified": spot, futures and all collateral in one pool, in dollars with haircuts; when the account
# is in isolated margin, each future by itself and in its own coin.
Regime = Literal["cash", "single", "unified"]


@dataclass(frozen=True, slots=True)
class LiquidationRules:
    """The ladder: at which margin ratio orders are cancelled, how much a step closes, what the insurance fund takes.

    Ratios of 1e-8. A venue without partial liquidation has `step` = SCALE.
    """

    cancel_at: int = SCALE
    liquidate_at: int = SCALE
    margin_call_at: int = 80_000_000
    step: int = 50_000_000
    fee: int = 0
    partial_above_tier: int = 1
    """A position in a tier above this index is reduced tier by tier first; in it or below it is closed whole."""


@dataclass(frozen=True, slots=True)
class VenueRules:
    """A venue. `wallets` says in which wallet a category trades, `regimes` how each wallet is margined.

    `haircuts`: asset -> share of its dollar value that counts as collateral, of 1e-8. `client_id_max`: characters.
    `system_ids`: how ids of the exchange's own orders begin, by origin.
    """

    name: str
    wallets: Mapping[Category, WalletName]
    regimes: Mapping[WalletName, Regime]
    haircuts: Mapping[str, int] = field(default_factory=dict)
    client_id_max: int = 36
    unique_client_ids: Literal["open", "ever"] = "open"
    hedge_mode_by_category: bool = True
    liquidation: LiquidationRules = LiquidationRules()
    system_ids: Mapping[str, str] = field(default_factory=dict)
    fee_in_received_asset: bool = True
    """Spot: buys pay their fee in the base, sells in the quote."""
    names_orders: bool = True
    """Whether an order without a client id is given one."""
    post_only_expires: frozenset[Category] = frozenset()
    """Where a post-only order that would take is accepted and expires; elsewhere it is refused."""
    fok_expires: frozenset[Category] = frozenset()
    """Where a fill-or-kill order that cannot be filled is accepted and expires; elsewhere it is refused."""
    conditional_locks: frozenset[Category] = frozenset()
    """Where a conditional limit order holds its funds while it waits."""
    isolated_leverage_moves_margin: bool = False
    """Whether a new leverage gives an isolated position the margin that it needs, or takes what it needs no more.

    If not it may only rise, and moves nothing."""
    isolated_funding_from_wallet: bool = False
    """Whether funding of an isolated position is paid by the free coins first, and goes to them; if not, its margin."""
    amend_below_filled_cancels: bool = True
    """Whether amending a quantity to what is filled already, or less, cancels the order; if not it is refused."""


BINANCE = VenueRules(
    name="binance",
    wallets={"spot": "spot", "usdm": "usdm", "coinm": "coinm"},
    regimes={"spot": "cash", "usdm": "single", "coinm": "single", "funding": "cash"},
    haircuts={"USDT": SCALE, "USDC": SCALE, "BTC": 95_000_000, "ETH": 95_000_000, "BNB": 95_000_000},
    system_ids={
        "liquidation": "autoclose-",
        "takeover": "autoclose-",
        "adl": "adl_autoclose",
        "settlement": "settlement_autoclose-",
        "delivery": "delivery_autoclose-",
    },
    # COIN-M has no refusal for either: such orders are accepted and expire.
    post_only_expires=frozenset({"coinm"}),
    fok_expires=frozenset({"spot", "coinm"}),
    conditional_locks=frozenset({"spot"}),
)
BYBIT = VenueRules(
    name="bybit",
    wallets={"spot": "unified", "linear": "unified", "inverse": "unified"},
    regimes={"unified": "unified", "funding": "cash"},
    haircuts={"USDT": SCALE, "USDC": SCALE, "BTC": 95_000_000, "ETH": 95_000_000, "SOL": 90_000_000},
    unique_client_ids="ever",
    hedge_mode_by_category=False,
    names_orders=False,
    post_only_expires=frozenset({"spot", "linear", "inverse"}),
    fok_expires=frozenset({"spot", "linear", "inverse"}),
    isolated_leverage_moves_margin=True,
    isolated_funding_from_wallet=True,
    amend_below_filled_cancels=False,
)
