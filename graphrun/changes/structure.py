"""Whether entries make the same primitive steps, whatever their formulas look like."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from graphrun.changes.side import Side
from graphrun.ir.graph import Graph
from graphrun.ir.leaves import LEAVES

__all__ = ["same_steps"]

_DRAWN = ("key", "seed", "offset")  # of random operations: these follow from names


def same_steps(before: Side, after: Side, pairs: Mapping[str, str]) -> dict[str, bool]:
    """For each entry of the second spec whether its steps are those of the entry that it is paired with."""
    one = _steps(before, pairs)
    other = _steps(after, {b: b for b in pairs.values()})
    back = {b: a for a, b in pairs.items()}
    return {name: name not in back or one.get(back[name]) == other.get(name) for name in after.entries}


def _steps(side: Side, names: Mapping[str, str]) -> dict[str, int]:
    """For each entry a number that two entries share where their steps are the same; operands go by `names`."""
    assert side.built is not None
    graph = side.built.graph
    at: dict[int, tuple[str, int]] = {}
    for name, nodes in side.nodes.items():
        for k, i in enumerate(nodes):
            at[i] = (name, k)
    attrs: dict[int, Hashable] = {}
    out: dict[str, int] = {}
    for name, nodes in side.nodes.items():
        found: list[Hashable] = []
        for i in nodes:
            operands = tuple(_operand(graph, j, name, at, names) for j in graph.inputs(i))
            found.append((graph.op(i).name, _attrs(graph, i, attrs), operands))
        out[name] = hash(tuple(found))
    return out


def _attrs(graph: Graph, i: int, known: dict[int, Hashable]) -> Hashable:
    number = graph._attr[i]
    if number not in known:
        known[number] = tuple((k, repr(v)) for k, v in graph.attrs(i).items() if k not in _DRAWN)
    return known[number]


def _operand(graph: Graph, j: int, entry: str, at: Mapping[int, tuple[str, int]], names: Mapping[str, str]) -> Hashable:
    """A step of the same entry by its number there, one of another by that entry's name and the step's own, a constant by its value."""
    owner, k = at[j]
    if owner == entry and owner:
        return k
    if not owner:
        return ("leaf", graph.op(j).name, repr(_value(graph, j))) if graph.op(j) in LEAVES else ("step", graph.op(j).name)
    own = graph.owner(j) or ""
    return names.get(owner, "?" + owner), own[len(owner) :], graph.step(j)


def _value(graph: Graph, j: int) -> Any:
    return graph.attrs(j).get("value")
