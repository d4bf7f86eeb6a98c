"""Comparison, logic, and the choice between two values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphrun.ir.builder import Builder
from graphrun.ir.graph import Node
from graphrun.ir.opdef import Attrs, Case, Kernel, Notation, OpDef
from graphrun.ir.types import OpFault, TensorType, broadcast, promote
from graphrun.ops.common import as_dtype, meet, number, wants

__all__ = [
    "EQUAL",
    "GREATER",
    "GREATER_EQUAL",
    "ISFINITE",
    "ISNAN",
    "LESS",
    "LESS_EQUAL",
    "LOGICAL_AND",
    "LOGICAL_NOT",
    "LOGICAL_OR",
    "NOT_EQUAL",
    "OPS",
    "WHERE",
]


def _compared(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    a, b = types
    return TensorType(broadcast(a.shape, b.shape, "compare"), "bool")


def _tested(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    return TensorType(types[0].shape, "bool")


def _met(name: str) -> Kernel:
    def kernel(xp: Any, a: Any, b: Any) -> Any:
        return getattr(xp, name)(*meet(xp, a, b, lift=False))

    return kernel


def _comparison(name: str, sign: str, doc: str, onnx: str | None) -> OpDef:
    python = {"≤": "<=", "≥": ">=", "≠": "!="}.get(sign, sign)
    return OpDef(
        name,
        doc,
        f"a {sign} b",
        ("a", "b"),
        _compared,
        _met(name),
        elementwise=True,
        notation=Notation(f"{{0}} {sign} {{1}}", 5, (10, 10)),
        scalar=f"({{0}} {python} {{1}})",
        ufunc=name,
        onnx=onnx,
        torch={"equal": "eq", "not_equal": "ne"}.get(name),
    )


LESS = _comparison("less", "<", "Whether a is below b.", "Less")
LESS_EQUAL = _comparison("less_equal", "≤", "Whether a is at most b.", "LessOrEqual")
GREATER = _comparison("greater", ">", "Whether a is above b.", "Greater")
GREATER_EQUAL = _comparison("greater_equal", "≥", "Whether a is at least b.", "GreaterOrEqual")
EQUAL = _comparison("equal", "==", "Whether a is b; nan equals nothing.", "Equal")
NOT_EQUAL = _comparison("not_equal", "≠", "Whether a is not b.", None)

LOGICAL_AND = OpDef(
    "logical_and",
    "Whether both are true; a number is true unless it is 0.",
    "a and b",
    ("a", "b"),
    _compared,
    lambda xp, a, b: xp.logical_and(a, b),
    elementwise=True,
    notation=Notation("{0} and {1}", 3, (3, 4)),
    scalar="({0} != 0 and {1} != 0)",
    ufunc="logical_and",
    onnx="And",
)
LOGICAL_OR = OpDef(
    "logical_or",
    "Whether one or both are true; a number is true unless it is 0.",
    "a or b",
    ("a", "b"),
    _compared,
    lambda xp, a, b: xp.logical_or(a, b),
    elementwise=True,
    notation=Notation("{0} or {1}", 2, (2, 3)),
    scalar="({0} != 0 or {1} != 0)",
    ufunc="logical_or",
    onnx="Or",
)
LOGICAL_NOT = OpDef(
    "logical_not",
    "Whether x is not true; a number is true unless it is 0.",
    "not x",
    ("x",),
    _tested,
    lambda xp, x: xp.logical_not(x),
    elementwise=True,
    notation=Notation("not {0}", 4, (4,)),
    scalar="({0} == 0)",
    ufunc="logical_not",
    onnx="Not",
)
ISNAN = OpDef(
    "isnan",
    "Whether x is not a number.",
    "x is nan",
    ("x",),
    _tested,
    lambda xp, x: xp.isnan(x),
    elementwise=True,
    scalar="({0} != {0})",
    ufunc="isnan",
    onnx="IsNaN",
)
ISFINITE = OpDef(
    "isfinite",
    "Whether x is neither infinite nor nan.",
    "|x| < ∞",
    ("x",),
    _tested,
    lambda xp, x: xp.isfinite(x),
    elementwise=True,
    scalar="({0} - {0} == 0)",
    ufunc="isfinite",
)


def _where_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    c, a, b = types
    if c.dtype != "bool":
        raise OpFault(
            f"`where` chooses by a boolean, but {{0}} is {c.dtype}",
            code="dtype-mismatch",
            operands=(0,),
            help="compare it: `where({0} != 0, {1}, {2})`",
        )
    return TensorType(broadcast(broadcast(a.shape, b.shape, "choose between"), c.shape, "choose between"), promote(a.dtype, b.dtype))


def _where(xp: Any, c: Any, a: Any, b: Any) -> Any:
    return xp.where(as_dtype(xp, c, "bool"), *meet(xp, a, b, lift=False))


def _where_vjp(b: Builder, node: Node, g: int) -> Sequence[int | None]:
    c, x, y = node.inputs
    zero = number(b, 0.0, g)
    return [None, WHERE(b, c, g, zero) if wants(b, x) else None, WHERE(b, c, zero, g) if wants(b, y) else None]


WHERE = OpDef(
    "where",
    "a where c is true, b elsewhere, element by element. The one that is not chosen gets no gradient.",
    "a if c else b",
    ("c", "a", "b"),
    _where_type,
    _where,
    _where_vjp,
    elementwise=True,
    scalar="({1} if {0} else {2})",
    onnx="Where",
    cases=(
        Case(((), (), ()), dtypes=("bool", "float64", "float64")),
        Case(((3,), (3,), (3,)), dtypes=("bool", "float64", "float64")),
        Case(((2, 1), (3,), ()), dtypes=("bool", "float64", "float64")),
        Case(((2, 3), (), (2, 1)), dtypes=("bool", "float64", "float64")),
        Case(((3,), (0, 1), (3,)), dtypes=("bool", "float64", "float64")),
    ),
    derivatives=("0", "c", "not c"),
)

OPS: tuple[OpDef, ...] = (
    LESS,
    LESS_EQUAL,
    GREATER,
    GREATER_EQUAL,
    EQUAL,
    NOT_EQUAL,
    LOGICAL_AND,
    LOGICAL_OR,
    LOGICAL_NOT,
    WHERE,
    ISNAN,
    ISFINITE,
)
