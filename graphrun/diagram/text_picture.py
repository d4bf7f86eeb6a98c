"""A view as text for a terminal: boxes and lines of characters where they fit, else a list in order of computation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from graphrun.diagram.characters import Canvas, cells, clip_cells, plain_lines
from graphrun.diagram.layered import Flow, Laid, lay
from graphrun.diagram.mermaid import plain_text
from graphrun.diagram.shapes import Size
from graphrun.diagram.text import clean
from graphrun.diagram.view import Arrow, Box, Row, View
from graphrun.ir.formula import to_ascii

__all__ = ["to_text"]

MOST_BOXES = 40
MOST_ARROWS = 80
WIDE, TALL = 8.0, 16.0  # a cell in the units of the layout
LONGEST = 24


def to_text(view: View, *, width: int = 80, ascii: bool = False) -> str:
    """The view as text of at most `width` columns. With `ascii` no sign is used that a terminal may lack."""
    view = _spelled(view, lambda t: to_ascii(plain_text(clean(t))).encode("ascii", "replace").decode() if ascii else clean(t))
    picture: str | None = None
    if len(view.boxes) <= MOST_BOXES and len(view.arrows) <= MOST_ARROWS:
        shorter = replace(view, arrows=tuple(replace(a, rows=tuple(row[:1] for row in a.rows)) for a in view.arrows))
        picture = _picture(view, width) or _picture(shorter, width)
    parts = [picture if picture is not None else _list(view, width)]
    parts += [_wrapped(" ".join(text for _, text in row).replace("\u2003", "   "), width) for row in view.rows]
    parts += [_wrapped(view.caption, width)] if view.caption else []
    if any(box.value or box.gradient for box in view.boxes):
        said = [text for _, text in view.legend if text.startswith(("value", "∂", "d gradient"))]
        parts += [_wrapped(", ".join(said), width)] if said else []
    text = "\n\n".join(part for part in parts if part.strip())
    return (plain_lines(text).replace("−", "-").replace("·", "*").replace("∂", "d") if ascii else text) + "\n"


def _spelled(view: View, spell: Callable[[str], str]) -> View:
    """The view with all of its texts spelled anew, each on one line."""

    def rows(given: Sequence[Row]) -> tuple[Row, ...]:
        return tuple(tuple((role, spell(text)) for role, text in row) for row in given)

    def box(b: Box) -> Box:
        shown = replace(b, name=spell(b.name), formula=spell(b.formula), value=spell(b.value), gradient=spell(b.gradient))
        return replace(shown, rows=rows(b.rows), below=rows(b.below))

    return replace(
        view,
        boxes=tuple(box(b) for b in view.boxes),
        arrows=tuple(replace(a, rows=rows(a.rows)) for a in view.arrows),
        caption=spell(view.caption),
        legend=tuple((role, spell(text)) for role, text in view.legend),
        rows=rows(view.rows),
    )


# -- boxes and lines ---------------------------------------------------------------------------------------------------


def _texts(box: Box) -> list[str]:
    """The lines within a box."""
    sign = {"+": "+ ", "-": "− ", "~": "~ ", "follows": "~ ", "": ""}[box.mark]
    lines = [sign + (box.name or "·"), clean(box.formula), *(clean(" ".join(t for _, t in row)) for row in box.rows)]
    numbers = "  ".join(filter(None, (clean(box.value), f"∂ {clean(box.gradient)}" if box.gradient else "")))
    lines += [numbers, *(clean(" ".join(t for _, t in row)) for row in box.below)]
    return [clip_cells(line, LONGEST) for line in lines if line]


def _label(arrow: Arrow) -> str:
    """An arrow's label on one line: the name of the weight or the operation, with its value."""
    rows = [" ".join(text for _, text in row) for row in arrow.rows[:1]]
    return clip_cells(clean(rows[0]) if rows else "", LONGEST)


def _picture(view: View, width: int) -> str | None:
    """Boxes from left to right, or None where they are wider than the terminal."""
    arrows = [a for a in view.arrows if a.kind == "forward" and a.tail != a.head]
    texts = {box.id: _texts(box) for box in view.boxes}
    into = {box.id: [k for k, a in enumerate(arrows) if a.head == box.id] for box in view.boxes}
    order = dict.fromkeys(range(len(arrows)), 0.0)
    laid: Laid | None = None
    for _ in range(2):  # once to see from where arrows arrive, once to let each arrive on a line of its own
        sizes, flows = _sized(view, texts, into, arrows, order)
        laid = lay(sizes, flows)
        for ways in into.values():
            ranked = sorted(ways, key=lambda k: (-_before(laid, k), k))
            order |= {k: float(n) for n, k in enumerate(ranked)}
    assert laid is not None
    if any(laid.rank[a.tail] >= laid.rank[a.head] for a in arrows):
        return None
    found = _Picture(view, arrows, texts, into, laid, order)
    if found.tangled or found.width() > width:
        return None
    return found.drawn()


def _before(laid: Laid, k: int) -> float:
    """The height from which an arrow comes, just before its head."""
    route = laid.routes[k]
    return route[-3][1] if len(route) > 2 else route[0][1]


def _sized(
    view: View, texts: Mapping[str, Sequence[str]], into: Mapping[str, Sequence[int]], arrows: Sequence[Arrow], order: Mapping[int, float]
) -> tuple[dict[str, Size], list[Flow]]:
    sizes = {i: Size((max(map(cells, lines)) + 4) * WIDE, _rows(lines, into[i]) * TALL) for i, lines in texts.items()}
    flows = []
    for k, a in enumerate(arrows):
        many = len(into[a.head])
        flows.append(Flow(a.tail, a.head, 0.0, ((many - 1) / 2 - order[k]) * TALL))
    return sizes, flows


def _rows(lines: Sequence[str], ways: Sequence[int]) -> int:
    """The height of a box in lines: odd or even as the arrows that arrive are, so that one line stands in the middle."""
    rows = max(len(lines), len(ways)) + 2
    return rows + (rows - len(ways)) % 2 if len(ways) > 1 else rows


class _Picture:
    def __init__(
        self,
        view: View,
        arrows: Sequence[Arrow],
        texts: Mapping[str, Sequence[str]],
        into: Mapping[str, Sequence[int]],
        laid: Laid,
        order: Mapping[int, float],
    ) -> None:
        self.view, self.arrows, self.texts, self.into, self.laid, self.order = view, arrows, texts, into, laid, order
        self.many = len(laid.columns)
        self.widths = [0] * self.many
        for i, lines in texts.items():
            self.widths[laid.rank[i]] = max(self.widths[laid.rank[i]], max(map(cells, lines)) + 4)
        self.tops = {i: round(-laid.at[i][1] / TALL - _rows(lines, into[i]) / 2) for i, lines in texts.items()}
        self.ways = [self.way(k) for k in range(len(arrows))]
        self.untangle()
        self.tangled = False
        self.lanes = [self.gap(r) for r in range(self.many - 1)]
        self.left = [0]
        for r in range(self.many - 1):
            labels = max((cells(_label(a)) for k, a in enumerate(arrows) if laid.rank[a.head] == r + 1 and _label(a)), default=-1)
            room = 2 * max(len(self.lanes[r]), 1) + 2 + (labels + 2 if labels >= 0 else 0)
            self.left.append(self.left[-1] + self.widths[r] + room)

    def width(self) -> int:
        return self.left[-1] + self.widths[-1]

    def way(self, k: int) -> list[int]:
        """The line on which an arrow runs in each column from its tail's to its head's."""
        a = self.arrows[k]
        first, last = self.laid.rank[a.tail], self.laid.rank[a.head]
        rows = _rows(self.texts[a.tail], self.into[a.tail])
        out = [self.tops[a.tail] + rows // 2]
        for r in range(first + 1, last):
            low, high = self.laid.columns[r]
            out.append(self.free(r, round(-_at(self.laid.routes[k], (low + high) / 2) / TALL)))
        rows, many = _rows(self.texts[a.head], self.into[a.head]), len(self.into[a.head])
        return [*out, self.tops[a.head] + (rows - many) // 2 + int(self.order[k])]

    def free(self, r: int, y: int) -> int:
        """The line nearest to y that runs through no box of a column."""
        taken = set()
        for i, top in self.tops.items():
            if self.laid.rank[i] == r:
                taken |= set(range(top, top + _rows(self.texts[i], self.into[i])))
        return next(z for d in range(1000) for z in (y + d, y - d) if z not in taken)

    def gap(self, r: int) -> dict[tuple[int, int], int]:
        """The upright lanes after a column: one for each place from which lines turn off."""
        turning: dict[tuple[int, int], None] = {}
        for k, a in enumerate(self.arrows):
            n = r - self.laid.rank[a.tail]
            if 0 <= n < len(self.ways[k]) - 1 and self.ways[k][n] != self.ways[k][n + 1]:
                turning[self.lane(k, n)] = None
        after = {t: {s for s in turning if s != t and t[0] in self.arrivals(r, s)} for t in turning}  # these must turn off later
        order: list[tuple[int, int]] = []
        left = sorted(turning, key=lambda t: -t[0])
        while left:
            free = next((t for t in left if not any(t in after[s] for s in left if s != t)), None)
            self.tangled |= free is None
            order.append(free or left[0])
            left.remove(order[-1])
        return {t: n for n, t in enumerate(order)}

    def arrivals(self, r: int, lane: tuple[int, int]) -> set[int]:
        """The lines on which those of a lane go on after it."""
        out = set()
        for k, a in enumerate(self.arrows):
            n = r - self.laid.rank[a.tail]
            if 0 <= n < len(self.ways[k]) - 1 and self.lane(k, n) == lane:
                out.add(self.ways[k][n + 1])
        return out

    def untangle(self) -> None:
        """Moves boxes by a line where that keeps lines from running into each other."""
        for i, ways in self.into.items():
            if len(ways) < 2:
                continue
            start = self.tops[i]
            best = (self.clashes(), start)
            for d in (1, -1):
                self.tops[i] = start + d
                if self.apart(i):
                    self.ways = [self.way(k) for k in range(len(self.arrows))]
                    best = min(best, (self.clashes(), start + d), key=lambda t: t[0])
            self.tops[i] = best[1]
            self.ways = [self.way(k) for k in range(len(self.arrows))]

    def apart(self, i: str) -> bool:
        """Whether a box keeps off the others of its column."""
        own = self.tops[i], self.tops[i] + _rows(self.texts[i], self.into[i])
        near = [j for j in self.tops if j != i and self.laid.rank[j] == self.laid.rank[i]]
        others = [(self.tops[j], self.tops[j] + _rows(self.texts[j], self.into[j])) for j in near]
        return all(own[1] <= a or own[0] >= b for a, b in others)

    def clashes(self) -> int:
        """How often a line goes on where one of another box comes in."""
        starts: dict[tuple[int, int], set[str]] = {}
        for k, a in enumerate(self.arrows):
            for n, y in enumerate(self.ways[k][:-1]):
                starts.setdefault((self.laid.rank[a.tail] + n, y), set()).add(a.tail)
        total = 0
        for k, a in enumerate(self.arrows):
            for n, z in enumerate(self.ways[k][1:]):
                total += len(starts.get((self.laid.rank[a.tail] + n, z), set()) - {a.tail})
        return total

    def lane(self, k: int, n: int) -> tuple[int, int]:
        """Lines of one tail share a lane; others of the same height do not."""
        return self.ways[k][n], list(self.texts).index(self.arrows[k].tail)

    def drawn(self) -> str:
        canvas = Canvas()
        for k, a in enumerate(self.arrows):
            first = self.laid.rank[a.tail]
            x = self.left[first] + self.widths[first] - 1
            for n, (y, z) in enumerate(pairwise(self.ways[k])):
                r = first + n
                lane = self.left[r] + self.widths[r] + 1 + 2 * self.lanes[r].get(self.lane(k, n), 0)
                if y != z:
                    canvas.across(x, lane, y)
                    canvas.along(lane, y, z)
                    x = lane
                if n + 2 == len(self.ways[k]):
                    end = self.left[r + 1] + (self.widths[r + 1] - max(map(cells, self.texts[a.head])) - 4) // 2
                    canvas.across(x, end - 1, z)
                    canvas.text(end - 1, z, "▶")
                    said = _label(a)
                    if said:
                        canvas.text(self.left[r + 1] - 2 - cells(said), z, said)
                else:
                    canvas.across(x, self.left[r + 1], z)
                    x = self.left[r + 1]
        for box in self.view.boxes:
            lines = self.texts[box.id]
            r, wide = self.laid.rank[box.id], max(map(cells, lines)) + 4
            x, y, rows = self.left[r] + (self.widths[r] - wide) // 2, self.tops[box.id], _rows(lines, self.into[box.id])
            tail = any(a.tail == box.id for a in self.arrows)
            if tail:
                canvas.across(x + wide - 1, self.left[r] + self.widths[r], y + rows // 2)
            canvas.box(x, y, wide, rows, heavy=box.lit)
            for n, line in enumerate(lines):
                canvas.text(x + 2 + (wide - 4 - cells(line)) // 2, y + (rows - len(lines)) // 2 + n, line)
            if tail:
                canvas.text(x + wide - 1, y + rows // 2, "╟" if box.lit else "├")
        return canvas.written()


def _at(route: Sequence[tuple[float, float]], x: float) -> float:
    """The height of a line at x."""
    for (a, b), (c, d) in pairwise(route):
        if a <= x <= c and c > a:
            return b + (d - b) * (x - a) / (c - a)
    return route[-1][1]


# -- a list ------------------------------------------------------------------------------------------------------------


def _list(view: View, width: int) -> str:
    """A line for each box in order of computation, with what it is made of."""
    into: dict[str, list[Arrow]] = {}
    for a in view.arrows:
        if a.kind == "forward":
            into.setdefault(a.head, []).append(a)
    names = {box.id: box.name for box in view.boxes}
    lines = []
    wide = min(max((cells(name) for name in names.values()), default=0), 28)
    for box in view.boxes:
        made = ", ".join(names[a.tail] + (f" ─{_label(a)}─" if a.rows else "") for a in into.get(box.id, ()))
        numbers = "  ".join(filter(None, (clean(box.value), f"∂ {clean(box.gradient)}" if box.gradient else "")))
        rows = " · ".join(clean(" ".join(t for _, t in row)) for row in box.rows)
        said = clean(box.formula) or rows or (f"← {made}" if made else box.kind)
        if into.get(box.id) and said and not said.startswith("←"):
            said = f"{said}   ← {made}"
        name = clip_cells(("▸ " if box.lit else "  ") + box.name, wide + 2)
        start = name + " " * (wide + 4 - cells(name))
        room = width - cells(start) - (cells(numbers) + 2 if numbers else 0)
        text = clip_cells(said, max(room, 8))
        gap = max(width - cells(start) - cells(text) - cells(numbers), 2)
        lines.append((start + text + (" " * gap + numbers if numbers else "")).rstrip())
    return "\n".join(clip_cells(line, width) for line in lines)


def _wrapped(text: str, width: int) -> str:
    """A text in lines of at most `width` cells."""
    lines, line = [], ""
    for word in clean(text).split(" "):
        longer = f"{line} {word}" if line else word
        if line and cells(longer) > width:
            lines.append(line)
            longer = word
        line = clip_cells(longer, width)
    return "\n".join([*lines, line.rstrip()])
