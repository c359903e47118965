"""A student's answers on the shapes of another source."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from distill.student import Student
from distill.viewer.exhibit import Exhibit, Layer, confidence_layer, error_layer, part_layer
from distill.viewer.sources import CONFIDENCE, ERRORS, OWN, PREDICTION, TRUTH, Source
from gen3d.shape import UNLABELLED


class StudentSource:
    """Shapes with what a student answers on them, which is computed when they are looked at.

    Args:
        base: the shapes.
        student: sees them as `gen3d segment` shows them.
    """

    def __init__(self, base: Source, student: Student) -> None:
        self._base, self._student = base, student
        self.title, self.ids = f"{base.title}, with a student's answers", base.ids
        self.parts = tuple(dict.fromkeys([*base.parts, *student.parts]))
        self._place = np.array([self.parts.index(part) for part in student.parts], np.int16)

    def exhibit(self, number: int) -> Exhibit:
        """See `Source`."""
        exhibit = self._base.exhibit(number).refined()
        probabilities = self._student.probabilities(exhibit.shape.normalised(), exhibit.places())
        answer = self._place[probabilities.argmax(1)]
        known = [layer for layer in exhibit.layers if layer.names]
        others = [layer for layer in known if layer.title not in (TRUTH, OWN)]
        truth = [self._in_names(layer) for layer in known if layer not in others]
        layers = [
            part_layer(PREDICTION, self.parts, answer),
            *(error_layer(ERRORS, layer.labels, answer) for layer in truth),
            confidence_layer(CONFIDENCE, probabilities.max(1)),
        ]
        return replace(exhibit, layers=(*truth, *layers, *others))

    def _in_names(self, layer: Layer) -> Layer:
        """The layer with the student's parts first, so that the same part has the same label and colour."""
        names = tuple(dict.fromkeys([*self.parts, *layer.names]))
        place = np.array([*map(names.index, layer.names), UNLABELLED], np.int16)  # the last is that of -1
        return part_layer(layer.title, names, place[layer.labels], layer.rest)

    def words(self, number: int) -> str:
        """See `Source`."""
        return self._base.words(number)
