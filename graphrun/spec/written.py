"""The lines of a spec as their writer sees them: `key: value`, and what is indented more deeply belongs to the value.

This is how a fault is found where YAML has stopped, so it reads lines that YAML does not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from graphrun.spec.flow import quote_end

__all__ = ["Written", "colon_at", "comment_at", "entry_at", "formula_of", "line_at"]


def line_at(text: str, offset: int) -> tuple[int, int]:
    """Where the line around `offset` begins and ends."""
    end = text.find("\n", offset)
    return text.rfind("\n", 0, offset) + 1, len(text) if end < 0 else end


@dataclass(frozen=True, slots=True)
class Written:
    """An entry `key: value` of a block mapping as it is written; the value reaches over the lines indented more deeply."""

    indent: int
    key: int
    value: int
    first_end: int  # the end of the value's first line
    end: int


_KEY = re.compile(r"([ \t]*(?:- +)*)(\S.*)?")


def colon_at(line: str, at: int) -> int | None:
    """Where the `:` stands that ends the key which begins at `at`."""
    if line[at : at + 1] in {"'", '"'}:
        close = quote_end(line, at)
        found = re.compile(r"[ \t]*:(?=[ \t\r]|$)").match(line, close) if close is not None else None
        return found.end() - 1 if found else None
    depth = 0
    for k in range(at, len(line)):
        char = line[k]
        depth += (char in "([{") - (char in ")]}")
        if char == "#" and k and line[k - 1] in " \t":
            return None
        if char == ":" and depth <= 0 and (k + 1 == len(line) or line[k + 1] in " \t\r"):
            return k
    return None


def entry_at(text: str, offset: int) -> Written | None:
    """The entry that the line around `offset` begins or continues."""
    begin, end = line_at(text, offset)
    limit: int | None = None
    while True:
        line = text[begin:end]
        found = _KEY.match(line)
        indent = len(found[1]) if found else 0
        body = found[2] if found else None
        if body and body[0] != "#" and (limit is None or indent < limit):
            colon = colon_at(line, indent)
            if colon is not None:
                value = begin + colon + 1
                value += len(text[value:end]) - len(text[value:end].lstrip(" \t"))
                if text[value : value + 1] == "#":  # a comment stands there, and the value below
                    value = end
                return Written(indent, begin + indent, value, end, _value_end(text, end, indent))
            limit = indent
        if begin == 0:
            return None
        begin, end = line_at(text, begin - 1)


def _value_end(text: str, end: int, indent: int) -> int:
    """Where the lines indented more deeply than `indent` end, after a line that ends at `end`."""
    last = end
    while end < len(text):
        begin, end = line_at(text, end + 1)
        line = text[begin:end]
        if line.strip():
            if len(line) - len(line.lstrip(" \t")) <= indent:
                break
            last = end
        if end >= len(text):
            break
    return last


def comment_at(line: str) -> int:
    """Where the comment of a line begins; its end where it has none."""
    depth, at = 0, 0
    while at < len(line):
        char = line[at]
        depth += (char in "([{") - (char in ")]}")
        if char == "#" and depth <= 0 and (at == 0 or line[at - 1] in " \t"):
            return at
        at += 1
    return len(line)


def formula_of(text: str, entry: Written) -> tuple[int, str]:
    """Where the formula of an entry ends (the comment of its last line left out), and its text in one line."""
    start = entry.value
    lines, at = [], start
    last = start
    while at <= entry.end:
        end = min(line_at(text, at)[1], entry.end)
        part = text[at:end]
        cut = comment_at(part)
        if part[:cut].strip():
            lines.append(part[:cut].strip())
            last = at + len(part[:cut].rstrip())
        at = end + 1
    return last, " ".join(lines)
