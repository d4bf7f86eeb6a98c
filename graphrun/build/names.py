"""Who is called what: scopes, the records of calls, and the names that follow from them (language.md §4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, TypeAlias

from graphrun.build.values import FunctionValue, Gone, Param, Ref, State, with_refs
from graphrun.expr.tree import Formula
from graphrun.ir.builder import Builder
from graphrun.ir.graph import Graph
from graphrun.spec.spec import File

__all__ = ["CallRecord", "Context", "Scope", "holder_of", "name_contexts", "name_elements", "number_steps", "pairs", "set_aside"]


@dataclass(slots=True, eq=False)
class Context:
    """One formula being lowered: the steps that it made and the calls that it contains.

    `owner` is the number of its name in the graph's table of names; the name itself may be known only later. `prefix` is the record of the
    call whose body it belongs to (None at the top), `local` its name there; '' for `returns`, which shares the calling formula's context.
    """

    owner: int
    local: str
    prefix: CallRecord | None
    steps: list[int] = field(default_factory=list)
    calls: list[CallRecord] = field(default_factory=list)
    elements: list[int] = field(default_factory=list)  # the names' numbers of the elements, where its value is a list
    echoes: list[Echo] = field(default_factory=list)
    path: str = ""


Echo: TypeAlias = "tuple[CallRecord, CallRecord | None]"
"""A call at a later position of a scan, and that at the first, whose name it has."""


@dataclass(slots=True, eq=False)
class CallRecord:
    """One use of a function: what it holds, and the contexts of its inner formulas.

    `like` is the record whose parameters it uses again (a shared call, a later position of a scan). `numbered` is true for the
    copies of a repeat, whose numbers are always written.
    """

    function: str
    like: CallRecord | None = None
    numbered: bool = False
    call: int = -1
    params: dict[str, Param] = field(default_factory=dict)
    states: dict[str, State] = field(default_factory=dict)
    used: Mapping[str, State] = field(default_factory=dict)  # its states, or those of the call that it shares
    updates: list[Context] = field(default_factory=list)  # the formulas of the states' updates
    nodes: dict[str, Any] = field(default_factory=dict)
    contexts: dict[str, Context] = field(default_factory=dict)
    children: list[CallRecord] = field(default_factory=list)  # calls in `returns`, or the copies of a repeat
    bound: Mapping[str, Any] = field(default_factory=dict)
    function_value: FunctionValue | None = None
    path: str = ""
    written: tuple[Formula, int, int] | None = None  # the formula that it stands in, its first and last token there

    def holds(self) -> bool:
        """Whether it holds parameters, state or nodes, itself or in what it calls; those of the call that it shares among them."""
        stack, seen = [self], {id(self)}
        while stack:
            record = stack.pop()
            if record.params or record.states or record.contexts:
                return True
            inner = record.children if record.like is None else (*record.children, record.like)
            stack += [r for r in inner if id(r) not in seen]
            seen.update(map(id, inner))
        return False

    def around(self, other: CallRecord) -> bool:
        """Whether `other`, a call computed before in the same node, is among what this one is called on."""
        if self.written is None or other.written is None or self.written[0] is not other.written[0]:
            return True  # the stages of a chain that is written as a list
        return self.written[1] <= other.written[1] and other.written[2] <= self.written[2]


@dataclass(slots=True, eq=False)
class Scope:
    """What a formula sees: the names around it and the functions of its file.

    `lazy` gives the value of a name that is made only when it is used (a parameter), `outer` the top-level graph for functions of its file.
    """

    file: File
    values: dict[str, Any] = field(default_factory=dict)
    functions: dict[str, FunctionValue | None] = field(default_factory=dict)
    lazy: dict[str, Callable[[], Any]] = field(default_factory=dict)
    outer: Scope | None = None
    record: CallRecord | None = None

    def sees(self, name: str) -> bool:
        """Whether `name` is among `names`."""
        return name in self.values or name in self.lazy or (self.outer is not None and self.outer.sees(name))

    def holds(self, name: str) -> bool:
        """Whether `name` is a value here: in a function one of its own comes before a function, and the graph's behind it."""
        return name in self.values or name in self.lazy

    def names(self) -> Iterable[str]:
        """All names of values that can be seen."""
        seen = dict.fromkeys([*self.values, *self.lazy])
        if self.outer is not None:
            seen.update(dict.fromkeys(self.outer.names()))
        return seen


def holder_of(record: CallRecord) -> CallRecord:
    """The call that holds the parameters and the state of `record`: itself, or the one that it shares."""
    while record.like is not None:
        record = record.like
    return record


def number_steps(builder: Builder, context: Context, final: int | None) -> None:
    """Numbers the steps of a formula from 1 in order of computation; `final` bears the name itself."""
    graph = builder.graph
    counts: dict[int, int] = {}
    for i in context.steps:
        tag = graph._tag[i]
        if i == final:
            builder.set_step(i, 0)
            continue
        counts[tag] = counts.get(tag, 0) + 1
        builder.set_step(i, counts[tag])


def name_contexts(builder: Builder, top: Context) -> list[CallRecord]:
    """Gives every call and formula within the formula `top` its path, and enters the names in the graph.

    Calls that hold nothing have no name of their own; one that holds something shares the formula's where it is the only one,
    and is numbered from 0 where there are several. Returns the records in order.
    """
    graph = builder.graph
    found: list[CallRecord] = []
    echoes = list(top.echoes)
    stack: list[tuple[str, list[CallRecord]]] = [(top.path, top.calls)]
    while stack:
        path, calls = stack.pop()
        count = sum(1 for c in calls if c.holds())
        k = 0
        for record in calls:
            record.path = path
            if record.holds():
                record.path = path if count == 1 and not record.numbered else f"{path}.{k}"
                k += 1
            _enter(graph, record)
            found.append(record)
            for context in record.contexts.values():
                stack.append((context.path, context.calls))
                echoes += context.echoes
            for context in record.updates:
                stack.append((f"{record.path}.{context.local}", context.calls))
            stack.append((record.path, record.children))
    while echoes:
        record, first = echoes.pop()
        record.path = first.path if first is not None else top.path
        _enter(graph, record)
        for name, context in record.contexts.items():
            there = first.contexts.get(name) if first is not None else None
            echoes += [*context.echoes, *pairs(context.calls, there.calls if there is not None else ())]
        echoes += pairs(record.children, first.children if first is not None else ())
    return found


def pairs(later: Sequence[CallRecord], first: Sequence[CallRecord]) -> list[Echo]:
    """The calls at a later position of a scan, each with that at the first."""
    return [*zip_longest(later, first[: len(later)])]


def set_aside(records: Iterable[CallRecord], graph: Graph, mark: int) -> None:
    """Nodes from `mark` on are about to go: of the values that the calls `records` hold there, only the types stay known."""

    def gone(value: Ref | Gone) -> Ref | Gone:
        return value if isinstance(value, Gone) or value.node < mark else Gone(graph.shape(value.node), graph.dtype(value.node))

    stack = [*records]
    while stack:
        record = stack.pop()
        record.nodes = {n: with_refs(v, gone) for n, v in record.nodes.items()}
        record.bound = {n: with_refs(v, gone) for n, v in record.bound.items()}
        stack += record.children
        for context in (*record.contexts.values(), *record.updates):
            stack += context.calls


def _enter(graph: Graph, record: CallRecord) -> None:
    """The names that follow from a record's path: of its call, parameters and inner formulas."""
    graph.calls[record.call].name = record.path
    for name, param in [*record.params.items(), *record.states.items()]:
        param.name = f"{record.path}.{name}"
        if param.node is not None:
            graph.names[graph._owner[param.node]] = param.name
    for context in record.contexts.values():
        context.path = f"{record.path}.{context.local}"
        name_elements(graph, context)


def name_elements(graph: Graph, context: Context) -> None:
    """Enters a formula's name and those of its elements: `pair.0`."""
    graph.names[context.owner] = context.path
    for k, element in enumerate(context.elements):
        graph.names[element] = f"{context.path}.{k}"
