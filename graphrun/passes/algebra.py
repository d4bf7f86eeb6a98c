"""Algebraic simplification. Every rule keeps the numbers to the last bit, but for small whole powers (within one unit in the last place)
and intermediate overflow. Rules that would change a type are passed over by the rewriter, so that `x * 1.0` over whole numbers x stays."""

from __future__ import annotations

import math
from collections.abc import Sequence

from graphrun.ir.opdef import Attrs, OpDef
from graphrun.ir.types import TensorType, is_real, size
from graphrun.ops.arithmetic import ADD, MUL, NEG, SUB
from graphrun.ops.shape import BROADCAST_TO, RESHAPE
from graphrun.passes.rewrite import ARRAYS, Rewriter, Rule

__all__ = ["RULES"]


def _dyadic(c: float | int | bool | None) -> bool:
    """Whether multiplying by c is exact: a power of two, of either sign."""
    return isinstance(c, float) and math.isfinite(c) and c != 0 and abs(math.frexp(c)[0]) == 0.5 and 1e-150 < abs(c) < 1e150


def _times_one(rw: Rewriter, op: OpDef, inputs: Sequence[int], attrs: Attrs, kind: TensorType) -> int | None:
    """x*1 -> x, 1*x -> x."""
    a, b = inputs
    if rw.number(b) == 1:
        return a
    if rw.number(a) == 1:
        return b
    return None


def _times_minus_one(rw: Rewriter, op: OpDef, inputs: Sequence[int], attrs: Attrs, kind: TensorType) -> int | None:
    """x*-1 -> -x, -1*x -> -x."""
    a, b = inputs
    if rw.number(b) == -1:
        return rw.make(NEG, a)
    if rw.number(a) == -1:
        return rw.make(NEG, b)
    return None


def _times_negatives(rw: Rewriter, op: OpDef, inputs: Sequence[int], attrs: Attrs, kind: TensorType) -> int | None:
    """(-x)*(-y) -> x*y."""
    a, b = inputs
    if rw.op(a) is NEG and rw.op(b) is NEG:
        return rw.make(MUL, rw.inputs(a)[0], rw.inputs(b)[0])
    return None


def _times_twice(rw: Rewriter, op: OpDef, inputs: Sequence[int], attrs: Attrs, kind: TensorType) -> int | None:
    """c*(d*x) -> (c*d)*x, where c or d is a power of two."""
    for outer, inner in (tuple(inputs), tuple(reversed(inputs))):
        c = rw.number(outer)
        if c is None or rw.op(inner) is not MUL:
            continue
        for k, x in (tuple(rw.inputs(inner)), tuple(reversed(rw.inputs(inner)))):
            d = rw.number(k)
            if isinstance(c, float) and isinstance(d, float) and (_dyadic(c) or _dyadic(d)):
                return rw.make(MUL, rw.const(c * d, rw.type(inner).dtype), x)
    return None


def _plus_zero(rw: Rewriter, op: OpDef, inputs: Sequence[int], attrs: Attrs, kind: TensorType) -> int | None:
    """x + 0 -> x for whole numbers, x + -0.0 -> x for reals (-0.0 + 0.0 is 0.0, so x + 0.0 stays)."""
    for x, other in (tuple(inputs), tuple(reversed(inputs))):
        c = rw.number(other)
        if c is not None and c == 0 and (isinstance(c, int) or math.copysign(1.0, c) < 0):
            return x
    return None


def _plus_negative(rw: Rewriter, op: OpDef, inputs: Sequence[int], attrs: Attrs, kind: TensorType) -> int | None:
    """x + (-y) -> x - y, (-x) + y -> y - x."""
    a, b = inputs
    if rw.op(b) is NEG:
        return rw.make(SUB, a, rw.inputs(b)[0])
    if rw.op(a) is NEG:
        return rw.make(SUB, b, rw.inputs(a)[0])
    return None


def _minus_zero(rw: Rewriter, op: OpDef, inputs: Sequence[int], attrs: Attrs, kind: TensorType) -> int | None:
    """x - 0 -> x."""
    c = rw.number(inputs[1])
    return inputs[0] if c is not None and c == 0 and math.copysign(1.0, c) > 0 else None


def _minus_negative(rw: Rewriter, op: OpDef, inputs: Sequence[int], attrs: Attrs, kind: TensorType) -> int | None:
    """x - (-y) -> x + y."""
    a, b = inputs
    return rw.make(ADD, a, rw.inputs(b)[0]) if rw.op(b) is NEG else None


def _negative_twice(rw: Rewriter, op: OpDef, inputs: Sequence[int], attrs: Attrs, kind: TensorType) -> int | None:
    """-(-x) -> x."""
    (x,) = inputs
    return rw.inputs(x)[0] if rw.op(x) is NEG else None


def _over_dyadic(rw: Rewriter, op: OpDef, inputs: Sequence[int], attrs: Attrs, kind: TensorType) -> int | None:
    """x/1 -> x, x/4 -> x*0.25, for powers of two."""
    x, by = inputs
    c = rw.number(by)
    if c == 1:
        return x
    if isinstance(c, float) and _dyadic(c) and is_real(rw.type(x).dtype):
        return rw.make(MUL, x, rw.const(1.0 / c, rw.type(by).dtype))
    return None


def _small_power(rw: Rewriter, op: OpDef, inputs: Sequence[int], attrs: Attrs, kind: TensorType) -> int | None:
    """x^1 -> x, x^2 -> x*x, x^3 -> x*(x*x)."""
    x, by = inputs
    n = rw.number(by)
    if n == 1:
        return x
    if n == 2:
        return rw.make(MUL, x, x)
    if n == 3 and is_real(rw.type(x).dtype):
        return rw.make(MUL, x, rw.make(MUL, x, x))
    return None


def _nothing_done(rw: Rewriter, op: OpDef, inputs: Sequence[int], attrs: Attrs, kind: TensorType) -> int | None:
    """identity(x), cast(x) to its dtype, reshape(x) to its shape, sum_to and broadcast_to its shape, a sum over no axis -> x."""
    return inputs[0]


def _concat_one(rw: Rewriter, op: OpDef, inputs: Sequence[int], attrs: Attrs, kind: TensorType) -> int | None:
    """concat([x]) -> x."""
    return inputs[0] if len(inputs) == 1 else None


def _reshape_twice(rw: Rewriter, op: OpDef, inputs: Sequence[int], attrs: Attrs, kind: TensorType) -> int | None:
    """reshape(reshape(x)) -> reshape(x)."""
    (x,) = inputs
    return rw.make(op, rw.inputs(x)[0], **attrs) if rw.op(x) is op else None


def _as_reshape(rw: Rewriter, op: OpDef, inputs: Sequence[int], attrs: Attrs, kind: TensorType) -> int | None:
    """flatten(x), expand_dims(x), squeeze(x) -> reshape(x)."""
    return rw.make(RESHAPE, inputs[0], shape=kind.shape)


def _swap_twice(rw: Rewriter, op: OpDef, inputs: Sequence[int], attrs: Attrs, kind: TensorType) -> int | None:
    """x.T.T -> x."""
    (x,) = inputs
    return rw.inputs(x)[0] if rw.op(x) is op else None


def _transpose_twice(rw: Rewriter, op: OpDef, inputs: Sequence[int], attrs: Attrs, kind: TensorType) -> int | None:
    """transpose(transpose(x)) -> x or one transpose; one that changes no axis -> x."""
    (x,) = inputs
    axes = _permutation(rw, x, attrs)
    if axes == tuple(range(len(axes))):
        return x
    if rw.op(x) is not op:
        return None
    inner = _permutation(rw, rw.inputs(x)[0], rw.attrs(x))
    return rw.make(op, rw.inputs(x)[0], axes=tuple(inner[a] for a in axes))


def _permutation(rw: Rewriter, x: int, attrs: Attrs) -> tuple[int, ...]:
    axes = attrs.get("axes")
    rank = len(rw.type(x).shape)
    return tuple(range(rank))[::-1] if axes is None else tuple(axes)


def _cast_twice(rw: Rewriter, op: OpDef, inputs: Sequence[int], attrs: Attrs, kind: TensorType) -> int | None:
    """cast(cast(x, float64), d) -> cast(x, d), where x is float32 (nothing is lost on the way)."""
    (x,) = inputs
    if rw.op(x) is op and rw.type(x).dtype == "float64" and rw.type(rw.inputs(x)[0]).dtype == "float32":
        return rw.make(op, rw.inputs(x)[0], **attrs)
    return None


def _spread_operand(rw: Rewriter, op: OpDef, inputs: Sequence[int], attrs: Attrs, kind: TensorType) -> int | None:
    """x * broadcast_to(y) -> x * y, for every elementwise operation, where broadcasting comes to the same."""
    if len(inputs) < 2:
        return None
    shapes = [rw.type(k).shape for k in inputs]
    widest = max(range(len(inputs)), key=lambda k: (rw.op(inputs[k]) is not BROADCAST_TO, len(shapes[k])))
    if rw.op(inputs[widest]) is BROADCAST_TO:
        return None
    changed = [rw.inputs(k)[0] if rw.op(k) is BROADCAST_TO and shapes[n] == shapes[widest] else k for n, k in enumerate(inputs)]
    return rw.make(op, *changed, **attrs) if changed != list(inputs) else None


def _spread_one(rw: Rewriter, op: OpDef, inputs: Sequence[int], attrs: Attrs, kind: TensorType) -> int | None:
    """broadcast_to(x) -> broadcast_to(the number in x), where x is a constant of one element or a scalar reshaped."""
    (x,) = inputs
    if not rw.type(x).shape or size(rw.type(x).shape) != 1:
        return None
    if rw.is_const(x) or (rw.op(x) is RESHAPE and not rw.type(rw.inputs(x)[0]).shape):
        return rw.make(op, rw.make(RESHAPE, x, shape=()), **attrs)
    return None


def _spread_last(rw: Rewriter, op: OpDef, inputs: Sequence[int], attrs: Attrs, kind: TensorType) -> int | None:
    """broadcast_to(x) * broadcast_to(y) -> broadcast_to(x * y), for scalars x and y and every elementwise operation."""
    sources = [k if not rw.type(k).shape else rw.inputs(k)[0] if rw.op(k) is BROADCAST_TO else -1 for k in inputs]
    if any(k < 0 or rw.type(k).shape for k in sources):
        return None
    return rw.make(BROADCAST_TO, rw.make(op, *sources, **attrs), shape=kind.shape)


RULES: dict[str, tuple[Rule, ...]] = {
    ARRAYS: (_spread_last, _spread_operand),
    "add": (_plus_zero, _plus_negative),
    "sub": (_minus_zero, _minus_negative),
    "mul": (_times_one, _times_minus_one, _times_negatives, _times_twice),
    "div": (_over_dyadic,),
    "neg": (_negative_twice,),
    "power": (_small_power,),
    "identity": (_nothing_done,),
    "cast": (_nothing_done, _cast_twice),
    "reshape": (_nothing_done, _reshape_twice),
    "flatten": (_nothing_done, _as_reshape),
    "expand_dims": (_nothing_done, _as_reshape),
    "squeeze": (_nothing_done, _as_reshape),
    "swap_last": (_swap_twice,),
    "broadcast_to": (_nothing_done, _spread_one),
    "sum_to": (_nothing_done,),
    "transpose": (_transpose_twice,),
    "concat": (_concat_one,),
}
