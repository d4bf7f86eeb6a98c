"""Binds symbolic dimensions to numbers. Nodes keep their numbers, so that indices of the graph before stay valid."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from typing import Any

from graphrun.errors import UsageError
from graphrun.ir.builder import Builder
from graphrun.ir.graph import Graph
from graphrun.ir.leaves import CONST, DIMENSION
from graphrun.ir.types import Sym, TensorType, bind_dim, shape_text

__all__ = ["bind", "unbound"]


def bind(graph: Graph, sizes: Mapping[str, int], partial: bool = False) -> Graph:
    """`graph` with the dimensions named in `sizes` replaced in types and attributes; their DIMENSION nodes become constants.

    Raises UsageError where a dimension is left without a size (unless `partial`), or a size comes out negative.
    """
    out = Builder(graph).graph
    out._type_table = []
    builder = Builder(out)  # interns types and attributes afresh: [batch] and [64] may now be one
    g = builder.graph
    types = [builder._type_id(_bound_type(t, sizes)) for t in graph._type_table]
    g._type = array("i", [types[t] for t in graph._type])
    attrs = [builder._attr_id({k: _bound(v, sizes) for k, v in a.items()}) for a in graph._attr_table]
    g._attr = array("i", [attrs[a] for a in graph._attr])
    _settle_dimensions(builder)
    if not partial and (left := unbound(g)):
        names = ", ".join(f"`{name}`" for name in left)
        raise UsageError(f"no size is given for the dimension{'s' if len(left) > 1 else ''} {names}")
    return g


def unbound(graph: Graph) -> list[str]:
    """The names of dimensions in the types and attributes of `graph`, sorted."""
    names: set[str] = set()
    for t in {graph._type_table[k] for k in set(graph._type)}:
        for d in t.shape:
            if isinstance(d, Sym):
                names |= d.names()
    for k in set(graph._attr):
        for v in graph._attr_table[k].values():
            _collect(v, names)
    return sorted(names)


def _settle_dimensions(builder: Builder) -> None:
    """DIMENSION nodes whose size is a number now become constants."""
    g = builder.graph
    if DIMENSION not in g._op_table:
        return
    at = g._op_table.index(DIMENSION)
    if CONST not in g._op_table:
        g._op_table.append(CONST)
    const = g._op_table.index(CONST)
    for i, op in enumerate(g._op):
        if op == at and isinstance(dim := g.attrs(i)["dim"], int):
            g._op[i] = const
            g._attr[i] = builder._attr_id({"value": dim})


def _bound_type(t: TensorType, sizes: Mapping[str, int]) -> TensorType:
    if all(isinstance(d, int) for d in t.shape):
        return t
    shape = tuple(bind_dim(d, sizes) for d in t.shape)
    if any(isinstance(d, int) and d < 0 for d in shape):
        given = ", ".join(f"{name} = {k}" for name, k in sizes.items())
        raise UsageError(f"with {given} the shape {shape_text(t.shape)} would be {shape_text(shape)}")
    return TensorType(shape, t.dtype)


def _bound(value: Any, sizes: Mapping[str, int]) -> Any:
    """`value` with symbolic dimensions bound, however deep they stand in tuples."""
    if isinstance(value, Sym):
        return bind_dim(value, sizes)
    if isinstance(value, tuple) and _has_sym(value):
        return tuple(_bound(v, sizes) for v in value)
    return value


def _has_sym(value: Any) -> bool:
    return isinstance(value, Sym) or (isinstance(value, tuple) and any(_has_sym(v) for v in value))


def _collect(value: Any, names: set[str]) -> None:
    if isinstance(value, Sym):
        names |= value.names()
    elif isinstance(value, tuple):
        for v in value:
            _collect(v, names)
