"""The doctor's parts: this machine, the book's arithmetic, who would be told, and what the exit code says."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.domain.account import MarginState
from bot.domain.instrument import Tier
from bot.journal.sqlite import SqliteJournal
from bot.journal.store import Entry, Mode, Stamp
from bot.ops import doctor, doctor_people, doctor_venue
from bot.ops.doctor_book import Book, judged
from bot.ops.doctor_home import look_home
from bot.ops.exits import Exit
from bot.ops.findings import Found, code_of, fine, no, warning
from bot.runtime import killfile
from bot.runtime.market import Market
from bot.runtime.settings_load import Loaded
from bot.venues.translate.catalogue import Fees
from bot.venues.translate.settings import SymbolSetting
from tests.journal.helpers import tampered
from tests.ops.desk import desk_at, trimtab
from tests.runtime.configs import RIGHT, catalogue, instrument, loaded

# apprise asks for a module of Python's that is on its way out, and has its own for the day when it is gone.
pytestmark = [
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
    pytest.mark.usefixtures("no_settings"),
]

PRICES = {"BTC": Decimal(60_000), "ETH": Decimal(3_000)}
HELD = {"BTC": Decimal(1), "ETH": Decimal(10), "USDT": Decimal(50_000)}
TIERS = (Tier(Decimal(0), Decimal("0.01"), Decimal(0)),)


def at_home(state_dir: Path, more: str = "", account: str | None = "7") -> dict[str, list[Found]]:
    """What is found on this machine, by subject."""
    config = loaded(f"{RIGHT}state_dir: {state_dir}\n{more}")
    found: dict[str, list[Found]] = {}
    for one in look_home(config, account):
        found.setdefault(one.subject, []).append(one)
    return found


def only(found: dict[str, list[Found]], subject: str) -> tuple[bool, bool, str]:
    """The one finding about a subject."""
    (one,) = found[subject]
    return one.ok, one.blocking, one.text


def journal(state_dir: Path, mode: Mode = "live", account: str = "binance:7", name: str = "live") -> Path:
    """A journal of a few records."""
    state_dir.mkdir(mode=0o700, exist_ok=True)
    path = state_dir / f"journal-{name}.sqlite3"
    with SqliteJournal.open(path, Stamp(mode, account), lambda: 1, lambda _: None) as made:
        made.append_many([Entry("step", b"x", number) for number in range(1, 5)])
    return path


# -------------------------------------------------------------------------------------------- this machine
def test_a_first_start_finds_nothing_and_makes_nothing(tmp_path: Path) -> None:
    """No state directory yet: it can be made, there is no journal, nobody works there, and it is still not there."""
    state_dir = tmp_path / "deep" / "state"
    found = at_home(state_dir)

    assert all(one.ok for subject in ("state directory", "journal", "daemon", "disk") for one in found[subject])
    assert "kill" not in found
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(("mode", "blocking"), [(0o755, False), (0o750, False), (0o777, True), (0o702, True)])
def test_a_state_directory_is_its_owners_alone(tmp_path: Path, mode: int, blocking: bool) -> None:
    """One that others can read is warned of, one that everybody can write refuses; each with its line and the fix."""
    state_dir = tmp_path / "state"
    state_dir.mkdir()
    state_dir.chmod(mode)
    ok, blocks, text = only(at_home(state_dir), "state directory")

    assert (False, blocking) == (ok, blocks)
    assert "c.yaml:10: state_dir:" in text
    assert f"chmod 700 {state_dir}" in text


def test_a_state_directory_that_cannot_be_is_refused(tmp_path: Path) -> None:
    """A file stands there, or in its way."""
    (tmp_path / "file").write_text("")

    assert (False, True) == only(at_home(tmp_path / "file"), "state directory")[:2]
    assert (False, True) == only(at_home(tmp_path / "file" / "below"), "state directory")[:2]


def test_a_state_directory_that_may_not_be_entered_is_findings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else's, closed to us: each part says so in its line, and none of them breaks off."""
    state_dir, real = tmp_path / "closed", Path.stat

    def closed(path: Path, **options: bool) -> os.stat_result:
        if path.is_relative_to(state_dir):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, **options)

    monkeypatch.setattr(Path, "stat", closed)
    found = at_home(state_dir)

    assert [(False, True)] * 2 == [only(found, subject)[:2] for subject in ("state directory", "journal")]
    assert "Permission denied" in only(found, "journal")[2]
    assert "disk" in found


def test_a_disk_that_is_nearly_full_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Less than journal.disk_free: its line, what is free, and what is asked for."""
    monkeypatch.setattr("bot.ops.doctor_home.free_bytes", lambda _: 300 * 1024**2)

    assert (True, True) == only(at_home(tmp_path, "journal: {disk_free: 300 MiB}\n"), "disk")[:2]
    ok, blocking, text = only(at_home(tmp_path, "journal: {disk_free: 301 MiB}\n"), "disk")
    assert (False, True) == (ok, blocking)
    assert "c.yaml:11: journal.disk_free: value '301 MiB': 300.0 MiB free" in text


def test_a_whole_journal_of_this_account_is_fine(tmp_path: Path) -> None:
    """It is read to its end, and left as it was."""
    path = journal(tmp_path)
    before = path.read_bytes()

    assert only(at_home(tmp_path), "journal") == (
        True,
        True,
        f"{path.name}: 4 records since its last checkpoint, whole",
    )
    assert before == path.read_bytes()


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ({"account": "binance:8"}, "account binance:8, not to live, account binance:7"),
        ({"mode": "dry-run"}, "belongs to mode dry-run"),
    ],
)
def test_a_journal_of_somebody_else_is_refused(tmp_path: Path, made: dict[str, Any], words: str) -> None:
    """Another account's, or one of another way to run; with no number known the account is not judged."""
    journal(tmp_path, **made)
    ok, blocking, text = only(at_home(tmp_path), "journal")

    assert (False, True) == (ok, blocking)
    assert words in text
    assert ("account" in made) == only(at_home(tmp_path, account=None), "journal")[0]


def test_a_broken_journal_is_refused_and_named(tmp_path: Path) -> None:
    """A changed record, and a file that is no journal; a dry-run's is only warned of, since live does not need it."""
    tampered(journal(tmp_path), "UPDATE records SET payload = x'00' WHERE seq = 2")
    (tmp_path / "journal-dry-run.sqlite3").write_bytes(b"not a database, but long enough to look at" * 30)
    dry, live = sorted(at_home(tmp_path)["journal"], key=lambda one: one.blocking)

    assert (False, True, True) == (live.ok, live.blocking, "broken at record 2" in live.text)
    assert (False, False, True) == (dry.ok, dry.blocking, "journal-dry-run" in dry.text)


def test_a_daemon_at_work_is_no_fault(tmp_path: Path) -> None:
    """It holds its journal locked, which is read beside it."""
    with (
        desk_at(tmp_path),
        SqliteJournal.open(tmp_path / "journal-live.sqlite3", Stamp("live", "binance:7"), lambda: 1, lambda _: None),
    ):
        found = at_home(tmp_path)

    assert (True, True) == (only(found, "daemon")[0], only(found, "journal")[0])
    assert "one works in" in only(found, "daemon")[2]


def test_a_kill_file_is_told_with_its_reason(tmp_path: Path) -> None:
    """A daemon would start killed, and whoever looks wants to know why."""
    killfile.write(tmp_path, "no sleep", "owner")
    ok, blocking, text = only(at_home(tmp_path), "kill")

    assert (False, False) == (ok, blocking)
    assert "no sleep; by owner" in text
    assert "trimtab arm" in text


@pytest.mark.parametrize(
    ("said", "ok", "words"),
    [
        ("yes\n", True, "kept by NTP"),
        ("no\n", False, "set-ntp true"),
        ("", True, "not known"),
        (None, True, "not known"),
    ],
)
def test_who_keeps_the_clock(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: str | None, ok: bool, words: str
) -> None:
    """Only a plain no is a warning; a machine that does not say is judged by the clock itself."""

    def run(*_: object, **__: object) -> subprocess.CompletedProcess[str]:
        if said is None:
            raise subprocess.TimeoutExpired("timedatectl", 5)
        return subprocess.CompletedProcess([], 0, said, "")

    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/timedatectl")
    monkeypatch.setattr(subprocess, "run", run)
    found = only(at_home(tmp_path), "ntp")

    assert (ok, True) == (found[0], words in found[2])


# ------------------------------------------------------------------------------------------------ the book
def book(
    text: str = RIGHT, *, balance: int = 100_000, leverage: int = 20, cap: int | None = None, **changes: Any
) -> Book:
    """One bitcoin and ten ether at 60,000 and 3,000: hedges of 60,000 and 30,000 USDT."""
    margin = MarginState(Decimal(balance), Decimal(0), Decimal(0), Decimal(balance))
    most = None if cap is None else Decimal(cap)
    instruments = (instrument("usdm", "ETHUSDT", "ETH", tiers=TIERS), *catalogue(tiers=TIERS)[:3])
    fields: dict[str, Any] = {
        "loaded": loaded(text),
        "market": Market(instruments, frozenset(), PRICES),
        "holdings": HELD,
        "margin": margin,
        "settings": {symbol: SymbolSetting(symbol, "CROSSED", leverage, most) for symbol in ("BTCUSDT", "ETHUSDT")},
        "fees": {"BTCUSDT": Fees(Decimal("0.0005"), Decimal("0.0002"))},
    }
    return Book(**(fields | changes))


def said(of: Book, subject: str) -> list[tuple[bool, bool, str]]:
    """The findings about a subject."""
    return [(one.ok, one.blocking, one.text) for one in judged(of) if one.subject == subject]


def test_a_sound_book_is_fine() -> None:
    """Everything passes, and says with numbers why."""
    of = book(f"{RIGHT}peg: {{references: [spot:USDCUSDT]}}\n")
    texts = [one.text for one in judged(of)]

    assert all(one.ok for one in judged(of)), texts
    assert "BTCUSDT: taker 5 bps, maker 2 bps; a dry-run pays 5 bps" in texts
    assert (
        "neutral, BTC: a breach trades 0.01 BTC (600.00 USDT) or more and costs 0.30 USDT in fees; "
        "the smallest order is 0.002 BTC (120.00 USDT)"
    ) in texts
    assert "with everything hedged the margin ratio is 0.90 %, and 50 % is the limit".replace("0.90", "0.9") in texts


def test_fees_above_the_configured_are_warned_of_at_their_line() -> None:
    """What a dry-run would pay too little, and what to write."""
    text = f"{RIGHT}paper: {{taker_fee: 4 bps}}\n"
    ((ok, blocking, line),) = said(book(text), "fees")

    assert (False, False) == (ok, blocking)
    assert "c.yaml:10: paper.taker_fee: value '4 bps': the account pays 5 bps as taker of BTCUSDT" in line


@pytest.mark.parametrize(
    ("changes", "ok", "blocking", "words"),
    [
        ({"leverage": 1, "balance": 50_000}, False, True, "takes at least 2x"),
        ({"leverage": 1, "balance": 90_000}, False, False, "take at least 6x"),
        (
            {"leverage": 4},
            False,
            False,
            "c.yaml:1: limits.position_notional: BTCUSDT is set to 4x; positions up to this",
        ),
        ({"leverage": 5}, True, True, "takes 1x"),
        ({"leverage": 26}, False, False, "above 25x nothing is gained"),
        ({"cap": 249_999}, False, False, "no position above 249,999.00 USDT"),
        ({"cap": 250_000}, True, True, "set to 20x"),
    ],
)
def test_leverage_is_held_against_what_it_has_to_carry(
    changes: dict[str, Any], ok: bool, blocking: bool, words: str
) -> None:
    """Too little for what is held refuses, too little for the limits or more than is sensible is warned of."""
    first = next(one for one in said(book(**changes), "leverage") if "BTCUSDT" in one[2])

    assert (ok, blocking) == first[:2]
    assert words in first[2]


def test_limits_that_no_sensible_leverage_carries_are_said_once() -> None:
    """Two positions of 250,000 on 15,000 USDT would take 34x: the limit is what has to change."""
    found = [text for ok, _, text in said(book(balance=15_000, leverage=25), "leverage") if not ok]

    assert 1 == len(found)
    assert "would need 34x" in found[0]


def test_a_peg_that_nobody_watches_is_warned_of() -> None:
    """It is no reason not to start, and a person should know; one that is watched is fine."""
    ((ok, blocking, line),) = said(book(), "peg")

    assert (False, False) == (ok, blocking)
    assert "peg.references: nobody watches the peg of USDT" in line
    watched = book(f"{RIGHT}peg: {{references: [spot:USDCUSDT]}}\n")
    assert [True] == [ok for ok, _, _ in said(watched, "peg")]


def test_the_move_that_a_hedged_book_survives_is_held_against_the_limit() -> None:
    """Thin collateral is warned of before the hedge ends in the middle; without the limit nothing is said."""
    text = f"{RIGHT}limits:\n  stress_distance: 15 %\n"
    ((ok, blocking, line),) = said(book(text, balance=12_000, leverage=25), "distance")

    assert (False, False) == (ok, blocking)
    assert "limits.stress_distance: value '15 %': with everything hedged a move of" in line
    assert [True] == [ok for ok, _, _ in said(book(text), "distance")]
    assert [] == said(book(f"{RIGHT}limits:\n  stress_distance: 0\n"), "distance")
    flat = said(book(text, holdings={"BTC": Decimal(0), "ETH": Decimal(0)}), "distance")
    assert ["with everything hedged no move of prices liquidates, and 15 % is the limit"] == [
        line for _, _, line in flat
    ]


def test_margin_after_everything_is_hedged_is_held_against_the_limit() -> None:
    """900 USDT of maintenance margin on 1,500: beyond the half that is allowed, at its line."""
    text = f"{RIGHT}limits:\n  margin_ratio: 0.5\n"
    ((ok, blocking, line),) = said(book(text, balance=1_500, leverage=60), "margin")

    assert (False, False) == (ok, blocking)
    assert "c.yaml:11: limits.margin_ratio: value '0.5': with everything hedged the margin ratio is 60 %" in line
    assert said(book(text, balance=1_800), "margin")[0][0]


def test_a_hedge_beyond_the_position_limit_is_warned_of() -> None:
    """What is above the limit would stay unhedged, and nobody would be told until it happens."""
    text = f"{RIGHT}limits: {{position_notional: 59999 USDT, order_notional: 1000 USDT}}\n"
    ((ok, blocking, line),) = said(book(text), "position limit")

    assert (False, False) == (ok, blocking)
    assert "hedging BTC takes a position of 60,000.00 USDT" in line


@pytest.mark.parametrize("changes", [{"holdings": None}, {"margin": None}, {"balance": 0}])
def test_what_was_not_read_is_not_judged(changes: dict[str, Any]) -> None:
    """And that is said: silence would pass for health."""
    assert ["leverage and margin were not judged: the balances were not read, or there is no margin"] == [
        text for ok, _, text in said(book(**changes), "margin") if not ok
    ]


def test_missing_brackets_are_said() -> None:
    """Without the venue's brackets no maintenance margin can be told."""
    of = book(market=Market(catalogue(), frozenset(), PRICES))

    assert [(False, False, "not judged: the venue gives no margin brackets for BTC, ETH")] == said(of, "margin")


# ---------------------------------------------------------------------------------------- who would be told
def test_one_bad_address_leaves_the_other_sinks_tested(tmp_path: Path) -> None:
    """A sink whose file is missing is a line with its place, and the one beside it is sent its test."""
    odd = tmp_path / "url"
    odd.touch(mode=0o600)
    odd.write_text("nosuch://127.0.0.1")
    here = "{url: 'json://127.0.0.1:9/x'}"
    sinks = f"{{lost: {{url_file: {tmp_path / 'none'}}}, odd: {{url_file: {odd}}}, here: {here}}}"
    found = list(doctor_people.try_sinks(loaded(f"{RIGHT}alerts: {{sinks: {sinks}}}\n")))

    assert [False] * 3 == [one.ok for one in found]
    assert all(one.blocking and one.text.startswith("c.yaml:10: alerts.sinks.") for one in found)
    assert ["lost", "odd", "here"] == [one.text.split(": ")[1].split(".")[2] for one in found]


def test_nobody_to_tell_is_warned_of() -> None:
    """No sink and no heartbeat are a choice that its owner should know of; no chat is none."""
    config = loaded(RIGHT)

    assert [(False, False)] == [(one.ok, one.blocking) for one in doctor_people.try_sinks(config)]
    assert [(False, False)] == [(one.ok, one.blocking) for one in doctor_people.look_at_heartbeat(config)]
    assert [True] == [one.ok for one in doctor_people.try_chat(config)]


def test_a_heartbeat_is_looked_at_and_not_called(tmp_path: Path) -> None:
    """A call would tell the outside that a daemon is well; a file that is not there refuses."""
    fine_one = loaded(f"{RIGHT}alerts: {{heartbeat: {{url: 'https://127.0.0.1:9/ping'}}}}\n")
    lost = loaded(f"{RIGHT}alerts: {{heartbeat: {{url_file: {tmp_path / 'none'}}}}}\n")

    assert [True] == [one.ok for one in doctor_people.look_at_heartbeat(fine_one)]
    assert [(False, True)] == [(one.ok, one.blocking) for one in doctor_people.look_at_heartbeat(lost)]


def test_a_bots_token_that_cannot_be_read_refuses(tmp_path: Path) -> None:
    """The file is named, at the setting that names it."""
    chat = f"chat: {{telegram: {{token_file: {tmp_path / 'none'}, users: [1]}}}}\n"
    (found,) = doctor_people.try_chat(loaded(RIGHT + chat))

    assert (False, True) == (found.ok, found.blocking)
    assert "chat.telegram.token_file" in found.text


# ------------------------------------------------------------------------------------------------ the whole
@pytest.mark.parametrize(
    ("found", "code"),
    [
        ([fine("clock", ""), warning("journal", "")], Exit.OK),
        ([no("clock", ""), no("connection", ""), no("journal", "")], Exit.REFUSED),
        ([no("connection", ""), no("journal", "")], Exit.JOURNAL),
        ([no("connection", ""), warning("fees", "")], Exit.VENUE),
        ([no("key", "")], Exit.VENUE),
    ],
)
def test_the_exit_code_is_the_one_that_needs_a_person_first(found: list[Found], code: Exit) -> None:
    """What has to be mended by hand before what may pass by itself; warnings alone end well."""
    assert code is code_of(found)


class _NoVenue:
    """A look at a venue that found one thing to mend."""

    account = "7"

    def __init__(self, _: Loaded) -> None:
        """As VenueLook is made."""
        self.findings = [no("clock", "off")]

    async def run(self) -> None:
        """Look."""


def test_every_part_is_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Venue, machine, sinks, chat, heartbeat: the findings of all of them, in this order."""
    monkeypatch.setattr(doctor_venue, "VenueLook", _NoVenue)

    def silent_sinks(_: Loaded) -> Iterator[Found]:
        yield no("alerts", "phone is silent")

    config = loaded(f"{RIGHT}state_dir: {tmp_path / 'state'}\n")
    found = doctor.examine(config, sinks=silent_sinks, chat=lambda _: [fine("chat", "none")])

    assert ["clock", "state directory"] == [one.subject for one in found[:2]]
    assert ["alerts", "chat", "heartbeat"] == [one.subject for one in found[-3:]]


def test_the_verb_tells_and_ends_with_the_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As text each finding is a line and the last one counts them; as JSON they are data."""
    monkeypatch.setattr(doctor_venue, "VenueLook", _NoVenue)
    path = tmp_path / "c.yaml"
    path.write_text(f"{RIGHT}state_dir: {tmp_path / 'state'}\n")
    code, out, _ = trimtab("check", "--live", "--config", path)

    assert Exit.REFUSED == code
    assert "NO      clock: off\n" in out
    assert "warning heartbeat: " in out
    assert ": 1 thing to mend before live, " in out.splitlines()[-1]
    assert '"subject": "clock"' in trimtab("check", "--live", "--json", "--config", path)[1]
    assert Exit.USAGE == trimtab("check", "--live", "--offline", "--config", path)[0]


def test_a_key_that_may_not_be_used_hides_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a line of the config, once, with the usage code; everything else is examined beside it."""
    monkeypatch.setattr(doctor_venue, "VenueLook", _NoVenue)
    key, path = tmp_path / "key", tmp_path / "c.yaml"
    key.write_text("k" * 20)
    key.chmod(0o644)
    credentials = f"credentials: {{api_key_file: {key}, api_secret_file: {key}}}\n"
    path.write_text(f"{RIGHT}state_dir: {tmp_path / 'state'}\n{credentials}")
    code, out, _ = trimtab("check", "--live", "--config", path)

    assert (Exit.USAGE, 1) == (code, out.count("may be read by others (mode 0644)"))
    assert "NO      clock: off\n" in out
    assert ": 2 things to mend before live, " in out.splitlines()[-1]


async def test_a_long_wait_for_the_rate_window_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody sits before the screen; a backoff of a moment is not worth a word."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    clock = doctor_venue.ToldClock()
    await clock.sleep(0.2)
    await clock.sleep(41)

    assert [0.2, 41] == slept
    assert "waiting 41 s for the venue's rate window ...\n" == capsys.readouterr().err
