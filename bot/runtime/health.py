"""Whether the daemon lives and whether it could hedge now, judged from facts alone."""

import msgspec


class Reason(msgspec.Struct, frozen=True):
    """Why something is not well: `subject` names it (a stream, an account, `journal`), `text` is one line."""

    subject: str
    text: str


class Health(msgspec.Struct, frozen=True):
    """`live`: the process turns. `ready`: data and accounts are fresh, so that a hedge could be decided and sent."""

    live: bool
    ready: bool
    reasons: tuple[Reason, ...] = ()
