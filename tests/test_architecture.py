"""The tree keeps the promises of docs/explanation/architecture.md, part 9."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "trunkline"
MODULES = sorted(path for path in SOURCE.rglob("*.py") if path.parent != SOURCE)

MAY_IMPORT = {
    "protocol": set[str](),
    "journal": {"protocol"},
    "relay": {"journal", "protocol"},
    "recorder": {"journal", "protocol", "store"},
    "store": {"journal", "protocol"},
    "live": set[str](),
    "vitals": set[str](),
    "web": {"store", "protocol"},
    "simulator": {"protocol"},
}
"""Packages by what they may import of ours; besides these, the leaves below."""

LEAVES = {
    "errors",
    "clock",
    "ids",
    "live",
    "priority",
    "sealing",
    "settings",
    "snapshot",
    "tls",
    "vitals",
    "worker",
    "__version__",
}
"""What imports nothing but each other: modules of the top level, the packages `live`, `vitals`."""

IMPURE = {
    "aiosqlite", "asyncio", "av", "chdb", "clickhouse_connect", "fastapi", "http.client", "logging",
    "obstore", "os", "picows", "random", "secrets", "select", "shutil", "signal", "socket",
    "sqlalchemy", "sqlite3", "ssl", "structlog", "subprocess", "tempfile", "threading", "time",
    "urllib.request", "uvicorn", "uvloop",
}  # fmt: skip


MOST_LINES = 60
"""Of a function: it does one level."""
LONG = {
    "recorder/summary.py:call_row": "one column a line, each checked against the row's type",
    "store/control/migrations/versions/0001_accounts.py:upgrade": "a migration is never edited",
}
"""Functions that are longer, each with its reason."""


def name_of(path: Path) -> str:
    return str(path.relative_to(SOURCE))


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def docstring_of(path: Path) -> str:
    return ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_says_whether_it_is_pure(path: Path) -> None:
    assert docstring_of(path).startswith(("Pure.", "I/O.")), "docstring begins with Pure. or I/O."


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_pure_module_touches_neither_clock_nor_machine(path: Path) -> None:
    if not docstring_of(path).startswith("Pure."):
        return
    roots = {name for imported in imports_of(path) for name in (imported, imported.split(".")[0])}
    assert not roots & IMPURE
    assert not any(imported.startswith("trunkline.clock") for imported in imports_of(path))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_package_imports_only_what_it_may(path: Path) -> None:
    package = path.relative_to(SOURCE).parts[0]
    ours = {name.split(".")[1] for name in imports_of(path) if name.startswith("trunkline.")}
    assert ours <= MAY_IMPORT[package] | LEAVES | {package}


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=name_of)
def test_no_file_outgrows_a_noun(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 600


def functions_of(path: Path) -> Iterator[tuple[str, int]]:
    """Yield each function's name and lines."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or 0) - node.lineno + 1


def test_no_function_outgrows_a_page_but_for_a_reason() -> None:
    long = {
        f"{name_of(path)}:{name}"
        for path in SOURCE.rglob("*.py")
        for name, lines in functions_of(path)
        if lines > MOST_LINES
    }
    assert long == LONG.keys()
