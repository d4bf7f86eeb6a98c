"""What a kernel cannot compute from the values at hand, told where it stands in the spec: an index out of range, a number that is no
class, a negative power, a remainder by 0, a probability that is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphrun.errors import Diagnostic, RunError
from graphrun.ir.graph import Graph
from graphrun.ir.types import shape_text

__all__ = ["kernel_fault"]

SAME_ORDER = frozenset({"expand_dims", "squeeze", "reshape", "flatten", "identity", "stop_gradient"})
"""Operations that leave the elements in their order, so that one of the result is found again in the operand."""


def kernel_fault(graph: Graph, i: int, values: Sequence[Any]) -> RunError | None:
    """Why the kernel of node i refused the `values` of its operands, as an error at its place; None where that is not known."""
    op = graph.op(i)
    if "index" in op.arrays:
        found = _index_fault(graph, i, values)
    else:
        told = _TOLD.get(op.name)
        found = told(graph, i, values) if told is not None else None
    return None if found is None else RunError(found)


def _index_fault(graph: Graph, i: int, values: Sequence[Any]) -> Diagnostic | None:
    """The first index that is out of range, and what it was computed from."""
    x, index = graph.inputs(i)[0], graph.inputs(i)[1]
    axis = graph.attrs(i)["axis"]
    shape = graph.attrs(i).get("shape", np.shape(values[x]))
    n, array = shape[axis], np.asarray(values[index])
    least = -n if graph.attrs(i).get("negative", True) else 0
    wrong = np.argwhere((array < least) | (array >= n))
    if not len(wrong):
        return None
    at = tuple(wrong[0])
    whole = "what it is looked up in" if graph.owner(x) is None else f"`{graph.name(x)}`"
    message = f"index {array[at]} is out of range for axis {axis} of {whole}, which has shape {shape_text(shape)}"
    source, element = _origin(graph, index, int(np.ravel_multi_index(at, array.shape)) if at else 0, values)
    behind = f", or -{n} to -1 from the end" if least else ""
    notes = [f"its indices are 0 to {n - 1}{behind}" if n else "the axis is empty"]
    if source is not None:
        notes.append(f"{source}{list(element) if element else ''} = {array[at]}" + _more(len(wrong)))
    name = f"`{source}`" if source else "the index"
    mend = f"{name} must not be below 0" if array[at] < 0 else f"make {whole} longer along that axis, or see that {name} stays below {n}"
    return Diagnostic("bad-index", message, graph.spot(i), "error", tuple(notes), mend)


def _class_fault(graph: Graph, i: int, values: Sequence[Any]) -> Diagnostic | None:
    """The first number that is none of the classes of `one_hot`."""
    (x,), n = graph.inputs(i), graph.attrs(i)["num_classes"]
    array = np.asarray(values[x])
    wrong = np.argwhere((array < 0) | (array >= n))
    if not len(wrong):
        return None
    at = tuple(wrong[0])
    source, element = _origin(graph, x, int(np.ravel_multi_index(at, array.shape)) if at else 0, values)
    notes = ["its only class is 0" if n == 1 else f"its classes are 0 to {n - 1}"]
    if source is not None:
        notes.append(f"{source}{list(element) if element else ''} = {array[at]}" + _more(len(wrong), "none of them"))
    name = f"`{source}`" if source else "the number"
    mend = f"{name} must not be below 0" if array[at] < 0 else f"make `num_classes` larger, or see that {name} stays below {n}"
    message = f"{array[at]} is no class: `one_hot` has {n} of them here"
    return Diagnostic("bad-index", message, graph.spot(i), "error", tuple(notes), mend)


def _more(count: int, what: str = "out of range") -> str:
    return f", and {count - 1} more {'is' if count == 2 else 'are'} {what}" if count > 1 else ""


def _origin(graph: Graph, index: int, flat: int, values: Sequence[Any]) -> tuple[str | None, tuple[int, ...]]:
    """What an index was computed from without a change, by name, and which element of that it is."""
    while graph.op(index).name in SAME_ORDER:
        index = graph.inputs(index)[0]
    if graph.owner(index) is None:
        return None, ()
    return graph.name(index), tuple(int(k) for k in np.unravel_index(flat, np.shape(values[index])))


def _power_fault(graph: Graph, i: int, values: Sequence[Any]) -> Diagnostic | None:
    """NumPy refuses whole numbers to a negative power, which are whole only of 1 and -1."""
    base, exponent = graph.inputs(i)
    lowest = np.asarray(values[exponent]).min()
    if lowest >= 0:
        return None
    of, to = (graph.name(j) if graph.owner(j) is not None else None for j in (base, exponent))
    message = f"a whole number to the power of {lowest} is no whole number"
    notes = (f"both operands are int64{f', and `{to}` is {lowest}' if to else ''}",)
    value = graph.attrs(base).get("value")
    real = f"cast({of}, 'float64')" if of else repr(float(value)) if isinstance(value, int) else "cast(…, 'float64')"
    return Diagnostic("dtype-mismatch", message, graph.spot(i), "error", notes, f"make the base real: `{real}`")


def _mod_fault(graph: Graph, i: int, values: Sequence[Any]) -> Diagnostic | None:
    """NumPy's remainder by a whole 0 is 0, PyTorch refuses it."""
    by = graph.inputs(i)[1]
    array = np.asarray(values[by])
    wrong = np.argwhere(array == 0)
    if array.dtype.kind == "f" or not len(wrong):
        return None
    at = tuple(wrong[0])
    source, element = _origin(graph, by, int(np.ravel_multi_index(at, array.shape)) if at else 0, values)
    notes = ("both operands are int64", *((f"{source}{list(element) if element else ''} = 0",) if source is not None else ()))
    mend = f"see that {f'`{source}`' if source else 'the divisor'} is not 0"
    return Diagnostic("wrong-value", "a whole number has no remainder by 0", graph.spot(i), "error", notes, mend)


def _probability_fault(graph: Graph, i: int, values: Sequence[Any]) -> Diagnostic | None:
    """The first probability that is none."""
    node = graph.inputs(i)[0]
    p = np.asarray(values[node]).reshape(-1)
    wrong = p[(p < 0) | (p > 1)]
    if not len(wrong):
        return None
    notes = (f"`{graph.name(node)}` holds it",) if graph.owner(node) is not None else ()
    message = f"the probability `p` of `bernoulli` is a number from 0 to 1; here it is {wrong[0]:g}"
    return Diagnostic("wrong-value", message, graph.spot(i), "error", notes, "`sigmoid` or `clip` brings numbers there")


_TOLD = {"power": _power_fault, "bernoulli": _probability_fault, "one_hot": _class_fault, "mod": _mod_fault}
