"""Indexing by whole numbers that are values of the graph: rows of a table, elements along an axis, one-hot vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphrun.ir.builder import Builder
from graphrun.ir.graph import Node
from graphrun.ir.opdef import Attr, Attrs, Case, OpDef, Part
from graphrun.ir.types import Dim, OpFault, Shape, TensorType, broadcast, promote, shape_text, size
from graphrun.ops.common import as_dtype, axis_of, dtype_of, meet, wants
from graphrun.ops.layout import EXPAND_DIMS, RESHAPE, TRANSPOSE, as_shape, to_rows
from graphrun.ops.slices import SLICE

__all__ = ["GATHER", "ONE_HOT", "OPS", "PUT_ALONG", "SCATTER_ADD", "SCATTER_ROWS", "TAKE_ALONG", "none_below"]


def _whole(types: Sequence[TensorType], position: int, word: str) -> None:
    if types[position].dtype != "int64":
        raise OpFault(
            f"`{word}` is indexed by whole numbers, but {{{position}}} is {types[position].dtype}",
            code="dtype-mismatch",
            operands=(position,),
            help=f"declare the input with `dtype: int64`, or cast it: `cast({{{position}}}, 'int64')`",
        )


def _axis_ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    s = types[0].shape
    return {**attrs, "axis": axis_of(attrs["axis"], len(s), s)}


def _added(xp: Any, out: Any, where: Any, x: Any) -> Any:
    """`out` with `x` added at `where`, as often as a place comes up. `out` is ours."""
    if hasattr(out, "at"):
        return out.at[where].add(x)
    xp.add.at(out, where, x)
    return out


# -- gather: whole slices by index ----------------------------------------------------------------------------------------


def _gather_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    x, index = types
    _whole(types, 1, "gather")
    axis = attrs["axis"]
    return TensorType((*x.shape[:axis], *index.shape, *x.shape[axis + 1 :]), x.dtype)


def _gather_vjp(b: Builder, node: Node, g: int) -> Sequence[int | None]:
    x, index = node.inputs
    return [SCATTER_ROWS(b, g, index, axis=node.attrs["axis"], shape=b.shape(x)), None]


def _to_front(rank: int, start: int, count: int, to: int = 0) -> tuple[int, ...]:
    """The order of axes in which `count` of them from `start` on begin at `to`."""
    moved = list(range(start, start + count))
    rest = [k for k in range(rank) if k not in moved]
    return (*rest[:to], *moved, *rest[to:])


def _beside(b: Builder, index: int, wide: int, dim: Dim) -> int:
    """The indices of every row as one list a row, beside slices laid out flat: [rows, indices, 1]."""
    shape = b.shape(index)
    return RESHAPE(b, index, shape=(dim, size(shape[len(shape) - wide :]), 1))


def _gather_rows(b: Builder, node: Node, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> int:
    axis, (x, index) = node.attrs["axis"], new
    if not carries[1]:
        return GATHER(b, x, index, axis=axis + 1, negative=node.attrs["negative"])
    rank = len(node.shape)
    wide = len(node.graph.shape(node.inputs[1]))
    if not carries[0]:
        out = GATHER(b, x, index, axis=axis, negative=node.attrs["negative"])
        return TRANSPOSE(b, out, axes=_to_front(rank + 1, axis, 1)) if axis else out
    # a table for each row, its slices laid out flat: of each the elements at the indices of that row
    shape = node.graph.shape(node.inputs[0])
    if axis:
        x = TRANSPOSE(b, x, axes=(0, *(k + 1 for k in _to_front(len(shape), axis, 1))))
    rest = b.shape(x)[2:]
    flat = RESHAPE(b, x, shape=(dim, shape[axis], size(rest)))
    taken = TAKE_ALONG(b, flat, _beside(b, index, wide, dim), axis=1, negative=node.attrs["negative"])
    out = RESHAPE(b, taken, shape=(dim, *node.graph.shape(node.inputs[1]), *rest))
    if not axis:
        return out
    order = (0, *(k + 1 for k in _to_front(rank, wide, axis)))
    return TRANSPOSE(b, out, axes=order)


def _gather(xp: Any, x: Any, index: Any, *, axis: int, negative: bool) -> Any:
    if not negative and xp.__name__ == "numpy":
        none_below(xp, index)
    return xp.take(x, index, axis=axis)


GATHER = OpDef(
    "gather",
    "The slices of x at the indices, along `axis` (numpy.take); `x[i]` with whole numbers i. Negative ones count from the end, but with "
    "`negative=false`.",
    "x[index]",
    ("x", "index"),
    _gather_type,
    _gather,
    _gather_vjp,
    attrs=(Attr("axis", "axis", 0), Attr("negative", "bool", True)),
    prepare=_axis_ready,
    rows=_gather_rows,
    onnx="Gather",
    cases=(
        Case(((4,), ()), domain=(-2.0, 3.0), dtypes=("float64", "int64")),
        Case(((4, 2), (3,)), domain=(-2.0, 3.0), dtypes=("float64", "int64")),
        Case(((4, 2), (2, 3)), domain=(-2.0, 3.0), dtypes=("float64", "int64")),
        Case(((2, 4), (3,)), {"axis": -1}, (-2.0, 3.0), ("float64", "int64")),
        Case(((2, 4, 3), (2, 2)), {"axis": 1}, (-2.0, 3.0), ("float64", "int64")),
        Case(((4, 2), (0,)), domain=(-2.0, 3.0), dtypes=("float64", "int64"), second=False),
    ),
    derivatives=("1 at the index, else 0", "0"),
    torch="index_select",
)


def _scatter_ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    shape = as_shape(attrs["shape"])
    return {"axis": axis_of(attrs["axis"], len(shape), shape), "shape": shape}


def _scatter_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    x, index = types
    _whole(types, 1, "scatter_rows")
    shape, axis = attrs["shape"], attrs["axis"]
    want = (*shape[:axis], *index.shape, *shape[axis + 1 :])
    if x.shape != want:
        raise OpFault(f"{{0}} has shape {shape_text(x.shape)}, not {shape_text(want)}", operands=(0, 1))
    return TensorType(shape, x.dtype)


def _scatter(xp: Any, x: Any, index: Any, *, axis: int, shape: Shape) -> Any:
    out = xp.zeros(shape, dtype=getattr(xp, dtype_of(x)))
    return _added(xp, out, (slice(None),) * axis + (index,), x)


def _scatter_vjp(b: Builder, node: Node, g: int) -> Sequence[int | None]:
    return [GATHER(b, g, node.inputs[1], axis=node.attrs["axis"]), None]


def _scatter_rows(b: Builder, node: Node, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> int:
    """With one index for all rows as it is; else along slices laid out flat, as gather does."""
    axis, shape = node.attrs["axis"], node.attrs["shape"]
    x = new[0] if carries[0] else to_rows(b, new[0], dim)
    if not carries[1]:
        return SCATTER_ROWS(b, x, new[1], axis=axis + 1, shape=(dim, *shape))
    n, wide, rank = shape[axis], len(node.graph.shape(node.inputs[1])), len(node.graph.shape(node.inputs[0]))
    if axis:
        x = TRANSPOSE(b, x, axes=(0, *(k + 1 for k in _to_front(rank, axis, wide))))
    rest = (*shape[:axis], *shape[axis + 1 :])
    index = _beside(b, new[1], wide, dim)
    flat = RESHAPE(b, x, shape=(dim, b.shape(index)[1], size(rest)))
    put = PUT_ALONG(b, flat, index, axis=1, shape=(dim, n, size(rest)))
    out = RESHAPE(b, put, shape=(dim, n, *rest))
    return TRANSPOSE(b, out, axes=(0, *(k + 1 for k in _to_front(len(shape), 0, 1, axis)))) if axis else out


SCATTER_ROWS = OpDef(
    "scatter_rows",
    "Zeros of `shape` with each slice of x added at its index: what gather hands back.",
    "scatter_rows(x, index)",
    ("x", "index"),
    _scatter_type,
    _scatter,
    _scatter_vjp,
    attrs=(Attr("axis", "axis", 0), Attr("shape", "shape", required=True)),
    prepare=_scatter_ready,
    rows=_scatter_rows,
    cases=(
        Case(((3, 2), (3,)), {"shape": (4, 2)}, (-2.0, 3.0), ("float64", "int64")),
        Case(((), ()), {"shape": (3,)}, (-2.0, 2.0), ("float64", "int64")),
        Case(((2, 2, 2), (2, 2)), {"shape": (2, 3), "axis": 1}, (-2.0, 2.0), ("float64", "int64")),
    ),
    derivatives=("1 at the index", "0"),
    public=False,
    shown="scatter_add",
)


# -- take_along: elements along an axis -----------------------------------------------------------------------------------


def _take_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    x, index = types
    _whole(types, 1, "take_along")
    axis = attrs["axis"]
    if len(x.shape) != len(index.shape):
        raise OpFault(
            f"`take_along` needs as many axes in both: {shape_text(x.shape)} and {shape_text(index.shape)}",
            operands=(0, 1),
            help="give the index the missing axis: `expand_dims({1}, -1)`",
        )
    around = broadcast(_without(x.shape, axis), _without(index.shape, axis), "take elements along an axis of")
    return TensorType((*around[:axis], index.shape[axis], *around[axis:]), x.dtype)


def _without(shape: Shape, axis: int) -> Shape:
    return (*shape[:axis], *shape[axis + 1 :])


def _take_vjp(b: Builder, node: Node, g: int) -> Sequence[int | None]:
    x, index = node.inputs
    axis = node.attrs["axis"]
    shape = (*node.shape[:axis], b.shape(x)[axis], *node.shape[axis + 1 :])
    return [PUT_ALONG(b, g, index, axis=axis, shape=shape), None]


def _along_rows(b: Builder, node: Node, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> int:
    x, index = (i if c else EXPAND_DIMS(b, i, axis=0) for i, c in zip(new, carries, strict=True))
    return TAKE_ALONG(b, x, index, axis=node.attrs["axis"] + 1, negative=node.attrs["negative"])


def _take(xp: Any, x: Any, index: Any, *, axis: int, negative: bool) -> Any:
    if not negative and xp.__name__ == "numpy":
        none_below(xp, index)
    return xp.take_along_axis(x, index, axis=axis)


def none_below(xp: Any, index: Any) -> None:
    """Raises IndexError where an index is below 0."""
    if xp.size(index) and xp.min(index) < 0:
        raise IndexError("an index is below 0")


TAKE_ALONG = OpDef(
    "take_along",
    "The elements of x at the indices along `axis`, the other axes side by side (numpy.take_along_axis). With `negative=false` no index "
    "may count from the end.",
    "take_along(x, index)",
    ("x", "index"),
    _take_type,
    _take,
    _take_vjp,
    attrs=(Attr("axis", "axis", -1), Attr("negative", "bool", True)),
    prepare=_axis_ready,
    rows=_along_rows,
    onnx="GatherElements",
    cases=(
        Case(((3, 4), (3, 1)), domain=(-2.0, 3.0), dtypes=("float64", "int64")),
        Case(((4,), (2,)), domain=(-2.0, 3.0), dtypes=("float64", "int64")),
        Case(((3, 4), (2, 4)), {"axis": 0}, (-2.0, 2.0), ("float64", "int64")),
        Case(((1, 3, 2), (2, 4, 1)), {"axis": 1}, (-2.0, 2.0), ("float64", "int64")),
    ),
    derivatives=("1 at the index, else 0", "0"),
    torch="take_along_dim",
)


def _put_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    x, index = types
    _whole(types, 1, "put_along")
    shape, axis = attrs["shape"], attrs["axis"]
    if len(index.shape) != len(shape) or x.shape != (*shape[:axis], index.shape[axis], *shape[axis + 1 :]):
        raise OpFault(f"cannot put {shape_text(x.shape)} at {shape_text(index.shape)} into {shape_text(shape)}", operands=(0, 1))
    broadcast(_without(shape, axis), _without(index.shape, axis))
    return TensorType(shape, x.dtype)


def _places(xp: Any, index: Any, axis: int, shape: Shape) -> tuple[Any, ...]:
    """An index for each axis: the given one along `axis`, every place along the others."""
    rank = len(shape)
    return tuple(index if k == axis else xp.reshape(xp.arange(d), (-1,) + (1,) * (rank - 1 - k)) for k, d in enumerate(shape))


def _put(xp: Any, x: Any, index: Any, *, axis: int, shape: Shape) -> Any:
    out = xp.zeros(shape, dtype=getattr(xp, dtype_of(x)))
    where = _places(xp, index, axis, shape)
    if index.shape[axis] == 1 and not hasattr(out, "at"):
        out[where] = x  # no place comes up twice
        return out
    return _added(xp, out, where, x)


def _put_vjp(b: Builder, node: Node, g: int) -> Sequence[int | None]:
    return [TAKE_ALONG(b, g, node.inputs[1], axis=node.attrs["axis"]), None]


def _put_rows(b: Builder, node: Node, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> int:
    x = new[0] if carries[0] else to_rows(b, new[0], dim)
    index = new[1] if carries[1] else EXPAND_DIMS(b, new[1], axis=0)
    return PUT_ALONG(b, x, index, axis=node.attrs["axis"] + 1, shape=(dim, *node.shape))


PUT_ALONG = OpDef(
    "put_along",
    "Zeros of `shape` with each element of x added at its index along `axis`: what take_along hands back.",
    "put_along(x, index)",
    ("x", "index"),
    _put_type,
    _put,
    _put_vjp,
    attrs=(Attr("axis", "axis", -1), Attr("shape", "shape", required=True)),
    prepare=_scatter_ready,
    rows=_put_rows,
    cases=(
        Case(((3, 1), (3, 1)), {"shape": (3, 4)}, (-2.0, 3.0), ("float64", "int64")),
        Case(((2, 3), (2, 1)), {"axis": 0, "shape": (4, 3)}, (-2.0, 3.0), ("float64", "int64")),
        Case(((5,), (5,)), {"shape": (3,)}, (-2.0, 2.0), ("float64", "int64")),
    ),
    derivatives=("1 at the index", "0"),
    public=False,
    shown="scatter_add",
)


def _add_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    x, index, source = types
    _whole(types, 1, "scatter_add")
    axis = attrs["axis"]
    ranks = len(x.shape) == len(index.shape) == len(source.shape)
    if not ranks or not _within(index.shape, source.shape) or not _within(_without(index.shape, axis), _without(x.shape, axis)):
        raise OpFault(
            f"`scatter_add` cannot add {shape_text(source.shape)} at {shape_text(index.shape)} to {shape_text(x.shape)}",
            operands=(0, 1, 2),
            notes=["the index is no longer than the source along any axis, nor than x but along its own axis"],
        )
    return TensorType(x.shape, promote(x.dtype, source.dtype))


def _within(small: Shape, large: Shape) -> bool:
    return all(a == b or (isinstance(a, int) and isinstance(b, int) and a <= b) for a, b in zip(small, large, strict=True))


def _scatter_add(xp: Any, x: Any, index: Any, source: Any, *, axis: int) -> Any:
    x, source = meet(xp, x, source, lift=False)
    used = source[tuple(slice(0, d) for d in index.shape)]
    return _added(xp, xp.array(x), _places(xp, index, axis, index.shape), used)


def _scatter_add_vjp(b: Builder, node: Node, g: int) -> Sequence[int | Part | None]:
    """The source gets what stands at its places; what the index leaves out of it gets nothing."""
    _, index, source = node.inputs
    if not wants(b, source):
        return [g, None, None]
    axis, reach, have = node.attrs["axis"], b.shape(index), b.shape(source)
    cut = tuple(None if k == axis or d == e else (0, d, 1) for k, (d, e) in enumerate(zip(reach, node.shape, strict=True)))
    near = SLICE(b, g, index=cut) if any(cut) else g
    taken = TAKE_ALONG(b, near, index, axis=axis)
    return [g, None, taken if reach == have else Part(taken, tuple((0, d, 1) for d in reach))]


def _scatter_add_rows(b: Builder, node: Node, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> int:
    x, index, source = (i if c else to_rows(b, i, dim) for i, c in zip(new, carries, strict=True))
    return SCATTER_ADD(b, x, index, source, axis=node.attrs["axis"] + 1)


SCATTER_ADD = OpDef(
    "scatter_add",
    "x with each element of the source added at its index along `axis` (torch.scatter_add).",
    "scatter_add(x, index, source)",
    ("x", "index", "source"),
    _add_type,
    _scatter_add,
    _scatter_add_vjp,
    attrs=(Attr("axis", "axis", 0),),
    prepare=_axis_ready,
    rows=_scatter_add_rows,
    onnx="ScatterElements",
    cases=(
        Case(((3,), (5,), (5,)), domain=(-2.0, 2.0), dtypes=("float64", "int64", "float64")),
        Case(((2, 3), (2, 2), (2, 2)), {"axis": -1}, (-2.0, 2.0), ("float64", "int64", "float64")),
        Case(((3, 4), (1, 2), (2, 5)), {"axis": 1}, (-2.0, 3.0), ("float64", "int64", "float64")),
    ),
    derivatives=("1", "0", "1"),
)


# -- one_hot --------------------------------------------------------------------------------------------------------------


def _hot_ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    n = attrs["num_classes"]
    if isinstance(n, int) and n < 1:
        raise OpFault(f"`num_classes` is a number of classes, not {n}", code="wrong-type")
    return attrs


def _hot_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    _whole(types, 0, "one_hot")
    return TensorType((*types[0].shape, attrs["num_classes"]), "int64")


def _one_hot(xp: Any, x: Any, *, num_classes: int) -> Any:
    if xp.__name__ == "numpy" and xp.size(x) and (xp.min(x) < 0 or xp.max(x) >= num_classes):
        raise IndexError("a number is no class")
    return as_dtype(xp, xp.asarray(x)[..., None] == xp.arange(num_classes), "int64")


def _hot_rows(b: Builder, node: Node, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> int:
    return ONE_HOT(b, new[0], **node.attrs)


ONE_HOT = OpDef(
    "one_hot",
    "1 at the class, 0 elsewhere, along a new last axis; whole numbers from 0 to num_classes - 1 (torch.nn.functional.one_hot).",
    "one_hot(x, num_classes)",
    ("x",),
    _hot_type,
    _one_hot,
    attrs=(Attr("num_classes", "dim", required=True),),
    prepare=_hot_ready,
    rows=_hot_rows,
    onnx="OneHot",
    torch="nn.functional.one_hot",
)

OPS: tuple[OpDef, ...] = (GATHER, SCATTER_ROWS, TAKE_ALONG, PUT_ALONG, SCATTER_ADD, ONE_HOT)
