"""Asking a teacher about shapes: how they are shown to it, and its answers lifted to points."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from pydantic import Field

from gen3d.errors import InputError, SettingsError
from gen3d.knowledge import CLOUD_TOLERANCE, TOLERANCE, Knowledge, lift
from gen3d.part_words import Asked
from gen3d.rendering import AUTO, Renderer, make_renderer
from gen3d.rendering.cameras import Camera, rings
from gen3d.rendering.styles import PLAIN, ViewStyle, dressed, style_of
from gen3d.rendering.view import View
from gen3d.settings import Settings, resolve
from gen3d.shape import Shape
from gen3d.shards import Member
from gen3d.teachers import Pretrained, told
from gen3d.teachers.coco import digest
from gen3d.teachers.predictions import Predictions, Teacher, check_predictions

T = TypeVar("T")
OPTIONS = (  # of teachers; each says which it has
    "weights", "model", "revision", "precision", "batch", "prompt_style", "threshold", "detections", "detector",
)  # fmt: skip


class LabelSettings(Settings):
    """Settings of `gen3d label`. Those of `OPTIONS` and `options` belong to the teacher: None takes its default."""

    teacher: str = "lite"
    parts: tuple[str, ...] | None = Field(default=None, description="part names or synonyms to ask for; all by default")
    renderer: str = AUTO
    views: int = Field(default=10, ge=1)
    size: int | None = Field(default=None, ge=32, description="pixels; what suits the teacher if not set")
    points: int = Field(default=2048, ge=512, description="points per shape that knowledge is lifted to")
    seed: int = Field(default=0, ge=0)
    weights: str | None = Field(default=None, description="folder of the teacher's weights")
    model: str | None = Field(default=None, description="a size that the teacher has, or an id on the Hub")
    revision: str | None = Field(default=None, description="of the model on the Hub")
    precision: str | None = None
    batch: int | None = Field(default=None, description="views at once")
    prompt_style: str | None = Field(default=None, description="see `gen3d.teachers.prompts`")
    threshold: float | None = Field(default=None, description="what a box's or mask's score must be above")
    detections: str | None = Field(default=None, description="file that the teacher `detections` reads")
    detector: str | None = Field(default=None, description="function that makes the detector of the teacher `glip`")
    options: dict[str, str | int | float | bool] = Field(default={}, description="what one teacher alone has")

    def recorded(self) -> dict[str, Any]:
        """What is kept beside the knowledge; of teachers' options those that are set, as before there was any.

        But not `batch`: who runs out of memory goes on with another one. Of a file of detections it is the content.
        Raises InputError for one that can't be read.
        """
        unset = {name for name in OPTIONS if getattr(self, name) is None} | {"batch"}
        found = self.model_dump(exclude=unset | (set() if self.options else {"options"}))
        return found | ({"detections": digest(self.detections)} if self.detections is not None else {})

    def teacher_options(self) -> dict[str, Any]:
        """Those that are set. Raises SettingsError for one that is set twice."""
        given = {name: getattr(self, name) for name in OPTIONS if getattr(self, name) is not None}
        for name in given.keys() & self.options.keys():
            raise SettingsError(f"option {name}: is set twice, by an option of its own too")
        return given | self.options


_FIELDS = frozenset(LabelSettings.model_fields) - {"options"}


def teacher_settings(teacher: str, options: Mapping[str, Any]) -> LabelSettings:
    """Settings of a teacher and its options, those of `OPTIONS` and those that it alone has. Raises SettingsError."""
    return resolve(LabelSettings, teacher=teacher, **by_setting(options, OPTIONS))


def by_setting(options: Mapping[str, Any], names: Collection[str] = _FIELDS) -> dict[str, Any]:
    """A teacher's options as fields of `LabelSettings`: those in `names`, and all others together as its `options`."""
    others = {name: value for name, value in options.items() if name not in names}
    return {name: value for name, value in options.items() if name in names} | {"options": others or None}


class Renderers:
    """The settings' renderers of meshes and of clouds, each made once: their rays are shared by all shapes.

    Args:
        settings: renderer, views and size are read.
        style: the teacher's, whose size counts where the settings have none.
        cameras: in the place of rings of `settings.views` of them.
    """

    def __init__(
        self, settings: LabelSettings, style: ViewStyle = PLAIN, cameras: tuple[Camera, ...] | None = None
    ) -> None:
        self._name = settings.renderer
        self._cameras = cameras or rings(settings.views, settings.size or style.size)
        self._made: dict[bool, Renderer] = {}

    def of(self, shape: Shape) -> Renderer:
        """The one for that shape. Raises SettingsError for an unknown name."""
        mesh = shape.has_mesh
        if mesh not in self._made:
            self._made[mesh] = make_renderer(self._name, self._cameras, mesh)
        return self._made[mesh]


def label_shape(
    shape: Shape,
    teacher: Teacher,
    settings: LabelSettings,
    parts: tuple[str, ...],
    renderers: Renderers | None = None,
) -> Knowledge:
    """Knowledge of one normalised shape, on `settings.points` points sampled from it; see `label_samplings`."""
    return label_samplings(shape, teacher, settings, parts, renderers)[0]


def label_samplings(
    shape: Shape,
    teacher: Teacher,
    settings: LabelSettings,
    parts: tuple[str, ...],
    renderers: Renderers | None = None,
    copies: int = 1,
) -> list[Knowledge]:
    """Knowledge of one normalised shape on several samplings of its points; it is rendered and asked about once.

    Args:
        shape: mesh or cloud.
        teacher: whom to ask.
        settings: renderer, views, size, points and seed are read.
        parts: names in label order.
        renderers: of the same settings and the teacher's style; give them where there are several shapes to label.
        copies: samplings, with the seeds `settings.seed` and those that follow it.

    Raises InputError for an answer that is not finite or has another form; one without any score gives no unit.
    """
    style = style_of(teacher)
    shown = show(shape, settings, renderers or Renderers(settings, style), style, copies)
    predictions = told(teacher, shape.id).predict(shown.views, shape.category, parts)
    return _lift(shown, predictions, teacher, Asked(parts, parts))


class Shown(NamedTuple):
    """A shape with what a teacher is shown of it, and the points that its answers go to."""

    shape: Shape
    samplings: list[Shape]
    views: list[View]
    renderer: str


def show(shape: Shape, settings: LabelSettings, renderers: Renderers, style: ViewStyle, copies: int = 1) -> Shown:
    """The views of a shape, as the teacher likes them."""
    samplings = [shape.sampled(settings.points, settings.seed + number) for number in range(copies)]
    renderer = renderers.of(shape)
    whole = samplings[0] if shape.has_mesh else shape  # a mesh has points to splat once sampled
    return Shown(shape, samplings, dressed(whole, renderer.render(whole), style), renderer.name)


def _lift(shown: Shown, predictions: Predictions, teacher: Teacher, asked: Asked) -> list[Knowledge]:
    """The answers on the points of every sampling. Raises InputError for those that are none."""
    views = shown.views
    check_predictions(predictions, views, len(asked.parts))
    tolerance = TOLERANCE if views[0].barycentric is not None else CLOUD_TOLERANCE
    meta = {"id": shown.shape.id, "teacher": teacher.name, "parts": list(asked.parts), "renderer": shown.renderer}
    meta |= teacher.how(shown.shape.category, asked.words) if isinstance(teacher, Pretrained) else {}
    return [lift(views, predictions, s.points, tolerance, meta) for s in shown.samplings if s.points is not None]


class Group:
    """Shapes about which a teacher is asked at once, when the first answer is needed; each error is its shape's own."""

    def __init__(self, shapes: Sequence[Shape], teacher: Teacher, settings: LabelSettings, asked: Asked) -> None:
        self._shapes, self._teacher, self._settings, self._asked = shapes, teacher, settings, asked
        self._found: list[Knowledge | InputError] = []

    def members(self, number: int, renderers: Renderers) -> list[Member]:
        """The file of one of the shapes."""
        if not self._found:
            self._found = self._all(renderers)
        found = self._found[number]
        if isinstance(found, InputError):
            raise found
        if not len(found.part):
            raise InputError(f"no view shows any of: {', '.join(self._asked.parts)}")
        return [(f"{self._shapes[number].id}.safetensors", found.to_bytes())]

    def _all(self, renderers: Renderers) -> list[Knowledge | InputError]:
        shown = [
            _kept(partial(show, shape, self._settings, renderers, style_of(self._teacher))) for shape in self._shapes
        ]
        views = [view for one in shown if isinstance(one, Shown) for view in one.views]
        category = self._shapes[0].category
        try:
            teacher = told(self._teacher, self._shapes[0].id)  # who must be told is asked about one at a time
            answers = iter(teacher.predict(views, category, self._asked.words) if views else [])
        except InputError as error:
            if len(self._shapes) == 1:
                return [error]
            alone = (Group([shape], self._teacher, self._settings, self._asked) for shape in self._shapes)
            return [group._all(renderers)[0] for group in alone]
        return [
            _kept(partial(self._one, one, list(islice(answers, len(one.views))))) if isinstance(one, Shown) else one
            for one in shown
        ]

    def _one(self, shown: Shown, predictions: Predictions) -> Knowledge:
        return _lift(shown, predictions, self._teacher, self._asked)[0]


def _kept(make: Callable[[], T]) -> T | InputError:
    """What is made, or the InputError that it ends in."""
    try:
        return make()
    except InputError as error:
        return error
