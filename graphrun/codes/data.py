"""Codes of data that do not fit the spec."""

from __future__ import annotations

from graphrun.codes.base import Code


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
