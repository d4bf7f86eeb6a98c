"""Makes graphs: adds nodes, infers their types, interns what repeats, and marks where each came from."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from graphrun.ir.graph import CallSite, Graph, move_place
from graphrun.ir.leaves import CONST, INPUT, PARAM
from graphrun.ir.opdef import OpDef
from graphrun.ir.types import DType, Shape, TensorType, refuse_too_large

__all__ = ["Builder"]


class Builder:
    """Appends nodes to a graph (a new one, or a copy of `graph`).

    What the next nodes are marked with is set on the builder: `owner` (a name's number, from `name_id`, or `~i` for the
    gradient of node i), `tag` (from `tag_id`), `call` (from `call_id`), `place` (packed). Steps are numbered by `mark_steps`.
    """

    def __init__(self, graph: Graph | None = None) -> None:
        self.graph = g = Graph() if graph is None else _copy(graph)
        self._ops: dict[OpDef, int] = {op: k for k, op in enumerate(g._op_table)}
        self._attrs: dict[Any, int] = {_key(a): k for k, a in enumerate(g._attr_table)}
        self._types: dict[TensorType, int] = {t: k for k, t in enumerate(g._type_table)}
        self._inferred: dict[Any, tuple[int, int]] = {}
        self._consts: dict[Any, int] = {}
        self._names: dict[str, int] = {}
        self._tags: dict[tuple[str, str], int] = {t: k for k, t in enumerate(g.tags)}
        self.owner: int | None = None
        self.tag = 0
        self.call = -1
        self.place = 0

    # -- interning ------------------------------------------------------------------------------------------------

    def name_id(self, name: str) -> int:
        """The number of a name."""
        k = self._names.get(name)
        if k is None:
            k = self._names[name] = len(self.graph.names)
            self.graph.names.append(name)
        return k

    def source_id(self, name: str) -> int:
        """The number of a source file."""
        if name not in self.graph.sources:
            self.graph.sources.append(name)
        return self.graph.sources.index(name)

    def reserve_name(self) -> int:
        """The number of a name that is set later (`graph.names[number] = …`)."""
        self.graph.names.append("")
        return len(self.graph.names) - 1

    def tag_id(self, before: str, after: str) -> int:
        """The number of what stands around a name."""
        k = self._tags.get((before, after))
        if k is None:
            k = self._tags[before, after] = len(self.graph.tags)
            self.graph.tags.append((before, after))
        return k

    def call_id(self, name: str, function: str, parent: int, place: int = 0) -> int:
        """A new call; its name can be set later, when it is known how many calls a formula makes."""
        self.graph.calls.append(CallSite(name, function, parent, place))
        return len(self.graph.calls) - 1

    def _type_id(self, t: TensorType) -> int:
        k = self._types.get(t)
        if k is None:
            k = self._types[t] = len(self.graph._type_table)
            self.graph._type_table.append(t)
        return k

    def _attr_id(self, attrs: Mapping[str, Any]) -> int:
        if not attrs:
            return 0
        key = _key(attrs)
        k = self._attrs.get(key)
        if k is None:
            k = self._attrs[key] = len(self.graph._attr_table)
            self.graph._attr_table.append(dict(attrs))
        return k

    # -- adding nodes ---------------------------------------------------------------------------------------------

    def node(self, op: OpDef, inputs: Sequence[int], attrs: Mapping[str, Any] | None = None) -> int:
        """Adds a node; raises OpFault where the operands do not fit. Attributes that are not given take their defaults."""
        g = self.graph
        types = g._type
        attr = self._attr_id(attrs) if attrs else 0
        key = (op, attr, *[types[i] for i in inputs])
        found = self._inferred.get(key)
        if found is None:
            found = self._inferred[key] = self._infer(op, inputs, attrs or {})
        return self._append(op, inputs, found[0], found[1])

    def _infer(self, op: OpDef, inputs: Sequence[int], attrs: Mapping[str, Any]) -> tuple[int, int]:
        given = [self.graph.type(i) for i in inputs]
        full = {a.name: a.default for a in op.attrs}
        full.update(attrs)
        ready = op.prepare(given, full) if op.prepare else full
        found = op.infer(given, ready)
        refuse_too_large(found.shape)
        return self._attr_id(ready), self._type_id(found)

    def _append(self, op: OpDef, inputs: Iterable[int], attr: int, kind: int) -> int:
        g = self.graph
        k = self._ops.get(op)
        if k is None:
            k = self._ops[op] = len(g._op_table)
            g._op_table.append(op)
        i = len(g._op)
        g._op.append(k)
        g._input.extend(inputs)
        g._offset.append(len(g._input))
        g._attr.append(attr)
        g._type.append(kind)
        g._owner.append(~i if self.owner is None else self.owner)
        g._step.append(0)
        g._tag.append(self.tag)
        g._call.append(self.call)
        g._place.append(self.place)
        return i

    def leaf(self, op: OpDef, name: str, shape: Shape, dtype: DType, **attrs: Any) -> int:
        """An input or a parameter named `name`."""
        owner, self.owner = self.owner, self.name_id(name)
        i = self._append(op, (), self._attr_id(attrs), self._type_id(TensorType(shape, dtype)))
        self.owner = owner
        return i

    def input(self, name: str, shape: Shape, dtype: DType) -> int:
        """An input."""
        return self.leaf(INPUT, name, shape, dtype)

    def param(self, name: str, shape: Shape, dtype: DType) -> int:
        """A parameter."""
        return self.leaf(PARAM, name, shape, dtype)

    def const(self, value: Any, dtype: DType, shape: Shape = ()) -> int:
        """A constant: a number where `shape` is (), else the flat tuple of its elements in C order. Equal ones are one node."""
        key = (repr(value), dtype, shape) if shape == () else (value, dtype, shape)
        i = self._consts.get(key)
        if i is None:
            owner, tag, call, place = self.owner, self.tag, self.call, self.place
            self.owner, self.tag, self.call, self.place = None, 0, -1, 0
            i = self._consts[key] = self._append(CONST, (), self._attr_id({"value": value}), self._type_id(TensorType(shape, dtype)))
            self.owner, self.tag, self.call, self.place = owner, tag, call, place
        return i

    def fresh_const(self, value: Any, dtype: DType, shape: Shape = ()) -> int:
        """A constant that is a node of its own, with the name and place at hand (`k: 3`)."""
        return self._append(CONST, (), self._attr_id({"value": value}), self._type_id(TensorType(shape, dtype)))

    def graft(self, graph: Graph, replace: Mapping[int, int], before: str = "") -> list[int]:
        """Copies all nodes of `graph` behind those at hand, with their names (`before` put in front) and places; a node in `replace` is not
        copied, its users read the given node instead. Returns the new number of each node."""
        g = self.graph
        name = [self.name_id(n) for n in graph.names]
        tag = [self.tag_id(before + t[0], t[1]) for t in graph.tags]
        attr = [self._attr_id(a) for a in graph._attr_table]
        kind = [self._type_id(t) for t in graph._type_table]
        source = [self.source_id(name) for name in graph.sources]
        if g.spec is None and source and source[0] == 0:
            g.spec = graph.spec
        first = len(g.calls)
        call = [
            self.call_id(c.name, c.function, c.parent + first if c.parent >= 0 else -1, move_place(c.place, source)) for c in graph.calls
        ]
        new: list[int] = []
        for i in range(len(graph)):
            if i in replace:
                new.append(replace[i])
                continue
            owner = graph._owner[i]
            k = len(g._op)
            self.owner = name[owner] if owner >= 0 else ~(k if ~owner == i else new[~owner])
            self.tag, self.place = tag[graph._tag[i]], move_place(graph._place[i], source)
            self.call = call[graph._call[i]] if graph._call[i] >= 0 else -1
            self._append(graph.op(i), [new[j] for j in graph.inputs(i)], attr[graph._attr[i]], kind[graph._type[i]])
            g._step[k] = graph._step[i]
            new.append(k)
        self.owner, self.tag, self.call, self.place = None, 0, -1, 0
        return new

    # -- reading what is there (for vjps) -------------------------------------------------------------------------

    def type(self, i: int) -> TensorType:
        """Shape and dtype of a node made so far."""
        return self.graph.type(i)

    def shape(self, i: int) -> Shape:
        """The shape of a node made so far."""
        return self.graph.shape(i)

    def dtype(self, i: int) -> DType:
        """The dtype of a node made so far."""
        return self.graph.dtype(i)

    def __len__(self) -> int:
        return len(self.graph)

    def truncate(self, length: int) -> None:
        """Takes back all nodes from `length` on (the branch of a choice that is not taken)."""
        g = self.graph
        del g._input[g._offset[length] :]
        del g._offset[length + 1 :]
        for column in (g._op, g._attr, g._type, g._owner, g._step, g._tag, g._call, g._place):
            del column[length:]
        for key in [key for key, i in self._consts.items() if i >= length]:
            del self._consts[key]

    def prune(self, start: int, keep: int) -> int:
        """Takes back the nodes from `start` on that node `keep` does not depend on; the new number of `keep`."""
        g = self.graph
        needed = g.ancestors([keep])
        new = list(range(start))
        columns = (g._op, g._attr, g._type, g._owner, g._step, g._tag, g._call, g._place)
        kept = [(k, list(g.inputs(k)), [column[k] for column in columns]) for k in range(start, len(g)) if needed[k]]
        count = len(g)
        self.truncate(start)
        new += [-1] * (count - start)
        for k, inputs, entries in kept:
            new[k] = len(g)
            g._input.extend(new[j] for j in inputs)
            g._offset.append(len(g._input))
            for column, entry in zip(columns, entries, strict=True):
                column.append(entry)
            if g._owner[-1] == ~k:
                g._owner[-1] = ~new[k]
        return new[keep]

    def set_step(self, i: int, step: int) -> None:
        """Numbers node i as a step of its formula."""
        self.graph._step[i] = step

    def set_owner(self, i: int, owner: int, step: int = 0) -> None:
        """Names node i."""
        self.graph._owner[i] = owner
        self.graph._step[i] = step


def _key(attrs: Mapping[str, Any]) -> Any:
    """A hashable key of attributes that tells 1 from 1.0 and True, and 0.0 from -0.0."""
    return tuple((k, _typed(v)) for k, v in attrs.items())


def _typed(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_typed(v) for v in value) if len(value) < 64 else value
    return (type(value).__name__, repr(value) if isinstance(value, float) else value)


def _copy(graph: Graph) -> Graph:
    out = Graph()
    for slot in Graph.__slots__:
        value = getattr(graph, slot)
        setattr(out, slot, array(value.typecode, value) if isinstance(value, array) else list(value) if isinstance(value, list) else value)
    return out
