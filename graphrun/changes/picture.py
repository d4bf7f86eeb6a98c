"""The difference as a view: both graphs in one, what changed marked, the rest as it was, and the lists below."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from graphrun.changes.facts import Detail, Difference, Entry, EntryChange
from graphrun.changes.told import Line, Section, head, sections, short, totals
from graphrun.diagram.shapes import ARROW, WIDEST, box_size
from graphrun.diagram.text import clipped, pretty, pretty_name, text_width
from graphrun.diagram.view import Arrow, Box, Kind, Mark, Role, Row, View
from graphrun.diagram.words import SMALL

__all__ = ["changes_view"]

MOST_BOXES = 60
"""Of more entries those that are as they were and stand beside none that changed are left out; then parameters; then others."""

MOST_PARAMS = 8
MOST_LINES = 12
COLUMN = 330.0
_MARKS: Mapping[str, Mark] = {"added": "+", "removed": "-", "changed": "~", "rewritten": "~", "follows": "follows"}
_ROLES: Mapping[str, Role] = {"+": "value", "-": "gradient", "~": "changed", ".": "muted"}
_SIGNS = {"+": "+", "-": "−", "~": "~", ".": "·"}


def changes_view(difference: Difference, direction: str | None = None) -> View:
    """The picture of what changed: from left to right where that is not too wide."""
    shown, left_out = _shown(difference)
    ids = {id(e): f"{k}" for k, e in enumerate(shown)}
    before = {e.before.name: ids[id(e)] for e in shown if e.before is not None}
    after = {e.after.name: ids[id(e)] for e in shown if e.after is not None}
    boxes = tuple(_box(e, ids[id(e)]) for e in shown)
    said = totals(difference.totals)
    title = f"graphrun diff {head(difference)}"
    top: Row = (("ink", title + ("\u2003" if said else "")), *((("count", said),) if said else ()))
    untouched = sum(1 for e in difference.entries if e.change == "same" and not e.renamed)
    caption = ""
    if left_out:
        caption = f"{left_out:,} entries {'that are as they were ' if left_out <= untouched else ''}are left out"
    marks: set[str] = {b.mark for b in boxes} | {line.sign for s in sections(difference) for line in s.lines}
    arrows = tuple(_arrows(shown, before, after))
    return View(
        title=title,
        boxes=boxes,
        arrows=arrows,
        caption=caption,
        legend=tuple(_legend(marks)),
        direction=direction or ("LR" if _width(boxes, arrows) <= WIDEST else "TB"),
        rows=tuple(_lists(sections(difference))),
        head=top,
    )


def _shown(difference: Difference) -> tuple[list[EntryChange], int]:
    """The entries that are drawn, and how many are not. Parameters are drawn where they changed, or where they are few."""
    params = sum(1 for e in difference.entries if e.entry.kind == "parameter")
    entries = [e for e in difference.entries if e.entry.kind != "parameter" or params <= MOST_PARAMS or e.change != "same" or e.renamed]
    if len(entries) <= MOST_BOXES:
        return entries, 0
    near: set[str] = set()
    for e in difference.changed:
        near.update(n for side in (e.before, e.after) if side is not None for n in (side.name, *side.operands))
    kept = [
        e for e in entries
        if e.change != "same" or e.renamed or e.entry.name in near or (e.after is not None and near.intersection(e.after.operands))
    ]  # fmt: skip
    if len(kept) > MOST_BOXES:
        kept = [e for e in kept if e.entry.kind != "parameter"]
    if len(kept) > MOST_BOXES:
        kept = [e for e in kept if e.change != "same" or e.renamed][:MOST_BOXES]
    return kept, len(entries) - len(kept)


def _width(boxes: Sequence[Box], arrows: Sequence[Arrow]) -> float:
    """How wide the picture would be from left to right: the widest box of each column, and the arrows between."""
    column = dict.fromkeys((box.id for box in boxes), 0)
    users: dict[str, list[str]] = {}
    waiting = dict.fromkeys(column, 0)
    for arrow in arrows:
        users.setdefault(arrow.tail, []).append(arrow.head)
        waiting[arrow.head] += 1
    ready = [i for i, n in waiting.items() if not n]
    while ready:
        i = ready.pop()
        for j in users.get(i, ()):
            column[j] = max(column[j], column[i] + 1)
            waiting[j] -= 1
            if not waiting[j]:
                ready.append(j)
    widest: dict[int, float] = {}
    for box in boxes:
        widest[column[box.id]] = max(widest.get(column[box.id], 0.0), box_size(box).width)
    return sum(widest.values()) + ARROW * (len(widest) - 1)


# -- boxes and arrows --------------------------------------------------------------------------------------------------


def _box(e: EntryChange, key: str) -> Box:
    entry = e.entry
    kind: Kind = "loss" if entry.loss else "step" if entry.kind == "node" else entry.kind
    mark = _MARKS.get(e.change, "")
    words = {"+": "+ added", "-": "− removed", "~": "~ changed", "follows": "~"}
    word = words.get(mark, "")
    if e.renamed:
        word = "~ renamed" + (" and changed" if mark == "~" else "")
        mark = mark or "~"
    if e.follows or e.change == "follows":
        mark = "follows"
        shown = 2 if len("".join(e.follows[:2])) < 12 else 1
        causes = ", ".join(map(pretty_name, e.follows[:shown])) + (", …" if len(e.follows) > shown else "")
        word = f"{word}, follows {causes}" if e.renamed else f"follows {causes}".rstrip()
    name = f"{pretty_name(e.before.name)} → {pretty_name(entry.name)}" if e.renamed and e.before else pretty_name(entry.name)
    formula = "" if any(d.kind == "formula" for d in e.details) or entry.kind != "node" else short(pretty(entry.formula), 48)
    tooltip = f"{entry.name} = {entry.formula}" if entry.kind == "node" else entry.name
    plain = f"{e.before.name} → {entry.name}" if e.renamed and e.before else entry.name
    return Box(key, kind, name, formula, tooltip=tooltip, rows=tuple(_rows(e)), mark=mark, mark_text=word, plain=plain)


def _rows(e: EntryChange) -> Iterable[Row]:
    for d in e.details:
        if d.kind != "operand":
            yield from _detail_rows(d)
    a, b = e.before, e.after
    if a is None or b is None:
        if e.entry.kind == "node" and e.entry.count:
            yield (("count", f"{e.entry.count:,}"), ("muted", "parameters" if e.entry.count != 1 else "parameter"))
        return
    if a.shape != b.shape and a.shape and b.shape:
        yield (("muted", f"{a.shape} →"), ("ink", b.shape))
    if a.kind == "node" and a.count != b.count and a.dtype and b.dtype:
        yield (("muted", f"{a.count:,} →"), ("count", f"{b.count:,}"), ("muted", "parameters"))


def _detail_rows(d: Detail) -> Iterable[Row]:
    before, after = short(pretty(d.before), 30), short(pretty(d.after), 30)
    label: Row = (("muted", {"init": "from", "default": "default"}.get(d.label, d.label)),) if d.label else ()
    if d.kind == "stage" and not (before and after):
        yield (("changed", f"{'−' if before else '+'} {before or after}"),)
    elif len(before) + len(after) > 24:
        yield (*label, ("muted", f"{before} →"))
        yield (("changed", after or "none"),)
    else:
        yield (*label, ("changed", f"{before or 'none'} → {after or 'none'}"))


def _arrows(shown: Sequence[EntryChange], before: Mapping[str, str], after: Mapping[str, str]) -> Iterable[Arrow]:
    """The arrows that are there now, new ones marked, then those that are gone."""
    was: set[tuple[str, str]] = set()
    for e in shown:
        was.update(_pairs(e.before, before))
    now: set[tuple[str, str]] = set()
    for e in shown:
        for pair in _pairs(e.after, after):
            now.add(pair)
            new = pair not in was
            yield Arrow(*pair, mark="+" if new else "")
    for e in shown:
        for pair in _pairs(e.before, before):
            if pair not in now:
                yield Arrow(*pair, mark="-")


def _pairs(entry: Entry | None, ids: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    if entry is not None:
        yield from ((ids[n], ids[entry.name]) for n in entry.operands if n in ids and n != entry.name)


# -- words -------------------------------------------------------------------------------------------------------------


def _lists(found: Sequence[Section]) -> Iterable[Row]:
    """Two columns: what changed in the graph, and beside it what changed in the spec's other keys."""
    left: list[Cell] = []
    right: list[Cell] = []
    for section in found:
        lines = [line for line in section.lines if section.title != "parameters" or not _of_layer(line)]
        if section.title in ("cost", "expect") or not lines:
            continue
        column = left if section.title in ("graph", "parameters") else right
        cells: list[Cell] = [("muted", "", "")] if column else []
        cells.append(("muted", section.title, ""))
        for line in lines[:MOST_LINES]:
            beside = f"\u2002{line.facts}" if section.title not in ("graph", "parameters") and line.facts else ""
            cells.append((_ROLES[line.sign], _SIGNS[line.sign], pretty(line.text) + beside))
        if len(lines) > MOST_LINES:
            cells.append(("muted", f"… and {len(lines) - MOST_LINES:,} more", ""))
        column.extend(cells)
    if not left:
        left, right = right, []
    if left:
        yield ()
    for k in range(max(len(left), len(right))):
        row = list(_cell(left[k] if k < len(left) else None, COLUMN if k < len(right) else 0.0))
        yield tuple(row + (list(_cell(right[k], 0.0)) if k < len(right) else []))
    if left:
        yield ()


Cell = tuple[Role, str, str]


def _of_layer(line: Line) -> bool:
    return "." in line.text.partition(" ")[0] or line.text[:1].isdigit()


def _cell(cell: Cell | None, width: float) -> Iterable[tuple[Role, str]]:
    """The pieces of a cell, the last one padded to the width of its column."""
    role, sign, text = cell or ("muted", "", "")
    gap = 2 * text_width(" ", SMALL)
    bold = role in ("value", "gradient", "changed")
    used = text_width(sign, SMALL, bold)
    if text:
        yield role, sign
        used += gap
        text = clipped(text, SMALL, COLUMN - used - 2 * gap)
        used += text_width(text, SMALL)
        role, sign = "ink", text
    yield role, sign + _room(width - used, bold and not text)


def _room(width: float, bold: bool) -> str:
    """Blanks that are so wide together: no-break spaces, then hair spaces."""
    out = ""
    for blank in ("\u00a0", "\u200a"):
        one = text_width(blank, SMALL, bold)
        count = max(int(width / one), 0)
        out += blank * count
        width -= count * one
    return out


def _legend(marks: set[str]) -> Iterable[tuple[Role, str]]:
    if "+" in marks:
        yield "value", "+ added"
    if "-" in marks:
        yield "gradient", "− removed, dashed"
    if "~" in marks:
        yield "changed", "~ changed"
    if "follows" in marks:
        yield "muted", "dotted border: only follows from another change"
    yield "muted", "grey: as it was"
