"""One object as mesh and/or points, in the house frame: +Y up, +Z front, bounding-box centre at 0, largest radius 1."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Int16, Int64, UInt8

from gen3d.errors import InputError

UNLABELLED = -1


@dataclass(frozen=True, eq=False)
class Shape:
    """One object: a mesh, a point cloud, or both. Labels are part indices of its category, -1 = unlabelled.

    Args:
        id: name, unique in its collection.
        category: a word of `gen3d.categories`, or any other word for unknown ones.
        vertices: (V, 3) float32.
        faces: (F, 3) int64 indices into `vertices`.
        face_labels: (F,) int16.
        vertex_colors: (V, 3) uint8, sRGB.
        points: (N, 3) float32.
        normals: (N, 3) float32 unit normals of `points`.
        point_labels: (N,) int16.
        point_colors: (N, 3) uint8, sRGB.
        meta: prompt, seed, generator, scores; JSON-able.
    """

    id: str
    category: str
    vertices: Float32[np.ndarray, "V 3"] | None = None
    faces: Int64[np.ndarray, "F 3"] | None = None
    face_labels: Int16[np.ndarray, " F"] | None = None
    points: Float32[np.ndarray, "N 3"] | None = None
    normals: Float32[np.ndarray, "N 3"] | None = None
    point_labels: Int16[np.ndarray, " N"] | None = None
    point_colors: UInt8[np.ndarray, "N 3"] | None = None
    vertex_colors: UInt8[np.ndarray, "V 3"] | None = None
    meta: dict[str, Any] = field(default_factory=dict)

    @property
    def mesh(self) -> tuple[Float32[np.ndarray, "V 3"], Int64[np.ndarray, "F 3"]]:
        """Vertices and faces. Raises InputError where the shape has only points."""
        if self.vertices is None or self.faces is None or not len(self.faces):
            raise InputError(f"{self.id}: has no faces; this step needs a mesh")
        return self.vertices, self.faces

    @property
    def has_mesh(self) -> bool:
        """Whether there are faces to render."""
        return self.faces is not None and len(self.faces) > 0

    def transformed(self, matrix: Float[np.ndarray, "3 3"], offset: Float[np.ndarray, " 3"] | None = None) -> Shape:
        """The shape with every position x moved to `matrix @ x + offset`, any invertible matrix.

        Normals stay square to the surface, and faces keep their outside where the matrix reflects.
        """
        shift = np.zeros(3) if offset is None else offset
        normal_matrix = np.linalg.inv(matrix).T

        def move(x: np.ndarray | None) -> np.ndarray | None:
            with np.errstate(invalid="ignore", over="ignore"):  # unused vertices may be anything
                return None if x is None else (x @ matrix.T + shift).astype(np.float32)

        normals = None if self.normals is None else unit(self.normals @ normal_matrix.T).astype(np.float32)
        faces = self.faces
        if faces is not None and np.linalg.det(matrix) < 0:
            faces = np.ascontiguousarray(faces[:, ::-1])
        return replace(self, vertices=move(self.vertices), faces=faces, points=move(self.points), normals=normals)

    def normalised(self) -> Shape:
        """The shape with its bounding-box centre at 0 and its largest radius 1 (method.md, section 5).

        Only vertices used by a face count. Raises InputError for an empty, non-finite or zero-size shape.
        """
        centre, radius = frame(self.positions(), self.id)
        return self.transformed(np.eye(3) / radius, -centre / radius)

    def bare(self) -> Shape:
        """The shape without its labels."""
        return replace(self, face_labels=None, point_labels=None)

    def positions(self) -> Float32[np.ndarray, "K 3"]:
        """The vertices in use, or the points where there is no mesh."""
        if self.has_mesh:
            vertices, faces = self.mesh
            used = np.zeros(len(vertices), bool)
            used[faces] = True  # much quicker than looking for the different ones among millions
            return vertices[used]
        return np.zeros((0, 3), np.float32) if self.points is None else self.points

    def centroids(self) -> Float32[np.ndarray, "F 3"]:
        """Middle of every face. Raises InputError where the shape has only points."""
        vertices, faces = self.mesh
        return vertices[faces].mean(1).astype(np.float32)

    def oriented(self) -> tuple[Float32[np.ndarray, "N 3"], Float32[np.ndarray, "N 3"]]:
        """The stored points and their normals, estimated where there are none. Raises InputError without points."""
        if self.points is None:
            raise InputError(f"{self.id}: has no points")
        return self.points, estimate_normals(self.points) if self.normals is None else self.normals

    def sampled(self, count: int, seed: int) -> Shape:
        """The shape with `count` points: area-uniform on the mesh, else a random choice of the stored points.

        The choice depends only on `seed`, the shape's id and the geometry. Labels follow the faces (or points).
        A cloud with fewer points than asked for is repeated before the random remainder is drawn.
        """
        return self.samplings(count, [seed])[0]

    def samplings(self, count: int, seeds: Iterable[int]) -> list[Shape]:
        """The same for several seeds; the areas of a mesh's faces are added up only once."""
        if not self.has_mesh:
            return [self._taken(self.picked(count, seed)) for seed in seeds]
        upto = self._cumulated_areas()
        found = []
        for seed in seeds:
            points, normals, face = self._drawn(upto, count, seed)
            labels = None if self.face_labels is None else self.face_labels[face]
            found.append(replace(self, points=points, normals=normals, point_labels=labels, point_colors=None))
        return found

    def drawn(
        self, count: int, seed: int
    ) -> tuple[Float32[np.ndarray, "N 3"], Float32[np.ndarray, "N 3"], Int64[np.ndarray, " N"]]:
        """The points that `sampled` puts on a mesh, with their normals and the face that each lies on."""
        return self._drawn(self._cumulated_areas(), count, seed)

    def _drawn(
        self, upto: Float[np.ndarray, " F"], count: int, seed: int
    ) -> tuple[Float32[np.ndarray, "N 3"], Float32[np.ndarray, "N 3"], Int64[np.ndarray, " N"]]:
        return _sample_strips(*self.mesh, upto, count, np.random.default_rng([seed, *self.id.encode()]))

    def _cumulated_areas(self) -> Float[np.ndarray, " F"]:
        try:
            return cumulated_areas(*self.mesh)
        except InputError as error:
            raise InputError(f"{self.id}: {error}") from None

    def _taken(self, pick: Int64[np.ndarray, " N"]) -> Shape:
        """These points of a cloud, with all that belongs to them."""

        def take(x: np.ndarray | None) -> np.ndarray | None:
            return None if x is None else x[pick]

        rows = {key: take(getattr(self, key)) for key in ("points", "normals", "point_labels", "point_colors")}
        return replace(self, **rows)

    def picked(self, count: int, seed: int) -> Int64[np.ndarray, " N"]:
        """Which of its stored points `sampled` draws from a cloud. Raises InputError where there are none."""
        total = len(self.positions())
        if not total:
            raise InputError(f"{self.id}: has neither faces nor points")
        whole, rest = divmod(count, total)
        rng = np.random.default_rng([seed, *self.id.encode()])
        return np.concatenate([np.tile(np.arange(total), whole), rng.permutation(total)[:rest]])


def frame(positions: Float[np.ndarray, "K 3"], name: str) -> tuple[Float[np.ndarray, " 3"], float]:
    """Bounding-box centre and largest distance from it. Raises InputError where there is no size to divide by."""
    if not len(positions):
        raise InputError(f"{name}: is empty")
    if not np.isfinite(positions).all():
        raise InputError(f"{name}: has positions that are not finite (NaN or Inf)")
    wide = positions.astype(np.float64)
    centre = (wide.min(0) + wide.max(0)) / 2
    radius = float(np.linalg.norm(wide - centre, axis=1).max())
    if not 1e-20 < radius < 1e20:
        raise InputError(f"{name}: has zero or unbounded size")
    return centre, radius


def unit(vectors: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
    """The vectors at length 1; zero stays zero."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(length > 0, length, 1)


def face_normals(
    vertices: Float[np.ndarray, "V 3"], faces: Int64[np.ndarray, "F 3"]
) -> tuple[Float[np.ndarray, "F 3"], Float[np.ndarray, " F"]]:
    """Unit normal (counter-clockwise is outside) and area of every face."""
    cross = _doubled(vertices, faces)
    length = np.linalg.norm(cross, axis=1)
    return cross / np.where(length > 0, length, 1)[:, None], length / 2


def face_areas(vertices: Float[np.ndarray, "V 3"], faces: Int64[np.ndarray, "F 3"]) -> Float[np.ndarray, " F"]:
    """Area of every face alone."""
    return np.linalg.norm(_doubled(vertices, faces), axis=1) / 2


def _doubled(vertices: Float[np.ndarray, "V 3"], faces: Int64[np.ndarray, "F 3"]) -> Float[np.ndarray, "F 3"]:
    """The normals of faces, as long as twice their areas."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))  # (F, 3) each
    return np.cross(b - a, c - a)


def cumulated_areas(vertices: Float32[np.ndarray, "V 3"], faces: Int64[np.ndarray, "F 3"]) -> Float[np.ndarray, " F"]:
    """Area of every face and those before it. Raises InputError (reason only) where there is none."""
    with np.errstate(invalid="ignore"):  # NaN and Inf are refused below
        upto = np.cumsum(face_areas(vertices.astype(np.float64), faces))
    if not 0 < upto[-1] < np.inf:
        raise InputError("has no finite, positive area to sample points on")
    return upto


def sample_surface(
    vertices: Float32[np.ndarray, "V 3"], faces: Int64[np.ndarray, "F 3"], count: int, rng: np.random.Generator
) -> tuple[Float32[np.ndarray, "N 3"], Float32[np.ndarray, "N 3"], Int64[np.ndarray, " N"]]:
    """`count` points uniform by area: positions, unit normals and the face each lies on.

    Stratified: the cumulated area is cut into `count` equal strips with one draw in each, so that a run of
    faces gets its share of points to within two. Barycentric draw: Osada et al. 2002, eq. 1. Raises InputError where
    there is no area.
    """
    return _sample_strips(vertices, faces, cumulated_areas(vertices, faces), count, rng)


def _sample_strips(
    vertices: Float32[np.ndarray, "V 3"],
    faces: Int64[np.ndarray, "F 3"],
    upto: Float[np.ndarray, " F"],
    count: int,
    rng: np.random.Generator,
) -> tuple[Float32[np.ndarray, "N 3"], Float32[np.ndarray, "N 3"], Int64[np.ndarray, " N"]]:
    """See `sample_surface`; `upto` is the cumulated area."""
    total = upto[-1]
    strips = (np.arange(count) + rng.random(count)) / count * total
    # the first face to end beyond the draw; rounding must not carry a draw past the last face with an area
    face = np.searchsorted(upto, np.minimum(strips, np.nextafter(total, 0)), side="right")  # (N,)
    root, v = np.sqrt(rng.random((count, 1))), rng.random((count, 1))
    a, b, c = (vertices[faces[face, i]] for i in range(3))  # (N, 3) each
    points = (1 - root) * a + root * (1 - v) * b + root * v * c
    normals = face_normals(vertices.astype(np.float64), faces[face])[0]
    order = rng.permutation(count)  # neighbours on the strip are neighbours in space; users may take a prefix
    return points[order].astype(np.float32), normals[order].astype(np.float32), face[order].astype(np.int64)


def estimate_normals(points: Float32[np.ndarray, "N 3"], k: int = 16) -> Float32[np.ndarray, "N 3"]:
    """Unoriented unit normals: direction of least variance among the k nearest neighbours (Hoppe et al. 1992).

    Points at the same place count once.
    """
    from scipy.spatial import KDTree  # a third of the time that a command with nothing to do takes

    places, which = np.unique(points, axis=0, return_inverse=True)
    _, index = KDTree(places).query(places, k=min(k, len(places)))
    near = places[index.reshape(len(places), -1)].astype(np.float64)  # (M, k, 3)
    near -= near.mean(1, keepdims=True)
    normals = np.linalg.eigh(near.transpose(0, 2, 1) @ near)[1][:, :, 0]
    return normals[which.reshape(-1)].astype(np.float32)


def yaw(degrees: float) -> Float[np.ndarray, "3 3"]:
    """Rotation about +Y; +90 takes the front (+Z) to +X."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
