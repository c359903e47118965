"""What the tests of `gen3d show` look at: a labelled collection, a student's kept answers, a source of plain toys."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from labelled import Stripes
from sample_knowledge import toy_chair
from sample_students import tiny

from distill.evaluation import EvalSettings
from distill.scoring import Subject, score
from distill.viewer.exhibit import Exhibit, error_layer, exhibit_of, part_layer
from gen3d.collection import Collection
from gen3d.errors import InputError
from gen3d.generation import GenerateSettings, generate
from gen3d.labelling import LabelSettings, label
from gen3d.teachers import TEACHERS

PARTS = ("back", "seat", "leg", "arm")


def make_run(home: Path) -> Path:
    """`generated`, which a teacher labelled; `bare`, the same without; `student`; and `scores` of it on `bare`."""
    generate(GenerateSettings(category="chair", n=5, shard=2), home / "generated")
    shutil.copytree(home / "generated", home / "bare")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TEACHERS, "stripes", Stripes)
        label(Collection.open(home / "generated"), LabelSettings(teacher="stripes", views=3, size=32, points=512))
    tiny().save(home / "student")
    settings = EvalSettings(points=512, dataset="collection", passes=1)
    score(Subject(student=str(home / "student")), home / "bare", settings, home / "scores", True)
    return home


class Toys:
    """Chairs of boxes, each higher up in the list with another prompt; one of them can't be read."""

    title, parts = "toys <b>&{1+1}", PARTS

    def __init__(self, count: int, broken: Sequence[int] = ()) -> None:
        self.ids = [f"toy-{number}" for number in range(count)]
        self.broken, self.read = broken, list[int]()

    def exhibit(self, number: int) -> Exhibit:
        """Truth; a prediction that calls every back a seat; and the errors."""
        self.read.append(number)
        if number in self.broken:
            raise InputError(f"{self.ids[number]}: is <i>damaged</i>")
        shape = toy_chair(number)
        assert shape.face_labels is not None
        truth = shape.face_labels
        guess = np.where(truth == 0, 1, truth).astype(np.int16)
        layers = (
            part_layer("truth", PARTS, truth),
            part_layer("prediction", PARTS, guess),
            error_layer("errors", truth, guess),
        )
        return replace(exhibit_of(shape, lambda labels: layers), notes=(("prompt", f"{{{number}}} <img src=x>"),))

    def words(self, number: int) -> str:
        """The id and one of two words."""
        return f"{self.ids[number]} {('Red', 'blue')[number % 2]} chair"
