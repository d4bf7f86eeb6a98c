"""Scalar nodes as Python expressions.

float64 values are Python floats, int64 Python ints, bool Python bools; what raises where IEEE arithmetic does not is run again by the
reference engine. float32 values are NumPy scalars, so that every step rounds as in the reference.
"""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from graphrun.ir.graph import Graph
from graphrun.ir.types import DType

__all__ = ["converted", "literal", "names_in", "scalar_expression"]

_NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*")
_BUILTIN = frozenset({"abs", "bool", "float", "int", "max", "min", "round"})
_WHOLE = frozenset({"add", "sub", "mul", "neg", "where"})
_MIXED = frozenset({"add", "sub", "mul", "div"})
_SINGLE = frozenset({"add", "sub", "mul", "neg"})


def literal(value: float | int | bool) -> str:
    """A Python expression for a number, in brackets where it begins with a sign."""
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "(-inf)"
    text = repr(value)
    return f"({text})" if text.startswith("-") else text


def scalar_expression(graph: Graph, i: int, operands: Sequence[str]) -> str | None:
    """Node i over the expressions `operands` where its operation has a template that gives the same numbers; else None."""
    op = graph.op(i)
    dtype = graph.dtype(i)
    given = [graph.dtype(j) for j in graph.inputs(i)]
    if graph.shape(i) or any(graph.shape(j) for j in graph.inputs(i)):
        return None
    if op.name == "cast":
        return _cast(operands[0], given[0], dtype)
    if op.scalar is None:
        return None
    if not _fits(op.name, given, dtype):
        return None
    text = op.scalar.format(*operands, **{k: _attribute(v) for k, v in graph.attrs(i).items()})
    return _without_brackets(text)


def _fits(name: str, given: Sequence[DType], dtype: DType) -> bool:
    """Whether the template, over Python numbers that stand for values of dtypes `given`, gives a Python number that stands for `dtype`."""
    if dtype == "float32" or "float32" in given:
        return name in _SINGLE and set(given) == {"float32"}
    if dtype == "bool" or name in _MIXED:
        return True
    values = given[1:] if name == "where" else given
    return set(values) == {dtype} and (dtype == "float64" or name in _WHOLE)


def _cast(x: str, given: DType, wanted: DType) -> str | None:
    if given == "float32" or wanted == "float32":
        return None
    return {"float64": f"float({x})", "int64": f"int({x})", "bool": f"{x} != 0"}[wanted]


def converted(text: str, dtype: DType) -> str:
    """The NumPy scalar (or array of one element) `text` as the number that stands for it in generated code."""
    return {"float64": f"float({text})", "float32": f"float32({text})", "int64": f"int({text})", "bool": f"bool({text})"}[dtype]


def names_in(text: str, known: Mapping[str, Any]) -> Mapping[str, Any]:
    """The functions and constants of `math` that an expression uses by bare name, without those that are `known`."""
    found = {}
    for name in _NAME.findall(text):
        if not keyword.iskeyword(name) and name not in _BUILTIN and name not in known:
            found[name] = getattr(math, name)
    return found


def _attribute(value: Any) -> Any:
    return literal(value) if isinstance(value, (int, float)) else value


def _without_brackets(text: str) -> str:
    """`(a + b)` without its brackets, where they hold all of it."""
    if not (text.startswith("(") and text.endswith(")")):
        return text
    depth = 0
    for k, c in enumerate(text):
        depth += (c == "(") - (c == ")")
        if depth == 0:
            return text[1:-1] if k == len(text) - 1 else text
    return text
