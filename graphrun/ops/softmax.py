"""Softmax and its logarithm, fused for numerical stability."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphrun.ir.builder import Builder
from graphrun.ir.graph import Node
from graphrun.ir.opdef import Attr, Attrs, Case, OpDef
from graphrun.ir.types import Dim, DType, TensorType
from graphrun.ops.arithmetic import MUL, SUB
from graphrun.ops.common import REAL_DTYPE, as_real, axis_of, real_dtype, real_type
from graphrun.ops.elementary import EXP
from graphrun.ops.reduce import SUM

__all__ = ["LOG_SOFTMAX", "OPS", "SOFTMAX"]


def _ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    s = types[0].shape
    return real_dtype(types, {**attrs, "axis": axis_of(attrs["axis"], len(s), s)})


def _rows(b: Builder, node: Node, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> int:
    return node.op(b, new[0], **{**node.attrs, "axis": node.attrs["axis"] + 1})


CASES = (Case(((3,),)), Case(((2, 3),)), Case(((2, 3),), {"axis": 0}), Case(((2, 3, 2),), {"axis": -2}), Case(((0, 3),), second=False))


def _softmax(xp: Any, x: Any, *, axis: int, dtype: DType | None) -> Any:
    x = as_real(xp, x, dtype)
    e = xp.exp(x - xp.max(x, axis=axis, keepdims=True, initial=-xp.inf))
    return e / xp.sum(e, axis=axis, keepdims=True)


def _softmax_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    out = node.index
    mean = SUM(b, MUL(b, g, out), axis=node.attrs["axis"], keepdims=True)
    return [MUL(b, SUB(b, g, mean), out)]


SOFTMAX = OpDef(
    "softmax",
    "e^x / Σ e^x along `axis`, without overflow (torch.softmax).",
    "e^x / Σ e^x",
    ("x",),
    real_type,
    _softmax,
    _softmax_vjp,
    attrs=(Attr("axis", "axis", -1), REAL_DTYPE),
    prepare=_ready,
    rows=_rows,
    onnx="Softmax",
    cases=CASES,
    derivatives=("diag(s) - s sᵀ",),
)


def _log_softmax(xp: Any, x: Any, *, axis: int, dtype: DType | None) -> Any:
    x = as_real(xp, x, dtype)
    x = x - xp.max(x, axis=axis, keepdims=True, initial=-xp.inf)
    return x - xp.log(xp.sum(xp.exp(x), axis=axis, keepdims=True))


def _log_softmax_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    total = SUM(b, g, axis=node.attrs["axis"], keepdims=True)
    return [SUB(b, g, MUL(b, total, EXP(b, node.index)))]


LOG_SOFTMAX = OpDef(
    "log_softmax",
    "x - ln Σ e^x along `axis`, without overflow (torch.log_softmax).",
    "x - ln Σ e^x",
    ("x",),
    real_type,
    _log_softmax,
    _log_softmax_vjp,
    attrs=(Attr("axis", "axis", -1), REAL_DTYPE),
    prepare=_ready,
    rows=_rows,
    onnx="LogSoftmax",
    cases=CASES,
    derivatives=("I - 1 softmax(x)ᵀ",),
)

OPS: tuple[OpDef, ...] = (SOFTMAX, LOG_SOFTMAX)
