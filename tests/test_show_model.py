"""What `gen3d show` shows, without a browser: which faces, in which colours, of which shape."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_knowledge import face_labels, toy_chair
from sample_show import PARTS, make_run
from sample_students import tiny

from distill.predictions import read_predictions
from distill.student import Student
from distill.viewer.answers import StudentSource
from distill.viewer.exhibit import (
    Exhibit,
    bisected,
    confidence_layer,
    error_layer,
    exhibit_of,
    part_layer,
)
from distill.viewer.opening import ShowSettings, open_source
from distill.viewer.sources import Source, truth_layers
from distill.viewer.tour import Tour
from gen3d.collection import Collection
from gen3d.colors import PALETTE, RIGHT_COLOR, UNLABELLED_GREY, WRONG_COLOR
from gen3d.errors import InputError
from gen3d.knowledge import Knowledge
from gen3d.label_pictures import found_in
from gen3d.rendering.cameras import rings
from gen3d.rendering.embree import EmbreeRenderer
from gen3d.shape import Shape, face_areas
from gen3d.shards import ShardContent


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("show"))


def shown(*paths: object, **settings: Any) -> Source:
    return open_source([str(path) for path in paths], ShowSettings(**settings))


def triangles(vertices: np.ndarray, faces: np.ndarray | None) -> list[bytes]:
    assert faces is not None
    return sorted(corners.tobytes() for corners in vertices[faces])


def titles(exhibit: Exhibit) -> list[str]:
    return [layer.title for layer in exhibit.layers]


# --- one shape ---


def test_pieces_are_the_faces_of_each_part_and_together_the_surface() -> None:
    shape = toy_chair(0)
    labels = face_labels(shape).copy()
    labels[::7] = -1
    exhibit = exhibit_of(replace(shape, face_labels=labels), partial(truth_layers, PARTS))
    pieces = exhibit.pieces("truth")
    assert [piece.name for piece in pieces] == [*PARTS, "unlabelled"]
    assert [piece.color for piece in pieces] == [*map(tuple, PALETTE[:4].tolist()), tuple(UNLABELLED_GREY)]
    vertices, faces = shape.normalised().mesh
    for piece, label in zip(pieces, (0, 1, 2, 3, -1), strict=True):
        assert triangles(piece.vertices, piece.faces) == triangles(vertices, faces[labels == label])
        assert piece.faces is not None and len(np.unique(piece.faces)) == len(
            piece.vertices
        )  # none that it does not use


def test_the_legend_tells_shares_of_the_area() -> None:
    shape = toy_chair(1)
    exhibit = exhibit_of(shape, partial(truth_layers, (*PARTS, "wheel")))
    area = face_areas(*shape.normalised().mesh)
    legend = exhibit.layers[0].legend(exhibit.weights())
    for number, entry in enumerate(legend):
        assert entry.share == pytest.approx(area[face_labels(shape) == number].sum() / area.sum(), abs=1e-6)
    assert legend[4].name == "wheel" and not legend[4].share  # a part that the shape has not, is named nevertheless


def test_points_are_shown_where_they_alone_have_labels() -> None:
    rng = np.random.default_rng(0)
    points, labels = rng.normal(size=(40, 3)).astype(np.float32), (np.arange(40) % 3 - 1).astype(np.int16)
    both = replace(toy_chair(0), face_labels=None, points=points, point_labels=labels)
    for shape in (both, Shape("cloud", "chair", points=points, point_labels=labels)):
        exhibit = exhibit_of(shape, partial(truth_layers, PARTS))
        assert [(piece.name, len(piece.vertices), piece.faces) for piece in exhibit.pieces(None)] == [
            ("back", 13, None), ("seat", 13, None), ("unlabelled", 14, None)
        ]  # fmt: skip
        assert exhibit.refined() is exhibit
        light = np.concatenate([piece.light for piece in exhibit.pieces(None) if piece.light is not None])
        assert len(light) == 40 and light.min() >= 0.7 and light.max() <= 1 and light.std() > 0.01


def test_a_shape_without_labels_is_one_grey_piece() -> None:
    labels = np.full(len(toy_chair(0).mesh[1]), -1, np.int16)
    for bare in (toy_chair(0).bare(), replace(toy_chair(0), face_labels=labels)):
        (piece,) = exhibit_of(bare, lambda found: () if found is None else (part_layer("x", PARTS, found),)).pieces(
            None
        )
        assert piece.name == "surface" and piece.color == tuple(UNLABELLED_GREY.tolist())


@settings(max_examples=30)
@given(st.integers(0, 1000), st.floats(0.05, 1.0))
def test_halved_faces_are_the_same_surface(seed: int, longest: float) -> None:
    rng = np.random.default_rng(seed)
    vertices, faces = rng.normal(size=(12, 3)).astype(np.float32), rng.permutation(12).reshape(4, 3).astype(np.int64)
    more, small, parent = bisected(vertices, faces, longest, 100_000)
    corners = more[small]
    assert np.linalg.norm(corners - np.roll(corners, -1, 1), axis=2).max() <= longest + 1e-6
    area = np.bincount(parent, face_areas(more, small), 4)
    assert area == pytest.approx(face_areas(vertices, faces), rel=1e-4)
    normal = np.cross(vertices[faces][:, 1] - vertices[faces][:, 0], vertices[faces][:, 2] - vertices[faces][:, 0])
    own = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert ((own * normal[parent]).sum(1) > 0).all()  # none is turned over


def test_halving_stops_at_the_most_faces() -> None:
    vertices, faces = toy_chair(0).normalised().mesh
    assert len(faces) < len(bisected(vertices, faces, 0.01, 3000)[1]) <= 3000


def test_errors_and_confidence_are_those_of_a_loop() -> None:
    rng = np.random.default_rng(0)
    truth, answer = (rng.integers(-1, 3, 200).astype(np.int16) for _ in range(2))
    layer = error_layer("errors", truth, answer)
    expected = [-1 if t == -1 else int(t != a) for t, a in zip(truth, answer, strict=True)]
    assert layer.labels.tolist() == expected
    assert layer.colors.tolist() == [list(RIGHT_COLOR), list(WRONG_COLOR)] and layer.rest == "not counted"
    sure = np.array([0, 0.1, 0.25, 0.4, 0.5, 0.7, 0.75, 1.0])
    assert confidence_layer("c", sure).labels.tolist() == [-1, 0, 1, 1, 2, 2, 3, 3]


def test_labels_beyond_the_names_are_called_by_number() -> None:
    layer = part_layer("truth", ("lid",), np.array([0, 2, -1], np.int16))
    assert layer.names == ("lid", "part 1", "part 2") and layer.mask("part 2").tolist() == [False, True, False]


# --- the walk ---


def test_next_and_previous_go_round() -> None:
    tour = Tour(3, str)
    numbers = []
    for by in (1, 1, 1, -1, -1):
        tour.step(by)
        numbers.append(tour.number)
    assert numbers == [1, 2, 0, 2, 1]
    for asked, number in ((7, 2), (-4, 0), (1, 1)):
        tour.go(asked)
        assert tour.number == number


def test_search_goes_on_from_here_and_round() -> None:
    words = ["chair-0 a red chair", "chair-1 a Blue chair", "chair-2 a red stool", "chair-3 a blue red thing"]
    tour = Tour(4, words.__getitem__)
    assert (tour.search("RED"), tour.number) == ("match 1 of 3", 0)  # this one counts while one types
    assert (tour.search("red", True), tour.number) == ("match 2 of 3", 2)
    assert (tour.search("red blue", True), tour.number) == ("match 1 of 1", 3)
    assert (tour.search("red", True), tour.number) == ("match 1 of 3", 0)
    assert (tour.search("chair-1"), tour.number) == ("match 1 of 1", 1)
    assert (tour.search("green"), tour.number) == ("no shape matches", 1)
    assert (tour.search("  "), tour.number) == ("", 1)


def test_what_is_hidden_stays_hidden_on_other_shapes() -> None:
    tour = Tour(2, str)
    tour.toggle("leg")
    tour.step(1)
    assert tour.hidden == {"leg"}
    tour.toggle_all(["leg", "seat"])
    assert tour.hidden == set()
    tour.toggle_all(["leg", "seat"])
    assert tour.hidden == {"leg", "seat"}
    tour.toggle("seat")
    assert tour.hidden == {"leg"}


# --- a collection ---


def test_a_collection_shows_its_labels_and_its_teachers_votes(run_folder: Path) -> None:
    source = shown(run_folder / "generated")
    assert (len(source.ids), source.parts) == (5, PARTS) and "generated" in source.title
    collection = Collection.open(run_folder / "generated")
    shape = list(collection.shapes())[3]
    knowledge = Knowledge.from_bytes(dict(collection.members("knowledge-stripes", "safetensors"))[shape.id])
    exhibit = source.exhibit(3)
    assert exhibit.id == shape.id == source.ids[3]
    assert titles(exhibit) == ["truth", "stripes", "stripes: errors", "stripes: confidence"]
    assert dict(exhibit.notes)["prompt"] == shape.meta["prompt"]
    truth, votes, errors, sure = exhibit.layers
    area = face_areas(*shape.normalised().mesh)
    for part, entry in enumerate(truth.legend(exhibit.weights())):
        assert entry.share == pytest.approx(area[face_labels(shape) == part].sum() / area.sum(), abs=1e-4)
    places, said, weight = exhibit.places(), knowledge.votes(4), knowledge.weights().max(0)
    for place in range(0, len(places), 97):
        near = int(np.linalg.norm(knowledge.points - places[place], axis=1).argmin())
        assert votes.labels[place] == said[near]
        assert errors.labels[place] == (truth.labels[place] != said[near])
        assert (sure.labels[place] == -1) == (weight[near] == 0)


def test_the_views_are_those_the_teacher_saw_with_what_it_found(run_folder: Path) -> None:
    exhibit = shown(run_folder / "generated").exhibit(1)
    cameras = rings(3, 192)
    assert exhibit.cameras["stripes"] == tuple((c.elevation, c.azimuth) for c in cameras)
    collection = Collection.open(run_folder / "generated")
    shape = list(collection.shapes())[1]
    knowledge = Knowledge.from_bytes(dict(collection.members("knowledge-stripes", "safetensors"))[shape.id])
    views = EmbreeRenderer(cameras).render(shape)
    pictures = exhibit.views["stripes"]()
    assert len(pictures) == 3
    for number, (picture, view) in enumerate(zip(pictures, views, strict=True)):
        assert np.array_equal(picture, found_in(view, number, knowledge))
        assert not np.array_equal(picture, view.shaded())


def test_a_collection_without_a_teacher_has_no_views_and_keeps_its_faces(run_folder: Path) -> None:
    exhibit = shown(run_folder / "bare").exhibit(0)
    assert titles(exhibit) == ["truth"] and not exhibit.views and exhibit.teacher("lite") is None
    assert len(exhibit.surface.mesh[1]) == len(exhibit.shape.mesh[1])


def test_a_search_reads_no_mesh(run_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(run_folder / "bare", tmp_path / "bare")
    shard = tmp_path / "bare" / "shapes-00001.tar"
    data = bytearray(shard.read_bytes())
    data[data.index(b"chair-000003.glb") + 600] ^= 1
    shard.write_bytes(data)
    source = shown(tmp_path / "bare")
    assert [source.words(number) for number in (0, 4)] == ["chair-000000 a chair", "chair-000004 a chair"]
    assert source.exhibit(2).id == "chair-000002"
    with pytest.raises(InputError, match=r"chair-000003.glb is damaged"):
        source.exhibit(3)


def test_words_of_the_users_own_come_after_the_collections_parts(run_folder: Path, tmp_path: Path) -> None:
    collection = Collection.open(run_folder / "generated")
    copied = tmp_path / "own"
    shutil.copytree(run_folder / "bare", copied)
    own = Collection.open(copied)
    own.begin("knowledge-words", {"parts": ["cushion", "leg"], "settings": {"views": 3}})
    id = own.ids()[0]
    knowledge = Knowledge.from_bytes(dict(collection.members("knowledge-stripes", "safetensors"))[id])
    said = replace(knowledge, part=knowledge.part % 2, meta={"parts": ["cushion", "leg"]})
    own.add_shard("knowledge-words", 0, ShardContent([(f"{id}.safetensors", said.to_bytes())], [id]))
    source = shown(copied)
    assert source.parts == (*PARTS, "cushion")
    votes = source.exhibit(0).layer("words")
    assert set(np.unique(votes.labels)) == {2, 4} and titles(source.exhibit(1)) == ["truth"]


# --- answers ---


def test_kept_answers_come_worst_first(run_folder: Path) -> None:
    source = shown(run_folder / "scores")
    scores = json.loads((run_folder / "scores" / "scores.json").read_text())["shapes"]
    assert [scores[id] for id in source.ids] == sorted(scores.values()) and len(source.ids) == 5
    exhibit = source.exhibit(2)
    case = read_predictions(run_folder / "scores", [exhibit.id])[1][exhibit.id]
    truth, prediction, errors = exhibit.layers
    assert titles(exhibit) == ["truth", "prediction", "errors"]
    assert np.array_equal(truth.labels, case.truth) and np.array_equal(prediction.labels, case.prediction)
    assert errors.labels.tolist() == (case.truth != case.prediction).astype(int).tolist()
    assert exhibit.notes[0] == ("mIoU", f"{scores[exhibit.id]:.2f} %")


def test_a_student_answers_beside_the_truth_and_the_teacher(run_folder: Path) -> None:
    source = shown(run_folder / "generated", student=str(run_folder / "student"))
    exhibit = source.exhibit(0)
    teachers = ["stripes", "stripes: errors", "stripes: confidence"]
    assert titles(exhibit) == ["truth", "prediction", "errors", "confidence", *teachers]
    shape = next(Collection.open(run_folder / "generated").shapes()).normalised()
    expected = Student.load(run_folder / "student").probabilities(shape, exhibit.places())
    truth, prediction, errors, _ = exhibit.layers[:4]
    assert np.array_equal(prediction.labels, expected.argmax(1))
    assert np.array_equal(errors.labels, truth.labels != prediction.labels) and exhibit.views


def test_a_students_parts_are_matched_to_a_files_by_name(tmp_path: Path) -> None:
    scene = trimesh.Scene()
    scene.add_geometry(trimesh.creation.box(), node_name="cushion")
    scene.add_geometry(trimesh.creation.icosphere(1, 0.4), node_name="seat")
    scene.export(tmp_path / "two.glb")
    exhibit = StudentSource(shown(tmp_path / "two.glb"), tiny()).exhibit(0)
    own, prediction, errors, _ = exhibit.layers
    assert own.names == (*PARTS, "cushion") and own.title == "own labels"
    assert np.array_equal(own.colors[:4], prediction.colors)
    assert np.array_equal(errors.labels, own.labels != prediction.labels)
    assert {own.names[label] for label in np.unique(own.labels)} == {"cushion", "seat"}
