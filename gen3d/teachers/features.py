"""Dense features of views in the space of texts, from teachers that have them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32

from gen3d.rendering.view import View


class Features(NamedTuple):
    """What views and words are to a teacher; the cosine between both says how well they fit.

    Args:
        maps: per view (D, h, w) float32, one vector of length 1 per patch, rows from the top; patches cover the view.
        texts: (R, D) float32 of length 1, one per word asked for, the same for all views.
    """

    maps: Sequence[Float32[np.ndarray, "D h w"]]
    texts: Float32[np.ndarray, "R D"]


@runtime_checkable
class Featured(Protocol):
    """A teacher that shows its features before they become scores: no softmax, temperature or background is in them."""

    def features(self, views: list[View], category: str, prompts: tuple[str, ...]) -> Features:
        """One map per view, one text per prompt. Raises as `predict`, and SettingsError for options of scores alone."""
        ...
