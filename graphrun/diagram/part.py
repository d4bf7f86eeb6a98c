"""A part of a picture, and what a spec says about its boxes: their labels, the groups that they are drawn in, where a click leads."""

from __future__ import annotations

import difflib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from graphrun.diagram.text import clean, pretty_name
from graphrun.diagram.view import Box, Panel, Role, Row, View
from graphrun.errors import Diagnostic, UsageError

__all__ = ["around", "box_ids_of", "find_boxes", "grouped", "labelled", "linked", "within"]


def box_ids_of(view: View) -> dict[str, list[str]]:
    """Names that a person may call a box by → its ids: its id, what stands before the number of a unit, each of several in one box."""
    out: dict[str, list[str]] = {}
    for box in view.boxes:
        for name in dict.fromkeys((box.id, *box.id.split(","), box.id.partition("[")[0])):
            out.setdefault(name, []).append(box.id)
    return out


def find_boxes(view: View, name: str, also: Mapping[str, str] | None = None, what: str = "--focus") -> list[str]:
    """The ids of the boxes of that name; `also` gives for a name another one. Raises UsageError with the nearest."""
    known = box_ids_of(view)
    found = known.get(name) or known.get((also or {}).get(name, "")) or _inside(view, name)
    if found:
        return found
    near = difflib.get_close_matches(name, sorted({*known, *(also or {})}), n=1)
    hint = f"did you mean `{near[0]}`?" if near and near[0] != name else "`--expand` draws every step"
    raise UsageError(Diagnostic("unknown-name", f"{what}: there is no box `{name}` in this picture", help=hint))


def _inside(view: View, name: str) -> list[str]:
    """The ids of the boxes of a layer that is opened: those in its panel, or whose names begin with its own."""
    panels: set[str] = set()
    for panel in view.panels:  # each stands after the one around it
        if panel.id.endswith(f" {name}") or panel.parent in panels:
            panels.add(panel.id)
    return [box.id for box in view.boxes if box.panel in panels] or [box.id for box in view.boxes if box.id.startswith(f"{name}.")]


def around(view: View, ids: Iterable[str], radius: int) -> View:
    """The boxes that are at most `radius` arrows away from those of `ids`, against the arrows or along them. An input or a parameter is
    no way on: what else reads it is not near."""
    ends = {box.id for box in view.boxes if box.kind in ("input", "parameter")}
    near: dict[str, list[str]] = {}
    for arrow in view.arrows:
        near.setdefault(arrow.tail, []).append(arrow.head)
        near.setdefault(arrow.head, []).append(arrow.tail)
    far = dict.fromkeys(ids, 0)
    queue = deque(far)
    while queue:
        a = queue.popleft()
        if far[a] < radius and (a not in ends or far[a] == 0):
            for b in near.get(a, ()):
                if b not in far:
                    far[b] = far[a] + 1
                    queue.append(b)
    return within(view, far)


def within(view: View, ids: Iterable[str]) -> View:
    """The boxes of `ids`, with what flows between them. A line below the picture says how many are left out."""
    kept = set(ids)
    boxes = tuple(box for box in view.boxes if box.id in kept)
    left = len(view.boxes) - len(boxes)
    if not left:
        return view
    by_id = {panel.id: panel for panel in view.panels}
    panels: dict[str, Panel] = {}
    for box in boxes:
        name = box.panel
        while name in by_id and name not in panels:
            panels[name] = by_id[name]
            name = by_id[name].parent
    said = f"{len(boxes):,} of {len(view.boxes):,} boxes"
    return replace(
        view,
        boxes=boxes,
        arrows=tuple(a for a in view.arrows if a.tail in kept and a.head in kept),
        backs=tuple(b for b in view.backs if b.tail in kept and b.head in kept),
        panels=tuple(p for p in view.panels if p.id in panels),
        caption=f"{view.caption}\n{said}" if view.caption else said,
        legend=tuple(_legend(view.legend, boxes)),
        rows=(),
    )


_WORDS = {"yellow input": "input", "blue parameter": "parameter", "violet loss": "loss"}


def _legend(legend: Iterable[tuple[Role, str]], boxes: Sequence[Box]) -> Iterator[tuple[Role, str]]:
    """What of a legend still says something of these boxes."""
    kinds = {box.kind for box in boxes}
    for role, text in legend:
        left = " · ".join(part for part in text.split(" · ") if part not in _WORDS or _WORDS[part] in kinds)
        numbers = role not in ("value", "gradient") or any((b.value if role == "value" else b.gradient) for b in boxes)
        if left and numbers:
            yield role, left


# -- labels, groups, links ---------------------------------------------------------------------------------------------


def labelled(view: View, labels: Mapping[str, str], also: Mapping[str, str]) -> View:
    """The view with the spec's labels in the place of names; those of weights stand on their arrows. What is not drawn is left out."""
    known = box_ids_of(view)
    named = {i: text for name, text in labels.items() for i in known.get(name, known.get(also.get(name, ""), ()))}

    def box(b: Box) -> Box:
        text = named.get(b.id)
        return b if text is None else replace(b, name=clean(text), plain=clean(text), tooltip=b.tooltip or pretty_name(b.id))

    def rows(rows: tuple[Row, ...], weight: str) -> tuple[Row, ...]:
        text = labels.get(weight) if weight else None
        return rows if text is None or not rows else (((rows[0][0][0], clean(text)), *rows[0][1:]), *rows[1:])

    return replace(
        view,
        boxes=tuple(box(b) for b in view.boxes),
        arrows=tuple(replace(a, rows=rows(a.rows, a.weight)) for a in view.arrows),
    )


def grouped(view: View, groups: Mapping[str, str], also: Mapping[str, str]) -> View:
    """The view with the spec's groups as panels around their boxes, in the order in which the spec names them."""
    known = box_ids_of(view)
    panel_of: dict[str, str] = {}
    for name, group in groups.items():
        for i in known.get(name, known.get(also.get(name, ""), ())):
            panel_of[i] = f"group {group}"
    if not panel_of:
        return view
    free = {b.id for b in view.boxes if not b.panel}
    shown = dict.fromkeys(p for i, p in panel_of.items() if i in free)
    panels = tuple(Panel(p, (("ink", clean(p.removeprefix("group "))),)) for p in shown)
    boxes = tuple(replace(b, panel=panel_of[b.id]) if b.id in panel_of and b.id in free else b for b in view.boxes)
    backs = () if view.layout == "" and view.backs else view.backs  # a gradient that leaves a panel runs beside no arrow
    return replace(view, boxes=boxes, panels=(*view.panels, *panels), backs=backs, layout="")


def linked(view: View, address: Callable[[str], str]) -> View:
    """The view with links: `address` gives for a box's id where a click leads, or nothing."""
    return replace(view, boxes=tuple(replace(b, href=b.href or address(b.id)) for b in view.boxes))
