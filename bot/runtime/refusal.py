"""Why a daemon does not start: expected reasons, each a line or more for a person, with the kind for an exit code."""

from typing import Literal

Kind = Literal["config", "credentials", "refused", "venue"]


class StartRefused(Exception):
    """The daemon does not start. `lines` say why, one each; nothing was sent."""

    def __init__(self, kind: Kind, *lines: str) -> None:
        super().__init__("; ".join(lines))
        self.kind: Kind = kind
        self.lines = lines
