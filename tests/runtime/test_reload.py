"""A config that is loaded anew: taken over whole, or refused whole with every line, and always told."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import msgspec
import pytest

from bot.domain.commands import Severity
from bot.domain.events import Remarked, RulesChanged
from bot.domain.targets import RatioTarget
from bot.runtime.amendments import Amendment
from bot.runtime.clock import settle
from bot.runtime.control import Denied
from bot.runtime.problems import ConfigError
from bot.runtime.reload import Answer, ConfigFile, Reloader, without_file
from bot.runtime.settings_load import Loaded, load_text
from tests.kit import band, d
from tests.runtime.amending import ONLY_BTC, Desk, recording
from tests.runtime.configs import changed
from tests.runtime.stage import facts_of


class Office(Desk):
    """A desk with a config file that its owner edits."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ONLY_BTC
        self.applied: list[Loaded] = []
        self.file = ConfigFile(self.loaded, lambda: load_text(self.text, "c.yaml", {}), self.applied.append)
        self.reloader = Reloader(self.file, self.engine, self.amendments, recording(self.log))

    def edit(self, old: str, new: str) -> None:
        """The owner changes one place of the file."""
        self.text = changed(old, new, self.text)

    async def reload(self, *, dry_run: bool = False) -> Answer:
        """The verb, asked by Ann; which file was read is the same each time."""
        answer = await self.reloader.on_verb({"by": "ann", "dry_run": dry_run})
        assert "c.yaml" == answer.file
        return msgspec.structs.replace(answer, file="")

    @property
    def target(self) -> RatioTarget:
        """The target in force."""
        (found,) = self.engine.state.layout.rules.targets
        assert isinstance(found, RatioTarget)
        return found


def resting() -> Office:
    """An office whose book is hedged and at rest."""
    office = Office()
    office.at_rest()
    return office


# ------------------------------------------------------------------------------------------------- taken over
async def test_a_wider_band_is_taken_over_and_told_everywhere() -> None:
    """The caller, the log, the journal, a notice and the services all hear of it, in the same words."""
    office = resting()
    office.edit("trigger: 1 %", "trigger: 2 %")
    answer = await office.reload()

    words = "targets.core.band.trigger: 1 % -> 2 %"
    assert Answer("applied", (words,)) == answer
    assert band("0.02") == office.target.band
    (fact,) = facts_of(office.journal, RulesChanged)
    assert ("reload by ann", (words,)) == (fact.why, fact.changes)
    assert ("info", [words]) == (office.said("reload")[-1]["level"], office.said("reload")[-1]["changes"])
    assert (Severity.INFO, "config", "targets.core.band.trigger") == (
        office.notices[-1].severity,
        office.notices[-1].topic,
        office.notices[-1].subject,
    )
    assert [office.file.current] == office.applied
    assert office.file.newest is office.file.current


async def test_a_dry_run_only_shows_what_would_change() -> None:
    """The same answer, and everything as it was."""
    office = resting()
    office.edit("ratio: 1", "ratio: 0.5")
    answer = await office.reload(dry_run=True)

    assert Answer("possible", ("targets.core.ratio: 1 -> 0.5",)) == answer
    assert (d(1), [], []) == (office.target.ratio, facts_of(office.journal, RulesChanged), office.applied)
    assert Answer("unchanged") == await resting().reload(dry_run=True)


async def test_nothing_changed_is_nothing_done() -> None:
    """A comment moves lines and no rule; the lines count from now on, and the services look at their files anew."""
    office = resting()
    office.text = f"# one more line\n{office.text}"

    assert Answer("unchanged") == await office.reload()
    assert [] == facts_of(office.journal, RulesChanged)
    assert [office.file.current] == office.applied
    assert "c.yaml:7" in str(office.file.current.problem(("targets", 0), "x"))


async def test_a_reload_that_waits_is_in_force_when_its_moment_came() -> None:
    """Until then the next start in this process would go by it, and nobody is told that it is in force."""
    office = Office()
    request = office.order()
    office.edit("ratio: 1", "ratio: 0.5")
    answer = await office.reload()
    waiting = (
        answer.outcome,
        request.client_id in answer.why,
        list(office.applied),
        office.file.newest is office.loaded,
    )
    looking = asyncio.create_task(office.amendments.run())
    office.fill(request)
    office.read()
    office.breach()
    await office.wait()
    looking.cancel()
    with suppress(asyncio.CancelledError):
        await looking

    assert ("waiting", True, [], False) == waiting
    assert d("0.5") == office.target.ratio
    assert [office.file.current] == office.applied


async def test_a_file_that_was_put_back_withdraws_what_waits() -> None:
    """The newest file is what counts, also when it is the old one."""
    office = Office()
    request = office.order()
    office.edit("ratio: 1", "ratio: 0.5")
    await office.reload()
    office.edit("ratio: 0.5", "ratio: 1")
    assert Answer("unchanged") == await office.reload()
    office.fill(request)

    assert not office.amendments.withdraw("config")
    assert office.file.newest is office.file.current
    assert d(1) == office.target.ratio


async def test_alert_routes_change_at_any_moment() -> None:
    """They touch no decision: an order in flight is no reason to wait."""
    office = Office()
    office.order()
    office.text += "alerts: {repeat: 1 h}\n"

    assert Answer("applied", ("alerts.repeat: 30 min -> 1 h",)) == await office.reload()
    assert [office.file.current] == office.applied


async def test_services_that_fail_on_it_are_logged_and_do_not_undo_it() -> None:
    """The rules are in force; the one that could not take them over is for a person."""
    office = resting()

    def broken(_: Loaded) -> None:
        raise RuntimeError("no such sink")

    office.file.on_settings = broken
    office.edit("ratio: 1", "ratio: 0.5")

    assert "applied" == (await office.reload()).outcome
    assert any("no such sink" in entry.get("what", "") for entry in office.said("reload"))


async def test_a_signal_does_the_same() -> None:
    """SIGHUP sets an event; the child reloads and logs what came of it."""
    office = resting()
    office.edit("ratio: 1", "ratio: 0.5")
    child = asyncio.create_task(office.reloader.run())
    office.file.asked.set()
    await asyncio.wait_for(_said(office), 20)
    child.cancel()
    with suppress(asyncio.CancelledError):
        await child

    assert ("SIGHUP", "applied", d("0.5")) == (
        office.said("reload")[-1]["by"],
        office.said("reload")[-1]["outcome"],
        office.target.ratio,
    )


async def _said(office: Office) -> None:
    """Wait until a reload's outcome is logged: the file is read in a thread, which keeps its own time."""
    while True:
        if office.said("reload"):
            return
        await asyncio.sleep(0.01)


# ---------------------------------------------------------------------------------------------------- refused
@pytest.mark.parametrize(
    ("old", "new", "outcome", "line"),
    [
        ("ratio: 1", "ratio: many", "invalid", "c.yaml:9: targets[0].ratio: value 'many'"),
        ("BTC: {}", "BTC: {declared: 2}", "needs_restart", "c.yaml:3: assets.BTC.declared: value '2': 0 -> 2: needs"),
        ("trigger: 1 %", "trigger: 0.0001 coins", "unfit", "c.yaml:10: targets[0].band.trigger"),
        ("trigger: 1 %", "trigger: 0.01 %", "unfit", "c.yaml:10: targets[0].band.trigger"),
        ("order_notional: 250000 USDT", "order_notional: 50 USDT", "unfit", "c.yaml:11: limits.order_notional"),
    ],
)
async def test_what_cannot_be_taken_over_is_refused_whole_with_its_line(
    old: str, new: str, outcome: str, line: str
) -> None:
    """The config in force stays so; the caller, the log and a notice say which line and why."""
    office = resting()
    rules = office.engine.state.layout.rules
    office.edit(old, new)
    answer = await office.reload()

    assert outcome == answer.outcome
    assert answer.problems[0].startswith(line)
    assert rules == office.engine.state.layout.rules
    assert ([], office.loaded) == (office.applied, office.file.current)
    assert ("warning", outcome) == (office.said("reload")[-1]["level"], office.said("reload")[-1]["outcome"])
    (remark,) = facts_of(office.journal, Remarked)
    assert line in remark.text
    assert (Severity.WARNING, "config") == (office.notices[-1].severity, office.notices[-1].topic)


async def test_one_fixed_field_refuses_the_safe_ones_beside_it() -> None:
    """Half of a file is a file that nobody wrote: each field that needs a restart has its line, none is taken over."""
    office = resting()
    office.edit("ratio: 1", "ratio: 0.5")
    office.text += "intervals: {tick: 200 ms}\nlog: {level: debug}\n"
    answer = await office.reload()

    assert ("needs_restart", 2, 3) == (answer.outcome, len(answer.problems), len(answer.changes))
    assert d(1) == office.target.ratio


async def test_a_file_that_is_gone_is_refused() -> None:
    """An editor between two writes: nothing changes, and the next reload finds it again."""
    office = resting()
    office.text = ""
    gone = await office.reload()
    office.text = changed("ratio: 1", "ratio: 0.5", ONLY_BTC)

    assert ("invalid", "applied") == (gone.outcome, (await office.reload()).outcome)


async def test_a_target_is_not_judged_by_what_is_not_known() -> None:
    """Without a price and a confirmed account a band cannot be held against a lot: ask again in a moment."""
    office = Office()
    office.engine.state.accounts.accounts[office.rules.accounts[0]] = type(
        office.engine.state.accounts.accounts[office.rules.accounts[0]]
    )()
    office.edit("trigger: 1 %", "trigger: 2 %")
    answer = await office.reload()

    assert "refused" == answer.outcome
    assert "binance.spot is not confirmed yet" in answer.why
    assert "BTC has no price yet" in answer.why


async def test_findings_about_what_did_not_change_refuse_nothing() -> None:
    """A band that was fine when the price was another must not keep the owner from changing something else."""
    office = resting()
    office.exchange.truth.prices["BTC"] = 600.0
    office.market()
    office.text += "alerts: {repeat: 1 h}\n"

    assert "applied" == (await office.reload()).outcome


async def test_arguments_that_mean_nothing_are_denied() -> None:
    """A dry-run is asked for with a truth value."""
    with pytest.raises(Denied, match="true or false"):
        await resting().reloader.on_verb({"dry_run": "maybe"})


async def test_without_a_file_there_is_nothing_to_read_again() -> None:
    """A daemon that was started from within a program says so."""
    with pytest.raises(Denied, match="not started from a config file"):
        await without_file({})


async def test_two_reloads_at_once_are_taken_one_after_the_other() -> None:
    """Both are answered; the second sees what the first left."""
    office = resting()
    office.edit("ratio: 1", "ratio: 0.5")
    first, second = await asyncio.gather(office.reload(), office.reload())
    await settle()

    assert ["applied", "unchanged"] == sorted((first.outcome, second.outcome))
    assert 1 == len(facts_of(office.journal, RulesChanged))


async def test_what_the_engine_bars_is_told_as_refused() -> None:
    """A defect of ours in what may change: the engine keeps its rules, and so does the file's owner."""
    office = resting()
    office.edit("ratio: 1", "ratio: 0.5")

    def barring(_: str, amendment: Amendment) -> str:
        amendment.done(False)
        return "barred"

    office.amendments.propose = barring  # type: ignore[method-assign,assignment]
    answer = await office.reload()

    assert ("refused", "barred") == (answer.outcome, answer.why)
    assert office.file.newest is office.loaded


def test_a_start_begins_with_what_it_is_given() -> None:
    """What waited when the way to run was changed is what the next daemon runs by."""
    office = Office()
    other = load_text(changed("ratio: 1", "ratio: 0.5", ONLY_BTC), "c.yaml", {})
    office.file.waiting = other
    office.file.begin(office.file.newest)

    assert other is office.file.current
    assert other is office.file.newest
    with pytest.raises(ConfigError):
        load_text("", "c.yaml", {})
