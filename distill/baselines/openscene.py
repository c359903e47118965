"""OpenScene (Peng et al., CVPR 2023): features of views fused on points, taught to a 3D network, asked in words.

Follows baselines.md, section 6; made for rooms, here for parts.

1. Fusion: a point's feature is the plain mean of the features of the pixels it falls on, over the views that show it by
   our own rule. Features of patches are enlarged to the pixels. A point that no view shows has none.
2. Distillation: a network like our small student, with as many outputs as features are long, in the place of the
   sparse U-Net. Loss: the mean of 1 - cosine over points with a fused feature. It learns from the shapes that are
   scored, without their labels, as test-time alignment does; they are turned and stretched as for all our students.
   Batches of 8, five loops over the shapes per epoch and the falling rate are the published ones; epochs are few.
3. Ensemble: per point the fused feature where its best cosine with a text exceeds the best of the distilled one's.

Of a teacher without features a pixel's feature is its scores, and the texts are the unit vectors. Fusion knows nothing
of other shapes; the network does, and its last digits depend on their order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Float16, Float32, Int16, Int64
from pydantic import Field
from torch import Tensor, nn

from distill.baselines.baseline import Baseline, Observed
from distill.baselines.voting import at_pixels, dense
from distill.steps import cast_forward, compute_dtype, finite_step, refuse_diverged
from distill.student import normalised_clouds, variation
from distill.students.point_ops import stack
from distill.students.small import SmallStudent
from distill.trainer import DistillSettings, augmented
from gen3d.settings import Settings

BATCH, LOOPS, POWER, REPEATS = 8, 5, 0.9, 5  # shapes per step; loops per epoch; of the falling rate; passes at the end


class OpenSceneOptions(Settings):
    """What can be set of `openscene`."""

    epochs: int = Field(default=10, ge=1, description="of five loops over the shapes each; published: 100")
    lr: float = Field(default=1e-3, gt=0, description="published: 0.0001")
    answer: Literal["ensemble", "fused", "distilled"] = "ensemble"


class Fused(NamedTuple):
    """What is kept of a shape.

    Args:
        points: (N, 3) radii.
        feature: (N, D) float16 mean over views; 0 where there is none.
        texts: (R, D) unit vectors of the parts.
        seed: of the network.
    """

    points: Float32[np.ndarray, "N 3"]
    feature: Float16[np.ndarray, "N D"]
    texts: Float32[np.ndarray, "R D"]
    seed: int

    @property
    def known(self) -> Bool[np.ndarray, " N"]:
        """Points with a feature."""
        return np.any(self.feature != 0, axis=1)


class OpenScene(Baseline):
    """-1 where no view shows a point and the fused features alone are asked."""

    name = "openscene"
    Options = OpenSceneOptions
    reads_features = True
    settings: OpenSceneOptions

    @property
    def learns(self) -> bool:
        """Its network is taught by all shapes."""
        return self.settings.answer != "fused"

    def labels(self, observed: Iterable[Observed]) -> Iterator[Int16[np.ndarray, " N"]]:
        """One after the other from fused features; with the network, once all shapes are there."""
        fused = map(fuse, observed)
        if self.settings.answer == "fused":
            yield from (_parts(one.feature, one.texts) for one in fused)
            return
        kept = list(fused)
        if not any(one.known.any() for one in kept):
            yield from (np.full(len(one.points), -1, np.int16) for one in kept)
            return
        network = taught(kept, self.settings)
        for one in kept:
            feature = features_of(network, one.points)
            yield _parts(ensemble(one, feature) if self.settings.answer == "ensemble" else feature, one.texts)


def fuse(observed: Observed) -> Fused:
    """Step 1 of one shape."""
    maps, texts = dense(observed)
    total = np.zeros((len(observed.points), texts.shape[1]), np.float32)
    views = np.zeros(len(total), np.float32)
    for one, (shown, pixel) in zip(maps, observed.visible, strict=True):
        total[shown] += at_pixels(one, pixel[shown], observed.views[0].camera.size)
        views += shown
    return Fused(observed.points, (total / np.maximum(views, 1)[:, None]).astype(np.float16), texts, observed.seed)


def taught(shapes: Sequence[Fused], settings: OpenSceneOptions) -> SmallStudent:
    """Step 2: a fresh network, trained on all shapes that have a feature; each has the same number of points.

    Raises Gen3dError where training diverges.
    """
    torch.manual_seed(shapes[0].seed)
    network, generator = SmallStudent(shapes[0].feature.shape[1]), torch.Generator().manual_seed(shapes[0].seed)
    shapes = [one for one in shapes if one.known.any()]
    points = torch.from_numpy(np.stack([one.points for one in shapes]))
    target = torch.from_numpy(np.stack([one.feature for one in shapes]))
    near = stack([network.prepare(one.points) for one in shapes])
    steps = settings.epochs * LOOPS * -(-len(shapes) // BATCH)
    optimiser = torch.optim.Adam(network.parameters(), settings.lr)
    rate = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: (1 - min(step, steps - 1) / steps) ** POWER)
    how, compute = DistillSettings(category=""), compute_dtype("auto")
    for epoch in range(settings.epochs):
        finite = 0
        for index in _batches(len(shapes), generator):
            found = cast_forward(network, compute, augmented(points[index], how, generator), near[index])
            finite += finite_step(network, optimiser, loss(found.float(), target[index].float()), how.clip)
            rate.step()
        refuse_diverged(network, epoch + 1, finite, "lower it: --set lr=0.0001")
    return network.eval()


def _batches(count: int, generator: torch.Generator) -> Iterator[Int64[Tensor, " B"]]:
    """Those of an epoch: every shape five times."""
    for _ in range(LOOPS):
        yield from torch.randperm(count, generator=generator).split(BATCH)


def loss(found: Float32[Tensor, "B N D"], target: Float32[Tensor, "B N D"]) -> Float32[Tensor, ""]:
    """Mean of 1 - cosine over the points whose target is not 0."""
    known = target.any(-1)
    return 1 - nn.functional.cosine_similarity(found[known], target[known], dim=-1).mean()


@torch.inference_mode()
def features_of(network: SmallStudent, points: Float32[np.ndarray, "N 3"]) -> Float32[np.ndarray, "N D"]:
    """What the network gives for every point: the mean of vectors of length 1 over five repeats.

    The points are in another order, turned and a little stretched in each but the first, as in a student's passes.
    """
    passes = []
    for number in range(REPEATS):
        order, distortion = variation(number, REPEATS, len(points))
        varied = (points @ distortion.T).astype(np.float32)[order]
        near = stack([network.prepare(varied)])[:]
        found = network(normalised_clouds(torch.from_numpy(varied)[None]), near)[0].numpy()
        passes.append(_unit(found)[np.argsort(order)])
    return np.mean(passes, 0)


def cosines(feature: Float[np.ndarray, "N D"], texts: Float32[np.ndarray, "R D"]) -> Float32[np.ndarray, "N R"]:
    """Of every feature with every text, which has length 1; 0 for a feature that is 0."""
    return _unit(feature.astype(np.float32)) @ texts.T


def _unit(vectors: Float32[np.ndarray, "N D"]) -> Float32[np.ndarray, "N D"]:
    """The vectors at length 1; zero stays zero."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length > 0, length, 1)


def ensemble(one: Fused, distilled: Float32[np.ndarray, "N D"]) -> Float32[np.ndarray, "N D"]:
    """Step 3: per point the fused feature where its best cosine with a text exceeds that of the distilled one."""
    best = cosines(one.feature, one.texts).max(1) > cosines(distilled, one.texts).max(1)
    return np.where((best & one.known)[:, None], one.feature.astype(np.float32), distilled)


def _parts(feature: Float[np.ndarray, "N D"], texts: Float32[np.ndarray, "R D"]) -> Int16[np.ndarray, " N"]:
    """The part whose text is nearest; -1 where the feature is 0."""
    return np.where(feature.any(1), cosines(feature, texts).argmax(1), -1).astype(np.int16)
