"""Diagnostics and the errors that carry them.

    GraphrunError
    ├── SpecError     the spec or its expectations are wrong       exit status 1
    ├── UsageError    the command line or a call is wrong          exit status 2
    └── RunError      the run failed (disk, a non-finite value)    exit status 3
        └── DataError the data do not fit the spec                 exit status 3

A diagnostic is one fault: a code (documented in :mod:`graphrun.codes`), a place, a message, notes and one way to mend it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = [
    "DataError",
    "Diagnostic",
    "GraphrunError",
    "Place",
    "Reporter",
    "RunError",
    "Source",
    "SpecError",
    "UsageError",
    "certain",
    "nearest",
]

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A text that places point into: a spec file, or a text given from Python."""

    name: str
    text: str
    lines: list[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "lines", self.text.split("\n"))

    def line(self, number: int) -> str:
        """The text of line `number` (from 1); empty past the end."""
        return self.lines[number - 1].rstrip("\r") if 0 < number <= len(self.lines) else ""


@dataclass(frozen=True, slots=True)
class Place:
    """A stretch of a source. Lines and columns count from 1; `end_column` is one past the last character."""

    source: Source
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.source.name}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One fault. `notes` are further lines (what was expected and found, where each size came from); `fix` is what to write in place of
    what is underlined (or what stands at `fix_at`), where that is certain."""

    code: str
    message: str
    place: Place | None = None
    severity: Severity = "error"
    notes: tuple[str, ...] = ()
    help: str | None = None
    fix: str | None = None
    fix_at: Place | None = None

    def to_text(self) -> str:
        """The whole message, without a final newline: head, source line with the place underlined, notes, help."""
        head = f"{self.severity} {self.code}: {self.message}"
        if self.place is None:
            body = []
        else:
            head = f"{self.place} {head}"
            body = _excerpt(self.place)
        body += [f"   {note}" for note in self.notes]
        if self.help is not None:
            first, *rest = self.help.split("\n")
            body += [f"   help: {first}"] + [f"         {line}" for line in rest]
        return "\n".join([head, *body])

    def to_json(self) -> dict[str, Any]:
        """The diagnostic as language.md §8 gives it; without a place, file is null and the numbers are 0."""
        p = self.place
        return {
            "file": p.source.name if p else None,
            "line": p.line if p else 0,
            "column": p.column if p else 0,
            "end_line": p.end_line if p else 0,
            "end_column": p.end_column if p else 0,
            "severity": self.severity,
            "code": self.code,
            "message": self.message,
            "help": self.help,
        }


def _width(text: str) -> int:
    """Columns that `text` takes on a terminal."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _excerpt(place: Place) -> list[str]:
    line = place.source.line(place.line).replace("\t", " ")
    number = f"{place.line:5d}"
    end = place.end_column if place.end_line == place.line else len(line) + 1
    marks = max(1, _width(line[place.column - 1 : end - 1]))
    lead = _width(line[: place.column - 1])
    if lead + marks > 160:  # a very long line: show the part around the place
        start = max(0, place.column - 1 - 40)
        line = ("…" if start else "") + line[start : start + 100]
        lead = min(lead, 40 + (1 if start else 0))
        marks = min(marks, 60)
    elif len(line) > 250:
        line = line[:160] + "…"
    return [f"{number} | {line}", f"{' ' * 5} | {' ' * lead}{'^' * marks}"]


class GraphrunError(Exception):
    """The base of all errors that graphrun raises for what a user gave it. `diagnostics` holds every fault found."""

    exit_status = 1
    code = "spec"  # of an error that is told in a sentence, without a place

    def __init__(self, diagnostics: Diagnostic | Iterable[Diagnostic] | str) -> None:
        if isinstance(diagnostics, str):
            diagnostics = (Diagnostic(self.code, diagnostics),)
        elif isinstance(diagnostics, Diagnostic):
            diagnostics = (diagnostics,)
        self.diagnostics: tuple[Diagnostic, ...] = tuple(diagnostics)
        super().__init__("\n\n".join(d.to_text() for d in self.diagnostics))


class SpecError(GraphrunError):
    """The spec, or what it expects, is wrong."""


class UsageError(GraphrunError):
    """A command line, a `--set`, or a call from Python is wrong."""

    exit_status = 2
    code = "usage"


class RunError(GraphrunError):
    """The run failed: disk, or a value that is not finite."""

    exit_status = 3
    code = "run"


class DataError(RunError):
    """The data do not fit the spec: a missing file or column, a cell that does not fit."""


class Reporter:
    """Collects diagnostics, so that all faults are told at once."""

    __slots__ = ("diagnostics",)

    def __init__(self) -> None:
        self.diagnostics: list[Diagnostic] = []

    def error(
        self,
        code: str,
        message: str,
        place: Place | None = None,
        *,
        notes: Iterable[str] = (),
        help: str | None = None,
        fix: str | None = None,
    ) -> None:
        """Adds an error."""
        self.diagnostics.append(Diagnostic(code, message, place, "error", tuple(notes), help, fix))

    def warning(
        self,
        code: str,
        message: str,
        place: Place | None = None,
        *,
        notes: Iterable[str] = (),
        help: str | None = None,
        fix: str | None = None,
    ) -> None:
        """Adds a warning."""
        self.diagnostics.append(Diagnostic(code, message, place, "warning", tuple(notes), help, fix))

    @property
    def errors(self) -> list[Diagnostic]:
        """The errors so far."""
        return [d for d in self.diagnostics if d.severity == "error"]

    def raise_errors(self, kind: type[GraphrunError] = SpecError) -> None:
        """Raises `kind` with all diagnostics, in the order of their places, when one of them is an error."""
        if self.errors:
            raise kind(sort_diagnostics(self.diagnostics))


def sort_diagnostics(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Without repetitions, by file, line and column; those without a place come last."""

    def key(d: Diagnostic) -> tuple[int, str, int, int]:
        return (0, d.place.source.name, d.place.line, d.place.column) if d.place else (1, "", 0, 0)

    return sorted(dict.fromkeys(diagnostics), key=key)


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that `word` most likely meant, or None: one or two edits away (a swap is one), or the same but for case and `_`."""
    found = _near(word, candidates)
    letters = sorted(word.lower())  # of those as near, one with the same letters in another order
    return min(found, key=lambda c: sorted(c.lower()) != letters, default=None)


def certain(word: str, candidates: Iterable[str]) -> str | None:
    """As `nearest`, but None where another candidate is as near."""
    found = _near(word, candidates)
    return found[0] if len(found) == 1 else None


def _near(word: str, candidates: Iterable[str]) -> list[str]:
    """The nearest candidates, all at the same distance."""
    best: list[str] = []
    least = limit = 1 if len(word) <= 3 else 2 if len(word) <= 8 else 3
    plain = word.lower().replace("_", "").replace("-", "")
    for candidate in dict.fromkeys(candidates):
        if candidate == word or abs(len(candidate) - len(word)) > limit + 1:
            continue
        same = candidate.lower().replace("_", "").replace("-", "") == plain
        distance = 0 if same else _edits(word.lower(), candidate.lower(), limit)
        if distance > least or distance >= len(word):
            continue
        best = [*best, candidate] if best and distance == least else [candidate]
        least = distance
    return best


def _edits(a: str, b: str, limit: int) -> int:
    """Damerau-Levenshtein distance (optimal string alignment), cut off above `limit`."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, last, row = row, before, [i]
        for j, y in enumerate(b, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return limit + 1
    return row[-1]
