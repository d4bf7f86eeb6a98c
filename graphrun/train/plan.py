"""The training step for each number of rows: rows, backward, update, sizes bound, optimized."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from graphrun.build.build import Built
from graphrun.build.update import Layout, training_graph
from graphrun.engines.base import Slot, Step
from graphrun.errors import Reporter
from graphrun.passes.bind import bind
from graphrun.passes.pipeline import optimize
from graphrun.passes.rows import over_rows

__all__ = ["TrainingPlan"]


class TrainingPlan:
    """Makes the steps of one training run.

    `fed` names the inputs that carry rows, `sizes` the named dimensions besides `batch`; `steps` is the length of the run, `params` what
    it begins with, `rows` the rows of its first step.
    """

    def __init__(
        self,
        built: Built,
        fed: tuple[str, ...],
        steps: int,
        params: Mapping[str, Any],
        rows: int,
        sizes: Mapping[str, int],
        rows_as: str = "auto",
    ) -> None:
        self.built = built
        self._params = params
        self._rows = rows
        self._sizes = sizes
        self._fed = fed
        self._steps = steps
        self._rows_as = rows_as
        self._made: dict[Any, Step] = {}
        self._layout: Mapping[str, Layout] = {}
        self._initial: dict[str, float] = {}

    def step_for(self, rows: int, health: bool = False) -> Step:
        """The step for batches of `rows` rows; with `health` its outputs hold `gradient_norm`. Raises SpecError for a wrong optimizer."""
        key = (rows, health)
        if key not in self._made:
            self._made[key] = self._make(rows, {**self._sizes, "batch": rows}, health)
        return self._made[key]

    def _make(self, rows: int, sizes: Mapping[str, int], health: bool) -> Step:
        built = self.built
        assert built.loss is not None
        graph, loss = built.graph, built.loss
        inputs = {n: i.node for n, i in built.inputs.items()}
        params = {n: p.node for n, p in built.params.items() if p.node is not None}
        if built.one_row and self._fed:
            fed = [inputs[n] for n in self._fed]
            kept = over_rows(graph, fed, loss, rows, self._rows_as)  # type: ignore[arg-type]
            graph, loss = kept.graph, kept.loss
            inputs = {n: kept.nodes[i] for n, i in inputs.items() if i in kept.nodes}
            params = {n: kept.nodes[i] for n, i in params.items() if i in kept.nodes}
        reporter = Reporter()
        made = training_graph(built, graph, loss, params, self._steps, reporter, health)
        reporter.raise_errors()
        assert made is not None
        self._layout = made.layout
        self._initial = {name: init for name, _, _, init in made.slots if init is not None}
        bound = bind(made.graph, sizes)
        feeds = {n: made.nodes[i] for n, i in inputs.items()}
        updates = [u for _, _, u, _ in made.slots if u is not None]
        extra = [made.gradient_norm] if made.gradient_norm is not None else []
        keep = [made.loss, made.counter, *feeds.values(), *(leaf for _, leaf, _, _ in made.slots), *updates, *extra]
        lean, new = optimize(bound, keep)
        slots = tuple(Slot(name, new[leaf], None if u is None else new[u]) for name, leaf, u, _ in made.slots)
        outputs = {"gradient_norm": new[made.gradient_norm]} if health and made.gradient_norm is not None else {}
        return Step(lean, new[made.loss], slots, {n: new[i] for n, i in feeds.items()}, new[made.counter], outputs)

    def slots_init(self, seed: int = 0) -> dict[str, Any]:
        """The slots at the beginning of a run: parameters as given, optimizer state as the optimizer says. Nothing in it is random."""
        step, params = self.step_for(self._rows), self._params
        out: dict[str, Any] = {}
        parts: dict[str, list[tuple[int, Any]]] = {}
        for name, at in self._layout.items():
            if at.start is None:
                out[at.slot] = np.array(params[name])
            else:
                parts.setdefault(at.slot, []).append((at.start, np.ravel(params[name])))
        for slot, pieces in parts.items():
            out[slot] = np.concatenate([p for _, p in sorted(pieces, key=lambda piece: piece[0])])
        for s in step.slots:
            if s.name in self._initial:
                dtype, shape = step.graph.dtype(s.node), step.graph.shape(s.node)
                out[s.name] = np.full([d for d in shape if isinstance(d, int)], self._initial[s.name], dtype=dtype)
        return out

    def params(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters, by name, from the values of the slots."""
        out = {}
        for name, at in self._layout.items():
            flat = values[at.slot]
            if at.start is None:
                out[name] = np.array(flat)
            else:
                count = int(np.prod(at.shape, dtype=np.int64))
                out[name] = np.array(flat[at.start : at.start + count]).reshape(at.shape)
        return out
