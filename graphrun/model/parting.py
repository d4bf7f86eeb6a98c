"""Where what an expectation says and what is computed part: the first of the wrong names in the order of a pass, with its line."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from graphrun.build.build import Built
from graphrun.errors import GraphrunError
from graphrun.ir.graph import Graph
from graphrun.ir.types import is_real
from graphrun.ledger.layout import value_text
from graphrun.ledger.ledger import Ledger, make_ledger
from graphrun.model.explain import Question, gather
from graphrun.model.feeds import Feeds

__all__ = ["first_backward", "first_forward"]

LARGE = 20_000  # nodes above which no ledger is written for one line


def first_forward(
    built: Built, wrong: Collection[str], feeds: Feeds, params: Mapping[str, Any], updates: int | None
) -> tuple[str, str] | None:
    """The wrong value that is computed first, and its step: `c = w · x = 2 · (-2) = -4`. `updates` is how many were made before."""
    name, node = min(((n, i) for n in wrong if (i := built.find(n)) is not None), key=lambda found: found[1], default=("", -1))
    if node < 0:
        return None
    graph = built.graph
    if not graph.inputs(node):
        given = params.get(name, feeds.values.get(name))
        if given is None:
            return None
        made = f"after {updates:,} update{'s' if updates > 1 else ''}" if updates and name in params else "as it is given"
        return name, f"{name} = {_shown(given)}, {made}"
    of = built.loss if built.loss is not None and graph.ancestors([built.loss])[node] else node
    ledger = _ledger(Question(built, of, feeds, params), None, expand=_inner(graph, node))
    line = next((one for one in ledger.forward if one.name == name), None) if ledger is not None else None
    if line is None:
        return None
    return name, " = ".join([line.name, *(text for text in (line.formula, line.numbers) if text), _shown(line.value)])


def first_backward(built: Built, wrong: Collection[str], feeds: Feeds, params: Mapping[str, Any]) -> tuple[str, str] | None:
    """The wrong gradient that is handed back first, and its line: `∂J/∂w = ∂J/∂c · ∂c/∂w = 2 · (-2) = -4`."""
    if built.loss is None:
        return None
    name = max((n for n in wrong if built.find(n) is not None), key=lambda n: built.find(n) or 0, default=None)
    if name is None:
        return None
    ledger = _ledger(Question(built, built.loss, feeds, params), (name,), expand=False)
    line = next((one for one in ledger.backward if one.name == name), None) if ledger is not None else None
    return None if line is None else (name, " = ".join([line.symbol, *line.parts, _shown(line.value)]))


def _ledger(question: Question, wrt: tuple[str, ...] | None, *, expand: bool) -> Ledger | None:
    """The ledger of a question without its trials; None where there can be none."""
    graph = question.built.graph
    if len(graph) > LARGE or graph.shape(question.of) or not is_real(graph.dtype(question.of)):
        return None
    try:
        return make_ledger(gather(question, wrt).facts, expand=expand)
    except GraphrunError:
        return None


def _inner(graph: Graph, node: int) -> bool:
    """Whether a node is a step within a formula, which a ledger may show as a part of a line alone."""
    return "#" in graph.name(node)


def _shown(value: Any) -> str:
    return value_text(np.asarray(value))[0]
