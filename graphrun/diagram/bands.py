"""Folding by level: where a picture would have too many boxes, neighbouring levels of steps become one box each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from graphrun.diagram.scene import Item, Scene
from graphrun.diagram.tree import CallTree
from graphrun.ir.graph import Graph

__all__ = ["MOST_ITEMS", "banded", "reduced"]

MOST_ITEMS = 48
"""A picture of more boxes than this is folded by level."""

BANDS = 12
MOST_LEAVES = 12


def banded(graph: Graph, tree: CallTree, scene: Scene, kept: frozenset[int], leaf_kind: Callable[[int], str]) -> bool:
    """Folds the items of a scene in place, and says whether it did. Items that hold a node of `kept` stay as they are."""
    done = False
    for panel in ["", *(name for name, _, _ in scene.panels)]:
        own = [item for item in scene.items if item.panel == panel and item.kind != "leaf"]
        if len(own) > MOST_ITEMS:
            _fold(graph, tree, scene, own, kept)
            done = True
    return _fold_leaves(graph, scene, kept, leaf_kind) or done


def _fold(graph: Graph, tree: CallTree, scene: Scene, items: Sequence[Item], kept: frozenset[int]) -> None:
    """Folds `items` in place, but those that hold a node of `kept`. A box holds whole levels, so that no circle arises: the level of what
    is kept is one of its own."""
    level = _levels(graph, scene, items)
    alone = {level[id(item)] for item in items if kept.intersection(item.nodes)}
    top = max(level.values()) + 1
    wanted = min(BANDS, top)
    counts = Counter(level[id(item)] for item in items)
    bands: dict[int, list[Item]] = {}
    band, filled, share, parts = 0, 0, len(items) / wanted, 1
    ends = {}
    for k in range(top):  # about equally many items each
        band += k in alone or k - 1 in alone
        ends[k] = band
        filled += counts[k]
        if filled >= share * parts and parts < wanted:
            band, parts = band + 1, parts + 1
    for item in items:
        if not kept.intersection(item.nodes):
            bands.setdefault(ends[level[id(item)]], []).append(item)
    gone = {id(item) for found in bands.values() if len(found) > 1 for item in found}
    made = [_band(graph, tree, found) for _, found in sorted(bands.items()) if len(found) > 1]
    scene.items = sorted([*(item for item in scene.items if id(item) not in gone), *made], key=lambda item: item.root)
    for item in made:
        scene.of_node |= dict.fromkeys(item.nodes, item)


def _levels(graph: Graph, scene: Scene, items: Sequence[Item]) -> dict[int, int]:
    """The longest way of items to each item; items are walked in the order of their last nodes, which is a topological one."""
    level = {id(item): 0 for item in items}
    for item in _in_order(graph, scene, items):
        far = 0
        for i in item.nodes:
            for j in graph.inputs(i):
                before = scene.of_node.get(j)
                if before is not None and before is not item and id(before) in level:
                    far = max(far, level[id(before)] + 1)
        level[id(item)] = far
    return level


def _in_order(graph: Graph, scene: Scene, items: Sequence[Item]) -> Iterable[Item]:
    """The items, each after those that it is made of."""
    before: dict[int, set[int]] = {}
    users: dict[int, list[Item]] = {}
    known = {id(item) for item in items}
    for item in items:
        found = {id(scene.of_node[j]) for i in item.nodes for j in graph.inputs(i) if j in scene.of_node} & known - {id(item)}
        before[id(item)] = found
        for b in found:
            users.setdefault(b, []).append(item)
    ready = [item for item in items if not before[id(item)]]
    while ready:
        item = ready.pop()
        yield item
        for user in users.get(id(item), ()):
            before[id(user)].discard(id(item))
            if not before[id(user)]:
                ready.append(user)


def _band(graph: Graph, tree: CallTree, items: Sequence[Item]) -> Item:
    found = sorted(items, key=lambda item: item.root)
    first, last = found[0], found[-1]
    nodes = sorted(i for item in found for i in item.nodes)
    functions = Counter(tree.layers[item.layers[0]].function for item in found for _ in item.layers[:1])
    shows = [f"{many:,} × {name}" for name, many in functions.most_common(2) if name]
    steps = sum(1 for i in nodes if len(graph.inputs(i)))
    shows.append(f"{steps:,} steps" if steps != 1 else "1 step")
    name = f"{first.id.split(' … ')[0]} … {last.id.split(' … ')[-1]}"
    return Item(name, "band", nodes, last.root, first.container, panel=first.panel, shows=", ".join(shows))


def _fold_leaves(graph: Graph, scene: Scene, kept: frozenset[int], leaf_kind: Callable[[int], str]) -> bool:
    """Many inputs or parameters become one box for those that the same boxes read; parameters of one band are in it."""
    readers: dict[int, set[str]] = {}
    for item in scene.items:
        for i in item.nodes:
            for j in graph.inputs(i):
                before = scene.of_node.get(j)
                if before is not None and before is not item and before.kind == "leaf":
                    readers.setdefault(id(before), set()).add(item.id)
    done = False
    bands = {item.id: item for item in scene.items if item.kind == "band"}
    for kind in ("input", "parameter"):
        leaves = [
            item for item in scene.items if item.kind == "leaf" and leaf_kind(item.root) == kind and not kept.intersection(item.nodes)
        ]
        if len(leaves) <= MOST_LEAVES:
            continue
        done = True
        groups: dict[str, list[Item]] = {}
        for item in leaves:
            read = readers.get(id(item), set())
            only = next(iter(read)) if len(read) == 1 else ""
            groups.setdefault(only if only in bands else "", []).append(item)
        gone = {id(item) for item in leaves}
        scene.items = [item for item in scene.items if id(item) not in gone]
        for reader, found in groups.items():
            if reader and kind == "parameter":
                bands[reader].nodes.extend(i for item in found for i in item.nodes)
                scene.of_node |= {i: bands[reader] for item in found for i in item.nodes}
                continue
            made = _leaf_band(found, kind) if len(found) > 1 else found[0]
            scene.items.insert(0, made)
            scene.of_node |= dict.fromkeys(made.nodes, made)
    return done


def _leaf_band(items: Sequence[Item], kind: str) -> Item:
    found = sorted(items, key=lambda item: item.root)
    nodes = [i for item in found for i in item.nodes]
    name = f"{found[0].id} … {found[-1].id}"
    return Item(name, "band", nodes, nodes[-1], found[0].container, panel=found[0].panel, shows=f"{len(nodes):,} {kind}s")


def reduced(pairs: Iterable[tuple[str, str]], folded: frozenset[str]) -> set[tuple[str, str]]:
    """Of the arrows between folded boxes those that a way over other folded boxes implies."""
    heads: dict[str, set[str]] = {}
    found = [(a, b) for a, b in pairs if a in folded and b in folded]
    for a, b in found:
        heads.setdefault(a, set()).add(b)
    reach: Mapping[str, set[str]] = {a: _reached(heads, a) for a in heads}
    return {(a, c) for a, c in found if any(c in reach.get(b, ()) for b in heads[a] if b != c)}


def _reached(heads: Mapping[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    stack = [start]
    while stack:
        for b in heads.get(stack.pop(), ()):
            if b not in seen:
                seen.add(b)
                stack.append(b)
    return seen
