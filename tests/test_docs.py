"""The documentation keeps step with the code: its commands are known, every verb has a page, its examples run."""

from __future__ import annotations

import importlib.util
import re
import shlex
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import yaml

from distill.datasets import DATASETS
from distill.students import STUDENTS
from gen3d import __version__
from gen3d.generators import GENERATORS
from gen3d.rendering import RENDERERS, make_renderer
from gen3d.rendering.cameras import rings
from gen3d.teachers import TEACHERS

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.S | re.M)


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    """docs/hooks.py, as mkdocs loads it."""
    spec = importlib.util.spec_from_file_location("hooks", ROOT / "docs" / "hooks.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def typed(text: str) -> list[str]:
    """The lines of code blocks that call gen3d, without comments and the brackets of what may be left out."""
    shells = [body.replace("\\\n", " ") for kind, body in FENCED.findall(text) if kind in ("", "bash")]
    lines = [line.strip().removeprefix("$ ") for line in "\n".join(shells).splitlines()]
    return [re.sub(r"[\[\]]", "", line) for line in lines if line.startswith("gen3d ")]


def command_of(words: list[str], verbs: dict[str, list[Any]]) -> tuple[Any, list[str]]:
    """The command that words name, and the words after it."""
    assert words[0] in verbs, f"no verb {words[0]}"
    (command, *others) = verbs[words[0]]
    depth = len(command.name.split())
    named = [one for one in (command, *others) if one.name.split() == words[:depth]]
    assert named, f"no verb {' '.join(words[:depth])}"
    return named[0], words[depth:]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_on_a_page_is_one(page: Path, hooks: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")  # --offline sets it; so it is put back
    verbs, wrong = hooks.verbs(), []
    for line in typed(page.read_text()):
        try:
            command, rest = command_of(shlex.split(line, comments=True)[1:], verbs)
            command.make_context(command.name, rest)
        except Exception as error:  # the command line's own kinds have no public base
            wrong.append(f"{line}: {getattr(error, 'format_message', lambda e=error: e)()}")
    assert not wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_in_a_text_has_such_options(page: Path, hooks: ModuleType) -> None:
    text, verbs = FENCED.sub("", page.read_text()), hooks.verbs()
    for line in re.findall(r"`gen3d ([a-z][^`]*)`", text):
        command, rest = command_of(line.split(), verbs)
        known = {name for param in command.params for name in (*param.opts, *param.secondary_opts)} | {"--help"}
        assert {word for word in rest if word.startswith("--")} <= known, line


def test_every_verb_has_a_page_that_ends_with_its_options(hooks: ModuleType) -> None:
    class Page:
        class file:  # noqa: N801  (mkdocs' name)
            name = ""

    for verb, commands in hooks.verbs().items():
        page = ROOT / "docs" / f"{verb}.md"
        assert page.is_file(), f"docs/{verb}.md is missing; put it into the nav of mkdocs.yml, too"
        Page.file.name = verb
        shown = hooks.on_page_markdown(page.read_text(), Page, None, None)
        for command in commands:
            options = shown.partition(f"## Options of `gen3d {command.name}`")[2]
            assert all(f"`{param.opts[0]}" in options for param in command.params if param.opts[0].startswith("--"))


def test_the_menu_leaves_out_what_is_not_there_and_nothing_else(hooks: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "a.md").touch()
    nav = [{"A": "a.md"}, {"B": "b.md"}, {"Some": [{"A": "a.md"}, {"C": "c.md"}]}, {"None": [{"C": "c.md"}]}]
    assert hooks._there(nav, tmp_path) == [{"A": "a.md"}, {"Some": [{"A": "a.md"}]}]


def test_the_examples_of_extending_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Generator, renderer, teacher, student and data set in one chain; the renderer sees what ours does."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "extending"}
    blocks = [body for kind, body in FENCED.findall((ROOT / "docs/extending.md").read_text()) if kind == "python"]
    assert len(blocks) == 6
    with ExitStack() as stack:
        for registry in (GENERATORS, RENDERERS, TEACHERS, STUDENTS, DATASETS):
            stack.enter_context(patch.dict(registry))
        for block in blocks:
            exec(compile(block, block.splitlines()[0], "exec", dont_inherit=True), names)
        report, shape = names["report"], next(names["shapes"].shapes())
        (plain,) = make_renderer("plain", rings(1, 64), True).render(shape)
        (ours,) = make_renderer("embree", rings(1, 64), True).render(shape)
    assert report.parts == ("top", "leg") and len(report.shapes) == 6 and report.miou > 70
    assert np.mean(plain.element == ours.element) > 0.995
    assert "boxes" not in GENERATORS and "pooled" not in STUDENTS


def test_the_citation_is_of_this_version() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert str(cited["version"]) == __version__ and cited["license"] == "Apache-2.0"
    assert [person["family-names"] for person in cited["references"][0]["authors"]] == [
        "Umam", "Yang", "Chen", "Chuang", "Lin"
    ]  # fmt: skip
