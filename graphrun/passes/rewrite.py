"""Rewriting, in one walk over the nodes: rules replace a node by an equal one, equal nodes become one.

A rule looks at an operation whose operands are already rewritten, and gives a node of the same type and value, or None. What it makes
goes through the rules too. Names, places and calls stay with the nodes that stay; where a rule makes a node in place of another, it
bears that one's name.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from graphrun.ir.graph import Graph
from graphrun.ir.leaves import CONST, FED, LEAVES
from graphrun.ir.opdef import Attrs, OpDef
from graphrun.ir.types import DType, Shape, TensorType
from graphrun.passes.cse import Table
from graphrun.passes.rebuild import Rebuild, Renumbered

__all__ = ["ARRAYS", "CONSTANTS", "Rewriter", "Rule", "Rules", "rewrite"]

Rule: TypeAlias = "Callable[[Rewriter, OpDef, Sequence[int], Attrs, TensorType], int | None]"
Rules: TypeAlias = Mapping[str, Sequence[Rule]]
"""By the operation's name, in the order in which they are tried. Before them, those under CONSTANTS on an operation over constants alone,
and those under ARRAYS on an elementwise operation whose result is an array."""

CONSTANTS = "(constants)"
ARRAYS = "(arrays)"


class Rewriter:
    """The graph that a rewriting makes, as rules see it."""

    __slots__ = ("_arrays", "_const", "_constants", "_rebuild", "_rules", "_table", "builder", "graph")

    def __init__(self, source: Graph, rules: Rules, share: bool = True) -> None:
        self._rebuild = Rebuild(source)
        self.builder = self._rebuild.builder
        self.graph = self._rebuild.graph
        self._rules = rules
        self._constants = tuple(rules.get(CONSTANTS, ()))
        self._arrays = tuple(rules.get(ARRAYS, ()))
        if CONST not in self.builder._ops:
            self.builder._ops[CONST] = len(self.graph._op_table)
            self.graph._op_table.append(CONST)
        self._const = self.builder._ops[CONST]
        self._table = Table() if share else None

    # -- what rules ask ----------------------------------------------------------------------------------------------

    def op(self, k: int) -> OpDef:
        """The operation of node k."""
        return self.graph.op(k)

    def inputs(self, k: int) -> Sequence[int]:
        """The operands of node k."""
        return self.graph.inputs(k)

    def attrs(self, k: int) -> Attrs:
        """The attributes of node k."""
        return self.graph.attrs(k)

    def type(self, k: int) -> TensorType:
        """The type of node k."""
        return self.graph.type(k)

    def number(self, k: int) -> float | int | bool | None:
        """The value of node k where it is a constant scalar, or None."""
        if self.graph._op[k] != self._const or self.graph.shape(k):
            return None
        value: float | int | bool = self.graph.attrs(k)["value"]
        return value

    def is_const(self, k: int) -> bool:
        """Whether node k is a constant."""
        return self.graph._op[k] == self._const

    # -- what rules make ---------------------------------------------------------------------------------------------

    def const(self, value: Any, dtype: DType, shape: Shape = ()) -> int:
        """A constant."""
        return self.builder.const(value, dtype, shape)

    def make(self, op: OpDef, *inputs: int, **attrs: Any) -> int:
        """A node of `op`, itself rewritten."""
        attr, kind = self._inferred(op, inputs, attrs)
        found = self.simplified(op, inputs, self.graph._attr_table[attr], kind)
        if found is not None:
            return found
        if self._table is None:
            return self.builder._append(op, inputs, attr, kind)
        key = self._table.key(op, attr, inputs, kind)
        k = self._table.nodes.get(key)
        if k is None:
            k = self._table.nodes[key] = self.builder._append(op, inputs, attr, kind)
        return k

    def _inferred(self, op: OpDef, inputs: Sequence[int], attrs: Attrs) -> tuple[int, int]:
        """The numbers of the attributes in canonical form, and of the type."""
        b = self.builder
        key = (op, b._attr_id(attrs) if attrs else 0, *[self.graph._type[j] for j in inputs])
        found = b._inferred.get(key)
        if found is None:
            found = b._inferred[key] = b._infer(op, inputs, attrs)
        return found

    def simplified(self, op: OpDef, inputs: Sequence[int], attrs: Attrs, type_id: int) -> int | None:
        """What the rules put in place of `op` over `inputs`, or None; a rule that would change the type is passed over."""
        types = self.graph._type
        kind = self.graph._type_table[type_id]
        by_op = self.graph._op
        for rules in (
            self._constants if inputs and all(by_op[k] == self._const for k in inputs) else (),
            self._arrays if kind.shape and op.elementwise else (),
            self._rules.get(op.name, ()),
        ):
            for rule in rules:
                k = rule(self, op, inputs, attrs, kind)
                if k is not None and types[k] == type_id:
                    return k
        return None

    # -- the walk ----------------------------------------------------------------------------------------------------

    def run(self, keep: Sequence[int]) -> array[int]:
        """Rewrites what `keep` depends on; gives the new node of each old one, or -1."""
        rebuild = self._rebuild
        source, new = rebuild.source, rebuild.new
        needed = source.ancestors(keep)
        ops, table = source._op, source._op_table
        ruled = [op not in LEAVES for op in table]
        offset, operands = source._offset, source._input
        for i in range(len(source)):
            if needed[i]:
                inputs = [new[j] for j in operands[offset[i] : offset[i + 1]]]
                new[i] = self._node(i, table[ops[i]], inputs, ruled[ops[i]])
        return new

    def _node(self, i: int, op: OpDef, inputs: Sequence[int], ruled: bool) -> int:
        rebuild, b = self._rebuild, self.builder
        source = rebuild.source
        attr, kind = source._attr[i], source._type[i]
        key = None
        if self._table is not None and op not in FED:
            key = self._table.key(op, attr, inputs, kind)
            found = self._table.nodes.get(key)
            if found is not None:
                return found
        if ruled:
            b.call, b.place, b.owner, b.tag = source._call[i], source._place[i], None, 0
            start = len(b)
            k = self.simplified(op, inputs, source._attr_table[attr], kind)
            if k is not None:
                if k >= start and op is not CONST and not self.is_const(k):
                    self._name(i, k)
                if key is not None and self._table is not None:
                    self._table.nodes[key] = k
                return k
        k = rebuild.copy(i, inputs)
        if key is not None and self._table is not None:
            self._table.nodes[key] = k
        return k

    def _name(self, i: int, k: int) -> None:
        """New node k, made in place of old node i, bears its name."""
        rebuild, g = self._rebuild, self.graph
        rebuild.mark(i)
        owner = self.builder.owner
        g._owner[k] = ~k if owner is None else owner
        g._tag[k] = self.builder.tag
        rebuild.named(i, k)


def rewrite(graph: Graph, keep: Sequence[int], rules: Rules, share: bool = True) -> tuple[Graph, Renumbered]:
    """`graph` with `rules` applied to what `keep` depends on, and equal nodes made one where `share`; and the new node of each old one.

    Nodes that nothing reads any more are left (see :mod:`graphrun.passes.dce`).
    """
    rewriter = Rewriter(graph, rules, share)
    return rewriter.graph, Renumbered(rewriter.run(keep))
