"""The `segment` stage: the parts of a user's own files, in their own frame and order."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import Field

from distill.labellers import Labeller
from distill.segmented import RECORD, Segmentation, segmented
from gen3d.categories import any_category
from gen3d.errors import Gen3dError, InputError, MissingError, SettingsError, StorageError
from gen3d.gltf_check import buffers
from gen3d.import_formats import ShapeReader
from gen3d.inputs import Input, find_inputs
from gen3d.materials import WITH_MATERIALS, parts_with_materials
from gen3d.mesh_io import file_content
from gen3d.mesh_readers import one_line
from gen3d.record import read_record, write_record
from gen3d.settings import Settings
from gen3d.storage import atomic_write

_FORM = 1  # of the results; another number makes all of them anew


class SegmentSettings(Settings):
    """Settings of `gen3d segment`."""

    up: Literal["y", "z", "auto"] = Field(default="y", description="the files' upward axis")
    smooth: bool = Field(default=False, description="clean the boundaries of parts on meshes; see `gen3d.smoothing`")
    passes: int = Field(default=4, ge=1, description="samples of 2,048 points that are averaged")
    meshes: bool = Field(default=False, description="write one file per part, too")
    materials: bool = Field(default=False, description="write the parts in the file's own materials, too")
    seed: int = Field(default=0, ge=0, description="of the points that the student sees")


class Outcome(NamedTuple):
    """What became of all files.

    Args:
        rows: per shape that is labelled: id, shape (its file), elements ("faces" or "points"), counts per part,
            mean_confidence, pose, smoothed and files.
        failures: (id, reason) of those that are not.
        made_now: how many were not there before.
        left_out: archives and folders that were passed over.
    """

    rows: list[dict[str, Any]]
    failures: list[tuple[str, str]]
    made_now: int
    left_out: list[str]


def segment(
    paths: Sequence[str | Path],
    labeller: Labeller,
    settings: SegmentSettings,
    out: Path,
    overwrite: bool = False,
    report: Callable[[int, str], None] = lambda count, note: None,
) -> Outcome:
    """Label every face (or point) of the shapes in files, folders and patterns, and write their parts.

    Every shape has a folder of its own in `out`, named after it; see `gen3d.parts_io.write_parts`. What was made before
    of the same file with the same settings is left as it is; files of other settings are replaced. A file that can't be
    read is a failure of its own.

    Args:
        paths: see `gen3d.inputs.find_inputs`. Results of earlier calls in `out` are passed over.
        labeller: see `distill.labellers`.
        settings: see `SegmentSettings`.
        out: folder for the results.
        overwrite: label again where the same was done before.
        report: called after every shape with 1 and its id.

    Raises:
        InputError: a path that nothing answers to, or no shape in any.
        StorageError: the results can't be written.
    """
    place = out.resolve()
    listing = find_inputs(paths, labeller.start.category, lambda path: _is_result(path, place))
    stage = _Stage(labeller, settings, out, listing.inputs)
    rows, failures, made = [], [], 0
    for item in listing.inputs:
        try:
            row, before = stage.row(item, overwrite)
        except (SettingsError, MissingError, StorageError):
            raise
        except (Gen3dError, MemoryError) as error:
            failures.append((item.id, _reason(item, error)))
        else:
            rows.append(row)
            made += not before
        report(1, item.id)
    return Outcome(rows, failures, made, listing.left_out)


class _Stage:
    """One call's files."""

    def __init__(self, labeller: Labeller, settings: SegmentSettings, out: Path, inputs: list[Input]) -> None:
        self._labeller, self._settings, self._out = labeller, settings, out
        self._reader = ShapeReader(any_category(labeller.start.category), inputs)
        self._digest: tuple[Path, str] | None = None

    def row(self, item: Input, overwrite: bool) -> tuple[dict[str, Any], bool]:
        """What is told of a shape, and whether it was there before."""
        folder = self._out / item.id
        record_path = folder / f"{item.id}{RECORD}"
        wanted = {"form": _FORM, "input": self._digest_of(item), "key": item.key, "labeller": self._labeller.record}
        wanted |= {"settings": self._settings.model_dump()}
        old = None if overwrite else read_record(record_path)
        if old and old.get("record") == json.loads(json.dumps(wanted)) and _all_there(folder, old["row"]["files"]):
            return _shown(item, folder, old["row"]), True
        labeller = self._labeller
        found = segmented(self._reader.read(item), item, labeller.start.category, labeller.student_of, self._settings)
        dressed = self._dressed(item, found)
        files = [path.name for path in found.save(folder, self._settings.meshes)]
        for name, content in dressed.items():
            atomic_write(folder / name, content)
            files.append(name)
        told: dict[str, Any] = {"elements": found.elements, "pose": found.pose, "smoothed": found.smoothed}
        told |= {"counts": found.counts(), "mean_confidence": round(float(found.confidence.mean()), 4), "files": files}
        write_record(record_path, {"record": wanted, "row": told})
        return _shown(item, folder, told), False

    def _dressed(self, item: Input, found: Segmentation) -> dict[str, bytes]:
        """The parts in the file's materials, by the name of their file; nothing of a file that has none."""
        if not (self._settings.materials and found.shape.has_mesh and item.path.suffix.lower() in WITH_MATERIALS):
            return {}
        return {f"{item.id}_materials.glb": parts_with_materials(item.path, found.shape, found.part_names)}

    def _digest_of(self, item: Input) -> str:
        """Of the file, and of those that a glTF document refers to. An archive of many is read once."""
        if item.fault is not None:
            raise InputError(item.fault)
        if self._digest is None or self._digest[0] != item.path:
            content = file_content(item.path)
            digest = hashlib.sha256(content)
            for data in _referred(item.path, content):
                digest.update(data)
            self._digest = (item.path, digest.hexdigest())
        return self._digest[1]


def _referred(path: Path, content: bytes) -> list[bytes]:
    """The buffers of a glTF document; none where it is damaged, which is said when it is read as a shape."""
    if path.suffix.lower() != ".gltf":
        return []
    try:
        return list(buffers(json.loads(content), path).values())
    except Exception:  # as damaged documents raise anything
        return []


def _reason(item: Input, error: Exception) -> str:
    """The error in one line that names the file once."""
    text = "needs more memory than there is; simplify it first" if isinstance(error, MemoryError) else str(error)
    path, shown = one_line(str(item.path)), one_line(item.name)
    text = text.replace(path, shown)
    return text if shown in text else f"{shown}: {text}"


def _is_result(path: Path, out: Path) -> bool:
    """Whether an earlier call wrote that file into its folder of `out`."""
    folder = path.parent.resolve()
    return folder.parent == out and (folder / f"{folder.name}{RECORD}").is_file()


def _all_there(folder: Path, files: list[str]) -> bool:
    return all((folder / name).is_file() for name in files)


def _shown(item: Input, folder: Path, row: dict[str, Any]) -> dict[str, Any]:
    """What is told of a shape, its files by their paths."""
    return {"id": item.id, "shape": item.name} | row | {"files": [str(folder / name) for name in row["files"]]}
