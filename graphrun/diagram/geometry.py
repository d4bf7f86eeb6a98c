"""Rectangles, lines and what lies on what: labels are put where they hide nothing, and lines are cut where a label interrupts them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from graphrun.diagram.shapes import Point, Size

__all__ = ["Rect", "along", "cross", "cut", "length", "rect_around", "straightened"]


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle by its middle and its halves."""

    x: float
    y: float
    half: float
    tall: float

    def grown(self, by: float) -> Rect:
        """The rectangle with `by` more room on every side."""
        return Rect(self.x, self.y, self.half + by, self.tall + by)

    def meets(self, other: Rect) -> bool:
        """Whether the two share an inner point."""
        return abs(self.x - other.x) < self.half + other.half and abs(self.y - other.y) < self.tall + other.tall

    def holds(self, p: Point) -> bool:
        """Whether a point lies inside."""
        return abs(p[0] - self.x) < self.half and abs(p[1] - self.y) < self.tall

    def cuts(self, a: Point, b: Point) -> tuple[float, float] | None:
        """The stretch of the line from a to b that lies inside, as parts of the line, or None."""
        low, high = 0.0, 1.0
        for start, step, middle, half in ((a[0], b[0] - a[0], self.x, self.half), (a[1], b[1] - a[1], self.y, self.tall)):
            if abs(step) < 1e-9:
                if abs(start - middle) >= half:
                    return None
                continue
            one, two = sorted(((middle - half - start) / step, (middle + half - start) / step))
            low, high = max(low, one), min(high, two)
        return (low, high) if low < high else None


def rect_around(at: Point, size: Size, more: float = 0.0) -> Rect:
    """The rectangle of a box or label."""
    return Rect(at[0], at[1], size.width / 2 + more, size.height / 2 + more)


def cross(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Whether the lines a–b and c–d cross inside of both."""

    def side(p: Point, q: Point, r: Point) -> float:
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    return side(a, b, c) * side(a, b, d) < -1e-6 and side(c, d, a) * side(c, d, b) < -1e-6


def length(points: Sequence[Point]) -> float:
    """How long a line through points is."""
    return sum(math.dist(a, b) for a, b in pairwise(points))


def along(points: Sequence[Point], part: float) -> Point:
    """The point at that part of a line through points."""
    left = part * length(points)
    for a, b in pairwise(points):
        step = math.dist(a, b)
        if left <= step and step > 0:
            return a[0] + (b[0] - a[0]) * left / step, a[1] + (b[1] - a[1]) * left / step
        left -= step
    return points[-1]


def cut(points: Sequence[Point], rects: Iterable[Rect]) -> list[tuple[Point, ...]]:
    """The parts of a line that lie outside of the rectangles."""
    out = [tuple(points)]
    for rect in rects:
        out = [part for whole in out for part in _cut(whole, rect)]
    return out


def _cut(points: tuple[Point, ...], rect: Rect) -> list[tuple[Point, ...]]:
    parts: list[tuple[Point, ...]] = []
    line: list[Point] = [points[0]]
    for a, b in pairwise(points):
        found = rect.cuts(a, b)
        if found is None:
            line.append(b)
            continue
        low, high = (_at(a, b, t) for t in found)
        if found[0] > 0:
            line.append(low)
        if len(line) > 1:
            parts.append(tuple(line))
        line = [high]
        if found[1] < 1:
            line.append(b)
    if len(line) > 1:
        parts.append(tuple(line))
    return parts


def _at(a: Point, b: Point, t: float) -> Point:
    return a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t


def straightened(points: Sequence[Point], rects: Sequence[Rect]) -> tuple[Point, ...]:
    """The line without the bends that it can do without: the straight way past a bend must not touch a rectangle."""
    line = list(points)
    k = 1
    while k < len(line) - 1:
        if any(rect.cuts(line[k - 1], line[k + 1]) for rect in rects):
            k += 1
        else:
            del line[k]
            k = max(1, k - 1)
    return tuple(line)
