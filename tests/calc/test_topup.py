"""Margin that must come ahead of a move: how much, and from where."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.calc.stress import Exposed, Pool, slack
from bot.calc.topup import Source, Transfer, plan, shortfall, transfer_ahead
from bot.domain.units import AccountId, Asset
from tests.kit import SPOT, USDM, USDT, d, perpetual

EARN = AccountId("binance.earn")


def source(account: AccountId = SPOT, **changes: Any) -> Source:
    """An account with 10,000 USDT that may leave it."""
    made = Source(account=account, asset=USDT, max_withdraw=d(10_000), spare=d(10_000))
    return msgspec.structs.replace(made, **changes)


def short(cash: Decimal, coins: Decimal) -> Pool:
    """A short of so many coins at 60,000."""
    return Pool(cash=cash, positions=(Exposed(instrument=perpetual(), contracts=-coins, mark=d(60_000)),))


def test_what_a_short_loses_ahead_less_what_is_free() -> None:
    """1 BTC at 60,000 under a rise of 30 % loses 18,000; with 12,000 free, 6,000 must come."""
    assert transfer_ahead(d(-1), d(60_000), d("0.3"), d(12_000)) == 6_000
    assert transfer_ahead(d(-1), d(60_000), d("0.3"), d(20_000)) == 0


@given(st.decimals(0, 100_000, places=2), st.decimals("0.01", 9, places=2), st.decimals("0.05", 2, places=2))
def test_with_the_shortfall_the_stress_is_survived_to_the_cent(cash: Decimal, coins: Decimal, stress: Decimal) -> None:
    """What lacks is exactly what makes the slack zero at the stress; where nothing lacks, the slack is there."""
    lacks = shortfall(short(cash, coins), stress)

    assert lacks == max(-slack(short(cash, coins), stress), 0)
    assert slack(short(cash + lacks, coins), stress) >= -d("1e-18")


def test_the_shortfall_is_the_simple_form_and_the_margin_at_the_stressed_price() -> None:
    """Free margin of a balance of 12,240 is 12,000 after 240 of maintenance; 72 more are needed at +30 %."""
    simple = transfer_ahead(d(1), d(60_000), d("0.3"), d(12_240) - 240)

    assert shortfall(short(d(12_240), d(1)), d("0.3")) == simple + 72


def test_sources_give_in_order_and_no_more_than_they_may() -> None:
    """10,000 from the first, whose owner spares no more, and the rest from the second."""
    made = plan(USDM, d(12_000), [source(max_withdraw=d(50_000)), source(EARN)])

    assert made.transfers == (Transfer(SPOT, USDM, USDT, d(10_000)), Transfer(EARN, USDM, USDT, d(2_000)))
    assert made.missing == 0


def test_a_source_is_asked_only_for_what_is_missing() -> None:
    """Nothing more is sent once the need is covered."""
    made = plan(USDM, d("99.999"), [source(), source(EARN)])

    assert made.transfers == (Transfer(SPOT, USDM, USDT, d("100.00")),)
    assert not plan(USDM, d(0), [source()]).transfers
    assert not plan(USDM, d(0), [source(USDM)]).notes


def test_coins_count_after_their_haircut() -> None:
    """0.1 BTC at 60,000 counts 5,700 at 0.95."""
    coin = source(asset=Asset("BTC"), max_withdraw=d("0.1"), spare=d(1), price=d(60_000), haircut=d("0.95"))
    made = plan(USDM, d(6_000), [coin], step=d("0.0001"))

    assert made.transfers == (Transfer(SPOT, USDM, Asset("BTC"), d("0.1")),)
    assert made.missing == 300


@pytest.mark.parametrize(
    ("barred", "why"),
    [
        (source(USDM), "it is the account that needs it"),
        (source(transfers_allowed=False), "transfers out are not allowed"),
        (source(max_withdraw=None), "what may be withdrawn is unknown"),
        (source(haircut=d(0)), "it counts for nothing there"),
        (source(price=d(0)), "it counts for nothing there"),
        (source(max_withdraw=d(0)), "nothing of it is free"),
        (source(spare=d(-5)), "nothing of it is free"),
    ],
)
def test_a_source_that_cannot_give_says_why(barred: Source, why: str) -> None:
    """It is left out, and what is missing stays missing."""
    made = plan(USDM, d(500), [barred])

    assert made.transfers == ()
    assert made.missing == 500
    assert made.notes == (f"{barred.account} USDT: {why}",)


def test_less_than_a_step_is_not_sent() -> None:
    """A source that has half a cent gives nothing."""
    made = plan(USDM, d(500), [source(spare=d("0.005"))])

    assert made.missing == 500
    assert not made.transfers
    assert not made.notes


@given(
    st.decimals(0, 50_000, places=3),
    st.lists(st.tuples(st.decimals(0, 20_000, places=3), st.decimals("0.5", 1, places=2)), max_size=4),
)
def test_a_plan_never_takes_more_than_is_there_and_adds_up(
    needed: Decimal, given_by: list[tuple[Decimal, Decimal]]
) -> None:
    """Each transfer is within its source; what they bring and what is missing cover the need, with no step to spare."""
    sources = [source(AccountId(f"a{i}"), spare=spare, haircut=cut) for i, (spare, cut) in enumerate(given_by)]
    made = plan(USDM, needed, sources)
    by_name = {one.account: one for one in sources}
    brought = sum((t.amount * by_name[t.source].haircut for t in made.transfers), d(0))

    assert all(0 < t.amount <= by_name[t.source].spare for t in made.transfers)
    assert needed <= brought + made.missing < needed + d("0.01") or made.missing == needed - brought
