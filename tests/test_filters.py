"""Filters of `generate`: what is rejected is replaced, and the bytes depend on the settings alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cli_chain import Run
from sample_shapes import assert_same
from toy_shards import contents, stamps

from gen3d.collection import Collection, shape_id, shape_seed
from gen3d.errors import InputError, SettingsError
from gen3d.filter_names import FILTER_NAMES
from gen3d.filters import FILTERS, REJECTED, FilterSettings, Panel, first_accepted, flaws, rejections
from gen3d.generation import GenerateSettings, generate
from gen3d.generators import GENERATORS
from gen3d.generators.procedural import ProceduralGenerator
from gen3d.measures import Examined
from gen3d.settings import resolve
from gen3d.shape import Shape

CHAIRS = GenerateSettings(category="chair", n=7, shard=3, seed=4)
TIGHT = CHAIRS.model_copy(update={"filter": ("components", "watertight"), "min_closed": 0.995})
TWINS = CHAIRS.model_copy(update={"filter": ("duplicates",)})


class Moulds(ProceduralGenerator):
    """Knows five chairs only, which it gives by the seed; it fails at the given ids, or stops at one."""

    def __init__(self, stop_at: str = "", unlucky: frozenset[str] = frozenset()) -> None:
        self.stop_at, self.unlucky = stop_at, unlucky

    def generate(self, category: str, seed: int, id: str, prompt: str | None = None) -> Shape:
        if id == self.stop_at:
            raise KeyboardInterrupt
        shape = super().generate(category, seed % 5, id, prompt)
        return replace(shape, meta=shape.meta | {"mould": seed % 5, "seed": seed})


def naive_tight(index: int) -> tuple[Shape, int]:
    """The first attempt at a shape that the filters of TIGHT let pass, and its number."""
    for attempt in range(10):
        seed = shape_seed(4, index, attempt)
        shape = ProceduralGenerator().generate("chair", seed, shape_id("chair", index))
        if not flaws(Examined(shape), TIGHT).keys() & {"components", "watertight"}:
            return shape, attempt
    raise AssertionError


def test_the_first_attempt_is_the_shape_of_no_filter_and_seeds_never_meet() -> None:
    seeds = [shape_seed(run, index, attempt) for run in (0, 1) for index in range(50) for attempt in range(20)]
    assert len(set(seeds)) == len(seeds) and all(0 <= seed < 2**63 for seed in seeds)
    assert [shape_seed(7, index, 0) for index in range(9)] == [shape_seed(7, index) for index in range(9)]


@pytest.fixture(scope="module")
def tight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tight") / "c"
    generate(TIGHT, root)
    return root


def test_rejected_shapes_are_replaced_and_the_reasons_stay_with_the_shape(tight: Path) -> None:
    collection = Collection.open(tight)
    assert collection.ids() == [shape_id("chair", i) for i in range(7)]
    attempts = []
    for index, shape in enumerate(collection.shapes()):
        twin, attempt = naive_tight(index)
        assert_same(shape, twin)
        reasons = shape.meta.get(REJECTED, [])
        assert len(reasons) == attempt and all(reason.startswith("watertight: 0.9") for reason in reasons)
        assert {k: v for k, v in shape.meta.items() if k != REJECTED} == twin.meta
        attempts.append(attempt)
    assert 0 in attempts and max(attempts) > 0
    assert [(row.id, row.attempt) for row in rejections(collection)] == [
        (shape_id("chair", index), number) for index, count in enumerate(attempts) for number in range(count)
    ]


def test_workers_and_lost_shards_make_no_difference(tight: Path, tmp_path: Path) -> None:
    generate(TIGHT, tmp_path / "c", workers=2)
    assert contents(tmp_path / "c") == contents(tight)
    (tmp_path / "c" / "shapes-00001.tar").unlink()
    generate(TIGHT, tmp_path / "c")
    assert (tmp_path / "c" / "shapes-00001.tar").read_bytes() == (tight / "shapes-00001.tar").read_bytes()


def test_what_is_on_is_recorded_with_its_limits_and_nothing_else(tight: Path, tmp_path: Path) -> None:
    kept = json.loads((tight / "collection.json").read_text())["settings"]
    assert kept["filter"] == ["components", "watertight"] and kept["min_closed"] == 0.995 and kept["attempts"] == 10
    assert kept["max_components"] == 1 and not kept.keys() & {"max_aspect", "min_thickness", "min_distance"}
    before = stamps(tight)
    with pytest.raises(SettingsError, match="settings.min_closed was 0.995, now 0.5"):
        generate(TIGHT.model_copy(update={"min_closed": 0.5}), tight)
    with pytest.raises(SettingsError, match="--max-aspect: has no effect, since its --filter is not on"):
        generate(resolve(GenerateSettings, category="chair", filter=("thin",), max_aspect=3), tmp_path / "c")
    with pytest.raises(SettingsError, match="--attempts: has no effect"):
        generate(resolve(GenerateSettings, category="chair", attempts=3), tmp_path / "c")
    assert stamps(tight) == before and not (tmp_path / "c").exists()


def test_where_no_attempt_passes_the_shape_is_a_failure_that_counts_them(tmp_path: Path) -> None:
    hopeless = CHAIRS.model_copy(update={"n": 2, "filter": ("thin", "aspect"), "min_thickness": 1.0, "attempts": 3})
    collection = generate(hopeless, tmp_path / "c")
    assert len(collection) == 0 and [id for id, _ in collection.failures()] == [shape_id("chair", i) for i in (0, 1)]
    for _, reason in collection.failures():
        assert reason.startswith("all 3 attempts were rejected (thin 3 times); the last by thin: thickness 0.")


def test_an_error_of_the_generator_is_an_attempt_too() -> None:
    good = ProceduralGenerator().generate("chair", 0, "chair-000000")

    def make(attempt: int) -> Shape:
        if attempt < 2:
            raise InputError("NaN")
        return good

    limits = FilterSettings(filter=("finite",), attempts=3)
    assert first_accepted(make, Panel(limits)).meta[REJECTED] == ["error: NaN"] * 2 and REJECTED not in good.meta
    with pytest.raises(InputError, match="all 2 attempts were rejected \\(error 2 times\\); the last by error: NaN"):
        first_accepted(make, Panel(FilterSettings(filter=("finite",), attempts=2)))


# --- duplicates ---------------------------------------------------------------------------------------------------


@pytest.fixture
def moulds(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts another `Moulds` in the place of the procedural generator."""

    def put(**options: object) -> None:
        monkeypatch.setitem(GENERATORS, "procedural", lambda: Moulds(**options))  # type: ignore[arg-type]

    put()
    return put


def naive_moulds(n: int) -> list[int | None]:
    """Which mould each shape gets: the first that is new among those its attempts draw."""
    taken: list[int | None] = []
    for index in range(n):
        drawn = [shape_seed(4, index, attempt) % 5 for attempt in range(10)]
        taken.append(next((mould for mould in drawn if mould not in taken), None))
    return taken


@pytest.mark.usefixtures("moulds")
def test_no_two_shapes_of_a_collection_are_alike_across_all_shards(tmp_path: Path) -> None:
    assert len({shape.meta["mould"] for shape in generate(CHAIRS, tmp_path / "plain").shapes()}) < 7
    collection = generate(TWINS, tmp_path / "c", workers=2)  # done by one
    expected = naive_moulds(7)
    found = {shape.id: shape.meta["mould"] for shape in collection.shapes()}
    assert [found.get(shape_id("chair", i)) for i in range(7)] == expected
    assert len(found) == len(set(found.values())) == 5
    by = {mould: shape_id("chair", i) for i, mould in enumerate(expected) if mould is not None}
    for row in rejections(collection):
        mould = shape_seed(4, int(row.id[-6:]), row.attempt) % 5
        assert row.reason == f"duplicates: nearer than 0.0005 to {by[mould]}"
    assert all("(duplicates 10 times)" in reason for _, reason in collection.failures())


@pytest.mark.parametrize("stop", [2, 4])
def test_a_run_that_looks_for_duplicates_goes_on_to_the_same_bytes(
    moulds: Callable[..., None], tmp_path: Path, stop: int
) -> None:
    generate(TWINS, tmp_path / "whole")
    moulds(stop_at=shape_id("chair", stop))
    with pytest.raises(KeyboardInterrupt):
        generate(TWINS, tmp_path / "parted")
    moulds()
    generate(TWINS, tmp_path / "parted")
    assert contents(tmp_path / "parted") == contents(tmp_path / "whole")
    shard = tmp_path / "parted" / "shapes-00000.tar"
    shard.unlink()
    generate(TWINS, tmp_path / "parted")
    assert shard.read_bytes() == (tmp_path / "whole" / "shapes-00000.tar").read_bytes()
    generate(TWINS, tmp_path / "parted", retry_failed=True)  # the hopeless stay so
    for path in (tmp_path / "whole").glob("*.tar"):
        assert (tmp_path / "parted" / path.name).read_bytes() == path.read_bytes()


# --- every filter, and the command line ---------------------------------------------------------------------------


ALONE = [name for name in FILTER_NAMES if FILTERS[name].alone]


@pytest.mark.parametrize("name", ALONE)
def test_each_filter_rejects_what_it_is_for_and_lets_a_mug_pass(name: str) -> None:
    mug = ProceduralGenerator().generate("mug", 3, "mug-000003")
    vertices, faces = mug.mesh
    limits = FilterSettings(min_closed=0.95)
    assert not flaws(Examined(mug), limits)
    nan = vertices.copy()
    nan[faces[0, 0]] = np.nan
    far = np.concatenate([vertices, vertices + 5]), np.concatenate([faces, faces + len(vertices)])
    spoilt = {
        "finite": replace(mug, vertices=nan),
        "components": replace(mug, vertices=far[0], faces=far[1], face_labels=None),
        "aspect": mug.transformed(np.diag([1, 40.0, 1])),
        "thin": mug.transformed(np.diag([1, 1, 0.01])),
        "watertight": replace(mug, faces=faces[::2], face_labels=None),
    }
    assert name in flaws(Examined(spoilt[name]), limits) and set(spoilt) == set(ALONE)
    chosen = FilterSettings(filter=(name,), attempts=1, min_closed=0.95)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=f"\\({name} 1 times\\)"):
        first_accepted(lambda attempt: spoilt[name], Panel(chosen))
    assert first_accepted(lambda attempt: mug, Panel(chosen)) is mug


def test_every_limit_is_a_setting_of_a_filter() -> None:
    limits = [setting for row in FILTERS.values() for setting in row.settings]
    assert sorted(["filter", "attempts", *limits]) == sorted(FilterSettings.model_fields)
    assert FilterSettings().without_effect() == {"attempts", *limits}
    assert FilterSettings(filter=FILTER_NAMES).without_effect() == set()
    for name, row in FILTERS.items():
        assert FilterSettings(filter=(name,)).without_effect() == {*limits} - {*row.settings}


def test_the_names_are_written_once_and_duplicates_come_last() -> None:
    assert tuple(FILTERS) == FILTER_NAMES and FILTER_NAMES[-1] == "duplicates"  # it remembers whatever it lets pass


def test_the_command_line_lists_what_was_rejected(run: Run, tmp_path: Path, tight: Path) -> None:
    words = ("generate", "--category", "chair", "--n", 7, "--shard", 3, "--seed", 4, "--workers", 1)
    words = (*words, "--filter", "components,watertight", "--min-closed", 0.995, "--out", tmp_path / "c", "--json")
    ended = run(*words)
    assert ended.code == 0 and "generator: procedural (" in ended.err
    told = json.loads(ended.out)
    expected = [row._asdict() for row in rejections(Collection.open(tight))]
    assert told["rejected"] == expected and f"rejected and replaced: {len(expected)} by watertight" in ended.err
    assert contents(tmp_path / "c") == contents(tight) and told["generator"] == "procedural"
    assert run("generate", "--category", "chair", "--filter", "ugly", "--out", tmp_path / "d").code == 2
