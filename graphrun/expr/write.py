"""Writes a tree as a formula, in one canonical way, with no more brackets than needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from graphrun.expr.tree import (
    Binary,
    Bool,
    Call,
    Choice,
    EllipsisItem,
    Expr,
    Formula,
    Hole,
    Index,
    ListExpr,
    Name,
    Nothing,
    Num,
    SliceItem,
    Text,
    Transpose,
    Unary,
)

__all__ = ["write"]

# How tightly each form binds; what stands where a tighter one is wanted gets brackets.
_CHOICE, _OR, _AND, _NOT, _COMPARE, _PIPE, _SUM, _PRODUCT, _MINUS, _POWER, _LEAF, _POSTFIX = range(12)
_LEVEL = {
    "or": _OR,
    "and": _AND,
    **dict.fromkeys(("<", "<=", ">", ">=", "==", "!="), _COMPARE),
    **dict.fromkeys("+-", _SUM),
    **dict.fromkeys("*/@", _PRODUCT),
    "^": _POWER,
}

_Part: TypeAlias = str | tuple[Expr, int]  # a text, or a tree and how tightly it must bind


def write(formula: Formula | Expr, names: Sequence[str] = ()) -> str:
    """The text of a formula, or of a tree whose slots are filled with `names`. Parsing it gives the same tree again.

    A stage of a chain (a tree with a Hole) is written as it stands in the list.
    """
    tree, filled = (formula.tree, formula.names) if isinstance(formula, Formula) else (formula, names)
    out: list[str] = []
    stack: list[_Part] = [(tree, _CHOICE)]
    while stack:
        part = stack.pop()
        if isinstance(part, str):
            out.append(part)
            continue
        node, wanted = part
        level, parts = _parts(node, filled)
        stack += reversed(parts if level >= wanted else ["(", *parts, ")"])
    return "".join(out)


def _parts(node: Expr, names: Sequence[str]) -> tuple[int, list[_Part]]:
    """How tightly `node` binds, and what it is written as."""
    match node:
        case Name():
            return _POSTFIX, [names[node.slot]]
        case Num():
            return (_MINUS if node.value < 0 else _LEAF), [repr(node.value)]
        case Text():
            quote = '"' if "'" in node.value else "'"
            return _LEAF, [f"{quote}{node.value}{quote}"]
        case Bool():
            return _LEAF, ["true" if node.value else "false"]
        case Nothing():
            return _LEAF, ["none"]
        case EllipsisItem():
            return _LEAF, ["..."]
        case Hole():
            return _LEAF, []
        case Unary(op="not"):
            return _NOT, ["not ", (node.operand, _NOT)]
        case Unary():
            return _MINUS, [node.op, (node.operand, _MINUS)]
        case Binary():
            return _binary(node)
        case Choice():
            return _CHOICE, [(node.then, _OR), " if ", (node.condition, _OR), " else ", (node.otherwise, _CHOICE)]
        case ListExpr():
            return _POSTFIX, ["[", *_listed(node.items), "]"]
        case SliceItem():
            return _CHOICE, _slice(node)
        case _:
            return _postfixed(node)


def _binary(node: Binary) -> tuple[int, list[_Part]]:
    level = _LEVEL[node.op]
    if node.op == "^":
        return level, [(node.left, _LEAF), "^", (node.right, _MINUS)]
    left = level + 1 if level == _COMPARE else level  # comparisons are not chained
    return level, [(node.left, left), f" {node.op} ", (node.right, level + 1)]


def _postfixed(node: Call | Index | Transpose) -> tuple[int, list[_Part]]:
    """A call, an index or `.T`, with all that stands before them; postfixes of a piped call stand after the call."""
    after: list[list[_Part]] = []
    inner: Expr = node
    while isinstance(inner, Index | Transpose):
        after.append([".T"] if isinstance(inner, Transpose) else ["[", *_listed(inner.items), "]"])
        inner = inner.operand
    tail = [part for parts in reversed(after) for part in parts]
    if not isinstance(inner, Call):
        return _POSTFIX, [(inner, _POSTFIX), *tail]
    args = inner.args[1:] if inner.piped else inner.args
    parts: list[_Part] = [inner.func]
    if args or inner.kwargs or not inner.piped:
        named: list[list[_Part]] = [[f"{key}=", (value, _CHOICE)] for key, value in inner.kwargs]
        parts += ["(", *_joined([*([(arg, _CHOICE)] for arg in args), *named]), ")"]
    if not inner.piped:
        return _POSTFIX, parts + tail
    if isinstance(inner.args[0], Hole):
        return _POSTFIX, parts + tail
    return _PIPE, [(inner.args[0], _PIPE), " -> ", *parts, *tail]


def _slice(node: SliceItem) -> list[_Part]:
    def part(bound: Expr | None) -> list[_Part]:
        return [] if bound is None else [(bound, _CHOICE)]

    parts = [*part(node.start), ":", *part(node.stop)]
    return parts if node.step is None else [*parts, ":", *part(node.step)]


def _listed(items: Sequence[Expr]) -> list[_Part]:
    return _joined([[(item, _CHOICE)] for item in items])


def _joined(entries: Sequence[Sequence[_Part]]) -> list[_Part]:
    return [part for k, entry in enumerate(entries) for part in ([", ", *entry] if k else entry)]
