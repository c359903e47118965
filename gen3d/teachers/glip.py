"""The user's own build of GLIP (Li et al., 2022), or any detector that a few lines of Python can call.

GLIP builds on no present torch, so gen3d can't load it. `--teacher glip --detector my_glip.py:make` calls `make()` once
per process; what it returns is called with a list of images ((H, W, 3) uint8 arrays, RGB) and a list of part names, and
gives for each image a mapping with `boxes` (K x 4: left, top, right, bottom in pixels), `labels` (K: which of the part
names, from 0) and `scores` (K, in [0, 1]). For the GLIPDemo class of GLIP's repository:

    def make():
        from maskrcnn_benchmark.config import cfg
        from maskrcnn_benchmark.engine.predictor_glip import GLIPDemo

        cfg.merge_from_file("glip_Swin_L.yaml")
        demo = GLIPDemo(cfg, min_image_size=800, confidence_threshold=0.5)

        def detect(images, names):
            for image in images:
                found = demo.inference(image[:, :, ::-1], list(names))
                labels, scores = found.get_field("labels") - 1, found.get_field("scores")
                yield {"boxes": found.bbox, "labels": labels, "scores": scores}

        return detect

Where GLIP lives in an environment of its own, run it on the pictures of `gen3d views` and read what it wrote by
`--teacher detections`.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import numpy as np
from jaxtyping import Float
from pydantic import Field

from gen3d.batches import Batch
from gen3d.errors import Gen3dError, InputError, MissingError, SettingsError
from gen3d.rendering.styles import ViewStyle
from gen3d.rendering.view import View
from gen3d.settings import Settings, resolve
from gen3d.teachers.captions import one_phrase
from gen3d.teachers.found import clamped
from gen3d.teachers.predictions import Boxes
from gen3d.teachers.prompts import phrases

Detector = Callable[[list[np.ndarray], list[str]], Iterable[Mapping[str, Any]]]


class GlipSettings(Settings):
    """Settings of the teacher `glip`."""

    detector: str | None = Field(
        default=None, description="module:function or file.py:function that makes the detector"
    )
    threshold: float = Field(default=0.5, ge=0, le=1, description="a box's score must be above it")
    batch: int = Field(default=10, ge=1, le=4096, description="images per call")
    prompt_style: str = Field(default="names", description="see `gen3d.teachers.prompts`")


class GlipTeacher:
    """Boxes of a detector that the user brings; see the module.

    Args:
        settings: see `GlipSettings`.
    """

    name, kind, any_words = "glip", "box", True
    style = ViewStyle(size=800)

    def __init__(self, settings: GlipSettings | None = None) -> None:
        self.settings = settings or GlipSettings()
        self.batch = self.settings.batch
        self._fitting = Batch(self.batch)

    def tuned(self, options: Mapping[str, Any]) -> GlipTeacher:
        """The same with these options. Raises SettingsError for others."""
        return GlipTeacher(resolve(GlipSettings, **options))

    def check(self, category: str, prompts: tuple[str, ...]) -> None:
        """Raise SettingsError for words it can't be asked or where no detector is named."""
        self._asked(category, prompts)
        self._named()

    def download(self) -> None:
        """Nothing: the detector's weights are its own affair."""

    def load(self) -> None:
        """Make the detector, once per process. Raises MissingError where that fails."""
        detector_of(self._named())

    def how(self, category: str, prompts: tuple[str, ...]) -> dict[str, Any]:
        """What is kept beside knowledge."""
        own = {"detector": self.settings.detector, "threshold": self.settings.threshold}
        return own | {"prompts": [[text] for text in self._asked(category, prompts)]}

    def predict(self, views: list[View], category: str, prompts: tuple[str, ...]) -> list[Boxes]:
        """One answer per view. Raises InputError for an answer of another form than the module says, or none."""
        names, detect = self._asked(category, prompts), detector_of(self._named())
        return self._fitting.run(lambda some: self._answers(detect, some, names), views)

    def _answers(self, detect: Detector, views: Sequence[View], names: list[str]) -> list[Boxes]:
        try:
            found = list(detect([view.color for view in views], list(names)))
        except (Gen3dError, MemoryError):
            raise
        except RuntimeError as error:
            if "memory" in str(error):
                raise
            raise self._failed(error) from None
        except Exception as error:  # anything may happen in other people's code
            raise self._failed(error) from None
        if len(found) != len(views):
            raise InputError(f"--detector {self._named()}: answered for {len(found)} of {len(views)} images")
        return [self._boxes(one, view, len(names)) for one, view in zip(found, views, strict=True)]

    def _boxes(self, found: Any, view: View, names: int) -> Boxes:
        """One image's answer, held to what the module says."""
        try:
            boxes, labels, scores = (_array(found[key]) for key in ("boxes", "labels", "scores"))
            boxes = boxes.reshape(-1, 4)
        except Exception:
            raise InputError(
                f"--detector {self._named()}: gave no mapping with arrays boxes (K x 4), labels (K) and scores (K)"
            ) from None
        if not labels.shape == scores.shape == (len(boxes),):
            raise InputError(
                f"--detector {self._named()}: gave {len(boxes)} boxes with other numbers of labels or scores"
            )
        if not np.isin(labels, np.arange(names)).all():
            raise InputError(f"--detector {self._named()}: gave a label that is none of 0 to {names - 1}")
        kept = ~(scores <= self.settings.threshold)
        return clamped(boxes[kept].astype(np.float32), labels[kept].astype(np.int64), scores[kept], view.element.shape)

    def _asked(self, category: str, prompts: tuple[str, ...]) -> list[str]:
        asked = one_phrase(self.name, phrases(self.settings.prompt_style, category, prompts))
        return [texts[0] for texts in asked]

    def _named(self) -> str:
        if self.settings.detector is None:
            raise SettingsError("the glip teacher needs --detector module:function or file.py:function")
        return self.settings.detector

    def _failed(self, error: Exception) -> InputError:
        return InputError(f"--detector {self._named()}: failed ({type(error).__name__}: {error})")


def _array(values: Any) -> Float[np.ndarray, "..."]:
    """Numbers in a list, array or tensor of any device."""
    detached = values.detach().cpu() if hasattr(values, "detach") else values
    return np.asarray(detached, np.float64)


@lru_cache(maxsize=1)
def detector_of(named: str) -> Detector:
    """What the function of that name makes. Raises SettingsError, and MissingError where it can't be had."""
    module, colon, function = named.rpartition(":")
    if not colon or not module or not function:
        raise SettingsError(f"--detector {named!r}: name it module:function or file.py:function")
    try:
        made = getattr(_module(module), function)()
    except Gen3dError:
        raise
    except Exception as error:
        raise MissingError(f"--detector {named}: can't be made ({type(error).__name__}: {error})") from None
    if not callable(made):
        raise MissingError(f"--detector {named}: made a {type(made).__name__}, which can't be called")
    return cast(Detector, made)


def _module(name: str) -> Any:
    """A module by name, or by its file."""
    if not name.endswith(".py"):
        return importlib.import_module(name)
    spec = importlib.util.spec_from_file_location(Path(name).stem, name)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
