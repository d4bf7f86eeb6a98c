"""The nodes without operands: inputs, parameters, state, constants, and the size of a symbolic dimension."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphrun.ir.opdef import Attr, Attrs, OpDef
from graphrun.ir.types import TensorType

__all__ = ["CONST", "DIMENSION", "FED", "INPUT", "LEAVES", "PARAM", "STATE"]


def _no_rule(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    raise AssertionError("a leaf is given its type")


def _fed(xp: Any, **attrs: Any) -> Any:
    raise AssertionError("a leaf is fed, not computed")


def _const(xp: Any, *, value: Any) -> Any:
    """The constant as an array; its engine gives it shape and dtype."""
    return xp.asarray(value)


def _dimension_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    return TensorType((), "int64")


def _dimension(xp: Any, *, dim: Any) -> Any:
    return xp.asarray(dim, dtype=xp.int64)


INPUT = OpDef("input", "A value that is fed.", "x", (), _no_rule, _fed, public=False)
PARAM = OpDef("param", "A parameter.", "w", (), _no_rule, _fed, public=False)
STATE = OpDef("state", "A state: kept from step to step, never trained.", "s", (), _no_rule, _fed, public=False)
CONST = OpDef("const", "A constant.", "1", (), _no_rule, _const, attrs=(Attr("value", "any", required=True),), public=False)
DIMENSION = OpDef(
    "dimension",
    "The size of a symbolic dimension, as a scalar without gradient; a constant once sizes are bound.",
    "batch",
    (),
    _dimension_type,
    _dimension,
    attrs=(Attr("dim", "dim", required=True),),
    public=False,
)
FED = (INPUT, PARAM, STATE)
"""The leaves whose values are given from outside."""
LEAVES = (*FED, CONST, DIMENSION)
