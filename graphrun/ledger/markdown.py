"""The ledger as Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from graphrun.ir.formula import number
from graphrun.ir.pause import collection_paused
from graphrun.ledger.facts import Facts, LeafLine
from graphrun.ledger.layout import size_text, value_text
from graphrun.ledger.text import (
    HEADING,
    MOST_GRADIENTS,
    agreement_text,
    check_rows,
    kink_text,
    passes_text,
    rest_text,
    shortened,
    timing_text,
    trial_text,
    work_texts,
)
from graphrun.ledger.words import reading

if TYPE_CHECKING:
    from graphrun.ledger.ledger import Ledger

__all__ = ["escaped_cell", "ledger_markdown", "markdown_head", "markdown_table"]

_SPECIAL = re.compile(r"([\\`*|<]|(?<!\w)_|_(?!\w)|\](?=[(\[:]))")
_CUT = "\x00"


def ledger_markdown(ledger: Ledger) -> str:
    """The whole ledger. The cells of a row, read on from one to the next, are one chain of equations."""
    with collection_paused():
        return _ledger_markdown(ledger)


def _ledger_markdown(ledger: Ledger) -> str:
    facts = ledger.facts
    out = markdown_head(facts)
    out += ["## Forward, left to right", "", *_leaves(ledger), *_forward(ledger), ""]
    out += ["## Backward, right to left", "", *_backward(ledger), ""]
    out += ["## Gradient", "", *_gradients(ledger), ""]
    if facts.checks:
        rows = [[escaped_cell(cell) for cell in row] for row in check_rows(facts)]
        out += ["## Check", "", *markdown_table(["", "gradient", "central difference", "relative error"], "lrrl", rows), ""]
        out += [f"{_sentence(rest_text(facts))}\n"]
    out += [f"{escaped_cell(kink_text(kink))}.\n" for kink in facts.kinks]
    if facts.update is not None:
        update = facts.update
        out += ["## Update", "", f"`{update.optimizer}`", ""]
        rows = [[escaped_cell(name), *(_value(v) for v in (old, new))] for name, old, new in update.parameters]
        rows.append([escaped_cell(ledger.of), number(update.before), number(update.after)])
        out += [*markdown_table(["", "before", "after"], "lrr", rows), ""]
    backward, single = work_texts(facts)
    out += ["## Work", "", f"{backward[0].upper()}{backward[1:]}; {single}."]
    if facts.timing is not None:
        out += ["", _sentence(timing_text(facts.timing))]
    return "\n".join(out).rstrip() + "\n"


def markdown_head(facts: Facts) -> list[str]:
    """The title, what it is about, which row it is, and at which values."""
    about = " ".join(facts.about.split())
    texts = [f"{escaped_cell(text)}\n" for text in (about, facts.row) if text]
    return [f"# {escaped_cell(facts.spec)}", "", *texts, *([f"{_sentence(facts.where)}\n"] if facts.where else [])]


def _sentence(text: str) -> str:
    return escaped_cell(f"{text[0].upper()}{text[1:]}." if text and not text.startswith("∂") else f"{text}.")


def escaped_cell(text: str) -> str:
    """Text in which nothing means anything to Markdown."""
    return _SPECIAL.sub(r"\\\1", text)


def markdown_table(head: Sequence[str], align: str, rows: Sequence[Sequence[str]]) -> list[str]:
    """A table; cells are escaped already."""
    marks = ["---:" if a == "r" else "---" for a in align]
    return [f"| {' | '.join(cells)} |" for cells in (head, marks, *rows)]


def _rows(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """All cells escaped, in one go: long ledgers have a million of them."""
    ends = [len(row) for row in rows]
    flat = escaped_cell(_CUT.join([cell for row in rows for cell in row])).split(_CUT) if rows else []
    out, at = [], 0
    for n in ends:
        out.append(flat[at : at + n])
        at += n
    return out


def _value(value: object) -> str:
    return escaped_cell(value_text(value)[0])


def _leaves(ledger: Ledger) -> list[str]:
    rows = []
    for label, leaves in (("input", ledger.inputs), ("parameter", ledger.parameters), ("constant", ledger.constants)):
        rows += [[label, leaf.name, _leaf(leaf)] for leaf in leaves]
    return [*markdown_table(["", "name", "value"], "llr", _rows(rows)), ""] if rows else []


def _leaf(leaf: LeafLine) -> str:
    return value_text(leaf.value)[0]


def _forward(ledger: Ledger) -> list[str]:
    rows = []
    for line in ledger.forward:
        text, written = value_text(line.value)
        numbers = f"= {line.numbers}" if line.numbers is not None else ""
        equation = f"{line.name} = {line.formula}" if line.formula else line.name
        rows.append([str(line.number), equation, numbers, f"= {text}" if written else text])
    return markdown_table(["step", "formula", "in numbers", "value"], "rllr", _rows(rows))


def _backward(ledger: Ledger) -> list[str]:
    rows = []
    for line in ledger.backward:
        text, written = value_text(line.value)
        parts = shortened(line)
        more = " ".join([f"= {part}" for part in parts[1:]])
        if line.shapes is not None and not written:
            more, text = line.shapes, size_text(line.value)
        rows.append([f"{line.symbol} = {parts[0]}" if parts else line.symbol, more, f"= {text}" if written else text])
    arrays = any(term.value is None and not term.direct for line in ledger.backward for term in line.terms)
    head = passes_text(ledger.of) if arrays else HEADING
    return markdown_table([head, "in numbers", "value"], "llr", _rows(rows))


def _gradients(ledger: Ledger) -> list[str]:
    rows = []
    for line in ledger.gradients[:MOST_GRADIENTS]:
        text, written = value_text(line.value)
        rows.append([line.symbol, f"= {text}" if written else text, reading(line, ledger.of), trial_text(line, ledger.of)])
    tried = any(line.trial is not None for line in ledger.gradients)
    head = ["", "gradient", "in words", "tried"] if tried else ["", "gradient", "in words"]
    out = markdown_table(head, "lrll"[: len(head)], [row[: len(head)] for row in _rows(rows)])
    if len(ledger.gradients) > MOST_GRADIENTS:
        out += ["", f"… and {len(ledger.gradients) - MOST_GRADIENTS:,} more, as written above."]
    agreement = "" if ledger.facts.checks else agreement_text(ledger.facts, len(ledger.gradients))
    return [*out, "", _sentence(agreement)] if agreement else out
