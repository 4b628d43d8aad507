"""What a simulated exchange may be started with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.simex.config import ApiKey, KeySpec, SimexConfig


@pytest.mark.parametrize(
    "wrong",
    [
        {"market": "imagined"},
        {"market": "recorded"},
        {"replay_dir": Path("somewhere")},
        {"market": "history"},
        {"history_dir": Path("somewhere")},
        {"venues": ()},
        {"venues": ("nowhere",)},
        {"speed": 0.0},
        {"speed": float("nan")},
        {"tick_ms": 0},
        {"keys": (KeySpec("one"), KeySpec("one"))},
        {"keys": (KeySpec("one", account="nobody"),)},
    ],
)
def test_what_does_not_fit_is_refused(wrong: dict[str, Any]) -> None:
    """A configuration that cannot work is a ValueError before anything is started."""
    with pytest.raises(ValueError, match=r"\w"):
        SimexConfig(**wrong)


def test_keys_are_fresh_and_their_secret_hidden() -> None:
    """Every key gets its own random halves, unless given, and repr does not tell the secret."""
    one, two = ApiKey.made(KeySpec("one")), ApiKey.made(KeySpec("two"))
    given = ApiKey.made(KeySpec("three", key="k" * 64, secret="s" * 64))

    assert 4 == len({one.key, one.secret, two.key, two.secret})
    assert {64} == {len(text) for text in (one.key, one.secret)}
    assert ("k" * 64, "s" * 64) == (given.key, given.secret)
    assert one.secret not in repr(one)
    assert "s" * 64 not in repr(KeySpec("three", secret="s" * 64))


def test_a_recording_plays_faster_on_wall_time() -> None:
    """Speed makes a synthetic exchange live faster, but a recorded one only plays its frames faster."""
    assert 10.0 == SimexConfig(speed=10.0).timeline_speed
    assert 10.0 == SimexConfig(market="history", history_dir=Path("files"), speed=10.0).timeline_speed
    assert 1.0 == SimexConfig(market="recorded", replay_dir=Path("frames"), speed=10.0).timeline_speed
