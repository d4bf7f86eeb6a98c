"""Loss and metrics over whole splits, and any node's value for each row, with `training` false."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphrun.build.build import Built
from graphrun.engines.reference import evaluate
from graphrun.ir.graph import Graph
from graphrun.model.feeds import Feeds
from graphrun.passes.bind import bind

__all__ = ["Measure"]


class Measure:
    """Evaluates a built spec on the arrays of splits. `constants` feeds the inputs that no column feeds."""

    def __init__(self, built: Built, constants: Mapping[str, Any], splits: Mapping[str, Mapping[str, Any]]) -> None:
        self._built, self._constants, self._splits = built, constants, splits
        self._graphs: dict[Any, tuple[Graph, dict[int, int], Feeds]] = {}
        loss = {"loss": built.loss} if built.loss is not None else {}
        self._wanted: dict[str, int] = {**loss, **built.metrics}

    def __call__(self, params: Mapping[str, Any], split: str) -> dict[str, float]:
        """`loss` and each metric over all rows of a split: in a graph for one row the mean over them."""
        found = self.values(list(self._wanted.values()), params, split)
        return {name: float(np.mean(found[node])) for name, node in self._wanted.items()}

    def values(self, nodes: Sequence[int], params: Mapping[str, Any], split: str, rows: Sequence[int] | None = None) -> dict[int, Any]:
        """The values of nodes over some rows of a split (all where `rows` is None); rows are axis 0 where the node depends on them."""
        arrays = {n: a if rows is None else a[list(rows)] for n, a in self._splits.get(split, {}).items()}
        key = (split, None if rows is None else tuple(rows))
        if key not in self._graphs:
            feeds = Feeds({**self._constants, **arrays}, {}, tuple(arrays) if self._built.one_row else ())
            graph, new = feeds.mapped(self._built)
            count = len(next(iter(arrays.values()))) if arrays else 1
            self._graphs[key] = (bind(graph, {"batch": count, **_sizes(self._built, {**self._constants, **arrays})}), new, feeds)
        graph, new, feeds = self._graphs[key]
        values = evaluate(graph, feeds.leaves(self._built, new, params), [new[i] for i in nodes])
        return {i: values[new[i]] for i in nodes}


def _sizes(built: Built, arrays: Mapping[str, Any]) -> dict[str, int]:
    out: dict[str, int] = {}
    if not built.one_row:
        for name, array in arrays.items():
            for d, n in zip(built.inputs[name].shape, np.shape(array), strict=True):
                if not isinstance(d, int) and len(d.names()) == 1:
                    out[next(iter(d.names()))] = n
    return out
