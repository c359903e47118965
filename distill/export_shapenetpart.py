"""Writers of ShapeNetPart's two forms: text, and the HDF5 files of PointNet's part segmentation.

What each file holds is told in `distill.datasets.shapenetpart` and `shapenetpart_h5`, which read it back bit for bit.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from distill.datasets.shapenetpart_h5 import CLASSES, ids_name, list_name
from distill.export_sample import Plan, Sample
from gen3d.categories import CATEGORIES, Category
from gen3d.colors import part_color
from gen3d.shape import estimate_normals
from gen3d.shapenet_frame import to_shapenet

SPLITS = ("train", "val", "test")
_ROW = " ".join(["{:.9g}"] * 6) + " {}\n"  # x y z nx ny nz label


def write_txt(samples: Iterator[Sample], folder: Path, plan: Plan) -> None:
    """`<synset>/<name>.txt` with rows of `x y z nx ny nz label`, and the lists of ids of every split.

    Nine significant digits bring every float32 back exactly. Clouds without normals get estimated ones.
    """
    category = CATEGORIES[plan.category]
    listed: dict[str, list[str]] = {split: [] for split in SPLITS}
    (folder / category.synset).mkdir()
    for name, split, shape in samples:
        assert shape.points is not None and shape.point_labels is not None
        normals = estimate_normals(shape.points) if shape.normals is None else shape.normals
        floats = np.concatenate([to_shapenet(shape.points), to_shapenet(normals)], 1).tolist()
        labels = (shape.point_labels + category.first_label).tolist()
        lines = [_ROW.format(*row, label) for row, label in zip(floats, labels, strict=True)]
        (folder / category.synset / f"{name}.txt").write_text("".join(lines))
        listed[split].append(f"shape_data/{category.synset}/{name}")
    (folder / "synsetoffset2category.txt").write_text(f"{category.name.capitalize()}\t{category.synset}\n")
    (folder / "train_test_split").mkdir()
    for split, entries in listed.items():
        path = folder / "train_test_split" / f"shuffled_{split}_file_list.json"
        path.write_text(json.dumps(entries) + "\n")


def write_h5(samples: Iterator[Sample], folder: Path, plan: Plan) -> None:
    """`ply_data_<split><number>.h5` of at most `plan.shard` shapes each, and the tables beside them."""
    number = list(CATEGORIES).index(plan.category)
    files = {split: _H5Files(folder, split, number, CATEGORIES[plan.category], plan.shard) for split in SPLITS}
    for sample in samples:
        files[sample.split].add(sample)
    for split, some in files.items():
        some.finish()
        (folder / list_name(split)).write_text("".join(f"{name}\n" for name in some.names))
    _write_tables(folder)


def _write_tables(folder: Path) -> None:
    """The release's tables of all 16 categories and 50 parts."""
    rows = CATEGORIES.values()
    parts = [(row.synset, index) for row in rows for index in range(len(row.parts))]
    (folder / CLASSES).write_text("".join(f"{row.name.capitalize()}\t{row.synset}\n" for row in rows))
    tables: dict[str, Any] = {
        "overallid_to_catid_partid.json": [[synset, index + 1] for synset, index in parts],
        "catid_partid_to_overallid.json": {f"{synset}_{index + 1}": i for i, (synset, index) in enumerate(parts)},
        "part_color_mapping.json": [(part_color(index) / 255).round(4).tolist() for _, index in parts],
    }
    for name, table in tables.items():
        (folder / name).write_text(json.dumps(table) + "\n")


class _H5Files:
    """The HDF5 files of one split, one after the other; holds the shapes of one file at a time."""

    def __init__(self, folder: Path, split: str, number: int, row: Category, most: int) -> None:
        self.names: list[str] = []
        self._folder, self._split, self._number, self._row, self._most = folder, split, number, row, most
        self._ids: list[str] = []
        self._points: list[np.ndarray] = []
        self._parts: list[np.ndarray] = []

    def add(self, sample: Sample) -> None:
        """Take one more shape."""
        points, labels = sample.shape.points, sample.shape.point_labels
        assert points is not None and labels is not None
        if len(self._ids) == self._most:
            self.finish()
        self._ids.append(sample.name)
        self._points.append(to_shapenet(points))
        self._parts.append((labels + self._row.first_label).astype(np.uint8))

    def finish(self) -> None:
        """Write the current file, if any. It is made in memory: on a full disk the HDF5 library itself crashes."""
        import h5py

        if not self._ids:
            return
        name, content = f"ply_data_{self._split}{len(self.names)}.h5", io.BytesIO()
        with h5py.File(content, "w") as file:
            file.create_dataset("data", data=np.stack(self._points))
            file.create_dataset("label", data=np.full((len(self._ids), 1), self._number, np.uint8))
            file.create_dataset("pid", data=np.stack(self._parts))
        (self._folder / name).write_bytes(content.getbuffer())
        (self._folder / ids_name(name)).write_text(json.dumps(self._ids) + "\n")
        self.names.append(name)
        self._ids, self._points, self._parts = [], [], []
