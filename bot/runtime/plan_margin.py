"""The margin of each account in a plan: before and after its orders, how far markets may move, and what to send ahead.

Positions that share collateral are a pool: in cross margin those that settle in one asset, an isolated one alone, in
portfolio and multi-asset margin the whole account. An account's figures are those of its worst pool. What the venue
itself says (margin balance, maintenance margin) stands before our own sums, which then only tell what changes.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec

from bot.calc import liquidation, pnl, stress, topup
from bot.domain.instrument import Kind
from bot.domain.snapshot import Account, HeldPosition, HoldingKind, MarginMode, Traded
from bot.domain.units import ONE, ZERO, AccountId, Asset, Contracts, InstrumentId, Notional, Price, Qty
from bot.policy.purse import STABLECOINS
from bot.runtime.plan_answer import AccountMargin, TransferLine
from bot.runtime.plan_orders import Drafted
from bot.runtime.plan_quotes import mid
from bot.runtime.plan_routes import in_hedge_mode
from bot.runtime.plan_show import liquidated_at, short_of
from bot.runtime.plan_view import TERMS, Scene

MARGINED = (Kind.LINEAR, Kind.INDEX, Kind.INVERSE)
"""Contracts whose maintenance margin follows from brackets."""
WALLETS = (HoldingKind.FREE, HoldingKind.LOCKED)
"""Holdings that margin positions."""
DEBTS = (HoldingKind.BORROWED, HoldingKind.INTEREST)
SHARED = (MarginMode.PORTFOLIO, MarginMode.MULTI_ASSET)


class Margins(msgspec.Struct, frozen=True, kw_only=True):
    """Every account with futures, the transfers it should be sent, and what is not known of it."""

    accounts: dict[str, AccountMargin]
    transfers: tuple[TransferLine, ...]
    unknown: tuple[str, ...]


class Unclear(Exception):
    """A pool's margin cannot be told; the message says what is missing."""


_Side = tuple[InstrumentId, bool]
"""An instrument, and whether it is the short side of it where both are held (in hedge mode each needs its margin)."""


class _Pool(msgspec.Struct, frozen=True, kw_only=True):
    """Positions that share collateral, in values of the reporting currency, with the orders that change them.

    `settle` is what would be sent there; `unit` its price.
    """

    pool: stress.Pool
    orders: tuple[stress.Planned, ...]
    settle: Asset
    unit: Price


def objection(scene: Scene, made: Margins, orders: Sequence[Drafted]) -> str:
    """Why orders that belong together must not be sent: one of them opens where margin would be too thin."""
    for order in orders:
        found = made.accounts.get(order.account)
        why = "" if found is None or order.reduce_only else _too_thin(scene, order.account, found)
        if why:
            return why
    return ""


def _too_thin(scene: Scene, name: AccountId, found: AccountMargin) -> str:
    """What an account's margin after the orders lacks of the limits; empty where it keeps them, or cannot be told."""
    most, after = scene.limits.margin_ratio_max, found.ratio_after
    if after is not None and after > most:
        ratio = f"{after:.3f}" if after.is_finite() else "infinite"
        return f"the margin ratio of {name} would be {ratio}, limits.margin_ratio is {most}"
    up, down = found.stress_distance_up, found.stress_distance_down
    if up is None or down is None:
        return ""
    why = stress.too_near(min(up, down), scene.limits.stress_distance_min)
    return f"{name}: {why}" if why else ""


def margins(scene: Scene, orders: Sequence[Drafted]) -> Margins:
    """The margin of every account that has positions or gets orders."""
    by_account: dict[AccountId, list[Drafted]] = {}
    for order in orders:
        if order.traded.instrument.kind is not Kind.SPOT:
            by_account.setdefault(order.account, []).append(order)
    names = sorted({*by_account, *(one.account for one in scene.snapshot.positions if one.contracts)})
    accounts: dict[str, AccountMargin] = {}
    transfers: list[TransferLine] = []
    unknown: list[str] = []
    for name in names:
        desk = Desk(scene, name, by_account.get(name, []))
        accounts[name] = desk.margin()
        transfers += desk.transfers
        unknown += desk.unknown
    return Margins(accounts=accounts, transfers=tuple(transfers), unknown=tuple(unknown))


class Desk:
    """One account's margin."""

    def __init__(self, scene: Scene, name: AccountId, orders: Sequence[Drafted]) -> None:
        self._scene, self._name = scene, name
        self._orders = orders
        found = next((one for one in scene.snapshot.accounts if one.id == name), None)
        self._account = found or Account(id=name)
        self.transfers: list[TransferLine] = []
        self.unknown: list[str] = []

    def margin(self) -> AccountMargin:
        """The account's figures; what cannot be told is null, and says why among `unknown`."""
        try:
            pools = self._pools()
            projected = [stress.project(one.pool, one.orders) for one in pools]
            afters = [stress.filled(one.pool, one.orders) for one in pools]
        except (Unclear, ValueError) as error:
            self.unknown.append(f"margin of {self._name}: {error}")
            return self._venue_only()
        needed = [short_of(after) for after in afters]
        return AccountMargin(
            ratio_before=self._venue_ratio() or max(one.ratio_before for one in projected),
            ratio_after=max(one.ratio_after for one in projected),
            stress_distance_up=min(one.stress_after.up for one in projected),
            stress_distance_down=min(one.stress_after.down for one in projected),
            liquidation=self._liquidations(pools, afters),
            top_up=self._topped_up(pools, needed),
        )

    def _venue_only(self) -> AccountMargin:
        """What the venue says itself, where nothing can be worked out."""
        held = [one for one in self._positions() if one.contracts]
        futures = [one for one in held if self._scene.traded(one.instrument).instrument.kind is not Kind.OPTION]
        told = {one.instrument: one.liquidation_price for one in futures}
        return AccountMargin(
            ratio_before=self._venue_ratio(),
            ratio_after=None,
            stress_distance_up=None,
            stress_distance_down=None,
            liquidation=dict(sorted(told.items())),
            top_up=None,
        )

    def _venue_ratio(self) -> Decimal | None:
        needed, balance = self._account.maintenance_margin, self._account.margin_balance
        return None if needed is None or balance is None or balance <= 0 else needed / balance

    def _positions(self) -> tuple[HeldPosition, ...]:
        return tuple(one for one in self._scene.snapshot.positions if one.account == self._name)

    # Pools.

    def pool_of(self, one: Traded) -> tuple[str, stress.Pool]:
        """What would margin a new position, by a name, without any order.

        Raises:
            Unclear, ValueError: it cannot be told.
        """
        key = self._group(one.instrument.id)
        group = self._groups().get(key, {})
        if (one.instrument.id, False) not in group and (one.instrument.id, True) not in group:
            group[one.instrument.id, False] = ZERO
        return f"{self._name} {key}", self._pool(key, group).pool

    def _pools(self) -> list[_Pool]:
        groups = self._groups()
        for order in self._orders:
            name = order.traded.instrument.id
            group = groups.setdefault(self._group(name), {})
            if (name, False) not in group and (name, True) not in group:
                group[name, False] = ZERO
        return [self._pool(key, group) for key, group in sorted(groups.items())]

    def _groups(self) -> dict[str, dict[_Side, Contracts]]:
        """What shares collateral, by the asset it settles in; isolated positions by themselves."""
        groups: dict[str, dict[_Side, Contracts]] = {}
        hedged = in_hedge_mode(self._scene, self._name)
        for one in self._positions():
            if one.contracts:
                side = (one.instrument, hedged and one.contracts < 0)
                group = groups.setdefault(self._group(one.instrument), {})
                group[side] = group.get(side, ZERO) + one.contracts
        return groups

    def _group(self, name: InstrumentId) -> str:
        mode = next((p.margin_mode for p in self._positions() if p.instrument == name and p.margin_mode), None)
        mode = mode or self._account.margin_mode
        if mode is MarginMode.ISOLATED:
            return f"isolated {name}"
        return "shared" if mode in SHARED else f"cross {self._scene.traded(name).instrument.settle}"

    def _pool(self, key: str, group: Mapping[_Side, Contracts]) -> _Pool:
        sides = sorted(group, key=lambda side: (side[0], -self._filled_by_orders(group[side], side[0])))
        markets = [self._scene.traded(name) for name, _ in sides]
        exposed = tuple(self._exposed(one, group[side]) for one, side in zip(markets, sides, strict=True))
        settle = markets[0].instrument.settle
        coins: tuple[stress.Coin, ...] = ()
        if key.startswith("isolated"):
            cash, coins = self._isolated(markets[0])
        elif key == "shared":
            cash, coins = self._shared(markets)
        else:
            cash, coins = self._cross(settle, markets)
        pool = stress.Pool(cash=cash, coins=coins, positions=exposed)
        told = self._account.maintenance_margin
        if told is not None and not key.startswith("isolated") and self._only_pool(key):
            ours = stress.required(pool)
            pool = msgspec.structs.replace(pool, elsewhere=max(told * self._price(settle) - ours, ZERO))
        planned = tuple(
            stress.Planned(
                instrument=order.traded.instrument.id,
                contracts=order.signed,
                price=order.vwap or order.mid,
                fee=order.traded.instrument.taker_fee,
            )
            for order in self._orders
            if order.traded.instrument in [one.instrument for one in markets]
        )
        return _Pool(pool=pool, orders=planned, settle=settle, unit=self._price(settle))

    def _filled_by_orders(self, contracts: Contracts, name: InstrumentId) -> bool:
        """Whether it is this side of a contract that the orders change: what reduces one is of the other sign."""
        ordered = next((one for one in self._orders if one.traded.instrument.id == name), None)
        return ordered is not None and ordered.reduce_only == (contracts * ordered.signed < 0)

    def _only_pool(self, key: str) -> bool:
        """Whether the venue's figures of the account can only mean this pool."""
        names = [p.instrument for p in self._positions() if p.contracts] + [
            o.traded.instrument.id for o in self._orders
        ]
        return all(self._group(name) == key for name in names)

    def _exposed(self, one: Traded, contracts: Contracts) -> stress.Exposed:
        self._described(one)
        mark = one.mark if one.mark is not None else mid(one)
        if one.instrument.kind not in MARGINED:
            raise Unclear(f"that of {one.instrument.kind.value} contracts is the venue's to say")
        if mark is None:
            raise Unclear(f"no mark price of {one.instrument.id}")
        if not one.instrument.tiers:
            raise Unclear(f"no margin tiers of {one.instrument.id}")
        return stress.Exposed(
            instrument=one.instrument, contracts=contracts, mark=mark, unit=self._price(one.instrument.quote)
        )

    def _described(self, one: Traded) -> None:
        """Stop at a contract whose terms leave open what a position in it is worth."""
        gaps = self._scene.gaps.get(one.instrument.id, ())
        if missing := [term for term in TERMS if term in gaps]:
            raise Unclear(f"no {' and no '.join(missing)} of {one.instrument.id}")

    def _price(self, asset: Asset) -> Price:
        price = self._scene.view.prices.get(asset)
        if price is None:
            raise Unclear(f"no price of {asset}")
        return price

    def _cross(self, settle: Asset, markets: Iterable[Traded]) -> tuple[Notional, tuple[stress.Coin, ...]]:
        """The wallet of one settlement asset with its positions' P&L: coins of an inverse pool, else cash."""
        told = self._account.margin_balance if self._only_pool(f"cross {settle}") else None
        if told is None and not self._holds(settle):
            raise Unclear(f"no balance of {settle} there and no margin_balance")
        equity = self._equity(settle) if told is None else told
        price = self._price(settle)
        if any(one.instrument.kind is Kind.INVERSE for one in markets):
            return ZERO, (stress.Coin(asset=settle, equity=equity, price=price),)
        return equity * price, ()

    def _shared(self, markets: Iterable[Traded]) -> tuple[Notional, tuple[stress.Coin, ...]]:
        """Everything in the account: settlement assets in full, other coins after their haircut."""
        settles = {one.instrument.settle for one in markets}
        coins, cash = [], ZERO
        inverse = {one.instrument.settle for one in markets if one.instrument.kind is Kind.INVERSE}
        assets = sorted({one.asset for one in self._scene.snapshot.holdings if one.account == self._name} | settles)
        for asset in assets:
            haircut = self._account.haircuts.get(asset, ONE if asset in settles else None)
            if haircut is None:
                self.unknown.append(f"margin of {self._name}: no haircut of {asset}, which is not counted")
            elif asset not in inverse and (asset in settles or asset in STABLECOINS):
                cash += self._equity(asset) * self._price(asset) * haircut
            else:
                coins.append(
                    stress.Coin(asset=asset, equity=self._equity(asset), price=self._price(asset), haircut=haircut)
                )
        return cash, tuple(coins)

    def _isolated(self, one: Traded) -> tuple[Notional, tuple[stress.Coin, ...]]:
        """The position's own wallet, with its P&L."""
        instrument, price = one.instrument, self._price(one.instrument.settle)
        held = next((p for p in self._positions() if p.instrument == instrument.id), None)
        if held is None:
            raise Unclear(f"{instrument.id} is isolated, and no leverage says what a new position is margined with")
        wallet = held.isolated_wallet
        if wallet is None and held.leverage is not None and held.entry_price is not None:
            amount = instrument.coins(held.contracts)
            by_kind = liquidation.isolated_inverse if instrument.kind is Kind.INVERSE else liquidation.isolated_linear
            wallet = by_kind(amount, held.entry_price, held.leverage)
        if wallet is None:
            raise Unclear(f"no isolated wallet of {instrument.id}")
        equity = wallet + self._profit(held)
        if instrument.kind is Kind.INVERSE:
            return ZERO, (stress.Coin(asset=instrument.settle, equity=equity, price=price),)
        return equity * price, ()

    def _holds(self, asset: Asset) -> bool:
        """Whether anything is said of the asset in this account: what is not said is not nothing."""
        return any(one.account == self._name and one.asset == asset for one in self._scene.snapshot.holdings)

    def _equity(self, asset: Asset) -> Qty:
        """Wallet coins of the account, debts off, with the P&L of what settles in them; isolated wallets left out."""
        total = ZERO
        for held in self._scene.snapshot.holdings:
            if held.account == self._name and held.asset == asset:
                sign = -1 if held.kind in DEBTS else 1 if held.kind in WALLETS else 0
                total += sign * held.amount * held.factor
        for one in self._positions():
            settles = self._scene.traded(one.instrument).instrument.settle
            if one.contracts and settles == asset and not self._group(one.instrument).startswith("isolated"):
                total += self._profit(one)
        return total

    def _profit(self, held: HeldPosition) -> Decimal:
        one = self._scene.traded(held.instrument)
        self._described(one)
        if held.entry_price is None or one.mark is None:
            missing = "entry" if held.entry_price is None else "mark"
            raise Unclear(f"no {missing} price of {held.instrument}")
        return pnl.unrealized(one.instrument, held.contracts, held.entry_price, one.mark)

    # What follows from the pools.

    def _topped_up(self, pools: Sequence[_Pool], needed: Sequence[Notional]) -> Qty:
        """What to send ahead, in the settlement asset of the account (in value where it has several)."""
        for pool, lack in zip(pools, needed, strict=True):
            if lack > 0:
                self._send(pool, lack)
        if len({pool.settle for pool in pools}) == 1:
            return sum(needed, ZERO) / pools[0].unit
        return sum(needed, ZERO)

    def _send(self, pool: _Pool, lack: Notional) -> None:
        why = f"to survive a move of {stress.STRESS_MIN * 100:f} %"
        planned = topup.plan(self._name, lack / pool.unit, self._sources(pool.settle))
        for transfer in planned.transfers:
            self.transfers.append(
                TransferLine(
                    from_=transfer.source,
                    to=transfer.destination,
                    asset=transfer.asset,
                    amount=transfer.amount,
                    why=why,
                )
            )
        if planned.missing:
            lacking = f"{planned.missing.normalize():f} {pool.settle}"
            self.unknown.append(f"margin of {self._name}: nobody says where {lacking} could come from {why}")

    def _sources(self, asset: Asset) -> list[topup.Source]:
        """Free coins of the settlement asset in accounts without futures of their own."""
        snapshot = self._scene.snapshot
        busy = {one.account for one in snapshot.positions if one.contracts}
        found = []
        for held in snapshot.holdings:
            if held.asset != asset or held.kind is not HoldingKind.FREE or held.account in {*busy, self._name}:
                continue
            account = next((one for one in snapshot.accounts if one.id == held.account), Account(id=held.account))
            most = held.amount if account.max_withdraw is None else min(account.max_withdraw, held.amount)
            found.append(
                topup.Source(
                    account=held.account, asset=asset, max_withdraw=most, spare=held.amount,
                    transfers_allowed=account.transfers_allowed,
                )
            )  # fmt: skip
        return found

    def _liquidations(self, pools: Sequence[_Pool], afters: Sequence[stress.Pool]) -> dict[str, Decimal | None]:
        """Each position's price of liquidation once the orders are filled, all others as they are; None: no price."""
        out: dict[str, Decimal | None] = {}
        touched = {order.traded.instrument.id for order in self._orders}
        told = {one.instrument: one.liquidation_price for one in self._positions()}
        for made, pool in zip(pools, afters, strict=True):
            for one in pool.positions:
                if not one.contracts:
                    continue
                name = one.instrument.id
                ours = liquidated_at(one, pool, made.unit)
                venues = told.get(name)
                if not touched and venues is not None and (apart := liquidation.disagreement(ours, venues)):
                    self.unknown.append(f"{name}: {apart}")
                found = ours if touched or venues is None else venues
                out[name] = _nearest(one.mark, out.get(name), found)
        return dict(sorted(out.items()))


def _nearest(mark: Price, *prices: Price | None) -> Price | None:
    """The price that is reached first; None where there is none."""
    return min((price for price in prices if price is not None), key=lambda price: abs(price - mark), default=None)
