"""Array nodes as NumPy calls that write into buffers.

Each entry of `WRITERS` gives the lines that compute one operation into `out`. Operands of mixed dtypes are left to the operation's kernel,
which returns a new array. Elementwise calls run the same NumPy loops as the reference, to the same bits; sums of a few numbers are
products with ones, in another order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from graphrun.ir.graph import Graph
from graphrun.ir.types import is_real
from graphrun.ops.indexing import none_below

__all__ = ["FEW", "FILLED", "Call", "elements", "in_place", "lines_into", "numpy_function", "ones", "writes_out"]


FEW = 4096
"""So many numbers are summed by a product with ones; more by NumPy's pairwise sum, whose error does not grow."""


@dataclass(frozen=True, slots=True)
class Call:
    """A node to be computed into the expression `out`.

    `args` are its operands as expressions, `name(wanted, object)` gives what stands for an object in generated code, `view(array → view)`
    names a view of `out`, and `scratch(shape, dtype)` an array that only these lines use; `solid` says whether `out` is contiguous.
    """

    graph: Graph
    node: int
    args: Sequence[str]
    out: str
    name: Callable[[str, Any], str]
    view: Callable[[Callable[[Any], Any]], str]
    scratch: Callable[[Sequence[Any], str], str]
    solid: bool

    def attr(self, key: str) -> Any:
        """An attribute."""
        return self.graph.attrs(self.node)[key]

    def function(self, name: str) -> str:
        """A function of NumPy."""
        return self.name(name.replace(".", "_"), numpy_function(name))


Writer = Callable[[Call], list[str]]


@cache
def numpy_function(name: str) -> Any:
    """A function of NumPy by its dotted name, always the same object."""
    found: Any = np
    for part in name.split("."):
        found = getattr(found, part)
    return found


def ones(name: Callable[[str, Any], str], n: int, dtype: str) -> str:
    """The name of n ones: a product with them is the quickest sum of a few numbers."""
    return name(f"ones{n}" if dtype == "float64" else f"ones{n}_{dtype}", _ones(n, dtype))


@cache
def _ones(n: int, dtype: str) -> Any:
    made = np.ones(n, dtype)
    made.flags.writeable = False
    return made


def _matmul(c: Call) -> list[str]:
    a, b = c.graph.inputs(c.node)
    if c.solid and len(c.graph.shape(a)) == len(c.graph.shape(b)) == 2:
        return [f"{c.args[0]}.dot({c.args[1]}, {c.out})"]
    return [f"{c.function('matmul')}({c.args[0]}, {c.args[1]}, {c.out})"]


def _by_product(c: Call, axes: tuple[int, ...]) -> list[str] | None:
    """The sum over one axis of a matrix, of up to FEW numbers each, as a product with ones."""
    x = c.graph.inputs(c.node)[0]
    shape = c.graph.shape(x)
    if not c.solid or len(shape) != 2 or len(axes) != 1:
        return None
    n = shape[axes[0]]
    assert isinstance(n, int)
    if not 0 < n <= FEW:
        return None
    one = ones(c.name, n, c.graph.dtype(x))
    out = c.out if len(c.graph.shape(c.node)) == 1 else c.view(lambda whole: whole.reshape(-1))
    return [f"{one}.dot({c.args[0]}, {out})" if axes == (0,) else f"{c.args[0]}.dot({one}, {out})"]


def _sum(c: Call) -> list[str]:
    axis = c.attr("axis")
    axes = (axis,) if isinstance(axis, int) else axis
    return (_by_product(c, axes) if axes is not None else None) or _reduce("add")(c)


def _reduce(ufunc: str) -> Writer:
    def write(c: Call) -> list[str]:
        return [f"{c.function(ufunc + '.reduce')}({c.args[0]}, {c.attr('axis')!r}, None, {c.out}, {bool(c.attr('keepdims'))})"]

    return write


def _mean(c: Call) -> list[str]:
    g = c.graph
    x, out = elements(g.shape(g.inputs(c.node)[0])), elements(g.shape(c.node))
    return [*_sum(c), f"{c.function('true_divide')}({c.out}, {float(x // max(out, 1))!r}, {c.out})"]


def elements(shape: Sequence[Any]) -> int:
    """The number of elements of a shape whose sizes are bound."""
    return int(np.prod(shape, dtype=int))


def _sum_to(c: Call) -> list[str]:
    have = c.graph.shape(c.graph.inputs(c.node)[0])
    shape = c.graph.shape(c.node)
    lead = len(have) - len(shape)
    axes = (*range(lead), *(k for k in range(lead, len(have)) if shape[k - lead] == 1 and have[k] != 1))
    short = _by_product(c, axes)
    if short is not None:
        return short
    summed = tuple(d for k, d in enumerate(have) if k not in axes)
    out = c.out if summed == shape else c.view(lambda whole: whole.reshape(summed))
    return [f"{c.function('add.reduce')}({c.args[0]}, {axes!r}, None, {out}, False)"]


def _where(c: Call) -> list[str]:
    copyto = c.function("copyto")
    chosen, a, b = c.args
    return [f"{copyto}({c.out}, {b})", f"{copyto}({c.out}, {a}, 'same_kind', {chosen})"]


def _cast(c: Call) -> list[str]:
    return [f"{c.function('copyto')}({c.out}, {c.args[0]}, 'unsafe')"]


def _rsqrt(c: Call) -> list[str]:
    return [f"{c.function('sqrt')}({c.args[0]}, {c.out})", f"{c.function('true_divide')}(1.0, {c.out}, {c.out})"]


def _clip(c: Call) -> list[str]:
    lines, x = [], c.args[0]
    for key, ufunc in (("min", "maximum"), ("max", "minimum")):
        if c.attr(key) is not None:
            lines.append(f"{c.function(ufunc)}({x}, {c.attr(key)!r}, out={c.out})")
            x = c.out
    return lines


def _relu(c: Call) -> list[str]:
    return [f"{c.function('maximum')}({c.args[0]}, {_zero(c)}, out={c.out})"]


def _zero(c: Call) -> str:
    dtype = c.graph.dtype(c.node)
    return c.name("zero" if dtype == "float64" else f"zero_{dtype}", _number(0.0, dtype))


def _one(c: Call) -> str:
    dtype = c.graph.dtype(c.node)
    return c.name("one" if dtype == "float64" else f"one_{dtype}", _number(1.0, dtype))


@cache
def _number(value: float, dtype: str) -> Any:
    return np.asarray(value, dtype)


def _sigmoid(c: Call) -> list[str]:
    out, one = c.out, _one(c)
    return [
        f"{c.function('negative')}({c.args[0]}, {out})",
        f"{c.function('exp')}({out}, {out})",
        f"{c.function('add')}({out}, {one}, {out})",
        f"{c.function('true_divide')}({one}, {out}, {out})",
    ]


def _from_largest(c: Call) -> tuple[list[str], str]:
    """Lines that put x - max x along the axis into `out`; and the name of an array for one number of each row."""
    axis, shape = c.attr("axis"), c.graph.shape(c.node)
    row = c.scratch([1 if k == axis else d for k, d in enumerate(shape)], c.graph.dtype(c.node))
    lines = [
        f"{c.function('maximum.reduce')}({c.args[0]}, {axis}, None, {row}, True)",
        f"{c.function('subtract')}({c.args[0]}, {row}, {c.out})",
    ]
    return lines, row


def _softmax(c: Call) -> list[str]:
    lines, row = _from_largest(c)
    return [
        *lines,
        f"{c.function('exp')}({c.out}, {c.out})",
        f"{c.function('add.reduce')}({c.out}, {c.attr('axis')}, None, {row}, True)",
        f"{c.function('true_divide')}({c.out}, {row}, {c.out})",
    ]


def _log_softmax(c: Call) -> list[str]:
    lines, row = _from_largest(c)
    e = c.scratch(c.graph.shape(c.node), c.graph.dtype(c.node))
    return [
        *lines,
        f"{c.function('exp')}({c.out}, {e})",
        f"{c.function('add.reduce')}({e}, {c.attr('axis')}, None, {row}, True)",
        f"{c.function('log')}({row}, {row})",
        f"{c.function('subtract')}({c.out}, {row}, {c.out})",
    ]


def _places(c: Call, shape: Sequence[Any]) -> str:
    """The index of `take_along` and `put_along`: the given one along the axis, every place along the others."""
    rank = len(shape)
    parts = []
    for k, d in enumerate(shape):
        parts.append(c.args[1] if k == c.attr("axis") else c.name(f"r{d}_{rank - 1 - k}", _range(d, rank - 1 - k)))
    return ", ".join(parts)


@cache
def _range(n: int, after: int) -> Any:
    return np.arange(n).reshape((-1,) + (1,) * after)


def _take_along(c: Call) -> list[str]:
    guard = [] if c.attr("negative") else [f"{c.name('none_below', none_below)}({c.name('np', np)}, {c.args[1]})"]
    return [*guard, f"{c.out}[...] = {c.args[0]}[{_places(c, c.graph.shape(c.graph.inputs(c.node)[0]))}]"]


def _put_along(c: Call) -> list[str]:
    return [f"{c.out}.fill(0.0)", f"{c.out}[{_places(c, c.graph.shape(c.node))}] = {c.args[0]}"]


def _fill(c: Call) -> list[str]:
    return [f"{c.out}.fill({c.args[0]})"]


def _kernel(c: Call) -> list[str]:
    """The operation's own kernel, which takes `out`."""
    op, attrs = c.graph.op(c.node), c.graph.attrs(c.node)
    args = [c.name("np", np), *c.args, f"**{c.name(f'a{c.node}', attrs)}"]
    call = f"{c.name(f'k_{op.name}', op.kernel)}({', '.join(args)}"
    return [f"{call}, out={c.out})" if c.solid else f"{c.out}[...] = {call})"]


INTO = ("conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d", "conv1d_kernel", "conv2d_kernel",
        "max_pool1d", "max_pool2d", "max_pool_tap", "avg_pool1d", "avg_pool2d")  # fmt: skip
FILLED = ("broadcast_to", "expand_dims", "flatten", "reshape")  # of a scalar; of an array they are views

WRITERS: Mapping[str, Writer] = {
    "matmul": _matmul,
    "sum": _sum,
    "mean": _mean,
    "max": _reduce("maximum"),
    "min": _reduce("minimum"),
    "prod": _reduce("multiply"),
    "sum_to": _sum_to,
    "where": _where,
    "cast": _cast,
    "rsqrt": _rsqrt,
    "clip": _clip,
    "relu": _relu,
    "sigmoid": _sigmoid,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "take_along": _take_along,
    "put_along": _put_along,
    **dict.fromkeys(FILLED, _fill),
    **dict.fromkeys(INTO, _kernel),
}

_KEYWORD = frozenset({"maximum", "minimum"})  # NumPy wants their `out` by name
_TO_BOOL = frozenset({"less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "isnan", "isfinite"})
_WHOLE = frozenset({"add", "sub", "mul", "neg", "minimum", "maximum", "square"})
_REDUCTIONS = frozenset({"sum", "mean", "max", "min", "prod", "sum_to"})


def writes_out(graph: Graph, i: int) -> bool:
    """Whether array node i can be computed straight into a buffer."""
    op, dtype = graph.op(i), graph.dtype(i)
    inputs = graph.inputs(i)
    given = {graph.dtype(j) for j in inputs}
    if op.name == "cast":
        return True
    if op.name in FILLED:
        return not graph.shape(inputs[0])
    if op.name == "where":
        return graph.dtype(inputs[0]) == "bool" and all(graph.dtype(j) == dtype for j in inputs[1:])
    if op.name == "matmul":
        return given == {dtype} and is_real(dtype) and all(graph.shape(j) for j in inputs)
    if op.name in ("take_along", "put_along"):
        return _indexes(graph, i)
    if op.name == "max_pool_tap":
        return bool(graph.shape(i))
    if op.name in WRITERS:
        arrays = op.name not in _REDUCTIONS or bool(graph.shape(inputs[0]))
        return arrays and given == {dtype} and is_real(dtype)
    if op.name == "mul" and is_real(dtype) and given == {dtype, "bool"}:
        return True
    if op.ufunc is None or not op.elementwise or len(given) != 1:
        return False
    (one,) = given
    if dtype == "bool":
        return op.name in _TO_BOOL or one == "bool"
    return one == dtype and (is_real(dtype) or op.name in _WHOLE)


def _indexes(graph: Graph, i: int) -> bool:
    """Whether `take_along` or `put_along` picks one place in each row: then none comes up twice."""
    x, index = graph.inputs(i)[:2]
    axis = graph.attrs(i)["axis"]
    whole = graph.shape(i) if graph.op(i).name == "put_along" else graph.shape(x)
    one = graph.shape(index)[axis] == 1 and all(d == e for k, (d, e) in enumerate(zip(graph.shape(index), whole, strict=True)) if k != axis)
    return one and graph.dtype(index) == "int64" and graph.dtype(x) == graph.dtype(i) and is_real(graph.dtype(i))


def in_place(graph: Graph, i: int) -> bool:
    """Whether node i may be computed over an operand of its own layout: one elementwise call reads and writes each element once."""
    op = graph.op(i)
    return op.name not in WRITERS and op.ufunc is not None and op.elementwise


def lines_into(call: Call) -> list[str]:
    """The lines that compute a node for which `writes_out` holds."""
    op = call.graph.op(call.node)
    writer = WRITERS.get(op.name)
    if writer is not None:
        return writer(call)
    assert op.ufunc is not None
    out = f"out={call.out}" if op.ufunc in _KEYWORD else call.out
    return [f"{call.function(op.ufunc)}({', '.join(call.args)}, {out})"]
