"""The paper's figures (Umam et al., PartDistill, CVPR 2024): mean IoU in percent, as facts, each table with its source.

Only what is published: five categories and Overall of the first table, five and Overall of the second, five columns of
the third. Nothing here was measured by gen3d, and no figure of ours goes in here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

OVERALL = "overall"
PAGE = "read on the project page"


@dataclass(frozen=True, eq=False)
class Published:
    """One row of a table.

    Args:
        vlm: the 2D teacher, as the paper names it.
        data: what the shapes are: points or mesh.
        method: as the paper names it.
        figures: column -> mIoU in percent.
    """

    vlm: str
    data: str
    method: str
    figures: Mapping[str, float]


def _rows(columns: tuple[str, ...], lines: str) -> tuple[Published, ...]:
    """Rows from lines of `VLM | data | method | figures`."""
    rows = [[cell.strip() for cell in line.split("|")] for line in lines.strip().splitlines()]
    return tuple(
        Published(vlm, data, method, dict(zip(columns, map(float, figures.split()), strict=True)))
        for vlm, data, method, figures in rows
    )


SHAPENETPART = _rows(
    ("airplane", "bag", "cap", "chair", "earphone", OVERALL),
    """
    CLIP | points | PointCLIP       | 22.0 44.8 13.4 18.7 28.3 31.0
    CLIP | points | PointCLIPv2     | 35.7 53.3 53.1 51.9 48.1 48.4
    CLIP | points | OpenScene       | 34.4 63.8 56.1 59.8 62.6 52.9
    CLIP | points | PartDistill TTA | 37.5 62.6 55.5 56.4 55.6 53.8
    CLIP | points | PartDistill Pre | 40.6 75.6 67.2 65.0 66.3 63.9
    GLIP | points | PartDistill TTA | 57.3 62.7 56.2 74.2 45.8 54.7
    GLIP | points | PartDistill Pre | 69.3 70.1 67.9 86.5 51.2 64.1
    GLIP | mesh   | SATR            | 32.2 32.1 21.8 25.2 19.4 32.3
    GLIP | mesh   | PartDistill TTA | 53.2 61.8 44.9 66.4 43.0 49.5
    GLIP | mesh   | PartDistill Pre | 64.8 64.4 51.0 67.4 48.3 56.3
    """,
)
PARTNETE = _rows(
    ("bottle", "cart", "chair", "display", "kettle", OVERALL),
    """
    GLIP | points | PartSLIP        | 76.3 87.7 60.7 43.8 20.8 27.3
    GLIP | points | PartDistill TTA | 77.4 88.5 74.1 50.5 24.2 39.9
    """,
)
# The page does not name the teacher of this table; that airplane's 69.3 is also the first table's says GLIP on points.
GENERATED = _rows(
    ("airplane", "chair", "guitar", "coseg-chair", "coseg-guitar"),
    """
    GLIP | points | train set             | 69.3 86.2 76.8 96.4 68.0
    GLIP | points | generated             | 69.0 85.3 75.6 96.1 67.5
    GLIP | points | generated + train set | 70.8 88.4 78.3 97.4 70.2
    """,
)
