"""PartSLIP's rules: which boxes count, for which superpoints, and what becomes of the votes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from sample_knowledge import toy_chair
from tiny_teacher import Oracle

from distill.baselines import make_baseline
from distill.baselines.baseline import observe
from distill.baselines.boxed_pieces import BoxedPieces, overlaps
from distill.baselines.partslip import PartSLIP, instance_ids, semantic_labels, semantic_scores
from gen3d.asking import LabelSettings
from gen3d.categories import category
from gen3d.rendering.view import View
from gen3d.shape import Shape
from gen3d.teachers.predictions import Boxes

CHAIR = category("chair").parts
LABEL = LabelSettings(size=96, points=512)
Row = tuple[float, float, float, float, int]  # left, top, right, bottom, part


def boxes(*rows: Row, score: float = 0.9) -> Boxes:
    table = np.array(rows, np.float32).reshape(-1, 5)
    return Boxes(table[:, :4], table[:, 4].astype(np.int16), np.full(len(table), score, np.float32))


def view(xy: object, pieces: Sequence[int], found: Boxes, hidden: Sequence[int] = ()) -> BoxedPieces:
    visible = np.ones(len(pieces), bool)
    visible[list(hidden)] = False
    return BoxedPieces(np.array(xy, float).reshape(-1, 2), visible, np.array(pieces), found)


def square(x: float, y: float) -> list[tuple[float, float]]:
    """Four points, one unit apart."""
    return [(x, y), (x + 1, y), (x, y + 1), (x + 1, y + 1)]


# --- which boxes count ---


@pytest.mark.parametrize(("inside", "ignored"), [(97, False), (98, True), (100, True)])
def test_boxes_of_98_percent_of_all_points_are_ignored_seen_or_not(inside: int, ignored: bool) -> None:
    xy = [(i % 10 + (100 if i >= inside else 0), i // 10) for i in range(100)]
    one = view(xy, [0] * 100, boxes((-1, -1, 50, 50, 0)), hidden=range(5, 95))
    assert one.ignored.tolist() == [ignored]
    assert one.held_by(0).tolist() == [0 if ignored else 10 - max(0, 100 - inside)]


def test_points_on_the_border_of_a_box_are_outside() -> None:
    one = view([*square(0, 0), *square(50, 50)], [0] * 4 + [1] * 4, boxes((0, -1, 5, 5, 0)))
    assert one.held_by(0).tolist() == [2, 0]
    exact = view([*square(0, 0), *square(50, 50)], [0] * 4 + [1] * 4, boxes((0, 0, 1, 1, 0)))
    assert exact.held_by(0).tolist() == [0, 0]


def test_a_border_through_points_keeps_a_box_from_holding_all_of_them() -> None:
    xy = [(i % 10, i // 10) for i in range(100)]
    assert not view(xy, [0] * 100, boxes((0, -1, 10, 11, 0))).ignored.any()  # ten points have x = 0


def test_a_superpoint_without_extent_in_the_image_gets_no_vote() -> None:
    line = [(2, 2), (2, 3), (2, 4)]
    one = view([*line, (3, 3), *square(50, 50)], [0, 0, 0, 1, 2, 2, 2, 2], boxes((0, 0, 9, 9, 0)))
    assert one.seen.tolist() == [3, 1, 4] and one.held_by(0).tolist() == [0, 0, 0]
    wider = view([*line, (3, 3), *square(50, 50)], [0, 0, 0, 0, 1, 1, 1, 1], boxes((0, 0, 9, 9, 0)))
    assert wider.held_by(0).tolist() == [4, 0]


def test_boxes_that_hardly_overlap_a_superpoint_say_nothing_of_it() -> None:
    def held(wide: float) -> int:
        pair = [(5, 5), (5 + wide, 5 + wide)]
        return int(view([*pair, *square(50, 50)], [0, 0, 1, 1, 1, 1], boxes((0, 0, 10, 10, 0))).held_by(0)[0])

    assert held(0.009) == 0  # 8.1e-5 of 100 pixels: overlap 8.1e-7
    assert held(0.011) == 2


def test_only_visible_points_are_counted_and_span_the_box() -> None:
    one = view([*square(0, 0), *square(50, 50)], [0] * 4 + [1] * 4, boxes((-9, -9, 9, 9, 0)), hidden=[3])
    assert one.seen.tolist() == [3, 4] and one.held_by(0).tolist() == [3, 0]
    flat = view([*square(0, 0), *square(50, 50)], [0] * 4 + [1] * 4, boxes((-9, -9, 9, 9, 0)), hidden=[2, 3])
    assert flat.held_by(0).tolist() == [0, 0]  # what is seen of it is a line


def test_overlap_of_boxes() -> None:
    found = overlaps(
        np.array([[0, 0, 2, 2], [5, 5, 5, 5]], np.float32), np.array([[1, 1, 3, 3], [np.inf, np.inf, -np.inf, -np.inf]])
    )
    assert found.tolist() == [[1 / 7, 0], [0, 0]]


# --- votes ---


def test_votes_are_shares_of_the_visible_points_of_all_views_and_overlapping_boxes_count_once() -> None:
    pieces = [0] * 4 + [1] * 4
    first = view(
        [*square(0, 0), *square(50, 50)], pieces, boxes((-9, -9, 9, 9, 0), (-8, -8, 9, 0.5, 0), (49, 49, 60, 60, 1))
    )
    second = view([*square(0, 0), *square(50, 50)], pieces, boxes((-9, -9, 9, 0.5, 0)), hidden=[4, 5, 6, 7])
    scores = semantic_scores([first, second], 2)
    assert scores.tolist() == [[6 / (8 + 1e-6), 0], [0, 4 / (4 + 1e-6)]]
    assert semantic_labels([first, second], ("a", "b")).tolist() == [0, 1]


def test_superpoints_that_no_view_shows_have_score_0() -> None:
    one = view([*square(0, 0), *square(50, 50)], [0] * 4 + [1] * 4, boxes((-9, -9, 9, 9, 0)), hidden=[0, 1, 2, 3])
    assert semantic_scores([one], 1).tolist() == [[0], [0]]
    assert semantic_labels([one], ("a",)).tolist() == [-1, -1]


@pytest.mark.parametrize(("held", "label"), [(2, -1), (3, 0)])
def test_below_one_half_there_is_no_part(held: int, label: int) -> None:
    corners = [(0, 0), (1, 1), (2, 2), (3, 3)]  # half of the points: 2 / (4 + 1e-6) is less than 0.5
    one = view([*corners, *square(50, 50)], [0] * 4 + [1] * 4, boxes((-9, -9, held - 0.5, 9, 0)))
    assert semantic_labels([one], ("a",))[0] == label


def in_boxes(shares: Sequence[int]) -> list[BoxedPieces]:
    """A superpoint of ten points, and another far off; a box of each part holds so many of the ten."""
    xy = [(i, i) for i in range(10)]
    rows = [(-9, -9, share - 0.5, 99, part) for part, share in enumerate(shares)]
    return [view([*xy, *square(500, 500)], [0] * 10 + [1] * 4, boxes(*rows))]


@pytest.mark.parametrize(
    ("parts", "shares", "label"),
    [
        (("cup", "handle"), (10, 6), 1),  # a small part wins with half of the votes, however many others have
        (("cup", "handle"), (10, 4), 0),
        (("handle", "cup"), (6, 10), 0),
        (("wheel", "body", "handle"), (9, 10, 6), 2),  # of two small parts the last
        (("wheel", "body", "handle"), (9, 10, 4), 0),
        (("left", "right"), (8, 8), 0),  # ties go to the first
        (("cup", "handle"), (4, 4), -1),
        (("cup", "handles"), (10, 6), 0),  # by name
    ],
)
def test_small_parts_win_from_one_half_on(parts: tuple[str, ...], shares: tuple[int, ...], label: int) -> None:
    assert semantic_labels(in_boxes(shares), parts)[0] == label


def naive_score(views: Sequence[BoxedPieces], piece: int, part: int) -> float:
    """Section 3 of baselines.md, point by point."""
    count = seen = 0
    for one in views:
        mine = [n for n in range(len(one.pieces)) if one.pieces[n] == piece and one.visible[n]]
        seen += len(mine)
        held = set()
        for (left, top, right, bottom), of in zip(one.boxes.xyxy.tolist(), one.boxes.part, strict=True):
            inside = [n for n, (x, y) in enumerate(one.xy) if left < x < right and top < y < bottom]
            if of != part or len(inside) / len(one.pieces) >= 0.98 or not mine:
                continue
            xs, ys = [one.xy[n, 0] for n in mine], [one.xy[n, 1] for n in mine]
            wide = min(right, max(xs)) - max(left, min(xs))
            high = min(bottom, max(ys)) - max(top, min(ys))
            shared = max(wide, 0) * max(high, 0)
            union = (right - left) * (bottom - top) + (max(xs) - min(xs)) * (max(ys) - min(ys)) - shared
            if shared == 0 or shared / union < 1e-6:
                continue
            held |= {n for n in inside if n in mine}
        count += len(held)
    return count / (seen + 1e-6)


def random_views(seed: int) -> list[BoxedPieces]:
    """Points and boxes on a coarse lattice, so that borders meet points; superpoints of 1 to 12 points."""
    rng = np.random.default_rng(seed)
    pieces = np.concatenate([np.arange(8), rng.integers(0, 8, 42)])
    found = []
    for _ in range(3):
        corners = np.sort(rng.integers(-2, 23, (6, 2, 2)), axis=1).reshape(6, 4)
        parts = rng.integers(0, 3, 6).tolist()
        rows = [(a, b, c, d, part) for (a, b, c, d), part in zip(corners.tolist(), parts, strict=True)]
        place = rng.integers(0, 20, (8, 2))[pieces] + rng.integers(0, 5, (50, 2))
        found.append(view(place, pieces.tolist(), boxes(*rows), np.flatnonzero(rng.random(50) < 0.4).tolist()))
    return found


@pytest.mark.parametrize("seed", range(10))
def test_votes_are_those_of_the_naive_twin(seed: int) -> None:
    views = random_views(seed)
    naive = [[naive_score(views, piece, part) for part in range(3)] for piece in range(8)]
    assert np.allclose(semantic_scores(views, 3), naive, rtol=1e-12, atol=0)
    labels = semantic_labels(views, ("seat", "wheel", "back"))
    for label, row in zip(labels.tolist(), naive, strict=True):
        wanted = -1 if max(row) < 0.5 else 1 if row[1] >= 0.5 else row.index(max(row))
        assert label == wanted


# --- instances ---


def instances(views: list[BoxedPieces], places: object, labels: Sequence[int]) -> list[int]:
    points = np.array(places, float).reshape(-1, 3)
    return instance_ids(views, points, views[0].pieces, np.array(labels, np.int16)).tolist()


def bars(gap: float) -> list[tuple[float, float, float]]:
    """Two superpoints of four points, so far apart along x."""
    return [(x, y, 0) for x0 in (0, 1 + gap) for x, y in square(x0, 0)]


PAIR = [0] * 4 + [1] * 4


AWAY = (9.0, 9.0, 9.0)  # of a third superpoint, without which every box would hold the whole shape
WHOLE, LEFT, RIGHT = (-0.2, -0.2, 3.2, 1.2, 0), (-0.2, -0.2, 1.2, 1.2, 0), (1.8, -0.2, 3.2, 1.2, 0)


def pair(*rows: Row, hidden: Sequence[int] = ()) -> BoxedPieces:
    """Two superpoints side by side, and a third of one point far off."""
    return view([*square(0, 0), *square(2, 0), (90, 90)], [*PAIR, 2], boxes(*rows), hidden)


@pytest.mark.parametrize(("gap", "same"), [(0.019, True), (0.021, False), (-0.5, True)])
def test_superpoints_are_of_one_instance_only_if_they_are_near(gap: float, same: bool) -> None:
    found = instances([pair(WHOLE)], [*bars(gap), AWAY], [0, 0, -1])
    assert found == ([0, 0, -1] if same else [-1, -1, -1])  # one alone covers a fifth of the box


@pytest.mark.parametrize(("agreeing", "same"), [(0, False), (3, False), (4, True)])
def test_boxes_that_hold_one_and_not_the_other_part_them(agreeing: int, same: bool) -> None:
    """Shares in boxes are 1, 1 and 1, 0, and as many ones: 1 of 2 + `agreeing` is their difference."""
    views = [pair(WHOLE, LEFT), *[pair(WHOLE)] * agreeing]
    assert instances(views, [*bars(0), AWAY], [0, 0, -1]) == ([0, 0, -1] if same else [0, -1, -1])
    assert instances([pair(LEFT, RIGHT)], [*bars(0), AWAY], [0, 0, -1]) == [0, 1, -1]


def test_superpoints_that_no_view_shows_together_stay_apart() -> None:
    views = [pair(LEFT, hidden=range(4, 8)), pair(RIGHT, hidden=range(4))]
    assert instances(views, [*bars(0), AWAY], [0, 0, -1]) == [0, 1, -1]
    shown = pair(WHOLE)
    assert instances([*views, shown], [*bars(0), AWAY], [0, 0, -1]) == [0, 0, -1]  # only boxes of that view compare


def test_instances_are_of_one_part_and_are_numbered_part_by_part() -> None:
    both = pair(LEFT, RIGHT[:4] + (1,), WHOLE)
    assert instances([both], [*bars(0), AWAY], [0, 1, -1]) == [0, 1, -1]
    assert instances([pair(LEFT[:4] + (1,), RIGHT)], [*bars(0), AWAY], [1, 0, -1]) == [1, 0, -1]
    assert instances([both], [*bars(0), AWAY], [-1, -1, -1]) == [-1, -1, -1]


@pytest.mark.parametrize(("large", "same"), [(396, True), (400, False)])
def test_superpoints_of_very_different_size_stay_apart(large: int, same: bool) -> None:
    many = np.random.default_rng(0).random((large - 4, 2))
    xy = [*many, *square(0, 0), *square(2, 0), *[(90, 90)] * 40]
    pieces = [0] * large + [1] * 4 + [2] * 40
    places = np.concatenate([np.pad(np.array(xy), [(0, 0), (0, 1)])])
    places[large : large + 4, 0] -= 1
    found = instances([view(xy, pieces, boxes(WHOLE))], places, [0, 0, -1])
    assert found == ([0, 0, -1] if same else [-1, -1, -1])


def test_a_box_of_the_whole_shape_confirms_an_instance_though_it_has_no_vote() -> None:
    one = view([*square(0, 0), *square(2, 0)], PAIR, boxes(WHOLE, LEFT, (*RIGHT[:4], 1)))
    assert one.ignored.tolist() == [True, False, False]
    assert semantic_labels([one], ("a", "b")).tolist() == [0, 1]
    alone = view(square(0, 0), [0] * 4, boxes(LEFT))
    assert alone.ignored.all() and instances([alone], bars(0)[:4], [0]) == [0]


def naive_same(views: Sequence[BoxedPieces], points: np.ndarray, a: int, b: int, part: int) -> bool:
    """Whether two superpoints of a part merge."""
    pieces = views[0].pieces
    mine, other = points[pieces == a], points[pieces == b]
    near = all(max(mine[:, x].min() - other[:, x].max(), other[:, x].min() - mine[:, x].max()) < 0.02 for x in range(3))
    difference = first = second = 0.0
    for one in views:
        for box in range(len(one.boxes.part)):
            rows = Boxes(one.boxes.xyxy[[box]], one.boxes.part[[box]], one.boxes.score[[box]])
            alone = [BoxedPieces(one.xy, one.visible, pieces, rows)]
            seen = [(one.visible & (pieces == piece)).sum() for piece in (a, b)]
            if one.boxes.part[box] == part and all(seen) and not alone[0].ignored[0]:
                share = [naive_score(alone, piece, part) for piece in (a, b)]
                difference += abs(share[0] - share[1])
                first, second = first + share[0], second + share[1]
    ratio = 1 if max(first, second) < 1e-3 else difference / max(first, second)
    return near and ratio < 0.2 and 0.01 < len(mine) / len(other) < 100


def clustered_views(seed: int) -> tuple[list[BoxedPieces], np.ndarray]:
    """Eight superpoints in a row, in views with boxes around some that follow each other; and their points in space."""
    rng = np.random.default_rng(seed)
    pieces = np.repeat(np.arange(8), 12)
    offsets = rng.random((96, 2))
    found = []
    for _ in range(3):
        first = 2 * rng.integers(0, 4, 9)
        last = np.minimum(7, first + rng.choice([0, 1, 3], 9, p=[0.1, 0.8, 0.1]))
        rows = [
            (a - 0.02, -0.02, b + 1.02, 1.02, part)
            for a, b, part in zip(first, last, rng.integers(0, 2, 9), strict=True)
        ]
        flat = offsets + np.stack([pieces, 0 * pieces], 1)
        found.append(view(flat, pieces.tolist(), boxes(*rows), np.flatnonzero(rng.random(96) < 0.1).tolist()))
    gap = np.cumsum(rng.choice([0.0, 0.3], 8, p=[0.8, 0.2]))[pieces]
    return found, np.concatenate([flat + np.stack([gap, 0 * gap], 1), offsets[:, :1]], 1)


@pytest.mark.parametrize("seed", [3, 5, 7, 10])
def test_instances_are_those_of_the_naive_twin(seed: int) -> None:
    views, points = clustered_views(seed)
    labels = np.repeat(np.random.default_rng(seed).choice([-1, 0, 1], 4, p=[0.2, 0.4, 0.4]), 2)
    found = instances(views, points, labels.tolist())
    assert max(found) >= 0
    pairs = [(a, b) for a in range(8) for b in range(8) if labels[a] == labels[b] >= 0]
    same = [(a, b) for a, b in pairs if naive_same(views, points, a, b, int(labels[a]))]
    group = list(range(8))
    for a, b in same * 8:  # until nothing changes
        group[a] = group[b] = min(group[a], group[b])
    for a in range(8):
        members = np.array([b for b in range(8) if group[b] == group[a]])
        confirmed = labels[a] >= 0 and any(one.overlap_of(members, int(labels[a])) > 0.5 for one in views)
        assert (found[a] >= 0) == confirmed
        assert not confirmed or [b for b in range(8) if found[b] == found[a]] == members.tolist()


# --- the whole method ---


class BoxTeacher:
    """The same boxes in every view."""

    name, kind = "fixed", "box"

    def __init__(self, found: Boxes) -> None:
        self.found = found

    def check(self, category: str, prompts: tuple[str, ...]) -> None:
        """Knows everything."""

    def predict(self, views: list[View], category: str, prompts: tuple[str, ...]) -> list[Boxes]:
        """Whatever is shown."""
        return [self.found] * len(views)


@pytest.fixture(scope="module")
def chair() -> Shape:
    return toy_chair(0).normalised().sampled(512, 0)


@pytest.mark.parametrize(("options", "counts"), [({}, False), ({"box_threshold": 0.49}, True)])
def test_boxes_at_the_threshold_do_not_count(chair: Shape, options: dict[str, float], counts: bool) -> None:
    method = make_baseline("partslip", options)
    upper = boxes((0, 0, 96, 48, 1), score=0.5)
    (found,) = method.labels(observe([chair], method, BoxTeacher(upper), LABEL, CHAIR))
    assert (found == 1).any() == counts and set(found.tolist()) <= {-1, 1}


def test_true_boxes_of_a_chair_give_its_parts_and_its_legs(chair: Shape) -> None:
    method = PartSLIP()
    (one,) = observe([chair], method, Oracle(chair), LABEL, CHAIR)
    found, instance = method.instances(one)
    assert np.array_equal(found, next(method.labels([one]))) and chair.point_labels is not None
    assert (found == chair.point_labels).mean() > 0.85
    assert (found[instance >= 0] >= 0).all()
    for number in range(instance.max() + 1):  # one part each, and no other part's points
        assert len(np.unique(found[instance == number])) == 1


def test_points_in_another_order_get_the_same_labels(chair: Shape) -> None:
    assert chair.points is not None and chair.normals is not None and chair.point_colors is None
    cloud = Shape("cloud", "chair", points=chair.points, normals=chair.normals)
    order = np.random.default_rng(0).permutation(512)
    turned = Shape("cloud", "chair", points=chair.points[order], normals=chair.normals[order])
    method, teacher = PartSLIP(), BoxTeacher(boxes((20, 20, 70, 50, 1), (20, 40, 70, 90, 2)))
    (one,), (other,) = (observe([shape], method, teacher, LABEL, CHAIR) for shape in (cloud, turned))
    place = {tuple(point): label for point, label in zip(one.points.tolist(), next(method.labels([one])), strict=True)}
    assert [place[tuple(point)] for point in other.points.tolist()] == next(method.labels([other])).tolist()
    assert len(set(place.values())) == 3
