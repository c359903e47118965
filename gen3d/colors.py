"""The colour of every part, in pictures and in files."""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8

# One colour per part index, distinguishable with common colour-vision deficiencies (Okabe and Ito 2008, Tol 2021).
PALETTE = np.array(
    [[230, 159, 0], [86, 180, 233], [0, 158, 115], [204, 121, 167], [213, 94, 0], [0, 114, 178], [240, 228, 66]],
    np.uint8,
)
UNLABELLED_GREY = np.array([170, 170, 170], np.uint8)
RIGHT_COLOR, WRONG_COLOR = (135, 165, 205), (225, 0, 0)  # of an answer beside the truth


def part_color(label: int) -> UInt8[np.ndarray, " 3"]:
    """RGB of a part index; grey for -1."""
    return UNLABELLED_GREY if label < 0 else PALETTE[label % len(PALETTE)]
