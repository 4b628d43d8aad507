"""The plan: what would be done now, and why, without doing it."""

from __future__ import annotations

import msgspec

from bot.domain.events import Action, OperatorAsked
from bot.domain.units import SECOND_NS, InstrumentId
from bot.runtime.plan_answer import Answer
from bot.runtime.plans import plan
from bot.runtime.steps import encode_state
from tests.kit import d, hedge, rules, weights
from tests.runtime.stage import Bench


def planned(bench: Bench) -> Answer:
    """The plan of a bench; asking changes nothing, and what is sent reads as what was planned."""
    before, sequence = encode_state(bench.engine.state), bench.journal.last_seq
    document = plan(bench.engine)
    assert (before, sequence) == (encode_state(bench.engine.state), bench.journal.last_seq)
    return msgspec.convert(msgspec.json.decode(msgspec.json.encode(document)), Answer, strict=False)


def test_an_unhedged_book_is_planned_to_its_orders() -> None:
    """Every asset's derivation, and the orders with their limits that would follow now: the ones that then do."""
    bench = Bench().ready()
    bench.market()
    answer = planned(bench)
    bench.tick()
    sent = {request.instrument: request for request in bench.orders}
    needed = answer.assets["BTC"]

    assert () == answer.refused
    assert 2 == len(answer.orders)
    for order in answer.orders:
        request = sent[InstrumentId(order.instrument)]
        assert (request.side.value, request.contracts, request.limit_price, request.reduce_only) == (
            order.side, order.contracts, order.limit_price, order.reduce_only,
        )  # fmt: skip
    assert (d("1.2345"), d(0), d("-1.2345"), True) == (
        needed.exposure, needed.target, needed.hedge, needed.breached,
    )  # fmt: skip
    assert (d("-0.0005"), {"neutral": d(0)}) == (needed.residual_after_rounding, needed.target_parts)
    assert "sell 1.2345 BTC" in needed.why


def test_costs_and_margin_are_those_of_the_orders() -> None:
    """What the orders would cost, and the account's margin before and after them."""
    bench = Bench().ready()
    bench.market()
    answer = planned(bench)
    (margin,) = answer.margin.values()

    assert all(order.cost.fee is not None and order.cost.fee > 0 for order in answer.orders)
    assert d(0) == margin.ratio_before
    assert margin.ratio_after is not None
    assert margin.ratio_after > 0
    assert {order.instrument for order in answer.orders} == set(margin.liquidation)


def test_a_book_in_band_plans_nothing() -> None:
    """No order, nothing refused, and the derivation is there all the same."""
    answer = planned(Bench().hedged())

    assert ((), ()) == (answer.orders, answer.refused)
    assert {"BTC": d(0), "ETH": d(0)} == {asset: one.hedge for asset, one in answer.assets.items()}
    assert answer.nav is not None
    assert answer.nav > sum((one.exposure_value or d(0) for one in answer.assets.values()), d(0))


def test_what_is_held_says_why() -> None:
    """A group that cannot be judged is refused with the guard and its reason, and has no derivation."""
    answer = planned(Bench())

    assert ["neutral:BTC", "neutral:ETH"] == [refused.what for refused in answer.refused]
    assert all(refused.why.startswith("account: not confirmed") for refused in answer.refused)
    assert ({}, None) == (answer.assets, answer.nav)


def test_what_a_guard_refuses_is_named_beside_its_derivation() -> None:
    """Under a kill the need is shown, the order is not, and the mode and the guard that stop it are."""
    bench = Bench().ready()
    bench.market()
    bench.loop.step(OperatorAsked(Action.KILL, "x", "ann", bench.clock.now_ns()))
    answer = planned(bench)
    first, *others = answer.refused

    assert ((), "the mode is HALT, not RUN") == (answer.orders, first.why)
    assert {"neutral:BTC", "neutral:ETH"} == {refused.what for refused in others}
    assert all(one.breached and one.residual_after_rounding == one.hedge for one in answer.assets.values())


def test_an_unwind_is_planned_by_what_closes_it() -> None:
    """Unwinding, the plan buys back what is short, reduce-only."""
    bench = Bench().hedged()
    bench.exchange.answering = False
    bench.engine.state.modes.obey(OperatorAsked(Action.UNWIND, "x", "ann", bench.clock.now_ns()))
    answer = planned(bench)

    assert "the mode is UNWIND, not RUN" == answer.refused[0].why
    assert {(hedge("BTC"), "buy", d("1.234"), True), (hedge("ETH"), "buy", d(10), True)} == {
        (order.instrument, order.side, order.contracts, order.reduce_only) for order in answer.orders
    }


def test_a_basket_is_one_group_with_all_its_assets() -> None:
    """A weights target is planned whole: one short and one long of one group."""
    bench = Bench(owned=rules(weights())).ready()
    bench.exchange.truth.coins.update(BTC=d(1), ETH=d(16))
    for _ in range(2):
        bench.clock.move(2 * SECOND_NS)
        bench.read()
    bench.exchange.truth.prices["BTC"] = 90_000.0
    bench.market()
    answer = planned(bench)

    assert {"BTC", "ETH"} == set(answer.assets)
    assert answer.base["weights"] is not None
    assert {(hedge("BTC"), "sell", "weights"), (hedge("ETH"), "buy", "weights")} == {
        (order.instrument, order.side, order.pair) for order in answer.orders
    }


def test_a_margin_that_cannot_be_told_is_null_and_said() -> None:
    """Without the mark of an open position neither margin nor net asset value is known; the rest of the plan stands."""
    bench = Bench().hedged()
    bench.engine.state.books.marks.clear()
    answer = planned(bench)

    assert ({}, None) == (answer.margin, answer.nav)
    assert any(line.startswith("margin: ") for line in answer.unknown)
