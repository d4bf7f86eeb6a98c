"""Which view `auto` is: the one in which a person would draw the graph."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from graphrun.diagram.groups import is_plain
from graphrun.diagram.neurons import read_net
from graphrun.diagram.tree import LIBRARY
from graphrun.ir.graph import Graph
from graphrun.ir.leaves import PARAM

__all__ = ["MOST_NEURONS", "MOST_STEPS", "choose"]

MOST_STEPS = 40
"""Steps up to which each has a box of its own."""

MOST_NEURONS = 40
"""Arrows up to which a net of scalars is drawn as neurons."""


def choose(graph: Graph, *, ends: Sequence[int], loss: int | None, entries: Mapping[str, int], asked: Collection[str] = ()) -> str:
    """`layers` for a graph that calls layers, or of more than 40 steps; else `neurons` for a net of scalars; `functions` where every entry
    is the call of a function of the spec; else `steps`. What is `asked` for (options by name) decides before: `depth` and `cost` are of
    layers, `focus` on a node and `expand` of steps."""
    if "focus" in asked or "expand" in asked:
        return "steps"
    if "depth" in asked or "cost" in asked:
        return "layers"
    marks = graph.ancestors([*ends, *([loss] if loss is not None else [])])
    shown = [i for i in range(len(graph)) if marks[i] and not is_plain(graph, i)]
    steps = [i for i in shown if len(graph.inputs(i))]
    if any(graph.call(i) >= 0 and graph.op(i) is PARAM for i in shown):
        return "layers"
    small = len(steps) <= MOST_STEPS
    if len(steps) <= 5 * MOST_STEPS and _is_net(graph, shown, loss, entries):
        return "neurons"
    if not small:
        return "layers"
    return "functions" if _of_functions(graph, shown, entries) else "steps"


def _is_net(graph: Graph, shown: Sequence[int], loss: int | None, entries: Mapping[str, int]) -> bool:
    """Whether a graph of scalars is mostly weighted sums: at least two of them, each of two values or more, with all parameters in them."""
    if any(graph.shape(i) for i in shown):
        return False
    net = read_net(graph, shown, loss=loss, entries=entries)
    sums = [n for n in net.neurons if n.linear and sum(t.weight is not None for t in n.terms) >= 2]
    arrows = sum(len(n.terms) for n in net.neurons)
    used = {t.weight for n in net.neurons for t in n.terms} | {b.param for n in net.neurons for b in n.biases}
    return len(sums) >= 2 and arrows <= MOST_NEURONS and all(i in used for i in shown if graph.op(i) is PARAM)


def _of_functions(graph: Graph, shown: Sequence[int], entries: Mapping[str, int]) -> bool:
    """Whether every entry that is drawn is the call of one of the spec's own functions."""
    drawn = set(shown)
    ends = [i for i in entries.values() if i in drawn]
    if not ends:
        return False
    library = [source.startswith(str(LIBRARY)) for source in graph.sources]
    return all(graph.call(i) >= 0 and not library[graph.place(i)[0]] for i in ends)
