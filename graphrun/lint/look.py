"""What a lint looks at: the graphs of a spec, and where in its file a node came from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from graphrun.build.build import Built
from graphrun.build.values import FunctionValue, Param
from graphrun.errors import Diagnostic, Place
from graphrun.ir.graph import Graph, unpack_place
from graphrun.spec.spec import Spec

__all__ = ["Look", "constant_init", "passes_on", "warning"]

_SAME = frozenset({"identity", "reshape", "flatten", "squeeze", "expand_dims", "cast"})


@dataclass(frozen=True)
class Look:
    """A spec that could be built. `training` is the graph that `train` steps, where that is another."""

    spec: Spec
    built: Built
    training: Built | None

    @cached_property
    def stepped(self) -> Built:
        """The graph that `train` steps."""
        return self.training or self.built

    @cached_property
    def params(self) -> dict[int, Param]:
        """Node of the stepped graph → the parameter there."""
        return {p.node: p for p in self.stepped.params.values() if p.node is not None}

    def place(self, graph: Graph, i: int) -> Place | None:
        """Where the spec's own file says what node i computes: its formula, or the call that it came from."""
        place, call = graph._place[i], graph.call(i)
        while call >= 0 and not self._own(graph, place):
            place, call = graph.calls[call].place, graph.calls[call].parent
        return self._at(place) if self._own(graph, place) else None

    def call_place(self, graph: Graph, i: int) -> Place | None:
        """Where the spec's own file calls the function that node i came from; `place` where that is none."""
        call = graph.call(i)
        if call < 0:
            return self.place(graph, i)
        while call >= 0 and not self._own(graph, graph.calls[call].place):
            call = graph.calls[call].parent
        return self._at(graph.calls[call].place) if call >= 0 else None

    def _own(self, graph: Graph, place: int) -> bool:
        source, line, _, _ = unpack_place(place)
        return bool(line) and graph.sources[source] == self.spec.file.positions.source.name

    def _at(self, place: int) -> Place:
        _, line, column, length = unpack_place(place)
        return Place(self.spec.file.positions.source, line, column, line, column + length)

    def param_place(self, param: Param) -> Place | None:
        """Where a parameter stands in the spec's own file: its entry, or the call of the layer that has it."""
        if param.place.source is self.spec.file.positions.source:
            return param.place
        return self.call_place(self.stepped.graph, param.node) if param.node is not None else None


def passes_on(graph: Graph, i: int) -> int:
    """The node whose values node i only names or reshapes."""
    while graph.op(i).name in _SAME:
        i = graph.inputs(i)[0]
    return i


def warning(code: str, message: str, place: Place | None, help: str, notes: tuple[str, ...] = ()) -> list[Diagnostic]:
    """One warning; none where no place in the spec's own file is to blame."""
    return [Diagnostic(code, message, place, "warning", notes, help)] if place is not None else []


def constant_init(init: Any) -> float | None:
    """The one number that all elements of a parameter begin with, where it is one."""
    if isinstance(init, bool | int | float):
        return float(init)
    if isinstance(init, list):
        found = {constant_init(v) for v in init}
        return found.pop() if len(found) == 1 else None
    if isinstance(init, FunctionValue):
        if init.name in ("zeros", "ones"):
            return float(init.name == "ones")
        if init.name in ("constant", "full") and init.args and isinstance(init.args[0], int | float):
            return float(init.args[0])
    return None
