"""The facts of a ledger: values, gradients, each gradient tried out, and one step of the optimizer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from graphrun.autodiff.check import central_difference
from graphrun.autodiff.reverse import backward
from graphrun.build.build import Built
from graphrun.engines.reference import ReferenceEngine, evaluate
from graphrun.errors import UsageError
from graphrun.ir.graph import Graph
from graphrun.ir.types import is_real, shape_text
from graphrun.ledger.facts import Facts, Trial, Update
from graphrun.ledger.ledger import Ledger, make_ledger
from graphrun.model.feeds import Feeds
from graphrun.passes.bind import bind
from graphrun.passes.rows import over_rows
from graphrun.train.plan import TrainingPlan

__all__ = ["Question", "explain", "explain_updates"]

TRIED = 20  # gradients that are read out and tried
COMPARED = 64  # entries compared with central differences
LARGE = 20_000  # nodes above which nothing is tried


@dataclass(frozen=True, eq=False)
class Question:
    """Which derivatives: of node `of` of a built graph, at these feeds and parameters."""

    built: Built
    of: int
    feeds: Feeds
    params: Mapping[str, Any]

    def graph(self) -> tuple[Graph, dict[int, int], int]:
        """The graph with all sizes bound, old node → new node, and the scalar node: of all rows the mean over them."""
        shape = self.built.graph.shape(self.of)
        if shape:
            name = self.built.graph.name(self.of)
            raise UsageError(f"`{name}` has shape {shape_text(shape)}; derivatives are taken of one number, such as `sum({name})`")
        if not is_real(self.built.graph.dtype(self.of)):
            raise UsageError(f"`{self.built.graph.name(self.of)}` is {self.built.graph.dtype(self.of)} and has no derivatives")
        if not self.feeds.all_rows:
            graph = bind(self.built.graph, self.feeds.sizes)
            return graph, {i: i for i in range(len(graph))}, self.of
        fed = [self.built.inputs[n].node for n in self.feeds.rows]
        over = over_rows(self.built.graph, fed, self.of, self.feeds.count, "arrays")
        return bind(over.graph, self.feeds.sizes), dict(over.nodes), over.loss

    def leaves(self, nodes: Mapping[int, int]) -> dict[int, Any]:
        """Leaf → array."""
        return self.feeds.leaves(self.built, nodes, self.params)


def explain(
    question: Question, training: Built, *, of: str | None, wrt: tuple[str, ...] | None, expand: bool, stepper: Stepper | None = None
) -> Ledger:
    """The ledger of a question. `training` is the graph that the optimizer steps."""
    built = question.built
    graph, nodes, end = question.graph()
    leaves = question.leaves(nodes)
    asked = {name: nodes[node] for name, node in _asked(built, wrt).items() if node in nodes}
    starts = [i for i in range(len(graph)) if not graph.inputs(i) and graph.op(i).name in ("input", "param") and is_real(graph.dtype(i))]
    both, gradient_nodes = backward(graph, end, dict.fromkeys([*starts, *asked.values()]))
    below = graph.ancestors([end])
    values = evaluate(both, leaves)
    gradients = {i: np.asarray(values[g]) for i, g in gradient_nodes.items()}
    shown = [np.asarray(v) if below[i] or i in asked.values() else None for i, v in enumerate(values[: len(graph)])]
    params = {n: nodes[p.node] for n, p in built.params.items() if p.node is not None and p.node in nodes}
    tried = asked or {n: i for n, i in params.items() if below[i]}
    trials, agreement = _tried(graph, end, leaves, tried, gradients, shown)
    n, p = _work(built, question.of)
    return make_ledger(
        Facts(
            spec=built.spec.name,
            about=built.spec.model.about or "",
            path=built.spec.file.positions.source.name,
            graph=graph,
            of=end,
            entries={n: nodes[i] for n, i in built.nodes.items() if i in nodes},
            inputs={n: nodes[i.node] for n, i in built.inputs.items() if i.node in nodes},
            params=params,
            values=shown,
            gradients=gradients,
            nodes=n,
            parameters=p,
            row=question.feeds.row,
            trials=trials,
            agreement=agreement,
            update=_update(question, training, stepper) if of is None and wrt is None else None,
            wrt=wrt,
        ),
        expand=expand,
    )


def _asked(built: Built, wrt: tuple[str, ...] | None) -> dict[str, int]:
    out: dict[str, int] = {}
    for name in wrt or ():
        node = built.find(name)
        if node is None:
            raise UsageError(f"there is no value called `{name}` to take a derivative with respect to")
        out[name] = node
    return out


def _work(built: Built, of: int) -> tuple[int, int]:
    below = built.graph.ancestors([of])
    shapes = [built.graph.shape(i) for i in {*built.nodes.values(), of} if below[i]]
    params = [p.shape for p in built.params.values() if p.node is not None and below[p.node] and p.trainable]
    return sum(_count(s) for s in shapes), sum(_count(s) for s in params)


def _count(shape: Any) -> int:
    out = 1
    for d in shape:
        out *= d if isinstance(d, int) else 1
    return out


def _tried(
    graph: Graph, of: int, leaves: Mapping[int, Any], tried: Mapping[str, int], gradients: Mapping[int, Any], values: list[Any]
) -> tuple[tuple[Trial, ...], float | None]:
    """Each gradient tried by raising its value by 0.001 (of an array the entry with the largest gradient), and the worst relative
    difference to central differences over some of the entries."""
    if graph.ancestors([of]).count(1) > LARGE:
        return (), None
    base = float(values[of])

    def at(node: int, array: Any) -> float:
        return float(evaluate(graph, {**leaves, node: array}, [of])[of])

    trials: list[Trial] = []
    worst: float | None = None
    compared = 0
    for name, node in tried.items():
        g = gradients.get(node)
        if g is None or values[node] is None or not is_real(graph.dtype(node)) or len(trials) >= TRIED:
            continue
        value = np.asarray(values[node], dtype=graph.dtype(node))
        flat = np.argsort(-np.abs(g).reshape(-1), kind="stable")[: max(1, COMPARED - compared)]
        for k, entry in enumerate(flat):
            index = np.unravel_index(int(entry), value.shape)
            if k == 0:
                raised = np.array(value)
                raised[index] += 0.001
                label = f"{name}[{', '.join(str(int(i)) for i in index)}]" if value.shape else name
                trials.append(Trial(label, 0.001, at(node, raised) - base, float(g[index])))
            if compared < COMPARED and graph.dtype(node) == "float64":
                compared += 1
                found = central_difference(lambda array, node=node: at(node, array), value, index)  # type: ignore[misc]
                off = abs(found - float(g[index])) / max(1.0, abs(found), abs(float(g[index])))
                worst = off if worst is None or not off <= worst else worst
    return tuple(trials), worst


class Stepper:
    """Makes updates of the optimizer on the feeds of a question, as `train` would."""

    def __init__(self, question: Question, training: Built, steps: int) -> None:
        feeds = question.feeds
        spec = training.spec.model.train
        length = spec.steps if spec is not None and isinstance(spec.steps, int) else steps
        self._question = question
        self._plan = TrainingPlan(training, feeds.rows, length, question.params, feeds.count, feeds.sizes)
        made = self._plan.step_for(feeds.count)
        self._compiled = ReferenceEngine().compile(made)
        self._compiled.load(self._plan.slots_init())
        self._feeds = {n: v for n, v in feeds.values.items() if n in made.feeds}
        self._done = 0

    def step(self) -> tuple[dict[str, Any], float]:
        """Makes one update: the new parameters, and the loss before it."""
        (before,) = self._compiled.run(self._feeds, self._done, 1)
        self._done += 1
        return {**self._question.params, **self._plan.params(self._compiled.values())}, before


def _value(question: Question) -> float:
    graph, nodes, end = question.graph()
    return float(evaluate(graph, question.leaves(nodes), [end])[end])


def _update(question: Question, training: Built, stepper: Stepper | None) -> Update | None:
    if training.spec.model.train is None or training.loss is None:
        return None
    new, before = (stepper or Stepper(question, training, 1)).step()
    text = training.spec.model.train.optimizer or "sgd(lr=0.01)"
    return Update(text, tuple((n, question.params[n], new[n]) for n in question.params), before, _value(replace(question, params=new)))


def explain_updates(question: Question, training: Built, updates: int, *, expand: bool) -> list[Ledger]:
    """The ledgers of successive updates of the optimizer."""
    if training.spec.model.train is None or training.loss is None:
        raise UsageError("--updates needs a `loss` and `train.optimizer` in the spec")
    stepper = Stepper(question, training, updates)
    out = []
    for _ in range(updates):
        ledger = explain(question, training, of=None, wrt=None, expand=expand, stepper=stepper)
        out.append(ledger)
        assert ledger.facts.update is not None
        question = replace(question, params={n: new for n, _, new in ledger.facts.update.parameters})
    return out
