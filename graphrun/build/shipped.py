"""The library as it is written: each definition with its comment and the helpers that it calls, to be read or copied into a spec."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from graphrun.build.library import FOLDER

__all__ = ["KINDS", "Definition", "definitions", "excerpt"]

KINDS = {  # file → what it holds, in the order of the documentation
    "layers": "layer",
    "losses": "loss",
    "optimizers": "optimizer",
    "schedules": "schedule",
    "initializers": "initializer",
    "transforms": "transform of data",
}
_ENTRY = re.compile(r"  (\w+)(\(.*?\)): ?")
_CALLED = re.compile(r"(?<![\w.])_\w+(?=\()")


@dataclass(frozen=True, slots=True)
class Definition:
    """One entry of a library file. `about` is its comment, `lines` are those of the entry with the comment."""

    name: str
    call: str
    kind: str
    section: str
    about: str
    lines: tuple[str, ...]


@cache
def definitions() -> tuple[Definition, ...]:
    """Everything in the library, in the order of the files; helpers, whose names begin with `_`, among them."""
    return tuple(d for stem, kind in KINDS.items() for d in _read(FOLDER / f"{stem}.yaml", kind))


def _read(path: Path, kind: str) -> Iterator[Definition]:
    section, block = "", list[str]()
    for line in [*path.read_text(encoding="utf-8").splitlines(), ""]:
        if line.strip():
            if not line.startswith(" "):
                section = line.partition(":")[0]
            elif section in ("functions", "optimizers"):
                block.append(line)
        elif block:
            yield _definition(block, kind, section)
            block = []


def _definition(block: list[str], kind: str, section: str) -> Definition:
    comment = [line.strip()[1:].strip() for line in block if line.startswith("  #")]
    head = next(m for line in block if (m := _ENTRY.match(line)))
    return Definition(head[1], head[1] + head[2], kind, section, " ".join(comment), tuple(block))


def excerpt(definition: Definition) -> str:
    """The definition as it stands in its file, behind the helpers that it calls: a section that can be copied into a spec."""
    helpers = {d.name: d for d in definitions() if d.kind == definition.kind}
    wanted, found = [definition], dict[str, Definition]()
    while wanted:
        one = wanted.pop()
        if found.setdefault(one.name, one) is one:
            wanted += [helpers[name] for line in one.lines for name in _CALLED.findall(line) if name in helpers and name not in found]
    parts: dict[str, list[Definition]] = {}
    for one in found.values():
        parts.setdefault(one.section, []).append(one)
    return "\n\n".join(f"{section}:\n" + "\n\n".join("\n".join(one.lines) for one in some) for section, some in parts.items()) + "\n"
