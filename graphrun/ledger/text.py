"""The ledger as text for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from graphrun.ir.formula import number, to_ascii
from graphrun.ir.pause import collection_paused
from graphrun.ledger.facts import BackwardLine, ForwardLine, LeafLine
from graphrun.ledger.layout import Columns, Row, columns, ending, equations, size_text, value_text
from graphrun.ledger.words import reading

if TYPE_CHECKING:
    from graphrun.ledger.facts import Facts, Kink, Timing, Update
    from graphrun.ledger.ledger import GradientLine, Ledger

__all__ = [
    "agreement_text",
    "check_rows",
    "filled",
    "header",
    "header_lines",
    "kink_text",
    "ledger_text",
    "rest_text",
    "timing_text",
    "trial_text",
    "work_texts",
]

Writer = Callable[[str], str]
Line = TypeVar("Line")
MOST_GRADIENTS = 20
MARGIN = 18
HEADING = "backward pass · forward pass"
MOST_TERMS = 12
MOST_CHECKS = 20
ROUNDING = 1e-9


def ledger_text(ledger: Ledger, *, ascii: bool = False, width: int = 80, most: int | None = None) -> str:
    """The whole ledger; lines of up to `width` characters where a formula can be broken so. Of a pass of more than `most` lines the middle
    is left out, and the text says so."""
    with collection_paused():
        return _ledger_text(ledger, to_ascii if ascii else str, width, most)


def _ledger_text(ledger: Ledger, write: Writer, width: int, most: int | None) -> str:
    facts = ledger.facts
    out = [*header_lines(facts, width), "", "FORWARD, left to right"]
    out += _leaves(ledger, width, write, most)
    digits = len(str(len(ledger.forward)))
    forward = [_forward_row(line, digits, write) for line in _shown(ledger.forward, most)]
    out += _folded(forward, len(ledger.forward), width, "steps")
    out += ["", *_backward(ledger, width, write, most), ""]
    out += _gradients(ledger.gradients, facts, write, width)
    if facts.checks:
        out += _check_lines(facts, write, width)
    for kink in facts.kinks[:MOST_GRADIENTS]:
        out += _margin("KINK", filled(kink_text(kink).split(" "), width - MARGIN, " "))
    if len(facts.kinks) > MOST_GRADIENTS:
        out += _margin("", [f"… and {len(facts.kinks) - MOST_GRADIENTS:,} more steps that stand on a kink"])
    if facts.update is not None:
        out += _labelled("UPDATE", _update_items(facts.update, ledger.of), width, first=facts.update.optimizer)
    out += _labelled("WORK", [f"{text}{';' if k == 0 else ''}" for k, text in enumerate(work_texts(facts))], width, gap=" ")
    if facts.timing is not None:
        out += _labelled("TIME", timing_text(facts.timing).split(" "), width, gap=" ")
    return "\n".join([line.rstrip() for line in out] if write is str else [write(line).rstrip() for line in out]) + "\n"


def _shown(lines: Sequence[Line], most: int | None) -> Sequence[Line]:
    """The lines that are written: of more than `most` the first and the last."""
    return lines if most is None or len(lines) <= most else [*lines[: most // 2], *lines[len(lines) - most // 2 :]]


def _folded(rows: Sequence[Row], count: int, width: int, what: str, layout: Columns | None = None) -> list[str]:
    """Rows as equations under each other; where they are fewer than `count`, the middle says how many are left out."""
    if len(rows) == count:
        return equations(rows, width, layout=layout)
    half = len(rows) // 2
    first, last = (equations(part, width, layout=layout) for part in (rows[:half], rows[half:]))
    return [*first, f"  … {count - len(rows):,} more {what}; `-o ledger.md` writes them all …", *last]


def header(facts: Facts) -> str:
    """`neuron: what it is about`, or its name and path."""
    about = " ".join(facts.about.split())
    return f"{facts.spec}: {about}" if about else f"{facts.spec}   {facts.path}".rstrip()


def header_lines(facts: Facts, width: int) -> list[str]:
    """What it is about, which row it is, and at which values."""
    text = header(facts)
    row = facts.row or ""
    out = [f"{text}   {row}"] if row and len(text) + 3 + len(row) <= width else [*filled(text.split(" "), width, " ")]
    if row and len(out[0]) != len(text) + 3 + len(row):
        parts = row.split("   ")
        fits = all(len(part) <= width for part in parts)
        out += filled(parts, width, "   ") if fits else [line for part in parts for line in filled(part.split(" "), width, " ")]
    return out + (filled(facts.where.split(" "), width, " ") if facts.where else [])


def filled(items: Sequence[str], width: int, gap: str) -> list[str]:
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
    room = width - MARGIN
    if any(len(item) > room for item in items) and gap == " ":
        items = [word for item in items for word in item.split(" ")]
    lines = filled([first, *items] if first else items, room, gap)
    return [f"{label if k == 0 else '':<{MARGIN}}{line}" for k, line in enumerate(lines)]


def _margin(label: str, lines: Sequence[str]) -> list[str]:
    """Lines with a label in the margin of the first."""
    return [f"{label if k == 0 else '':<{MARGIN}}{line}" for k, line in enumerate(line for line in lines if line)]


def _leaves(ledger: Ledger, width: int, write: Writer, most: int | None) -> list[str]:
    out: list[str] = []
    for label, leaves in (("inputs", ledger.inputs), ("parameters", ledger.parameters), ("constants", ledger.constants)):
        lines: list[str] = []
        small: list[str] = []
        for leaf in leaves[:most]:
            text, written = _leaf(leaf)
            if written and len(text) <= 24:
                small.append(text)
            else:
                lines += _cells(small, width - 14)
                small = []
                lines.append(text)
        lines += _cells(small, width - 14)
        if most is not None and len(leaves) > most:
            lines.append(f"… and {len(leaves) - most:,} more")
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
    if write is str:
        return Row(prefix, name, parts, value_, tail)
    return Row(prefix, write(name), tuple(write(part) for part in parts), write(value_), write(tail))


def _forward_row(line: ForwardLine, digits: int, write: Writer) -> Row:
    parts = tuple(part for part in (line.formula, line.numbers) if part)
    return _row(write, f"{line.number:<{digits}}   ", line.name, parts, line.value)


def _backward(ledger: Ledger, width: int, write: Writer, most: int | None) -> list[str]:
    lines = ledger.backward

    def row(line: BackwardLine) -> Row:
        return _row(write, "", line.symbol, shortened(line), line.value, line.shapes)

    title = "BACKWARD, right to left"
    rows = [row(line) for line in _shown(lines, most)]
    layout = columns(rows, width)
    if any(line.parts and line.parts[0].startswith("∂") and " · ∂" in line.parts[0] for line in lines):
        # both factors of the chain rule, over the column where they stand as numbers
        at = layout.at_numbers + 5
        at = max(min(at, width - len(HEADING)), len(title) + 4)
        title = f"{title:<{at}}{write(HEADING)}"
    elif any(term.value is None and not term.direct for line in lines for term in line.terms):
        note = write(passes_text(ledger.of))
        title = f"{title}    {note}" if len(title) + 4 + len(note) <= width else f"{title}\n  {note}"
    return [title, *_folded(rows, len(lines), width, "gradients", layout)]


def passes_text(of: str) -> str:
    """Which factor of a product of matrices comes from which pass."""
    return f"∂{of}/∂…: backward pass, the rest: forward pass"


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
    inner = width - MARGIN + 1  # what is indented by 1 stands without that in the margin
    layout = columns(rows, inner, " ")
    texts = [[text.removeprefix(" ") for text in equations([row], inner, " ", layout)] for row in rows]
    of = facts.name(facts.of)
    read = [reading(line, of) for line in lines[:MOST_GRADIENTS]]
    room = max((len(text[-1]) for text, words in zip(texts, read, strict=True) if words), default=0)
    out: list[str] = []
    for line, text, words in zip(lines, texts, read, strict=False):
        if words and MARGIN + room + 4 + len(words) <= width:
            out += [*text[:-1], f"{text[-1]:<{room}}    {words}"]
        else:
            out += [*text, *(f"  {part}" for part in filled(words.split(" "), width - MARGIN - 2, " ") if part)]
        out += [f"  {part}" for half in _trial_halves(line, of) for part in filled(half.split(" "), width - MARGIN - 2, " ")]
    if len(lines) > MOST_GRADIENTS:
        out.append(f"… and {len(lines) - MOST_GRADIENTS:,} more, as written above")
    agreement = agreement_text(facts, len(lines))
    if agreement and not facts.checks:
        out.append(agreement)
    return _margin("GRADIENT", out)


def trial_text(line: GradientLine, of: str) -> str:
    """`raise w by 0.001 and J changes by -0.003998, lower it and J changes by +0.004002`."""
    return " ".join(_trial_halves(line, of))


def _trial_halves(line: GradientLine, of: str) -> list[str]:
    trial = line.trial
    if trial is None:
        return []
    up = f"raise {line.name} by {number(trial.delta)} and {of} {_moves(trial.change)}"
    return [up] if trial.lowered is None else [f"{up},", f"lower it and {of} {_moves(trial.lowered)}"]


def _moves(change: float) -> str:
    text = number(change)
    return "does not change" if text == "0" else f"changes by {text if text.startswith('-') else '+' + text}"


def check_rows(facts: Facts) -> list[tuple[str, str, str, str]]:
    """For each comparison: what was compared, the gradient, the central difference, and how far they are apart."""
    of = facts.name(facts.of)
    out = []
    for check in facts.checks[:MOST_CHECKS]:
        symbol = check.label if check.label.endswith(", direction") else f"∂{of}/∂{check.label}"
        error = error_text(check.error) + ("   at a kink" if check.kink else "")
        out.append((symbol, _exact(check.gradient), _exact(check.difference), error))
    return out


def error_text(error: float) -> str:
    """A relative error to one digit; what is smaller than rounding makes it, and differs from machine to machine, as `< 1e-9`."""
    return f"{error:.1g}" if not error < ROUNDING else "< 1e-9"


def _exact(x: float) -> str:
    """With eight digits, so that what is compared can be seen to agree."""
    return number(x, digits=8)


def _check_lines(facts: Facts, write: Writer, width: int) -> list[str]:
    head = ("CHECK", "gradient", "central difference", "relative error")
    rows = [(write(a), b, c, d) for a, b, c, d in check_rows(facts)]
    indent = MARGIN if _wide([head, *rows]) + MARGIN <= width else 2
    lines = [*_check_table([head, *[(f"{'':<{indent}}{a}", b, c, d) for a, b, c, d in rows]], width)]
    if len(facts.checks) > MOST_CHECKS:
        lines.append(f"{'':<{indent}}… and {len(facts.checks) - MOST_CHECKS:,} more")
    return lines + [f"{'':<{indent}}{line}" for line in filled(rest_text(facts).split(" "), width - indent, " ")]


def _wide(rows: Sequence[Sequence[str]]) -> int:
    return sum(max(len(row[k]) for row in rows) for k in range(4)) + 9


def _check_table(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    wide = [max(len(row[k]) for row in rows) for k in range(3)]
    if _wide(rows) <= width:
        return [f"{a:<{wide[0]}}   {b:>{wide[1]}}   {c:>{wide[2]}}   {d}" for a, b, c, d in rows]
    return [line for a, b, c, d in rows for line in (a, f"    {b:>{wide[1]}}   {c:>{wide[2]}}   {d}")]  # a long name above its numbers


def rest_text(facts: Facts) -> str:
    """How well gradients and differences agree, what was sampled, and what kinks do to a difference."""
    if not facts.checks:
        return ""
    done, every = facts.entries_checked
    kinked = any(check.kink for check in facts.checks)
    sentences = [agreement_text(facts, len(facts.checks), "all others agree" if kinked else "")]
    if done < every:
        sentences.append(f"{done:,} of {every:,} entries were compared one by one, all of them along random directions")
    if kinked:
        sentences.append("a difference that reaches over a kink has no one derivative to agree with")
    return "; ".join(sentence for sentence in sentences if sentence)


def kink_text(kink: Kink) -> str:
    """Where a step stands on a kink, and which derivative is taken there."""
    many = f"{kink.count:,} elements of " if kink.count > 1 else ""
    stands = "stand" if kink.count > 1 else "stands"
    return f"{many}{kink.name} = {kink.formula} {stands} on a kink ({kink.where}); derivative taken: {kink.instead}"


def agreement_text(facts: Facts, count: int, who: str = "") -> str:
    """How well the gradients agree with central differences, in words; empty where they were not compared."""
    worst = facts.agreement
    if worst is None:
        return ""
    if not worst < 1e-3:
        return f"the worst is off from central differences by {worst:.1g}, relative"
    who = who or ("agrees" if count == 1 else "both agree" if count == 2 else "all agree")
    return f"{who} with central differences to {'better than 1e-9' if worst < ROUNDING else f'{worst:.1g}'}"


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


def timing_text(timing: Timing) -> str:
    """How long both ways took, and how the second was found."""
    how = "measured" if timing.measured == timing.passes else f"extrapolated from {timing.measured}"
    passes = f"{timing.passes:,} pass{'es' if timing.passes != 1 else ''}, {how}"
    return f"forward and backward once {_seconds(timing.reverse)}; one derivative at a time {_seconds(timing.single)} ({passes})"


def _seconds(t: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if t >= size:
            return f"{t / size:.3g} {unit}"
    return f"{t / 1e-6:.3g} µs"
