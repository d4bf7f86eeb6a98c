"""Parts of matrices (diagonals, triangles), and factors: the orthonormal one of a QR decomposition, the solution of linear equations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphrun.ir.builder import Builder
from graphrun.ir.graph import Node
from graphrun.ir.opdef import Attr, Attrs, Case, OpDef
from graphrun.ir.types import Dim, OpFault, Shape, Sym, TensorType, promote, shape_text
from graphrun.ops.arithmetic import ADD, NEG
from graphrun.ops.common import REAL_DTYPE, as_real, axis_of, dtype_of, lifted, meet, real_dtype, unchanged, wants
from graphrun.ops.layout import BROADCAST_TO, EXPAND_DIMS, SWAP_LAST, as_shape, to_rows
from graphrun.ops.linalg import MATMUL

__all__ = ["DIAGONAL", "OPS", "QR_Q", "SOLVE", "TRACE", "TRIL", "TRIU"]

Types = Sequence[TensorType]


def _matrix(op: str, shape: Shape, position: int = 0) -> None:
    if len(shape) < 2:
        raise OpFault(f"`{op}` takes a matrix, or a stack of them, but {{{position}}} has shape {shape_text(shape)}", operands=(position,))


def _last_two_rows(b: Builder, node: Node, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> int:
    """Only the last two axes are meant: the rows are one axis more in front."""
    return node.op(b, *(i if c else to_rows(b, i, dim) for i, c in zip(new, carries, strict=True)), **node.attrs)


# -- diagonals ------------------------------------------------------------------------------------------------------------


def _diagonal_ready(types: Types, attrs: Attrs) -> Attrs:
    s = types[0].shape
    _matrix("diagonal", s)
    first, second = axis_of(attrs["dim1"], len(s), s), axis_of(attrs["dim2"], len(s), s)
    if first == second:
        raise OpFault(f"`dim1` and `dim2` of `diagonal` are both axis {first}", code="bad-index", operands=(0,))
    return {**attrs, "dim1": first, "dim2": second}


def _along_diagonal(rows: Dim, columns: Dim, offset: int) -> Dim:
    if isinstance(rows, Sym) or isinstance(columns, Sym):
        if rows == columns and offset == 0:
            return rows
        raise OpFault(
            f"the length of this diagonal of [{rows}, {columns}] is not known for every size", code="symbolic-size", operands=(0,)
        )
    return max(0, min(rows + min(offset, 0), columns - max(offset, 0)))


def _without(shape: Shape, a: Attrs) -> Shape:
    return tuple(d for k, d in enumerate(shape) if k not in (a["dim1"], a["dim2"]))


def _diagonal_type(types: Types, a: Attrs) -> TensorType:
    s = types[0].shape
    return TensorType((*_without(s, a), _along_diagonal(s[a["dim1"]], s[a["dim2"]], a["offset"])), types[0].dtype)


def _diagonal_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [UNDIAGONAL(b, g, shape=b.shape(node.inputs[0]), **node.attrs)]


def _diagonal_rows(b: Builder, node: Node, new: Sequence[int], carries: Sequence[bool], dim: Dim) -> int:
    a = node.attrs
    moved = {**a, "dim1": a["dim1"] + 1, "dim2": a["dim2"] + 1}
    return node.op(b, new[0], **({**moved, "shape": (dim, *node.shape)} if "shape" in a else moved))


DIAGONAL_ATTRS = (Attr("offset", "int", 0), Attr("dim1", "axis", 0), Attr("dim2", "axis", 1))

DIAGONAL = OpDef(
    "diagonal",
    "The elements of x with equal index along `dim1` and `dim2` (that along `dim2` larger by `offset`), as a new last axis "
    "(torch.diagonal).",
    "x[i, i]",
    ("x",),
    _diagonal_type,
    lambda xp, x, *, offset, dim1, dim2: xp.diagonal(x, offset, dim1, dim2),
    _diagonal_vjp,
    attrs=DIAGONAL_ATTRS,
    prepare=_diagonal_ready,
    rows=_diagonal_rows,
    cases=(
        Case(((3, 3),)),
        Case(((3, 4),), {"offset": 1}),
        Case(((2, 3, 2),), {"offset": -1, "dim1": 1, "dim2": -1}),
        Case(((2, 2, 3),), {"dim1": 2, "dim2": 0}),
        Case(((2, 2),), {"offset": 3}, second=False),
    ),
    derivatives=("1 on the diagonal, else 0",),
)


def _undiagonal_ready(types: Types, attrs: Attrs) -> Attrs:
    shape = as_shape(attrs["shape"])
    return {**_diagonal_ready([TensorType(shape, "float64")], attrs), "shape": shape}


def _undiagonal_type(types: Types, a: Attrs) -> TensorType:
    want = _diagonal_type([TensorType(a["shape"], "float64")], a).shape
    if types[0].shape != want:
        raise OpFault(f"{shape_text(types[0].shape)} does not fit the diagonal of {shape_text(a['shape'])}", operands=(0,))
    return TensorType(a["shape"], types[0].dtype)


def _undiagonal(xp: Any, x: Any, *, shape: Any, offset: int, dim1: int, dim2: int) -> Any:
    lead = tuple(d for k, d in enumerate(shape) if k not in (dim1, dim2))
    out = xp.zeros((*lead, shape[dim1], shape[dim2]), dtype=getattr(xp, dtype_of(x)))
    k = xp.arange(x.shape[-1])
    where = (..., k + max(-offset, 0), k + max(offset, 0))
    if hasattr(out, "at"):
        out = out.at[where].set(x)
    else:
        out[where] = x
    return xp.moveaxis(out, (-2, -1), (dim1, dim2))


def _undiagonal_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [DIAGONAL(b, g, **{k: v for k, v in node.attrs.items() if k != "shape"})]


UNDIAGONAL = OpDef(
    "undiagonal",
    "Zeros of `shape` with x on a diagonal: what diagonal hands back.",
    "undiagonal(x)",
    ("x",),
    _undiagonal_type,
    _undiagonal,
    _undiagonal_vjp,
    attrs=(Attr("shape", "shape", required=True), *DIAGONAL_ATTRS),
    prepare=_undiagonal_ready,
    rows=_diagonal_rows,
    cases=(Case(((3,),), {"shape": (3, 4), "offset": 1}), Case(((3, 2),), {"shape": (2, 3, 3), "offset": -1, "dim1": 2, "dim2": 0})),
    derivatives=("1",),
    public=False,
    shown="diag",
)


def _trace_type(types: Types, attrs: Attrs) -> TensorType:
    s = types[0].shape
    _matrix("trace", s)
    return TensorType(s[:-2], "int64" if types[0].dtype == "bool" else types[0].dtype)


def _trace_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    s = b.shape(node.inputs[0])
    length = _along_diagonal(s[-2], s[-1], 0)
    spread = BROADCAST_TO(b, EXPAND_DIMS(b, g, axis=-1), shape=(*s[:-2], length))
    return [UNDIAGONAL(b, spread, shape=s, dim1=-2, dim2=-1)]


TRACE = OpDef(
    "trace",
    "The sum of the diagonal of a matrix, or of each of a stack (torch.trace).",
    "Σ x[i, i]",
    ("x",),
    _trace_type,
    lambda xp, x: xp.trace(lifted(xp, x), axis1=-2, axis2=-1),
    _trace_vjp,
    rows=_last_two_rows,
    cases=(Case(((3, 3),)), Case(((2, 4),)), Case(((2, 3, 2),)), Case(((0, 2),), second=False)),
    derivatives=("1 on the diagonal, else 0",),
)


# -- triangles ------------------------------------------------------------------------------------------------------------


def _triangle_type(op: str) -> Any:
    def infer(types: Types, attrs: Attrs) -> TensorType:
        _matrix(op, types[0].shape)
        return unchanged(types, attrs)

    return infer


def _triangle_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [node.op(b, g, **node.attrs)]


def _triangle(name: str, side: str) -> OpDef:
    def kernel(xp: Any, x: Any, *, diagonal: int) -> Any:
        return getattr(xp, name)(x, diagonal)

    return OpDef(
        name,
        f"A matrix, or each of a stack, with zeros {side} its diagonal, or the one `diagonal` places above that (torch.{name}).",
        f"{name}(x)",
        ("x",),
        _triangle_type(name),
        kernel,
        _triangle_vjp,
        attrs=(Attr("diagonal", "int", 0),),
        rows=_last_two_rows,
        onnx="Trilu",
        cases=(Case(((3, 3),)), Case(((2, 4),), {"diagonal": 1}), Case(((2, 3, 2),), {"diagonal": -1})),
        derivatives=("1 where it is kept, else 0",),
    )


TRIL = _triangle("tril", "above")
TRIU = _triangle("triu", "below")


# -- factors --------------------------------------------------------------------------------------------------------------


def _solve_ready(types: Types, attrs: Attrs) -> Attrs:
    return real_dtype(types, attrs)


def _solve_type(types: Types, attrs: Attrs) -> TensorType:
    a, c = types[0].shape, types[1].shape
    if len(a) < 2 or len(a) != len(c) or a[-1] != a[-2] or a[:-1] != c[:-1]:
        raise OpFault(f"{shape_text(a)} and {shape_text(c)} are not the two sides of linear equations", operands=(0, 1))
    return TensorType(c, attrs["dtype"] or promote(*(t.dtype for t in types)))


def _solve(xp: Any, a: Any, c: Any, *, dtype: Any) -> Any:
    a, c = (as_real(xp, v, dtype) for v in meet(xp, a, c))
    try:
        return xp.linalg.solve(a, c)
    except ValueError:  # NumPy raises where the equations are singular; nan is what IEEE arithmetic gives
        return xp.full(c.shape, xp.nan, dtype=c.dtype)


def _solve_vjp(b: Builder, node: Node, g: int) -> Sequence[int | None]:
    a = node.inputs[0]
    back = SOLVE(b, SWAP_LAST(b, a), g)
    return [NEG(b, MATMUL(b, back, SWAP_LAST(b, node.index))) if wants(b, a) else None, back]


SOLVE = OpDef(
    "solve",
    "The matrix y with a @ y = c.",
    "a⁻¹ c",
    ("a", "c"),
    _solve_type,
    _solve,
    _solve_vjp,
    attrs=(REAL_DTYPE,),
    prepare=_solve_ready,
    rows=_last_two_rows,
    cases=(Case(((2, 2), (2, 3))), Case(((2, 3, 3), (2, 3, 1)))),
    derivatives=("-a⁻ᵀ g yᵀ", "a⁻ᵀ g"),
    public=False,
    torch="linalg.solve",
)


def _qr_type(types: Types, attrs: Attrs) -> TensorType:
    s = types[0].shape
    _matrix("qr", s)
    rows, columns = s[-2:]
    if isinstance(rows, Sym) or isinstance(columns, Sym):
        raise OpFault(f"`qr` takes matrices whose sizes are numbers, not {shape_text(s)}", code="symbolic-size", operands=(0,))
    return TensorType((*s[:-1], min(rows, columns)), attrs["dtype"] or types[0].dtype)


def _qr_q(xp: Any, x: Any, *, dtype: Any) -> Any:
    return xp.linalg.qr(as_real(xp, x, dtype))[0]


def _qr_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    """(g + Q s) R⁻ᵀ with s = u + the strict part of u, transposed, u the upper triangle of -Qᵀ g (Walter and Lehmann 2012)."""
    q = node.index
    across = SWAP_LAST(b, q)
    r = TRIU(b, MATMUL(b, across, node.inputs[0]))
    m = NEG(b, MATMUL(b, across, g))
    s = ADD(b, TRIU(b, m), SWAP_LAST(b, TRIU(b, m, diagonal=1)))
    return [SWAP_LAST(b, SOLVE(b, r, SWAP_LAST(b, ADD(b, g, MATMUL(b, q, s)))))]


QR_Q = OpDef(
    "qr_q",
    "The orthonormal factor Q of a matrix with at least as many rows as columns, x = Q R (torch.linalg.qr).",
    "Q of x",
    ("x",),
    _qr_type,
    _qr_q,
    _qr_vjp,
    attrs=(REAL_DTYPE,),
    prepare=real_dtype,
    rows=_last_two_rows,
    cases=(Case(((3, 2),)), Case(((3, 3),)), Case(((2, 4, 2),))),
    derivatives=("(g + Q s) R⁻ᵀ",),
    public=False,
    shown="qr",
)

OPS: tuple[OpDef, ...] = (TRACE, DIAGONAL, UNDIAGONAL, TRIL, TRIU, SOLVE, QR_Q)
