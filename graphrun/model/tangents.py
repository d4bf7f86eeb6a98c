"""Forward mode through one step of a graph: how its result moves where its operands do. Made from the step's own backward rule, twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphrun.autodiff.reverse import backward
from graphrun.engines.reference import evaluate
from graphrun.ir.builder import Builder
from graphrun.ir.graph import Graph
from graphrun.ir.types import is_real
from graphrun.ledger.local import plain_constant
from graphrun.ops.arithmetic import ADD, MUL
from graphrun.ops.sums import SUM

__all__ = ["Tangents", "between"]


@dataclass(frozen=True, slots=True)
class _Linear:
    """A small graph: `operands` and `moves` (a stand-in for how each real operand moves) give `result`."""

    graph: Graph
    operands: tuple[int, ...]
    moves: tuple[int | None, ...]
    cotangent: int
    result: int | None


class Tangents:
    """Moves of the steps of a graph whose sizes are bound; `values` are those of its nodes."""

    def __init__(self, graph: Graph, values: Sequence[Any]) -> None:
        self.graph, self.values = graph, values
        self._made: dict[tuple[int, tuple[int, ...]], _Linear] = {}

    def move(self, node: int, operands: Sequence[int], moves: Mapping[int, Any]) -> Any:
        """How `node` moves where its `operands` (the step lies between them) move as given; those that are not given stand still."""
        key = (node, tuple(operands))
        linear = self._made.get(key)
        if linear is None:
            linear = self._made[key] = self._linear(node, operands)
        shape = np.shape(self.values[node])
        if linear.result is None:
            return np.zeros(shape)
        feeds = {i: self.values[j] for i, j in zip(linear.operands, operands, strict=True)}
        feeds[linear.cotangent] = np.zeros(shape)
        for m, j in zip(linear.moves, operands, strict=True):
            if m is not None:
                feeds[m] = moves[j] if j in moves else np.zeros(np.shape(self.values[j]))
        return np.asarray(evaluate(linear.graph, feeds, [linear.result])[linear.result])

    def _linear(self, node: int, operands: Sequence[int]) -> _Linear:
        """The derivative along a direction t is the derivative by g of g's own backward product: ∂(gᵀ J t)/∂g = J t."""
        graph = self.graph
        b = Builder()
        new = {j: b.input(f"x{k}", graph.shape(j), graph.dtype(j)) for k, j in enumerate(operands)}
        for i in between(graph, node, operands):
            if plain_constant(graph, i):
                new[i] = b.const(graph.attrs(i)["value"], graph.dtype(i), graph.shape(i))
            else:
                new[i] = b.node(graph.op(i), [new[j] for j in graph.inputs(i)], graph.attrs(i))
        g = b.input("g", graph.shape(node), graph.dtype(node))
        moves = tuple(b.input(f"t{k}", graph.shape(j), graph.dtype(j)) if is_real(graph.dtype(j)) else None for k, j in enumerate(operands))
        real = [new[j] for j, m in zip(operands, moves, strict=True) if m is not None]
        both, found = backward(b.graph, new[node], real, seed=g)
        c = Builder(both)
        total: int | None = None
        for j, m in zip(operands, moves, strict=True):
            if m is not None:
                term = MUL(c, found[new[j]], m)
                term = SUM(c, term) if c.shape(term) else term
                total = term if total is None else ADD(c, total, term)
        result = None
        if total is not None:
            both, found = backward(c.graph, total, [g])
            result = found[g]
        return _Linear(both, tuple(new[j] for j in operands), moves, g, result)


def between(graph: Graph, node: int, operands: Sequence[int]) -> list[int]:
    """The nodes that a step is made of, down to its operands, in order."""
    stop = set(operands)
    seen = {node}
    stack = [node]
    while stack:
        for j in graph.inputs(stack.pop()):
            if j not in seen and j not in stop:
                seen.add(j)
                stack.append(j)
    return sorted(seen)
