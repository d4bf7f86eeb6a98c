"""The view of one layer at two depths: as a box with matrices, and as neurons with scalar weights; the gradients of both are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graphrun.diagram.text import pretty_name, short_number
from graphrun.diagram.view import Arrow, Box, Equation, Matrix, Panel, Role, Row, View

__all__ = ["Side", "Zoom", "zoom_view"]

Numbers = Sequence[float]

MOST_WRITTEN = 6
"""Weights up to which their gradients are on their arrows, and once more below the picture; of more they are in a matrix of their own."""


@dataclass(frozen=True, slots=True)
class Side:
    """What one way of computing gives: the layer's value, and the gradients of weights (a row for each input), biases and value."""

    value: Numbers
    weight: Sequence[Numbers]
    bias: Numbers
    gradient: Numbers


@dataclass(frozen=True, slots=True)
class Zoom:
    """A layer `name` = `function`(`source`): one row x, the weights W, the biases b (none where empty), and what both ways of computing
    give: with matrices, and with one node for each weight."""

    name: str
    function: str
    source: str
    loss: str
    x: Numbers
    weight: Sequence[Numbers]
    bias: Numbers
    matrices: Side
    scalars: Side

    @property
    def difference(self) -> float:
        """The largest difference between the two, of values and gradients."""
        pairs = zip(_flat(self.matrices), _flat(self.scalars), strict=True)
        return max((abs(a - b) for a, b in pairs), default=0.0)

    @property
    def agrees(self) -> bool:
        """Whether they are equal up to rounding: within 1e-12 of the largest number."""
        return self.difference <= 1e-12 * max(1.0, *(abs(a) for a in _flat(self.matrices)))


def _flat(side: Side) -> list[float]:
    return [*side.value, *(w for row in side.weight for w in row), *side.bias, *side.gradient]


def zoom_view(zoom: Zoom, *, direction: str = "LR") -> View:
    """The picture of `zoom`: two panels, and below them whether they agree."""
    over = pretty_name(zoom.loss)
    closed, opened = "depth 1", "depth 2"
    boxes = (*_closed(zoom, closed), *_opened(zoom, opened))
    head: Row = (
        ("ink", f"{pretty_name(zoom.name)} = {zoom.function}({pretty_name(zoom.source)})"),
        ("muted", "one layer, drawn at two depths"),
    )
    return View(
        title=zoom.name,
        boxes=boxes,
        arrows=(*_closed_arrows(zoom), *_arrows(zoom)),
        legend=(("value", "value"), ("gradient", f"∂ gradient of {over}")),
        direction=direction,
        panels=(
            Panel(closed, (("ink", "--depth 1"), ("muted", "one box, matrices"))),
            Panel(opened, (("ink", "--depth 2"), ("muted", "neurons, scalar weights"))),
        ),
        rows=(_check(zoom, over),),
        layout="zoom",
        head=head,
        equations=(
            *((closed, equation) for equation in _equations(zoom, over)),
            *((opened, equation) for equation in _written(zoom, over)),
        ),
    )


def _list(values: Numbers) -> str:
    return "[" + "  ".join(short_number(v) for v in values) + "]"


def _closed(zoom: Zoom, panel: str) -> list[Box]:
    count = len(zoom.weight) * len(zoom.weight[0])
    parameters = f"{count} + {len(zoom.bias)} parameters" if zoom.bias else f"{count} parameters"
    formula = "x · W + b" if zoom.bias else "x · W"
    return [
        Box("x", "input", pretty_name(zoom.source), value=_list(zoom.x), panel=panel, tooltip=zoom.source),
        Box("layer", "step", zoom.function, formula, rows=((("count", parameters),),), panel=panel, tooltip=zoom.name),
        Box("u", "step", pretty_name(zoom.name), value=_list(zoom.matrices.value), gradient=_list(zoom.matrices.gradient), panel=panel,
            tooltip=zoom.name),
    ]  # fmt: skip


def _closed_arrows(zoom: Zoom) -> list[Arrow]:
    return [
        Arrow("x", "layer", ((("muted", f"[1, {len(zoom.x)}]"),),)),
        Arrow("layer", "u", ((("muted", f"[1, {len(zoom.weight[0])}]"),),)),
    ]


def _opened(zoom: Zoom, panel: str) -> list[Box]:
    source, unit = _letter(zoom.source, "x"), _letter(zoom.name, "u")
    side = zoom.scalars
    many = len(zoom.weight) * len(zoom.weight[0]) > MOST_WRITTEN
    out = [
        Box(f"x{i + 1}", "input", pretty_name(f"{source}{i + 1}"), value=short_number(v), outline="square", panel=panel)
        for i, v in enumerate(zoom.x)
    ]
    for j in range(len(zoom.weight[0])):
        below: tuple[Row, ...] = ()
        if zoom.bias and not many:
            below = (
                (("ink", pretty_name(f"b{j + 1}")), ("value", short_number(zoom.bias[j])), ("gradient", f"∂ {short_number(side.bias[j])}")),
            )
        value, gradient = short_number(side.value[j]), short_number(side.gradient[j])
        out.append(Box(f"u{j + 1}", "step", pretty_name(f"{unit}{j + 1}"), value=value, gradient=gradient, outline="circle", panel=panel,
                       below=below))  # fmt: skip
    return out


def _letter(name: str, other: str) -> str:
    """The name where it is one letter, which an index can follow."""
    return name if len(name) == 1 else other


def _arrows(zoom: Zoom) -> list[Arrow]:
    out = []
    for j in range(len(zoom.weight[0])):
        for i in range(len(zoom.weight)):
            name = f"w{i + 1}{j + 1}"
            value: Row = (("ink", pretty_name(name)), ("value", short_number(zoom.weight[i][j])))
            gradient: Row = (("gradient", f"∂ {short_number(zoom.scalars.weight[i][j])}"),)
            out.append(Arrow(f"x{i + 1}", f"u{j + 1}", (value, gradient), weight=name, tooltip=name))
    return out


def _matrix(rows: Sequence[Numbers], role: Role, name: str = "") -> Matrix:
    return Matrix(tuple(tuple(short_number(v) for v in row) for row in rows), role, name)


def _equations(zoom: Zoom, over: str) -> list[Equation]:
    """The forward pass and the gradient of the weights in matrices."""
    unit, source = pretty_name(_letter(zoom.name, "u")), pretty_name(_letter(zoom.source, "x"))
    side = zoom.matrices
    forward: list[str | Matrix] = [f"{unit} =", _matrix([zoom.x], "value", source), "·", _matrix(zoom.weight, "value", "W")]
    if zoom.bias:
        forward += ["+", _matrix([zoom.bias], "value", "b")]
    forward += ["=", _matrix([side.value], "value", unit)]
    back: list[str | Matrix] = [f"∂{over}/∂W = {source}ᵀ · ∂{over}/∂{unit} =", _matrix([[v] for v in zoom.x], "value"), "·",
                                _matrix([side.gradient], "gradient"), "=", _matrix(side.weight, "gradient")]  # fmt: skip
    out: list[Equation] = [tuple(forward), tuple(back)]
    if zoom.bias:
        out.append((f"∂{over}/∂b = ∂{over}/∂{unit} =", _matrix([side.bias], "gradient")))
    return out


def _written(zoom: Zoom, over: str) -> list[Equation]:
    """The gradients of the single weights once more, where there are too many to read them on the arrows."""
    if len(zoom.weight) * len(zoom.weight[0]) <= MOST_WRITTEN:
        return []
    out: list[Equation] = [(f"∂{over}/∂w₁₁ … =", _matrix(zoom.scalars.weight, "gradient"))]
    return [*out, (f"∂{over}/∂b₁ … =", _matrix([zoom.scalars.bias], "gradient"))] if zoom.bias else out


def _check(zoom: Zoom, over: str) -> Row:
    """Whether both ways agree, in words and numbers."""
    weights = len(zoom.weight) * len(zoom.weight[0])
    counted = [f"{weights} weight" + ("s" if weights != 1 else "")]
    counted += [f"{len(zoom.bias)} bias" + ("es" if len(zoom.bias) != 1 else "")] if zoom.bias else []
    what = " and ".join(counted)
    rows = "; ".join("  ".join(short_number(v) for v in row) for row in zoom.scalars.weight)
    gradient: Row = (("gradient", f"∂{over}/∂W = [{rows}]"),) if weights <= MOST_WRITTEN else ()
    said: Row = (("value", f"✓ {what} equal"),) if zoom.agrees else (("gradient", f"{what} differ"),)
    return (
        ("ink", "the gradient computed twice: "),
        *said,
        *gradient,
        ("muted", f"largest difference {short_number(zoom.difference)}"),
    )
