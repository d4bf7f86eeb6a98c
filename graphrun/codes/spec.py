"""Codes of YAML and of the structure of a spec."""

from __future__ import annotations

from graphrun.codes.base import Code


class MalformedYaml(Code):
    """The file is not YAML that a spec can be read from: a line is indented with a tab or does not fit the lines above it, a colon
    or the space after it is missing, a character cannot stand there, values are nested too deep, or a second document begins.

    Wrong: `x 3` or `x:3` in place of `x: 3`.
    """


class UnquotedFormula(Code):
    """YAML takes a part of a formula for something of its own.

    Wrong: `h: {init: normal(0, 0.02)}` (two entries, cut at the comma), `{y: x[0]}` (a list), `y: [1, 2] * x` (a list),
    `y: a if c else b # note` in the middle of a formula, `y: x[0: 2]` (a key).
    Put the formula in quotes, or give each entry of a mapping a line of its own; the help shows the line as it should be written.
    """


class DuplicateKey(Code):
    """A key is given twice in one mapping.

    Wrong: `nodes: {a: x, a: y}`. Keep one of them.
    """


class WrongKey(Code):
    """A key is not a name or a text, but a list, a mapping, an alias or nothing.

    Wrong: `[a, b]: 3`. Where a text is meant, put it in quotes.
    """


class WrongAlias(Code):
    """A YAML alias `*name` has no anchor `&name` before it, stands inside of what it repeats, or aliases repeat too much.

    Wrong: `w: *start` where no value is marked `&start`.
    """


class YamlTag(Code):
    """A value has a YAML tag, and the language has none.

    Wrong: `w: !!float 3`. Leave the tag out: kinds of values are read from how they are written.
    """


class MergeKey(Code):
    """`<<` merges a mapping into another in some YAML files. In a spec nothing is inherited: write the entries out."""


class MissingValue(Code):
    """A key has no value (or `null`, or `~`).

    Wrong: `nodes:` with nothing below it. Write the value, or take the key out.
    """


class MissingFile(Code):
    """A spec file, given by name or in `use`, does not exist, is a folder or cannot be read.

    Paths in `use` are relative to the spec's folder.
    """


class NotUtf8(Code):
    """A spec file is not UTF-8 text. Save it as UTF-8 in the editor."""


class UnknownKey(Code):
    """A key is not in the language at this place. Nothing is ever ignored.

    Wrong: `train: {optimiser: sgd(lr=0.1)}`. The help names the key that is nearest, or all that may stand there.
    """


class MissingKey(Code):
    """A key that is required is missing.

    Wrong: `params: {w: {shape: [3]}}` (no `init`), a file without `graphrun: 1`.
    """


class WrongType(Code):
    """A value is of another kind than the key takes.

    Wrong: `train: {steps: [10]}`, `params: {w: hello}`. The message says what the key takes and what was found.
    """


class OutOfRange(Code):
    """A number is smaller or larger than the key, or the argument of a built-in optimizer, takes.

    Wrong: `train: {steps: 0}`, `train: {clip: -1}`, `adam(beta1=1)`.
    """


class WrongValue(Code):
    """A word is not one of those that the key takes, or a number is none that an argument can have.

    Wrong: `dtype: float16`, `dropout(x, 1.5)`, `normal([3], 0, -1)`. The message says which there are.
    """


class WrongVersion(Code):
    """`graphrun:` does not say 1, which is the version of the language that this graphrun reads."""


class BadName(Code):
    """A name is not made of letters, digits and `_`, or begins with a digit.

    Wrong: `params: {learning-rate: 1}`. Write `learning_rate`.
    """


class ReservedName(Code):
    """A name means something in formulas already: a keyword of Python, `true`, `false`, `none`, `batch`, `training`, `step`, `steps`, a
    dimension of `dims`, in a function `T`, in an optimizer `param` and `grad`.

    Wrong: `params: {lambda: 2}`. Write `lambda_`.
    """


class DuplicateName(Code):
    """A name is given twice: inputs, params, state, config and nodes share one name space; functions, and what `use` brings, another.

    Wrong: `inputs: {x: 1}` with `nodes: {x: 2 * 3}`, two functions `f(x)` and `f(y)`.
    """


class ConflictingKeys(Code):
    """Two keys exclude each other.

    Wrong: `train: {steps: 100, epochs: 3}`, `clip: {norm: 1, value: 1}`. Keep one of them.
    """


class UseCycle(Code):
    """Spec files bring in each other's functions in a circle. Put what both need into a file of its own."""


class NotYet(Code):
    """A key is part of the language, and this version of graphrun does not carry it out yet. It is refused, as nothing is ever ignored."""


class UnknownSetting(Code):
    """`--set` names a key that the language does not have there, or a name that the spec does not have, or is not `key=value`.

    Wrong: `--set train.stepz=10`, `--set params.ww=3`. Names in `config` stand alone: `--set width=128`.
    """
