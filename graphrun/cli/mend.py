"""`validate --fix`: faults that can be mended in one certain way are, in place; comments and layout stay as they are."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from graphrun.errors import Diagnostic, Place
from graphrun.files import write_atomic
from graphrun.model.validation import check_text

__all__ = ["mend"]

MOST_PASSES = 10
"""Mending a fault can bring others to light; so often a file is looked at again."""


def mend(path: str) -> int:
    """Mends a file, and returns how many faults that were. A file that is not UTF-8, or cannot be read, is left to `validate`."""
    try:
        raw = Path(path).read_bytes()
        text = raw.decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return 0
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    text = text.removeprefix(mark)
    mended = 0
    for _ in range(MOST_PASSES):
        changed, count = _applied(text, [d for d in check_text(text, path).diagnostics if d.place is None or d.place.source.name == path])
        if not count or len(check_text(changed, path).diagnostics) > len(check_text(text, path).diagnostics):
            break
        text, mended = changed, mended + count
    if mended:
        write_atomic(Path(path), (mark + text).encode())
    return mended


def _applied(text: str, diagnostics: Iterable[Diagnostic]) -> tuple[str, int]:
    """The text with all fixes that do not overlap, and how many there are."""
    edits = sorted({(*_span(text, d.fix_at or d.place), d.fix) for d in diagnostics if d.fix is not None and d.place is not None})
    out: list[str] = []
    at = count = 0
    for start, end, fix in edits:
        if start >= at:
            out += [text[at:start], fix]
            at = end
            count += 1
    return "".join([*out, text[at:]]), count


def _span(text: str, place: Place) -> tuple[int, int]:
    return _offset(text, place.line, place.column), _offset(text, place.end_line, place.end_column)


def _offset(text: str, line: int, column: int) -> int:
    start = 0
    for _ in range(line - 1):
        start = text.index("\n", start) + 1
    return start + column - 1
