"""The part of a student that can be trained without knowledge: what pre-training needs of it, and its weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from distill.finding import PICKLES
from distill.student import normalised_clouds
from distill.students import ENCODED, STUDENTS
from distill.students.point_m2ae import CENTRES, WIDTHS, PointM2AE, scales
from distill.students.point_m2ae_weights import KIND
from distill.students.point_ops import Neighbourhoods, gather, neighbourhoods, stack
from distill.students.small import SmallStudent
from gen3d.categories import CATEGORIES
from gen3d.checkpoint import checked_tensors, read_safetensors
from gen3d.errors import InputError, MissingError, SettingsError
from gen3d.generators.procedural import ProceduralGenerator

WEIGHTS = "model.safetensors"
CHECKPOINT = "checkpoint.safetensors"  # of a pre-training under way


@runtime_checkable
class Encoder(Protocol):
    """One student's encoder.

    Args:
        network: the whole student.
        modules: names of its modules that make the encoder; the others are its head.
        width: of the features of a token.
        header: of the file its weights are kept in.
        maker: the command that makes them, for users.
    """

    @property
    def network(self) -> nn.Module:
        """See above."""
        ...

    @property
    def modules(self) -> tuple[str, ...]:
        """See above."""
        ...

    @property
    def width(self) -> int:
        """See above."""
        ...

    @property
    def header(self) -> dict[str, str]:
        """See above."""
        ...

    @property
    def maker(self) -> str:
        """See above."""
        ...

    def prepare(self, points: Float32[np.ndarray, "V 3"], share: float) -> Neighbourhoods:
        """Neighbourhoods of V points that are a share of a cloud, with as many centres for their area as ever."""
        ...

    def encode(
        self, points: Float32[Tensor, "B V 3"], near: Neighbourhoods
    ) -> tuple[Float[Tensor, "B T C"], Float32[Tensor, "B T 3"]]:
        """Features of the tokens, and where these are."""
        ...


class SmallEncoder:
    """That of the small student: all up to its transformer."""

    modules: tuple[str, ...] = ("embed_points", "embed_centres", "position", "blocks")
    maker: str = "`gen3d pretrain --student small`"

    def __init__(self, network: SmallStudent) -> None:
        self.network: SmallStudent = network
        self.width: int = network.blocks[-1].normalized_shape[0]  # type: ignore[index]
        self.header: dict[str, str] = {"kind": "small encoder"}

    def prepare(self, points: Float32[np.ndarray, "V 3"], share: float) -> Neighbourhoods:
        """See `Encoder`."""
        centres, k, tokens, j = self.network.sizes
        return neighbourhoods(points, (round(centres * share), k, round(tokens * share), j))

    def encode(
        self, points: Float32[Tensor, "B V 3"], near: Neighbourhoods
    ) -> tuple[Float[Tensor, "B T C"], Float32[Tensor, "B T 3"]]:
        """See `Encoder`."""
        x, _ = self.network.encode(points, near)  # type: ignore[arg-type]
        return x, gather(points, near.centres)[:, : x.shape[1]]  # type: ignore[attr-defined]


class PointM2AEEncoder:
    """That of Point-M2AE. What is hidden is hidden at all three scales; the tokens are those of the last one.

    The norms of the other two scales lie on no path to them, and stay as they are.
    """

    modules: tuple[str, ...] = ("h_encoder",)
    maker: str = "`gen3d convert point-m2ae` (or `gen3d pretrain --student point-m2ae`)"

    def __init__(self, network: PointM2AE) -> None:
        self.network: PointM2AE = network
        self.width: int = WIDTHS[-1]
        self.header: dict[str, str] = {"kind": KIND}

    def prepare(self, points: Float32[np.ndarray, "V 3"], share: float) -> Neighbourhoods:
        """See `Encoder`."""
        first, second, last = (round(count * share) for count in CENTRES)
        return scales(points, (first, second, last))

    def encode(
        self, points: Float32[Tensor, "B V 3"], near: Neighbourhoods
    ) -> tuple[Float[Tensor, "B T C"], Float32[Tensor, "B T 3"]]:
        """See `Encoder`."""
        features, centres = self.network.h_encoder(points, near)
        return features[-1], centres[-1]


ENCODERS: dict[str, Callable[[Any], Encoder]] = {"small": SmallEncoder, "point-m2ae": PointM2AEEncoder}


def make_encoder(name: str, **options: Any) -> Encoder:
    """The encoder of a fresh student of that name. Raises SettingsError for a student without one."""
    if name not in ENCODERS:
        raise SettingsError(f"student {name!r} has no encoder to train; known are: {', '.join(ENCODERS)}")
    network = STUDENTS[name](1, **options)  # parts don't matter: the head is dropped
    if name == ENCODED:
        fit_norms(network)
    return ENCODERS[name](network.requires_grad_())  # also where students of the kind keep theirs frozen


def fit_norms(network: nn.Module) -> None:
    """Give a Point-M2AE of random weights the norms of generated shapes of every fourth category; see its encoder."""
    make = ProceduralGenerator().generate
    shapes = [make(name, 0, name).sampled(2048, 0).points for name in list(CATEGORIES)[::4]]
    points = normalised_clouds(torch.from_numpy(np.stack(shapes)))  # type: ignore[arg-type]
    near = stack([network.prepare(cloud) for cloud in points.numpy()])[:]  # type: ignore[operator]
    network.h_encoder.fit_norms(points, near)  # type: ignore[operator, union-attr]


def encoder_weights(encoder: Encoder) -> dict[str, Tensor]:
    """Its part of the student's weights, under their names in the student."""
    found = encoder.network.state_dict()
    return {name: value for name, value in found.items() if name.partition(".")[0] in encoder.modules}


def load_encoder(encoder: Encoder, path: Path) -> None:
    """Put weights made by `gen3d pretrain` or `gen3d convert` into a student; its head stays as it is.

    Args:
        encoder: of the student.
        path: their folder or file.

    Raises:
        MissingError: there is no such file.
        InputError: a file that is not a whole encoder of this student, or not finite.
    """
    file = encoder_file(path)
    if file.suffix in PICKLES:
        raise InputError(f"{file}: pickled checkpoints are never loaded; see `gen3d convert`")
    if not file.is_file():
        raise MissingError(f"{file}: no such file; make it with {encoder.maker}")
    _, found = read_safetensors(file, f"make one with {encoder.maker}")
    whose = f"an encoder of this student but something else than {encoder.maker} makes"
    encoder.network.load_state_dict(checked_tensors(found, encoder_weights(encoder), file, whose), strict=False)


def encoder_file(path: Path) -> Path:
    """The weights at a path: a file, or the one in a folder that `gen3d pretrain` made; it may be missing.

    Raises InputError for a folder that it has not done with.
    """
    if not path.is_dir():
        return path
    file = path / WEIGHTS
    if not file.is_file() and (path / CHECKPOINT).is_file():
        raise InputError(f"{path}: the encoder is not trained to its end; run the same `gen3d pretrain` again")
    return file
