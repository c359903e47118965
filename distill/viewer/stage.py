"""The shape in the browser's window: its pieces as nodes of viser's scene, and where the camera stands."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32

from distill.viewer.exhibit import Piece
from gen3d.rendering.cameras import Camera

if TYPE_CHECKING:
    from viser import MeshHandle, PointCloudHandle, ViserServer

START = Camera(20, 30)  # in front, a little to the right and above; angle and distance are a teacher's


class Stage:
    """Draws pieces; every browser that looks in sees the same of them, each from a camera of its own.

    Args:
        server: viser's, of which the scene is ours alone.
    """

    def __init__(self, server: ViserServer) -> None:
        self._server = server
        self._nodes: dict[str, MeshHandle | PointCloudHandle] = {}
        scene, camera = server.scene, server.initial_camera
        scene.set_up_direction("+y")
        scene.configure_default_lights(True, cast_shadow=False)
        camera.position, camera.look_at, camera.up = tuple(START.position), (0.0, 0.0, 0.0), (0.0, 1.0, 0.0)
        camera.fov = float(np.radians(START.fov))

    @property
    def shown(self) -> dict[str, bool]:
        """Whether each piece is to be seen, by name."""
        return {name: bool(node.visible) for name, node in self._nodes.items()}

    def draw(self, pieces: list[Piece], hidden: Collection[str]) -> None:
        """Put these pieces in the place of those before, but show none that is hidden."""
        with self._server.atomic():
            for node in self._nodes.values():
                node.remove()
            ball = _ball(pieces)
            self._nodes = {
                piece.name: self._node(f"/shape/{number}", piece, ball, piece.name not in hidden)
                for number, piece in enumerate(pieces)
            }

    def hide(self, hidden: Collection[str]) -> None:
        """Show the pieces that are not hidden, and no others."""
        for name, node in self._nodes.items():
            if node.visible != (name not in hidden):
                node.visible = name not in hidden

    def look_from(self, elevation: float, azimuth: float) -> None:
        """Have all browsers look at the shape from there; degrees as of `gen3d.rendering.cameras.Camera`."""
        place = Camera(elevation, azimuth).position
        for client in self._server.get_clients().values():
            with client.atomic():
                client.camera.up_direction = (0.0, 1.0, 0.0)
                client.camera.position = tuple(place)
                client.camera.look_at = (0.0, 0.0, 0.0)
                client.camera.fov = float(np.radians(START.fov))

    def _node(self, name: str, piece: Piece, ball: float, visible: bool) -> MeshHandle | PointCloudHandle:
        """A node of the scene. Its name is a number: those of parts may hold anything."""
        scene = self._server.scene
        if piece.faces is None:
            assert piece.light is not None
            colors = (piece.light[:, None] * np.array(piece.color)).astype(np.uint8)
            return scene.add_point_cloud(
                name, piece.vertices, colors, point_size=ball, point_shape="circle", visible=visible
            )
        return scene.add_mesh_simple(
            name,
            piece.vertices,
            piece.faces,
            color=piece.color,
            flat_shading=True,
            side="double",
            cast_shadow=False,
            receive_shadow=False,
            visible=visible,
        )


def _ball(pieces: list[Piece]) -> float:
    """Size of points at which they just close the surface: a little over the usual distance to the fourth nearest."""
    from scipy.spatial import KDTree

    points = np.concatenate([np.zeros((0, 3), np.float32), *(p.vertices for p in pieces if p.faces is None)])
    if len(points) < 2:
        return 0.02
    some: Float32[np.ndarray, "M 3"] = points[np.random.default_rng(0).permutation(len(points))[:2000]]
    distance = KDTree(points).query(some, k=min(5, len(points)))[0][:, -1]
    return float(np.clip(0.8 * np.median(distance), 0.004, 0.1))
