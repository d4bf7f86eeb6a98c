"""Reads YAML into plain values and the places where they stand.

PyYAML's parser (in C where there is one) gives events; the values of scalars are those of the core schema (:mod:`graphrun.spec.scalars`),
their places go into packed tables (:mod:`graphrun.spec.places`). All faults that can be told at once are told: where YAML stops at
a fault, or makes of a formula what nobody meant (:mod:`graphrun.spec.traps`), that stretch is blanked and the text is read again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from yaml.scanner import ScannerError

from graphrun.errors import Diagnostic, Reporter, Source
from graphrun.spec import traps
from graphrun.spec.places import Entries, Items, Marks, PlaceTable, Text
from graphrun.spec.scalars import MalformedNumberError, resolve

__all__ = ["BROKEN", "Document", "parser_class", "read_yaml"]

EXPANSION_LIMIT = 100_000  # values that aliases may add
DEPTH_LIMIT = 64
ROUNDS = 30  # how often a text is read again after a fault that stopped YAML


class Broken:
    """Stands where a value cannot be read; the fault has been told."""

    __slots__ = ()


BROKEN: Final = Broken()


@dataclass(frozen=True, slots=True)
class Document:
    """What a text holds: plain values (`dict`, `list`, `str`, `int`, `float`, `bool`), and where they stand."""

    value: Any
    places: PlaceTable
    whole: bool  # False where a part could not be read
    named: bool = True  # False where an entry could not be read whose key is not known


def parser_class() -> Any:
    """PyYAML's loader: the one in C where it is there."""
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(source: Source, reporter: Reporter, *, skip: int = 0, loader: Any = None) -> Document | None:
    """The one document in `source`; None where nothing of it can be read. Faults go to `reporter`.

    The first `skip` characters are passed over (the key of a `--set`).
    """
    text = Text(source)
    written = " " * skip + source.text[skip:]
    stray = _NOT_PRINTABLE.search(written)
    if stray is not None:
        for found in _NOT_PRINTABLE.finditer(written):
            message = f"the character U+{ord(found[0]):04X} cannot stand in a spec"
            reporter.error("malformed-yaml", message, text.place(found.start(), found.end()), help="delete it")
        written = _NOT_PRINTABLE.sub("x", written)
    broken: set[int] = set()
    for _ in range(ROUNDS):
        reader = _Reader(text, written, broken, loader or parser_class())
        reader.read()
        reporter.diagnostics.extend(reader.lasting)
        if not reader.blanks:
            break
        written = _blank(written, reader.blanks)
        broken.update(start for start, _ in reader.blanks)
    reporter.diagnostics.extend(reader.faults)
    if reader.stopped or reader.blanks or reader.root is _NOTHING:
        return None
    places = PlaceTable(text, reader.root_marks, reader.root_spans(skip))
    return Document(reader.root, places, not broken and stray is None and not reader.faults, reader.named)


# U+0085, U+2028 and U+2029 end a line in YAML 1.1, for which the parser is made, and in 1.2 do not: they are refused.
_NOT_PRINTABLE = re.compile("[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOTHING: Final = Broken()


def _blank(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """`text` with one plain scalar on one line in place of what stands in each of `spans`, as long as that."""
    for start, end in spans:
        first, *rest = text[start:end].split("\n")
        text = "\n".join((text[:start] + re.sub(r"\S", "x", first), *(" " * len(line) for line in rest))) + text[end:]
    return text


class _Frame:
    """A container that is being read."""

    __slots__ = ("anchor", "data", "flow", "items", "key", "key_end", "key_start", "marks", "size")

    def __init__(self, marks: Marks, data: Any, flow: bool, anchor: str | None) -> None:
        self.marks = marks
        self.data: Any = data
        self.items = isinstance(marks, Items)
        self.flow = flow
        self.anchor = anchor
        self.size = 1
        self.key: str | Broken | None = None
        self.key_start = self.key_end = 0


class _Reader:
    """One pass over a text."""

    def __init__(self, text: Text, written: str, broken: set[int], loader: Any) -> None:
        self.text = text
        self.written = written
        self.broken = broken
        self.parser = loader(written)
        self.stack: list[_Frame] = []
        self.root: Any = _NOTHING
        self.root_marks: Marks | None = None
        self.root_at = (0, 0)
        self.anchors: dict[str, tuple[Any, Marks | None, int]] = {}
        self.unused: dict[str, tuple[int, int]] = {}  # anchors on scalars
        self.expanded = 0
        self.documents = 0
        self.stopped = False
        self.named = True
        self.faults: list[Diagnostic] = []  # told where this pass is the last
        self.lasting: list[Diagnostic] = []  # told in any case: what they are about is blanked in the next pass
        self.blanks: list[tuple[int, int]] = []

    # -- faults ------------------------------------------------------------------------------------------------------------

    def fault(self, code: str, message: str, start: int, end: int, *, notes: tuple[str, ...] = (), help: str | None = None) -> None:
        self.faults.append(Diagnostic(code, message, self.text.place(start, end), "error", notes, help))

    def trap(self, found: list[traps.Trap]) -> None:
        for trap in found:
            if any(start <= trap.start < end for start, end in self.blanks):  # a part of what has been told
                continue
            place = self.text.place(trap.start, trap.end)
            start, end, new = trap.change or (0, 0, None)
            at = self.text.place(start, end) if trap.change is not None else None
            self.lasting.append(Diagnostic(trap.code, trap.message, place, "error", trap.notes, trap.help, new, at))
            if trap.blank is None:
                self.stopped = True
            else:
                self.blanks.append(trap.blank)

    def flow_start(self) -> int | None:
        """Where the outermost open flow collection begins."""
        return next((f.marks.start for f in self.stack if f.flow), None)

    def root_spans(self, skip: int) -> tuple[int, int, int, int]:
        """Of a setting, its key and value; of a file, its first key twice."""
        if skip:
            return 0, skip - 1, skip, len(self.written)
        if isinstance(self.root_marks, Entries) and len(self.root_marks.offsets):
            start, end = self.root_marks.offsets[:2]
            return start, end, start, end
        return (*self.root_at, *self.root_at)

    # -- events ------------------------------------------------------------------------------------------------------------

    def read(self) -> None:
        get = self.parser.get_event
        scalar = self.scalar
        try:
            while not self.stopped:
                event = get()
                kind = event.__class__
                if kind is ScalarEvent:
                    scalar(event)
                elif kind is MappingStartEvent:
                    data: dict[str, Any] = {}
                    self.begin(event, Entries(event.start_mark.index, data), data)
                elif kind is SequenceStartEvent:
                    self.begin(event, Items(event.start_mark.index), [])
                elif kind is MappingEndEvent or kind is SequenceEndEvent:
                    self.end(event.end_mark.index)
                elif kind is AliasEvent:
                    self.alias(event)
                elif kind is DocumentStartEvent:
                    self.document(event)
                elif kind is StreamEndEvent:
                    break
        except yaml.MarkedYAMLError as error:
            at = error.problem_mark or error.context_mark
            context = error.context_mark.index if error.context_mark is not None and isinstance(error, ScannerError) else None
            self.trap(traps.diagnose(self.written, at.index if at is not None else 0, context, self.flow_start(), error.problem or ""))
        except RecursionError:  # the parser in Python, on a deep nest
            self.too_deep(0, 1)
        for name, (start, end) in self.unused.items():
            self.trap(traps.unused_anchor(self.written, name, start, end))

    def document(self, event: Any) -> None:
        self.documents += 1
        start, end = event.start_mark.index, event.end_mark.index
        if self.documents > 1:
            self.fault("malformed-yaml", "a second document begins here: a spec is one", start, end, help="give it a file of its own")
            self.stopped = True
        elif event.version or event.tags:
            self.fault("malformed-yaml", "a spec has no YAML directives", start, max(end, start + 1), help="delete the line")

    def begin(self, event: Any, marks: Marks, data: Any) -> None:
        start = event.start_mark.index
        if event.tag is not None or event.anchor is not None:
            self.tag_of(event)
            start = marks.start = event.end_mark.index - 1 if event.flow_style else start
        top = self.stack[-1] if self.stack else None
        if top is not None and not top.items and top.key is None:
            what = "a list" if isinstance(marks, Items) else "a mapping"
            self.fault("wrong-key", f"a key is a name or a text, not {what}", start, event.end_mark.index, help="put the key in quotes")
        if event.anchor is not None:
            self.anchors.pop(event.anchor, None)
        self.stack.append(_Frame(marks, data, bool(event.flow_style), event.anchor))
        if len(self.stack) > DEPTH_LIMIT:
            self.too_deep(start, start + 1)

    def too_deep(self, start: int, end: int) -> None:
        self.fault("malformed-yaml", f"values are nested more than {DEPTH_LIMIT} deep here", start, end)
        self.stopped = True

    def end(self, at: int) -> None:
        frame = self.stack.pop()
        frame.marks.end = at
        if self.stack and not self.stack[-1].items and self.stack[-1].key is None:  # it stands where a key should, as was told
            self.stack[-1].key = BROKEN
            return
        if frame.anchor is not None:
            self.anchors[frame.anchor] = (frame.data, frame.marks, frame.size)
        self.add(frame.data, frame.marks.start, at, frame.marks, frame.size)

    def alias(self, event: Any) -> None:
        start, end = event.start_mark.index, event.end_mark.index
        top = self.stack[-1] if self.stack else None
        self.unused.pop(event.anchor, None)
        if top is not None and not top.items and top.key is None:
            self.fault("wrong-key", "a key is a name or a text, not an alias", start, end, help="write the key itself")
            top.key = BROKEN
            return
        found = self.anchors.get(event.anchor)
        if found is None:
            if any(f.anchor == event.anchor for f in self.stack):
                self.fault("wrong-alias", f"`*{event.anchor}` stands inside of what it repeats", start, end)
            else:
                self.trap(traps.unknown_alias(self.written, event.anchor, start, end))
            self.add(BROKEN, start, end, None, 1)
            return
        value, marks, size = found
        self.expanded += size
        if self.expanded > EXPANSION_LIMIT:
            self.fault("wrong-alias", f"aliases repeat more than {EXPANSION_LIMIT:,} values", start, end, help="write fewer aliases")
            self.stopped = True
            return
        self.add(value, start, end, marks, size)

    def tag_of(self, event: Any) -> None:
        """Refuses the tag of a node."""
        if event.tag is None:
            return
        for trap in traps.tagged(self.written, event.start_mark.index, event.end_mark.index, scalar=event.__class__ is ScalarEvent):
            if trap.blank is None:
                self.fault(trap.code, trap.message, trap.start, trap.end, help=trap.help)
            else:
                self.trap([trap])

    def scalar(self, event: Any) -> None:
        value: Any = event.value
        start, end = event.start_mark.index, event.end_mark.index
        stack = self.stack
        if event.tag is not None:
            self.tag_of(event)
            value = BROKEN
        if start in self.broken:
            value = BROKEN
        if not stack:
            self.root_at = (start, end)
            self.root = self.resolved(event, value, start, end)
            return
        top = stack[-1]
        if not top.items and top.key is None:
            self.key(top, event, value, start, end)
            return
        top.size += 1
        if event.style:  # quoted, or a block
            pass
        elif event.__class__ is ScalarEvent and value is not BROKEN:
            value = self.resolved(event, value, start, end)
        if event.anchor is not None and value is not BROKEN:
            self.anchors[event.anchor] = (value, None, 1)
            self.unused[event.anchor] = (start, end)
        if top.items:
            top.data.append(value)
            top.marks.offsets.extend((start, end))
            return
        key: Any = top.key
        top.key = None
        if key is BROKEN:
            return
        top.data[key] = value
        top.marks.offsets.extend((top.key_start, top.key_end, start, end))

    def key(self, top: _Frame, event: Any, value: Any, start: int, end: int) -> None:
        """The key of the next entry."""
        top.key_start, top.key_end = start, end
        if value is BROKEN:
            top.key = BROKEN
            self.named = False
            return
        top.key = value
        if not event.style:
            if not value:
                self.fault("wrong-key", "a key is missing before `:`", start, max(end, start + 1))
                top.key = BROKEN
            elif value == "<<":
                message = "merge keys are not part of the language: nothing is inherited"
                self.fault("merge-key", message, start, end, help="write out the entries that are meant")
                top.key = BROKEN
                self.named = False
            elif ("(" in value or "[" in value) and self.cut_key(top, value, start):
                top.key = BROKEN
                self.named = False
        if value in top.data and top.key is not BROKEN:
            offset = top.marks.spans(value)
            first = self.text.line(offset[0] if offset else start)
            self.fault("duplicate-key", f"`{value}` is given twice", start, end, notes=(f"first on line {first}",), help="keep one of them")
            top.key = BROKEN

    def resolved(self, event: Any, value: Any, start: int, end: int) -> Any:
        """The value of a plain scalar, or BROKEN."""
        if event.style or value is BROKEN:
            return value
        try:
            found = resolve(value)
        except MalformedNumberError as error:
            mend = "infinity is written `.inf`" if "large" in str(error) else "write `0`"
            self.fault("malformed-number", f"the number `{value if len(value) <= 20 else value[:19] + '…'}` {error}", start, end, help=mend)
            return BROKEN
        if found is None and self.stack and not self.stack[-1].items:
            self.null(start, end)
            return BROKEN
        if found.__class__ is str and self.cut(self.stack[-1] if self.stack else None, value, start, end):
            return BROKEN
        return found

    def cut_key(self, top: _Frame, value: str, start: int) -> bool:
        """Whether a key is a part of a formula that YAML has cut; tells it."""
        if value.count("(") == value.count(")") and value.count("[") == value.count("]"):
            return False
        at = self.flow_start() if top.flow else None
        found = traps.in_flow(self.written, at) if at is not None else traps.cut_key(self.written, start)
        self.trap(found)
        return bool(found)

    def cut(self, top: _Frame | None, value: str, start: int, end: int) -> bool:
        """Whether YAML has cut a formula here; tells it."""
        if top is not None and top.flow:
            at = self.flow_start() if value.count("(") != value.count(")") else None
            found = traps.in_flow(self.written, at) if at is not None else []
            self.trap(found)
            return bool(found)
        if traps.unfinished(value):
            found = traps.comment(self.written, start, end)
            self.trap(found)
            return bool(found)
        return False

    def null(self, start: int, end: int) -> None:
        """A key without a value."""
        top = self.stack[-1]
        if not isinstance(top.key, str):
            return
        close = re.fullmatch(r"([A-Za-z_]\w*)(?::|(?= [\d.-]))([^\s:].*| [\d.-]+)", top.key) if top.flow else None
        mend = f"write it after `{top.key}:`, or take the key out"
        if close is not None:
            lacking = "a space follows the colon" if ":" in top.key else "a colon follows the name"
            mend = f"{lacking}: `{close[1]}: {close[2].strip()}`"
        elif len(self.stack) == 2 and self.stack[0].key == "inputs":
            mend = f"an input that is fed is written `{top.key}: {{}}`"
        last = next(reversed(top.data.items()), None) if top.flow and top.key.isdigit() else None
        if last is not None and last[1].__class__ is int:  # `{w: 0,5}`
            mend, end = f"a decimal number has a point: `{last[0]}: {last[1]}.{top.key}`", start
        self.fault(
            "missing-value", f"`{top.key}` has no value", top.key_start, top.key_end, help="take the key out" if end > start else mend
        )

    def add(self, value: Any, start: int, end: int, marks: Marks | None, size: int) -> None:
        """Gives a container, or what an alias repeats, to the container it stands in."""
        if not self.stack:
            self.root, self.root_marks, self.root_at = value, marks, (start, end)
            return
        top = self.stack[-1]
        top.size += size
        if isinstance(top.marks, Items):
            if marks is not None:
                top.marks.inner[len(top.data)] = marks
            top.data.append(value)
            top.marks.offsets.extend((start, end))
            return
        key = top.key
        top.key = None
        if not isinstance(key, str):
            return
        if marks is not None:
            top.marks.inner[key] = marks
        top.data[key] = value
        top.marks.offsets.extend((top.key_start, top.key_end, start, end))
