"""Armed faults: what they hit, when, how often, what is logged, and the same again from the log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.simex.faults.armed import Injections
from bot.simex.faults.log import FiringLog, read
from bot.simex.faults.model import Fault, Scope, Touch, When
from bot.simex.faults.scenario import fault_of
from bot.simex.injection import Fault as ShortFault
from bot.simex.injection import Injections as BothForms

ORDER = Touch("binance", "fapi.binance.com", "POST", "/fapi/v1/order", "BTCUSDT", "default")


class Run:
    """Armed faults under a clock turned by hand."""

    def __init__(self, *faults: Fault, seed: int = 1, log: FiringLog | None = None) -> None:
        self.now_ms = 1_000_000
        self.injections = Injections(lambda: self.now_ms, seed=seed, log=log)
        for fault in faults:
            self.injections.arm(fault)

    def pass_by(self, touch: Touch = ORDER, after_ms: int = 0) -> list[str]:
        """What hits a request that passes so much later."""
        self.now_ms += after_ms
        return [hit.kind for hit in self.injections.take("http", touch)]

    def due(self, after_ms: int) -> list[str]:
        """What happens in so much time."""
        self.now_ms += after_ms
        return [hit.kind for hit in self.injections.due()]


@pytest.mark.parametrize(
    "scope",
    [
        {"venue": "bybit"},
        {"host": "api*"},
        {"method": "GET"},
        {"endpoint": "/fapi/v2/*"},
        {"symbol": "ETH*"},
        {"account": "other"},
    ],
)
def test_a_fault_touches_its_scope_only(scope: dict[str, str]) -> None:
    """A request outside of any part of the scope passes and is not counted; one inside is hit."""
    run = Run(
        Fault("drop_answer", scope=Scope(**scope)), Fault("drop_answer", scope=Scope(host="fapi.*", symbol="BTC*"))
    )

    assert ["drop_answer"] == run.pass_by()
    assert [0, 1] == [one["passed"] for one in run.injections.as_dict()["armed"]]


def test_counts_and_what_goes_before() -> None:
    """After two, twice, and then it is gone."""
    run = Run(Fault("drop_answer", when=When(after_n=2), count=2))

    assert [0, 0, 1, 1, 0] == [len(run.pass_by()) for _ in range(5)]
    assert [] == run.injections.as_dict()["armed"]
    assert not run.injections.watches("http")


def test_armed_from_a_time_for_a_time() -> None:
    """Nothing before its time, everything within it, nothing after."""
    run = Run(Fault("drop_answer", when=When(at_ms=1_000), duration_ms=500))

    assert [0, 1, 1, 0, 0] == [len(run.pass_by(after_ms=ms)) for ms in (999, 1, 400, 100, 0)]


def test_windows_that_come_again() -> None:
    """With `every` a fault is armed for its duration in each period; without a duration it keeps that distance."""
    run = Run(Fault("drop_answer", when=When(every_ms=1_000), duration_ms=100))
    apart = Run(Fault("drop_answer", when=When(every_ms=1_000)))

    assert [1, 0, 1, 0] == [len(run.pass_by(after_ms=ms)) for ms in (50, 100, 900, 100)]
    assert [1, 0, 0, 1] == [len(apart.pass_by(after_ms=ms)) for ms in (0, 500, 499, 1)]


def test_what_stacks_goes_with_one_other() -> None:
    """All delays fire and the first of the rest; the next of the rest waits for the next request."""
    after, before = (Fault("delay", variant, count=1) for variant in ("after", "before"))
    run = Run(after, Fault("drop_answer", count=1), Fault("garbage_200", "html", count=1), before)

    assert ["delay", "drop_answer", "delay"] == run.pass_by()
    assert ["garbage_200"] == run.pass_by()


def test_an_event_arms_it_each_time() -> None:
    """A fault that waits for a fill hits the next requests for its duration, after every fill in its scope."""
    run = Run(Fault("drop_answer", scope=Scope(symbol="BTCUSDT"), when=When(on_event="fill"), duration_ms=100))
    happened = run.injections.happened
    first = run.pass_by()
    happened("fill", Touch(symbol="ETHUSDT"))
    other = run.pass_by()
    happened("fill", Touch(symbol="BTCUSDT"))
    hit, over = run.pass_by(), run.pass_by(after_ms=100)
    happened("fill", Touch(symbol="BTCUSDT"))

    assert ([], [], ["drop_answer"], []) == (first, other, hit, over)
    assert ["drop_answer"] == run.pass_by()


def test_moments_happen_once_every_so_often_or_after_an_event() -> None:
    """At a time, at times, and after an event: each as often as it says, in the order of time."""
    run = Run(
        Fault("close", when=When(at_ms=250, every_ms=100), count=2),
        Fault("stall", "all", when=When(at_ms=300)),
        Fault("disconnect", "all", when=When(on_event="adl", at_ms=50)),
    )
    assert ["close", "stall", "close"] == run.due(1_000)
    run.injections.happened("adl", Touch())
    assert [[], ["disconnect"], []] == [run.due(ms) for ms in (49, 1, 1_000)]
    run.injections.happened("adl", Touch())
    assert ["disconnect"] == run.due(50)


def test_a_state_is_in_force_for_its_time_and_scope() -> None:
    """Nobody need turn the clock for it; its beginning is one firing."""
    run = Run(Fault("refuse", scope=Scope(venue="bybit"), when=When(at_ms=100), duration_ms=50))
    bybit, other = Touch("bybit"), Touch("binance")
    seen = []
    for after_ms in (99, 1, 49, 1):
        run.now_ms += after_ms
        seen.append(run.injections.in_force("refuse", bybit) is not None)

    assert [False, True, True, False] == seen
    assert run.injections.in_force("refuse", other) is None
    assert ([100], []) == ([one.at_ms for one in run.injections.log], run.injections.as_dict()["armed"])


def test_random_rates_are_near_what_they_say() -> None:
    """A probability of a tenth hits about a tenth; ten an hour come about ten times an hour."""
    run = Run(Fault("drop_answer", when=When(probability=0.1)), Fault("close", when=When(per_hour=10)))
    hits = sum(len(run.pass_by()) for _ in range(10_000))
    closes = len(run.due(100 * 3_600_000))

    assert 850 < hits < 1_150
    assert 850 < closes < 1_150


def test_a_class_keeps_its_draws_when_another_is_armed() -> None:
    """One stream a kind: the same requests are hit, with the same parameters, whatever else is armed."""
    delay = Fault("delay", "after", when=When(probability=0.3), params={"delay_ms": {"uniform": [1, 1_000]}})
    alone, both = Run(delay), Run(Fault("slow_body", when=When(probability=0.5)), delay)
    for run in (alone, both):
        for _ in range(200):
            run.pass_by()
    drawn = [[(one.nth, one.params) for one in run.injections.log if one.kind == "delay"] for run in (alone, both)]

    assert drawn[0] == drawn[1]
    assert len(drawn[0]) > 30


def test_throttling_spares_what_the_caller_says() -> None:
    """What is spared is not hit and not counted."""
    run = Run(Fault("http_503", "throttled", count=1))

    assert [] == run.injections.take("http", ORDER, lambda fault: fault.variant == "throttled")
    assert ["http_503"] == run.pass_by()


def mixed() -> list[Fault]:
    """Faults of every timing, with distributions."""
    return [
        Fault("drop_answer", when=When(probability=0.2), params={"executes": 0.5}),
        Fault("delay", "before", when=When(at_ms=300, every_ms=40), params={"delay_ms": {"exponential": 300}}),
        Fault("schema_drift", "missing", when=When(at_ms=100), duration_ms=200),
        Fault("garbage_200", "cut", Scope(method="POST"), When(after_n=3, every_ms=100), duration_ms=30),
        Fault("slow_body", when=When(on_event="fill"), duration_ms=60),
        Fault("close", when=When(per_hour=3_600 * 4)),
        Fault("refuse", when=When(at_ms=400, every_ms=200), duration_ms=90),
    ]


def lived(run: Run, moves: list[int]) -> tuple[list[Any], list[Any]]:
    """What happens to a run under the same requests and events: the hits, and the log."""
    told: list[Any] = []
    for move in moves:
        if move % 7 == 0:
            run.injections.happened("fill", ORDER)
        touch = ORDER if move % 3 else Touch("bybit", "api.bybit.com", "GET", "/v5/position/list")
        run.now_ms += move
        told.append([(hit.kind, hit.params) for hit in run.injections.due()])
        told.append([(hit.kind, hit.params) for hit in run.injections.take("http", touch)])
        told.append(run.injections.in_force("refuse", touch) is not None)
    log = sorted(run.injections.log, key=lambda one: (one.fault_id, one.nth, one.at_ms))
    return told, [(one.fault_id, one.kind, one.at_ms, one.time_ms, dict(one.params), one.touch) for one in log]


@given(st.lists(st.integers(1, 30), max_size=60), st.integers(0, 1_000))
def test_a_log_replays_itself(tmp_path_factory: Any, moves: list[int], seed: int) -> None:
    """Firings read back from the file hit the same requests at the same times with the same draws; no seed matters."""
    path: Path = tmp_path_factory.mktemp("log") / "faults.jsonl"
    log = FiringLog(path)
    told, rows = lived(Run(*mixed(), seed=seed, log=log), moves)
    log.close()
    again = Run(seed=seed + 1)
    count = again.injections.replay(read(path))

    assert len(rows) == count
    assert (told, rows) == lived(again, moves)


def test_a_log_that_is_none_is_named(tmp_path: Path) -> None:
    """The file and the line."""
    path = tmp_path / "log.jsonl"
    path.write_text("{}\n")

    with pytest.raises(ValueError, match=r"log\.jsonl:1: not a line of a fault log"):
        read(path)


def test_the_short_form_says_the_same() -> None:
    """Every field of the flat form has its place in the full one."""
    short = ShortFault("http_503", "unknown", executes=False, path="/fapi/*", host="fapi*", method="POST", count=2)
    error = ShortFault("error", status=401, code=-2015, msg="no", symbol="BTCUSDT").full()
    full = {"kind": "http_503", "variant": "unknown", "count": 2, "params": {"executes": False}}
    full["scope"] = {"endpoint": "/fapi/*", "host": "fapi*", "method": "POST"}

    assert fault_of(full) == short.full()
    assert ({"status": 401, "code": -2015, "msg": "no"}, "BTCUSDT") == (error.params, error.scope.symbol)
    assert 1 == BothForms(lambda: 0).arm(short)


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ({"kind": "nonsense"}, "http_503"),
        ({"kind": "delay", "variant": "during"}, "before, after"),
        ({"kind": "delay", "variant": "after", "delay_ms": 120_001}, "0 to 120000"),
        ({"kind": "stall", "variant": "all", "duration_ms": -1}, "0 to 3600000"),
        ({"kind": "drop_answer", "count": 0}, "1 or more"),
    ],
)
def test_a_bad_short_form_says_what_is_allowed(fault: dict[str, Any], says: str) -> None:
    """ValueError names the allowed values."""
    with pytest.raises(ValueError, match=says):
        ShortFault(**fault)


def test_the_number_of_armed_faults_is_bounded() -> None:
    """A thousand are armed, one more is refused."""
    run = Run(*[Fault("drop_answer")] * 1_000)

    with pytest.raises(ValueError, match="1000"):
        run.injections.arm(Fault("drop_answer"))
    assert 1_000 == run.injections.disarm()
