"""What a formula's parts are while the graph is built: graph values, numbers, functions, lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeAlias

from graphrun.errors import Place
from graphrun.expr.tree import Expr
from graphrun.ir.opdef import OpDef
from graphrun.ir.types import DType, Shape, Sym, shape_text
from graphrun.spec.spec import Function

if TYPE_CHECKING:
    from graphrun.build.frame import Frame
    from graphrun.build.names import CallRecord

__all__ = [
    "Fault", "FunctionValue", "Gone", "ListValue", "Number", "Param", "Poisoned", "Ref", "Special", "State", "Training", "Value",
    "constant", "describe", "is_number", "may_be_equal", "to_float", "whole", "with_refs",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ref:
    """A value of the graph: its node."""

    node: int


@dataclass(frozen=True, slots=True)
class Gone:
    """A value of the branch of a choice on `training` that is not taken: its type is all that is known of it."""

    shape: Shape
    dtype: DType


@dataclass(frozen=True, slots=True)
class Training:
    """The choice `training`, so that a branch taken because of it is known as such."""

    value: bool


@dataclass(frozen=True, slots=True)
class Special:
    """A form of the language that is called like a function (`repeat`, `dim`, …)."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class FunctionValue:
    """A function, perhaps with some arguments already given: those behind the leading ones, which each use supplies.

    `shared` is the call whose parameters it uses again (`share(h)`). `other` is the function that a choice on `training` does not take;
    `first` is true where that stands behind this one.
    """

    target: Function | OpDef | Special
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    shared: CallRecord | None = None
    other: FunctionValue | None = None
    first: bool = True

    @property
    def name(self) -> str:
        """The function's name."""
        return self.target.signature.name if isinstance(self.target, Function) else self.target.name


@dataclass(frozen=True, slots=True)
class ListValue:
    """A list known while the graph is built."""

    items: tuple[Any, ...]


Number: TypeAlias = int | float | Fraction
Value: TypeAlias = Ref | Training | FunctionValue | ListValue | Number | Sym | str | bool | None


@dataclass(slots=True, eq=False)
class Param:
    """A parameter of the graph. `node` is None where only the other choice of `training` uses it; `written` is its `init` as a formula.

    `init` is a number, a nested list, or a FunctionValue (an initializer) that is called over `shape`, `fan_in` and `fan_out`.
    """

    name: str
    shape: tuple[int, ...]
    dtype: DType
    init: Any
    trainable: bool
    node: int | None
    place: Place
    written: Frame | None = None


@dataclass(slots=True, eq=False)
class State(Param):
    """A state of the graph, initialized as a parameter is. `at` is where its update stands.

    `updates` has the node of its new value, and the number of that one's name: one for each call that uses it, in order of computation,
    each of which begins from the value before it. Empty where `training` is false.
    """

    at: Place | None = None
    updates: list[tuple[int, int]] = field(default_factory=list)

    @property
    def new(self) -> int | None:
        """The node of the value that the next pass sees."""
        return self.updates[-1][0] if self.updates else None

    @property
    def leaf(self) -> int:
        """The node of its value in a pass."""
        assert self.node is not None
        return self.node

    @property
    def current(self) -> int:
        """The node of the value that the next call's update begins from."""
        return self.updates[-1][0] if self.updates else self.leaf


class Fault(Exception):
    """A fault in the formula at hand; the build puts it at `expr` (or at the token `token`) of the formula.

    `fix` is what to write in place of that, or of the name `word` of an argument there. `axis` is that of the classes, in a loss over them.
    """

    def __init__(
        self,
        code: str,
        message: str,
        expr: Expr | None = None,
        *,
        token: int | None = None,
        notes: tuple[str, ...] = (),
        help: str | None = None,
        fix: str | None = None,
        word: str | None = None,
        axis: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code, self.message, self.expr, self.token, self.notes, self.help = code, message, expr, token, notes, help
        self.fix, self.word, self.axis = fix, word, axis


class Poisoned(Exception):
    """A formula uses a value that has a fault of its own, which has been told already."""


def with_refs(value: Any, change: Callable[[Ref | Gone], Any]) -> Any:
    """`value` with each value of the graph in it, in lists and in what functions were given too, as `change` gives it."""
    match value:
        case Ref() | Gone():
            return change(value)
        case ListValue():
            return ListValue(tuple(with_refs(v, change) for v in value.items))
        case FunctionValue():
            given = {k: with_refs(v, change) for k, v in value.kwargs.items()}
            return replace(value, args=tuple(with_refs(v, change) for v in value.args), kwargs=given)
        case _:
            return value


def is_number(value: Any) -> bool:
    """Whether it is a plain number (not a boolean)."""
    return isinstance(value, int | float | Fraction) and not isinstance(value, bool)


def to_float(value: Number) -> float:
    """The nearest float; infinite where it is too large."""
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def constant(value: Any) -> Any:
    """A value of `config` as formulas see it."""
    return ListValue(tuple(constant(v) for v in value)) if isinstance(value, list) else value


def whole(value: Any) -> int | None:
    """The whole number that `value` is exactly, or None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, Fraction) and value.denominator == 1:
        return value.numerator
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return None


def may_be_equal(x: Any, y: Any) -> bool:
    """Whether two lists are equal for some sizes of a batch and not for others."""
    if x == y or not isinstance(x, ListValue) or not isinstance(y, ListValue) or len(x.items) != len(y.items):
        return False
    return all(p == q or isinstance(p, Sym) or isinstance(q, Sym) for p, q in zip(x.items, y.items, strict=True))


def describe(value: Any, shape: Shape | None = None) -> str:
    """What a message calls a value."""
    match value:
        case Ref():
            return f"a value of shape {shape_text(shape)}" if shape is not None else "a value of the graph"
        case FunctionValue():
            return f"the function `{value.name}`"
        case ListValue():
            return "a list"
        case Training() | bool():
            return "true or false"
        case None:
            return "none"
        case str():
            return f"the text '{value}'"
        case Sym():
            return f"the dimension {value}"
        case Fraction():
            return f"{value.numerator}/{value.denominator}"
        case _:
            return str(value)
