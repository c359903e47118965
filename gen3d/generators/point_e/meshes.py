"""From a cloud to a mesh by Point-E's network of signed distance, coloured by the nearest points."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float32

from gen3d.generators.point_e.clouds import Cloud
from gen3d.generators.point_e.networks import SignedDistance
from gen3d.isosurface import ColoredMesh, extract_mesh, without_floaters

SIDE = 1.02  # of the box, as published; clouds reach ±0.5
_CHUNK = 8192  # places per question; each looks at every point of the cloud
_LAYERS, _PLACE, _PAIR = 4, 1.31e6, 1024  # of the published decoder: operations of a layer at a place, and per point


@torch.inference_mode()
def cloud_mesh(network: SignedDistance, cloud: Cloud, resolution: int) -> ColoredMesh:
    """The surface where the network says distance 0, positive inside; its small floating pieces left out.

    The sign follows from how the authors' code turns the faces that their library gives (github.com/openai/point-e).

    Args:
        network: in float32; trained on 4,096 points.
        cloud: finite positions.
        resolution: places along each side of the box; 32 as in the demo, 128 as in the evaluation.

    Raises:
        MissingError, InputError: see `gen3d.isosurface.extract_mesh`.
    """
    from scipy.spatial import KDTree  # takes longer to import than a command with nothing to do

    device = network.output_proj.weight.device
    tokens = network.encode(torch.from_numpy(cloud.points)[None].to(device))

    def inside(places: Float32[np.ndarray, "P 3"]) -> Float32[np.ndarray, " P"]:
        return network(torch.from_numpy(places)[None].to(device), tokens)[0].cpu().numpy()

    vertices, faces = without_floaters(*extract_mesh(inside, resolution, -SIDE / 2, SIDE / 2, _CHUNK))
    nearest = KDTree(cloud.points).query(vertices)[1]
    return ColoredMesh(vertices, faces, cloud.colors[nearest])


def mesh_operations(resolution: int, points: int) -> float:
    """Floating-point operations of the grid at the published size, the encoder's few left out."""
    return resolution**3 * _LAYERS * (_PLACE + _PAIR * points)
