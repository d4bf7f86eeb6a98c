"""What each input is fed: by hand, then from the data, then by default (language.md §6, "What is fed")."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphrun.build.build import Built, InputInfo
from graphrun.build.optimizer import whole_setting
from graphrun.data.dataset import Dataset, load_data
from graphrun.errors import DataError, Diagnostic, Reporter, SpecError, UsageError, nearest
from graphrun.ir.formula import number
from graphrun.ir.graph import Graph
from graphrun.ir.types import Sym, shape_text
from graphrun.passes.rows import map_rows

__all__ = ["Feeds", "row_feeds"]

NO_ROWS = "--row needs rows: the spec has no `data`, or every input is fed by hand"


@dataclass(frozen=True)
class Feeds:
    """Arrays by input. `row` says which row they are; in a graph for one row `rows` names the inputs that carry all rows as axis 0."""

    values: Mapping[str, Any]
    sizes: Mapping[str, int] = field(default_factory=dict)
    rows: tuple[str, ...] = ()
    row: str | None = None

    @property
    def all_rows(self) -> bool:
        """Whether the graph is mapped over rows."""
        return bool(self.rows)

    @property
    def count(self) -> int:
        """The number of rows."""
        return len(self.values[self.rows[0]]) if self.rows else self.sizes.get("batch", 1)

    def mapped(self, built: Built) -> tuple[Graph, dict[int, int]]:
        """The graph, over rows where all rows are fed, and old node → new node."""
        graph = built.graph
        if not self.rows:
            return graph, {i: i for i in range(len(graph))}
        return map_rows(graph, [built.inputs[n].node for n in self.rows], range(len(graph)), self.count)

    def leaves(self, built: Built, nodes: Mapping[int, int], params: Mapping[str, Any]) -> dict[int, Any]:
        """Leaf → array, for the inputs, parameters and state of the mapped graph; random values are those of step 0."""
        out = {nodes[built.inputs[n].node]: v for n, v in self.values.items() if built.inputs[n].node in nodes}
        for table in (built.params, built.state):
            out.update({nodes[p.node]: params[n] for n, p in table.items() if p.node is not None and p.node in nodes})
        if built.counter is not None and built.counter in nodes:
            out[nodes[built.counter]] = 0.0
        return out


def row_feeds(
    built: Built, given: Mapping[str, Any], row: int | str | None, dataset: Callable[[], Dataset | None], by_hand: bool = True
) -> Feeds:
    """The feeds for one row (the first training row, where `row` is None), for all (`row="all"`), or for a batch.

    Raises UsageError for what is wrong with them; where nothing can be fed `by_hand`, an input that nothing feeds is a SpecError.
    """
    for name in given:
        if name not in built.inputs:
            near = nearest(name, built.inputs)
            raise UsageError(f"there is no input called `{name}`" + (f"; did you mean `{near}`?" if near else ""))
    values = {name: _fitted(built.inputs[name], value) for name, value in given.items()}
    rows: tuple[str, ...] = ()
    text = None
    if len(values) < len(built.inputs) and built.spec.model.data is not None:
        data = _beside(built, values, dataset)
        if data is not None:
            values, rows, text = _from_data(built, data, values, row)
    elif row is not None:
        raise UsageError(NO_ROWS)
    for name, info in built.inputs.items():
        if name not in values:
            if info.default is None and not by_hand:
                message = f"nothing feeds the input `{name}`: no column, no default"
                raise SpecError(Diagnostic("unfed-input", message, info.place, help="give it a default, or a column of `data`"))
            if info.default is None:
                raise UsageError(
                    f"nothing feeds the input `{name}`: give it a default in the spec, a column of `data`, or a value (--feed {name}=…)"
                )
            values[name] = _fitted(info, info.default)
    return Feeds(values, _sizes(built, values, rows), rows, text)


def _beside(built: Built, given: Mapping[str, Any], dataset: Callable[[], Dataset | None]) -> Dataset | None:
    """The data, in which inputs that are fed by hand may go without a column."""
    try:
        return dataset()
    except DataError:
        if not given:
            raise
    return load_data(built.spec, built, given)


def _from_data(
    built: Built, data: Dataset, given: dict[str, Any], row: int | str | None
) -> tuple[dict[str, Any], tuple[str, ...], str | None]:
    arrays = {n: a for n, a in data.train.items() if n not in given}
    count = len(next(iter(arrays.values()), ()))
    if not arrays:
        if row is not None:
            raise UsageError(NO_ROWS)
        return given, (), None
    if built.one_row and row == "all":
        return {**arrays, **given}, tuple(arrays), f"the mean over all {count} rows"
    batch = whole_setting(built.spec, "batch", Reporter())
    first, last = 0, 1 if built.one_row else min(count, batch) if batch is not None and row is None else count
    if row is not None and row != "all":
        number_of = int(row) if str(row).isdecimal() else 0
        if not 1 <= number_of <= count:
            raise UsageError(f"there is no row {row}: the training rows are 1 to {count}")
        first, last = number_of - 1, number_of
    taken = {n: a[first] if built.one_row else a[first:last] for n, a in arrays.items()}
    if not built.one_row:
        text = f"rows {first + 1} to {last} of {count}" if last - first > 1 else f"row {first + 1} of {count}"
        return {**taken, **given}, (), text
    shown = ", ".join(f"{n} = {_short(v)}" for n, v in {**taken, **given}.items())
    return {**taken, **given}, (), f"row {first + 1} of {count}: {shown}   (--row N for another, --row all for the mean)"


def _short(value: Any) -> str:
    array = np.asarray(value)
    if array.ndim == 0:
        return number(float(array))
    flat = [number(float(x)) for x in array.reshape(-1)[:6]]
    return "[" + ", ".join(flat) + (", …]" if array.size > 6 else "]")


def _fitted(info: InputInfo, value: Any) -> Any:
    """A feed as an array of the input's dtype and shape."""
    try:
        array = _cast(value, info.dtype)
    except (ValueError, TypeError, OverflowError):
        raise UsageError(f"the value fed to `{info.name}` is not made of {info.dtype} numbers") from None
    expected = info.shape
    if array.ndim == len(expected) and all(isinstance(d, Sym) or d == n for d, n in zip(expected, array.shape, strict=True)):
        return array
    if array.ndim == 0 and not any(isinstance(d, Sym) for d in expected):
        return np.broadcast_to(array, tuple(d for d in expected if isinstance(d, int)))
    raise UsageError(f"the value fed to `{info.name}` has shape {list(array.shape)}; the input has shape {shape_text(expected)}")


def _cast(value: Any, dtype: str) -> Any:
    """A value as an array of `dtype`. Raises ValueError or TypeError where it does not fit, as a cell of the data would not."""
    given = np.asarray(value)
    if given.dtype == object and all(isinstance(v, int) for v in given.flat):
        given = given.astype(np.float64)  # whole numbers beyond 64 bits
    if given.dtype.kind not in "biuf":
        raise TypeError(given.dtype)
    with np.errstate(all="ignore"):
        array = given.astype(dtype)
    kept = np.isfinite(array) | ~np.isfinite(given) if array.dtype.kind == "f" else array == given
    if not np.all(kept):
        raise ValueError(dtype)
    return array


def _sizes(built: Built, values: Mapping[str, Any], rows: tuple[str, ...]) -> dict[str, int]:
    """The size of each named dimension, from the arrays that are fed."""
    sizes: dict[str, int] = {}
    whose: dict[str, str] = {}
    for name, array in values.items():
        shape = np.shape(array)[1:] if name in rows else np.shape(array)
        for d, n in zip(built.inputs[name].shape, shape, strict=True):
            if isinstance(d, Sym) and len(d.terms) == 1 and len(d.names()) == 1:
                (dim,) = d.names()
                if sizes.setdefault(dim, n) != n:
                    raise UsageError(f"the dimension `{dim}` is {sizes[dim]} in `{whose[dim]}` and {n} in `{name}`")
                whose.setdefault(dim, name)
    return sizes
