"""Values in a line, with what leads from one to the next written above the arrows; a long line goes on below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from graphrun.diagram.shapes import WIDEST, Label, Placed, Point, Size, arrow_line, box_sizes, label_rows, rows_size
from graphrun.diagram.view import Arrow, View

__all__ = ["row_placed"]

SHORTEST = 76.0
BESIDE = 16.0
ABOVE = 4.0
BETWEEN_LINES = 34.0


def row_placed(view: View) -> Placed | None:
    """Places for a chain in which each value is made of the one before it, or None."""
    order = _chain(view)
    if order is None:
        return None
    sizes = box_sizes(view)
    after = {arrow.tail: arrow for arrow in view.arrows}
    boxes = _places(order, sizes, after)
    lines, labels = [], []
    for a, b in pairwise(order):
        arrow, start, end = after[a], boxes[a], boxes[b]
        rows = label_rows(arrow, "row")
        size = rows_size(rows)
        right, left = start[0] + sizes[a].width / 2, end[0] - sizes[b].width / 2
        if start[1] == end[1]:
            lines.append(arrow_line(arrow, (start, end), (a, b)))
            at = (right + left) / 2, start[1] + size.height / 2 + ABOVE
        else:
            turn = end[1] + max(sizes[b].height / 2, size.height + ABOVE) + 14.0
            around = ((right + 18.0, start[1]), (right + 18.0, turn), (0.0, turn), (0.0, end[1]))
            lines.append(arrow_line(arrow, (start, *around, end), (a, b)))
            at = left / 2, end[1] + size.height / 2 + ABOVE
        if rows:
            labels.append(Label(at, rows, arrow.tooltip))
    return Placed(boxes, tuple(lines), tuple(labels))


def _chain(view: View) -> list[str] | None:
    ways = [(arrow.tail, arrow.head) for arrow in view.arrows]
    if len(ways) != len(view.boxes) - 1 or len({a for a, _ in ways}) != len(ways) or len({b for _, b in ways}) != len(ways):
        return None
    after = dict(ways)
    starts = [box.id for box in view.boxes if box.id not in {b for _, b in ways}]
    order = starts[:1]
    while order and order[-1] in after and len(order) <= len(ways):
        order.append(after[order[-1]])
    return order if len(order) == len(view.boxes) else None


def _places(order: Sequence[str], sizes: Mapping[str, Size], after: Mapping[str, Arrow]) -> dict[str, Point]:
    boxes = {order[0]: (sizes[order[0]].width / 2, 0.0)}
    x, y = sizes[order[0]].width, 0.0
    tall = max(size.height for size in sizes.values())
    for a, b in pairwise(order):
        label = rows_size(label_rows(after[a], "row"))
        room = max(SHORTEST, label.width + BESIDE * 2)
        if x + room + sizes[b].width > WIDEST * 1.1:
            y -= tall + max(tall / 2, label.height) + BETWEEN_LINES
            x = 0.0
        boxes[b] = (x + room + sizes[b].width / 2, y)
        x += room + sizes[b].width
    return boxes
