"""The order of elements along an axis. `sort` and `topk` take the elements at these places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphrun.ir.builder import Builder
from graphrun.ir.graph import Node
from graphrun.ir.opdef import Attr, Attrs, OpDef
from graphrun.ir.types import Dim, TensorType
from graphrun.ops.common import as_dtype, axis_of

__all__ = ["OPS", "SORT_INDEX"]


def _ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    s = types[0].shape
    return {"axis": axis_of(attrs["axis"], len(s), s), "descending": bool(attrs["descending"])}


def _places(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    return TensorType(types[0].shape, "int64")


def _sort_index(xp: Any, x: Any, *, axis: int, descending: bool) -> Any:
    """Equal elements keep their order, nan counts as the largest; both from the back where it descends."""
    if not descending:
        return as_dtype(xp, xp.argsort(x, axis=axis, stable=True), "int64")
    found = xp.argsort(xp.flip(x, axis=axis), axis=axis, stable=True)
    return as_dtype(xp, x.shape[axis] - 1 - xp.flip(found, axis=axis), "int64")


def _rows(b: Builder, node: Node, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> int:
    return SORT_INDEX(b, new[0], **{**node.attrs, "axis": node.attrs["axis"] + 1})


SORT_INDEX = OpDef(
    "sort_index",
    "The places of the elements along `axis` in ascending or descending order; equal ones keep theirs (torch.sort).",
    "the order of x",
    ("x",),
    _places,
    _sort_index,
    attrs=(Attr("axis", "axis", -1), Attr("descending", "bool", False)),
    prepare=_ready,
    rows=_rows,
    public=False,
    shown="argsort",
)

OPS: tuple[OpDef, ...] = (SORT_INDEX,)
