"""Lays equations out under each other: one column for what is computed, one for the formula, one for the numbers, one for the value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphrun.ir.formula import number
from graphrun.ledger.facts import is_scalar
from graphrun.ledger.lines import shape_text

__all__ = ["Row", "columns", "ending", "equations", "value_text", "wrapped"]

MOST_ELEMENTS = 6
MOST_WIDTH = 44
"""Arrays of up to so many elements, and so many characters, are written out, with four digits."""


@dataclass(frozen=True, slots=True)
class Row:
    """`prefix name = parts[0] = parts[1] … = value`. A value that is no number is a `tail`: `= [1, 2]`, `[4×8]  |·| = 1.52`."""

    prefix: str
    name: str
    parts: tuple[str, ...]
    value: str = ""
    tail: str = ""


def ending(value: object, shapes: str | None = None) -> tuple[str, str]:
    """A value as a row has it: (the number, nothing) or (nothing, the tail)."""
    text, written = value_text(value)
    if is_scalar(value):
        return text, ""
    if written:
        return "", f"= {text}"
    return "", f"{shapes}   {size_text(value)}" if shapes is not None else text


def value_text(value: object) -> tuple[str, bool]:
    """A value as text, and whether it is written out (a number, a small array) and not only described (shape and norm)."""
    if is_scalar(value):
        return number(value.item() if hasattr(value, "item") else value), True  # type: ignore[arg-type]
    array = np.asarray(value)
    if 0 < array.size <= MOST_ELEMENTS:
        text = _nested(array.tolist())
        if len(text) <= MOST_WIDTH:
            return text, True
    return f"{shape_text(array.shape)}  {size_text(array)}".rstrip(), False


def size_text(value: object) -> str:
    """How large the entries of an array are: `|·| = 1.52`; of whole numbers the least and the greatest."""
    array: np.ndarray[tuple[int, ...], np.dtype[Any]] = np.asarray(value)
    if array.size == 0:
        return ""
    if array.dtype.kind == "f":
        with np.errstate(all="ignore"):
            return f"|·| = {float(np.linalg.norm(array.ravel())):.3g}"
    if array.dtype.kind == "b":
        return f"{int(array.sum())} true"
    low, high = array.min(), array.max()
    return f"all {low}" if low == high else f"{low} to {high}"


def _nested(value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_nested(v) for v in value) + "]"
    assert isinstance(value, (int, float))
    return number(value, digits=4)


@dataclass(frozen=True, slots=True)
class Columns:
    """The widths of names with what stands before them, of formulas, of numbers, of values left of the point; and the space between.

    `at_numbers` and `at_value` say where those columns begin, the space before them included.
    """

    head: int
    formula: int
    numbers: int
    whole: int
    gap: str
    at_numbers: int
    at_value: int


def _columns(head: int, formula: int, numbers: int, whole: int, gap: str) -> Columns:
    at_numbers = head + (formula + 3 if formula else 0)
    return Columns(head, formula, numbers, whole, gap, at_numbers, at_numbers + (numbers + len(gap) + 2 if numbers else 0))


def columns(rows: Sequence[Row], width: int, indent: str = "  ") -> Columns:
    """Columns as wide as lets the most rows fit into `width`, with wide gaps where there is room for them."""
    head = len(indent) + max((len(row.prefix) for row in rows), default=0) + max((len(row.name) for row in rows), default=0)
    whole, fraction = _value_widths(rows)
    formula, numbers = _widths(rows, width - head, whole + fraction)
    loose = _columns(head, formula, numbers, whole, "   ")
    if formula and loose.at_value + 5 + whole + fraction <= width:
        return loose
    return _columns(head, formula, numbers, whole, " ")


def equations(rows: Sequence[Row], width: int, indent: str = "  ", layout: Columns | None = None) -> list[str]:
    """The rows as lines. A row that does not fit is broken before an equals sign. `layout` holds the columns where they are known."""
    if not rows:
        return []
    c = layout or columns(rows, width, indent)
    prefix = max(len(row.prefix) for row in rows)
    out: list[str] = []
    for row in rows:
        start = f"{indent}{row.prefix:<{prefix}}{row.name}".ljust(c.head)
        value = _value(row, c)
        one = row.parts[0] if row.parts else ""
        more = " = ".join(row.parts[1:])
        line = (f"{start} = {one}" if one else start).ljust(c.at_numbers)
        if not row.tail:
            line = (f"{line}{c.gap}= {more}" if more else line).ljust(c.at_value)
        if len(one) > c.formula or len(more) > c.numbers or (row.tail and (more or len(line + value) > width)):
            out.extend(_broken(start, row, value, c.at_value, width))
        else:
            out.append(line + value)
    return [line.rstrip() for line in out]


def _value(row: Row, c: Columns) -> str:
    """The end of a row, with the space before it."""
    if row.value:
        return f"{c.gap}= {' ' * (c.whole - len(_split(row.value)[0]))}{row.value}"
    return f"{c.gap if row.tail.startswith('=') else '   '}{row.tail}" if row.tail else ""


def _broken(start: str, row: Row, value: str, at: int, width: int) -> list[str]:
    """A row that breaks out of the columns: in one line where it fits, else a line for each `=`; the value at its column if it can be."""
    lines: list[str] = []
    under = " " * len(start)
    line = " = ".join([start, *row.parts])
    if max(len(line), at) + len(value) <= width:
        return [f"{line:<{at}}{value}"]
    room = width - len(start) - 3
    for part in row.parts:
        head = under if lines else start
        if len(part) <= room:
            lines.append(f"{head} = {part}")
            continue
        pieces = wrapped(part, room)
        lines.append(f"{head} = {pieces[0]}")
        lines += [f"{under}   {piece}" for piece in pieces[1:]]
    if not lines:
        lines.append(start)
    if len(lines[-1]) <= at and at + len(value) <= width:
        lines[-1] = f"{lines[-1]:<{at}}{value}"
    elif len(lines[-1]) + len(value) <= width:
        lines[-1] += value
    else:
        at = at if at + len(value) <= width else min(len(under), max(width - len(value), 4))
        lines.append(f"{' ' * at}{value}")
    return lines


def wrapped(text: str, width: int) -> list[str]:
    """`text` in lines of `width`, broken before a `+`, `-` or `·` that stands free, where there is one."""
    lines: list[str] = []
    while len(text) > width:
        cuts = (max(_last(text, sign, width) for sign in signs) for signs in ((" + ", " - "), (" · ", " ⊙ ", " * ", " .* ", " / "), (" ",)))
        cut = next((cut for cut in cuts if cut > 0), 0)
        if cut <= 0:  # what cannot be broken has a line of its own
            cut = text.find(" ", 1)
        if cut <= 0:
            break
        lines.append(text[:cut])
        text = text[cut + 1 :]
    return [*lines, text]


def _last(text: str, sign: str, width: int) -> int:
    """Where `sign` stands last with no more than `width` characters before it."""
    return text.rfind(sign, 1, width + len(sign))


def _widths(rows: Sequence[Row], room: int, value: int) -> tuple[int, int]:
    """Widths of the columns of formulas and of numbers with which the most rows fit into `room`, the narrowest such."""
    counts = Counter((len(row.parts[0]) if row.parts else 0, len(" = ".join(row.parts[1:])), len(row.tail)) for row in rows)
    rests = sorted({more for _, more, _ in counts})
    best, formula, numbers = -1, 0, 0
    for one in sorted({one for one, _, _ in counts}):
        left = one + 3 if one else 0
        most = max((more for more in rests if left + (more + 3 if more else 0) + value + 3 <= room), default=0)
        fit = 0
        wide = 0
        for (a, more, tail), n in counts.items():
            if a <= one and (left + 3 + tail <= room and not more if tail else more <= most):
                fit += n
                wide = max(wide, more)
        if fit > best:
            best, formula, numbers = fit, one, wide
    return formula, numbers


def _value_widths(rows: Sequence[Row]) -> tuple[int, int]:
    """The widths of values left of the decimal point and from it on."""
    pairs = [_split(row.value) for row in rows if row.value]
    return max((len(left) for left, _ in pairs), default=0), max((len(right) for _, right in pairs), default=0)


def _split(value: str) -> tuple[str, str]:
    for k, sign in enumerate(value):
        if sign in ".e":
            return value[:k], value[k:]
    return value, ""
