"""The promises of the alert store."""

from __future__ import annotations

import sqlite3
import stat
from typing import TYPE_CHECKING

import pytest

from bot.domain.commands import Severity
from bot.ops.alerts.backlog import Accepted, Done, Remembered, Stored
from bot.ops.alerts.repeats import Memory
from bot.ops.alerts.store import ASIDE_MAX, FILE, Store, StoreDamaged, StoreError, open_or_replace
from tests.ops.alerts.delivering import START_NS, alert, critical

if TYPE_CHECKING:
    from pathlib import Path


def stored(number: int, *owed: str) -> Stored:
    """An accepted alert."""
    entry = critical(f"k{number}", facts=(("delta", "1.5 BTC"),))
    return Stored(id=number, accepted_ns=START_NS, alert=entry, told=Severity.CRITICAL, owed=list(owed))


def test_what_was_accepted_is_there_after_reopening(tmp_path: Path) -> None:
    """Alerts with who is owed them, and the memory of keys, come back as they were."""
    store = Store(tmp_path / FILE)
    memory = Memory(since_ns=START_NS, told=alert("m"), withheld=3)
    store.apply([Accepted(stored(1, "mail", "phone")), Accepted(stored(2, "phone")), Remembered("m", memory)])
    store.close()
    kept = Store(tmp_path / FILE).load()

    assert (stored(1, "mail", "phone"), stored(2, "phone")) == kept.waiting
    assert {"m": memory} == kept.memories


def test_what_is_done_is_gone(tmp_path: Path) -> None:
    """A delivered duty is not owed any more, and an alert that nobody is owed takes no room."""
    store = Store(tmp_path / FILE)
    store.apply([Accepted(stored(1, "mail", "phone")), Accepted(stored(2, "phone"))])
    store.apply([Done(1, "phone", "phone"), Done(2, "phone", "mail"), Remembered("m", None)])

    assert (stored(1, "mail"),) == store.load().waiting


def test_rewriting_replaces_everything(tmp_path: Path) -> None:
    """After a time in memory the file says what memory says, and nothing of before."""
    store = Store(tmp_path / FILE)
    store.apply([Accepted(stored(1, "mail")), Remembered("m", Memory(since_ns=1, told=alert("m")))])
    store.rewrite([Accepted(stored(1, "phone"))])

    assert (stored(1, "phone"),) == store.load().waiting
    assert store.load().memories == {}


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Alerts tell what somebody owns: mode 0600, even where the file was there before with another mode."""
    (tmp_path / FILE).touch(0o644)
    Store(tmp_path / FILE).apply([Accepted(stored(1, "phone"))])

    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {0o600}


def test_a_second_process_cannot_have_the_file(tmp_path: Path) -> None:
    """It is locked while it is open, and being in use is not being damaged."""
    first = Store(tmp_path / FILE)
    with pytest.raises(StoreError, match="in use by another process") as caught:
        open_or_replace(tmp_path / FILE, START_NS)

    assert not isinstance(caught.value, StoreDamaged)
    first.apply([Accepted(stored(1, "phone"))])


def _text(path: Path) -> None:
    path.write_text("this is no database at all " * 100)


def _broken(path: Path) -> None:
    store = Store(path)
    store.apply([Accepted(stored(n, "phone")) for n in range(1, 200)])
    store.close()
    content = bytearray(path.read_bytes())
    content[4096:12288] = b"\xff" * 8192
    path.write_bytes(content)


def _foreign(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE alerts (id INTEGER)")
    other.close()


def _unreadable(path: Path) -> None:
    store = Store(path)
    store.apply([Accepted(stored(1, "phone"))])
    store.close()
    with sqlite3.connect(path) as other:
        other.execute("UPDATE alerts SET body = ?", (b'{"kind": "no such kind"}',))
    other.close()


@pytest.mark.parametrize("damage", [_text, _broken, _foreign, _unreadable])
def test_a_damaged_file_is_moved_aside(tmp_path: Path, damage: object) -> None:
    """What is no store of ours is kept under another name, said in one line, and a new one is begun."""
    assert callable(damage)
    damage(tmp_path / FILE)
    store, kept, said = open_or_replace(tmp_path / FILE, START_NS)

    assert kept.waiting == ()
    assert said is not None
    assert f"it was moved to {FILE}.damaged-{START_NS}" in said
    assert "\n" not in said
    store.apply([Accepted(stored(1, "phone"))])
    assert (tmp_path / f"{FILE}.damaged-{START_NS}").exists()


def test_damaged_files_do_not_pile_up(tmp_path: Path) -> None:
    """A disk that breaks the file at each start is not filled by what was moved aside."""
    for n in range(ASIDE_MAX + 3):
        _text(tmp_path / FILE)
        open_or_replace(tmp_path / FILE, START_NS + n)[0].close()

    assert len(list(tmp_path.glob("*.damaged-*"))) == ASIDE_MAX


def test_where_no_file_can_be_had_it_says_so(tmp_path: Path) -> None:
    """A folder that is missing is an error of one line, and nothing is moved."""
    with pytest.raises(StoreError, match="No such file or directory"):
        open_or_replace(tmp_path / "nowhere" / FILE, START_NS)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """Somebody's link in the place of the file writes nothing elsewhere."""
    (tmp_path / "elsewhere").touch()
    (tmp_path / FILE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError):
        Store(tmp_path / FILE)

    assert (tmp_path / "elsewhere").read_bytes() == b""
