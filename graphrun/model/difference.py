"""Two specs opened and compared. Imports no NumPy."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from graphrun.changes.compare import compare
from graphrun.changes.facts import Difference
from graphrun.changes.json import to_json
from graphrun.changes.markdown import to_markdown
from graphrun.changes.picture import changes_view
from graphrun.changes.revision import at_revision
from graphrun.changes.side import Side, side_of
from graphrun.changes.text import to_text
from graphrun.diagram.dot import to_dot
from graphrun.diagram.draw import draw
from graphrun.diagram.mermaid import to_mermaid
from graphrun.diagram.tikz import to_tikz
from graphrun.errors import Diagnostic, Reporter, SpecError, sort_diagnostics
from graphrun.files import write_atomic
from graphrun.ir.pause import collection_paused
from graphrun.model.opening import Settings, check_both
from graphrun.spec.load import read_spec
from graphrun.spec.reader import DISK

__all__ = ["PICTURES", "WRITTEN", "Changes", "diff"]

PICTURES = ("svg", "png", "pdf", "dot", "mmd", "tex")
WRITTEN = ("md", "txt", "json")
MOST_IN_MARKDOWN = 40  # boxes of a diagram that stands in Markdown


class Changes:
    """What changed between two specs. False where nothing did; `facts` holds all of it as plain values."""

    def __init__(self, facts: Difference) -> None:
        self.facts = facts

    def __bool__(self) -> bool:
        return bool(self.facts)

    def __repr__(self) -> str:
        return f"<graphrun changes {' → '.join(self.facts.names)}: {len(self.facts.changed)} entries, {len(self.facts.settings)} settings>"

    @property
    def faults(self) -> tuple[Diagnostic, ...]:
        """The faults of specs that could not be built, and were compared as far as they could be read."""
        return tuple(fault for faults in self.facts.faults for fault in faults)

    def to_text(self, width: int = 80, everything: bool = False) -> str:
        """As `graphrun diff` prints it; long lists are cut unless `everything` is wanted."""
        return to_text(self.facts, width, everything)

    def to_markdown(self) -> str:
        """For a pull request, with a Mermaid diagram where it is small enough to be read."""
        view = changes_view(self.facts)
        small = 0 < len(view.boxes) <= MOST_IN_MARKDOWN and any(e.change != "same" or e.renamed for e in self.facts.entries)
        return to_markdown(self.facts, to_mermaid(view) if small else "")

    def to_json(self) -> dict[str, Any]:
        """Everything as plain values."""
        return to_json(self.facts)

    def draw(self, format: str = "svg", direction: str | None = None) -> bytes:
        """The picture as bytes of one of `PICTURES`: what was added, removed and changed is marked. Raises RunError."""
        view = changes_view(self.facts, direction)
        if format == "mmd":
            return to_mermaid(view).encode()
        if format == "tex":
            return to_tikz(view).encode()
        text = to_dot(view)
        return text.encode() if format == "dot" else draw(text, format)

    def write(self, path: str | os.PathLike[str], direction: str | None = None) -> None:
        """Writes a picture, or the difference as .md, .txt or .json: the suffix says which. Raises RunError."""
        write_atomic(Path(path), self.as_bytes(Path(path).suffix.removeprefix("."), direction))

    def as_bytes(self, format: str, direction: str | None = None) -> bytes:
        """What a file of that suffix holds."""
        if format == "md":
            return self.to_markdown().encode()
        if format == "txt":
            return self.to_text(everything=True).encode()
        if format == "json":
            return (json.dumps(self.to_json(), ensure_ascii=False, indent=2) + "\n").encode()
        return self.draw(format, direction)


def diff(before: str | os.PathLike[str], after: str | os.PathLike[str], set: Settings = ()) -> Changes:
    """What changed from one spec to the other. Each is a file, or `REV:path`: a file of a git revision, with the files that it uses.

    `set` changes keys of both, as `--set` does. A spec that cannot be built is compared as far as it could be read, and its faults are in
    `faults`. Raises SpecError, with every fault, where one cannot be read at all, and UsageError where it is not there.
    """
    names = _names(os.fspath(before), os.fspath(after))
    with collection_paused():
        first, second = _side(os.fspath(before), set, names[0]), _side(os.fspath(after), set, names[1])
        if isinstance(first, Side) and isinstance(second, Side):
            return Changes(compare(first, second))
    raise SpecError([d for side in (first, second) for d in (side.faults if isinstance(side, Side) else side)])


def _names(before: str, after: str) -> tuple[str, str]:
    """What the two are called, whichever folder is at hand: without the folders that both lie in."""
    inside = [found[1] if (found := at_revision(name)) is not None else None for name in (before, after)]
    if inside == [None, None]:
        paths = [os.path.abspath(name) for name in (before, after)]
        try:
            folder = os.path.commonpath([os.path.dirname(path) for path in paths])
        except ValueError:  # two drives
            return os.path.basename(before), os.path.basename(after)
        return os.path.relpath(paths[0], folder).replace(os.sep, "/"), os.path.relpath(paths[1], folder).replace(os.sep, "/")
    there = next(path for path in inside if path is not None)
    here = [name if path is not None else _tail(name, there) for name, path in zip((before, after), inside, strict=True)]
    return here[0], here[1]


def _tail(path: str, there: str) -> str:
    """A path as long as it is the same as one inside a repository, else the file's name."""
    whole = os.path.abspath(path).replace(os.sep, "/")
    return there if whole.endswith("/" + there) else os.path.basename(path)


def _side(name: str, settings: Settings, shown: str) -> Side | tuple[Diagnostic, ...]:
    """The facts of a spec, or its faults where nothing of it could be read."""
    found = at_revision(name)
    reader, path = found if found is not None else (DISK, name)
    reporter = Reporter()
    spec = read_spec(path, settings, reporter, reader)
    if spec is None:
        return tuple(sort_diagnostics(reporter.diagnostics))
    built, training = check_both(spec, reporter)
    if reporter.errors:
        built = training = None
    return side_of(shown, spec, built, training, sort_diagnostics(reporter.errors))
