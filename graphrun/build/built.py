"""What a spec is built into: its graph, and where in it everything is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from graphrun.build.assemble import Assembly
from graphrun.build.values import Param, Ref, State
from graphrun.errors import Place
from graphrun.ir.graph import Graph
from graphrun.ir.types import DType, Shape, entries
from graphrun.spec.spec import Spec

__all__ = ["Built", "InputInfo"]


@dataclass(frozen=True, slots=True)
class InputInfo:
    """An input of the graph. `default` is a number, a nested list, or None."""

    name: str
    node: int
    shape: Shape
    dtype: DType
    default: Any
    place: Place


@dataclass(frozen=True, eq=False)
class Built:
    """A spec's graph (with `training` true or false) and where in it everything is.

    `nodes` holds the spec's own entries: name → node, elements of lists as `pair.0`. `loss_name` is what the loss is called.
    Where it is not `whole`, the parts with faults, and what depends on them, are missing.
    """

    spec: Spec
    graph: Graph
    training: bool
    one_row: bool
    inputs: Mapping[str, InputInfo]
    params: Mapping[str, Param]
    state: Mapping[str, State]
    nodes: Mapping[str, int]
    outputs: Mapping[str, int]
    loss: int | None
    loss_name: str
    metrics: Mapping[str, int]
    counter: int | None  # the leaf that holds the number of the training step, where random values are drawn in training
    assembly: Assembly = field(repr=False)
    whole: bool = True

    @cached_property
    def index(self) -> dict[str, int]:
        """Every name of the graph → its node."""
        return self.graph.index()

    @cached_property
    def constants(self) -> dict[str, Any]:
        """The names of the spec that stand for no value of the graph, as those of `config` → what they stand for."""
        return {n: v for n, v in self.assembly.scope.values.items() if not isinstance(v, Ref)}

    def find(self, name: str) -> int | None:
        """The node of a name: an input, parameter, node, step (`J#1`), inner node (`h.z`)."""
        for table in (self.nodes, self.index, self.metrics):
            if name in table:
                return table[name]
        return None

    @property
    def work(self) -> tuple[int, int]:
        """(n, p): the entries of the spec's own nodes that the loss depends on, and those of the parameters."""
        return (0, 0) if self.loss is None else self.work_of(self.loss)

    def work_of(self, of: int) -> tuple[int, int]:
        """The same for the node `of` in place of the loss."""
        below = self.graph.ancestors([of])
        p = sum(entries(q.shape) for q in self.params.values() if q.node is not None and below[q.node] and q.trainable)
        return sum(self.counted(of).values()), p

    def counted(self, of: int) -> dict[int, int]:
        """The spec's own nodes that `of` depends on, with the number of entries of each. A dimension without a fixed size counts once, as
        rows do."""
        below = self.graph.ancestors([of])
        return {i: entries(self.graph.shape(i)) for i in sorted({*self.nodes.values(), of}) if below[i]}
