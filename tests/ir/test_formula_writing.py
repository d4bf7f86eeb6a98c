"""Formulas as a person writes them."""

from __future__ import annotations

import pytest

from graphrun.ir.builder import Builder
from graphrun.ir.formula import constant_text, factor, formula_text, number, product, to_ascii
from graphrun.ops.arithmetic import ADD, DIV, MUL, NEG, POWER, SUB
from graphrun.ops.elementary import EXP, IDENTITY, SQRT, SQUARE
from graphrun.ops.shape import CONCAT, SUM_TO, SWAP_LAST


class Scalars:
    """A builder with scalar inputs a, b, c, d, and constants by `n`."""

    def __init__(self, shape: tuple[int, ...] = ()) -> None:
        self.b = Builder()
        self.a, self.x, self.c, self.d = (self.b.input(name, shape, "float64") for name in "axcd")

    def n(self, value: float) -> int:
        return self.b.const(value, "int64" if isinstance(value, int) else "float64")

    def text(self, node: int, ascii: bool = False) -> str:
        return formula_text(self.b.graph, node, self.b.graph.name, lambda _: False, ascii)

    def values(self, node: int, **values: float) -> str:
        return formula_text(self.b.graph, node, lambda i: number(values[self.b.graph.name(i)]), lambda _: False)


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (-4.0, "-4"),
        (0.0613, "0.0613"),
        (8.3e-08, "8.3e-08"),
        (0.018818, "0.018818"),
        (0.30000000000000004, "0.3"),
        (1 / 3, "0.333333"),
        (-0.0, "0"),
        (100000.0, "100000"),
        (123456789.0, "123456789"),
        (1234567.5, "1.23457e+06"),
        (1e15, "1e+15"),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (True, "true"),
        (7, "7"),
        (10**20, "100000000000000000000"),
    ],
)
def test_number(x: float, text: str) -> None:
    assert number(x) == text


def test_brackets_only_where_needed() -> None:
    s = Scalars()
    b, a, x, c, d = s.b, s.a, s.x, s.c, s.d
    cases = {
        ADD(b, MUL(b, a, x), MUL(b, c, d)): "a · x + c · d",
        MUL(b, ADD(b, a, x), SUB(b, c, d)): "(a + x) · (c - d)",
        SUB(b, a, SUB(b, x, c)): "a - (x - c)",
        SUB(b, SUB(b, a, x), c): "a - x - c",
        SUB(b, a, ADD(b, x, c)): "a - (x + c)",
        ADD(b, a, SUB(b, x, c)): "a + x - c",
        DIV(b, a, MUL(b, x, c)): "a / (x · c)",
        DIV(b, MUL(b, a, x), c): "a · x / c",
        DIV(b, a, DIV(b, x, c)): "a / (x / c)",
        NEG(b, ADD(b, a, x)): "-(a + x)",
        NEG(b, MUL(b, a, x)): "-a · x",
        NEG(b, NEG(b, a)): "-(-a)",
        SUB(b, a, NEG(b, x)): "a - (-x)",
        MUL(b, a, NEG(b, x)): "a · (-x)",
        NEG(b, SQUARE(b, a)): "-a²",
        SQUARE(b, NEG(b, a)): "(-a)²",
        SQUARE(b, SQUARE(b, a)): "(a²)²",
        EXP(b, NEG(b, a)): "exp(-a)",
        SQRT(b, ADD(b, a, x)): "√(a + x)",
        IDENTITY(b, a): "a",
        MUL(b, ADD(b, IDENTITY(b, ADD(b, a, x)), c), d): "(a + x + c) · d",
    }
    assert {s.text(node): text for node, text in cases.items()} == {text: text for text in cases.values()}


def test_powers() -> None:
    s = Scalars()
    b, a, x = s.b, s.a, s.x
    cases = {
        POWER(b, a, s.n(2)): "a²",
        POWER(b, ADD(b, a, x), s.n(3)): "(a + x)³",
        POWER(b, a, s.n(2.0)): "a²",
        POWER(b, a, s.n(0.5)): "a^0.5",
        POWER(b, a, s.n(-1)): "a^(-1)",
        POWER(b, a, s.n(12)): "a^12",
        POWER(b, a, x): "a^x",
        POWER(b, POWER(b, a, x), x): "(a^x)^x",
        POWER(b, a, POWER(b, x, a)): "a^(x^a)",
        POWER(b, a, MUL(b, x, a)): "a^(x · a)",
        MUL(b, s.n(0.5), POWER(b, SUB(b, a, x), s.n(2))): "½ · (a - x)²",
        DIV(b, a, s.n(0.5)): "a / 0.5",
        MUL(b, s.n(-0.5), a): "-0.5 · a",
    }
    assert {s.text(node): text for node, text in cases.items()} == {text: text for text in cases.values()}


def test_negative_numbers_stand_in_brackets_after_an_operator() -> None:
    s = Scalars()
    b, a, x = s.b, s.a, s.x
    assert s.values(MUL(b, a, x), a=2, x=-2) == "2 · (-2)"
    assert s.values(MUL(b, a, x), a=-2, x=2) == "-2 · 2"
    assert s.values(ADD(b, a, x), a=-4, x=8) == "-4 + 8"
    assert s.values(SUB(b, a, x), a=4, x=-2.5) == "4 - (-2.5)"
    assert s.values(SQUARE(b, a), a=-3) == "(-3)²"
    assert s.values(SUB(b, s.n(1), SQUARE(b, a)), a=-3) == "1 - (-3)²"
    assert s.values(EXP(b, a), a=-3) == "exp(-3)"
    assert s.values(ADD(b, a, MUL(b, x, a)), a=2, x=-3) == "2 + (-3) · 2"
    assert s.values(ADD(b, a, MUL(b, x, a)), a=2, x=-8.3e-08) == "2 + (-8.3e-08) · 2"
    assert s.values(ADD(b, a, MUL(b, NEG(b, x), a)), a=2, x=-3) == "2 + (-(-3) · 2)"


def test_arrays_tell_products_apart() -> None:
    s = Scalars((2, 2))
    b, a, x = s.b, s.a, s.x
    k = b.input("k", (), "float64")
    assert s.text(MUL(b, a, x)) == "a ⊙ x"
    assert s.text(MUL(b, k, x)) == "k · x"
    assert s.text(MUL(b, MUL(b, a, x), x)) == "a ⊙ x ⊙ x"
    assert s.text(SWAP_LAST(b, ADD(b, a, x))) == "(a + x)ᵀ"
    assert s.text(SUM_TO(b, a, shape=(2,))) == "sum(a, axis=0)"
    assert s.text(SUM_TO(b, a, shape=(2, 1))) == "sum(a, axis=1)"
    assert s.text(SUM_TO(b, a, shape=())) == "sum(a)"
    assert s.text(CONCAT(b, a, x, axis=1)) == "concat([a, x], axis=1)"


def test_ascii() -> None:
    s = Scalars()
    b, a, x = s.b, s.a, s.x
    assert s.text(MUL(b, s.n(0.5), POWER(b, SUB(b, a, x), s.n(2))), ascii=True) == "1/2 * (a - x)^2"
    assert to_ascii("∂J/∂W = xᵀ · ∂J/∂z   [2×3]   |·| = 0.1 → ½ ⊙ √x + √(a + b) …") == (
        "dJ/dW = x.T * dJ/dz   [2x3]   norm = 0.1 -> 1/2 .* sqrt(x) + sqrt(a + b) ..."
    )


def test_stops_and_names() -> None:
    s = Scalars()
    b, a, x = s.b, s.a, s.x
    inner = MUL(b, a, x)
    outer = ADD(b, inner, s.n(1))
    graph = b.graph
    assert formula_text(graph, outer, graph.name, lambda _: False) == "a · x + 1"
    assert formula_text(graph, outer, lambda i: f"v{i}", lambda i: i == inner) == f"v{inner} + 1"
    assert formula_text(graph, outer, graph.name, lambda i: i == outer) == "a · x + 1"


def test_a_named_constant_is_written_by_its_name() -> None:
    s = Scalars()
    s.b.owner = s.b.name_id("k")
    k = s.b.fresh_const(3, "float64")
    s.b.owner = None
    assert s.text(MUL(s.b, k, s.a)) == "k · a"


def test_a_step_shared_over_and_over_does_not_grow_without_bound() -> None:
    s = Scalars()
    node = s.a
    for _ in range(60):
        node = ADD(s.b, node, node)
    assert len(s.text(node)) < 10_000


def test_a_long_chain_is_no_trouble() -> None:
    s = Scalars()
    node = s.a
    for _ in range(20_000):
        node = EXP(s.b, node)
    assert s.text(node).startswith("exp(")


def test_constants() -> None:
    assert constant_text(0.25, ()) == "0.25"
    assert constant_text((1.0, 2.5), (2,)) == "[1, 2.5]"
    assert constant_text((1, 2, 3, 4), (2, 2)) == "[[1, 2], [3, 4]]"
    assert constant_text(tuple(range(20)), (4, 5)) == "const[4×5]"
    s = Scalars((2,))
    assert s.text(ADD(s.b, s.a, s.b.const((1.0, 2.0), "float64", (2,)))) == "a + [1, 2]"


def test_product_and_factor() -> None:
    assert product("2", "-2") == "2 · (-2)"
    assert product("-1", "0.5") == "-1 · 0.5"
    assert factor("a + b", 10) == "(a + b)"
    assert factor("-a", 25) == "(-a)"
    assert factor("-2 · a", 20) == "(-2) · a"
