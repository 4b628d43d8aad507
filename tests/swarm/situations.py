"""The situations that a run of swarms must have met at least once each, by stable names, and what is seen of a life.

A situation counts when it was seen to happen, at the bot and at the exchange, never because it was asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from bot.simex.faults.log import Firing

UNKNOWN_EXECUTED: Final = "unknown_then_executed"
UNKNOWN_ABSENT: Final = "unknown_then_not_placed"
CRASH_UNSENT: Final = "crash_between_journal_and_send"
CRASH_UNANSWERED: Final = "crash_between_send_and_answer"
PARTIAL_DISCONNECT: Final = "partial_fill_then_disconnect"
REST_FIRST: Final = "fill_seen_by_rest_before_stream"
ADL_UNKNOWN: Final = "adl_while_an_order_is_unknown"
KILL_IN_FLIGHT: Final = "kill_while_an_order_is_in_flight"
BAN_UNKNOWN: Final = "ban_418_while_an_order_is_unknown"
SECOND_VENUE: Final = "rehedge_on_the_second_venue"
RESYNC: Final = "book_resynced_during_a_hedge"
FUNDING_INSIDE: Final = "funding_inside_an_order"
MAINTENANCE_START: Final = "restart_inside_maintenance"
ADL_SEEN: Final = "adl_seen"
LIQUIDATION_SEEN: Final = "liquidation_seen"
ANSWER_LOST: Final = "answer_of_an_order_lost"
PARTIAL_LOST: Final = "partial_fill_then_lost_answer"
LISTEN_KEY: Final = "listen_key_expired_and_renewed"
EVENT_LOST: Final = "user_event_lost"
EVENT_TWICE: Final = "user_event_twice"
EVENT_DISORDERED: Final = "user_event_out_of_order"

SITUATIONS: Final[Mapping[str, str]] = {
    UNKNOWN_EXECUTED: "an order of unknown fate turned out to have been executed",
    UNKNOWN_ABSENT: "an order of unknown fate was proven absent",
    CRASH_UNSENT: "the bot died with an intent on disk that never reached the exchange",
    CRASH_UNANSWERED: "the bot died with an order at the exchange and no word of it on disk",
    PARTIAL_DISCONNECT: "an order filled in part, and the private stream broke before the bot knew its end",
    REST_FIRST: "a fill came by an answer or a look-up, and by the stream afterwards",
    ADL_UNKNOWN: "a position was deleveraged while an order's fate was unknown",
    KILL_IN_FLIGHT: "the kill switch was thrown while an order was on its way",
    BAN_UNKNOWN: "418 was answered while an order's fate was unknown",
    SECOND_VENUE: "a coin that was hedged at one venue was hedged at another as well",
    RESYNC: "a book of differences was asked for anew while its coin's hedge was under way",
    FUNDING_INSIDE: "funding was charged between an order's departure and the bot's knowing its end",
    MAINTENANCE_START: "the bot was started while a venue of its was away",
    ADL_SEEN: "the bot knew a deleveraging for what it was",
    LIQUIDATION_SEEN: "the bot knew a liquidation for what it was",
    ANSWER_LOST: "the answer to an order was lost",
    PARTIAL_LOST: "an order filled in part, and its answer was lost",
    LISTEN_KEY: "a listen key expired and the private stream came back",
    EVENT_LOST: "a frame of the private stream was lost",
    EVENT_TWICE: "a frame of the private stream came twice",
    EVENT_DISORDERED: "a frame of the private stream came after its successor",
}
_FRAMES: Final = {"frame_drop": EVENT_LOST, "frame_duplicate": EVENT_TWICE, "frame_reorder": EVENT_DISORDERED}


def missing(met: Mapping[str, int]) -> list[str]:
    """The situations that were never met, in the order of the list."""
    return [name for name in SITUATIONS if not met.get(name)]


def of_frames(firings: Iterable[Firing]) -> Counter[str]:
    """What the wire did to frames of the private stream."""
    found: Counter[str] = Counter()
    for one in firings:
        if one.kind in _FRAMES and "user" in one.touch.get("channels", ()):
            found[_FRAMES[one.kind]] += 1
    return found


def of_crash(submitted: set[str], told: set[str], arrived: set[str]) -> Counter[str]:
    """What a crash fell into, by client order ids: on disk as sent, on disk as heard of, seen by the exchange."""
    open_ids = submitted - told
    return Counter({CRASH_UNANSWERED: len(open_ids & arrived), CRASH_UNSENT: len(open_ids - arrived)})
