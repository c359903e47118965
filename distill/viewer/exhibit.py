"""One shape as it is looked at: its surface, ways to colour it (layers), and the pieces that can be shown or hidden."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float32, Int16, Int64, UInt8

from gen3d.colors import RIGHT_COLOR, UNLABELLED_GREY, WRONG_COLOR, part_color
from gen3d.shape import UNLABELLED, Shape, estimate_normals, face_areas

LONGEST_EDGE = 0.06  # radii; longer edges of a surface are halved where it is coloured by what was said of points
MOST_FACES = 200_000  # beyond that nothing is halved
MOST_LIT = 100_000  # points; the normals of more take too long
_LAMP = np.array([0.4, 0.7, 0.6], np.float32)  # towards it, in the house frame; both sides of a surface are lit
_SURE = ((68, 1, 84), (49, 104, 142), (53, 183, 121), (253, 231, 37))  # viridis, which grows lighter evenly
_BOUNDS = (0.25, 0.5, 0.75)

Picture = UInt8[np.ndarray, "H W 3"]


class Entry(NamedTuple):
    """A line of the legend: what a colour means, and how much of the surface (or of the points) has it, 0 to 1."""

    name: str
    color: tuple[int, int, int]
    share: float


@dataclass(frozen=True, eq=False)
class Layer:
    """One way to colour a shape.

    Args:
        title: what it is chosen by.
        names: what the labels mean, in their order.
        colors: (K, 3) of those names.
        labels: (E,) of every face, or of every point where there are no faces; -1 = none of the names.
        rest: what -1 is called.
    """

    title: str
    names: tuple[str, ...]
    colors: UInt8[np.ndarray, "K 3"]
    labels: Int16[np.ndarray, " E"]
    rest: str = "unlabelled"

    def mask(self, name: str) -> Bool[np.ndarray, " E"]:
        """Which faces (or points) have that name."""
        return self.labels == (self.names.index(name) if name in self.names else UNLABELLED)

    def legend(self, weights: Float[np.ndarray, " E"]) -> list[Entry]:
        """All names, and `rest` where something is that."""
        total = np.bincount(self.labels + 1, weights, len(self.names) + 1) / max(float(weights.sum()), 1e-30)
        colors = [tuple(color) for color in self.colors.tolist()]
        entries = list(map(Entry, self.names, colors, total[1:].tolist()))
        if (self.labels == UNLABELLED).any():
            entries.append(Entry(self.rest, tuple(UNLABELLED_GREY.tolist()), float(total[0])))
        return entries


class Piece(NamedTuple):
    """The faces (or points) of one name.

    Args:
        name: in the legend.
        color: of it.
        vertices: those in use, or the points.
        faces: None for points.
        light: of every point, 0 to 1, since nothing lights points in a browser; None for faces.
    """

    name: str
    color: tuple[int, int, int]
    vertices: Float32[np.ndarray, "V 3"]
    faces: Int64[np.ndarray, "F 3"] | None
    light: Float32[np.ndarray, " V"] | None


@dataclass(frozen=True, eq=False)
class Exhibit:
    """A shape to look at.

    Args:
        id: of the shape.
        shape: in the house frame, as it is stored.
        surface: what is shown: faces, or points alone, normalised.
        layers: ways to colour it, one at least; labels are of `surface`.
        notes: (what, value) to be told beside it.
        views: teacher -> what makes its views, with what it found tinted; each costs a rendering.
        cameras: teacher -> (elevation, azimuth) of those views.
    """

    id: str
    shape: Shape
    surface: Shape
    layers: tuple[Layer, ...]
    notes: tuple[tuple[str, str], ...] = ()
    views: Mapping[str, Callable[[], list[Picture]]] = field(default_factory=dict)
    cameras: Mapping[str, tuple[tuple[float, float], ...]] = field(default_factory=dict)

    def layer(self, title: str | None) -> Layer:
        """The layer of that title; the first where it has none such."""
        return next((layer for layer in self.layers if layer.title == title), self.layers[0])

    def teacher(self, name: str | None) -> str | None:
        """The teacher of that name that has views; the first where it has none; None where there are no views."""
        return name if name in self.views else next(iter(self.views), None)

    def weights(self) -> Float[np.ndarray, " E"]:
        """Area of every face, or 1 for every point."""
        if self.surface.has_mesh:
            return face_areas(*self.surface.mesh).astype(np.float64)
        return np.ones(len(self.surface.positions()))

    def places(self) -> Float32[np.ndarray, "E 3"]:
        """Where the faces (their middles) or points are, in the frame of `surface`."""
        return self.surface.centroids() if self.surface.has_mesh else self.surface.positions()

    def pieces(self, title: str | None) -> list[Piece]:
        """The surface in pieces, one for every name of a layer that occurs."""
        layer = self.layer(title)
        light = None if self.surface.has_mesh else _lit(self.surface)
        return [
            Piece(name, color, *_cut(self.surface, mask), None if light is None else light[mask])
            for name, color, _ in layer.legend(self.weights())
            if (mask := layer.mask(name)).any()
        ]

    def with_layers(self, *layers: Layer) -> Exhibit:
        """The same with further layers."""
        return replace(self, layers=(*self.layers, *layers))

    def refined(self) -> Exhibit:
        """The same with faces small enough to be coloured by what was said of points; clouds as they are."""
        if not self.surface.has_mesh:
            return self
        vertices, faces, parent = bisected(*self.surface.mesh)
        surface = replace(self.surface, vertices=vertices, faces=faces, face_labels=None, vertex_colors=None)
        return replace(
            self,
            surface=surface,
            layers=tuple(replace(layer, labels=layer.labels[parent]) for layer in self.layers),
        )


def exhibit_of(shape: Shape, layers: Callable[[Int16[np.ndarray, " E"] | None], tuple[Layer, ...]]) -> Exhibit:
    """A shape in the house frame.

    Args:
        shape: shown are its points where they have labels and its faces have none, else its faces if it has any.
        layers: makes the layers of the labels of what is shown, which are None where there are none.
    """
    whole = shape.normalised()
    points = not whole.has_mesh or (whole.face_labels is None and whole.point_labels is not None)
    surface = (
        replace(whole, **dict.fromkeys(("vertices", "faces", "face_labels", "vertex_colors"))) if points else whole
    )
    labels = surface.point_labels if points else surface.face_labels
    if labels is not None and not (labels != UNLABELLED).any():
        labels = None
    found = layers(labels)
    count = len(surface.positions()) if points else len(surface.mesh[1])
    return Exhibit(shape.id, shape, surface, found or (plain_layer(count, points),))


def part_layer(title: str, parts: tuple[str, ...], labels: Int16[np.ndarray, " E"], rest: str = "unlabelled") -> Layer:
    """A layer in the colours of parts; labels that have no name yet are called by their number."""
    names = (*parts, *(f"part {i}" for i in range(len(parts), int(labels.max(initial=UNLABELLED)) + 1)))
    colors = np.array([part_color(i) for i in range(len(names))], np.uint8).reshape(-1, 3)
    return Layer(title, names, colors, labels, rest)


def plain_layer(count: int, points: bool = False) -> Layer:
    """Nothing is known of any face (or point)."""
    labels = np.full(count, UNLABELLED, np.int16)
    return Layer("shape", (), np.zeros((0, 3), np.uint8), labels, "points" if points else "surface")


def error_layer(title: str, truth: Int16[np.ndarray, " E"], answer: Int16[np.ndarray, " E"]) -> Layer:
    """Where an answer is wrong; -1 of the truth does not count."""
    labels = np.where(truth == UNLABELLED, UNLABELLED, truth != answer).astype(np.int16)
    return Layer(title, ("right", "wrong"), np.array([RIGHT_COLOR, WRONG_COLOR], np.uint8), labels, "not counted")


def confidence_layer(title: str, confidence: Float[np.ndarray, " E"]) -> Layer:
    """Confidence in four steps, darker is less; 0 is no answer."""
    labels = np.where(confidence > 0, np.searchsorted(_BOUNDS, confidence, side="right"), UNLABELLED).astype(np.int16)
    names = ("below 0.25", "0.25 to 0.5", "0.5 to 0.75", "0.75 and more")
    return Layer(title, names, np.array(_SURE, np.uint8), labels, "no answer")


def bisected(
    vertices: Float32[np.ndarray, "V 3"],
    faces: Int64[np.ndarray, "F 3"],
    longest: float = LONGEST_EDGE,
    most: int = MOST_FACES,
) -> tuple[Float32[np.ndarray, "V2 3"], Int64[np.ndarray, "F2 3"], Int64[np.ndarray, " F2"]]:
    """Faces halved at their longest edge until none is longer, and which face each is a piece of.

    The surface stays the same. It stops before there are more than `most` faces.
    """
    parent = np.arange(len(faces))
    while True:
        corners = vertices[faces]  # (F, 3, 3)
        edges = np.linalg.norm(corners - np.roll(corners, -1, 1), axis=2)  # (F, 3): from corner i to the next
        long = np.flatnonzero(edges.max(1) > longest)
        if not len(long) or len(faces) + len(long) > most:
            return vertices, faces, parent
        first = edges[long].argmax(1)
        a, b, c = (faces[long, (first + i) % 3] for i in range(3))
        middle = len(vertices) + np.arange(len(long))
        vertices = np.concatenate([vertices, (vertices[a] + vertices[b]) / 2]).astype(np.float32)
        halves = [np.stack([a, middle, c], 1), np.stack([middle, b, c], 1)]
        short = np.delete(np.arange(len(faces)), long)
        faces = np.concatenate([faces[short], *halves])
        parent = np.concatenate([parent[short], parent[long], parent[long]])


def _cut(
    surface: Shape, mask: Bool[np.ndarray, " E"]
) -> tuple[Float32[np.ndarray, "V 3"], Int64[np.ndarray, "F 3"] | None]:
    """The chosen faces with the vertices that they use, or the chosen points."""
    if not surface.has_mesh:
        return surface.positions()[mask], None
    vertices, faces = surface.mesh
    used, index = np.unique(faces[mask], return_inverse=True)
    return vertices[used], index.reshape(-1, 3).astype(np.int64)


def _lit(cloud: Shape) -> Float32[np.ndarray, " N"]:
    """How bright every point of a cloud is."""
    points = cloud.positions()
    if cloud.normals is None and not 3 < len(points) <= MOST_LIT:
        return np.ones(len(points), np.float32)
    normals = estimate_normals(points) if cloud.normals is None else cloud.normals
    return (0.7 + 0.3 * np.abs(normals @ _LAMP).clip(0, 1)).astype(np.float32)
