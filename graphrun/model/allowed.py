"""Warnings that a spec allows, each with a reason, in a comment: `# graphrun: allow unused-parameter: kept for the next version`.

A comment beside an entry is for the warnings on its line, one on a line of its own for those on the next line that holds something, and
one above the first key of the file for the whole file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from graphrun.codes import catalogue
from graphrun.errors import Diagnostic, Place, Source, nearest

__all__ = ["without_allowed"]

ASKED = "smoke-"  # codes that are told only where they are asked for, so that an allowance for one says nothing about others
_COMMENT = re.compile(r"(?:^|\s)#\s*graphrun:\s*allow\b\s*([^\s:]*)\s*(?::\s*(.*?))?\s*$")
_PLACED = re.compile(r"#\s*graphrun:\s*allow\b.*$")


@dataclass(frozen=True, slots=True)
class _Allowance:
    code: str
    place: Place
    line: int | None  # None is the whole file


def without_allowed(diagnostics: Iterable[Diagnostic], source: Source) -> list[Diagnostic]:
    """`diagnostics` without the warnings that comments of `source` allow, and with what is wrong about such comments."""
    if "graphrun:" not in source.text:
        return list(diagnostics)
    out: list[Diagnostic] = []
    allowances = _read(source, out)
    used: set[_Allowance] = set()
    for d in diagnostics:
        at = d.place.line if d.place is not None and d.place.source.name == source.name else None
        mine = [a for a in allowances if a.code == d.code and a.line in (None, at)] if d.severity == "warning" else []
        used.update(mine)
        if not mine:
            out.append(d)
    for a in allowances:
        if a not in used and not a.code.startswith(ASKED):
            text = f"nothing here is told as `{a.code}`" if a.line is None else f"line {a.line} has no warning `{a.code}`"
            out.append(Diagnostic("unused-allowance", text, a.place, "warning", help="take the comment out"))
    return out


def _read(source: Source, faults: list[Diagnostic]) -> list[_Allowance]:
    out = []
    begun = False  # whether something other than comments has been seen
    lines = source.lines
    for number, line in enumerate(lines, 1):
        bare = line.strip()
        found = _COMMENT.search(line) if "graphrun:" in line else None
        if found is not None:
            code, reason = found.group(1), found.group(2)
            place = _place(source, number, line)
            fault = _fault(code, reason, place)
            if fault is not None:
                faults.append(fault)
            elif bare.startswith("#"):
                out.append(_Allowance(code, place, _next(lines, number) if begun else None))
            else:
                out.append(_Allowance(code, place, number))
        begun = begun or bool(bare and not bare.startswith("#"))
    return out


def _place(source: Source, number: int, line: str) -> Place:
    found = _PLACED.search(line)
    start = found.start() + 1 if found else 1
    return Place(source, number, start, number, len(line.rstrip()) + 1)


def _next(lines: list[str], number: int) -> int:
    """The number of the next line after `number` that holds more than a comment."""
    for k, line in enumerate(lines[number:], number + 1):
        if line.strip() and not line.strip().startswith("#"):
            return k
    return number


def _fault(code: str, reason: str | None, place: Place) -> Diagnostic | None:
    if code not in catalogue():
        near = nearest(code, catalogue())
        message = f"there is no code `{code}` to allow" if code else "the comment names no code to allow"
        mend = f"did you mean `{near}`?" if near else "write `# graphrun: allow CODE: the reason`"
        return Diagnostic("wrong-allowance", message, place, "warning", help=mend)
    if not reason:
        mend = f"write `# graphrun: allow {code}: the reason`"
        return Diagnostic("wrong-allowance", f"`{code}` is allowed without a reason", place, "warning", help=mend)
    return None
