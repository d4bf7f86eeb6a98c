"""Labels on lines: each where it hides nothing and belongs to one line alone; its line is interrupted there."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from graphrun.diagram.geometry import Rect, along, cross, cut, length, rect_around
from graphrun.diagram.shapes import Label, Line, Placed, Point, Size, TextRow, rows_size

__all__ = ["Route", "apart", "interrupted", "labelled"]

MIDDLE = (0.5, 0.46, 0.54, 0.42, 0.58, 0.38, 0.62, 0.34, 0.66, 0.3, 0.7)
NEAR_TAIL = (0.3, 0.28, 0.32, 0.27, 0.33, 0.25, 0.35, 0.37, 0.23, 0.4, 0.21, 0.43, 0.46, 0.5, 0.55, 0.6, 0.65, 0.7)
AIR = 3.0
"""Between a label and what it must not touch."""
TIP = 12.0
"""The end of an arrow on which no label may stand."""


@dataclass(frozen=True, slots=True)
class Route:
    """A line from the middle of its one box to that of the other, with the text that is to stand on it."""

    line: Line
    rows: tuple[TextRow, ...] = ()


def labelled(
    routes: Sequence[Route], boxes: Mapping[str, Rect], others: Sequence[Rect] = (), *, aside: bool = True
) -> tuple[list[Line], list[Label], int]:
    """The lines, cut where a label interrupts them, the labels, and how many of these still touch something. With `aside` a label may
    stand close beside its line where there is no room on it."""
    sizes = [rows_size(route.rows) for route in routes]
    chosen: dict[int, tuple[Point, int]] = {}
    marked = [k for k, route in enumerate(routes) if route.rows]
    crossed = {k: _crossed(routes, k) for k in marked}
    for _ in range(3):
        before = dict(chosen)
        for k in marked:
            chosen[k] = _best(k, routes, sizes, chosen, boxes, others, NEAR_TAIL if crossed[k] else MIDDLE, aside)
        if chosen == before:
            break
    lines: list[Line] = []
    labels: list[Label] = []
    for k, route in enumerate(routes):
        if k not in chosen:
            lines.append(route.line)
            continue
        at = chosen[k][0]
        lines += interrupted(route.line, [rect_around(at, sizes[k], 0.5)])
        labels.append(Label(at, route.rows, route.line.tooltip))
    texts = [rect_around(at, sizes[k], -1.0) for k, (at, _) in chosen.items()]
    lines = [part for line in lines for part in interrupted(line, texts)]  # no line is drawn through a text
    return lines, labels, sum(1 for _, hits in chosen.values() if hits >= 4)


def apart(placed: Placed, sizes: Mapping[str, Size]) -> Placed:
    """The places without the labels that lie over a box or over another label: what these say is shown where one points at the arrow."""
    taken = [rect_around(at, placed.sizes.get(i, sizes[i]), -0.5) for i, at in placed.boxes.items()]
    kept = []
    for label in placed.labels:
        rect = rect_around(label.at, rows_size(label.rows), -1.0)
        if not any(rect.meets(other) for other in taken):
            kept.append(label)
            taken.append(rect)
    return replace(placed, labels=tuple(kept))


def _crossed(routes: Sequence[Route], k: int) -> bool:
    own = list(pairwise(routes[k].line.points))
    return any(cross(*s, *t) for n, other in enumerate(routes) if n != k for t in pairwise(other.line.points) for s in own)


def _best(
    k: int,
    routes: Sequence[Route],
    sizes: Sequence[Size],
    chosen: Mapping[int, tuple[Point, int]],
    boxes: Mapping[str, Rect],
    others: Sequence[Rect],
    places: Sequence[float],
    aside: bool,
) -> tuple[Point, int]:
    """The first place on line k that touches nothing, else the one that touches least."""
    found: tuple[Point, int] | None = None
    ends = [boxes[i] for i in routes[k].line.ends if i in boxes]
    seen = max(cut(routes[k].line.points, ends), key=length, default=routes[k].line.points)
    tip = _tip(seen)
    for at, cost in _candidates(seen, sizes[k], places, aside):
        rect = rect_around(at, sizes[k], AIR)
        hits = cost + (0 if _level(routes[k].line, rect) else 1) + (8 if rect.cuts(*tip) is not None else 0)
        hits += sum(8 for box in boxes.values() if rect.meets(box)) + sum(8 for other in others if rect.meets(other))
        hits += sum(8 for n, (point, _) in chosen.items() if n != k and rect.meets(rect_around(point, sizes[n])))
        hits += sum(4 for n, other in enumerate(routes) if n != k and _runs_through(other.line, rect))
        if found is None or hits < found[1]:
            found = (at, hits)
        if not hits:
            break
    assert found is not None
    return found


def _candidates(points: Sequence[Point], size: Size, places: Sequence[float], aside: bool) -> Iterable[tuple[Point, int]]:
    """Places on the line, then close beside it, with what they cost."""
    for part in places:
        yield along(points, part), 0
    for part in places if aside else ():
        at, before, after = (along(points, t) for t in (part, max(part - 0.02, 0.0), min(part + 0.02, 1.0)))
        dx, dy = after[0] - before[0], after[1] - before[1]
        far = math.hypot(dx, dy) or 1.0
        nx, ny = -dy / far, dx / far
        reach = abs(nx) * size.width / 2 + abs(ny) * size.height / 2 + AIR + 1.0
        for side in (-reach, reach):
            yield (at[0] + side * nx, at[1] + side * ny), 2


def _tip(points: Sequence[Point]) -> tuple[Point, Point]:
    """The stretch of a line on which its arrow's head lies."""
    (ax, ay), (bx, by) = points[-2:]
    far = math.hypot(bx - ax, by - ay) or 1.0
    part = min(TIP / far, 1.0)
    return (bx + (ax - bx) * part, by + (ay - by) * part), (bx, by)


def _level(line: Line, rect: Rect) -> bool:
    """Whether the line has no bend under the label."""
    return not any(rect.holds(p) for p in line.points[1:-1])


def _runs_through(line: Line, rect: Rect) -> bool:
    return any(rect.cuts(a, b) is not None for a, b in pairwise(line.points))


def interrupted(line: Line, rects: Sequence[Rect]) -> list[Line]:
    """The parts of a line beside texts: the arrow is at the last one."""
    parts = cut(line.points, rects)
    if parts == [line.points]:
        return [line]
    out = []
    for n, points in enumerate(parts):
        first, last = points[0] == line.points[0], points[-1] == line.points[-1]
        ends = (line.ends[0] if first else "", line.ends[1] if last else "")
        out.append(replace(line, points=points, ends=ends, bare=line.bare or n + 1 < len(parts)))
    return out
