"""Neurons in even columns with straight lines between them, the target below the prediction."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

from graphrun.diagram.geometry import Rect, rect_around
from graphrun.diagram.labels import Route, interrupted, labelled
from graphrun.diagram.shapes import Label, Placed, Point, Size, TextRow, arrow_line, box_sizes, label_rows, plain_row, rows_size
from graphrun.diagram.view import Arrow, View

__all__ = ["net_placed"]

BETWEEN_COLUMNS = 64.0  # between outlines, where arrows bear no label
LABELLED = 100.0  # and at least, where they do
BESIDE_LABEL = 38.0
BETWEEN_ROWS = 34.0
BELOW = 11.0
ROUNDS = 8
THROUGH = 1000  # a line through a neuron weighs more than any number of labels


def net_placed(view: View) -> Placed | None:
    """Places for a net, or None where straight lines would run through its neurons. Gaps grow until no label touches anything; where
    that does not suffice, weights are labelled by their names alone."""
    sizes = box_sizes(view)
    columns = _columns(view)
    rows = [label_rows(arrow, "net") for arrow in view.arrows]
    best: tuple[int, Placed] | None = None
    ways = (rows, [tuple(row[:1] for row in label[:1]) for label in rows]) if any(rows) else (rows,)
    for shown in ways:
        for round_ in range(ROUNDS if any(rows) else 2):  # without labels only neurons are in the way
            found = _tried(view, columns, sizes, shown, 1.0 + 0.12 * round_)
            if best is None or found[0] < best[0]:
                best = found
            if not found[0]:
                return found[1]
    assert best is not None
    return None if best[0] >= THROUGH else best[1]


def _tried(
    view: View, columns: Mapping[str, int], sizes: Mapping[str, Size], rows: Sequence[tuple[TextRow, ...]], scale: float
) -> tuple[int, Placed]:
    """The places with gaps of that scale, and how many labels touch something there."""
    boxes = _places(view, columns, sizes, rows, scale)
    areas = {i: rect_around(boxes[i], sizes[i]) for i in boxes}
    notes = _notes(view, boxes, sizes)
    noted = [rect_around(note.at, rows_size(note.rows, 1.0)) for note in notes]
    routes = [Route(arrow_line(a, _points(a, boxes, columns, areas), (a.tail, a.head)), rows[k]) for k, a in enumerate(view.arrows)]
    lines, labels, hits = labelled(routes, areas, noted, aside=False)
    under = [rect.grown(2.0) for rect in noted]
    lines = [part for line in lines for part in interrupted(line, under)]
    for line in lines:
        pairs = list(pairwise(line.points))
        hits += sum(THROUGH for i, area in areas.items() if i not in line.ends and any(area.grown(-1.0).cuts(a, b) for a, b in pairs))
    return hits, Placed(boxes, tuple(lines), (*notes, *labels))


# -- columns -----------------------------------------------------------------------------------------------------------


def _columns(view: View) -> dict[str, int]:
    """The column of each box: one after the last of what it is made of. A target stands in the column before the loss that reads it."""
    into: dict[str, list[str]] = {box.id: [] for box in view.boxes}
    out: dict[str, list[str]] = {box.id: [] for box in view.boxes}
    for arrow in view.arrows:
        if arrow.kind == "forward" and arrow.tail != arrow.head:
            into[arrow.head].append(arrow.tail)
            out[arrow.tail].append(arrow.head)
    column: dict[str, int] = {}
    for box in view.boxes:  # boxes are in topological order
        column[box.id] = max((column.get(i, 0) + 1 for i in into[box.id]), default=0)
    for box in reversed(view.boxes):
        if not into[box.id] and out[box.id]:
            column[box.id] = max(0, min(column[i] for i in out[box.id]) - 1)
    return column


def _late(view: View, columns: Mapping[str, int]) -> set[str]:
    """Leaves that stand beside later neurons: below them, so that these keep their line."""
    heads = {arrow.head for arrow in view.arrows}
    return {box.id for box in view.boxes if box.id not in heads and columns[box.id] > 0}


def _places(
    view: View, columns: Mapping[str, int], sizes: Mapping[str, Size], rows: Sequence[Sequence[TextRow]], scale: float
) -> dict[str, Point]:
    ys, step = _heights(view, columns, sizes, rows, scale)
    many = max(columns.values(), default=0) + 1
    widths = [max((sizes[i].width for i, c in columns.items() if c == k), default=0.0) for k in range(many)]
    xs = [widths[0] / 2]
    for k in range(1, many):
        over = [n for n, a in enumerate(view.arrows) if columns[a.tail] < k <= columns[a.head]]
        gap = max((max(rows_size(rows[n]).width + 2 * BESIDE_LABEL, LABELLED) for n in over if rows[n]), default=BETWEEN_COLUMNS)
        far = widths[k - 1] / 2 + widths[k] / 2 + gap * (1.0 + 0.25 * (scale - 1.0))
        for n in over:
            a = view.arrows[n]
            if columns[a.head] - columns[a.tail] == 1:
                far = max(far, *(_passing(abs(ys[a.tail] - ys[a.head]), sizes[i].height / 2 + 7.0, step) for i in (a.tail, a.head)))
        xs.append(xs[-1] + far)
    return {box.id: (xs[columns[box.id]], ys[box.id]) for box in view.boxes}


def _passing(rise: float, radius: float, step: float) -> float:
    """How far apart two columns are for a line that rises so much to keep off the next neuron of its column."""
    return rise * radius / math.sqrt(step**2 - radius**2) if step > radius and rise > step / 2 else 0.0


def _heights(
    view: View, columns: Mapping[str, int], sizes: Mapping[str, Size], rows: Sequence[Sequence[TextRow]], scale: float
) -> tuple[dict[str, float], float]:
    """The heights of the neurons, evenly around one line, and the distance between two of a column."""
    late = _late(view, columns)
    below = {box.id: _below_height(box.below) for box in view.boxes}
    high = max((sizes[b.id].height + below[b.id] for b in view.boxes), default=0.0)
    alone = {i for i, c in columns.items() if sum(1 for j, d in columns.items() if d == c and j not in late) == 1}
    slanted = [n for n, a in enumerate(view.arrows) if rows[n] and not {a.tail, a.head} <= alone]
    labels = max((rows_size(rows[n]).height for n in slanted), default=0.0)
    step = (high + (max(labels + 30.0, 58.0) if labels else 16.0)) * scale
    ys: dict[str, float] = {}
    for k in range(max(columns.values(), default=0) + 1):
        own = [b.id for b in view.boxes if columns[b.id] == k and b.id not in late]
        for n, i in enumerate(own):
            ys[i] = ((len(own) - 1) / 2 - n) * step
        bottom = min((ys[i] - sizes[i].height / 2 - below[i] for i in own), default=0.0)
        for i in (b.id for b in view.boxes if columns[b.id] == k and b.id in late):
            bottom -= BETWEEN_ROWS * 0.8 * scale + sizes[i].height
            ys[i] = bottom + sizes[i].height / 2
    return ys, step


# -- lines and notes ---------------------------------------------------------------------------------------------------


def _points(arrow: Arrow, boxes: Mapping[str, Point], columns: Mapping[str, int], areas: Mapping[str, Rect]) -> tuple[Point, ...]:
    """A straight line, or around the boxes that it would run through."""
    a, b = boxes[arrow.tail], boxes[arrow.head]
    hit = [i for i, area in areas.items() if i not in (arrow.tail, arrow.head) and area.grown(4.0).cuts(a, b) is not None]
    if not hit or columns[arrow.head] - columns[arrow.tail] < 2:
        return a, b
    inner = [areas[i] for i in areas if columns[arrow.tail] < columns[i] < columns[arrow.head]]
    top = max(r.y + r.tall for r in inner) + 16.0
    bottom = min(r.y - r.tall for r in inner) - 16.0
    y = top if abs(top - a[1]) + abs(top - b[1]) <= abs(bottom - a[1]) + abs(bottom - b[1]) else bottom
    left, right = min(r.x - r.half for r in inner), max(r.x + r.half for r in inner)
    return a, (left, y), (right, y), b


def _notes(view: View, boxes: Mapping[str, Point], sizes: Mapping[str, Size]) -> list[Label]:
    """What stands below the boxes."""
    out = []
    for box in view.boxes:
        if box.below:
            rows = tuple(plain_row(row, BELOW) for row in box.below)
            x, y = boxes[box.id]
            out.append(Label((x, y - sizes[box.id].height / 2 - 2.0 - rows_size(rows).height / 2), rows))
    return out


def _below_height(rows: Sequence[object]) -> float:
    return 15.0 * len(rows) + (3.0 if rows else 0.0)


