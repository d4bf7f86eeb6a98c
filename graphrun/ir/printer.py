"""A graph as text, one line a node."""

from __future__ import annotations

from graphrun.ir.graph import Graph

__all__ = ["print_graph", "print_node"]

AROUND = 4


def print_graph(graph: Graph, around: int | None = None) -> str:
    """One line a node: number, name, operation, operands by name, attributes, type.

    With `around`, the operands of that node, a few lines before and after it, and an arrow at it.
    """
    if around is None:
        wanted = list(range(len(graph)))
    else:
        near = range(max(0, around - AROUND), min(len(graph), around + AROUND + 1))
        operands = [j for j in graph.inputs(around) if 0 <= j < len(graph)]
        wanted = sorted({*near, *operands})
    lines = []
    last = -1
    for i in wanted:
        if around is not None and i > last + 1:
            lines.append("      …")
        arrow = "->" if i == around else "  "
        lines.append(f"{arrow} {print_node(graph, i)}" if around is not None else print_node(graph, i))
        last = i
    if around is not None and last + 1 < len(graph):
        lines.append("      …")
    return "\n".join(lines)


def print_node(graph: Graph, i: int) -> str:
    """The line of node i: `   7  J = mul(%6, J#1)  float64 []`."""
    operands = [_name(graph, j) for j in graph.inputs(i)]
    attrs = [f"{k}={_short(v)}" for k, v in graph.attrs(i).items()]
    return f"{i:6d}  {_name(graph, i)} = {graph.op(i).name}({', '.join([*operands, *attrs])})  {graph.type(i)}"


def _name(graph: Graph, i: int) -> str:
    """The name of node i; `?i` where a broken graph has none."""
    try:
        return graph.name(i) if i >= 0 else f"?{i}"
    except (IndexError, RecursionError):
        return f"?{i}"


def _short(value: object) -> str:
    if isinstance(value, tuple) and len(value) > 8:
        return f"({', '.join(_short(v) for v in value[:3])}, … {len(value)} in all)"
    if isinstance(value, tuple):
        return f"({', '.join(_short(v) for v in value)}{',' if len(value) == 1 else ''})"
    return str(value) if not isinstance(value, str) else repr(value)
