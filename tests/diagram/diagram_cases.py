"""Views for the tests: from the shipped specs and from specs written in place."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import graphrun.model as gr
from graphrun.diagram.dot import to_dot
from graphrun.diagram.functions_view import functions_view
from graphrun.diagram.geometry import Rect, rect_around
from graphrun.diagram.neurons_view import neurons_view
from graphrun.diagram.place import place
from graphrun.diagram.shapes import SHEET, SHEETS, Placed, box_sizes, rows_size
from graphrun.diagram.steps_view import steps_view
from graphrun.diagram.view import View
from graphrun.model.model import Model

__all__ = ["GOLDEN", "HOSTILE", "apart", "functions_of", "golden", "neurons_of", "shipped", "to_dot", "view_of", "written"]

HOSTILE = [
    'quote " and \\" and \\\\',
    "<b>&amp;</b> <script>alert(1)</script>",
    "{record|<port> a|{b}}",
    "ends in a backslash \\",
    "\\N \\G \\L \\n \\l",
    "two\nlines\r\nand\ttabs",
    "]]> --> <!-- >];",
    "]; evil [label=<x>",
    "&#x3c;i&#x3e; &lt;",
    "null\x00 bell\x07 escape\x1b",
    "right to left \u202e txt",
    "lone \ud800 surrogate",
    "日本語 ∂ 🙂",
    "%s {0} ${HOME} `id` $(id)",
    "",
    "end",
    "style x fill:#f00",
    "x --> y; click z",
    "subgraph one",
    "\\input{/etc/passwd} \\end{document} $x_1^2$ %",
    "1. a list",
    "**bold** _it_ #35; #quot;",
]
"""Texts that would break out where they are not escaped."""

SPECS = Path(__file__).parents[2] / "specs"
GOLDEN = Path(__file__).parent / "golden"


def shipped(name: str) -> Model:
    return gr.load(SPECS / f"{name}.yaml")


def written(*, nodes: str, inputs: str = "{}", params: str = "{}", loss: str = "J", **sections: str) -> Model:
    more = "".join(f"{key}: {text}\n" for key, text in sections.items())
    return gr.loads(f"graphrun: 1\nname: case\ninputs: {inputs}\nparams: {params}\n{more}nodes:\n{nodes}\nloss: {loss}\n")


def neurons_of(model: Model, **options: Any) -> View:
    return view_of(model, view=neurons_view, **options)


def functions_of(model: Model, **options: Any) -> View:
    return view_of(model, view=functions_view, **options)


def view_of(model: Model, *, numbers: bool = True, view: Callable[..., View] = steps_view, **options: Any) -> View:
    built = model.built
    found: dict[str, Any] = {}
    if numbers:
        g = model.grad()
        found = {"values": g.values.by_node, "gradients": g.by_node}
    return view(
        built.graph,
        ends=list(built.outputs.values()),
        loss=built.loss,
        inputs={n: i.node for n, i in built.inputs.items()},
        params={n: p.node for n, p in built.params.items() if p.node is not None},
        entries=built.nodes,
        title=built.spec.name,
        **found,
        **options,
    )


def golden(path: Path, text: str) -> None:
    """The text of a file; GRAPHRUN_REGENERATE=1 writes it there first: read every difference."""
    if os.environ.get("GRAPHRUN_REGENERATE"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def apart(view: View, widest: float = 900.0) -> Placed:
    """The places of a view, in which no two boxes or texts overlap and no line runs through a box or a text."""
    placed = place(view)
    assert placed is not None
    sizes = {**box_sizes(view), **placed.sizes}
    stacked = {box.id for box in view.boxes if box.stacked}
    rects: dict[str, Rect] = {}
    for i, at in placed.boxes.items():
        rects[i] = rect_around(at, sizes[i], -0.5)
        more = SHEET * SHEETS / 2 if i in stacked else 0.0
        rects[i] = Rect(rects[i].x + more, rects[i].y + more, rects[i].half + more, rects[i].tall + more)
    rects |= {f"text {k} {label.rows}": rect_around(label.at, rows_size(label.rows), -1.5) for k, label in enumerate(placed.labels)}
    assert set(placed.boxes) == {box.id for box in view.boxes}
    for (a, one), (b, two) in combinations(rects.items(), 2):
        assert not one.meets(two), (a, b)
    for line in placed.lines:
        for a, b in pairwise(line.points):
            for name, rect in rects.items():
                assert name in line.ends or rect.grown(-1.0).cuts(a, b) is None, (line, name)
    assert max(r.x + r.half for r in rects.values()) - min(r.x - r.half for r in rects.values()) <= widest
    for label in placed.labels:
        assert all(piece.points >= 11.0 for row in label.rows for piece in row)
    return placed
