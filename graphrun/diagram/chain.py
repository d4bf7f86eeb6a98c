"""A chain of steps, each with what it takes from outside above it, on straight lines with even columns; a long one has several rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from graphrun.diagram.shapes import ARROW, WIDEST, Label, Line, Placed, Point, Size, arrow_line, back_rows, box_sizes, note_width
from graphrun.diagram.view import Arrow, Back, View

__all__ = ["chain_placed"]

COLUMN = 150.0  # between the middles of neighbouring steps where nothing needs more
FIRST_COLUMN = 135.0
ABOVE = 115.0  # from a step up to what it takes from outside
BELOW = 52.0  # from a step down to the backward arrow
TURN = 6.0  # where a line that comes around from the row above goes down
MOST_BOXES = 60


def chain_placed(view: View) -> Placed | None:
    """Places for a chain, or None where the view is another graph."""
    simple = len(view.boxes) <= MOST_BOXES and not view.panels and not any(arrow.rows for arrow in view.arrows)
    chain = _chain(view) if simple else None
    return None if chain is None else _Rows(view, chain).placed()


# -- which graphs are chains -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Chain:
    """The steps in order; for each the boxes above it (what it takes from outside, and steps that nothing uses); the box at the left."""

    steps: tuple[str, ...]
    above: tuple[tuple[str, ...], ...]
    first: str | None


def _chain(view: View) -> _Chain | None:
    """The chain that the view is, or None: every step uses the one before it and things that nothing else uses."""
    kinds = {box.id: box.kind for box in view.boxes}
    into: dict[str, list[str]] = {box.id: [] for box in view.boxes}
    out: dict[str, list[str]] = {box.id: [] for box in view.boxes}
    for arrow in view.arrows:
        into[arrow.head].append(arrow.tail)
        out[arrow.tail].append(arrow.head)
    ends = [box.id for box in view.boxes if into[box.id]]
    if not ends:
        return None
    end = next((box.id for box in view.boxes if box.kind == "loss"), ends[-1])
    steps = [end]
    while before := [i for i in into[steps[-1]] if into[i]]:
        if len(before) > 1:
            return None
        steps.append(before[0])
    steps.reverse()
    on = set(steps)
    above: dict[str, list[str]] = {i: [] for i in steps}
    for box in view.boxes:
        near = out[box.id] if not into[box.id] else into[box.id]
        if box.id in on:
            continue
        if len(near) != 1 or near[0] not in on or (into[box.id] and out[box.id]):
            return None
        above[near[0]].append(box.id)
    if len(steps) < 2 or any(len(found) > (3 if k == 0 else 2) for k, found in enumerate(above.values())):
        return None
    start = [i for i in above[steps[0]] if not into[i]]
    first = next((i for i in start if kinds[i] == "parameter"), start[0] if start else None)
    if first is not None:
        above[steps[0]].remove(first)
    if len(above[steps[0]]) > 2:
        return None
    return _Chain(tuple(steps), tuple(tuple(above[i]) for i in steps), first)


# -- laying a chain out ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Rows:
    """Lays a chain out in rows, filling in places, lines and labels."""

    view: View
    chain: _Chain
    boxes: dict[str, Point] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    sizes: dict[str, Size] = field(default_factory=dict)
    backs: dict[tuple[str, str], Back] = field(default_factory=dict)
    arrows: dict[tuple[str, str], Arrow] = field(default_factory=dict)
    hung: dict[str, tuple[str, ...]] = field(default_factory=dict)  # step → what stands above it
    turned: set[str] = field(default_factory=set)  # steps whose one box above has its product on the left
    rise: float = 0.0  # from a step up to what stands above it, and down to its backward arrow, the same in all rows
    drop: float = 0.0

    def placed(self) -> Placed:
        self.sizes = box_sizes(self.view)
        self.backs = {(b.tail, b.head): b for b in self.view.backs}
        self.arrows = {(a.tail, a.head): a for a in self.view.arrows}
        self.hung = dict(zip(self.chain.steps, self.chain.above, strict=True))
        tallest = max(self.sizes[i].height for i in self.chain.steps) / 2
        above = max((self.sizes[i].height for hung in self.chain.above for i in hung), default=0.0) / 2
        self.rise, self.drop = max(ABOVE, tallest + above + ARROW), max(BELOW, tallest + 20.0)
        order = [*([self.chain.first] if self.chain.first is not None else []), *self.chain.steps]
        y = 0.0
        k = 0
        while k < len(order):
            xs = self.columns(order, k)
            if k:
                y -= self.depth() + self.height(order[k : k + len(xs)])
            for name, x in zip(order[k:], xs, strict=False):
                self.boxes[name] = (x, y)
                self.hang(name)
            k += len(xs)
        for left, right in pairwise(order):
            self.join(left, right)
        return Placed(self.boxes, tuple(self.lines), tuple(self.labels))

    def columns(self, order: Sequence[str], start: int) -> list[float]:
        """Where the boxes of the row that begins with number `start` stand."""
        half = self.sizes[order[start]].width / 2
        x = half
        if start:  # the line that comes around goes down at the left
            note = self.handed_width(order[start - 1], order[start])
            x = max(FIRST_COLUMN, half + ARROW + 20.0, half + note, TURN + 14.0 + self.reach(order[start])[0])
        xs = [x]
        edge = x + self.reach(order[start])[1]  # how far the boxes above go to the right
        for before, name in pairwise(order[start:]):
            usual = FIRST_COLUMN if before == self.chain.first else COLUMN if self.view.backs else 0.0
            halves = (self.sizes[before].width + self.sizes[name].width) / 2
            nearest = x + max(usual, halves + ARROW, self.handed_width(before, name))
            found = self.fitting(name, nearest, edge)
            if found is None:
                break
            x = found
            xs.append(x)
            edge = max(edge, x + self.reach(name)[1])
        return xs

    def fitting(self, name: str, nearest: float, edge: float) -> float | None:
        """Where a step stands in a row of which `edge` is taken above, or None where it does not fit in."""
        for turn in (False, True):
            if turn and len(self.hung[name]) != 1:
                break
            (self.turned.add if turn else self.turned.discard)(name)
            left, right = self.reach(name)
            x = max(nearest, edge + left + 12.0 if left else 0.0)
            if x + max(self.sizes[name].width / 2, right) <= WIDEST:
                return x
        self.turned.discard(name)
        return None

    def handed_width(self, left: str, right: str) -> float:
        """The room that the product handed back from `right` to `left` takes between them."""
        back = self.backs.get((right, left))
        return note_width(back) + 16.0 if back is not None else 0.0

    def reach(self, name: str) -> tuple[float, float]:
        """How far what stands above a step goes to its left and right, with the products beside the arrows."""
        left = right = 0.0
        for k, (leaf, dx) in enumerate(self.spread(name)):
            half = self.sizes[leaf].width / 2
            back = self.backs.get((name, leaf))
            note = 22.0 + note_width(back) if back is not None else 0.0
            turned = self.side(name, k) < 0
            left = max(left, max(half, note if turned else 0.0) - dx)
            right = max(right, max(half, 0.0 if turned else note) + dx)
        return left, right

    def side(self, name: str, k: int) -> float:
        """On which side of its arrow the product of box k above a step is written."""
        return -1.0 if name in self.turned or (len(self.hung[name]) == 2 and k == 0) else 1.0

    def spread(self, name: str) -> list[tuple[str, float]]:
        """Boxes above a step and where they stand beside its middle."""
        hung = self.hung.get(name, ())
        if len(hung) < 2:
            return [(leaf, 0.0) for leaf in hung]
        left, right = (self.sizes[i].width / 2 for i in hung)
        return [(hung[0], -left - 8.0), (hung[1], right + 8.0)]

    def height(self, row: Sequence[str]) -> float:
        """From the middle of a row up to the top of it."""
        tops = [self.rise + self.sizes[i].height / 2 for name in row for i in self.hung.get(name, ())]
        return max([*tops, *(self.sizes[name].height / 2 for name in row)]) + 26.0

    def depth(self) -> float:
        """From the middle of a row down to the bottom of it."""
        return self.drop + (36.0 if any(b.symbols for b in self.view.backs) else 8.0 if self.view.backs else -12.0)

    def hang(self, name: str) -> None:
        """Puts the boxes above a step, with their arrows."""
        x, y = self.boxes[name]
        for k, (leaf, dx) in enumerate(self.spread(name)):
            self.boxes[leaf] = (x + dx, y + self.rise)
            up = (name, leaf) in self.arrows
            ends = (name, leaf) if up else (leaf, name)
            reach = math.copysign(min(self.sizes[name].width / 2 - 14.0, abs(dx)), dx) if dx else 0.0
            top, bottom = y + self.sizes[name].height / 2, y + self.rise - self.sizes[leaf].height / 2
            points = ((x + reach, top), (x + dx, bottom))
            self.lines.append(arrow_line(self.arrows[ends], points if up else points[::-1], ends))
            back = self.backs.get((name, leaf))
            if back is None:
                continue
            side = self.side(name, k)
            start, stop = (x + reach + side * 12.0, top), (x + dx + side * 12.0, bottom)
            self.lines.append(Line((start, stop), "back", tooltip=back.text))
            outer = max(start[0] * side, stop[0] * side) * side
            self.labels.append(Label((outer + side * (8.0 + note_width(back) / 2), (top + bottom) / 2), back_rows(back)))

    def join(self, left: str, right: str) -> None:
        """The arrows between neighbours on the chain, and around the end of a row."""
        arrow = self.arrows[left, right]
        (a, y), (b, z) = self.boxes[left], self.boxes[right]
        start, stop = (a + self.sizes[left].width / 2, y), (b - self.sizes[right].width / 2, z)
        if y == z:
            self.lines.append(arrow_line(arrow, (start, stop), (left, right)))
        else:
            gap = z + self.height([name for name in self.chain.steps if self.boxes[name][1] == z]) - 10.0
            around = ((start[0] + 16.0, y), (start[0] + 16.0, gap), (TURN, gap), (TURN, z))
            self.lines.append(arrow_line(arrow, (start, *around, stop), (left, right)))
        handed = self.backs.get((right, left))
        if handed is None:
            return
        head = a + 14.0 if y == z else TURN
        self.lines.append(Line(((b - 14.0, z - self.drop), (head, z - self.drop)), "back", tooltip=handed.text))
        middle = (b + head) / 2 - (0.0 if y == z else 7.0)
        self.labels.append(Label((middle, z - self.drop - 22.0), back_rows(handed)))
