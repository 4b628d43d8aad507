"""What the tests of several verbs stand on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ops.desk import Desk, desk_at


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A stand-in daemon in the test's own state directory."""
    with desk_at(tmp_path) as found:
        yield found
