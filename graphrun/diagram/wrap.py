"""A long picture goes on in further rows, as text does: columns that do not fit beside the others stand below, and lines come around."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from graphrun.diagram.layered import Flow, Laid, without_repeats
from graphrun.diagram.shapes import Point, Size

__all__ = ["wrapped"]

WIDE = 860.0
"""Points: what is wider is broken into rows (about 1150 pixels)."""

STILL_WHOLE = 1250.0
UNEVEN = 0.35
"""Up to that width a picture stays whole rather than have a row that is so much shorter than the others."""

MOST_AROUND = 3  # lines that come around the end of a row
APART = 9.0
MUCH_TEXT = 36.0  # two labels of this height do not fit on lines that come around side by side
BETWEEN = 30.0
FREE = 14.0  # between a line that comes around and what it passes


def wrapped(laid: Laid, sizes: Mapping[str, Size], flows: Sequence[Flow]) -> Laid:
    """The picture in rows where it is too wide and there are places at which few lines are cut; else as it is."""
    columns = laid.columns
    if not columns or columns[-1][1] - columns[0][0] <= WIDE:
        return laid
    cuts = _cuts(laid, flows)
    if not cuts:
        return laid
    row_of = [sum(r >= c for c in cuts) for r in range(len(columns))]
    starts = [columns[0][0], *(columns[c][0] for c in cuts)]
    ends = [*(columns[c - 1][1] for c in cuts), columns[-1][1]]
    lengths = [b - a for a, b in zip(starts, ends, strict=True)]
    if min(lengths) < UNEVEN * max(lengths) and columns[-1][1] - columns[0][0] < STILL_WHOLE:
        return laid
    laid = replace(laid, routes=tuple(_through(route, row_of, laid.columns, starts, ends) for route in laid.routes))
    laid = replace(laid, routes=_near(laid, sizes, row_of))
    tops, bottoms = _extents(laid, sizes, flows, row_of)
    shifts = [0.0]
    for k in range(1, len(starts)):
        shifts.append(shifts[-1] + bottoms[k - 1] - tops[k] - BETWEEN - APART * MOST_AROUND)
    at = {i: _moved(p, row_of[laid.rank[i]], starts, shifts) for i, p in laid.at.items()}
    routes = []
    lanes: dict[int, int] = {}
    for route in laid.routes:
        routes.append(_around(route, laid, row_of, cuts, starts, shifts, bottoms, lanes))
    return Laid(at, tuple(routes), columns, laid.rank)


def _cuts(laid: Laid, flows: Sequence[Flow]) -> list[int]:
    """The columns with which a new row begins."""
    crossing = [0] * (len(laid.columns) + 1)
    tall = [0] * (len(laid.columns) + 1)
    for flow in flows:
        low, high = sorted((laid.rank[flow.tail], laid.rank[flow.head]))
        for r in range(low + 1, high + 1):
            crossing[r] += 1
            tall[r] += flow.room.height > MUCH_TEXT
    crossing = [n if tall[r] < 2 else MOST_AROUND + 1 for r, n in enumerate(crossing)]
    rows = max(2, round((laid.columns[-1][1] - laid.columns[0][0]) / WIDE + 0.4))
    even = (laid.columns[-1][1] - laid.columns[0][0]) / rows  # rows of about the same length
    cuts: list[int] = []
    start = laid.columns[0][0]
    for r in range(1, len(laid.columns)):
        early = len(cuts) + 1 < rows and laid.columns[r][0] - start > even * 0.92 and crossing[r] <= MOST_AROUND
        if laid.columns[r][1] - start > WIDE or early:
            before = cuts[-1] if cuts else 0
            fits = [laid.columns[c - 1][1] - start <= WIDE or c == before + 1 for c in range(r + 1)]  # a wide panel has a row of its own
            good = [c for c in range(r, before, -1) if crossing[c] <= MOST_AROUND and fits[c]]
            if not good:
                return []
            cuts.append(good[0])
            start = laid.columns[good[0]][0]
    return cuts


def _through(
    route: Sequence[Point], row_of: Sequence[int], columns: Sequence[tuple[float, float]], starts: Sequence[float], ends: Sequence[float]
) -> tuple[Point, ...]:
    """The points of a line, with two more for each row that it only passes through: there it keeps the way that is free of boxes."""
    out = list(route[:1])
    for a, b in pairwise(route):
        rows = [_row(x, row_of, columns) for x in (a[0], b[0])]
        between = range(rows[0] + 1, rows[1]) if rows[0] <= rows[1] else range(rows[0] - 1, rows[1], -1)
        for k in between:
            passed = [(x, a[1] + (b[1] - a[1]) * (x - a[0]) / (b[0] - a[0])) for x in (starts[k], ends[k])]
            out += passed if rows[0] < rows[1] else passed[::-1]
        out.append(b)
    return tuple(out)


def _near(laid: Laid, sizes: Mapping[str, Size], row_of: Sequence[int]) -> tuple[tuple[Point, ...], ...]:
    """The lines, each that comes from another row as near to what it leads to as the boxes and lines that it passes there let it."""
    routes = list(laid.routes)
    for k, route in enumerate(routes):
        rows = [_row(x, row_of, laid.columns) for x, _ in route]
        passed = [n for n in range(len(route) - 1) if rows[n] == rows[-1]]
        if not passed or passed[0] == 0 or any(a > b for a, b in pairwise(rows)):
            continue
        low, high, wanted = route[passed[0]][0], route[-1][0], route[-1][1]
        walls = []
        for i, (x, y) in laid.at.items():
            half = sizes[i].width / 2 if i in sizes else 0.0
            if row_of[laid.rank[i]] == rows[-1] and x + half > low - 0.01 and x - half < high - 0.01:
                walls.append((y - sizes[i].height / 2 - FREE, y + sizes[i].height / 2 + FREE) if i in sizes else (y, y))
        for a, b in (pair for n, other in enumerate(routes) if n != k for pair in pairwise(other)):
            if a[0] < high - 0.01 and b[0] > low + 0.01:
                walls.append((min(a[1], b[1]) - FREE, max(a[1], b[1]) + FREE))
        free = [y for y in (wanted, *(y for wall in walls for y in wall)) if not any(a + 0.01 < y < b - 0.01 for a, b in walls)]
        y = min(free, key=lambda y: abs(y - wanted), default=wanted)
        if abs(y - wanted) < min(abs(route[n][1] - wanted) for n in passed) - FREE:
            routes[k] = tuple((p[0], y) if n in passed else p for n, p in enumerate(route))
    return tuple(routes)


def _row(x: float, row_of: Sequence[int], columns: Sequence[tuple[float, float]]) -> int:
    """The row in which what stands at `x` comes to stand."""
    return row_of[max((r for r, c in enumerate(columns) if c[0] - 0.01 <= x), default=0)]


def _extents(laid: Laid, sizes: Mapping[str, Size], flows: Sequence[Flow], row_of: Sequence[int]) -> tuple[list[float], list[float]]:
    rows = row_of[-1] + 1
    tops, bottoms = [-1e9] * rows, [1e9] * rows

    def reach(row: int, y: float, half: float) -> None:
        tops[row], bottoms[row] = max(tops[row], y + half), min(bottoms[row], y - half)

    for i, (_, y) in laid.at.items():
        reach(row_of[laid.rank[i]], y, sizes[i].height / 2 if i in sizes else 0.0)
    for flow, route in zip(flows, laid.routes, strict=True):
        for x, y in route:
            reach(_row(x, row_of, laid.columns), y, max(6.0, flow.room.height / 2))
    return tops, bottoms


def _moved(p: Point, row: int, starts: Sequence[float], shifts: Sequence[float]) -> Point:
    return p[0] - starts[row] + starts[0], p[1] + shifts[row]


def _around(
    route: Sequence[Point],
    laid: Laid,
    row_of: Sequence[int],
    cuts: Sequence[int],
    starts: Sequence[float],
    shifts: Sequence[float],
    bottoms: Sequence[float],
    lanes: dict[int, int],
) -> tuple[Point, ...]:
    """The points of a line, moved to their rows; from the end of one row it comes around to the start of the next."""

    def row(x: float) -> int:
        return _row(x, row_of, laid.columns)

    backwards = len(route) > 1 and route[0][0] > route[-1][0]
    points = list(route[::-1] if backwards else route)
    out: list[Point] = [_moved(points[0], row(points[0][0]), starts, shifts)]
    for a, b in pairwise(points):
        for k in range(row(a[0]), row(b[0])):
            lane = lanes.get(k, 0)
            lanes[k] = lane + 1
            right = max(c[1] for r, c in enumerate(laid.columns) if row_of[r] == k) - starts[k] + starts[0] + 12.0 + APART * lane
            low = bottoms[k] + shifts[k] - 14.0 - APART * lane
            left = starts[0] - 14.0 - APART * (MOST_AROUND - 1 - lane)
            y = out[-1][1]
            after = b[1] + shifts[k + 1]
            out += [(right, y), (right, low), (left, low), (left, after)]
        out.append(_moved(b, row(b[0]), starts, shifts))
    return tuple(without_repeats(out[::-1] if backwards else out))
