"""The Python API: light to import, the same bytes as the command line, documented by examples that run."""

from __future__ import annotations

import doctest
import json
import os
import pkgutil
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import trimesh
from cli_chain import EVAL, STUDENT, Run, tree
from markdown_it import MarkdownIt
from sample_students import TINY

import distill
import distill.api
import distill.student
import gen3d
import gen3d.api
from distill.evaluation import EvalSettings
from distill.segmented import Segmentation
from distill.student import Student
from gen3d.errors import Gen3dError, InputError, SettingsError
from gen3d.generators.procedural import ProceduralGenerator
from gen3d.mesh_io import read_shape, write_shape
from gen3d.settings import resolve
from gen3d.shape import Shape

REPOSITORY = Path(__file__).resolve().parents[1]
PAGES = ("api.md", "hub.md")
EXAMPLES = [
    test
    for module in (gen3d.api, distill.api, distill.student)
    for test in doctest.DocTestFinder().find(module)
    if test.examples
]
HEAVY = {"torch", "trimesh", "scipy", "numpy", "transformers", "huggingface_hub", "pydantic"}


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("package", [gen3d, distill])
def test_the_names_are_those_of_the_api_and_hide_no_module(package: ModuleType) -> None:
    home = {"gen3d": gen3d.api, "distill": distill.api}[package.__name__]
    assert list(package.__all__) == list(home.__all__) and set(package.__all__) <= set(dir(package))
    assert all(getattr(package, name) is getattr(home, name) for name in package.__all__)
    assert not set(package.__all__) & {module.name for module in pkgutil.iter_modules(package.__path__)}
    with pytest.raises(AttributeError, match=f"module '{package.__name__}' has no attribute 'generat'"):
        getattr(package, "generat")  # noqa: B009 (pyright knows that it is not there)


def test_importing_is_light() -> None:
    """Neither package imports anything heavy; making shapes and labels by the API starts without torch."""
    code = "import sys, gen3d, distill; dir(gen3d); print(*sorted({n.partition('.')[0] for n in sys.modules})); "
    code += "from gen3d import generate, label; print(*sorted({n.partition('.')[0] for n in sys.modules}))"
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    first, second = (set(line.split()) for line in done.stdout.splitlines())
    assert "distill" in first and not first & HEAVY
    assert "numpy" in second and not second & {"torch", "trimesh", "scipy", "transformers", "huggingface_hub"}


# --- examples ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_the_docstrings_examples_run(example: doctest.DocTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert not doctest.DocTestRunner().run(example).failed


def test_every_function_of_the_api_has_an_example() -> None:
    names = {example.name.rpartition(".")[2] for example in EXAMPLES}
    assert names >= {"generate", "label", "distill_student", "evaluate", "segment"}


@pytest.mark.parametrize("page", PAGES)
def test_the_pages_examples_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All blocks of `python` in a page, in order, in one session."""
    text = (REPOSITORY / "docs" / page).read_text()
    blocks = [token.content for token in MarkdownIt().parse(text) if token.type == "fence" and token.info == "python"]
    assert blocks and all(block.startswith(">>> ") for block in blocks)
    monkeypatch.chdir(tmp_path)
    test = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, page, page, 0)
    assert not doctest.DocTestRunner().run(test).failed


# --- the same as the command line -------------------------------------------------------------------------------------


def test_the_chain_makes_the_command_lines_bytes(home: Path, finished: Path, tiny_teacher: None) -> None:
    shutil.rmtree(home / "runs")
    chairs = gen3d.generate("chair", preset="tiny.yaml")
    labelled = gen3d.label(chairs, preset="tiny.yaml")
    assert labelled.root == chairs.root == Path("runs/chair/generated") and labelled.stems() == ["knowledge-lite"]
    student = distill.distill_student(labelled, preset="tiny.yaml")
    made, expected = ({k: v[2] for k, v in tree(folder / "runs").items()} for folder in (home, finished))
    assert made == {name: data for name, data in expected.items() if not name.endswith(".png")}
    before = tree(home)
    again = distill.distill_student(gen3d.label(gen3d.generate("chair", preset="tiny.yaml").root, preset="tiny.yaml"),
                                    preset="tiny.yaml")  # fmt: skip
    assert tree(home) == before and again.parts == student.parts


def test_scores_are_those_of_the_command_line(home: Path, run: Run) -> None:
    assert run(*EVAL, "--passes", 1).code == 0
    expected = json.loads((home / STUDENT / "eval-collection" / "scores.json").read_text())
    before = tree(home)
    for student in (STUDENT, Student.load(STUDENT)):
        report = distill.evaluate(student, "runs/chair/generated", preset="tiny.yaml", passes=1)
        assert json.loads(json.dumps(report.as_dict(resolve(EvalSettings, "tiny.yaml", passes=1)))) == expected
    assert tree(home) == before


def test_files_are_those_of_the_command_line(home: Path, run: Run) -> None:
    write_shape(next(gen3d.Collection.open("runs/chair/generated").shapes()), home / "chair.glb")
    words = ("--student", STUDENT, "--passes", 1, "--smooth", "--meshes")
    assert run("segment", "chair.glb", *words, "--out", "line").code == 0
    outcome = distill.segment(["chair.glb"], "api", student=STUDENT, passes=1, smooth=True, meshes=True)
    assert outcome.made_now == 1 and outcome.failures == []
    line, api = ({k: v[2] for k, v in tree(home / name).items()} for name in ("line", "api"))
    assert line == api
    found = Student.load(STUDENT).segment("chair.glb", passes=1, smooth=True)
    files = found.save("one", meshes=True)
    del line["chair/chair_settings.json"]
    assert {f"chair/{path.name}": path.read_bytes() for path in files} == line


def test_saving_over_a_commands_results_takes_its_record_and_its_stale_files(home: Path, run: Run) -> None:
    write_shape(next(gen3d.Collection.open("runs/chair/generated").shapes()), home / "chair.glb")
    words = ("segment", "chair.glb", "--student", STUDENT, "--passes", 1, "--meshes")
    assert run(*words).code == 0 and len(list(Path("parts/chair").glob("chair_*.glb"))) > 0
    Student.load(STUDENT).segment("chair.glb", passes=1, seed=5).save("parts/chair")
    assert not list(Path("parts/chair").glob("chair_*.glb")) and not Path("parts/chair/chair_settings.json").exists()
    assert "nothing to do" not in run(*words).err


# --- one shape --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def student() -> Student:
    """An untrained one of mugs."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Student("mug", ["handle", "cup"], options=TINY)


@pytest.fixture(scope="module")
def mug() -> Shape:
    """Off centre, of a size of its own."""
    made = ProceduralGenerator().generate("mug", 0, "shape").bare()
    return made.transformed(13 * np.eye(3), np.array([100.0, -3, 7]))


def same(found: Segmentation, expected: Segmentation) -> bool:
    return np.array_equal(found.labels, expected.labels) and np.array_equal(found.confidence, expected.confidence)


def test_a_mesh_may_be_given_in_any_form(student: Student, mug: Shape, tmp_path: Path) -> None:
    vertices, faces = mug.mesh
    expected = student.segment(mug, passes=1)
    labels, confidence = student.label_faces(mug, passes=1)
    assert np.array_equal(expected.labels, labels) and np.array_equal(expected.confidence, confidence)
    assert expected.elements == "faces" and expected.part_names == ("handle", "cup") and expected.shape.id == "shape"
    assert sum(expected.counts().values()) == len(faces) and expected.shape.vertices is vertices
    write_shape(mug, tmp_path / "shape.ply")
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    forms = [mesh, mesh.scene(), (vertices, faces), (vertices.tolist(), faces.tolist()), tmp_path / "shape.ply"]
    for form in [*forms, str(tmp_path / "shape.ply")]:
        assert same(student.segment(form, passes=1), expected)
    assert not same(student.segment(mug, passes=1, seed=1), expected)


def test_a_cloud_may_be_given_in_any_form(student: Student, mug: Shape) -> None:
    points = mug.sampled(700, 0).points
    assert points is not None
    expected = student.segment(points, passes=1)
    assert expected.elements == "points" and expected.labels.shape == expected.confidence.shape == (700,)
    for form in (points.tolist(), trimesh.PointCloud(points), Shape("shape", "mug", points=points)):
        assert same(student.segment(form, passes=1, smooth=True), expected)


def test_the_parts_make_up_the_whole(student: Student, mug: Shape) -> None:
    found = student.segment(mug, passes=1)
    vertices, faces = mug.mesh
    parts = found.parts()
    assert list(parts) == [name for name, count in found.counts().items() if count]
    for name, part in parts.items():
        assert isinstance(part, trimesh.Trimesh)
        chosen = found.labels == found.part_names.index(name)
        assert np.array_equal(part.triangles, vertices[faces[chosen]])
    points = mug.sampled(700, 0).points
    assert points is not None
    cloud = student.segment(points, passes=1)
    for name, part in cloud.parts().items():
        assert np.array_equal(part.vertices, points[cloud.labels == cloud.part_names.index(name)])


def test_a_shape_that_lies_down_is_turned_and_keeps_its_frame(student: Student, mug: Shape) -> None:
    lying = mug.transformed(np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]))  # +Z up
    found = student.segment(lying, up="z", passes=1)
    assert (found.labels == student.segment(mug, passes=1).labels).mean() > 0.99  # rounding aside
    assert found.shape.vertices is lying.vertices and found.pose["up"] == "z"


@pytest.mark.parametrize(
    ("thing", "words"),
    [
        (np.zeros((5, 2)), ["points are an array (5, 2)", "(N, 3)"]),
        (np.full((600, 3), np.nan), ["not finite"]),
        (np.zeros((600, 3)), ["size"]),
        ((np.zeros((3, 3)), np.zeros((1, 4), int)), ["faces are an array (1, 4)", "(F, 3)"]),
        ((np.eye(3), np.array([[0, 1, 3]])), ["vertex outside 0..2"]),
        ((np.eye(3), np.array([[0.0, 1, 2]])), ["whole numbers"]),
        (None, ["is a NoneType", "give a file"]),
        ({"a": 1}, ["is a dict"]),
        ("none.glb", ["none.glb: no such file"]),
    ],
)  # fmt: skip
def test_what_is_no_shape_is_one_line(student: Student, thing: object, words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        student.segment(thing)  # type: ignore[arg-type]
    message = str(caught.value)
    assert len(message.splitlines()) == 1 and all(word in message for word in words), message


def test_several_shapes_and_wrong_settings_are_refused(student: Student, mug: Shape, tmp_path: Path) -> None:
    for name in "ab":
        write_shape(mug, tmp_path / f"{name}.ply")
    with pytest.raises(InputError, match="holds 2 shapes; `distill.segment` takes many"):
        student.segment(tmp_path)
    with pytest.raises(SettingsError, match="up = 'x'"):
        student.segment(mug, up="x")
    with pytest.raises(SettingsError, match="unknown setting 'size'"):
        distill.segment(tmp_path, tmp_path / "out", student=student, size=3)
    with pytest.raises(SettingsError, match="teacher: is for a student's folder"):
        distill.segment(tmp_path, student=student, teacher="lite")
    with pytest.raises(SettingsError, match="parts, options and align are for a teacher"):
        distill.segment(tmp_path, category="mug", parts=["lid"])
    with pytest.raises(InputError, match="is a student of mug, not of chair"):
        distill.segment(tmp_path, student=student, category="chair")
    with pytest.raises(SettingsError, match="a collection is missing"):
        distill.distill_student()
    with pytest.raises(Gen3dError, match="is not a collection"):
        gen3d.label(tmp_path)
    assert read_shape(tmp_path / "a.ply").has_mesh


def test_a_teacher_alone_is_enough(mug: Shape, tmp_path: Path, tiny_teacher: None) -> None:
    write_shape(mug, tmp_path / "mug.ply")
    quick = {"views": 2, "size": 64, "points": 512, "epochs": 1, "steps": 1, "batch": 2, "copies": 2}
    found = distill.segment(
        tmp_path / "mug.ply", tmp_path / "out", category="mug", teacher="lite", align=quick, passes=1
    )
    assert len(found.rows) + len(found.failures) == 1 and not any("option" in reason for _, reason in found.failures)
