"""A graph as a table of layers: for each entry of `nodes` its shape, parameters, multiply-adds and memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphrun.build.build import Built
from graphrun.build.optimizer import whole_setting
from graphrun.errors import Reporter
from graphrun.ir.cost import BYTES, Cost, node_cost, total_cost
from graphrun.ir.leaves import LEAVES
from graphrun.ir.types import Dim, DType, Shape, Sym, bind_dim, entries

__all__ = ["Layer", "Totals", "at_sizes", "layers", "totals", "usual_sizes"]


@dataclass(frozen=True, slots=True)
class Layer:
    """A row: an entry of the spec, or (with `level` 1) one of several calls in its formula. `written` is the formula, or what is called;
    `cost` that of its steps. A parameter counts where it is first used."""

    name: str
    written: str
    shape: Shape
    dtype: DType
    parameters: int
    cost: Cost
    level: int = 0


@dataclass(frozen=True, slots=True)
class Totals:
    """What a graph comes to: numbers in parameters, those trained, their bytes, primitive steps, and the cost of one forward pass."""

    parameters: int
    trained: int
    parameter_bytes: int
    steps: int
    cost: Cost


@dataclass(slots=True)
class _Row:
    last: int = -1
    parameters: int = 0
    cost: Cost = field(default_factory=Cost)
    calls: dict[str, _Row] = field(default_factory=dict)
    function: str = ""


def layers(built: Built) -> list[Layer]:
    """The rows in order of computation; where a formula calls several functions that hold parameters, a row for each follows."""
    graph = built.graph
    rows: dict[str, _Row] = {}
    of_node: dict[int, tuple[_Row, _Row | None]] = {}
    for i in range(len(graph)):
        if graph.op(i) in LEAVES:
            continue
        row = rows.setdefault(_root(graph.owner(i) or graph.name(i)), _Row())
        call = _call(built, i)
        inner = None
        if call >= 0:
            site = graph.calls[call]
            inner = row.calls.setdefault(site.name, _Row(function=site.function))
        of_node[i] = row, inner
        for one in (row, inner):
            if one is not None:
                one.last, one.cost = i, one.cost + node_cost(graph, i)
    _count(built, rows, of_node)
    out: list[Layer] = []
    for name, row in rows.items():
        out.append(_layer(built, name, _written(built, name), row, 0))
        inside = {n: inner for n, inner in row.calls.items() if inner.parameters}
        if len(inside) > 1:
            out += [_layer(built, n, inner.function, inner, 1) for n, inner in inside.items()]
    return out


def _count(built: Built, rows: Mapping[str, _Row], of_node: Mapping[int, tuple[_Row, _Row | None]]) -> None:
    """Adds each parameter to the row that uses it first; one of the other graph alone to the row that bears its name."""
    graph = built.graph
    first: dict[int, int] = {}
    for i in of_node:
        for j in graph.inputs(i):
            first.setdefault(j, i)
    for name, p in built.params.items():
        size = entries(p.shape)
        if p.node is not None and p.node in first:
            row, inner = of_node[first[p.node]]
        elif _root(name) in rows:
            row, inner = rows[_root(name)], None
        else:
            continue
        row.parameters += size
        if inner is not None:
            inner.parameters += size


def _layer(built: Built, name: str, written: str, row: _Row, level: int) -> Layer:
    node = built.nodes.get(name, row.last) if not level else row.last
    return Layer(name, written, built.graph.shape(node), built.graph.dtype(node), row.parameters, row.cost, level)


def _call(built: Built, i: int) -> int:
    """The outermost call that a node came from; of a repeat, the copy."""
    calls, at = built.graph.calls, built.graph.call(i)
    while at >= 0 and calls[at].parent >= 0 and calls[calls[at].parent].function != "repeat":
        at = calls[at].parent
    return at


def _root(name: str) -> str:
    return name.partition(".")[0].partition("@")[0].partition("#")[0].partition("/")[0]


def _written(built: Built, name: str) -> str:
    """The formula of an entry as it stands in the spec."""
    model = built.spec.model
    tables: tuple[Mapping[str, Any], ...] = (model.nodes, model.metrics)
    found = next((t[name] for t in tables if name in t), None)
    if found is None:
        found = model.loss if name == built.loss_name else ""
    return " -> ".join(map(str, found)) if isinstance(found, list | tuple) else " ".join(str(found).split())


def totals(built: Built) -> Totals:
    """The sums over a whole graph."""
    graph = built.graph
    steps = [i for i in range(len(graph)) if graph.op(i) not in LEAVES]
    params = built.params.values()
    return Totals(
        sum(entries(p.shape) for p in params),
        sum(entries(p.shape) for p in params if p.trainable),
        sum(entries(p.shape) * BYTES[p.dtype] for p in params),
        len(steps),
        total_cost(graph, steps),
    )


def at_sizes(n: Dim, sizes: Mapping[str, int]) -> int | None:
    """A cost with each symbolic dimension at a size; None where one has none."""
    if not isinstance(n, Sym):
        return n
    found = bind_dim(n, sizes)
    return found if isinstance(found, int) else None


def usual_sizes(built: Built) -> dict[str, int]:
    """The sizes at which costs are told as numbers: `train.batch` for `batch`, 1 where nothing says one."""
    sizes = dict.fromkeys(["batch", *built.spec.model.dims], 1)
    sizes["batch"] = whole_setting(built.spec, "batch", Reporter()) or 1
    return {} if built.one_row and not built.spec.model.dims else sizes
