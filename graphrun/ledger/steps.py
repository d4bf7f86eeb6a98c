"""Which steps of a graph a ledger shows: a formula as one line where its derivative is known as a whole, else its primitive steps."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from graphrun.ir.graph import Graph
from graphrun.ir.leaves import LEAVES
from graphrun.ledger.local import Rule, Rules, operands_of

__all__ = ["Step", "shown_steps"]

MOST_STEPS = 400
"""A formula of more primitive steps is not written in one line."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A line of the ledger: `node` computed from `operands`.

    `scalar` says whether its rule gives derivatives, as numbers; otherwise it gives what the step hands back, as the formula of a product.
    """

    node: int
    operands: tuple[int, ...]
    rule: Rule
    scalar: bool


def shown_steps(graph: Graph, of: int, rules: Rules, *, expand: bool = False, asked: Collection[int] = ()) -> list[Step]:
    """The steps that `of` depends on, in order. Nodes in `asked` are shown in any case."""
    marks = graph.ancestors([of])
    nodes = [i for i in range(of + 1) if marks[i] and graph.op(i) not in LEAVES]
    if expand:
        return [_single(graph, i, of, rules) for i in nodes]
    out: list[Step] = []
    for group in _groups(graph, nodes, set(asked)):
        whole = _whole(graph, group, of, rules) if 1 < len(group) <= MOST_STEPS else None
        out.extend([whole] if whole is not None else [_single(graph, i, of, rules) for i in group])
    out.sort(key=lambda step: step.node)
    return out


def _groups(graph: Graph, nodes: Sequence[int], asked: set[int]) -> list[list[int]]:
    """The steps of each formula together, its own node last; one of which an inner step is used or asked for elsewhere is taken apart."""
    by_owner: dict[tuple[int, int], list[int]] = {}
    owner: dict[int, tuple[int, int]] = {}
    owners, tags = graph._owner, graph._tag
    for i in nodes:
        owner[i] = (owners[i], tags[i]) if owners[i] >= 0 else (-1 - i, 0)
        by_owner.setdefault(owner[i], []).append(i)
    last = {name: group[-1] for name, group in by_owner.items()}
    broken = {owner[i] for i in asked if i in owner and last[owner[i]] != i}
    for i in nodes:
        mine = owner[i]
        for j in graph.inputs(i):
            theirs = owner.get(j)
            if theirs is not None and theirs != mine and last[theirs] != j:
                broken.add(theirs)
    out: list[list[int]] = []
    for name, group in by_owner.items():
        out.extend([[i] for i in group] if name in broken else [group])
    return out


def _single(graph: Graph, i: int, of: int, rules: Rules) -> Step:
    found = rules.scalar_step(i)
    if found is not None:
        return Step(i, *found, True)
    return Step(i, tuple(operands_of(graph, i)), rules.product(i, i == of), False)


def _whole(graph: Graph, group: Sequence[int], of: int, rules: Rules) -> Step | None:
    inside = set(group)
    operands = [j for j in dict.fromkeys(j for i in group for j in operands_of(graph, i)) if j not in inside]
    rule = rules.whole(group, operands, group[-1] == of)
    if rule is None:
        return None
    return Step(group[-1], tuple(operands), rule, all(graph.shape(j) == () for j in (*group, *operands)))
