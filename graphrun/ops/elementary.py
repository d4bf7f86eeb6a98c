"""Elementary functions: exponentials, roots, rounding, trigonometry, extremes; and the identities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphrun.ir.builder import Builder
from graphrun.ir.graph import Node
from graphrun.ir.opdef import Attr, Attrs, Case, Notation, OpDef
from graphrun.ir.types import DType, OpFault, TensorType, is_real
from graphrun.ops import roots, trigonometry
from graphrun.ops.arithmetic import ADD, DIV, LOG, MUL, NEG, SUB
from graphrun.ops.common import REAL_DTYPE, as_dtype, binary, dtype_of, number, unary, unchanged, wants
from graphrun.ops.compare import EQUAL, GREATER, GREATER_EQUAL, LESS, LESS_EQUAL, LOGICAL_AND, WHERE
from graphrun.ops.roots import EXP, EXP2, EXPM1, LOG1P, LOG2, LOG10, RECIPROCAL, RSQRT, SQRT, SQUARE
from graphrun.ops.trigonometry import ACOS, ACOSH, ASIN, ASINH, ATAN, ATAN2, ATANH, COS, COSH, SIN, SINH, TAN, TANH

__all__ = [
    "ABS",
    "ACOS",
    "ACOSH",
    "ASIN",
    "ASINH",
    "ATAN",
    "ATAN2",
    "ATANH",
    "CAST",
    "CEIL",
    "CLIP",
    "COS",
    "COSH",
    "EXP",
    "EXP2",
    "EXPM1",
    "FLOOR",
    "IDENTITY",
    "LOG",
    "LOG1P",
    "LOG2",
    "LOG10",
    "LOGADDEXP",
    "MAXIMUM",
    "MINIMUM",
    "MOD",
    "OPS",
    "RECIPROCAL",
    "ROUND",
    "RSQRT",
    "SIGN",
    "SIN",
    "SINH",
    "SQRT",
    "SQUARE",
    "STOP_GRADIENT",
    "TAN",
    "TANH",
]


# -- sign and rounding ----------------------------------------------------------------------------------------------------

SIGN = unary(
    "sign",
    "1, 0 or -1. Its gradient is 0.",
    "sign(x)",
    "sign",
    real=False,
    scalar="(1.0 if {0} > 0.0 else -1.0 if {0} < 0.0 else 0.0 if {0} == 0.0 else {0})",
    onnx="Sign",
)


def _abs_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [MUL(b, g, SIGN(b, node.inputs[0]))]


ABS = unary(
    "abs",
    "x without its sign. The derivative is 0 at 0 (torch.abs).",
    "|x|",
    "abs",
    _abs_vjp,
    real=False,
    notation=Notation("|{0}|", 40, (0,)),
    scalar="fabs({0})",
    kinks="0 at x = 0",
    onnx="Abs",
    derivatives=("sign(x)",),
)


def _rounding(name: str, doc: str, formula: str, scalar: str, onnx: str) -> OpDef:
    def kernel(xp: Any, x: Any) -> Any:
        whole = getattr(x, "dtype", None) is not None and x.dtype.kind != "f"
        return x if whole else getattr(xp, name)(x)

    return unary(name, doc, formula, kernel, real=False, scalar=scalar, onnx=onnx)


FLOOR = _rounding("floor", "The next whole number at or below x. Its gradient is 0.", "⌊x⌋", "(floor({0}) + 0.0)", "Floor")
CEIL = _rounding("ceil", "The next whole number at or above x. Its gradient is 0.", "⌈x⌉", "(ceil({0}) + 0.0)", "Ceil")
ROUND = _rounding(
    "round", "The nearest whole number, halves to the even one. Its gradient is 0.", "round(x)", "(round({0}) + 0.0)", "Round"
)


def _mod(xp: Any, a: Any, b: Any) -> Any:
    if xp.__name__ == "numpy" and dtype_of(b) == "int64" and not xp.all(b):
        raise ValueError("a whole number has no remainder by 0")
    return xp.remainder(a, b)


def _mod_vjp(b: Builder, node: Node, g: int) -> Sequence[int | None]:
    """-g ⌊a/b⌋ for b; what is left over is taken off first, as a/b itself may round up to a whole number."""
    x, y = node.inputs
    return [g, NEG(b, MUL(b, g, ROUND(b, DIV(b, SUB(b, x, node.index), y)))) if wants(b, y) else None]


MOD = binary(
    "mod",
    "What remains of a divided by b, with the sign of b (torch.remainder).",
    "a mod b",
    _mod,
    _mod_vjp,
    domain=(0.4, 3.0),
    kinks="as within a period, where a / b is whole",
    onnx="Mod",
    derivatives=("1", "-⌊a/b⌋"),
    torch="remainder",
)


# -- extremes -------------------------------------------------------------------------------------------------------------


def _extreme_vjp(wins: OpDef) -> Any:
    def vjp(b: Builder, node: Node, g: int) -> Sequence[int | None]:
        x, y = node.inputs
        half = number(b, 0.5, g)
        return [MUL(b, g, WHERE(b, EQUAL(b, p, q), half, wins(b, p, q))) if wants(b, p) else None for p, q in ((x, y), (y, x))]

    return vjp


MAXIMUM = binary(
    "maximum",
    "The larger of two, element by element. At a tie each gets half of the gradient (torch.maximum).",
    "max(a, b)",
    "maximum",
    _extreme_vjp(GREATER),
    scalar="({0} if {0} >= {1} or {0} != {0} else {1})",
    kinks="½ each where a = b",
    onnx="Max",
    derivatives=("1 where a > b", "1 where b > a"),
)
MINIMUM = binary(
    "minimum",
    "The smaller of two, element by element. At a tie each gets half of the gradient (torch.minimum).",
    "min(a, b)",
    "minimum",
    _extreme_vjp(LESS),
    scalar="({0} if {0} <= {1} or {0} != {0} else {1})",
    kinks="½ each where a = b",
    onnx="Min",
    derivatives=("1 where a < b", "1 where b < a"),
)


def _clip_ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    if attrs["min"] is None and attrs["max"] is None:
        raise OpFault("`clip` needs a bound", code="wrong-type", help="give `min`, `max`, or both: `clip({0}, 0, 1)`")
    bounds = {k: attrs[k] if attrs[k] is None else float(attrs[k]) for k in ("min", "max")}
    whole = types[0].dtype == "int64" and all(v is None or v.is_integer() for v in bounds.values())
    return {**attrs, **bounds, "dtype": None if whole or is_real(types[0].dtype) else attrs["dtype"] or "float64"}


def _clip_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    """The operand's type: whole numbers stay whole between whole bounds."""
    return TensorType(types[0].shape, attrs["dtype"] or types[0].dtype)


def _clip(xp: Any, x: Any, *, min: float | None, max: float | None, dtype: DType | None) -> Any:
    x = xp.asarray(x if dtype is None else as_dtype(xp, x, dtype))
    if min is not None:
        x = xp.maximum(x, xp.asarray(min).astype(x.dtype))
    if max is not None:
        x = xp.minimum(x, xp.asarray(max).astype(x.dtype))
    return x


def _clip_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    x, low, high = node.inputs[0], node.attrs["min"], node.attrs["max"]
    above = None if low is None else GREATER_EQUAL(b, x, number(b, low, g))
    below = None if high is None else LESS_EQUAL(b, x, number(b, high, g))
    both = above if below is None else below if above is None else LOGICAL_AND(b, above, below)
    assert both is not None
    return [MUL(b, g, both)]


CLIP = unary(
    "clip",
    "x, but not below `min` nor above `max`, numbers or values. The derivative is 1 on the bounds (torch.clamp).",
    "min ≤ x ≤ max",
    _clip,
    _clip_vjp,
    real=False,
    attrs=(Attr("min", "number"), Attr("max", "number"), REAL_DTYPE),
    infer=_clip_type,
    prepare=_clip_ready,
    kinks="1 on the bounds",
    onnx="Clip",
    cases=(Case(((),), {"min": 0.0}), Case(((3,),), {"min": 0.0, "max": 1.0}), Case(((2, 3),), {"max": 0.5})),
    derivatives=("1 within the bounds, else 0",),
    torch="clamp",
)


def _logaddexp_vjp(b: Builder, node: Node, g: int) -> Sequence[int | None]:
    """g / (1 + e^(other - own)), exact for large numbers too."""
    x, y = node.inputs
    one = number(b, 1, g)
    return [DIV(b, g, ADD(b, one, EXP(b, SUB(b, q, p)))) if wants(b, p) else None for p, q in ((x, y), (y, x))]


LOGADDEXP = binary(
    "logaddexp",
    "ln(e^a + e^b), without overflow.",
    "ln(e^a + e^b)",
    "logaddexp",
    _logaddexp_vjp,
    real=True,
    derivatives=("1/(1 + e^(b-a))", "1/(1 + e^(a-b))"),
)


# -- identities -----------------------------------------------------------------------------------------------------------


def _same(xp: Any, x: Any) -> Any:
    return x


def _pass_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [g]


IDENTITY = OpDef(
    "identity",
    "x itself: the step of a formula that is only a name.",
    "x",
    ("x",),
    unchanged,
    _same,
    _pass_vjp,
    elementwise=True,
    notation=Notation("{0}", 40, (0,)),
    scalar="{0}",
    onnx="Identity",
    cases=(Case(((),)), Case(((2, 3),))),
    derivatives=("1",),
)
STOP_GRADIENT = OpDef(
    "stop_gradient",
    "x, with no gradient flowing through it.",
    "x",
    ("x",),
    unchanged,
    _same,
    elementwise=True,
    scalar="{0}",
    onnx="Identity",
    torch="Tensor.detach",
)


def _cast_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    if attrs["dtype"] not in ("float64", "float32", "int64", "bool"):
        raise OpFault(f"`{attrs['dtype']}` is not a dtype", code="wrong-type", help="float64, float32, int64 or bool")
    return TensorType(types[0].shape, attrs["dtype"])


def _cast(xp: Any, x: Any, *, dtype: DType) -> Any:
    return as_dtype(xp, x, dtype)


CAST = OpDef(
    "cast",
    "x in another dtype; reals are cut off towards 0 where they become whole.",
    "cast(x, dtype)",
    ("x",),
    _cast_type,
    _cast,
    _pass_vjp,
    attrs=(Attr("dtype", "dtype", required=True),),
    elementwise=True,
    onnx="Cast",
    cases=(Case(((),), {"dtype": "float64"}), Case(((3,),), {"dtype": "float64"})),
    derivatives=("1",),
)

OPS: tuple[OpDef, ...] = (
    *roots.OPS,
    *trigonometry.OPS,
    SIGN,
    ABS,
    FLOOR,
    CEIL,
    ROUND,
    MOD,
    MAXIMUM,
    MINIMUM,
    CLIP,
    LOGADDEXP,
    IDENTITY,
    STOP_GRADIENT,
    CAST,
)
