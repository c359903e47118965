"""Where each data set comes from, on what terms, and how many shapes it has: facts that `gen3d data check` prints.

Counts: ShapeNetPart's test lists (16 categories, 2,874 shapes); PartSLIP's README (1,906 test shapes of 45 categories,
8 of each for few-shot); the table on COSEG's page; SAPIEN's paper (2,346 objects of 46 categories).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from distill.datasets import coseg, partnet_mobility, partnete, shapenetpart, shapenetpart_mesh, shapenetpart_pts
from distill.datasets.listing import Listing
from distill.datasets.shapenetpart_h5 import CLASSES
from distill.datasets.shapenetpart_lists import categories as listed_categories
from distill.datasets.shapenetpart_lists import faults as list_faults
from distill.datasets.small_text import read_text
from gen3d.categories import CATEGORIES
from gen3d.collection import Collection
from gen3d.psb_format import PSB


class Source(NamedTuple):
    """One data set.

    Args:
        page: where it is had.
        terms: who may have it for what, as far as its page says.
        categories: those in a folder, as `listing` or the reader calls them; takes the split where there are splits.
        listing: its shapes one by one; None where the reader reads a whole file of many at once.
        counts: split -> category -> official number of shapes; "" for a split or category stands for all of them.
        faults: what is wrong with a folder as a whole, in one split, a line each.
        frame_published: whether it is known which way is up.
    """

    page: str
    terms: str
    categories: Callable[..., list[str]]
    listing: Callable[..., Listing] | None = None
    counts: Mapping[str, Mapping[str, int]] = MappingProxyType({})
    faults: Callable[[Path, str], list[str]] = lambda root, split: []
    frame_published: bool = True


_SHAPENET = "non-commercial research and education, by ShapeNet's terms of use; an account at shapenet.org"
_SHAPENET_PAGE = "https://shapenet.org (ShapeNetPart; Yi et al. 2016, A Scalable Active Framework)"
_TEST = {
    "airplane": 341, "bag": 14, "cap": 11, "car": 158, "chair": 704, "earphone": 14, "guitar": 159, "knife": 80,
    "lamp": 286, "laptop": 83, "motorbike": 51, "mug": 38, "pistol": 44, "rocket": 12, "skateboard": 31, "table": 848,
}  # fmt: skip
_SHAPENETPART = {"test": _TEST | {"": sum(_TEST.values())}}
_SMALL = {"candelabra": 28, "chair": 20, "fourleg": 20, "goblet": 12, "guitar": 44, "iron": 18, "lamp": 20, "vase": 28}
_LARGE = {"tele-alien": 200, "vase": 300, "chair": 400}


def _psb(root: Path) -> list[str]:
    return [name for name, names in PSB.items() if (root / f"{names.category}.npz").is_file()]


def _h5(root: Path) -> list[str]:
    here = {line.split()[-1] for line in read_text(root / CLASSES, CLASSES).splitlines() if line.strip()}
    return [row.name for row in CATEGORIES.values() if row.synset in here]


def _partdistill(root: Path) -> list[str]:
    return [row.name for row in CATEGORIES.values() if (root / row.synset).is_dir()]


SOURCES: dict[str, Source] = {
    "collection": Source("made by `gen3d generate` or `gen3d import`", "yours", lambda root: [_own(root)]),
    "coseg": Source(
        "https://github.com/Ideas-Laboratory/shape-coseg-dataset (links to shapes.zip and gt.zip of every set)",
        "free to download; the page names no licence",
        coseg.categories,
        coseg.listing,
        {"small": _SMALL, "large": _LARGE},
        frame_published=False,
    ),
    "partdistill-h5": Source(
        "the preprocessed chairs and knives that PartDistill's repository (ardianumam/PartDistill) links to",
        f"no licence is given; the shapes are ShapeNet's: {_SHAPENET}",
        _partdistill,
    ),
    "partnet-mobility": Source(
        "https://sapien.ucsd.edu (PartNet-Mobility), or huggingface.co/datasets/sapien-sim/PartNetMobility",
        "non-commercial research, by SAPIEN's and ShapeNet's terms of use; an account",
        partnet_mobility.categories,
        partnet_mobility.listing,
        {"": {"": 2346}},
        lambda root, split: [f"{id}: {reason}" for id, reason in partnet_mobility.strays(root)],
    ),
    "partnete": Source(
        "https://huggingface.co/datasets/minghua/PartSLIP (PartNetE_meta.json, data/test.zip, data/few_shot.zip)",
        'licence "openrail" on that page; its objects come from PartNet and PartNet-Mobility, with terms of their own',
        partnete.categories,
        partnete.listing,
        {"test": {"": 1906}, "few_shot": {"": 360}},
        frame_published=False,
    ),
    "psb": Source(
        "https://segeval.cs.princeton.edu (meshes) and people.cs.umass.edu/~kalo/papers/LabelMeshes (part names); "
        "packed as `gen3d.psb_format` tells",
        "free to download; no licence text",
        _psb,
    ),
    "shapenetpart": Source(
        _SHAPENET_PAGE + ": shapenetcore_partanno_segmentation_benchmark_v0_normal.zip",
        _SHAPENET,
        listed_categories,
        shapenetpart.listing,
        _SHAPENETPART,
        list_faults,
    ),
    "shapenetpart-h5": Source(
        _SHAPENET_PAGE + ": shapenet_part_seg_hdf5_data.zip of PointNet", _SHAPENET, _h5, counts=_SHAPENETPART
    ),
    "shapenetpart-mesh": Source(
        "https://people.cs.umass.edu/~kalo/papers/shapepfcn (labeled_meshes.7z; at most 500 shapes of a category)",
        _SHAPENET,
        shapenetpart_mesh.categories,
        shapenetpart_mesh.listing,
        frame_published=False,
    ),
    "shapenetpart-pts": Source(
        _SHAPENET_PAGE + ": shapenetcore_partanno_segmentation_benchmark_v0.zip",
        _SHAPENET,
        listed_categories,
        shapenetpart_pts.listing,
        _SHAPENETPART,
        list_faults,
    ),
}


def _own(root: Path) -> str:
    return Collection.open(root).category
