"""Where rows come from: `rows:` of the spec, and files of comma- or tab-separated values. NumPy is not needed to read them."""

from __future__ import annotations

import csv
import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphrun.errors import Place, Reporter, Source, nearest
from graphrun.spec.reader import is_device
from graphrun.spec.spec import Spec

__all__ = ["SPLITS", "Part", "Table", "read_parts"]

SPLITS = ("train", "valid", "test")
DELIMITERS = {".csv": ",", ".tsv": "\t"}
LATER = (".npz", ".npy", ".jsonl", ".parquet", ".arrow", ".txt")


@dataclass(slots=True, eq=False)
class Table:
    """Rows of one file, or of the spec. Cells of a file are texts without the spaces around them; inline cells are what YAML says.

    `lines[k]` is the line of the file on which row k begins. `path` is None for inline rows.
    """

    name: str
    header: list[str]
    rows: list[list[Any]]
    lines: list[int]
    path: str | None
    spec: Spec
    delimiter: str = ","
    header_line: int = 1
    whole: bool = True  # whether all rows were read
    _source: Source | None = field(default=None, repr=False)

    def row_name(self, row: int) -> str:
        """What a message calls a row: its number, counted from 1 without the header and blank lines."""
        return f"row {row + 1}"

    def cell(self, row: int, column: int, item: int | None = None) -> Place:
        """Where a cell stands; `item` is the position in a cell that is a list."""
        if self.path is None:
            path = ("data", "rows", row, column)
            return self.spec.value(*path) if item is None else self.spec.value(*path, item)
        return self._place(self.lines[row], column)

    def heading(self, column: int | None = None) -> Place:
        """Where the name of a column stands, or the whole header."""
        if self.path is None:
            return self.spec.value("data", "columns") if column is None else self.spec.value("data", "columns", column)
        return self._place(self.header_line, column)

    def line(self, row: int) -> Place:
        """Where a whole row stands."""
        return self.spec.value("data", "rows", row) if self.path is None else self._place(self.lines[row], None)

    def _place(self, line: int, column: int | None) -> Place:
        if self._source is None:
            assert self.path is not None
            with open(self.path, encoding="utf-8-sig", errors="replace", newline="") as file:
                text = file.read()
            self._source = Source(self.name, text.replace("\r\n", "\n").replace("\r", "\n"))
        if column is None:
            return Place(self._source, line, 1, line, len(self._source.line(line)) + 1)
        at = _find_cell(self._source, line, column, self.delimiter)
        return Place(self._source, *at)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """The tables of one split (`split` is None where `data.split` divides the rows)."""

    split: str | None
    tables: tuple[Table, ...]


def read_parts(spec: Spec, reporter: Reporter, *, missing_is_warning: bool = False, limit: int | None = None) -> list[Part]:
    """Reads what `data` names; faults go to `reporter`, and a file with a fault is left out.

    `missing_is_warning` makes a missing file a warning; `limit` is how many rows of a file are read at most.
    """
    data = spec.model.data
    if data is None:
        return []
    if data.rows is not None and data.source is not None:
        mend = "keep one of them: the rows stand here, or in a file"
        reporter.error("two-sources", "`data` has both `source` and `rows`", spec.key("data", "rows"), help=mend)
        return []
    if data.rows is not None:
        table = _inline(spec, data.rows, reporter)
        return [Part(None, (table,))] if table is not None else []
    if data.source is None:
        mend = "add `source: file.csv`, or the rows themselves under `rows:`"
        reporter.error("no-rows", "`data` does not say where rows come from", spec.key("data"), help=mend)
        return []
    reader = _Reader(spec, reporter, missing_is_warning, limit)
    if not isinstance(data.source, dict):
        return [Part(None, tuple(reader.read(data.source, ("data", "source"))))]
    parts = []
    for split, source in data.source.items():
        if split not in SPLITS:
            close = nearest(split, SPLITS)
            reporter.error(
                "bad-split",
                f"`{split}` is not a split",
                spec.key("data", "source", split),
                notes=["the splits are train, valid and test"],
                help=f"did you mean `{close}`?" if close else None,
            )
            continue
        parts.append(Part(split, tuple(reader.read(source, ("data", "source", split)))))
    return parts


# -- inline rows --------------------------------------------------------------------------------------------------


def _inline(spec: Spec, rows: Sequence[Sequence[Any]], reporter: Reporter) -> Table | None:
    data = spec.model.data
    assert data is not None
    if not rows:
        reporter.error("no-rows", "`rows` has no rows", spec.value("data", "rows"))
        return None
    if not isinstance(data.columns, list):
        names = [*spec.model.inputs]
        fits = len(names) == len(rows[0])
        reporter.error(
            "columns-of-rows",
            "`rows` need a list `columns` that names their positions",
            spec.key("data", "rows") if data.columns is None else spec.value("data", "columns"),
            help=f"columns: [{', '.join(names)}]" if fits else "columns: [x, y], one name for each position of a row",
        )
        return None
    table = Table(spec.file.positions.source.name, list(data.columns), [list(r) for r in rows], [0] * len(rows), None, spec)
    return table if _even(table, reporter) else None


def _even(table: Table, reporter: Reporter) -> bool:
    """Whether each row has as many cells as the header; tells the first rows that do not."""
    wanted = len(table.header)
    ragged = [k for k, row in enumerate(table.rows) if len(row) != wanted]
    for n, k in enumerate(ragged[:5]):
        found = len(table.rows[k])
        more = len(ragged) - 5
        notes = [f"and {more} more rows like this"] if n == 4 and more > 0 else []
        mend = None
        if table.path is not None and found > wanted:
            mend = "put a cell that holds a comma in double quotes" if table.delimiter == "," else None
        elif wanted == 1:
            mend = "what belongs to one column stands in brackets of its own: `- [[1, 2]]`"
        message = f"{table.row_name(k)} has {_cells(found)}, and there {'is' if wanted == 1 else 'are'} {_columns(wanted)}"
        reporter.error("ragged-row", message, table.line(k), notes=notes, help=mend)
    return not ragged


def _columns(n: int) -> str:
    return "1 column" if n == 1 else f"{n} columns"


def _cells(n: int) -> str:
    return "1 cell" if n == 1 else f"{n} cells"


# -- files --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Reader:
    spec: Spec
    reporter: Reporter
    missing_is_warning: bool
    limit: int | None

    def read(self, source: str | list[str], at: tuple[str, ...]) -> Iterator[Table]:
        sources: list[tuple[str, tuple[str | int, ...]]]
        sources = [(source, at)] if isinstance(source, str) else [(s, (*at, k)) for k, s in enumerate(source)]
        if not sources:
            self.reporter.error("no-rows", "the list of files is empty", self.spec.value(*at))
        for pattern, where in sources:
            place = self.spec.value(*where)
            for path in self._paths(pattern, place):
                table = self._file(path, place)
                if table is not None:
                    yield table

    def _paths(self, pattern: str, place: Place) -> list[str]:
        path = os.path.normpath(os.path.join(self.spec.base, pattern))
        if os.path.isdir(path):
            mend = f"its files: {pattern.rstrip('/')}/*.csv"
            self.reporter.error("missing-data-file", f"`{pattern}` is a folder, not a file", place, help=mend)
            return []
        if is_device(path):
            self.reporter.error("missing-data-file", f"`{pattern}` is a device, not a file", place, help="name a .csv or .tsv file")
            return []
        if os.path.exists(path):
            return [path]
        if glob.has_magic(pattern):
            matches = glob.glob(pattern, root_dir=self.spec.base or None, recursive=True)
            found = sorted(p for p in (os.path.normpath(os.path.join(self.spec.base, m)) for m in matches) if os.path.isfile(p))
            if not found:
                self._missing(f"no file matches `{pattern}`", place, path)
            return found
        self._missing(f"there is no file `{pattern}`", place, path)
        return []

    def _missing(self, message: str, place: Place, path: str) -> None:
        tell = self.reporter.warning if self.missing_is_warning else self.reporter.error
        folder = os.path.dirname(path) or "."
        note = f"looked for {path}, as paths are relative to the spec's folder"
        mend = None
        if os.path.isdir(folder):
            names = [n for n in sorted(os.listdir(folder)) if os.path.splitext(n)[1] in DELIMITERS]
            close = nearest(os.path.basename(path), names)
            mend = f"did you mean `{close}`?" if close else "put the file there, or correct `data.source`"
            if not close and names:
                mend = f"the data files there: {', '.join(names[:6])}"
        else:
            note += f"; there is no folder {folder}"
            mend = "correct `data.source`: paths are relative to the spec's folder"
        tell("missing-data-file", message, place, notes=[note], help=mend)

    def _file(self, path: str, place: Place) -> Table | None:
        suffix = os.path.splitext(path)[1].lower()
        if suffix not in DELIMITERS:
            later = suffix in LATER
            kind = f"`{suffix}` files" if suffix else "files without a suffix"
            self.reporter.error(
                "not-yet" if later else "data-format",
                f"{kind} cannot be read yet" if later else f"{kind} cannot be read",
                place,
                help="give the rows as a .csv or .tsv file",
            )
            return None
        try:
            table = self._parse(path, DELIMITERS[suffix])
        except OSError as error:
            self.reporter.error("missing-data-file", f"`{path}` cannot be read: {error.strerror or error}", place)
            return None
        except UnicodeDecodeError as error:
            notes = [f"byte {error.start} does not fit"]
            self.reporter.error("data-format", f"`{path}` is not a text in UTF-8", place, notes=notes, help="save the file as UTF-8")
            return None
        if table is None or not self._usable(table, place):
            return None
        return table

    def _parse(self, path: str, delimiter: str) -> Table | None:
        table = Table(path, [], [], [], path, self.spec, delimiter)
        begin = 1
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=delimiter, strict=True, skipinitialspace=delimiter == ",")
            try:
                for cells in reader:
                    line, begin = begin, reader.line_num + 1
                    row = [c.strip() for c in cells]
                    if not any(row) and len(row) < 2:
                        continue
                    if not table.header:
                        table.header, table.header_line = row, line
                    elif self.limit is not None and len(table.rows) >= self.limit:
                        table.whole = False
                        break
                    else:
                        table.rows.append(row)
                        table.lines.append(line)
            except csv.Error as error:
                long = "field larger" in str(error)
                told = "a cell is too long" if long else "a quote is not closed, or is not followed by the separator"
                mend = None if long else 'write a quote within a quoted cell twice: ""'
                self.reporter.error("data-format", told, table._place(begin, None), help=mend)
                return None
        return table

    def _usable(self, table: Table, place: Place) -> bool:
        if not table.header:
            self.reporter.error("no-rows", f"`{table.name}` is empty", place)
            return False
        if not table.rows:
            self.reporter.error("no-rows", f"`{table.name}` has no rows below its header", place)
            return False
        return _even(table, self.reporter)


def _find_cell(source: Source, line: int, column: int, delimiter: str) -> tuple[int, int, int, int]:
    """(line, column, end line, end column) of a cell's text, without quotes and the spaces around it, in the row that begins on `line`."""
    cell = 0
    quoted = False
    number, text = line, source.line(line)
    start = 0
    begin = (number, 0)
    k = 0
    while True:
        if k >= len(text):
            if not quoted or number >= len(source.lines):
                break
            number, k = number + 1, 0
            text = source.line(number)
            start = 0
            continue
        c = text[k]
        if c == '"':
            quoted = not quoted
        elif c == delimiter and not quoted:
            if cell == column:
                break
            cell, start, begin = cell + 1, k + 1, (number, k + 1)
        k += 1
    if begin[0] != number:
        return begin[0], begin[1] + 1, number, k + 1
    raw = text[start:k]
    first = start + len(raw) - len(raw.lstrip())
    last = start + len(raw.rstrip())
    if last - first >= 2 and text[first] == '"' == text[last - 1]:
        first, last = first + 1, last - 1
    return number, first + 1, number, max(last, first + 1) + 1 if last <= first else last + 1
