"""One writer per shape format: the shape as a file's content, the same bytes every time."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np

from gen3d.errors import InputError
from gen3d.glb import glb_bytes, label_colors
from gen3d.shape import Shape, face_normals


def shape_bytes(shape: Shape, suffix: str) -> bytes:
    """The shape as a file's content; deterministic. Raises InputError as `write_shape` does."""
    writer = WRITERS.get(suffix.lower())
    if writer is None:
        raise InputError(f"{shape.id}: can't write suffix {suffix!r}; known are: {', '.join(WRITERS)}")
    if not shape.has_mesh and (shape.points is None or not len(shape.points)):
        raise InputError(f"{shape.id}: has neither faces nor points to write")
    return writer(shape)


def _number_lines(rows: np.ndarray, prefix: str = "") -> str:
    """One line per row; numpy prints float32 with the fewest digits that read back the same."""
    return "".join(f"{prefix}{a} {b} {c}\n" for a, b, c in rows.astype(str).tolist())


def _obj(shape: Shape) -> bytes:
    """Wavefront text."""
    vertices, faces = shape.mesh
    return (_number_lines(vertices, "v ") + _number_lines(faces + 1, "f ")).encode()


def _off(shape: Shape) -> bytes:
    """Object file format text."""
    vertices, faces = shape.mesh
    return (f"OFF\n{len(vertices)} {len(faces)} 0\n" + _number_lines(vertices) + _number_lines(faces, "3 ")).encode()


def _stl(shape: Shape) -> bytes:
    """Binary triangle soup."""
    vertices, faces = shape.mesh
    rows = np.zeros(len(faces), [("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("spare", "<u2")])
    rows["normal"], rows["corners"] = face_normals(vertices.astype(np.float64), faces)[0], vertices[faces]
    return b"gen3d".ljust(80) + len(faces).to_bytes(4, "little") + rows.tobytes()


def _ply(shape: Shape) -> bytes:
    """Binary mesh, or cloud, with `label` and colour where there are labels."""
    lines, blocks = ["ply", "format binary_little_endian 1.0"], []

    def element(name: str, columns: list[tuple[str, str, np.ndarray]], labels: np.ndarray | None) -> None:
        if labels is not None:
            rgb = label_colors(labels)
            columns += [("short label", "<i2", labels)]
            columns += [(f"uchar {c}", "u1", rgb[:, i]) for i, c in enumerate(("red", "green", "blue"))]
        types = [(text, kind, value.shape[1:]) for text, kind, value in columns]
        table = np.zeros(len(columns[0][2]), types)
        for text, _, value in columns:
            table[text] = value
        lines.append(f"element {name} {len(table)}")
        lines.extend(f"property {text}" for text, *_ in columns if text)
        blocks.append(table.tobytes())

    def axes(rows: np.ndarray, prefix: str = "") -> list[tuple[str, str, np.ndarray]]:
        return [(f"float {prefix}{axis}", "<f4", rows[:, i]) for i, axis in enumerate("xyz")]

    if shape.has_mesh:
        vertices, faces = shape.mesh
        element("vertex", axes(vertices), None)
        packed = np.zeros(len(faces), [("count", "u1"), ("index", "<i4", 3)])
        packed["count"], packed["index"] = 3, faces
        corners = packed.view("V13")  # count byte and three indices are one list property
        element("face", [("list uchar int vertex_indices", "V13", corners)], shape.face_labels)
    else:
        assert shape.points is not None
        normals = [] if shape.normals is None else axes(shape.normals, "n")
        element("vertex", axes(shape.points) + normals, shape.point_labels)
    return ("\n".join([*lines, "end_header", ""])).encode() + b"".join(blocks)


def _npz(shape: Shape) -> bytes:
    """Every array of the shape that is there."""
    arrays = {
        "vertices": shape.vertices, "faces": shape.faces, "face_labels": shape.face_labels,
        "points": shape.points, "normals": shape.normals, "labels": shape.point_labels,
    }  # fmt: skip
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **{key: x for key, x in arrays.items() if x is not None})
    return stream.getvalue()


WRITERS: dict[str, Callable[[Shape], bytes]] = {
    ".glb": glb_bytes, ".obj": _obj, ".ply": _ply, ".stl": _stl, ".off": _off, ".npz": _npz,
}  # fmt: skip
