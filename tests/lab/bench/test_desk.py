"""The book that is measured with is where the measurement says that it is."""

import pytest

from bot.domain.instrument import instrument_id
from bot.domain.market import Quote
from bot.domain.order import Side
from bot.engine.engine import Engine
from bot.engine.skipping import Skipping
from bot.lab.bench import desk, replay
from bot.lab.bench.frames import PRICES


@pytest.fixture(name="evaluations")
def _evaluations(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one with every exact evaluation."""
    seen: list[int] = []
    exact = Engine._evaluate

    def counted(engine: Engine, *args: object, **options: object) -> object:
        seen.append(1)
        return exact(engine, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Engine, "_evaluate", counted)
    return seen


def test_a_quiet_tape_needs_no_evaluation(evaluations: list[int]) -> None:
    """ "Without consequence" means that every quote is inside its box."""
    made, quotes = desk.engine(replay.NOW), replay.tape(400)
    evaluations.clear()

    assert [] == [command for quote in quotes for command in made.handle(quote)]
    assert [] == evaluations
    assert {made.state.books.quotes[name].sequence for name in desk.INSTRUMENTS} == {397, 398, 399, 400}


def test_every_restless_quote_leaves_its_box(monkeypatch: pytest.MonkeyPatch) -> None:
    """ "Each out of its box" means each, and none of them may be a breach."""
    made, seen = desk.engine(replay.NOW, desk.EDGE), list[Quote]()
    proven = Skipping.is_proven

    def counted(skipping: Skipping, quote: Quote) -> bool:
        seen.append(quote)
        return proven(skipping, quote)

    monkeypatch.setattr(Skipping, "is_proven", counted)
    for _ in range(20):
        for quote in replay.restless(replay.edge_radius()):
            assert not made.handle(quote)

    assert 40 == len(seen)


def test_the_breaching_quote_leads_to_one_order_each_time() -> None:
    """The restored engine is the same every time: half a per cent more on BTC sells BTC's future."""
    book = desk.Restorable(replay.NOW)
    first, second = book.order().request, book.order().request

    assert first == second
    assert (instrument_id(desk.USDM, "BTCUSDT"), Side.SELL) == (first.instrument, first.side)


def test_the_restored_engine_rests_until_the_quote_comes() -> None:
    """What is timed is the breach, not something that was due anyway."""
    engine = desk.Restorable(replay.NOW).engine()

    assert not engine.handle(desk.quote(desk.BTC_QUOTE, PRICES["BTCUSDT"], replay.NOW, 2))


def test_replay_rates_are_counted_in_quotes() -> None:
    """Every kind of replay comes to a rate, and the smallest counts are enough for it."""
    tape = replay.tape(200)

    assert replay.without_consequence(desk.engine(replay.NOW), tape, 400) > 0
    assert replay.evaluated(4) > 0
    assert replay.intents(2) > 0
    assert replay.bare(tape, 400) > 0


def test_a_quote_with_a_consequence_spoils_the_quiet_measurement() -> None:
    """A tape that leaves the band fails loudly instead of being measured as quiet."""
    made = desk.engine(replay.NOW, desk.EDGE)

    with pytest.raises(AssertionError, match="left the band"):
        replay.without_consequence(made, [desk.Restorable(replay.NOW).breaching], 1)
