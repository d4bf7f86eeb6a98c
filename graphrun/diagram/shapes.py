"""What is drawn where: the texts and sizes of boxes and labels, lines, frames, and where they stand.

All lengths are points (72 to the inch), y grows upwards.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from graphrun.diagram.palette import MARKS
from graphrun.diagram.text import clipped, in_lines, text_width
from graphrun.diagram.view import Arrow, Back, Box, Mark, Role, Row, View

__all__ = [
    "ARROW",
    "FORMULA",
    "NAME",
    "NOTE",
    "SHEET",
    "SHEETS",
    "VALUE",
    "WIDEST",
    "Frame",
    "Label",
    "Line",
    "Piece",
    "Placed",
    "Point",
    "Size",
    "TextRow",
    "Wedge",
    "arrow_line",
    "back_rows",
    "box_rows",
    "box_size",
    "box_sizes",
    "gap",
    "label_rows",
    "line_height",
    "note_width",
    "plain_row",
    "row_width",
    "rows_size",
]  # fmt: skip

NAME, FORMULA, VALUE, NOTE = 15.0, 11.0, 13.0, 11.0
"""Sizes of text: names, formulas, values and gradients, and the products on arrows."""

WIDEST = 690.0
"""Of a row of boxes: about 950 pixels with its margins."""

ARROW = 44.0
"""The shortest room for an arrow."""

MUCH = 92.0
LONGEST_NAME = 180.0
WIDEST_FORMULA = 240.0

RING = 4.0
"""From the inner to the outer line of a double circle."""

SHEETS, SHEET = 3, 5.0
"""How many sheets lie behind a stacked box, and how far each stands out to the right and above."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height of a box."""

    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text in one colour and size."""

    role: Role
    text: str
    points: float
    bold: bool = False
    italic: bool = False

    @property
    def width(self) -> float:
        """How wide it is drawn."""
        return text_width(self.text, self.points, self.bold)


TextRow = tuple[Piece, ...]
"""A line of text as it is drawn; between pieces there is a gap."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line through `points`, with its arrow at the last one unless `bare`."""

    points: tuple[Point, ...]
    kind: Literal["forward", "back", "update"]
    ends: tuple[str, str] = ("", "")  # the boxes at which it is tied; empty where it ends freely
    tooltip: str = ""
    bare: bool = False
    width: float = 1.2
    lit: bool = False
    mark: Mark = ""
    heat: float | None = None


@dataclass(frozen=True, slots=True)
class Label:
    """Text beside or on a line, or by itself, centred at a point."""

    at: Point
    rows: tuple[TextRow, ...]
    tooltip: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """The frame of a panel: its middle and size. Titles are labels."""

    at: Point
    size: Size
    stacked: bool = False


@dataclass(frozen=True, slots=True)
class Wedge:
    """From a box to the frame in which it is opened: two corners above, two below."""

    corners: tuple[Point, Point, Point, Point]


@dataclass(frozen=True, slots=True)
class Placed:
    """Boxes by id, and the lines, labels and frames between and around them."""

    boxes: Mapping[str, Point]
    lines: tuple[Line, ...]
    labels: tuple[Label, ...]
    frames: tuple[Frame, ...] = ()
    wedges: tuple[Wedge, ...] = ()
    sizes: Mapping[str, Size] = field(default_factory=dict)  # where they are not those of `box_sizes`


# -- the texts of boxes and labels -------------------------------------------------------------------------------------


def box_rows(box: Box) -> tuple[TextRow, ...]:
    """The rows of text of a box, from the top. In a lit box all of it is ink."""
    rows = tuple(_box_rows(box))
    return tuple(tuple(replace(piece, role="ink") for piece in row) for row in rows) if box.lit else rows


def _box_rows(box: Box) -> Iterable[TextRow]:
    round_ = box.outline in ("circle", "double circle", "square", "small circle", "stadium")
    word = (box.mark_text or MARKS[box.mark][4]) if box.mark else ""
    if word:
        role = MARKS[box.mark][0]
        yield (Piece(role, word, NOTE, bold=True),)  # type: ignore[arg-type]  # the lines of marks are text roles
    if box.name:
        bold = box.outline not in ("circle", "double circle", "square")
        yield (Piece("ink", clipped(box.name, NAME, LONGEST_NAME, bold=bold), NAME, bold=bold),)
    if box.formula:
        lines = in_lines(box.formula, FORMULA, 80.0, 150.0)
        if lines[-1].endswith("…") and not box.formula.endswith("…"):  # a name is not cut for the sake of an even picture
            lines = in_lines(box.formula, FORMULA, 80.0, WIDEST_FORMULA)
        yield from ((Piece("muted", line, FORMULA),) for line in lines)
    for row in box.rows:
        yield plain_row(row, FORMULA)
    for found in value_rows(box):
        yield tuple(Piece(role, text, VALUE, bold=round_) for role, text in found)


def plain_row(row: Row, points: float) -> TextRow:
    """A row of a view at that size; numbers that say something are bold."""
    return tuple(Piece(role, text, points, bold=role in ("value", "gradient", "count", "changed")) for role, text in row)


def value_rows(box: Box) -> list[list[tuple[Role, str]]]:
    """The rows of value and gradient: two numbers share one row in a wide box, an array's have one each, and so have those in a circle."""
    found: list[tuple[Role, str]] = [("value", box.value)] if box.value else []
    if box.gradient:
        found.append(("gradient", f"∂ {box.gradient}"))
    narrow = box.outline in ("circle", "double circle", "square")
    if len(found) == 2 and (narrow or "[" in box.value or len(box.value) + len(box.gradient) > 16):
        return [[found[0]], [found[1]]]
    return [found] if found else []


def back_rows(back: Back) -> tuple[TextRow, ...]:
    """A product that flows back, as symbols and below them numbers."""
    rows = []
    if back.symbols:
        rows.append((Piece("gradient", back.symbols, NOTE),))
    if back.numbers:
        rows.append((Piece("gradient", back.numbers, NOTE, bold=True),))
    return tuple(rows)


def label_rows(arrow: Arrow, layout: str = "") -> tuple[TextRow, ...]:
    """The label of an arrow: names of weights are larger than shapes, operations in a row of values larger still and slanted."""
    if layout == "row":
        return tuple(
            tuple(Piece(role, text, NAME, italic=True) for role, text in row) if row and row[0][0] == "ink" else plain_row(row, FORMULA)
            for row in arrow.rows
        )
    rows = tuple(plain_row(row, VALUE if layout == "net" else NOTE) for row in arrow.rows)
    return tuple(tuple(replace(p, bold=True) for p in row) for row in rows) if arrow.lit else rows


def arrow_line(arrow: Arrow, points: tuple[Point, ...], ends: tuple[str, str], bare: bool = False) -> Line:
    """The line of an arrow through `points`, with the arrow's look."""
    return Line(points, arrow.kind, ends, arrow.tooltip, bare, arrow.width, arrow.lit, arrow.mark, arrow.heat)


# -- sizes -------------------------------------------------------------------------------------------------------------


def line_height(row: TextRow) -> float:
    """How high a row of text is."""
    return round(max((piece.points for piece in row), default=0.0) * 1.25 + 1.0, 1)


def row_width(row: TextRow) -> float:
    """How wide a row of text is, with the gaps between its pieces."""
    return sum(piece.width for piece in row) + gap(row) * max(len(row) - 1, 0)


def gap(row: TextRow) -> float:
    """Between pieces: two spaces of the font."""
    return 2 * text_width(" ", max((piece.points for piece in row), default=0.0)) if row else 0.0


def rows_size(rows: Sequence[TextRow], beside: float = 3.0, above: float = 1.0) -> Size:
    """The size of rows of text, with a little room around them."""
    return Size(max((row_width(row) for row in rows), default=0.0) + 2 * beside, sum(line_height(row) for row in rows) + 2 * above)


def box_size(box: Box) -> Size:
    """How large the box is drawn, from its texts in the shipped font."""
    box = box.like or box
    rows = box_rows(box)
    if box.outline == "small circle":
        if not rows:
            return Size(7.0, 7.0)
        side = max(26.0, max((row_width(row) for row in rows), default=0.0) + 12.0)
        return Size(side, side)
    if box.outline in ("circle", "double circle"):
        return _circle(rows, RING if box.outline == "double circle" else 0.0)
    text = rows_size(rows, 0.0, 0.0)
    if box.outline == "square":
        side = max(40.0, text.height + 12.0)
        return Size(max(side, text.width + 16.0), side)
    formulas = sum(1 for row in rows for piece in row[:1] if piece.role == "muted" and piece.points == FORMULA)
    height = 16.0 + text.height + (0.0 if formulas else -2.0 if len(rows) > 1 else 2.0)
    return Size(max(68.4, text.width + 20.0), max(height, 34.0))


def note_width(back: Back) -> float:
    """How wide a product is written."""
    return max((row_width(row) for row in back_rows(back)), default=0.0)


def _circle(rows: Sequence[TextRow], ring: float) -> Size:
    """The smallest circle in which the rows stand, with the ring around it."""
    heights = [line_height(row) for row in rows]
    y = sum(heights) / 2
    radius = 21.0
    for row, height in zip(rows, heights, strict=True):
        furthest = max(abs(y), abs(y - height)) - 0.15 * height  # text does not fill its line to the edge
        radius = max(radius, math.hypot(row_width(row) / 2, furthest) + 3.5)
        y -= height
    side = round(2 * (radius + ring), 1)
    return Size(side, side)


def box_sizes(view: View) -> dict[str, Size]:
    """The sizes of all boxes; inputs and parameters are equally wide as far as that takes little room, circles equally large."""
    own = {box.id: box_size(box) for box in view.boxes}
    for outline, most in (("box", MUCH), ("square", 70.0)):
        leaves = [b.id for b in view.boxes if b.kind in ("input", "parameter") and b.outline == outline and own[b.id].width <= most]
        widest = max((own[i].width for i in leaves), default=0.0)
        tallest = max((own[i].height for i in leaves), default=0.0) if outline == "square" else 0.0
        own |= {i: Size(max(widest, tallest), max(tallest, own[i].height)) for i in leaves}
    circles = {b.id: 2 * RING if b.outline == "double circle" else 0.0 for b in view.boxes if b.outline in ("circle", "double circle")}
    most = max((own[i].width - ring for i, ring in circles.items()), default=0.0)
    if most <= 1.6 * min((own[i].width - ring for i, ring in circles.items()), default=0.0):
        own |= {i: Size(most + ring, most + ring) for i, ring in circles.items()}
    return own
