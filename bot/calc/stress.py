"""How far markets may move before an account is liquidated, and what a set of orders does to that.

Source: formulas.md 2.10. Under a joint shock s every price moves by r_i = beta_i s, none below zero. The distance is
the smallest |s| on either side at which equity is down to maintenance margin. Collateral counts after its haircut, so
that own coins offset the loss of a short of the same coin.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from bot.calc.slack import Line, crossing
from bot.calc.tiers import INFINITE, maintenance, ratio, tier_of
from bot.domain.instrument import Instrument, Kind
from bot.domain.units import ONE, ZERO, Asset, Contracts, InstrumentId, Notional, Price, Qty

STRESS_MIN = Decimal("0.3")
"""A short must survive a rise of this much at least, however calm its market has been."""
SIGMAS = Decimal(10)
"""And one of so many daily standard deviations, times the root of the days that topping up takes."""

LINEAR = (Kind.LINEAR, Kind.INDEX)


class Exposed(msgspec.Struct, frozen=True, kw_only=True):
    """A linear or inverse position at its mark. `unit` is the value of one quote unit of a linear one.

    `maybe` is what the contracts of a linear one may come to as well, where orders may fill or not: under each shock
    the worst of them counts. Only `slack`, `worst` and `distance` look at it.
    """

    instrument: Instrument
    contracts: Contracts
    mark: Price
    unit: Price = ONE
    maybe: tuple[Contracts, ...] = ()


class Coin(msgspec.Struct, frozen=True, kw_only=True):
    """Coins that margin a pool: their equity (wallet and the UPnL of what settles in them) and price now.

    `haircut` is the share of their value that counts as margin; a debt counts in full.
    """

    asset: Asset
    equity: Qty
    price: Price
    haircut: Decimal = ONE


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """What is margined together: an account, or one coin's part of a coin-margined account. Values in one currency.

    `cash` is the margin balance that no shock moves by itself: settlement currency with the UPnL of linear positions.
    Stablecoins that margin a pool beside it belong there too, after their haircut.
    `elsewhere` is the maintenance margin of positions that are not listed and stay as they are.
    An inverse position needs the coin that it settles in among `coins`.
    """

    cash: Notional = ZERO
    coins: tuple[Coin, ...] = ()
    positions: tuple[Exposed, ...] = ()
    elsewhere: Notional = ZERO


class Distance(msgspec.Struct, frozen=True):
    """The market's rise and fall, both >= 0, that liquidate a pool; infinite where none does it, 0 where it is due."""

    up: Decimal
    down: Decimal

    @property
    def nearest(self) -> Decimal:
        """The nearer of the two."""
        return min(self.up, self.down)


class _Move(msgspec.Struct, frozen=True):
    """A price's factor under a shock: base + slope x shock (0 + 0 x shock for one that has gone to zero)."""

    base: Decimal
    slope: Decimal

    def at(self, shock: Decimal) -> Decimal:
        return max(self.base + self.slope * shock, ZERO) if self.slope else self.base


class _Stage:
    """The pool's slack over a range of shocks in which no further price reaches zero: concave, and linear by pieces."""

    def __init__(self, pool: Pool, moves: Mapping[Asset, _Move]) -> None:
        self._pool = pool
        self._moves = moves
        self._prices = {coin.asset: coin.price for coin in pool.coins}

    def line(self, shock: Decimal) -> Line:
        """The slack's piece around a shock."""
        lines = [Line(ZERO, self._pool.cash - self._pool.elsewhere)]
        lines += [self._coin(coin, shock) for coin in self._pool.coins]
        for one in self._pool.positions:
            if one.instrument.kind in LINEAR:
                each = (self._linear(one, size, shock) for size in (one.contracts, *one.maybe))
                lines.append(min(each, key=lambda line: _height(line, shock)))
            elif one.contracts:
                lines.append(self._inverse(one, shock))
        return Line(sum((x.slope for x in lines), ZERO), sum((x.rest for x in lines), ZERO))

    def _coin(self, coin: Coin, shock: Decimal) -> Line:
        """Equity of coins in value: what inverse positions owe is fixed in quote currency, the rest moves."""
        owed = sum((_coins(one) for one in self._pool.positions if _settles(one, coin.asset)), ZERO)
        move = self._moves[coin.asset]
        rest = ((coin.equity + owed) * move.base - owed) * coin.price
        slope = (coin.equity + owed) * move.slope * coin.price
        worth = (rest + slope * shock if slope else rest) > 0
        counted = coin.haircut if worth else ONE
        return Line(slope * counted, rest * counted)

    def _linear(self, one: Exposed, contracts: Contracts, shock: Decimal) -> Line:
        """What a position of so many contracts has gained, less its maintenance margin."""
        if not contracts:
            return Line(ZERO, ZERO)
        move = self._moves[one.instrument.base]
        notional = one.instrument.coins(contracts) * one.mark
        tier = tier_of(abs(notional) * move.at(shock), one.instrument.tiers)
        needed = abs(notional) * tier.rate
        rest = notional * (move.base - ONE) + tier.deduction - needed * move.base
        return Line((notional - needed) * move.slope * one.unit, rest * one.unit)

    def _inverse(self, one: Exposed, shock: Decimal) -> Line:
        """Maintenance margin in value: |N| rate is fixed in quote currency, the bracket's deduction is in coins."""
        move, price = self._moves[one.instrument.base], self._prices[one.instrument.settle]
        factor, coins = move.at(shock), abs(_coins(one))
        tier = tier_of(coins / factor if factor > 0 else INFINITE, one.instrument.tiers)
        deducted = tier.deduction * price
        return Line(deducted * move.slope, deducted * move.base - coins * tier.rate * price)


def _height(line: Line, shock: Decimal) -> tuple[Decimal, Decimal]:
    """What lines are told apart by around a shock, the lower one first; far out the slope is all that counts."""
    return (line.slope, line.rest) if shock == INFINITE else (line.at(shock), line.slope)


def _coins(one: Exposed) -> Qty:
    """Signed coins that an inverse position's face is worth at its mark."""
    return one.instrument.coins(one.contracts) / one.mark


def _settles(one: Exposed, asset: Asset) -> bool:
    return one.instrument.kind is Kind.INVERSE and one.instrument.settle == asset


def _checked(pool: Pool) -> Pool:
    """A pool of which everything is known.

    Raises:
        ValueError: a kind of contract that has no such margin, or an inverse one without its coin.
    """
    held = {coin.asset for coin in pool.coins}
    for one in pool.positions:
        kind = one.instrument.kind
        if kind not in (*LINEAR, Kind.INVERSE):
            msg = f"{one.instrument.id}: the margin of {kind.value} contracts is the venue's to say"
            raise ValueError(msg)
        if kind is Kind.INVERSE and one.maybe:
            msg = f"{one.instrument.id}: what an inverse position may come to is not one of several"
            raise ValueError(msg)
        if kind is Kind.INVERSE and one.instrument.settle not in held:
            msg = f"{one.instrument.id}: the equity of {one.instrument.settle} that margins it is unknown"
            raise ValueError(msg)
    return pool


def _assets(pool: Pool) -> list[Asset]:
    return sorted({c.asset for c in pool.coins} | {one.instrument.base for one in pool.positions})


def _beta(asset: Asset, betas: Mapping[Asset, Decimal] | None) -> Decimal:
    return ONE if betas is None else betas[asset]


def equity(pool: Pool) -> Notional:
    """What margins a pool now: cash, and coins after their haircut."""
    return pool.cash + sum(
        (c.equity * c.price * (c.haircut if c.equity > 0 else ONE) for c in pool.coins),
        ZERO,
    )


def required(pool: Pool) -> Notional:
    """Maintenance margin of a pool now.

    Raises:
        ValueError: an open position has no tiers, or is of a kind whose margin is not known here.
    """
    prices = {coin.asset: coin.price for coin in _checked(pool).coins}
    total = pool.elsewhere
    for one in pool.positions:
        if one.contracts and one.instrument.kind is Kind.INVERSE:
            total += maintenance(abs(_coins(one)), one.instrument.tiers) * prices[one.instrument.settle]
        elif one.contracts:
            notional = abs(one.instrument.coins(one.contracts)) * one.mark
            total += maintenance(notional, one.instrument.tiers) * one.unit
    return total


def margin_ratio(pool: Pool) -> Decimal:
    """Maintenance margin over margin balance: liquidation at 1."""
    return ratio(required(pool), equity(pool))


def slack(pool: Pool, shock: Decimal, betas: Mapping[Asset, Decimal] | None = None) -> Notional:
    """Equity less maintenance margin once every price has moved by beta x `shock`, none below zero.

    Raises:
        KeyError: an asset without a beta.
        ValueError: see `required`.
    """
    moves: dict[Asset, _Move] = {}
    for asset in _assets(_checked(pool)):
        moves[asset] = _Move(max(ONE + _beta(asset, betas) * shock, ZERO), ZERO)
    return _Stage(pool, moves).line(ZERO).rest


def worst(pool: Pool, shock: Decimal, betas: Mapping[Asset, Decimal] | None = None) -> Notional:
    """The least slack on the way from no move to `shock`.

    Between shocks at which a price reaches zero the slack is concave, so that it is least at one of those or an end.

    Raises:
        KeyError: an asset without a beta.
        ValueError: see `required`.
    """
    ends = {-ONE / beta for asset in _assets(pool) if (beta := _beta(asset, betas))}
    on_the_way = {end for end in ends if end * shock > 0 and abs(end) < abs(shock)}
    return min(slack(pool, at, betas) for at in sorted({ZERO, shock} | on_the_way))


def distance(pool: Pool, betas: Mapping[Asset, Decimal] | None = None) -> Distance:
    """How far the market may rise and fall until the pool is liquidated. `betas` None: every price moves alike.

    Raises:
        KeyError: an asset without a beta.
        ValueError: see `required`.
    """
    if not any(one.contracts or any(one.maybe) for one in pool.positions) and not pool.elsewhere:
        return Distance(INFINITE, INFINITE)
    if slack(pool, ZERO, betas) <= 0:
        return Distance(ZERO, ZERO)
    speeds = {asset: _beta(asset, betas) for asset in _assets(pool)}
    return Distance(_until(pool, speeds), _until(pool, {asset: -speed for asset, speed in speeds.items()}))


def _until(pool: Pool, speeds: Mapping[Asset, Decimal]) -> Decimal:
    """The shock >= 0 that uses the slack up, stage by stage: each ends where the next price reaches zero."""
    zeros = sorted({-ONE / speed for speed in speeds.values() if speed < 0})
    start = ZERO
    for end in (*zeros, INFINITE):
        moves = {a: _Move(ZERO, ZERO) if v < 0 and -ONE / v <= start else _Move(ONE, v) for a, v in speeds.items()}
        stage = _Stage(pool, moves)
        last = stage.line(end)
        if last.slope < 0 if end == INFINITE else last.at(end) < 0:
            return max(crossing(stage.line, last, falling=True) or start, start)
        start = end
    return INFINITE


def required_for_short(daily_sigma: Decimal, days_to_top_up: Decimal) -> Decimal:
    """The rise that a short must survive: max(30 %, 10 x daily sigma x sqrt(days to top up))."""
    return max(STRESS_MIN, SIGMAS * daily_sigma * days_to_top_up.sqrt())


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """An order taken as filled: signed contracts at `price`. `fee` is a fraction of its notional."""

    instrument: InstrumentId
    contracts: Contracts
    price: Price
    fee: Decimal = ZERO


class Projection(msgspec.Struct, frozen=True, kw_only=True):
    """A pool's margin ratio and stress distance before and after a set of orders."""

    ratio_before: Decimal
    ratio_after: Decimal
    stress_before: Distance
    stress_after: Distance


def filled(pool: Pool, orders: Iterable[Planned]) -> Pool:
    """The pool once the orders are filled: positions, fees, and what their prices lose against the marks.

    Raises:
        ValueError: an order's instrument is not in the pool (one that is flat stands there with 0 contracts).
    """
    for order in orders:
        index = next((i for i, p in enumerate(pool.positions) if p.instrument.id == order.instrument), None)
        if index is None:
            msg = f"{order.instrument} is not margined in this pool"
            raise ValueError(msg)
        pool = _filled(_checked(pool), index, order)
    return pool


def _filled(pool: Pool, index: int, order: Planned) -> Pool:
    one = pool.positions[index]
    after = msgspec.structs.replace(one, contracts=one.contracts + order.contracts)
    positions = (*pool.positions[:index], after, *pool.positions[index + 1 :])
    traded = one.instrument.coins(order.contracts)
    if one.instrument.kind is Kind.INVERSE:
        gained = traded / order.price - traded / one.mark - abs(traded) / order.price * order.fee
        coins = tuple(
            msgspec.structs.replace(c, equity=c.equity + gained) if c.asset == one.instrument.settle else c
            for c in pool.coins
        )
        return msgspec.structs.replace(pool, positions=positions, coins=coins)
    lost = traded * (order.price - one.mark) + abs(traded) * order.price * order.fee
    return msgspec.structs.replace(pool, positions=positions, cash=pool.cash - lost * one.unit)


def project(pool: Pool, orders: Iterable[Planned], betas: Mapping[Asset, Decimal] | None = None) -> Projection:
    """What a set of orders does to the margin ratio and to the stress distance.

    Raises:
        KeyError: an asset without a beta.
        ValueError: see `required` and `filled`.
    """
    after = filled(pool, orders)
    return Projection(
        ratio_before=margin_ratio(pool),
        ratio_after=margin_ratio(after),
        stress_before=distance(pool, betas),
        stress_after=distance(after, betas),
    )


def objection(projection: Projection, *, ratio_max: Decimal, stress_min: Decimal, reducing: bool) -> str:
    """Why the orders must not be sent, or nothing. Orders that only reduce positions are never objected to."""
    if reducing:
        return ""
    if projection.ratio_after > ratio_max:
        return f"the margin ratio would be {projection.ratio_after:.3f}, at most {ratio_max}"
    return too_near(projection.stress_after.nearest, stress_min)


def too_near(nearest: Decimal, stress_min: Decimal) -> str:
    """Why a pool is too near to its liquidation, or nothing: both are moves of the market, as fractions."""
    if nearest >= stress_min:
        return ""
    return f"a move of {nearest:.1%} would liquidate the account, it must survive {stress_min:.1%}"
