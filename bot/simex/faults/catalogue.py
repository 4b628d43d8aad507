"""Every kind of fault: where it is injected, what it hits, its variants and its parameters. Data only.

A "touch" hits what passes its point (a request, a frame ...), a "window" is a state that lasts, a "moment" happens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from bot.simex.faults.errors import ERRORS, STATUSES
from bot.simex.faults.values import Param

Point = Literal["http", "frame", "message", "handshake", "socket", "tcp", "tls", "name", "action"]
Timing = Literal["touch", "window", "moment"]

DELAY_MS_MAX: Final = 120_000
FACTOR_MAX: Final = 100
_EXECUTES: Final = Param("flag", True)
_PICK: Final = Param("number", {"uniform": [0, 1]}, most=1)
_DELAY: Final = Param("integer", 0, most=DELAY_MS_MAX)
_TEXT: Final = Param("text", "")
_NEEDED: Final = Param("text", needed=True)
_AMOUNT: Final = Param("amount", needed=True)
_FACTOR: Final = Param("number", needed=True, least=0.0001, most=FACTOR_MAX)
_REQUEST: Final = ("venue", "host", "method", "endpoint", "symbol", "account")
_FRAME: Final = ("venue", "host", "endpoint", "channel", "symbol")
_LINE: Final = ("venue", "host", "endpoint", "channel")
_HOST: Final = ("venue", "host")
_ONE: Final = ("venue", "symbol")
_MARKET_PARAM: Final = {"market": Param("text", "")}


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind. `stacks`: it goes with others on the same request; of those that do not, the first armed fires."""

    point: Point
    timing: Timing
    text: str
    variants: tuple[str, ...] = ()
    params: Mapping[str, Param] = field(default_factory=dict)
    scope: tuple[str, ...] = _REQUEST
    stacks: bool = False


def _http(text: str, *variants: str, stacks: bool = False, **params: Param) -> Kind:
    return Kind("http", "touch", text, variants, params, _REQUEST, stacks)


def _frame(text: str, *variants: str, **params: Param) -> Kind:
    return Kind("frame", "touch", text, variants, params, _FRAME)


def _message(text: str) -> Kind:
    return Kind("message", "touch", text, scope=_LINE)


def _state(point: Point, text: str, *variants: str, scope: tuple[str, ...] = _HOST) -> Kind:
    return Kind(point, "window", text, variants, scope=scope)


def _act(text: str, *variants: str, scope: tuple[str, ...] = ("venue",), **params: Param) -> Kind:
    known = {**_MARKET_PARAM, **params} if "symbol" in scope else params
    return Kind("action", "moment", text, variants, known, scope)


_HTTP: Final = {
    "http_503": _http(
        "a 503 in the venue's words; `unknown` may have been executed, the others never were",
        *("unknown", "unavailable", "internal", "throttled"),
        executes=_EXECUTES,
    ),
    "delay": _http(
        "the request is held before it is executed, or its answer after",
        "before",
        "after",
        stacks=True,
        delay_ms=_DELAY,
    ),
    "drop_answer": _http("the connection is reset in place of an answer", executes=_EXECUTES),
    "hold_answer": _http(
        "no answer ever comes and the connection stays: requests arrive, answers do not", executes=_EXECUTES
    ),
    "garbage_200": _http(
        "status 200 with a body that is not the answer; `cut` is where `cut` ends it, as a share of its length",
        *("empty", "truncated", "cut", "html", "{}", "binary"),
        executes=_EXECUTES,
        cut=_PICK,
    ),
    "empty_list": _http("the answer's lists of account rows are empty"),
    "empty_balances": _http("the answer's balances and positions are empty"),
    "error": _http(
        "an error with this status, code and text; nothing is executed",
        status=Param("integer", 400, 200, 599),
        code=Param("integer", 0, -(2**31), 2**31),
        msg=_TEXT,
    ),
    "venue_error": _http(
        "a documented error of the venue; nothing is executed unless the outcome is one that is unknown",
        *ERRORS,
        executes=_EXECUTES,
    ),
    "http_status": _http(
        "a status of the front, with the body that fronts send; 408, 500, 502 and 504 may have been executed",
        *STATUSES,
        executes=_EXECUTES,
        retry_after_s=Param("integer", 30, 0, 86_400),
    ),
    "schema_drift": _http(
        "the answer's shape changes: one field is missing, null, of another type, a new word, or a field is new",
        *("missing", "null", "string_to_number", "number_to_string", "new_enum", "extra"),
        field=_TEXT,
        pick=_PICK,
    ),
    "late": _http(
        "the request is parked and executed late, if it is still inside its window; `told` hears at once that the "
        "outcome is unknown, `silent` waits and hears nothing",
        *("silent", "told"),
        delay_ms=Param("integer", {"uniform": [500, 20_000]}, 0, DELAY_MS_MAX),
    ),
    "slow_body": _http(
        "the answer's body comes byte by byte", stacks=True, bytes_per_s=Param("integer", 1, 1, 1_000_000)
    ),
    "short_page": _http("lists in the answer are cut", "newest", "oldest", rows_max=Param("integer", 1, 0, 10_000)),
    "limit_headers": _http(
        "the headers that tell the used limits are missing, or tell this",
        "missing",
        "wrong",
        stacks=True,
        value=Param("integer", 0),
    ),
}
_SOCKETS: Final = {
    "frame_drop": _frame("a frame is lost; of a stream of differences: a gap"),
    "frame_duplicate": _frame(
        "a frame comes again, or the latest ones of the connection do",
        "same",
        "recent",
        copies=Param("integer", 1, 1, 50),
    ),
    "frame_reorder": _frame(
        "a frame comes after the next one, or when the window is over", window_ms=Param("integer", 500, 1, 60_000)
    ),
    "frame_delay": _frame("a frame is late, and all behind it", delay_ms=_DELAY),
    "frame_garble": _frame(
        "a frame is not what it should be",
        *("truncated", "binary", "not_json", "oversized", "unknown_event"),
        size=Param("integer", 2_000_000, 1, 16_000_000),
    ),
    "frame_price": _frame(
        "prices in a frame are wrong, sides of a book are swapped or empty; the exchange itself knows nothing of it",
        *("factor", "zero", "negative", "huge", "nan", "crossed", "no_bids", "no_asks", "empty"),
        factor=Param("number", 10, 0.0001, 10_000),
    ),
    "ack_lost": _message("a message of the client is acted on, and its reply is lost"),
    "ack_refused": _message("a message of the client is refused in the venue's words and not acted on"),
    "message_lost": _message("a message of the client never arrives"),
    "handshake_refused": Kind(
        "handshake",
        "touch",
        "a websocket is not opened: an HTTP status, or a reset",
        ("403", "429", "503", "reset"),
        scope=_LINE,
    ),
    "lifetime": Kind(
        "handshake",
        "touch",
        "a websocket is closed at this age, as the venues do after 24 hours",
        (),
        {"lifetime_ms": Param("integer", 60_000, 1, 86_400_000)},
        _LINE,
        stacks=True,
    ),
    "close": Kind(
        "socket",
        "moment",
        "open websockets are closed with a code; 1006 is a reset without one",
        (),
        {"code": Param("integer", {"choice": [1000, 1001, 1006, 1008]}, 1000, 4999)},
        _LINE,
    ),
    "reset_mid_frame": Kind("socket", "moment", "open websockets are reset within a fragmented frame", scope=_LINE),
    "no_pongs": _state("socket", "pings of the client are not answered", scope=_LINE),
    "no_pings": _state("socket", "the server does not ping", scope=_LINE),
}
_NETWORK: Final = {
    "refuse": _state("tcp", "connections are refused; with a scope they are reset as soon as their host is known"),
    "hang": _state("tcp", "connections are accepted and never answered"),
    "blackhole": _state("tcp", "nothing goes in or out of any connection, and none is closed before it is over"),
    "certificate": _state(
        "tls", "new connections are shown another certificate", *("expired", "wrong_name", "unknown_ca")
    ),
    "no_address": _state("name", "the name does not resolve, for clients behind the proxy"),
    "wrong_address": _state("name", "the name resolves to where nobody listens, for clients behind the proxy"),
}
_MARKET: Final = {
    "shock": _act("every price of an asset is multiplied, for good", asset=_NEEDED, factor=_FACTOR),
    "crash": _act(
        "the prices of an asset fall (or rise) step by step, and come back the same way",
        asset=_NEEDED,
        factor=_FACTOR,
        over_ms=Param("integer", 60_000, 100, 3_600_000),
        back=Param("flag", True),
    ),
    "book": _act(
        "what strangers offer in a book: nothing, one side, little, or all of it at other prices than elsewhere "
        "(factor); it is their own again after the duration",
        *("empty", "no_bids", "no_asks", "thin", "factor"),
        scope=_ONE,
        factor=Param("number", 1.05, 0.01, FACTOR_MAX),
    ),
    "mark": _act(
        "a mark stands still: at a price, or at its present one times a factor",
        scope=_ONE,
        price=Param("amount"),
        factor=Param("number", 1, 0.01, FACTOR_MAX),
    ),
    "index": _act(
        "an index that comes from outside the exchange is off by a factor",
        name=_NEEDED,
        factor=Param("number", needed=True, least=0.01, most=FACTOR_MAX),
    ),
    "constituent": _act(
        "one market that an index is made of is off by a factor, stands still, or has no price; the index leaves out "
        "a single one that is more than 5 % from the median",
        *("factor", "frozen", "missing"),
        name=_NEEDED,
        constituent=_NEEDED,
        factor=Param("number", 1.5, 0.01, FACTOR_MAX),
    ),
    "status": _act("an instrument's state", "trading", "halted", "cancel_only", "reduce_only", scope=_ONE),
    "funding_rate": _act(
        "a perpetual's rate is prescribed, and charged when it says",
        scope=_ONE,
        rate=_AMOUNT,
        in_ms=Param("integer", 0),
    ),
    "funding_terms": _act(
        "a perpetual's interval and the bounds of its rate change",
        scope=_ONE,
        interval_h=Param("integer", 0, 0, 24),
        cap=Param("amount"),
    ),
    "filters": _act(
        "tick, lot, smallest quantity or smallest notional change",
        scope=_ONE,
        tick=Param("amount"),
        lot=Param("amount"),
        quantity_min=Param("amount"),
        notional_min=Param("amount"),
    ),
    "delist": _act(
        "a future is delisted: reduce-only first, settled then",
        scope=_ONE,
        reduce_only_ms=Param("integer", 0),
        settle_ms=Param("integer", 3_600_000, 1),
    ),
}
_ACCOUNTS: Final = {
    "adl": _act(
        "a share of a position is deleveraged, at a price or at the mark",
        scope=(*_ONE, "account"),
        share=Param("number", 0.3, 0.0001, 1),
        price=Param("amount"),
        side=Param("text", "both", allowed=("both", "long", "short")),
    ),
    "adl_rank": _act(
        "a position's rank is 0 to 4",
        scope=(*_ONE, "account"),
        rank=Param("integer", 4, 0, 4),
        side=Param("text", "both", allowed=("both", "long", "short")),
    ),
    "liquidate": _act(
        "the mark goes where a position is liquidated, and stays there until it is over",
        scope=(*_ONE, "account"),
        side=Param("text", "both", allowed=("both", "long", "short")),
    ),
    "settings": _act(
        "an account's settings change as if by its owner",
        scope=(*_ONE, "account"),
        dual_side=Param("flag"),
        multi_assets=Param("flag"),
        leverage=Param("integer", None, 1, 200),
        margin_type=Param("text", None, allowed=("CROSSED", "ISOLATED")),
    ),
    "foreign_order": _act(
        "an order that no client of ours sent",
        scope=(*_ONE, "account"),
        side=Param("text", allowed=("BUY", "SELL"), needed=True),
        quantity=_AMOUNT,
        price=Param("amount"),
        type=Param("text", "MARKET", allowed=("MARKET", "LIMIT")),
        reduce_only=Param("flag", False),
    ),
    "deposit": _act("coins arrive", scope=("venue", "account"), wallet=_NEEDED, asset=_NEEDED, amount=_AMOUNT),
    "withdraw": _act("coins leave", scope=("venue", "account"), wallet=_NEEDED, asset=_NEEDED, amount=_AMOUNT),
    "transfer": _act(
        "coins change the wallet",
        scope=("venue", "account"),
        asset=_NEEDED,
        amount=_AMOUNT,
        from_wallet=_NEEDED,
        to_wallet=_NEEDED,
    ),
    "insurance": _act(
        "the insurance fund of an asset is multiplied, or moved by an amount",
        asset=_NEEDED,
        amount=Param("amount"),
        factor=Param("number", 1, 0, FACTOR_MAX),
    ),
    "key": _act(
        "what an API key may do changes",
        name=_NEEDED,
        read=Param("flag"),
        spot=Param("flag"),
        futures=Param("flag"),
        withdraw=Param("flag"),
        transfer=Param("flag"),
        ip_restricted=Param("flag"),
        expires_in_ms=Param("integer"),
        only_from=Param("text"),
    ),
    "revoke_key": _act("an API key is deleted", name=_NEEDED),
}
_SERVICE: Final = {
    "maintenance": _act(
        "announced on the status endpoint, then nothing trades and nothing answers but that endpoint, then it is over; "
        "`unannounced`: an outage without a word",
        *("announced", "unannounced"),
        lead_ms=Param("integer", 300_000),
        title=Param("text", "System maintenance"),
    ),
    "disconnect": _act(
        "websockets are reset, and refused for a while",
        *("market", "user", "api", "all"),
        refuse_ms=Param("integer", 0, 0, 600_000),
    ),
    "stall": _act("streams fall silent while their sockets live", *("market", "user", "all")),
    "expire_listen_keys": _act("every listen key expires"),
    "replica_lag": _act(
        "queries of orders, positions, trades and balances are this far behind",
        lag_ms=Param("integer", 1_500, 0, 60_000),
    ),
    "crowd": _act(
        "others use so much request weight of every minute",
        *("spot", "usdm", "coinm"),
        weight=Param("integer", 0, 0, 1_000_000),
    ),
    "limits": _act(
        "a venue multiplies its limits of request weight and orders, and says so in exchangeInfo",
        *("spot", "usdm", "coinm"),
        factor=Param("number", 0.5, 0.001, FACTOR_MAX),
    ),
    "service_restart": _act("the venue's service restarts: topics begin anew, closed orders are forgotten"),
}
_CLOCK: Final = {
    "clock_step": _act(
        "a venue's clock jumps, compared with the wall clock",
        step_ms=Param("integer", needed=True, least=-86_400_000, most=86_400_000),
    ),
    "clock_drift": _act(
        "a venue's clock runs fast (or slow) from now on",
        ms_per_min=Param("number", needed=True, least=-6_000, most=6_000),
    ),
}
KINDS: Final[Mapping[str, Kind]] = {**_HTTP, **_SOCKETS, **_NETWORK, **_MARKET, **_ACCOUNTS, **_SERVICE, **_CLOCK}
