"""The training step for each number of rows: rows, backward, update, sizes bound, optimized."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from graphrun.build.build import Built
from graphrun.build.optimizer import Start
from graphrun.build.states import row_fault
from graphrun.build.update import Layout, Source, training_graph
from graphrun.engines.base import Slot, Step
from graphrun.engines.reference import evaluate
from graphrun.errors import Reporter, SpecError
from graphrun.ir.builder import Builder
from graphrun.ir.graph import Graph
from graphrun.passes.bind import bind
from graphrun.passes.pipeline import optimize
from graphrun.passes.rows import over_rows

__all__ = ["TrainingPlan"]


class TrainingPlan:
    """Makes the steps of one training run.

    `fed` names the inputs that carry rows, `sizes` the named dimensions besides `batch`; `steps` is the length of the run, `values` the
    parameters and state that it begins with, `rows` the rows of its first step, `seed` what random values are drawn from. A plan that
    is not `lean` leaves every node as it was built.
    """

    def __init__(
        self,
        built: Built,
        fed: tuple[str, ...],
        steps: int,
        values: Mapping[str, Any],
        rows: int,
        sizes: Mapping[str, int],
        rows_as: str = "auto",
        seed: int = 0,
        lean: bool = True,
    ) -> None:
        self.built = built
        self._params = values
        self._seed = seed
        self._rows = rows
        self._sizes = {name: n for name, n in sizes.items() if name != "batch" or not fed}
        self._fed = fed
        self._steps = steps
        self._rows_as = rows_as
        self._lean = lean
        self._made: dict[Any, Step] = {}
        self._layout: Mapping[str, Layout] = {}
        self._averages: Mapping[str, str] = {}
        self._initial: dict[str, float | Start] = {}

    def step_for(self, rows: int, health: bool = False) -> Step:
        """The step for batches of `rows` rows; with `health` its outputs hold the gradients and their norm.

        Raises SpecError for a wrong optimizer.
        """
        key = (rows, health)
        if key not in self._made:
            self._made[key] = self._make(rows, {"batch": rows, **self._sizes}, health)
        return self._made[key]

    def _make(self, rows: int, sizes: Mapping[str, int], health: bool) -> Step:
        source, inputs = self._source(rows)
        reporter = Reporter()
        made = training_graph(self.built, source, self._steps, reporter, health)
        reporter.raise_errors()
        assert made is not None
        self._layout, self._averages = made.layout, made.averages
        self._initial = {name: init for name, _, _, init in made.slots if init is not None}
        bound = bind(made.graph, sizes)
        feeds = {n: made.nodes[i] for n, i in inputs.items()}
        updates = [u for _, _, u, _ in made.slots if u is not None]
        health_of = {_gradient_of(slot): i for slot, i in made.gradients.items()}
        if health and made.gradient_norm is not None:
            health_of["gradient_norm"] = made.gradient_norm
        keep = [made.loss, made.counter, *feeds.values(), *(leaf for _, leaf, _, _ in made.slots), *updates, *health_of.values()]
        lean, new = optimize(bound, keep) if self._lean else (bound, range(len(bound)))
        slots = tuple(Slot(name, new[leaf], None if u is None else new[u]) for name, leaf, u, _ in made.slots)
        outputs = {name: new[i] for name, i in health_of.items()}
        return Step(lean, new[made.loss], slots, {n: new[i] for n, i in feeds.items()}, new[made.counter], outputs)

    def _source(self, rows: int) -> tuple[Source, dict[str, int]]:
        """The graph that is trained, with its leaves: mapped over rows where it is for one row."""
        built = self.built
        assert built.loss is not None
        graph, loss = _seeded(built.graph, self._seed), built.loss
        inputs = {n: i.node for n, i in built.inputs.items()}
        params = {n: p.node for n, p in built.params.items() if p.node is not None}
        states = {n: (s.leaf, s.new) for n, s in built.state.items() if s.node is not None}
        if not (built.one_row and self._fed):
            return Source(graph, loss, params, states, built.counter), inputs
        fed = [inputs[n] for n in self._fed]
        fault = row_fault(graph, built.state, fed, self._fed)
        if fault is not None:
            raise SpecError(fault)
        keep = [k for pair in states.values() for k in pair if k is not None]
        kept = over_rows(graph, fed, loss, rows, self._rows_as, keep)  # type: ignore[arg-type]
        new = kept.nodes
        moved = {n: (new[leaf], None if u is None else new[u]) for n, (leaf, u) in states.items()}
        counter = None if built.counter is None else new.get(built.counter)
        params = {n: new[i] for n, i in params.items() if i in new}
        return Source(kept.graph, kept.loss, params, moved, counter), {n: new[i] for n, i in inputs.items() if i in new}

    def slots_init(self, seed: int = 0) -> dict[str, Any]:
        """The slots at the beginning of a run: parameters, their averages and state as given, optimizer state as the optimizer says.

        Nothing in it is random.
        """
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
        out.update({average: out[slot] for slot, average in self._averages.items()})
        out.update({name: np.array(params[name]) for name in self.built.state})
        for s in step.slots:
            init = self._initial.get(s.name)
            if isinstance(init, Start):
                out[s.name] = np.array(evaluate(init.graph, {init.param: out[init.slot]}, [init.node])[init.node])
            elif init is not None:
                dtype, shape = step.graph.dtype(s.node), step.graph.shape(s.node)
                out[s.name] = np.full([d for d in shape if isinstance(d, int)], init, dtype=dtype)
        return out

    def params(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters, by name, from the values of the slots."""
        return {name: _part(values[at.slot], at) for name, at in self._layout.items()}

    def owner(self, slot: str, element: int) -> str:
        """The name of the parameter to which an element of a slot belongs; the slot's own name where it holds no parameters."""
        held = ((at.start or 0, name) for name, at in self._layout.items() if at.slot == slot and (at.start or 0) <= element)
        return max(held, default=(0, slot))[1]

    def gradients(self, outputs: Mapping[str, Any]) -> dict[str, Any]:
        """The gradient of each parameter that moves, by name, from the outputs of a step with `health`; before clipping."""
        found = {name: outputs.get(_gradient_of(at.slot)) for name, at in self._layout.items()}
        return {name: _part(flat, self._layout[name]) for name, flat in found.items() if flat is not None}

    def state(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The state, by name, from the values of the slots."""
        return {name: np.array(values[name]) for name in self.built.state if name in values}

    def measured(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """What loss and metrics are measured with: the parameters, or their averages with `ema`, and the state."""
        averages = self._averages
        found = {name: _part(values[averages.get(at.slot, at.slot)], at) for name, at in self._layout.items()}
        return {**found, **self.state(values)}


def _gradient_of(slot: str) -> str:
    """The output that holds the gradient of a slot."""
    return f"gradient/{slot}"


def _part(flat: Any, at: Layout) -> Any:
    """A parameter out of its slot."""
    if at.start is None:
        return np.array(flat)
    count = int(np.prod(at.shape, dtype=np.int64))
    return np.array(flat[at.start : at.start + count]).reshape(at.shape)


def _seeded(graph: Graph, seed: int) -> Graph:
    """The graph with its random values drawn from `seed`."""
    if not any(op.draws for op in graph._op_table):
        return graph
    b = Builder(graph)
    for i in range(len(graph)):
        if graph.op(i).draws:
            b.graph._attr[i] = b._attr_id({**graph.attrs(i), "seed": seed})
    return b.graph
