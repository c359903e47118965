"""Writers of the data sets' forms, for tests: small folders that hold exactly the shapes they are given."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from distill.datasets import LabelledSet
from gen3d.categories import category
from gen3d.errors import Gen3dError, InputError
from gen3d.shape import Shape
from gen3d.shapenet_frame import settled, to_shapenet

SPLITS = ("train", "val", "test")


def cloud(id: str, name: str, parts: int, rng: np.random.Generator, count: int = 40, colors: bool = False) -> Shape:
    """A normalised cloud that has every part; the first and the last point are of the first and the last."""
    points = rng.normal(size=(count, 3)).astype(np.float32)
    labels = np.sort(np.arange(count) % parts).astype(np.int16)
    paint = rng.integers(0, 256, (count, 3)).astype(np.uint8) if colors else None
    return settled(Shape(id, name, points=points, point_labels=labels, point_colors=paint))


def mesh(id: str, name: str, parts: int, rng: np.random.Generator, each: int = 3) -> Shape:
    """A normalised mesh of `each` triangles per part, in an order of no meaning."""
    count = each * parts
    vertices = rng.normal(size=(3 * count, 3)).astype(np.float32)
    labels = rng.permutation(np.arange(count) % parts).astype(np.int16)
    return settled(Shape(id, name, vertices, np.arange(3 * count).reshape(-1, 3), labels))


def rows(values: np.ndarray) -> str:
    """Lines of numbers from which every float32 is read back exactly."""
    return "".join(" ".join(f"{value:.9g}" for value in row) + "\n" for row in values.tolist())


def write_pts(root: Path, shapes: dict[str, list[Shape]], verified: bool = False) -> Path:
    """ShapeNetPart's points and labels apart; `shapes` by split. `verified`: as the annotations were released."""
    names = sorted({shape.category for some in shapes.values() for shape in some})
    text = "".join(f"{name.capitalize()}\t{category(name).synset}\n" for name in names)
    (root / "synsetoffset2category.txt").write_text(text)
    (root / "train_test_split").mkdir()
    for split in SPLITS:
        listed = [f"shape_data/{category(s.category).synset}/{s.id}" for s in shapes.get(split, [])]
        (root / "train_test_split" / f"shuffled_{split}_file_list.json").write_text(json.dumps(listed))
        for shape in shapes.get(split, []):
            folder = root / category(shape.category).synset
            home = folder / "expert_verified" if verified else folder
            for place in (folder / "points", home / "points_label"):
                place.mkdir(parents=True, exist_ok=True)
            assert shape.points is not None and shape.point_labels is not None
            (folder / "points" / f"{shape.id}.pts").write_text(rows(to_shapenet(shape.points)))
            labels = "".join(f"{label + 1}\n" for label in shape.point_labels.tolist())
            (home / "points_label" / f"{shape.id}.seg").write_text(labels)
    return root


def off(vertices: np.ndarray, faces: np.ndarray) -> str:
    """The text of an OFF file."""
    head = f"OFF\n{len(vertices)} {len(faces)} 0\n"
    return head + rows(vertices) + "".join("3 " + " ".join(map(str, face)) + "\n" for face in faces.tolist())


def write_labelled_off(root: Path, shapes: Sequence[Shape], names: Sequence[str]) -> Path:
    """ShapePFCN's form, in a folder named after the category; `names` of the labels, by part."""
    for shape in shapes:
        folder = root / shape.category.capitalize()
        folder.mkdir(exist_ok=True)
        vertices, faces = shape.mesh
        assert shape.face_labels is not None
        (folder / f"{shape.id}.off").write_text(off(to_shapenet(vertices), faces))
        lines = []
        for part, name in enumerate(names):
            numbers = np.flatnonzero(shape.face_labels == part) + 1
            lines += [name, " ".join(map(str, numbers.tolist())) + " "] if len(numbers) else []
        (folder / f"{shape.id}_labels.txt").write_text("\n".join(lines) + "\n")
    return root


def write_coseg(root: Path, name: str, shapes: Sequence[Shape], numbers: Sequence[int]) -> Path:
    """A COSEG set in the folder `name`; `numbers` of the parts."""
    for place in ("shapes", "gt"):
        (root / name / place).mkdir(parents=True, exist_ok=True)
    for shape in shapes:
        assert shape.face_labels is not None
        (root / name / "shapes" / f"{shape.id}.off").write_text(off(*shape.mesh))
        labels = "".join(f"{numbers[label]}\n" for label in shape.face_labels.tolist())
        (root / name / "gt" / f"{shape.id}.seg").write_text(labels)
    return root


def ply(shape: Shape, kind: str = "uchar") -> bytes:
    """A binary PLY cloud of doubles, with colours of type `kind` where the shape has some."""
    assert shape.points is not None
    colors = shape.point_colors
    fields = [(axis, "<f8") for axis in "xyz"]
    fields += [(name, "u1" if kind == "uchar" else "<f4") for name in ("red", "green", "blue") if colors is not None]
    table = np.zeros(len(shape.points), fields)
    for i, axis in enumerate("xyz"):
        table[axis] = shape.points[:, i]
    for i, name in enumerate(("red", "green", "blue")):
        if colors is not None:
            table[name] = colors[:, i] if kind == "uchar" else colors[:, i] / np.float32(255)
    types = {"<f8": "double", "u1": "uchar", "<f4": "float"}
    properties = "".join(f"property {types[form]} {name}\n" for name, form in fields)
    head = f"ply\nformat binary_little_endian 1.0\nelement vertex {len(table)}\n{properties}end_header\n"
    return head.encode() + table.tobytes()


def write_partnete(root: Path, meta: dict[str, list[str]], shapes: dict[str, list[Shape]], split: str = "test") -> Path:
    """PartSLIP's form: `meta` as it stands, `shapes` by the folder of their category. Labels as numpy saves a dict."""
    (root / "PartNetE_meta.json").write_text(json.dumps(meta))
    for name, some in shapes.items():
        for shape in some:
            folder = root / "data" / split / name / shape.id
            folder.mkdir(parents=True)
            (folder / "pc.ply").write_bytes(ply(shape))
            assert shape.point_labels is not None
            semantic = shape.point_labels.astype(np.int64)
            labels = {"semantic_seg": semantic, "instance_seg": np.arange(len(semantic))}
            np.save(folder / "label.npy", labels)  # type: ignore[arg-type]
    return root


def write_mobility(root: Path, shape: Shape, parts: Sequence[str], word: str, pieces: int = 2) -> Path:
    """One PartNet-Mobility object: a link per part, each of several .obj files; its faces come out sorted by part.

    Args:
        root: of the data set.
        shape: a mesh of separate triangles.
        parts: names of its parts as files spell them.
        word: the category as files spell it.
        pieces: .obj files per link.
    """
    folder = root / shape.id
    (folder / "textured_objs").mkdir(parents=True)
    vertices, faces = shape.mesh
    assert shape.face_labels is not None
    links, lines, number = [], [], 0
    for part, name in enumerate(parts):
        visuals = ""
        for some in filter(len, np.array_split(faces[shape.face_labels == part], pieces)):
            file = f"textured_objs/original-{number}.obj"
            text = "".join(f"v {x:.9g} {y:.9g} {z:.9g}\n" for x, y, z in vertices[some.reshape(-1)].tolist())
            text += "".join(f"f {3 * i + 1} {3 * i + 2} {3 * i + 3}\n" for i in range(len(some)))
            (folder / file).write_text(text)
            visuals += f'<visual name="v-{number}"><geometry><mesh filename="{file}"/></geometry></visual>'
            visuals += f'<collision><geometry><mesh filename="{file}"/></geometry></collision>'
            number += 1
        links.append(f'<link name="link_{part}">{visuals}</link>')
        lines.append(f"link_{part} hinge {name}\n")
    urdf = f'<?xml version="1.0" ?><robot name="r"><link name="base"/>{"".join(links)}</robot>'
    (folder / "mobility.urdf").write_text(urdf)
    (folder / "semantics.txt").write_text("".join(lines))
    (folder / "meta.json").write_text(json.dumps({"model_cat": word}))
    return root


def check_same(read: LabelledSet, written: Sequence[Shape]) -> None:
    """The shapes that were read are those that were written, bit for bit."""
    assert [shape.id for shape in read.shapes] == [shape.id for shape in written]
    for one, other in zip(read.shapes, written, strict=True):
        for name in ("vertices", "faces", "face_labels", "points", "point_labels", "point_colors"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=f"{one.id}: {name}")


def check_cut(path: Path, read: Callable[[], LabelledSet], steps: int = 40) -> None:
    """Cut off anywhere, a file gives a one-line error or shapes that are sound."""
    whole = path.read_bytes()
    for length in range(0, len(whole), max(1, len(whole) // steps)):
        path.write_bytes(whole[:length])
        try:
            shapes = list(read().shapes)
        except InputError as error:
            assert "\n" not in str(error)
        else:
            for shape in shapes:
                labels = shape.face_labels if shape.has_mesh else shape.point_labels
                assert labels is not None and len(labels) == len(shape.faces if shape.has_mesh else shape.points)  # type: ignore[arg-type]
                assert np.isfinite(shape.positions()).all()
    path.write_bytes(whole)


def check_error(call: Callable[[], object], kind: type[Gen3dError], *words: str) -> None:
    """The call raises exactly that error, in one line that contains all the words."""
    with pytest.raises(kind) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    assert [word for word in words if word not in message] == [], message
