"""The `generate` stage: same bytes for the same settings, resumed or not, and one line for the rest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sample_shapes import assert_same
from toy_shards import contents, stamps

from gen3d.collection import Collection, shape_id, shape_seed
from gen3d.errors import Gen3dError, InputError, SettingsError
from gen3d.generation import GenerateSettings, generate
from gen3d.generators import GENERATORS, Generator
from gen3d.generators.procedural import GRAMMARS, ProceduralGenerator
from gen3d.shape import Shape

SETTINGS = GenerateSettings(category="table", n=7, shard=3, seed=11)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished collection; tests read it only."""
    root = tmp_path_factory.mktemp("generated") / "tables"
    generate(SETTINGS, root)
    return root


class Unlucky(ProceduralGenerator):
    """Fails on every third shape, and can be told to stop."""

    def __init__(self, stop_at: str = "") -> None:
        self.stop_at = stop_at

    def generate(self, category: str, seed: int, id: str, prompt: str | None = None) -> Shape:
        if id == self.stop_at:
            raise KeyboardInterrupt
        if int(id.rpartition("-")[2]) % 3 == 1:
            raise InputError(f"{id}: bad\nluck")
        return super().generate(category, seed, id, prompt)


def test_the_collection_holds_what_the_generator_makes(made: Path) -> None:
    collection = Collection.open(made)
    assert collection.ids() == [shape_id("table", i) for i in range(7)] and not collection.failures()
    assert [len(record.ids) for record in collection.records()] == [3, 3, 1] and not collection.damage()
    for index, shape in enumerate(collection.shapes()):
        twin = ProceduralGenerator().generate("table", shape_seed(11, index), shape.id)
        assert_same(shape, twin)
        assert shape.meta == twin.meta and shape.meta["prompt"] == "a table" and shape.category == "table"
    info = collection.info
    settings = {"category": "table", "n": 7, "generator": "procedural", "seed": 11, "shard": 3}  # as since gen3d 0.1
    assert list(info["settings"].items()) == list(settings.items()) and info["count"] == 7 and info["seed"] == 11
    assert info["parts"] == ["top", "leg", "drawer"] and info["licence"] == "Apache-2.0"


def test_the_procedural_generator_is_a_generator() -> None:
    for make in GENERATORS.values():
        assert isinstance(make(), Generator)


def test_two_workers_write_the_same_bytes(made: Path, tmp_path: Path) -> None:
    counts: list[int] = []
    generate(SETTINGS, tmp_path / "twin", workers=2, progress=counts.append)
    assert contents(tmp_path / "twin") == contents(made) and sorted(counts) == [1, 3, 3]


def test_another_seed_gives_other_shapes(made: Path, tmp_path: Path) -> None:
    other = generate(SETTINGS.model_copy(update={"seed": 12, "n": 1}), tmp_path / "other")
    first, second = (next(c.shapes()) for c in (Collection.open(made), other))
    assert first.id == second.id and not np.array_equal(first.positions()[:4], second.positions()[:4])


def test_a_repeated_command_makes_nothing_and_changes_no_file(made: Path) -> None:
    before, counts = stamps(made), []
    generate(SETTINGS, made, progress=counts.append)
    assert not counts and stamps(made) == before


def test_an_interrupted_run_goes_on_to_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(GENERATORS, "procedural", Unlucky)
    generate(SETTINGS, tmp_path / "whole")
    monkeypatch.setitem(GENERATORS, "procedural", lambda: Unlucky(shape_id("table", 5)))
    with pytest.raises(KeyboardInterrupt):
        generate(SETTINGS, tmp_path / "parted")
    assert len(Collection.open(tmp_path / "parted")) == 2  # the first shard, less its failure
    monkeypatch.setitem(GENERATORS, "procedural", Unlucky)
    counts: list[int] = []
    generate(SETTINGS, tmp_path / "parted", progress=counts.append)
    assert counts == [3, 1] and contents(tmp_path / "parted") == contents(tmp_path / "whole")


def test_a_lost_shard_is_made_again(tmp_path: Path) -> None:
    generate(SETTINGS, tmp_path / "c")
    before = contents(tmp_path / "c")
    (tmp_path / "c" / "shapes-00001.tar").unlink()
    generate(SETTINGS, tmp_path / "c")
    assert contents(tmp_path / "c").items() >= {k: v for k, v in before.items() if k != "manifest.jsonl"}.items()
    assert not Collection.open(tmp_path / "c").damage() and len(Collection.open(tmp_path / "c")) == 7


def test_a_failing_shape_is_a_row_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(GENERATORS, "procedural", Unlucky)
    collection = generate(SETTINGS, tmp_path / "c")
    failed = [shape_id("table", i) for i in (1, 4)]
    assert collection.failures() == [(id, f"{id}: bad luck") for id in failed]
    assert collection.ids() == [shape_id("table", i) for i in (0, 2, 3, 5, 6)]


@pytest.mark.parametrize(
    ("field", "value", "was"), [("seed", 5, "11"), ("n", 8, "7"), ("shard", 2, "3"), ("category", "mug", '"table"')]
)
def test_changed_settings_are_refused_with_both_values(made: Path, field: str, value: object, was: str) -> None:
    before = stamps(made)
    with pytest.raises(SettingsError) as caught:
        generate(SETTINGS.model_copy(update={field: value}), made)
    message = str(caught.value)
    named = "count" if field == "n" else field
    now = f'"{value}"' if isinstance(value, str) else str(value)
    assert f"{named} was {was}, now {now}" in message and "--overwrite" in message
    assert stamps(made) == before


def test_overwrite_starts_anew(tmp_path: Path) -> None:
    generate(SETTINGS, tmp_path / "c")
    small = SETTINGS.model_copy(update={"n": 2, "seed": 1})
    generate(small, tmp_path / "c", overwrite=True)
    generate(small, tmp_path / "twin")
    assert contents(tmp_path / "c") == contents(tmp_path / "twin")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"category": "sofa"}, ["'sofa'", "airplane, bag"]),
        ({"prompt": "a blue table"}, ["'blue'", "--vocabulary"]),
        ({"category": "../x"}, ["'../x'"]),
        ({"generator": "dream"}, ["'dream'", "procedural"]),
    ],
)
def test_what_is_unknown_is_named_and_nothing_is_written(tmp_path: Path, change: dict, words: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        generate(SETTINGS.model_copy(update=change), tmp_path / "c")
    assert all(word in str(caught.value) for word in words) and not (tmp_path / "c").exists()


def test_a_category_without_grammar_is_named_with_those_that_have_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(GRAMMARS, "table")
    with pytest.raises(SettingsError, match=f"no procedural grammar of 'table'; there are: {', '.join(GRAMMARS)}"):
        generate(SETTINGS, tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_a_folder_of_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(SettingsError, match="holds other files"):
        generate(SETTINGS, tmp_path, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_errors_are_one_family() -> None:
    kinds = Gen3dError.__subclasses__()
    assert {kind.exit_code for kind in kinds if "exit_code" in vars(kind)} == {2, 3, 4, 5}
    assert {kind.__name__ for kind in kinds if "exit_code" not in vars(kind)} <= {"DivergedError", "LostError"}
