"""How many steps a graph will have at least, without making them: few functions that call each other can ask for more than a machine holds.

A call makes as many steps as an earlier one of the same function on arguments of the same types and the same numbers. So each is lowered
once, and after that only counted; so are the copies of a `repeat` and the positions of a `scan` from where the value passed on keeps its
type. What may come to less (steps of `grad`, constants, `identity` steps) is left out: a spec that can be built is never refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from graphrun.build.assemble import Assembly
from graphrun.build.frame import Frame
from graphrun.build.names import CallRecord, Context
from graphrun.build.steps import LIMIT, MANY, TooManySteps, too_many
from graphrun.build.values import FunctionValue, ListValue, Poisoned, Ref, Value
from graphrun.expr.tree import Call, Expr, Formula
from graphrun.ir.opdef import OpDef
from graphrun.spec.spec import Function, Path

__all__ = ["Counting", "GaveUp"]


class GaveUp(Exception):
    """Ends a count for which as much would have to be made as for the graph."""


@dataclass(frozen=True, slots=True)
class _Made:
    """A call that has been lowered: its value, the steps and the calls that it came to, and its number among the calls."""

    value: Value
    steps: int
    calls: int
    number: int


class Counting(Assembly):
    """Lowers a spec's formulas in order to count; what it makes is no graph."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.steps = 0
        self.more_calls = 0  # beside those that it made
        self._made: dict[Any, _Made] = {}
        self._node = ""  # of the top-level graph, being lowered
        self._partial: set[str] = set()  # nodes with calls that are only counted

    def bound(self, e: Expr, f: Frame) -> None:
        """Ends the count where the graph is too large, or the count takes too long."""
        if self.steps > LIMIT or len(self.builder.graph.calls) + self.more_calls > LIMIT:
            self.located(too_many(e), f)
            raise TooManySteps(self.reporter.errors)
        if len(self.builder) > 5 * MANY or self.rounds > MANY:
            raise GaveUp

    def _count(self, steps: int, calls: int, e: Expr, f: Frame) -> None:
        self.steps += steps
        self.more_calls += calls
        self.grow(e, f)

    def emit(self, op: OpDef, inputs: Sequence[int], attrs: dict[str, Any], e: Expr, f: Frame, operands: Sequence[Expr] = ()) -> int:
        """Adds a step."""
        self.steps += 1
        return super().emit(op, inputs, attrs, e, f, operands)

    def _final(self, value: Value, owner: int, e: Expr, f: Frame) -> int:
        steps = self.steps
        final = super()._final(value, owner, e, f)
        self.steps = steps
        return final

    def both(self, truth: bool, then: Callable[[], Value], otherwise: Callable[[], Value], f: Frame) -> Value:
        """The branch taken; the steps of the other one do not stay."""
        return then() if truth else otherwise()

    # -- what is made once ----------------------------------------------------------------------------------------

    def _expand(
        self, value: FunctionValue, fn: Function, args: Sequence[Any], kwargs: dict[str, Any], e: Call, f: Frame, numbered: bool
    ) -> Value:
        at = len(f.calls)
        key = (fn, self._kind(tuple(args)), self._kind(kwargs), value.shared, f.like(at) is None, f.tag == 0)
        made = self._made.get(key)
        if made is None:
            steps, calls = self.steps, len(self.builder.graph.calls) + self.more_calls
            found = super()._expand(value, fn, args, kwargs, e, f, numbered)
            calls = len(self.builder.graph.calls) + self.more_calls - calls
            self._made[key] = _Made(found, self.steps - steps, calls, f.calls[at].call)
            return found
        self._partial.add(self._node)
        f.calls.append(CallRecord(fn.signature.name, numbered=numbered, call=made.number, function_value=value))
        self._count(made.steps, made.calls, e, f)
        return made.value

    def settled(self, past: list[Any], value: Any, left: int, e: Expr, f: Frame) -> bool:
        """Whether the `left` rounds that follow are as the last one was, and have been counted."""
        past.append((self._kind(value), self.steps, len(self.builder.graph.calls) + self.more_calls))
        if len(past) < 2 or past[-1][0] != past[-2][0]:
            self.grow(e, f)
            return False
        self._partial.add(self._node)
        self._count(left * (past[-1][1] - past[-2][1]), left * (past[-1][2] - past[-2][2]), e, f)
        return True

    def _kind(self, value: Any) -> Any:
        """What decides how many steps are made with a value: for one of the graph its type, for others what they are."""
        match value:
            case Ref():
                return Ref, self.builder.graph._type[value.node]
            case FunctionValue():
                return FunctionValue, *(self._kind(getattr(value, field.name)) for field in fields(value))
            case ListValue():
                return ListValue, *map(self._kind, value.items)
            case tuple():
                return tuple, *map(self._kind, value)
            case Mapping():
                return Mapping, *((k, self._kind(v)) for k, v in value.items())
            case _:
                return type(value), value

    # -- what is inside a node ------------------------------------------------------------------------------------

    def node_of(self, name: str, formulas: list[Formula], path: Path) -> Any:
        """Lowers a node of the top-level graph."""
        self._node = name
        return super().node_of(name, formulas, path)

    def context_of(self, name: str, f: Frame, e: Expr) -> Context:
        """The context of the node `name`; nothing is said of one in which not all was made."""
        found = super().context_of(name, f, e)
        if (self._node if found.prefix is not None else name) in self._partial:
            raise Poisoned
        return found
