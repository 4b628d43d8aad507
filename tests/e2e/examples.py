"""The example portfolios of config/: a config a strategy, with a snapshot of a portfolio and the plan that is expected.

`.venv/bin/python -m tests.e2e.examples` writes every expected plan anew, from what the code gives now. Look at the
difference before you keep it: each config says in its comments how its figures come about by hand, and the tests hold
those figures too.
"""

import json
import sys
from pathlib import Path
from typing import Any

from bot.ops.plan_files import plan_of_files

CONFIG = Path(__file__).resolve().parents[2] / "config"
NAMES = tuple(sorted(path.stem for path in (CONFIG / "snapshots").glob("*.json")))


def config_of(name: str) -> Path:
    """A strategy's config."""
    return CONFIG / f"{name}.yaml"


def snapshot_of(name: str) -> Path:
    """The portfolio that it is shown on."""
    return CONFIG / "snapshots" / f"{name}.json"


def plan_file_of(name: str) -> Path:
    """The plan that is expected."""
    return CONFIG / "plans" / f"{name}.json"


def expected(name: str) -> Any:
    """The plan that is expected."""
    return json.loads(plan_file_of(name).read_text(encoding="utf-8"))


def write() -> None:
    """Write every expected plan from what the code gives."""
    for name in NAMES:
        answer = plan_of_files(config_of(name), snapshot_of(name), None)
        plan_file_of(name).write_text(json.dumps(answer, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
    sys.stdout.write(f"{len(NAMES)} plans written\n")
