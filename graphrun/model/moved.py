"""What a node comes to where other values are moved: in float64, with what is behind stop_gradient held, and the bends that are crossed.

Both the ledger's comparison and `graphrun check` ask this.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphrun.engines.reference import evaluate
from graphrun.errors import RunError
from graphrun.ir.graph import Graph
from graphrun.ledger.kinks import bends, branches
from graphrun.ops.elementary import STOP_GRADIENT
from graphrun.passes.widen import widen

__all__ = ["Moved", "widened"]


class Moved:
    """A graph with bound sizes in float64, and the value of its node `of` where some of its values are replaced.

    `values` are those of the graph as it is (None where `of` does not depend on them), `base` that of `of`.
    """

    def __init__(self, graph: Graph, of: int, leaves: Mapping[int, Any], values: Sequence[Any] | None = None) -> None:
        self.graph, self.of = widen(graph), of
        wide = {i: widened(v) for i, v in leaves.items()}
        same = values is not None and self.graph is graph
        self.values: Sequence[Any] = values if same and values is not None else evaluate(self.graph, wide, [of])
        below = self.graph.ancestors([of])
        self.visits = below.count(1)
        self._below = [i for i in range(of + 1) if below[i] and self.values[i] is not None]
        self.base = float(self.values[of])
        self._bent = bends(self.graph, self._below)
        self._sides = branches(self.graph, self._bent, self.values)
        # what stands behind stop_gradient is a constant to the gradient, and so to the differences
        self._held = {i: self.values[i] for i in self._below if self.graph.op(i) is STOP_GRADIENT}
        self._unmoved: dict[frozenset[int], dict[int, Any]] = {}

    def at(self, moved: Mapping[int, Any]) -> tuple[float, int]:
        """The value of `of` with these values in place of their nodes', and how many elements are on another side of a bend.

        Where there is none, as the moved values lead to an index out of range, it is nan."""
        try:
            values = evaluate(self.graph, {**self._still(frozenset(moved)), **moved}, [self.of])
        except RunError:
            return math.nan, 0
        bent = [(i, side) for i, side in zip(self._bent, self._sides, strict=True) if i not in moved]
        sides = branches(self.graph, [i for i, _ in bent], values)
        return float(values[self.of]), sum(_differ(a, b) for a, (_, b) in zip(sides, bent, strict=True))

    def _still(self, moved: frozenset[int]) -> dict[int, Any]:
        """The values of all nodes that do not depend on the moved ones: they need not be computed again."""
        found = self._unmoved.get(moved)
        if found is None:
            goes = bytearray(self.of + 1)
            for i in self._below:
                goes[i] = i in moved or (i not in self._held and any(goes[j] for j in self.graph.inputs(i)))
            found = {i: self.values[i] for i in self._below if not goes[i]}
            self._unmoved = {moved: found}
        return found


def _differ(a: Any, b: Any) -> int:
    """In how many elements these differ; one that is nan in both does not."""
    if np.array_equal(a, b):
        return 0
    unlike = a != b
    if a.dtype.kind == "f":
        unlike &= ~(np.isnan(a) & np.isnan(b))
    return int(np.count_nonzero(unlike))


def widened(value: Any) -> Any:
    """A float32 array in float64; any other value as it is."""
    array = np.asarray(value)
    return array.astype("float64") if array.dtype == np.float32 else array
