"""Where a value stopped being finite: the step is evaluated once more, keeping every value, and followed back from the loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphrun.engines.base import Step
from graphrun.engines.reference import evaluate
from graphrun.errors import Diagnostic, Place, RunError, Source
from graphrun.ir.formula import formula_text
from graphrun.ir.graph import Graph
from graphrun.train.loop import Stopped

__all__ = ["non_finite"]

ADVICE = {
    "log": "keep its argument above 0: log({0} + 1e-9), or log_softmax of the logits",
    "sqrt": "keep its argument above 0: sqrt({0} + 1e-12)",
    "div": "keep the denominator away from 0: {1} + 1e-9",
    "exp": "keep its argument small: clip({0}, max=50)",
    "power": "keep the base above 0",
}


def non_finite(stopped: Stopped, sources: Mapping[str, Source] | None = None, names: Sequence[str] = ()) -> RunError:
    """The error that tells at which node, from which operands and in which row the first non-finite value came up.

    `sources` are the texts of the spec's files by name, so that the node's place can be shown; `names` numbers them as places do (the
    `sources` of the graph that was built), for a step's graph that lacks them.
    """
    step = stopped.made
    graph = step.graph
    values = _values(step, stopped)
    node = _origin(graph, step, values)
    what = f"step {stopped.step}: the loss became {_number(stopped.loss)}"
    if node is None:
        return RunError(Diagnostic("non-finite", what, help="take a smaller lr, or set train.clip: 1.0"))
    at = _position(values[node])
    row = at[0] if at and len(stopped.feeds) and len(at) >= 1 and _rows(step, values) == np.shape(values[node])[0] else None
    place = _place(graph, node, sources or {}, names)
    notes = [f"first at node {_name(graph, node)} = {_formula(graph, node)}"]
    for j in dict.fromkeys(graph.inputs(node)):
        if graph.op(j).name != "const":
            notes.append(f"there {_name(graph, j)} = {_at(values[j], at, np.shape(values[node]))}")
    if row is not None:
        fed = [f"{name} = {_short(values[i][row])}" for name, i in step.feeds.items() if np.ndim(values[i])]
        notes.append(f"in row {row + 1} of {_rows(step, values)}{': ' + ', '.join(fed) if fed else ''}")
    operands = [_name(graph, j) for j in graph.inputs(node)]
    advice = ADVICE.get(graph.op(node).name)
    mend = "take a smaller lr, or set train.clip: 1.0"
    if advice is not None:
        mend = f"{advice.format(*operands)}\n{mend}"
    return RunError(Diagnostic("non-finite", what, place, "error", tuple(notes), mend))


def _values(step: Step, stopped: Stopped) -> list[Any]:
    """Every value of the step, with the slots as they were before it."""
    feeds: dict[int, Any] = {node: stopped.feeds[name] for name, node in step.feeds.items()}
    feeds.update({slot.node: stopped.values[slot.name] for slot in step.slots})
    if step.counter is not None:
        feeds[step.counter] = float(stopped.step)
    ends = [step.loss, *(slot.update for slot in step.slots if slot.update is not None)]
    return evaluate(step.graph, feeds, ends)


def _bad(value: Any) -> bool:
    return value is not None and np.asarray(value).dtype.kind == "f" and not bool(np.all(np.isfinite(value)))


def _nan(value: Any) -> bool:
    return _bad(value) and bool(np.any(np.isnan(value)))


def _origin(graph: Graph, step: Step, values: list[Any]) -> int | None:
    """From the loss (or an update) that is not finite back through operands that are not, to a node whose operands all are.

    Where a value is nan, an operand that is nan is followed before one that is infinite: infinities may be harmless.
    """
    ends = [step.loss, *(slot.update for slot in step.slots if slot.update is not None)]
    node = next((i for i in ends if _bad(values[i])), None)
    if node is None:
        return None
    while True:
        inputs = graph.inputs(node)
        bad = [j for j in inputs if _nan(values[j])] or [j for j in inputs if _bad(values[j])]
        if not bad:
            return node
        node = bad[0]


def _position(value: Any) -> tuple[int, ...]:
    """Where the first non-finite element stands; nan before infinite."""
    array = np.asarray(value)
    wrong = np.isnan(array) if np.any(np.isnan(array)) else ~np.isfinite(array)
    return tuple(int(k) for k in np.argwhere(wrong)[0])


def _rows(step: Step, values: list[Any]) -> int:
    """How many rows the step was fed."""
    return max((int(np.shape(values[i])[0]) for i in step.feeds.values() if np.ndim(values[i])), default=0)


def _at(value: Any, at: tuple[int, ...], shape: tuple[int, ...]) -> str:
    """The element of an operand that met the position `at` by broadcasting, or what can be said of the whole."""
    array = np.asarray(value)
    if not array.ndim:
        return _number(array)
    if len(at) >= array.ndim:
        index = tuple(k if d > 1 else 0 for k, d in zip(at[len(at) - array.ndim :], array.shape, strict=True))
        fits = all(d in {1, n} for d, n in zip(array.shape, shape[len(shape) - array.ndim :], strict=True))
        if fits:
            return _number(array[index])
    low, high = np.min(array), np.max(array)
    return f"an array of shape {list(array.shape)}, from {_number(low)} to {_number(high)}"


def _short(value: Any) -> str:
    array = np.asarray(value)
    if not array.ndim:
        return _number(array)
    flat = [_number(x) for x in array.reshape(-1)[:4]]
    return f"[{', '.join(flat)}{', …' if array.size > 4 else ''}]"


def _number(value: Any) -> str:
    return f"{float(value):.4g}"


def _name(graph: Graph, i: int) -> str:
    return graph.name(i)


def _formula(graph: Graph, i: int) -> str:
    return formula_text(graph, i, lambda j: _name(graph, j), lambda _: True)


def _place(graph: Graph, i: int, sources: Mapping[str, Source], names: Sequence[str]) -> Place | None:
    number, line, column, length = graph.place(i)
    known = graph.sources or names
    if not line or number >= len(known) or known[number] not in sources:
        return None
    return Place(sources[known[number]], line, column, line, column + length)
