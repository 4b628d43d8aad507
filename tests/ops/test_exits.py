"""The exit codes: one table, the same in the code and in the documentation."""

import re
from pathlib import Path

from bot.ops.exits import Exit

PAGE = Path(__file__).resolve().parents[2] / "docs" / "exit-codes.md"


def test_the_page_and_the_code_agree() -> None:
    """Every code stands in the documentation with its name and meaning, and no other does."""
    rows = re.findall(r"^\| (\d+) \| (\w+) \| (.+) \|$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)

    assert [(int(code), code.name, code.meaning) for code in Exit] == [(int(c), name, text) for c, name, text in rows]


def test_the_codes_are_what_shells_expect() -> None:
    """Success is 0, usage is 2 as for every command line tool, and nothing collides with signals but Ctrl-C."""
    assert (0, 2, 130) == (Exit.OK, Exit.USAGE, Exit.INTERRUPTED)
    assert all(code < 64 for code in Exit if code is not Exit.INTERRUPTED)
