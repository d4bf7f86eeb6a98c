"""Which nodes of a graph are one box.

A formula of a few scalar sums and products is read as a whole, and so are `x · W + b` and a loss of the library; other steps stand
for themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from graphrun.ir.graph import Graph
from graphrun.ir.leaves import CONST, DIMENSION

__all__ = ["Group", "formula_groups", "is_plain"]

MOST_STEPS = 12
"""A formula of more steps than this is not taken in at a glance."""

SHORT = frozenset({"add", "sub", "mul", "neg", "square", "identity"})
BY_NUMBER = frozenset({"div", "power"})
AFFINE = frozenset({"matmul", "add", "sub", "neg", "identity", "transpose"})
MOST_SIGNS = 3

LIBRARY = PurePath(Path(__file__).parents[1] / "library")
"""Where the functions stand whose inside a reader need not see."""


@dataclass(frozen=True, slots=True)
class Group:
    """Nodes that are drawn as one box, `node` (whose value it has) among them. `text` is its formula where that is not made of theirs."""

    node: int
    nodes: tuple[int, ...]
    text: str = ""


def is_plain(graph: Graph, i: int) -> bool:
    """Whether node i is written inside the formulas that use it: a number without a name, or the size of a dimension."""
    op = graph.op(i)
    return op is DIMENSION or (op is CONST and graph.owner(i) is None)


def formula_groups(graph: Graph, shown: Sequence[int], entries: Mapping[str, int], *, expand: bool) -> list[Group]:
    """A box for each node of `shown`, but one for each formula that is read as a whole, unless `expand`. In order of their nodes."""
    if expand:
        return [Group(i, (i,)) for i in shown]
    whole: dict[int, list[int]] = {}
    texts: dict[int, str] = {}
    for nodes in _formulas(graph, shown):
        if len(nodes) <= MOST_STEPS and (_short(graph, nodes) or _affine(graph, nodes)):
            whole[nodes[-1]] = nodes
        else:
            for call in _library_calls(graph, nodes):
                whole[call[-1]] = call
                texts[call[-1]] = _call_text(graph, call)
    if whole:
        _keep_closed(graph, shown, whole, set(entries.values()))
        _join_results(graph, shown, whole, entries)
    inner = {i for nodes in whole.values() for i in nodes[:-1]}
    return [Group(i, tuple(whole.get(i, (i,))), text=texts.get(i, "")) for i in shown if i not in inner]


def _formulas(graph: Graph, shown: Sequence[int]) -> list[list[int]]:
    """The steps of each formula of more than one."""
    by_owner: dict[str, list[int]] = {}
    for i in shown:
        owner = graph.owner(i)
        if owner is not None and len(graph.inputs(i)):
            by_owner.setdefault(owner, []).append(i)
    return [nodes for nodes in by_owner.values() if len(nodes) > 1]


def _short(graph: Graph, nodes: Sequence[int]) -> bool:
    for i in nodes:
        name, inputs = graph.op(i).name, graph.inputs(i)
        if graph.shape(i) or any(graph.shape(j) for j in inputs):
            return False
        if name not in SHORT and not (name in BY_NUMBER and is_plain(graph, inputs[1])):
            return False
    return True


def _affine(graph: Graph, nodes: Sequence[int]) -> bool:
    names = [graph.op(i).name for i in nodes]
    return "matmul" in names and AFFINE.issuperset(names) and len(names) <= MOST_SIGNS


def _library_calls(graph: Graph, nodes: Sequence[int]) -> list[list[int]]:
    """The steps of each call of a function of the library within one formula."""
    calls: dict[int, list[int]] = {}
    for i in nodes:
        source = graph.place(i)[0]
        if graph.call(i) >= 0 and source < len(graph.sources) and PurePath(graph.sources[source]).parent == LIBRARY:
            calls.setdefault(graph.call(i), []).append(i)
    return [call for call in calls.values() if len(call) > 1]


def _call_text(graph: Graph, call: Sequence[int]) -> str:
    inside = set(call)
    operands = dict.fromkeys(j for i in call for j in graph.inputs(i) if j not in inside and not is_plain(graph, j))
    return f"{graph.calls[graph.call(call[-1])].function}({', '.join(graph.name(j) for j in operands)})"


def _keep_closed(graph: Graph, shown: Sequence[int], whole: dict[int, list[int]], named: set[int]) -> None:
    """Takes apart the formulas of which an inner step has a name of its own or is used by another formula."""
    last = {i: end for end, nodes in whole.items() for i in nodes}
    for end in [e for e, nodes in whole.items() if any(i in named for i in nodes[:-1])]:
        del whole[end]
    for i in shown:
        for j in graph.inputs(i):
            end = last.get(j, j)
            if end != j and last.get(i) != end:
                whole.pop(end, None)


def _join_results(graph: Graph, shown: Sequence[int], whole: dict[int, list[int]], entries: Mapping[str, int]) -> None:
    """An entry that only names what its layer returns (`logits` of `logits.z`) is one box with it."""
    users: dict[int, int] = {}
    for i in shown:
        for j in graph.inputs(i):
            users[j] = users.get(j, 0) + 1
    for name, i in entries.items():
        if graph.op(i).name != "identity":
            continue
        j = graph.inputs(i)[0]
        if graph.call(j) >= 0 and users.get(j) == 1 and graph.name(j).startswith(f"{name}."):
            whole[i] = [*whole.pop(j, [j]), i]
