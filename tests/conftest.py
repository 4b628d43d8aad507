"""What every test may lean on: the recorded market data, and property tests that repeat in CI."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]
DATA_VARIABLE = "TRIMTAB_DATA"

settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of recorded market data, or a skip that says where it was looked for."""
    place = Path(os.environ.get(DATA_VARIABLE) or ROOT.parent / "shared" / "data")
    if not place.is_dir():
        pytest.skip(f"no recorded market data in {place}; set {DATA_VARIABLE} to its folder")
    return place


@pytest.fixture(scope="session")
def frames_dir(data_dir: Path) -> Path:
    """The folder of recorded websocket frames, or a skip."""
    place = data_dir / "frames"
    if not place.is_dir():
        pytest.skip(f"no recorded frames in {place}; {DATA_VARIABLE} names a folder that holds frames/")
    return place


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon's own environment variables, should this machine have some, are not there."""
    for name in [name for name in os.environ if name.startswith("TRIMTAB_")]:
        monkeypatch.delenv(name)
