"""What every pass that makes a new graph shares: copying nodes with their names, places and calls."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence

from graphrun.ir.builder import Builder
from graphrun.ir.graph import Graph

__all__ = ["Rebuild", "Renumbered"]


class Renumbered(Mapping[int, int]):
    """Old node → new node, for those that are left. Four bytes a node."""

    __slots__ = ("_new",)

    def __init__(self, new: array[int]) -> None:
        self._new = new  # -1 for a node that is gone

    def __getitem__(self, i: int) -> int:
        if not 0 <= i < len(self._new) or self._new[i] < 0:
            raise KeyError(i)
        return self._new[i]

    def __contains__(self, i: object) -> bool:
        return isinstance(i, int) and 0 <= i < len(self._new) and self._new[i] >= 0

    def __iter__(self) -> Iterator[int]:
        return (i for i, k in enumerate(self._new) if k >= 0)

    def __len__(self) -> int:
        return sum(k >= 0 for k in self._new)

    def then(self, other: Renumbered) -> Renumbered:
        """The map of this pass and then another."""
        after = other._new
        return Renumbered(array("i", [after[k] if k >= 0 else -1 for k in self._new]))


class Rebuild:
    """A new graph made from `source`, node by node, in its order.

    The tables of types, attributes, operations, names, tags and calls are taken over, so that a node that stays as it is costs a few
    appends and no inference. `new[i]` is the new node of old node i, or -1.
    """

    __slots__ = ("_made_for", "builder", "graph", "new", "source")

    def __init__(self, source: Graph) -> None:
        empty = Graph()
        empty._op_table = source._op_table
        empty._attr_table = source._attr_table
        empty._type_table = source._type_table
        empty.names, empty.tags, empty.calls, empty.sources = source.names, source.tags, source.calls, source.sources
        empty.spec = source.spec
        self.source = source
        self.builder = Builder(empty)
        self.graph = self.builder.graph
        self.new = array("i", [-1]) * len(source)
        self._made_for = array("i")  # for each new node the old one whose name it bears, or -1

    def mark(self, i: int, suffix: str = "") -> None:
        """What the next nodes are marked with: name, call and place of old node i; `suffix` is put behind its name."""
        b, s = self.builder, self.source
        b.call, b.place = s._call[i], s._place[i]
        owner: int | None = s._owner[i]
        tag = s._tag[i]
        if s._owner[i] < 0:
            of = ~s._owner[i]  # the name is that of the gradient of node `of`, or of no node's
            k = self.new[of] if of < len(self.new) else -1
            if of == i:
                owner = b.name_id(f"%{i}") if suffix else None
            elif k >= 0 and not suffix and self._bearer(k) == of:
                owner = ~k
            else:
                owner = b.name_id(s.name(of))
        if suffix:
            before, after = s.tags[tag]
            tag = b.tag_id(before, after + suffix)
        b.owner, b.tag = owner, tag

    def unmark(self) -> None:
        """The next nodes bear no name; call and place stay."""
        self.builder.owner, self.builder.tag = None, 0

    def named(self, i: int, k: int, step: int | None = None) -> int:
        """Notes that new node k bears the name of old node i, and gives k."""
        self._bears(k, i)
        self.graph._step[k] = self.source._step[i] if step is None else step
        return k

    def copy(self, i: int, inputs: Sequence[int] | None = None, suffix: str = "") -> int:
        """Old node i again, over `inputs` of the same types as before (its own operands' new nodes where not given)."""
        s = self.source
        if inputs is None:
            new = self.new
            inputs = [new[j] for j in s._input[s._offset[i] : s._offset[i + 1]]]
        g = self.graph
        k = len(g._op)
        owner, tag = s._owner[i], s._tag[i]
        if owner < 0 or suffix:
            self.mark(i, suffix)
            b = self.builder
            owner, tag = ~k if b.owner is None else b.owner, b.tag
        g._op.append(s._op[i])
        g._input.extend(inputs)
        g._offset.append(len(g._input))
        g._attr.append(s._attr[i])
        g._type.append(s._type[i])
        g._owner.append(owner)
        g._step.append(s._step[i])
        g._tag.append(tag)
        g._call.append(s._call[i])
        g._place.append(s._place[i])
        if not suffix:
            self._bears(k, i)
        return k

    def _bearer(self, k: int) -> int:
        return self._made_for[k] if k < len(self._made_for) else -1

    def _bears(self, k: int, i: int) -> None:
        made = self._made_for
        if k == len(made):
            made.append(i)
        else:
            made.extend([-1] * (k + 1 - len(made)))
            made[k] = i
