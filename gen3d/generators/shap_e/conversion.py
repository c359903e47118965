"""A folder of Shap-E's weights as safetensors alone."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from gen3d.checkpoint import checked_tensors, file_hash, safetensors_bytes
from gen3d.errors import InputError
from gen3d.generators.shap_e.weights import NETWORKS, empty_network, found, read_json, read_tensors
from gen3d.storage import atomic_write
from gen3d.whole_folder import whole_folder


def convert_folder(folder: Path, out: Path) -> dict[str, Any]:
    """Write a copy of a folder of weights that has safetensors alone; diffusers reads it, too.

    Args:
        folder: `openai/shap-e` as it is downloaded.
        out: replaced where there are such weights.

    Returns:
        `weights`, `parameters`, `source_sha256` (file -> digest).

    Raises:
        MissingError, InputError: see `found` and `read_network`.
        InputError: `out` holds something else.
        StorageError: it can't be written.
    """
    root, count, digests = found(str(folder), None), 0, {}
    if out.resolve() in (root.resolve(), *root.resolve().parents):
        raise InputError(f"{out}: would be replaced, with the weights in it; give another --out")
    if out.exists() and not (out / "model_index.json").is_file():
        raise InputError(f"{out}: is there and holds no weights that may be replaced; give another --out")
    with whole_folder(out) as new:
        for name in NETWORKS:
            expected = empty_network(name, read_json(root / name / "config.json"), root).state_dict()
            file, tensors = read_tensors(root, name)
            checked_tensors(tensors, expected, file, f"Shap-E's {name}")
            (new / name).mkdir()
            kept = {key: tensors[key] for key in expected}  # in the file's own precision
            atomic_write(new / name / f"{NETWORKS[name]}.safetensors", safetensors_bytes(kept, {"format": "pt"}))
            shutil.copy(root / name / "config.json", new / name)
            count += sum(value.numel() for value in kept.values())
            digests[f"{name}/{file.name}"] = file_hash(file)
        shutil.copy(root / "model_index.json", new)
        for name in ("scheduler", "tokenizer"):
            shutil.copytree(root / name, new / name)
    return {"weights": str(out), "parameters": count, "source_sha256": digests}
