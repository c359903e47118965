"""The sizes and arrows of CONTRIBUTING.md, held by a test."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted(p for folder in ("gen3d", "distill", "cli", "benchmarks") for p in (ROOT / folder).rglob("*.py"))
FORBIDDEN = {"gen3d": ("distill", "cli"), "distill": ("cli",)}
Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(path: Path) -> Iterator[Function]:
    yield from (n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, Function))


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_sizes(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400
    long = [f.name for f in functions(path) if f.end_lineno and f.end_lineno - f.lineno >= 60]
    assert not long, f"functions over 60 lines: {long}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_run_one_way(path: Path) -> None:
    banned = FORBIDDEN.get(path.relative_to(ROOT).parts[0], ())
    for node in ast.walk(ast.parse(path.read_text())):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert not [n for n in names if n.split(".")[0] in banned]


def test_public_functions_are_annotated_and_documented() -> None:
    public = [
        (f"{path.name}:{f.lineno} {f.name}", f)
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Module | ast.ClassDef)
        for f in node.body
        if isinstance(f, Function) and not f.name.startswith("_")
    ]
    bare = [name for name, f in public if f.returns is None]
    undocumented = [name for name, f in public if not ast.get_docstring(f)]
    assert not bare
    assert len(undocumented) <= 0.05 * len(public), undocumented
