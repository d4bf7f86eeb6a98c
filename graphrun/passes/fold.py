"""Constant folding: an operation over constants alone is computed when the graph is prepared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphrun.ir.opdef import Attrs, OpDef
from graphrun.ir.types import DType, Shape, Sym, TensorType
from graphrun.passes.rewrite import CONSTANTS, Rewriter

__all__ = ["RULES", "fold"]

LARGEST = 64
"""Results of more elements are not written into the graph; engines compute them once, when a step is compiled."""


def fold(rw: Rewriter, op: OpDef, inputs: Sequence[int], attrs: Attrs, kind: TensorType) -> int | None:
    """f(1, 2) -> 3, by the operation's own kernel."""
    if op.name == "broadcast_to" or any(_symbolic(v) for v in attrs.values()):
        return None  # the one element of a broadcast says it all
    operands = [_array(rw.attrs(k)["value"], rw.type(k).dtype, rw.type(k).shape) for k in inputs]
    try:
        with np.errstate(all="ignore"):
            found = np.asarray(op.kernel(np, *operands, **attrs))
    except (IndexError, ValueError):
        return None  # told at its place when it is computed
    if found.size > LARGEST:
        return None
    value = tuple(found.ravel().tolist()) if found.shape else found.item()
    return rw.const(value, _dtype(found), found.shape)


def _array(value: Any, dtype: DType, shape: Shape) -> Any:
    return np.asarray(value, dtype=dtype).reshape([int(d) if isinstance(d, int) else -1 for d in shape])[()]


def _symbolic(value: Any) -> bool:
    return isinstance(value, Sym) or (isinstance(value, tuple) and any(_symbolic(v) for v in value))


def _dtype(found: Any) -> DType:
    name: DType = {"f8": "float64", "f4": "float32", "b1": "bool"}.get(found.dtype.str[1:], "int64")  # type: ignore[assignment]
    return name


RULES = {CONSTANTS: (fold,)}
