"""What every engine takes and gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from graphrun.ir.graph import Graph

__all__ = ["CompiledStep", "Engine", "Slot", "Step"]


@dataclass(frozen=True, slots=True)
class Slot:
    """A value that a step reads and replaces: parameters (single or packed) and optimizer state.

    `node` is a leaf of the graph, `update` the node of its new value (None: it stays as it is).
    """

    name: str
    node: int
    update: int | None


@dataclass(frozen=True, slots=True)
class Step:
    """One training step as a graph with all sizes bound.

    All slots move at once: every update is computed from the old values. `feeds` are the leaves fed anew for each step; `counter` is the
    leaf that holds the number of the step (a real scalar, from 0), or None where nothing asks for it. `outputs` are further values wanted
    of each step.
    """

    graph: Graph
    loss: int
    slots: tuple[Slot, ...]
    feeds: Mapping[str, int]
    counter: int | None = None
    outputs: Mapping[str, int] = field(default_factory=dict)


class CompiledStep(Protocol):
    """A step made ready to run. It owns the slots' values between calls."""

    def load(self, values: Mapping[str, Any]) -> None:
        """Sets the slots (by name, arrays or numbers; copied)."""
        ...

    def values(self) -> dict[str, Any]:
        """Copies of the slots' present values, as NumPy arrays."""
        ...

    def run(self, feeds: Mapping[str, Any], first: int, count: int) -> Sequence[float]:
        """Makes `count` steps numbered from `first`, all on the same feeds, and gives the loss of each, before its update. `outputs` holds
        those of the last step."""
        ...

    @property
    def outputs(self) -> Mapping[str, Any]:
        """The further outputs of the last step, by name."""
        ...


class Engine(Protocol):
    """Compiles steps."""

    name: str

    def compile(self, step: Step) -> CompiledStep:
        """Makes a step ready to run."""
        ...
