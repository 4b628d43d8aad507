"""Small files that are whole or not at all."""

import os
from pathlib import Path

import pytest

from bot.runtime import durable


def test_a_file_is_put_in_its_place_for_its_owner_alone(tmp_path: Path) -> None:
    """What was there is replaced, nobody else can read it, and no draft is left."""
    target = tmp_path / "MODE"
    durable.replace(target, b"one")
    durable.replace(target, b"two")

    assert (b"two", 0o600) == (target.read_bytes(), target.stat().st_mode & 0o777)
    assert [target] == list(tmp_path.iterdir())


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk costs the new content and nothing of the old; the draft is gone."""

    def full(handle: int, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    target = tmp_path / "MODE"
    durable.replace(target, b"one")
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        durable.replace(target, b"two")

    assert [(target, b"one")] == [(path, path.read_bytes()) for path in tmp_path.iterdir()]
