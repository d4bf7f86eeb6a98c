"""Boxes in columns by what they depend on, with lines that never run through a box: a layered drawing after Sugiyama and others.

Ranks are longest paths; a line over several columns passes each in a slot of its own; the order within columns is improved by
barycentres; heights are least-squares fits under the distances wanted (solved exactly, column by column, by pooling).
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from graphrun.diagram.shapes import ARROW, Point, Size

__all__ = ["Flow", "Laid", "lay", "without_repeats"]

BETWEEN = 20.0  # boxes of one column
SLOT = 9.0  # the height of a line that passes a column
SWEEPS = 10


NOTHING = Size(0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Flow:
    """A line from one item to another, leaving and arriving that far above their middles; `room` is what its label takes."""

    tail: str
    head: str
    leaves: float = 0.0
    arrives: float = 0.0
    room: Size = NOTHING
    ranked: bool = True  # whether its head stands after its tail


@dataclass(frozen=True, slots=True)
class Laid:
    """Middles of the items, the points of each flow from outline to outline, and the columns' left and right ends."""

    at: Mapping[str, Point]
    routes: tuple[tuple[Point, ...], ...]
    columns: tuple[tuple[float, float], ...]
    rank: Mapping[str, int]


@dataclass(slots=True)
class _Grid:
    """Columns of items and slots, numbered; `left` and `right` are the neighbours of each with their weights and offsets."""

    ranks: list[list[int]]
    height: list[float]
    weight: list[float]
    left: list[list[tuple[int, float, float]]] = field(default_factory=list)
    right: list[list[tuple[int, float, float]]] = field(default_factory=list)


def lay(sizes: Mapping[str, Size], flows: Sequence[Flow], first: Sequence[str] = (), last: Sequence[str] = (), spread: float = 1.0) -> Laid:
    """Places for items of those sizes; `first` and `last` stand in columns of their own at the two sides."""
    rank = _ranks(sizes, flows, set(first), set(last))
    names = list(sizes)
    number = {name: k for k, name in enumerate(names)}
    many = max(rank.values(), default=0) + 1
    ranks: list[list[int]] = [[] for _ in range(many)]
    for name in names:
        ranks[rank[name]].append(number[name])
    height = [sizes[name].height for name in names]
    grid = _Grid(ranks, height, [1.0] * len(names), [[] for _ in names], [[] for _ in names])
    ways = [_way(grid, flow, rank, number) for flow in flows]
    _weigh(grid, names)
    _order(grid)
    y = [h * spread for h in _heights(grid)]
    columns = _columns(grid, sizes, names, flows, ways, y, rank, spread)
    middle = [(a + b) / 2 for a, b in columns]
    at = {name: (middle[rank[name]], y[number[name]]) for name in names}
    routes = tuple(_route(flow, way, at, sizes, columns, y, len(names), rank) for flow, way in zip(flows, ways, strict=True))
    return Laid(at, routes, tuple(columns), rank)


# -- columns -----------------------------------------------------------------------------------------------------------


def _ranks(sizes: Mapping[str, Size], flows: Sequence[Flow], first: set[str], last: set[str]) -> dict[str, int]:
    """The column of each item: after all that it is made of; what is made of nothing stands just before its first user."""
    out: dict[str, list[str]] = {name: [] for name in sizes}
    for flow in flows:
        if flow.ranked and flow.tail != flow.head:
            out[flow.tail].append(flow.head)
    order, closing = _topological(sizes, out)
    rank = dict.fromkeys(sizes, 0)
    fed: set[str] = set()
    for a in order:
        for b in out[a]:
            if (a, b) not in closing:
                rank[b] = max(rank[b], rank[a] + 1)
                fed.add(b)
    for a in sizes:
        heads = [rank[b] for b in out[a] if (a, b) not in closing]
        if a not in fed and heads:
            rank[a] = min(heads) - 1
    inner = [rank[name] for name in sizes if name not in first and name not in last]
    low, high = min(inner, default=0), max(inner, default=0)
    spread = {name: low - 1 if name in first else high + 1 if name in last else r for name, r in rank.items()}
    used = {r: k for k, r in enumerate(sorted(set(spread.values())))}
    return {name: used[r] for name, r in spread.items()}


def _topological(sizes: Mapping[str, Size], out: Mapping[str, Sequence[str]]) -> tuple[list[str], set[tuple[str, str]]]:
    """The items, each before its users, and the flows that close a circle."""
    done: list[str] = []
    state: dict[str, int] = {}
    closing: set[tuple[str, str]] = set()
    for root in sizes:
        if root in state:
            continue
        state[root] = 1
        stack = [(root, iter(out[root]))]
        while stack:
            a, heads = stack[-1]
            b = next(heads, None)
            if b is None:
                state[a] = 2
                done.append(a)
                stack.pop()
            elif state.get(b) == 1:
                closing.add((a, b))
            elif b not in state:
                state[b] = 1
                stack.append((b, iter(out[b])))
    return done[::-1], closing


def _way(grid: _Grid, flow: Flow, rank: Mapping[str, int], number: Mapping[str, int]) -> list[int]:
    """The slots of a flow in the columns that it passes, from the left; makes them and ties them to their neighbours."""
    a, b, leaves, arrives = flow.tail, flow.head, flow.leaves, flow.arrives
    if rank[a] > rank[b]:
        a, b, leaves, arrives = b, a, arrives, leaves
    if rank[a] == rank[b]:
        return []
    slots = []
    for r in range(rank[a] + 1, rank[b]):
        k = len(grid.height)
        grid.height.append(max(SLOT, flow.room.height))
        grid.weight.append(0.005)  # a line gives way to a box
        grid.left.append([])
        grid.right.append([])
        grid.ranks[r].append(k)
        slots.append(k)
    chain = [number[a], *slots, number[b]]
    for k, (i, j) in enumerate(pairwise(chain)):
        weight = 1.0 if not slots else 2.0 if 0 < k < len(chain) - 2 else 0.001
        up, down = (leaves if k == 0 else 0.0), (arrives if k == len(chain) - 2 else 0.0)
        grid.right[i].append((j, weight if flow.ranked else 1e-3 * weight, down - up))
        grid.left[j].append((i, weight if flow.ranked else 1e-3 * weight, up - down))
    return slots


def _weigh(grid: _Grid, names: Sequence[str]) -> None:
    """What only feeds one box gives way to what lies on the way through."""
    for k in range(len(names)):
        if not grid.left[k] and len(grid.right[k]) == 1:
            grid.weight[k] = 1e-4
            j = grid.right[k][0][0]
            if any(grid.left[i] or len(grid.right[i]) > 1 for i, _, _ in grid.left[j]):
                grid.left[j] = [(i, 1e-6 if i == k else w, d) for i, w, d in grid.left[j]]


# -- order -------------------------------------------------------------------------------------------------------------


def _order(grid: _Grid) -> None:
    """Orders the columns for few crossings."""
    best, fewest = [list(r) for r in grid.ranks], _crossings(grid)
    for sweep in range(2 * SWEEPS):
        if not fewest:
            break
        forward = sweep % 2 == 0
        for r in range(1, len(grid.ranks)) if forward else range(len(grid.ranks) - 2, -1, -1):
            other = grid.ranks[r - 1 if forward else r + 1]
            place = {k: n for n, k in enumerate(other)}
            near = grid.left if forward else grid.right
            own = {k: n for n, k in enumerate(grid.ranks[r])}

            def key(
                k: int,
                near: Sequence[Sequence[tuple[int, float, float]]] = near,
                place: Mapping[int, int] = place,
                own: Mapping[int, int] = own,
                scale: float = len(other) / max(len(own), 1),
            ) -> tuple[float, int]:
                found = [place[j] for j, _, _ in near[k] if j in place]
                return (sum(found) / len(found) if found else own[k] * scale, own[k])

            grid.ranks[r].sort(key=key)
        now = _crossings(grid)
        if now < fewest:
            best, fewest = [list(r) for r in grid.ranks], now
    grid.ranks[:] = best


def _crossings(grid: _Grid) -> int:
    total = 0
    for r in range(len(grid.ranks) - 1):
        place = {k: n for n, k in enumerate(grid.ranks[r + 1])}
        seen: list[int] = []
        for k in grid.ranks[r]:
            heads = sorted(place[j] for j, _, _ in grid.right[k] if j in place)
            total += sum(len(seen) - bisect_right(seen, h) for h in heads)
            for h in heads:
                insort(seen, h)
    return total


# -- heights -----------------------------------------------------------------------------------------------------------


def _heights(grid: _Grid) -> list[float]:
    """The height of each item and slot (upwards)."""
    y = [0.0] * len(grid.height)
    for column in grid.ranks:
        _fit(grid, column, y, [0.0] * len(column))
    for sweep in range(2 * SWEEPS + 1):
        forward = sweep % 2 == 0
        for column in grid.ranks if forward else reversed(grid.ranks):
            wanted = []
            for k in column:
                near = grid.left[k] if forward else grid.right[k]
                near = near or (grid.right[k] if forward and sweep > 2 else [])
                total = sum(w for _, w, _ in near)
                wanted.append(sum(w * (y[j] + d) for j, w, d in near) / total if total else y[k])
            _fit(grid, column, y, wanted)
    return y


def _fit(grid: _Grid, column: Sequence[int], y: list[float], wanted: Sequence[float]) -> None:
    """The heights nearest to those wanted (least squares) at which the items of a column keep their distances; pools adjacent violators."""
    shift = [0.0] if column else []
    for a, b in pairwise(column):
        slots = (grid.height[a] <= SLOT) + (grid.height[b] <= SLOT)
        shift.append(shift[-1] + (grid.height[a] + grid.height[b]) / 2 + BETWEEN - 4.0 * slots)
    pools: list[tuple[float, float, int]] = []  # sum of weighted wishes, weight, length
    for k, want, s in zip(column, wanted, shift, strict=True):
        pools.append((grid.weight[k] * (-want - s), grid.weight[k], 1))
        while len(pools) > 1 and pools[-2][0] / pools[-2][1] > pools[-1][0] / pools[-1][1]:
            one, two = pools[-2:]
            pools[-2:] = [(one[0] + two[0], one[1] + two[1], one[2] + two[2])]
    at = 0
    for wished, by, n in pools:
        for i in range(at, at + n):
            y[column[i]] = -(wished / by + shift[i])
        at += n


# -- widths and lines --------------------------------------------------------------------------------------------------


def _columns(
    grid: _Grid,
    sizes: Mapping[str, Size],
    names: Sequence[str],
    flows: Sequence[Flow],
    ways: Sequence[Sequence[int]],
    y: Sequence[float],
    rank: Mapping[str, int],
    spread: float,
) -> list[tuple[float, float]]:
    """The left and right end of each column: between two there is room for labels, and more where lines are steep."""
    number = {name: k for k, name in enumerate(names)}
    widths = [max((sizes[names[k]].width for k in column if k < len(names)), default=0.0) for column in grid.ranks]
    gaps = [0.0] * len(widths)
    for flow, way in zip(flows, ways, strict=True):
        low, high = sorted((rank[flow.tail], rank[flow.head]))
        chain = [y[k] for k in (number[flow.tail], *(way if rank[flow.tail] <= rank[flow.head] else reversed(way)), number[flow.head])]
        for r in range(low, high):
            steep = abs(chain[r - low + 1] - chain[r - low]) if len(chain) > r - low + 1 else 0.0
            need = max(ARROW - 8.0 if sizes[flow.tail].width and sizes[flow.head].width else 26.0, min(0.22 * steep, 70.0))
            if high - low == 1 and flow.room.width:
                need = max(need, flow.room.width + 40.0)
            gaps[r] = max(gaps[r], need)
    out: list[tuple[float, float]] = []
    x = 0.0
    for r, width in enumerate(widths):
        out.append((x, x + width))
        x += width + (gaps[r] or 26.0) * (1.0 + 0.15 * (spread - 1.0))
    return out


def _route(
    flow: Flow,
    way: Sequence[int],
    at: Mapping[str, Point],
    sizes: Mapping[str, Size],
    columns: Sequence[tuple[float, float]],
    y: Sequence[float],
    items: int,
    rank: Mapping[str, int],
) -> tuple[Point, ...]:
    """From outline to outline, level within each column and straight between two."""
    a, b, up, down = flow.tail, flow.head, flow.leaves, flow.arrives
    turned = rank[a] > rank[b]
    if rank[a] == rank[b]:
        return _beside(at[a], at[b], sizes[a], sizes[b], columns[rank[a]])
    if turned:
        a, b, up, down = b, a, down, up
    points = [(at[a][0] + sizes[a].width / 2, at[a][1] + up), (columns[rank[a]][1], at[a][1] + up)]
    for r, k in zip(range(rank[a] + 1, rank[b]), way, strict=True):
        points += [(columns[r][0], y[k]), (columns[r][1], y[k])]
    points += [(columns[rank[b]][0], at[b][1] + down), (at[b][0] - sizes[b].width / 2, at[b][1] + down)]
    return tuple(without_repeats(points[::-1] if turned else points))


def _beside(a: Point, b: Point, one: Size, two: Size, column: tuple[float, float]) -> tuple[Point, ...]:
    """Around the right of a column, for a flow within it."""
    x = column[1] + 14.0
    return (a[0] + one.width / 2, a[1]), (x, a[1]), (x, b[1]), (b[0] + two.width / 2, b[1])


def without_repeats(points: Sequence[Point]) -> list[Point]:
    """The points without those that lie on the line between their neighbours."""
    out: list[Point] = []
    for p in points:
        if out and abs(out[-1][0] - p[0]) < 0.01 and abs(out[-1][1] - p[1]) < 0.01:
            continue
        if len(out) > 1 and abs((out[-1][0] - out[-2][0]) * (p[1] - out[-2][1]) - (out[-1][1] - out[-2][1]) * (p[0] - out[-2][0])) < 0.01:
            out[-1] = p
            continue
        out.append(p)
    return out
