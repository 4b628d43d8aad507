"""The start and the stop say what stands open and what nobody has settled."""

from __future__ import annotations

from bot.domain.commands import Severity
from bot.domain.events import Action, RunMode, Stopping
from bot.domain.targets import Base, WeightsMode
from bot.ops.alerts.kinds import Kind
from bot.ops.alerts.standing import target_text
from tests.kit import band, d, neutral, rules, weights
from tests.ops.alerts.scribe import VERSION, Scribe, facts


def test_a_start_says_what_it_will_do() -> None:
    """Portfolio, way to run, version and the targets in words."""
    world = Scribe(rules(), {"BTC": d(1)}, RunMode.DRY_RUN).start(RunMode.DRY_RUN)
    alert = world.only(Kind.START)

    assert alert.title == "started: dry-run, 1 target"
    assert (alert.portfolio, alert.run_mode) == ("main", "dry-run")
    assert facts(alert)["Version"] == VERSION
    assert facts(alert)["Target neutral"] == "hedge 100 % of BTC and ETH; band 1 % to 0 %"


def test_a_start_says_what_it_finds() -> None:
    """Open hedges and orders of unknown fate stand in the first alert of the next process."""
    world = Scribe.neutral().run(5)
    world.deposit("BTC", "1")
    world.until(lambda w: len(w.sent) == 3)
    world.alerts.clear()
    world.restart()
    told = facts(world.only(Kind.START))

    assert told["Open hedges"] == "-1.234 BTC and -10 ETH"
    assert told["Unresolved orders"] == "sell 1 binance.usdm:BTCUSDT (unknown)"


def test_a_start_under_a_latch_is_louder() -> None:
    """Whoever starts a halted daemon learns that it does nothing, and why."""
    world = Scribe.neutral().run(5)
    world.ask(Action.KILL)
    world.alerts.clear()
    alert = world.restart().only(Kind.START)

    assert alert.title == "started: live, 1 target, HALT"
    assert alert.severity is Severity.WARNING
    assert facts(alert)["Latched global"] == "HALT: because"


def test_the_mode_of_the_new_start_counts() -> None:
    """After a change of mode the alerts carry the new one."""
    world = Scribe(rules(), {"BTC": d(1)}, RunMode.DRY_RUN).start(RunMode.DRY_RUN)
    world.restart(RunMode.LIVE)

    assert [alert.run_mode for alert in world.told(Kind.START)] == ["dry-run", "live"]


def test_a_stop_says_that_nobody_watches() -> None:
    """Hedges stay, and the last alert names them with their value."""
    world = Scribe.neutral(neutral("BTC"), coins={"BTC": "1.2345"}).run(5)
    world.handle(Stopping(world.now))
    alert = world.only(Kind.STOP)

    assert alert.title == "stopped, hedges stay: -1.234 BTC (-74,040.00 USDT)"
    assert "nobody watches them" in alert.text
    assert facts(alert)["Unresolved orders"] == "none"


def test_a_stop_with_nothing_open_is_short() -> None:
    """Nobody is alarmed by a stop that leaves nothing."""
    world = Scribe.neutral(neutral("BTC"), coins={"BTC": "0"}).run(5)
    world.handle(Stopping(world.now))

    assert world.only(Kind.STOP).title == "stopped"


def test_targets_are_said_in_words() -> None:
    """Each kind of target reads as its owner wrote it."""
    half = neutral("BTC", ratio="0.5", within=band("0.02", "0.01"))
    trim = weights(mode=WeightsMode.TRIM_ONLY, base=Base.NAV_LESS_RESERVE)

    assert target_text(half) == "hedge 50 % of BTC; band 2 % to 1 %"
    assert target_text(trim) == "BTC 60 % and ETH 40 % of nav less reserve, only ever shorts; band 5 pp to 0 pp"
