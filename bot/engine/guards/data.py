"""Is what the order rests on fresh and sane: quote, mark, account, clock."""

from bot.domain.order import Refused
from bot.domain.units import SECOND_NS
from bot.engine.guards.context import Context


def _seconds(nanos: int) -> str:
    return f"{nanos / SECOND_NS:.1f} s"


def quote(context: Context) -> Refused | None:
    """A sane book, heard of lately. An order that reduces may use an older one."""
    if context.quote is None or not context.quote.sane:
        return context.refuse("quote", "there is no sane best bid and ask")
    limits = context.limits
    own = limits.quote_age_ns_max_of(context.request.instrument)
    bound = limits.reducing_quote_age_ns_max if context.reducing else own
    if context.book_age_ns is None or context.book_age_ns > bound:
        age = "never seen" if context.book_age_ns is None else f"{_seconds(context.book_age_ns)} old"
        return context.refuse("stale_quote", f"the book is {age}, at most {_seconds(bound)}")
    return None


def mark(context: Context) -> Refused | None:
    """A fresh mark price, for everything that adds risk."""
    if context.reducing:
        return None
    bound = context.limits.mark_age_ns_max
    if context.mark is None or context.mark_age_ns is None or context.mark_age_ns > bound:
        age = "never seen" if context.mark_age_ns is None else f"{_seconds(context.mark_age_ns)} old"
        return context.refuse("stale_mark", f"the mark price is {age}, at most {_seconds(bound)}")
    return None


def account(context: Context) -> Refused | None:
    """A fresh account and a live private stream, for everything that adds risk."""
    if context.reducing:
        return None
    bound = context.limits.account_age_ns_max
    if context.account_age_ns is None or context.account_age_ns > bound:
        age = "not confirmed" if context.account_age_ns is None else f"{_seconds(context.account_age_ns)} old"
        return context.refuse("stale_account", f"the account is {age}, at most {_seconds(bound)}")
    if not context.stream_up:
        return context.refuse("private_stream", "the account's private stream is down, or was and no read came since")
    return None


def clock(context: Context) -> Refused | None:
    """Our clock and the venue's agree, for everything that adds risk: else it would be refused, or taken too late."""
    if context.reducing:
        return None
    bound = context.limits.clock_offset_ns_max
    if context.clock_offset_ns is None:
        return context.refuse("clock", "the venue's clock has not been sampled")
    if abs(context.clock_offset_ns) > bound:
        off = _seconds(abs(context.clock_offset_ns))
        return context.refuse("clock", f"our clock is {off} off the venue's, at most {_seconds(bound)}")
    return None
