"""The graph opened to single numbers: from one entry of a value along every way to the end, with the local derivative of each edge.

Paths are counted exactly, and the largest found, without listing them all.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["Edge", "Path", "Vertex", "Web", "largest_paths", "open_web"]

Vertex: TypeAlias = tuple[int, int]
"""A node, and the place of the entry among the node's elements."""


@dataclass(frozen=True, slots=True)
class Edge:
    """One number used by another: `weight` is the local derivative, `text` how it is written where that is known."""

    start: Vertex
    end: Vertex
    weight: float
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Path:
    """Edges from the start to the end, and the product along them."""

    edges: tuple[Edge, ...]
    product: float


@dataclass(frozen=True, slots=True)
class Web:
    """All edges on ways from `start` to `end`. `order` holds the vertices, each before those that use it."""

    start: Vertex
    end: Vertex
    order: tuple[Vertex, ...]
    out: dict[Vertex, list[Edge]]

    def count(self) -> int:
        """The number of paths, exactly."""
        paths = {self.end: 1}
        for v in reversed(self.order):
            if v != self.end:
                paths[v] = sum(paths[e.end] for e in self.out[v])
        return paths.get(self.start, 0)

    def total(self) -> float:
        """The sum over all paths of the products along them, in one walk."""
        return self.gradients().get(self.start, 0.0)

    def gradients(self) -> dict[Vertex, float]:
        """For each vertex the sum over all paths from it to the end."""
        found = {self.end: 1.0}
        for v in reversed(self.order):
            if v != self.end:
                found[v] = sum(e.weight * found[e.end] for e in self.out[v])  # IEEE arithmetic, infinities among it
        return found


def open_web(start: Vertex, end: Vertex, uses: Callable[[Vertex], Sequence[Edge]], most: int) -> Web | None:
    """What lies between two vertices; None where it has more than `most` vertices. Node numbers rise along every edge."""
    seen: dict[Vertex, list[Edge]] = {}
    queue = [start]
    queued = {start}
    while queue:
        v = heapq.heappop(queue)
        seen[v] = [] if v == end else list(uses(v))
        if len(seen) > most:
            return None
        for e in seen[v]:
            if e.end not in queued:
                queued.add(e.end)
                heapq.heappush(queue, e.end)
    reaches = {end} if end in seen else set()
    for v in reversed(seen):  # in rising order of nodes
        if any(e.end in reaches for e in seen[v]):
            reaches.add(v)
    order = tuple(v for v in seen if v in reaches)
    return Web(start, end, order, {v: [e for e in seen[v] if e.end in reaches] for v in order})


def largest_paths(web: Web, most: int) -> Iterator[Path]:
    """Paths in order of the size of their products, the largest first, up to `most`.

    Best first: how large the rest of a path can be is known exactly for each vertex, so that only the paths that are wanted are followed.
    """
    rest = _best(web)
    if web.start not in rest:
        return
    # (minus the logarithm of the whole path's size, a number to break ties by, vertex, sum so far, the way here)
    heap: list[tuple[float, int, Vertex, float, _Way | None]] = [(-rest[web.start], 0, web.start, 0.0, None)]
    made = found = 0
    while heap and found < most:
        _, _, v, size, way = heapq.heappop(heap)
        if v == web.end:
            found += 1
            yield _path(way)
            continue
        for e in web.out[v]:
            made += 1
            here = size + _log(e.weight)
            heapq.heappush(heap, (-(here + rest[e.end]), made, e.end, here, _Way(e, way)))


def _best(web: Web) -> dict[Vertex, float]:
    """For each vertex the logarithm of the largest product along a path from it to the end."""
    rest = {web.end: 0.0}
    for v in reversed(web.order):
        if v != web.end:
            rest[v] = max(_log(e.weight) + rest[e.end] for e in web.out[v])
    return rest


def _log(weight: float) -> float:
    size = abs(weight)
    return -math.inf if size == 0 or math.isnan(size) else math.log(size) if math.isfinite(size) else math.inf


@dataclass(frozen=True, slots=True)
class _Way:
    """The last edge of a way, and the way before it."""

    edge: Edge
    before: _Way | None


def _path(way: _Way | None) -> Path:
    edges: list[Edge] = []
    while way is not None:
        edges.append(way.edge)
        way = way.before
    edges.reverse()
    return Path(tuple(edges), math.prod(e.weight for e in edges))
