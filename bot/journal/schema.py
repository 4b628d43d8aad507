"""The tables of the SQLite journal, and the rules the database itself enforces.

Records are appended in sequence and never changed. The one deletion the triggers let through is of records under
the head of a pruned segment, and such a head is taken only when it is the digest of a stored record. A program that
opens the file by mistake is refused by the same rules; a person with the file in hand is not, the chain is for that.

`acknowledged` in a record is the last sequence number that was known to be durable when the record was written, and
the table of that name the one at the last opening or clean closing. Both serve `repair` alone: a record that is
covered by either was promised to somebody and must not be cut off.
"""

from collections.abc import Sequence
from typing import Any

import apsw
import msgspec

from bot.journal.store import SCHEMA_VERSION, JournalCorrupt, JournalError, JournalFailed, JournalMismatch, Stamp

APPLICATION_ID = 0x7472696D  # "trim"

NO_DELETE = """
CREATE TRIGGER records_no_delete BEFORE DELETE ON records
WHEN NOT EXISTS (SELECT 1 FROM segments WHERE last_seq >= OLD.seq)
BEGIN SELECT RAISE(ABORT, 'records are append-only'); END;
"""

_TABLES = """
CREATE TABLE stamp (id INTEGER PRIMARY KEY CHECK (id = 1), body BLOB NOT NULL) STRICT;
CREATE TABLE records (
    seq INTEGER PRIMARY KEY,
    at_ns INTEGER NOT NULL,
    kind TEXT NOT NULL,
    payload BLOB NOT NULL,
    digest BLOB NOT NULL,
    acknowledged INTEGER NOT NULL
) STRICT;
CREATE TABLE segments (
    last_seq INTEGER PRIMARY KEY, digest BLOB NOT NULL, pruned_ns INTEGER NOT NULL
) STRICT;
CREATE TABLE checkpoints (
    seq INTEGER PRIMARY KEY,
    digest BLOB NOT NULL,
    state BLOB NOT NULL,
    created_ns INTEGER NOT NULL,
    seal BLOB NOT NULL
) STRICT;
CREATE TABLE acknowledged (id INTEGER PRIMARY KEY CHECK (id = 1), seq INTEGER NOT NULL) STRICT;
CREATE TABLE repairs (
    id INTEGER PRIMARY KEY,
    at_ns INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    reason TEXT NOT NULL
) STRICT;
CREATE TRIGGER records_in_sequence BEFORE INSERT ON records
WHEN NEW.seq IS NOT 1 + coalesce((SELECT max(seq) FROM records), (SELECT max(last_seq) FROM segments), 0)
BEGIN SELECT RAISE(ABORT, 'records are appended in sequence'); END;
CREATE TRIGGER segments_are_heads BEFORE INSERT ON segments
WHEN NOT EXISTS (SELECT 1 FROM records WHERE seq = NEW.last_seq AND digest = NEW.digest)
BEGIN SELECT RAISE(ABORT, 'a segment ends in a stored record'); END;
CREATE TRIGGER records_no_update BEFORE UPDATE ON records
BEGIN SELECT RAISE(ABORT, 'records are append-only'); END;
CREATE TRIGGER segments_no_update BEFORE UPDATE ON segments
BEGIN SELECT RAISE(ABORT, 'segments are append-only'); END;
CREATE TRIGGER segments_no_delete BEFORE DELETE ON segments
BEGIN SELECT RAISE(ABORT, 'segments are append-only'); END;
CREATE TRIGGER stamp_no_update BEFORE UPDATE ON stamp
BEGIN SELECT RAISE(ABORT, 'stamp is append-only'); END;
CREATE TRIGGER stamp_no_delete BEFORE DELETE ON stamp
BEGIN SELECT RAISE(ABORT, 'stamp is append-only'); END;
"""


def fetch(connection: apsw.Connection, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Return all rows of a query; the column types are those of the STRICT tables."""
    return connection.execute(query, values).fetchall()


def create(connection: apsw.Connection, stamp: Stamp) -> None:
    """Write the tables and the stamp in one transaction; a crash before its end leaves an empty file."""
    connection.pragma("journal_mode", "wal")
    with connection:
        connection.execute(_TABLES)
        connection.execute(NO_DELETE)
        connection.execute("INSERT INTO stamp VALUES (1, ?)", (msgspec.json.encode(stamp),))
        connection.execute("INSERT INTO acknowledged VALUES (1, 0)")
        connection.pragma("application_id", APPLICATION_ID)
        connection.pragma("user_version", SCHEMA_VERSION)


def is_blank(connection: apsw.Connection) -> bool:
    """Tell whether the database holds nothing at all yet."""
    return not fetch(connection, "SELECT 1 FROM sqlite_schema LIMIT 1")


def read_stamp(connection: apsw.Connection, where: str) -> Stamp:
    """Return the stamp of a journal that this program can read.

    Raises JournalMismatch for a schema that it does not know, JournalCorrupt for what is no journal.
    """
    if connection.pragma("application_id") != APPLICATION_ID:
        raise JournalCorrupt(f"{where} is not a Trimtab journal")
    version: int = connection.pragma("user_version")
    if version > SCHEMA_VERSION:
        raise JournalMismatch(
            f"journal {where} has schema {version}, written by a newer Trimtab; this one reads up to "
            f"{SCHEMA_VERSION}: upgrade Trimtab or use another state directory"
        )
    if version < SCHEMA_VERSION:
        raise JournalMismatch(f"journal {where} has schema {version}, which is no schema of Trimtab")
    rows = fetch(connection, "SELECT body FROM stamp")
    try:
        return msgspec.json.decode(rows[0][0], type=Stamp)
    except (IndexError, msgspec.MsgspecError) as error:
        raise JournalCorrupt(f"journal {where} has no readable stamp") from error


def explained(error: Exception, where: str) -> JournalError:
    """Return the journal's own error for one of SQLite or of the operating system."""
    if isinstance(error, JournalError):
        return error
    if isinstance(error, (apsw.CorruptError, apsw.NotADBError)):
        return JournalCorrupt(f"journal {where} is damaged or not a database: {error}")
    return JournalFailed(f"journal {where}: {type(error).__name__}: {error}")
