"""Cells become numbers: texts are parsed, names of classes become their indices, and a cell that does not fit is told with its place.

NumPy is not needed here: `graphrun validate` checks the rows too.
"""

from __future__ import annotations

import math
import re
from array import array
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from graphrun.data.columns import Feed, positions
from graphrun.data.sources import Table
from graphrun.errors import Place, Reporter, nearest

__all__ = ["Converted", "Faults", "Rows", "convert"]

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)
MISSING = frozenset({"na", "n/a", "nan", "null", "none", "nil", "?", "-", "."})
LARGEST_FLOAT32 = 3.4028235677973366e38  # from here on rounding gives infinity
TRUTH = {"true": 1, "false": 0}
PER_COLUMN = 3
IN_ALL = 20

Kind = Literal["number", "text", "empty"]
Values: TypeAlias = "list[int] | list[float] | array[int] | array[float]"


class Rows:
    """The rows of several tables, one behind the other."""

    def __init__(self, tables: Sequence[Table]) -> None:
        self.tables = tuple(tables)
        self._starts = [0]
        for table in tables:
            self._starts.append(self._starts[-1] + len(table.rows))

    def __len__(self) -> int:
        return self._starts[-1]

    def locate(self, row: int) -> tuple[Table, int]:
        """The table of a row, and its number in there."""
        k = bisect_right(self._starts, row) - 1
        return self.tables[k], row - self._starts[k]

    def cells(self, column: str) -> list[Any]:
        """The cells of a column."""
        out: list[Any] = []
        for table in self.tables:
            (k,) = positions(table, [column])
            out += [row[k] for row in table.rows]
        return out

    def place(self, row: int, column: str, item: int | None = None) -> Place:
        """Where a cell stands."""
        table, k = self.locate(row)
        return table.cell(k, positions(table, [column])[0], item)

    def row_name(self, row: int) -> str:
        """What a message calls a row."""
        table, k = self.locate(row)
        return table.row_name(k)


class Faults:
    """Passes faults of cells on to a reporter: the first few of each column, and not too many in all."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._left = IN_ALL
        self._untold = 0

    def tell(self, rows: Rows, column: str, found: Sequence[Fault]) -> None:
        """Tells the faults of one column."""
        shown = found[: min(PER_COLUMN, self._left)]
        self._left -= len(shown)
        if not shown:
            self._untold += len(found)
        for k, fault in enumerate(shown):
            notes = list(fault.notes)
            if k == len(shown) - 1 and len(found) > len(shown):
                more = len(found) - len(shown)
                notes.append(f"and {more} more {'cells' if more > 1 else 'cell'} of this column")
            before, _, after = fault.message.rpartition("{where}")  # a cell may hold brackets of its own
            message = f"{before}{rows.row_name(fault.row)} of column `{column}`{after}"
            self._reporter.error(fault.code, message, rows.place(fault.row, column, fault.item), notes=notes, help=fault.help)

    def close(self) -> None:
        """Tells how many faults were left out."""
        if self._untold:
            self._reporter.error("more-faults", f"{self._untold} more cells of other columns do not fit")


@dataclass(frozen=True, slots=True)
class Fault:
    """A cell that does not fit; `{where}` in the message stands for its row and column."""

    row: int
    code: str
    message: str
    help: str | None = None
    notes: tuple[str, ...] = ()
    item: int | None = None


@dataclass(frozen=True, slots=True)
class Converted:
    """The numbers that fill an input: for each of its elements the value in every row."""

    feed: Feed
    elements: list[Values]


def convert(
    rows: Rows, feeds: Iterable[Feed], training: Sequence[int], classes: Mapping[str, Sequence[str]], reporter: Reporter
) -> tuple[list[Converted], dict[str, tuple[str, ...]]]:
    """The feeds' numbers, and the classes of each column of strings.

    Where `classes` does not give them, they are those of the `training` rows, sorted. A feed with a cell that does not fit is left out; the
    faults go to `reporter`.
    """
    faults = Faults(reporter)
    done: list[Converted] = []
    found: dict[str, tuple[str, ...]] = {}
    for feed in feeds:
        elements: list[Values] = []
        for column in feed.columns:
            for item, cells in _elements(rows, feed, column, reporter):
                element = _Element(feed.dtype, column, cells, inline=rows.tables[0].path is None, training=training, classes=found)
                element.item, element.given = item, classes.get(column)
                values = element.convert()
                if element.faults:
                    faults.tell(rows, column, element.faults)
                    break
                elements.append(values)
        if len(elements) == feed.size:
            done.append(Converted(feed, elements))
    faults.close()
    return done, found


def _elements(rows: Rows, feed: Feed, column: str, reporter: Reporter) -> list[tuple[int | None, list[Any]]]:
    """The cells of a column; one of inline rows that holds lists gives a column for each element, in their nested order."""
    cells = rows.cells(column)
    if rows.tables[0].path is not None or (feed.size == 1 and not any(isinstance(c, list) for c in cells)):
        return [(None, cells)]
    flat = [list(_flatten(c)) for c in cells]
    for row, items in enumerate(flat):
        if len(items) != feed.size:
            reporter.error(
                "column-count",
                f"`{feed.name}` takes {feed.size} {'number' if feed.size == 1 else 'numbers'} of each row, "
                f"but {rows.row_name(row)} gives {len(items)} in position `{column}`",
                rows.place(row, column),
            )
            return []
        if not _of_shape(cells[row], feed.shape):
            reporter.error(
                "column-count",
                f"`{feed.name}` takes an array of shape {list(feed.shape)} of each row, and the lists that {rows.row_name(row)} gives in "
                f"position `{column}` are nested in another way",
                rows.place(row, column),
                help="give all its numbers in one list, or lists in lists of that shape",
            )
            return []
    nested = any(isinstance(i, list) for c in cells if isinstance(c, list) for i in c)
    return [(None if nested else k, [items[k] for items in flat]) for k in range(feed.size)]


def _of_shape(cell: Any, shape: Sequence[int]) -> bool:
    """Whether a cell is a number, a flat list, or lists in lists of `shape`."""
    level = [cell]
    if not (isinstance(cell, list) and any(isinstance(item, list) for item in cell)):
        return True
    for size in shape:
        if not all(isinstance(item, list) and len(item) == size for item in level):
            return False
        level = [item for items in level for item in items]
    return not any(isinstance(item, list) for item in level)


def _flatten(cell: Any) -> Iterable[Any]:
    stack = [cell]
    while stack:
        top = stack.pop()
        if isinstance(top, list):
            stack.extend(reversed(top))
        else:
            yield top


class _Element:
    """Converts the cells of one column to one dtype."""

    def __init__(
        self, dtype: str, column: str, cells: list[Any], *, inline: bool, training: Sequence[int], classes: dict[str, tuple[str, ...]]
    ) -> None:
        self.dtype, self.column, self.cells = dtype, column, cells
        self.inline, self.training, self.classes = inline, training, classes
        self.item: int | None = None
        self.given: Sequence[str] | None = None
        self.faults: list[Fault] = []

    def convert(self) -> Values:
        """The numbers; with faults, what could be read."""
        if self.given is None:
            quick = self._quick()
            if quick is not None:
                return quick
        read = [_read(cell, self.inline) for cell in self.cells]
        if self.dtype == "bool":
            return self._truths(read)
        texts = sum(kind == "text" for kind, _ in read)
        numbers = sum(kind == "number" for kind, _ in read)
        if self.given is not None:
            names = set(self.given)
            if any(str(c).strip() in names for c in self.cells) or texts > numbers:
                return self._indices(read, tuple(self.given))
        elif texts > numbers and not all(text.lower() in MISSING for kind, text in read if kind == "text"):
            known = self.classes.get(self.column)
            if known is None:
                known = tuple(sorted({read[i][1] for i in self.training if read[i][0] == "text"}))
            return self._indices(read, known)
        return self._numbers(read)

    def _quick(self) -> Values | None:
        """The numbers of a column without any fault, or None."""
        if self.inline or self.dtype == "bool":
            return None
        try:
            together = "".join(self.cells)
            if not together.isascii() or "_" in together:
                return None
            if self.dtype == "int64":
                return array("q", map(int, self.cells))
            real = array("d", map(float, self.cells))
        except (ValueError, OverflowError):
            return None
        limit = LARGEST_FLOAT32 if self.dtype == "float32" else math.inf
        return real if all(map(math.isfinite, real)) and -limit < min(real) and max(real) < limit else None

    def _fault(self, row: int, code: str, message: str, help: str | None = None, notes: tuple[str, ...] = ()) -> None:
        self.faults.append(Fault(row, code, message, help, notes, self.item))

    def _empty(self, row: int) -> None:
        self._fault(row, "empty-cell", "the cell in {where} is empty", "fill it in, or take the row out")

    def _numbers(self, read: Sequence[tuple[Kind, Any]]) -> Values:
        fit: Callable[[int | float], str | None] = _FIT[self.dtype]
        out: list[Any] = []
        for row, (kind, value) in enumerate(read):
            if kind == "empty":
                self._empty(row)
            elif kind == "text":
                self._not_number(row, value)
            else:
                why = fit(value)
                if why is not None:
                    self._fault(row, "cell-does-not-fit", f"{_shown(self.cells[row])} in {{where}} {why}", _help_for(self.dtype, value))
                out.append(int(value) if self.dtype == "int64" and why is None else float(value) if self.dtype != "int64" else value)
        return out

    def _not_number(self, row: int, text: str) -> None:
        mend = None
        if text.lower() in MISSING:
            mend = "fill it in, or take the row out"
        elif DECIMAL_COMMA.fullmatch(text):
            mend = f"write {text.replace(',', '.')}"
        elif text.replace("_", "").isascii() and NUMBER.fullmatch(text.replace("_", "")):
            mend = f"write {text.replace('_', '')}" if not self.inline else f"write {text} without quotes"
        what = "a finite number" if text.lower().lstrip("+-.") in {"inf", "infinity"} else "a number"
        self._fault(row, "cell-not-number", f"{_shown(text)} in {{where}} is not {what}", mend)

    def _truths(self, read: Sequence[tuple[Kind, Any]]) -> list[int]:
        out = []
        for row, (kind, value) in enumerate(read):
            truth = TRUTH.get(value.lower()) if kind == "text" else value if kind == "number" and value in (0, 1) else None
            if kind == "empty":
                self._empty(row)
            elif truth is None:
                shown = _shown(self.cells[row])
                self._fault(row, "cell-does-not-fit", f"{shown} in {{where}} is not a boolean", "write true or false, or 1 or 0")
            else:
                out.append(int(truth))
        return out

    def _indices(self, read: Sequence[tuple[Kind, Any]], names: tuple[str, ...]) -> list[int]:
        self.classes.setdefault(self.column, names)
        index = {name: k for k, name in enumerate(names)}
        out = []
        for row, (kind, value) in enumerate(read):
            text = value if kind == "text" else str(self.cells[row]).strip()
            if kind == "empty":
                self._empty(row)
            elif text in index:
                out.append(index[text])
            else:
                self._unknown_class(row, text, names)
        return out

    def _unknown_class(self, row: int, text: str, names: Collection[str]) -> None:
        shown = [*names][:8]
        listed = ", ".join([*shown, "…"] if len(names) > 8 else shown)
        close = nearest(text, names)
        if self.given is not None:
            what = f"the classes are {listed}"
        else:
            what = f"the classes of the training rows are {listed}"
        all_names = ", ".join(f'"{n}"' if NUMBER.fullmatch(n) else n for n in [*shown, *(["…"] if len(names) > 8 else []), text])
        mend = f"classes: {{{self.column}: [{all_names}]}}"
        if close is not None:
            mend = f"did you mean `{close}`?"
        self._fault(row, "unknown-class", f"{_shown(text)} in {{where}} is not one of its classes", mend, (what,))


def _read(cell: Any, inline: bool) -> tuple[Kind, Any]:
    """What a cell is. Texts of inline rows stay texts, whatever they hold: YAML tells numbers from strings."""
    if cell is None:
        return "empty", None
    if isinstance(cell, bool):
        return "number", int(cell)
    if isinstance(cell, int | float):
        return "number", cell
    text = str(cell).strip()
    if not text:
        return "empty", None
    if inline or not NUMBER.fullmatch(text):
        return "text", text
    return "number", int(text) if text.lstrip("+-").isdigit() else float(text)


def _fit_real(value: int | float) -> str | None:
    try:
        return None if math.isfinite(float(value)) else "is not a finite number"
    except OverflowError:
        return "is too large for float64"


def _fit_float32(value: int | float) -> str | None:
    return _fit_real(value) or (None if abs(value) < LARGEST_FLOAT32 else "is too large for float32")


def _fit_int64(value: int | float) -> str | None:
    if isinstance(value, float) and not value.is_integer():
        return "is not a whole number" if math.isfinite(value) else "is not a finite number"
    return None if -(2**63) <= int(value) < 2**63 else "is too large for int64"


_FIT: dict[str, Callable[[int | float], str | None]] = {"float64": _fit_real, "float32": _fit_float32, "int64": _fit_int64}


def _help_for(dtype: str, value: int | float) -> str | None:
    if dtype == "int64" and isinstance(value, float) and math.isfinite(value) and not value.is_integer():
        return "the input is int64; give it `dtype: float64` for real numbers"
    return "give the input `dtype: float64`" if dtype == "float32" and _fit_real(value) is None else None


def _shown(cell: Any) -> str:
    text = str(cell)
    return f"`{text if len(text) <= 40 else text[:37] + '…'}`"
