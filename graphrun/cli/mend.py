"""`validate --fix`: faults that can be mended in one certain way are, in place; comments and layout stay as they are."""

from __future__ import annotations

import os
from pathlib import Path

from graphrun.cli.edits import edited
from graphrun.files import write_atomic
from graphrun.model.validation import check_text

__all__ = ["mend"]

MOST_PASSES = 10
"""Mending a fault can bring others to light; so often a file is looked at again."""


def mend(path: str) -> int:
    """Mends a file, and returns how many faults that were. A file that is not UTF-8, or cannot be read, is left to `validate`."""
    if not os.path.isfile(path):  # a pipe can be read only once
        return 0
    try:
        raw = Path(path).read_bytes()
        text = raw.decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return 0
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    text = text.removeprefix(mark)
    mended = 0
    for _ in range(MOST_PASSES):
        found = [d for d in check_text(text, path).diagnostics if d.place is None or d.place.source.name == path]
        changed, count = edited(text, [(d.fix_at or d.place, d.fix) for d in found if d.fix is not None and d.place is not None])
        if not count or len(check_text(changed, path).diagnostics) > len(check_text(text, path).diagnostics):
            break
        text, mended = changed, mended + count
    if mended:
        write_atomic(Path(path), (mark + text).encode())
    return mended
