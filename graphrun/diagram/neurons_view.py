"""The view of neurons: circles, a weight on each arrow, biases below the circles, loss and target after the prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

from graphrun.diagram.captions import pass_caption
from graphrun.diagram.groups import is_plain
from graphrun.diagram.highlight import find_node, lighted, read_highlight
from graphrun.diagram.neurons import Bias, Element, Net, Neuron, Term, read_net
from graphrun.diagram.text import pretty, pretty_name, short_number, values_text
from graphrun.diagram.view import Arrow, Box, Kind, Outline, Role, Row, View
from graphrun.ir.formula import constant_text, formula_text, number
from graphrun.ir.graph import Graph
from graphrun.ir.leaves import CONST, FED, PARAM

__all__ = ["neurons_view"]

MOST_LABELS, MOST_GRADIENTS = 40, 16
"""Arrows up to which each bears its weight, and the weight's gradient too."""

Locals = Mapping[tuple[int, int], "tuple[str, float]"]


def neurons_view(
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
    only: frozenset[int] | None = None,
    heat: bool = False,
    widths: bool = False,
) -> View:
    """The net as neurons. `to` restricts it to what that node depends on; `only` opens these steps alone, over what they take from
    elsewhere; `highlight` lights a pass (see `highlight`); `heat` shades by size of gradient, `widths` draws arrows as wide as their
    weights are large (with `values`). Raises UsageError where `to` or `highlight` name what there is not."""
    names = {**inputs, **params, **entries}
    last = None if to is None else find_node(graph, to, "--to", names)
    marks = graph.ancestors([*ends, *([loss] if loss is not None else [])] if last is None else [last])
    shown = [i for i in range(len(graph)) if marks[i] and not is_plain(graph, i)]
    named = {i: n for table in (entries, params, inputs) for n, i in table.items()}
    net = read_net(graph, shown, loss=loss, entries=entries, only=only)
    drawer = _Drawer(graph, net, loss, named, values, gradients or {})
    view = drawer.view(title, direction, heat, widths)
    if highlight is not None:
        found = read_highlight(graph, highlight, loss=loss, to=last, names=names)
        return replace(drawer.lit(view, found), rows=())
    return view


@dataclass(frozen=True, slots=True, eq=False)
class _Drawer:
    graph: Graph
    net: Net
    loss: int | None
    named: Mapping[int, str]
    values: Sequence[Any] | None
    gradients: Mapping[int, Any]

    def view(self, title: str, direction: str, heat: bool, widths: bool) -> View:
        labels = sum(1 for n in self.net.neurons for t in n.terms if t.weight is not None) <= MOST_LABELS
        boxes = [self.source(e) for e in self.net.sources] + [self.neuron(n, labels) for n in self.net.neurons]
        arrows = [self.arrow(n, t, labels) for n in self.net.neurons for t in n.terms]
        if sum(1 for a in arrows if a.weight) > MOST_GRADIENTS:
            arrows = [replace(a, rows=a.rows[:1]) for a in arrows]
        if heat:
            boxes, arrows = self.heated(boxes, arrows)
        if widths:
            arrows = self.wide(arrows)
        legend: list[tuple[Role, str]] = []
        if any(b.value for b in boxes):
            legend.append(("value", "value"))
        if any(b.gradient for b in boxes) and self.loss is not None:
            legend.append(("gradient", f"∂ gradient of {pretty_name(self.name(self.loss))}"))
        caption = "" if labels else f"{len(arrows)} arrows: too many to write its weight on each"
        rows = self.formulas() if len(self.net.neurons) <= 8 else ()
        return View(title, tuple(boxes), tuple(arrows), (), caption, tuple(legend), direction, rows=rows, layout="net")

    # -- names and numbers ---------------------------------------------------------------------------------------------

    def name(self, i: int) -> str:
        """The name of a node: the spec's, or for what a layer hides the layer's."""
        return self.named.get(i) or self.net.layer.get(i) or self.graph.name(i)

    def unit_name(self, e: Element) -> str:
        i, k = e
        return self.name(i) if k is None else _entry_name(self.name(i), (k,))

    def entry(self, value: Any, index: tuple[int, ...], whole: bool = False) -> str:
        """An entry of a value as a number; nothing where there is none, or several rows of it."""
        if value is None:
            return ""
        if not index:
            return " ".join(filter(None, values_text(value))) if whole or not tuple(getattr(value, "shape", ())) else ""
        if len(getattr(value, "shape", ())) == len(index) + 1 and value.shape[0] == 1:
            value = value[0]
        if len(getattr(value, "shape", ())) != len(index):
            return ""
        return short_number(float(value[index]))

    def value(self, i: int) -> Any:
        return self.values[i] if self.values is not None and i < len(self.values) else None

    # -- boxes ---------------------------------------------------------------------------------------------------------

    def source(self, e: Element) -> Box:
        i, k = e
        op = self.graph.op(i)
        kind: Kind = "parameter" if op is PARAM else "input" if op in FED else "step"
        return self.box(e, kind, "square", "" if kind == "input" else self.entry(self.gradients.get(i), () if k is None else (k,)), "")

    def neuron(self, n: Neuron, labels: bool) -> Box:
        i, k = n.element
        kind: Kind = "loss" if i == self.loss else "step"
        outline: Outline = "double circle" if i == self.loss else "circle"
        formula = n.activation
        if not n.linear and i != self.loss:
            text = pretty(self.formula(i))
            formula = text if k is None and len(text) <= 16 else self.graph.op(i).word
        box = self.box(n.element, kind, outline, self.entry(self.gradients.get(i), () if k is None else (k,), True), formula)
        below = tuple(self.bias_row(b) for b in n.biases) if labels else ()
        return replace(box, below=below, plain=box.plain and ", ".join([box.plain, *(f"bias {self.bias_name(b)}" for b in n.biases)]))

    def box(self, e: Element, kind: Kind, outline: Outline, gradient: str, formula: str) -> Box:
        i, k = e
        name = self.unit_name(e)
        value = self.entry(self.value(i), () if k is None else (k,), True)
        lines = [f"{name} = {self.formula(i)}" if len(self.graph.inputs(i)) and i in self.net.inside else name]
        lines += [f"value {value}"] * bool(value) + [f"gradient ∂ {gradient}"] * bool(gradient)
        source, line, _, _ = self.graph.place(i)
        if line and source < len(self.graph.sources):
            lines.append(f"{PurePath(self.graph.sources[source]).name}, line {line}")
        shape = self.graph.shape(i)
        rows: tuple[Row, ...] = ()
        if k is None and shape and not value:
            rows = ((("muted", "[" + "×".join(str(d) for d in shape) + "]"),),)
        own = self.graph.name(i) + ("" if k is None else f"[{k}]")
        return Box(own, kind, pretty_name(name), formula, value, gradient, "\n".join(lines), False, outline, rows, plain=name)

    def formula(self, i: int) -> str:
        """The formula of a node's neuron over what lies outside of it."""
        inside = set(self.net.inside.get(i, (i,)))
        return formula_text(self.graph, i, self.name, lambda j: j not in inside and not is_plain(self.graph, j))

    def bias_name(self, b: Bias) -> str:
        if b.param is None:
            return number(b.factor)
        text = _entry_name(_short(self.name(b.param), b.index), b.index)
        return text if b.factor == 1.0 else f"-{text}" if b.factor == -1.0 else f"{number(b.factor)} * {text}"

    def bias_row(self, b: Bias) -> Row:
        row: list[tuple[Role, str]] = [("ink", ("" if b.param is not None else "+ ") + pretty(self.bias_name(b)))]
        if b.param is not None:
            value, gradient = self.entry(self.value(b.param), b.index), self.entry(self.gradients.get(b.param), b.index)
            row += _numbers(value, gradient)
        return tuple(row)

    # -- arrows --------------------------------------------------------------------------------------------------------

    def arrow(self, n: Neuron, t: Term, labels: bool) -> Arrow:
        tail, head = (self.graph.name(i) + ("" if k is None else f"[{k}]") for i, k in (t.source, n.element))
        if t.weight is None:
            sign = "−" if t.factor == -1.0 else f"× {short_number(t.factor)}"
            return Arrow(tail, head, () if t.factor == 1.0 or not labels else ((("muted", sign),),))
        full = self.full_name(t)
        text = pretty(_entry_name(_short(self.name(t.weight), t.index), t.index))
        text = text if t.factor == 1.0 else f"−{text}" if t.factor == -1.0 else f"{short_number(t.factor)} · {text}"
        value, gradient = self.entry(self.value(t.weight), t.index), self.entry(self.gradients.get(t.weight), t.index)
        rows = tuple(row for row in ((("ink", text), *_numbers(value, "")), _numbers("", gradient)) if row)
        tip = "\n".join([full, *([f"value {value}"] if value else []), *([f"gradient ∂ {gradient}"] if gradient else [])])
        return Arrow(tail, head, rows if labels else (), weight=full, tooltip=tip)

    def weights(self) -> dict[str, int]:
        """The name of an arrow's weight → its node."""
        return {self.full_name(t): t.weight for n in self.net.neurons for t in n.terms if t.weight is not None}

    def full_name(self, t: Term) -> str:
        """A weight as the language names it: `w5`, `h.weight[0, 1]`."""
        return ("" if t.weight is None else self.name(t.weight)) + (f"[{', '.join(map(str, t.index))}]" if t.index else "")

    def heated(self, boxes: list[Box], arrows: list[Arrow]) -> tuple[list[Box], list[Arrow]]:
        """By size of gradient, from the largest one of each kind."""
        nodes = {b.id: _size(b.gradient) for b in boxes}
        most = max(nodes.values(), default=0.0) or 1.0
        by = {a.weight: _size(a.tooltip.rpartition("gradient ∂ ")[2]) for a in arrows if a.weight}
        top = max(by.values(), default=0.0) or 1.0
        return (
            [replace(b, heat=nodes[b.id] / most) if b.gradient else b for b in boxes],
            [replace(a, heat=by[a.weight] / top) if a.weight else a for a in arrows],
        )

    def wide(self, arrows: list[Arrow]) -> list[Arrow]:
        """Arrows as wide as their weights are large, from 0.6 to 5 points."""
        sizes = {}
        for n in self.net.neurons:
            for t in n.terms:
                found = None if t.weight is None else self.value(t.weight)
                if found is not None and len(getattr(found, "shape", ())) == len(t.index):
                    sizes[self.arrow(n, t, True).weight] = abs(float(found[t.index] if t.index else found))
        top = max(sizes.values(), default=0.0) or 1.0
        return [replace(a, width=round(0.6 + 4.4 * sizes[a.weight] / top, 2)) if a.weight in sizes else a for a in arrows]

    # -- formulas below ------------------------------------------------------------------------------------------------

    def formulas(self) -> tuple[Row, ...]:
        """The last sum and the loss worked out, and the gradient of a weight of the last and of the first neuron."""
        if self.values is None or any(k is not None for k in (n.element[1] for n in self.net.neurons)):
            return ()
        sums = [n for n in self.net.neurons if n.linear and any(t.weight is not None for t in n.terms)]
        picked = [n.element[0] for n in sums[-1:]] + ([self.loss] if self.loss in self.net.inside else [])
        forward: list[tuple[Role, str]] = []
        for i in picked:
            if i is None or self.entry(self.value(i), ()) == "" or len(self.formula(i)) > 40:
                continue
            numbers = pretty(formula_text(self.graph, i, self.numeral, self.outside(i)))
            said = pretty(self.formula(i))
            forward += [("ink", f"{pretty_name(self.name(i))} = {said} = {numbers} ="), ("value", self.entry(self.value(i), ()) + "\u2003")]
        back: list[tuple[Role, str]] = []
        for n in (sums[-1], sums[0]) if len(sums) > 1 else sums:
            back += self.worked(n)
        rows: list[Row] = [(("value", "forward"), *forward)] if forward else []
        return (*rows, (("gradient", "backward"), *back)) if back else tuple(rows)

    def worked(self, n: Neuron) -> list[tuple[Role, str]]:
        """The gradient of a neuron's first weight as a product, where the neuron is a plain sum."""
        term = next((t for t in n.terms if t.weight is not None), None)
        if term is None or term.weight is None or n.activation or term.factor != 1.0 or self.loss is None:
            return []
        i, j, w = n.element[0], term.source[0], term.weight
        at, by, total = (self.entry(v, ()) for v in (self.gradients.get(i), self.value(j), self.gradients.get(w)))
        if not (at and by and total) or sum(t.weight == w for m in self.net.neurons for t in m.terms) > 1:
            return []
        over, under, of = (pretty_name(self.name(k)) for k in (self.loss, i, w))
        by = f"({by})" if by.startswith("−") else by
        return [("ink", f"∂{over}/∂{of} = ∂{over}/∂{under} · ∂{under}/∂{of} = {at} · {by} ="), ("gradient", total + "\u2003")]

    def outside(self, i: int) -> Any:
        inside = set(self.net.inside.get(i, (i,)))
        return lambda j: j not in inside and not is_plain(self.graph, j)

    def numeral(self, i: int) -> str:
        if self.graph.op(i) is CONST:
            return constant_text(self.graph.attrs(i)["value"], self.graph.shape(i))
        return self.entry(self.value(i), ()).replace("−", "-") or self.name(i)

    # -- a pass --------------------------------------------------------------------------------------------------------

    def lit(self, view: View, found: Any) -> View:
        ids: dict[int, tuple[str, ...]] = {}
        box_of: dict[int, int] = {}
        for e in [*(n.element for n in self.net.neurons), *self.net.sources]:
            i, k = e
            own = self.graph.name(i) + ("" if k is None else f"[{k}]")
            for inner in self.net.inside.get(i, (i,)):
                ids[inner] = (*ids.get(inner, ()), own)
                box_of[inner] = i
        users: dict[int, list[int]] = {}
        for n in self.net.neurons:
            for t in n.terms:
                users.setdefault(t.source[0], []).append(n.element[0])
        caption = pass_caption(
            found,
            name=lambda i: pretty_name(self.name(i)),
            box_of=box_of,
            users=users,
            local=self.local,
            loss=self.loss,
            gradients=self.gradients,
        )
        return replace(lighted(view, found, ids, weights=self.weights()), caption=caption)

    def local(self, user: int, operand: int) -> tuple[str, float | None] | None:
        """The derivative of a neuron by one of its sources or weights, where it is a plain sum, else from the gradients."""
        neurons = [n for n in self.net.neurons if n.element == (user, None)]
        if not neurons:
            return None
        n = neurons[0]
        if n.linear and not n.activation:
            by = [(t.weight if t.source[0] == operand else t.source[0], t.factor) for t in n.terms if operand in (t.source[0], t.weight)]
            by += [(None, b.factor) for b in n.biases if b.param == operand]
            if len(by) == 1:
                other, factor = by[0]
                if other is None:
                    return number(factor), factor
                text = self.entry(self.value(other), ())
                value = None if not text else float(self.value(other)) * factor
                name = self.name(other)
                return (name if factor == 1.0 else f"{number(factor)} · {name}"), value
        a, b = (self.entry(self.gradients.get(i), ()) for i in (user, operand))
        used = sum(t.source[0] == operand or t.weight == operand for m in self.net.neurons for t in m.terms)
        if a and b and used == 1 and float(self.gradients[user]):
            return "", float(self.gradients[operand]) / float(self.gradients[user])
        return None


def _entry_name(name: str, index: tuple[int, ...]) -> str:
    """An entry of an array: `w12` where the name is one letter, counted from 1 as on paper; else `weight[0, 1]` as the language has it."""
    if not index:
        return name
    if len(name) == 1 and all(k < 9 for k in index):
        return name + "".join(str(k + 1) for k in index)
    return f"{name}[{', '.join(map(str, index))}]"


def _short(name: str, index: tuple[int, ...]) -> str:
    """A layer's weight and bias by their letters, where one of their entries is meant."""
    return {"weight": "w", "bias": "b"}.get(name.rpartition(".")[2], name) if index else name


def _numbers(value: str, gradient: str) -> Row:
    value_: Row = (("value", value),) if value else ()
    return (*value_, ("gradient", f"∂ {gradient}")) if gradient else value_


def _size(text: str) -> float:
    try:
        return abs(float(text.removeprefix("∂ ").replace("−", "-")))
    except ValueError:
        return 0.0
