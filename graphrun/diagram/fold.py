"""Folding a graph that is too large to draw step by step: one box for each call of a layer, else for each entry of the spec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from graphrun.diagram.groups import Group
from graphrun.ir.graph import Graph
from graphrun.ir.leaves import PARAM

__all__ = ["folded_groups"]


def folded_groups(graph: Graph, shown: Sequence[int], entries: Mapping[str, int]) -> list[Group]:
    """The nodes of `shown` by their outermost call, else by the formula that they are steps of; a call's parameters are in its box."""
    outer = _outermost(graph)
    names = {graph.calls[k].name for k in set(outer) if k >= 0}
    groups: dict[tuple[str, object], list[int]] = {}
    for i in shown:
        groups.setdefault(_key(graph, i, outer, names), []).append(i)
    own = {i: name for name, i in entries.items()}
    out = []
    for (kind, key), nodes in groups.items():
        end = nodes[-1]
        if kind == "call":
            steps = [i for i in nodes if len(graph.inputs(i))]
            out.append(Group(end, tuple(nodes), True, str(key), _counted(graph, nodes, steps)))
        elif len(nodes) == 1:
            out.append(Group(end, tuple(nodes)))
        else:
            out.append(Group(end, tuple(nodes), True, own.get(end, str(key)), f"{len(nodes):,} steps"))
    out.sort(key=lambda g: g.node)
    return out


def _outermost(graph: Graph) -> list[int]:
    """For each call the call around it at the top."""
    out: list[int] = []
    for k, call in enumerate(graph.calls):
        out.append(k if call.parent < 0 else out[call.parent])
    return out


def _key(graph: Graph, i: int, outer: Sequence[int], names: set[str]) -> tuple[str, object]:
    call = graph.call(i)
    if call >= 0:
        return "call", graph.calls[outer[call]].name
    owner = graph.owner(i)
    if owner is None or not len(graph.inputs(i)):
        head = graph.name(i).partition(".")[0]
        return ("call", head) if graph.op(i) is PARAM and head in names else ("node", i)
    return "owner", owner


def _counted(graph: Graph, nodes: Sequence[int], steps: Sequence[int]) -> str:
    params = sum(1 for i in nodes if graph.op(i) is PARAM)
    text = f"{len(steps):,} step" + ("s" if len(steps) != 1 else "")
    return text + (f", {params:,} parameter" + ("s" if params != 1 else "") if params else "")
