"""The view of steps: a box for every step, and for the backward pass dashed arrows with the products that they carry."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

from graphrun.diagram.captions import pass_caption
from graphrun.diagram.groups import Group, formula_groups, is_plain
from graphrun.diagram.highlight import Highlight, find_node, lighted, read_highlight
from graphrun.diagram.text import DIGITS, pretty, pretty_name, short_number, values_text
from graphrun.diagram.view import Arrow, Back, Box, Kind, Role, Row, View
from graphrun.ir.cost import cost_text, total_cost
from graphrun.ir.formula import formula_text, number, product
from graphrun.ir.graph import Graph
from graphrun.ir.leaves import FED, INPUT, PARAM, STATE
from graphrun.ir.types import Shape, size

__all__ = ["steps_view"]

MOST_BACK = 40
"""A picture of more arrows than this has no backward ones: each box has its gradient."""

LONGEST = 400
"""A formula in a box is cut at this many characters, long before the box is as wide."""

GIVEN = (INPUT, STATE)  # what is not trained: its gradient is not shown


def steps_view(
    graph: Graph,
    *,
    ends: Sequence[int],
    loss: int | None,
    inputs: Mapping[str, int],
    params: Mapping[str, int],
    entries: Mapping[str, int],
    values: Sequence[Any] | None = None,
    gradients: Mapping[int, Any] | None = None,
    title: str = "",
    direction: str = "LR",
    expand: bool = False,
    products: Mapping[tuple[int, int], str] | None = None,
    to: str | None = None,
    highlight: str | None = None,
    show: Collection[str] = (),
    heat: bool = False,
) -> View:
    """Every step that `ends` and `loss` depend on, with what flows between them.

    A formula that is read as a whole (see `groups`) is one box; `expand` shows its primitive steps. `values` and `gradients` are by node,
    the gradients those of `loss`. `products` gives for (user, operand) what the user hands back: the product in symbols and, on a line of
    its own, in numbers. `to` restricts it to what that node depends on, `highlight` lights a pass, `heat` shades by size of gradient;
    `show` may hold `shapes`, `parameters` and `cost`. Raises UsageError where `to` or `highlight` name what there is not.
    """
    names = {**inputs, **params, **entries}
    last = None if to is None else find_node(graph, to, "--to", names)
    marks = graph.ancestors([*ends, *([loss] if loss is not None else [])] if last is None else [last])
    shown = [i for i in range(len(graph)) if marks[i] and not is_plain(graph, i)]
    named = {i: n for table in (entries, params, inputs) for n, i in table.items()}
    groups = formula_groups(graph, shown, entries, expand=expand)
    place_of = {i: k for k, g in enumerate(groups) for i in g.nodes}
    drawer = _Drawer(graph, loss, named, values, gradients or {}, products or {}, place_of, frozenset(show))
    boxes = tuple(drawer.box(g) for g in groups)
    if heat:
        boxes = tuple(_heated(boxes, [drawer.size(g.node) for g in groups]))
    pairs = list(dict.fromkeys(p for g in groups for p in drawer.pairs(g)))
    backs: tuple[Back, ...] = ()
    if len(pairs) <= MOST_BACK and highlight is None:
        users = Counter(j for i, j in pairs if groups[i].node in drawer.gradients)
        backs = tuple(b for b in (drawer.back(groups, i, j, users[j] == 1) for i, j in pairs) if b is not None)
    view = View(
        title=title,
        boxes=boxes,
        arrows=tuple(Arrow(boxes[j].id, boxes[i].id) for i, j in pairs),
        backs=backs,
        legend=_legend(boxes, "" if loss is None else drawer.name(loss), direction, heat),
        direction=direction,
    )
    if highlight is None:
        return view
    return drawer.lit(view, groups, pairs, read_highlight(graph, highlight, loss=loss, to=last, names=names))


def _heated(boxes: Sequence[Box], sizes: Sequence[float | None]) -> Iterator[Box]:
    """The boxes shaded by size of gradient, from the largest one; an input's says nothing about what is learned."""
    top = max((s for s in sizes if s is not None), default=0.0) or 1.0
    for box, s in zip(boxes, sizes, strict=True):
        yield box if s is None else replace(box, heat=s / top)


def _legend(boxes: Sequence[Box], loss: str, direction: str, heat: bool = False) -> tuple[tuple[Role, str], ...]:
    forward, back = ("left to right", "right to left") if direction == "LR" else ("downwards", "upwards")
    out: list[tuple[Role, str]] = []
    if any(b.value for b in boxes):
        out.append(("value", f"value, {forward}"))
    if any(b.gradient for b in boxes):
        out.append(("gradient", f"∂ gradient of {loss}, {back}"))
    if heat:
        out.append(("ink", "the darker and thicker, the larger the gradient"))
    kinds = {b.kind for b in boxes}
    colours = {"input": "yellow input", "parameter": "blue parameter", "loss": "violet loss"}
    out.append(("ink", " · ".join(text for kind, text in colours.items() if kind in kinds)))
    return tuple((role, text) for role, text in out if text)


@dataclass(frozen=True, slots=True, eq=False)
class _Drawer:
    """Writes the boxes and arrows of the groups. `place_of` is node → number of its group."""

    graph: Graph
    loss: int | None
    named: Mapping[int, str]
    values: Sequence[Any] | None
    gradients: Mapping[int, Any]
    products: Mapping[tuple[int, int], str]
    place_of: Mapping[int, int]
    show: frozenset[str] = frozenset()

    def name(self, i: int) -> str:
        """A node's name as drawn; the end of a graph that only a pass made is written as its formula."""
        return pretty_name(self.plain_name(i))

    def plain_name(self, i: int) -> str:
        graph = self.graph
        if i in self.named:
            return self.named[i]
        if graph.owner(i) is None and graph.inputs(i):
            return f"{graph.op(i).word}({', '.join(graph.name(j) for j in list(graph.inputs(i))[:3])})"
        return graph.name(i)

    def box(self, group: Group) -> Box:
        node = group.node
        kind = self.kind(node)
        name = self.plain_name(node)
        formula = self.formula(group)
        own = pretty_name(name)
        return Box(
            id=self.graph.name(node),
            kind=kind,
            name=own,
            formula="" if formula in (own, name) else formula,
            value=self.value(node)[1] if "shapes" in self.show else " ".join(filter(None, self.value(node))),
            gradient=self.gradient(node),
            tooltip=self.tooltip(group, name, formula),
            rows=tuple(self.rows(group)),
        )

    def rows(self, group: Group) -> Iterator[Row]:
        """What `show` asks for: the shape, the count of a parameter's numbers, what the steps cost."""
        graph, node = self.graph, group.node
        if "shapes" in self.show and (graph.shape(node) or not self.value(node)[1]):
            yield (("muted", _sized(graph.shape(node))),)
        if "parameters" in self.show and graph.op(node) is PARAM:
            n = size(graph.shape(node))
            yield (("count", f"{n:,} parameters" if n != 1 else "1 parameter"),)
        if "cost" in self.show and graph.inputs(node):
            adds, memory = cost_text(total_cost(graph, group.nodes))
            yield (("muted", f"{adds} multiply-adds"),)
            yield (("muted", memory),)

    def kind(self, node: int) -> Kind:
        op = self.graph.op(node)
        return "loss" if node == self.loss else "parameter" if op is PARAM else "input" if op in FED else "step"

    def formula(self, group: Group) -> str:
        """The formula of a group over what lies outside of it; empty for an input or a parameter."""
        graph = self.graph
        if not graph.inputs(group.node):
            return ""
        if group.text:
            return pretty(group.text)
        inside = set(group.nodes)
        stop: Callable[[int], bool] = lambda i: i not in inside and not is_plain(graph, i)  # noqa: E731
        text = formula_text(graph, group.node, self.plain_name, stop)
        return pretty(text if len(text) <= LONGEST else text[:LONGEST] + "…")

    def value(self, node: int) -> tuple[str, str]:
        """Shape and value as drawn."""
        found = self.values[node] if self.values is not None and node < len(self.values) else None
        if found is not None:
            return values_text(found)
        shape = self.graph.shape(node)
        return (_sized(shape) if shape else ""), ""

    def gradient(self, node: int) -> str:
        """The gradient as drawn, without its shape; that of an input says nothing about what is learned, and is left out."""
        found = self.gradients.get(node)
        if found is None or self.graph.op(node) in GIVEN:
            return ""
        return values_text(found)[1]

    def tooltip(self, group: Group, name: str, formula: str) -> str:
        graph, node = self.graph, group.node
        lines = [f"{name} = {formula}" if formula else name, str(graph.type(node))]
        found = {"value": " ".join(filter(None, self.value(node))), "gradient ∂": self.gradient(node)}
        lines += [f"{what} {text}" for what, text in found.items() if text]
        source, line, _, _ = graph.place(node)
        if line and source < len(graph.sources):
            lines.append(f"{PurePath(graph.sources[source]).name}, line {line}")
        return "\n".join(lines)

    def pairs(self, group: Group) -> list[tuple[int, int]]:
        """(user, operand) by the numbers of their groups, for what flows into `group`."""
        graph, mine = self.graph, self.place_of[group.node]
        return [(mine, k) for i in group.nodes for j in graph.inputs(i) if (k := self.place_of.get(j)) is not None and k != mine]

    def back(self, groups: Sequence[Group], user: int, operand: int, alone: bool) -> Back | None:
        """What flows back from one group to another, or None; `alone` where nothing else flows back there."""
        i, j = groups[user].node, groups[operand].node
        if i not in self.gradients or j not in self.gradients or self.graph.op(j) in GIVEN:
            return None  # what an input is handed says nothing about what is learned
        ids = self.graph.name(i), self.graph.name(j)
        pairs = ((a, b) for a in groups[user].nodes for b in groups[operand].nodes)
        given = next((self.products[pair] for pair in pairs if pair in self.products), None)
        if given is not None:
            symbols, _, numbers = given.partition("\n")
            return Back(*ids, pretty(symbols), pretty(numbers))
        if self.loss is None or self.graph.shape(i) or self.graph.shape(j):
            return Back(*ids)
        over, under, by = self.name(self.loss), self.name(i), self.name(j)
        total = float(self.gradients[j])
        if i == self.loss:
            return Back(*ids, f"∂{over}/∂{by}", f"= {short_number(total)}" if alone else "")
        return Back(*ids, f"∂{over}/∂{under} · ∂{under}/∂{by}", _numbers(float(self.gradients[i]), total) if alone else "")

    def size(self, node: int) -> float | None:
        """The size of a node's gradient: its largest entry."""
        found = self.gradients.get(node)
        if found is None or self.graph.op(node) in GIVEN:
            return None
        return float(abs(found).max()) if getattr(found, "shape", ()) else abs(float(found))

    # -- a pass --------------------------------------------------------------------------------------------------------

    def lit(self, view: View, groups: Sequence[Group], pairs: Sequence[tuple[int, int]], found: Highlight) -> View:
        """The view with a pass lit, and its formula below."""
        ids = {i: view.boxes[k].id for i, k in self.place_of.items()}
        users: dict[int, list[int]] = {}
        for i, j in pairs:
            users.setdefault(groups[j].node, []).append(groups[i].node)

        def local(user: int, operand: int) -> tuple[str, float | None] | None:
            a, b = self.gradients.get(user), self.gradients.get(operand)
            if (
                a is None
                or b is None
                or users.get(operand) != [user]
                or self.graph.shape(user)
                or self.graph.shape(operand)
                or not float(a)
            ):
                return None
            return "", float(b) / float(a)

        caption = pass_caption(
            found,
            name=self.name,
            box_of={i: groups[k].node for i, k in self.place_of.items()},
            users=users,
            local=local,
            loss=self.loss,
            gradients=self.gradients,
        )
        return replace(lighted(view, found, ids), caption=caption)


def _sized(shape: Shape) -> str:
    return "[" + "×".join(str(d) for d in shape) + "]"


def _numbers(arriving: float, total: float) -> str:
    """The product in numbers, from its first factor and what it comes to: `2 · (−2) = −4`, or `= 0` where that does not say the second."""
    local = total / arriving if arriving else math.inf
    if not math.isfinite(local):
        return f"= {short_number(total)}"
    return f"{pretty(product(number(arriving, DIGITS), number(local, DIGITS)))} = {short_number(total)}"
