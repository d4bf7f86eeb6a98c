"""Gives checked tokens their tree, by Python's parser, whose precedence is the language's.

Python is handed a text that has only the structure: every name, number and string is `n`, `->` is `>>` and `^` is `**`, one
space between tokens; so columns are plain ASCII and tell tokens. Its parser and its trees are recursive: a run of many operators
of one precedence (`a + b + …`) is therefore written as the tuple of its operands, `(a , b , …)`, and joined by us from the left.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from graphrun.expr.check import COMPARISONS, LEAVES
from graphrun.expr.lexer import FormulaError, Tokens, number
from graphrun.expr.tree import (
    Binary,
    Bool,
    Call,
    Choice,
    EllipsisItem,
    Expr,
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

__all__ = ["slot_tokens", "to_tree"]

LONG = 50  # operators of one precedence in a row
_PYTHON = {"^": "**", "->": ">>", "...": "n", **dict.fromkeys(LEAVES, "n")}
_OPERATORS: dict[type, str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.MatMult: "@",
    ast.Pow: "^",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.And: "and",
    ast.Or: "or",
    ast.USub: "-",
    ast.Not: "not",
}
_LEVELS = {"->": 0, "+": 1, "-": 1, "*": 2, "/": 2, "@": 2}
_BREAKS = COMPARISONS | {",", ":", "=", "if", "else", "and", "or", "not"}


@dataclass(frozen=True, slots=True)
class _Run:
    """A run of operators of one precedence: its first and last token, and the tokens of the operators."""

    first: int
    last: int
    operators: list[int]


def slot_tokens(tokens: Tokens, *, stage: bool = False) -> list[int]:
    """The tokens that are names of values, in order; the others name functions and arguments."""
    kinds = tokens.kinds
    out = []
    for k, kind in enumerate(kinds):
        if kind == "name":
            after = kinds[k + 1] if k + 1 < len(kinds) else None
            callee = after == "(" or (kinds[k - 1] == "->" if k else stage)
            if not callee and after != "=":
                out.append(k)
    return out


def to_tree(tokens: Tokens, slots: Sequence[int], *, stage: bool = False) -> Expr:
    """The tree of tokens that `check` has passed. With `stage`, a name or call is applied to a Hole."""
    runs = _long_runs(tokens.kinds) if len(tokens.kinds) > LONG else []
    converter = _Converter(tokens, slots, runs)
    try:
        root = ast.parse(converter.source, mode="eval").body
    except (RecursionError, MemoryError):
        raise FormulaError(
            "the formula is nested too deep", 0, len(tokens.text), help="give inner parts names of their own under `nodes`"
        ) from None
    return converter.convert(root, stage=stage)


def _long_runs(kinds: Sequence[str]) -> list[_Run]:
    """The runs of more than LONG operators, in one pass with a stack of brackets."""
    runs: list[_Run] = []

    def end(levels: list[_Run], lowest: int, k: int) -> None:
        for level in range(lowest, 3):
            run = levels[level]
            if len(run.operators) > LONG:
                runs.append(_Run(run.first, k - 1, run.operators))
            levels[level] = _Run(k + 1, k + 1, [])

    frames = [[_Run(0, 0, []) for _ in range(3)]]
    before: str | None = None
    for k, kind in enumerate(kinds):
        top = frames[-1]
        if kind in {"(", "["}:
            frames.append([_Run(k + 1, k + 1, []) for _ in range(3)])
        elif kind in {")", "]"}:
            end(top, 0, k)
            frames.pop()
        elif kind in _BREAKS:
            end(top, 0, k)
        elif kind in _LEVELS and (before in LEAVES or before in {")", "]", ".T"}):
            level = _LEVELS[kind]
            end(top, level + 1, k)
            top[level].operators.append(k)
        before = kind
    end(frames[0], 0, len(kinds))
    return runs


class _Converter:
    """Python's text for the tokens, and the way back from its tree to ours."""

    def __init__(self, tokens: Tokens, slots: Sequence[int], runs: Sequence[_Run]) -> None:
        self.tokens = tokens
        self.slots = {k: slot for slot, k in enumerate(slots)}
        self.at: dict[int, int] = {}  # column → token that begins there
        self.until: dict[int, int] = {}  # column → token that ends there
        self.runs: dict[tuple[int, int], _Run] = {}  # first and last column → run
        self.source = self._write(runs)

    def _write(self, runs: Sequence[_Run]) -> str:
        begins: dict[int, list[_Run]] = {}
        ends: dict[int, list[_Run]] = {}
        for run in sorted(runs, key=lambda r: r.first - r.last):  # the outer ones first
            begins.setdefault(run.first, []).append(run)
            ends.setdefault(run.last, []).append(run)
        commas = {k for run in runs for k in run.operators}
        parts: list[str] = []
        opened: dict[int, int] = {}
        column = 0
        for k, kind in enumerate(self.tokens.kinds):
            for run in begins.get(k, ()):
                opened[id(run)] = column
                self.at[column] = k
                parts.append("(")
                column += 1
            part = "," if k in commas else _PYTHON.get(kind, kind)
            self.at[column] = k
            column += len(part)
            self.until[column] = k
            parts.append(part)
            for run in reversed(ends.get(k, ())):
                parts.append(")")
                column += 1
                self.runs[opened[id(run)], column] = run
                self.until[column] = k
            parts.append(" ")
            column += 1
        return "".join(parts)

    # -- from Python's tree to ours, parts before wholes, without recursion ------------------------------------------------

    def convert(self, root: ast.expr, *, stage: bool) -> Expr:
        """The tree of `root`."""
        order: list[ast.expr] = []
        stack = self._stage_parts(root) if stage else [root]
        while stack:
            node = stack.pop()
            order.append(node)
            stack.extend(self._parts(node))
        built: dict[int, Expr] = {}
        for node in reversed(order):
            built[id(node)] = self._make(node, built)
        return self._stage(root, Hole(0, 0), built) if stage else built[id(root)]

    def _span(self, node: ast.expr) -> tuple[int, int]:
        return self.at[node.col_offset], self.until[node.end_col_offset or 0]

    def _run(self, node: ast.expr) -> _Run | None:
        return self.runs.get((node.col_offset, node.end_col_offset or 0)) if isinstance(node, ast.Tuple) else None

    def _parts(self, node: ast.expr) -> list[ast.expr]:
        match node:
            case ast.Name():
                return []
            case ast.BinOp():
                return [node.left, *(self._stage_parts(node.right) if isinstance(node.op, ast.RShift) else [node.right])]
            case ast.UnaryOp():
                return [node.operand]
            case ast.BoolOp():
                return node.values
            case ast.Compare():
                return [node.left, *node.comparators]
            case ast.IfExp():
                return [node.body, node.test, node.orelse]
            case ast.Call():
                return _arguments(node)
            case ast.Subscript():
                return [node.value, *self._items(node)]
            case ast.Slice():
                return [part for part in (node.lower, node.upper, node.step) if part is not None]
            case ast.Attribute():
                return [node.value]
            case ast.List():
                return node.elts
            case ast.Tuple():
                run = self._run(node)
                if run is not None and self.tokens.kinds[run.operators[0]] == "->":
                    return [node.elts[0], *(part for stage in node.elts[1:] for part in self._stage_parts(stage))]
                return node.elts
            case _:
                raise AssertionError(f"no form of the language: {type(node).__name__}")

    def _items(self, node: ast.Subscript) -> list[ast.expr]:
        inner = node.slice
        return inner.elts if isinstance(inner, ast.Tuple) and self._run(inner) is None else [inner]

    def _stage_parts(self, node: ast.expr) -> list[ast.expr]:
        """The parts of what stands right of `->` that are expressions: indices and arguments."""
        parts: list[ast.expr] = []
        while isinstance(node, ast.Attribute | ast.Subscript):
            if isinstance(node, ast.Subscript):
                parts += self._items(node)
            node = node.value
        return parts + _arguments(node)

    def _make(self, node: ast.expr, built: Mapping[int, Expr]) -> Expr:
        first, last = self._span(node)
        match node:
            case ast.Name():
                return self._leaf(first)
            case ast.BinOp(op=ast.RShift()):
                left = built[id(node.left)]
                return self._stage(node.right, left, built, first)
            case ast.BinOp():
                return Binary(_OPERATORS[type(node.op)], built[id(node.left)], built[id(node.right)], first, last)
            case ast.UnaryOp():
                return Unary(_OPERATORS[type(node.op)], built[id(node.operand)], first, last)
            case ast.BoolOp():
                return self._bool(node, built, first, last)
            case ast.Compare():
                return Binary(_OPERATORS[type(node.ops[0])], built[id(node.left)], built[id(node.comparators[0])], first, last)
            case ast.IfExp():
                return Choice(built[id(node.test)], built[id(node.body)], built[id(node.orelse)], first, last)
            case ast.Call():
                return self._call(node, None, built, first)
            case ast.Subscript():
                return Index(built[id(node.value)], tuple(built[id(item)] for item in self._items(node)), first, last)
            case ast.Slice():
                lower, upper, step = (None if part is None else built[id(part)] for part in (node.lower, node.upper, node.step))
                return SliceItem(lower, upper, step, first, last)
            case ast.Attribute():
                return Transpose(built[id(node.value)], first, last)
            case ast.List():
                return ListExpr(tuple(built[id(item)] for item in node.elts), first, last)
            case _:
                assert isinstance(node, ast.Tuple)
                return self._join(node, built)

    def _leaf(self, k: int) -> Expr:
        kind = self.tokens.kinds[k]
        match kind:
            case "name":
                return Name(self.slots[k], k, k)
            case "number":
                return Num(number(self.tokens.text, self.tokens.starts[k], self.tokens.ends[k]), k, k)
            case "string":
                return Text(self.tokens.source(k)[1:-1], k, k)
            case "none":
                return Nothing(k, k)
            case "...":
                return EllipsisItem(k, k)
            case _:
                return Bool(kind == "true", k, k)

    def _bool(self, node: ast.BoolOp, built: Mapping[int, Expr], first: int, last: int) -> Expr:
        op = _OPERATORS[type(node.op)]
        out = built[id(node.values[0])]
        for value in node.values[1:]:
            right = built[id(value)]
            end = right.last
            while end < last and self.tokens.kinds[end + 1] == ")":
                end += 1
            out = Binary(op, out, right, first, end)
        return out

    def _join(self, node: ast.Tuple, built: Mapping[int, Expr]) -> Expr:
        """A run of operators, from the left."""
        run = self._run(node)
        assert run is not None
        kinds = self.tokens.kinds
        out = built[id(node.elts[0])]
        ends = [k - 1 for k in run.operators[1:]] + [run.last]
        for operator, element, last in zip(run.operators, node.elts[1:], ends, strict=True):
            if kinds[operator] == "->":
                out = self._stage(element, out, built, run.first)
            else:
                out = Binary(kinds[operator], out, built[id(element)], run.first, last)
        return out

    def _stage(self, node: ast.expr, left: Expr, built: Mapping[int, Expr], first: int = 0) -> Expr:
        """What stands right of `->`, applied to `left`; its postfixes apply to the result."""
        postfixes: list[ast.Attribute | ast.Subscript] = []
        while isinstance(node, ast.Attribute | ast.Subscript):
            postfixes.append(node)
            node = node.value
        out: Expr = self._call(node, left, built, first)
        for postfix in reversed(postfixes):
            last = self.until[postfix.end_col_offset or 0]
            if isinstance(postfix, ast.Attribute):
                out = Transpose(out, first, last)
            else:
                out = Index(out, tuple(built[id(item)] for item in self._items(postfix)), first, last)
        return out

    def _call(self, node: ast.expr, piped: Expr | None, built: Mapping[int, Expr], first: int) -> Call:
        """A call; of a name alone, the call with nothing but the value passed on."""
        callee = self.at[node.col_offset]
        args: tuple[Expr, ...] = () if piped is None else (piped,)
        kwargs: tuple[tuple[str, Expr], ...] = ()
        if isinstance(node, ast.Call):
            args += tuple(built[id(arg)] for arg in node.args)
            kwargs = tuple((self.tokens.source(self.at[keyword.col_offset]), built[id(keyword.value)]) for keyword in node.keywords)
        return Call(self.tokens.source(callee), args, kwargs, piped is not None, callee, first, self.until[node.end_col_offset or 0])


def _arguments(node: ast.expr) -> list[ast.expr]:
    return [*node.args, *(keyword.value for keyword in node.keywords)] if isinstance(node, ast.Call) else []
