"""The calls that a graph came from as a tree: layers within layers, the copies of a repeat, the positions of a scan.

A call that only passes on to another one (`dense` to its `affine`) is one layer with it. Everything is linear in nodes and calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Literal

from graphrun.ir.graph import Graph
from graphrun.ir.leaves import CONST, DIMENSION, PARAM, STATE

__all__ = ["LIBRARY", "TOP", "CallTree", "Layer", "read_tree", "signature"]

LIBRARY = PurePath(Path(__file__).parents[1] / "library")
"""Where the functions stand whose inside a reader need not see."""

TOP = 0
"""The number of the layer that is the whole graph."""


@dataclass(slots=True)
class Layer:
    """A call, or what holds the copies of a repeat or the positions of a scan. `nodes` are its own, without those of its children."""

    number: int
    parent: int
    name: str
    function: str
    kind: Literal["call", "repeat", "scan", "position"] = "call"
    library: bool = False
    position: int = -1
    nodes: list[int] = field(default_factory=list)
    children: list[int] = field(default_factory=list)


@dataclass(slots=True)
class CallTree:
    """All layers, each after the one around it, and the layer of each node."""

    layers: list[Layer]
    home: list[int]

    def inside(self, layer: int) -> Iterator[int]:
        """The nodes of a layer and of all within it, in no order."""
        stack = [layer]
        while stack:
            found = self.layers[stack.pop()]
            yield from found.nodes
            stack.extend(found.children)

    def around(self, layer: int) -> list[int]:
        """A layer and those around it, the innermost first, without the whole graph."""
        out = []
        while layer != TOP:
            out.append(layer)
            layer = self.layers[layer].parent
        return out


def read_tree(graph: Graph, shown: Sequence[int]) -> CallTree:
    """The tree of the nodes of `shown`."""
    positions = _positions(graph)
    tops = _top_positions(graph, positions)
    layers = [Layer(TOP, TOP, "", "")]
    of_call: dict[int, int] = {-1: TOP}
    scans: dict[int, _Scan] = {}
    home = [TOP] * len(graph)
    for i in shown:
        home[i] = _home(graph, i, layers, of_call, scans, tops)
    for i in shown:
        layers[home[i]].nodes.append(i)
    books = [PurePath(source).parent == LIBRARY for source in graph.sources]
    for layer in layers[1:]:
        steps = [i for i in layer.nodes if len(graph.inputs(i))]
        layer.library = bool(steps) and all(books[graph.place(i)[0]] for i in steps)
    _join(graph, layers, home)
    return CallTree(layers, home)


@dataclass(slots=True)
class _Scan:
    """The scan that is being read within a layer: its number, its last position, and the layer of each position."""

    layer: int
    last: int
    at: dict[int, int]


def _home(graph: Graph, i: int, layers: list[Layer], of_call: dict[int, int], scans: dict[int, _Scan], tops: Sequence[int | None]) -> int:
    """The layer of a node, made where it is new."""
    call = graph.call(i)
    if call >= 0 and tops[call] is not None:
        found = _layer(graph, call, layers, of_call, scans, tops)
        if graph.op(i) in (PARAM, STATE):  # one for all positions
            while layers[found].kind != "position":
                found = layers[found].parent
            found = layers[found].parent
        return found
    suffix = graph.suffix(i)
    outer = _layer(graph, call, layers, of_call, scans, tops)
    if not suffix:
        return outer
    name = (graph.owner(i) or "").partition("@")[0]
    return _position(layers, scans, outer, _number(suffix), name, "")


def _layer(
    graph: Graph, call: int, layers: list[Layer], of_call: dict[int, int], scans: dict[int, _Scan], tops: Sequence[int | None]
) -> int:
    chain = []
    while call not in of_call:
        chain.append(call)
        call = graph.calls[call].parent
    for c in reversed(chain):
        site = graph.calls[c]
        parent = of_call[site.parent]
        at = tops[c]
        first = at is not None and (site.parent < 0 or tops[site.parent] is None)
        if first and at is not None:
            parent = _position(layers, scans, parent, at, site.name, site.function)
        kind: Literal["call", "repeat"] = "repeat" if site.function == "repeat" else "call"
        layers.append(Layer(len(layers), parent, site.name, site.function, kind))
        layers[parent].children.append(len(layers) - 1)
        of_call[c] = len(layers) - 1
    return of_call[chain[0]] if chain else of_call[call]


def _position(layers: list[Layer], scans: dict[int, _Scan], outer: int, at: int, name: str, function: str) -> int:
    """The layer of a position of the scan that is being read within `outer`; a new scan where positions begin again."""
    scan = scans.get(outer)
    if scan is None or at < scan.last:
        layers.append(Layer(len(layers), outer, name, "", "scan"))
        layers[outer].children.append(len(layers) - 1)
        scan = scans[outer] = _Scan(len(layers) - 1, at, {})
    if at not in scan.at:
        layers.append(Layer(len(layers), scan.layer, f"{layers[scan.layer].name}@{at}", "", "position", position=at))
        layers[scan.layer].children.append(len(layers) - 1)
        scan.at[at] = len(layers) - 1
    scan.last = at
    if function and not layers[scan.layer].function:
        layers[scan.layer].function = function
        layers[scan.layer].name = name
    return scan.at[at]


def _number(suffix: str) -> int:
    """The outermost position of `@2@3`."""
    return int(suffix.split("@")[1])


def _positions(graph: Graph) -> list[set[int] | None]:
    """For each call the positions at which its nodes stand: one, several (None), or none at all."""
    found: list[set[int] | None] = [set() for _ in graph.calls]
    for i in range(len(graph)):
        call = graph.call(i)
        if call < 0 or graph.op(i) in (PARAM, STATE, CONST, DIMENSION):
            continue
        suffix, own = graph.suffix(i), found[call]
        if own is not None:
            if not suffix:
                found[call] = None
            else:
                own.add(_number(suffix))
                if len(own) > 1:
                    found[call] = None
    for c in range(len(graph.calls) - 1, -1, -1):
        parent, own = graph.calls[c].parent, found[c]
        if parent < 0:
            continue
        above = found[parent]
        if own is None:
            found[parent] = None
        elif above is not None:
            above |= own
            if len(above) > 1:
                found[parent] = None
    return found


def _top_positions(graph: Graph, positions: Sequence[set[int] | None]) -> list[int | None]:
    """For each call the one position of a scan that all of it stands at, or None."""
    return [next(iter(own)) if own and len(own) == 1 else None for own in positions]


def _join(graph: Graph, layers: list[Layer], home: list[int]) -> None:
    """Joins a layer with the one layer that it passes on to, and a position with its function's call."""
    for layer in reversed(layers[1:]):
        if layer.kind not in ("call", "position") or len(layer.children) != 1:
            continue
        child = layers[layer.children[0]]
        if child.kind != "call":
            continue
        if layer.kind == "call" and not all(len(graph.inputs(i)) <= 1 and graph.op(i).elementwise for i in layer.nodes):
            continue
        if layer.kind == "call" and layer.nodes and not child.library:
            continue
        layer.library = child.library and not (layer.nodes and not layer.library)
        layer.nodes = sorted([*layer.nodes, *child.nodes])
        layer.children = child.children
        layer.function = layer.function or child.function
        for i in child.nodes:
            home[i] = layer.number
        for c in child.children:
            layers[c].parent = layer.number
        child.nodes, child.children = [], []


def signature(graph: Graph, tree: CallTree, layer: int) -> int:
    """A number that is equal for layers that compute the same: operations, shapes and how they are joined."""
    nodes = sorted(tree.inside(layer))
    place = {i: k for k, i in enumerate(nodes)}
    told = []
    for k, i in enumerate(nodes):
        operands = tuple(k - place[j] if j in place else 0 for j in graph.inputs(i))
        told.append((graph.op(i).name, graph.type(i), operands))
    return hash((tree.layers[layer].function, tuple(told)))
