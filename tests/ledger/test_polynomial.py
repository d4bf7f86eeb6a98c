"""Polynomials, differentiated exactly."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphrun.engines.reference import evaluate
from graphrun.ir.builder import Builder
from graphrun.ledger.polynomial import Polynomial, differentiate, is_short, polynomial, write
from graphrun.ops.activation import RELU
from graphrun.ops.arithmetic import ADD, DIV, MUL, POWER, SUB


def _built(make):  # type: ignore[no-untyped-def]
    b = Builder()
    variables = {b.input(name, (), "float64"): k for k, name in enumerate("xyz")}
    end = make(b, *variables)
    steps = [i for i in range(len(b)) if b.graph.op(i).name not in ("const", "input")]
    assert steps[-1] == end
    return polynomial(b.graph, steps, variables)


def test_of_a_graph() -> None:
    p = _built(lambda b, x, y, z: MUL(b, b.const(0.5, "float64"), POWER(b, SUB(b, x, y), b.const(2, "int64"))))
    assert p == {((0, 2),): Fraction(1, 2), ((0, 1), (1, 1)): Fraction(-1), ((1, 2),): Fraction(1, 2)}
    assert differentiate(p, 0) == {((0, 1),): Fraction(1), ((1, 1),): Fraction(-1)}
    assert differentiate(p, 2) == {}


@pytest.mark.parametrize(
    "make",
    [
        lambda b, x, y, z: RELU(b, x),
        lambda b, x, y, z: DIV(b, x, y),
        lambda b, x, y, z: DIV(b, x, b.const(0.0, "float64")),
        lambda b, x, y, z: POWER(b, x, y),
        lambda b, x, y, z: POWER(b, x, b.const(0.5, "float64")),
        lambda b, x, y, z: POWER(b, x, b.const(-1, "int64")),
        lambda b, x, y, z: POWER(b, x, b.const(1000, "int64")),
        lambda b, x, y, z: MUL(b, x, b.const(float("inf"), "float64")),
        lambda b, x, y, z: POWER(b, ADD(b, ADD(b, x, y), z), b.const(16, "int64")),
    ],
)
def test_what_is_none(make) -> None:  # type: ignore[no-untyped-def]
    p = _built(make)
    assert p is None or not is_short(differentiate(p, 0))


coefficients = st.fractions(min_value=-4, max_value=4, max_denominator=8).filter(bool)
monomials = st.dictionaries(st.integers(0, 2), st.integers(1, 3), max_size=3).map(lambda m: tuple(sorted(m.items())))
polynomials = st.dictionaries(monomials, coefficients, max_size=4)
points = st.tuples(*[st.integers(-3, 3)] * 3)


def _at(p: Polynomial, point: tuple[int, ...]) -> Fraction:
    total = Fraction(0)
    for m, k in p.items():
        for v, e in m:
            k *= Fraction(point[v]) ** e
        total += k
    return total


@given(polynomials, points)
def test_what_is_written_has_the_value(p: Polynomial, point: tuple[int, ...]) -> None:
    b = Builder()
    variables = [b.input(name, (), "float64") for name in "xyz"]
    end = write(b, p, variables)
    found = evaluate(b.graph, {i: float(x) for i, x in zip(variables, point, strict=True)}, [end])[end]
    assert float(found) == pytest.approx(float(_at(p, point)), rel=1e-12, abs=1e-9)


@given(polynomials, points, st.integers(0, 2))
def test_the_derivative_is_the_slope(p: Polynomial, point: tuple[int, ...], v: int) -> None:
    """A polynomial of degree up to 9 along one axis: the exact slope from Richardson's limit of exact differences."""
    h = Fraction(1, 10**6)
    up, down = (tuple(x + (s if k == v else 0) for k, x in enumerate(point)) for s in (h, -h))
    slope = (_at(p, up) - _at(p, down)) / (2 * h)
    assert abs(slope - _at(differentiate(p, v), point)) < Fraction(1, 10**6)
