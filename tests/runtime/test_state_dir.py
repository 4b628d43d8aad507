"""A state directory that cannot be used is one line, before anything else is done."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bot.runtime.refusal import StartRefused
from bot.runtime.settings_load import load
from bot.runtime.state_dir import prepare

CONFIG = """portfolio: place
state_dir: {place}
assets: {{BTC: {{}}}}
targets: [{{name: neutral, kind: neutral, assets: [BTC], band: {{trigger: 1 %, destination: 0 %}}}}]
"""


def line_for(tmp_path: Path, place: Path) -> str:
    """The line that a start with this state directory ends with."""
    config = tmp_path / "place.yaml"
    config.write_text(CONFIG.format(place=place))
    with pytest.raises(StartRefused) as refused:
        prepare(load(config, {}))
    assert "config" == refused.value.kind
    (line,) = refused.value.lines
    assert line.startswith(f"{config}:2: state_dir: ")
    assert "allowed: a directory of your own" in line
    return line


def test_a_new_directory_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    """With all that is above it."""
    config, place = tmp_path / "place.yaml", tmp_path / "a" / "b"
    config.write_text(CONFIG.format(place=place))
    prepare(load(config, {}))

    assert 0o700 == place.stat().st_mode & 0o777


@pytest.mark.parametrize("below", ["", "/state"])
def test_a_file_is_not_a_directory(tmp_path: Path, below: str) -> None:
    """Neither at the place itself nor above it."""
    (tmp_path / "file").touch()

    assert "is not a directory, or lies below a file" in line_for(tmp_path, Path(f"{tmp_path}/file{below}"))


def test_somebody_elses_directory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who owns it and who asks are both named."""
    mine = os.geteuid()
    monkeypatch.setattr("os.geteuid", lambda: mine + 1)

    assert f"belongs to user {mine}, this process is user {mine + 1}" in line_for(tmp_path, tmp_path)


def test_a_directory_that_everybody_writes_is_refused(tmp_path: Path) -> None:
    """Whoever can rename files there can swap the journal."""
    place = tmp_path / "open"
    place.mkdir()
    place.chmod(0o777)

    assert "can be written by everybody (mode 0777)" in line_for(tmp_path, place)


def test_a_directory_that_cannot_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its mode is named; root passes every mode, so the system's answer is given here."""
    place = tmp_path / "closed"
    place.mkdir(mode=0o500)
    monkeypatch.setattr("os.access", lambda *_: False)

    assert f"{place} cannot be written: mode 0500" in line_for(tmp_path, place)


def test_a_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    """The system's own reason is passed on."""
    assert "cannot be made: File name too long" in line_for(tmp_path, tmp_path / ("x" * 300))
