"""The facts of a ledger: values, gradients, each gradient tried out, and one step of the optimizer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from graphrun.autodiff.reverse import backward
from graphrun.build.build import Built
from graphrun.engines.reference import ReferenceEngine, evaluate
from graphrun.errors import UsageError
from graphrun.ir.graph import Graph
from graphrun.ir.leaves import FED
from graphrun.ir.types import is_real, shape_text
from graphrun.ledger.facts import Facts, Update
from graphrun.ledger.kinks import BENT, kinks
from graphrun.ledger.layout import value_text
from graphrun.ledger.ledger import Ledger, make_ledger
from graphrun.model.compare import compare
from graphrun.model.feeds import Feeds
from graphrun.model.timing import measured
from graphrun.passes.bind import bind
from graphrun.passes.rows import over_rows
from graphrun.train.plan import TrainingPlan

__all__ = ["Gathered", "Question", "explain", "explain_updates", "gather", "where_text"]



LARGE = 50_000  # nodes above which no update is made unless updates were asked for


@dataclass(frozen=True, eq=False)
class Question:
    """Which derivatives: of node `of` of a built graph, at these feeds and parameters; `where` says in words which those are, `length` how
    many updates the run has that the spec describes."""

    built: Built
    of: int
    feeds: Feeds
    params: Mapping[str, Any]
    where: str = ""
    length: int | None = None

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


@dataclass(frozen=True, eq=False)
class Gathered:
    """What both passes of a question come to.

    `facts` has no trials yet; `nodes` maps the nodes of the built graph to those of the ledger's, `asked` names the nodes that were asked
    for, `leaves` holds what was fed.
    """

    facts: Facts
    nodes: Mapping[int, int]
    asked: Mapping[str, int]
    leaves: Mapping[int, Any]


def gather(question: Question, wrt: tuple[str, ...] | None = None) -> Gathered:
    """Both passes of a question: its graph, values and gradients."""
    built = question.built
    graph, nodes, end = question.graph()
    leaves = question.leaves(nodes)
    asked = {name: nodes[node] for name, node in _asked(built, wrt).items() if node in nodes}
    starts = [i for i in range(len(graph)) if not graph.inputs(i) and graph.op(i) in FED and is_real(graph.dtype(i))]
    both, gradient_nodes = backward(graph, end, dict.fromkeys([*starts, *asked.values()]))
    below = graph.ancestors([end])
    values = evaluate(both, leaves)
    n, p = built.work_of(question.of)
    facts = Facts(
        spec=built.spec.name,
        about=built.spec.model.about or "",
        path=built.spec.file.positions.source.name,
        graph=graph,
        of=end,
        entries={n: nodes[i] for n, i in built.nodes.items() if i in nodes},
        inputs=_given(built, nodes),
        params={n: nodes[p.node] for n, p in built.params.items() if p.node is not None and p.node in nodes},
        values=[np.asarray(v) if below[i] or i in asked.values() else None for i, v in enumerate(values[: len(graph)])],
        gradients={i: np.asarray(values[g]) for i, g in gradient_nodes.items()},
        nodes=n,
        parameters=p,
        row=question.feeds.row,
        where=question.where,
        wrt=wrt,
        both=both,
        backward=gradient_nodes,
        text=built.spec.file.positions.source.text,
    )
    return Gathered(facts, nodes, asked, leaves)


def explain(
    question: Question,
    training: Built,
    *,
    of: str | None,
    wrt: tuple[str, ...] | None,
    expand: bool,
    stepper: Stepper | None = None,
    timing: bool = False,
) -> Ledger:
    """The ledger of a question. `training` is the graph that the optimizer steps; with `timing` both ways are timed."""
    found = gather(question, wrt)
    facts, leaves = found.facts, found.leaves
    graph, end = facts.graph, facts.of
    below = graph.ancestors([end])
    tried = found.asked or {n: i for n, i in facts.params.items() if below[i]}
    compared = compare(graph, end, leaves, tried, facts.gradients, facts.values)
    bent = [i for i in range(end + 1) if below[i] and graph.op(i).name in BENT]
    times = None
    if timing and facts.both is not None:
        wanted = [i for i in tried.values() if i in facts.backward]
        times = measured(facts.both, end, [facts.backward[i] for i in wanted], leaves, [i for i in wanted if i in leaves])
    facts = replace(
        facts,
        trials=compared.trials,
        agreement=compared.agreement,
        checks=compared.checks,
        entries_checked=compared.entries,
        kinks=kinks(graph, bent, facts.values, graph.name),
        timing=times,
        update=_update(question, training, stepper) if of is None and wrt is None and (stepper or len(graph) <= LARGE) else None,
    )
    return make_ledger(facts, expand=expand)


def where_text(parameters: str, given: Mapping[str, Any], *, defaults: bool) -> str:
    """At which values: `at the initial parameters and default inputs, by hand w = 3`."""
    shown = ", ".join(f"{name} = {value_text(np.asarray(value, dtype='float64'))[0]}" for name, value in given.items())
    parts = [part for part in (parameters, "default inputs" if defaults else "") if part]
    return ", ".join(part for part in (f"at the {' and '.join(parts)}" if parts else "", f"by hand {shown}" if shown else "") if part)


def _given(built: Built, nodes: Mapping[int, int]) -> dict[str, int]:
    """The leaves that are given beside the parameters: inputs and state."""
    found = {n: i.node for n, i in built.inputs.items()} | {n: s.node for n, s in built.state.items() if s.node is not None}
    return {n: nodes[i] for n, i in found.items() if i in nodes}


def _asked(built: Built, wrt: tuple[str, ...] | None) -> dict[str, int]:
    out: dict[str, int] = {}
    for name in wrt or ():
        node = built.find(name)
        if node is None:
            raise UsageError(f"there is no value called `{name}` to take a derivative with respect to")
        out[name] = node
    return out


class Stepper:
    """Makes updates of the optimizer on the feeds of a question, as `train` would in a run of so many `steps`, or of the question's
    `length` where that is more."""

    def __init__(self, question: Question, training: Built, steps: int) -> None:
        feeds = question.feeds
        spec = training.spec.model.train
        length = max(steps, question.length or 0)
        self._question = question
        seed = spec.seed if spec is not None else 0
        self._plan = TrainingPlan(training, feeds.rows, length, question.params, feeds.count, feeds.sizes, seed=seed, lean=False)
        self._batches = (spec.accumulate if spec is not None else None) or 1
        made = self._plan.step_for(feeds.count)
        self._compiled = ReferenceEngine().compile(made)
        self._compiled.load(self._plan.slots_init())
        self._feeds = {n: v for n, v in feeds.values.items() if n in made.feeds}
        self._done = 0
        self.values: dict[str, Any] = dict(question.params)

    def step(self) -> tuple[dict[str, Any], float]:
        """Makes one update: the new parameters, and the loss before it."""
        losses = self._compiled.run(self._feeds, self._done, self._batches)
        self._done += self._batches
        values = self._compiled.values()
        self.values = {**self._question.params, **self._plan.params(values), **self._plan.state(values)}
        return self.values, sum(losses) / len(losses)

    def measured(self) -> dict[str, Any]:
        """What loss and metrics are measured with after the updates made so far."""
        return {**self._question.params, **self._plan.measured(self._compiled.values())}


def _value(question: Question) -> float:
    graph, nodes, end = question.graph()
    return float(evaluate(graph, question.leaves(nodes), [end])[end])


def _update(question: Question, training: Built, stepper: Stepper | None) -> Update | None:
    if training.spec.model.train is None or training.loss is None:
        return None
    new, _ = (stepper or Stepper(question, training, 1)).step()
    text = training.spec.model.train.optimizer or "sgd(lr=0.01)"
    before, after = _value(question), _value(replace(question, params=new))  # of the graph that the ledger is about
    return Update(text, tuple((n, question.params[n], new[n]) for n in training.params), before, after)


def explain_updates(question: Question, training: Built, updates: int, *, expand: bool, timing: bool = False) -> list[Ledger]:
    """The ledgers of successive updates of the optimizer."""
    if training.spec.model.train is None or training.loss is None:
        raise UsageError("--updates needs a `loss` and `train.optimizer` in the spec")
    stepper = Stepper(question, training, updates)
    out = []
    start = question.where
    for k in range(updates):
        where = start if k == 0 else f"at the parameters after {k} update{'s' if k > 1 else ''}"
        question = replace(question, where=", ".join(part for part in (f"update {k + 1} of {updates}", where) if part))
        ledger = explain(question, training, of=None, wrt=None, expand=expand, stepper=stepper, timing=timing)
        out.append(ledger)
        assert ledger.facts.update is not None
        question = replace(question, params=stepper.values)
    return out
