"""What a sale of coins must keep besides all that every order keeps."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from bot.domain.order import Approved, OrderRequest, Refused, Side, TimeInForce
from bot.engine.guards.context import Context, Sale
from bot.engine.modes import Mode
from bot.engine.risk import review
from tests.engine.guards.contexts import moment, order
from tests.kit import d, pricing, quote, spot

NAME = pricing("BTC")
PAIR = msgspec.structs.replace(spot("BTC"), notional_min=d(5), contracts_min=d("0.001"))


def selling(request: OrderRequest | None = None, **changes: Any) -> Context:
    """A moment at which a sale of one coin passes every guard."""
    made = moment(
        request or order(instrument=NAME),
        instrument=PAIR,
        quote=quote(NAME, 60_000.0),
        wallet=None,
        holdings=None,
        sale=Sale(free=d(2), left=d(2), paired=d(1)),
    )
    return msgspec.structs.replace(made, **changes)


def test_a_sale_that_keeps_everything_passes() -> None:
    """It needs no margin: what it sells is there."""
    assert isinstance(review(selling()), Approved)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"side": Side.BUY, "price": "60010"}, "never bought"),
        ({"time_in_force": TimeInForce.GTC}, "immediate-or-cancel"),
        ({"reduce_only": True}, "reduce-only"),
        ({"contracts": "0.00001"}, "whole lots"),
    ],
)
def test_only_a_plain_sale_passes(changes: dict[str, Any], words: str) -> None:
    """Coins are sold at once or not at all, and never bought."""
    refused = review(selling(order(instrument=NAME, **changes)))

    assert isinstance(refused, Refused)
    assert words in refused.why


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        (Sale(d("0.9"), d(2), d(2)), "free to be sold"),
        (Sale(d(2), d("0.9"), d(2)), "left to be sold"),
        (Sale(d(2), d(2), d("0.9")), "bought back with it"),
    ],
)
def test_no_bound_of_a_sale_is_passed(bounds: Sale, words: str) -> None:
    """What is free, what is left, what is bought back: the least of them."""
    refused = review(selling(sale=bounds))

    assert isinstance(refused, Refused)
    assert words in refused.why


def test_a_spot_order_that_is_no_sale_never_passes() -> None:
    """Whoever drafts an order on a spot pair without its bounds is refused."""
    refused = review(selling(sale=None))

    assert isinstance(refused, Refused)
    assert "sale" == refused.guard


@pytest.mark.parametrize("least", [{"notional_min": Decimal(100_000)}, {"contracts_min": Decimal(2)}])
def test_a_sale_below_the_minimum_is_not_sent(least: dict[str, Decimal]) -> None:
    """Nothing on spot is exempt from the venue's minimum."""
    refused = review(selling(instrument=msgspec.structs.replace(PAIR, **least)))

    assert isinstance(refused, Refused)
    assert "below the minimum" in refused.why


@pytest.mark.parametrize(
    ("changes", "guard"),
    [
        ({"mode": Mode.REDUCE_ONLY}, "mode"),
        ({"mode": Mode.HALT}, "mode"),
        ({"settled": False}, "lock"),
        ({"live": d(1)}, "lock"),
        ({"rejects_in_row": 3}, "rejects"),
        ({"stream_up": False}, "private_stream"),
        ({"account_age_ns": None}, "stale_account"),
        ({"book_age_ns": 3_000_000_000}, "stale_quote"),
        ({"mark_age_ns": None}, "stale_mark"),
        ({"clock_offset_ns": None}, "clock"),
        ({"quote": quote(NAME, 60_500.0)}, "slippage"),
        ({"sent_last_minute": 5}, "pace"),
    ],
)
def test_a_sale_is_new_risk_to_every_other_guard(changes: dict[str, Any], guard: str) -> None:
    """It is no reduction of risk: modes, ages, collars and paces hold it as they hold what opens a position."""
    refused = review(selling(**changes))

    assert isinstance(refused, Refused)
    assert guard == refused.guard
