"""Random trees survive being written and parsed; random texts raise FormulaError and nothing else, with a place inside the text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from graphrun.expr import parse as parse_module
from graphrun.expr import tree as t
from graphrun.expr.parse import FormulaError, parse, parse_signature, parse_stage, value_names
from graphrun.expr.write import write

BINARY = ["+", "-", "*", "/", "^", "@", "<", "<=", ">", ">=", "==", "!=", "and", "or"]
NAMES = ["a", "b_1", "h.weight", "h.0.weight", "Tx", "e1", "nota", "iffy", "_"]
FUNCTIONS = ["f", "relu", "dense", "android"]

leaves = st.one_of(
    st.integers(0, 10**6).map(lambda v: t.Num(v, 0, 0)),
    st.floats(0, 1e300, allow_nan=False, allow_subnormal=False).map(lambda v: t.Num(v, 0, 0)),
    st.sampled_from(["", "same", "ij->ji", "it's", "größe", "a # b: [c"]).map(lambda v: t.Text(v, 0, 0)),
    st.booleans().map(lambda v: t.Bool(v, 0, 0)),
    st.just(t.Nothing(0, 0)),
    st.integers(0, len(NAMES) - 1).map(lambda k: t.Name(k, 0, 0)),
)


def grow(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    part = st.none() | inner
    slices = st.builds(t.SliceItem, part, part, part, st.just(0), st.just(0))
    items = st.lists(inner | slices | st.just(t.EllipsisItem(0, 0)), min_size=1, max_size=3).map(tuple)
    kwargs = st.dictionaries(st.sampled_from(["k", "axis", "f"]), inner, max_size=2).map(lambda d: tuple(d.items()))
    args = st.lists(inner, max_size=3).map(tuple)
    some = st.lists(inner, min_size=1, max_size=3).map(tuple)
    zero = st.just(0)
    return st.one_of(
        st.builds(t.Unary, st.sampled_from(["-", "not"]), inner, zero, zero),
        st.builds(t.Binary, st.sampled_from(BINARY), inner, inner, zero, zero),
        st.builds(t.Call, st.sampled_from(FUNCTIONS), args, kwargs, st.just(False), zero, zero, zero),
        st.builds(t.Call, st.sampled_from(FUNCTIONS), some, kwargs, st.just(True), zero, zero, zero),
        st.builds(t.Index, inner, items, zero, zero),
        st.builds(t.Transpose, inner, zero, zero),
        st.builds(t.ListExpr, args, zero, zero),
        st.builds(t.Choice, inner, inner, inner, zero, zero),
    )


trees = st.recursive(leaves, grow, max_leaves=25)


def plain(node: Any, names: tuple[str, ...] | list[str]) -> Any:
    """A tree as nested tuples, names in place of slots and no places."""
    if isinstance(node, tuple):
        return tuple(plain(part, names) for part in node)
    if isinstance(node, t.Name):
        return names[node.slot]
    if is_dataclass(node):
        shown = [plain(getattr(node, f.name), names) for f in fields(node) if f.name not in {"first", "last", "callee"}]
        return (type(node).__name__, *shown)
    return (type(node).__name__, node) if isinstance(node, int | float) else node


@settings(max_examples=400, deadline=None)
@given(trees)
def test_written_and_parsed_again(tree: Any) -> None:
    text = write(tree, NAMES)
    formula = parse(text)
    assert plain(formula.tree, formula.names) == plain(tree, NAMES)
    assert write(formula) == text
    again = parse(text)  # from the memo
    assert (list(again.starts), list(again.ends), again.names) == (list(formula.starts), list(formula.ends), formula.names)
    for name, node in value_names(again):
        assert again.source(node) == name
    for part in t.walk(formula.tree):  # every part, cut out, is the same part; a slice or `...` is no formula of its own
        if not isinstance(part, t.SliceItem | t.EllipsisItem):
            alone = parse(formula.source(part))
            assert plain(alone.tree, alone.names) == plain(part, formula.names)


@settings(max_examples=300, deadline=None)
@given(trees, st.permutations(NAMES))
def test_other_names_same_tree(tree: Any, others: list[str]) -> None:
    parse(write(tree, NAMES))
    text = write(tree, others)
    remembered, fresh = parse(text), parse_module._parse_whole(text)
    assert plain(remembered.tree, remembered.names) == plain(fresh.tree, fresh.names)
    assert (list(remembered.starts), list(remembered.ends)) == (list(fresh.starts), list(fresh.ends))


PIECES = [
    *[
        "a",
        "b.c",
        "h.0.w",
        "f(",
        "relu",
        "T",
        "1",
        "2.5",
        "1e-3",
        "017",
        ".5",
        "'s'",
        '"',
        "'",
        "true",
        "none",
        "True",
        "lambda",
        "for",
        "in",
        "is",
    ],
    *[
        "+",
        "-",
        "*",
        "/",
        "^",
        "**",
        "@",
        "<",
        "<=",
        "==",
        "!=",
        "=",
        "->",
        "->  ",
        "and",
        "or",
        "not",
        "if",
        "else",
        "(",
        ")",
        "[",
        "]",
        ",",
    ],
    *[
        ":",
        "...",
        ".T",
        ".",
        ".x",
        " ",
        "  ",
        "\n",
        "\\",
        "%",
        "//",
        ">>",
        "&",
        "#",
        ";",
        "{",
        "}",
        "`",
        "!",
        "~",
        "?",
        "$",
        "é",
        "²",
        "−",
        "\x00",
    ],
    *["0x1F", "1_", "1j", "9e999", "k=", "k =", "f", "\u00a0", "日", "\U0001d465", "\t"],
]


def fault_of(read: Callable[[str], object], text: str) -> FormulaError | None:
    try:
        read(text)
    except FormulaError as fault:
        return fault
    return None


def unharmed(read: Callable[[str], object], text: str) -> None:
    fault = fault_of(read, text)
    if fault is not None:
        assert 0 <= fault.start <= fault.end <= len(text)
        assert fault.start < fault.end or not text
        assert fault.message
        assert fault.help
        assert fault.code in {"formula-syntax", "unknown-operator", "unbalanced-bracket", "malformed-number"}
        for word in ("invalid syntax", "SyntaxError", "Traceback", ">>>", "ast."):
            assert word not in fault.message


texts = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=14).map("".join),
    st.lists(st.sampled_from(PIECES), max_size=14).map(" ".join),
    st.text(max_size=20),
    st.text(alphabet="ab1.()[]+-*/<>=:, '\"T_eE", max_size=16),
)


@settings(max_examples=800, deadline=None)
@given(texts)
@example("a" + "^a" * 5000)
@example("(" * 5000)
@example("-" * 5000 + "a")
@example("a if b else " * 5000 + "c")
@example("not " * 5000 + "a")
@example("a" + "[0]" * 5000)
@example("a" + ".T" * 5000)
@example("f(-(a^[-" * 60 + "b" + "]))" * 60)
@example("(a + " * 90 + "b" + ") * c ^ d < e" * 90)
@example("9" * 5000)
@example("." * 3000)
def test_random_texts(text: str) -> None:
    unharmed(parse, text)
    unharmed(parse_stage, text)
    unharmed(parse_signature, text)
    unharmed(parse_signature, f"f(x, k={text})")


@settings(max_examples=500, deadline=None)
@given(texts, st.lists(st.sampled_from(["z", "true", "if", "lambda", "h.w", "T", "x1"]), min_size=1, max_size=3))
def test_the_memo_never_lets_a_wrong_formula_pass(text: str, words: list[str]) -> None:
    """Whatever is remembered, a text is read as if for the first time."""
    for word in words:
        other = text.replace("a", word)
        for candidate in (text, other):
            try:
                fresh = parse_module._parse_whole(candidate)
            except FormulaError:
                with pytest.raises(FormulaError):
                    parse(candidate)
                continue
            found = parse(candidate)
            assert plain(found.tree, found.names) == plain(fresh.tree, fresh.names)
            assert (list(found.starts), list(found.ends)) == (list(fresh.starts), list(fresh.ends))
