"""The tree of a formula: a closed set of forms, each with the tokens that it spans.

Formulas that are equal up to the names of values share one tree: a :class:`Name` holds a slot, and the
:class:`Formula` holds the name for each slot and the place of each token. So `formula.names[tree.slot]` is a name,
and `formula.span(tree)` the character offsets of any part of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

__all__ = [
    "Binary",
    "Bool",
    "Call",
    "Choice",
    "EllipsisItem",
    "Expr",
    "Formula",
    "Hole",
    "Index",
    "ListExpr",
    "Name",
    "Nothing",
    "Num",
    "Signature",
    "SliceItem",
    "Text",
    "Transpose",
    "Unary",
    "children",
    "walk",
]


@dataclass(frozen=True, slots=True)
class Num:
    """A number; an int where it is written whole."""

    value: int | float
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Text:
    """A string literal."""

    value: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Bool:
    """`true` or `false`."""

    value: bool
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Nothing:
    """`none`."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Hole:
    """The value passed on, in a stage of a chain that is written as a YAML list (`dense(32)` in `[x, dense(32)]`)."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Name:
    """A value's name, perhaps with dots (`h.0.weight`): `formula.names[slot]`."""

    slot: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Unary:
    """`-x` or `not x`."""

    op: str
    operand: Expr
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Binary:
    """`left op right`; op is one of `+ - * / ^ @ < <= > >= == != and or`."""

    op: str
    left: Expr
    right: Expr
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Call:
    """`func(args, key=…)`. `a -> f(b)` is `f(a, b)` with `piped` true; `callee` is the token of the function's name."""

    func: str
    args: tuple[Expr, ...]
    kwargs: tuple[tuple[str, Expr], ...]
    piped: bool
    callee: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class SliceItem:
    """`start:stop:step` in an index; each part may be missing."""

    start: Expr | None
    stop: Expr | None
    step: Expr | None
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class EllipsisItem:
    """`...` in an index."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Index:
    """`operand[items]`. `none` among the items is a new axis, as in NumPy."""

    operand: Expr
    items: tuple[Expr | SliceItem | EllipsisItem, ...]
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Transpose:
    """`operand.T`."""

    operand: Expr
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class ListExpr:
    """`[a, b]`."""

    items: tuple[Expr, ...]
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Choice:
    """`then if condition else otherwise`."""

    condition: Expr
    then: Expr
    otherwise: Expr
    first: int
    last: int


Expr: TypeAlias = (
    Num | Text | Bool | Nothing | Hole | Name | Unary | Binary | Call | Index | SliceItem | EllipsisItem | Transpose | ListExpr | Choice
)


@dataclass(frozen=True, slots=True, eq=False)
class Formula:
    """A parsed formula: its text, a tree (shared with formulas equal up to names), and what the tree leaves open.

    `starts[k]` and `ends[k]` are the character offsets of token k in `text`.
    """

    text: str
    tree: Expr
    names: tuple[str, ...]
    starts: Sequence[int]
    ends: Sequence[int]

    def name(self, node: Name) -> str:
        """The name that stands at `node`."""
        return self.names[node.slot]

    def span(self, node: Expr) -> tuple[int, int]:
        """First and one-past-last character offset of `node` in `text`."""
        return self.starts[node.first], self.ends[node.last]

    def token(self, index: int) -> tuple[int, int]:
        """First and one-past-last character offset of a token."""
        return self.starts[index], self.ends[index]

    def source(self, node: Expr) -> str:
        """The text of `node` as it was written."""
        start, end = self.span(node)
        return self.text[start:end]


@dataclass(frozen=True, slots=True)
class Signature:
    """The head of a function: `name(x, units, bias=true)`. A default is a Formula over earlier arguments, or None."""

    name: str
    args: tuple[tuple[str, Formula | None], ...]


def children(node: Expr) -> tuple[Expr, ...]:
    """The parts of a tree's node, left to right."""
    match node:
        case Unary() | Transpose():
            return (node.operand,)
        case Binary():
            return (node.left, node.right)
        case Call():
            return (*node.args, *(value for _, value in node.kwargs))
        case Index():
            return (node.operand, *node.items)
        case SliceItem():
            return tuple(part for part in (node.start, node.stop, node.step) if part is not None)
        case ListExpr():
            return node.items
        case Choice():
            return (node.then, node.condition, node.otherwise)
        case _:
            return ()


def walk(node: Expr) -> Iterator[Expr]:
    """All nodes of a tree, the root first, left to right; iterative, so that long sums do not matter."""
    stack = [node]
    while stack:
        top = stack.pop()
        yield top
        stack.extend(reversed(children(top)))
