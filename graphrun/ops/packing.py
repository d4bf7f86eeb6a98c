"""Many values as one flat vector, and back: what optimizers run on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphrun.ir.builder import Builder
from graphrun.ir.graph import Node
from graphrun.ir.opdef import Attr, Attrs, Case, OpDef, Part
from graphrun.ir.types import Dim, OpFault, TensorType, promote, shape_text, size
from graphrun.ops.common import as_dtype, dtype_of, wants
from graphrun.ops.join import CONCAT
from graphrun.ops.layout import RESHAPE, as_shape, to_rows
from graphrun.ops.slices import SLICE

__all__ = ["OPS", "PACK", "UNPACK"]


def _packed(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    total: Dim = 0
    for t in types:
        total = total + size(t.shape)
    return TensorType((total,), promote(*(t.dtype for t in types)))


def _pack(xp: Any, *xs: Any) -> Any:
    dtype = promote(*map(dtype_of, xs))
    return xp.concat([xp.reshape(as_dtype(xp, x, dtype), (-1,)) for x in xs])


def _pack_vjp(b: Builder, node: Node, g: int) -> Sequence[int | None]:
    out: list[int | None] = []
    start: Dim = 0
    for i in node.inputs:
        out.append(UNPACK(b, g, start=start, shape=b.shape(i)) if wants(b, i) else None)
        start = start + size(b.shape(i))
    return out


def _pack_rows(b: Builder, node: Node, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> int:
    flat = []
    for i, old, c in zip(new, node.inputs, carries, strict=True):
        flat.append(RESHAPE(b, i if c else to_rows(b, i, dim), shape=(dim, size(node.graph.shape(old)))))
    return CONCAT(b, *flat, axis=1)


PACK = OpDef(
    "pack",
    "All elements of all operands, one behind the other in C order, as one vector.",
    "pack([a, b])",
    ("arrays",),
    _packed,
    _pack,
    _pack_vjp,
    variadic=True,
    rows=_pack_rows,
    cases=(Case(((), (2, 3), (2,))), Case(((3,),)), Case(((0,), (1, 1)))),
    derivatives=("1",),
    public=False,
)


def _unpack_ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    return {"start": attrs["start"], "shape": as_shape(attrs["shape"])}


def _unpacked(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    s, start, n = types[0].shape, attrs["start"], size(attrs["shape"])
    inside = len(s) == 1 and not (all(isinstance(d, int) for d in (s[0], start, n)) and start + n > s[0])
    if not inside:
        raise OpFault(f"{shape_text(s)} does not hold {shape_text(attrs['shape'])} from {start} on", operands=(0,))
    return TensorType(attrs["shape"], types[0].dtype)


def _unpack(xp: Any, x: Any, *, start: int, shape: tuple[int, ...]) -> Any:
    n = 1
    for d in shape:
        n *= d
    return xp.reshape(x[start : start + n], shape)


def _unpack_vjp(b: Builder, node: Node, g: int) -> Sequence[Part]:
    start, n = node.attrs["start"], size(node.shape)
    return [Part(RESHAPE(b, g, shape=(n,)), ((start, start + n, 1),))]


def _unpack_rows(b: Builder, node: Node, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> int:
    start, n = node.attrs["start"], size(node.shape)
    return RESHAPE(b, SLICE(b, new[0], index=(None, (start, start + n, 1))), shape=(dim, *node.shape))


UNPACK = OpDef(
    "unpack",
    "The stretch of a vector that begins at `start`, in a shape.",
    "unpack(x, start, shape)",
    ("x",),
    _unpacked,
    _unpack,
    _unpack_vjp,
    attrs=(Attr("start", "dim", required=True), Attr("shape", "shape", required=True)),
    prepare=_unpack_ready,
    rows=_unpack_rows,
    cases=(
        Case(((7,),), {"start": 1, "shape": (2, 3)}),
        Case(((3,),), {"start": 2, "shape": ()}),
        Case(((3,),), {"start": 0, "shape": (3,)}),
    ),
    derivatives=("1 there, 0 elsewhere",),
    public=False,
)

OPS: tuple[OpDef, ...] = (PACK, UNPACK)
