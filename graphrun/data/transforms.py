"""`data.transform`: formulas over an input with all its rows on axis 0, whose statistics come from the training rows alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphrun.build.formula import lower_formula
from graphrun.engines.reference import constant
from graphrun.errors import DataError, Diagnostic
from graphrun.ir.graph import Graph
from graphrun.ir.types import DType, TensorType
from graphrun.spec.spec import Spec

__all__ = ["Transform", "fit"]

REDUCTIONS = frozenset(
    {"sum", "mean", "prod", "max", "min", "var", "std", "norm", "logsumexp", "argmax", "argmin", "any", "all"}
)


@dataclass(frozen=True, slots=True)
class Transform:
    """The transform of one input. `statistics` are what its reductions over the rows gave on the training rows, by name (`x.mean`)."""

    spec: Spec = field(repr=False)
    name: str
    dtype: str
    statistics: Mapping[str, Any]

    @property
    def formula(self) -> str:
        """The formula as it stands in the spec."""
        data = self.spec.model.data
        assert data is not None
        return data.transform[self.name]

    def apply(self, rows: Any) -> Any:
        """The rows (an array with rows on axis 0) transformed by the statistics of the training rows, in the input's dtype."""
        if not len(rows):
            return np.asarray(rows, dtype=self.dtype)
        out = _run(self.spec, self.name, _source(rows, self.dtype), dict(self.statistics), fixed=True)
        return _cast(self.spec, self.name, self.dtype, out)


def fit(spec: Spec, name: str, dtype: str, rows: Any) -> tuple[Transform, Any]:
    """The transform of input `name`, with its statistics taken from `rows` (those for training), and these rows transformed.

    Raises SpecError where the formula is wrong, DataError where what it gives is not the input's shape or dtype.
    """
    statistics: dict[str, Any] = {}
    out = _run(spec, name, _source(rows, dtype), statistics, fixed=False)
    return Transform(spec, name, dtype, statistics), _cast(spec, name, dtype, out)


def _source(rows: Any, dtype: str) -> Any:
    """Rows as the formula meets them: real inputs in double precision, so that statistics lose nothing."""
    return np.asarray(rows, dtype="float64" if dtype.startswith("float") else dtype)


def _run(spec: Spec, name: str, rows: Any, statistics: dict[str, Any], *, fixed: bool) -> Any:
    """The formula's value on `rows`. Statistics are taken from `statistics` where they are fixed, else from `rows`, and put there."""
    kind: DType = "float64" if rows.dtype == np.float64 else "int64" if rows.dtype == np.int64 else "bool"
    data = spec.model.data
    assert data is not None
    names = {name: TensorType(tuple(rows.shape), kind)}
    graph, nodes, out = lower_formula(spec, ("data", "transform", name), data.transform[name], names)
    source = nodes[name]
    needed = graph.ancestors([out])
    values: list[Any] = [None] * len(graph)
    carries = bytearray(len(graph))  # 1 where a value has a row of its own for each row
    taken: dict[str, int] = {}
    with np.errstate(all="ignore"):
        for i in range(out + 1):
            if not needed[i]:
                continue
            if i == source:
                values[i], carries[i] = rows, 1
                continue
            inputs = graph.inputs(i)
            if not inputs and graph.op(i).name == "const":
                values[i] = constant(graph.attrs(i)["value"], graph.dtype(i), graph.shape(i))
                continue
            given = [values[j] for j in inputs]
            of_rows = any(carries[j] for j in inputs)
            if of_rows and _over_rows(graph, i):
                op = graph.op(i).name
                taken[op] = taken.get(op, 0) + 1
                key = f"{name}.{op}" if taken[op] == 1 else f"{name}.{op}.{taken[op]}"
                if not fixed:
                    statistics[key] = np.asarray(_statistic(graph, i, given))
                values[i] = statistics[key]
                continue
            carries[i] = of_rows
            values[i] = graph.op(i).kernel(np, *given, **graph.attrs(i))
            if graph.op(i).name == "div" and not carries[inputs[1]]:
                # a column that does not vary gives 0: what is divided by a statistic that is 0 becomes 0, on other rows too
                values[i] = np.where(np.asarray(given[1]) == 0, 0.0, values[i])
    result = np.asarray(values[out])
    if result.shape != rows.shape:
        found, wanted = list(result.shape), list(rows.shape)
        raise _fault(spec, name, f"the transform of `{name}` gives an array of shape {found}, and {wanted} is wanted, with the rows first")
    return result


def _over_rows(graph: Graph, i: int) -> bool:
    """Whether node i reduces over axis 0."""
    if graph.op(i).name not in REDUCTIONS:
        return False
    axis = graph.attrs(i).get("axis")
    return axis is None or axis == 0 or (isinstance(axis, tuple) and 0 in axis)


def _statistic(graph: Graph, i: int, given: list[Any]) -> Any:
    """The value of a reduction over the rows. Where the rows are all equal, rounding must not make them vary."""
    value = graph.op(i).kernel(np, *given, **graph.attrs(i))
    name, rows = graph.op(i).name, given[0]
    axis = graph.attrs(i).get("axis")
    if name in {"mean", "var", "std"} and (axis in {0, (0,)} or (rows.ndim == 1 and axis is None)):
        equal = np.all(rows == rows[:1], axis=0)
        same = np.broadcast_to(rows[0] if name == "mean" else 0.0, equal.shape)
        value = np.where(equal.reshape(np.shape(value)), same.reshape(np.shape(value)), value)
    return value


def _cast(spec: Spec, name: str, dtype: str, values: Any) -> Any:
    """Values in the input's dtype; a fault where they do not fit."""
    with np.errstate(all="ignore"):
        out = values.astype(dtype)
    if not np.issubdtype(out.dtype, np.floating):
        if np.any(out != values):
            message = f"the transform of `{name}` gives numbers that are not {dtype}"
            raise _fault(spec, name, message, help="give the input `dtype: float64`")
    elif not np.all(np.isfinite(out)):
        row = int(np.argwhere(~np.isfinite(out))[0][0])
        raise _fault(spec, name, f"the transform of `{name}` gives {out[row].tolist()} in row {row + 1}")
    return out


def _fault(spec: Spec, name: str, message: str, help: str | None = None) -> DataError:
    return DataError(Diagnostic("transform-result", message, spec.value("data", "transform", name), help=help))
