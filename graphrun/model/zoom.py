"""The numbers of a layer seen from two distances: once with its matrices, and once with a node for each of its weights.

The scalar graph is the model's own, with the layer taken apart; it is differentiated and evaluated by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from graphrun.autodiff.reverse import backward
from graphrun.diagram.view import View
from graphrun.diagram.zoom_view import Side, Zoom, zoom_view
from graphrun.engines.reference import evaluate
from graphrun.errors import Diagnostic, UsageError
from graphrun.ir.builder import Builder
from graphrun.ir.graph import Graph
from graphrun.ir.leaves import PARAM
from graphrun.model.feeds import Feeds
from graphrun.ops.registry import OPS
from graphrun.passes.bind import bind

if TYPE_CHECKING:
    from graphrun.model.model import Model

__all__ = ["zoom_of", "zoom_picture"]

MOST = 6
"""Inputs and units up to which a layer is opened to its weights."""


@dataclass(frozen=True, slots=True)
class _Affine:
    """x @ weight (+ bias) by the numbers of nodes; `out` is its value. `name` and `function` are the layer's."""

    x: int
    weight: int
    bias: int | None
    out: int
    name: str
    function: str


def zoom_picture(model: Model, name: str, row: int | str | None, direction: str) -> View:
    """The layer `name` as a box with matrices and as neurons. Raises UsageError where it is no such layer, or too large."""
    return zoom_view(zoom_of(model, name, row), direction=direction)


def zoom_of(model: Model, name: str, row: int | str | None = None) -> Zoom:
    """The layer with its numbers, computed both ways, for one row: the first one where `row` is None. Raises UsageError."""
    built = model.built
    if built.loss is None:
        raise UsageError(Diagnostic("no-loss", "--depth 2: the spec has no loss, so there are no gradients", help="name one: `loss: J`"))
    found = _affine(built.graph, name)
    fed = _first_row(model.feeds({}, 1 if row is None and _has_rows(model) else row))
    if fed.all_rows:
        raise UsageError(Diagnostic("usage", "--row all: a layer is opened for one row", help="give a number: --row 1"))
    graph = bind(built.graph, fed.sizes)
    leaves = fed.leaves(built, {i: i for i in range(len(graph))}, model.current)
    both, gradients = backward(graph, built.loss, [found.weight, found.out, *([found.bias] if found.bias is not None else [])])
    values = evaluate(both, leaves)
    x = np.asarray(values[found.x], dtype=np.float64)
    if x.ndim > 2 or (x.ndim == 2 and x.shape[0] != 1):
        raise UsageError(
            Diagnostic("usage", f"--depth 2: `{name}` does not take one row of numbers", help="open a layer of [batch, n] or [n]")
        )
    weight = np.asarray(values[found.weight], dtype=np.float64)
    if max(weight.shape) > MOST:
        what = f"--depth 2: `{name}` has {weight.shape[0]} inputs and {weight.shape[1]} units, and at most {MOST} are opened"
        raise UsageError(Diagnostic("usage", what, help="use a smaller layer (--set), or --view layers"))
    matrices = Side(
        _numbers(values[found.out]),
        [_numbers(r) for r in _gradient(values, gradients, found.weight, weight)],
        _numbers(_gradient(values, gradients, found.bias, values[found.bias])) if found.bias is not None else [],
        _numbers(_gradient(values, gradients, found.out, values[found.out])),
    )
    bias = _numbers(values[found.bias]) if found.bias is not None else []
    scalars = _scalars(graph, built.loss, found, leaves, weight, bias)
    source = built.graph.name(found.x)
    loss = built.graph.name(built.loss)
    return Zoom(found.name, found.function, source, loss, _numbers(x), [_numbers(r) for r in weight], bias, matrices, scalars)


def _has_rows(model: Model) -> bool:
    return model.spec.model.data is not None and not model.built.one_row


def _first_row(fed: Feeds) -> Feeds:
    """One row of a batch."""
    batch = fed.sizes.get("batch")
    if batch is None or batch == 1:
        return fed
    values = {n: v[:1] if np.ndim(v) and len(v) == batch else v for n, v in fed.values.items()}
    return replace(fed, values=values, sizes={**fed.sizes, "batch": 1})


def _gradient(values: Any, gradients: Any, node: int, like: Any) -> Any:
    return values[gradients[node]] if node in gradients else np.zeros(np.shape(like))


def _numbers(values: Any) -> list[float]:
    return [float(v) for v in np.ravel(values)]


def _affine(graph: Graph, name: str) -> _Affine:
    """The one product with a matrix of parameters in the layer of that name."""
    products = [i for i in range(len(graph)) if graph.op(i).name == "matmul" and graph.op(graph.inputs(i)[1]) is PARAM]
    products = [i for i in products if len(graph.shape(graph.inputs(i)[1])) == 2]
    around = {i: _layers(graph, i) for i in products}
    found = [i for i in products if name in around[i] or graph.owner(i) == name]
    if len(found) != 1:
        known = sorted({around[i][-1] if around[i] else str(graph.owner(i)) for i in products})
        what = (
            f"--depth 2: `{name}` has {len(found)} matrices of weights" if found else f"--depth 2: there is no layer `{name}` with weights"
        )
        raise UsageError(
            Diagnostic("unknown-name", what, help=f"one of {', '.join(known[:8])}" if known else "--view layers draws any graph")
        )
    (product,) = found
    users = graph.users()[product]
    x, weight = graph.inputs(product)
    bias, out = None, product
    if len(users) == 1 and graph.op(users[0]).name == "add":
        other = [j for j in graph.inputs(users[0]) if j != product]
        if len(other) == 1 and graph.op(other[0]) is PARAM and len(graph.shape(other[0])) == 1:
            bias, out = other[0], users[0]
    call = graph.call(product)
    while call >= 0 and graph.calls[call].parent >= 0 and graph.calls[call].name != name:
        call = graph.calls[call].parent
    while call >= 0 and graph.calls[call].parent >= 0 and graph.calls[graph.calls[call].parent].name == graph.calls[call].name:
        call = graph.calls[call].parent
    function = graph.calls[call].function if call >= 0 else "affine"
    return _Affine(x, weight, bias, out, name if _is_called(graph, out, name) else graph.name(out), function)


def _is_called(graph: Graph, out: int, name: str) -> bool:
    """Whether the value of a layer bears that name, and not what an activation makes of it."""
    i = graph.index().get(name, out)
    while i != out and graph.op(i).name == "identity":
        i = graph.inputs(i)[0]
    return i == out


def _layers(graph: Graph, i: int) -> list[str]:
    """The names of the calls around a node, the innermost first."""
    out, call = [], graph.call(i)
    while call >= 0:
        out.append(graph.calls[call].name)
        call = graph.calls[call].parent
    return out


def _scalars(graph: Graph, loss: int, layer: _Affine, leaves: dict[int, Any], weight: Any, bias: list[float]) -> Side:
    """The same with a parameter for each weight: the graph with the layer taken apart, differentiated by itself."""
    b = Builder()
    first = b.graft(graph, {})
    shape, dtype = graph.shape(layer.out), graph.dtype(layer.out)
    flat = OPS["reshape"](b, first[layer.x], shape=(weight.shape[0],))
    xs = [OPS["slice"](b, flat, index=((i, i + 1, 1),), squeeze=(0,)) for i in range(weight.shape[0])]
    ws = [[b.param(f"w{i}.{j}", (), dtype) for j in range(weight.shape[1])] for i in range(weight.shape[0])]
    bs = [b.param(f"b{j}", (), dtype) for j in range(len(bias))]
    units = []
    for j in range(weight.shape[1]):
        total = OPS["mul"](b, xs[0], ws[0][j])
        for i in range(1, weight.shape[0]):
            total = OPS["add"](b, total, OPS["mul"](b, xs[i], ws[i][j]))
        units.append(OPS["add"](b, total, bs[j]) if bs else total)
    joined = OPS["reshape"](b, OPS["stack"](b, *units, axis=0), shape=shape)
    after = bytearray(len(graph))
    after[layer.out] = 1
    for i in range(layer.out + 1, len(graph)):
        after[i] = any(after[j] for j in graph.inputs(i))
    again = b.graft(graph, {**{i: first[i] for i in range(len(graph)) if not after[i]}, layer.out: joined})
    scalars = [*(w for row in ws for w in row), *bs]
    both, gradients = backward(b.graph, again[loss], [*scalars, *units])
    fed = {first[i]: v for i, v in leaves.items()}
    fed |= {w: weight[i, j] for i, row in enumerate(ws) for j, w in enumerate(row)}
    fed |= dict(zip(bs, bias, strict=True))
    ends = [*units, *gradients.values()]
    values = evaluate(both, fed, ends)

    def gradient(i: int) -> float:
        return float(values[gradients[i]]) if i in gradients else 0.0

    return Side(
        [float(values[u]) for u in units],
        [[gradient(w) for w in row] for row in ws],
        [gradient(i) for i in bs],
        [gradient(u) for u in units],
    )
