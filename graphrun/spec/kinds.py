"""The kinds of values that keys of a spec take: pydantic types that say in our words what is wanted.

A guard looks at the kind of a value before pydantic tries the members of a union, so that there is one fault and not one for each member.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag
from pydantic_core import PydanticCustomError

__all__ = [
    "BY_LIST",
    "BY_MAPPING",
    "LIST",
    "MAPPING",
    "OTHER",
    "ConfigValue",
    "Count",
    "DTypeName",
    "DimText",
    "Flag",
    "FormulaText",
    "Formulas",
    "Fraction",
    "InitValue",
    "MetricBound",
    "NameList",
    "NonNegative",
    "Number",
    "Percentage",
    "PositiveCount",
    "PositiveNumber",
    "RowList",
    "Seed",
    "Shape",
    "ShapeList",
    "Text",
    "TextOrTexts",
    "Values",
    "guard",
]

MAPPING, LIST, OTHER = "{mapping}", "{list}", "{other}"  # tags of a union's members; they are left out of the paths of faults

_KINDS: dict[str, tuple[type, ...]] = {"int": (int,), "number": (int, float), "text": (str,), "list": (list,), "mapping": (dict,)}


def _bound(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"\s*(<=?|>=?|==)?\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*", value, re.ASCII):
        raise PydanticCustomError("wrong_type", "{expected}", {"expected": _BOUND})
    return value


_BOUND = 'a number, or a bound such as ">= 0.9"'


def guard(
    expected: str, *kinds: str, above: float | None = None, least: float | None = None, below: float | None = None
) -> BeforeValidator:
    """Lets values of `kinds` pass; numbers only within the bounds. `expected` completes the sentence "`key` is …"."""
    types = tuple(t for kind in kinds for t in _KINDS.get(kind, ()))
    with_bool = "bool" in kinds

    def check(value: Any) -> Any:
        if isinstance(value, bool):
            good = with_bool
        elif not isinstance(value, types):
            good = False
        elif isinstance(value, int | float):
            if (
                (above is not None and not value > above)
                or (least is not None and not value >= least)
                or (below is not None and value >= below)
            ):
                raise PydanticCustomError("out_of_range", "{expected}", {"expected": expected})
            good = True
        else:
            good = True
        if not good:
            raise PydanticCustomError("wrong_type", "{expected}", {"expected": expected})
        return value

    return BeforeValidator(check)


def _leaves(values: Iterable[Any], types: tuple[type, ...]) -> bool:
    stack = list(values)
    while stack:
        top = stack.pop()
        if isinstance(top, list):
            stack.extend(top)
        elif not isinstance(top, types):
            return False
    return True


def _list_of(types: tuple[type, ...], what: str) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if isinstance(value, list) and not _leaves(value, types):
            raise PydanticCustomError("wrong_entries", "{expected}", {"expected": what})
        return value

    return check


def _shape(value: Any) -> Any:
    """A shape as written, as a tuple; pydantic checks its entries."""
    if not isinstance(value, list):
        raise PydanticCustomError("wrong_shape", "{expected}", {"expected": "a list of sizes"})
    return tuple(value)


BY_MAPPING = Discriminator(lambda value: MAPPING if isinstance(value, dict) else OTHER)
BY_LIST = Discriminator(lambda value: LIST if isinstance(value, list) else OTHER)

DTypeName = Literal["float32", "float64", "int64", "bool"]

# A formula is text, or a number (`J: 3`, `returns: 1`), or `true`/`false`.
FormulaText = Annotated[str | bool | int | float, guard("a formula", "text", "number", "bool")]
Formulas = Annotated[
    Annotated[list[FormulaText], Tag(LIST)] | Annotated[FormulaText, Tag(OTHER)],
    BY_LIST,
    guard("a formula, or a list of them", "text", "number", "bool", "list"),
]
DimText = Annotated[int | str, guard("a whole number, the name of a dimension or arithmetic on `config`", "int", "text", least=0)]
Shape = Annotated[tuple[DimText, ...], BeforeValidator(_shape)]
ShapeList = Annotated[list[DimText], BeforeValidator(lambda value: list(_shape(value)))]
_NUMBERS = BeforeValidator(_list_of((int, float), "a number, or a list of numbers"))
# A number or a nested list of them.
Values = Annotated[int | float | bool | list[Any], guard("a number, or a list of numbers", "number", "bool", "list"), _NUMBERS]
InitValue = Annotated[
    int | float | bool | list[Any] | str,
    guard("a number, a list of numbers or a call such as `normal()`", "number", "bool", "list", "text"),
    _NUMBERS,
]
ConfigValue = Annotated[
    int | float | bool | str | list[Any],
    guard("a number, a boolean, a string or a list", "number", "bool", "text", "list"),
    BeforeValidator(_list_of((int, float, str), "a list of numbers, booleans and strings")),
]
Flag = Annotated[bool, guard("`true` or `false`", "bool")]
Text = Annotated[str, guard("a text", "text")]
TextOrTexts = Annotated[
    Annotated[list[Text], Tag(LIST)] | Annotated[Text, Tag(OTHER)], BY_LIST, guard("a text, or a list of texts", "text", "list")
]
NameList = Annotated[list[Text], guard("a list of names", "list")]
Number = Annotated[int | float, guard("a number", "number")]
RowList = Annotated[list[Annotated[list[Any], guard("a list of cells", "list")]], guard("a list of rows, each a list of cells", "list")]
MetricBound = Annotated[int | float | str, guard(_BOUND, "number", "text"), BeforeValidator(_bound)]
# Whole numbers; in `steps`, `epochs` and `batch` a formula over `config` may stand.
Count = Annotated[Annotated[int, Field(gt=0)] | str, guard("a whole number from 1 on, or a formula over `config`", "int", "text", above=0)]
PositiveCount = Annotated[int, Field(gt=0), guard("a whole number from 1 on", "int", above=0)]
Seed = Annotated[int, Field(ge=0), guard("a whole number from 0 on", "int", least=0)]
NonNegative = Annotated[int | float, Field(ge=0), guard("a number from 0 on", "number", least=0)]
PositiveNumber = Annotated[float, Field(gt=0), guard("a number above 0", "number", above=0)]
Percentage = Annotated[float, Field(ge=0, lt=1), guard("a number from 0 to below 1", "number", least=0, below=1)]

# Whether a share fits the rows is told where they are read.
Fraction = Annotated[int | float, guard("a fraction from 0 to 1 or a count of rows", "number")]
