"""A loaded spec: the checked models, the parsed formulas' whereabouts, and what `use` brought in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from graphrun.errors import Place, Source
from graphrun.expr.tree import Formula, Signature
from graphrun.spec.lost import Lost
from graphrun.spec.models import FunctionModel, OptimizerModel, SpecModel

__all__ = ["Function", "Optimizer", "Positions", "Spec"]

Path = tuple[str | int, ...]


class Positions(Protocol):
    """Tells where things stand in one spec file."""

    source: Source

    def value(self, path: Path) -> Place:
        """The value at `path`; where there is none, the nearest part that stands in the file."""
        ...

    def key(self, path: Path) -> Place:
        """The key at `path`."""
        ...

    def within(self, path: Path, start: int, end: int) -> Place:
        """Characters start to end (exclusive) of the text (formula) that is the value at `path`."""
        ...

    def within_key(self, path: Path, start: int, end: int) -> Place:
        """Characters start to end of the key at `path`."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """One entry of `functions:` with its head parsed. `path` leads to it within its file."""

    signature: Signature
    model: FunctionModel
    path: Path
    file: File
    has_body: bool = True  # whether the entry is a mapping; else it is the formula that the function returns


@dataclass(frozen=True, slots=True, eq=False)
class Optimizer:
    """One entry of `optimizers:` with its head parsed."""

    signature: Signature
    model: OptimizerModel
    path: Path
    file: File


@dataclass(frozen=True, slots=True, eq=False)
class File:
    """One spec file: where things stand in it, and the functions and optimizers that its formulas see by name (its own and
    those that its `use` brings in, not the library's). `lost` is what could not be read."""

    positions: Positions
    functions: Mapping[str, Function]
    optimizers: Mapping[str, Optimizer]
    lost: Lost = field(default_factory=Lost)


@dataclass(frozen=True, slots=True, eq=False)
class Spec:
    """A whole spec. `model` is the top file with `--set` applied; `formulas` memoizes what was parsed (path → Formula)."""

    name: str
    base: str  # the folder that paths in the spec are relative to
    model: SpecModel
    file: File
    settings: Mapping[str, Any] = field(default_factory=dict)  # what `--set` changed: dotted key → value

    def value(self, *path: str | int) -> Place:
        """Where the value at `path` stands in the top file."""
        return self.file.positions.value(path)

    def key(self, *path: str | int) -> Place:
        """Where the key at `path` stands in the top file."""
        return self.file.positions.key(path)

    def at(self, formula: Formula, node: Any, *path: str | int) -> Place:
        """Where a part of the formula at `path` stands."""
        start, end = formula.span(node)
        return self.file.positions.within(path, start, end)
