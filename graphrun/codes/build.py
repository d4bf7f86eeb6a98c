"""Codes of what is found when a spec becomes a graph: names, functions, arguments, shapes, the loss."""

from __future__ import annotations

from graphrun.codes.base import Code


class UnknownName(Code):
    """A formula, an `expect` entry or a flag names a value that the spec does not have.

    Wrong: `a: wieght * x` where the parameter is called `weight`.
    The message suggests the nearest name, or lists those that are known. Names of functions are told as unknown-function.
    """


class UnknownFunction(Code):
    """A formula calls something that is no operation, no library function and none of the spec's `functions`.

    Wrong: `y: rleu(x)`; `y: w(x + 1)`, where w is a value and a product was meant: `w * (x + 1)`.
    Take the function that the message suggests, or define it under `functions`.
    """


class UnknownArgument(Code):
    """A call gives an argument by a name that the function does not have.

    Wrong: `sum(x, dim=0)`, `sgd(learning_rate=0.1)`.
    The help shows the function's form: axes are called `axis`, other arguments have PyTorch's names.
    """


class WrongArity(Code):
    """A call gives too many arguments, or too few.

    Wrong: `relu(x, y)`, `minimum(x)`.
    The help shows the function's form. Right of `->` the value passed on is the first argument: `x -> f(b)` is `f(x, b)`.
    """


class NotAFunction(Code):
    """A value, or nothing, stands where a function is called or wanted.

    Wrong: `repeat(x, w, 3)` where w is a parameter; `activation(x)` where `activation=none` was given.
    Give a function's name, or a call that lacks its first values: `repeat(x, dense(8), 3)`.
    """


class NotAValue(Code):
    """A function, a text, a list of values or nothing stands where one value of the graph is wanted.

    Wrong: `y: relu`, `y: [a, b] + 1` where a and b are nodes.
    Call the function, or join the list: `stack([a, b])`, `concat([a, b])`.
    """


class Cycle(Code):
    """Nodes depend on each other in a circle, so that none can be computed first.

    Wrong: `a: b + 1` with `b: 2 * a`.
    The message lists the names on the circle. For a recurrence write `scan(x, f, start)`.
    """


class Recursion(Code):
    """A function calls itself, directly or through others.

    Wrong: `f(a): g(a) + 1` with `g(a): f(a) * 2`.
    For a fixed number of copies write `repeat(x, f, n)`, for a recurrence `scan(x, f, start)`.
    """


class TooManySteps(Code):
    """The formulas ask for a graph of more than two million steps.

    Wrong: `h: x -> repeat(dense(4), 1000000000)`, or forty functions each of which calls the one before twice.
    Work on whole arrays: a step of an array does what a step for each of its numbers would do.
    """


class NameClash(Code):
    """Two things that layers hold would get the same name.

    Wrong: a node that calls a layer with a parameter `0.weight` beside numbered calls of the same node.
    Give the calls nodes of their own.
    """


class ShadowsBuiltin(Code):
    """A warning: a function of the spec has the name of a built-in one, and takes its place in this file.

    The library never sees it, so that nothing else changes. Give it another name if that is not meant.
    """


class ConditionNotKnown(Code):
    """The condition of a choice (`a if c else b`) is not known when the graph is built.

    Wrong: `y: a if x > 0 else b` where x is a value; `h if batch > 1 else x`.
    Choose between values with `where(c, a, b)`; take sizes from `config`.
    """


class NumberFault(Code):
    """Arithmetic on numbers, done while the graph is built, has no result that is a number.

    Wrong: `y: x * (1 / 0)`, `10^400`.
    """


class BadIndex(Code):
    """An index does not fit the value that it is taken of.

    Wrong: `x[0, 0]` of an x of shape [4]; `x[1.5]`; `...` twice.
    An index has whole numbers, ranges, `...` or `none`, or one node of whole numbers that gathers rows. Indices that are values of the
    graph are known when it runs: a label of 10 where there are 10 classes (0 to 9), a word past the end of an `embedding`.
    """


class ParameterShape(Code):
    """A parameter's shape has a size that is not a fixed number.

    Wrong: `w: {shape: [batch, 4], init: 0}`.
    A parameter is the same for every batch: use numbers, `config` names and `dim(x)` where that is a number.
    """


class RaggedList(Code):
    """A nested list of numbers is no array: its rows have different lengths.

    Wrong: `W: [[1, 2], [3]]`.
    Give every row the same length.
    """


class NoBatch(Code):
    """A formula or a shape uses `batch` in a graph for one row.

    No input has a `batch` dimension, so that the graph describes one row; training maps it over the rows by itself.
    Leave `batch` out, or give the inputs the dimension: `x: {shape: [batch, 4]}`.
    """


class ScanLength(Code):
    """`scan` runs over an axis whose length is not a number, or over values of different lengths.

    Wrong: `scan(x, f, start)` with x of shape [time, 8] and `dims: [time]`.
    Take the length from `config`: `config: {length: 256}`, `x: {shape: [length, 8]}`.
    """


class NonScalarLoss(Code):
    """The loss is not one real number.

    Wrong: `J: (x @ w - y)^2` with a `batch` dimension, `loss: J`.
    Reduce it: `loss: mean(J)`.
    """


class BadExpectation(Code):
    """An entry of `expect` cannot be computed from what it feeds and sets.

    Wrong: `inputs: {x: [1, 2, 3]}` where x has the shape [2]; no value for an input that has no default and no column.
    Give under `inputs` and `params` values that fit, for every input that nothing else feeds.
    """


class NonScalarMetric(Code):
    """A metric is not one number.

    Wrong: `accuracy: argmax(logits, axis=-1) == label` with a `batch` dimension.
    Reduce it: `mean(argmax(logits, axis=-1) == label)`.
    """


class UnusedParameter(Code):
    """A warning: the loss does not depend on a parameter, so that its gradient is zero and it never moves.

    Wrong: `params: {w: 2, b: 3}` with `J: (w * x)^2`.
    Use it in a node that the loss depends on, or take it out.
    """


class NoLoss(Code):
    """Something needs a `loss`, and the spec has none: training, or a gradient of which `--of` does not say what.

    Name the scalar node that is to be made small: `loss: J`.
    """


class ShapeMismatch(Code):
    """Two values do not fit together: their shapes cannot be broadcast, multiplied or joined.

    Wrong: `z: x @ W` with x of shape [batch, 64] and W of shape [32, 10].
    The message shows both shapes and where each came from. Give the parameter the shape that fits, or use the value that was meant.
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


class ZeroGradient(Code):
    """A warning: `grad(J, w)` asks for the gradient with respect to a value that J does not depend on, so it is zero.

    Wrong: `g: grad(J, x2)` where only `x` goes into J.
    Name the value that J is computed from: an input, a parameter, or a node on the way to J.
    """


class StateInScan(Code):
    """A function that holds a `state` is called inside `scan`, where there is no one end of the pass at which it could be updated.

    Wrong: `scan(x, normed(), start)` where `normed` has `state`.
    Carry the value along: what the scanned function returns is what the next position gets.
    """


class StateOfARow(Code):
    """In a graph for one row, the update of a state depends on the row: on an input that a column feeds, or on random values.

    Wrong: `seen: {shape: [], init: 0, update: seen + x}` where no input has a `batch` dimension and a column feeds x.
    A state is the same for all rows. Write the graph for a batch, and reduce the rows in the update: `seen + mean(x)`.
    """
