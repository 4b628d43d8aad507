"""The exposure ledger: everything that is held, owed and traded, as coins of every asset, counted once.

Coins of a wallet are spot, or collateral where the account is margined in that coin: then they stand at the account's
equity, unrealised P&L included. Futures and options are coins of their base beside that equity, and the quote currency
that they owe for it. A figure that lacks an input is unknown: its asset leaves `parts`, is named in `unknown`, and
nobody trades on it; the others stay. Net asset value is known only when all of its inputs are.
Source: formulas.md 2.1-2.3, 2.6, 2.7, 2.9, 2.13.
"""

from collections.abc import Collection, Mapping

import msgspec

from bot.calc.ledger_books import Books, Unknown, label
from bot.calc.ledger_holdings import Ages, Coins, Wallet, gather
from bot.calc.ledger_parts import PART, Effect, Lack, effect, pays_coins
from bot.calc.ledger_working import Doubt, Orders, working
from bot.domain.hedge import Parts
from bot.domain.instrument import Instrument, Kind
from bot.domain.snapshot import Account, MarginMode, Snapshot, Traded
from bot.domain.units import ONE, ZERO, AccountId, Asset, Contracts, InstrumentId, Nanos, Notional, Price, Qty

Groups = Mapping[Wallet, list[Effect]]
"""Positions by the wallet that their P&L is settled in."""

OWN_EQUITY = frozenset({MarginMode.CROSS, MarginMode.ISOLATED})
"""Accounts whose margin balance is that of one settlement asset; the others' is a sum over assets."""


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """Every asset's parts in its own units, and what they are worth in `reporting`. An absent asset is unknown.

    `unrealized` is the value of P&L that is not in the coins of `parts` yet: futures settled in money at their marks,
    options whose premium is money. `owned` and `unrealized_of` are coins and such P&L by sleeve, `booked` the coins of
    its futures; the core has no sleeve. `working` is signed contracts still to fill, as they count in `parts`; `doubt`
    is what orders of unknown fate may still do to an exposure. `free` coins could be sold now, as what they are;
    `transit` are sent and not credited, `illiquid` held but not soon at hand.
    """

    reporting: Asset
    prices: Mapping[Asset, Price]
    parts: Mapping[Asset, Parts]
    nav: Notional | None
    unrealized: Notional | None
    owned: Mapping[str, Mapping[Asset, Qty]]
    unrealized_of: Mapping[str, Notional]
    booked: Mapping[str, Mapping[Asset, Qty]]
    unknown: tuple[Unknown, ...]
    working: Mapping[InstrumentId, Contracts]
    doubt: Mapping[Asset, Doubt]
    free: Mapping[Asset, Qty]
    transit: Mapping[Asset, Qty]
    illiquid: Mapping[Asset, Qty]

    def lacking(self, asset: Asset) -> str | None:
        """Why an asset cannot be decided on; None where nothing is missing for it."""
        found = [entry for entry in self.unknown if asset in entry.assets]
        return "; ".join(f"{entry.what}: {entry.why}" for entry in found) or None


def ledger(
    snapshot: Snapshot,
    *,
    reporting: Asset,
    count_transit: bool = False,
    declared_age_ns_max: int | None = None,
    age_ns_max_of: Mapping[AccountId, int] | None = None,
    compositions: Mapping[Asset, Mapping[Asset, Qty]] | None = None,
) -> Ledger:
    """Add up a snapshot.

    Args:
        snapshot: what is held, traded and quoted.
        reporting: the currency that `snapshot.prices` are in; its own price is 1.
        count_transit: whether coins that were sent and not credited yet count as held.
        declared_age_ns_max: how old a declared holding that says its time may be; None: any age.
        age_ns_max_of: the same by the account (the source) of a declared holding, which then must say its time.
        compositions: shares by index asset, for index contracts that do not say their own.
    """
    books = Books()
    prices = _prices(snapshot.prices, reporting, books)
    traded = {market.instrument.id: market for market in snapshot.instruments}
    groups = _groups(snapshot, traded, prices, books)
    margined = frozenset(wallet for wallet, group in groups.items() if any(pays_coins(e.traded) for e in group))
    ages = Ages(snapshot.now_ns, declared_age_ns_max, age_ns_max_of or {})
    coins = gather(snapshot.holdings, margined, ages, books, count_transit=count_transit)
    for wallet, group in groups.items():
        _expose(group, books)
        _settle(wallet, group, _told_pnl(wallet, groups, snapshot.accounts, coins), prices, books)
    orders = working(snapshot, traded, prices, books)
    _look_through(snapshot, traded, orders, prices, compositions or {}, books)
    return _closed(books, prices, reporting, coins, orders)


def _prices(given: Mapping[Asset, Price], reporting: Asset, books: Books) -> dict[Asset, Price]:
    """The prices that mean something; the reporting currency's own is 1."""
    prices = {asset: price for asset, price in sorted(given.items()) if price.is_finite() and price > 0}
    if given.get(reporting, ONE) != ONE:
        books.lack(reporting, f"its price is {given[reporting]}, though everything is reported in it", (reporting,))
    return {**prices, reporting: ONE}


def _groups(
    snapshot: Snapshot, traded: Mapping[InstrumentId, Traded], prices: Mapping[Asset, Price], books: Books
) -> Groups:
    """Open positions with what they are in coins, by wallet; those of which nothing can be said leave their assets."""
    groups: dict[Wallet, list[Effect]] = {}
    for position in snapshot.positions:
        market = traded.get(position.instrument)
        if position.contracts == 0:
            continue
        if market is None:
            books.lack_everything(position.instrument)
        elif why := _no_position(market.instrument, snapshot.now_ns):
            books.lack(position.instrument, why, _touched(market))
        else:
            wallet = (position.account, market.instrument.settle)
            groups.setdefault(wallet, []).append(effect(position, market, prices, snapshot.now_ns))
    return groups


def _no_position(instrument: Instrument, now: Nanos) -> str | None:
    """Why an instrument can have no open position."""
    if instrument.kind is Kind.SPOT:
        return "a spot market has no positions: what it bought is a holding"
    if instrument.expiry_ns is not None and instrument.expiry_ns <= now:
        return "it has expired, so that its position is settled"
    return None


def _touched(market: Traded) -> tuple[Asset, ...]:
    instrument = market.instrument
    return (instrument.base, instrument.quote, instrument.settle, *market.composition)


def _expose(group: list[Effect], books: Books) -> None:
    """Add the coins of a wallet's positions, and the quote currency that they owe for them."""
    for entry in group:
        instrument = entry.traded.instrument
        if isinstance(entry.delta, Lack):
            books.lack(instrument.id, entry.delta.why, (instrument.base,), value=False)
        else:
            books.add(instrument.base, PART[instrument.kind], entry.delta)
            if instrument.kind is not Kind.OPTION:
                books.book(entry.position.sleeve, instrument.base, entry.delta)
        if isinstance(entry.quote_leg, Lack):
            books.lack(instrument.id, entry.quote_leg.why, (instrument.quote,), value=False)
        else:
            books.add(instrument.quote, "quote_leg", entry.quote_leg)


def _told_pnl(wallet: Wallet, groups: Groups, accounts: Collection[Account], coins: Coins) -> Qty | None:
    """What the account itself says of its P&L: margin balance less wallet, where it can only mean this asset."""
    account = next((entry for entry in accounts if entry.id == wallet[0]), None)
    if account is None or account.margin_balance is None or account.margin_mode not in OWN_EQUITY:
        return None
    if any(other != wallet and other[0] == wallet[0] for other in groups):
        return None
    # Venues differ in whether the margin balance has the options' value in it.
    if any(entry.traded.instrument.kind is Kind.OPTION for entry in groups[wallet]):
        return None
    return account.margin_balance - coins.wallets.get(wallet, ZERO)


def _settle(wallet: Wallet, group: list[Effect], told: Qty | None, prices: Mapping[Asset, Price], books: Books) -> None:
    """Add a wallet's P&L: as coins where the account is margined in the coin, as money and its value elsewhere."""
    asset, shares = wallet[1], _shares(group, told)
    in_coins = any(pays_coins(entry.traded) for entry in group)
    if isinstance(shares, Unknown):
        books.lack(shares.what, shares.why, (asset,))
        books.unrealized = books.unrealized if in_coins else None
    elif in_coins:
        for sleeve, quantity in shares.items():
            books.add(asset, "collateral", quantity)
            books.own(sleeve, asset, quantity)
    elif asset in prices:
        for sleeve, quantity in shares.items():
            books.add(asset, "quote_leg", quantity)
            books.earn(sleeve, quantity * prices[asset])
    else:
        books.add(asset, "quote_leg", sum(shares.values(), ZERO))
        books.lack_price(asset, value=True)
        books.unrealized = None


def _shares(group: list[Effect], told: Qty | None) -> dict[str, Qty] | Unknown:
    """A wallet's P&L by sleeve. What is missing of one sleeve is what the account tells, less what the others made."""
    shares: dict[str, Qty] = {}
    lacking: dict[str, Effect] = {}
    for entry in group:
        sleeve = label(entry.position.sleeve)
        if isinstance(entry.pnl, Lack):
            lacking[sleeve] = entry
        else:
            shares[sleeve] = shares.get(sleeve, ZERO) + entry.pnl
    if not lacking:
        return shares
    sleeve, entry = next(iter(lacking.items()))
    if told is not None and len(lacking) == 1:
        return {**shares, sleeve: told - sum((q for s, q in shares.items() if s != sleeve), ZERO)}
    why = entry.pnl.why if isinstance(entry.pnl, Lack) and told is None else "its P&L cannot be told from its sleeves'"
    return Unknown(what=entry.traded.instrument.id, why=why, assets=())


def _look_through(
    snapshot: Snapshot,
    traded: Mapping[InstrumentId, Traded],
    orders: Orders,
    prices: Mapping[Asset, Price],
    compositions: Mapping[Asset, Mapping[Asset, Qty]],
    books: Books,
) -> None:
    """Add what index contracts, working orders included, hold of each of the index's assets."""
    contracts = dict(orders.contracts)
    for position in snapshot.positions:
        contracts[position.instrument] = contracts.get(position.instrument, ZERO) + position.contracts
    for name, signed in sorted(contracts.items()):
        market = traded.get(name)
        if market is None or market.instrument.kind is not Kind.INDEX or signed == 0:
            continue
        index = market.instrument.base
        shares = market.composition or compositions.get(index, {})
        if not shares:
            books.lack(name, "nothing says what the index is made of", (index,), value=False)
        for asset, share in sorted(shares.items()):
            missing = [each for each in (index, asset) if each not in prices]
            if missing:
                books.lack(name, f"no price of {missing[0]} to see through the index", (asset,), value=False)
            else:
                units = signed * market.instrument.contract_size * market.instrument.base_units
                books.add(asset, "index", units * share * prices[index] / prices[asset])


def _closed(books: Books, prices: dict[Asset, Price], reporting: Asset, coins: Coins, orders: Orders) -> Ledger:
    """The books as they stand, with what they are worth where every input of that is known."""
    for asset, entry in books.all_parts():
        if asset not in prices and (entry.wallet or entry.futures or entry.options or entry.working):
            books.lack_price(asset, value=entry.wallet != 0)
    unknown = books.all_unknown(prices)
    nav: Notional | None = None
    if books.unrealized is not None and not any(entry.value for entry in unknown):
        nav = sum((e.wallet * prices[a] for a, e in books.all_parts() if e.wallet), books.unrealized)
    return Ledger(
        reporting=reporting,
        prices=prices,
        parts=books.parts(),
        nav=nav,
        unrealized=books.unrealized,
        owned=books.owned,
        unrealized_of=books.unrealized_of,
        booked=books.booked,
        unknown=unknown,
        working=orders.contracts,
        doubt=orders.doubt,
        free=coins.free,
        transit=coins.transit,
        illiquid=coins.illiquid,
    )
