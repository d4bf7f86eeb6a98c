"""Notes that a file carries unseen: how it was made. A comment in text, a `tEXt` chunk in a PNG; the rest of the file is as it was.

A note is one JSON object. Each format's comment is put where it changes nothing: after the end of a text, before a PDF's last table.
In a JSON document it is the last key, `graphrun`.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping
from typing import Any

__all__ = ["FORMATS", "put_note", "read_note", "without_note"]

_AROUND = {
    "svg": ("<!-- graphrun: ", " -->\n"),
    "html": ("<!-- graphrun: ", " -->\n"),
    "md": ("<!-- graphrun: ", " -->\n"),
    "dot": ("// graphrun: ", "\n"),
    "mmd": ("%% graphrun: ", "\n"),
    "tex": ("% graphrun: ", "\n"),
    "txt": ("# graphrun: ", "\n"),
    "pdf": ("%graphrun: ", "\n"),
}
FORMATS = (*_AROUND, "png", "json")
"""The formats that can carry a note."""

_PNG = b"\x89PNG\r\n\x1a\n"
_KEY = b"graphrun\0"


def read_note(data: bytes, format: str) -> dict[str, Any]:
    """The note in a file; empty where there is none."""
    if format == "json":
        note = _document(data).get("graphrun")
        return note if isinstance(note, dict) else {}
    found = _find(data, format)
    if found is None:
        return {}
    try:
        note = json.loads(found[2])
    except ValueError:
        return {}
    return note if isinstance(note, dict) else {}


def without_note(data: bytes, format: str) -> bytes:
    """The file as it is without its note."""
    if format == "json":
        document = _document(data)
        return data if not isinstance(document.pop("graphrun", None), dict) else _dumped(document)
    found = _find(data, format)
    return data if found is None else data[: found[0]] + data[found[1] :]


def put_note(data: bytes, format: str, note: Mapping[str, Any]) -> bytes:
    """The file with `note` in the place of the one that it has."""
    if format not in FORMATS:
        return data
    data = without_note(data, format)
    if format == "json":
        document = _document(data)
        return _dumped({**document, "graphrun": note}) if document else data
    text = json.dumps(note, sort_keys=True).replace("--", "-\\u002d").replace(">", "\\u003e")
    if format == "png":
        chunk = b"tEXt" + _KEY + text.encode()
        at = len(data) - 12  # before IEND
        return data[:at] + struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) + data[at:]
    before, after = _AROUND[format]
    line = (before + text + after).encode()
    if format == "pdf":
        at = data.rfind(b"startxref")
        return data[:at] + line + data[at:] if at >= 0 else data
    return data + (b"" if data.endswith(b"\n") or not data else b"\n") + line


def _document(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _dumped(document: Mapping[str, Any]) -> bytes:
    """As commands write JSON."""
    return (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode()


def _find(data: bytes, format: str) -> tuple[int, int, bytes] | None:
    """Where the note begins and ends, and its text."""
    if format == "png":
        return _chunk(data)
    if format not in _AROUND:
        return None
    before, after = (part.encode() for part in _AROUND[format])
    start = data.rfind(before)
    if start < 0 or (start and data[start - 1 : start] != b"\n" and format != "pdf"):
        return None
    end = data.find(after, start)
    if end < 0 or (format != "pdf" and end + len(after) != len(data)):
        return None
    return start, end + len(after), data[start + len(before) : end]


def _chunk(data: bytes) -> tuple[int, int, bytes] | None:
    if not data.startswith(_PNG):
        return None
    at = len(_PNG)
    while at + 12 <= len(data):
        size = int.from_bytes(data[at : at + 4])
        end = at + 12 + size
        if data[at + 4 : at + 8] == b"tEXt" and data[at + 8 : at + 8 + len(_KEY)] == _KEY:
            return at, end, data[at + 8 + len(_KEY) : at + 8 + size]
        at = end
    return None


