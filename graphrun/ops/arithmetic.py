"""Arithmetic: sum, difference, product, quotient, power, sign."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphrun.ir.builder import Builder
from graphrun.ir.graph import Node
from graphrun.ir.opdef import Attrs, Case, Notation, OpDef
from graphrun.ir.types import OpFault, TensorType, broadcast, is_real, promote
from graphrun.ops.common import constant_value, real_unary, scaled, zeros_like
from graphrun.ops.elementary import LOG

__all__ = ["ADD", "DIV", "MUL", "NEG", "OPS", "POWER", "SUB"]

BINARY_CASES = (
    Case(((), ())),
    Case(((3,), (3,))),
    Case(((2, 3), (3,))),
    Case(((2, 1), (1, 3))),
    Case(((), (2, 2))),
    Case(((0, 3), (3,)), second=False),
)


def _meet(word: str) -> Any:
    def infer(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
        a, b = types
        dtype = promote(a.dtype, b.dtype)
        return TensorType(broadcast(a.shape, b.shape, word), "int64" if dtype == "bool" else dtype)

    return infer
