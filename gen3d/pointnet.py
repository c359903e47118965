"""PointNet++ as a classifier of clouds (Qi et al. 2017, single-scale grouping), at Point-E's size and with its names.

Point-E's authors trained it on ModelNet40, positions alone, at twice the published width, to measure generated clouds
(Nichol et al. 2022, section 5.1). Written from the paper and the names in their checkpoint; it only ever evaluates.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from gen3d.neighbours import ball_points, farthest_points

Cloud = Float32[np.ndarray, "N 3"]


class Level(NamedTuple):
    """How a cloud is grouped: farthest points, the reach of each, points in reach, and the widths of the layers."""

    centres: int
    radius: float
    members: int
    widths: tuple[int, ...]


class Size(NamedTuple):
    """The network's size; the defaults are those of Point-E's `pointnet.pt`.

    Args:
        levels: groupings, one after the other.
        whole: widths of the layers before the maximum over the whole cloud.
        head: widths of the two layers after it; the second is what features are.
        classes: ModelNet's.
    """

    levels: tuple[Level, ...] = (Level(512, 0.2, 32, (128, 128, 256)), Level(128, 0.4, 64, (256, 256, 512)))
    whole: tuple[int, ...] = (512, 1024, 2048)
    head: tuple[int, int] = (1024, 512)
    classes: int = 40


class Answer(NamedTuple):
    """What the network says of B clouds.

    Args:
        features: (B, C) of the last layer but one, normalised, before its activation.
        log_probabilities: (B, K) of the classes.
    """

    features: Float[Tensor, "B C"]
    log_probabilities: Float[Tensor, "B K"]


class Abstraction(nn.Module):
    """Layers on every point of a group, then the maximum over the group."""

    def __init__(self, into: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        sizes = list(zip((into, *widths), widths, strict=False))
        self.mlp_convs = nn.ModuleList(nn.Conv2d(a, b, 1) for a, b in sizes)
        self.mlp_bns = nn.ModuleList(nn.BatchNorm2d(b) for _, b in sizes)

    def forward(self, grouped: Float[Tensor, "B C k M"]) -> Float[Tensor, "B D M"]:
        """(B, C, k, M): k points of M groups, to (B, D, M)."""
        for layer, norm in zip(self.mlp_convs, self.mlp_bns, strict=True):
            grouped = torch.relu(norm(layer(grouped)))
        return grouped.amax(2)


class PointNet(nn.Module):
    """The classifier.

    Which points are centres depends on the first point of a cloud: farthest points start there, for every cloud, where
    the authors' code starts at the point of the cloud's number in its batch. So an answer depends on the cloud alone.
    """

    def __init__(self, size: Size | None = None) -> None:
        super().__init__()
        self.size = size = size or Size()
        *inner, last = (0, *(level.widths[-1] for level in size.levels))
        self.sa1, self.sa2 = (Abstraction(3 + c, lv.widths) for c, lv in zip(inner, size.levels, strict=True))
        self.sa3 = Abstraction(3 + last, size.whole)
        self.fc1, self.bn1 = nn.Linear(size.whole[-1], size.head[0]), nn.BatchNorm1d(size.head[0])
        self.fc2, self.bn2 = nn.Linear(*size.head), nn.BatchNorm1d(size.head[1])
        self.fc3 = nn.Linear(size.head[1], size.classes)

    @torch.inference_mode()
    def forward(self, cloud: Cloud) -> Answer:
        """Of one cloud (B = 1) that is `centred`."""
        features: Tensor | None = None
        for level, abstraction in zip(self.size.levels, (self.sa1, self.sa2), strict=True):
            middle = cloud[farthest_points(cloud, level.centres)]
            groups = ball_points(cloud, middle, level.radius, level.members)  # (M, k)
            offset = torch.from_numpy(cloud[groups] - middle[:, None]).permute(2, 1, 0)  # (3, k, M)
            index = torch.from_numpy(np.ascontiguousarray(groups.T))
            grouped = offset if features is None else torch.cat([offset, features[:, index]])
            features, cloud = abstraction(grouped[None])[0], middle
        assert features is not None
        everything = torch.cat([torch.from_numpy(np.ascontiguousarray(cloud.T)), features])  # (3 + C, M)
        x = self.sa3(everything[None, :, :, None])[:, :, 0]  # (1, D)
        x = self.bn2(self.fc2(torch.relu(self.bn1(self.fc1(x)))))
        return Answer(x, self.fc3(torch.relu(x)).log_softmax(-1))

    def answers(self, clouds: Sequence[Cloud]) -> tuple[Float32[np.ndarray, "B C"], Float32[np.ndarray, "B K"]]:
        """Features and log probabilities of clouds of any place and size; of each by itself, whatever the others."""
        found = [self(centred(cloud)) for cloud in clouds]
        features, logs = (np.concatenate([answer[i].numpy() for answer in found]) for i in range(2))
        return features, logs


def centred(cloud: Cloud) -> Cloud:
    """The cloud with its centroid at 0 and its largest radius 1, as the network was trained on."""
    moved = cloud - cloud.mean(0, dtype=np.float64).astype(np.float32)
    radius = float(np.linalg.norm(moved, axis=1).max())
    return moved / np.float32(radius or 1)
