"""Codes of formulas that cannot be read."""

from __future__ import annotations

from graphrun.codes.base import Code


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
