"""What a name means inside of a function or an optimizer of a spec, whose own names shadow those of the graph."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from graphrun.errors import Place
from graphrun.spec.spec import File, Function, Optimizer

__all__ = ["Local", "locals_at"]

_IMPLIED = {"param": "the parameter", "grad": "its gradient", "step": "the update's number, from 0", "steps": "updates of the run"}
_ONE = {"params": "parameter", "state": "state", "nodes": "node"}


@dataclass(frozen=True, slots=True)
class Local:
    """A name of a function's or an optimizer's own: what it is, the formula of a node, and where it is defined (None: nowhere)."""

    name: str
    kind: str
    within: str
    formula: str
    place: Place | None

    @property
    def text(self) -> str:
        """What it is, as Markdown."""
        joined = " of" if self.place is not None else ", in"
        return f"**{self.name}**: {self.kind}{joined} `{self.within}`" + (f"\n\n`{self.name}: {self.formula}`" if self.formula else "")


def locals_at(file: File, line: int) -> tuple[Mapping[str, Local], range]:
    """The names that belong to the entry of `functions` or `optimizers` around a line, and its lines; none outside of one."""
    entries: list[Function | Optimizer] = [*file.functions.values(), *file.optimizers.values()]
    for entry in entries:
        if entry.file is not file:
            continue
        key, value = file.positions.key(entry.path), file.positions.value(entry.path)
        last = value.end_line - (1 if value.end_column == 1 and value.end_line > key.line else 0)
        if key.line <= line <= last:
            return _locals(entry, key), range(key.line, last + 1)
    return {}, range(0)


def _locals(entry: Function | Optimizer, key: Place) -> dict[str, Local]:
    places, head = entry.file.positions, str(entry.path[-1])
    found: dict[str, Local] = {}
    if isinstance(entry, Optimizer):
        found = {name: Local(name, text, head, "", None) for name, text in _IMPLIED.items()}
    shown = key.source.line(key.line)[key.column - 1 :]
    opened = shown.find("(")
    for name, _ in entry.signature.args:
        at = re.compile(rf"(?<![\w.]){name}\b").search(shown, opened + 1)
        start = key.column + at.start() if at is not None else key.column
        place = Place(key.source, key.line, start, key.line, start + len(name))
        found[name] = Local(name, "argument", head, "", place)
    for section, kind in _ONE.items():
        for name, written in getattr(entry.model, section, {}).items():
            stages = written if isinstance(written, list) else [written]
            formula = " -> ".join(map(str, stages)) if section == "nodes" else ""
            found[name] = Local(name, kind, head, formula, places.key((*entry.path, section, name)))
    return found
