"""Which columns fill which input: names, lists, ranges `a..b` and patterns `pixel_*`, checked against the inputs' shapes."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from graphrun.data.sources import Part, Table
from graphrun.errors import Place, Reporter, nearest
from graphrun.spec.spec import Spec

__all__ = ["Feed", "InputLike", "list_feeds", "positions"]


class InputLike(Protocol):
    """What is asked of an input: its shape and dtype, and the value that it has where nothing feeds it."""

    @property
    def shape(self) -> Sequence[Any]:
        """Its shape; a symbolic dimension prints as its name."""
        ...

    @property
    def dtype(self) -> str:
        """Its dtype."""
        ...

    @property
    def default(self) -> Any:
        """Its default, or None."""
        ...


@dataclass(frozen=True, slots=True)
class Feed:
    """An input and the columns that fill it row by row; `shape` is that of one row."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    columns: tuple[str, ...]
    place: Place

    @property
    def size(self) -> int:
        """How many numbers a row gives it."""
        return math.prod(self.shape)


def list_feeds(
    spec: Spec,
    parts: Sequence[Part],
    inputs: Mapping[str, InputLike],
    reporter: Reporter,
    *,
    one_row: bool,
    fed: Collection[str] = (),
    lost: Collection[str] = (),
) -> list[Feed]:
    """The inputs that columns fill, in the order of `inputs`. Inputs named in `fed` are fed by hand and may go without; those named in
    `lost` have faults of their own and are passed over.

    `one_row` says that the graph is for one row: its inputs have no `batch`, and their whole shape is filled by a row.
    """
    data = spec.model.data
    tables = [t for part in parts for t in part.tables]
    if data is None or not tables:
        return []
    finder = _Finder(spec, tables, reporter)
    wanted = _wanted(spec, finder, inputs, reporter, lost)
    feeds = []
    for name, info in inputs.items():
        if name in wanted:
            columns, place = wanted[name]
            if columns is None:
                continue
            feed = _fit(name, info, columns, place, one_row=one_row, inline=data.rows is not None, reporter=reporter)
            if feed is not None:
                feeds.append(feed)
        elif info.default is None and name not in fed and not _misspelt(spec, name, inputs, lost):
            _unfed(spec, finder, name, reporter)
    _further(spec, finder, wanted, reporter, lost)
    return feeds


def positions(table: Table, columns: Sequence[str]) -> list[int]:
    """Where the columns stand in a table."""
    at = {name: k for k, name in reversed([*enumerate(table.header)])}
    return [at[c] for c in columns]


Wanted = dict[str, tuple[list[str] | None, Place]]


def _wanted(
    spec: Spec, finder: _Finder, inputs: Mapping[str, InputLike], reporter: Reporter, lost: Collection[str]
) -> Wanted:
    """Input → its columns (None where one is missing, which has been told) and where the spec says so."""
    data = spec.model.data
    assert data is not None
    out: Wanted = {}
    if isinstance(data.columns, dict) and data.rows is None:
        for name, given in data.columns.items():
            if name in lost:
                continue
            if name not in inputs:
                _not_an_input(name, inputs, spec.key("data", "columns", name), reporter)
                continue
            refs = [(given, ("data", "columns", name))] if isinstance(given, str) else [
                (ref, ("data", "columns", name, k)) for k, ref in enumerate(given)
            ]  # fmt: skip
            found = [finder.find(ref, spec.value(*path)) for ref, path in refs]
            told = [c for f in found if f is not None for c in f]
            out[name] = (None if None in found else told, spec.value("data", "columns", name))
        return out
    if isinstance(data.columns, list):
        split = data.split
        others = {split.by, split.stratify} if split else set()
        for k, name in enumerate(data.columns):
            place = spec.value("data", "columns", k)
            if name in out:
                if data.rows is None:  # of inline rows the names are the header, which is checked for that
                    reporter.error("duplicate-column", f"`{name}` is named twice", place)
            elif name in inputs:
                out[name] = (finder.find(name, place), place)
            elif name not in others and name not in lost:
                _not_an_input(name, inputs, place, reporter)
        return out
    for name in inputs:
        if name in finder.header:
            out[name] = (finder.find(name, spec.key("inputs", name)), spec.key("inputs", name))
    return out


def _not_an_input(name: str, inputs: Mapping[str, InputLike], place: Place, reporter: Reporter) -> None:
    close = nearest(name, inputs)
    reporter.error(
        "unknown-name",
        f"`{name}` is not an input",
        place,
        notes=[f"the inputs are {', '.join(inputs)}"] if inputs else [],
        help=f"did you mean `{close}`?" if close else None,
    )


def _misspelt(spec: Spec, name: str, inputs: Collection[str], lost: Collection[str]) -> bool:
    """Whether `columns` has a name that is no input's, and is told to mean this one."""
    columns = spec.model.data.columns if spec.model.data is not None else None
    return any(c not in inputs and c not in lost and nearest(c, inputs) == name for c in columns or ())


def _unfed(spec: Spec, finder: _Finder, name: str, reporter: Reporter) -> None:
    data = spec.model.data
    assert data is not None
    place = spec.key("inputs", name)
    if data.columns is not None or data.rows is not None:
        mend = f"add `{name}` to `columns`, or give the input a default"
        reporter.error("unfed-input", f"nothing feeds the input `{name}`: no column, no default", place, help=mend)
        return
    strange = finder.strange()
    if strange is not None:
        finder.tell_strange()
        return
    close = nearest(name, finder.header)
    mend = f"columns: {{{name}: {close}}}" if close else f"columns: {{{name}: …}} under `data` names another column"
    reporter.error("missing-column", f"{finder.table.name} has no column `{name}`", place, notes=finder.notes(), help=mend)


def _fit(name: str, info: InputLike, columns: list[str], place: Place, *, one_row: bool, inline: bool, reporter: Reporter) -> Feed | None:
    """The feed of an input, where its shape has room for exactly these columns."""
    shape = [*info.shape]
    shown = "[" + ", ".join(map(str, shape)) + "]"
    if not one_row:
        if not shape or str(shape[0]) != "batch":
            behind = "batch" in map(str, shape)
            others = [str(d) for d in shape if str(d) != "batch"]
            reporter.error(
                "input-without-batch",
                f"`{name}` is filled from {_columns(columns)}, but `batch` is not its first dimension"
                if behind
                else f"`{name}` is filled from {_columns(columns)}, but has no `batch` in its shape {shown}",
                place,
                notes=[f"`{name}` has shape {shown}" if behind else "in a graph for a batch such an input has one value for all rows"],
                help=f"inputs: {name}: {{shape: [{', '.join(['batch', *others])}]}}",
            )
            return None
        shape = shape[1:]
    free = [str(d) for d in shape if not isinstance(d, int)]
    if free:
        reporter.error(
            "not-yet",
            f"`{name}` has the dimension `{free[0]}` in its shape {shown}: columns fill dimensions that are numbers only",
            place,
            help=f"give `{free[0]}` a number in the shape, for instance one from `config`",
        )
        return None
    feed = Feed(name, info.dtype, tuple(shape), tuple(columns), place)
    if not inline and len(columns) != feed.size:
        lead = [] if one_row else ["batch"]
        fits = ", ".join(map(str, [*lead, *([len(columns)] if len(columns) != 1 else [])]))
        given = f"{_columns(columns)} {'gives' if len(columns) == 1 else 'give'} {len(columns)}"
        reporter.error(
            "column-count",
            f"`{name}` has shape {shown}, which takes {_count(feed.size)} of each row, but {given}",
            place,
            help=f"the shape [{fits}] would fit" if len(shape) < 2 else None,
        )
        return None
    return feed


def _columns(columns: Sequence[str]) -> str:
    if len(columns) == 1:
        return f"the column `{columns[0]}`"
    shown = [f"`{c}`" for c in columns]
    if len(shown) > 5:
        shown = [*shown[:3], "…", shown[-1]]
    return f"the columns {', '.join(shown)}"


def _count(n: int) -> str:
    return "1 number" if n == 1 else f"{n} numbers"


def _further(spec: Spec, finder: _Finder, wanted: Wanted, reporter: Reporter, lost: Collection[str]) -> None:
    """Checks the other names of columns and inputs in `data`: of `split`, `classes`, `transform`."""
    data = spec.model.data
    assert data is not None
    if data.split is not None:
        for key, column in (("by", data.split.by), ("stratify", data.split.stratify)):
            if column is not None:
                finder.find(column, spec.value("data", "split", key), plain=True)
    used = {c for columns, _ in wanted.values() for c in columns or ()}
    for column, classes in data.classes.items():
        place = spec.key("data", "classes", column)
        if column not in used and not lost and finder.find(column, place, plain=True):
            reporter.error("unknown-name", f"`classes` names `{column}`, a column that fills no input", place)
        for k, name in enumerate(classes):
            if name in classes[:k]:
                reporter.error("duplicate-class", f"the class `{name}` is named twice", spec.value("data", "classes", column, k))
    for name in data.transform:
        if name not in wanted and name not in lost and not (name in spec.model.inputs and _misspelt(spec, name, spec.model.inputs, lost)):
            close = nearest(name, wanted)
            reporter.error(
                "unknown-name",
                f"`transform` names `{name}`, which no column fills",
                spec.key("data", "transform", name),
                help=f"did you mean `{close}`?" if close else None,
            )


class _Finder:
    """Finds columns by name, range and pattern in the header of the first table, and checks that the others have them."""

    def __init__(self, spec: Spec, tables: Sequence[Table], reporter: Reporter) -> None:
        self.spec, self.tables, self.reporter = spec, tables, reporter
        self.table = tables[0]
        self.header = tables[0].header
        self._told: set[str] = set()

    def find(self, ref: str, place: Place, *, plain: bool = False) -> list[str] | None:
        """The columns that `ref` means, or None where one is missing, which is told."""
        if ref in self.header:
            found = [ref]
        elif not plain and "*" in ref:
            pattern = re.compile(".*".join(re.escape(piece) for piece in ref.split("*")), re.DOTALL)
            found = [c for c in self.header if pattern.fullmatch(c)]
            if not found:
                message = f"no column of {self.table.name} matches `{ref}`"
                self.reporter.error("missing-column", message, place, notes=self.notes())
                return None
        elif not plain and ".." in ref:
            range_ = self._range(ref, place)
            if range_ is None:
                return None
            found = range_
        else:
            self._missing(ref, place)
            return None
        fine = [self._sound(column) for column in dict.fromkeys(found)]
        return [*dict.fromkeys(found)] if all(fine) else None

    def _range(self, ref: str, place: Place) -> list[str] | None:
        first, last = (piece.strip() for piece in ref.split("..", 1))
        missing = [c for c in (first, last) if c not in self.header]
        for c in missing:
            self._missing(c, place)
        if missing:
            return None
        start, stop = self.header.index(first), self.header.index(last)
        if start > stop:
            self.reporter.error(
                "missing-column",
                f"the range `{ref}` is empty: {self.table.name} has `{last}` before `{first}`",
                place,
                help=f"did you mean `{last}..{first}`?",
            )
            return None
        return self.header[start : stop + 1]

    def strange(self) -> tuple[str, str] | None:
        """What is wrong with a first line that does not hold the names of columns, and how to mend it."""
        header = self.header
        if len(header) == 1 and ";" in header[0] and self.table.delimiter == ",":
            return "separates its columns by semicolons, not by commas", "separate them by commas, or name the file .tsv and use tabs"
        if header and all(_is_number(c) for c in header):
            return "has no header: its first line holds numbers only", "put a line with the names of the columns above it"
        return None

    def tell_strange(self) -> None:
        """Tells once what is wrong with the first line."""
        found = self.strange()
        if found is not None and "" not in self._told:
            self._told.add("")
            self.reporter.error("missing-column", f"{self.table.name} {found[0]}", self.table.heading(), help=found[1])

    def _missing(self, column: str, place: Place) -> None:
        if self.strange() is not None:
            self.tell_strange()
            return
        close = nearest(column, self.header)
        columns = self.spec.model.data.columns if self.spec.model.data is not None else None
        fills = columns.get(column) if isinstance(columns, dict) else None
        mend = f"did you mean `{close}`?" if close else None
        if isinstance(fills, str) and fills in self.header:
            mend = f"`{column}` is an input; its column is `{fills}`"
        self.reporter.error("missing-column", f"{self.table.name} has no column `{column}`", place, notes=self.notes(), help=mend)

    def notes(self) -> list[str]:
        """What the file's columns are."""
        header = self.header
        shown = [*header[:8], f"… ({len(header)} in all)"] if len(header) > 8 else header
        return [f"its columns: {', '.join(shown)}"]

    def _sound(self, column: str) -> bool:
        """Whether the column stands once in each table; tells where it does not, once."""
        fine = True
        for table in self.tables:
            count = table.header.count(column)
            if count == 1:
                continue
            fine = False
            if column in self._told:
                continue
            if count == 0:
                close = nearest(column, table.header)
                self.reporter.error(
                    "missing-column",
                    f"{table.name} has no column `{column}`, which {self.table.name} has",
                    table.heading(),
                    help=f"did you mean `{close}`?" if close else None,
                )
            else:
                again = table.heading(table.header.index(column, table.header.index(column) + 1))
                message = f"{table.name} has {count} columns of the name `{column}`" if table.path else f"`{column}` is named twice"
                self.reporter.error("duplicate-column", message, again, help="rename one of them")
        if not fine:
            self._told.add(column)
        return fine


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
