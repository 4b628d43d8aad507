"""The house style as tests: what a linter has no rule for, and a reviewer would forget."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

Node = TypeVar("Node", bound=ast.AST)

ROOT = Path(__file__).resolve().parents[1]
CORE = ("domain", "calc", "policy", "engine")

FILE_LINES_MAX = 450
CLASS_METHODS_MAX = 12

# "path::Class": why it may have more public methods than CLASS_METHODS_MAX.
MANY_METHODS: dict[str, str] = {}

# The one place that may catch everything: it counts, alerts, and restarts or escalates.
CATCHES_ALL = "bot/runtime/supervise.py"

# The one place that may say that an order was reviewed.
APPROVES = "bot/engine/risk.py"

# The core computes; everything else that it would import is a world that it must not see.
CORE_IMPORTS = frozenset(
    "__future__ abc base64 bisect bot collections contextlib copy dataclasses decimal enum fractions functools hashlib "
    "heapq itertools math msgspec numbers operator re string types typing typing_extensions".split()
)

# They reach the world, or differ between two runs of the same journal.
CORE_CALLS_NEVER = frozenset("__import__ breakpoint eval exec hash id input open print".split())

TOP_LEVEL = frozenset(
    ".ci .dockerignore .gitignore CHANGELOG.md Dockerfile LICENSE Makefile README.md bot config deploy "
    "docs pyproject.toml requirements-clients.lock requirements-connector.lock requirements-dev.lock "
    "requirements-docs.lock requirements.lock tests".split()
)

# Joined here, so that this file does not hold what it looks for.
INDEX_HOSTS = re.compile("|".join(re.escape(".".join(p)) for p in (("pypi", "org"), ("pythonhosted", "org"))))


def relative(path: Path) -> str:
    """The path as it is written in messages and lists."""
    return path.relative_to(ROOT).as_posix()


def sources(*folders: str) -> list[Path]:
    """Every Python file below the folders, in a fixed order."""
    return sorted(p for folder in folders for p in (ROOT / folder).rglob("*.py"))


def core_sources() -> list[Path]:
    """Every Python file of the core packages."""
    return sources(*(f"bot/{package}" for package in CORE))


@cache
def tree_of(path: Path) -> ast.Module:
    """The file's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def nodes(path: Path, kind: type[Node]) -> Iterator[Node]:
    """Every node of one kind in a file."""
    return (node for node in ast.walk(tree_of(path)) if isinstance(node, kind))


def name_of(node: ast.expr | None) -> str:
    """The last part of a plain or dotted name, or nothing."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def calls(path: Path, name: str) -> list[ast.Call]:
    """Every call of a name, whatever it was imported through."""
    return [call for call in nodes(path, ast.Call) if name_of(call.func) == name]


def at(path: Path, node: ast.AST) -> str:
    """Where a node stands, as an editor understands it."""
    return f"{relative(path)}:{getattr(node, 'lineno', 0)}"


def imported(path: Path) -> Iterator[tuple[ast.AST, str]]:
    """Every top-level module that a file imports, lazily or not."""
    for node in nodes(path, ast.AST):
        match node:
            case ast.Import(names=names):
                yield from ((node, alias.name.partition(".")[0]) for alias in names)
            case ast.ImportFrom(module=str(module)):
                yield node, module.partition(".")[0]
            case _:
                pass


def public_methods(node: ast.ClassDef) -> list[str]:
    """The names that a class offers; the halves of one property or overload count once."""
    functions = (n for n in node.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
    return sorted({f.name for f in functions if not f.name.startswith("_")})


def is_float_literal(node: ast.expr) -> bool:
    """Whether an expression is a float as written, signed or not."""
    match node:
        case ast.Constant(value=float()):
            return True
        case ast.UnaryOp(operand=operand):
            return is_float_literal(operand)
        case ast.Call(func=ast.Name(id="float")):
            return True
        case _:
            return False


def caught(handler: ast.ExceptHandler) -> set[str]:
    """The names that an except clause catches; a bare one catches "everything"."""
    match handler.type:
        case None:
            return {"everything"}
        case ast.Tuple(elts=elements):
            return {name_of(e) for e in elements}
        case single:
            return {name_of(single)}


def raises_again(handler: ast.ExceptHandler) -> bool:
    """Whether a handler only cleans up: its last statement is a bare raise."""
    return isinstance(handler.body[-1], ast.Raise) and handler.body[-1].exc is None


def git_files(*options: str) -> list[Path]:
    """The files that git lists, or none where this tree is not a clone."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", *options]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    except FileNotFoundError:
        return []
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def project_files() -> list[Path]:
    """Everything that belongs to the project, committed or about to be."""
    listed = git_files("--cached", "--others", "--exclude-standard")
    return listed or [*sources("bot", "tests"), *ROOT.glob("*.lock"), ROOT / "pyproject.toml", ROOT / "Makefile"]


def pins(lock: str) -> dict[str, str]:
    """Package to version, as a lock pins them."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9][\w.-]*)==([^\s;]+)", text, flags=re.MULTILINE))


def test_files_stay_short() -> None:
    """A file of the package that outgrows its limit is split by subject."""
    lengths = {relative(p): len(p.read_text(encoding="utf-8").splitlines()) for p in sources("bot")}

    assert {} == {name: lines for name, lines in lengths.items() if lines > FILE_LINES_MAX}


def test_classes_stay_small() -> None:
    """A class offers at most a dozen public methods, unless the list above says why it may offer more."""
    found = {
        f"{relative(path)}::{node.name}": len(public_methods(node))
        for path in sources("bot")
        for node in nodes(path, ast.ClassDef)
    }
    large = {name: count for name, count in found.items() if count > CLASS_METHODS_MAX}

    assert {} == {name: count for name, count in large.items() if name not in MANY_METHODS}
    assert set() == set(MANY_METHODS) - set(large), "listed, but no longer large"


def test_only_the_supervisor_catches_everything() -> None:
    """A broad except turns a bug into silence: all but one supervised place must raise again."""
    broad = {"everything", "Exception", "BaseException"}
    handlers = ((p, h) for p in sources("bot") if relative(p) != CATCHES_ALL for h in nodes(p, ast.ExceptHandler))

    assert [] == [at(path, h) for path, h in handlers if caught(h) & broad and not raises_again(h)]


def test_approval_is_given_in_one_place() -> None:
    """Nothing but the pre-trade review can make an order sendable."""
    others = (path for path in sources("bot") if relative(path) != APPROVES)

    assert [] == [at(path, call) for path in others for call in calls(path, "Approved")]


def test_no_decimal_is_made_from_a_float() -> None:
    """Decimal(0.1) is not a tenth: exact numbers come from strings and integers."""
    made = ((path, call) for path in sources("bot", "tests") for call in calls(path, "Decimal"))

    assert [] == [at(path, call) for path, call in made if call.args and is_float_literal(call.args[0])]


def test_the_core_imports_only_what_computes() -> None:
    """The core packages import the domain and pure parts of the standard library, lazily or not."""
    found = ((path, node, module) for path in core_sources() for node, module in imported(path))

    assert [] == [f"{at(path, node)} {module}" for path, node, module in found if module not in CORE_IMPORTS]


def test_the_core_calls_nothing_that_differs_between_runs() -> None:
    """One journal replays to one command stream: no input or output, no hash seeds, no memory addresses."""
    found = (
        (path, call)
        for path in core_sources()
        for call in nodes(path, ast.Call)
        if isinstance(call.func, ast.Name) and call.func.id in CORE_CALLS_NEVER
    )

    assert [] == [f"{at(path, call)} {name_of(call.func)}" for path, call in found]


def test_every_package_is_a_package() -> None:
    """A folder of modules without __init__.py would escape the layer contracts."""
    folders = {path.parent for path in sources("bot")}

    assert [] == sorted(relative(folder) for folder in folders if not (folder / "__init__.py").is_file())


def test_every_test_states_its_promise() -> None:
    """A test's docstring says in a sentence what it promises."""
    functions = (
        (path, node)
        for path in sources("tests")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    )

    assert [] == [f"{at(path, node)} {node.name}" for path, node in functions if not ast.get_docstring(node)]


def test_no_file_names_a_package_index() -> None:
    """Where packages come from is the machine's business: no lock, script or document names an index."""
    texts = ((path, path.read_text(encoding="utf-8", errors="replace")) for path in project_files())

    assert [] == [relative(path) for path, text in texts if INDEX_HOSTS.search(text)]


def test_the_top_level_is_the_agreed_one() -> None:
    """Nothing is committed beside the agreed names of the repository's top level."""
    committed = {path.relative_to(ROOT).parts[0] for path in git_files("--cached")}

    assert set() == committed - TOP_LEVEL


def test_every_pin_has_a_hash() -> None:
    """Nothing is installed whose content was not known when the lock was made."""
    for lock in ("requirements.lock", "requirements-dev.lock", ".ci/bootstrap.lock"):
        entries = re.split(r"\n(?=[a-z0-9])", (ROOT / lock).read_text(encoding="utf-8"))
        unhashed = [entry.split("==")[0] for entry in entries if "==" in entry and "--hash=sha256:" not in entry]

        assert [] == unhashed, lock


def test_the_locks_agree() -> None:
    """What is tested is what is deployed: the small lock is a part of the large one."""
    small, large = pins("requirements.lock"), pins("requirements-dev.lock")

    assert small
    assert small.items() <= large.items()


def test_every_dependency_is_locked() -> None:
    """A dependency added to the project without `make lock` would be missing on the next machine."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    asked = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    names = {re.split(r"[<>=!~ \[;]", line, maxsplit=1)[0].lower() for line in asked}

    assert set() == names - set(pins("requirements.lock"))
