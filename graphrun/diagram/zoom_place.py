"""A layer at two depths: boxes in a line with matrices below them, and beside it the same layer as neurons."""

from __future__ import annotations

from dataclasses import replace

from graphrun.diagram.net import net_placed
from graphrun.diagram.shapes import (
    FORMULA,
    NOTE,
    VALUE,
    Frame,
    Label,
    Line,
    Piece,
    Placed,
    Point,
    Size,
    arrow_line,
    box_sizes,
    label_rows,
    plain_row,
    row_width,
    rows_size,
)  # fmt: skip
from graphrun.diagram.text import text_width
from graphrun.diagram.view import Equation, Matrix, Panel, View

__all__ = ["zoom_placed"]

PADDING = 16.0
TITLE = 24.0
BETWEEN = 30.0
ROW = 21.0
CELL = 10.0  # between the numbers of a row
SIGN = 7.0  # on both sides of a sign
LIP = 4.0  # of a bracket
LOWER = 40.0  # how far the lower panel's inside is let down


def zoom_placed(view: View) -> Placed:
    """Places for the two panels side by side."""
    left, right = (_panel(view, panel, net=k == 1) for k, panel in enumerate(view.panels[:2]))
    height = max(left[1].height, right[1].height)
    parts = [
        _moved(left[0], 0.0, min((height - left[1].height) / 2, LOWER)),
        _moved(right[0], left[1].width + BETWEEN, min((height - right[1].height) / 2, LOWER)),
    ]
    frames = (
        Frame((left[1].width / 2, -height / 2), Size(left[1].width, height)),
        Frame((left[1].width + BETWEEN + right[1].width / 2, -height / 2), Size(right[1].width, height)),
    )
    titles = []
    for panel, start in zip(view.panels, (0.0, left[1].width + BETWEEN), strict=False):
        row = tuple(Piece(role, text, NOTE, bold=k == 0) for k, (role, text) in enumerate(panel.title))
        titles.append(Label((start + PADDING + row_width(row) / 2, -TITLE / 2 - 2.0), (row,)))
    return Placed(
        {**parts[0].boxes, **parts[1].boxes},
        (*parts[0].lines, *parts[1].lines),
        (*titles, *parts[0].labels, *parts[1].labels),
        frames,
        sizes={**parts[0].sizes, **parts[1].sizes},
    )


def _moved(placed: Placed, x: float, down: float) -> Placed:
    """The places moved to the right and down."""

    def to(p: Point) -> Point:
        return p[0] + x, p[1] - down

    return replace(
        placed,
        boxes={i: to(p) for i, p in placed.boxes.items()},
        lines=tuple(replace(line, points=tuple(to(p) for p in line.points)) for line in placed.lines),
        labels=tuple(replace(label, at=to(label.at)) for label in placed.labels),
    )


def _panel(view: View, panel: Panel, *, net: bool) -> tuple[Placed, Size]:
    """The inside of a panel, its upper left corner at (0, 0), and its size."""
    boxes = tuple(box for box in view.boxes if box.panel == panel.id)
    ids = {box.id for box in boxes}
    part = replace(view, boxes=boxes, arrows=tuple(a for a in view.arrows if a.tail in ids and a.head in ids), layout="net", equations=())
    placed = (net_placed(part) if net else None) or _line(part)
    sizes = {**box_sizes(part), **placed.sizes}
    rects = [(p, sizes[i]) for i, p in placed.boxes.items()] + [(label.at, rows_size(label.rows)) for label in placed.labels]
    low = min(p[0] - s.width / 2 for p, s in rects)
    wide = max(p[0] + s.width / 2 for p, s in rects) - low
    high = max(p[1] + s.height / 2 for p, s in rects)
    tall = high - min(p[1] - s.height / 2 for p, s in rects)
    equations = [equation for name, equation in view.equations if name == panel.id]
    widths = [_width(equation) for equation in equations]
    inner = max([wide, *widths])
    out = _moved(placed, -low + PADDING + (inner - wide) / 2, high + TITLE + PADDING)
    y = -(TITLE + PADDING + tall + 12.0)
    lines, labels = list(out.lines), list(out.labels)
    for equation in equations:
        height = _height(equation)
        _write(equation, PADDING, y - height / 2, lines, labels)
        y -= height + 12.0
    return replace(out, lines=tuple(lines), labels=tuple(labels), sizes=sizes), Size(inner + 2 * PADDING, -y + PADDING - 8.0)


def _line(view: View) -> Placed:
    """Boxes from left to right, with the labels of the arrows between them above the lines."""
    sizes = box_sizes(view)
    by_tail = {arrow.tail: arrow for arrow in view.arrows}
    at: dict[str, Point] = {}
    lines: list[Line] = []
    labels: list[Label] = []
    x = 0.0
    for k, box in enumerate(view.boxes):
        at[box.id] = (x + sizes[box.id].width / 2, 0.0)
        x += sizes[box.id].width
        arrow = by_tail.get(box.id)
        if arrow is not None and k + 1 < len(view.boxes):
            rows = label_rows(arrow)
            room = max(rows_size(rows).width + 6.0 if rows else 0.0, 44.0)
            lines.append(arrow_line(arrow, ((x, 0.0), (x + room, 0.0)), (arrow.tail, arrow.head)))
            if rows:
                labels.append(Label((x + room / 2, rows_size(rows).height / 2 + 3.0), rows))
            x += room
    return Placed(at, tuple(lines), tuple(labels), sizes=sizes)


# -- equations ---------------------------------------------------------------------------------------------------------


def _piece_width(part: str | Matrix) -> float:
    if isinstance(part, str):
        return text_width(part, VALUE) + 2 * SIGN
    own = sum(_columns(part)) + CELL * (len(part.rows[0]) + 1)
    return max(own, text_width(part.name, FORMULA) + 4.0)


def _columns(matrix: Matrix) -> list[float]:
    """The width of each column."""
    return [max(text_width(row[k], VALUE, bold=True) for row in matrix.rows) for k in range(len(matrix.rows[0]))]


def _width(equation: Equation) -> float:
    return sum(_piece_width(part) for part in equation)


def _height(equation: Equation) -> float:
    rows = [len(part.rows) for part in equation if isinstance(part, Matrix)]
    named = any(part.name for part in equation if isinstance(part, Matrix))
    return max([*rows, 1]) * ROW + (18.0 if named else 0.0)


def _write(equation: Equation, x: float, middle: float, lines: list[Line], labels: list[Label]) -> None:
    """Puts an equation down with its left end at x."""
    named = any(part.name for part in equation if isinstance(part, Matrix))
    y = middle + (9.0 if named else 0.0)
    for part in equation:
        wide = _piece_width(part)
        if isinstance(part, str):
            labels.append(Label((x + wide / 2, y), (plain_row((("ink", part),), VALUE),)))
        else:
            _matrix(part, x, y, wide, lines, labels)
        x += wide


def _matrix(matrix: Matrix, x: float, y: float, wide: float, lines: list[Line], labels: list[Label]) -> None:
    columns = _columns(matrix)
    own = sum(columns) + CELL * (len(columns) + 1)
    left = x + (wide - own) / 2
    half = len(matrix.rows) * ROW / 2
    for side, inward in ((left + 2.0, LIP), (left + own - 2.0, -LIP)):
        bracket = ((side + inward, y + half), (side, y + half), (side, y - half), (side + inward, y - half))
        lines.append(Line(bracket, "forward", bare=True))
    for r, row in enumerate(matrix.rows):
        at = left + CELL
        for text, width in zip(row, columns, strict=True):
            piece = Piece(matrix.role, text, VALUE, bold=True)
            labels.append(Label((at + width - piece.width / 2, y + half - ROW * (r + 0.5)), ((piece,),)))
            at += width + CELL
    if matrix.name:
        labels.append(Label((left + own / 2, y - half - 9.0), (plain_row((("muted", matrix.name),), FORMULA),)))
