"""Products of vectors and matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphrun.ir.builder import Builder
from graphrun.ir.graph import Node
from graphrun.ir.opdef import Attrs, Case, Notation, OpDef
from graphrun.ir.types import Dim, OpFault, Shape, TensorType, broadcast, promote, shape_text, size
from graphrun.ops.arithmetic import MUL
from graphrun.ops.common import meet, wants
from graphrun.ops.layout import EXPAND_DIMS, RESHAPE, SQUEEZE, SWAP_LAST, TRANSPOSE
from graphrun.ops.reduce import SUM

__all__ = ["DOT", "MATMUL", "OPS", "OUTER", "SWAP_LAST", "TRANSPOSE"]


def _product_dtype(types: Sequence[TensorType]) -> Any:
    dtype = promote(*(t.dtype for t in types))
    return "int64" if dtype == "bool" else dtype


# -- matmul ---------------------------------------------------------------------------------------------------------------


def _matmul_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    a, b = types[0].shape, types[1].shape
    for k, s in enumerate((a, b)):
        if not s:
            raise OpFault(
                f"cannot multiply {shape_text(a)} by {shape_text(b)} as matrices",
                operands=(k,),
                notes=[f"{{{k}}} is a scalar"],
                help="`*` multiplies by a scalar: `{0} * {1}`",
            )
    rows = len(b) - 2 if len(b) > 1 else 0
    if a[-1] != b[rows]:
        raise OpFault(f"cannot multiply {shape_text(a)} by {shape_text(b)}", operands=(0, 1), notes=[_inner_note(a, b, rows)])
    try:
        lead = broadcast(a[:-2], b[:-2])
    except OpFault:
        note = f"the axes before the matrices must be equal, or 1: {shape_text(a[:-2])} of {{0}} against {shape_text(b[:-2])} of {{1}}"
        raise OpFault(f"cannot multiply {shape_text(a)} by {shape_text(b)}", operands=(0, 1), notes=[note]) from None
    return TensorType(lead + a[:-1][len(a[:-2]) :] + b[len(b[:-2]) + 1 :], _product_dtype(types))


def _inner_note(a: Shape, b: Shape, rows: int) -> str:
    second = "first" if rows == 0 else "second to last"
    return f"the inner sizes must agree: {a[-1]} (last of {{0}}) against {b[rows]} ({second} of {{1}})"


def _matmul_vjp(b: Builder, node: Node, g: int) -> Sequence[int | None]:
    x, y = node.inputs
    return [_left_vjp(b, x, y, g) if wants(b, x) else None, _right_vjp(b, x, y, g) if wants(b, y) else None]


def _left_vjp(b: Builder, x: int, y: int, g: int) -> int:
    """g · yᵀ; with vectors, an outer product or a row of one."""
    if len(b.shape(y)) == 1:
        if len(b.shape(x)) == 1:
            return MUL(b, g, y)
        return OUTER(b, g, y) if len(b.shape(x)) == 2 else MUL(b, EXPAND_DIMS(b, g, axis=-1), y)
    if len(b.shape(x)) > 1 or len(b.shape(y)) == 2:
        return MATMUL(b, g, SWAP_LAST(b, y))
    return SQUEEZE(b, MATMUL(b, EXPAND_DIMS(b, g, axis=-2), SWAP_LAST(b, y)), axis=-2)


def _right_vjp(b: Builder, x: int, y: int, g: int) -> int:
    """xᵀ · g, summed at once over the axes that only x has."""
    left, right = b.shape(x), b.shape(y)
    if len(left) == 1:
        if len(right) == 1:
            return MUL(b, g, x)
        return OUTER(b, x, g) if len(right) == 2 else MUL(b, EXPAND_DIMS(b, x, axis=-1), EXPAND_DIMS(b, g, axis=-2))
    if len(right) == 1:
        if len(left) > 2:
            x, g = RESHAPE(b, x, shape=(size(left[:-1]), left[-1])), RESHAPE(b, g, shape=(size(left[:-1]),))
        return MATMUL(b, g, x)
    if len(right) == 2 and len(left) > 2:
        x = RESHAPE(b, x, shape=(size(left[:-1]), left[-1]))
        g = RESHAPE(b, g, shape=(size(left[:-1]), right[-1]))
    return MATMUL(b, SWAP_LAST(b, x), g)


def _matmul_rows(b: Builder, node: Node, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> int:
    """Vectors get an axis of size one where the rows' axis would be taken for one of a matrix."""
    ranks = [len(node.graph.shape(i)) for i in node.inputs]
    x, y = new
    if ranks == [1, 1]:
        if carries[0] != carries[1]:
            return MATMUL(b, x, y) if carries[0] else MATMUL(b, y, x)
        return SUM(b, MUL(b, x, y), axis=-1)
    if not carries[1] and ranks[0] == 1 and ranks[1] == 2:
        return MATMUL(b, x, y)
    if not carries[0] and ranks == [2, 1]:
        return MATMUL(b, y, SWAP_LAST(b, x))
    return _stacked_rows(b, ranks, new, carries)


def _stacked_rows(b: Builder, ranks: Sequence[int], new: Sequence[int], carries: Sequence[bool]) -> int:
    """The general case: both as stacks of matrices of equal rank behind the rows."""
    x, y = new
    x = EXPAND_DIMS(b, x, axis=-2) if ranks[0] == 1 else x
    y = EXPAND_DIMS(b, y, axis=-1) if ranks[1] == 1 else y
    inner = max(ranks[0], ranks[1], 2)
    x, y = (_aligned(b, i, inner) if c else i for i, c in zip((x, y), carries, strict=True))
    out = MATMUL(b, x, y)
    if ranks[0] == 1:
        return SQUEEZE(b, out, axis=-2)
    return SQUEEZE(b, out, axis=-1) if ranks[1] == 1 else out


def _aligned(b: Builder, i: int, inner: int) -> int:
    """Axes of size one after the rows, so that `inner` axes follow them."""
    lacking = inner + 1 - len(b.shape(i))
    return EXPAND_DIMS(b, i, axis=tuple(range(1, lacking + 1))) if lacking else i


MATMUL = OpDef(
    "matmul",
    "The matrix product by NumPy's rules: vectors count as a row or a column, further axes in front as stacks.",
    "a @ b",
    ("a", "b"),
    _matmul_type,
    lambda xp, a, b: xp.matmul(*meet(xp, a, b)),
    _matmul_vjp,
    rows=_matmul_rows,
    notation=Notation("{0} @ {1}", 20, (20, 21)),
    ufunc="matmul",
    onnx="MatMul",
    cases=(
        Case(((2, 3), (3, 4))),
        Case(((3,), (3,))),
        Case(((3,), (3, 2))),
        Case(((2, 3), (3,))),
        Case(((2, 2, 3), (3, 2))),
        Case(((3, 2), (2, 2, 3))),
        Case(((2, 2, 3), (3,))),
        Case(((3,), (2, 3, 2))),
        Case(((2, 1, 2, 3), (3, 3, 2))),
        Case(((0, 3), (3, 2))),
        Case(((2, 0), (0, 2))),
    ),
    derivatives=("bᵀ", "aᵀ"),
)


# -- dot, outer -----------------------------------------------------------------------------------------------------------


def _vectors(types: Sequence[TensorType], word: str) -> None:
    for k, t in enumerate(types):
        if len(t.shape) != 1:
            raise OpFault(
                f"`{word}` takes two vectors, but {{{k}}} has shape {shape_text(t.shape)}",
                operands=(k,),
                help="`@` multiplies matrices: `{0} @ {1}`",
            )


def _dot_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    _vectors(types, "dot")
    (m,), (n,) = types[0].shape, types[1].shape
    if m != n:
        raise OpFault(f"`dot` takes two vectors of one length, not of {m} and {n}", operands=(0, 1))
    return TensorType((), _product_dtype(types))


def _dot_vjp(b: Builder, node: Node, g: int) -> Sequence[int | None]:
    x, y = node.inputs
    return [MUL(b, g, y) if wants(b, x) else None, MUL(b, g, x) if wants(b, y) else None]


DOT = OpDef(
    "dot",
    "The inner product of two vectors (torch.dot).",
    "Σ a b",
    ("a", "b"),
    _dot_type,
    lambda xp, a, b: xp.matmul(*meet(xp, a, b)),
    _dot_vjp,
    rows=_matmul_rows,
    ufunc="matmul",
    onnx="MatMul",
    cases=(Case(((3,), (3,))), Case(((0,), (0,)), second=False)),
    derivatives=("b", "a"),
)


def _outer_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    _vectors(types, "outer")
    return TensorType((*types[0].shape, *types[1].shape), _product_dtype(types))


def _outer(xp: Any, a: Any, b: Any) -> Any:
    a, b = meet(xp, a, b)
    return a[:, None] * b[None, :]


def _outer_vjp(b: Builder, node: Node, g: int) -> Sequence[int | None]:
    x, y = node.inputs
    return [MATMUL(b, g, y) if wants(b, x) else None, MATMUL(b, x, g) if wants(b, y) else None]


def _outer_rows(b: Builder, node: Node, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> int:
    return MUL(b, EXPAND_DIMS(b, new[0], axis=-1), EXPAND_DIMS(b, new[1], axis=-2))


OUTER = OpDef(
    "outer",
    "Every product of an element of a with one of b, as a matrix (torch.outer).",
    "a bᵀ",
    ("a", "b"),
    _outer_type,
    _outer,
    _outer_vjp,
    rows=_outer_rows,
    notation=Notation("{0} ⊗ {1}", 20, (21, 21)),
    cases=(Case(((3,), (2,))), Case(((0,), (2,)), second=False)),
    derivatives=("b", "a"),
)

OPS: tuple[OpDef, ...] = (MATMUL, DOT, OUTER)
