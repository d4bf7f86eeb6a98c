"""Values made from numbers alone: zeros, ones, ranges, the unit matrix."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

from graphrun.ir.opdef import Attr, Attrs, OpDef
from graphrun.ir.types import Dim, DType, OpFault, Sym, TensorType, is_real
from graphrun.ops.common import REAL_DTYPE
from graphrun.ops.layout import as_shape

__all__ = ["ARANGE", "EYE", "FULL", "LINSPACE", "ONES", "OPS", "ZEROS"]


def _filled_ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    return {**attrs, "shape": as_shape(attrs["shape"]), "dtype": attrs["dtype"] or "float64"}


def _filled(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    return TensorType(attrs["shape"], attrs["dtype"])


SHAPE = Attr("shape", "shape", required=True)

ZEROS = OpDef(
    "zeros",
    "Zeros of a shape.",
    "0",
    (),
    _filled,
    lambda xp, *, shape, dtype: xp.zeros(shape, dtype=getattr(xp, dtype)),
    attrs=(SHAPE, REAL_DTYPE),
    prepare=_filled_ready,
)
ONES = OpDef(
    "ones",
    "Ones of a shape.",
    "1",
    (),
    _filled,
    lambda xp, *, shape, dtype: xp.ones(shape, dtype=getattr(xp, dtype)),
    attrs=(SHAPE, REAL_DTYPE),
    prepare=_filled_ready,
)
FULL = OpDef(
    "full",
    "One number, repeated to a shape.",
    "fill_value",
    (),
    _filled,
    lambda xp, *, shape, fill_value, dtype: xp.full(shape, fill_value, dtype=getattr(xp, dtype)),
    attrs=(SHAPE, Attr("fill_value", "number", required=True), REAL_DTYPE),
    prepare=_filled_ready,
)


def _eye_ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    n, m = attrs["n"], attrs["m"]
    return {"n": n, "m": n if m is None else m, "dtype": attrs["dtype"] or "float64"}


def _eye_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    return TensorType((attrs["n"], attrs["m"]), attrs["dtype"])


EYE = OpDef(
    "eye",
    "The unit matrix of n rows and m columns (n where m is not given).",
    "I",
    (),
    _eye_type,
    lambda xp, *, n, m, dtype: xp.eye(n, m, dtype=getattr(xp, dtype)),
    attrs=(Attr("n", "dim", required=True), Attr("m", "dim"), REAL_DTYPE),
    prepare=_eye_ready,
    onnx="EyeLike",
)


def _number(name: str, v: Any) -> Any:
    if v is None or isinstance(v, Sym) or (isinstance(v, int) and not isinstance(v, bool)):
        return v
    if isinstance(v, bool) or not isinstance(v, Real):
        raise OpFault(f"`{name}` of `arange` must be a number or a size", code="wrong-type")
    if not math.isfinite(v):
        raise OpFault(f"`{name}` of `arange` is a finite number, not {v}", code="wrong-type")
    return float(v)


def _range_ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    """arange(end) and arange(start, end, step); whole numbers make whole numbers."""
    start, end, step = (_number(name, attrs[name]) for name in ("start", "end", "step"))
    if end is None:
        start, end = 0, start
    if end is None or step is None:
        raise OpFault(f"`{'end' if end is None else 'step'}` of `arange` is a number, not `none`", code="wrong-type")
    if step == 0:
        raise OpFault("the step of `arange` cannot be 0", code="wrong-type")
    whole = all(isinstance(v, (int, Sym)) for v in (start, end, step))
    if not whole and any(isinstance(v, Sym) for v in (start, end, step)):
        raise OpFault("`arange` up to a symbolic dimension takes whole numbers", code="symbolic-size")
    dtype: DType = "int64" if whole else attrs["dtype"] if is_real(attrs["dtype"] or "bool") else "float64"
    return {"start": start, "end": end, "step": step, "dtype": dtype}


def _range_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    return TensorType((_range_length(attrs["start"], attrs["end"], attrs["step"]),), attrs["dtype"])


def _range_length(start: Any, end: Any, step: Any) -> Dim:
    if isinstance(start, Sym) or isinstance(end, Sym) or isinstance(step, Sym):
        span = end - start
        length: Dim | None = span // step if isinstance(span, int) and isinstance(step, int) else span.divide(step)
        if length is None:
            raise OpFault(f"the length of `arange` from {start} to {end} by {step} is not whole for every size", code="symbolic-size")
        return length
    return max(0, len(range(start, end, step)) if isinstance(start + end + step, int) else math.ceil((end - start) / step))


def _arange(xp: Any, *, start: Any, end: Any, step: Any, dtype: DType) -> Any:
    if dtype == "int64":
        return xp.arange(start, end, step, dtype=xp.int64)
    n = _range_length(start, end, step)
    return (start + step * xp.arange(n, dtype=xp.float64)).astype(getattr(xp, dtype))


ARANGE = OpDef(
    "arange",
    "The numbers from start (0) up to but without end, by step (1): arange(end), arange(start, end, step).",
    "0, 1, …, end - 1",
    (),
    _range_type,
    _arange,
    attrs=(Attr("start", "any", required=True), Attr("end", "any"), Attr("step", "any", 1), REAL_DTYPE),
    prepare=_range_ready,
    onnx="Range",
)


def _linspace_ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    return {"start": float(attrs["start"]), "end": float(attrs["end"]), "steps": attrs["steps"], "dtype": attrs["dtype"] or "float64"}


def _linspace_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    if isinstance(attrs["steps"], int) and attrs["steps"] < 0:
        raise OpFault(f"`steps` of `linspace` is how many numbers there are, not {attrs['steps']}", code="wrong-type")
    return TensorType((attrs["steps"],), attrs["dtype"])


LINSPACE = OpDef(
    "linspace",
    "`steps` numbers evenly from start to end, both among them (torch.linspace).",
    "start, …, end",
    (),
    _linspace_type,
    lambda xp, *, start, end, steps, dtype: xp.linspace(start, end, steps, dtype=getattr(xp, dtype)),
    attrs=(Attr("start", "number", required=True), Attr("end", "number", required=True), Attr("steps", "dim", required=True), REAL_DTYPE),
    prepare=_linspace_ready,
)

OPS: tuple[OpDef, ...] = (ZEROS, ONES, FULL, EYE, ARANGE, LINSPACE)
