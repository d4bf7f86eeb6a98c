"""Worksheets: the ledger with blanks, the same with its solution, and a file of answers to fill in."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from graphrun.errors import Diagnostic, UsageError
from graphrun.ir.formula import number
from graphrun.ledger.facts import BackwardLine, ForwardLine, LeafLine, Term, is_scalar
from graphrun.ledger.ledger import Ledger
from graphrun.ledger.markdown import escaped_cell

__all__ = ["PARTS", "Blank", "answers_text", "blanks", "sheet_text"]

Part = Literal["forward", "backward", "update"]
PARTS: tuple[Part, ...] = ("forward", "backward", "update")
LINE = "________"
_PLAIN = re.compile(r"[A-Za-z_][\w.#@()-]*")


@dataclass(frozen=True, slots=True)
class Blank:
    """A number to be filled in.

    `node` is the node that it belongs to, `symbol` what is asked for (`u1`, `∂L/∂u1`), `formula` how it is found, `numbers` the same in
    numbers; `terms` are what is summed up in a gradient; `before` and `gradient` belong to a parameter that is updated.
    """

    part: Part
    name: str
    node: int
    symbol: str
    value: float
    formula: str = ""
    numbers: str = ""
    terms: tuple[Term, ...] = ()
    before: float = 0.0
    gradient: float = 0.0


def blanks(ledger: Ledger) -> list[Blank]:
    """Every number of a ledger that a person can work out, in order. Raises UsageError where values are arrays."""
    lines: list[LeafLine | ForwardLine | BackwardLine] = [*ledger.inputs, *ledger.parameters, *ledger.constants]
    lines += [*ledger.forward, *ledger.backward]
    array = next((line.name for line in lines if not is_scalar(line.value)), None)
    if array is not None:
        rows = ledger.facts.row is not None and not ledger.facts.row.startswith("row ")
        mend = "name one row: --row 1" if rows else "take a spec with scalar inputs and parameters, such as specs/ann.yaml"
        message = f"a worksheet is worked out by hand, in single numbers, and `{array}` is an array"
        raise UsageError(Diagnostic("no-worksheet", message, help=mend))
    out = [
        Blank("forward", line.name, line.node, line.name, float(line.value), line.formula, line.numbers or "")
        for line in ledger.forward
        if line.formula
    ]
    for line in ledger.backward:
        formula, *more = line.parts or ("",)
        out.append(Blank("backward", line.name, line.node, line.symbol, float(line.value), formula, more[-1] if more else "", line.terms))
    gradients = {line.name: float(line.value) for line in ledger.backward}
    for name, old, new in _updated(ledger):
        node = ledger.facts.params[name]
        out.append(Blank("update", name, node, name, float(new), before=float(old), gradient=gradients.get(name, 0.0)))
    return out


def _updated(ledger: Ledger) -> list[tuple[str, Any, Any]]:
    """What the update moves, of the parameters that the ledger shows."""
    shown = {leaf.name for leaf in ledger.parameters}
    update = ledger.facts.update
    return [entry for entry in update.parameters if entry[0] in shown] if update is not None else []


# -- the sheet ---------------------------------------------------------------------------------------------------------


def sheet_text(ledger: Ledger, title: str, *, note: str = "", key: bool = False) -> str:
    """A worksheet as Markdown, or with `key` its solution. `note` stands below the title."""
    found = blanks(ledger)
    out = [f"# {escaped_cell(title)}", ""]
    if not key:
        out += ["Name: ______________________________    Date: ____________________", ""]
    about = " ".join(ledger.facts.about.split())
    out += [f"{text}\n" for text in (_sentence(about), _sentence(note), _sentence((ledger.facts.row or "").partition(":")[0])) if text]
    out += _given(ledger)
    if not key:
        out += ["Fill in every blank: what each step comes to, in numbers. Three digits are enough.", ""]
    part = ""
    for k, blank in enumerate(found, 1):
        if blank.part != part:
            part = blank.part
            out += [*([""] if out[-1] else []), *_heading(ledger, part)]
        out.append(f"{k}. {_solved(blank) if key else _asked(blank)}")
    return "\n".join([*out, ""])


def _sentence(text: str) -> str:
    """Text as a sentence. A formula at its beginning (`y = f(x)`) stays as it is."""
    if not text:
        return ""
    first = text if text.split(" ")[1:2] == ["="] else text[0].upper() + text[1:]
    return escaped_cell(first if first[-1] in ".?!:" else f"{first}.")


def _given(ledger: Ledger) -> list[str]:
    rows = (("Inputs", ledger.inputs), ("Parameters", ledger.parameters), ("Constants", ledger.constants))
    out = []
    for label, leaves in rows:
        if leaves:
            out += [f"{label}: " + ", ".join(f"`{leaf.name} = {number(float(leaf.value))}`" for leaf in leaves), ""]
    return out


def _heading(ledger: Ledger, part: str) -> list[str]:
    if part == "forward":
        return ["## Forward, left to right", ""]
    if part == "backward":
        passes = "Backward pass · forward pass: what arrives from the right, times the derivative of one step."
        return ["## Backward, right to left", "", passes, ""]
    update = ledger.facts.update
    assert update is not None
    return ["## One update", "", f"The new value of each parameter after one step of `{update.optimizer}`.", ""]


def _asked(blank: Blank) -> str:
    if blank.part == "update":
        return f"`{blank.name}`: {number(blank.before)} → {LINE}"
    head = f"`{blank.symbol} = {blank.formula}`" if blank.formula else f"`{blank.symbol}`"
    rooms = [LINE if term.direct else f"{LINE} · {LINE}" for term in blank.terms]
    if blank.part == "forward" or len(rooms) == sum(term.direct for term in blank.terms):
        return f"{head} = {LINE}"
    return f"{head} = {' + '.join(rooms)} = {LINE}"


def _solved(blank: Blank) -> str:
    value = number(blank.value)
    if blank.part == "update":
        return f"`{blank.name}`: {number(blank.before)} → **{value}**"
    head = f"`{blank.symbol} = {blank.formula}`" if blank.formula and blank.formula != value else f"`{blank.symbol}`"
    middle = f" = `{blank.numbers}`" if blank.numbers and blank.numbers not in (blank.formula, value) else ""
    return f"{head}{middle} = **{value}**"


# -- the file of answers -----------------------------------------------------------------------------------------------


def answers_text(ledger: Ledger, head: Mapping[str, Any]) -> str:
    """A file of answers to fill in, as YAML. `head` says which sheet they belong to."""
    update = ledger.facts.update
    said = {
        "forward": "the value of each step",
        "backward": f"∂{ledger.of}/∂… of each",
        "update": f"the new value of each after {update.optimizer if update else ''}",
    }
    lines = ["# Write each number after its colon: -4, 0.5 or 1/2; three digits are enough. What is left empty counts as not answered."]
    for name, value in head.items():
        lines.append(f"{name}: {json.dumps(value) if isinstance(value, dict) else _plain(value)}")
    part = ""
    for blank in blanks(ledger):
        if blank.part != part:
            part = blank.part
            lines += ["", f"{part}:   # {' '.join(said[part].split())}"]
        lines.append(f"  {_plain(blank.name)}:")
    return "\n".join(lines) + "\n"


def _plain(value: Any) -> str:
    """A name or a whole number as YAML has it."""
    text = str(value)
    plain = isinstance(value, int) or (_PLAIN.fullmatch(text) and text.lower() not in {"null", "true", "false"})
    return text if plain else json.dumps(text, ensure_ascii=False)
