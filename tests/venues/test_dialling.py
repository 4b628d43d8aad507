"""Connecting is bounded for a venue as a whole, and an outage does not outlast itself."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.units import SECOND_NS
from bot.venues.dialling import BACKOFF_MAX_S, BURST, CONNECTS_MAX, RESERVE, WINDOW_S, Dialling, backoff_s

A, B = "stream.binance.com", "fstream.binance.com"

Step = tuple[str, float, bool]
steps = st.lists(st.tuples(st.sampled_from([A, B]), st.floats(0, 40), st.booleans()), max_size=200)


@given(steps)
def test_no_window_holds_more_connects_than_allowed(sequence: list[Step]) -> None:
    """Whatever fails or succeeds, at most `CONNECTS_MAX` connections are tried in any `WINDOW_S`."""
    dialling, now_ns, granted = Dialling(random.Random(1)), 0, list[int]()
    for host, pause_s, works in sequence:
        now_ns += int(pause_s * SECOND_NS)
        while dialling.ask(host, now_ns) == 0:
            granted.append(now_ns)
            if works:
                dialling.succeeded(host)
            else:
                dialling.failed(host, now_ns)

    for first in range(len(granted) - CONNECTS_MAX):
        assert granted[first + CONNECTS_MAX] - granted[first] >= WINDOW_S * SECOND_NS


def test_one_stream_at_a_time_tries_a_host_that_fails() -> None:
    """While a host fails, a try that is on its way makes the others wait; hosts that work are not held up."""
    dialling = Dialling(random.Random(1))
    assert 0 == dialling.ask(A, 0)
    dialling.failed(A, 0)
    later = SECOND_NS

    assert 0 == dialling.ask(A, later)
    assert dialling.ask(A, later) > 0
    assert 0 == dialling.ask(B, later)


def test_success_frees_everyone_who_waits() -> None:
    """After the first success the other streams of a host connect at once."""
    dialling = Dialling(random.Random(1))
    dialling.failed(A, 0)
    assert dialling.ask(A, 0) > 0

    dialling.succeeded(A)

    assert [0, 0, 0] == [dialling.ask(A, 0) for _ in range(3)]


def test_an_outage_ends_for_every_host_at_once() -> None:
    """The first host that answers after an outage lets the streams of the others try without waiting."""
    dialling = Dialling(random.Random(1))
    for _ in range(8):
        for host in (A, B):
            dialling.ask(host, 0)
            dialling.failed(host, 0, reached=False)
    assert dialling.ask(B, 0) > 0

    dialling.succeeded(A)

    assert 0 == dialling.ask(B, 0)


def test_hosts_that_fail_together_take_turns() -> None:
    """Three hosts that are cut for five seconds are tried in turn, and so seldom that a fresh start comes back."""
    dialling, hosts, tried = Dialling(random.Random(1)), (A, B, "ws-api.binance.com"), list[str]()
    for host in hosts:
        dialling.failed(host, 0)
    for now_ns in range(0, 5 * SECOND_NS, SECOND_NS // 100):
        for host in hosts:
            if dialling.ask(host, now_ns) == 0:
                tried.append(host)
                dialling.failed(host, now_ns)

    assert [*hosts, A] == tried


def test_a_host_that_is_dead_does_not_slow_the_others_down() -> None:
    """However long one host has been failing, another one that begins to is tried again within a second."""
    dialling, now_ns = Dialling(random.Random(1)), 0
    for _ in range(8):
        dialling.ask(A, now_ns)
        dialling.failed(A, now_ns, reached=False)
        now_ns += int(BACKOFF_MAX_S * SECOND_NS)
    assert 0 == dialling.ask(B, now_ns)

    dialling.failed(B, now_ns)

    assert dialling.ask(B, now_ns) <= SECOND_NS


def test_a_try_that_never_reached_the_venue_costs_nothing() -> None:
    """However long our own network is down, the venue's patience is not used up."""
    dialling, now_ns = Dialling(random.Random(1)), 0
    for _ in range(5 * CONNECTS_MAX):
        assert 0 == dialling.ask(A, now_ns)
        dialling.failed(A, now_ns, reached=False)
        now_ns += int(BACKOFF_MAX_S * SECOND_NS)

    dialling.succeeded(A)
    assert [0] * BURST == [dialling.ask(A, now_ns) for _ in range(BURST)]
    assert dialling.ask(A, now_ns) > 0


def test_an_outage_leaves_enough_to_come_back() -> None:
    """However long a host fails, the last tokens are kept for streams of hosts that work."""
    dialling, tries = Dialling(random.Random(1)), 0
    dialling.failed(A, 0)
    for second in range(0, 29, 1):
        if dialling.ask(A, second * SECOND_NS + SECOND_NS // 2) == 0:
            tries += 1
            dialling.succeeded(A)
            dialling.failed(A, 0)

    assert BURST - RESERVE == tries
    assert [0] * RESERVE == [dialling.ask(B, 29 * SECOND_NS) for _ in range(RESERVE)]
    assert dialling.ask(B, 29 * SECOND_NS) > 0


def test_the_wait_that_is_named_is_enough() -> None:
    """Who waits as long as told gets through, unless somebody else was faster."""
    dialling = Dialling(random.Random(1))
    for _ in range(BURST):
        assert 0 == dialling.ask(A, 0)

    assert 0 == dialling.ask(A, dialling.ask(A, 0))


def test_streams_that_fail_together_count_as_one_failure() -> None:
    """Five streams that find a host dead in the same moment wait as one would, not five times as long."""
    dialling = Dialling(random.Random(1))
    for _ in range(5):
        dialling.failed(A, 0)

    assert dialling.ask(A, 0) <= SECOND_NS // 4


@given(st.integers(1, 1000), st.integers())
def test_backoff_is_bounded_and_random(failures: int, seed: int) -> None:
    """A backoff is three quarters to all of a quarter second doubled with every failure, up to the cap."""
    full = min(BACKOFF_MAX_S, 0.25 * 2.0 ** min(failures - 1, 32))

    assert 0.75 * full <= backoff_s(failures, random.Random(seed)) <= full
