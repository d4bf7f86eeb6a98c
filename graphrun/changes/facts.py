"""What is found when two specs are compared: plain facts, from which every form of the difference is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from graphrun.errors import Diagnostic

__all__ = ["Change", "Cost", "Detail", "Difference", "Entry", "EntryChange", "ParamChange", "ParamFacts", "SettingChange", "Totals"]

Change = Literal["added", "removed", "changed", "rewired", "rewritten", "follows", "same"]
"""`rewired` has other operands in the same formula; `rewritten` has another formula that makes the same steps; `follows` is as it was
itself, and something that it uses is not."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An input, a parameter or a node of a spec. `count` is of the numbers in the parameters that it holds, `steps` of primitive steps.

    `operands` are the names of entries that it reads, in order. What only a built graph tells is empty or 0 where there is none.
    """

    kind: Literal["input", "parameter", "node"]
    name: str
    formula: str
    operands: tuple[str, ...] = ()
    shape: str = ""
    dtype: str = ""
    count: int = 0
    steps: int = 0
    loss: bool = False


@dataclass(frozen=True, slots=True)
class Detail:
    """One thing that is different in an entry.

    `argument` of a call (`label` says which), `operand` that another took the place of, `stage` added to or removed from a chain, a whole
    `formula`, or a `fact` of an input or a parameter (its shape, dtype, initial value).
    """

    kind: Literal["argument", "operand", "stage", "formula", "fact"]
    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class EntryChange:
    """An entry before and after. `follows` names what an entry's change comes from."""

    change: Change
    before: Entry | None
    after: Entry | None
    details: tuple[Detail, ...] = ()
    follows: tuple[str, ...] = ()

    @property
    def entry(self) -> Entry:
        """The entry as it is now, or was."""
        found = self.after or self.before
        assert found is not None
        return found

    @property
    def renamed(self) -> bool:
        """Whether it has another name."""
        return self.before is not None and self.after is not None and self.before.name != self.after.name


@dataclass(frozen=True, slots=True)
class ParamFacts:
    """A parameter of the graph, a layer's among them."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    trainable: bool
    count: int


@dataclass(frozen=True, slots=True)
class ParamChange:
    """A parameter that was added, removed, or has another name, shape or dtype."""

    before: ParamFacts | None
    after: ParamFacts | None


@dataclass(frozen=True, slots=True)
class SettingChange:
    """A key of the spec outside of the graph's entries: `section` is its first part. None where it was not written."""

    section: str
    key: str
    before: str | None
    after: str | None
    values: tuple[Any, Any] = (None, None)  # whole, for JSON


@dataclass(frozen=True, slots=True)
class Cost:
    """What a graph costs: numbers in its parameters, primitive steps forward, steps of the backward pass, and in one forward pass
    multiply-adds and memory (as texts, as sizes may be symbolic)."""

    parameters: int
    forward: int
    backward: int
    multiply_adds: str = ""
    memory: str = ""


@dataclass(frozen=True, slots=True)
class Totals:
    """The cost before and after; None where a graph could not be built."""

    before: Cost | None
    after: Cost | None


@dataclass(frozen=True, slots=True)
class Difference:
    """Everything that changed from the spec `names[0]` to `names[1]`. `entries` holds also what is as it was."""

    names: tuple[str, str]
    entries: tuple[EntryChange, ...]
    params: tuple[ParamChange, ...]
    settings: tuple[SettingChange, ...]
    totals: Totals
    faults: tuple[tuple[Diagnostic, ...], tuple[Diagnostic, ...]] = ((), ())

    @property
    def changed(self) -> tuple[EntryChange, ...]:
        """The entries that are not as they were."""
        return tuple(e for e in self.entries if e.change != "same" or e.renamed)

    @property
    def empty(self) -> bool:
        """Whether the two specs say the same."""
        return not (self.changed or self.params or self.settings)

    def __bool__(self) -> bool:
        return not self.empty
