"""The `pretrain` stage: a student's encoder from unlabelled shapes, kept for students that start from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float32
from safetensors.torch import save
from torch import Tensor

from distill.encoders import CHECKPOINT, WEIGHTS, encoder_weights, make_encoder
from distill.masked_training import MaskedTraining, PretrainEpoch, PretrainSettings
from distill.parallel import Ranks
from gen3d import __version__
from gen3d.collection import SHAPES, Collection
from gen3d.errors import InputError, SettingsError
from gen3d.record import settle_record, write_record
from gen3d.storage import Place, atomic_write, make_folder, remove_files

RECORD, CONFIG, LOSSES = "training.json", "config.json", "losses.csv"


def pretrain(
    roots: Sequence[Place],
    settings: PretrainSettings,
    out: Path,
    overwrite: bool = False,
    report: Callable[[PretrainEpoch], None] = lambda epoch: None,
) -> bool:
    """Train an encoder on collections and save it in `out`; goes on from its last epoch where it was stopped.

    Of processes that train together the first one writes and reports.

    Args:
        roots: collections, generated or imported, of any categories. Points alone are read: no label, no knowledge.
        settings: see `PretrainSettings`.
        out: gets `model.safetensors` (the encoder's weights), `losses.csv`, `training.json` and, once all of it is
            there, `config.json`.
        overwrite: start anew, whatever is there.
        report: called after every epoch trained now.

    Returns:
        Whether all of it was there already.

    Raises:
        SettingsError: a student without an encoder, or `out` holds something else, or an encoder of other settings.
        InputError: a folder that is no collection, one without shapes, or a damaged checkpoint.
        Gen3dError: training diverged; `out` keeps the last good epoch.
    """
    if out.exists() and not (out / RECORD).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise SettingsError(f"{out}: holds something else than an encoder; choose an empty or a new folder")
    collections = [Collection.open(root) for root in roots]
    torch.manual_seed(settings.seed)
    encoder = make_encoder(settings.student)
    record = {"settings": settings.model_dump()}
    record["collections"] = {str(c.root): c.fingerprint((SHAPES,)) for c in collections}
    ranks = Ranks.here()
    ranks.agree(record | {"gen3d": __version__})
    if ranks.told(ranks.first and _is_done(out, record, overwrite)):
        return True
    training = MaskedTraining(encoder, settings)
    kept = (out / CHECKPOINT).read_bytes() if ranks.first and (out / CHECKPOINT).is_file() else None
    if ranks.told(kept is not None):
        training.restore(ranks.told_bytes(kept or b""), str(out / CHECKPOINT))
    clouds = read_clouds(collections, settings)
    for epoch in training.epochs(clouds):
        if ranks.first:
            atomic_write(out / CHECKPOINT, training.to_bytes())
            report(epoch)
    if ranks.first:
        _finish(out, training, {**record, "shapes": len(clouds)})
    ranks.told(True)  # nobody ends well unless the encoder is there
    return False


def _is_done(out: Path, record: dict[str, Any], overwrite: bool) -> bool:
    """Whether all of it is there; else the folder is made ready. Raises SettingsError where it is of other settings."""
    make_folder(out)
    if overwrite:
        remove_files(out, (CONFIG, CHECKPOINT))
    settle_record(out / RECORD, record, overwrite)
    return all((out / name).is_file() for name in (CONFIG, WEIGHTS, LOSSES))


def read_clouds(collections: Sequence[Collection], settings: PretrainSettings) -> Float32[Tensor, "S N 3"]:
    """Sampled points of all shapes, in the order of the collections. Raises InputError where there is none."""
    size = settings.points - settings.points % 2**settings.depth  # patches are of equal size
    clouds = []
    for collection in collections:
        for shape in collection.shapes():
            points = shape.sampled(settings.points, settings.seed).points
            assert points is not None
            clouds.append(torch.from_numpy(points[:size]))
    if not clouds:
        raise InputError(f"{', '.join(str(c.root) for c in collections)}: no shape to train on")
    return torch.stack(clouds)


def _finish(out: Path, training: MaskedTraining, made: dict[str, Any]) -> None:
    """Write the results; config.json last, since it says that the rest is there."""
    tensors = {name: value.contiguous() for name, value in encoder_weights(training.encoder).items()}
    atomic_write(out / WEIGHTS, save(tensors, training.encoder.header))
    lines = ["epoch,loss,skipped", *(f"{row.epoch},{row.loss},{row.skipped}" for row in training.log)]
    atomic_write(out / LOSSES, ("\n".join(lines) + "\n").encode())
    write_record(out / CONFIG, {"student": training.settings.student, "training": made})
    remove_files(out, (CHECKPOINT,))
