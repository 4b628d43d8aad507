"""Corrections in progress."""

from bot.domain.units import SECOND_NS, ClientOrderId, Nanos
from bot.engine.legs import Correction, Legs, naked_seconds
from tests.kit import d

ONE, TWO = ClientOrderId("tt1"), ClientOrderId("tt2")


def test_a_correction_gathers_its_intents() -> None:
    """The first intent gives the reason and the time; later ones add their orders."""
    legs = Legs()
    legs.open("weights", "drift", (ONE,), Nanos(5))
    legs.open("weights", "the rest", (TWO,), Nanos(9))

    assert legs.corrections["weights"] == Correction("drift", Nanos(5), 2, (ONE, TWO))


def test_a_correction_that_goes_on_for_days_lets_go_of_its_old_orders() -> None:
    """Orders that are known no more are forgotten, those that are stay, and a group without a correction has none."""
    legs = Legs()
    legs.open("weights", "drift", (ONE, TWO), Nanos(5))
    legs.forget("weights", {TWO})
    legs.forget("neutral", {TWO})

    assert legs.corrections == {"weights": Correction("drift", Nanos(5), 1, (TWO,))}


def test_abandoning_ends_corrections_and_proposals() -> None:
    """After a kill or a restart what is needed is decided anew."""
    legs = Legs()
    legs.open("weights", "drift", (ONE,), Nanos(5))
    legs.proposed["weights"] = True
    legs.abandon()

    assert (legs.corrections, legs.proposed) == ({}, {})


def test_nakedness_is_money_times_time() -> None:
    """Short or long, 500 for 3 seconds are 1,500; before any leg has ended there is none."""
    assert naked_seconds(d(-500), Nanos(SECOND_NS), Nanos(4 * SECOND_NS)) == d(1_500)
    assert naked_seconds(d(-500), Nanos(0), Nanos(4 * SECOND_NS)) == 0
