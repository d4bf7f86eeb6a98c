"""Reverse mode: the backward pass as nodes of the graph.

Each node is visited once, from the last to the first; what its users hand back is added up, its operation's vjp hands on. So n nodes and p
parameters cost O(n + p). Accumulation over fan-out and undoing of broadcasting happen here, once for all operations.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from graphrun.ir.builder import Builder
from graphrun.ir.graph import Graph
from graphrun.ir.opdef import Part
from graphrun.ir.pause import collection_paused
from graphrun.ir.types import Shape, is_real, size
from graphrun.ops.arithmetic import ADD
from graphrun.ops.elementary import CAST
from graphrun.ops.shape import BROADCAST_TO, CONCAT, RESHAPE, SUM_TO, UNSLICE

__all__ = ["backward", "extend"]

Contribution = int | Part
Span = tuple[int, int]


def backward(graph: Graph, of: int, wrt: Iterable[int], seed: int | None = None) -> tuple[Graph, dict[int, int]]:
    """The graph with the gradient of node `of` with respect to the nodes `wrt`.

    Returns a graph that begins with all nodes of `graph`, and a map from node to the node of its gradient: for each of
    `wrt` (zeros of its shape where `of` does not depend on it) and each node between them and `of`. The gradient has the node's shape
    and dtype. `of` is a scalar, unless `seed` names the node that stands for its cotangent.
    """
    with collection_paused():
        return _backward(graph, of, list(wrt), seed)


def _backward(graph: Graph, of: int, wanted: Sequence[int], seed: int | None) -> tuple[Graph, dict[int, int]]:
    b = Builder(graph)
    return b.graph, _walk(b, graph, of, wanted, seed)


def extend(b: Builder, of: int, wrt: int) -> int:
    """Adds to the graph in the making the gradient of its scalar node `of` with respect to its node `wrt`, and gives its node.

    What is added bears the marks of the builder at hand. A value that `of` does not depend on has a gradient of zeros.
    """
    return _walk(b, b.graph, of, [wrt], None, named_after_nodes=False)[wrt]


def _walk(b: Builder, graph: Graph, of: int, wanted: Sequence[int], seed: int | None, named_after_nodes: bool = True) -> dict[int, int]:
    """The backward pass, added to `b`, which begins with the nodes of `graph` (or is it)."""
    active = _active(graph, of, wanted)
    pending: dict[int, list[Contribution]] = {}
    gradients: dict[int, int] = {}
    named: set[int] = set()
    if active[of]:
        pending[of] = [b.const(1.0, graph.dtype(of)) if seed is None else seed]
    if named_after_nodes:
        b.tag = b.tag_id(f"∂{graph.name(of)}/∂", "")
    kinds, tags, calls, places = b.graph._type, b.graph._tag, graph._call, graph._place
    for i in range(of, -1, -1):
        given = pending.pop(i, None)
        if given is None:
            continue
        if named_after_nodes:
            b.owner, b.call, b.place = ~i, calls[i], places[i]
        made = len(b)
        g = given[0] if len(given) == 1 and type(given[0]) is int else _accumulate(b, graph, i, given)
        gradients[i] = g
        inputs = graph.inputs(i)
        vjp = graph.op(i).vjp
        if vjp is not None and any(active[j] for j in inputs):
            for j, c in zip(inputs, vjp(b, graph.node(i), g), strict=True):
                if c is not None and active[j]:
                    pending.setdefault(j, []).append(c if type(c) is int and kinds[c] == kinds[j] else _fitted(b, graph, j, c))
        if not named_after_nodes:
            continue
        if g not in named and tags[g] == b.tag:
            named.add(g)
            b.set_owner(g, ~i)
        if len(b) > made:
            _number(b, i, g, made)
    if named_after_nodes:
        b.owner, b.tag, b.call, b.place = None, 0, -1, 0
    for i in wanted:
        if i not in gradients:
            zero = b.const(0.0, graph.dtype(i)) if is_real(graph.dtype(i)) else b.const(0.0, "float64")
            gradients[i] = BROADCAST_TO(b, zero, shape=graph.shape(i)) if graph.shape(i) else zero
    return gradients


def _active(graph: Graph, of: int, wrt: Sequence[int]) -> bytearray:
    """A mark for each node on a differentiable way from one of `wrt` to `of`."""
    below = graph.ancestors([of])
    active = bytearray(len(graph))
    for i in wrt:
        active[i] = below[i] and is_real(graph.dtype(i))
    first = min(wrt, default=of)
    offset, inputs, ops, table = graph._offset, graph._input, graph._op, graph._op_table
    passes = [op.vjp is not None for op in table]
    for i in range(first, of + 1):
        if not active[i] and below[i] and passes[ops[i]]:
            for k in range(offset[i], offset[i + 1]):
                if active[inputs[k]]:
                    active[i] = is_real(graph.dtype(i))
                    break
    return active


def _number(b: Builder, i: int, g: int, made: int) -> None:
    """Numbers what the vjp of x added, besides the gradient g itself: `∂J/∂x#1`, `∂J/∂x#2`, …"""
    owners, step = b.graph._owner, 0
    for k in range(made, len(b)):
        if owners[k] == ~i and k != g:
            step += 1
            b.set_step(k, step)


def _fitted(b: Builder, graph: Graph, j: int, c: Contribution) -> Contribution:
    """The contribution in the shape and dtype of node j: broadcasting undone."""
    kind = graph.type(j)
    if isinstance(c, Part):
        return Part(CAST(b, c.g, dtype=kind.dtype), c.index) if b.dtype(c.g) != kind.dtype else c
    if b.shape(c) != kind.shape:
        c = SUM_TO(b, c, shape=kind.shape)
    return CAST(b, c, dtype=kind.dtype) if b.dtype(c) != kind.dtype else c


def _accumulate(b: Builder, graph: Graph, j: int, given: Sequence[Contribution]) -> int:
    """The sum of what the users of node j handed back; parts are joined before anything is added."""
    total = None
    parts = [c for c in given if isinstance(c, Part)]
    whole = [c for c in given if not isinstance(c, Part)]
    for c in [*whole, *_join(b, graph.shape(j), parts)]:
        total = c if total is None else ADD(b, total, c)
    assert total is not None
    return total


def _join(b: Builder, shape: Shape, parts: Sequence[Part]) -> list[int]:
    """Parts as values of the whole shape: disjoint stretches of one axis, or single elements, joined by one concat for each layer."""
    if not parts:
        return []
    spans = _elements(shape, parts)
    if spans is not None:
        length = size(shape)
        assert isinstance(length, int)
        flat = [(span, RESHAPE(b, part.g, shape=(1,))) for span, part in zip(spans, parts, strict=True)]
        return [RESHAPE(b, joined, shape=shape) for joined in _layers(b, (length,), 0, flat)]
    axis = _common_axis(parts)
    if axis is None or not isinstance(shape[axis], int):
        return [UNSLICE(b, part.g, shape=shape, index=part.index) for part in parts]
    stretches: list[tuple[Span, int]] = []
    for part in parts:
        entry = part.index[axis]
        assert entry is not None
        start, stop = entry[:2]
        assert isinstance(start, int)
        assert isinstance(stop, int)
        stretches.append(((start, stop), part.g))
    return _layers(b, shape, axis, stretches)


def _elements(shape: Shape, parts: Sequence[Part]) -> list[Span] | None:
    """The flat position of each part where all are single elements, else None."""
    if len(shape) < 2 or not all(isinstance(d, int) for d in shape):
        return None
    out = []
    for part in parts:
        at = 0
        for entry, d in zip(part.index, shape, strict=True):
            start, stop = (0, d) if entry is None else entry[:2]
            if not (isinstance(start, int) and isinstance(stop, int) and isinstance(d, int)) or stop - start != 1:
                return None
            at = at * d + start
        out.append((at, at + 1))
    return out


def _common_axis(parts: Sequence[Part]) -> int | None:
    """The one axis along which all parts are plain stretches, or None."""
    axes = {tuple(k for k, entry in enumerate(part.index) if entry is not None) for part in parts}
    if len(axes) != 1 or len(only := axes.pop()) != 1:
        return None
    axis = only[0]
    for part in parts:
        entry = part.index[axis]
        if entry is None or entry[2] != 1 or not (isinstance(entry[0], int) and isinstance(entry[1], int)):
            return None
    return axis


def _layers(b: Builder, shape: Shape, axis: int, pieces: list[tuple[Span, int]]) -> list[int]:
    """Joins stretches of one axis: as few concats as there are stretches over one place, gaps filled with zeros."""
    pieces = sorted(pieces, key=lambda piece: piece[0])
    layers: list[list[tuple[Span, int]]] = []
    for piece in pieces:
        for layer in layers:
            if layer[-1][0][1] <= piece[0][0]:
                layer.append(piece)
                break
        else:
            layers.append([piece])
    return [_concat(b, shape, axis, layer) for layer in layers]


def _concat(b: Builder, shape: Shape, axis: int, layer: Sequence[tuple[Span, int]]) -> int:
    length = shape[axis]
    assert isinstance(length, int)
    joined: list[int] = []
    at = 0
    for (start, stop), g in [*layer, ((length, length), -1)]:
        if start > at:
            zero = b.const(0.0, b.dtype(layer[0][1]))
            joined.append(BROADCAST_TO(b, zero, shape=(*shape[:axis], start - at, *shape[axis + 1 :])))
        if g >= 0:
            joined.append(g)
        at = stop
    return CONCAT(b, *joined, axis=axis) if len(joined) > 1 else joined[0]
