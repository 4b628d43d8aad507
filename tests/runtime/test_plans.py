"""The plan: what would be done now, and why, without doing it."""

from __future__ import annotations

from typing import Any

import msgspec

from bot.domain.events import Action, OperatorAsked
from bot.domain.units import SECOND_NS
from bot.runtime.plans import plan
from bot.runtime.steps import encode_state
from tests.kit import d, hedge, rules, weights
from tests.runtime.stage import Bench


def planned(bench: Bench) -> dict[str, Any]:
    """The plan of a bench; asking changes nothing, and the answer can be sent."""
    before, sequence = encode_state(bench.engine.state), bench.journal.last_seq
    answer = plan(bench.engine)
    assert (before, sequence) == (encode_state(bench.engine.state), bench.journal.last_seq)
    assert msgspec.json.encode(answer)
    return answer


def test_an_unhedged_book_is_planned_to_its_orders() -> None:
    """Every asset's derivation, and the orders with their limits that would follow now: the ones that then do."""
    bench = Bench().ready()
    bench.market()
    answer = planned(bench)
    bench.tick()
    (btc, eth) = answer["orders"]
    sent = {request.instrument: request for request in bench.orders}

    assert [] == answer["refused"]
    for order in (btc, eth):
        request = sent[order["instrument"]]
        assert (request.side.value, request.contracts, request.limit_price, request.reduce_only) == (
            order["side"],
            order["contracts"],
            order["limit_price"],
            order["reduce_only"],
        )
    assert ("neutral:BTC", d("-0.0005")) == (btc["group"], btc["residual"])
    (need,) = answer["groups"][0]["assets"]
    assert (d("1.2345"), d(0), d("-1.2345"), True) == (
        need["exposure"],
        need["target"],
        need["hedge"],
        need["breached"],
    )
    assert "sell 1.2345 BTC" in need["why"]


def test_a_book_in_band_plans_nothing() -> None:
    """No order, nothing refused, and the derivation is there all the same."""
    answer = planned(Bench().hedged())

    assert ("RUN", [], []) == (answer["mode"], answer["orders"], answer["refused"])
    assert [d(0), d(0)] == [group["assets"][0]["hedge"] for group in answer["groups"]]


def test_what_is_held_says_why() -> None:
    """A group that cannot be judged is refused with the guard and its reason, and has no derivation."""
    answer = planned(Bench())

    assert ["neutral:BTC", "neutral:ETH"] == [refused["what"] for refused in answer["refused"]]
    assert {"account"} == {refused["guard"] for refused in answer["refused"]}
    assert all("not confirmed" in group["held_because"] and group["assets"] == [] for group in answer["groups"])


def test_what_a_guard_refuses_is_named_beside_its_derivation() -> None:
    """Under a kill the need is shown, the order is not, and the guard that stops it is."""
    bench = Bench().ready()
    bench.market()
    bench.loop.step(OperatorAsked(Action.KILL, "x", "ann", bench.clock.now_ns()))
    answer = planned(bench)

    assert ("HALT", []) == (answer["mode"], answer["orders"])
    assert {"neutral:BTC", "neutral:ETH"} == {refused["what"] for refused in answer["refused"]}
    assert all(group["assets"][0]["breached"] for group in answer["groups"])


def test_an_unwind_is_planned_by_what_closes_it() -> None:
    """Unwinding, the plan buys back what is short, reduce-only."""
    bench = Bench().hedged()
    bench.exchange.answering = False
    bench.engine.state.modes.obey(OperatorAsked(Action.UNWIND, "x", "ann", bench.clock.now_ns()))
    answer = planned(bench)

    assert "UNWIND" == answer["mode"]
    assert {(hedge("BTC"), "buy", d("1.234"), True), (hedge("ETH"), "buy", d(10), True)} == {
        (order["instrument"], order["side"], order["contracts"], order["reduce_only"]) for order in answer["orders"]
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

    assert ["weights"] == [group["group"] for group in answer["groups"]]
    assert {"BTC", "ETH"} == {need["asset"] for need in answer["groups"][0]["assets"]}
    assert {(hedge("BTC"), "sell"), (hedge("ETH"), "buy")} == {
        (order["instrument"], order["side"]) for order in answer["orders"]
    }
