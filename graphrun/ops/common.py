"""What the families share: dtypes in kernels, shape rules, axes, small helpers of vjps.

Kernels take arrays or scalars of an array namespace `xp`, and plain Python numbers too (they count as float64, int64, bool).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

from graphrun.ir.builder import Builder
from graphrun.ir.leaves import CONST
from graphrun.ir.opdef import Attr, Attrs, Case, Infer, Kernel, OpDef, Prepare, Vjp
from graphrun.ir.types import DType, OpFault, Shape, TensorType, broadcast, is_real, promote, shape_text

__all__ = [
    "REAL_DTYPE",
    "arithmetic_type",
    "as_dtype",
    "as_real",
    "axes_of",
    "axis_list",
    "axis_of",
    "binary",
    "constant_value",
    "dtype_of",
    "lifted",
    "meet",
    "number",
    "real_dtype",
    "real_type",
    "same_type",
    "special",
    "unary",
    "unchanged",
    "wants",
]

# Supplied by the build (the spec's dtype), never by a formula: what whole numbers become where no real is around.
REAL_DTYPE = Attr("dtype", "any")

UNARY_SHAPES: tuple[tuple[int, ...], ...] = ((), (3,), (2, 3), (0, 2))
BINARY_SHAPES: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = (
    ((), ()),
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((2, 1), (1, 3)),
    ((), (2, 2)),
    ((0, 3), (3,)),
)


# -- dtypes in kernels ----------------------------------------------------------------------------------------------------


def dtype_of(x: Any) -> DType:
    """The dtype of an array, an array scalar or a Python number."""
    dtype = getattr(x, "dtype", None)
    if dtype is None:
        return "bool" if isinstance(x, bool) else "int64" if isinstance(x, int) else "float64"
    kind = dtype.kind
    if kind == "f":
        return "float32" if dtype.itemsize == 4 else "float64"
    return "bool" if kind == "b" else "int64"


def as_dtype(xp: Any, x: Any, dtype: DType) -> Any:
    """`x` in that dtype; `x` itself where it has it."""
    return x if dtype_of(x) == dtype else xp.asarray(x).astype(getattr(xp, dtype))


def as_real(xp: Any, x: Any, dtype: DType | None) -> Any:
    """`x` if it is real, else `x` in `dtype`."""
    return x if is_real(dtype_of(x)) else as_dtype(xp, x, dtype or "float64")


def lifted(xp: Any, x: Any) -> Any:
    """`x`, with booleans as 0 and 1."""
    return as_dtype(xp, x, "int64") if dtype_of(x) == "bool" else x


def meet(xp: Any, *xs: Any, lift: bool = True) -> Sequence[Any]:
    """`xs` in the dtype in which they meet; booleans become whole numbers with `lift`."""
    first = getattr(xs[0], "dtype", None)
    if first is not None and first.kind != "b" and all(getattr(x, "dtype", None) is first for x in xs):
        return xs
    dtype = promote(*map(dtype_of, xs))
    if lift and dtype == "bool":
        dtype = "int64"
    return [as_dtype(xp, x, dtype) for x in xs]


def special(xp: Any) -> Any:
    """The module of special functions that belongs to a namespace: `scipy.special` for NumPy, `jax.scipy.special` for JAX."""
    root = str(xp.__name__).split(".", maxsplit=1)[0]
    return importlib.import_module("scipy.special" if root == "numpy" else f"{root}.scipy.special")


# -- shape and dtype rules ------------------------------------------------------------------------------------------------


def same_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    """The operand's type, with booleans as whole numbers."""
    (x,) = types
    return TensorType(x.shape, "int64") if x.dtype == "bool" else x


def unchanged(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    """The operand's type."""
    return types[0]


def real_dtype(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    """Prepares the attribute `dtype`: None where a real operand decides, else float64 where the build says nothing."""
    if any(is_real(t.dtype) for t in types):
        return {**attrs, "dtype": None}
    return {**attrs, "dtype": attrs["dtype"] or "float64"}


def real_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    """The broadcast shape, and a real dtype."""
    shape = types[0].shape
    for t in types[1:]:
        shape = broadcast(shape, t.shape)
    return TensorType(shape, attrs["dtype"] or promote(*(t.dtype for t in types)))


def arithmetic_type(word: str) -> Infer:
    """The rule of a binary operation: the broadcast shape, and the dtype in which the operands meet."""

    def infer(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
        a, b = types
        dtype = promote(a.dtype, b.dtype)
        return TensorType(broadcast(a.shape, b.shape, word), "int64" if dtype == "bool" else dtype)

    return infer


# -- axes -----------------------------------------------------------------------------------------------------------------


def axis_of(axis: Any, rank: int, shape: Shape | None = None) -> int:
    """One axis, made non-negative; raises OpFault where it is out of range."""
    if isinstance(axis, bool) or not isinstance(axis, int):
        raise OpFault(f"an axis is a whole number, not {axis!r}", code="bad-index")
    if not -rank <= axis < rank:
        what = f"{{0}} with shape {shape_text(shape)}" if shape is not None else f"a value with {rank} axes"
        between = f"its axes are 0 to {rank - 1}, or -{rank} to -1 from the end" if rank else "a scalar has no axes"
        raise OpFault(f"axis {axis} is out of range for {what}", code="bad-index", operands=(0,), notes=[between])
    return axis % rank


def axes_of(axis: Any, rank: int, shape: Shape | None = None) -> int | tuple[int, ...] | None:
    """None, one axis, or several as a sorted tuple; all non-negative, none twice."""
    if axis is None or isinstance(axis, int):
        return None if axis is None else axis_of(axis, rank, shape)
    axes = tuple(sorted(axis_of(a, rank, shape) for a in axis))
    if len(set(axes)) != len(axes):
        raise OpFault(f"an axis stands twice in {list(axis)}", code="bad-index", operands=(0,))
    return axes[0] if len(axes) == 1 else axes


def axis_list(axis: int | tuple[int, ...] | None, rank: int) -> tuple[int, ...]:
    """A prepared `axis` as a tuple of axes."""
    return tuple(range(rank)) if axis is None else (axis,) if isinstance(axis, int) else axis


# -- helpers of vjps ------------------------------------------------------------------------------------------------------


def wants(b: Builder, i: int) -> bool:
    """Whether node i can need a cotangent: it is real, and no constant without a name."""
    return is_real(b.dtype(i)) and (b.graph.op(i) is not CONST or b.graph.owner(i) is not None)


def number(b: Builder, value: float, like: int) -> int:
    """A real constant in the dtype of node `like`."""
    return b.const(float(value), b.dtype(like))


def constant_value(b: Builder, i: int) -> Any:
    """The number that scalar node i is known to be, or None."""
    return b.graph.attrs(i)["value"] if b.graph.op(i) is CONST and b.shape(i) == () else None


# -- records --------------------------------------------------------------------------------------------------------------


def _real_kernel(kernel: str | Kernel) -> Kernel:
    """Makes whole operands real before the kernel sees them."""

    def real(xp: Any, *xs: Any, dtype: DType | None = None, **attrs: Any) -> Any:
        ready = [as_real(xp, x, dtype) for x in xs] if len(xs) == 1 else [as_real(xp, x, dtype) for x in meet(xp, *xs)]
        return getattr(xp, kernel)(*ready) if isinstance(kernel, str) else kernel(xp, *ready, **attrs)

    return real


def _whole_kernel(kernel: str | Kernel) -> Kernel:
    def whole(xp: Any, *xs: Any, **attrs: Any) -> Any:
        ready = [lifted(xp, xs[0])] if len(xs) == 1 else meet(xp, *xs)
        return getattr(xp, kernel)(*ready) if isinstance(kernel, str) else kernel(xp, *ready, **attrs)

    return whole


def _record(arity: int, texts: tuple[str, str, str], kernel: str | Kernel, vjp: Vjp | None, /, **more: Any) -> OpDef:
    name, doc, formula = texts
    real: bool = more.pop("real")
    attrs: tuple[Attr, ...] = more.pop("attrs", ())
    domain: tuple[float, float] = more.pop("domain", (-2.0, 2.0))
    infer: Infer = more.pop("infer", None) or (real_type if real else same_type if arity == 1 else arithmetic_type("combine"))
    prepare: Prepare | None = more.pop("prepare", None)
    if prepare is not None and real:
        prepare = _then(prepare, real_dtype)
    cases: tuple[Case, ...] | None = more.pop("cases", None)
    extra: tuple[Case, ...] = more.pop("extra", ())
    shapes: Any = [(s,) for s in UNARY_SHAPES] if arity == 1 else BINARY_SHAPES
    return OpDef(
        name=name,
        doc=doc,
        formula=formula,
        arrays=more.pop("arrays", ("x",) if arity == 1 else ("a", "b")),
        infer=infer,
        prepare=prepare or (real_dtype if real else None),
        kernel=_real_kernel(kernel) if real else _whole_kernel(kernel),
        vjp=vjp,
        attrs=(*attrs, REAL_DTYPE) if real else attrs,
        elementwise=True,
        ufunc=kernel if isinstance(kernel, str) else None,
        cases=cases if cases is not None else tuple(Case(s, domain=domain) for s in shapes) + extra if vjp else (),
        **more,
    )


def _then(first: Prepare, second: Callable[[Sequence[TensorType], Attrs], Attrs]) -> Prepare:
    return lambda types, attrs: second(types, first(types, attrs))


def unary(name: str, doc: str, formula: str, kernel: str | Kernel, vjp: Vjp | None = None, *, real: bool = True, **more: Any) -> OpDef:
    """An elementwise operation of one operand. With `real` the result is real; else whole numbers stay whole.

    A `kernel` given by name is a NumPy function of exactly the operand. `more`: `domain` of the gradient table, `extra` rows of it
    (or all its `cases`), and the fields of OpDef.
    """
    return _record(1, (name, doc, formula), kernel, vjp, real=real, **more)


def binary(name: str, doc: str, formula: str, kernel: str | Kernel, vjp: Vjp | None = None, *, real: bool = False, **more: Any) -> OpDef:
    """An elementwise operation of two operands with broadcasting; as `unary`."""
    return _record(2, (name, doc, formula), kernel, vjp, real=real, **more)
