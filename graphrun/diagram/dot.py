"""A view as DOT, Graphviz's language: the same text for the same view, whatever names and formulas hold.

Names and formulas stand in HTML-like labels and in quoted strings, escaped for each; no record labels are used.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise

from graphrun.diagram.palette import LIGHT
from graphrun.diagram.place import place
from graphrun.diagram.shapes import FORMULA, NAME, NOTE, VALUE, Label, Line, Placed, Size, box_sizes, formula_lines, value_rows
from graphrun.diagram.text import FONT, clean, clipped
from graphrun.diagram.view import Box, View

__all__ = ["MOST_ARROWS", "MOST_DRAWN", "drawn", "to_dot"]

MOST_DRAWN = 1500
MOST_ARROWS = 6000
"""Pictures of more boxes or arrows than this take Graphviz too long; the text is still written."""

SMALL = 12.0  # the legend's size
_PLAIN = re.compile(r"[^\W\d][\w.#@]*")


def to_dot(view: View) -> str:
    """The view as DOT."""
    placed = place(view)
    ids = _ids(view)
    sizes = box_sizes(view)
    lines = [f"digraph {_quoted(view.title or 'graph')} {{", _graph_line(view, placed is not None), *_defaults()]
    for box in view.boxes:
        lines.append(_box_line(ids[box.id], box, sizes[box.id], placed))
    lines.extend(_free_arrows(view, ids) if placed is None else _placed_lines(placed, ids))
    return "\n".join([*lines, "}"]) + "\n"


def drawn(dot: str) -> tuple[int, int]:
    """How many boxes and how many arrows a text made by :func:`to_dot` has."""
    lines = [line for line in dot.split("\n") if line.startswith('"')]
    arrows = sum(1 for line in lines if _EDGE.match(line))
    return len(lines) - arrows, arrows


_EDGE = re.compile(r'"(?:[^"\\]|\\.)*" -> ')


def _graph_line(view: View, pinned: bool) -> str:
    large = len(view.boxes) > 200 or len(view.arrows) > 300
    layout = "layout=neato; splines=line; " if pinned else f"layout=dot; rankdir={'TB' if view.direction == 'TB' else 'LR'}; "
    if not pinned:
        layout += 'nodesep="0.2"; ranksep="0.28"; ' + ('splines=polyline; nslimit="0.2"; nslimit1="0.2"; mclimit="0.1"; ' if large else "")
    label = _caption(view)
    return f'{layout}bgcolor="white"; pad="0.15"; tooltip=" "; ' + (f"labelloc=b; label=<{label}>; " if label else "")


def _defaults() -> list[str]:
    font = f'fontname="{FONT}"'
    return [
        f'graph [{font}, fontsize={SMALL:g}, fontcolor="{LIGHT["ink"]}"];',
        f'node [{font}, fontcolor="{LIGHT["ink"]}", shape=box, style="filled,rounded", color="{LIGHT["muted"]}", fixedsize=true];',
        f'edge [{font}, fontsize={NOTE:g}, color="{LIGHT["muted"]}", arrowsize="0.7", penwidth="1.2", tooltip=" "];',
    ]


def _caption(view: View) -> str:
    legend = (f'<font color="{LIGHT[role]}">{_html(text)}</font>' for role, text in view.legend)
    rows = [_html(view.caption), "&#160;&#160;&#160;&#160;&#160;".join(legend)]
    return "".join(f"<br/>{row}" for row in rows if row)


# -- boxes -------------------------------------------------------------------------------------------------------------


def _box_line(name: str, box: Box, size: Size, placed: Placed | None) -> str:
    fill = LIGHT["node" if box.kind == "step" else box.kind]
    attributes = [
        f"label=<{_table(box)}>",
        f'fillcolor="{fill}"',
        f'width="{_inches(size.width)}"',
        f'height="{_inches(size.height)}"',
        f"tooltip={_string(box.tooltip or box.name)}",
    ]
    if placed is not None:
        attributes.append(_pinned(placed.boxes[box.id]))
    if box.stacked:
        attributes.append("peripheries=2")
    return f"{name} [{', '.join(attributes)}];"


def _table(box: Box) -> str:
    rows = [f'<font point-size="{NAME:g}"><b>{_html(clipped(box.name, NAME, 170.0, bold=True))}</b></font>']
    rows += [f'<font point-size="{FORMULA:g}" color="{LIGHT["muted"]}">{_html(line)}</font>' for line in formula_lines(box)]
    for row in value_rows(box):
        parts = [f'<font point-size="{VALUE:g}" color="{LIGHT[role]}">{_html(text)}</font>' for role, text in row]
        rows.append(f'<font point-size="{VALUE:g}">&#160;&#160;</font>'.join(parts))
    cells = "".join(f"<tr><td>{row}</td></tr>" for row in rows)
    return f'<table border="0" cellborder="0" cellspacing="0" cellpadding="1">{cells}</table>'


# -- arrows ------------------------------------------------------------------------------------------------------------


def _free_arrows(view: View, ids: Mapping[str, str]) -> Iterable[str]:
    """Arrows that Graphviz routes; a gradient flows against its arrow, on one of its own beside it."""
    backs = {(b.head, b.tail): b for b in view.backs}
    for arrow in view.arrows:
        yield f"{ids[arrow.tail]} -> {ids[arrow.head]} [weight=1];"
        back = backs.get((arrow.tail, arrow.head))
        if back is not None:
            text = back.numbers or back.symbols
            space = "&#160;&#160;" if view.direction == "TB" else ""  # beside an upright arrow
            label = f", label=<<b>{space}{_html(text)}</b>>" if text else ""
            look = f'{_DASHED}, fontcolor="{LIGHT["gradient"]}", tooltip={_string(back.text)}{label}'
            yield f"{ids[arrow.tail]} -> {ids[arrow.head]} [dir=back, weight=4, {look}];"


_DASHED = f'style=dashed, color="{LIGHT["gradient"]}", penwidth="1.6"'


def _placed_lines(placed: Placed, ids: Mapping[str, str]) -> Iterable[str]:
    """Arrows on the lines that were laid out, over points that are not seen."""
    for k, line in enumerate(placed.lines):
        yield from _line(k, line, ids)
    for k, label in enumerate(placed.labels):
        yield _label(k, label)


def _line(k: int, line: Line, ids: Mapping[str, str]) -> Iterable[str]:
    tail, head = line.ends
    names = [f'" {k}.{n}"' for n in range(len(line.points))]
    if tail:
        names[0] = ids[tail]
    if head:
        names[-1] = ids[head]
    for name, point in zip(names, line.points, strict=True):
        if name.startswith('" '):
            yield f'{name} [shape=point, style=invis, label="", width="0.01", height="0.01", {_pinned(point)}];'
    look = f"{_DASHED}, tooltip={_string(line.tooltip)}" if line.kind == "back" else ""
    for n, (a, b) in enumerate(pairwise(names)):
        bare = [*(["dir=none"] if n + 2 < len(names) else []), *(["tailclip=false"] if a.startswith('" ') else [])]
        bare += ["headclip=false"] if b.startswith('" ') else []
        attributes = ", ".join([*bare, *([look] if look else [])])
        yield f"{a} -> {b}" + (f" [{attributes}];" if attributes else ";")


def _label(k: int, label: Label) -> str:
    symbols, numbers = label.back.symbols, label.back.numbers
    rows = [*([_html(symbols)] if symbols else []), *([f"<b>{_html(numbers)}</b>"] if numbers else [])]
    text = "<br/>".join(rows) or " "
    look = f'shape=plaintext, style="", fixedsize=false, fontsize={NOTE:g}, fontcolor="{LIGHT["gradient"]}"'
    return f'" note {k}" [{look}, label=<{text}>, tooltip=" ", {_pinned(label.at)}];'


# -- spelling ----------------------------------------------------------------------------------------------------------


def _ids(view: View) -> dict[str, str]:
    """A quoted name for each box: its own where nothing in it can be misread, else a number."""
    taken: set[str] = set()
    out = {}
    for k, box in enumerate(view.boxes):
        name = box.id if _PLAIN.fullmatch(box.id) and box.id not in taken else f"%{k}"
        taken.add(name)
        out[box.id] = f'"{name}"'
    return out


def _html(text: str) -> str:
    out = clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    return out.replace("[", "&#91;").replace("]", "&#93;")


def _quoted(text: str) -> str:
    """A quoted name: a backslash at its end would hide the quote."""
    return '"' + clean(text).replace("\\", "/").replace('"', "'") + '"'


def _string(text: str) -> str:
    """A quoted text. A backslash becomes a sign that looks like it: Graphviz reads escapes here more than once."""
    lines = [clean(line).replace("&", "&amp;").replace("\\", "∖").replace('"', "&quot;") for line in text.splitlines() or [""]]
    return '"' + "\\n".join(lines) + '"'


def _pinned(point: tuple[float, float]) -> str:
    return f'pos="{_inches(point[0])},{_inches(point[1])}!"'


def _inches(points: float) -> str:
    return f"{points / 72:.4f}"
