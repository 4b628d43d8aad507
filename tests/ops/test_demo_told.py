"""The demo's judgement of its alerts: what is missing, doubled, out of order or wrong in its numbers is found."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import cast

import pytest

from bot.ops.demo_alerts import Told
from bot.ops.demo_books import Book
from bot.ops.demo_stage import Stage
from bot.ops.demo_told import HEDGED_STORY, agrees, mismatch, sums, without_weather

STORY = ((("start", "started"),), (("hedge", "BTC"), ("hedge", "ETH")), (("operator", "killed"),))


def said(kind: str, title: str, text: str = "") -> Told:
    """An alert as a sink got it."""
    page = f"Runbook: docs/runbooks/{kind}.md" if kind else ""
    return Told("core", title, f"{text}\n\n{page}")


START, BTC, ETH, KILL = said("start", "started"), said("hedge", "BTC"), said("hedge", "ETH"), said("operator", "killed")


def test_a_story_that_was_told_matches_whichever_came_first_of_a_moment() -> None:
    """Two coins are hedged at once, so their order is nobody's."""
    assert "" == mismatch([START, BTC, ETH, KILL], STORY)
    assert "" == mismatch([START, ETH, BTC, KILL], STORY)


@pytest.mark.parametrize(
    ("told", "fault"),
    [
        ([], "start (started) is missing; told instead: nothing"),
        ([START, BTC, KILL], "hedge (ETH) is missing"),
        ([START, BTC, BTC, KILL], "hedge (ETH) is missing"),
        ([START, KILL, BTC, ETH], "hedge (ETH) is missing"),
        ([START, BTC, ETH, KILL, KILL], "told beyond the story: [operator] killed"),
        ([START, BTC, said("proposal", "ETH"), KILL], "hedge (ETH) is missing"),
        ([START, BTC, ETH, said("operator", "armed")], "operator (killed) is missing; told instead: [operator] armed"),
    ],
    ids=["nothing", "missing", "twice instead", "out of order", "twice", "another kind", "other words"],
)
def test_a_story_that_was_told_otherwise_says_where(told: list[Told], fault: str) -> None:
    """What is missing is named with what was told in its place, and what was told beyond."""
    assert fault in mismatch(told, STORY)


def test_the_weather_of_the_machine_is_no_part_of_the_story() -> None:
    """A slow disk or stream may be told in between; a second kill may not."""
    assert [START, KILL, KILL] == without_weather([START, said("journal_slow", "slow"), KILL, KILL])


def test_the_demos_own_story_has_every_kind_once_where_it_belongs() -> None:
    """It begins with the test of the sink and ends flat."""
    kinds = [kind for moment in HEDGED_STORY for kind, _ in moment]

    assert ["", "start", "unwound"] == [*kinds[:2], kinds[-1]]
    assert 7 == kinds.count("hedge")


def test_coins_and_fees_add_up_over_alerts() -> None:
    """Sold counts below zero; thousands, several trades of a title, rebates and alerts without any are read right."""
    told = [
        said("hedge", "BTC hedged: sold 1,234.5 BTC at 60,000.00 (+1.2 bps)", "Fees: 1,000.25 USDT"),
        said("hedge", "rebalanced: sold 0.5 BTC at 60,000.00, bought 2 ETH at 3,000.00 (+1.0 bps)", "Fees: -0.5 USDT"),
        said("operator", "killed"),
    ]

    assert ({"BTC": Decimal("-1235.0"), "ETH": Decimal(2)}, Decimal("999.75")) == sums(told)
    assert ({}, Decimal(0)) == sums([])


@dataclass(frozen=True)
class Scene:
    """Stands for a stage: what was told of a book, and what its exchange charged."""

    heard: tuple[Told, ...]
    charged: str

    @property
    def alerts(self) -> Scene:
        """The receiver."""
        return self

    def told(self, _: str) -> tuple[Told, ...]:
        """What it has."""
        return self.heard

    def truth(self, _: Book) -> Scene:
        """The exchange's account."""
        return self

    def fees(self, _: str) -> Decimal:
        """What it charged."""
        return Decimal(self.charged)


def does_agree(charged: str, *told: Told) -> bool:
    """Whether the alerts' numbers are the exchange's."""
    return agrees(cast("Stage", Scene(told, charged)), Book("core", Path("/nowhere")))


SOLD = said("hedge", "BTC hedged: sold 1 BTC at 60,000.00 (+1.2 bps)", "Fees: 30.00 USDT")
BOUGHT = said("hedge", "BTC hedge closed: bought 1 BTC at 60,100.00 (+1.0 bps)", "Fees: 30.05 USDT")


def test_numbers_agree_where_the_book_is_flat_and_the_fees_are_what_was_charged() -> None:
    """A cent an alert is what rounding may take."""
    assert does_agree("60.05", SOLD, BOUGHT)
    assert does_agree("60.069", SOLD, BOUGHT)


def test_numbers_that_do_not_agree_are_found() -> None:
    """A fee too much, a hedge that is left open, and no hedge at all."""
    assert not does_agree("60.08", SOLD, BOUGHT)
    assert not does_agree("30.00", SOLD)
    assert not does_agree("0")
