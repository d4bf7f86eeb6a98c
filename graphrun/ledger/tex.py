"""The ledger as a LaTeX document: aligned equations, each factor of the chain rule marked with the pass that it comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphrun.ir.formula import number
from graphrun.ledger.breadth import breadth
from graphrun.ledger.facts import BackwardLine, Term
from graphrun.ledger.latex import ROOM, align, document, escaped, math, table
from graphrun.ledger.layout import value_text
from graphrun.ledger.text import (
    MOST_GRADIENTS,
    MOST_TERMS,
    check_rows,
    kink_text,
    rest_text,
    shortened,
    timing_text,
    trial_text,
    work_texts,
)
from graphrun.ledger.words import reading

if TYPE_CHECKING:
    from graphrun.ledger.ledger import Ledger

__all__ = ["ledger_tex"]

WORDS = 335.0
"""Points of the last column of the gradients at most."""


def ledger_tex(ledger: Ledger) -> str:
    """The whole ledger as a document of its own."""
    facts = ledger.facts
    body = [rf"{escaped(text)}\par" for text in (" ".join(facts.about.split()), facts.row, facts.where) if text]
    body += ["", r"\subsection*{Forward, left to right}", *_leaves(ledger), *_forward(ledger)]
    body += ["", r"\subsection*{Backward, right to left}", *_backward(ledger)]
    body += ["", r"\subsection*{Gradient}", *_gradients(ledger)]
    if facts.checks:
        rows = [[_symbol(a), rf"${math(b)}$", rf"${math(c)}$", _error(d)] for a, b, c, d in check_rows(facts)]
        body += ["", r"\subsection*{Check}", *table(["", "gradient", "central difference", "relative error"], "lrrl", rows)]
        body.append(rf"{escaped(rest_text(facts))}.\par")
    body += [rf"{escaped(kink_text(kink))}.\par" for kink in facts.kinks]
    if facts.update is not None:
        rows = [[rf"${math(n)}$", _value(old), _value(new)] for n, old, new in facts.update.parameters]
        rows.append([rf"${math(ledger.of)}$", _value(facts.update.before), _value(facts.update.after)])
        body += ["", rf"\subsection*{{Update}} \texttt{{{escaped(facts.update.optimizer)}}}", *table(["", "before", "after"], "lrr", rows)]
    body += ["", r"\subsection*{Work}", escaped("; ".join(work_texts(facts))) + "."]
    if facts.timing is not None:
        body.append(rf"\par {escaped(timing_text(facts.timing))}.")
    return document(facts.spec, body)


def _value(value: object) -> str:
    return rf"${_value_math(value)}$"


def _value_math(value: object) -> str:
    text, written = value_text(value)
    if written:
        return math(text)
    shape, _, size = text.partition("  ")
    if size.startswith("|·| = "):
        return rf"{math(shape)} \quad \lVert\cdot\rVert = {math(size.removeprefix('|·| = '))}"
    return rf"{math(shape)} \quad \text{{{escaped(size)}}}"


def _ending(value: object) -> str:
    """A value at the end of an equation: what is only described stands apart from it."""
    return _value_math(value) if value_text(value)[1] else rf"\quad {_value_math(value)}"


def _symbol(text: str) -> str:
    return rf"${math(text)}$" if text.startswith("∂") else escaped(text)


def _error(text: str) -> str:
    size, _, kink = text.partition("   ")
    return rf"${math(size)}$ {escaped(kink)}".rstrip()  # `< 1e-9` is a formula too


def _leaves(ledger: Ledger) -> list[str]:
    rows = []
    for label, leaves in (("input", ledger.inputs), ("parameter", ledger.parameters), ("constant", ledger.constants)):
        rows += [[label, rf"${math(leaf.name)}$", _value(leaf.value)] for leaf in leaves]
    return table(["", "", "value"], "llr", rows) if rows else []


def _forward(ledger: Ledger) -> list[str]:
    rows = []
    for line in ledger.forward:
        parts = [math(part) for part in (line.formula, line.numbers) if part]
        rows.append((math(line.name), parts, _ending(line.value)))
    return align(rows)


def _backward(ledger: Ledger) -> list[str]:
    return align([(math(line.symbol), _parts(ledger, line), _ending(line.value)) for line in ledger.backward])


def _parts(ledger: Ledger, line: BackwardLine) -> list[str]:
    """The equal forms of a line; in the first, both factors are marked."""
    if not line.parts:
        return []
    parts = [math(part) for part in shortened(line)]
    if line.terms and len(line.terms) <= MOST_TERMS and not any(term.direct for term in line.terms):
        if all(term.value is not None for term in line.terms):
            parts[0] = " + ".join(_marked(ledger.of, line.name, term) for term in line.terms)
        else:
            for name in dict.fromkeys(term.upstream_name for term in line.terms):
                arriving = math(f"∂{ledger.of}/∂{name}")
                parts[0] = parts[0].replace(arriving, rf"\bwd{{{arriving}}}")
    return parts


def _marked(of: str, name: str, term: Term) -> str:
    return rf"\bwd{{{math(f'∂{of}/∂{term.upstream_name}')}}} \cdot \fwd{{{math(f'∂{term.upstream_name}/∂{name}')}}}"


def _gradients(ledger: Ledger) -> list[str]:
    rows = []
    shown = ledger.gradients[:MOST_GRADIENTS]
    symbols = max((breadth(math(line.symbol)) for line in shown), default=0.0)
    values = max((breadth(_value(line.value)) for line in shown), default=0.0)
    room = min(max(ROOM - symbols - values, 100.0), WORDS)
    for line in shown:
        words = [text for text in (reading(line, ledger.of), trial_text(line, ledger.of)) if text]
        told = rf"\parbox[t]{{{room:.0f}pt}}{{\raggedright {escaped('; '.join(words))}}}" if words else ""
        rows.append([rf"${math(line.symbol)}$", _value(line.value), told])
    out = table(["", "gradient", "in words"], "lrl", rows)
    if len(ledger.gradients) > MOST_GRADIENTS:
        out.append(rf"\dots{{}} and {number(len(ledger.gradients) - MOST_GRADIENTS)} more, as written above.")
    return out
