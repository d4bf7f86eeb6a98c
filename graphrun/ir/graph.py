"""The graph: nodes in topological order, stored in columns behind accessors.

Nodes are numbered from 0; a node's inputs have smaller numbers. Nothing on a node changes once it is made, and running a graph stores
nothing on it. Shapes, attributes, calls and names are interned; the names of steps are put together when asked for.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphrun.errors import Place, Source
from graphrun.ir.opdef import OpDef
from graphrun.ir.types import DType, Shape, TensorType

__all__ = ["CallSite", "Graph", "Node", "move_place", "pack_place", "unpack_place"]


def pack_place(source: int, line: int, column: int, length: int) -> int:
    """A place as one integer: number of the source (of up to 1023), line, column, length (each cut at its bits)."""
    return (min(source, 0x3FF) << 53) | (min(line, 0x1FFFFFF) << 28) | (min(column, 0x3FFF) << 14) | min(length, 0x3FFF)


def unpack_place(place: int) -> tuple[int, int, int, int]:
    """(source, line, column, length)."""
    return place >> 53, (place >> 28) & 0x1FFFFFF, (place >> 14) & 0x3FFF, place & 0x3FFF


def move_place(place: int, sources: Sequence[int]) -> int:
    """The place in a graph whose sources are numbered differently: `sources[k]` is the new number of source k."""
    if not place:
        return 0
    source = place >> 53
    return place + ((sources[source] - source) << 53) if source < len(sources) else place


@dataclass(slots=True)
class CallSite:
    """A function's call from which nodes came: `h.0` of `dense`.

    `parent` is the call around it, -1 at the top; `place` where it is called.
    """

    name: str
    function: str
    parent: int
    place: int = 0


class Graph:
    """Columns of nodes. Made by :class:`graphrun.ir.builder.Builder`; read through the accessors."""

    __slots__ = (
        "_attr", "_attr_table", "_call", "_input", "_offset", "_op", "_op_table", "_owner", "_place", "_step", "_tag",
        "_type", "_type_table", "calls", "names", "sources", "spec", "tags",
    )  # fmt: skip

    def __init__(self) -> None:
        self._op = array("H")
        self._op_table: list[OpDef] = []
        self._offset = array("i", [0])
        self._input = array("i")
        self._attr = array("i")
        self._attr_table: list[Mapping[str, Any]] = [{}]
        self._type = array("i")
        self._type_table: list[TensorType] = []
        self._owner = array("i")  # index into names, or ~node for what belongs to the gradient of a node
        self._step = array("i")  # 0 for the last step of a formula
        self._tag = array("i")  # index into tags
        self._call = array("i")
        self._place = array("q")
        self.names: list[str] = []
        self.tags: list[tuple[str, str]] = [("", "")]  # what stands before and after a name: ("∂J/∂", ""), ("", "@3")
        self.calls: list[CallSite] = []
        self.sources: list[str] = []  # names of the source files, as places number them
        self.spec: Source | None = None  # the text of the first of them, so that a fault of a run can be shown there

    def __len__(self) -> int:
        return len(self._op)

    def op(self, i: int) -> OpDef:
        """The operation of node i."""
        return self._op_table[self._op[i]]

    def inputs(self, i: int) -> Sequence[int]:
        """The operands of node i, in order."""
        return self._input[self._offset[i] : self._offset[i + 1]]

    def attrs(self, i: int) -> Mapping[str, Any]:
        """The attributes of node i."""
        return self._attr_table[self._attr[i]]

    def type(self, i: int) -> TensorType:
        """Shape and dtype of node i."""
        return self._type_table[self._type[i]]

    def shape(self, i: int) -> Shape:
        """The shape of node i."""
        return self._type_table[self._type[i]].shape

    def dtype(self, i: int) -> DType:
        """The dtype of node i."""
        return self._type_table[self._type[i]].dtype

    def call(self, i: int) -> int:
        """The number of the call that node i came from (an index of `calls`), or -1."""
        return self._call[i]

    def place(self, i: int) -> tuple[int, int, int, int]:
        """Source number, line, column, length of the text that node i came from; line 0 where there is none."""
        return unpack_place(self._place[i])

    def line(self, i: int) -> int | None:
        """The line in the spec (the first source) that node i came from: of what stands in another file the line of its call."""
        source, line, _, _ = unpack_place(self._spec_place(i))
        return line if line and not source else None

    def spot(self, i: int) -> Place | None:
        """The stretch of the spec that node i came from, as `line` says; None where there is none, or the text is not at hand."""
        source, line, column, length = unpack_place(self._spec_place(i))
        return Place(self.spec, line, column, line, column + length) if self.spec is not None and line and not source else None

    def _spec_place(self, i: int) -> int:
        """The packed place of node i, of what stands in another file that of its call."""
        place, call = self._place[i], self._call[i]
        while unpack_place(place)[0] and call >= 0:
            place, call = self.calls[call].place, self.calls[call].parent
        return place

    def owner(self, i: int) -> str | None:
        """The name of the formula that node i is a step of; None for a node that only a pass made."""
        o = self._owner[i]
        if o < 0:
            return None
        before, after = self.tags[self._tag[i]]
        return before + self.names[o] + after

    def suffix(self, i: int) -> str:
        """What stands after the name of node i: `@3` at position 3 of a scan, `@2@3` in one within another; else nothing."""
        return self.tags[self._tag[i]][1]

    def step(self, i: int) -> int:
        """0 for the last step of a formula, k for `name#k`."""
        return self._step[i]

    def name(self, i: int) -> str:
        """The name of node i: `J`, `J#1`, `h.z@3`, `∂J/∂w`; a node without one is `%i`."""
        before, after = self.tags[self._tag[i]]
        o, step = self._owner[i], self._step[i]
        base = self.names[o] if o >= 0 else f"%{i}" if ~o == i else self.name(~o)
        return f"{before}{base}#{step}{after}" if step else f"{before}{base}{after}"

    def node(self, i: int) -> Node:
        """A view of node i."""
        return Node(self, i)

    def nodes(self) -> Iterator[Node]:
        """Views of all nodes in order."""
        return (Node(self, i) for i in range(len(self)))

    def index(self) -> dict[str, int]:
        """Name → node, for every node with a name of the spec's (constants have none). A metric may bear the name of a value; that comes
        before it, and is meant."""
        out: dict[str, int] = {}
        for i in range(len(self)):
            if self._owner[i] >= 0:
                out.setdefault(self.name(i), i)
        return out

    def users(self) -> list[list[int]]:
        """For each node the nodes that read it, in order, once for each operand."""
        out: list[list[int]] = [[] for _ in range(len(self))]
        for i in range(len(self)):
            for j in self.inputs(i):
                out[j].append(i)
        return out

    def ancestors(self, ends: Sequence[int]) -> bytearray:
        """A mark (1) for each node that one of `ends` depends on, the ends among them."""
        seen = bytearray(len(self))
        for i in ends:
            seen[i] = 1
        offset, inputs = self._offset, self._input
        for i in range(max(ends, default=-1), -1, -1):
            if seen[i]:
                for k in range(offset[i], offset[i + 1]):
                    seen[inputs[k]] = 1
        return seen


@dataclass(frozen=True, slots=True)
class Node:
    """A frozen view of one node."""

    graph: Graph
    index: int

    @property
    def op(self) -> OpDef:
        """The operation."""
        return self.graph.op(self.index)

    @property
    def inputs(self) -> Sequence[int]:
        """The operands, in order."""
        return self.graph.inputs(self.index)

    @property
    def attrs(self) -> Mapping[str, Any]:
        """The attributes."""
        return self.graph.attrs(self.index)

    @property
    def type(self) -> TensorType:
        """Shape and dtype."""
        return self.graph.type(self.index)

    @property
    def shape(self) -> Shape:
        """The shape."""
        return self.graph.shape(self.index)

    @property
    def dtype(self) -> DType:
        """The dtype."""
        return self.graph.dtype(self.index)

    @property
    def name(self) -> str:
        """The name."""
        return self.graph.name(self.index)
