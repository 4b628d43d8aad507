"""The only door to an order."""

from bot.domain.order import Approved, Refused
from bot.engine.modes import Mode
from bot.engine.risk import GUARDS, review
from tests.engine.guards.contexts import moment, reducing
from tests.kit import d


def test_an_order_that_passes_every_guard_is_approved() -> None:
    """What is approved is the request as it was judged."""
    assert review(moment()) == Approved(moment().request)
    assert review(reducing()) == Approved(reducing().request)


def test_the_first_guard_that_refuses_speaks() -> None:
    """A halted order is called halted, whatever else is wrong with it."""
    verdict = review(moment(mode=Mode.HALT, live=d(1), quote=None))

    assert isinstance(verdict, Refused)
    assert verdict.guard == "mode"


def test_every_guard_passes_a_sound_order() -> None:
    """No guard refuses without a reason."""
    assert [guard.__name__ for guard in GUARDS if guard(moment()) or guard(reducing())] == []


def test_what_closes_a_hedge_passes_while_nothing_is_known_but_its_own_book() -> None:
    """Without mark, account, private stream, clock, wallet or pace for new risk, a hedge can still be closed."""
    blind = reducing(
        mode=Mode.UNWIND,
        mark=None,
        mark_age_ns=None,
        account_age_ns=None,
        stream_up=False,
        clock_offset_ns=None,
        sent_last_minute=19,
        rejects_in_row=9,
        wallet=None,
        holdings=None,
        book_age_ns=9_000_000_000,
    )

    assert review(blind) == Approved(blind.request)
