"""The ledger as text for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from graphrun.ir.formula import number, to_ascii
from graphrun.ledger.facts import BackwardLine, LeafLine
from graphrun.ledger.layout import Row, columns, ending, equations, size_text, value_text

if TYPE_CHECKING:
    from graphrun.ledger.facts import Facts, Update
    from graphrun.ledger.ledger import GradientLine, Ledger

__all__ = ["agreement_text", "header", "ledger_text", "trial_text", "work_texts"]

Writer = Callable[[str], str]
MOST_GRADIENTS = 20
MARGIN = 18
MOST_TERMS = 12


def ledger_text(ledger: Ledger, *, ascii: bool = False, width: int = 80) -> str:
    """The whole ledger; lines of up to `width` characters where a formula can be broken so."""
    write: Writer = to_ascii if ascii else str
    facts = ledger.facts
    out = [*_header_lines(facts, width), "", "FORWARD, left to right"]
    out += _leaves(ledger, width, write)
    out += equations([_forward_row(ledger, k, write) for k in range(len(ledger.forward))], width)
    out += ["", *_backward(ledger, width, write), ""]
    out += _gradients(ledger.gradients, facts, write, width)
    if facts.update is not None:
        out += _labelled("UPDATE", _update_items(facts.update, ledger.of), width, first=facts.update.optimizer)
    out += _labelled("WORK", [f"{text}{';' if k == 0 else ''}" for k, text in enumerate(work_texts(facts))], width, gap=" ")
    return "\n".join(write(line).rstrip() for line in out) + "\n"


def header(facts: Facts) -> str:
    """`neuron: what it is about`, or its name and path."""
    about = " ".join(facts.about.split())
    return f"{facts.spec}: {about}" if about else f"{facts.spec}   {facts.path}".rstrip()


def _header_lines(facts: Facts, width: int) -> list[str]:
    text = header(facts)
    if facts.row and len(text) + 3 + len(facts.row) <= width:
        return [f"{text}   {facts.row}"]
    row = _filled(facts.row.split("   "), width, "   ") if facts.row else []
    return [*_filled(text.split(" "), width, " "), *row]


def _filled(items: Sequence[str], width: int, gap: str) -> list[str]:
    """Items side by side, as many to a line as fit."""
    lines: list[str] = []
    for item in items:
        if lines and len(lines[-1]) + len(gap) + len(item) <= width:
            lines[-1] += gap + item
        else:
            lines.append(item)
    return lines


def _labelled(label: str, items: Sequence[str], width: int, *, first: str = "", gap: str = "   ") -> list[str]:
    """A section of the end: its label in the margin, its items beside it."""
    lines = _filled([first, *items] if first else items, width - MARGIN, gap)
    return [f"{label if k == 0 else '':<{MARGIN}}{line}" for k, line in enumerate(lines)]


def _leaves(ledger: Ledger, width: int, write: Writer) -> list[str]:
    out: list[str] = []
    for label, leaves in (("inputs", ledger.inputs), ("parameters", ledger.parameters), ("constants", ledger.constants)):
        lines: list[str] = []
        small: list[str] = []
        for leaf in leaves:
            text, written = _leaf(leaf)
            if written and len(text) <= 24:
                small.append(text)
            else:
                lines += _cells(small, width - 14)
                small = []
                lines.append(text)
        lines += _cells(small, width - 14)
        out += [f"  {label if k == 0 else '':<12}{line}" for k, line in enumerate(lines)]
    return out


def _leaf(leaf: LeafLine) -> tuple[str, bool]:
    text, written = value_text(leaf.value)
    return (f"{leaf.name} = {text}", True) if written else (f"{leaf.name}  {text}", False)


def _cells(items: Sequence[str], width: int) -> list[str]:
    """Items in columns of one width, but in one line with plain gaps where they fit."""
    if not items:
        return []
    line = "    ".join(items)
    if len(line) <= width:
        return [line]
    cell = max(len(item) for item in items) + 4
    per = max(1, (width + 4) // cell)
    return ["".join(f"{item:<{cell}}" for item in items[k : k + per]).rstrip() for k in range(0, len(items), per)]


def _row(write: Writer, prefix: str, name: str, parts: tuple[str, ...], value: object, shapes: str | None = None) -> Row:
    value_, tail = ending(value, shapes)
    return Row(prefix, write(name), tuple(write(part) for part in parts), write(value_), write(tail))


def _forward_row(ledger: Ledger, k: int, write: Writer) -> Row:
    line = ledger.forward[k]
    digits = len(str(len(ledger.forward)))
    parts = tuple(part for part in (line.formula, line.numbers) if part)
    return _row(write, f"{line.number:<{digits}}   ", line.name, parts, line.value)


def _backward(ledger: Ledger, width: int, write: Writer) -> list[str]:
    rows = [_row(write, "", line.symbol, shortened(line), line.value, line.shapes) for line in ledger.backward]
    title = "BACKWARD, right to left"
    if any(line.parts and line.parts[0].startswith("∂") and " · ∂" in line.parts[0] for line in ledger.backward):
        # both factors of the chain rule, over the column where they stand as numbers
        at = columns(rows, width).at_numbers + 5
        title = f"{title:<{max(at, len(title) + 4)}}{write('backward pass · forward pass')}"
    return [title, *equations(rows, width)]


def shortened(line: BackwardLine) -> tuple[str, ...]:
    """The equal forms of a line; sums over very many users are cut in the middle and say how many terms they have."""
    if len(line.terms) <= MOST_TERMS:
        return line.parts
    out = []
    for part in line.parts:
        pieces = part.split(" + ")
        out.append(" + ".join([*pieces[:3], "…", pieces[-1]]) if len(pieces) == len(line.terms) else part)
    out[0] += f"   ({len(line.terms):,} terms)"
    return tuple(out)


def _gradients(lines: Sequence[GradientLine], facts: Facts, write: Writer, width: int) -> list[str]:
    rows = [_row(write, "", line.symbol, (), line.value) for line in lines[:MOST_GRADIENTS]]
    texts = [text.removeprefix(" ") for text in equations(rows, width, indent=" ")]
    tried = [write(trial_text(line, facts.name(facts.of))) for line in lines]
    room = max((len(text) for text, trial in zip(texts, tried, strict=False) if trial), default=0)
    beside = MARGIN + room + 4 + max(map(len, tried), default=0) <= width
    out: list[str] = []
    for text, trial in zip(texts, tried, strict=False):
        out.append(f"{text:<{room}}    {trial}" if beside and trial else text)
        if trial and not beside:
            out += [f"  {part}" for part in _filled(trial.split(" "), width - MARGIN - 2, " ")]
    if len(lines) > MOST_GRADIENTS:
        out.append(f"… and {len(lines) - MOST_GRADIENTS:,} more, as written above")
    agreement = agreement_text(facts, len(lines))
    if agreement:
        out.append(agreement)
    return [f"{'GRADIENT' if k == 0 else '':<{MARGIN}}{text}" for k, text in enumerate(out)]


def trial_text(line: GradientLine, of: str) -> str:
    """`raise w by 0.001 and J changes by -0.003998`."""
    if line.trial is None:
        return ""
    change = number(line.trial.change)
    moves = "does not change" if change == "0" else f"changes by {change if change.startswith('-') else '+' + change}"
    return f"raise {line.name} by {number(line.trial.delta)} and {of} {moves}"


def agreement_text(facts: Facts, count: int) -> str:
    """How well the gradients agree with central differences, in words; empty where they were not compared."""
    worst = facts.agreement
    if worst is None:
        return ""
    if not worst < 1e-3:
        return f"the worst is off from central differences by {worst:.1g}, relative"
    who = "agrees" if count == 1 else "both agree" if count == 2 else "all agree"
    return f"{who} with central differences to {worst:.1g}" if worst else f"{who} with central differences exactly"


def _update_items(update: Update, of: str) -> list[str]:
    items = []
    for name, old, new in update.parameters[:MOST_GRADIENTS]:
        (before, one), (after, two) = value_text(old), value_text(new)
        short = one and two and len(before) + len(after) <= 24
        items.append(f"{name} {before} → {after}" if short else f"{name} {size_text(old)} → {size_text(new)}")
    if len(update.parameters) > MOST_GRADIENTS:
        items.append(f"… and {len(update.parameters) - MOST_GRADIENTS:,} more")
    return [*items, f"{of} {number(update.before)} → {number(update.after)}"]


def work_texts(facts: Facts) -> tuple[str, str]:
    """The cost of reverse mode, and that of one derivative at a time."""
    n, p = facts.nodes, facts.parameters
    nodes = f"{n:,} node{'s' if n != 1 else ''}"
    params = f"{p:,} parameter{'s' if p != 1 else ''}"
    return f"backward visits {nodes} + {params} = {n + p:,} steps", f"one derivative at a time would take {n:,} × {p:,} = {n * p:,}"
