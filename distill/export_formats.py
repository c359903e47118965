"""The formats of `gen3d export`. A new one is a writer and a line in `FORMATS`."""

from __future__ import annotations

import contextlib
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from distill.export_sample import Plan, Sample
from distill.export_shapenetpart import write_h5, write_txt
from gen3d.errors import MissingError
from gen3d.glb import glb_bytes
from gen3d.mesh_io import shape_bytes
from gen3d.shape import Shape

_ROWS = 64  # shapes per row group of a Parquet file
Write = Callable[[Iterator[Sample], Path, Plan], None]


@dataclass(frozen=True)
class Format:
    """How one format is made.

    Args:
        write: fills an empty folder; takes the samples one by one.
        elements: needs labels of the faces (of the stored points where there are none).
        sampled: needs labelled points, as many as the settings say.
        shapenet: one of ShapeNetPart's, with its categories, splits and normalised clouds that are labelled throughout.
        same_count: every shape must have as many points as the others.
        check: raises MissingError before any work where an extra is not installed.
    """

    write: Write
    elements: bool = False
    sampled: bool = False
    shapenet: bool = False
    same_count: bool = False
    check: Callable[[], None] = lambda: None


def _write_glb(samples: Iterator[Sample], folder: Path, plan: Plan) -> None:
    """One GLB per shape: a named, coloured node, mesh and material per part; clouds as points with colours."""
    for sample in samples:
        (folder / f"{sample.name}.glb").write_bytes(glb_bytes(sample.shape, plan.parts))


def _write_ply(samples: Iterator[Sample], folder: Path, plan: Plan) -> None:
    """One PLY per shape: faces (or points) with `label` and colour, in the stored order."""
    for sample in samples:
        (folder / f"{sample.name}.ply").write_bytes(shape_bytes(sample.shape, ".ply"))


def _write_webdataset(samples: Iterator[Sample], folder: Path, plan: Plan) -> None:
    """`shapes-<number>.tar`; of every shape a GLB, its points, normals and labels as .npy, and JSON.

    Nothing in a tar header depends on the machine, the user or the time.
    """
    for number, some in _chunks(samples, plan.shard):
        with tarfile.open(folder / f"shapes-{number:05d}.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
            for sample in some:
                for suffix, data in _members(sample, plan):
                    info = tarfile.TarInfo(f"{sample.name}.{suffix}")
                    info.size = len(data)
                    tar.addfile(info, io.BytesIO(data))


def _members(sample: Sample, plan: Plan) -> Iterator[tuple[str, bytes]]:
    """(suffix, content) of one WebDataset sample."""
    shape = sample.shape
    whole = replace(shape, points=None, normals=None, point_labels=None) if shape.has_mesh else shape
    yield "glb", glb_bytes(whole, plan.parts)
    arrays = {"points": shape.points, "normals": shape.normals, "labels": shape.point_labels}
    for key, array in arrays.items():
        if array is not None:
            stream = io.BytesIO()
            np.save(stream, array, allow_pickle=False)
            yield f"{key}.npy", stream.getvalue()
    note = {"id": shape.id, "category": shape.category, "parts": list(plan.parts), "meta": shape.meta}
    yield "json", json.dumps(note, sort_keys=True).encode()


def _write_parquet(samples: Iterator[Sample], folder: Path, plan: Plan) -> None:
    """`shapes-<number>.parquet`, one row per shape; rows of three floats lie flat, one after the other."""
    import pyarrow
    from pyarrow import parquet

    floats = pyarrow.list_(pyarrow.float32())
    text = pyarrow.string()
    schema = pyarrow.schema({
        "id": text, "category": text, "points": floats, "normals": floats, "labels": pyarrow.list_(pyarrow.int16()),
        "parts": pyarrow.list_(text), "prompt": text, "meta": text,
    })  # fmt: skip
    for number, some in _chunks(samples, plan.shard):
        with parquet.ParquetWriter(folder / f"shapes-{number:05d}.parquet", schema) as writer:
            for _, group in _chunks(some, _ROWS):
                rows = [_row(sample.shape, plan) for sample in group]
                writer.write_table(pyarrow.Table.from_pylist(rows, schema))


def _row(shape: Shape, plan: Plan) -> dict[str, Any]:
    """One row of a Parquet file."""
    prompt = shape.meta.get("prompt")
    return {
        "id": shape.id,
        "category": shape.category,
        "points": None if shape.points is None else shape.points.reshape(-1),
        "normals": None if shape.normals is None else shape.normals.reshape(-1),
        "labels": shape.point_labels,
        "parts": list(plan.parts),
        "prompt": prompt if isinstance(prompt, str) else None,
        "meta": json.dumps(shape.meta, sort_keys=True),
    }


def _chunks(samples: Iterator[Sample], most: int) -> Iterator[tuple[int, Iterator[Sample]]]:
    """(number, iterator) of runs of at most `most` samples; each is to be used up before the next is asked for."""
    numbered = groupby(enumerate(samples), key=lambda pair: pair[0] // most)
    return ((number, (sample for _, sample in group)) for number, group in numbered)


def _check_parquet() -> None:
    with contextlib.suppress(ImportError):
        import pyarrow.parquet  # noqa: F401  (only whether it is there)

        return
    raise MissingError("--format parquet needs pyarrow; install it with: pip install 'gen3d[parquet]'")


FORMATS: dict[str, Format] = {
    "glb": Format(_write_glb, elements=True),
    "ply": Format(_write_ply, elements=True),
    "shapenetpart-txt": Format(write_txt, sampled=True, shapenet=True),
    "shapenetpart-h5": Format(write_h5, sampled=True, shapenet=True, same_count=True),
    "webdataset": Format(_write_webdataset, elements=True, sampled=True),
    "parquet": Format(_write_parquet, sampled=True, check=_check_parquet),
}
