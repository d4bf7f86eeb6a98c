"""A fault within a function of the library, as the person meets it who called that: in terms of what was passed to it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from graphrun.build.values import Fault
from graphrun.errors import Diagnostic, Place
from graphrun.ir.types import DType, Shape, Sym, is_real, shape_text

__all__ = ["DIFFERENT", "Given", "outside_of"]

_OF_CLASSES = ("cross_entropy", "nll")  # the losses whose target is the index of a class
DIFFERENT = "prediction and target have different shapes: "
"""How the fault of a loss whose two shapes are not equal begins."""


@dataclass(frozen=True, slots=True)
class Given:
    """A value of the graph that a call passes for the argument `argument`; `name` is what the graph calls it, '' while it has no name."""

    argument: str
    name: str
    shape: Shape
    dtype: DType

    def words(self) -> str:
        """`its `x` is h, with shape [batch, 8]`."""
        kind = "" if is_real(self.dtype) else f" and dtype {self.dtype}"
        what = f"is {self.name}, with" if self.name else "has"
        return f"its `{self.argument}` {what} shape {shape_text(self.shape)}{kind}"


def outside_of(fault: Fault, function: str, place: Place, given: Sequence[Given], other: Sequence[str]) -> Diagnostic:
    """The fault, told where the spec calls the function; `given` are the values that it passes, `other` says what else it passes."""
    notes = (*(g.words() for g in given), *other)
    message, mend = _of_loss(fault, function, given)
    if message is None:
        message, mend = f"in `{function}`: {fault.message}", fault.help
        if fault.code == "dtype-mismatch" and mend is not None:
            mend = mend.partition(", or cast it")[0]
        elif mend is not None and fault.code not in ("wrong-type", "wrong-value"):
            mend = None if "`" in mend and not mend.startswith("bring them to one shape") else mend
        found = re.search(r"indexed by whole numbers, but (.+) is (\w+)$", fault.message)
        argument = next((g.argument for g in given if found is not None and re.search(rf"\b{g.argument}\b", found[1])), None)
        if found is not None and argument is not None:
            message = f"`{function}` wants whole numbers for its `{argument}`, and here it is {found[2]}"
    return Diagnostic(fault.code, message, place, "error", notes, mend)


def _of_loss(fault: Fault, function: str, given: Sequence[Given]) -> tuple[str | None, str | None]:
    """What is wrong with the two values that a loss compares, where that is sure."""
    if len(given) < 2 or given[1].argument != "target":
        return None, None
    first, target = given[:2]
    swapped = not is_real(first.dtype) and is_real(target.dtype)
    if swapped and (fault.code == "dtype-mismatch" or fault.message.startswith(DIFFERENT)):
        mend = f"write `{function}({_said(target, 'b')}, {_said(first, 'a')})`"
        return f"`{function}` takes (`{first.argument}`, `{target.argument}`), and here they stand the other way round", mend
    if not fault.message.startswith(DIFFERENT):
        return None, None
    if function in _OF_CLASSES:
        return _of_classes(function, first, target, -1 if fault.axis is None else fault.axis)
    whole = [any(isinstance(d, Sym) for d in g.shape) for g in (first, target)]
    if whole[0] != whole[1]:
        lacking = target if whole[0] else first
        mend = f"{_said(lacking, lacking.argument)} has no `batch`: what comes from the data needs it, as in `x: {{shape: [batch, 4]}}`"
        return f"in `{function}`: {fault.message}", mend
    for one, two in ((first, target), (target, first)):
        if one.shape == (*two.shape, 1):
            return f"in `{function}`: {fault.message}", f"take the last axis off: `squeeze({_said(one, one.argument)}, -1)`"
    return None, None


def _of_classes(function: str, first: Given, target: Given, axis: int) -> tuple[str | None, str | None]:
    """What is wrong with a target that is to hold the index of a class for everything but `axis`."""
    if not -len(first.shape) <= axis < len(first.shape):
        return None, None
    at = axis % len(first.shape)
    wanted = (*first.shape[:at], *first.shape[at + 1 :])
    message = f"`{function}` wants the index of a class for each row, so a `target` of shape {shape_text(wanted)}, and not "
    if target.shape == first.shape:
        mend = f"`argmax({_said(target, 'target')}, axis={axis})` makes indices of rows that are 1 for one class"
        if function == "cross_entropy":
            mend += f"; `cast({_said(target, 'target')}, '{first.dtype}')` makes probabilities of them"
        return f"{message}{shape_text(target.shape)}", f"{mend}; an input that holds indices has shape {shape_text(wanted)}"
    if target.shape == (*wanted[:at], 1, *wanted[at:]):
        mend = f"declare it with shape {shape_text(wanted)}, or write `squeeze({_said(target, 'target')}, {axis})`"
        return f"{message}{shape_text(target.shape)}", mend
    return None, None


def _said(value: Given, otherwise: str) -> str:
    """The name of a value where a formula may use it."""
    return value.name if value.name.isidentifier() else otherwise
