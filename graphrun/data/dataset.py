"""The data of a spec, read, divided and made into arrays: what training, evaluation and the first rows on the screen are fed from."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from graphrun.data.cells import Converted, Rows, convert
from graphrun.data.columns import InputLike, list_feeds
from graphrun.data.shares import rows_by_column, rows_by_file, split_sizes
from graphrun.data.sources import SPLITS, Part, read_parts
from graphrun.data.splits import divide
from graphrun.data.transforms import Transform, fit
from graphrun.errors import DataError, Reporter
from graphrun.spec.spec import Spec

__all__ = ["BuiltLike", "Dataset", "load_data", "spread"]

Arrays = dict[str, Any]
SHOWN = 16


class BuiltLike(Protocol):
    """What is asked of a built spec: its inputs, and whether its graph is for one row."""

    @property
    def inputs(self) -> Mapping[str, InputLike]:
        """Name → input."""
        ...

    @property
    def one_row(self) -> bool:
        """Whether no input has `batch`."""
        ...


@dataclass(frozen=True, slots=True)
class Dataset:
    """Arrays by input, with rows on axis 0, for each split (empty where there is no such split).

    `rows[split]` are the numbers (from 0) of its rows in the data, in order; `columns` says which columns fill an input, `classes` the
    classes of a column of strings; `raw` holds the inputs' numbers before `transform`, `shown` the cells of some rows of each split as they
    stand in the data, and `picked` the numbers (from 0) of these rows within the split.
    """

    train: Arrays
    valid: Arrays
    test: Arrays
    rows: Mapping[str, Sequence[int]]
    columns: Mapping[str, tuple[str, ...]]
    classes: Mapping[str, tuple[str, ...]]
    transforms: Mapping[str, Transform]
    raw: Mapping[str, Arrays] = field(repr=False)
    shown: Mapping[str, Mapping[str, Sequence[Any]]] = field(repr=False)
    picked: Mapping[str, Sequence[int]] = field(repr=False)

    @property
    def counts(self) -> dict[str, int]:
        """Split → number of its rows."""
        return {split: len(rows) for split, rows in self.rows.items()}

    def split(self, name: str) -> Arrays:
        """The arrays of a split."""
        return {"train": self.train, "valid": self.valid, "test": self.test}[name]

    def class_names(self, name: str) -> tuple[str, ...] | None:
        """The classes whose indices input `name` holds, or None."""
        columns = self.columns.get(name, ())
        return self.classes.get(columns[0]) if len(columns) == 1 else None

    def cells(self, split: str, places: Sequence[int]) -> dict[str, list[Any]]:
        """Column → the cells of some of the rows in `picked`, as they stand in the data, for the columns that fill inputs."""
        return {column: [cells[k] for k in places] for column, cells in self.shown[split].items()}


def spread(rows: int, count: int) -> list[int]:
    """`count` of so many rows, evenly from the first to the last: of data sorted by class some of each. All where there are no more."""
    if rows <= count:
        return list(range(rows))
    return [(k * (rows - 1) + (count - 1) // 2) // (count - 1) for k in range(count)] if count > 1 else [0]


def load_data(spec: Spec, built: BuiltLike, fed: Collection[str] = ()) -> Dataset | None:
    """Reads the data of a spec; None where it has no `data`. Inputs named in `fed` are fed by hand, and need no column.

    Raises DataError with all faults of the data.
    """
    if spec.model.data is None:
        return None
    reporter = Reporter()
    data = spec.model.data
    if data.text is not None:
        reporter.error("not-yet", "`text` is not carried out yet", spec.key("data", "text"), help="give the rows as a .csv file")
        reporter.raise_errors(DataError)
    parts = read_parts(spec, reporter)
    tables = [t for part in parts for t in part.tables]
    feeds = list_feeds(spec, parts, built.inputs, reporter, one_row=built.one_row, fed=fed)
    table = Rows(tables)
    fine = bool(tables) and not reporter.errors
    rows = _divided(spec, parts, table, reporter) if fine else {}
    done: list[Converted] = []
    classes: dict[str, tuple[str, ...]] = {}
    if tables:
        done, classes = convert(table, feeds, rows.get("train", range(len(table))), data.classes, reporter)
    reporter.raise_errors(DataError)
    return _arrays(spec, done, rows, table, classes=classes)


def _divided(spec: Spec, parts: Sequence[Part], table: Rows, reporter: Reporter) -> Mapping[str, Sequence[int]]:
    """The rows of each split."""
    data = spec.model.data
    assert data is not None
    split = data.split
    if isinstance(data.source, dict):
        if split is not None:
            reporter.error("bad-split", "`source` names a file for each split already", spec.key("data", "split"), help="take `split` out")
        found = rows_by_file(parts)
        if "train" not in found:
            reporter.error("bad-split", "`source` names no file for `train`", spec.value("data", "source"))
        return {s: found[s] for s in SPLITS if s in found}
    if split is None:
        return {"train": range(len(table))}
    if split.by is not None:
        return rows_by_column(spec, table, split.by, reporter)
    sizes = split_sizes(spec, split, len(table), reporter)
    return divide(sizes, split.seed, table.cells(split.stratify) if split.stratify is not None else None) if sizes else {}


def _arrays(
    spec: Spec, done: Sequence[Converted], rows: Mapping[str, Sequence[int]], table: Rows, *, classes: Mapping[str, tuple[str, ...]]
) -> Dataset:
    data = spec.model.data
    assert data is not None
    splits: dict[str, Arrays] = {split: {} for split in SPLITS}
    raw: dict[str, Arrays] = {split: {} for split in SPLITS}
    transforms: dict[str, Transform] = {}
    picked = {split: spread(len(numbers), SHOWN) for split, numbers in rows.items()}
    for converted in done:
        feed = converted.feed
        columns = [np.array(element, dtype=feed.dtype) for element in converted.elements]
        whole = np.stack(columns, axis=1) if columns else np.empty((len(table), 0), dtype=feed.dtype)
        whole = whole.reshape(len(table), *feed.shape)
        for split, numbers in rows.items():
            part = np.ascontiguousarray(whole[np.asarray(numbers, dtype=np.int64)])
            splits[split][feed.name] = raw[split][feed.name] = part
        if feed.name in data.transform:
            transforms[feed.name], splits["train"][feed.name] = fit(spec, feed.name, feed.dtype, raw["train"][feed.name])
            for split in rows:
                if split != "train":
                    splits[split][feed.name] = transforms[feed.name].apply(raw[split][feed.name])
    return Dataset(
        train=splits["train"],
        valid=splits["valid"],
        test=splits["test"],
        rows=rows,
        columns={c.feed.name: c.feed.columns for c in done},
        classes=classes,
        transforms=transforms,
        raw=raw,
        shown={split: _shown(table, done, [numbers[k] for k in picked[split]]) for split, numbers in rows.items()},
        picked=picked,
    )


def _shown(table: Rows, done: Sequence[Converted], numbers: Sequence[int]) -> dict[str, list[Any]]:
    """Column → the cells of some rows."""
    found = [table.locate(i) for i in numbers]
    names = dict.fromkeys(column for converted in done for column in converted.feed.columns)
    return {name: [of.rows[row][of.header.index(name)] for of, row in found] for name in names}
