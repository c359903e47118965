"""The README.md of an export: what it holds, where it comes from, how to read it."""

from __future__ import annotations

from typing import Any

from gen3d.categories import CATEGORIES

_LABELS = {
    "exact": "what the generator, or the imported files, put on the faces or points",
    "teacher": "votes of a 2D teacher, lifted to 3D; each face or point takes that of the nearest lifted point. "
    "No human made or checked them",
    "student": "predictions of a network that was distilled from a 2D teacher. No human made or checked them",
}
_SHAPENET = (
    "Labels are ShapeNetPart's global part ids; the front is +X. "
    "Clouds have the centre of their bounding box at 0 and largest radius 1."
)
_READING = {
    "glb": "One `<id>.glb` per shape: a node, mesh and material per part, named after it. Faces stand grouped by part.",
    "ply": "One `<id>.ply` per shape: the integer property `label` of every face (of every point, for clouds) is a "
    "part's number below, -1 where unlabelled.",
    "shapenetpart-txt": "ShapeNetPart's text form: `<synset>/<id>.txt` with `x y z nx ny nz label`, the lists in "
    f"`train_test_split/`. {_SHAPENET} `gen3d eval --dataset shapenetpart` reads it.",
    "shapenetpart-h5": "ShapeNetPart's HDF5 form (PointNet's `hdf5_data`): `data` (B, N, 3) float32, `label` (B, 1) "
    "and `pid` (B, N) uint8 in `ply_data_<split><k>.h5`; `<file>_id2file.json` lists the shapes' ids. "
    f"{_SHAPENET} `gen3d eval --dataset shapenetpart-h5` reads it.",
    "webdataset": "Tar files for WebDataset, or for any tar reader: `<id>.glb`, `<id>.points.npy` and "
    "`<id>.normals.npy` (N, 3) float32, `<id>.labels.npy` (N,) int16 with the part's number below (-1: unlabelled), "
    "`<id>.json`.",
    "parquet": "One row per shape. `points` and `normals` are flat: `numpy.array(row['points']).reshape(-1, 3)`; "
    "`labels` holds one part number of the table below per point (-1: unlabelled); `meta` is JSON.",
}


def card(info: dict[str, Any], record: dict[str, Any], result: dict[str, Any]) -> str:
    """The text of the README.md.

    Args:
        info: of the collection, as in its collection.json.
        record: collection and settings, as in settings.json.
        result: counts, parts and failures, as in export.json.
    """
    settings = record["settings"]
    source = {"student": record.get("student"), "teacher": settings["teacher"]}.get(settings["labels"])
    origin = f"generator {info.get('generator', 'none')}, seed {info.get('seed', 'none')}"
    options = ", ".join(f"{key} {value}" for key, value in settings.items() if value is not None)
    splits = ", ".join(f"{count} {split}" for split, count in (result["splits"] or {}).items())
    lost = [f"- {failure['id']}: {failure['reason']}" for failure in result["failures"]]
    lines = [
        f"# {result['shapes']} labelled shapes: {info['category']}", "",
        f"Exported by gen3d {result['gen3d']} as `{settings['format']}`.", "",
        f"- **Shapes**: {result['shapes']} exported, {len(lost)} left out.",
        f"- **Source**: the collection `{record['collection']}` ({origin}, content {record['content']}).",
        f"- **Labels**: {settings['labels']}{f' ({source})' if source else ''}: {_LABELS[settings['labels']]}.",
        *([f"- **Splits**: {splits}."] if splits else []),
        f"- **Licence of the shapes**: {info.get('licence', 'not stated')}.",
        f"- **Settings**: {options}.", "",
        _READING[settings["format"]], "",
        *_table(info, settings, result),
        *(["", "Left out:", "", *lost] if lost else []),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _table(info: dict[str, Any], settings: dict[str, Any], result: dict[str, Any]) -> list[str]:
    """The parts, numbered as in the exported files."""
    first = CATEGORIES[info["category"]].first_label if settings["split"] else 0  # of ShapeNetPart's global ids
    head = [f"| label | part | {result['elements']} | share | shapes with it |", "|---|---|---|---|---|"]
    rows = [
        f"| {row['label'] + first} | {row['part']} | {row['elements']:,} | {row['share']:.1%} | {row['shapes']} |"
        for row in result["parts"]
    ]
    return head + rows
