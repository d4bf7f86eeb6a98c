"""The numbers of a picture, and where in the spec its boxes come from."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from graphrun.diagram.view import View
from graphrun.errors import GraphrunError
from graphrun.ir.formula import number, product
from graphrun.ir.graph import Graph, unpack_place
from graphrun.ir.leaves import INPUT

if TYPE_CHECKING:
    from graphrun.model.model import Model

__all__ = ["Numbers", "box_places", "heated", "link_to", "numbers_of", "products_of", "updated"]

LIBRARY = PurePath(Path(__file__).parents[1] / "library")


@dataclass(frozen=True, slots=True)
class Numbers:
    """Values and gradients by node of the graph; None where they are not known."""

    values: Sequence[Any] | None = None
    gradients: Mapping[int, Any] | None = None


def numbers_of(model: Model, row: int | str | None, *, strict: bool) -> Numbers:
    """The values of the forward pass and the gradients of the loss, at the current parameters. Where they cannot be had, nothing, unless
    `strict`. Raises UsageError, DataError and RunError then."""
    try:
        if model.built.loss is None:
            run = model.run(row=row)
            return Numbers(run.of_nodes(len(model.built.graph)))
        g = model.grad(row=row)
        return Numbers(g.values.of_nodes(len(model.built.graph)), g.by_node)
    except GraphrunError:
        if strict or row is not None:
            raise
        return Numbers()


def updated(model: Model, row: int | str | None) -> dict[str, float] | None:
    """The scalar parameters after one update, or None where that is not known."""
    if model.spec.model.train is None or any(p.shape for p in model.built.params.values()):
        return None
    try:
        update = model.ledger(row=row).facts.update
    except GraphrunError:
        return None
    return None if update is None else {name: float(new) for name, _, new in update.parameters}


def products_of(model: Model, row: int | str | None, expand: bool) -> dict[tuple[int, int], str]:
    """(user, operand) → the product that the backward pass carries along that edge, as the ledger writes it: symbols, then numbers."""
    ledger = model.ledger(row=row, expand=expand)
    out: dict[tuple[int, int], str] = {}
    for line in ledger.backward:
        for term in line.terms:
            if term.value is None:
                continue
            value, upstream = float(term.value), float(term.upstream_gradient)
            if term.direct:
                same = term.formula in (number(value), number(value, 4))
                symbols = line.symbol if same else f"{line.symbol} = {term.formula}"
                numbers = f"= {number(value, 4)}"
            else:
                symbols = f"∂{ledger.of}/∂{term.upstream_name} · ∂{term.upstream_name}/∂{line.name}"
                numbers = f"{product(number(upstream, 4), number(value, 4))} = {number(upstream * value, 4)}"
            out[term.upstream, line.node] = f"{symbols}\n{numbers}"
    return out


def heated(view: View, graph: Graph, gradients: Mapping[int, Any]) -> View:
    """The view with its boxes, which are called as the nodes, shaded by size of gradient."""
    sizes = {graph.name(i): float(np.max(np.abs(g), initial=0.0)) for i, g in gradients.items() if graph.op(i) is not INPUT}
    top = max((sizes[box.id] for box in view.boxes if box.id in sizes), default=0.0) or 1.0
    boxes = tuple(replace(b, heat=sizes[b.id] / top) if b.id in sizes else b for b in view.boxes)
    return replace(view, boxes=boxes, legend=(*view.legend, ("ink", "the darker and thicker, the larger the gradient")))


# -- places ------------------------------------------------------------------------------------------------------------


def box_places(graph: Graph) -> dict[str, tuple[int, int]]:
    """A box's id → (source, line) in the spec: of what stands in the library the line of its call."""
    out: dict[str, tuple[int, int]] = {}
    for call in reversed(graph.calls):
        source, line, _, _ = unpack_place(call.place)
        if line:
            out[call.name] = (source, line)
    for i in range(len(graph)):
        source, line, _, _ = graph.place(i)
        if line and source < len(graph.sources) and PurePath(graph.sources[source]).parent == LIBRARY:
            source, line = 0, graph.line(i) or 0
        if line:
            out[graph.name(i)] = (source, line)
    return out


def link_to(base: str, graph: Graph, place: tuple[int, int] | None) -> str:
    """The address of a line: `base` is that of the folder in which the spec lies, or of the spec file itself."""
    if place is None or place[0] >= len(graph.sources):
        return ""
    spec, file = graph.sources[0], graph.sources[place[0]]
    if base.endswith((".yaml", ".yml")):
        base, _, name = base.rpartition("/")
    else:
        name = os.path.basename(spec)
    if place[0]:
        name = os.path.relpath(file, os.path.dirname(spec) or ".").replace(os.sep, "/")
    return f"{base.rstrip('/')}/{name}#L{place[1]}"
