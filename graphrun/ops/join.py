"""What is put together along an axis: concat, stack; roll and tile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphrun.ir.builder import Builder
from graphrun.ir.graph import Node
from graphrun.ir.opdef import Attr, Attrs, Case, OpDef
from graphrun.ir.types import Dim, OpFault, Shape, TensorType, promote, shape_text, size
from graphrun.ops.common import as_dtype, axis_of, dtype_of, unchanged, wants
from graphrun.ops.layout import RESHAPE, SUM_TO, as_shape, to_rows
from graphrun.ops.slices import SLICE

__all__ = ["CONCAT", "OPS", "ROLL", "STACK", "TILE"]


# -- concat, stack --------------------------------------------------------------------------------------------------------


def _concat_ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    return {"axis": axis_of(attrs["axis"], len(types[0].shape), types[0].shape)}


def _concat_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    axis, first = attrs["axis"], types[0].shape
    length: Dim = 0
    for k, t in enumerate(types):
        s = t.shape
        if len(s) != len(first) or s[:axis] != first[:axis] or s[axis + 1 :] != first[axis + 1 :]:
            raise OpFault(
                f"cannot join {shape_text(first)} and {shape_text(s)} along axis {axis}",
                operands=(0, k),
                notes=["all axes but that one must be equal"],
            )
        length = length + s[axis]
    return TensorType((*first[:axis], length, *first[axis + 1 :]), promote(*(t.dtype for t in types)))


def _met_list(xp: Any, xs: Sequence[Any]) -> list[Any]:
    dtype = promote(*map(dtype_of, xs))
    return [as_dtype(xp, x, dtype) for x in xs]


def _concat_vjp(b: Builder, node: Node, g: int) -> Sequence[int | None]:
    axis, at = node.attrs["axis"], 0
    out: list[int | None] = []
    start: Dim = at
    for i in node.inputs:
        stop = start + b.shape(i)[axis]
        index = (*(None,) * axis, (start, stop, 1))
        out.append(SLICE(b, g, index=index) if wants(b, i) else None)
        start = stop
    return out


def _concat_rows(b: Builder, node: Node, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> int:
    return CONCAT(b, *_all_rows(b, new, carries, dim), axis=node.attrs["axis"] + 1)


def _all_rows(b: Builder, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> list[int]:
    return [i if c else to_rows(b, i, dim) for i, c in zip(new, carries, strict=True)]


CONCAT = OpDef(
    "concat",
    "The values of a list, one behind the other along `axis`.",
    "concat([a, b])",
    ("arrays",),
    _concat_type,
    lambda xp, *xs, axis: xp.concat(_met_list(xp, xs), axis=axis),
    _concat_vjp,
    attrs=(Attr("axis", "axis", 0),),
    prepare=_concat_ready,
    variadic=True,
    rows=_concat_rows,
    onnx="Concat",
    cases=(
        Case(((2,), (3,))),
        Case(((2, 3), (2, 1), (2, 2)), {"axis": -1}),
        Case(((2, 3), (0, 3))),
        Case(((1, 2),), {"axis": 0}),
    ),
    derivatives=("1",),
)


def _stack_ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    return {"axis": axis_of(attrs["axis"], len(types[0].shape) + 1)}


def _stack_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    axis, first = attrs["axis"], types[0].shape
    for k, t in enumerate(types):
        if t.shape != first:
            raise OpFault(
                f"cannot stack {shape_text(first)} and {shape_text(t.shape)}", operands=(0, k), notes=["all shapes must be equal"]
            )
    return TensorType((*first[:axis], len(types), *first[axis:]), promote(*(t.dtype for t in types)))


def _stack_vjp(b: Builder, node: Node, g: int) -> Sequence[int | None]:
    axis = node.attrs["axis"]
    whole = (None,) * axis
    return [SLICE(b, g, index=(*whole, (k, k + 1, 1)), squeeze=(axis,)) if wants(b, i) else None for k, i in enumerate(node.inputs)]


def _stack_rows(b: Builder, node: Node, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> int:
    return STACK(b, *_all_rows(b, new, carries, dim), axis=node.attrs["axis"] + 1)


STACK = OpDef(
    "stack",
    "The values of a list along a new axis.",
    "stack([a, b])",
    ("arrays",),
    _stack_type,
    lambda xp, *xs, axis: xp.stack(_met_list(xp, [xp.asarray(x) for x in xs]), axis=axis),
    _stack_vjp,
    attrs=(Attr("axis", "axis", 0),),
    prepare=_stack_ready,
    variadic=True,
    rows=_stack_rows,
    cases=(Case(((), ())), Case(((3,), (3,), (3,))), Case(((2, 3), (2, 3)), {"axis": -1}), Case(((0,), (0,)), {"axis": 1})),
    derivatives=("1",),
)


# -- roll, tile ------------------------------------------------------------------------------------------------------------


def _roll_ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    s = types[0].shape
    shifts = (attrs["shifts"],) if isinstance(attrs["shifts"], int) else tuple(attrs["shifts"])
    if attrs["axis"] is None:
        if len(shifts) != 1:
            raise OpFault(f"`roll` by {list(shifts)} takes an axis for each shift", code="wrong-type", operands=(0,))
        return {"shifts": shifts, "axis": None}
    given = (attrs["axis"],) if isinstance(attrs["axis"], int) else tuple(attrs["axis"])
    axes = tuple(axis_of(a, len(s), s) for a in given)
    if len(axes) != len(shifts):
        raise OpFault(f"`roll` takes one shift for each axis; here are {len(shifts)} and {len(axes)}", code="wrong-type", operands=(0,))
    return {"shifts": shifts, "axis": axes}


def _roll_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [ROLL(b, g, shifts=tuple(-s for s in node.attrs["shifts"]), axis=node.attrs["axis"])]


def _roll_rows(b: Builder, node: Node, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> int:
    shifts, axis = node.attrs["shifts"], node.attrs["axis"]
    if axis is not None:
        return ROLL(b, new[0], shifts=shifts, axis=tuple(a + 1 for a in axis))
    flat = RESHAPE(b, new[0], shape=(dim, size(node.shape)))
    return RESHAPE(b, ROLL(b, flat, shifts=shifts, axis=1), shape=(dim, *node.shape))


ROLL = OpDef(
    "roll",
    "x moved on by `shifts` places along `axis` (or several), or as one long row without; what leaves at the end comes in at the front "
    "(torch.roll).",
    "roll(x, shifts)",
    ("x",),
    unchanged,
    lambda xp, x, *, shifts, axis: xp.roll(x, shifts if axis is not None else shifts[0], axis=axis),
    _roll_vjp,
    attrs=(Attr("shifts", "ints", required=True), Attr("axis", "axes")),
    prepare=_roll_ready,
    rows=_roll_rows,
    cases=(
        Case(((4,),), {"shifts": 1}),
        Case(((2, 3),), {"shifts": -2}),
        Case(((2, 3),), {"shifts": 1, "axis": 0}),
        Case(((2, 3, 4),), {"shifts": (1, -2), "axis": (-1, 1)}),
    ),
    derivatives=("1",),
)


def _tile_ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    dims = as_shape(attrs["dims"])
    return {"dims": (1,) * (len(types[0].shape) - len(dims)) + dims}


def _tiled(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    return TensorType(tuple(d * r for d, r in _tile_pairs(types[0].shape, attrs["dims"])), types[0].dtype)


def _tile_pairs(shape: Shape, dims: Shape) -> list[tuple[Dim, Dim]]:
    return list(zip((1,) * (len(dims) - len(shape)) + shape, dims, strict=True))


def _tile_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    shape = b.shape(node.inputs[0])
    pairs = _tile_pairs(shape, node.attrs["dims"])
    apart = RESHAPE(b, g, shape=tuple(n for d, r in pairs for n in (r, d)))
    return [RESHAPE(b, SUM_TO(b, apart, shape=tuple(n for d, _ in pairs for n in (1, d))), shape=shape)]


def _tile_rows(b: Builder, node: Node, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> int:
    shape, dims = node.graph.shape(node.inputs[0]), node.attrs["dims"]
    x = RESHAPE(b, new[0], shape=(dim, *(1,) * (len(dims) - len(shape)), *shape))
    return TILE(b, x, dims=(1, *dims))


TILE = OpDef(
    "tile",
    "x repeated `dims` times along each axis (torch.tile).",
    "tile(x, [2, 1])",
    ("x",),
    _tiled,
    lambda xp, x, *, dims: xp.tile(x, dims),
    _tile_vjp,
    attrs=(Attr("dims", "shape", required=True),),
    prepare=_tile_ready,
    rows=_tile_rows,
    onnx="Tile",
    cases=(Case(((3,),), {"dims": (2,)}), Case(((2, 3),), {"dims": 2}), Case(((2, 1),), {"dims": (2, 1, 3)}), Case(((),), {"dims": (2,)})),
    derivatives=("1",),
)

OPS: tuple[OpDef, ...] = (CONCAT, STACK, ROLL, TILE)
