"""Why a daemon does not start: expected reasons, each a line or more for a person, with the kind for an exit code."""

from typing import Literal

Kind = Literal["config", "credentials", "key", "refused", "venue"]
"""`credentials`: there is no key, or it may not be used; `key`: the venue does not accept it."""


class StartRefused(Exception):
    """The daemon does not start. `lines` say why, one each; nothing was sent.

    `at` is the key of the config that they hang on, where they do not name their file and line themselves.
    """

    def __init__(self, kind: Kind, *lines: str, at: tuple[str | int, ...] | None = None) -> None:
        super().__init__("; ".join(lines))
        self.kind: Kind = kind
        self.lines = lines
        self.at = at
