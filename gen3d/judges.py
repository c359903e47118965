"""What judges a shape by views of it, for filters: a teacher, and CLIP. Both draw it as `gen3d label` does."""

from __future__ import annotations

from gen3d.asking import LabelSettings, Renderers, label_shape
from gen3d.categories import category as known_category
from gen3d.errors import SettingsError
from gen3d.measures import TeacherSignals, category_score, teacher_signals
from gen3d.shape import Shape, frame
from gen3d.teachers import make_teacher

TEACHER = "lite"  # embedded: it is always there
VIEWS = LabelSettings(teacher=TEACHER, views=4, points=1024)  # few, since attempts may be many


class TeacherJudge:
    """How much of a shape the embedded teacher covers with units in four views, and how far they agree."""

    def __init__(self) -> None:
        self._teacher, self._renderers = make_teacher(TEACHER), Renderers(VIEWS)

    def check(self, category: str) -> None:
        """Raise SettingsError, listing the known ones, for a category that the teacher was not trained on."""
        try:
            self._teacher.check(category, known_category(category).parts)
        except SettingsError as error:
            raise SettingsError(f"--filter teacher: {error}") from None

    def signals(self, shape: Shape) -> TeacherSignals:
        """Of a normalised shape. Raises InputError where it can't be drawn or the answer is not finite."""
        parts = known_category(shape.category).parts
        frame(shape.positions(), shape.id)  # for its errors
        return teacher_signals(label_shape(shape, self._teacher, VIEWS, parts, self._renderers))


class ClipJudge:
    """How sure CLIP is, on the mean of four views, that a shape is of its category.

    Args:
        folder: of a CLIP model; see `gen3d.clip_score`.
    """

    def __init__(self, folder: str | None = None) -> None:
        from gen3d.clip_score import ClipScorer  # with the Hub's library, which nothing else here needs

        self._scorer, self._renderers = ClipScorer(folder), Renderers(VIEWS)

    def prepare(self) -> str:
        """Get and load the weights; returns which. Raises MissingError."""
        return self._scorer.prepare()

    def score(self, shape: Shape) -> float:
        """Of a normalised shape. Raises InputError where it can't be drawn."""
        frame(shape.positions(), shape.id)  # for its errors
        return category_score(shape, self._renderers.of(shape), self._scorer)
