"""Margin: liquidation is far from what is solvent, and no order passes review that would leave the account thin."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.calc.liquidation import inverse, isolated_inverse
from bot.calc.tiers import bracketed
from bot.domain.account import MarginState
from bot.domain.order import Approved, OrderRequest, Side
from bot.domain.rules import Limits
from bot.domain.units import SECOND_NS
from bot.engine.guards.context import Context
from bot.engine.modes import Mode
from bot.engine.pegs import PegReading
from bot.engine.risk import review
from tests.engine.guards.contexts import holding, moment, order
from tests.kit import USDT, d, hedge, limits, perpetual

COIN_TIERS = bracketed([(d(0), d("0.004")), (d(5), d("0.01")), (d(50), d("0.025")), (d(200), d("0.5"))])
COINS = st.decimals("-40", 40, places=3).filter(bool)
ENTRY = st.decimals(100, 90_000, places=1)
LEVERAGE = st.decimals("1.1", 20, places=1)


def coin_slack(face: Decimal, entry: Decimal, wallet: Decimal, price: Decimal) -> Decimal:
    """Equity less maintenance margin of an inverse position, in coins, from the definition."""
    size = abs(face) / price
    tier = [one for one in COIN_TIERS if one.floor <= size][-1]
    return wallet + face / entry - face / price - (size * tier.rate - tier.deduction)


@given(COINS, ENTRY, LEVERAGE)
def test_the_mark_of_an_inverse_position_lies_on_its_solvent_side(
    coins: Decimal, entry: Decimal, leverage: Decimal
) -> None:
    """Short liquidation > mark > long liquidation, wherever the account is solvent at the mark."""
    face = coins * entry
    wallet = isolated_inverse(face, entry, leverage)
    price = inverse(face=face, entry=entry, wallet=wallet, tiers=COIN_TIERS)

    if price is not None and coin_slack(face, entry, wallet, entry) > 0:
        assert (price > entry) is (coins < 0)
        assert abs(coin_slack(face, entry, wallet, price)) < d("1e-8")


@given(COINS, ENTRY, LEVERAGE, st.decimals("0.01", 10, places=2))
def test_added_coins_move_an_inverse_liquidation_away(
    coins: Decimal, entry: Decimal, leverage: Decimal, added: Decimal
) -> None:
    """A long's price falls; a short's rises, until no rise can liquidate it any more."""
    face = coins * entry
    wallet = isolated_inverse(face, entry, leverage)
    before = inverse(face=face, entry=entry, wallet=wallet, tiers=COIN_TIERS)
    after = inverse(face=face, entry=entry, wallet=wallet + added, tiers=COIN_TIERS)

    if before is None:
        assert after is None
    else:
        assert after is None or (after > before if coins < 0 else after < before)


CONTRACTS = st.decimals("-4", 4, places=3)
MARK, OTHER = d(60_000), d(2_500)
ETHER = {"id": hedge("ETH")}


@st.composite
def orders(draw: st.DrawFn, coin: str = "BTC") -> OrderRequest:
    """Any order inside the slippage limit of a coin's mark."""
    mark, tick = (MARK, d("0.1")) if coin == "BTC" else (OTHER, d("0.1"))
    offset = draw(st.integers(-10, 10)) * tick
    return order(
        draw(st.decimals("0.001", 4, places=3)) * (1 if coin == "BTC" else 20),
        draw(st.sampled_from(Side)),
        str(mark + offset),
        instrument=hedge(coin),
        reduce_only=draw(st.booleans()) if coin == "BTC" else False,
    )


@st.composite
def moments(draw: st.DrawFn) -> Context:
    """Any order in any account: positions in profit or loss, other orders out, a venue that says its own margin."""
    request, position, other = draw(orders()), draw(CONTRACTS), draw(CONTRACTS) * 20
    entry = draw(st.decimals(50_000, 70_000, places=1))
    held = (
        holding(str(position), str(entry)),
        holding(str(other), str(draw(st.decimals(2_000, 3_000, places=1))), str(OTHER), **ETHER),
    )
    venue = draw(
        st.none()
        | st.builds(
            MarginState,
            margin_balance=st.decimals(1, 20_000, places=2),
            maintenance_margin=st.decimals(0, 2_000, places=2),
            initial_margin=st.just(d(0)),
            available=st.just(d(0)),
        )
    )
    return moment(
        request,
        limits=limits(
            margin_ratio_max=draw(st.decimals("0.05", "0.9", places=2)),
            stress_distance_min=draw(st.sampled_from((d(0), d("0.05"), d("0.15"), d("0.5")))),
            order_notional_max=d(10**6),
            position_notional_max=d(10**6),
        ),
        position=position,
        wallet=draw(st.decimals(-5_000, 60_000, places=2)),
        holdings=held,
        alongside=tuple(draw(st.lists(orders("ETH"), max_size=2))),
        venue_margin=venue,
        intent_left=request.contracts,
    )


def filled_ratio(context: Context) -> Decimal:
    """The margin ratio once every order is filled at its limit and its fee paid, from the definition."""
    assert context.wallet is not None
    assert context.holdings is not None
    equity, needed = context.wallet, d(0)
    for one in context.holdings:
        size = one.position.contracts
        equity += size * (one.mark - one.position.entry_price)
        for each in (*context.alongside, context.request):
            if each.instrument == one.instrument.id:
                signed = each.contracts * each.side.sign
                size += signed
                equity += signed * (one.mark - each.limit_price)
                equity -= each.contracts * each.limit_price * one.instrument.taker_fee
        notional = abs(size) * one.mark
        needed += notional * d("0.004") if notional <= 300_000 else notional * d("0.005") - 300
    return needed / equity if equity > 0 else (d("Infinity") if needed else d(0))


@given(moments())
def test_no_order_that_adds_risk_passes_beyond_the_margin_limit(context: Context) -> None:
    """What review approves leaves the account at most at its limit, with everything else that may fill filled too."""
    verdict = review(context)

    if isinstance(verdict, Approved) and not context.reducing:
        assert filled_ratio(context) <= context.limits.margin_ratio_max
        if context.venue_margin is not None:
            venue = context.venue_margin
            assert venue.maintenance_margin / venue.margin_balance <= context.limits.margin_ratio_max


def slack_under(context: Context, move: Decimal, filling: tuple[OrderRequest, ...]) -> Decimal:
    """Equity less maintenance margin with some orders filled and every price moved, from the definition."""
    assert context.wallet is not None
    assert context.holdings is not None
    left, moved = context.wallet, 1 + move
    for one in context.holdings:
        size = one.position.contracts
        left += size * (one.mark - one.position.entry_price)
        for each in filling:
            if each.instrument == one.instrument.id:
                size += each.contracts * each.side.sign
                left -= each.contracts * each.side.sign * (each.limit_price - one.mark)
                left -= each.contracts * each.limit_price * one.instrument.taker_fee
        notional = abs(size) * one.mark * moved
        left += size * one.mark * move
        left -= notional * d("0.004") if notional <= 300_000 else notional * d("0.005") - 300
    return left


@given(moments(), st.decimals(-1, 1, places=2), st.data())
def test_no_order_that_adds_risk_passes_nearer_to_liquidation_than_the_limit(
    context: Context, part: Decimal, data: st.DataObject
) -> None:
    """What review approves survives every move up to its limit, whichever of the other orders fill with it."""
    others = tuple(one for one in context.alongside if data.draw(st.booleans()))

    if isinstance(review(context), Approved) and not context.reducing and context.limits.stress_distance_min:
        move = context.limits.stress_distance_min * part
        assert slack_under(context, move, (*others, context.request)) > -d("1e-8")
        if context.venue_margin is not None:
            assert context.venue_margin.margin_balance > context.venue_margin.maintenance_margin


@settings(max_examples=50)
@given(moments())
def test_orders_do_pass_the_distance(context: Context) -> None:
    """With wallet enough every order that passes without the limit passes with it, or the test above says nothing."""
    rich = msgspec.structs.replace(context, wallet=d(10**8), venue_margin=None)
    without = msgspec.structs.replace(rich, limits=limits_without_distance(rich))

    assert type(review(rich)) is type(review(without))


def limits_without_distance(context: Context) -> Limits:
    """The limits with the distance switched off."""
    return msgspec.structs.replace(context.limits, stress_distance_min=d(0))


@given(moments())
def test_reduce_only_never_makes_a_position_larger(context: Context) -> None:
    """An order approved as reduce-only leaves less of the position, on the same side or nothing."""
    if not context.request.reduce_only or not isinstance(review(context), Approved):
        return
    after = context.position + context.request.signed_contracts

    assert abs(after) < abs(context.position)
    assert after * context.position >= 0


@given(
    st.decimals("0.002", 4, places=3),
    st.booleans(),
    st.decimals("0.001", 1, places=3),
    st.sampled_from([one for one in Mode if one is not Mode.HALT]),
    st.sampled_from(range(7)),
)
def test_what_reduces_is_never_held_by_a_guard_of_new_risk(
    held: Decimal, short: bool, part: Decimal, mode: Mode, lost: int
) -> None:
    """Ruined, blind, offline, refused or capped: the way out of a position stays open, in every mode but HALT."""
    position = -held if short else held
    size = max((held * part).quantize(d("0.001")), d("0.001"))
    side, price = (Side.BUY, "60090") if short else (Side.SELL, "59910")
    losses: list[dict[str, object]] = [
        {"wallet": d(-10_000)},
        {"wallet": None, "holdings": None},
        {"mark": None, "mark_age_ns": None},
        {"account_age_ns": None, "stream_up": False, "clock_offset_ns": None},
        {"rejects_in_row": 99, "sent_last_minute": 5},
        {
            "limits": limits(position_notional_max=d(1), margin_ratio_max=d(0), stress_distance_min=d(5)),
            "book_age_ns": 9 * SECOND_NS,
        },
        {"peg": PegReading(USDT, None, "silent", stopped=True)},
    ]
    context = moment(
        order(size, side, price, reduce_only=True),
        instrument=perpetual(notional_min=d(0)),
        mode=mode,
        position=position,
        holdings=(holding(str(position)),),
        intent_left=size,
    )
    for losing in (losses[lost], {key: value for loss in losses for key, value in loss.items()}):
        worse = Context(**{**{name: getattr(context, name) for name in Context.__struct_fields__}, **losing})
        assert isinstance(review(worse), Approved)
