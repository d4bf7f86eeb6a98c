"""Changing a text at places, and leaving everything else as it is."""

from __future__ import annotations

from collections.abc import Iterable

from graphrun.errors import Place

__all__ = ["edited"]


def edited(text: str, changes: Iterable[tuple[Place, str]]) -> tuple[str, int]:
    """The text with what stands at each place replaced, and how many changes that are; of changes that overlap the first is made."""
    edits = sorted((_offset(text, p.line, p.column), _offset(text, p.end_line, p.end_column), new) for p, new in changes)
    out: list[str] = []
    at = count = 0
    for start, end, new in edits:
        if start >= at:
            out += [text[at:start], new]
            at = end
            count += 1
    return "".join([*out, text[at:]]), count


def _offset(text: str, line: int, column: int) -> int:
    start = 0
    for _ in range(line - 1):
        start = text.index("\n", start) + 1
    return start + column - 1
