"""The view of steps: a box for every step, and for the backward pass dashed arrows with the products that they carry."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from graphrun.diagram.fold import folded_groups
from graphrun.diagram.groups import Group, formula_groups, is_plain
from graphrun.diagram.text import DIGITS, pretty, pretty_name, short_number, values_text
from graphrun.diagram.view import Arrow, Back, Box, Kind, Role, View
from graphrun.ir.formula import formula_text, number, product
from graphrun.ir.graph import Graph
from graphrun.ir.leaves import INPUT, PARAM

__all__ = ["FOLD_ABOVE", "steps_view"]

FOLD_ABOVE = 500
"""Above this many steps a picture is folded."""

MOST_BACK = 40
"""A picture of more arrows than this has no backward ones: each box has its gradient."""

LONGEST = 400
"""A formula in a box is cut at this many characters, long before the box is as wide."""

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
    fold: bool | None = None,
) -> View:
    """Every step that `ends` and `loss` depend on, with what flows between them.

    A formula that is read as a whole (see `groups`) is one box; `expand` shows its primitive steps. `values` and `gradients` are by node,
    the gradients those of `loss`. `products` gives for (user, operand) what the user hands back: the product in symbols and, on a line of
    its own, in numbers. With `fold` steps are put together by the entry or the call that they come from; where it is None, above 500 steps.
    """
    marks = graph.ancestors([*ends, *([loss] if loss is not None else [])])
    shown = [i for i in range(len(graph)) if marks[i] and not is_plain(graph, i)]
    steps = [i for i in shown if len(graph.inputs(i))]
    named = {i: n for table in (entries, params, inputs) for n, i in table.items()}
    if fold or (fold is None and len(steps) > FOLD_ABOVE):
        groups = folded_groups(graph, shown)
        others = f"{len(shown) - len(steps):,} inputs and parameters"
        caption = f"{len(steps):,} steps and {others}, folded by call and by entry to {len(groups):,} boxes"
    else:
        groups = formula_groups(graph, shown, entries, expand=expand)
        caption = ""
    drawer = _Drawer(graph, loss, named, values, gradients or {}, products or {}, {i: k for k, g in enumerate(groups) for i in g.nodes})
    boxes = tuple(drawer.box(g) for g in groups)
    pairs = list(dict.fromkeys(p for g in groups for p in drawer.pairs(g)))
    backs: tuple[Back, ...] = ()
    if len(pairs) <= MOST_BACK and not any(g.folded for g in groups):
        users = Counter(j for i, j in pairs if groups[i].node in drawer.gradients)
        backs = tuple(b for b in (drawer.back(groups, i, j, users[j] == 1) for i, j in pairs) if b is not None)
    return View(
        title=title,
        boxes=boxes,
        arrows=tuple(Arrow(boxes[j].id, boxes[i].id) for i, j in pairs),
        backs=backs,
        caption=caption,
        legend=_legend(boxes, "" if loss is None else drawer.name(loss), direction),
        direction=direction,
    )


def _legend(boxes: Sequence[Box], loss: str, direction: str) -> tuple[tuple[Role, str], ...]:
    forward, back = ("left to right", "right to left") if direction == "LR" else ("downwards", "upwards")
    out: list[tuple[Role, str]] = []
    if any(b.value for b in boxes):
        out.append(("value", f"value, {forward}"))
    if any(b.gradient for b in boxes):
        out.append(("gradient", f"∂ gradient of {loss}, {back}"))
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

    def name(self, i: int) -> str:
        """A node's name as drawn; the end of a graph that only a pass made is written as its formula."""
        return pretty_name(self.plain_name(i))

    def plain_name(self, i: int) -> str:
        graph = self.graph
        if i in self.named:
            return self.named[i]
        if graph.owner(i) is None and graph.inputs(i):
            return f"{graph.op(i).name}({', '.join(graph.name(j) for j in list(graph.inputs(i))[:3])})"
        return graph.name(i)

    def box(self, group: Group) -> Box:
        node = group.node
        kind = self.kind(node)
        name = group.name or self.plain_name(node)
        formula = group.text if group.folded else self.formula(group)
        own = pretty_name(name)
        return Box(
            id=name if group.folded else self.graph.name(node),
            kind=kind,
            name=own,
            formula="" if formula in (own, name) else formula,
            value=" ".join(filter(None, self.value(node))),
            gradient=self.gradient(node),
            tooltip=self.tooltip(group, name, formula),
            stacked=group.folded,
        )

    def kind(self, node: int) -> Kind:
        op = self.graph.op(node)
        return "loss" if node == self.loss else "input" if op is INPUT else "parameter" if op is PARAM else "step"

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
        return ("[" + "×".join(str(d) for d in shape) + "]" if shape else ""), ""

    def gradient(self, node: int) -> str:
        """The gradient as drawn, without its shape; that of an input says nothing about what is learned, and is left out."""
        found = self.gradients.get(node)
        if found is None or self.graph.op(node) is INPUT:
            return ""
        return values_text(found)[1]

    def tooltip(self, group: Group, name: str, formula: str) -> str:
        graph, node = self.graph, group.node
        lines = [f"{name}{':' if group.folded else ' ='} {formula}" if formula else name, str(graph.type(node))]
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
        if i not in self.gradients or j not in self.gradients or self.graph.op(j) is INPUT:
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


def _numbers(arriving: float, total: float) -> str:
    """The product in numbers, from its first factor and what it comes to: `2 · (−2) = −4`, or `= 0` where that does not say the second."""
    local = total / arriving if arriving else math.inf
    if not math.isfinite(local):
        return f"= {short_number(total)}"
    return f"{pretty(product(number(arriving, DIGITS), number(local, DIGITS)))} = {short_number(total)}"
