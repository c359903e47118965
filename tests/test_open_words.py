"""Any words for parts of any category: what is asked, and the whole chain on a category that gen3d does not know."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from cli_chain import Run, tree
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_shapes import random_mesh
from tiny_pixel_teachers import NAMES, write_tiny

from gen3d.asking import LabelSettings
from gen3d.categories import CATEGORIES, any_category, unknown_note
from gen3d.collection import Collection
from gen3d.errors import InputError, SettingsError
from gen3d.generation import GenerateSettings, generate
from gen3d.label_pictures import found_in, surface
from gen3d.labelling import label, read_knowledge
from gen3d.mesh_io import write_shape
from gen3d.part_words import asked_parts
from gen3d.rendering import make_renderer
from gen3d.rendering.cameras import rings
from gen3d.rendering.view import View
from gen3d.teachers import TEACHERS
from gen3d.teachers.predictions import PixelScores
from gen3d.teachers.prompts import STYLES, phrases

TINY = LabelSettings(teacher="clip", views=2, size=48, points=512, precision="float32")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny CLIP."""
    return write_tiny("clip", tmp_path_factory.mktemp("weights") / "clip")


# --- words --------------------------------------------------------------------------------------------------------


def test_own_words_follow_the_tables_and_are_asked_to_the_letter() -> None:
    found = asked_parts("chair", ("Cushion", "legs", "back_rest", "head rest"), any_words=True)
    assert found.parts == ("back", "leg", "Cushion", "head rest")
    assert found.words == ("back rest", "legs", "Cushion", "head rest")
    assert asked_parts("shark", ("fin", "tail fin"), any_words=True).parts == ("fin", "tail fin")


@pytest.mark.parametrize(
    ("name", "words", "told"),
    [
        ("shark", None, "shark is none of gen3d's categories; name its parts, as in --parts back,seat,leg"),
        ("shark", (), "no part is asked for; shark has: none of its own"),
        ("shark", ("fin", "tail", "Fin"), "'Fin' is there twice"),
        ("shark", ("a" * 101,), "no word of 1 to 100"),
        ("shark", ("a\nb",), "no word of 1 to 100"),
        ("shark", (" _ ",), "no word of 1 to 100"),
    ],
)
def test_words_that_make_no_sense_are_named(name: str, words: tuple[str, ...] | None, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        asked_parts(name, words, any_words=True)


@settings(max_examples=30)
@given(st.lists(st.text(max_size=12), max_size=4))
def test_any_words_are_kept_or_refused(words: list[str]) -> None:
    try:
        found = asked_parts("mug", tuple(words), any_words=True)
    except SettingsError:
        return
    assert len(found.parts) == len(found.words) == len(set(found.parts)) and all(found.words)


@pytest.mark.parametrize("name", ["", "../etc", "a/b", "Chair", "shark\n", "-x", "x" * 65, "sh*rk"])
def test_a_category_is_a_plain_word(name: str) -> None:
    with pytest.raises(SettingsError, match="is no word of small letters.*airplane"):
        any_category(name)


def test_a_misspelt_category_is_noted() -> None:
    assert unknown_note("chair") is None and "did you mean chair?" in str(unknown_note("chiar"))
    assert any_category("tea pot").parts == () and "did you mean" not in str(unknown_note("xylophone"))


# --- prompts ------------------------------------------------------------------------------------------------------


def test_styles_phrase_parts() -> None:
    assert phrases("names", "shark", ("fin",)) == (("fin",),)
    assert phrases("of", "airplane", ("engine", "wing")) == (("an engine of an airplane",), ("a wing of an airplane",))
    several = phrases("ensemble", "airplane", ("engine",))[0]
    assert len(set(several)) == len(several) > 3 and all("engine" in x and "an airplane" in x for x in several)
    chair = ("back", "seat", "leg", "arm")
    assert phrases("partdistill", "chair", chair) == (("back",), ("seat",), ("leg",), ("armrest",))
    assert phrases("pointclip-v2", "chair", chair) == (("back",), ("seat pad",), ("leg",), ("armrest",))
    assert phrases("pointclip-v2", "motorbike", ("handlebar",)) == (("handles or handlebars",),)


@pytest.mark.parametrize("style", ["partdistill", "pointclip-v2"])
def test_published_names_are_the_tables_own_synonyms(style: str) -> None:
    for row in CATEGORIES.values():
        for part, (name,) in zip(row.parts, phrases(style, row.name, row.parts), strict=True):
            assert row.parts[row.part_index(name)] == part


def test_no_style_asks_the_same_for_two_parts() -> None:
    for style in STYLES:
        for row in CATEGORIES.values():
            asked = phrases(style, row.name, row.parts)
            assert len(set(asked)) == len(row.parts)
    with pytest.raises(SettingsError, match="'back' and 'backrest' are asked for as one"):
        phrases("partdistill", "chair", ("back", "backrest"))


# --- several shapes at once ---------------------------------------------------------------------------------------


class Together:
    """A pretrained teacher's double: answers for many views at once, not finite ones for those it is told."""

    name, kind, any_words, batch = "together", "pixel", True, 6

    def __init__(self, sick: Sequence[int] = (), refuse: bool = False) -> None:
        self.asked: list[int] = []
        self._sick, self._refuse = sick, refuse

    def check(self, category: str, prompts: tuple[str, ...]) -> None:
        """Knows everything."""

    def download(self) -> None:
        """Nothing to get."""

    def load(self) -> None:
        """Nothing to load."""

    def how(self, category: str, prompts: tuple[str, ...]) -> dict[str, str]:
        """What it is."""
        return {"revision": "1"}

    def predict(self, views: list[View], category: str, prompts: tuple[str, ...]) -> list[PixelScores]:
        """The first part everywhere."""
        first = sum(self.asked)
        self.asked.append(len(views))
        if self._refuse and len(views) > 2:
            raise InputError("too many")
        values = [np.nan if first + number in self._sick else 0.5 for number in range(len(views))]
        part = np.arange(len(prompts))[:, None, None] == 0
        return [
            PixelScores((part & v.hit).astype(np.float16) * np.float16(x)) for v, x in zip(views, values, strict=True)
        ]


def chairs(root: Path) -> Collection:
    return generate(GenerateSettings(category="chair", n=5, shard=5, seed=3), root)


def test_shapes_are_asked_about_at_once_and_fail_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    teacher = Together(sick=(3,))
    monkeypatch.setitem(TEACHERS, "together", lambda: teacher)
    how = TINY.model_copy(update={"teacher": "together", "precision": None, "views": 2})
    collection = chairs(tmp_path / "c")
    stem = label(collection, how)
    assert teacher.asked == [6, 4]  # three shapes of two views, then the rest
    collection = Collection.open(collection.root)
    (failure,) = collection.failures(stem)
    assert failure[0] == "chair-000001" and "view 1 are not finite" in failure[1]
    assert [k.meta["id"] for k in read_knowledge(collection, "together")] == [f"chair-00000{i}" for i in (0, 2, 3, 4)]
    assert all(k.meta["revision"] == "1" for k in read_knowledge(collection, "together"))
    healthy = Together()
    monkeypatch.setitem(TEACHERS, "together", lambda: healthy)
    label(collection, how, retry_failed=True)
    assert healthy.asked == [2]  # the one alone
    alone = Together(refuse=True)
    monkeypatch.setitem(TEACHERS, "together", lambda: alone)
    label(chairs(tmp_path / "d"), how)
    assert alone.asked == [6, 2, 2, 2, 4, 2, 2]  # who refuses several is asked about each
    one, other = (list(Collection.open(tmp_path / name).samples(stem)) for name in "cd")
    assert one == other


def test_real_networks_answer_alike_in_groups(tmp_path: Path, weights: Path) -> None:
    found = []
    for batch in (1, 7):
        collection = chairs(tmp_path / str(batch))
        label(collection, TINY.model_copy(update={"weights": str(weights), "batch": batch}))
        found.append(read_knowledge(Collection.open(collection.root), "clip"))
    for one, other in zip(*found, strict=True):
        a, b = one.target(4), other.target(4)
        assert one.meta == other.meta and np.abs(a - b).mean() < 2e-3
    info = [json.loads((tmp_path / f"{batch}/knowledge-clip.json").read_text()) for batch in (1, 7)]
    assert "batch" not in info[0]["settings"] and info[0] == info[1]


# --- pictures -----------------------------------------------------------------------------------------------------


def test_pixels_know_the_points_they_show(tmp_path: Path) -> None:
    shape = next(chairs(tmp_path / "c").shapes())
    for view in make_renderer("embree", rings(2, 40), mesh=True).render(shape):
        points = surface(view)[view.hit]
        xy, depth = view.camera.project(points)
        row, column = np.nonzero(view.hit)
        assert np.allclose(xy, np.stack([column, row], 1) + 0.5, atol=1e-3)
        assert np.allclose(depth, view.depth[view.hit], atol=1e-5)


def test_a_sheet_shows_parts_where_they_were_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TEACHERS, "together", Together)
    collection = chairs(tmp_path / "c")
    label(collection, TINY.model_copy(update={"teacher": "together", "precision": None}))
    knowledge, shape = read_knowledge(Collection.open(collection.root), "together")[0], next(collection.shapes())
    views = make_renderer("embree", rings(3, 48), mesh=True).render(shape)
    grey = [np.ptp(found_in(v, n, knowledge).astype(int), axis=-1)[v.hit] == 0 for n, v in enumerate(views)]
    assert grey[0].mean() < 0.5 and grey[1].mean() < 0.5 and grey[2].all()  # it was shown the first two views alone
    assert (found_in(views[0], 0, knowledge)[~views[0].hit] == 255).all()


# --- the command line ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_pretrained_teacher_labels_and_a_student_learns(name: str, run: Run, home: Path) -> None:
    folder = write_tiny(name, home / "weights")
    words = ("label", "runs/chair/generated", "--teacher", name, "--weights", folder, "--views", 2, "--size", 48)
    words = (*words, "--points", 512, "--parts", "backrest,cushion,legs", "--workers", 1, "--precision", "float32")
    end = run(*words, "--json")
    assert end.code == 0, end.err
    told = json.loads(end.out)
    assert [row["part"] for row in told["parts"]] == ["back", "leg", "cushion"] and told["labelled"] == 3
    assert Path(told["sheet"]).read_bytes().startswith(b"\x89PNG")
    found = read_knowledge(Collection.open(Path("runs/chair/generated")), name)
    assert all("legs" in k.meta["prompts"][1][0] and k.meta["revision"].startswith("sha256:") for k in found)
    before = tree(home / "runs/chair/generated")
    again = run(*words, "--batch", 4)
    assert again.code == 0 and "nothing to do" in again.err
    assert {k: v[2] for k, v in tree(home / "runs/chair/generated").items()} == {k: v[2] for k, v in before.items()}
    assert 'settings.precision was "float32", now "bfloat16"' in run(*words[:-1], "bfloat16").error
    learn = ("distill", "--source", "generated", "--category", "chair", "--teacher", name, "--preset", "tiny.yaml")
    assert run(*learn, "--out", "student", "--steps", 2).code == 0
    assert json.loads((home / "student/config.json").read_text())["parts"] == ["back", "leg", "cushion"]
    end = run("eval", "--student", "student", "--root", "runs/chair/generated", "--preset", "tiny.yaml", "--json")
    assert end.code == 0, end.err  # scored on what the set defines


def test_the_chain_runs_on_a_category_of_ones_own(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text("distill: {epochs: 1, batch: 2}\neval: {points: 512, dataset: collection}\n")
    (tmp_path / "scans").mkdir()
    for number in range(2):
        write_shape(random_mesh(number, False), tmp_path / f"scans/shark{number}.ply")
    end = run("import", "scans", "--category", "shark", "--workers", 1)
    assert end.code == 0 and "'shark' is none of gen3d's 16 categories: name its parts" in end.err
    clip = ("--teacher", "clip", "--weights", write_tiny("clip", tmp_path / "weights"), "--views", 2, "--size", 48)
    words = ("label", "runs/shark/real", *clip, "--points", 512, "--workers", 1)
    assert "shark is none of gen3d's categories; name its parts" in run(*words).error
    assert run(*words, "--parts", "fin,tail,body").code == 0
    assert "lite teacher does not know 'shark'" in run("label", "runs/shark/real", "--parts", "fin").error
    learn = ("distill", "--source", "real", "--category", "shark", "--teacher", "clip", "--preset", "tiny.yaml")
    assert run(*learn, "--steps", 2).code == 0
    student = ("--student", "runs/shark/student-real")
    end = run("segment", "scans/shark0.ply", *student, "--out", "parts", "--json")
    assert end.code == 0 and set(json.loads(end.out)["shapes"][0]["counts"]) == {"fin", "tail", "body"}
    score = ("eval", *student, "--root", "runs/shark/real", "--preset", "tiny.yaml")
    assert "have no labels; nothing to score against" in run(*score).error
    for labels in (("teacher", "--teacher", "clip"), ("student", *student)):
        out = ("--format", "glb", "--out", f"out-{labels[0]}")
        end = run("export", "runs/shark/real", "--labels", *labels, *out, "--json")
        assert end.code == 0, end.err
    assert "no procedural grammar of 'shark'" in run("generate", "--category", "shark", "--n", 1).error
    shutil.rmtree(tmp_path / "runs")
