"""Generators of other packages, found by their metadata; prompts for those that take any text; the choice of one."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from cli_chain import Run
from sample_generators import Dreamer
from toy_shards import contents

from gen3d.categories import CATEGORIES
from gen3d.collection import Collection
from gen3d.errors import InputError, MissingError, SettingsError
from gen3d.generation import GenerateSettings, generate
from gen3d.generators import GENERATORS, Generator, Worded, choice
from gen3d.generators.choice import choose, make_generator
from gen3d.generators.procedural import ProceduralGenerator
from gen3d.prompts import drawn_prompt, prompt_set, prompts_of, read_prompts

CODE = '''
import numpy as np
from gen3d.shape import Shape

class Blobs:
    """Clouds about as random as their seed; blue ones are beyond it."""
    name, licence = "blobs", "CC0-1.0"

    def check(self, category, prompt=None):
        if prompt == "boom":
            raise ValueError("no booms")

    def generate(self, category, seed, id, prompt=None):
        if prompt and "blue" in prompt:
            raise RuntimeError("out of blue")
        points = 7 + 3 * np.random.default_rng(seed).normal(size=(60, 3)).astype(np.float32)
        return Shape("any", "any", points=points, meta={"own": 1})

broken = 1 / 0 if __name__ == "blobs_broken" else None
none = dict
'''


Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a distribution with entry points where Python looks for them."""

    def put(name: str = "gen3d-blobs", points: str = "foo = blobs_module:Blobs", version: str = "1.2") -> Path:
        site = tmp_path / f"site-{name}-{version}"
        info = site / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[gen3d.generators]\n{points}\n")
        for module in ("blobs_module", "blobs_broken"):
            (site / f"{module}.py").write_text(CODE)
        monkeypatch.syspath_prepend(str(site))
        return site

    return put


FOO = GenerateSettings(category="mug", generator="foo", n=4, shard=2, prompt="a mug")


def test_an_installed_package_adds_a_generator(install: Install, tmp_path: Path) -> None:
    install()
    made = make_generator("foo")
    assert isinstance(made, Generator) and not isinstance(made, Worded) and made.licence == "CC0-1.0"
    collection = generate(FOO, tmp_path / "c")
    assert len(collection) == 4 and not collection.failures()
    assert collection.info["generator"] == "foo" and collection.info["package"] == "gen3d-blobs 1.2"
    for shape in collection.shapes():
        radius = np.linalg.norm(shape.positions(), axis=1).max()
        assert radius == pytest.approx(1, abs=1e-5) and shape.category == "mug"
        assert shape.meta.items() >= {"own": 1, "prompt": "a mug", "generator": "foo"}.items() and "seed" in shape.meta
    generate(FOO, tmp_path / "twin", workers=2)
    assert contents(tmp_path / "twin") == contents(tmp_path / "c")
    assert "foo" not in GENERATORS


def test_another_version_of_a_package_is_another_generator(install: Install, tmp_path: Path) -> None:
    install()
    generate(FOO, tmp_path / "c")
    install(version="1.3")
    with pytest.raises(SettingsError, match='package was "gen3d-blobs 1.2", now "gen3d-blobs 1.3"'):
        generate(FOO, tmp_path / "c")


@pytest.mark.parametrize(
    ("point", "kind", "told"),
    [
        ("nowhere:make", MissingError, "ModuleNotFoundError: No module named 'nowhere'"),
        ("blobs_module:missing", MissingError, "AttributeError: "),
        ("blobs_broken:Blobs", MissingError, "ZeroDivisionError: "),
        ("blobs_module:none", MissingError, "is no generator: it lacks name, licence, check, generate"),
    ],
)
def test_a_broken_plug_in_is_one_line(
    install: Install, tmp_path: Path, run: Run, point: str, kind: type[Exception], told: str
) -> None:
    install(points=f"bad = {point}\nfoo = blobs_module:Blobs")
    with pytest.raises(kind) as caught:
        make_generator("bad")
    line = str(caught.value)
    assert told in line and "'bad' of gen3d-blobs 1.2" in line and "uninstall" in line and "\n" not in line
    end = run("generate", "--category", "mug", "--generator", "bad", "--out", tmp_path / "c")
    assert end.code == 4 and told in end.error and not (tmp_path / "c").exists()
    assert isinstance(make_generator("foo"), Generator)  # its neighbour is none the worse


def test_names_that_are_unknown_or_taken_are_told(install: Install) -> None:
    install()
    with pytest.raises(SettingsError, match="unknown generator 'fo'; known are: procedural, .*foo"):
        make_generator("fo")
    install(name="other", points="foo = blobs_module:Blobs\nprocedural = blobs_module:Blobs")
    with pytest.raises(SettingsError, match="'foo' is added by gen3d-blobs and by other; uninstall one of them"):
        make_generator("foo")
    assert isinstance(make_generator("procedural"), ProceduralGenerator)  # gen3d's own can't be replaced


def test_errors_of_a_plug_in_are_failures_of_a_shape_or_one_line(install: Install, tmp_path: Path) -> None:
    install()
    (tmp_path / "p.txt").write_text("a blue mug\na red mug\n")
    collection = generate(
        FOO.model_copy(update={"prompt": None, "prompts_file": str(tmp_path / "p.txt")}), tmp_path / "c"
    )
    assert len(collection) == 2 and {shape.meta["prompt"] for shape in collection.shapes()} == {"a red mug"}
    assert all(reason.endswith("foo failed (RuntimeError: out of blue)") for _, reason in collection.failures())
    with pytest.raises(SettingsError, match="generator 'foo': check failed \\(ValueError: no booms\\)"):
        generate(FOO.model_copy(update={"prompt": "boom"}), tmp_path / "d")


# --- prompts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CATEGORIES)
def test_every_category_has_a_set_of_unlike_prompts(name: str) -> None:
    prompts = prompt_set(name)
    assert len(prompts) >= 25 and len(set(prompts)) == len(prompts) and len(prompts[0].split()) >= 2
    assert all(p.split()[0] == ("an" if p.split()[1][0] in "aeiou" else "a") for p in prompts)


def test_every_round_of_draws_has_each_prompt_once_in_an_order_of_its_own() -> None:
    prompts = [f"p{i}" for i in range(12)]
    rounds = [[drawn_prompt(prompts, 5, 12 * turn + place) for place in range(12)] for turn in range(4)]
    assert all(sorted(map(str, one)) == sorted(prompts) for one in rounds)
    assert len({tuple(one) for one in rounds}) == 4 and rounds[0] != [drawn_prompt(prompts, 6, i) for i in range(12)]
    assert drawn_prompt([None], 0, 9) is None


def test_a_file_of_prompts_is_read_by_line(tmp_path: Path) -> None:
    path = tmp_path / "p.txt"
    path.write_bytes("\ufeffa chair\r\n\n  # not this\n a  tall   stool\t\nein Stuhl für Œdipe".encode())
    assert read_prompts(path) == ("a chair", "a tall stool", "ein Stuhl für Œdipe")
    for data, told in (
        (b"\n#\n", "holds no prompt"),
        (b"\xff\xfe", "not text in UTF-8"),
        (b"a\n" + b"x" * 1001, "line 2"),
    ):
        path.write_bytes(data)
        with pytest.raises(InputError, match=told):
            read_prompts(path)
    with pytest.raises(InputError, match="no such file"):
        read_prompts(tmp_path / "nothing")


def test_who_takes_any_text_and_is_told_nothing_draws_from_the_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(GENERATORS, "dreamer", Dreamer)
    count = len(prompt_set("mug"))
    settings = GenerateSettings(category="mug", n=count, generator="dreamer", seed=3)
    said = Counter(shape.meta["prompt"] for shape in generate(settings, tmp_path / "c").shapes())
    assert said == Counter(prompt_set("mug"))
    assert prompts_of("mug", ProceduralGenerator(), None, None) == (None,)


def test_a_file_steers_the_procedural_generator_and_is_told_when_it_changed(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "p.txt"
    path.write_text("a chair with arms\nan armless chair\n")
    words = ("generate", "--category", "chair", "--n", 6, "--shard", 2, "--workers", 1)
    ended = run(*words, "--prompts-file", path, "--out", tmp_path / "c")
    assert ended.code == 0, ended.err
    collection = Collection.open(tmp_path / "c")
    said = [("arm" in shape.meta["traits"], shape.meta["prompt"]) for shape in collection.shapes()]
    assert Counter(said) == {(True, "a chair with arms"): 3, (False, "an armless chair"): 3}
    assert collection.info["prompts"]["count"] == 2 and json.dumps(collection.info).count(str(path)) == 1
    path.write_text("a chair with arms\nan oval chair with wingz\n")
    bad = run(*words, "--prompts-file", path, "--out", tmp_path / "d")
    assert bad.code == 2 and "'an oval chair with wingz'" in bad.error and "'wingz'" in bad.error
    path.write_text("a chair with arms\na swivel chair\n")
    assert "prompts.hash was " in run(*words, "--prompts-file", path, "--out", tmp_path / "c").error
    assert "only one of them" in run(*words, "--prompts-file", path, "--prompt", "x", "--out", tmp_path / "d").error
    assert not (tmp_path / "d").exists()


# --- the choice ---------------------------------------------------------------------------------------------------


def test_auto_takes_a_pretrained_generator_where_its_weights_and_a_gpu_are_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(GENERATORS, "point-e", Dreamer)
    monkeypatch.setitem(GENERATORS, "shap-e", Dreamer)
    asked: list[str] = []

    def lacks(*names: str) -> Callable[[str], None]:
        def check(name: str) -> None:
            asked.append(name)
            if name in names:
                raise MissingError("no weights")

        return check

    monkeypatch.setattr(choice, "has_gpu", lambda: False)
    assert choose(lacks()).name == "procedural" and not asked
    monkeypatch.setattr(choice, "has_gpu", lambda: True)
    assert choose(lacks()).name == "shap-e" and choose(lacks("shap-e")).name == "point-e"
    none = choose(lacks("shap-e", "point-e"))
    assert none.name == "procedural" and none.reason == "shap-e: no weights; point-e: no weights"


def test_the_choice_is_told_and_recorded_and_a_collection_keeps_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(GENERATORS, "point-e", Dreamer)
    monkeypatch.setattr(choice, "has_gpu", lambda: False)
    told: list[str] = []
    auto, named = (GenerateSettings(category="mug", n=2, generator=name) for name in ("auto", "procedural"))
    assert auto == GenerateSettings(category="mug", n=2)
    assert generate(auto, tmp_path / "a", tell=told.append).info["generator"] == "procedural"
    assert len(told) == 1 and told[0].startswith("generator: procedural (without a GPU")
    generate(named, tmp_path / "b", tell=told.append)
    assert len(told) == 1 and contents(tmp_path / "a") == contents(tmp_path / "b")
    monkeypatch.setattr(choice, "has_gpu", lambda: True)
    (tmp_path / "a" / "shapes-00000.tar").unlink()
    generate(auto, tmp_path / "a", tell=told.append)  # goes on with what it was made by
    assert len(told) == 1 and contents(tmp_path / "a").keys() == contents(tmp_path / "b").keys()
    assert Collection.open(tmp_path / "a").info["generator"] == "procedural"
    again = generate(auto, tmp_path / "a", overwrite=True, tell=told.append)
    assert again.info["generator"] == "dreamer" and again.info["settings"]["generator"] == "point-e"
    assert told[1] == "generator: dreamer (its weights and a GPU are there)"
