"""The pass that `--highlight` names, on the nodes of a graph: which of them are lit, and which arrows between them.

`forward:w5` lights both ends of w5's arrow and everything downstream to the prediction; `backward:u3` u3, for a weight the head of its
arrow, and everything downstream; `path:w1->L` what lies on a path from one to the other.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from graphrun.diagram.groups import is_plain
from graphrun.diagram.view import Arrow, View
from graphrun.errors import Diagnostic, UsageError
from graphrun.ir.graph import Graph
from graphrun.ir.leaves import INPUT, PARAM

__all__ = ["Highlight", "find_node", "lighted", "read_highlight", "targets"]

KINDS = ("forward", "backward", "path")


@dataclass(frozen=True, slots=True)
class Highlight:
    """A pass: `nodes` are lit, and so are the arrows of `edges` (operand, user). It runs from `start` to `end`; `head` is the first node
    on it that is computed; `tails` are lit beside it: what the weight at its start is multiplied with."""

    kind: str
    start: int
    head: int
    end: int
    nodes: frozenset[int]
    edges: frozenset[tuple[int, int]]
    tails: frozenset[int] = frozenset()


def find_node(graph: Graph, name: str, what: str = "--highlight", also: Mapping[str, int] | None = None) -> int:
    """The node of that name (in `also` names of the spec's that stand for other nodes). Raises UsageError with the nearest name."""
    names = {**graph.index(), **(also or {})}
    if name in names:
        return names[name]
    near = difflib.get_close_matches(name, sorted(names), n=1, cutoff=0.5)
    help_ = f"did you mean `{near[0]}`?" if near else f"names are those of the spec: {', '.join(sorted(also or names)[:8])}"
    raise UsageError(Diagnostic("unknown-name", f"{what}: there is no node `{name}` in the graph", help=help_))


def read_highlight(
    graph: Graph, text: str, *, loss: int | None, to: int | None = None, names: Mapping[str, int] | None = None
) -> Highlight:
    """The pass that `text` names. It ends at `to` where given, else at the prediction: the last value that no target has entered.

    Raises UsageError where `text` is no pass, names a node that there is not, or nothing leads from one to the other.
    """
    kind, _, rest = text.partition(":")
    if kind not in KINDS or not rest.strip():
        what = f"--highlight: `{text}` is no pass through the graph"
        raise UsageError(Diagnostic("bad-highlight", what, help="write forward:w5, backward:u3 or path:w1->L"))
    if kind == "path":
        a, arrow, b = rest.partition("->")
        if not arrow or not b.strip():
            what = f"--highlight: `{text}` does not say where the path ends"
            raise UsageError(Diagnostic("bad-highlight", what, help=f"write path:{a.strip()}->{_usual_end(graph, loss)}"))
        start, end = (find_node(graph, part.strip(), also=names) for part in (a, b))
        return _between(graph, kind, start, end, text)
    start = find_node(graph, rest.strip(), also=names)
    if to is None:
        to = _prediction(graph, start, loss)
    found = _between(graph, kind, start, to, text)
    weight = graph.op(start) is PARAM
    if kind == "backward" and weight:
        head = found.head
        found = replace(found, nodes=found.nodes - {start}, edges=frozenset(e for e in found.edges if e[0] != start), head=head)
    if kind == "forward":
        found = _with_tails(graph, found)
    return found


def _usual_end(graph: Graph, loss: int | None) -> str:
    return graph.name(loss) if loss is not None else "y"


def targets(graph: Graph, loss: int | None) -> frozenset[int]:
    """The inputs that meet what the parameters made, and nothing before: they say what should have come out."""
    if loss is None:
        return frozenset()
    learned = bytearray(len(graph))
    for i in range(len(graph)):
        learned[i] = graph.op(i) is PARAM or any(learned[j] for j in graph.inputs(i))
    used = graph.ancestors([loss])
    users: dict[int, list[int]] = {}
    for i in range(len(graph)):
        if used[i]:
            for j in graph.inputs(i):
                users.setdefault(j, []).append(i)
    fed = bytearray(len(graph))  # made from inputs and parameters both
    for i in range(len(graph)):
        fed[i] = bool(fed[i]) or any(fed[j] for j in graph.inputs(i))
        if not fed[i] and learned[i] and graph.op(i) is not PARAM:
            fed[i] = any(graph.op(j) is INPUT or not learned[j] for j in graph.inputs(i) if not is_plain(graph, j))
    out = set()
    for i in range(len(graph)):
        if graph.op(i) is INPUT and used[i]:
            meets = _first_meetings(graph, i, users, learned)
            if meets and all(any(fed[j] and j != i for j in graph.inputs(m)) for m in meets):
                out.add(i)
    return frozenset(out)


def _first_meetings(graph: Graph, start: int, users: Mapping[int, Sequence[int]], learned: bytearray) -> list[int]:
    """The first steps after an input in which something learned takes part."""
    out: list[int] = []
    seen, stack = {start}, [start]
    while stack:
        for u in users.get(stack.pop(), ()):
            if u in seen:
                continue
            seen.add(u)
            if learned[u]:
                out.append(u)
            else:
                stack.append(u)
    return out


def _prediction(graph: Graph, start: int, loss: int | None) -> int:
    """The last node after `start` that no target has entered; the loss where there is no target."""
    aims = targets(graph, loss)
    if loss is None:
        after = _downstream(graph, start, None)
        return max(after)
    entered = bytearray(len(graph))
    for i in range(len(graph)):
        entered[i] = i in aims or any(entered[j] for j in graph.inputs(i))
    used = graph.ancestors([loss])
    free = [i for i in _downstream(graph, start, None) if used[i] and not entered[i]]
    if not aims or not free or entered[start]:
        return loss
    named = [i for i in free if graph.step(i) == 0]
    return max(named or free)


def _downstream(graph: Graph, start: int, marks: bytearray | None) -> set[int]:
    out = {start}
    for i in range(start + 1, len(graph)):
        if (marks is None or marks[i]) and any(j in out for j in graph.inputs(i)):
            out.add(i)
    return out


def _between(graph: Graph, kind: str, start: int, end: int, text: str) -> Highlight:
    nodes = frozenset(_downstream(graph, start, graph.ancestors([end])))
    if end not in nodes:
        a, b = graph.name(start), graph.name(end)
        what = f"--highlight: `{text}` lights nothing: {b} does not depend on {a}"
        back = bool(_downstream(graph, end, graph.ancestors([start])) & {start})
        help_ = f"the other way round there is one: path:{b}->{a}" if back else "name a node upstream of the end"
        raise UsageError(Diagnostic("bad-highlight", what, help=help_))
    edges = frozenset((j, i) for i in nodes for j in graph.inputs(i) if j in nodes)
    head = min((i for j, i in edges if j == start), default=start)
    return Highlight(kind, start, head, end, nodes, edges)


def _with_tails(graph: Graph, found: Highlight) -> Highlight:
    """With a weight its arrow's tail: what it is multiplied with."""
    start = found.start
    if graph.op(start) is not PARAM:
        return found
    edges = set(found.edges)
    for i in [i for j, i in found.edges if j == start and graph.op(i).name not in ("add", "sub")]:
        edges |= {(j, i) for j in graph.inputs(i) if j != start and graph.op(j) is not PARAM and not is_plain(graph, j)}
    tails = {j for j, _ in edges} - found.nodes
    return replace(found, nodes=found.nodes | tails, edges=frozenset(edges), tails=frozenset(tails))


# -- on a picture ------------------------------------------------------------------------------------------------------


def lighted(view: View, found: Highlight, boxes: Mapping[int, str | tuple[str, ...]], *, weights: Mapping[str, int] | None = None) -> View:
    """The view with the pass lit. `boxes` says for a node of the graph in which box or boxes (by their ids) it is, `weights` for an
    arrow's weight which node that is. An arrow is lit where something on the pass flows along it, or its weight is on the pass."""
    named = weights or {}

    def of(i: int) -> tuple[str, ...]:
        held = boxes.get(i, ())
        return (held,) if isinstance(held, str) else held

    lit = {b for i in found.nodes for b in of(i)}
    through = {b for i in found.nodes - found.tails for b in of(i)}
    pairs = {(a, b) for j, i in found.edges for a in of(j) for b in of(i) if a != b}

    def on(arrow: Arrow) -> bool:
        if arrow.kind != "forward":
            return False
        by = named.get(arrow.weight) if arrow.weight else None
        if by is not None and by in found.nodes and arrow.head in lit:
            return True
        return (arrow.tail, arrow.head) in pairs and (arrow.tail in through or by is None)

    return replace(
        view,
        boxes=tuple(replace(b, lit=True) if b.id in lit else b for b in view.boxes),
        arrows=tuple(replace(a, lit=True) if on(a) else a for a in view.arrows),
    )
