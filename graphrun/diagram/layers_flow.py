"""What flows between the boxes of the view of layers, and what nodes are called there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from graphrun.diagram.bands import reduced
from graphrun.diagram.groups import is_plain
from graphrun.diagram.scene import Item, Scene
from graphrun.diagram.text import pretty_name
from graphrun.diagram.tree import TOP, CallTree
from graphrun.diagram.view import Arrow, Box, Kind, Row
from graphrun.ir.formula import ATOM, formula_piece
from graphrun.ir.graph import Graph
from graphrun.ir.leaves import CONST, INPUT, PARAM
from graphrun.ir.types import shape_text

__all__ = ["SIGNS", "Flows"]

SIGNS = {"add": "+", "sub": "−", "mul": "×"}

SHORTEST = 12
"""A step of so few characters is written out where it is used."""

MOST_READERS = 3
"""An input or parameter that more folded boxes read has an arrow to the first of them alone."""


@dataclass(frozen=True, slots=True, eq=False)
class Flows:
    """The graph with its layers and the names of its nodes; `show` is what is written."""

    graph: Graph
    tree: CallTree
    loss: int | None
    named: Mapping[int, str]
    show: frozenset[str]

    # -- names ---------------------------------------------------------------------------------------------------------

    def kind(self, i: int) -> Kind:
        """What a node is."""
        op = self.graph.op(i)
        return "loss" if i == self.loss else "input" if op is INPUT else "parameter" if op is PARAM else "step"

    def name(self, i: int, container: int = TOP) -> str:
        """The name of a node as seen from within a layer."""
        name = self.named.get(i) or self.graph.name(i)
        around, _, at = self.tree.layers[container].name.partition("@")
        if at and self.graph.suffix(i).startswith(f"@{at}"):  # at the position that is looked at
            name = name.replace(f"@{at}", "", 1)
        return name.removeprefix(around + ".") if around else name

    def told_name(self, i: int, container: int = TOP) -> str:
        """What a formula calls a node: its name, or where it is a step without one that has a box of its own what stands on that box."""
        graph, layers, home = self.graph, self.tree.layers, self.tree.home[i]
        if i in self.named or not graph.step(i):
            return self.name(i, container)
        while home not in (TOP, container) and layers[home].parent != container:
            home = layers[home].parent
        if home not in (TOP, container) and layers[home].function:
            return f"{layers[home].function}(…)"
        text, binding = formula_piece(graph, i, lambda j: self.name(j, container), lambda j: j != i and not is_plain(graph, j))
        if binding >= ATOM and len(text) <= SHORTEST and "#" not in text:
            return text
        return f"{graph.op(i).word}(…)" if graph.op(i).notation is None else "…"

    # -- arrows --------------------------------------------------------------------------------------------------------

    def told(self, boxes: list[Box], scene: Scene) -> list[Box]:
        """The boxes, those that many read with a row that says so."""
        many = {i: len(found) for i, found in self.everywhere(scene).items()}
        return [replace(b, rows=(*b.rows, (("muted", f"read by {many[b.id]} boxes"),))) if b.id in many else b for b in boxes]

    def sharing(self, boxes: list[Box], scene: Scene) -> list[Box]:
        """The boxes, those that `share` made with a row that says whose parameters they have."""
        lenders = self.lenders(scene)
        rows: dict[str, Row] = {i: (("count", f"parameters of {', '.join(map(pretty_name, found))}"),) for i, found in lenders.items()}
        return [replace(b, rows=(*b.rows, rows[b.id])) if b.id in rows else b for b in boxes]

    def lenders(self, scene: Scene) -> dict[str, list[str]]:
        """For each layer that is another one again, as `share` makes it, the layers whose parameters it has."""
        graph, out = self.graph, {}
        for item in scene.items:
            if not item.layers or any(graph.op(i) is PARAM for i in item.nodes):
                continue
            read = (j for i in item.nodes for j in graph.inputs(i) if graph.op(j) is PARAM)
            owners = {o.id: o for o in (scene.of_node.get(j) for j in read) if o is not None}
            alike = [o for o in owners.values() if o.kind == item.kind and self.function(o) == self.function(item)]
            if alike:
                out[item.id] = [o.id for o in alike]
        return out

    def function(self, item: Item) -> str:
        """The function whose call an item is."""
        return self.tree.layers[item.layers[0]].function

    def arrows(self, scene: Scene, ports: Mapping[int, str], *, folded: bool) -> list[Arrow]:
        """What flows between the boxes of a scene, with shapes where they change."""
        graph = self.graph
        pairs: dict[tuple[str, str], int] = {}
        fed: dict[str, set[str]] = {}
        lenders = self.lenders(scene)
        for item in scene.items:
            for i in item.nodes:
                for j in graph.inputs(i):
                    before = scene.of_node.get(j)
                    tail = before.id if before is not None else ports.get(j)
                    if tail is None or before is item:
                        continue
                    if graph.op(j) is PARAM and tail in lenders.get(item.id, ()):
                        continue  # a row of the box says so
                    pairs.setdefault((tail, item.id), j)
                    fed.setdefault(item.id, set()).add(shape_text(graph.shape(j)))
        left: set[tuple[str, str]] = set()
        if folded:
            left = reduced(pairs, frozenset(item.id for item in scene.items if item.kind in ("band", "stack", "scan")))
        spared = {(tail, head) for tail, heads in self.everywhere(scene).items() for head in heads[1:]} if folded else set()
        labelled: set[int] = set()
        out = []
        for (tail, head), j in pairs.items():
            if (tail, head) in left or (tail, head) in spared:
                continue
            rows = () if j in labelled else self.label(j, scene, tail, fed)
            labelled.add(j)
            out.append(Arrow(tail, head, rows, tooltip=f"{graph.name(j)} {graph.type(j)}"))
        return out

    def everywhere(self, scene: Scene) -> dict[str, list[str]]:
        """The leaves that many folded boxes read, with these: one arrow is enough for them."""
        readers: dict[str, dict[str, None]] = {}
        for item in scene.items:
            if item.kind == "leaf" or not len(self.graph.inputs(item.root)):
                continue
            for i in item.nodes:
                for j in self.graph.inputs(i):
                    before = scene.of_node.get(j)
                    if before is not None and before is not item and not len(self.graph.inputs(before.root)):
                        readers.setdefault(before.id, {})[item.id] = None
        return {i: list(found) for i, found in readers.items() if len(found) > MOST_READERS}

    def label(self, j: int, scene: Scene, tail: str, fed: Mapping[str, set[str]]) -> tuple[Row, ...]:
        """The name of what flows out of a layer, and its shape where the layer changes it."""
        item = scene.of_node.get(j)
        rows: list[Row] = []
        if item is None:
            return ((("muted", shape_text(self.graph.shape(j))),),) if "shapes" in self.show and self.graph.shape(j) else ()
        named = self.named.get(j) if self.graph.op(j) not in (INPUT, PARAM, CONST) else None
        if named is None and self.graph.step(j) == 0 and item.kind in ("layer", "stack", "scan"):
            named = self.name(j, item.container) if "." not in self.name(j, item.container) else None
        if named and (item.kind in ("layer", "stack", "scan") or self.is_sign(item) or self.is_call(item)):
            rows.append((("ink", pretty_name(named)),))
        shape = shape_text(self.graph.shape(j))
        if "shapes" in self.show and self.graph.shape(j) and shape not in fed.get(tail, ()):
            rows.append((("muted", shape),))
        return tuple(rows)

    def is_call(self, item: Item) -> bool:
        """Whether an item is one step that is written as a call: it is called by its operation."""
        op = self.graph.op(item.root)
        return item.kind == "steps" and len(item.nodes) == 1 and op.notation is None and op.name != "identity"

    def is_sign(self, item: Item) -> bool:
        """Whether an item is drawn as a sign."""
        return item.kind == "steps" and len(item.nodes) == 1 and self.graph.op(item.root).name in SIGNS
