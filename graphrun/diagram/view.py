"""What a picture holds before anything has a place: boxes, arrows, gradients flowing back, panels around boxes, and what is said below.

A view is text and structure alone. Which view is made of a graph is decided in the files named after the views, where things stand in
`place`, and how they look in the writers (`dot`, `mermaid`, `tikz`, `text_picture`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Arrow", "Back", "Box", "Equation", "Kind", "Mark", "Matrix", "Outline", "Panel", "Role", "Row", "View"]

Kind = Literal["input", "parameter", "step", "loss", "optimizer"]
"""What a box is of: it decides the fill."""

Outline = Literal["box", "square", "circle", "double circle", "stadium", "small circle"]
"""The form of a box; a `small circle` is an operation's sign (`+`) where lines join."""

Role = Literal["ink", "muted", "value", "gradient", "count", "changed"]
"""What a piece of text says: it decides the colour. `count` is of parameters, `changed` of a difference between two specs."""

Mark = Literal["", "+", "-", "~", "follows"]
"""In a picture of what changed: added, removed, changed, or only following from another change."""

Row = tuple[tuple[Role, str], ...]
"""A line of text as pieces, each with its role."""


@dataclass(frozen=True, slots=True)
class Box:
    """A value or a group of steps: `id` is its own, `name` as drawn. Texts are empty where there is nothing to say.

    A `stacked` box stands for many steps or for the copies of a repeat. `rows` come after the formula and before the value (shapes, counts,
    cost). `lit` is on the pass that is highlighted; `heat` from 0 to 1 shades by size of gradient; `mark_text` says more of a mark; `panel`
    is the innermost panel around it; `href` is where a click leads. `plain` is the name as Mermaid writes it, where that is not the one
    drawn without its signs. `below` stands under the box (the biases of a neuron). The box is as large as `like` where that is given.
    """

    id: str
    kind: Kind
    name: str
    formula: str = ""
    value: str = ""
    gradient: str = ""
    tooltip: str = ""
    stacked: bool = False
    outline: Outline = "box"
    rows: tuple[Row, ...] = ()
    lit: bool = False
    heat: float | None = None
    mark: Mark = ""
    mark_text: str = ""
    panel: str = ""
    href: str = ""
    plain: str = ""
    below: tuple[Row, ...] = ()
    like: Box | None = None


@dataclass(frozen=True, slots=True)
class Arrow:
    """A value that flows from box to box (by their ids), with a label of `rows` on its line.

    `kind` is `forward` unless the picture shows all of training. `weight` is the name of the parameter that the arrow is in the view of
    neurons; `width` is in points.
    """

    tail: str
    head: str
    rows: tuple[Row, ...] = ()
    kind: Literal["forward", "back", "update"] = "forward"
    weight: str = ""
    width: float = 1.2
    lit: bool = False
    heat: float | None = None
    mark: Mark = ""
    tooltip: str = ""


@dataclass(frozen=True, slots=True)
class Back:
    """A gradient that flows back from `tail` to `head`: the product in symbols (`∂J/∂a · ∂a/∂c`) and in numbers (`2 · 1 = 2`)."""

    tail: str
    head: str
    symbols: str = ""
    numbers: str = ""

    @property
    def text(self) -> str:
        """Both on one line."""
        equals = "" if not self.symbols or not self.numbers or self.numbers.startswith("=") else "= "
        return f"{self.symbols} {equals}{self.numbers}".strip()


@dataclass(frozen=True, slots=True)
class Panel:
    """A frame around boxes: a layer that is opened, a loop, a part of training. `parent` is the panel around it; `title` its head line.

    `opens` is the box (drawn elsewhere in the same picture) of which the panel shows the inside.
    """

    id: str
    title: Row
    parent: str = ""
    opens: str = ""
    stacked: bool = False


@dataclass(frozen=True, slots=True)
class Matrix:
    """Numbers in brackets, as `rows` of texts, with what they are below."""

    rows: tuple[tuple[str, ...], ...]
    role: Role
    name: str = ""


Equation = tuple["str | Matrix", ...]
"""A line of texts and matrices."""


@dataclass(frozen=True, slots=True)
class View:
    """A picture before anything has a place. `legend` pairs a role with its text; `rows` are lines written below the picture.

    `layout` says what is known of its form: a `net` has neurons in columns, a `row` its values in a line with the operations above the
    arrows, a `zoom` one layer in two panels with `equations` (panel, equation) below its boxes. `head` is a line at the top of the picture.
    """

    title: str
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    backs: tuple[Back, ...] = ()
    caption: str = ""
    legend: tuple[tuple[Role, str], ...] = ()
    direction: str = "LR"
    panels: tuple[Panel, ...] = ()
    rows: tuple[Row, ...] = ()
    layout: Literal["", "net", "row", "zoom"] = ""
    head: Row = ()
    equations: tuple[tuple[str, Equation], ...] = ()
