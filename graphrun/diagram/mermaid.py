"""A view as Mermaid (`graph LR`), which GitHub draws: squares `[x1]`, neurons `([u1])`, other circles `((y))`, a pass by `style` lines.

Every text is either plain words or stands in quotes with its signs as entities, so that no name can end a label or begin a statement.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from unicodedata import normalize

from graphrun.diagram.dot_text import link
from graphrun.diagram.palette import LIGHT, MARKS
from graphrun.diagram.text import clean
from graphrun.diagram.view import Arrow, Box, Panel, Row, View

__all__ = ["to_mermaid"]

LIT = "fill:#f9f,stroke:#333,stroke-width:4px"

_KEYWORDS = (
    "acctitle", "accdescr", "br", "bt", "call", "class", "click", "default", "direction", "end", "flowchart", "graph", "href",
    "interpolate", "lr", "linkstyle", "rl", "style", "subgraph", "tb", "td",
)  # fmt: skip
_SAFE_ID = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_WORDS = re.compile(r"[A-Za-z0-9_]+(?:[ ,]+[A-Za-z0-9_]+)*")
_LIST = re.compile(r"^(\s*\d*)([-+.)])(?=\s)")  # what Markdown takes for an item of a list
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_HATTED = re.compile("([^\\W\\d_])\u0302")

_SHAPES = {
    "square": ("[", "]"),
    "circle": ("((", "))"),
    "double circle": ("(((", ")))"),
    "stadium": ("([", "])"),
    "small circle": ("((", "))"),
}
_LINES = {"forward": "-->", "back": "-.->", "update": "==>"}


def to_mermaid(view: View, *, numbers: bool = False) -> str:
    """The view as a Mermaid graph. Values and gradients are left out unless `numbers`."""
    ids = _ids(view)
    weighted = {arrow.head for arrow in view.arrows if arrow.weight}
    lines = [f"graph {'TB' if view.direction == 'TB' else 'LR'}"]
    texts = {box.id: ids[box.id] + _node(box, box.id in weighted, numbers) for box in view.boxes}
    fresh = dict(texts)
    if view.panels:
        lines += _subgraphs(view, texts)
        fresh = {}

    def name(i: str) -> str:
        return fresh.pop(i, ids[i])

    for arrow in view.arrows:
        lines.append(f"    {name(arrow.tail)} {_arrow(arrow, numbers)} {name(arrow.head)}")
    lines += [f"    {text}" for text in list(fresh.values())]
    if numbers:
        for back in view.backs:
            label = f'|"{_escaped(back.text)}"|' if back.text else ""
            lines.append(f"    {ids[back.tail]} -.->{label} {ids[back.head]}")
    lines += _styles(view, ids)
    return "\n".join(lines) + "\n"


# -- nodes -------------------------------------------------------------------------------------------------------------


def _ids(view: View) -> dict[str, str]:
    """An identifier for each box that Mermaid cannot misread."""
    taken: set[str] = set()
    out: dict[str, str] = {}
    for k, box in enumerate(view.boxes):
        name = re.sub(r"\W+", "_", box.id, flags=re.ASCII).strip("_")
        if not _SAFE_ID.fullmatch(name) or _keyword(name) or len(name) > 60:
            name = f"n{k}"
        while name in taken:
            name += "_"
        taken.add(name)
        out[box.id] = name
    return out


def _keyword(word: str) -> bool:
    return word.lower().startswith(_KEYWORDS)


def _node(box: Box, weighted: bool, numbers: bool) -> str:
    outline = "stadium" if box.outline == "circle" and weighted else box.outline
    if outline == "box":
        left, right = ("[[", "]]") if box.stacked else ("[", "]") if box.kind in ("input", "parameter") else ("(", ")")
    else:
        left, right = _SHAPES[outline]
    lines = [box.plain or plain_text(box.name)]
    word = (box.mark_text or MARKS[box.mark][4]) if box.mark else ""
    if outline == "box":
        lines += [plain_text(text) for text in (box.formula, *(_said(row) for row in box.rows)) if text]
    if numbers:
        lines += [*([box.value] if box.value else []), *([f"∂ {box.gradient}"] if box.gradient else [])]
        lines += [_said(row) for row in box.below]
    return left + _label([*([word] if word else []), *lines]) + right


def plain_text(text: str) -> str:
    """A name or a formula as the spec writes it: `w1` for `w₁`, `hat_y` for `ŷ`."""
    return _HATTED.sub(r"hat_\1", normalize("NFD", text)).translate(_SUBSCRIPTS) if text else text


def _said(row: Row) -> str:
    return " ".join(text for _, text in row)


def _label(lines: Sequence[str]) -> str:
    text = lines[0] if len(lines) == 1 else ""
    if text and _WORDS.fullmatch(text) and not any(_keyword(word) for word in re.split(r"[ ,]+", text)):
        return text
    return '"' + "<br/>".join(_escaped(line) for line in lines if line or len(lines) == 1) + '"'


def _escaped(text: str) -> str:
    """A text within quotes: signs that Mermaid, Markdown or HTML would read are entities."""
    out = "".join(f"#{ord(c)};" if c in "#\"<>&`$*\\{}[]|;%~" else c for c in clean(text))
    return _LIST.sub(lambda m: f"{m[1]}#{ord(m[2])};", out) or " "


# -- arrows ------------------------------------------------------------------------------------------------------------


def _arrow(arrow: Arrow, numbers: bool) -> str:
    """The arrow with its label: of several rows the first, which names the weight or the operation."""
    shown = [row for row in arrow.rows if numbers or any(role not in ("value", "gradient") for role, _ in row) or arrow.mark]
    pieces = [text for role, text in (shown[0] if shown else ()) if numbers or role not in ("value", "gradient") or arrow.mark]
    text = plain_text(" ".join(pieces))
    sign = {"+": "+", "-": "−", "~": "~"}.get(arrow.mark, "")
    text = text if text.startswith(sign) else f"{sign} {text}".strip()
    line = "-.->" if arrow.mark == "-" else "==>" if arrow.mark == "+" else _LINES[arrow.kind]
    if not text:
        return line
    if line == "-->" and _SAFE_ID.fullmatch(text) and not _keyword(text) and text[0] not in "oxOX":
        return f"--{text}-->"
    return f'{line}|"{_escaped(text)}"|'


# -- panels and styles -------------------------------------------------------------------------------------------------


def _subgraphs(view: View, texts: dict[str, str]) -> list[str]:
    """The nodes, those of a panel within a subgraph, walked with a stack."""
    known = {panel.id: k for k, panel in enumerate(view.panels)}
    inside: dict[str, list[str]] = {"": []}
    for box in view.boxes:
        inside.setdefault(box.panel if box.panel in known else "", []).append(f"    {texts[box.id]}")
    children: dict[str, list[Panel]] = {}
    for panel in view.panels:
        children.setdefault(panel.parent if panel.parent in known and panel.parent != panel.id else "", []).append(panel)
    out = inside[""]
    stack: list[Panel | None] = [*reversed(children.get("", ()))]
    while stack:
        found = stack.pop()
        if found is None:
            out.append("    end")
            continue
        out.append(f'    subgraph panel{known[found.id]}["{_escaped(_said(found.title))}"]')
        out += inside.get(found.id, ())
        stack.append(None)
        stack.extend(reversed(children.get(found.id, ())))
    return out


def _styles(view: View, ids: dict[str, str]) -> Iterable[str]:
    for box in view.boxes:
        if box.lit:
            yield f"    style {ids[box.id]} {LIT}"
        elif box.mark:
            role, fill, style, width, _ = MARKS[box.mark]
            dashes = {"dashed": ",stroke-dasharray:6 4", "dotted": ",stroke-dasharray:2 3"}.get(style, "")
            look = f"fill:{LIGHT[fill]},stroke:{LIGHT[role]},stroke-width:{width:g}px{dashes},color:{LIGHT['ink']}"
            yield f"    style {ids[box.id]} {look}"
    for box in view.boxes:
        where = link(box.href)
        if where.startswith(("https://", "http://")):
            yield f'    click {ids[box.id]} href "{where}"'
