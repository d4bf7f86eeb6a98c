"""Texts in DOT: escaped for HTML-like labels and for quoted strings, so that no name or formula can break out of its place."""

from __future__ import annotations

import re
from collections.abc import Sequence

from graphrun.diagram.palette import LIGHT
from graphrun.diagram.shapes import NAME, Point, TextRow
from graphrun.diagram.text import clean
from graphrun.diagram.view import View

__all__ = ["box_ids", "html", "html_row", "html_rows", "inches", "link", "pinned", "quoted", "string", "table"]

_PLAIN = re.compile(r"[^\W\d][\w.#@]*")
_SCHEME = re.compile(r"(?!https?:)[^/?#]*:", re.ASCII | re.IGNORECASE)


def box_ids(view: View) -> dict[str, str]:
    """A quoted name for each box: its own where nothing in it can be misread, else a number."""
    taken: set[str] = set()
    out = {}
    for k, box in enumerate(view.boxes):
        name = box.id if _PLAIN.fullmatch(box.id) and box.id not in taken else f"%{k}"
        taken.add(name)
        out[box.id] = f'"{name}"'
    return out


def html(text: str) -> str:
    """A text within an HTML-like label."""
    out = clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    return out.replace("[", "&#91;").replace("]", "&#93;")


def html_row(row: TextRow, usual: float = 0.0, usual_role: str = "ink") -> str:
    """A row of text: its pieces in their colours and sizes; what is usual where it stands is not said again."""
    parts = []
    for piece in row:
        text = html(piece.text) or " "
        if piece.bold:
            text = f"<b>{text}</b>"
        if piece.italic:
            text = f"<i>{text}</i>"
        size = f' point-size="{piece.points:g}"' if piece.points != usual else ""
        colour = f' color="{LIGHT[piece.role]}"' if piece.role != usual_role else ""
        parts.append(f"<font{size}{colour}>{text}</font>" if size or colour else text)
    points = max((piece.points for piece in row), default=NAME)
    return f'<font point-size="{points:g}">&#160;&#160;</font>'.join(parts)


def html_rows(rows: Sequence[TextRow], usual: float = 0.0, usual_role: str = "ink") -> str:
    """Rows of text, one below the other."""
    return "<br/>".join(html_row(row, usual, usual_role) for row in rows) or " "


def table(rows: Sequence[TextRow], align: str = "") -> str:
    """Rows of text as a table, the way boxes hold them."""
    side = f' align="{align}"' if align else ""
    cells = "".join(f"<tr><td{side}>{html_row(row) or ' '}</td></tr>" for row in rows)
    return f'<table border="0" cellborder="0" cellspacing="0" cellpadding="1">{cells}</table>' if cells else " "


def quoted(text: str) -> str:
    """A quoted name: a backslash at its end would hide the quote."""
    return '"' + clean(text).replace("\\", "/").replace('"', "'") + '"'


def string(text: str) -> str:
    """A quoted text. A backslash becomes a sign that looks like it: Graphviz reads escapes here more than once."""
    lines = [clean(line).replace("&", "&amp;").replace("\\", "∖").replace('"', "&quot;") for line in text.splitlines() or [""]]
    return '"' + "\\n".join(lines) + '"'


def link(href: str) -> str:
    """An address that may be clicked, or nothing where it is no address of a page: a script is none."""
    text = clean(href).strip().replace("\\", "%5C").replace('"', "%22").replace("<", "%3C").replace(">", "%3E").replace(" ", "%20")
    return "" if _SCHEME.match(text) else text


def pinned(point: Point) -> str:
    """A place that Graphviz keeps."""
    return f'pos="{inches(point[0])},{inches(point[1])}!"'


def inches(points: float) -> str:
    """A length as Graphviz takes it."""
    return f"{points / 72:.4f}"
