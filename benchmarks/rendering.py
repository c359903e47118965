"""What rendering a mesh costs, as ratios to what the same work costs otherwise: `python benchmarks/rendering.py`.

Ten views at 224 and 512 pixels by `EmbreeRenderer` (face, depth, normal and weights of every pixel) against

1. `scene.run` of embreex on the rays of all pixels, the least that has to be paid, once with both sides building their
   scene and once with the bare rays given a scene that is built already, which ours never is;
2. `intersects_location` of trimesh as it is called by default, both sides building their scene;
3. our renderer `open3d`, on one thread, where that package is installed.

The sides take turns in one run; each figure is the least CPU time of seven rounds. A ratio above 1 means that ours is
cheaper. The faces seen must be trimesh's, but for pixels where two faces meet or lie in one place.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from typing import Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import trimesh
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene

from gen3d.errors import MissingError
from gen3d.generators.procedural import ProceduralGenerator
from gen3d.rendering import make_renderer
from gen3d.rendering.cameras import rings
from gen3d.rendering.embree import EmbreeRenderer
from gen3d.rendering.view import BACKGROUND, View
from gen3d.shape import Shape, face_normals

ROUNDS = 7
SIZES = (224, 512)
FACES = 20_000
TARGETS = {"rays and scene": 0.7, "rays alone": 0.7, "trimesh": 4.0}


class Rays(NamedTuple):
    """Origins and unit directions of the rays of all pixels of all views, (R, 3) float32."""

    origins: np.ndarray
    directions: np.ndarray


def rocky_ball() -> Shape:
    """A finely cut sphere with dents: no two pixels' rays are alike."""
    ball = trimesh.creation.icosphere(subdivisions=5)
    x = np.array(ball.vertices)
    x *= 1 + 0.2 * np.sin(9 * x[:, :1]) * np.cos(7 * x[:, 1:2])
    return Shape("ball", "ball", x.astype(np.float32), np.array(ball.faces, np.int64)).normalised()


def fine_chair() -> Shape:
    """A chair of the grammar, its largest faces cut in four until there are enough."""
    vertices, faces = ProceduralGenerator().generate("chair", 0, "chair").mesh
    while len(faces) < FACES:
        largest = np.argsort(-face_normals(vertices, faces)[1])[: (FACES - len(faces) + 2) // 3]
        vertices, faces = trimesh.remesh.subdivide(vertices, faces, largest)[:2]
    return Shape("chair", "chair", np.array(vertices, np.float32), np.array(faces, np.int64))


def all_rays(renderer: EmbreeRenderer) -> Rays:
    """The rays of every pixel of the renderer's cameras."""
    directions = [camera.directions().reshape(-1, 3) for camera in renderer.cameras]
    origins = [np.broadcast_to(c.position, d.shape) for c, d in zip(renderer.cameras, directions, strict=True)]
    return Rays(np.concatenate(origins).astype(np.float32), np.concatenate(directions))


def build(shape: Shape) -> Any:
    """An Embree scene of the shape."""
    vertices, faces = shape.mesh
    scene = EmbreeScene()
    TriangleMesh(scene, vertices, faces.astype(np.int32))
    return scene


def by_trimesh(shape: Shape, rays: Rays) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every crossing of every ray: where, which ray, which face."""
    vertices, faces = shape.mesh
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    return mesh.ray.intersects_location(rays.origins, rays.directions)


def least_times(sides: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """CPU seconds of each side, the least of the rounds; the sides take turns."""
    times = dict.fromkeys(sides, np.inf)
    for _ in range(ROUNDS):
        for name, side in sides.items():
            start = time.process_time()
            side()
            times[name] = min(times[name], time.process_time() - start)
    return times


def differing(views: list[View], shape: Shape, rays: Rays) -> tuple[float, float]:
    """Shares of pixels that show another face than trimesh's nearest; and that show it at another depth (1e-4) too."""
    where, ray, face = by_trimesh(shape, rays)
    distance = ((where - rays.origins[ray]) * rays.directions[ray]).sum(1)
    order = np.lexsort((distance, ray))
    ray, first = np.unique(ray[order], return_index=True)
    expected, far = np.full(len(rays.origins), BACKGROUND), np.full(len(rays.origins), np.inf)
    expected[ray], far[ray] = face[order][first], distance[order][first]
    element = np.concatenate([view.element.reshape(-1) for view in views])
    depth = np.concatenate([view.depth.reshape(-1) for view in views])
    ahead = np.concatenate([np.full(v.camera.size**2, i) for i, v in enumerate(views)])
    axes = np.stack([-view.camera.axes[2] for view in views])[ahead]
    other = element != expected
    apart = ~np.isclose(depth[other], (far * (rays.directions * axes).sum(1))[other], rtol=0, atol=1e-4)
    return float(other.mean()), float(apart.sum() / len(other))


def report(shape: Shape, size: int) -> None:
    """Print the figures of one mesh at one size."""
    renderer = EmbreeRenderer(rings(10, size))
    rays, scene, title = all_rays(renderer), build(shape), f"{shape.id}, {len(shape.mesh[1])} faces, 10 x {size}x{size}"
    scene.run(rays.origins[:1], rays.directions[:1])  # the first call builds the tree
    sides: dict[str, Callable[[], Any]] = {
        "ours": lambda: renderer.render(shape),
        "rays and scene": lambda: build(shape).run(rays.origins, rays.directions, output=True),
        "rays alone": lambda: scene.run(rays.origins, rays.directions, output=True),
        "trimesh": lambda: by_trimesh(shape, rays),
    }
    with contextlib.suppress(MissingError):
        other_renderer = make_renderer("open3d", renderer.cameras, mesh=True)
        sides["open3d"] = lambda: other_renderer.render(shape)
    times = least_times(sides)
    for name in list(sides)[1:]:
        ours, other = times["ours"], times[name]
        target = f", target >= {TARGETS[name]}" if name in TARGETS else ""
        print(f"{title}, against {name}: ours {ours:.3f} s, other {other:.3f} s, ratio {other / ours:.2f}{target}")
    other, apart = differing(renderer.render(shape), shape, rays)
    print(f"{title}, pixels of another face than trimesh's: {other:.4%}, of another depth: {apart:.4%}, target < 0.1%")


if __name__ == "__main__":
    for shape in (rocky_ball(), fine_chair()):
        for size in SIZES:
            report(shape, size)
