"""Tiny folders laid out like PartDistill's preprocessed shapes, by a writer of our own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from sample_knowledge import cloud, toy_chair

from gen3d.categories import CATEGORIES
from gen3d.shapenet_frame import to_shapenet

CHAIR = CATEGORIES["chair"]


def content(seed: int, points: int = 700) -> dict[str, np.ndarray]:
    """A toy chair in ShapeNet's frame and scale, a good box for each of its parts, and a wrong one of low score."""
    xyz, labels = cloud(toy_chair(seed), points, seed)
    wrong = (labels == 1) & (xyz[:, 0] > 0)
    masks = np.stack([*(labels == part for part in range(4)), wrong])
    part, score = np.array([0, 1, 2, 3, 0]), np.array([0.9, 0.6, 0.8, 0.7, 0.3], np.float32)
    boxes = np.zeros((points, 5, 4), np.float32)
    boxes[:, np.arange(5), part] = masks.T * score
    return {
        "xyz": (to_shapenet(xyz) * 0.4 + 0.1).astype(np.float32),
        "cls_bbox": part[None],
        "conf_bbox": boxes,
        "gt_semantic_seg": labels.astype(np.int64) + CHAIR.first_label,
        "cls_view": np.zeros((2, points, 3)),
        "conf_view": np.zeros((2, points, 3, 4)),
    }


def path_of(root: Path, id: str) -> Path:
    """The file of a shape."""
    return root / CHAIR.synset / id / "extracted" / "preprocess.h5"


def write(root: Path, id: str, seed: int, **changes: Any) -> Path:
    """One shape; `changes` replace arrays by name (None leaves one out)."""
    path = path_of(root, id)
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, array in (content(seed) | changes).items():
            if array is not None:
                file.create_dataset(name, data=array)
    return path


def no_boxes(points: int = 700) -> dict[str, np.ndarray]:
    """The arrays of a shape on which the teacher found nothing."""
    return {"cls_bbox": np.zeros((1, 0), np.int64), "conf_bbox": np.zeros((points, 0, 4), np.float32)}


def write_lists(root: Path, **splits: list[str]) -> None:
    """ShapeNetPart's lists, with a knife in each, which is not there."""
    folder = root / "train_test_split"
    folder.mkdir(exist_ok=True)
    for split in ("train", "val", "test"):
        ids = [f"shape_data/{CHAIR.synset}/{id}" for id in splits.get(split, [])]
        ids.append(f"shape_data/{CATEGORIES['knife'].synset}/k{split}")
        (folder / f"shuffled_{split}_file_list.json").write_text(json.dumps(ids))


def folder(root: Path, train: int = 4, test: int = 2) -> Path:
    """Chairs a0, a1 ... to train on and z0, z1 ... to test on, with lists."""
    trained, tested = [f"a{i}" for i in range(train)], [f"z{i}" for i in range(test)]
    for seed, id in enumerate(trained + tested):
        write(root, id, seed)
    write_lists(root, train=trained[::-1], test=tested)
    return root
