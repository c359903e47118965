"""Distances along a mesh and rings of its faces. Vertices at the same place count as one, so that seams don't cut."""

from __future__ import annotations

from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from gen3d.errors import InputError, MissingError

if TYPE_CHECKING:
    from scipy.sparse import csr_array

HEAT, EDGES = "heat", "edges"  # how distances are found
OTHERWISE = "take --set geodesics=edges"
INSTALL = "python -m pip install 'gen3d[baselines]'"


class Surface:
    """A mesh as a surface.

    Args:
        vertices: any frame.
        faces: any triangles; those with two corners at one place have no part in distances.
        geodesics: HEAT, the heat method (Crane et al. 2013) of potpourri3d; EDGES, the shortest way along edges, which
            is up to some tens of percent too long but needs no more than scipy.
    """

    def __init__(
        self, vertices: Float32[np.ndarray, "V 3"], faces: Int64[np.ndarray, "F 3"], geodesics: str = HEAT
    ) -> None:
        # + 0.0 makes one zero of two
        places, number = np.unique(vertices[faces].reshape(-1, 3) + 0.0, axis=0, return_inverse=True)
        self.places: Float64[np.ndarray, "P 3"] = places.astype(np.float64)
        self.faces: Int64[np.ndarray, "F 3"] = number.reshape(-1, 3).astype(np.int64)
        self.geodesics = geodesics

    @cached_property
    def corners(self) -> Float64[np.ndarray, "F 3 3"]:
        """Positions of the three corners of every face."""
        return self.places[self.faces]

    @cached_property
    def centroids(self) -> Float64[np.ndarray, "F 3"]:
        """Middle of every face."""
        return self.corners.mean(1)

    @cached_property
    def areas(self) -> Float64[np.ndarray, " F"]:
        """Of the faces."""
        a, b, c = self.corners.transpose(1, 0, 2)
        return np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2

    def distances(self, sources: Int64[np.ndarray, " S"]) -> Float64[np.ndarray, "S P"]:
        """From every source to all places, along the surface; inf where it does not lead. Raises InputError."""
        if self.geodesics == EDGES:
            from scipy.sparse.csgraph import dijkstra

            return dijkstra(self._edges, indices=sources)
        found = np.full((len(sources), len(self.places)), np.inf)
        for row, source in zip(found, sources, strict=True):
            there = self._pieces == self._pieces[source]
            row[there] = self._heat(int(source), there) if there.sum() > 1 else 0.0
        return found

    @cached_property
    def _proper(self) -> Int64[np.ndarray, "G 3"]:
        """Faces with three different corners."""
        a, b, c = self.faces.T
        return self.faces[(a != b) & (b != c) & (c != a)]

    @cached_property
    def _edges(self) -> csr_array:
        """(P, P) lengths of edges."""
        from scipy.sparse import csr_array

        ends = np.unique(np.sort(_sides(self._proper), axis=1), axis=0)
        length = np.linalg.norm(self.places[ends[:, 0]] - self.places[ends[:, 1]], axis=1)
        both = np.concatenate([ends, ends[:, ::-1]])
        weights = np.tile(np.maximum(length, np.finfo(float).tiny), 2)  # a length of 0 would be no edge
        return csr_array((weights, tuple(both.T)), shape=(len(self.places),) * 2)

    @cached_property
    def _pieces(self) -> Int64[np.ndarray, " P"]:
        """The connected piece of every place."""
        from scipy.sparse.csgraph import connected_components

        return connected_components(self._edges, directed=False)[1].astype(np.int64)

    def _heat(self, source: int, there: Bool[np.ndarray, " P"]) -> Float64[np.ndarray, " Q"]:
        """Distances to the Q places of the source's own piece; what the heat method says of other pieces is void."""
        try:
            solver, number = self._solver
            distance = solver.compute_distance(int(number[source]))[number[there]]
            if not np.isfinite(distance).all():
                raise ValueError("distances are not finite")
        except (RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise InputError(f"the heat method can't work on it ({reason}); {OTHERWISE}") from None
        return distance

    @cached_property
    def _solver(self) -> tuple[Any, Int64[np.ndarray, " P"]]:
        """The factorised problem, and the number in it of every place; -1 for those it has no face of."""
        import potpourri3d

        used, compact = np.unique(self._proper, return_inverse=True)
        number = np.full(len(self.places), -1)
        number[used] = np.arange(len(used))
        return potpourri3d.MeshHeatMethodDistanceSolver(self.places[used], compact.reshape(-1, 3)), number

    def rings(self, steps: int) -> csr_array:
        """(F, F) 1 where a face is reached from another in 1 to `steps` steps over shared edges.

        A face that has a neighbour is in its own ring, if there are two steps or more; one that has none is not.
        """
        ring = self._beside
        for _ in range(steps - 1):
            ring = _binary(ring + ring @ self._beside)
        return ring

    @cached_property
    def _beside(self) -> csr_array:
        """(F, F) which faces share an edge, without the faces themselves."""
        from scipy.sparse import csr_array

        count = len(self.faces)
        sides = np.sort(_sides(self.faces), axis=1)
        edge = np.unique(sides[:, 0] * len(self.places) + sides[:, 1], return_inverse=True)[1]
        face = np.tile(np.arange(count), 3)
        used = csr_array((np.ones(3 * count, np.float32), (face, edge)), shape=(count, int(edge.max()) + 1))
        beside = used @ used.T
        beside.setdiag(0)
        return _binary(beside)


def check_geodesics(geodesics: str) -> None:
    """Raise MissingError where that needs a package that is not installed; imports nothing."""
    if geodesics == HEAT and find_spec("potpourri3d") is None:
        raise MissingError(f"geodesics=heat needs potpourri3d; type `{INSTALL}`, or {OTHERWISE}")


def _sides(faces: Int64[np.ndarray, "F 3"]) -> Int64[np.ndarray, "E 2"]:
    """The three sides of every face, the first of all faces first."""
    return np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])


def _binary(matrix: csr_array) -> csr_array:
    """1 where the matrix is above 0."""
    matrix.eliminate_zeros()
    matrix.data[:] = 1
    return matrix
