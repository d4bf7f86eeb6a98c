"""What the view of layers draws as one: a closed layer, equal copies of a repeat, positions of a scan, steps of a formula, a leaf."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal

from graphrun.diagram.groups import is_plain
from graphrun.diagram.tree import TOP, CallTree, signature
from graphrun.ir.graph import Graph
from graphrun.ir.leaves import PARAM

__all__ = ["EVERYTHING", "Item", "Scene", "scenes_of"]

EVERYTHING = 1_000_000
"""The depth at which all is opened."""

MOST_APART = 2
"""A formula with more inner steps in boxes of their own is one box, where it uses some of them several times."""


@dataclass(slots=True, eq=False)
class Item:
    """Something drawn as one box. `layers` are the closed layers in it: one, or the equal ones of a stack. `root` is the node whose value
    comes out; those of `passed` only give it a name outside of a panel. `after` names the activations that follow, `called` are the ends of
    calls that its formula names, with their functions."""

    id: str
    kind: Literal["layer", "stack", "scan", "steps", "leaf", "band"]
    nodes: list[int]
    root: int
    container: int
    layers: list[int] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    called: dict[int, str] = field(default_factory=dict)
    passed: list[int] = field(default_factory=list)
    panel: str = ""
    shows: str = ""  # of a band: what is in it


@dataclass(slots=True)
class Scene:
    """A picture by itself: the whole, or the inside of one copy of the stack `opens`. `panels` has (id, layer, parent)."""

    root: int
    opens: str
    items: list[Item] = field(default_factory=list)
    panels: list[tuple[str, int, str]] = field(default_factory=list)
    of_node: dict[int, Item] = field(default_factory=dict)


def scenes_of(graph: Graph, tree: CallTree, shown: Sequence[int], *, depth: int, opened: frozenset[int], loss: int | None) -> list[Scene]:
    """The whole picture, then that of each stack which is opened. `opened` are layers that are opened however deep they lie."""
    return _Reader(graph, tree, shown, depth, opened, loss).scenes()


def _called(graph: Graph, i: int) -> bool:
    """Whether a step is written as a call, not with a sign."""
    return graph.op(i).notation is None and graph.op(i).name != "identity"


class _Reader:
    def __init__(self, graph: Graph, tree: CallTree, shown: Sequence[int], depth: int, opened: frozenset[int], loss: int | None) -> None:
        self.graph, self.tree, self.depth, self.opened, self.loss = graph, tree, depth, opened, loss
        self.users: dict[int, list[int]] = {i: [] for i in shown}
        for i in shown:
            for j in dict.fromkeys(graph.inputs(i)):
                if j in self.users:
                    self.users[j].append(i)
        self.level = self._levels()
        self.deepest = max(self.level, default=0)

    def _levels(self) -> list[int]:
        """For each layer how many calls are around it, itself among them; what only holds copies is none."""
        out: list[int] = []
        for layer in self.tree.layers:
            own = layer.kind in ("call", "position") and layer.number != TOP
            out.append((out[layer.parent] if layer.number != TOP else 0) + own)
        return [n if any(True for _ in self.tree.inside(k)) else 0 for k, n in enumerate(out)] if len(out) < 5000 else out

    def opens(self, layer: int) -> bool:
        """Whether a layer is drawn opened."""
        found = self.tree.layers[layer]
        if layer in self.opened:
            return True
        if found.library and self.depth < EVERYTHING and not any(self.graph.op(i) is PARAM for i in self.tree.inside(layer)):
            return False
        return self.level[layer] < self.depth and (bool(self.tree.layers[layer].children) or self.depth > self.deepest)

    def scenes(self) -> list[Scene]:
        found: list[Scene] = []
        waiting = [Scene(TOP, "")]
        while waiting:
            scene = waiting.pop(0)
            self.fill(scene, waiting)
            found.append(scene)
        return found

    def fill(self, scene: Scene, waiting: list[Scene]) -> None:
        """The items of a scene, panel by panel."""
        todo = [(scene.root, "")]
        while todo:
            container, panel = todo.pop(0)
            items = self.steps(container)
            for item, inner in self.layers(container):
                if inner is not None:
                    name = f"panel {len(scene.panels)} {self.tree.layers[inner].name}"
                    scene.panels.append((name, inner, panel))
                    todo.append((inner, name))
                else:
                    items.append(item)
            for item in self.merged(items):
                item.panel = panel
                scene.items.append(item)
                if item.kind in ("stack", "scan") and self.opens(item.layers[0]):
                    waiting.append(Scene(item.layers[0], item.id))
        self.name_results(scene)
        scene.items.sort(key=lambda item: item.root)
        taken = {item.id for item in scene.items if not item.layers}
        for item in scene.items:
            if item.layers and item.id in taken:  # `c: x -> conv(8) -> max_pool2d(2)`: both are called c
                item.id = f"{item.id} ({self.tree.layers[item.layers[0]].function})"
            taken.add(item.id)
        for item in scene.items:
            scene.of_node |= dict.fromkeys([*item.nodes, *item.passed], item)

    def name_results(self, scene: Scene) -> None:
        """A node that only names what comes out of an opened layer is no box: it belongs to the last one in the layer's panel."""
        of_node = {i: item for item in scene.items for i in item.nodes}
        left = []
        for item in scene.items:
            root = item.root
            before = None
            if item.kind == "steps" and len(item.nodes) == 1 and self.graph.op(root).name == "identity" and root != self.loss:
                before = of_node.get(self.graph.inputs(root)[0])
            if before is None or before.panel == item.panel or not before.panel:
                left.append(item)
            else:
                before.passed.append(root)
                of_node[root] = before
        scene.items[:] = left

    # -- layers --------------------------------------------------------------------------------------------------------

    def layers(self, container: int) -> Iterable[tuple[Item, int | None]]:
        """The items of the layers within one, each with the layer itself where it is drawn opened in its place."""
        for number in self.tree.layers[container].children:
            layer = self.tree.layers[number]
            if layer.kind == "scan":
                yield from self.runs(container, layer.children, layer.nodes, "scan")
            elif layer.kind == "repeat":
                yield from self.runs(container, layer.children, layer.nodes, "stack")
            else:
                yield from self.runs(container, [number], [], "stack")

    def runs(
        self, container: int, children: Sequence[int], own: Sequence[int], kind: Literal["stack", "scan"]
    ) -> Iterable[tuple[Item, int | None]]:
        """Neighbouring copies that compute the same as one item each; a layer that is asked for stands by itself."""
        filled = [c for c in children if any(True for _ in self.tree.inside(c))]
        if len(filled) > 1:
            keys = [(c, -c if c in self.opened else signature(self.graph, self.tree, c)) for c in filled]
            runs = [[c for c, _ in group] for _, group in groupby(keys, key=lambda pair: pair[1])]
        else:
            runs = [filled] if filled else []
        first = True
        for run in runs:
            nodes = sorted([i for c in run for i in self.tree.inside(c)] + (list(own) if first else []))
            alone = len(run) == 1 and not (first and own)
            first = False
            layer = self.tree.layers[run[0]]
            last = self.tree.layers[run[-1]].name
            whole = kind == "scan" and len(run) == len(filled)
            name = self.tree.layers[layer.parent].name if whole else layer.name if len(run) == 1 else f"{layer.name} … {last}"
            root = self.out(nodes)
            item = Item(name, "layer" if len(run) == 1 and kind != "scan" else kind, nodes, root, container, list(run))
            yield item, run[0] if alone and self.opens(run[0]) else None

    def out(self, nodes: Sequence[int]) -> int:
        """The last of some nodes that is used outside of them."""
        inside = set(nodes)
        return next((i for i in reversed(nodes) if any(u not in inside for u in self.users.get(i, ()))), nodes[-1])

    # -- steps ---------------------------------------------------------------------------------------------------------

    def steps(self, container: int) -> list[Item]:
        """The own steps of a layer: those of a formula together where nothing else uses what is between them."""
        graph = self.graph
        own = [i for i in self.tree.layers[container].nodes if i in self.users]
        mine = set(own)
        last: dict[int, int] = {}
        for i in sorted(own, reverse=True):
            if not len(graph.inputs(i)):
                last[i] = i
                continue
            users = self.users[i]
            one = users[0] if len(users) == 1 and users[0] in mine and graph.owner(users[0]) == graph.owner(i) else i
            if one != i and _called(graph, i) and _called(graph, one) and graph.shape(one):
                one = i  # one function after the other, on arrays: a box for each
            last[i] = last[one] if one != i and graph.step(i) else i
        for nodes in self.tangled(own, last):
            last.update(dict.fromkeys(nodes, nodes[-1]))
        groups: dict[int, list[int]] = {}
        for i in sorted(own):
            groups.setdefault(last[i], []).append(i)
        return [
            Item(graph.name(end), "steps" if len(graph.inputs(end)) else "leaf", nodes, end, container) for end, nodes in groups.items()
        ]

    def tangled(self, own: Sequence[int], last: Mapping[int, int]) -> Iterable[list[int]]:
        """The steps of each formula that uses its own steps several times, as a backward pass does, and would be many boxes: it is one.
        No other step may lie between them, so that no circle arises."""
        graph = self.graph
        formulas: dict[str, list[int]] = {}
        for i in sorted(own):
            if len(graph.inputs(i)):
                formulas.setdefault(graph.owner(i) or "", []).append(i)
        for owner, nodes in formulas.items():
            inner = [i for i in nodes if graph.step(i) and last[i] == i]
            shared = any(len(self.users[i]) > 1 for i in inner)
            inside = set(nodes)
            between = (j for j in range(nodes[0], nodes[-1]) if j not in inside and j in self.users and len(graph.inputs(j)))
            if owner and shared and len(inner) > MOST_APART and next(between, None) is None:
                yield nodes

    def merged(self, items: list[Item]) -> list[Item]:
        """Joins what belongs together: a layer with the activation after it, a scan with its stacking, a loss with its formula."""
        of_node: dict[int, Item] = {i: item for item in items for i in item.nodes}
        gone: set[int] = set()
        for item in sorted(items, key=lambda it: it.root):
            if item.kind == "steps":
                self.follow(item, of_node, gone)
        for item in items:
            if item.kind == "layer" and id(item) not in gone:
                self.call_in_formula(item, of_node, gone)
        return [item for item in items if id(item) not in gone]

    def follow(self, item: Item, of_node: dict[int, Item], gone: set[int]) -> None:
        graph, root = self.graph, item.root
        sources = {id(of_node[j]): of_node[j] for i in item.nodes for j in graph.inputs(i) if j in of_node and j not in item.nodes}
        if len(sources) != 1 or len(item.nodes) != 1 or root == self.loss:
            return
        (before,) = sources.values()
        if before.kind not in ("layer", "stack", "scan") or id(before) in gone:
            return
        computed = (i for i in before.nodes if graph.op(i) is not PARAM)  # `share` reads the layer's parameters elsewhere
        outside = {u for i in computed for u in self.users.get(i, ())} - set(before.nodes)
        unary = graph.op(root).elementwise and len(graph.inputs(root)) == 1
        if outside != {root} or not (unary or (before.kind == "scan" and graph.op(root).name in ("stack", "concat"))):
            return
        if unary and graph.op(root).name != "identity":
            before.after.append(graph.op(root).name)
        before.nodes.append(root)
        before.root = root
        of_node[root] = before
        gone.add(id(item))

    def call_in_formula(self, item: Item, of_node: dict[int, Item], gone: set[int]) -> None:
        """A function of the library without parameters is written in the formula that alone uses it."""
        layer = self.tree.layers[item.layers[0]]
        if not layer.library or layer.children or any(self.graph.op(i) is PARAM for i in item.nodes) or item.after:
            return
        users = {u for i in item.nodes for u in self.users.get(i, ())} - set(item.nodes)
        homes = {id(of_node[u]): of_node[u] for u in users if u in of_node}
        if len(homes) != 1 or len({u in of_node for u in users}) != 1:
            return
        (home,) = homes.values()
        if home.kind != "steps" or self.graph.owner(home.root) != self.graph.owner(item.root):
            return
        inside = set(item.nodes)
        operands = dict.fromkeys(j for i in item.nodes for j in self.graph.inputs(i) if j not in inside and not is_plain(self.graph, j))
        if any(of_node.get(j) is home for j in operands):
            return
        home.called = {**home.called, **item.called, item.root: layer.function}
        home.nodes = sorted([*home.nodes, *item.nodes])
        for i in item.nodes:
            of_node[i] = home
        gone.add(id(item))
