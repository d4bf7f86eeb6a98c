"""The check of `data` that `graphrun validate` makes: files, columns, cells and counts against the inputs, without NumPy."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from graphrun.build.formula import lower_formula
from graphrun.data.cells import Rows, convert
from graphrun.data.columns import Feed, InputLike, list_feeds
from graphrun.data.shares import rows_by_column, split_sizes
from graphrun.data.sources import read_parts
from graphrun.errors import Reporter, SpecError
from graphrun.ir.types import DType, Shape, TensorType, shape_text, sym
from graphrun.spec.spec import Spec

__all__ = ["CHECKED_ROWS", "check_data"]

CHECKED_ROWS = 5_000
"""How many rows of a file are checked; inline rows are checked all."""


def check_data(spec: Spec, inputs: Mapping[str, InputLike], one_row: bool, reporter: Reporter, lost: Collection[str] = ()) -> list[str]:
    """Checks the `data` section. A missing file is a warning here, as the place where a spec is checked may lack the data.

    `lost` are the names of inputs that have faults of their own. Returns the columns of a file that nothing uses.
    """
    data = spec.model.data
    if data is None:
        return []
    if data.text is not None:
        reporter.error("not-yet", "`text` is not carried out yet", spec.key("data", "text"), help="give the rows as a .csv file")
        return []
    before = len(reporter.errors)
    parts = read_parts(spec, reporter, missing_is_warning=True, limit=CHECKED_ROWS)
    tables = [t for part in parts for t in part.tables]
    if not tables:
        return []
    feeds = list_feeds(spec, parts, inputs, reporter, one_row=one_row, lost=lost)
    rows = Rows(tables)
    known = len(reporter.errors) == before
    if data.split is not None and isinstance(data.source, dict):
        reporter.error("bad-split", "`source` names a file for each split already", spec.key("data", "split"), help="take `split` out")
    elif data.split is not None and not spec.file.lost.split and known and all(t.whole for t in tables):
        if data.split.by is not None:
            rows_by_column(spec, rows, data.split.by, reporter)
        else:
            split_sizes(spec, data.split, len(rows), reporter)
    convert(rows, feeds, range(len(rows)), data.classes, reporter)
    for feed in feeds:
        if feed.name in data.transform:
            _check_transform(spec, feed, data.transform[feed.name], reporter)
    if data.rows is not None or not feeds:
        return []
    used = {c for feed in feeds for c in feed.columns}
    used |= {data.split.by or "", data.split.stratify or ""} if data.split is not None else set()
    return [c for c in tables[0].header if c not in used]


def _check_transform(spec: Spec, feed: Feed, written: str, reporter: Reporter) -> None:
    """Builds the formula of a transform, for any number of rows."""
    dtype: DType = "int64" if feed.dtype == "int64" else "bool" if feed.dtype == "bool" else "float64"
    shape: Shape = (sym("batch"), *feed.shape)
    path = ("data", "transform", feed.name)
    try:
        graph, _, out = lower_formula(spec, path, written, {feed.name: TensorType(shape, dtype)})
    except SpecError as error:
        reporter.diagnostics += error.diagnostics
        return
    if graph.shape(out) != shape:
        found = shape_text(graph.shape(out))
        message = f"the transform of `{feed.name}` gives an array of shape {found}, and {shape_text(shape)} is wanted, with the rows first"
        reporter.error("transform-result", message, spec.value(*path))
