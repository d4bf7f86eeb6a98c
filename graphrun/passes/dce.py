"""Drops what nothing wanted depends on."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphrun.ir.graph import Graph
from graphrun.passes.rebuild import Rebuild, Renumbered

__all__ = ["drop"]


def drop(graph: Graph, keep: Sequence[int]) -> tuple[Graph, Renumbered]:
    """The part of `graph` that `keep` depends on, in the same order, and the new node of each old one that is left.

    All columns at once: nothing is done node by node but for names of gradients whose node is gone.
    """
    left = np.flatnonzero(np.frombuffer(graph.ancestors(keep), dtype=np.uint8))
    rebuild = Rebuild(graph)
    g = rebuild.graph
    new = np.full(len(graph), -1, dtype=np.int32)
    new[left] = np.arange(len(left), dtype=np.int32)
    offset = _column(graph._offset)
    lengths = np.diff(offset)[left]
    g._offset = _array("i", np.concatenate(([0], np.cumsum(lengths))))
    kept = np.repeat(offset[left] - _column(g._offset)[:-1], lengths) + np.arange(int(lengths.sum()))
    g._input = _array("i", new[_column(graph._input)[kept]])
    for name in ("_op", "_attr", "_type", "_step", "_tag", "_call", "_place"):
        column = getattr(graph, name)
        setattr(g, name, _array(column.typecode, _column(column)[left]))
    _owners(graph, rebuild, left, new)
    return g, Renumbered(_array("i", new))


def _owners(graph: Graph, rebuild: Rebuild, left: Any, new: Any) -> None:
    """Names: those of gradients follow the node that they are named after, or become names of their own where it is gone."""
    owner = _column(graph._owner)[left]
    of = np.where(owner < 0, ~owner, 0)
    moved = np.where(owner < 0, ~new[of], owner)
    for k in np.flatnonzero((owner < 0) & (new[of] < 0)).tolist():
        moved[k] = rebuild.builder.name_id(graph.name(int(of[k])))
    rebuild.graph._owner = _array("i", moved)


def _column(column: array[int]) -> Any:
    return np.frombuffer(column, dtype=column.typecode) if len(column) else np.zeros(0, dtype=column.typecode)


def _array(typecode: str, values: Any) -> array[int]:
    out: array[int] = array(typecode)
    out.frombytes(np.ascontiguousarray(values, dtype=typecode).tobytes())
    return out
