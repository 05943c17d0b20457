"""Rules of docs/architecture.md that import contracts cannot say."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import broadcaster
from broadcaster.storage import tables

PACKAGE = Path(broadcaster.__file__).parent
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "_content" not in path.parts)

#: table file -> the room that writes its tables; operations.py of the tables holds two rooms' rows
WRITERS: dict[str, set[str]] = {
    "office": {"office"},
    "registry": {"registry"},
    "consent": {"consent"},
    "rendering": {"rendering"},
    "campaigns": {"campaigns"},
    # init makes the senders and the portfolio of a new installation
    "outbox": {"outbox", "operations"},
    "replies": {"replies"},
    "village": {"village"},
    "operations": {"operations", "results", "jobs"},
}


def _room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _calls(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node.lineno


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_clock_reads_the_time(path):
    allowed = {"clock.py"}
    forbidden = re.compile(r"(^|\.)(datetime\.now|datetime\.utcnow|datetime\.today|date\.today|time\.time)$")
    found = [f"line {line}: {name}()" for name, line in _calls(ast.parse(path.read_text())) if forbidden.search(name)]
    assert not found or path.name in allowed, f"{path}: {found}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_chance_is_a_keyed_hash_outside_the_simulator(path):
    imports = {
        name
        for node in ast.walk(ast.parse(path.read_text()))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert "random" not in imports or _room(path) in ("simulator", "office")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_commits_outside_the_database_module(path):
    commits = [line for name, line in _calls(ast.parse(path.read_text())) if name.endswith(".commit")]
    assert not commits or path.parent.name in ("storage", "migrations"), f"{path}: lines {commits}"


def _owner_of_tables() -> dict[str, str]:
    """Table name and class name -> the file of storage/tables that declares it."""
    owners = {}
    for name in tables.__all__:
        cls = getattr(tables, name)
        file = cls.__module__.rsplit(".", 1)[1]
        owners[name] = owners[cls.__tablename__] = file
    return owners


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_one_room_writes_a_table(path):
    room, owners = _room(path), _owner_of_tables()
    if room in ("storage", "simulator"):
        return
    tree = ast.parse(path.read_text())
    from_tables = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("broadcaster.storage.tables")
        for alias in node.names
    }
    written = {name for name, _ in _calls(tree) if name in from_tables and name in owners}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            written |= set(re.findall(r"(?:INSERT INTO|UPDATE|DELETE FROM) ([a-z_]+)\b", node.value)) & set(owners)
    strangers = {name for name in written if room not in WRITERS[owners[name]]}
    assert not strangers, f"{path} writes {sorted(strangers)}, which belong to another room"


def test_a_worker_loads_no_web_framework_and_no_migrations():
    code = (
        "import broadcaster.jobs, broadcaster.engines.embedded, sys\n"
        "print(sorted(set(sys.modules) & {'fastapi', 'starlette', 'jinja2', 'alembic', 'uvicorn', 'typer', 'typst'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_that_grows_too_long_is_asking_to_be_two(path):
    if "migrations" in path.parts:
        return
    assert len(path.read_text().splitlines()) <= 420
