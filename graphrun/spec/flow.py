"""Reads `{…}` and `[…]` as their writer meant them: with whole formulas as entries, whatever commas and brackets these hold."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Entry", "Flow", "quote_end", "read_flow"]

_CLOSER = {"[": "]", "{": "}", "(": ")"}
_BLANK = re.compile(r"(?:[ \t\r\n]+|(?<=[ \t\r\n])#[^\n]*)*")


@dataclass(frozen=True, slots=True)
class Entry:
    """A formula in a collection: where it stands, the bracket (`{` or `[`) around it, and what YAML trips over in it."""

    start: int
    end: int
    inside: str
    fault: str | None  # comma, bracket, colon, comment, begin, or open (a bracket of its own is never closed)


@dataclass(frozen=True, slots=True)
class Flow:
    """A collection: its entries, and its end, or None where a bracket is never closed, which begins at `opener`."""

    entries: tuple[Entry, ...]
    end: int | None
    opener: int
    stop: int  # how far it was read


def quote_end(text: str, start: int) -> int | None:
    """One past the quote that closes the one at `start`."""
    quote, at = text[start], start + 1
    while at < len(text):
        if quote == '"' and text[at] == "\\":
            at += 2
        elif text[at] == quote:
            if quote == "'" and text[at + 1 : at + 2] == "'":
                at += 2
            else:
                return at + 1
        else:
            at += 1
    return None


def _limit(text: str, start: int) -> int:
    """Where the collection that begins at `start` ends at the latest: before a line that is not indented more deeply than its own."""
    begin = text.rfind("\n", 0, start) + 1
    indent = len(text[begin:start]) - len(text[begin:start].lstrip(" "))
    at = text.find("\n", start)
    while at >= 0:
        line = text[at + 1 : (n if (n := text.find("\n", at + 1)) >= 0 else len(text))]
        body = line.lstrip(" \t\r")
        if body and body[0] not in "]}#" and len(line) - len(line.lstrip(" ")) <= indent:
            return at
        at = text.find("\n", at + 1)
    return len(text)


def _formula_end(text: str, at: int, limit: int, *, value: bool = True) -> tuple[int, str | None]:
    """One past the formula that begins at `at` inside a collection, and what YAML would trip over in it.

    Where it is a `value`, a `:` does not end it.
    """
    fault: str | None = "begin" if text[at] in "&*!|>%@`\"'" else None
    open_: list[str] = []
    start = at
    while at < limit:
        char = text[at]
        if char in "([{":
            open_.append(_CLOSER[char])
            fault = fault or ("bracket" if char != "(" else None)
        elif char in ")]}":
            if not open_ or open_[-1] != char:
                return at, "open" if open_ else fault
            open_.pop()
        elif char == ",":
            if not open_:
                return at, fault
            fault = fault if fault in {"begin", "bracket"} else "comma"
        elif char == ":" and (at + 1 >= limit or text[at + 1] in " \t\r\n,]}"):
            if not open_ and not value:
                return at, fault
            fault = fault or "colon"
        elif char == "#" and text[at - 1] in " \t\n":
            if not open_:
                return at, fault
            fault = fault or "comment"
        elif char in "'\"" and (at == start or text[at - 1] in " ([,="):
            at = (quote_end(text, at) or at + 1) - 1
        at += 1
    return limit, "open" if open_ else fault


def read_flow(text: str, start: int) -> Flow:
    """The collection whose bracket stands at `start`."""
    limit = _limit(text, start)
    entries: list[Entry] = []
    stack = [start]
    value = False  # whether a key of a mapping stands before
    at = start + 1
    while True:
        found = _BLANK.match(text, at, limit)
        at = found.end() if found else at
        if at >= limit:
            return Flow(tuple(entries), None, stack[-1], limit)
        char = text[at]
        inside = text[stack[-1]]
        begin = at
        if char in ",:":
            value = char == ":" and inside == "{"
            at += 1
            continue
        if char in "]}":
            if char != _CLOSER[inside]:
                return Flow(tuple(entries), None, stack[-1], limit)
            begin = stack.pop()
            at += 1
            if not stack:
                return Flow(tuple(entries), at, start, at)
            inside = text[stack[-1]]
            if _ends(text, at, limit):
                continue
            del entries[next((k for k, e in enumerate(entries) if e.start > begin), len(entries)) :]  # a formula that begins with a list
        elif char in "[{":
            stack.append(at)
            value = False
            at += 1
            continue
        elif char in "'\"":
            close = quote_end(text[:limit], at)
            if close is None:
                stop = text.find("\n", at, limit)
                entries.append(Entry(at, stop if stop >= 0 else limit, inside, "quote"))
                return Flow(tuple(entries), None, stack[-1], limit)
            if _ends(text, close, limit):
                at = close
                continue
        end, fault = _formula_end(text, at, limit, value=value)
        if begin != at:
            fault = "begin"
        end = begin + len(text[begin:end].rstrip())
        entries.append(Entry(begin, end, inside, fault))
        at = max(end, at + (end <= at))


def _ends(text: str, at: int, limit: int) -> bool:
    """Whether nothing of a formula follows at `at`."""
    while at < limit and text[at] in " \t\r\n":
        at += 1
    return at >= limit or text[at] in ",]}:#"
