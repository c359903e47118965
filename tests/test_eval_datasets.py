"""`gen3d eval` on every data set that is read in others' forms: a student, and a teacher's votes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from cli_chain import STUDENT, Run
from sample_datasets import write_coseg, write_labelled_off, write_mobility, write_partnete, write_pts

from gen3d.collection import Collection
from gen3d.shape import Shape

META = {"Chair": ["arm", "back", "leg", "seat"]}  # PartNetE's chair without its wheels, which no teacher here knows


def write(name: str, root: Path, shapes: list[Shape]) -> None:
    """Chairs of a collection in the form of a data set, under its own names of parts."""
    root.mkdir()
    clouds = [shape.sampled(600, 0) for shape in shapes]
    clouds = [Shape(s.id, "chair", points=s.points, point_labels=s.point_labels) for s in clouds]
    if name == "shapenetpart-pts":
        write_pts(root, {"test": clouds})
    elif name == "shapenetpart-mesh":
        write_labelled_off(root, shapes, [f"Chair_label{letter}" for letter in "ABCD"])
    elif name == "partnete":
        order = np.array([1, 3, 2, 0])  # of back, seat, leg, arm in META
        named = [
            Shape(s.id, "chair", points=s.points, point_labels=order[s.point_labels].astype(np.int16)) for s in clouds
        ]
        write_partnete(root, META, {"Chair": named})
    elif name == "coseg":
        write_coseg(root, "Chairs", shapes, (1, 2, 3, 4))
        names = {"1": "back", "2": "seat", "3": "leg", "4": "arm"}
        (root / "Chairs/parts.json").write_text(json.dumps(names))
    else:
        for shape in shapes:
            write_mobility(root, shape, ("back", "seat", "leg", "arm"), "Chair", pieces=1)


SLOW = [pytest.param(n, marks=pytest.mark.slow) for n in ("shapenetpart-pts", "shapenetpart-mesh", "coseg")]


@pytest.mark.parametrize("name", ["partnete", "partnet-mobility", *SLOW])
def test_student_and_votes_are_scored(home: Path, run: Run, name: str) -> None:
    shapes = [s for s in Collection.open("runs/chair/generated").shapes() if s.face_labels is not None]
    write(name, home / "set", shapes)
    options = ("--dataset", name, "--root", "set", "--preset", "tiny.yaml", "--json")
    student = run("eval", "--student", STUDENT, *options)
    assert student.code == 0, student
    votes = run("eval", "--method", "votes", "--category", "chair", *options)
    assert votes.code == 0, votes
    for result in (json.loads(student.out), json.loads(votes.out)):
        assert result["shapes_scored"] == result["shapes_expected"] == len(shapes)
        assert set(result["shapes"]) == {shape.id for shape in shapes}
        assert set(result["parts"]) == {"back", "seat", "leg", "arm"} and 0 <= result["miou"] <= 100
    if name != "partnete":
        return
    told = json.loads(votes.out)
    shown = run("eval", "--method", "votes", "--category", "chair", *options[:-1]).out
    cells = [[cell.strip() for cell in line.strip("│").split("│")] for line in shown.splitlines()]
    rows = {row[0]: row[1] for row in cells if len(row) == 2}
    assert rows["mean"] == f"{told['partnete']['miou']:.1f}" != f"{told['miou']:.1f}"
    assert rows["points of parts alone: mean"] == f"{told['miou']:.1f}"
