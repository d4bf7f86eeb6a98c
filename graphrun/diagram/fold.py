"""Folding a graph that is too large to draw step by step: one box for each call of a layer, else for each entry of the spec."""

from __future__ import annotations

from collections.abc import Sequence

from graphrun.diagram.groups import Group
from graphrun.ir.graph import Graph
from graphrun.ir.leaves import PARAM

__all__ = ["folded_groups"]


def folded_groups(graph: Graph, shown: Sequence[int]) -> list[Group]:
    """The nodes of `shown` by their outermost call, else by the formula that they are steps of; a call's parameters are in its box."""
    outer = _outermost(graph)
    groups: dict[str | int, list[int]] = {}
    for i in shown:
        groups.setdefault(_key(graph, i, outer), []).append(i)
    return sorted((_group(graph, key, nodes) for key, nodes in groups.items()), key=lambda group: group.node)


def _outermost(graph: Graph) -> list[str]:
    """For each call the name of the one around it at the top."""
    out: list[str] = []
    for call in graph.calls:
        out.append(call.name if call.parent < 0 else out[call.parent])
    return out


def _key(graph: Graph, i: int, outer: Sequence[str]) -> str | int:
    """The name of what node i is folded into, or i itself."""
    if graph.call(i) >= 0:
        return outer[graph.call(i)]
    owner = graph.owner(i)
    return i if owner is None or not len(graph.inputs(i)) else owner


def _group(graph: Graph, key: str | int, nodes: Sequence[int]) -> Group:
    if len(nodes) == 1:
        return Group(nodes[0], tuple(nodes))
    params = sum(1 for i in nodes if graph.op(i) is PARAM)
    texts = [_counted(len(nodes) - params, "step"), *([_counted(params, "parameter")] if params else [])]
    return Group(nodes[-1], tuple(nodes), True, str(key), ", ".join(texts))


def _counted(n: int, what: str) -> str:
    return f"{n:,} {what}" + ("s" if n != 1 else "")
