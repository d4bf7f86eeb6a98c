"""What the passes of a model give: values and gradients, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from graphrun.build.build import Built
from graphrun.ir.graph import Graph
from graphrun.ir.types import is_real

__all__ = ["Gradients", "Values"]


class Values(Mapping[str, Any]):
    """Values by name: of every node, input and parameter; also of steps (`J#1`) and inner nodes (`h.z`). `at` holds the parameters and
    the state, of which some may be in the graph for training alone."""

    def __init__(
        self, built: Built, graph: Graph, values: Sequence[Any], at: Mapping[str, Any], nodes: Mapping[int, int] | None = None
    ) -> None:
        self._built, self._graph, self._values, self._at, self._nodes = built, graph, values, at, nodes

    def __getitem__(self, name: str) -> Any:
        node = self._built.find(name)
        if node is None and name in self._at:
            return np.asarray(self._at[name])[()]
        if node is not None and self._nodes is not None:
            node = self._nodes.get(node)
        if node is None or self._values[node] is None:
            raise KeyError(name)
        return np.asarray(self._values[node])[()]

    @property
    def by_node(self) -> Sequence[Any]:
        """The values by node of the graph (None for what was not computed)."""
        return self._values

    def of_nodes(self, count: int) -> list[Any]:
        """The values of the first `count` nodes of the graph as it was built (None for what was not computed), with all rows where they
        were computed for all."""
        nodes = self._nodes
        return [self._values[i if nodes is None else nodes[i]] if nodes is None or i in nodes else None for i in range(count)]

    def __iter__(self) -> Any:
        return iter(n for n in self._built.index if n in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        try:
            self[str(name)]
        except KeyError:
            return False
        return True


class Gradients:
    """A forward and a backward pass: `loss`, `values` by name, and the gradient of any node, input or parameter by its name.

    `graph` holds both passes; `by_node` maps each node of the forward pass to its gradient (an array of the node's shape).
    """

    def __init__(
        self,
        built: Built,
        graph: Graph,
        of: int,
        values: Sequence[Any],
        gradients: Mapping[int, int],
        length: int,
        at: Mapping[str, Any],
        asked: Callable[[str], Gradients] | None = None,
    ) -> None:
        self._asked = asked
        self._built, self.graph, self.of, self._all, self._gradients = built, graph, of, values, gradients
        self.values = Values(built, graph, values[:length], at)
        self._at = at
        self.loss = float(values[of])

    def __getitem__(self, name: str) -> Any:
        node = self._built.find(name)
        if node is None:
            return np.zeros_like(self._at[name])[()]
        found = self._gradients.get(node)
        if found is None and self._asked is not None and is_real(self.graph.dtype(node)) and self.graph.ancestors([self.of])[node]:
            # no parameter or input leads to it (it is behind stop_gradient, say), so that the pass went by
            return self._asked(name)[name]
        if found is None:
            return np.zeros(np.shape(self._all[node]), dtype=self.graph.dtype(node) if is_real(self.graph.dtype(node)) else "float64")[()]
        return np.asarray(self._all[found])[()]

    @cached_property
    def by_node(self) -> dict[int, Any]:
        """Node → its gradient."""
        return {node: self._all[g] for node, g in self._gradients.items()}
