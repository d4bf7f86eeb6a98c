"""Checks the invariants of a graph, and names the pass that broke them."""

from __future__ import annotations

from collections.abc import Callable

from graphrun.ir.graph import Graph
from graphrun.ir.leaves import CONST, LEAVES
from graphrun.ir.printer import print_graph
from graphrun.ir.types import OpFault, size

__all__ = ["InvariantError", "verify"]


class InvariantError(AssertionError):
    """A pass made a graph that breaks an invariant: a defect of graphrun, never of a spec."""


def verify(graph: Graph, after: str = "") -> None:
    """Raises InvariantError, with the pass `after` which the graph was made and the nodes around the fault, unless

    the columns have one entry for each node; operands come before their users; each operation has the operands and attributes that it
    takes; types are what the operations infer; names, calls and sources are there; and no two nodes share a name of the spec's.
    """

    def fault(i: int, what: str) -> None:
        where = f" after {after}" if after else ""
        raise InvariantError(f"the graph{where} is wrong at node {i}: {what}\n{print_graph(graph, around=i)}")

    _columns(graph, after)
    seen: dict[str, int] = {}
    for i in range(len(graph)):
        _operands(graph, i, fault)
        _type(graph, i, fault)
        _provenance(graph, i, fault)
        if graph._owner[i] >= 0 and not graph.tags[graph._tag[i]][0]:
            first = seen.setdefault(graph.name(i), i)
            if first != i:
                fault(i, f"the name `{graph.name(i)}` is that of node {first} too")


def _columns(graph: Graph, after: str) -> None:
    n = len(graph)
    columns = ("_op", "_attr", "_type", "_owner", "_step", "_tag", "_call", "_place")
    lengths = {name: len(getattr(graph, name)) for name in columns}
    lengths["_offset"] = len(graph._offset) - 1
    wrong = {name: k for name, k in lengths.items() if k != n}
    if wrong or graph._offset[n] != len(graph._input):
        where = f" after {after}" if after else ""
        raise InvariantError(f"the columns of the graph{where} do not fit: {n} nodes, {wrong or 'operands cut off'}")


def _operands(graph: Graph, i: int, fault: Callable[[int, str], None]) -> None:
    op, inputs = graph.op(i), graph.inputs(i)
    for j in inputs:
        if not 0 <= j < i:
            fault(i, f"operand {j} does not come before it")
    if op.variadic:
        if not inputs:
            fault(i, f"{op.name} takes at least one operand")
    elif not len(op.arrays) - op.optional <= len(inputs) <= len(op.arrays):
        fault(i, f"{op.name} takes {len(op.arrays)} operands ({', '.join(op.arrays)}), not {len(inputs)}")
    known = {a.name for a in op.attrs}
    for name in graph.attrs(i):
        if name not in known:
            fault(i, f"{op.name} has no attribute {name}")
    for attr in op.attrs:
        if attr.required and attr.name not in graph.attrs(i):
            fault(i, f"{op.name} lacks its attribute {attr.name}")


def _type(graph: Graph, i: int, fault: Callable[[int, str], None]) -> None:
    op = graph.op(i)
    if op is CONST:
        value, shape = graph.attrs(i)["value"], graph.shape(i)
        if isinstance(value, tuple) if shape == () else len(value) != size(shape):
            fault(i, f"the constant does not fill its shape {graph.type(i)}")
        return
    if op in LEAVES:
        return
    try:
        found = op.infer([graph.type(j) for j in graph.inputs(i)], graph.attrs(i))
    except OpFault as e:
        fault(i, f"its operands do not fit: {e.message}")
        return
    if found != graph.type(i):
        fault(i, f"its type is {graph.type(i)}, and {op.name} gives {found}")


def _provenance(graph: Graph, i: int, fault: Callable[[int, str], None]) -> None:
    owner = graph._owner[i]
    if owner >= len(graph.names):
        fault(i, f"its name has the number {owner}, and there are {len(graph.names)}")
    if owner < 0 and ~owner >= len(graph):
        fault(i, f"it is named after node {~owner}, and there are {len(graph)}")
    if graph._tag[i] >= len(graph.tags):
        fault(i, f"its tag has the number {graph._tag[i]}, and there are {len(graph.tags)}")
    if graph._call[i] >= len(graph.calls):
        fault(i, f"its call has the number {graph._call[i]}, and there are {len(graph.calls)}")
