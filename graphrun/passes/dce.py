"""Drops what nothing wanted depends on."""

from __future__ import annotations

from collections.abc import Sequence

from graphrun.ir.graph import Graph
from graphrun.passes.rebuild import Rebuild

__all__ = ["drop"]


def drop(graph: Graph, keep: Sequence[int]) -> tuple[Graph, dict[int, int]]:
    """The part of `graph` that `keep` depends on, in the same order, and the new node of each old one that is left."""
    rebuild = Rebuild(graph)
    new = rebuild.new
    needed = graph.ancestors(keep)
    for i in range(len(graph)):
        if needed[i]:
            new[i] = rebuild.copy(i)
    return rebuild.graph, {i: k for i, k in enumerate(new) if k >= 0}
