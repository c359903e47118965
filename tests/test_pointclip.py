"""PointCLIP and PointCLIP V2: what teachers are shown, what is read of them, and what can be set."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from baseline_teachers import Blind, Feeling, PointOracle
from tiny_teacher import Oracle

from distill.baselines import make_baseline
from distill.baselines.baseline import Baseline, Observed, observe
from distill.baselines.pointclip_v2_maps import axes, depth_map, rotations
from distill.baselines.voting import at_pixels
from distill.datasets.labelled import LabelledSet
from distill.evaluation import EvalSettings, evaluate_baseline
from distill.metrics import part_ious
from gen3d.asking import LabelSettings
from gen3d.categories import category
from gen3d.errors import SettingsError
from gen3d.generators.procedural import ProceduralGenerator
from gen3d.knowledge import best_parts
from gen3d.rendering.cameras import Camera
from gen3d.rendering.sparse_depth import sparse_depth
from gen3d.shape import Shape
from gen3d.teachers.dense import upsampled
from gen3d.teachers.predictions import Teacher

MUG = category("mug")
LABEL = LabelSettings(points=1024)
BOTH = ("pointclip", "pointclip-v2")


def mug() -> Shape:
    """Its handle makes front and back, left and right different things."""
    shape = ProceduralGenerator().generate("mug", 1, "mug").transformed(np.diag([1.0, 1.2, 1.0])).normalised()
    return shape.sampled(1024, 0)


def cloud_of(shape: Shape) -> Shape:
    return replace(shape, vertices=None, faces=None, face_labels=None)


def one_of(baseline: Baseline, shape: Shape, teacher: Teacher) -> Observed:
    return next(iter(observe([shape], baseline, teacher, LABEL, MUG.parts)))


def right(baseline: Baseline, shape: Shape, teacher: Teacher) -> float:
    """Mean IoU over the parts."""
    (found,) = baseline.labels(observe([shape], baseline, teacher, LABEL, MUG.parts))
    assert shape.point_labels is not None
    return float(part_ious(found, shape.point_labels, 2).mean())


WEIGHTS = {"pointclip": (0, 1, 0.5, 0.25, 1, 2), "pointclip-v2": (0, 1, 0.5, 0.25, 1, 2, 0, 0.75, 1, 1)}
PROMPTS = "handle: what a hand holds, curved;  cup: a round body; "
Felt = dict[str, tuple[Baseline, Feeling, Observed]]


@pytest.fixture(scope="module")
def felt() -> Felt:
    """Both methods with weights, what a teacher with features was shown, and what the method saw."""
    made = {}
    for name in BOTH:
        options = {"view_weights": ",".join(map(str, WEIGHTS[name]))}
        options |= {"prompts": PROMPTS} if name == "pointclip-v2" else {}
        baseline, teacher = make_baseline(name, options), Feeling()
        made[name] = (baseline, teacher, one_of(baseline, mug(), teacher))
    return made


# --- end to end ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BOTH)
def test_what_a_teacher_knows_arrives_at_the_points(name: str) -> None:
    """Of a mesh with its handle at the back, and of a cloud."""
    shape = mug().transformed(np.array([[0.0, 0, -1], [0, 1, 0], [1, 0, 0]]))
    assert right(make_baseline(name), shape, Oracle(shape)) > 0.9
    shape = mug()
    assert right(make_baseline(name), cloud_of(shape), PointOracle(shape)) > 0.85


def test_the_released_order_is_another_answer() -> None:
    shape = mug()
    released = make_baseline("pointclip-v2", {"released_order": "true"})
    assert right(released, cloud_of(shape), PointOracle(shape)) < 0.75


def test_a_teacher_that_sees_nothing_gives_no_part() -> None:
    baseline = make_baseline("pointclip")
    (found,) = baseline.labels(observe([mug()], baseline, Blind(), LABEL, MUG.parts))
    assert (found == -1).all()


# --- what a teacher is shown --------------------------------------------------------------------------------------


def test_pointclip_shows_sparse_maps_from_the_axes(felt: Felt) -> None:
    _, teacher, one = felt["pointclip"]
    backs = np.stack([view.camera.axes[2] for view in teacher.shown])
    assert np.allclose(backs, [[0, 0, 1], [1, 0, 0], [0, 0, -1], [-1, 0, 0], [0, 1, 0], [0, -1, 0]])
    assert one.places is None and one.predictions == []
    for view in teacher.shown:
        expected = (255 * sparse_depth(view.camera, one.points)).round()
        assert (view.color == expected[..., None]).all()


def test_sparse_maps_have_one_pixel_per_point_and_the_nearest_wins() -> None:
    camera, rng = Camera(20, 30, size=48), np.random.default_rng(0)
    points = rng.uniform(-1.2, 1.2, (400, 3)).astype(np.float32)
    points[0] = camera.position * 2  # behind the camera
    xy, depth = camera.project(points)
    inside = [i for i in range(400) if depth[i] > 0.01 and (xy[i] >= 0).all() and (xy[i] < 48).all()]
    near, far = min(depth[inside]), max(depth[inside])
    expected = np.ones((48, 48))
    for i in inside:
        x, y = np.floor(xy[i]).astype(int)
        expected[y, x] = min(expected[y, x], 0.75 * (depth[i] - near) / (far - near))
    assert len(inside) < 400 and np.allclose(sparse_depth(camera, points), expected, atol=1e-6)


def test_v2_shows_its_maps_to_who_looks_at_pictures(felt: Felt) -> None:
    _, teacher, one = felt["pointclip-v2"]
    assert one.places is not None and len(teacher.shown) == len(one.places) == 10
    for number in (1, 6, 9):
        view, turn, frame, (seen, pixel) = (
            teacher.shown[number],
            rotations()[number],
            axes()[number],
            one.places[number],
        )
        made = depth_map(one.points @ turn.T)
        assert (view.color == (made.image * 255).round()[..., None]).all()
        assert np.array_equal(view.hit, (view.color < 255).all(-1))
        assert np.array_equal(seen, made.seen) and np.array_equal(pixel, made.drawn)
        shown = view.element.reshape(-1)[pixel]  # every point's pixel shows a point there, none further away
        assert np.array_equal(pixel[shown], pixel) and (one.points[shown] @ frame[2] >= one.points @ frame[2]).all()
        assert np.allclose(view.camera.axes[2], frame[2]) and np.allclose(
            np.linalg.norm(view.normal[view.hit], axis=1), 1
        )
        depth = view.camera.distance - one.points[view.element[view.hit]] @ frame[2]
        assert np.allclose(view.depth[view.hit], depth, atol=1e-4) and np.isinf(view.depth[~view.hit]).all()


def test_v2_shows_geometry_upright_from_the_same_directions_to_others() -> None:
    shape = mug()
    one = one_of(make_baseline("pointclip-v2"), shape, Oracle(shape))
    assert one.places is not None
    for number in (1, 6, 9):
        view, turn, (seen, pixel) = one.views[number], rotations()[number], one.places[number]
        assert np.allclose(view.camera.axes[2], turn[2]) and abs(view.camera.axes[0, 1]) < 1e-9
        flat = 112 + one.points @ view.camera.axes[:2].T * [1, -1] * Camera(0, 0).focal / 2.2  # parallel rays
        assert np.abs(np.stack([pixel % 224, pixel // 224], 1) + 0.5 - flat).max() < 1
        assert np.array_equal(seen, depth_map(one.points @ turn.T).seen)


# --- what is read -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [7, 30, 48])
def test_maps_are_read_as_if_they_were_enlarged(side: int, rng: np.random.Generator) -> None:
    image, pixel = rng.normal(size=(3, side, side)).astype(np.float32), rng.integers(0, 48 * 48, 200)
    whole = upsampled(torch.from_numpy(image)[None], 48)[0].numpy().reshape(3, -1)
    assert np.allclose(at_pixels(image, pixel, 48), whole[:, pixel].T, atol=1e-4)


@pytest.mark.parametrize("name", BOTH)
def test_logits_are_summed_as_written_down(name: str, felt: Felt) -> None:
    baseline, _, one = felt[name]
    assert one.features is not None
    features = one.features
    total = np.zeros((1024, 2))
    for weight, image, (seen, pixel) in zip(WEIGHTS[name], features.maps, one.visible, strict=True):
        patches = np.zeros((2, 7, 7))
        for part, row, column in np.ndindex(2, 7, 7):
            patches[part, row, column] = 100 * sum(image[:, row, column] * features.texts[part])
        if name == "pointclip-v2":
            padded = np.pad(patches, ((0, 0), (2, 3), (2, 3)), mode="edge")
            rows = [[padded[:, i : i + 6, j : j + 6].mean((1, 2)) for j in range(7)] for i in range(7)]
            patches = np.array(rows).transpose(2, 0, 1)
        grown = upsampled(torch.from_numpy(patches)[None], 224)[0].numpy().reshape(2, -1)
        for point in np.flatnonzero(seen):
            total[point] += weight * grown[:, pixel[point]]
    (found,) = baseline.labels([one])
    shown = np.abs(total[:, 0] - total[:, 1]) > 1e-2
    assert shown.mean() > 0.4 and np.array_equal(found[shown], total.argmax(1)[shown])


def test_points_without_logits_take_the_nearest_part() -> None:
    points = np.array([[0, 0, 0], [1, 0, 0], [0.9, 0, 0], [0.2, 0, 0]], np.float32)
    total = np.array([[0.0, 2], [3, -1], [0, 0], [0, 0]], np.float32)
    assert best_parts(total, points).tolist() == [1, 0, 0, 1]
    assert best_parts(0 * total, points).tolist() == [-1] * 4


# --- what can be set ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["1,2,3", "1,1,1,1,1,-1", "0,0,0,0,0,0", "1,1,1,1,1,x", ""])
def test_wrong_view_weights_are_named(given: str) -> None:
    with pytest.raises(SettingsError, match="view_weights"):
        make_baseline("pointclip", {"view_weights": given})


def test_prompts_replace_the_names_of_parts_and_are_recorded_as_searched(felt: Felt) -> None:
    plain = make_baseline("pointclip-v2")
    assert plain.recorded()["searched"] == [] and plain.words(MUG.parts) == MUG.parts
    given, teacher, _ = felt["pointclip-v2"]
    wanted = {"cup": "a round body", "handle": "what a hand holds, curved"}
    assert teacher.words == tuple(wanted[part] for part in MUG.parts)
    assert given.recorded()["searched"] == ["view_weights", "prompts"]
    assert given.recorded()["options"]["view_weights"] == list(WEIGHTS["pointclip-v2"])


@pytest.mark.parametrize(
    "text", ["cup: round", "cup: round; handle:", "cup: a; handle: b; cup: c", "cup: a; lid: b", "x"]
)
def test_prompts_that_leave_a_part_out_are_named(text: str) -> None:
    with pytest.raises(SettingsError, match="--set prompts=.*: needs one sentence for each part, as in `.*handle: ..."):
        make_baseline("pointclip-v2", {"prompts": text}).words(MUG.parts)


def evaluated(name: str, teacher: Teacher, **options: Any) -> dict[str, Any]:
    labelled = LabelledSet("mugs", "mug", MUG.parts, [mug()], 1)
    settings = EvalSettings(points=512)
    report = evaluate_baseline(make_baseline(name), teacher, labelled, settings, LabelSettings(**options))
    return report.as_dict(settings)


class Written(Feeling):
    """Speaks of views that were written down before."""

    name = "written"

    def of(self, shape: str) -> Teacher:
        return self

    def check_shapes(self, ids: object, views: int) -> None:
        """Any."""


def test_views_that_a_method_does_not_have_are_refused() -> None:
    with pytest.raises(SettingsError, match="--views 4: pointclip has 6 views of its own; leave it out"):
        evaluated("pointclip", Blind(), views=4)
    with pytest.raises(SettingsError, match="--size 96: the maps of pointclip-v2 have 224 pixels; leave it out"):
        evaluated("pointclip-v2", Feeling(), size=96)
    for name in BOTH:
        with pytest.raises(SettingsError, match=f"--teacher written: speaks of views .* {name} has its own"):
            evaluated(name, Written())
    make_baseline("pointclip-v2").check_asking(LabelSettings(size=48, views=10), Blind())
    found = evaluated("pointclip", Blind(), size=48)
    assert found["options"] == {"view_weights": None} and found["miou"] == 0
