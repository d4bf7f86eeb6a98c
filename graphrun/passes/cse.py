"""Sharing of equal nodes: two nodes of the same operation, attributes, operands and type are one (value numbering)."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from graphrun.ir.opdef import OpDef

__all__ = ["COMMUTATIVE", "Table"]

COMMUTATIVE = frozenset({"add", "mul", "minimum", "maximum", "equal", "not_equal", "logical_and", "logical_or"})
"""Operations whose two operands may be swapped without a change of any bit."""


class Table:
    """The node that stands for each operation over its operands. One look-up a node, no recursion: operands have their numbers already."""

    __slots__ = ("nodes",)

    def __init__(self) -> None:
        self.nodes: dict[Hashable, int] = {}

    def key(self, op: OpDef, attr: int, inputs: Sequence[int], kind: int) -> Hashable:
        """What two equal nodes have in common."""
        if len(inputs) == 2:
            a, b = inputs
            if a > b and op.name in COMMUTATIVE:
                a, b = b, a
            return (op, attr, kind, a, b)
        return (op, attr, kind, *inputs)
