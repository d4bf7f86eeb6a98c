"""Formulas and tables as LaTeX: what the other forms write with signs, as commands; and a document of its own around them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from graphrun.ledger.breadth import breadth

__all__ = ["ROOM", "align", "document", "escaped", "joined", "math", "table"]

SHORT = 30  # rows of a table that stands on one page
ROOM = 460.0
"""Points of a line for an equation, without its sign and the indentation; a broader one is broken."""

_PREAMBLE = r"""\documentclass[10pt, fleqn]{article}
\usepackage[T1]{fontenc}
\usepackage[a4paper, margin=18mm]{geometry}
\usepackage{amsmath, amssymb, xcolor, longtable}
\definecolor{value}{HTML}{0B6B34}
\definecolor{gradient}{HTML}{B3124E}
\definecolor{muted}{HTML}{52606D}
% the two factors of the chain rule: what arrives from the backward pass, and the local derivative, known from the forward pass
\newcommand{\bwd}[1]{{\underbrace{\textcolor{gradient}{#1}}_{\text{backward}}}}
\newcommand{\fwd}[1]{{\underbrace{\textcolor{value}{#1}}_{\text{forward}}}}
% a form that is broader than the page, in lines
\newlength{\leftside}
\newcommand{\broken}[1]{\parbox[t]{\dimexpr\linewidth-\leftside-4em\relax}{%
  \raggedright\lineskip=4pt \lineskiplimit=3pt \relpenalty=0 \binoppenalty=100 $\displaystyle #1$\strut}}
\newcommand{\again}[1]{\textcolor{muted}{#1}}
\allowdisplaybreaks
\setlength{\parindent}{0pt}
\setlength{\mathindent}{1em}
\setlength{\LTleft}{0pt}
\renewcommand{\arraystretch}{1.35}
"""

_ESCAPES = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "_": r"\_",
    "%": r"\%",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "·": r"\ensuremath{\cdot}",
    "×": r"\ensuremath{\times}",
    "→": r"\ensuremath{\to}",
    "∂": r"\ensuremath{\partial}",
    "…": r"\dots{}",
    "Σ": r"\ensuremath{\Sigma}",
    "±": r"\ensuremath{\pm}",
    "½": r"\ensuremath{\tfrac12}",
    "≤": r"\ensuremath{\le}",
    "≥": r"\ensuremath{\ge}",
    "⊙": r"\ensuremath{\odot}",
    "⊗": r"\ensuremath{\otimes}",
    "√": r"\ensuremath{\surd}",
    "ᵀ": r"\ensuremath{{}^{\top}}",
    "²": r"\ensuremath{{}^2}",
    "³": r"\ensuremath{{}^3}",
    "−": r"\ensuremath{-}",
}
_FUNCTIONS = frozenset({"exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "max", "min", "arg", "det", "dim"})
_SIGNS = {
    "·": r" \cdot ",
    "⊙": r" \odot ",
    "⊗": r" \otimes ",
    "×": r" \times ",
    "→": r" \to ",
    "≤": r" \le ",
    "≥": r" \ge ",
    "≠": r" \ne ",
    "<": "<",
    ">": ">",
    "½": r"\tfrac{1}{2}",
    "ᵀ": r"^{\top}",
    "…": r"\cdots ",
    "√": r"\surd ",
    "−": "-",
    "%": r"\%",
    "&": r"\&",
    "|": r"\Vert ",
    "Σ": r"\Sigma ",
    "∂": r"\partial ",
    **{sign: f"^{{{k}}}" for k, sign in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
}
_WORDS = {"and": r"\land ", "or": r"\lor ", "not": r"\lnot "}
_NAME = r"[A-Za-z_%][A-Za-z0-9_.#@]*(?:\[[0-9, ]+\])?"
_END = rf"(?:[A-Za-z0-9_]+\([^()∂]*\)|{_NAME})"
_TOKEN = re.compile(
    rf"(?P<partial>∂({_END})/∂({_END}))"
    r"|(?P<number>\d[\d.]*(?:e[+-]?\d+)?)"
    r"|(?P<word>\b(?:and|or|not)\b)"
    rf"|(?P<name>{_NAME})(?P<call>\()?"
    r"|(?P<text>'[^']*')"
    r"|(?P<raised>\^-?[\w.]+)"
    r"|(?P<at> (?:added )?at (?=\[))"
    r"|(?P<space>\s+)"
    r"|(?P<sign>.)",
    re.S,
)


def escaped(text: str) -> str:
    """Plain text, so that nothing in it is a command; a sign that LaTeX's usual fonts lack becomes `?`."""
    out = "".join(_ESCAPES.get(c, c if " " <= c < "\x7f" or "\xa1" <= c <= "\xff" else "?") for c in text)
    return out.replace("--", "-{}-")  # two would become a dash


def math(text: str) -> str:
    """A formula of the ledger (`∂J/∂d · ∂d/∂a`, `½ · d²`, `xᵀ · ∂J/∂z`) in math mode."""
    out = []
    for m in _TOKEN.finditer(text):
        kind = m.lastgroup
        if m["partial"]:
            out.append(rf"\frac{{\partial {_end(m[2])}}}{{\partial {_end(m[3])}}}")
        elif m["number"]:
            out.append(_number(m["number"]))
        elif m["name"]:
            out.append(_called(m["name"]) if m["call"] else name(m["name"]))
        elif m["word"]:
            out.append(_WORDS[m["word"]])
        elif m["text"]:
            out.append(rf"\text{{{escaped(m['text'])}}}")
        elif m["raised"]:
            out.append(f"^{{{_number(m['raised'][1:]) if m['raised'][1:2].isdigit() else math(m['raised'][1:])}}}")
        elif m["at"]:
            out.append(rf"\text{{{m['at']}}}")
        elif kind == "space":
            out.append(" ")
        else:
            sign = m["sign"]
            out.append(_SIGNS.get(sign) or (sign if sign.isascii() and sign not in "\\{}$#^_~\"`'" else rf"\text{{{escaped(sign)}}}"))
    return "".join(out)


def _end(text: str) -> str:
    """What stands behind a ∂: a name, or the formula of a mean over rows."""
    return math(text) if "(" in text else name(text)


def _called(text: str) -> str:
    return rf"\{text}(" if text in _FUNCTIONS else rf"\operatorname{{{escaped(text)}}}("


def _number(text: str) -> str:
    base, e, exponent = text.partition("e")
    return rf"{base} \times 10^{{{int(exponent)}}}" if e and exponent.lstrip("+-").isdigit() else text


def name(text: str) -> str:
    """A name: `w_1` for w1, a hat for `hat_y`; longer ones upright."""
    base, bracket, index = text.partition("[")
    index = rf"_{{[{index.removesuffix(']')}]}}" if bracket else ""
    hat = re.fullmatch(r"hat_([A-Za-z]\d*)", base)
    if hat:
        return rf"\hat{{{name(hat[1])}}}{index}"
    step = re.fullmatch(r"([A-Za-z_]\w*)#(\d+)", base, re.A)
    if step:
        formula = name(step[1])
        entry = f", {text[len(base) :]}" if bracket else ""
        return rf"{{{formula}}}_{{\#{step[2]}{entry}}}" if "_{" not in formula else rf"\mathrm{{{escaped(base)}}}{index}"
    letter = re.fullmatch(r"([A-Za-z])(\d*)", base, re.A)
    if letter:
        sub = letter[2]
        if sub and index:
            return rf"{{{letter[1]}_{{{sub}}}}}{index}"
        return f"{letter[1]}_{{{sub}}}" if sub else f"{letter[1]}{index}"
    return rf"\mathrm{{{escaped(base)}}}{index}"


def align(rows: Sequence[tuple[str, Sequence[str], str]], note: Callable[[int], str] | None = None) -> list[str]:
    """Aligned equations: (left side, its equal forms, the value), each already in math mode. What is broader than the page is broken."""
    if not rows:
        return []
    lefts = [breadth(left) for left, _, _ in rows]
    room = ROOM - max(lefts)
    out = []
    for k, (left, forms, value) in enumerate(rows):
        cells = [form for form in forms if form]
        apart = value if value.startswith(r"\quad") else ""
        cells += [value] if value and not apart else []
        mark = note(k) if note is not None else ""
        ends = r" \\" if k + 1 < len(rows) else ""
        joined_cells = " = ".join(cells) + apart
        if not cells:
            out.append(rf"  {left} & {apart}{mark}{ends}")
        elif breadth(joined_cells + mark) <= room:
            out.append(rf"  {left} &= {joined_cells}{mark}{ends}")
        else:
            lines = [rf"= {_broken(cell)}" if breadth(cell) > room else f"= {cell}" for cell in cells]
            tail = apart + mark
            if tail and breadth(cells[-1] + tail) <= room:
                lines[-1] += tail
            elif tail:
                lines.append(tail)
            out += [rf"  {left if j == 0 else ''} &{line} \\" for j, line in enumerate(lines[:-1])]
            out.append(f"  {left if len(lines) == 1 else ''} &{lines[-1]}{ends}")
    broken = any(r"\broken{" in line for line in out)
    before = [rf"\settowidth{{\leftside}}{{$\displaystyle {rows[lefts.index(max(lefts))][0]}$}}"] if broken else []
    return [*before, r"\begin{align*}", *out, r"\end{align*}"]


def _broken(cell: str) -> str:
    """A form that TeX breaks at its signs and commas, within the room right of the left sides."""
    loose = cell.replace(", ", r",\allowbreak ")
    return rf"\broken{{{loose}}}"


def table(head: Sequence[str], align_: str, rows: Sequence[Sequence[str]]) -> list[str]:
    """A table, over pages where it is long; cells are LaTeX already."""
    if len(rows) <= SHORT:
        body = [rf"{' & '.join(row)} \\" for row in (head, *rows)]
        return [rf"\par\begin{{tabular}}{{@{{}}{align_}}}", body[0] + r" \hline", *body[1:], r"\end{tabular}\par"]
    return [
        rf"\begin{{longtable}}{{{align_}}}",
        rf"{' & '.join(head)} \\ \hline \endhead",
        *(rf"{' & '.join(row)} \\" for row in rows),
        r"\end{longtable}",
    ]


def document(title: str, body: Sequence[str]) -> str:
    """A whole document."""
    return "\n".join([_PREAMBLE, r"\begin{document}", rf"\section*{{{escaped(title)}}}", *body, r"\end{document}", ""])


def joined(documents: Sequence[str]) -> str:
    """Several documents as one, each from a page of its own."""
    begin, end = r"\begin{document}" + "\n", r"\end{document}"
    bodies = [text.partition(begin)[2].rpartition(end)[0] for text in documents]
    head = documents[0].partition(begin)[0]
    return head + begin + "\\clearpage\n".join(bodies) + end + "\n"
