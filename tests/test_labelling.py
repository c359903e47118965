"""The `label` stage: renders, asks, lifts; the same bytes every time, and a reason for every shape that fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_teacher import Oracle
from toy_shards import contents, stamps

from gen3d.asking import LabelSettings, label_shape
from gen3d.building import build_shards
from gen3d.categories import category
from gen3d.collection import Collection, shape_members
from gen3d.errors import InputError, SettingsError
from gen3d.generation import GenerateSettings, generate
from gen3d.generators.procedural import GRAMMARS, ProceduralGenerator
from gen3d.knowledge import Knowledge
from gen3d.labelling import label, read_knowledge, renderers_for, renderers_used, summarise
from gen3d.part_words import asked_parts
from gen3d.rendering.styles import ViewStyle
from gen3d.rendering.view import View
from gen3d.shape import Shape
from gen3d.shards import ShardContent
from gen3d.teachers import TEACHERS
from gen3d.teachers.predictions import Boxes, PixelScores

TINY = LabelSettings(views=2, size=64, points=512)
MAKE = GenerateSettings(category="chair", n=5, shard=2, seed=3)


@pytest.fixture
def chairs(tmp_path: Path) -> Collection:
    """Five chairs in three shards, not labelled."""
    return generate(MAKE, tmp_path / "chairs")


def reopened(collection: Collection) -> Collection:
    return Collection.open(collection.root)


class Blank:
    """Sees nothing: no score, or no box."""

    def __init__(self, kind: str = "pixel") -> None:
        self.name, self.kind = "blank", kind

    def check(self, category: str, prompts: tuple[str, ...]) -> None:
        """Knows everything."""

    def predict(self, views: list[View], category: str, prompts: tuple[str, ...]) -> list[PixelScores] | list[Boxes]:
        if self.kind == "box":
            return [Boxes(np.zeros((0, 4), np.float32), np.zeros(0, np.int16), np.zeros(0, np.float32)) for _ in views]
        return [PixelScores(np.zeros((len(prompts), *v.element.shape), np.float16)) for v in views]


class Moody(Blank):
    """Refuses every other shape and gives its first part all pixels of the rest."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def predict(self, views: list[View], category: str, prompts: tuple[str, ...]) -> list[PixelScores] | list[Boxes]:
        self.asked += 1
        if self.asked % 2 == 0:
            raise InputError("not in\nthe mood")
        first = np.arange(len(prompts))[:, None, None] == 0
        return [PixelScores((first & view.hit).astype(np.float16)) for view in views]


# --- the stage ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("tiny_teacher")
@pytest.mark.parametrize("teacher", ["lite", "lite-boxes"])
def test_knowledge_of_every_shape_stands_beside_it(chairs: Collection, teacher: str) -> None:
    stem = label(chairs, TINY.model_copy(update={"teacher": teacher}))
    collection = reopened(chairs)
    assert stem == f"knowledge-{teacher}" and collection.ids(stem) == collection.ids() and not collection.damage()
    for shape, knowledge in zip(collection.shapes(), read_knowledge(collection, teacher), strict=True):
        parts = ["back", "seat", "leg", "arm"]
        assert knowledge.meta == {"id": shape.id, "teacher": teacher, "parts": parts, "renderer": "embree"}
        sampled = shape.sampled(512, 0).points
        assert sampled is not None and knowledge.points.tobytes() == sampled.tobytes()
        assert knowledge.mask.any(1).all() and 0.2 < knowledge.coverage() <= 1
        assert set(knowledge.view) <= {0, 1} and set(knowledge.part) <= {0, 1, 2, 3}
        assert (knowledge.confidence > 0).all() and (knowledge.confidence <= 1).all()


@pytest.mark.usefixtures("tiny_teacher")
def test_the_same_settings_give_the_same_bytes(chairs: Collection, tmp_path: Path) -> None:
    label(chairs, TINY)
    twin = generate(MAKE, tmp_path / "twin")
    label(twin, TINY)
    assert contents(twin.root) == contents(chairs.root)


@pytest.mark.usefixtures("tiny_teacher")
def test_a_repeated_command_asks_no_teacher_and_changes_no_file(chairs: Collection) -> None:
    label(chairs, TINY)
    before, counts = stamps(chairs.root), []
    label(reopened(chairs), TINY, progress=counts.append)
    assert not counts and stamps(chairs.root) == before


@pytest.mark.usefixtures("tiny_teacher")
def test_labelling_goes_on_where_it_stopped_and_with_new_shapes(
    chairs: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    label(chairs, TINY)
    before = contents(chairs.root)
    lost = chairs.root / "knowledge-lite-00001.tar"
    lost.unlink()
    counts: list[int] = []
    label(reopened(chairs), TINY, progress=counts.append)
    assert counts == [2] and lost.read_bytes() == before[lost.name]


@pytest.mark.usefixtures("tiny_teacher")
@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("views", 3, "settings.views was 2, now 3"),
        ("size", 96, "settings.size was 64, now 96"),
        ("points", 600, "settings.points was 512, now 600"),
        ("seed", 1, "settings.seed was 0, now 1"),
        ("parts", ("seat", "leg"), 'was ["back", "seat", "leg", "arm"], now ["seat", "leg"]'),
        ("renderer", "points", 'settings.renderer was "auto", now "points"'),
    ],
)
def test_changed_settings_are_refused_with_both_values(
    chairs: Collection, field: str, value: object, words: str
) -> None:
    label(chairs, TINY)
    before = stamps(chairs.root)
    with pytest.raises(SettingsError, match="--overwrite") as caught:
        label(reopened(chairs), TINY.model_copy(update={field: value}))
    assert words in str(caught.value) and stamps(chairs.root) == before
    label(reopened(chairs), TINY.model_copy(update={field: value}), overwrite=True)
    assert len(reopened(chairs).ids("knowledge-lite")) == 5 and len(reopened(chairs)) == 5


@pytest.mark.usefixtures("tiny_teacher")
def test_only_the_parts_asked_for_are_known(chairs: Collection) -> None:
    label(chairs, TINY.model_copy(update={"parts": ("legs", "back rest")}))
    for knowledge in read_knowledge(reopened(chairs), "lite"):
        assert knowledge.meta["parts"] == ["back", "leg"] and set(knowledge.part) <= {0, 1}


def test_part_names_and_synonyms_come_out_in_label_order() -> None:
    assert asked_parts("chair", None).parts == ("back", "seat", "leg", "arm")
    assert asked_parts("chair", ("Armrest", "seat_pad", "seat", "base")).parts == ("seat", "leg", "arm")
    for row in (category("chair"), category("mug"), category("cap")):
        for part, synonyms in zip(row.parts, row.synonyms, strict=True):
            assert all(asked_parts(row.name, (name,)).parts == (part,) for name in (part, *synonyms))
    with pytest.raises(SettingsError, match=r"unknown part 'wing' of chair; known are: back \(backrest"):
        asked_parts("chair", ("wing",))
    with pytest.raises(SettingsError, match="no part is asked for; chair has: back, seat"):
        asked_parts("chair", ())


@pytest.mark.usefixtures("tiny_teacher")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"teacher": "clop"}, ["'clop'", "lite, lite-boxes"]),
        ({"renderer": "crayon"}, ["'crayon'", "auto, embree, points"]),
        ({"parts": ("wing",)}, ["'wing'", "back", "armrest"]),
        ({"parts": ()}, ["no part"]),
    ],
)
def test_what_is_unknown_is_named_before_anything_is_written(
    chairs: Collection, change: dict, words: list[str]
) -> None:
    before = stamps(chairs.root)
    with pytest.raises(SettingsError) as caught:
        label(chairs, TINY.model_copy(update=change))
    assert all(word in str(caught.value) for word in words) and stamps(chairs.root) == before


def test_a_collection_without_shapes_is_refused(tmp_path: Path) -> None:
    empty = Collection.create(tmp_path / "c", {"category": "chair"})
    with pytest.raises(InputError, match="has no shape to label"):
        label(empty, TINY)


# --- what goes wrong ----------------------------------------------------------------------------------------------


def test_a_failing_shape_is_a_row_with_its_reason(chairs: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    moods = Moody()
    monkeypatch.setitem(TEACHERS, "moody", lambda: moods)
    monkeypatch.setattr(moods, "name", "moody")
    label(chairs, TINY.model_copy(update={"teacher": "moody"}))
    collection = reopened(chairs)
    ids = collection.ids()
    assert collection.ids("knowledge-moody") == ids[::2]
    assert collection.failures("knowledge-moody") == [(id, "not in the mood") for id in ids[1::2]]
    rows = [row._asdict() for row in summarise(read_knowledge(collection, "moody"))]
    assert [row["part"] for row in rows] == ["back", "seat", "leg", "arm"]
    assert rows[0]["confidence"] == 1 and rows[0]["units"] >= 6 and all(row["units"] == 0 for row in rows[1:])
    assert {row["confidence"] for row in rows[1:]} == {0} and {row["coverage"] for row in rows[1:]} == {0}


@pytest.mark.parametrize("kind", ["pixel", "box"])
def test_no_visible_part_is_said_every_time(chairs: Collection, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setitem(TEACHERS, "blank", lambda: Blank(kind))
    for _ in range(2):
        with pytest.raises(InputError, match="none of its 5 shapes could be labelled; .*no view shows any of: back"):
            label(reopened(chairs), TINY.model_copy(update={"teacher": "blank"}))
    with pytest.raises(InputError, match="none of its shapes could be labelled"):
        read_knowledge(reopened(chairs), "blank")


@pytest.mark.usefixtures("tiny_teacher")
def test_missing_knowledge_is_counted(chairs: Collection) -> None:
    with pytest.raises(InputError, match="5 of its 5 shapes have no knowledge of the lite teacher; run `gen3d label`"):
        read_knowledge(chairs, "lite")
    label(chairs, TINY)
    lines = (chairs.root / "manifest.jsonl").read_bytes().splitlines(True)
    kept = [line for line in lines if b'"knowledge-lite-00001.tar"' not in line]
    (chairs.root / "manifest.jsonl").write_bytes(b"".join(kept))
    with pytest.raises(InputError, match="2 of its 5 shapes"):
        read_knowledge(reopened(chairs), "lite")


def test_which_renderer_it_was_is_recorded(chairs: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TEACHERS, "moody", Moody)
    stem = label(chairs, TINY.model_copy(update={"teacher": "moody"}))
    assert renderers_used(reopened(chairs), stem) == {"embree": 3}  # of the 5, one in two is refused per shard
    again = TINY.model_copy(update={"teacher": "moody", "renderer": "points"})
    label(reopened(chairs), again, overwrite=True)
    assert renderers_used(reopened(chairs), stem) == {"points": 3}
    assert renderers_for(list(reopened(chairs).shapes()), "auto") == {"embree": 5}


def test_the_size_that_suits_the_teacher_is_recorded_and_kept(
    chairs: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the teacher has changed its mind since: what is there goes on as it began."""
    teacher = Moody()
    monkeypatch.setattr(teacher, "style", ViewStyle(size=48), raising=False)
    monkeypatch.setitem(TEACHERS, "wide", lambda: teacher)
    settings = LabelSettings(teacher="wide", views=1, points=512)
    stem = label(chairs, settings)
    assert reopened(chairs).stage(stem)["settings"]["size"] == 48
    monkeypatch.setattr(teacher, "style", ViewStyle(size=80))
    asked = teacher.asked
    for again in (settings, settings.model_copy(update={"size": 48})):
        label(reopened(chairs), again)
    assert teacher.asked == asked
    with pytest.raises(SettingsError, match="settings.size was 48, now 64"):
        label(reopened(chairs), settings.model_copy(update={"size": 64}))
    label(reopened(chairs), settings, overwrite=True)
    assert reopened(chairs).stage(stem)["settings"]["size"] == 80


# --- one shape ----------------------------------------------------------------------------------------------------


def chair(seed: int = 4) -> Shape:
    return ProceduralGenerator().generate("chair", seed, f"chair-{seed}")


@pytest.mark.parametrize("renderer", ["auto", "embree", "points"])
@pytest.mark.parametrize("seed", range(3))
def test_true_pixels_become_true_points(renderer: str, seed: int) -> None:
    shape = chair(seed)
    settings = LabelSettings(views=10, size=160, points=1024, renderer=renderer)
    teacher, parts = Oracle(shape), category("chair").parts
    if renderer == "points":  # elements are points there
        teacher.labels = shape.sampled(1024, 0).point_labels  # type: ignore[assignment]
    knowledge = label_shape(shape, teacher, settings, parts)
    truth = shape.sampled(1024, 0).point_labels
    assert truth is not None
    covered, right = knowledge.mask.any(0), knowledge.votes(4) == truth
    assert right[covered].mean() > (0.985 if renderer != "points" else 0.9)
    assert right.mean() > 0.9  # a hidden point takes the label of the nearest covered one
    assert knowledge.coverage() > 0.6


def test_a_cloud_is_splatted_and_a_mesh_renderer_refuses_it(tmp_path: Path, tiny_teacher: None) -> None:
    cloud = replace(chair().sampled(3000, 1), id="cloud", vertices=None, faces=None, face_labels=None)
    knowledge = label_shape(cloud, TEACHERS["lite"](), TINY, ("back", "seat", "leg", "arm"))
    assert len(knowledge.points) == 512 and knowledge.coverage() > 0.3
    collection = Collection.create(tmp_path / "c", {"category": "chair"})
    build_shards(collection, "shapes", [(0, None)], _cloud_and_mesh)
    label(Collection.open(tmp_path / "c"), TINY.model_copy(update={"renderer": "points"}))
    assert len(read_knowledge(Collection.open(tmp_path / "c"), "lite")) == 1


def _cloud_and_mesh(payload: None) -> ShardContent:
    return ShardContent(shape_members(chair()), ["chair-4"])


def test_knowledge_does_not_depend_on_shapes_labelled_before(tiny_teacher: None) -> None:
    teacher, parts = TEACHERS["lite"](), category("chair").parts
    alone = label_shape(chair(1), teacher, TINY, parts).to_bytes()
    label_shape(chair(2), teacher, TINY, parts)
    assert label_shape(chair(1), teacher, TINY, parts).to_bytes() == alone


def test_a_summary_counts_units_points_and_confidence() -> None:
    mask = np.array([[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1]], bool)
    knowledge = Knowledge(
        points=np.zeros((4, 3), np.float32),
        part=np.array([0, 0, 1], np.int16),
        confidence=np.array([0.5, 1, 0.25], np.float32),
        packed=np.packbits(mask, axis=1),
        view=np.zeros(3, np.int16),
        meta={"parts": ["cup", "handle"]},
    )
    rows = [(row.part, row.units, row.coverage, row.confidence) for row in summarise([knowledge, knowledge])]
    assert rows == [("cup", 4, 0.75, 0.75), ("handle", 2, 0.25, 0.25)]


# --- every grammar ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GRAMMARS)
def test_the_teacher_answers_for_every_grammar(name: str, tiny_teacher: None) -> None:
    shape = ProceduralGenerator().generate(name, 0, name)
    makers: list[Callable] = [TEACHERS["lite"], TEACHERS["lite-boxes"]]
    for make in makers:
        knowledge = label_shape(shape, make(), TINY, category(name).parts)
        assert len(knowledge.part) and knowledge.part.max() < len(category(name).parts)
