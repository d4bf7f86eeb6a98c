"""Parses formulas, stages of chains and the heads of functions.

A formula's text is split at the names of its values; what is left is its skeleton, and formulas with the same skeleton
(`w1*x1 + b1` and `w2*x2 + b2`) are parsed once: they share the tree, and the places of their tokens follow from the names' lengths.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from keyword import kwlist
from operator import add, itemgetter
from sys import intern

from graphrun.expr.check import check
from graphrun.expr.convert import slot_tokens, to_tree
from graphrun.expr.lexer import LITERALS, FormulaError, Tokens, mended, tokenize
from graphrun.expr.tree import Bool, Call, Expr, Formula, Name, Num, Signature, walk

__all__ = ["FormulaError", "calls", "parse", "parse_signature", "parse_stage", "value_names"]

_RESERVED = "|".join(sorted({*kwlist, *LITERALS}))
# The name of a value: a whole word that is not called, not right of `->` and not an argument's name.
_VALUE = re.compile(
    rf"""(?<![\w.])(?<!->)(?<!->[ ])(?!(?:{_RESERVED})\b)
    ((?>[A-Za-z_]\w*(?:\.(?:(?!T\b)[A-Za-z_]\w*|\d+(?!\w)))*))
    (?!\.(?!T\b)|\s*\(|\s*=(?!=))""",
    re.ASCII | re.VERBOSE,
)
_UNSPLIT = re.compile(r"""['"\x00]|->(?:\s\s|[^\S ])""")  # a formula with one of these is not split at its names
_MEMO_LIMIT = 4096


@dataclass(frozen=True, slots=True)
class _Skeleton:
    """The tree of all formulas with one skeleton, and where their tokens are: token k begins `first_offsets[k]` characters into
    the part of the split text that `first_parts` picks for it; its end is given in the same way."""

    tree: Expr
    first_parts: itemgetter[Sequence[int]]
    first_offsets: tuple[int, ...]
    last_parts: itemgetter[Sequence[int]]
    last_offsets: tuple[int, ...]


_ONE_NAME = Name(0, 0, 0)
_memo: dict[str, _Skeleton] = {}


def parse(text: str | int | float | bool) -> Formula:
    """The formula that `text` is; a number or a boolean, as YAML reads them, is one too.

    Raises FormulaError with the first fault.
    """
    if not isinstance(text, str):
        return _literal(text)
    if _UNSPLIT.search(text):
        return _parse_whole(text)
    parts = _VALUE.split(text)
    if len(parts) == 3 and not parts[0] and not parts[2]:
        return Formula(text, _ONE_NAME, (intern(text),), (0,), (len(text),))
    key = "\0".join(parts[::2])
    found = _memo.get(key)
    bounds = [0, *accumulate(map(len, parts))]
    if found is None:
        formula = _parse_whole(text)
        if formula.names == tuple(parts[1::2]) and len(formula.starts) > 1:
            if len(_memo) >= _MEMO_LIMIT:
                _memo.clear()
            _memo[key] = _skeleton(formula, bounds)
        return formula
    code = "H" if len(text) < 65536 else "I"
    starts = array(code, map(add, found.first_parts(bounds), found.first_offsets))
    ends = array(code, map(add, found.last_parts(bounds), found.last_offsets))
    return Formula(text, found.tree, tuple(map(intern, parts[1::2])), starts, ends)


def parse_stage(text: str) -> Formula:
    """A stage of a chain that is written as a YAML list (`dense(32)` in `[x, dense(32), relu]`): a name or a call, perhaps with
    postfixes. The tree has a Hole for the value passed on, which is the call's first argument.

    Raises FormulaError with the first fault.
    """
    tokens = tokenize(text)
    check(tokens)
    _check_stage(tokens)
    return _formula(tokens, stage=True)


def parse_signature(text: str) -> Signature:
    """The head of a function: `f(x, units=8, activation=none)`.

    A default is a Formula whose `text` is the whole head, so that its places are offsets into the head.
    Raises FormulaError with the first fault.
    """
    tokens = tokenize(text)
    kinds = tokens.kinds
    if not kinds:
        raise FormulaError("the head of the function is empty", 0, len(text), help="write its name and arguments: `f(x)`")
    name = _plain_name(tokens, 0, "a function's name")
    if len(kinds) == 1:
        tokens.fail(f"the arguments of `{name}` are missing", 0, help=f"write `{name}(x)`, or `{name}()` for a function without arguments")
    if kinds[1] != "(":
        tokens.fail(f"{tokens.shown(1)} stands where `(` should follow the name", 1, help=f"write `{name}(x)`")
    close = _closing(tokens, 1)
    if close is None:
        line = mended(text, tokens.ends[-1], len(text), ")")
        tokens.fail("`(` is never closed", 1, code="unbalanced-bracket", help=f"add `)`: {line}" if line else "add `)`")
    if close + 1 < len(kinds):
        tokens.fail("nothing stands after the arguments", close + 1, len(kinds) - 1, help="what the function computes stands after `:`")
    args: dict[str, Formula | None] = {}
    for first, last in _entries(tokens, 2, close):
        argument, default = _argument(tokens, first, last)
        if argument in args:
            tokens.fail(f"the argument `{argument}` is given twice", first, help="give one of them another name")
        before = next(reversed(args), None)
        if default is None and before is not None and args[before] is not None:
            tokens.fail(
                f"the argument `{argument}` has no default and stands after `{before}`, which has one",
                first,
                help="put arguments without a default first, or give it one",
            )
        args[argument] = default
    return Signature(name, tuple(args.items()))


def value_names(formula: Formula) -> list[tuple[str, Name]]:
    """Every use of a value's name, in the order of the text."""
    found = [node for node in walk(formula.tree) if isinstance(node, Name)]
    found.sort(key=lambda node: node.slot)
    return [(formula.names[node.slot], node) for node in found]


def calls(formula: Formula) -> list[Call]:
    """Every call, outer ones before the calls in their arguments."""
    return [node for node in walk(formula.tree) if isinstance(node, Call)]


# -- formulas --------------------------------------------------------------------------------------------------------------


def _literal(value: int | float | bool) -> Formula:
    tree: Expr
    if isinstance(value, bool):
        text, tree = str(value).lower(), Bool(value, 0, 0)
    else:
        text, tree = repr(value), Num(value, 0, 0)
    return Formula(text, tree, (), (0,), (len(text),))


def _parse_whole(text: str) -> Formula:
    tokens = tokenize(text)
    check(tokens)
    return _formula(tokens)


def _formula(tokens: Tokens, *, stage: bool = False) -> Formula:
    slots = slot_tokens(tokens, stage=stage)
    tree = to_tree(tokens, slots, stage=stage)
    code = "H" if len(tokens.text) < 65536 else "I"
    return Formula(tokens.text, tree, tuple(intern(tokens.source(k)) for k in slots), array(code, tokens.starts), array(code, tokens.ends))


def _skeleton(formula: Formula, bounds: list[int]) -> _Skeleton:
    first = [bisect_right(bounds, at) - 1 for at in formula.starts]
    last = [bisect_right(bounds, at) - 1 for at in formula.ends]
    return _Skeleton(
        formula.tree,
        itemgetter(*first),
        tuple(at - bounds[part] for at, part in zip(formula.starts, first, strict=True)),
        itemgetter(*last),
        tuple(at - bounds[part] for at, part in zip(formula.ends, last, strict=True)),
    )


# -- stages ----------------------------------------------------------------------------------------------------------------


def _check_stage(tokens: Tokens) -> None:
    """Refuses what is not a name or a call with postfixes."""
    kinds = tokens.kinds
    message = f"an entry of a chain is a function or a call, not {tokens.shown(0, len(kinds) - 1)}"
    if kinds[0] != "name" or "." in tokens.source(0):
        tokens.fail(message, 0, len(kinds) - 1, help="as in `[x, dense(8), relu]`; what comes first is the value")
    depth = 0
    for k, kind in enumerate(kinds):
        depth += (kind in {"(", "["}) - (kind in {")", "]"})
        if depth == 0 and k and kind not in {")", "]", ".T"}:
            tokens.fail(
                message, k, help="give each function of the chain an entry of its own" if kind == "->" else "as in `[x, dense(8), relu]`"
            )


# -- heads of functions ----------------------------------------------------------------------------------------------------


def _closing(tokens: Tokens, opener: int) -> int | None:
    """The token that closes the bracket at `opener`, if any does."""
    wanted: list[str] = []
    for k in range(opener, len(tokens.kinds)):
        kind = tokens.kinds[k]
        if kind in {"(", "["}:
            wanted.append(")" if kind == "(" else "]")
        elif kind in {")", "]"}:
            closer = wanted.pop()
            if kind != closer:
                message = f"`{kind}` stands where `{closer}` should close `{'(' if closer == ')' else '['}`"
                tokens.fail(message, k, code="unbalanced-bracket", help=f"write `{closer}` before it, or in its place")
            if not wanted:
                return k
    return None


def _entries(tokens: Tokens, first: int, close: int) -> Iterator[tuple[int, int]]:
    """First and one-past-last token of each argument; a comma after the last one is allowed."""
    depth, begin = 0, first
    for k in range(first, close):
        kind = tokens.kinds[k]
        depth += (kind in {"(", "["}) - (kind in {")", "]"})
        if kind == "," and depth == 0:
            if begin == k:
                tokens.fail("an argument is missing before `,`", k, help="leave the comma out")
            yield begin, k
            begin = k + 1
    if begin < close:
        yield begin, close


def _argument(tokens: Tokens, first: int, last: int) -> tuple[str, Formula | None]:
    name = _plain_name(tokens, first, "an argument")
    if first + 1 == last:
        return name, None
    if tokens.kinds[first + 1] != "=":
        message = f"after the argument `{name}` stands a comma or its default, not {tokens.shown(first + 1)}"
        tokens.fail(message, first + 1, help=f"write `{name}`, or `{name}=8` to give it a default")
    offset, end = tokens.ends[first + 1], tokens.ends[last - 1]
    if first + 2 == last:
        tokens.fail(f"the default of `{name}` is missing", first, last - 1, help=f"write it after `=`, or leave `=` out: `{name}`")
    try:
        default = parse(tokens.text[offset:end])
    except FormulaError as fault:
        raise FormulaError(
            fault.message, fault.start + offset, fault.end + offset, code=fault.code, help=fault.help, notes=fault.notes
        ) from None
    starts, ends = (array("I", [at + offset for at in places]) for places in (default.starts, default.ends))
    return name, Formula(tokens.text, default.tree, default.names, starts, ends)


def _plain_name(tokens: Tokens, k: int, what: str) -> str:
    name = tokens.source(k)
    if tokens.kinds[k] != "name":
        tokens.fail(f"{what} is a name, not {tokens.shown(k)}", k, help="names are made of letters, digits and `_`")
    if "." in name:
        tokens.fail(f"{what} has no dots: `{name}`", k, help=f"write `{name.replace('.', '_')}`")
    return name
