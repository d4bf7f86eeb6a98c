"""The same graph in float64: nodes keep their numbers."""

from __future__ import annotations

from array import array

from graphrun.ir.builder import Builder
from graphrun.ir.graph import Graph
from graphrun.ir.types import TensorType

__all__ = ["widen"]


def widen(graph: Graph) -> Graph:
    """`graph` with float64 in place of float32, in types and attributes. Random values stay those that were drawn in float32."""
    if all(t.dtype != "float32" for t in graph._type_table):
        return graph
    out = Builder(graph).graph
    out._type_table = []
    b = Builder(out)
    g = b.graph
    types = [b._type_id(TensorType(t.shape, "float64") if t.dtype == "float32" else t) for t in graph._type_table]
    g._type = array("i", [types[t] for t in graph._type])
    drawn = {graph._attr[i] for i in range(len(graph)) if graph.op(i).draws}
    attrs = [
        b._attr_id(a if k in drawn else {key: "float64" if key == "dtype" and v == "float32" else v for key, v in a.items()})
        for k, a in enumerate(graph._attr_table)
    ]
    g._attr = array("i", [attrs[a] for a in graph._attr])
    return g
