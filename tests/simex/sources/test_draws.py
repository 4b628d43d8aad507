"""Draws by quantile table: the cheap way is the plain way."""

from __future__ import annotations

from bot.simex.sources.draws import BITS, EXPONENTIAL, NORMAL, drawn, stream


def test_several_tables_share_a_stream_in_the_order_of_asking() -> None:
    """Nothing is drawn ahead: what is asked for one by one is what the stream says in that order."""
    plain, bits = stream(7, "one").getrandbits, stream(7, "one").getrandbits
    normal, exponential = drawn(NORMAL, bits, BITS), drawn(EXPONENTIAL, bits, BITS)
    for _ in range(100):
        assert NORMAL[plain(BITS)] == normal()
        assert plain(8) == bits(8)
        assert EXPONENTIAL[plain(BITS)] == exponential()
