"""R11, the code side: nothing in the repository can run what it reads."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("gen3d", "distill", "cli", "configs", "benchmarks", "tests")
SOURCES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
MODULES = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal", "jsonpickle", "klepto"}
BUILTINS = {"eval", "exec", "compile", "__import__"}
CALLS = {  # last names of calls that load code, whatever their module is called here
    "load_pickle", "read_pickle", "to_pickle", "full_load", "unsafe_load", "load_all", "full_load_all",
    "unsafe_load_all",
}  # fmt: skip
SAFE_YAML = {"SafeLoader", "CSafeLoader"}


def dotted(node: ast.expr) -> str:
    """`a.b.c` of an expression, as far as it is one."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def given(call: ast.Call, name: str) -> object:
    """The constant given for a keyword: Ellipsis where it is absent, None where it is no constant."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value.value if isinstance(keyword.value, ast.Constant) else None
    return ...


def imported(node: ast.AST) -> list[str]:
    """The top-level modules an import statement names, and what it takes out of them."""
    if isinstance(node, ast.Import):
        return [alias.name.split(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level:
        return [(node.module or "").split(".")[0], *(alias.name for alias in node.names)]
    return []


def faults(tree: ast.AST) -> Iterator[str]:
    """Everything in a module that could unpickle or run data."""
    for node in ast.walk(tree):
        yield from (f"{node.lineno}: imports {name}" for name in imported(node) if name in MODULES)  # type: ignore[attr-defined]
        if isinstance(node, ast.Call):
            yield from (f"{node.lineno}: {fault}" for fault in call_faults(node))


def call_faults(call: ast.Call) -> Iterator[str]:
    """What is wrong with one call."""
    name = dotted(call.func)
    head, _, last = name.rpartition(".")
    module = head.rpartition(".")[2]
    if name in BUILTINS or last in CALLS or (last in BUILTINS and module == "builtins"):
        yield f"calls {name}"
    if given(call, "allow_pickle") not in (..., False):
        yield f"{name} with allow_pickle"
    if given(call, "weights_only") not in (..., True):
        yield f"{name} with weights_only that is not True"
    if module == "torch" and last in ("load", "save") and given(call, "weights_only") is not True:
        yield f"{name} without weights_only=True"
    if module in ("np", "numpy") and last == "load" and call.keywords and given(call, "allow_pickle") is ...:
        yield f"{name} with options, but without allow_pickle=False"
    loaders = {dotted(value).rpartition(".")[2] for value in [*call.args, *(k.value for k in call.keywords)]}
    if module == "yaml" and last == "load" and not loaders & SAFE_YAML:
        yield f"{name} without a safe loader"
    if last == "import_module" and not (call.args and isinstance(call.args[0], ast.Constant)):
        yield f"{name} of a name that is computed"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_source_loads_or_runs_what_it_reads(path: Path) -> None:
    found = [fault for fault in faults(ast.parse(path.read_text())) if not asked_for(path, fault)]
    assert not found


def asked_for(path: Path, fault: str) -> bool:
    """What is meant to be run: `--detector`, the user's own Python; the examples of our own docs, in their test."""
    examples = path.name == "test_docs.py" and fault.endswith(("calls exec", "calls compile"))
    return examples or (path.name == "glip.py" and fault.endswith("import_module of a name that is computed"))


@pytest.mark.parametrize(
    "code",
    [
        "import pickle", "import pickle as p", "from pickle import loads", "import os, dill", "from joblib import load",
        "import shelve", "from multiprocessing.reduction import pickle", "import marshal",
        "torch.load('x')", "import torch\ntorch.load(f, map_location='cpu')", "torch.load(f, weights_only=False)",
        "torch.load(f, weights_only=flag)", "torch.save(x, f)", "np.load(f, allow_pickle=True)",
        "numpy.load(f, allow_pickle=flag)", "np.savez(f, allow_pickle=True, x=x)", "np.load(f, mmap_mode='r')",
        "yaml.load(f)", "yaml.load(f, Loader=yaml.Loader)", "yaml.unsafe_load(f)", "yaml.full_load(f)",
        "eval('1')", "exec(text)", "builtins.eval(x)", "__import__(name)", "pandas.read_pickle(f)",
        "importlib.import_module(name)", "model.from_pretrained(x, weights_only=False)",
    ],
)  # fmt: skip
def test_every_unsafe_way_is_seen(code: str) -> None:
    """The test above would fail on each of these."""
    assert list(faults(ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    [
        "import json", "np.load(f)", "np.load(f, allow_pickle=False)", "torch.load(f, weights_only=True)",
        "yaml.safe_load(f)", "yaml.load(f, Loader=yaml.SafeLoader)", "model.eval()", "json.load(f)", "re.compile('x')",
        "importlib.import_module('torch')", "from safetensors.torch import load, save",
    ],
)  # fmt: skip
def test_safe_ways_are_let_pass(code: str) -> None:
    assert not list(faults(ast.parse(code)))


def test_the_sources_are_all_there() -> None:
    assert len(SOURCES) > 80 and ROOT / "gen3d" / "npz.py" in SOURCES
