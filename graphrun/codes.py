"""The codes of diagnostics. A code's documentation is its docstring; its name is the class's name in kebab-case."""

from __future__ import annotations

import re

__all__ = ["Code", "catalogue"]


class Code:
    """The base of all codes: what it means, an example that is wrong, and how to mend it."""


def catalogue() -> dict[str, str]:
    """Code → documentation, in alphabetical order."""
    found = {re.sub(r"(?<!^)(?=[A-Z])", "-", c.__name__).lower(): (c.__doc__ or "").strip() for c in Code.__subclasses__()}
    return dict(sorted(found.items()))


class ShapeMismatch(Code):
    """Two values do not fit together: their shapes cannot be broadcast, multiplied or joined.

    Wrong: `z: x @ W` with x of shape [batch, 64] and W of shape [32, 10].
    The message shows both shapes and where each came from. Give the parameter the shape that fits, or use the value that was meant.
    """


class FormulaSyntax(Code):
    """A formula is not written as the language has it: a value or an operator is missing, or a word, sign or form is not part of it.

    Wrong: `z: w x + b` (an operator is missing), `z: a if c` (no `else`), `z: h.0(x)` (only a function's name can be called).
    The place underlined is where the reading failed. Mend it as the help says; docs/language has the table of all forms.
    """


class UnknownOperator(Code):
    """A formula has an operator that the language lacks.

    Wrong: `z: a // b`, `z: a % b`, `m: a & b`, `z: +a`.
    The operators are `+ - * / ^ @`, the comparisons `< <= > >= == !=`, `and or not` in choices, and `->`, which passes a value on.
    For the rest there are functions: `floor(a / b)`, `mod(a, b)`, `logical_and(a, b)`.
    """


class UnbalancedBracket(Code):
    """A bracket or a quote is opened and never closed, closed and never opened, or closed by one of the other kind.

    Wrong: `z: relu(a + b`, `z: a + b)`, `z: f([a, b)]`.
    Where a formula that looks whole gets this error, YAML has cut it: at a comma inside `{…}` or `[…]`, or at ` #`, where a comment begins.
    Then quote the formula: `h: {init: "normal(0, 0.02)"}`.
    """


class MalformedNumber(Code):
    """A number is not written in decimal, runs into a letter, or lies outside what a 64-bit float can tell.

    Wrong: `0x1F`, `1__000`, `2x`, `1j`, `1e999`.
    Numbers are written `1`, `2.5`, `1e-3` or `1_000`; a product is written with `*`; infinity is `inf`.
    """


class MissingDataFile(Code):
    """A file that `data.source` names is not there, is a folder, or cannot be read.

    Wrong: `source: irsi.csv` beside a file iris.csv. Paths are relative to the folder of the spec, not to where the command is run.
    `graphrun validate` only warns, as the place where a spec is checked may lack its data.
    """


class DataFormat(Code):
    """A data file is not of a kind that can be read: another suffix than .csv and .tsv, not UTF-8, or a quote that is not closed.

    Wrong: `x,y` and below it `1,"2`. A cell that holds a comma or a quote stands in double quotes, and a quote in it is written twice.
    """


class NoRows(Code):
    """`data` gives no rows: it names neither a source nor rows, the list is empty, or the file holds nothing below its header.

    Wrong: `data: {rows: [], columns: [x, y]}`. Give at least one row.
    """


class TwoSources(Code):
    """`data` has both `source` and `rows`; only one of them can say where the rows come from.

    Wrong: `data: {source: a.csv, rows: [[1, 2]], columns: [x, y]}`. Take one of them out.
    """


class ColumnsOfRows(Code):
    """Inline `rows` have no header: `columns` must be a list with a name for each position.

    Wrong: `data: {rows: [[1, 2]]}`. Right: `data: {rows: [[1, 2]], columns: [x, y]}`.
    """


class RaggedRow(Code):
    """A row has more or fewer cells than there are columns.

    Wrong: a file whose first line is `x,y` and that has the line `1,2,3`. Often a cell holds a comma and lacks its quotes.
    """


class MissingColumn(Code):
    """The data have no column of the name that is asked for, or no column matches a pattern or lies in a range.

    Wrong: `columns: {y: hight}` where the file has `height`. Without `columns`, inputs take the columns of their own names.
    """


class DuplicateColumn(Code):
    """Two columns have the same name, so that it cannot be told which one is meant.

    Wrong: a file whose first line is `x,y,x`. Rename one of them.
    """


class UnfedInput(Code):
    """An input has no column, no default and no value given by hand, so that nothing says what it is.

    Wrong: `inputs: {x: {}, y: {}}` with `columns: {x: height}`. Add `y` to `columns`, or give it a default: `y: 0`.
    """


class ColumnCount(Code):
    """An input's columns give more or fewer numbers for a row than its shape (without `batch`) holds.

    Wrong: `x: {shape: [batch, 3]}` with `columns: {x: [a, b]}`. The message shows both counts, and the shape that would fit.
    """


class InputWithoutBatch(Code):
    """In a graph for a batch, an input that columns fill needs `batch` as the first dimension of its shape.

    Wrong: `inputs: {x: {shape: [batch, 4]}, y: {}}` with a column for y. Right: `y: {shape: [batch]}`.
    An input without `batch` has one value for all rows, and takes it from its default or from `--feed`.
    """


class CellNotNumber(Code):
    """A cell of a column of numbers holds something else.

    Wrong: `abc`, `NaN`, `1,5` or `1_000` in a column whose other cells are numbers. Decimals have a point; missing values must be filled
    in, or their rows taken out. If the column holds the names of classes, list them under `classes`.
    """


class EmptyCell(Code):
    """A cell that fills an input is empty, and there is no value that it could mean.

    Wrong: the row `1,,3`. Fill the cell in, or take the row out.
    """


class CellDoesNotFit(Code):
    """A cell holds a number that the input's dtype cannot hold.

    Wrong: `2.5` for an input of dtype int64, `1e39` for float32, `yes` for bool. Change the cell or the input's dtype.
    """


class UnknownClass(Code):
    """A cell of a column of names holds one that is not among the column's classes.

    Wrong: `classes: {species: [setosa, virginica]}` and a cell `versicolor`. Where `classes` does not name them, the classes are the names
    in the training rows; a name that only other rows have must be listed under `classes`.
    """


class DuplicateClass(Code):
    """A class is named twice under `classes`, so that its index is not known.

    Wrong: `classes: {species: [setosa, setosa]}`. Take one of them out.
    """


class MoreFaults(Code):
    """The data have more faults than are worth showing; this is how many were left out.

    Mend the ones that are shown first: often they have one cause, such as a wrong column or separator.
    """


class BadSplit(Code):
    """`split` does not divide the rows: parts that do not add up, no rows for training, or a cell of `by` that is not a split.

    Wrong: `split: {train: 0.8, valid: 0.1}`, which leaves a tenth of the rows out. Fractions add up to 1, counts to the number of rows;
    without `train`, training takes the rest. The splits are train, valid and test.
    """


class TransformResult(Code):
    """A transform gives something that the input cannot hold: another shape, another kind of number, or a value that is not finite.

    Wrong: `transform: {x: mean(x)}`, which gives one number for all rows. A transform gives a value for each element of each row.
    """


class NonFinite(Code):
    """The loss or a parameter became infinite or nan while training, and the run stopped.

    The message names the first node whose operands were still finite, and their values. Usual causes: a learning rate that is too large,
    the logarithm or root of a number that reaches 0, a division by 0. Take a smaller lr, set `train.clip: 1.0`, or change the formula.
    """


class Disk(Code):
    """A file cannot be written or read, or the folder for a run holds something that is not a run.

    Nothing half-written is left behind, and what was there stays as it was. Free some space, or choose another place with `--out DIR`.
    """


class DtypeMismatch(Code):
    """A value is of another kind than the operation takes: a real one where a boolean chooses, or where whole numbers index.

    Wrong: `where(x, a, b)` with a real x; `table[i]` with a real i.
    Compare to get a boolean (`where(x > 0, a, b)`); declare an input of indices with `dtype: int64`, or cast: `cast(i, 'int64')`.
    """


class SymbolicSize(Code):
    """The size of a result would depend on a dimension that is known only when the graph runs, in a way that cannot be written down.

    Wrong: `x[:3]` where axis 0 of x is `batch`: a batch may hold fewer than 3 rows.
    Count from the end (`x[1:]`, `x[:-1]`), or cut an axis whose size is a number, from `config` for instance.
    """
