"""The view of layers: functions and layers as boxes, shapes on the arrows where they change, counts of parameters; repeats, scans and what
is too much for one picture folded."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

from graphrun.diagram.bands import banded
from graphrun.diagram.groups import is_plain
from graphrun.diagram.highlight import find_node, lighted, read_highlight
from graphrun.diagram.layers_flow import SIGNS, Flows
from graphrun.diagram.scene import Item, Scene, scenes_of
from graphrun.diagram.text import pretty, pretty_name, values_text
from graphrun.diagram.tree import CallTree, Layer, read_tree
from graphrun.diagram.view import Arrow, Box, Panel, Role, Row, View
from graphrun.ir.cost import Cost, cost_text, total_cost
from graphrun.ir.formula import formula_text
from graphrun.ir.graph import Graph
from graphrun.ir.leaves import INPUT, PARAM
from graphrun.ir.types import Dim, Sym, size

__all__ = ["layers_view"]

LONGEST = 44
"""A formula of more characters is not taken in within a box."""

ELSEWHERE = 14
"""But so many more for each call that it only mentions, which has a box of its own."""

SHORT = 26
"""In a longer one calls stand without what they are called with."""

_KERNEL = re.compile(r"\bkernel_size=\[(\d+(?:, \d+)*)\]")

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def layers_view(
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
    depth: int = 1,
    opened: Collection[str] = (),
    show: Collection[str] = ("shapes", "parameters"),
    written: Mapping[int, str] | None = None,
) -> View:
    """The graph by the calls that it came from. At depth 1 each call is a box; each further level opens the layers of the one before, a
    layer that calls no other one last of all. `opened` names layers, or nodes in them, that are opened anyway. `show` may hold `shapes`,
    `parameters`, `cost`, and with numbers given `values`, `gradients` (of what comes out of a box) and `heat`; `written` are formulas
    that stand in a box as they are written. Raises UsageError where `to` or `highlight` name what there is not."""
    names = {**inputs, **params, **entries}
    last = None if to is None else find_node(graph, to, "--to", names)
    marks = graph.ancestors([*ends, *([loss] if loss is not None else [])] if last is None else [last])
    shown = [i for i in range(len(graph)) if marks[i] and not is_plain(graph, i)]
    tree = read_tree(graph, shown)
    wanted, kept = _asked(graph, tree, names, opened)
    scenes = scenes_of(graph, tree, shown, depth=depth, opened=wanted, loss=loss)
    named, users = {i: n for n, i in names.items()}, _users(graph, shown)
    drawer = _Drawer(graph, tree, loss, named, frozenset(show), values, gradients or {}, users, written or {})
    folded = banded(graph, tree, scenes[0], kept, drawer.kind) if depth <= len(tree.layers) else False
    view = drawer.view(scenes, title, direction, shown, folded=folded)
    if highlight is None:
        return view
    found = read_highlight(graph, highlight, loss=loss, to=last, names=names)
    boxes = {i: item.id for i, item in scenes[0].of_node.items()}
    return replace(lighted(view, found, boxes), caption=view.caption)


def _asked(graph: Graph, tree: CallTree, names: Mapping[str, int], opened: Collection[str]) -> tuple[frozenset[int], frozenset[int]]:
    """The layers that are opened so that what is named is seen, and the nodes that are kept out of folding."""
    by_name: dict[str, int] = {}
    for layer in tree.layers[1:]:
        if layer.kind != "repeat":
            by_name.setdefault(layer.name, layer.number)
    index = graph.index() if any(name not in by_name for name in opened) else {}
    layers: set[int] = set()
    kept: set[int] = set()
    for name in opened:
        if name in by_name:
            layers |= set(tree.around(by_name[name]))
        i = names.get(name, index.get(name))
        if i is not None:
            layers |= set(tree.around(tree.home[i])) if name not in by_name else set()
            kept |= {i, *graph.inputs(i)}
    return frozenset(layers), frozenset(kept)


def _users(graph: Graph, shown: Sequence[int]) -> dict[int, list[int]]:
    out: dict[int, list[int]] = {}
    for i in shown:
        for j in graph.inputs(i):
            out.setdefault(j, []).append(i)
    return out


@dataclass(frozen=True, slots=True, eq=False)
class _Drawer(Flows):
    values: Sequence[Any] | None
    gradients: Mapping[int, Any]
    users: Mapping[int, Sequence[int]]
    written: Mapping[int, str]

    def view(self, scenes: Sequence[Scene], title: str, direction: str, shown: Sequence[int], *, folded: bool) -> View:
        boxes: list[Box] = []
        arrows: list[Arrow] = []
        panels: list[Panel] = []
        for n, scene in enumerate(scenes):
            outer = ""
            if scene.opens:
                outer = f"copy {n} {self.tree.layers[scene.root].name}"
                panels.append(self.opened(outer, scene, scenes))
            for name, layer, parent in scene.panels:
                panels.append(Panel(name, self.title(self.tree.layers[layer], ""), parent or outer))
            ports = self.ports(scene, outer) if scene.opens else {}
            boxes += dict.fromkeys(ports.values())
            found = self.sharing([self.with_numbers(self.box(item, outer), item) for item in scene.items], scene)
            boxes += self.told(found, scene) if folded else found
            arrows += self.arrows(scene, {i: box.id for i, box in ports.items()}, folded=folded)
        count = sum(size_number(self.graph, i) for i in shown if self.graph.op(i) is PARAM)
        head: list[tuple[Role, str]] = [("ink", title), ("muted", "layers")]
        if "parameters" in self.show:
            head.append(("count", f"{count:,} parameters" if count != 1 else "1 parameter"))
        if "cost" in self.show:
            adds, memory = cost_text(total_cost(self.graph, shown))
            head.append(("muted", f"{adds} multiply-adds, {memory}"))
        boxes = self.heated(boxes, scenes) if "heat" in self.show else boxes
        caption = self.caption(scenes, shown, folded=folded)
        return View(title, tuple(boxes), tuple(arrows), caption=caption, legend=self.legend(boxes), direction=direction,
                    panels=tuple(panels), head=tuple(head))  # fmt: skip

    def caption(self, scenes: Sequence[Scene], shown: Sequence[int], *, folded: bool) -> str:
        """What is folded, where that is much."""
        stacked = [item for scene in scenes for item in scene.items if item.kind in ("stack", "scan", "band")]
        steps = sum(1 for i in shown if len(self.graph.inputs(i)))
        drawn = sum(len(scene.items) for scene in scenes)
        if not stacked or steps < 100:
            return ""
        kinds = {"stack": "repeat", "scan": "scan", "band": "level"}
        by = " and ".join(dict.fromkeys(["call", *(kinds[item.kind] for item in stacked)]))
        text = f"{steps:,} steps and {len(shown) - steps:,} inputs and parameters, folded by {by} to {drawn:,} boxes"
        return f"{text}; arrows that others imply are left out" if folded else text

    def legend(self, boxes: Sequence[Box]) -> tuple[tuple[Role, str], ...]:
        colours = {"input": "yellow input", "parameter": "blue parameter", "loss": "violet loss"}
        kinds = {box.kind for box in boxes}
        out: list[tuple[Role, str]] = [("ink", " · ".join(text for kind, text in colours.items() if kind in kinds))]
        out += [("value", "value")] if any(box.value for box in boxes) else []
        out += (
            [("gradient", f"∂ gradient of {pretty_name(self.name(self.loss))}")]
            if self.loss is not None and any(b.gradient for b in boxes)
            else []
        )
        if any(role == "count" for box in boxes for row in box.rows for role, _ in row):
            out.append(("count", "parameters in a box"))
        if "shapes" in self.show:
            out.append(("muted", "[shape] on an arrow, where it changes"))
        if any(box.heat is not None for box in boxes):
            out.append(("ink", "the darker and thicker, the larger the gradient of its parameters"))
        return tuple((role, text) for role, text in out if text)

    # -- boxes ---------------------------------------------------------------------------------------------------------

    def box(self, item: Item, outer: str) -> Box:
        panel = item.panel or outer
        if item.kind == "band":
            return self.band_box(item, panel)
        if item.kind in ("layer", "stack", "scan"):
            return self.layer_box(item, panel)
        return self.steps_box(item, panel)

    def with_numbers(self, box: Box, item: Item) -> Box:
        """The box with the value that comes out of it and its gradient, where these are shown."""
        value = self.values[item.root] if "values" in self.show and self.values is not None else None
        gradient = self.gradients.get(item.root) if "gradients" in self.show and self.graph.op(item.root) is not INPUT else None
        if item.kind == "band":
            return box
        said = "" if value is None else " ".join(filter(None, values_text(value)))
        return replace(box, value=said, gradient="" if gradient is None else values_text(gradient)[1])

    def layer_box(self, item: Item, panel: str) -> Box:
        layer = self.tree.layers[item.layers[0]]
        many = len(item.layers)
        function = layer.function or "scan"
        rows: list[Row] = []
        if item.kind == "scan":
            rows.append((("ink", f"scan × {many:,}"),))
        elif many > 1:
            rows.append((("ink", f"× {many:,}"),))
        sizes = self.sizes(item)
        settings, ends = self.ways(item) if sizes else ([], [])
        said = [[sizes], [*settings, *ends, *item.after]] if settings else [[sizes, *ends, *item.after]]
        rows += [(("muted", ", ".join(filter(None, texts))),) for texts in said if any(texts)]
        rows += self.counted(item, many if item.kind == "stack" else 1)
        return Box(
            item.id, self.kind(item.root), pretty_name(function), rows=tuple(rows), stacked=many > 1, panel=panel,
            tooltip=self.tooltip(item, f"{item.id}: {function}"),
        )  # fmt: skip

    def sizes(self, item: Item) -> str:
        """What a layer makes of what, from the shape of its one weight: `64 → 10`, `3 × 3, 1 → 16`."""
        inside = [i for i in self.tree.inside(item.layers[0]) if self.graph.op(i) is PARAM]
        found = [self.graph.shape(i) for i in inside if len(self.graph.shape(i)) >= 2]
        if len(found) != 1:
            return ""
        shape = found[0]
        if len(shape) == 2:
            return f"{shape[0]} → {shape[1]}"
        return f"{' × '.join(str(d) for d in shape[2:])}, {shape[1]} → {shape[0]}"

    def ways(self, item: Item) -> tuple[list[str], list[str]]:
        """How a layer of one weight goes over what comes in, where that is not the usual way, and the activation that it ends with."""
        graph, inside = self.graph, sorted(self.tree.inside(item.layers[0]))
        settings = []
        for i in inside:
            if graph.op(i).word.startswith("conv"):
                usual = {a.name: a.default for a in graph.op(i).attrs}
                given = {name: _alike(value) for name, value in graph.attrs(i).items()}
                settings += [f"{name} {text}" for name, text in given.items() if text != str(usual.get(name))]
        op = graph.op(inside[-1])
        ends = op.elementwise and op.name != "identity" and len(graph.inputs(inside[-1])) == 1
        return settings, [op.word] if ends else []

    def counted(self, item: Item, many: int = 1) -> list[Row]:
        rows: list[Row] = []
        count = sum(size_number(self.graph, i) for i in item.nodes if self.graph.op(i) is PARAM)
        if "parameters" in self.show and count:
            each = count // many
            rows.append((("count", f"{many:,} × {each:,}" if many > 1 and each * many == count else f"{count:,}"),))
        if "cost" in self.show and any(self.graph.inputs(i) for i in item.nodes):
            adds, memory = cost_text(self.cost(item))
            rows += [(("muted", f"{adds} multiply-adds"),), (("muted", memory),)]
        return rows

    def cost(self, item: Item) -> Cost:
        return total_cost(self.graph, (i for i in item.nodes if len(self.graph.inputs(i))))

    def band_box(self, item: Item, panel: str) -> Box:
        leaves = [self.graph.op(i) for i in item.nodes if not len(self.graph.inputs(i))]
        all_leaves = len(leaves) == len(item.nodes)
        kind = self.kind(item.nodes[0]) if all_leaves else self.kind(item.root)
        first, _, last = item.id.partition(" … ")
        name = f"{pretty_name(first)} … {pretty_name(last)}"
        rows: list[Row] = [(("muted", item.shows),), *self.counted(item)]
        return Box(item.id, kind, name, rows=tuple(rows), stacked=True, panel=panel, tooltip=self.tooltip(item, item.id))

    def steps_box(self, item: Item, panel: str) -> Box:
        graph, root = self.graph, item.root
        op, kind = graph.op(root), self.kind(root)
        if item.kind == "leaf":
            below: tuple[Row, ...] = ((("muted", graph.dtype(root)),),) if op is INPUT and graph.dtype(root) == "int64" else ()
            formula = "" if op in (INPUT, PARAM) else self.formula(item)
            name = pretty_name(self.name(root, item.container))
            return Box(item.id, kind, name, formula, rows=tuple(self.counted(item)), panel=panel, below=below,
                       tooltip=self.tooltip(item, item.id))  # fmt: skip
        formula = self.formula(item)
        operands = [j for j in graph.inputs(root) if not is_plain(graph, j)]
        if len(item.nodes) == 1 and op.name in SIGNS and len(operands) == 2 and any(graph.shape(j) for j in operands):
            tip = self.tooltip(item, f"{item.id} = {formula}")
            return Box(item.id, kind, SIGNS[op.name], outline="small circle", panel=panel, tooltip=tip)
        steps = sum(1 for i in item.nodes if len(graph.inputs(i)))
        own = graph.step(root) == 0 or kind == "loss"
        name = pretty_name(self.name(root, item.container)) if own else op.word
        called = len(item.nodes) == 1 and op.notation is None and any(u not in item.nodes for u in self.users.get(root, ()))
        if called and op.name != "identity" and kind == "step":
            given = formula.removeprefix(f"{op.word}(").removesuffix(")")
            first = pretty(self.told_name(graph.inputs(root)[0], item.container)) if graph.inputs(root) else ""
            given = _KERNEL.sub(lambda m: m[1].replace(", ", " × "), given.removeprefix(first).removeprefix(", "))
            return Box(item.id, kind, op.word, given, panel=panel,
                       rows=tuple(self.counted(item)), tooltip=self.tooltip(item, f"{name} = {formula}"))  # fmt: skip
        if len(formula) > SHORT and item.called:
            formula = self.formula(item, short=True)
        if len(formula) > LONGEST + ELSEWHERE * formula.count("…"):
            formula = f"{steps} steps" if steps > 1 else ""
        elif not own and steps > 1 and not all(u in self.tree.layers[item.container].nodes for u in self.users.get(root, ())):
            name = "returns"
        elif formula in (name, f"{name}()"):
            formula = ""
        rows = self.counted(item) if "cost" in self.show else []
        return Box(
            item.id, kind, name, formula, rows=tuple(rows), panel=panel, tooltip=self.tooltip(item, f"{name} = {self.formula(item)}")
        )

    def formula(self, item: Item, *, short: bool = False) -> str:
        """The formula of steps over what lies outside of them; calls that it names stand in it as calls, with `short` without what they
        are called with."""
        graph, inside = self.graph, set(item.nodes)
        if item.root in self.written:
            return pretty(self.written[item.root])

        def name(i: int) -> str:
            if i not in item.called:
                return self.told_name(i, item.container)
            if short:
                return item.called[i]
            owned = {k for k in inside if graph.call(k) == graph.call(i)}
            operands = dict.fromkeys(j for k in sorted(owned) for j in graph.inputs(k) if j not in owned and not is_plain(graph, j))
            return f"{item.called[i]}({', '.join(self.told_name(j, item.container) for j in operands)})"

        def stop(i: int) -> bool:
            return i != item.root and (i in item.called or (i not in inside and not is_plain(graph, i)))

        return pretty(formula_text(graph, item.root, name, stop))

    def tooltip(self, item: Item, first: str) -> str:
        graph, root = self.graph, item.root
        lines = [first, str(graph.type(root))]
        steps = sum(1 for i in item.nodes if len(graph.inputs(i)))
        if steps > 1:
            adds, memory = cost_text(self.cost(item))
            lines.append(f"{steps:,} steps, {adds} multiply-adds, {memory}")
        source, line, _, _ = graph.place(root)
        if item.layers and graph.line(root):
            source, line = 0, graph.line(root) or line
        if line and source < len(graph.sources):
            lines.append(f"{PurePath(graph.sources[source]).name}, line {line}")
        return "\n".join(lines)

    def heated(self, boxes: list[Box], scenes: Sequence[Scene]) -> list[Box]:
        """Boxes shaded by the largest gradient of a parameter in them."""
        found: dict[str, float] = {}
        for scene in scenes:
            for item in scene.items:
                sizes = [float(abs(self.gradients[i]).max()) for i in item.nodes if self.graph.op(i) is PARAM and i in self.gradients]
                if sizes:
                    found[item.id] = max(sizes)
        top = max(found.values(), default=0.0) or 1.0
        return [replace(box, heat=found[box.id] / top) if box.id in found else box for box in boxes]

    # -- panels and arrows ---------------------------------------------------------------------------------------------

    def title(self, layer: Layer, more: str) -> Row:
        count = sum(size_number(self.graph, i) for i in self.tree.inside(layer.number) if self.graph.op(i) is PARAM)
        out: list[tuple[Role, str]] = [("ink", pretty_name(layer.function or layer.name))]
        out += [("muted", more or layer.name)]
        out += [("count", f"{count:,} parameters")] if count and "parameters" in self.show else []
        return tuple(out)

    def opened(self, name: str, scene: Scene, scenes: Sequence[Scene]) -> Panel:
        """The panel of a stack's first copy."""
        item, around = next(
            (item, s) for s in scenes for item in s.items if item.id == scene.opens and item.kind in ("stack", "scan") and s is not scene
        )
        many = len(item.layers)
        said = WORDS[many] if many < len(WORDS) else f"{many:,}"
        what = "positions, with the same parameters" if item.kind == "scan" else "copies, each with its own parameters"
        more = f"one of {said} {what}"
        layer = self.tree.layers[scene.root]
        del around
        return Panel(name, self.title(layer, more), opens=scene.opens)

    def ports(self, scene: Scene, panel: str) -> dict[int, Box]:
        """What flows into an opened copy from outside of it."""
        layer = self.tree.layers[scene.root]
        inside = scene.of_node
        out: dict[int, Box] = {}
        for item in scene.items:
            for i in item.nodes:
                for j in self.graph.inputs(i):
                    if j not in inside and j not in out and not is_plain(self.graph, j):
                        name = pretty_name(self.name(j, layer.parent))
                        tip = f"{self.graph.name(j)}, from outside"
                        kind = self.kind(j) if self.graph.op(j) in (INPUT, PARAM) else "step"
                        out[j] = Box(f"{layer.name} ← {self.graph.name(j)}", kind, name, panel=panel, outline="stadium", tooltip=tip)
        return out


def _alike(value: object) -> str:
    """A setting as it is written: one number for all axes where they are alike."""
    found = value if isinstance(value, tuple | list) else (value,)
    return str(found[0]) if len(set(found)) == 1 else " × ".join(map(str, found))


def size_number(graph: Graph, i: int) -> int:
    """How many numbers a parameter has."""
    found: Dim = size(graph.shape(i))
    return 0 if isinstance(found, Sym) else found
