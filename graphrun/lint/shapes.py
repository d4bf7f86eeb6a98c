"""Shapes that fit and were hardly meant: accidental broadcasting, a reduction over the batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from graphrun.errors import Diagnostic
from graphrun.ir.graph import Graph
from graphrun.ir.types import Shape, Sym, shape_text
from graphrun.lint.look import Look, warning

__all__ = ["argmax_over_batch", "broadcast_by_accident"]

# Who writes one of these has put the size 1 there on purpose.
_ON_PURPOSE = frozenset({"expand_dims", "reshape", "swap_last", "transpose", "broadcast_to"})


def broadcast_by_accident(look: Look) -> Iterator[Diagnostic]:
    """`[n]` against `[n, 1]` makes `[n, n]`, each element against each."""
    graph = look.built.graph
    for i in range(len(graph)):
        inputs = graph.inputs(i)
        pair = _list_and_column(graph, inputs) if graph.op(i).elementwise else None
        if pair is None or any(_on_purpose(graph, j) for j in pair):
            continue
        a, b = (graph.shape(j) for j in pair)
        tall = max(a, b, key=len)
        where = look.place(graph, i)
        message = f"{shape_text(a)} and {shape_text(b)} broadcast to {shape_text(graph.shape(i))}: each element meets each other"
        notes = tuple(f"{graph.name(j)} has shape {shape_text(graph.shape(j))}" for j in pair if _named(graph, j))
        column = graph.name(pair[1] if tall is b else pair[0])
        yield from warning("accidental-broadcast", message, where, f"give both one shape: `squeeze({column}, axis=-1)`", notes)


def _list_and_column(graph: Graph, inputs: Sequence[int]) -> tuple[int, int] | None:
    """Two of the operands, in their order, of which one is a list of n (or a stack of them) and the other a column of n."""
    for i, j in combinations(inputs, 2):
        short, tall = sorted((graph.shape(i), graph.shape(j)), key=len)
        if short and len(tall) == len(short) + 1 and tall[-1] == 1 and short[-1] == tall[-2] and short[-1] != 1:
            return i, j
    return None


def _named(graph: Graph, i: int) -> bool:
    return graph.owner(i) is not None


def _on_purpose(graph: Graph, i: int) -> bool:
    while graph.op(i).name == "identity":
        i = graph.inputs(i)[0]
    return graph.op(i).name in _ON_PURPOSE or bool(graph.attrs(i).get("keepdims"))


def argmax_over_batch(look: Look) -> Iterator[Diagnostic]:
    """`argmax` or `argmin` without an axis, of an array with the dimension `batch`: one index over all rows together."""
    graph = look.built.graph
    for i in range(len(graph)):
        op = graph.op(i).name
        if op not in ("argmax", "argmin") or graph.attrs(i).get("axis") is not None:
            continue
        shape = graph.shape(graph.inputs(i)[0])
        if len(shape) > 1 and _has_batch(shape):
            message = f"`{op}` without an axis gives one index over all rows of the batch together"
            notes = (f"{graph.name(graph.inputs(i)[0])} has shape {shape_text(shape)}",)
            yield from warning("argmax-over-batch", message, look.place(graph, i), "give the axis of the classes: `axis=-1`", notes)


def _has_batch(shape: Shape) -> bool:
    return any(isinstance(d, Sym) and str(d) == "batch" for d in shape)
