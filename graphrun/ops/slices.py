"""Basic indexing and its undoing, and turning an axis around."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphrun.ir.builder import Builder
from graphrun.ir.graph import Node
from graphrun.ir.opdef import Attr, Attrs, Case, OpDef, Part
from graphrun.ir.types import Dim, OpFault, Shape, Sym, TensorType, shape_text
from graphrun.ops.common import axes_of, axis_list, axis_of, dtype_of, unchanged
from graphrun.ops.layout import EXPAND_DIMS, as_shape

__all__ = ["FLIP", "OPS", "SLICE", "UNSLICE", "Index"]

Span = tuple[Dim, Dim | None, int]
Index = tuple[Span | None, ...]
"""For each axis (start, stop, step), or None for the whole axis. A stop of None, with a negative step, runs past the front."""


# -- slice ----------------------------------------------------------------------------------------------------------------


def _slice_ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    """Starts and stops from the end, left out, or past the end become plain ones; axes not named are whole."""
    shape = types[0].shape
    given = tuple(attrs["index"])
    if len(given) > len(shape):
        raise OpFault(f"too many indices: {len(given)} for {shape_text(shape)}", code="bad-index", operands=(0,), notes=[_axes_note(shape)])
    gone = tuple(sorted(axis_of(a, len(shape), shape) for a in attrs["squeeze"]))
    index = tuple(
        None if entry is None else _element(entry[0], shape, k) if k in gone else _span(entry, shape, k) for k, entry in enumerate(given)
    )
    return {"index": index + (None,) * (len(shape) - len(given)), "squeeze": gone}


def _axes_note(shape: Shape) -> str:
    return f"{{0}} has {len(shape)} ax{'i' if len(shape) == 1 else 'e'}s" if shape else "{0} is a scalar"


def _element(at: Any, shape: Shape, axis: int) -> Span:
    d = shape[axis]
    if isinstance(at, int) and isinstance(d, int) and not -d <= at < d:
        raise OpFault(
            f"index {at} is out of range for axis {axis} of {shape_text(shape)}",
            code="bad-index",
            operands=(0,),
            notes=[f"its indices are 0 to {d - 1}, or -{d} to -1 from the end" if d else "the axis is empty"],
        )
    start: Dim = at + d if isinstance(at, int) and at < 0 else at
    return (start, start + 1, 1)


def _span(entry: Any, shape: Shape, axis: int) -> Span | None:
    start, stop, step = entry
    d = shape[axis]
    step = 1 if step is None else step
    if step == 0:
        raise OpFault("the step of a slice cannot be 0", code="bad-index", operands=(0,))
    if isinstance(d, int) and not isinstance(start, Sym) and not isinstance(stop, Sym):
        first, last, step = slice(start, stop, step).indices(d)
        if step > 0:
            return None if (first, step) == (0, 1) and last == d else (first, max(first, last), step)
        return (first, None if last < 0 else last, step)
    return _symbolic_span(start, stop, step, shape, axis)


def _symbolic_span(start: Any, stop: Any, step: int, shape: Shape, axis: int) -> Span | None:
    """A stretch whose length is known for every size: what a plain number cuts off at the far end is not."""
    d = shape[axis]
    first: Dim = 0 if start is None else start + d if isinstance(start, int) and start < 0 else start
    last: Dim = d if stop is None else stop + d if isinstance(stop, int) and stop < 0 else stop
    if isinstance(d, Sym) and ((isinstance(last, int) and last > 0) or step != 1):
        raise OpFault(
            f"the length of this slice of axis {axis} of {shape_text(shape)} depends on {d}",
            code="symbolic-size",
            operands=(0,),
            notes=[f"{d} is known only when the graph runs, and may be smaller"],
            help="count from the end (`x[1:]`, `x[:-1]`), or cut an axis whose size is a number",
        )
    return None if (first, last) == (0, d) else (first, last, step)


def _length(span: Span) -> Dim:
    start, stop, step = span
    if isinstance(start, int) and (stop is None or isinstance(stop, int)):
        return len(range(start, -1 if stop is None else stop, step))
    return (0 if stop is None else stop) - start


def _sliced(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    shape, gone = types[0].shape, attrs["squeeze"]
    spans = zip(shape, attrs["index"], strict=True)
    out = tuple(d if span is None else _length(span) for k, (d, span) in enumerate(spans) if k not in gone)
    return TensorType(out, types[0].dtype)


def _slices(index: Index) -> tuple[slice, ...]:
    return tuple(slice(None) if span is None else slice(*span) for span in index)


def _slice(xp: Any, x: Any, *, index: Index, squeeze: tuple[int, ...]) -> Any:
    if not index:
        return x
    return x[tuple(s.start if k in squeeze else s for k, s in enumerate(_slices(index)))]


def _slice_vjp(b: Builder, node: Node, g: int) -> Sequence[Part]:
    index, gone = node.attrs["index"], node.attrs["squeeze"]
    if gone:
        g = EXPAND_DIMS(b, g, axis=gone)
    back = tuple(k for k, span in enumerate(index) if span is not None and span[2] < 0)
    if back:
        g = FLIP(b, g, axis=back)
    return [Part(g, tuple(_forward(span) for span in index))]


def _forward(span: Span | None) -> tuple[Dim, Dim, int] | None:
    """The same places from front to back."""
    if span is None or span[2] > 0:
        return None if span is None else (span[0], span[1] if span[1] is not None else 0, span[2])
    start, count = span[0], _length(span)
    if count == 0:
        return (0, 0, 1)
    return (start + (count - 1) * span[2], start + 1, -span[2])


def _slice_rows(b: Builder, node: Node, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> int:
    return SLICE(b, new[0], index=(None, *node.attrs["index"]), squeeze=tuple(a + 1 for a in node.attrs["squeeze"]))


SLICE = OpDef(
    "slice",
    "Basic indexing, as NumPy's: `index` has (start, stop, step) or None for each axis; the axes in `squeeze` are dropped.",
    "x[index]",
    ("x",),
    _sliced,
    _slice,
    _slice_vjp,
    attrs=(Attr("index", "any", required=True), Attr("squeeze", "any", ())),
    prepare=_slice_ready,
    rows=_slice_rows,
    onnx="Slice",
    cases=(
        Case(((5,),), {"index": ((1, 4, 1),)}),
        Case(((5,),), {"index": ((-1, None, None),), "squeeze": (0,)}),
        Case(((3, 4),), {"index": (None, (None, None, 2))}),
        Case(((3, 4),), {"index": ((0, None, None), (None, None, -1)), "squeeze": (0,)}),
        Case(((3, 4),), {"index": ((None, 0, -2), (3, 1, -1))}),
        Case(((3, 4),), {"index": ((2, 2, 1),)}, second=False),
        Case(((2, 3, 4),), {"index": ((1, 2, 1), None, (-2, None, None)), "squeeze": (0, 2)}),
    ),
    derivatives=("1 there, 0 elsewhere",),
    public=False,
)


def _unslice_ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    shape = as_shape(attrs["shape"])
    one = _single(shape, attrs["index"])
    rest = tuple(None if k in one else entry for k, entry in enumerate(attrs["index"]))
    inside = _slice_ready([TensorType(shape, types[0].dtype)], {"index": rest, "squeeze": ()})["index"]
    return {"shape": shape, "index": tuple(attrs["index"][k] if k in one else entry for k, entry in enumerate(inside))}


def _single(shape: Shape, index: Index) -> tuple[int, ...]:
    """The axes of a size that is not known from which one element is taken: as a stretch its length would not be known."""
    pairs = enumerate(zip(shape, index, strict=False))
    return tuple(k for k, (d, at) in pairs if isinstance(d, Sym) and at is not None and isinstance(at[0], int) and at[1] == at[0] + 1)


def _unsliced(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    want = _sliced([TensorType(attrs["shape"], types[0].dtype)], {**attrs, "squeeze": ()}).shape
    if types[0].shape != want:
        raise OpFault(f"{shape_text(types[0].shape)} does not fit where {shape_text(want)} is cut", operands=(0,))
    return TensorType(attrs["shape"], types[0].dtype)


def _unslice(xp: Any, x: Any, *, shape: Shape, index: Index) -> Any:
    out = xp.zeros(shape, dtype=getattr(xp, dtype_of(x)))
    where = _slices(index)
    if hasattr(out, "at"):
        return out.at[where].set(x)
    out[where] = x
    return out


def _unslice_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    one = _single(node.shape, node.attrs["index"])
    out = SLICE(b, g, index=node.attrs["index"], squeeze=one)
    for axis in one:
        out = EXPAND_DIMS(b, out, axis=axis)
    return [out]


def _unslice_rows(b: Builder, node: Node, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> int:
    return UNSLICE(b, new[0], shape=(dim, *node.shape), index=(None, *node.attrs["index"]))


UNSLICE = OpDef(
    "unslice",
    "Zeros of `shape` with x at `index`: what a slice hands back.",
    "unslice(x)",
    ("x",),
    _unsliced,
    _unslice,
    _unslice_vjp,
    attrs=(Attr("shape", "shape", required=True), Attr("index", "any", required=True)),
    prepare=_unslice_ready,
    rows=_unslice_rows,
    cases=(
        Case(((2,),), {"shape": (5,), "index": ((1, 5, 2),)}),
        Case(((2, 3),), {"shape": (4, 3), "index": ((1, 3, 1), None)}),
        Case(((),), {"shape": (), "index": ()}),
    ),
    derivatives=("1",),
    public=False,
    shown="slice",
)


# -- flip --------------------------------------------------------------------------------------------------------------


def _axis_ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    s = types[0].shape
    return {**attrs, "axis": axes_of(attrs["axis"], len(s), s)}


def _later(axis: int | tuple[int, ...] | None, rank: int) -> tuple[int, ...]:
    return tuple(a + 1 for a in axis_list(axis, rank))


def _flip_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [FLIP(b, g, **node.attrs)]


def _flip_rows(b: Builder, node: Node, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> int:
    return FLIP(b, new[0], axis=_later(node.attrs["axis"], len(node.shape)))


FLIP = OpDef(
    "flip",
    "x from back to front along `axis`, or along all axes.",
    "flip(x)",
    ("x",),
    unchanged,
    lambda xp, x, *, axis: xp.flip(x, axis=axis),
    _flip_vjp,
    attrs=(Attr("axis", "axes"),),
    prepare=_axis_ready,
    rows=_flip_rows,
    cases=(Case(((3,),)), Case(((2, 3),), {"axis": -1}), Case(((2, 3, 2),), {"axis": (0, 2)})),
    derivatives=("1",),
)


OPS: tuple[OpDef, ...] = (SLICE, UNSLICE, FLIP)
