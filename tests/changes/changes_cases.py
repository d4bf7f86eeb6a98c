"""Pairs of specs for the tests: written in place, or read from the files beside."""

from __future__ import annotations

import os
from pathlib import Path

from graphrun.model.difference import Changes, diff

__all__ = ["HERE", "changed", "entry", "golden", "spec"]

HERE = Path(__file__).parent


def spec(nodes: str, **sections: str) -> str:
    more = "".join(f"{key}: {text}\n" for key, text in sections.items())
    return f"graphrun: 1\nname: case\n{more}nodes:\n" + "".join(f"  {line}\n" for line in nodes.strip().split("\n"))


def changed(folder: Path, before: str, after: str) -> Changes:
    (folder / "before.yaml").write_text(before, encoding="utf-8")
    (folder / "after.yaml").write_text(after, encoding="utf-8")
    return diff(folder / "before.yaml", folder / "after.yaml")


def entry(changes: Changes, name: str):
    """What became of the entry that is called `name` now, or was."""
    return next(e for e in changes.facts.entries if e.entry.name == name)


def golden(path: Path, text: str) -> None:
    """The text of a file; GRAPHRUN_REGENERATE=1 writes it there first: read every difference."""
    if os.environ.get("GRAPHRUN_REGENERATE"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
