"""What is drawn where: boxes with their sizes, lines, and the products beside them.

All lengths are points (72 to the inch), y grows upwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from graphrun.diagram.text import in_lines, text_width
from graphrun.diagram.view import Back, Box, View

__all__ = [
    "ARROW", "FORMULA", "NAME", "NOTE", "VALUE", "WIDEST", "Label", "Line", "Placed", "Point", "Size", "box_size", "box_sizes",
    "formula_lines", "note_width", "value_rows",
]  # fmt: skip

NAME, FORMULA, VALUE, NOTE = 15.0, 11.0, 13.0, 11.0
"""Sizes of text: names, formulas, values and gradients, and the products on arrows."""

WIDEST = 690.0
"""Of a row of boxes: about 950 pixels with its margins."""

ARROW = 44.0
"""The shortest room for an arrow."""

MUCH = 92.0

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height of a box."""

    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Line:
    """A line through `points`, with its arrow at the last one."""

    points: tuple[Point, ...]
    kind: Literal["forward", "back"]
    ends: tuple[str, str] = ("", "")  # the boxes at which it is tied; empty where it ends freely
    tooltip: str = ""


@dataclass(frozen=True, slots=True)
class Label:
    """A product beside its arrow, centred at a point."""

    at: Point
    back: Back


@dataclass(frozen=True, slots=True)
class Placed:
    """Boxes by id, and the lines between them."""

    boxes: Mapping[str, Point]
    lines: tuple[Line, ...]
    labels: tuple[Label, ...]


def formula_lines(box: Box) -> tuple[str, ...]:
    """The formula as it stands in the box."""
    return in_lines(box.formula, FORMULA, 80.0, 150.0) if box.formula else ()


def value_rows(box: Box) -> list[list[tuple[str, str]]]:
    """The rows under the name as (role, text): a number and its gradient share one, an array's have one each."""
    found = [("value", box.value)] if box.value else []
    if box.gradient:
        found.append(("gradient", f"∂ {box.gradient}"))
    if len(found) == 2 and ("[" in box.value or len(box.value) + len(box.gradient) > 16):
        return [[found[0]], [found[1]]]
    return [found] if found else []


def box_size(box: Box) -> Size:
    """How large the box is drawn, from its texts in the shipped font."""
    formulas = formula_lines(box)
    rows = value_rows(box)
    widths = [min(text_width(box.name, NAME, bold=True), 170.0), *(text_width(line, FORMULA) for line in formulas)]
    widths += [sum(text_width(text, VALUE) for _, text in row) + 10.0 * (len(row) - 1) for row in rows]
    height = 16.0 + 19.0 + 14.0 * len(formulas) + 17.0 * len(rows) - (5.0 if rows and not formulas else 0.0)
    return Size(max(68.4, max(widths) + 20.0), max(height, 34.0))


def box_sizes(view: View) -> dict[str, Size]:
    """The sizes of all boxes; inputs and parameters are equally wide as far as that takes little room."""
    own = {box.id: box_size(box) for box in view.boxes}
    leaves = [box.id for box in view.boxes if box.kind in ("input", "parameter") and own[box.id].width <= MUCH]
    widest = max((own[i].width for i in leaves), default=0.0)
    return own | {i: Size(widest, own[i].height) for i in leaves}


def note_width(back: Back) -> float:
    """How wide a product is written."""
    return max(text_width(back.symbols, NOTE), text_width(back.numbers, NOTE, bold=True))
