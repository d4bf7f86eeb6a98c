"""A view as TikZ: a standalone LaTeX document that pdfLaTeX, XeLaTeX and LuaLaTeX compile, with the places of the picture.

Names and formulas are text in which every sign that TeX reads is spelled out; single letters and indices are set as mathematics.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from unicodedata import normalize

from graphrun.diagram.blocks import blocks_placed
from graphrun.diagram.look import Look, box_look, line_look
from graphrun.diagram.palette import LIGHT
from graphrun.diagram.place import place
from graphrun.diagram.shapes import RING, SHEET, SHEETS, Line, Placed, Point, Size, TextRow, box_rows, box_sizes, rows_size
from graphrun.diagram.text import clean
from graphrun.diagram.view import Box, View
from graphrun.diagram.words import SMALL, words_below

__all__ = ["to_tikz"]

_SIGNS = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"$<$", ">": r"$>$", "|": r"$|$", '"': r"\char34{}",
    "`": r"\char96{}", "'": r"\char39{}", "-": r"{-}", "?": r"{?}", "!": r"{!}", "[": r"{[}", "]": r"{]}",
    "∂": r"$\partial$", "·": r"$\cdot$", "⊙": r"$\odot$", "⊗": r"$\otimes$", "×": r"$\times$", "−": r"$-$", "→": r"$\to$",
    "½": r"$\frac12$", "≤": r"$\le$", "≥": r"$\ge$", "≠": r"$\neq$", "√": r"$\surd$", "…": r"\dots{}", "ᵀ": r"$^{\mathsf T}$",
    "∇": r"$\nabla$", "Σ": r"$\Sigma$", "²": r"$^2$", "³": r"$^3$", "∖": r"\textbackslash{}", "\u00a0": "~", "\u2003": r"\quad{}",
    "✓": r"$\surd$", "▸": r"$\triangleright$",
}  # fmt: skip
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_LETTER = re.compile("(?<![\\w.])([A-Za-z])(\u0302?)([₀₁₂₃₄₅₆₇₈₉]*)(?![\\w.\u0302(])(?!(?<= a) [a-z]{2})")
_SUBS = re.compile("[₀₁₂₃₄₅₆₇₈₉]+")
_SUPS = re.compile("[⁰¹⁴⁵⁶⁷⁸⁹]+")
_NAMES = (
    "alpha", "beta", "gamma", "delta", "varepsilon", "zeta", "eta", "theta", "lambda", "mu", "nu", "xi", "pi", "rho", "sigma", "tau",
    "varphi", "chi", "psi", "omega",
)  # fmt: skip
_GREEK = {letter: rf"$\{name}$" for letter, name in zip("αβγδεζηθλμνξπρστφχψω", _NAMES, strict=True)}

_HEAD = """\
\\documentclass[tikz,border=8pt]{standalone}
\\usepackage[T1]{fontenc}
\\usetikzlibrary{arrows.meta}
"""


def to_tikz(view: View) -> str:
    """The view as a LaTeX document."""
    placed = place(view) or blocks_placed(view) or blocks_placed(replace(view, panels=()))
    assert placed is not None  # without panels there is always one
    sizes = {**box_sizes(view), **placed.sizes}
    names = {box.id: f"n{k}" for k, box in enumerate(view.boxes)}
    lines = [_HEAD + "".join(f"\\definecolor{{{role}}}{{HTML}}{{{_hex(role)}}}\n" for role in LIGHT)]
    options = "x=1pt, y=1pt, >={Latex[length=6pt, width=5pt]}, font=\\sffamily"
    every = "every node/.style={inner sep=0pt, outer sep=0pt, align=center}"
    lines += ["\\begin{document}", f"\\begin{{tikzpicture}}[{options}, {every}]"]
    for frame in placed.frames:
        lines.append(_rectangle(frame.at, frame.size, Look("panel", "panel-line"), rounded=True))
    for wedge in placed.wedges:
        for a, b in ((wedge.corners[0], wedge.corners[2]), (wedge.corners[1], wedge.corners[3])):
            lines.append(f"\\draw[dashed, panel-line] {_at(a)} -- {_at(b)};")
    for box in view.boxes:
        lines += _box(box, names[box.id], sizes[box.id], placed.boxes[box.id])
    lines += [_line(line, names) for line in placed.lines]
    lines += [_label(label.at, label.rows) for label in placed.labels]
    lines += _below(view, placed, sizes)
    return "\n".join([*lines, "\\end{tikzpicture}", "\\end{document}"]) + "\n"


def _hex(role: str) -> str:
    return "FFFFFF" if LIGHT[role] == "white" else LIGHT[role][1:].upper()


def _at(p: Point) -> str:
    return f"({p[0]:.2f},{p[1]:.2f})"


def _look(look: Look) -> str:
    return f"draw={look.line}, line width={look.width:g}pt" + ("" if look.style == "solid" else f", {look.style}")


def _rectangle(at: Point, size: Size, look: Look, rounded: bool) -> str:
    low, high = (at[0] - size.width / 2, at[1] - size.height / 2), (at[0] + size.width / 2, at[1] + size.height / 2)
    return f"\\filldraw[fill={look.fill}, {_look(look)}{', rounded corners=8pt' if rounded else ''}] {_at(low)} rectangle {_at(high)};"


def _box(box: Box, name: str, size: Size, at: Point) -> Iterable[str]:
    look = box_look(box)
    if box.stacked:
        for n in range(SHEETS, 0, -1):
            yield _rectangle((at[0] + n * SHEET, at[1] + n * SHEET), size, Look("sheet", look.line), rounded=True)
    round_ = {"circle": "circle", "double circle": "circle, double, double distance=3pt", "small circle": "circle"}.get(box.outline)
    shape = round_ or ("rectangle" if box.outline == "square" else "rectangle, rounded corners=8pt")
    inner = size.width - (RING if box.outline == "double circle" else 0.0)
    room = f"minimum size={inner:.2f}pt" if round_ else f"minimum width={size.width:.2f}pt, minimum height={size.height:.2f}pt"
    yield f"\\node[{shape}, fill={look.fill}, {_look(look)}, {room}] ({name}) at {_at(at)} {{{_rows(box_rows(box))}}};"


def _rows(rows: Sequence[TextRow]) -> str:
    return r"\\[2pt] ".join("~~".join(_piece(p.text, p.role, p.points, p.bold, p.italic) for p in row) for row in rows)


def _piece(text: str, role: str, points: float, bold: bool, italic: bool) -> str:
    face = (r"\bfseries" if bold else "") + (r"\itshape" if italic else "")
    return f"{{\\fontsize{{{points:g}}}{{{points * 1.2:g}}}\\selectfont{face}\\color{{{role}}}{_tex(text)}}}"


def _line(line: Line, names: dict[str, str]) -> str:
    look = line_look(line.kind, line.width, line.lit, line.mark, line.heat)
    points = [_at(p) for p in line.points]
    if line.ends[0]:
        points[0] = f"({names[line.ends[0]]})"
    if line.ends[1]:
        points[-1] = f"({names[line.ends[1]]})"
    return f"\\draw[{'' if line.bare else '->, '}{_look(look)}] {' -- '.join(points)};"


def _label(at: Point, rows: Sequence[TextRow]) -> str:
    return f"\\node at {_at(at)} {{{_rows(rows)}}};"


def _below(view: View, placed: Placed, sizes: dict[str, Size]) -> Iterable[str]:
    """What is written below, from the left side of the picture."""
    lefts = [p[0] - sizes[i].width / 2 for i, p in placed.boxes.items()] + [f.at[0] - f.size.width / 2 for f in placed.frames]
    lows = [p[1] - sizes[i].height / 2 for i, p in placed.boxes.items()] + [f.at[1] - f.size.height / 2 for f in placed.frames]
    lows += [p[1] for line in placed.lines for p in line.points] + [t.at[1] - rows_size(t.rows).height / 2 for t in placed.labels]
    left, y = min(lefts, default=0.0), min(lows, default=0.0) - 14.0
    for row in words_below(view, with_head=True):
        y -= SMALL * 1.5
        if row:
            yield f"\\node[anchor=west] at {_at((left, y))} {{{_rows((row,))}}};"


def _tex(text: str) -> str:
    """A text as TeX sets it letter by letter; signs that its fonts lack become question marks."""
    out: list[str] = []
    source = normalize("NFD", clean(text))
    at = 0
    for found in _LETTER.finditer(source):
        out.append(_plain(source[at : found.start()]))
        letter = rf"\hat{{{found[1]}}}" if found[2] else found[1]
        out.append(f"${letter}{f'_{{{found[3].translate(_SUBSCRIPTS)}}}' if found[3] else ''}$")
        at = found.end()
    out.append(_plain(source[at:]))
    return "".join(out)


def _plain(text: str) -> str:
    text = normalize("NFC", text)
    parts: list[str] = []
    k = 0
    while k < len(text):
        subs, sups = _SUBS.match(text, k), _SUPS.match(text, k)
        if subs or sups:
            found = subs or sups
            assert found is not None
            parts.append(f"$_{{{found[0].translate(_SUBSCRIPTS)}}}$" if subs else f"$^{{{found[0].translate(_SUPERSCRIPTS)}}}$")
            k = found.end()
            continue
        c = text[k]
        parts.append(_SIGNS.get(c) or _GREEK.get(c) or (c if c.isascii() or "À" <= c <= "ž" else "{?}"))
        k += 1
    return "".join(parts)


