"""The `convert` stage: weights of published networks, from their authors' checkpoints to safetensors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from gen3d.errors import SettingsError


def _point_m2ae(file: Path, out: Path) -> dict[str, Any]:
    from distill.students.point_m2ae_weights import convert_encoder

    return convert_encoder(file, out)


def _point_e(file: Path, out: Path) -> dict[str, Any]:
    from gen3d.generators.point_e.weights import convert_checkpoint

    return convert_checkpoint(file, out)


def _pointnet(file: Path, out: Path) -> dict[str, Any]:
    from gen3d.pointnet_weights import convert_pointnet

    return convert_pointnet(file, out)


def _shap_e(folder: Path, out: Path) -> dict[str, Any]:
    from gen3d.generators.shap_e.conversion import convert_folder

    return convert_folder(folder, out)


CONVERTERS: dict[str, Callable[[Path, Path], dict[str, Any]]] = {
    "point-m2ae": _point_m2ae,
    "point-e": _point_e,
    "pointnet": _pointnet,
    "shap-e": _shap_e,
}


def convert(network: str, file: Path, out: Path | None = None) -> dict[str, Any]:
    """Convert a checkpoint; by default to a file of the same name that ends in .safetensors, or a folder, beside it.

    Args:
        network: a name in `CONVERTERS`.
        file: the authors' checkpoint; a folder for shap-e.
        out: the safetensors file, or the folder of them; replaced where there is one, and nothing else is.

    Returns:
        What was made: `weights`, `parameters`, `source_sha256`.

    Raises:
        SettingsError: an unknown network, or `out` is the checkpoint itself or another file.
        Gen3dError: see the converter.
    """
    if network not in CONVERTERS:
        raise SettingsError(f"unknown network {network!r}; known are: {', '.join(CONVERTERS)}")
    folder = file.absolute()
    target = out or (
        folder.with_name(f"{folder.name}-safetensors") if file.is_dir() else file.with_suffix(".safetensors")
    )
    if target.absolute() == file.absolute():
        raise SettingsError(f"{file}: would be overwritten by its own conversion; give another --out")
    if target.is_file() and not _is_safetensors(target):
        raise SettingsError(f"{target}: holds something else than weights; give another --out")
    return CONVERTERS[network](file, target)


def _is_safetensors(file: Path) -> bool:
    """Whether it has the form of one."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "np"):
            return True
    except (OSError, SafetensorError):
        return False
