"""The promises of the systemd unit: what it restarts and what not, how long it waits, where its secrets come from."""

from __future__ import annotations

from bot.domain.units import SECOND_NS
from bot.ops.alerts.addresses import CREDENTIAL_PREFIX, HEARTBEAT_CREDENTIAL
from bot.ops.chat.token import CREDENTIAL_NAME
from bot.ops.exits import Exit
from bot.ops.metrics import METRICS
from bot.runtime.app import START_PATIENCE_NS
from bot.runtime.golive import CONFIRM_VARIABLE
from bot.runtime.secrets import CREDENTIAL_NAMES
from bot.runtime.settings_service import HealthSettings
from tests.deploy.kit import UNITS, seconds, unit

DAEMON = "trimtab@.service"
FEEDS_PER_PATIENCE = 3


def one(section: str, key: str) -> str:
    """The value of a key that is given once."""
    (value,) = unit(DAEMON)[section][key]
    return value


def test_a_service_is_a_dry_run() -> None:
    """The unit as it is sends no real order: neither --live nor a confirmation stands in it."""
    service = unit(DAEMON)["Service"]

    assert ["/opt/trimtab/bin/trimtab run --config /etc/trimtab/%i.yaml"] == service["ExecStart"]
    assert not [line for line in service["Environment"] if CONFIRM_VARIABLE in line]


def test_the_live_drop_in_refuses_until_it_is_edited() -> None:
    """What the drop-in holds for a confirmation is no portfolio's name."""
    service = unit("live.conf")["Service"]
    (confirmation,) = service["Environment"]

    assert ["", "/opt/trimtab/bin/trimtab run --config /etc/trimtab/%i.yaml --live"] == service["ExecStart"]
    assert f"{CONFIRM_VARIABLE}=WRITE-THE-PORTFOLIO-NAME-HERE" == confirmation


def test_what_needs_a_person_is_not_restarted() -> None:
    """The exit codes that a restart cannot mend are the ones that the unit leaves alone, and no other of ours."""
    codes = {int(code) for code in one("Service", "RestartPreventExitStatus").split()}
    person = {Exit.USAGE, Exit.REFUSED, Exit.JOURNAL, Exit.BUSY}

    assert "on-failure" == one("Service", "Restart")
    assert person == {code for code in Exit if code in codes}


def test_an_outage_of_the_venue_is_no_crash() -> None:
    """A start that ended because the venue could not be reached is forgotten before the next one is counted."""
    before = one("Service", "ExecStartPre")

    assert f"exit-code:{int(Exit.VENUE)})" in before
    assert "reset-failed %n" in before
    assert before.startswith("+-"), "it needs root, and its failure must not keep the daemon from starting"
    assert "/run/trimtab/%i/ended" in before
    assert "/run/trimtab/%i/ended" in one("Service", "ExecStopPost")
    assert ("trimtab/%i", "restart") == (
        one("Service", "RuntimeDirectory"),
        one("Service", "RuntimeDirectoryPreserve"),
    )


def test_a_crash_is_restarted_three_times_in_ten_minutes() -> None:
    """A defect that repeats itself ends in a daemon that stays down: four starts in ten minutes."""
    assert (600, 4) == (seconds(one("Unit", "StartLimitIntervalSec")), int(one("Unit", "StartLimitBurst")))


def test_a_blind_daemon_is_restarted_for_ever() -> None:
    """Lives that end because nothing fresh came are so long that they never reach the limit of starts."""
    blind = HealthSettings().watchdog // SECOND_NS
    patience = seconds(one("Service", "WatchdogSec"))
    life = blind + patience - patience // FEEDS_PER_PATIENCE + seconds(one("Service", "RestartSec"))

    assert life * int(one("Unit", "StartLimitBurst")) > seconds(one("Unit", "StartLimitIntervalSec"))


def test_it_is_given_the_time_it_needs() -> None:
    """A start may wait out the venue's rate window, a stop what is in flight."""
    assert seconds(one("Service", "TimeoutStartSec")) > START_PATIENCE_NS // SECOND_NS + 60
    assert seconds(one("Service", "TimeoutStopSec")) >= 15
    assert ("notify", "main") == (one("Service", "Type"), one("Service", "NotifyAccess"))


def test_the_state_directory_is_the_daemons_own() -> None:
    """Where systemd makes a directory is where the daemon keeps its state."""
    assert "trimtab/%i" == one("Service", "StateDirectory")
    assert "TRIMTAB_STATE_DIR=/var/lib/trimtab/%i" in unit(DAEMON)["Service"]["Environment"]


def test_secrets_are_found_by_their_files_names() -> None:
    """The credentials' directory makes names with the prefix that the daemon looks for: key, sinks, heartbeat, bot."""
    name, _, folder = one("Service", "LoadCredential").partition(":")

    assert "/etc/trimtab/credentials/%i" == folder
    looked_for = (*CREDENTIAL_NAMES, CREDENTIAL_PREFIX, HEARTBEAT_CREDENTIAL, CREDENTIAL_NAME)
    assert [] == [wanted for wanted in looked_for if not wanted.startswith(f"{name}_")]
    assert [folder] == unit(DAEMON)["Unit"]["AssertPathIsDirectory"]


def test_the_metrics_of_the_process_are_seen() -> None:
    """/proc/stat stays readable: without it neither memory nor start time of the process is exported."""
    assert "ProcSubset" not in unit(DAEMON)["Service"]
    assert "process_start_time_seconds" in {metric.name for metric in METRICS}


def test_no_unit_holds_a_tab_or_a_blank_at_its_end() -> None:
    """systemd takes a blank after a value as a part of it in some places: none stands there."""
    lines = [line for path in UNITS.iterdir() for line in path.read_text(encoding="utf-8").splitlines()]

    assert [] == [line for line in lines if line != line.rstrip() or "\t" in line]
