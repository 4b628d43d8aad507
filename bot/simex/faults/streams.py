"""Random streams: one for each class of faults, so that arming one class changes no draw of another."""

from __future__ import annotations

from random import Random


class Streams:
    """The streams of one run, all derived from its seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._streams: dict[str, Random] = {}

    def of(self, name: str) -> Random:
        """The stream of a class."""
        # A text as seed goes through SHA-512, so it is the same on every version of Python.
        return self._streams.setdefault(name, Random(f"faults:{self._seed}:{name}"))
