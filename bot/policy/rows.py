"""The price rows of a judgement: conditions, linear in prices, under which no band is left and no aim changes form.

An aim between bounds is a piecewise line. Its value is nowhere below the least of its `floors` and nowhere above the
greatest of its `ceilings`, at any prices, and equal to one of them now: the upper edge of a band is kept while it is
kept for every floor, the lower one while it is kept for every ceiling.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import product

from bot.calc.bands import Space
from bot.calc.boxes import Row, Sum
from bot.calc.forms import Form, Whole, added, of_coins, rooted
from bot.domain.bands import Band, Unit, Width
from bot.domain.units import ZERO, Asset, InstrumentId, Notional, Price, Qty
from bot.policy.judge import Judged
from bot.policy.view import Aim

MINUS = Decimal(-1)

Prices = Mapping[Asset, Price]


def never(assets: Iterable[Asset]) -> Form:
    """A condition that no prices keep: whatever rests on these prices is looked at anew at each of them."""
    return Form(ZERO, dict.fromkeys(assets, MINUS))


class Rows:
    """Makes rows of floats of forms, over the instruments that price them; a sum that forms share stays one object.

    What has a price and no instrument (cash in the unit of account) does not move.
    """

    def __init__(self, pricing: Mapping[Asset, InstrumentId], prices: Prices) -> None:
        self._pricing, self._prices = pricing, prices
        self._sums: list[tuple[Whole, Sum]] = []

    def of(self, forms: Iterable[Form]) -> list[Row]:
        """The rows of conditions that can fail: one without a negative term cannot."""
        return [row for row in map(self._row, forms) if _can_fail(row)]

    def _row(self, form: Form) -> Row:
        form = rooted(form)
        constant, coefficients = self._terms(form.constant, form.coins)
        if form.whole is None or not form.share:
            return Row(constant, coefficients)
        return Row(constant, coefficients, float(form.share), self._sum(form.whole))

    def _terms(self, constant: Notional, coins: Mapping[Asset, Qty]) -> tuple[float, dict[InstrumentId, float]]:
        coefficients: dict[InstrumentId, float] = {}
        for asset, quantity in coins.items():
            name = self._pricing.get(asset)
            if name is None:
                constant += quantity * self._prices[asset]
            elif quantity:
                coefficients[name] = coefficients.get(name, 0.0) + float(quantity)
        return float(constant), coefficients

    def _sum(self, whole: Whole) -> Sum:
        for known, found in self._sums:
            if known is whole:
                return found
        made = Sum(*self._terms(whole.constant, {**whole.coins, **whole.marked}))
        self._sums.append((whole, made))
        return made


def _can_fail(row: Row) -> bool:
    """Whether any term of a row could take it below nothing; of a shared sum, its profit and debts may turn."""
    return row.constant < 0 or row.whole is not None or any(a < 0 for a in row.coefficients.values())


def conditions(judged: Judged, prices: Prices, cap: Notional | None = None) -> list[Form]:
    """What must stay >= 0 for an asset's fixed bands to be kept and its aims to be what they are.

    `cap` bounds the value of the sum of its overlays.
    """
    out = [form for aim in judged.aims for form in aim.conditions]
    moving = [(aim, aim.band) for aim in judged.aims if isinstance(aim.band, Band) and _moves(judged, aim.band, cap)]
    if not moving:
        return out
    futures = of_coins(judged.asset, judged.parts.futures + judged.parts.working)
    short = futures.times(MINUS)
    floors, ceilings = bounds(judged.aims, prices, cap)
    room_above = [added((short, floor)) for floor in floors]
    # What no bound cuts is one form, seen from either side.
    room_below = [
        one.times(MINUS) for one in (room_above if floors is ceilings else [added((short, one)) for one in ceilings])
    ]
    for aim, band in moving:
        above, below = band.edge(above=True), band.edge(above=False)
        upper = width(aim, above, prices)
        lower = upper if below is above else width(aim, below, prices)
        out += [added((upper, one)) for one in room_above]
        out += [added((lower, one)) for one in room_below]
    return out


def bounds(aims: Sequence[Aim], prices: Prices, cap: Notional | None) -> tuple[list[Form], list[Form]]:
    """Forms between which the sum of the overlays lies at all prices: above the least of the ones, below the others."""
    if cap is None and all(aim.least is None and aim.most is None for aim in aims):
        total = [added([aim.amount for aim in aims])]
        return total, total
    found = [_clipped([aim.amount], [aim.amount], aim.least, aim.most, prices) for aim in aims]
    floors = [added(one) for one in product(*(low for low, _ in found))]
    ceilings = [added(one) for one in product(*(high for _, high in found))]
    return (floors, ceilings) if cap is None else _clipped(floors, ceilings, -cap, cap, prices)


def width(aim: Aim, wide: Width, prices: Prices) -> Form:
    """A width as a form; where it is a share of something that might turn its sign, no more than it."""
    if wide.unit is Unit.QUOTE:
        return Form(wide.value)
    if wide.unit is Unit.COINS:
        return of_coins(aim.asset, wide.value)
    whole = aim.scale if wide.unit is Unit.RELATIVE else aim.base
    return whole.times(wide.value if whole.value(prices) >= 0 else -wide.value)


def _moves(judged: Judged, band: Band, cap: Notional | None) -> bool:
    """Whether a price can bring the deviation to this band: not where coins are held against coins alone."""
    bounded = cap is not None or any(one.least is not None or one.most is not None for one in judged.aims)
    in_money = {Unit.QUOTE, Unit.POINTS} & {band.edge(above=True).unit, band.edge(above=False).unit}
    return bounded or bool(in_money) or judged.deviations[0].space is not Space.COINS


def _clipped(
    floors: list[Form], ceilings: list[Form], least: Notional | None, most: Notional | None, prices: Prices
) -> tuple[list[Form], list[Form]]:
    if most is not None:
        top = Form(most)
        floors = [*floors, top]
        ceilings = [top] if min(one.value(prices) for one in floors) >= most else ceilings
    if least is not None:
        bottom = Form(least)
        floors = [bottom] if max(one.value(prices) for one in ceilings) <= least else floors
        ceilings = [*ceilings, bottom]
    return floors, ceilings
