"""The view of functions: variables as squares, operations with their definitions on the arrows between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

from graphrun.diagram.captions import pass_caption
from graphrun.diagram.groups import is_plain
from graphrun.diagram.highlight import Highlight, find_node, lighted, read_highlight
from graphrun.diagram.neurons import read_net
from graphrun.diagram.text import in_lines, pretty, pretty_name, values_text
from graphrun.diagram.view import Arrow, Box, Kind, Role, Row, View
from graphrun.ir.formula import formula_text
from graphrun.ir.graph import Graph
from graphrun.ir.leaves import PARAM

__all__ = ["functions_view"]

LONGEST = 120
_POINT = " point"
Together = tuple[int, ...]


def functions_view(
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
    to: str | None = None,
    highlight: str | None = None,
) -> View:
    """Variables as squares, and on the arrows the function or formula that leads from one to the next. Inputs that only one formula reads
    share a square; parameters stand in the definitions. Raises UsageError where `to` or `highlight` name what there is not."""
    names = {**inputs, **params, **entries}
    last = None if to is None else find_node(graph, to, "--to", names)
    marks = graph.ancestors([*ends, *([loss] if loss is not None else [])] if last is None else [last])
    shown = [i for i in range(len(graph)) if marks[i] and not is_plain(graph, i)]
    named = {i: n for table in (entries, params, inputs) for n, i in table.items()}
    net = read_net(graph, shown, loss=loss, entries=entries, opened=False)
    drawer = _Drawer(graph, net.inside, named, net.layer, loss, values, gradients or {})
    view = drawer.view(title, direction)
    if highlight is not None:
        return drawer.lit(view, read_highlight(graph, highlight, loss=loss, to=last, names=names))
    return view


@dataclass(frozen=True, slots=True, eq=False)
class _Drawer:
    graph: Graph
    inside: Mapping[int, tuple[int, ...]]  # variable → the steps of its formula
    named: Mapping[int, str]
    layer: Mapping[int, str]
    loss: int | None
    values: Sequence[Any] | None
    gradients: Mapping[int, Any]

    def view(self, title: str, direction: str) -> View:
        groups = self.groups()
        boxes = [self.box(group) for group in dict.fromkeys(groups.values())]
        arrows = []
        for i in self.inside:
            tails = list(dict.fromkeys(self.box_id(groups.get(j, (j,))) for j in self.operands(i)))
            if len(tails) > 1:  # they meet in a point, and one arrow bears the operation
                point = self.graph.name(i) + _POINT
                boxes.append(Box(point, "step", "", tooltip=self.tooltip((i,)), outline="small circle"))
                arrows += [Arrow(tail, point) for tail in tails]
                tails = [point]
            boxes.append(self.box((i,)))
            arrows += [Arrow(tail, self.graph.name(i), self.label(i), tooltip=self.tooltip((i,))) for tail in tails]
        legend: list[tuple[Role, str]] = [("value", "value")] if any(b.value for b in boxes) else []
        if any(b.gradient for b in boxes) and self.loss is not None:
            legend.append(("gradient", f"∂ gradient of {pretty_name(self.name(self.loss))}"))
        return View(title, tuple(boxes), tuple(arrows), legend=tuple(legend), direction=direction, layout="row")

    def name(self, i: int) -> str:
        return self.named.get(i) or self.layer.get(i) or self.graph.name(i)

    def operands(self, i: int) -> list[int]:
        """What the formula of a variable is made of, without parameters."""
        own = set(self.inside[i])
        found = dict.fromkeys(j for k in self.inside[i] for j in self.graph.inputs(k) if j not in own and not is_plain(self.graph, j))
        values = [j for j in found if self.graph.op(j) is not PARAM]
        return values or list(found)

    def groups(self) -> dict[int, Together]:
        """Leaf → the leaves that share its square: those that one formula alone reads."""
        users: dict[int, list[int]] = {}
        for i in self.inside:
            for j in self.operands(i):
                users.setdefault(j, []).append(i)
        together: dict[int | tuple[int, int], list[int]] = {}
        for j, found in users.items():
            if j not in self.inside:
                together.setdefault(found[0] if len(found) == 1 else (j, -1), []).append(j)
        return {j: tuple(sorted(leaves)) for leaves in together.values() for j in leaves}

    def box_id(self, group: Together) -> str:
        return ",".join(self.graph.name(j) for j in group)

    def box(self, group: Together) -> Box:
        i = group[0]
        computed = i in self.inside
        kind: Kind = "loss" if i == self.loss and self.gradients else "step"
        if not computed:
            kind = "parameter" if self.graph.op(i) is PARAM else "input"
        value = ", ".join(filter(None, (self.value(j) for j in group)))
        found = self.gradients.get(i) if computed or kind == "parameter" else None
        return Box(
            self.box_id(group),
            kind,
            ", ".join(pretty_name(self.name(j)) for j in group),
            value=value,
            gradient="" if found is None else " ".join(filter(None, values_text(found))),
            tooltip=self.tooltip(group),
            outline="square",
            plain=",".join(self.name(j) for j in group),
        )

    def value(self, i: int) -> str:
        found = self.values[i] if self.values is not None and i < len(self.values) else None
        if found is not None:
            return " ".join(filter(None, values_text(found)))
        shape = self.graph.shape(i)
        return "[" + "×".join(str(d) for d in shape) + "]" if shape else ""

    def formula(self, i: int) -> str:
        own = set(self.inside[i])
        text = formula_text(self.graph, i, self.name, lambda j: j not in own and not is_plain(self.graph, j))
        return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"

    def function(self, i: int) -> str:
        """The function whose call the whole formula of a variable is, or nothing."""
        calls = {self.outermost(k) for k in self.inside[i] if self.graph.op(k).name != "identity" or self.graph.call(k) >= 0}
        if len(calls) != 1:
            return ""
        (site,) = calls
        return self.graph.calls[site].function if site >= 0 else ""

    def outermost(self, i: int) -> int:
        call = self.graph.call(i)
        while call >= 0 and self.graph.calls[call].parent >= 0:
            call = self.graph.calls[call].parent
        return call

    def label(self, i: int) -> tuple[Row, ...]:
        name, text = self.function(i), pretty(self.formula(i))
        if self.graph.op(i).name == "identity" and len(self.inside[i]) == 1:
            return ()
        lines: tuple[Row, ...] = tuple((("muted", line),) for line in in_lines(text, 11.0, 150.0, 190.0))
        return ((("ink", name),), *lines) if name else lines

    def tooltip(self, group: Together) -> str:
        lines = []
        for i in group:
            text = self.formula(i) if i in self.inside else ""
            lines.append(f"{self.name(i)} = {text}" if text else self.name(i))
            lines += [f"value {self.value(i)}"] if self.value(i) else []
            source, line, _, _ = self.graph.place(i)
            if line and source < len(self.graph.sources):
                lines.append(f"{PurePath(self.graph.sources[source]).name}, line {line}")
        return "\n".join(lines)

    def lit(self, view: View, found: Highlight) -> View:
        groups = self.groups()
        ids = {j: self.box_id(group) for j, group in groups.items()}
        box_of = {k: i for i, inside in self.inside.items() for k in inside}
        ids |= {k: self.graph.name(i) for k, i in box_of.items()}
        users: dict[int, list[int]] = {}
        for i in self.inside:
            for j in self.operands(i):
                users.setdefault(j, []).append(i)
        said = pass_caption(
            found,
            name=lambda i: pretty_name(self.name(i)),
            box_of=box_of,
            users=users,
            local=self.local,
            loss=self.loss,
            gradients=self.gradients,
        )
        points = {a.tail: a.head for a in view.arrows if a.tail.endswith(_POINT)}
        direct = replace(view, arrows=tuple(replace(a, head=points.get(a.head, a.head)) for a in view.arrows))
        lit = [a.lit for a in lighted(direct, found, ids).arrows]
        reached = {a.head for a, on in zip(view.arrows, lit, strict=True) if on}
        arrows = tuple(replace(a, lit=on or a.tail in reached & set(points)) for a, on in zip(view.arrows, lit, strict=True))
        boxes = tuple(replace(b, lit=True) if b.id in reached & set(points) else b for b in lighted(view, found, ids).boxes)
        return replace(view, boxes=boxes, arrows=arrows, caption=said)

    def local(self, user: int, operand: int) -> tuple[str, float | None] | None:
        """The derivative of a variable by one that it alone reads, from the gradients."""
        a, b = self.gradients.get(user), self.gradients.get(operand)
        readers = [i for i, inside in self.inside.items() for k in inside if operand in self.graph.inputs(k) and k != operand]
        if a is None or b is None or self.graph.shape(user) or self.graph.shape(operand) or set(readers) != {user} or not float(a):
            return None
        return "", float(b) / float(a)
