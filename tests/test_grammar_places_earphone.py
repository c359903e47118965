"""Parts of earphones lie where their names say."""

from __future__ import annotations

import numpy as np
from grammar_shapes import SEEDS, parts, shapes
from scipy.spatial import KDTree

from gen3d.categories import category

ON_HEAD = ("over-ear", "on-ear", "headset")
EARCUP = category("earphone").parts.index("earcup")


def test_a_headband_runs_over_the_head_from_cup_to_cup() -> None:
    count = 0
    for traits, found in parts("earphone"):
        if traits["kind"] in ON_HEAD:
            cups, band = found["earcup"], found["headband"]
            assert band.centre[1] > cups.centre[1] + 0.2 and band.high[1] > cups.high[1] + 0.1, traits
            assert band.high[1] >= max(part.high[1] for part in found.values()) - 1e-6
            assert np.ptp([band.low[0], band.high[0]]) > 0.6 * np.ptp([cups.low[0], cups.high[0]])
            assert abs(band.low[0] + band.high[0] - 2 * band.centre[0]) < 0.02  # as far to the left as to the right
            count += 1
    assert count >= len(SEEDS) // 3


def test_neckbands_run_behind_the_ears_and_collars_below_the_buds() -> None:
    kinds = set()
    for traits, found in parts("earphone"):
        if traits["kind"] == "neckband":
            assert found["headband"].centre[2] < found["earcup"].centre[2] - 0.1, traits
        elif traits["kind"] == "collar":
            assert found["headband"].high[1] < found["earcup"].centre[1], traits
        else:
            continue
        kinds.add(traits["kind"])
    assert kinds == {"neckband", "collar"}


def test_wires_hang_below_what_they_belong_to() -> None:
    count = 0
    for traits, found in parts("earphone"):
        if "wire" in found and traits["kind"] != "collar":
            wire, cups = found["wire"], found["earcup"]
            assert wire.centre[1] < cups.centre[1] and wire.low[1] < cups.low[1], traits
            count += 1
    assert count >= len(SEEDS) // 3


def test_buds_clips_and_earpieces_have_no_headband() -> None:
    for traits, found in parts("earphone"):
        assert ("headband" in found) == (traits["kind"] not in ("buds", "clip-on", "earpiece")), traits
        assert "wire" in found or traits["kind"] not in ("buds", "clip-on", "collar")
    assert len({traits["kind"] for traits, _ in parts("earphone")}) >= 6


def test_the_left_cup_is_the_mirror_image_of_the_right_one() -> None:
    count = 0
    for shape in shapes("earphone"):
        traits = shape.meta["traits"]
        if "microphone" in traits or traits["kind"] not in ("over-ear", "on-ear", "neckband"):
            continue
        vertices, faces = shape.mesh
        cups = vertices[np.unique(faces[shape.face_labels == EARCUP])]
        middle = (cups[:, 0].min() + cups[:, 0].max()) / 2
        mirrored = cups * [-1, 1, 1] + [2 * middle, 0, 0]
        assert KDTree(cups).query(mirrored)[0].max() < 1e-4, traits
        assert np.abs(cups[:, 0] - middle).min() > 0.05  # nothing of them in the middle
        count += 1
    assert count >= len(SEEDS) // 4
