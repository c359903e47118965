"""Parts of the first five grammars lie where their names say."""

from __future__ import annotations

import numpy as np
import pytest
from grammar_shapes import SEEDS, parts, shapes
from scipy.spatial import KDTree


def test_a_chairs_back_is_above_and_behind_its_seat_and_its_legs_are_below() -> None:
    for _, found in parts("chair"):
        back, seat, leg = found["back"], found["seat"], found["leg"]
        assert back.centre[1] > seat.centre[1] + 0.1 and seat.centre[1] > leg.centre[1] + 0.1
        assert back.centre[2] < seat.centre[2] - 0.1
        assert leg.low[1] <= min(part.low[1] for part in found.values()) + 1e-6
        if "arm" in found:
            assert found["arm"].high[1] > seat.centre[1] and np.ptp([found["arm"].low[0], found["arm"].high[0]]) > 0.2


def test_a_tables_top_is_on_top_and_its_drawers_below_it() -> None:
    for _, found in parts("table"):
        top, leg = found["top"], found["leg"]
        assert top.centre[1] > leg.centre[1] + 0.05 and top.high[1] >= max(p.high[1] for p in found.values()) - 1e-6
        assert leg.low[1] <= min(p.low[1] for p in found.values()) + 1e-6
        width, height, depth = top.high - top.low
        assert height < 0.5 * max(width, depth)
        if "drawer" in found:
            assert leg.low[1] <= found["drawer"].centre[1] < top.centre[1]


def test_an_airplane_flies_towards_z_and_is_its_own_mirror_image() -> None:
    for traits, found in parts("airplane"):
        body, wing, tail = found["body"], found["wing"], found["tail"]
        assert tail.centre[2] < wing.centre[2] - 0.1
        assert body.high[2] >= max(found[p].high[2] for p in ("wing", "tail")) - 1e-6, traits  # the nose
        assert np.ptp([wing.low[0], wing.high[0]]) > np.ptp([tail.low[0], tail.high[0]])
        for name, part in found.items():
            assert abs(part.centre[0]) < 0.01, (traits, name)
            assert abs(part.low[0] + part.high[0]) < (0.1 if name == "engine" else 1e-5)  # a propeller may stand askew


@pytest.mark.parametrize("seed", SEEDS[:20])
def test_an_airplanes_surface_is_symmetric_but_for_its_propellers(seed: int) -> None:
    shape = shapes("airplane")[seed]
    vertices, faces = shape.mesh
    assert shape.face_labels is not None
    used = vertices[np.unique(faces[shape.face_labels < 3])]
    assert KDTree(used).query(used * np.array([-1, 1, 1], np.float32))[0].max() < 0.02


def test_a_caps_visor_is_in_front_or_all_around_and_below_the_top() -> None:
    around = ("brimmed", "beanie")
    for traits, found in parts("cap"):
        crown, visor = found["crown"], found["visor"]
        ahead = visor.centre[2] - crown.centre[2]
        assert abs(ahead) < 0.25 if traits["kind"] in around else ahead > 0.3, traits
        assert visor.centre[1] < crown.centre[1] + 0.2
    kinds = {traits["kind"] in around for traits, _ in parts("cap")}
    assert kinds == {True, False}


def test_a_mugs_handle_is_at_its_side_and_a_glasses_stem_below() -> None:
    for traits, found in parts("mug"):
        if "handle" not in found:
            continue
        offset, plan = found["handle"].centre - found["cup"].centre, traits["plan"]
        if plan == "stemmed":
            assert offset[1] < -0.5 and np.abs(offset[[0, 2]]).max() < 0.05
        elif plan == "two handles":
            assert np.abs(offset[[0, 2]]).max() < 0.05 and found["handle"].high[0] > found["cup"].high[0]
        else:
            assert offset[0] > 0.4 and abs(found["handle"].centre[2]) < 0.05, traits
