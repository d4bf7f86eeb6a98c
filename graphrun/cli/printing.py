"""What goes to the standard output and the standard error: encodings without `∂`, closed pipes, JSON that is always JSON."""

from __future__ import annotations

import json
import math
import os
import re
import sys
from collections.abc import Iterable
from typing import Any, TextIO, cast

from graphrun.errors import Diagnostic, GraphrunError
from graphrun.ir.formula import to_ascii

__all__ = [
    "count",
    "diagnostic",
    "diagnostics_json",
    "flush",
    "has_signs",
    "is_terminal",
    "note",
    "plain",
    "report_error",
    "say",
    "say_json",
    "stream",
    "width",
]

_SPARKS = str.maketrans({"▁": "_", "▂": ".", "▃": ":", "▄": "-", "▅": "=", "▆": "+", "▇": "*", "█": "#", "∇": "g", "←": "<-"})
_MARKS = re.compile(r"( +\| +)(\^+)")
_SIGNS = "∂·½²ᵀ→×…"


def has_signs() -> bool:
    """Whether the standard output's encoding has the signs of a ledger; where it lacks one, none is used."""
    return _fits(_SIGNS, sys.stdout.encoding)


def plain(text: str, encoding: str | None) -> str:
    """`text` in characters that `encoding` has: `∂`, `·`, `½` and their like become `d`, `*`, `1/2`; what is left becomes `?`."""
    if _fits(text, encoding):
        return text
    encoding = encoding or "ascii"
    return to_ascii(text).translate(_SPARKS).encode(encoding, "replace").decode(encoding)


def _fits(text: str, encoding: str | None) -> bool:
    try:
        text.encode(encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def say(text: str = "", end: str = "\n") -> None:
    """Prints to the standard output. When its reader has gone away, the rest is dropped: a training run goes on and is kept."""
    _write(sys.stdout, text + end)


class _Patient:
    """The standard output for whoever writes to it directly, with the patience of `say`."""

    def __init__(self) -> None:
        self._stream = sys.stdout  # a progress bar puts itself in the place of sys.stdout
        self.encoding = sys.stdout.encoding
        self.isatty = is_terminal
        self.fileno = sys.stdout.fileno

    def write(self, text: str) -> int:
        _write(self._stream, text)
        return len(text)

    def flush(self) -> None:
        """Every write is flushed."""


def stream() -> TextIO:
    """The standard output as a stream that outlives its reader."""
    return cast(TextIO, _Patient())


def note(text: str) -> None:
    """Prints a message to the standard error."""
    _write(sys.stderr, text + "\n")


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(plain(text, stream.encoding))
        stream.flush()
    except BrokenPipeError:
        _lead_nowhere(stream)


def _lead_nowhere(stream: TextIO) -> None:
    """Gives the stream's descriptor a new end, so that later writes, and the interpreter's own at its end, do no harm."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def flush() -> None:
    """Flushes both streams; a closed pipe is no error."""
    for stream in (sys.stdout, sys.stderr):
        if stream.closed:  # by the language server, when its editor leaves
            continue
        try:
            stream.flush()
        except BrokenPipeError:
            _lead_nowhere(stream)


def is_terminal() -> bool:
    """Whether a person reads the standard output as it comes."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def width() -> int:
    """Columns to print in: 80, wider only where the terminal is."""
    if not is_terminal():
        return 80
    try:
        return max(80, os.get_terminal_size(sys.stdout.fileno()).columns)
    except OSError:
        return 80


def say_json(document: Any) -> None:
    """Prints one JSON document. Numbers that JSON lacks become the strings "nan", "inf" and "-inf"."""
    text = json.dumps(_finite(document), ensure_ascii=False, indent=2)
    say(text if _fits(text, sys.stdout.encoding) else json.dumps(_finite(document), indent=2))


def diagnostic(d: Diagnostic, *, colour: bool) -> str:
    """A diagnostic as text; on a terminal its severity and what is underlined are coloured."""
    text = d.to_text()
    if not colour or not is_terminal() or os.environ.get("NO_COLOR"):
        return text
    shade = "31" if d.severity == "error" else "33"
    head, *rest = text.split("\n")
    where, word, what = head.partition(f"{d.severity} {d.code}:")
    lines = [f"{where}\033[1;{shade}m{word}\033[0m{what}"]
    for line in rest:
        marks = _MARKS.fullmatch(line)
        lines.append(f"{marks.group(1)}\033[{shade}m{marks.group(2)}\033[0m" if marks else line)
    return "\n".join(lines)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return value


def count(number: int, what: str) -> str:
    """`1 error`, `2 errors`."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def diagnostics_json(diagnostics: Iterable[Diagnostic], files: int | None = None) -> dict[str, Any]:
    """The JSON of `validate` (language.md §8); `files` is left out where files were not counted."""
    found = list(diagnostics)
    counts = {
        "errors": sum(d.severity == "error" for d in found),
        "warnings": sum(d.severity == "warning" for d in found),
        "diagnostics": [d.to_json() for d in found],
    }
    return counts if files is None else {"files": files, **counts}


def report_error(error: GraphrunError, *, as_json: bool) -> None:
    """Tells every fault of an error: to the standard error, and as the one JSON document where JSON was asked for."""
    note("\n\n".join(d.to_text() for d in error.diagnostics))
    if as_json:
        say_json(diagnostics_json(error.diagnostics))
