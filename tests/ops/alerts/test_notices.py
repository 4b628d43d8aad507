"""Everything that the engine says by itself reaches a person under the right kind, once, and harmless."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from bot.domain.account import Position
from bot.domain.commands import Command, Notice, Severity
from bot.domain.events import AccountUnreadable, Action, Event, FaultRaised, ForeignOrderSeen, Remarked
from bot.domain.rules import Rules
from bot.domain.units import MINUTE_NS, SECOND_NS, Nanos
from bot.ops.alerts.compose import Composer
from bot.ops.alerts.kinds import Alert, Kind
from bot.ops.alerts.notices import GATHERED, KINDS_BY_TOPIC, SILENT, changed
from bot.ops.alerts.render import render
from tests.engine.pegged import Pegged
from tests.kit import USDM, d, hedge, neutral
from tests.ops.alerts.scribe import VERSION, Scribe, facts, voice

ROOT = Path(__file__).resolve().parents[3]
TOPICS = re.compile(r'Notice\(\s*[\w.\[\]]+,\s*(?:"(\w+)"|(UNWOUND))')


def hedged() -> Scribe:
    """A book of one coin that was hedged."""
    world = Scribe.neutral(neutral("BTC"), coins={"BTC": "1.2345"}).run(5)
    world.alerts.clear()
    return world


def test_every_topic_of_the_engine_has_a_kind() -> None:
    """A topic that somebody adds to the engine cannot be forgotten here."""
    sources = [*(ROOT / "bot/engine").rglob("*.py"), *(ROOT / "bot/runtime").rglob("*.py")]
    found = {(a or b).lower() for path in sources for a, b in TOPICS.findall(path.read_text(encoding="utf-8"))}

    assert {"operator", "fault", "naked", "order", "held", "unwound"} <= found
    assert found <= KINDS_BY_TOPIC.keys() | SILENT


@pytest.mark.parametrize(
    ("action", "title", "severity"),
    [
        (Action.KILL, "killed by ann: because", Severity.CRITICAL),
        (Action.PAUSE, "paused by ann: because", Severity.WARNING),
        (Action.ARM, "armed by ann: because", Severity.INFO),
        (Action.UNWIND, "unwinding by ann: because", Severity.CRITICAL),
        (Action.FLATTEN, "flattening by ann: because", Severity.CRITICAL),
    ],
)
def test_an_operators_command_is_told_with_who_and_why(action: Action, title: str, severity: Severity) -> None:
    """Whoever reads it knows what was done, by whom, why, and what stands open now."""
    world = hedged()
    world.ask(action)
    alert = world.only(Kind.OPERATOR)

    assert alert.title == title
    assert alert.severity is severity
    assert facts(alert)["Open hedges"] == "-1.234 BTC (-74,040.00 USDT)"
    assert facts(alert)["Asked by"] == "ann"


def test_a_command_that_was_not_obeyed_says_so() -> None:
    """Nobody believes that it is unwinding while it is halted."""
    world = hedged()
    world.ask(Action.KILL)
    world.ask(Action.UNWIND)

    assert world.told(Kind.OPERATOR)[-1].title == "unwind by ann was not obeyed"
    assert "halted: arm first" in world.told(Kind.OPERATOR)[-1].text


def test_two_kills_are_two_alerts() -> None:
    """A second command is never taken for a repetition of the first."""
    world = hedged()
    for _ in range(2):
        world.ask(Action.KILL)
        world.tick()

    assert len({alert.key for alert in world.told(Kind.OPERATOR)}) == 2


def test_a_fault_is_critical_and_says_what_stands() -> None:
    """Something of ours broke: what, that it is halted, and what is open meanwhile."""
    world = hedged()
    world.handle(FaultRaised("journal: no space left", world.now))
    alert = world.only(Kind.FAULT)

    assert alert.severity is Severity.CRITICAL
    assert "journal: no space left" in alert.text
    assert facts(alert)["Open hedges"].startswith("-1.234 BTC")
    assert facts(alert)["Mode"] == "live, HALT"


def test_rejects_in_a_row_are_told_once() -> None:
    """Three refusals halt the instrument and make one alert, with the venue's reason."""
    world = Scribe.neutral(neutral("BTC"), coins={"BTC": "1.2345"})
    world.venue.refuses = "-2019"
    alert = world.run(60).only(Kind.REJECTS)

    assert alert.title == "binance.usdm:BTCUSDT halted: the venue refuses our orders"
    assert "-2019" in alert.text


def test_an_order_of_unknown_fate_is_told_and_gets_louder() -> None:
    """A minute of not knowing is a warning, five are critical; both are told."""
    world = Scribe.neutral(neutral("BTC"), coins={"BTC": "1.2345"})
    world.venue.answers = world.venue.streams = False
    world.venue.look = lambda *_: None  # type: ignore[method-assign]
    world.run(320)
    severities = [alert.severity for alert in world.told(Kind.UNKNOWN_ORDER)]

    assert severities == [Severity.WARNING, Severity.CRITICAL]
    assert len({alert.key for alert in world.told(Kind.UNKNOWN_ORDER)}) == 2
    assert "sell 1.234 binance.usdm:BTCUSDT (unknown)" in facts(world.told(Kind.UNKNOWN_ORDER)[0])["Unresolved orders"]


def test_an_order_that_was_lost_is_told() -> None:
    """Proven never to have reached the book: one alert for it, as loud as the engine says."""
    world = Scribe.neutral(neutral("BTC"), coins={"BTC": "1.2345"})
    world.venue.places = False
    world.until(lambda w: bool(w.notices("order")), seconds=120)

    assert world.told(Kind.ORDER_LOST)[0].severity is Severity.INFO
    assert world.told(Kind.ORDER_LOST)[0].title.startswith("an order never reached the book: tt")


def test_a_strangers_order_is_told_with_what_it_was() -> None:
    """Each foreign order is an alert of its own."""
    world = hedged()
    for number in range(2):
        world.handle(ForeignOrderSeen(hedge("BTC"), f"web_{number}", "NEW", d(1), world.now))
        world.tick()
    first, second = world.told(Kind.FOREIGN)

    assert "web_0" in first.text
    assert (first.severity, second.severity) == (Severity.CRITICAL, Severity.WARNING)
    assert first.key != second.key


def test_a_position_that_the_venue_moved_is_told() -> None:
    """A liquidation is not taken for a hedge."""
    world = hedged()
    world.now = Nanos(world.now + MINUTE_NS)
    for _ in range(3):
        world.venue.positions[hedge("BTC")] = Position(hedge("BTC"), d("-0.2"), d(60_000))
        world.now = Nanos(world.now + 2 * SECOND_NS)
        world.read(USDM)
    alert = world.only(Kind.EXTERNAL_CHANGE)

    assert "from -1.234 to -0.2 contracts" in alert.text
    assert alert.severity is Severity.CRITICAL


def test_an_account_that_cannot_be_read_is_one_thing() -> None:
    """It is told at the third failure; if it comes again soon, that is the same thing."""
    world = hedged()
    for _ in range(10):
        world.handle(AccountUnreadable(USDM, "HTTP 502", world.now))
    alert = world.only(Kind.UNREADABLE)

    assert alert.key == f"unreadable:{USDM}"
    assert "HTTP 502" in alert.text


def test_holds_and_releases_are_not_told_one_by_one() -> None:
    """What flaps with every tick is a condition's matter; the composer only remembers why."""
    world = Scribe.neutral(neutral("BTC"), coins={"BTC": "1.2345"}, order_notional_max=d(1)).run(5)

    assert world.notices("held")
    assert [alert.kind for alert in world.alerts] == [Kind.START]
    assert world.composer.why_held["neutral:BTC"] == world.notices("held")[-1].text


def test_why_it_is_held_is_forgotten_once_it_is_not() -> None:
    """A reason of yesterday is not given for today's hold."""
    world = Scribe.neutral(neutral("BTC"), coins={"BTC": "1.2345"}, order_notional_max=d(1)).run(5)
    world.deposit("BTC", "-1.2345")
    world.until(lambda w: bool(w.notices("released")))

    assert world.composer.why_held == {}


@pytest.mark.parametrize("topic", sorted(KINDS_BY_TOPIC))
def test_a_notice_keeps_its_severity_and_text(topic: str) -> None:
    """The alert is as loud as the engine says, and says what it says."""
    world = hedged()
    (alert,) = world.say(topic, "so it is", Severity.WARNING)

    assert alert.kind is KINDS_BY_TOPIC[topic]
    assert alert.severity is Severity.WARNING
    assert "so it is" in alert.text


def test_a_topic_of_a_kinds_own_name_is_that_kind() -> None:
    """What the shells remark under a kind's name needs no entry of its own; what nobody knows is loud."""
    world = hedged()

    assert [alert.kind for alert in world.say("disk")] == [Kind.DISK]
    assert [alert.kind for alert in world.say("never heard of")] == [Kind.FAULT]


@pytest.mark.parametrize("topic", sorted(GATHERED))
def test_a_change_of_many_lines_is_one_alert(topic: str) -> None:
    """A reload that changes five things is read once, with all five."""
    world = hedged()
    notices = [Notice(Severity.INFO, topic, f"path.{n}", f"{n} -> {n + 1}") for n in range(4)]
    notices.append(Notice(Severity.WARNING, topic, "rules", "the last of them"))
    (alert,) = changed(voice(), notices, world.engine.state)

    assert alert.severity is Severity.WARNING
    assert alert.title == f"{topic}: 5 changes"
    assert facts(alert)["Path.3"] == "3 -> 4"


def test_what_a_venue_says_cannot_break_out_of_its_line() -> None:
    """Control characters, line breaks, mentions and links in an order's name are shown, not obeyed."""
    world = hedged()
    name = "x\n\x1b[31m<!channel> @everyone [a](http://b) ||c||"
    world.handle(ForeignOrderSeen(hedge("BTC"), name, "NEW", d(1), world.now))
    alert = world.only(Kind.FOREIGN)
    shown = render(alert)

    assert len(alert.text.splitlines()) == 1
    for order in ("\x1b", "<!", "@everyone", "](", "://", "||"):
        assert order not in shown.text + shown.title
    assert r"\n\x1b[31m\x3c!channel>" in alert.text


def test_a_secret_in_an_error_is_not_told() -> None:
    """A signed address in an error's text loses its signature before anybody reads it."""
    world = hedged()
    secret = "f3" * 32
    world.handle(FaultRaised(f"GET /fapi/v2/account?signature={secret} failed", world.now))

    assert secret not in str(world.only(Kind.FAULT))
    assert "[redacted]" in world.only(Kind.FAULT).text


def test_a_text_without_end_is_bounded() -> None:
    """A megabyte of error text does not become a megabyte of alert."""
    world = hedged()
    world.handle(FaultRaised("x" * 1_000_000, world.now))

    assert len(str(world.only(Kind.FAULT))) < 5_000


def test_another_way_to_run_is_told_with_who_asked_for_it() -> None:
    """The title says where it goes and by whom, and the text that the hedges stay."""
    world = hedged()
    world.handle(Remarked("operator", "mode", "goes over to observe, by ann: a look", world.now))
    (alert,) = world.alerts

    assert (Kind.OPERATOR, "goes over to observe, by ann: a look") == (alert.kind, alert.title)
    assert "hedges stay as they are" in alert.text


class Watched(Pegged):
    """A watched world whose every step is told."""

    def __init__(self, owned: Rules) -> None:
        self.alerts: list[Alert] = []
        self.composer = Composer(voice(), VERSION)
        super().__init__(owned)

    def handle(self, event: Event) -> Sequence[Command]:
        """Show the composer what the loop's observer would see."""
        commands = super().handle(event)
        self.alerts += self.composer.on_step(event, commands, self.engine.state) if commands else []
        return commands


def test_a_lost_peg_is_told_when_it_begins_and_when_it_is_over() -> None:
    """One alert for the stop and one for its end; how far its way back is, is for the journal."""
    world = Watched.watching()
    assert isinstance(world, Watched)
    world.worth(0.98).run(5)
    world.worth(1.0).run(62)
    world.now = Nanos(world.now + 31 * MINUTE_NS)
    world.run(1)
    lost, over = (alert for alert in world.alerts if alert.kind is Kind.PEG)

    assert (lost.title, lost.severity) == ("the peg of USDT", Severity.CRITICAL)
    assert "no order adds risk until it was inside 30 bps for 30 min" in lost.text
    assert over.severity is Severity.INFO
    assert "it is over" in over.text
    assert world.ways_back
