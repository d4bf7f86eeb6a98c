"""Worksheets: the ledger with blanks, its key, and the marking of a filled-in one, which says what went wrong at a blank."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphrun.errors import Diagnostic, UsageError
from graphrun.ir.formula import number, operand
from graphrun.ledger.facts import BackwardLine, Term, is_scalar
from graphrun.ledger.ledger import Ledger

__all__ = ["Blank", "Mark", "answers_text", "blanks", "key_text", "mark", "sheet_text"]

LINE = "________"
NEAR = 5e-3
"""An answer that is off by this much, relative to what is right, is right: three digits are enough."""

SMALL = 5e-4


@dataclass(frozen=True, slots=True)
class Blank:
    """A number to be filled in: `part` is `forward`, `backward` or `update`; `text` the line up to its `=`; `terms` what is summed."""

    part: str
    name: str
    text: str
    value: float
    terms: tuple[Term, ...] = ()
    numbers: str = ""
    before: float | None = None  # of a parameter in the update
    gradient: float | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """What is said of one answer. `follows` is an answer that is right by the answers before it."""

    blank: Blank
    answer: float | None
    right: bool
    follows: bool = False
    mistake: str = ""


def blanks(ledger: Ledger) -> list[Blank]:
    """Every number of a ledger that a student can work out, in order. Raises UsageError where values are arrays."""
    if any(not is_scalar(line.value) for line in (*ledger.forward, *ledger.backward)):
        message = "a worksheet is of scalars, and this graph has arrays"
        raise UsageError(Diagnostic("no-worksheet", message, help="take a spec with scalar inputs and parameters, such as specs/ann.yaml"))
    out = [
        Blank("forward", line.name, f"{line.name} = {line.formula}", float(line.value), numbers=line.numbers or "")
        for line in ledger.forward
        if line.formula
    ]
    for line in ledger.backward:
        out.append(Blank("backward", line.name, _symbols(line), float(line.value), line.terms, line.parts[-1] if line.parts else ""))
    update = ledger.facts.update
    if update is not None:
        gradients = {line.name: float(line.value) for line in ledger.backward}
        for name, old, new in update.parameters:
            if float(old) != float(new):
                text = f"{name} after {update.optimizer}"
                out.append(Blank("update", name, text, float(new), before=float(old), gradient=gradients.get(name)))
    return out


def _symbols(line: BackwardLine) -> str:
    return f"{line.symbol} = {line.parts[0]}" if line.parts else line.symbol


def sheet_text(ledger: Ledger, title: str, note: str, *, key: bool = False) -> str:
    """A worksheet as Markdown, or with `key` its solution. `note` is a line below the title."""
    facts = ledger.facts
    out = [f"# {title}", "", *([note, ""] if note else []), "Name: ____________________    Date: ____________", ""]
    if key:
        out = [f"# {title}", "", *([note, ""] if note else [])]
    given = [f"{leaf.name} = {number(float(leaf.value))}" for leaf in (*ledger.inputs, *ledger.parameters, *ledger.constants)]
    out += [" ".join(facts.about.split()), "", f"Given: {', '.join(given)}.", ""]
    heads = {
        "forward": "## Forward, left to right",
        "backward": f"## Backward, right to left: by how much {ledger.of} moves",
        "update": "## One step of gradient descent",
    }
    part = ""
    for k, blank in enumerate(blanks(ledger), 1):
        if blank.part != part:
            part = blank.part
            out += ["" if out[-1] else "", heads[part], ""] if out[-1] else [heads[part], ""]
        out.append(f"{k}. {_solved(blank) if key else _asked(blank)}")
    return "\n".join([*out, ""])


def _asked(blank: Blank) -> str:
    if blank.part == "forward":
        return f"`{blank.text}` = {LINE}"
    if blank.part == "update":
        return f"`{blank.text}` = {LINE}"
    if not blank.terms:
        return f"`{blank.text}` = {LINE}"
    direct = all(term.direct for term in blank.terms)
    room = LINE if direct else " + ".join(LINE if term.direct else f"{LINE} · {LINE}" for term in blank.terms)
    return f"`{blank.text}` = {room}" + ("" if direct and len(blank.terms) == 1 else f" = {LINE}")


def _solved(blank: Blank) -> str:
    value = number(blank.value)
    middle = f" = `{blank.numbers}`" if blank.numbers and blank.numbers not in (blank.text.partition(" = ")[2], value) else ""
    return f"`{blank.text}`{middle} = **{value}**"


def answers_text(ledger: Ledger, head: Mapping[str, Any]) -> str:
    """A file of answers to fill in, as YAML. `head` says which sheet it belongs to."""
    lines = [f"{name}: {value}" for name, value in head.items()]
    part = ""
    for blank in blanks(ledger):
        if blank.part != part:
            part = blank.part
            lines += ["", f"{part}:" + (f"   # ∂{ledger.of}/∂…" if part == "backward" else "   # the new values" if part == "update" else "")]
        lines.append(f"  {blank.name}:")
    return "\n".join(lines) + "\n"


def key_text(ledger: Ledger, title: str, note: str) -> str:
    """The solution of a sheet."""
    return sheet_text(ledger, title, note, key=True)


# -- marking -----------------------------------------------------------------------------------------------------------


def mark(ledger: Ledger, answers: Mapping[str, Mapping[str, float | None]]) -> list[Mark]:
    """Compares answers (part → name → number, None for a blank left empty) with the ledger, and names the mistakes."""
    found = blanks(ledger)
    given = {(b.part, b.name): answers.get(b.part, {}).get(b.name) for b in found}
    backward = {name: value for (part, name), value in given.items() if part == "backward" and value is not None}
    return [_marked(ledger, b, given[b.part, b.name], backward) for b in found]


def _marked(ledger: Ledger, blank: Blank, answer: float | None, backward: Mapping[str, float]) -> Mark:
    if answer is None:
        return Mark(blank, None, False, mistake="nothing is filled in")
    if _near(answer, blank.value):
        return Mark(blank, answer, True)
    if blank.part == "backward" and blank.terms:
        own = _by_own_answers(blank.terms, backward)
        if own is not None and _near(answer, own) and not _near(own, blank.value):
            wrong = [t.upstream_name for t in blank.terms if not t.direct and not _near(backward[t.upstream_name], float(t.upstream_gradient))]
            return Mark(blank, answer, False, True, f"right by your {_symbol(ledger, wrong[0])}, which is wrong above" if wrong else "")
    return Mark(blank, answer, False, mistake=next(_mistakes(ledger, blank, answer), ""))


def _symbol(ledger: Ledger, name: str) -> str:
    return f"∂{ledger.of}/∂{name}"


def _near(a: float, b: float) -> bool:
    return a == b or math.isclose(a, b, rel_tol=NEAR, abs_tol=SMALL)


def _by_own_answers(terms: Sequence[Term], backward: Mapping[str, float]) -> float | None:
    """The sum of products with the student's own gradients in place of the right ones."""
    if any(not t.direct and t.upstream_name not in backward for t in terms):
        return None
    return sum(float(t.value) * (1.0 if t.direct else backward[t.upstream_name]) for t in terms)


def _mistakes(ledger: Ledger, blank: Blank, answer: float) -> Iterator[str]:
    """What may have gone wrong, likeliest first."""
    right = blank.value
    if right and _near(answer, -right):
        yield "the sign is wrong"
    yield from _of_update(blank, answer) if blank.part == "update" else _of_terms(ledger, blank, answer)
    if right and answer:
        ratio = answer / right
        for factor in (2.0, 0.5, 10.0, 0.1, 100.0, 0.01):
            if _near(ratio, factor):
                yield f"it is {number(factor)} times what is right" if factor > 1 else f"it is what is right divided by {number(1 / factor)}"


def _of_terms(ledger: Ledger, blank: Blank, answer: float) -> Iterator[str]:
    """A factor left out of a product, a path left out of a sum, a sign within it."""
    products = [(t, float(t.product or 0.0)) for t in blank.terms]
    for term, product in products:
        rest = blank.value - product
        if term.direct:
            continue
        local, arriving = float(term.value), float(term.upstream_gradient)
        step = f"∂{term.upstream_name}/∂{blank.name}"
        if local != 1 and _near(answer, rest + arriving):
            yield f"the factor {step} = {number(local)} is missing"
        if arriving != 1 and _near(answer, rest + local):
            yield f"the factor {_symbol(ledger, term.upstream_name)} = {number(arriving)} is missing"
        if _near(answer, rest + arriving + local):
            yield f"{number(arriving)} and {number(local)} are added where they are to be multiplied"
        if local and _near(answer, rest + arriving / local):
            yield f"it is divided by {step} = {number(local)} where it is to be multiplied"
    if len(products) > 1:
        for term, product in products:
            if product and _near(answer, blank.value - product):
                yield f"the path by way of {term.upstream_name} is missing: {operand(product)}"
            if product and _near(answer, blank.value - 2 * product):
                yield f"the path by way of {term.upstream_name} has the wrong sign"
            if _near(answer, product) and len(products) > 2:
                yield f"only the path by way of {term.upstream_name} is there"


def _of_update(blank: Blank, answer: float) -> Iterator[str]:
    if blank.before is None:
        return
    moved = blank.value - blank.before
    if _near(answer, blank.before - moved) and moved:
        yield "the step goes up the gradient: the gradient is to be subtracted"
    if _near(answer, blank.before):
        yield "nothing has moved"
    if _near(answer, moved) or _near(answer, -moved):
        yield "that is the step; the new value is the old one and the step"
    if blank.gradient is not None and _near(answer, blank.before - blank.gradient):
        yield "the learning rate is missing"
