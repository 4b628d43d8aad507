"""What the doctor looks at on this machine: state directory, disk, journals, the kill file, the clock's keeper."""

import os
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from bot.domain.events import RunMode
from bot.journal.reader import SqliteReader
from bot.journal.store import JournalError
from bot.ops.findings import Found, fine, no, warning
from bot.runtime import killfile, wiring
from bot.runtime.ask import AskError, NotRunning, ask
from bot.runtime.fields_service import UNITS
from bot.runtime.settings import Settings
from bot.runtime.settings_load import Loaded
from bot.runtime.upkeep import free_bytes

PRIVATE = 0o700
TOOL_PATIENCE_S = 5.0
DAEMON_PATIENCE_S = 3.0
_NTP_ASKED = ("show", "--property=NTPSynchronized", "--value")


def look_home(loaded: Loaded, account: str | None) -> Iterator[Found]:
    """Every finding on this machine; `account` is the venue's number of the account, None where it is not known."""
    settings = loaded.settings
    yield from _state_dir(loaded)
    yield _disk(loaded)
    yield from _daemon(settings.state_dir)
    yield from _journals(settings, account)
    yield from _kill(settings.state_dir)
    yield _ntp()


# ------------------------------------------------------------------------------------------------- place
def _state_dir(loaded: Loaded) -> Iterator[Found]:
    subject, path = "state directory", loaded.settings.state_dir

    def at(what: str) -> str:
        return str(loaded.problem(("state_dir",), what))

    try:
        status = path.stat()
    except FileNotFoundError:
        yield _not_yet(loaded)
        return
    except OSError as error:
        yield no(subject, at(f"{path} cannot be looked at: {error.strerror}"))
        return
    mode = stat.S_IMODE(status.st_mode)
    if not stat.S_ISDIR(status.st_mode):
        yield no(subject, at(f"{path} is no directory"))
    elif status.st_uid != os.geteuid():
        yield no(subject, at(f"{path} belongs to uid {status.st_uid}, not to {os.geteuid()} who runs this"))
    elif mode & stat.S_IWOTH:
        yield no(subject, at(f"{path} may be changed by everybody (mode {mode:04o}); do: chmod 700 {path}"))
    elif not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        yield no(subject, at(f"{path} cannot be written (mode {mode:04o}); do: chmod 700 {path}"))
    elif mode != PRIVATE:
        yield warning(subject, at(f"{path} is not yours alone (mode {mode:04o}); do: chmod 700 {path}"))
    else:
        yield fine(subject, f"{path}: yours alone, and writable")


def _not_yet(loaded: Loaded) -> Found:
    path = loaded.settings.state_dir
    parent = _existing(path)
    if os.access(parent, os.W_OK | os.X_OK):
        return fine("state directory", f"{path} is made by the first start, for you alone")
    what = f"{path} is not there, and {parent} cannot be written: make it (mode 0700), or name another"
    return no("state directory", str(loaded.problem(("state_dir",), what)))


def _existing(path: Path) -> Path:
    """The path, or the nearest directory above it that is there."""
    # Unlike Path.is_dir this takes a place that may not be looked at for one that is not there.
    return next((place for place in (path, *path.parents) if os.path.isdir(place)), Path("/"))  # noqa: PTH112


def _disk(loaded: Loaded) -> Found:
    place, least = _existing(loaded.settings.state_dir), loaded.settings.journal.disk_free
    try:
        free = free_bytes(place)
    except OSError as error:
        return no("disk", f"{place}: {error.strerror}")
    if free >= least:
        return fine("disk", f"{_size(free)} free at {place}")
    what = f"{_size(free)} free at {place}, and {_size(least)} is the least: make room, or move state_dir"
    return no("disk", str(loaded.problem(("journal", "disk_free"), what)))


def _size(count: int) -> str:
    unit = next((unit for unit in reversed(UNITS) if count >= UNITS[unit]), "B")
    return f"{count / UNITS[unit]:.1f} {unit}"


# --------------------------------------------------------------------------------------------- the daemon
def _daemon(state_dir: Path) -> Iterator[Found]:
    try:
        status = ask(state_dir, "status", timeout_s=DAEMON_PATIENCE_S)
    except NotRunning:
        yield fine("daemon", f"none works in {state_dir}")
    except AskError as error:
        yield warning("daemon", f"one works in {state_dir} and does not answer: {error}")
    else:
        way = status.get("run_mode", "") if isinstance(status, dict) else ""
        yield fine("daemon", f"one works in {state_dir}{f', {way}' if way else ''}: its journal is read beside it")


def _kill(state_dir: Path) -> Iterator[Found]:
    order = killfile.read(state_dir)
    if order is None:
        return
    when = f", {time.strftime('%Y-%m-%d %H:%M', time.gmtime(order.at_s))} UTC" if order.at_s else ""
    text = f"{killfile.place(state_dir)} lies there ({order.reason}; by {order.by}{when}): a daemon starts killed"
    yield warning("kill", f"{text}, until `trimtab arm`")


def _journals(settings: Settings, account: str | None) -> Iterator[Found]:
    paths = {mode: wiring.journal_path(settings, mode) for mode in RunMode}
    try:
        there = [mode for mode, path in paths.items() if path.exists()]
    except OSError as error:
        yield no("journal", f"{settings.state_dir} cannot be looked into: {error.strerror}")
        return
    for mode in there:
        yield _journal(paths[mode], mode, _owner(settings, mode, account))
    if not there:
        yield fine("journal", "none yet: the first start begins one")


def _owner(settings: Settings, mode: RunMode, account: str | None) -> str | None:
    """Whose journal this is to be, as `Stamp.account` says it; None where either would do or nobody knows."""
    if mode is RunMode.DRY_RUN:
        return f"paper:{settings.portfolio}"
    return f"{settings.venue}:{account}" if mode is RunMode.LIVE and account is not None else None


def _journal(path: Path, mode: RunMode, owner: str | None) -> Found:
    """One that is not live's own is only warned of: it keeps another way to run from starting."""
    wrong = no if mode is RunMode.LIVE else warning
    try:
        with SqliteReader.open(path) as reader:
            stamp, found = reader.stamp, reader.check(from_checkpoint=True)
    except JournalError as error:
        return wrong("journal", f"{error}; restore a backup, or move it away once the positions are checked by hand")
    if not found.ok:
        text = f"{path} is broken at record {found.broken_at}: {found.reason}"
        return wrong("journal", f"{text}; restore a backup, or move it away once the positions are checked by hand")
    if stamp.mode != mode.value or (owner is not None and stamp.account != owner):
        text = f"{path} belongs to mode {stamp.mode}, account {stamp.account}, not to {mode.value}"
        return wrong("journal", f"{text}, account {owner or 'of this key'}: use another state directory")
    return fine("journal", f"{path.name}: {found.records} records since its last checkpoint, whole")


# ----------------------------------------------------------------------------------------------- the clock
def _ntp() -> Found:
    """Whether something keeps this machine's clock; what it shows now the clock's own finding says."""
    tool = shutil.which("timedatectl")
    if tool is None:
        return fine("ntp", "not known: there is no timedatectl here (a container takes its host's clock)")
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command
            [tool, *_NTP_ASKED], capture_output=True, text=True, timeout=TOOL_PATIENCE_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return fine("ntp", "not known: timedatectl does not answer")
    match done.stdout.strip():
        case "yes":
            return fine("ntp", "this machine's clock is kept by NTP")
        case "no":
            return warning("ntp", "this machine's clock is not kept by NTP; do: timedatectl set-ntp true")
        case _:
            return fine("ntp", "not known: timedatectl does not say")
