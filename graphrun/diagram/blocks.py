"""A view in columns, with its panels: each panel is laid out by itself and stands in the picture as one box; what it opens lies below.

Lengths are taken along the flow (x) and across it (y, upwards): from left to right as they are, from the top down turned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from graphrun.diagram.arranged import fanned, on_circle, with_backs, without_empty_panels
from graphrun.diagram.geometry import Rect, rect_around, straightened
from graphrun.diagram.labels import Route, apart, interrupted, labelled
from graphrun.diagram.layered import Flow, Laid, lay, without_repeats
from graphrun.diagram.shapes import (
    NOTE,
    SHEET,
    SHEETS,
    Frame,
    Label,
    Piece,
    Placed,
    Point,
    Size,
    TextRow,
    Wedge,
    arrow_line,
    box_sizes,
    label_rows,
    plain_row,
    row_width,
    rows_size,
)  # fmt: skip
from graphrun.diagram.view import Arrow, Box, Panel, View
from graphrun.diagram.wrap import wrapped

__all__ = ["blocks_placed"]

PADDING = 14.0
TITLE = 26.0
UNDER = 58.0  # from the picture down to a panel that opens a box
BESIDE = 10.0  # between two arrows of the same two boxes
NOTES = 11.0
ROUNDS = 4


@dataclass(frozen=True, slots=True)
class _Block:
    """A container laid out: its size, and from its lower left corner its items, the arrows within it and where arrows enter and leave."""

    size: Size
    at: Mapping[str, Point]
    routes: Mapping[int, tuple[Point, ...]]
    ports: Mapping[str, float]


def blocks_placed(view: View) -> Placed | None:
    """Places for a view. Gaps grow until no label touches anything, as far as a few rounds allow. None where an arrow comes back into a
    panel that another one has left: such a panel is no box that stands between two others."""
    view = with_backs(without_empty_panels(view))
    best: tuple[int, Placed] | None = None
    for round_ in range(ROUNDS):
        placer = _Placer(view, 1.0 + 0.15 * round_)
        found = placer.placed()
        if placer.circular:
            return None
        if best is None or found[0] < best[0]:
            best = found
        if not best[0]:
            break
    assert best is not None
    return apart(best[1], box_sizes(view)) if best[0] and view.layout == "net" else best[1]


@dataclass(slots=True)
class _Placer:
    view: View
    spread: float
    drawn: dict[str, Size] = field(default_factory=dict)  # boxes as they are drawn
    shift: dict[str, Point] = field(default_factory=dict)  # from the middle of the room that a box takes to the middle of the box
    room: dict[str, Size] = field(default_factory=dict)
    panels: dict[str, Panel] = field(default_factory=dict)
    around: dict[str, list[str]] = field(default_factory=dict)  # the containers of a box, the innermost first
    blocks: dict[str, _Block] = field(default_factory=dict)
    circular: bool = False

    def placed(self) -> tuple[int, Placed]:
        view = self.view
        self.drawn = self.tall_enough(box_sizes(view))
        self.panels = {panel.id: panel for panel in view.panels if panel.id}
        for box in view.boxes:
            size = self.drawn[box.id]
            more = SHEETS * SHEET if box.stacked else 0.0
            notes = rows_size(tuple(plain_row(row, NOTES) for row in box.below)) if box.below else Size(0.0, 0.0)
            if notes.width > size.width and any(arrow.kind != "forward" for arrow in view.arrows):  # else an arrow ends before the box
                size = self.drawn[box.id] = Size(notes.width, size.height)
            self.room[box.id] = self.turned(Size(max(size.width + more, notes.width), size.height + more + notes.height))
            self.shift[box.id] = (-more / 2 if size.width + more >= notes.width else 0.0), (notes.height - more) / 2
            self.around[box.id] = self.containers(box.panel)
        roots = ["", *(p.id for p in view.panels if p.opens)]
        inner = sorted((p for p in self.panels if p not in roots), key=lambda p: -len(self.containers(p)))
        for name in (*inner, *roots):
            self.blocks[name] = self.block(name)
        return self.assembled(roots)

    def tall_enough(self, sizes: dict[str, Size]) -> dict[str, Size]:
        """The sizes, with room on the sides for the arrows where gradients flow back."""
        backs = {(a.tail, a.head) for a in self.view.arrows if a.kind == "back"}
        into = Counter(a.head for a in self.view.arrows if backs and a.kind != "back")
        into.update(tail for tail, head in backs)
        for i, many in into.items():
            need = min(16.0 + 18.0 * (many - 1), 200.0)
            old = sizes[i]
            sizes[i] = Size(max(old.width, need), old.height) if self.view.direction == "TB" else Size(old.width, max(old.height, need))
        return sizes

    def turned(self, size: Size) -> Size:
        return Size(size.height, size.width) if self.view.direction == "TB" else size

    def real(self, p: Point) -> Point:
        """A point in the picture."""
        return (-p[1], -p[0]) if self.view.direction == "TB" else p

    def containers(self, panel: str) -> list[str]:
        """The panels around what is in `panel`, up to the picture itself ("") or a panel that opens something."""
        out: list[str] = []
        while panel in self.panels and panel not in out:
            out.append(panel)
            if self.panels[panel].opens:
                return out
            panel = self.panels[panel].parent
        return [*out, ""]

    # -- one container -------------------------------------------------------------------------------------------------

    def block(self, name: str) -> _Block:
        sizes = {f"b {i}": self.room[i] for i, chain in self.around.items() if chain[0] == name}
        sizes |= {f"p {p}": self.blocks[p].size for p in self.panels if p in self.blocks and self.containers(p)[1:2] == [name]}
        entering, leaving = {}, {}
        flows: list[Flow] = []
        numbers: list[int] = []
        beside = self.offsets()
        for k, arrow in enumerate(self.view.arrows):
            first, second = self.ends(arrow)
            ends = [self.item(first, name), self.item(second, name)]
            if ends == [None, None] or ends[0] == ends[1] or (name == "" and None in ends):
                continue
            port = f"o {first}"
            if ends[0] is None:
                entering[port] = Size(0.0, 0.0)
            if ends[1] is None:
                leaving[f"{port} out"] = Size(0.0, 0.0)
            rows = label_rows(arrow, self.view.layout)
            room = self.turned(rows_size(rows)) if rows else Size(0.0, 0.0)
            tail, head = ends[0] or port, ends[1] or f"{port} out"
            leaves, arrives = self.height(tail, first, True), self.height(head, first, False)
            if k in beside and None not in ends:
                leaves, arrives = leaves + beside[k], arrives + beside[k]
            flows.append(Flow(tail, head, leaves, arrives, room, arrow.kind != "back"))
            numbers.append(k)
        items = {**entering, **sizes, **leaving}
        laid = lay(items, flows, list(entering), list(leaving), self.spread)
        if any(arrow.kind == "back" for arrow in self.view.arrows):
            own = [i for i, chain in self.around.items() if chain[0] == name]
            drawn = {f"b {i}": self.turned(self.drawn[i]) for i in own}
            flows = fanned(flows, laid, drawn, {f"b {i}": self.height(f"b {i}", "", True) for i in own})
            laid = lay(items, flows, list(entering), list(leaving), self.spread)
        for flow in flows:
            solid = flow.tail[0] == "b" and flow.head[0] == "b"
            self.circular |= not solid and laid.rank[flow.tail] >= laid.rank[flow.head]
        if self.view.direction == "LR" and (name == "" or self.panels[name].opens):
            laid = wrapped(laid, {**sizes}, flows)
        return self.framed(name, laid, sizes, numbers, bool(entering), bool(leaving))

    def ends(self, arrow: Arrow) -> tuple[str, str]:
        """The boxes of an arrow along the flow: what flows back leaves its tail where things come in."""
        return (arrow.tail, arrow.head) if arrow.kind == "forward" else (arrow.head, arrow.tail)

    def item(self, box: str, name: str) -> str | None:
        """What stands for a box in a container: itself, the panel that holds it, or nothing."""
        chain = self.around[box]
        if name not in chain:
            return None
        k = chain.index(name)
        return f"b {box}" if k == 0 else f"p {chain[k - 1]}"

    def height(self, item: str, tail: str, leaves: bool) -> float:
        """Where an arrow meets an item, above its middle."""
        kind, _, name = item.partition(" ")
        if kind == "b":
            dx, dy = self.shift[name]
            return -dx if self.view.direction == "TB" else dy
        if kind == "p":
            return self.blocks[name].ports.get(f"o {tail} out" if leaves else f"o {tail}", 0.0)
        return 0.0

    def offsets(self) -> dict[int, float]:
        """Arrow → how far it runs beside the first one of the same two boxes."""
        seen: dict[frozenset[str], int] = {}
        out = {}
        for k, arrow in enumerate(self.view.arrows):
            pair = frozenset((arrow.tail, arrow.head))
            n = seen.get(pair, 0)
            seen[pair] = n + 1
            if n:
                out[k] = BESIDE * ((n + 1) // 2) * (-1.0 if n % 2 else 1.0)
        return out

    def framed(self, name: str, laid: Laid, sizes: Mapping[str, Size], numbers: list[int], entering: bool, leaving: bool) -> _Block:
        rects = [rect_around(laid.at[i], size) for i, size in sizes.items()]
        points = [p for route in laid.routes for p in route]
        xs = [r.x - r.half for r in rects] + [r.x + r.half for r in rects] + [p[0] for p in points]
        ys = [r.y - r.tall for r in rects] + [r.y + r.tall for r in rects] + [p[1] for p in points]
        left, right, low, high = min(xs, default=0.0), max(xs, default=0.0), min(ys, default=0.0), max(ys, default=0.0)
        if name:
            down = self.view.direction == "TB"
            left -= 0.0 if entering else PADDING
            right += 0.0 if leaving else PADDING
            low, high = low - PADDING, high + PADDING
            if down:
                left -= TITLE
            else:
                high += TITLE
            short = row_width(self.title(name)) + 2 * PADDING - (high - low if down else right - left)
            if short > 0 and down:
                low, high = low - short / 2, high + short / 2
            elif short > 0:
                right += short
        at = {i: (p[0] - left, p[1] - low) for i, p in laid.at.items()}
        routes = {}
        for k, route in zip(numbers, laid.routes, strict=True):
            moved = [(x - left, y - low) for x, y in route]
            if entering and moved and abs(moved[0][0] - TITLE) < 1e-6 and self.view.direction == "TB":
                moved.insert(0, (0.0, moved[0][1]))
            if leaving and name and self.item(self.ends(self.view.arrows[k])[1], name) is None:
                moved.append((right - left, moved[-1][1]))
            routes[k] = tuple(moved)
        middle = (high - low) / 2
        ports = {i: p[1] - middle for i, p in at.items() if i.startswith("o ")}
        return _Block(Size(right - left, high - low), at, routes, ports)

    def title(self, name: str) -> TextRow:
        pieces = self.panels[name].title
        return tuple(Piece(role, text, NOTE + 1.0, bold=k == 0 or role == "count") for k, (role, text) in enumerate(pieces))

    # -- the whole picture ---------------------------------------------------------------------------------------------

    def assembled(self, roots: list[str]) -> tuple[int, Placed]:
        corners = self.corners(roots)
        boxes: dict[str, Point] = {}
        frames: list[Frame] = []
        titles: list[Label] = []
        for box in self.view.boxes:
            name = self.around[box.id][0]
            x, y = self.blocks[name].at[f"b {box.id}"]
            middle = self.real((corners[name][0] + x, corners[name][1] + y))
            dx, dy = self.shift[box.id]
            boxes[box.id] = middle[0] + dx, middle[1] + dy
        for name in sorted(self.panels, key=lambda p: len(self.containers(p))):
            size = self.blocks[name].size
            x, y = self.real((corners[name][0] + size.width / 2, corners[name][1] + size.height / 2))
            seen = self.turned(size)
            frames.append(Frame((x, y), seen, self.panels[name].stacked))
            title = self.title(name)
            if title:
                left = x - seen.width / 2 + PADDING + row_width(title) / 2
                titles.append(Label((left, y + seen.height / 2 - TITLE / 2 - 1.0), (title,)))
        notes = self.notes(boxes)
        rects = {box.id: self.rect(box, boxes[box.id]) for box in self.view.boxes}
        others = [rect_around(label.at, rows_size(label.rows)) for label in (*titles, *notes)]
        walls = [r.grown(7.0) for r in rects.values()] + others
        routes = []
        round_ = {box.id for box in self.view.boxes if "circle" in box.outline}
        for k, a in enumerate(self.view.arrows):
            points = self.route(k, corners)
            free = [wall for wall in walls if not any(wall.holds(p) for p in (*points[:1], *points[-1:]))]
            own = [rects[i].grown(-1.0) for i in (a.tail, a.head)]
            if not self.turns_back(points):
                points = straightened(points, [*free, *own])
            if points:
                first, last = (on_circle(p, rects[i]) if i in round_ else p for p, i in ((points[0], a.tail), (points[-1], a.head)))
                points = (first, *points[1:-1], last)
            line = arrow_line(a, points, ("", ""))
            routes += [Route(line, label_rows(a, self.view.layout))] if len(points) > 1 else []
        lines, labels, hits = labelled(routes, rects, others)
        lines = [part for line in lines for part in interrupted(line, [rect_around(t.at, rows_size(t.rows)) for t in (*titles, *notes)])]
        found = {p.opens: self.wedge(p, boxes, corners) for p in self.panels.values() if p.opens in boxes and p.id in roots}
        wedges = tuple(w for i, w in found.items() if not any(_crosses(w, r) for b, r in rects.items() if b != i))
        return hits, Placed(boxes, tuple(lines), (*titles, *notes, *labels), tuple(frames), wedges, self.drawn)

    def turns_back(self, points: tuple[Point, ...]) -> bool:
        """Whether a line comes around the end of a row: such a one keeps its corners."""
        steps = [b[1] - a[1] if self.view.direction == "TB" else b[0] - a[0] for a, b in pairwise(points)]
        return min(steps, default=0.0) < -0.01 and max(steps, default=0.0) > 0.01

    def rect(self, box: Box, at: Point) -> Rect:
        """The place of a box with the sheets behind it."""
        more = SHEETS * SHEET / 2 if box.stacked else 0.0
        found = rect_around(at, self.drawn[box.id], more)
        return Rect(found.x + more, found.y + more, found.half, found.tall)

    def corners(self, roots: list[str]) -> dict[str, Point]:
        """The lower left corner of each container along the flow; what is opened lies below the picture."""
        out: dict[str, Point] = {}
        down = self.view.direction == "TB"
        end = 0.0
        for name in roots:
            size = self.blocks[name].size
            if down:
                out[name] = (end, -size.height / 2)
                end += size.width + UNDER
            else:
                out[name] = (0.0, end - size.height)
                end -= size.height + UNDER
        for name in sorted((p for p in self.panels if p not in out), key=lambda p: len(self.containers(p))):
            parent = self.containers(name)[1]
            x, y = self.blocks[parent].at[f"p {name}"]
            size = self.blocks[name].size
            out[name] = out[parent][0] + x - size.width / 2, out[parent][1] + y - size.height / 2
        return out

    def route(self, k: int, corners: Mapping[str, Point]) -> tuple[Point, ...]:
        """An arrow through all containers that it passes, from its tail's to its head's."""
        arrow = self.view.arrows[k]
        first, second = self.ends(arrow)
        up, down = self.around[first], self.around[second]
        shared = next((c for c in up if c in down), None)
        before = up[: up.index(shared)] if shared is not None else up
        after = down[: down.index(shared)] if shared is not None else down
        chain = [*before, *([shared] if shared is not None else []), *reversed(after)]
        points: list[Point] = []
        for name in chain:
            x, y = corners[name]
            points += [(x + a, y + b) for a, b in self.blocks[name].routes.get(k, ())]
        if shared is None and points and k not in self.blocks[after[-1]].routes:
            return ()
        found = tuple(self.real(p) for p in without_repeats(points))
        return found if arrow.kind == "forward" else found[::-1]

    def notes(self, boxes: Mapping[str, Point]) -> list[Label]:
        """What stands below the boxes."""
        out = []
        for box in self.view.boxes:
            if box.below:
                rows = tuple(plain_row(row, NOTES) for row in box.below)
                x, y = boxes[box.id]
                out.append(Label((x, y - self.drawn[box.id].height / 2 - rows_size(rows).height / 2), rows))
        return out

    def wedge(self, panel: Panel, boxes: Mapping[str, Point], corners: Mapping[str, Point]) -> Wedge:
        """From the box that is opened to the panel that shows its inside."""
        x, y = boxes[panel.opens]
        size, inner = self.drawn[panel.opens], self.turned(self.blocks[panel.id].size)
        own = self.blocks[panel.id].size
        px, py = self.real((corners[panel.id][0] + own.width / 2, corners[panel.id][1] + own.height / 2))
        top = py + inner.height / 2
        half, low = size.width / 2 - 6.0, y - size.height / 2
        return Wedge(((x - half, low), (x + half, low), (px - inner.width / 2 + 8.0, top), (px + inner.width / 2 - 8.0, top)))


def _crosses(wedge: Wedge, rect: Rect) -> bool:
    """Whether a line of a wedge runs through a box: such a one is left out, the panel's title says what is opened."""
    a, b, c, d = wedge.corners
    return rect.cuts(a, c) is not None or rect.cuts(b, d) is not None
