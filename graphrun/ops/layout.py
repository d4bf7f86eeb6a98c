"""Layout: reshaping, axes of size one, the order of axes, broadcasting and its undoing. Nothing is computed, or only sums."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphrun.ir.builder import Builder
from graphrun.ir.graph import Node
from graphrun.ir.opdef import Attr, Attrs, Case, Notation, OpDef
from graphrun.ir.types import Dim, OpFault, Shape, Sym, TensorType, broadcast, shape_text, size
from graphrun.ops.common import axes_of, axis_list, axis_of, lifted, same_type

__all__ = [
    "BROADCAST_TO",
    "EXPAND_DIMS",
    "FLATTEN",
    "OPS",
    "RESHAPE",
    "SQUEEZE",
    "SUM_TO",
    "SWAP_LAST",
    "TRANSPOSE",
    "as_shape",
    "to_rows",
]


def as_shape(shape: Any) -> Shape:
    """A list of dimensions, or one, as a shape."""
    dims = (shape,) if isinstance(shape, (int, Sym)) else tuple(shape)
    for d in dims:
        if isinstance(d, bool) or not isinstance(d, (int, Sym)):
            raise OpFault(f"a shape is made of whole numbers and dimensions, not {d!r}", code="wrong-type")
    return dims


def to_rows(b: Builder, i: int, dim: Dim) -> int:
    """Node i, the same for all rows, repeated along a new axis 0."""
    return BROADCAST_TO(b, i, shape=(dim, *b.shape(i)))


# -- reshape --------------------------------------------------------------------------------------------------------------


def _reshape_ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    """Resolves the one -1, and checks that the elements fit."""
    (x,) = types
    shape = as_shape(attrs["shape"])
    have = size(x.shape)
    if -1 in shape:
        known = size([d for d in shape if d != -1])
        if shape.count(-1) > 1:
            raise OpFault(f"only one size of {shape_text(shape)} can be left open with -1", operands=(0,))
        rest = _divide(have, known)
        if rest is None:
            raise _not_fitting(x.shape, shape)
        shape = tuple(rest if d == -1 else d for d in shape)
    if any(isinstance(d, int) and d < 0 for d in shape) or size(shape) != have:
        raise _not_fitting(x.shape, shape)
    return {"shape": shape}


def _divide(a: Dim, by: Dim) -> Dim | None:
    if by == 0:
        return None
    if isinstance(a, Sym):
        return a.divide(by)
    return a // by if isinstance(by, int) and a % by == 0 else 0 if a == 0 else None


def _not_fitting(have: Shape, want: Shape) -> OpFault:
    return OpFault(
        f"cannot reshape {shape_text(have)} to {shape_text(want)}",
        operands=(0,),
        notes=[f"{{0}} has {size(have)} elements; {shape_text(want)} " + ("leaves a rest" if -1 in want else f"has {size(want)}")],
    )


def _to_shape(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    return TensorType(attrs["shape"], types[0].dtype)


def _reshape_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [RESHAPE(b, g, shape=b.shape(node.inputs[0]))]


def _reshape_rows(b: Builder, node: Node, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> int:
    return RESHAPE(b, new[0], shape=(dim, *node.shape))


RESHAPE = OpDef(
    "reshape",
    "The same elements in another shape, in C order; one size may be -1 and follows from the others.",
    "reshape(x, shape)",
    ("x",),
    _to_shape,
    lambda xp, x, *, shape: xp.reshape(x, shape),
    _reshape_vjp,
    attrs=(Attr("shape", "shape", required=True),),
    prepare=_reshape_ready,
    rows=_reshape_rows,
    scalar="{0}",
    onnx="Reshape",
    cases=(
        Case(((2, 3),), {"shape": (3, 2)}),
        Case(((2, 3),), {"shape": (-1,)}),
        Case(((1,),), {"shape": ()}),
        Case(((),), {"shape": (1, 1)}),
        Case(((0, 2),), {"shape": (2, 0)}),
    ),
    derivatives=("1",),
)


def _flatten_ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    rank = max(len(types[0].shape), 1)
    start, end = axis_of(attrs["start_dim"], rank), axis_of(attrs["end_dim"], rank)
    if start > end:
        raise OpFault(f"`start_dim` {start} lies behind `end_dim` {end}", code="bad-index", operands=(0,))
    return {"start_dim": start, "end_dim": end}


def _flattened(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    s = types[0].shape
    start, end = attrs["start_dim"], attrs["end_dim"] + 1
    return TensorType((*s[:start], size(s[start:end]), *s[end:]), types[0].dtype)


def _flatten(xp: Any, x: Any, *, start_dim: int, end_dim: int) -> Any:
    s = x.shape if hasattr(x, "shape") else ()
    merged = 1
    for d in s[start_dim : end_dim + 1]:
        merged *= d
    return xp.reshape(x, (*s[:start_dim], merged, *s[end_dim + 1 :]))


def _flatten_rows(b: Builder, node: Node, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> int:
    return RESHAPE(b, new[0], shape=(dim, *node.shape))


FLATTEN = OpDef(
    "flatten",
    "Axes start_dim to end_dim made one (torch.flatten); a scalar becomes one element.",
    "flatten(x)",
    ("x",),
    _flattened,
    _flatten,
    _reshape_vjp,
    attrs=(Attr("start_dim", "int", 0), Attr("end_dim", "int", -1)),
    prepare=_flatten_ready,
    rows=_flatten_rows,
    onnx="Flatten",
    cases=(Case(((2, 3),)), Case(((2, 3, 2),), {"start_dim": 1}), Case(((2, 1, 2),), {"end_dim": -2}), Case(((),))),
    derivatives=("1",),
)


# -- axes of size one -----------------------------------------------------------------------------------------------------


def _expand_ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    axis = attrs["axis"]
    count = 1 if isinstance(axis, int) else len(axis)
    return {"axis": axes_of(axis, len(types[0].shape) + count)}


def _expanded(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    old = list(types[0].shape)
    axes = axis_list(attrs["axis"], 0)
    for a in axes:
        old.insert(a, 1)
    return TensorType(tuple(old), types[0].dtype)


def _expand_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [SQUEEZE(b, g, axis=node.attrs["axis"])]


def _shifted(axis: int | tuple[int, ...]) -> int | tuple[int, ...]:
    return axis + 1 if isinstance(axis, int) else tuple(a + 1 for a in axis)


def _expand_rows(b: Builder, node: Node, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> int:
    return EXPAND_DIMS(b, new[0], axis=_shifted(node.attrs["axis"]))


EXPAND_DIMS = OpDef(
    "expand_dims",
    "x with axes of size one put in at `axis`, counted in the result.",
    "expand_dims(x, axis)",
    ("x",),
    _expanded,
    lambda xp, x, *, axis: xp.expand_dims(x, axis),
    _expand_vjp,
    attrs=(Attr("axis", "axes", required=True),),
    prepare=_expand_ready,
    rows=_expand_rows,
    onnx="Unsqueeze",
    cases=(Case(((),), {"axis": 0}), Case(((2, 3),), {"axis": -1}), Case(((2, 3),), {"axis": (0, 2)})),
    derivatives=("1",),
)


def _squeeze_ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    s = types[0].shape
    if attrs["axis"] is None:
        return {"axis": tuple(k for k, d in enumerate(s) if d == 1)}
    axis = axes_of(attrs["axis"], len(s), s)
    for k in axis_list(axis, 0):
        if s[k] != 1:
            raise OpFault(f"cannot squeeze axis {k} of {shape_text(s)}: its size is {s[k]}, not 1", operands=(0,))
    return {"axis": axis}


def _squeezed(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    gone = axis_list(attrs["axis"], 0)
    return TensorType(tuple(d for k, d in enumerate(types[0].shape) if k not in gone), types[0].dtype)


def _squeeze_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [EXPAND_DIMS(b, g, axis=node.attrs["axis"])]


def _squeeze_rows(b: Builder, node: Node, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> int:
    return SQUEEZE(b, new[0], axis=_shifted(node.attrs["axis"]))


SQUEEZE = OpDef(
    "squeeze",
    "x without the axes of size one at `axis`, or without all that are known to be of size one.",
    "squeeze(x)",
    ("x",),
    _squeezed,
    lambda xp, x, *, axis: xp.squeeze(x, axis=axis),
    _squeeze_vjp,
    attrs=(Attr("axis", "axes"),),
    prepare=_squeeze_ready,
    rows=_squeeze_rows,
    scalar="{0}",
    onnx="Squeeze",
    cases=(Case(((1, 3, 1),)), Case(((1, 3, 1),), {"axis": -1}), Case(((1, 1),), {"axis": (0, 1)})),
    derivatives=("1",),
)


# -- order of axes --------------------------------------------------------------------------------------------------------


def _transpose_ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    s = types[0].shape
    if attrs["axes"] is None:
        return {"axes": tuple(reversed(range(len(s))))}
    given = (attrs["axes"],) if isinstance(attrs["axes"], int) else tuple(attrs["axes"])
    axes = tuple(axis_of(a, len(s), s) for a in given)
    if sorted(axes) != list(range(len(s))):
        raise OpFault(f"`axes` must name each axis of {shape_text(s)} once, not {list(given)}", operands=(0,))
    return {"axes": axes}


def _transposed(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    return TensorType(tuple(types[0].shape[a] for a in attrs["axes"]), types[0].dtype)


def _transpose_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    axes = node.attrs["axes"]
    return [TRANSPOSE(b, g, axes=tuple(axes.index(k) for k in range(len(axes))))]


def _transpose_rows(b: Builder, node: Node, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> int:
    return TRANSPOSE(b, new[0], axes=(0, *(a + 1 for a in node.attrs["axes"])))


TRANSPOSE = OpDef(
    "transpose",
    "x with its axes in the order `axes`, or reversed (numpy.transpose).",
    "transpose(x)",
    ("x",),
    _transposed,
    lambda xp, x, *, axes: xp.transpose(x, axes),
    _transpose_vjp,
    attrs=(Attr("axes", "ints"),),
    prepare=_transpose_ready,
    rows=_transpose_rows,
    scalar="{0}",
    onnx="Transpose",
    cases=(Case(((2, 3),)), Case(((2, 3, 4),), {"axes": (1, 2, 0)}), Case(((3,),)), Case(((2, 1, 3),), {"axes": (-1, 0, 1)})),
    derivatives=("1",),
    torch="permute",
)


def _swapped(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    s = types[0].shape
    if len(s) < 2:
        raise OpFault(f"{{0}} with shape {shape_text(s)} has no two axes to swap", operands=(0,), help="leave out `.T`")
    return TensorType((*s[:-2], s[-1], s[-2]), types[0].dtype)


def _swap_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [SWAP_LAST(b, g)]


def _swap_rows(b: Builder, node: Node, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> int:
    return SWAP_LAST(b, new[0])


SWAP_LAST = OpDef(
    "swap_last",
    "The last two axes swapped, as `x.T`.",
    "xᵀ",
    ("x",),
    _swapped,
    lambda xp, x: xp.swapaxes(x, -1, -2),
    _swap_vjp,
    rows=_swap_rows,
    notation=Notation("{0}ᵀ", 40),
    onnx="Transpose",
    cases=(Case(((2, 3),)), Case(((2, 3, 4),))),
    derivatives=("1",),
    public=False,
    shown="transpose",
)


# -- broadcasting ---------------------------------------------------------------------------------------------------------


def _broadcast_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    x, shape = types[0], attrs["shape"]
    fits = len(x.shape) <= len(shape)
    if fits and x.shape:
        fits = all(have == want or have == 1 for have, want in zip(x.shape, shape[-len(x.shape) :], strict=True))
    if not fits:
        raise OpFault(f"cannot broadcast {shape_text(x.shape)} to {shape_text(shape)}", operands=(0,))
    return TensorType(shape, x.dtype)


def _shape_ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    return {**attrs, "shape": as_shape(attrs["shape"])}


def _broadcast_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [g]  # the walker undoes broadcasting


def _broadcast_rows(b: Builder, node: Node, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> int:
    lacking = len(node.shape) - len(node.graph.shape(node.inputs[0]))
    x = EXPAND_DIMS(b, new[0], axis=tuple(range(1, lacking + 1))) if lacking else new[0]
    return BROADCAST_TO(b, x, shape=(dim, *node.shape))


BROADCAST_TO = OpDef(
    "broadcast_to",
    "x repeated to `shape` by NumPy's broadcasting.",
    "broadcast_to(x, shape)",
    ("x",),
    _broadcast_type,
    lambda xp, x, *, shape: xp.broadcast_to(x, shape),
    _broadcast_vjp,
    attrs=(Attr("shape", "shape", required=True),),
    prepare=_shape_ready,
    rows=_broadcast_rows,
    scalar="{0}",
    onnx="Expand",
    cases=(
        Case(((),), {"shape": (2, 3)}),
        Case(((3,),), {"shape": (2, 3)}),
        Case(((2, 1),), {"shape": (4, 2, 3)}),
        Case(((),), {"shape": ()}),
    ),
    derivatives=("1",),
)


def _sum_to_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    x, shape = types[0], attrs["shape"]
    if broadcast(x.shape, shape) != x.shape:
        raise OpFault(f"{shape_text(shape)} does not broadcast to {shape_text(x.shape)}", operands=(0,))
    return TensorType(shape, same_type(types, attrs).dtype)


def _sum_to(xp: Any, x: Any, *, shape: Shape) -> Any:
    x = lifted(xp, x)
    have = x.shape if hasattr(x, "shape") else ()
    if have == shape:
        return x
    lead = len(have) - len(shape)
    axes = tuple(range(lead)) + tuple(k for k in range(lead, len(have)) if shape[k - lead] == 1 and have[k] != 1)
    return xp.reshape(xp.sum(x, axis=axes), shape)


def _sum_to_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [BROADCAST_TO(b, g, shape=b.shape(node.inputs[0]))]


def _sum_to_rows(b: Builder, node: Node, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> int:
    lead = len(node.graph.shape(node.inputs[0])) - len(node.shape)
    kept = SUM_TO(b, new[0], shape=(dim, *(1,) * lead, *node.shape))
    return SQUEEZE(b, kept, axis=tuple(range(1, lead + 1))) if lead else kept


SUM_TO = OpDef(
    "sum_to",
    "The sum over the axes along which a value of `shape` was broadcast: what undoes broadcasting.",
    "sum_to(x, shape)",
    ("x",),
    _sum_to_type,
    _sum_to,
    _sum_to_vjp,
    attrs=(Attr("shape", "shape", required=True),),
    prepare=_shape_ready,
    rows=_sum_to_rows,
    scalar="{0}",
    cases=(
        Case(((2, 3),), {"shape": ()}),
        Case(((2, 3),), {"shape": (3,)}),
        Case(((2, 3),), {"shape": (2, 1)}),
        Case(((4, 2, 3),), {"shape": (1, 3)}),
    ),
    derivatives=("1",),
    public=False,
    shown="sum",
)


OPS: tuple[OpDef, ...] = (RESHAPE, FLATTEN, EXPAND_DIMS, SQUEEZE, TRANSPOSE, SWAP_LAST, BROADCAST_TO, SUM_TO)
