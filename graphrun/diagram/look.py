"""How boxes and lines look, in roles of the palette: shared by the writers that draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from graphrun.diagram.palette import MARKS, heat_role
from graphrun.diagram.view import Arrow, Box, Mark

__all__ = ["Look", "arrow_look", "box_look", "line_look"]

THIN = 1.2
LIT = 4.0


@dataclass(frozen=True, slots=True)
class Look:
    """Roles of fill and line, the line's width in points and its style."""

    fill: str
    line: str
    width: float = THIN
    style: str = "solid"


def box_look(box: Box) -> Look:
    """The look of a box: lit before marked before heated, else by what it is of."""
    if box.lit:
        return Look("lit", "lit-line", LIT)
    if box.mark:
        line, fill, style, width, _ = MARKS[box.mark]
        return Look(fill, line, width, style)
    if box.heat is not None:
        shade = heat_role(box.heat)
        return Look(f"heat{shade}", f"heat-line{shade}", THIN + 0.5 * shade)
    return Look("node" if box.kind == "step" else box.kind, "muted")


def line_look(
    kind: Literal["forward", "back", "update"], width: float = THIN, lit: bool = False, mark: Mark = "", heat: float | None = None
) -> Look:
    """The look of a line."""
    if lit:
        return Look("node", "lit-line", max(LIT, width))
    if mark:
        line, _, style, thick, _ = MARKS[mark]
        return Look("node", line, thick, style)
    if kind == "back":
        return Look("node", "gradient", max(width, 1.6), "dashed")
    if kind == "update":
        return Look("node", "count", max(width, 1.8), "dotted")
    if heat is not None:
        shade = heat_role(heat)
        return Look("node", f"heat-line{shade}", max(width, THIN + 0.7 * (shade - 1)))
    return Look("node", "muted", width)


def arrow_look(arrow: Arrow) -> Look:
    """The look of an arrow of a view."""
    return line_look(arrow.kind, arrow.width, arrow.lit, arrow.mark, arrow.heat)
