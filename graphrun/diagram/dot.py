"""A view as DOT, Graphviz's language: the same text for the same view, whatever names and formulas hold.

Names and formulas stand in HTML-like labels and in quoted strings, escaped for each; no record labels are used.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from graphrun.diagram.dot_text import box_ids, html_row, html_rows, inches, link, pinned, quoted, string, table
from graphrun.diagram.look import Look, arrow_look, box_look, line_look
from graphrun.diagram.palette import LIGHT
from graphrun.diagram.place import place
from graphrun.diagram.shapes import (
    NAME,
    NOTE,
    RING,
    SHEET,
    SHEETS,
    Label,
    Line,
    Piece,
    Placed,
    Point,
    Size,
    back_rows,
    box_rows,
    box_sizes,
    label_rows,
    rows_size,
)  # fmt: skip
from graphrun.diagram.text import FONT
from graphrun.diagram.view import Back, Box, Panel, View
from graphrun.diagram.words import SMALL, words_below

__all__ = ["MOST_ARROWS", "MOST_DRAWN", "drawn", "to_dot"]

MOST_DRAWN = 1500
MOST_ARROWS = 6000
"""Pictures of more boxes or arrows than this take Graphviz too long; the text is still written."""

ABOVE_WORDS = 6.0
"""Between a picture with a head line and what is written below it."""


def to_dot(view: View) -> str:
    """The view as DOT."""
    placed = place(view)
    ids = box_ids(view)
    lines = [f"digraph {quoted(view.title or 'graph')} {{", _graph_line(view, placed), *_defaults()]
    lines.extend(_free(view, ids) if placed is None else _placed(view, placed, ids))
    return "\n".join([*lines, "}"]) + "\n"


def drawn(dot: str) -> tuple[int, int]:
    """How many boxes and how many arrows a text made by :func:`to_dot` has, without the points and texts between them."""
    lines = [line for line in dot.split("\n") if line.startswith('"') and not line.startswith('" ')]
    arrows = sum(1 for line in lines if _EDGE.match(line))
    return len(lines) - arrows, arrows


_EDGE = re.compile(r'"(?:[^"\\]|\\.)*" -> ')


def _graph_line(view: View, placed: Placed | None) -> str:
    large = len(view.boxes) > 200 or len(view.arrows) > 300
    if placed is not None:
        layout = "layout=neato; splines=line; "
        if any(box.stacked for box in view.boxes):  # else a box at the end of an arrow is drawn before the sheets behind it
            layout += "outputorder=nodesfirst; "
    else:
        layout = f"layout=dot; rankdir={'TB' if view.direction == 'TB' else 'LR'}; "
        layout += 'nodesep="0.2"; ranksep="0.28"; ' + ("compound=true; " if any(p.opens for p in view.panels) else "")
        layout += 'splines=polyline; nslimit="0.2"; nslimit1="0.2"; mclimit="0.1"; ' if large else ""
    label = _caption(view, with_head=placed is None)
    left = "labeljust=l; " if view.rows else ""
    return f'{layout}bgcolor="white"; pad="0.15"; tooltip=" "; ' + (f"labelloc=b; {left}label=<{label}>; " if label else "")


def _defaults() -> list[str]:
    font = f'fontname="{FONT}"'
    return [
        f'graph [{font}, fontsize={SMALL:g}, fontcolor="{LIGHT["ink"]}"];',
        f'node [{font}, fontcolor="{LIGHT["ink"]}", shape=box, style="filled,rounded", color="{LIGHT["muted"]}", fixedsize=true];',
        f'edge [{font}, fontsize={NOTE:g}, color="{LIGHT["muted"]}", arrowsize="0.7", penwidth="1.2", tooltip=" "];',
    ]


def _caption(view: View, with_head: bool) -> str:
    rows = words_below(view, with_head)
    side = ' align="left"' if view.rows else ""
    above = f'<tr><td height="{ABOVE_WORDS:g}"></td></tr>' if view.head and not with_head else ""
    cells = above + "".join(f"<tr><td{side}>{html_row(row, SMALL) or ' '}</td></tr>" for row in rows)
    return f'<table border="0" cellborder="0" cellspacing="0" cellpadding="2">{cells}</table>' if cells else ""


# -- boxes -------------------------------------------------------------------------------------------------------------

_SHAPES = {"square": "box", "circle": "circle", "double circle": "doublecircle", "small circle": "circle"}


def _box_line(name: str, box: Box, size: Size, at: Point | None) -> str:
    if box.outline == "double circle":  # Graphviz draws the second line around the size
        size = Size(size.width - 2 * RING, size.height - 2 * RING)
    attributes = [
        f"label=<{table(box_rows(box))}>",
        f'fillcolor="{LIGHT[box_look(box).fill]}"',
        f'width="{inches(size.width)}"',
        f'height="{inches(size.height)}"',
        f"tooltip={string(box.tooltip or box.name or box.id)}",
        *_form(box),
    ]
    if at is not None:
        attributes.append(pinned(at))
    elif box.stacked:
        attributes.append("peripheries=2")
    where = link(box.href)
    if where:
        attributes.append(f'URL={string(where)}, target="_top"')
    return f"{name} [{', '.join(attributes)}];"


def _form(box: Box) -> Iterable[str]:
    """Outline and border, where they are not the usual ones."""
    look = box_look(box)
    if box.outline in _SHAPES:
        yield f'shape={_SHAPES[box.outline]}, style="filled{"" if look.style == "solid" else "," + look.style}"'
    elif look.style != "solid":
        yield f'style="filled,rounded,{look.style}"'
    if look.line != "muted" or look.width != 1.2:
        yield f'color="{LIGHT[look.line]}", penwidth="{look.width:g}"'


def _sheets(k: int, box: Box, size: Size, at: Point) -> Iterable[str]:
    """What lies behind a stacked box, the furthest first."""
    look = box_look(box)
    for n in range(SHEETS, 0, -1):
        place = at[0] + n * SHEET, at[1] + n * SHEET
        fill = f'fillcolor="{LIGHT["sheet"]}", color="{LIGHT[look.line]}", tooltip=" "'
        room = f'width="{inches(size.width)}", height="{inches(size.height)}"'
        yield f'" sheet {k}.{n}" [label="", {fill}, {room}, {pinned(place)}];'


# -- a picture that Graphviz lays out ----------------------------------------------------------------------------------


def _free(view: View, ids: Mapping[str, str]) -> Iterable[str]:
    """Boxes in the frames of their panels, then arrows that Graphviz routes."""
    sizes = box_sizes(view)
    known = {panel.id for panel in view.panels}
    inside: dict[str, list[str]] = {"": []}
    for box in view.boxes:
        inside.setdefault(box.panel if box.panel in known else "", []).append(_box_line(ids[box.id], box, sizes[box.id], None))
    yield from inside[""]
    numbers = {panel.id: k for k, panel in enumerate(view.panels)}
    yield from _clusters(view.panels, "", inside, numbers)
    yield from _free_arrows(view, ids)
    for panel in view.panels:
        first = next((box for box in view.boxes if box.panel == panel.id), None)
        if first is not None and panel.opens in ids and panel.opens != first.id:
            look = f'style=dashed, color="{LIGHT["panel-line"]}", dir=none, constraint=false'
            yield f'{ids[panel.opens]} -> {ids[first.id]} [lhead="cluster_{numbers[panel.id]}", {look}];'


def _clusters(panels: Sequence[Panel], parent: str, inside: Mapping[str, Sequence[str]], numbers: Mapping[str, int]) -> list[str]:
    """The panels within `parent` as clusters, walked with a stack: panels may lie deep."""
    known = set(numbers)
    children: dict[str, list[Panel]] = {}
    for panel in panels:
        children.setdefault(panel.parent if panel.parent in known and panel.parent != panel.id else "", []).append(panel)
    out: list[str] = []
    stack: list[Panel | None] = [*reversed(children.get(parent, ()))]
    while stack:
        found = stack.pop()
        if found is None:
            out.append("}")
            continue
        title = html_row(tuple(Piece(role, text, NOTE, bold=k == 0) for k, (role, text) in enumerate(found.title)), NOTE)
        look = f'style="rounded,filled"; fillcolor="{LIGHT["panel"]}"; color="{LIGHT["panel-line"]}"; margin=12'
        out.append(f'subgraph "cluster_{numbers[found.id]}" {{ {look}; labelloc=t; labeljust=l; fontsize={NOTE:g}; label=<{title or " "}>;')
        out.extend(inside.get(found.id, ()))
        stack.append(None)
        stack.extend(reversed(children.get(found.id, ())))
    return out


def _free_arrows(view: View, ids: Mapping[str, str]) -> Iterable[str]:
    """Arrows that Graphviz routes; a gradient flows against its arrow, on one of its own beside it."""
    backs = {(b.head, b.tail): b for b in view.backs}
    for k, arrow in enumerate(view.arrows):
        tail, head = ids[arrow.tail], ids[arrow.head]
        look = _edge_look(arrow_look(arrow), arrow.tooltip)
        weight = "weight=1" if arrow.kind == "forward" else "constraint=false"
        rows = label_rows(arrow, view.layout)
        if rows:
            yield _label(f"label {k}", Label((0.0, 0.0), rows, arrow.tooltip), free=True)
            yield f'{tail} -> " label {k}" [{", ".join([weight, "dir=none", *look])}];'
            tail = f'" label {k}"'
        yield f"{tail} -> {head} [{', '.join([weight, *look])}];"
        back = backs.pop((arrow.tail, arrow.head), None) if arrow.kind == "forward" else None
        if back is not None:
            yield _free_back(view, ids, back)


def _free_back(view: View, ids: Mapping[str, str], back: Back) -> str:
    text = back_rows(back)[-1:]
    space = "&#160;&#160;" if view.direction == "TB" else ""  # beside an upright arrow
    label = [f"label=<<b>{space}{html_row(text[0], NOTE, 'gradient').removeprefix('<b>').removesuffix('</b>')}</b>>"] if text else []
    look = _edge_look(line_look("back"), back.text)
    return f"{ids[back.head]} -> {ids[back.tail]} [dir=back, weight=4, {', '.join([*look, *_font('gradient'), *label])}];"


# -- a picture whose places are known ----------------------------------------------------------------------------------


def _placed(view: View, placed: Placed, ids: Mapping[str, str]) -> Iterable[str]:
    """Frames, boxes, lines over points that are not seen, and labels; what comes later is drawn above."""
    sizes = {**box_sizes(view), **placed.sizes}
    for k, frame in enumerate(placed.frames):
        look = f'fillcolor="{LIGHT["panel"]}", color="{LIGHT["panel-line"]}", tooltip=" "'
        size = f'width="{inches(frame.size.width)}", height="{inches(frame.size.height)}"'
        yield f'" frame {k}" [label="", {look}, {size}, {pinned(frame.at)}];'
    for k, wedge in enumerate(placed.wedges):
        yield from _wedge(k, wedge.corners)
    for k, box in enumerate(view.boxes):
        at = placed.boxes[box.id]
        if box.stacked:
            yield from _sheets(k, box, sizes[box.id], at)
        yield _box_line(ids[box.id], box, sizes[box.id], at)
    for k, line in enumerate(placed.lines):
        yield from _line(k, line, ids)
    for k, label in enumerate(placed.labels):
        yield _label(f"note {k}", label)
    if view.head:
        yield _label("head", _head(view, placed, sizes))


def _head(view: View, placed: Placed, sizes: Mapping[str, Size]) -> Label:
    """The head line, at the left above everything."""
    row = tuple(Piece(role, text, NAME if k == 0 else SMALL, bold=k == 0 or role == "count") for k, (role, text) in enumerate(view.head))
    lefts = [at[0] - sizes[i].width / 2 for i, at in placed.boxes.items()] + [f.at[0] - f.size.width / 2 for f in placed.frames]
    tops = [at[1] + sizes[i].height / 2 for i, at in placed.boxes.items()] + [f.at[1] + f.size.height / 2 for f in placed.frames]
    tops += [p[1] for line in placed.lines for p in line.points]
    tops += [text.at[1] + rows_size(text.rows).height / 2 for text in placed.labels]
    stacked = SHEET * SHEETS if any(box.stacked for box in view.boxes) else 0.0
    return Label((min(lefts, default=0.0) + rows_size((row,)).width / 2, max(tops, default=0.0) + stacked + 20.0), (row,))


def _wedge(k: int, corners: Sequence[Point]) -> Iterable[str]:
    for n, (a, b) in enumerate(((corners[0], corners[2]), (corners[1], corners[3]))):
        line = Line((a, b), "forward", bare=True)
        yield from _line(f"wedge {k}.{n}", line, {}, [f'style=dashed, color="{LIGHT["panel-line"]}"'])


def _line(k: int | str, line: Line, ids: Mapping[str, str], given: Sequence[str] = ()) -> Iterable[str]:
    tail, head = line.ends
    names = [f'" {k}.{n}"' for n in range(len(line.points))]
    if tail:
        names[0] = ids[tail]
    if head:
        names[-1] = ids[head]
    for name, point in zip(names, line.points, strict=True):
        if name.startswith('" '):
            yield f'{name} [shape=point, style=invis, label="", width="0.01", height="0.01", {pinned(point)}];'
    look = [*given] or _edge_look(line_look(line.kind, line.width, line.lit, line.mark, line.heat), line.tooltip)
    for n, (a, b) in enumerate(pairwise(names)):
        bare = ["dir=none"] if line.bare or n + 2 < len(names) else []
        bare += ["tailclip=false"] if a.startswith('" ') else []
        bare += ["headclip=false"] if b.startswith('" ') else []
        yield f"{a} -> {b}" + (f" [{', '.join([*bare, *look])}];" if bare or look else ";")


def _label(name: str, label: Label, free: bool = False) -> str:
    role = label.rows[0][0].role if label.rows and label.rows[0] else "ink"
    look = f'shape=plaintext, style="", fontsize={NOTE:g}' + "".join(f", {a}" for a in _font(role))
    size = rows_size(label.rows)
    room = f'width="{inches(size.width)}", height="{inches(size.height)}"' if free else "fixedsize=false"
    text = html_rows(label.rows, NOTE, role)
    return f'" {name}" [{look}, {room}, label=<{text}>, tooltip={string(label.tooltip or " ")}{"" if free else ", " + pinned(label.at)}];'


# -- looks -------------------------------------------------------------------------------------------------------------


def _edge_look(look: Look, tooltip: str) -> list[str]:
    """The attributes of an edge that are not the usual ones."""
    out = []
    if look.style != "solid":
        out.append(f"style={look.style}")
    if look.line != "muted":
        out.append(f'color="{LIGHT[look.line]}"')
    if look.width != 1.2:
        out.append(f'penwidth="{look.width:g}"')
    if tooltip:
        out.append(f"tooltip={string(tooltip)}")
    return out


def _font(role: str) -> list[str]:
    return [f'fontcolor="{LIGHT[role]}"'] if role != "ink" else []


