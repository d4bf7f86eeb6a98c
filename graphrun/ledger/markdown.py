"""The ledger as Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from graphrun.ir.formula import number
from graphrun.ledger.facts import LeafLine
from graphrun.ledger.layout import size_text, value_text
from graphrun.ledger.text import MOST_GRADIENTS, agreement_text, shortened, trial_text, work_texts

if TYPE_CHECKING:
    from graphrun.ledger.ledger import Ledger

__all__ = ["ledger_markdown"]

_SPECIAL = re.compile(r"([\\`*|<]|(?<!\w)_|_(?!\w))")


def ledger_markdown(ledger: Ledger) -> str:
    """The whole ledger. The cells of a row, read on from one to the next, are one chain of equations."""
    facts = ledger.facts
    out = [f"# {_escaped(facts.spec)}", ""]
    about = " ".join(facts.about.split())
    out += [f"{_escaped(text)}\n" for text in (about, facts.row) if text]
    out += ["## Forward, left to right", "", *_leaves(ledger), *_forward(ledger), ""]
    out += ["## Backward, right to left", "", *_backward(ledger), ""]
    out += ["## Gradient", "", *_gradients(ledger), ""]
    if facts.update is not None:
        update = facts.update
        out += ["## Update", "", f"`{update.optimizer}`", ""]
        rows = [[_escaped(name), *(_value(v) for v in (old, new))] for name, old, new in update.parameters]
        rows.append([_escaped(ledger.of), number(update.before), number(update.after)])
        out += [*_table(["", "before", "after"], "lrr", rows), ""]
    backward, single = work_texts(facts)
    out += ["## Work", "", f"{backward[0].upper()}{backward[1:]}; {single}."]
    return "\n".join(out).rstrip() + "\n"


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)


def _table(head: Sequence[str], align: str, rows: Sequence[Sequence[str]]) -> list[str]:
    marks = ["---:" if a == "r" else "---" for a in align]
    return [f"| {' | '.join(cells)} |" for cells in (head, marks, *rows)]


def _value(value: object) -> str:
    return _escaped(value_text(value)[0])


def _leaves(ledger: Ledger) -> list[str]:
    rows = []
    for label, leaves in (("input", ledger.inputs), ("parameter", ledger.parameters), ("constant", ledger.constants)):
        rows += [[label, _escaped(leaf.name), _leaf(leaf)] for leaf in leaves]
    return [*_table(["", "name", "value"], "llr", rows), ""] if rows else []


def _leaf(leaf: LeafLine) -> str:
    return _value(leaf.value)


def _forward(ledger: Ledger) -> list[str]:
    rows = []
    for line in ledger.forward:
        text, written = value_text(line.value)
        numbers = f"= {line.numbers}" if line.numbers is not None else ""
        equation = f"{line.name} = {line.formula}" if line.formula else line.name
        cells = [str(line.number), equation, numbers, f"= {text}" if written else text]
        rows.append([_escaped(cell) for cell in cells])
    return _table(["step", "formula", "in numbers", "value"], "rllr", rows)


def _backward(ledger: Ledger) -> list[str]:
    rows = []
    for line in ledger.backward:
        text, written = value_text(line.value)
        parts = shortened(line)
        more = "".join(f"= {part} " for part in parts[1:]).rstrip()
        if line.shapes is not None and not written:
            more, text = line.shapes, size_text(line.value)
        cells = [f"{line.symbol} = {parts[0]}" if parts else line.symbol, more, f"= {text}" if written else text]
        rows.append([_escaped(cell) for cell in cells])
    return _table(["backward pass · forward pass", "in numbers", "value"], "llr", rows)


def _gradients(ledger: Ledger) -> list[str]:
    rows = []
    for line in ledger.gradients[:MOST_GRADIENTS]:
        text, written = value_text(line.value)
        rows.append([_escaped(line.symbol), _escaped(f"= {text}" if written else text), _escaped(trial_text(line, ledger.of))])
    tried = any(line.trial is not None for line in ledger.gradients)
    out = _table(["", "gradient", "tried"], "lrl", rows) if tried else _table(["", "gradient"], "lr", [row[:2] for row in rows])
    if len(ledger.gradients) > MOST_GRADIENTS:
        out += ["", f"… and {len(ledger.gradients) - MOST_GRADIENTS:,} more, as written above."]
    agreement = agreement_text(ledger.facts, len(ledger.gradients))
    return [*out, "", f"{agreement[0].upper()}{agreement[1:]}."] if agreement else out
