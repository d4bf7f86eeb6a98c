"""Formulas whose derivative is known as a whole to the reader: polynomials, differentiated with exact fractions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TypeAlias

from graphrun.ir.builder import Builder
from graphrun.ir.graph import Graph
from graphrun.ir.leaves import CONST
from graphrun.ops.arithmetic import ADD, DIV, MUL, NEG, POWER, SUB

__all__ = ["Polynomial", "differentiate", "is_short", "polynomial", "write"]

Monomial: TypeAlias = tuple[tuple[int, int], ...]
Polynomial: TypeAlias = dict[Monomial, Fraction]
"""Monomial → coefficient, in order of appearance; a monomial is ((variable, power), …) with variables in order."""

MOST_TERMS = 3
MOST_MONOMIALS = 256
MOST_POWER = 16


def polynomial(graph: Graph, steps: Sequence[int], variables: Mapping[int, int]) -> Polynomial | None:
    """The last of `steps` as a polynomial in `variables` (node → number of the variable), or None where it is not one."""
    known: dict[int, Polynomial] = {i: {((k, 1),): Fraction(1)} for i, k in variables.items()}
    for i in steps:
        found = _step(graph, i, known)
        if found is None or len(found) > MOST_MONOMIALS:
            return None
        known[i] = found
    return known[steps[-1]]


def _step(graph: Graph, i: int, known: Mapping[int, Polynomial]) -> Polynomial | None:
    operands = []
    for j in graph.inputs(i):
        operand = known.get(j) if j in known else _constant(graph, j)
        if operand is None:
            return None
        operands.append(operand)
    name = graph.op(i).name
    match name:
        case "identity":
            return operands[0]
        case "neg":
            return _scaled(operands[0], Fraction(-1))
        case "add" | "sub":
            return _sum(operands[0], _scaled(operands[1], Fraction(1 if name == "add" else -1)))
        case "mul":
            return _times(operands[0], operands[1])
        case "div":
            by = _number(operands[1])
            return _scaled(operands[0], 1 / by) if by else None
        case "square":
            return _times(operands[0], operands[0])
        case "power":
            exponent = _number(operands[1])
            return None if exponent is None else _raised(operands[0], exponent)
        case _:
            return None


def _constant(graph: Graph, i: int) -> Polynomial | None:
    value = graph.attrs(i).get("value") if graph.op(i) is CONST and graph.shape(i) == () else None
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return {(): Fraction(value)} if value else {}


def _number(p: Polynomial) -> Fraction | None:
    """The number that `p` is, or None."""
    return p.get((), Fraction(0)) if all(not m for m in p) else None


def _sum(p: Polynomial, q: Polynomial) -> Polynomial:
    out = dict(p)
    for m, k in q.items():
        total = out.get(m, Fraction(0)) + k
        if total:
            out[m] = total
        else:
            out.pop(m, None)
    return out


def _scaled(p: Polynomial, by: Fraction) -> Polynomial:
    return {m: k * by for m, k in p.items()} if by else {}


def _times(p: Polynomial, q: Polynomial) -> Polynomial | None:
    if len(p) * len(q) > 16 * MOST_MONOMIALS:
        return None
    out: Polynomial = {}
    for m, j in p.items():
        for n, k in q.items():
            powers = dict(m)
            for v, e in n:
                powers[v] = powers.get(v, 0) + e
            key = tuple(sorted(powers.items()))
            out[key] = out.get(key, Fraction(0)) + j * k
    return {m: k for m, k in out.items() if k}


def _raised(p: Polynomial, exponent: Fraction) -> Polynomial | None:
    if exponent.denominator != 1 or not 0 <= exponent <= MOST_POWER:
        return None
    out: Polynomial | None = {(): Fraction(1)}
    for _ in range(int(exponent)):
        out = _times(out, p) if out is not None and len(out) <= MOST_MONOMIALS else None
    return out


def differentiate(p: Polynomial, variable: int) -> Polynomial:
    """∂p/∂variable."""
    out: Polynomial = {}
    for m, k in p.items():
        for v, e in m:
            if v == variable:
                left = tuple((u, f - 1 if u == v else f) for u, f in m if u != v or f > 1)
                out[left] = out.get(left, Fraction(0)) + k * e
    return out


def is_short(p: Polynomial) -> bool:
    """Whether a reader takes it in at a glance."""
    return len(p) <= MOST_TERMS


def write(b: Builder, p: Polynomial, variables: Sequence[int]) -> int:
    """`p` as nodes of `b`: a term with a plus first, a coefficient that all terms share taken out. `variables` are nodes of `b`."""
    terms = sorted(p.items(), key=lambda item: item[1] < 0)
    if not terms:
        return b.const(0.0, "float64")
    size = abs(terms[0][1])
    shared = len(terms) > 1 and size != 1 and all(abs(k) == size for _, k in terms)
    total: int | None = None
    for m, k in terms:
        magnitude = Fraction(1) if shared else abs(k)
        if total is None:
            total = _term(b, m, k if not shared else (Fraction(1) if k > 0 else Fraction(-1)), variables)
        else:
            total = (SUB if k < 0 else ADD)(b, total, _term(b, m, magnitude, variables))
    assert total is not None
    return _times_number(b, size, total) if shared else total


def _term(b: Builder, m: Monomial, k: Fraction, variables: Sequence[int]) -> int:
    out: int | None = None
    for v, e in m:
        base = variables[v]
        one = base if e == 1 else POWER(b, base, b.const(e, "int64"))
        out = one if out is None else MUL(b, out, one)
    if out is None:
        return _quotient(b, k)
    return _times_number(b, k, out)


def _times_number(b: Builder, k: Fraction, node: int) -> int:
    if k == 1:
        return node
    if k == -1:
        return NEG(b, node)
    value = float(k)
    if Fraction(value) != k and k.denominator <= 1000:
        return DIV(b, _times_number(b, Fraction(k.numerator), node), b.const(k.denominator, "float64"))
    return MUL(b, b.const(float(k), "float64"), node)


def _quotient(b: Builder, k: Fraction) -> int:
    """`k` as a number, or as the quotient that it is where no float is it: `1 / 3`."""
    if Fraction(float(k)) != k and k.denominator <= 1000:
        return DIV(b, b.const(k.numerator, "float64"), b.const(k.denominator, "float64"))
    return b.const(float(k), "float64")
