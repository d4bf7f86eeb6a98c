"""Which node is the prediction, and which input it is held against: found where a target meets what the parameters computed."""

from __future__ import annotations

from dataclasses import dataclass

from graphrun.build.build import Built
from graphrun.ir.graph import Graph

__all__ = ["Pair", "find_prediction"]

NONE, MANY = -1, -2


@dataclass(frozen=True, slots=True)
class Pair:
    """A named node of the spec, and the input that the loss compares it with (None where there is no such input)."""

    node: str
    target: str | None


def find_prediction(built: Built) -> Pair | None:
    """The prediction and its target; without a target the first of the spec's outputs; None where there is neither."""
    if built.loss is not None:
        found = _compared(built, built.loss)
        if found is not None:
            return found
    outputs = [name for name, i in built.outputs.items() if i != built.loss]
    return Pair(outputs[0], None) if outputs else None


def _compared(built: Built, loss: int) -> Pair | None:
    """Follows each input through what no parameter touches, to the nodes where it meets a value that parameters made.

    An input that meets a parameter itself (`w * x`) is a feature; a target meets computed values only.
    """
    graph = built.graph
    needed = graph.ancestors([loss])
    source = [NONE] * (loss + 1)  # the one input that a value is made of, or NONE, or MANY
    trained = bytearray(loss + 1)
    inputs = {info.node: name for name, info in built.inputs.items()}
    met: dict[int, tuple[int, int]] = {}
    features: set[int] = set()
    for i in range(loss + 1):
        if not needed[i]:
            continue
        operands = graph.inputs(i)
        if not operands:
            source[i] = i if i in inputs else NONE
            trained[i] = graph.op(i).name == "param"
            continue
        trained[i] = any(trained[j] for j in operands)
        sources = {source[j] for j in operands} - {NONE}
        source[i] = NONE if not sources else sources.pop() if len(sources) == 1 else MANY
        if not trained[i]:
            continue
        for j in operands:
            if trained[j] or source[j] < 0:
                continue
            partners = [k for k in operands if trained[k]]
            if any(source[k] == NONE for k in partners):
                features.add(source[j])
            elif partners:
                met[source[j]] = (i, partners[0])
    targets = [(at, partner, inputs[t]) for t, (at, partner) in met.items() if t not in features]
    if not targets:
        return None
    _, partner, target = max(targets)
    name = _named(built, graph, partner, trained, source)
    return Pair(name, target) if name is not None else None


def _named(built: Built, graph: Graph, node: int, trained: bytearray, source: list[int]) -> str | None:
    """The nearest named node at or before `node`, along operands that parameters made from inputs, as long as there is one way."""
    names = {i: name for name, i in built.nodes.items() if i != built.loss}
    while node not in names:
        ways = {j for j in graph.inputs(node) if trained[j] and source[j] != NONE}
        if len(ways) != 1:
            return None
        node = ways.pop()
    return names[node]
