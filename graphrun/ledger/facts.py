"""What the ledger is made from, and the lines that it is made of: plain results, no engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from graphrun.ir.graph import Graph

__all__ = ["BackwardLine", "Check", "Facts", "ForwardLine", "Kink", "LeafLine", "Term", "Timing", "Trial", "Update", "is_scalar"]

Kind = Literal["loss", "node", "parameter", "input"]


@dataclass(frozen=True, slots=True)
class Trial:
    """A gradient tried out: `name` was raised by `delta`, the value at the end changed by `change`; `gradient` is ∂/∂name.

    The name may be an element of an array: `W[0, 1]`. `lowered` is the change where the name was lowered by as much.
    """

    name: str
    delta: float
    change: float
    gradient: float
    lowered: float | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """A gradient beside its central difference, both in float64.

    `name` is the parameter (or input, node) that it belongs to, `label` what was compared: the whole of it, an entry (`W[0, 1]`), or
    `W, direction`. `error` is relative. With `kink` the difference reached over a kink, where there is no one derivative.
    """

    name: str
    label: str
    gradient: float
    difference: float
    error: float
    kink: bool = False


@dataclass(frozen=True, slots=True)
class Kink:
    """A step that stands on a kink: `where` it is (`u1 = 0`), what derivative is taken `instead`, for so many of the step's elements."""

    node: int
    name: str
    formula: str
    where: str
    instead: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of one forward and backward pass, and of one derivative at a time, for all `passes`, of which `measured` were made."""

    reverse: float
    single: float
    passes: int
    measured: int


@dataclass(frozen=True, slots=True)
class Update:
    """One step of the optimizer: its text, (name, old, new) of each parameter, and the loss on the same inputs before and after."""

    optimizer: str
    parameters: tuple[tuple[str, Any, Any], ...]
    before: float
    after: float


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """What was computed.

    graph       the forward graph, all sizes bound
    of          the scalar node whose derivatives these are
    entries     the spec's own nodes in order, name → node
    inputs, params  name → node
    values      by node; None where `of` does not depend on it
    gradients   of `of`, for all its differentiable ancestors, inputs among them
    row         which row, as text, or None
    where       which parameters and what was given by hand, as text
    nodes, parameters  n and p of the work, counted as language.md §8 says
    agreement   the worst relative difference to central differences (kinks aside), or None
    checks      each gradient beside its central difference
    entries_checked  how many entries were compared one by one, and how many there are
    kinks       the steps that stand on a kink
    timing      how long both ways took, where that was asked for
    wrt         names that were asked for, or None for all parameters
    both        the graph of both passes, which begins with the nodes of `graph`, or None
    backward    node → the node of its gradient in `both`
    text        the spec as written
    """

    spec: str
    about: str
    path: str
    graph: Graph
    of: int
    entries: Mapping[str, int]
    inputs: Mapping[str, int]
    params: Mapping[str, int]
    values: Sequence[Any]
    gradients: Mapping[int, Any]
    nodes: int
    parameters: int
    row: str | None = None
    trials: tuple[Trial, ...] = ()
    agreement: float | None = None
    checks: tuple[Check, ...] = ()
    entries_checked: tuple[int, int] = (0, 0)
    kinks: tuple[Kink, ...] = ()
    timing: Timing | None = None
    where: str = ""
    update: Update | None = None
    wrt: tuple[str, ...] | None = None
    both: Graph | None = None
    backward: Mapping[int, int] = field(default_factory=dict)
    text: str = ""

    def name(self, i: int) -> str:
        """The name of node i; the end of a graph that only a pass made (the mean over rows) is written as its formula, `mean(L)`."""
        graph = self.graph
        if i != self.of or graph.owner(i) is not None or not graph.inputs(i):
            return graph.name(i)
        return f"{graph.op(i).name}({', '.join(graph.name(j) for j in graph.inputs(i))})"


@dataclass(frozen=True, slots=True)
class LeafLine:
    """An input, a parameter or a constant with a name, and its value."""

    name: str
    value: Any


@dataclass(frozen=True, slots=True)
class ForwardLine:
    """A step of the forward pass: `c = w · x = 2 · (-2) = -4`.

    `numbers` is None where the formula has arrays or nothing to put in; `formula` is empty where the name says it.
    """

    number: int
    node: int
    name: str
    formula: str
    numbers: str | None
    value: Any


@dataclass(frozen=True, slots=True)
class Term:
    """What one user of a value hands back to it: its own gradient times its local derivative.

    `formula` is the local derivative as written (`x`), `value` its number; where arrays are at work `formula` is the whole product
    (`xᵀ · ∂J/∂z`) and `value` None. `direct` marks the user that is itself the end of the graph (its gradient is 1). The upstream
    gradient comes from the backward pass, the local derivative from the forward pass.
    """

    upstream: int
    upstream_name: str
    upstream_gradient: Any
    formula: str
    binding: int
    value: Any
    direct: bool

    @property
    def product(self) -> float | None:
        """What is handed back, where it is one number."""
        if self.value is None:
            return None
        return float(self.value) if self.direct else float(self.upstream_gradient) * float(self.value)


@dataclass(frozen=True, slots=True)
class BackwardLine:
    """A gradient: `symbol` = each of `parts` = `value`; `parts` are the equal forms in which a person writes it down.

    `shapes` is the product of shapes where the line is a matrix product (`[64×32] = [64×128] · [128×32]`).
    """

    node: int
    name: str
    kind: Kind
    symbol: str
    terms: tuple[Term, ...]
    parts: tuple[str, ...]
    value: Any
    shapes: str | None = None


def is_scalar(value: Any) -> bool:
    """Whether a value is a single number."""
    return getattr(value, "shape", ()) == ()
