"""Where things stand in a spec file, packed: a few whole numbers for each entry of a mapping or list, no object for each scalar.

A container's marks hold offsets into the text; lines and columns are worked out when a place is asked for.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from typing import TypeAlias

from graphrun.errors import Place, Source
from graphrun.spec.scalars import is_number

__all__ = ["Entries", "Items", "Marks", "Path", "PlaceTable", "Spans", "Text"]

Path: TypeAlias = tuple[str | int, ...]
Spans: TypeAlias = tuple[int, int, int, int]  # where a key begins and ends, and its value


class Entries:
    """The marks of a mapping: for each entry the offsets at which its key and its value begin and end."""

    __slots__ = ("data", "end", "index", "inner", "offsets", "start")

    def __init__(self, start: int, data: dict[str, object]) -> None:
        self.start = start
        self.end = start
        self.data = data  # its keys, in the order of `offsets`
        self.offsets = array("I")
        self.inner: dict[str, Marks] = {}
        self.index: dict[str, int] = {}

    def spans(self, key: str | int) -> Spans | None:
        """Start and end of the key and of its value."""
        index, size = self.index, len(self.data)
        if len(index) < size:  # a mapping that is still being read grows between two questions
            for k, name in zip(range(size - 1, len(index) - 1, -1), reversed(self.data), strict=False):
                index[name] = 4 * k
        at = index.get(str(key))
        if at is None:
            return None
        o = self.offsets
        return o[at], o[at + 1], o[at + 2], o[at + 3]

    def get(self, key: str | int) -> Marks | None:
        """The marks of the container at `key`."""
        return self.inner.get(str(key))


class Items:
    """The marks of a list: for each item the offsets at which it begins and ends."""

    __slots__ = ("end", "inner", "offsets", "start")

    def __init__(self, start: int) -> None:
        self.start = start
        self.end = start
        self.offsets = array("I")
        self.inner: dict[int, Marks] = {}

    def spans(self, key: str | int) -> Spans | None:
        """Start and end of the item, twice, as an item has no key."""
        if not isinstance(key, int) or not 0 <= 2 * key < len(self.offsets):
            return None
        start, end = self.offsets[2 * key], self.offsets[2 * key + 1]
        return start, end, start, end

    def get(self, key: str | int) -> Marks | None:
        """The marks of the container at `key`."""
        return self.inner.get(key) if isinstance(key, int) else None


Marks: TypeAlias = Entries | Items


class Text:
    """A source with its lines' offsets: turns offsets into places."""

    __slots__ = ("lines", "source")

    def __init__(self, source: Source) -> None:
        self.source = source
        lines = array("I", (0,))
        at = source.text.find("\n")
        while at >= 0:
            lines.append(at + 1)
            at = source.text.find("\n", at + 1)
        self.lines = lines

    def line(self, offset: int) -> int:
        """The number of the line (from 1) in which `offset` lies."""
        return bisect_right(self.lines, offset)

    def place(self, start: int, end: int) -> Place:
        """The stretch from `start` to `end` (exclusive); blanks and line breaks at its end are left out."""
        text = self.source.text
        while end > start + 1 and end <= len(text) and text[end - 1] in " \t\r\n":
            end -= 1
        line = bisect_right(self.lines, start)
        column = start - self.lines[line - 1] + 1
        if end <= start:
            return Place(self.source, line, column, line, column + 1)
        last = line if line == len(self.lines) or end <= self.lines[line] else bisect_right(self.lines, end - 1)
        return Place(self.source, line, column, last, end - self.lines[last - 1] + 1)


class PlaceTable:
    """Tells where things stand in one spec file (the protocol `Positions`).

    `spans` are those of the whole: where its key begins and ends (of a file, its first line), and its value.
    `settings` holds the values that did not come from the file but from `--set`: path → table of that setting.
    """

    __slots__ = ("root", "settings", "source", "spans", "text")

    def __init__(self, text: Text, root: Marks | None, spans: Spans) -> None:
        self.text = text
        self.source = text.source
        self.root = root
        self.spans = spans
        self.settings: dict[Path, PlaceTable] = {}

    def value(self, path: Path) -> Place:
        """The value at `path`; where there is none, the nearest part that stands in the file."""
        table, (_, _, start, end), _ = self._find(path)
        return table.text.place(start, end)

    def key(self, path: Path) -> Place:
        """The key at `path`."""
        table, (start, end, _, _), _ = self._find(path)
        return table.text.place(start, end)

    def within(self, path: Path, start: int, end: int) -> Place:
        """Characters `start` to `end` of the text that is the value at `path`."""
        table, (_, _, first, last), exact = self._find(path)
        return table._inside(first, last, start, end) if exact else table.text.place(first, last)

    def within_key(self, path: Path, start: int, end: int) -> Place:
        """Characters `start` to `end` of the key at `path`."""
        table, (first, last, _, _), exact = self._find(path)
        return table._inside(first, last, start, end) if exact else table.text.place(first, last)

    def has(self, path: Path) -> bool:
        """Whether something stands at `path`."""
        return self._find(path)[2]

    def raw(self, path: Path) -> str:
        """The value at `path` as it is written."""
        table, (_, _, start, end), _ = self._find(path)
        return table.source.text[start:end]

    def _find(self, path: Path) -> tuple[PlaceTable, Spans, bool]:
        if self.settings:
            for size in range(len(path), 0, -1):
                setting = self.settings.get(path[:size])
                if setting is not None:
                    return setting._find(path[size:])
        spans = self.spans
        marks = self.root
        for key in path:
            found = marks.spans(key) if marks is not None else None
            if found is None:
                if isinstance(marks, Entries):  # an entry that is missing: the key of what lacks it
                    spans = (spans[0], spans[1], spans[0], spans[1])
                return self, spans, False
            spans = found
            marks = marks.get(key) if marks is not None else None
        return self, spans, True

    def _inside(self, first: int, last: int, start: int, end: int) -> Place:
        raw = self.source.text[first:last]
        if raw[:1] in "0123456789+-." and is_number(raw):  # a number's formula is not its text
            return self.text.place(first, last)
        if raw[:1] not in "&'\"|>" and "\n" not in raw:
            begin = min(first + start, last)
            return self.text.place(begin, max(begin, min(first + end, last)))
        pieces = _pieces(raw)
        if not pieces:
            return self.text.place(first, last)
        begin = pieces[min(start, len(pieces) - 1)][0]
        if start >= len(pieces):
            begin = sum(pieces[-1])
        stop = sum(pieces[min(end, len(pieces)) - 1]) if end > start else begin
        return self.text.place(first + begin, first + max(begin, stop))


def _pieces(raw: str) -> list[tuple[int, int]]:
    """For each character of the value of the scalar written `raw`: where it begins in `raw` and how long it is there."""
    at = 0
    while raw[at : at + 1] == "&":  # an anchor
        at += len(raw[at:].split(None, 1)[0])
        at += len(raw[at:]) - len(raw[at:].lstrip())
    style = raw[at : at + 1]
    if style in {"|", ">"}:
        return list(_block(raw, at, style))
    if style in {"'", '"'}:
        return list(_flow(raw, at + 1, len(raw) - 1, style))
    return list(_flow(raw, at, len(raw), ""))


def _flow(raw: str, at: int, end: int, quote: str) -> Iterator[tuple[int, int]]:
    """A plain or quoted scalar: lines are folded, `''` is `'`, and between double quotes a backslash begins an escape."""
    while at < end:
        char = raw[at]
        if char in " \t\r\n":
            stop = at
            while stop < end and raw[stop] in " \t\r\n":
                stop += 1
            breaks = raw.count("\n", at, stop)
            if breaks:
                yield from ((at, 1) for _ in range(max(1, breaks - 1)))
            else:
                yield from ((k, 1) for k in range(at, stop))
            at = stop
        elif quote == "'" and char == "'":
            yield at, 2
            at += 2
        elif quote == '"' and char == "\\":
            size = {"x": 4, "u": 6, "U": 10}.get(raw[at + 1], 2)
            if raw[at + 1] in "\r\n":  # a line break that is left out, with the blanks after it
                at += 2
                while at < end and raw[at] in " \t\r\n":
                    at += 1
                continue
            yield at, size
            at += size
        else:
            yield at, 1
            at += 1


def _block(raw: str, at: int, style: str) -> Iterator[tuple[int, int]]:
    """A block scalar. Lines more deeply indented than the first one keep their breaks, which formulas do not need: they are folded too."""
    head = raw.find("\n", at)
    if head < 0:
        return
    lines = raw[head + 1 :].split("\n")
    indent = next((len(line) - len(line.lstrip(" ")) for line in lines if line.strip()), 0)
    start, pending, begun = head + 1, 0, False
    for line in lines:
        body = line[indent:].rstrip("\r")
        if body:
            breaks = pending if style == "|" or not begun else max(1, pending - 1)
            yield from ((start - 1, 1) for _ in range(breaks))
        if body:
            yield from ((start + indent + k, 1) for k in range(len(body)))
            pending, begun = 0, True
        pending += 1
        start += len(line) + 1
