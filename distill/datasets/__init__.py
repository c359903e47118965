"""Human-labelled shapes, one file per data set. A new one is a new file and a line in `DATASETS`.

A reader is `read(root: Path, category: str, **options) -> LabelledSet`; the options are its own.
"""

from __future__ import annotations

from collections.abc import Callable

from distill.datasets import (
    collection,
    coseg,
    partdistill_h5,
    partnet_mobility,
    partnete,
    psb,
    shapenetpart,
    shapenetpart_h5,
    shapenetpart_mesh,
    shapenetpart_pts,
)
from distill.datasets.labelled import LabelledSet as LabelledSet

DATASETS: dict[str, Callable[..., LabelledSet]] = {
    "collection": collection.read,
    "coseg": coseg.read,
    "partdistill-h5": partdistill_h5.read,
    "partnet-mobility": partnet_mobility.read,
    "partnete": partnete.read,
    "psb": psb.read,
    "shapenetpart": shapenetpart.read,
    "shapenetpart-h5": shapenetpart_h5.read,
    "shapenetpart-mesh": shapenetpart_mesh.read,
    "shapenetpart-pts": shapenetpart_pts.read,
}
