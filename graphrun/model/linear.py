"""What a net of scalars without any nonlinearity computes: one weighted sum of its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from graphrun.ir.graph import Graph
from graphrun.ir.leaves import CONST
from graphrun.train.predictions import find_prediction

if TYPE_CHECKING:
    from graphrun.model.model import Model

__all__ = ["linear_text"]

MOST_INPUTS = 6
NOTHING = 1e-9  # a coefficient this small beside the largest is 0

Affine = tuple[float, dict[int, float]]
"""A constant, and the coefficient of each input (by node)."""


def linear_text(model: Model, values: Mapping[str, Any]) -> str:
    """`hat_y = 3.0000 x1 + 1.0000 x2` with these parameters; empty where the prediction is no such sum of a few inputs."""
    built = model.built
    pair = find_prediction(built)
    if pair is None or not built.one_row:
        return ""
    graph, node = built.graph, built.nodes[pair.node]
    names = {info.node: name for name, info in built.inputs.items()}
    scalars = {info.node: n for n, info in built.params.items() if info.node is not None and not info.shape}
    known: dict[int, Affine] = {i: (float(values[n]), {}) for i, n in scalars.items()}
    below = graph.ancestors([node])
    for i in range(node + 1):
        if below[i] and i not in known:
            found = (0.0, {i: 1.0}) if i in names and not graph.shape(i) else _step(graph, i, known)
            if found is None:
                return ""
            known[i] = found
    constant, slopes = known[node]
    if not 0 < len(slopes) <= MOST_INPUTS:
        return ""
    least = NOTHING * max([abs(constant), *(abs(s) for s in slopes.values())])
    terms = [(slope, names[i]) for i, slope in sorted(slopes.items())] + ([(constant, "")] if abs(constant) > least else [])
    return f"{pair.node} = {_sum(terms)}"


def _step(graph: Graph, i: int, known: Mapping[int, Affine]) -> Affine | None:
    if graph.shape(i):
        return None
    if graph.op(i) is CONST:
        return float(graph.attrs(i)["value"]), {}
    operands = [known[j] for j in graph.inputs(i)]
    match graph.op(i).name:
        case "identity":
            return operands[0]
        case "neg":
            return _scaled(operands[0], -1.0)
        case "add":
            return _added(*operands)
        case "sub":
            return _added(operands[0], _scaled(operands[1], -1.0))
        case "mul" if not operands[0][1]:
            return _scaled(operands[1], operands[0][0])
        case "mul" if not operands[1][1]:
            return _scaled(operands[0], operands[1][0])
        case "div" if not operands[1][1] and operands[1][0]:
            return _scaled(operands[0], 1.0 / operands[1][0])
    return None


def _scaled(a: Affine, by: float) -> Affine:
    return a[0] * by, {i: slope * by for i, slope in a[1].items()}


def _added(a: Affine, b: Affine) -> Affine:
    return a[0] + b[0], {i: a[1].get(i, 0.0) + b[1].get(i, 0.0) for i in {**a[1], **b[1]}}


def _sum(terms: list[tuple[float, str]]) -> str:
    out = ""
    for k, (slope, name) in enumerate(terms):
        sign = ("-" if slope < 0 else "") if not k else (" - " if slope < 0 else " + ")
        size = f"{abs(slope):.4f}" if 1e-3 <= abs(slope) < 1e5 or not slope else f"{abs(slope):.3g}"
        out += f"{sign}{size}{' ' if name else ''}{name}"
    return out
