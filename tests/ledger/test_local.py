"""Local derivatives: the text says what the vjp computes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from graphrun.engines.reference import evaluate
from graphrun.ir.builder import Builder
from graphrun.ir.opdef import Case, OpDef
from graphrun.ledger.local import Rule, Rules, operands_of
from graphrun.ops.activation import RELU, SIGMOID
from graphrun.ops.arithmetic import ADD, DIV, LOG, MUL, NEG, POWER, SUB
from graphrun.ops.elementary import ABS, COS, EXP, SIN, SQRT, SQUARE, STOP_GRADIENT, TANH
from graphrun.ops.linalg import MATMUL
from graphrun.ops.registry import OPS
from graphrun.ops.shape import SLICE
from graphrun.ops.sums import MEAN, SUM


def _cases() -> Iterator[tuple[OpDef, Case]]:
    for op in OPS.values():
        if op.vjp is not None:
            yield from ((op, case) for case in op.cases if not any(0 in s for s in case.shapes))


CASES = list(_cases())


def _values(case: Case, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    low, high = case.domain
    out = []
    for k, s in enumerate(case.shapes):
        dtype = case.dtypes[k] if k < len(case.dtypes) else "float64"
        whole = not dtype.startswith("float")
        out.append(np.asarray(rng.integers(0, max(int(high), 1), s) if whole else rng.uniform(low, high, s), dtype=dtype))
    return out


def _roots(rule: Rule, short: bool, values: list[np.ndarray], out: np.ndarray, g: np.ndarray) -> list[np.ndarray]:
    graph, leaves, roots = (
        (rule.short, rule.short_leaves, rule.short_roots) if short else (rule.raw, rule.raw_leaves, rule.raw_roots)
    )
    feeds = {i: values[k] if k >= 0 else out if k == -1 else g for i, k in leaves.items()}
    found = evaluate(graph, feeds)
    return [np.asarray(found[node]) for places in roots for node, _ in places]


@pytest.mark.parametrize("k", range(len(CASES)), ids=lambda k: f"{CASES[k][0].name}-{k}")
def test_the_short_form_has_the_value_of_the_vjp(k: int) -> None:
    op, case = CASES[k]
    values = _values(case, k)
    b = Builder()
    inputs = [b.input(f"x{j}", v.shape, str(v.dtype)) for j, v in enumerate(values)]
    node = op(b, *inputs, **case.attrs)
    out = np.asarray(evaluate(b.graph, dict(zip(inputs, values, strict=True)))[node])
    rule = Rules(b.graph).product(node, direct=False)
    g = np.random.default_rng(k).normal(size=out.shape)
    raw, short = (_roots(rule, s, values, out, g) for s in (False, True))
    assert len(raw) == len(short) > 0
    for one, other in zip(raw, short, strict=True):
        np.testing.assert_allclose(np.broadcast_to(other, one.shape), one, rtol=1e-10, atol=1e-12)
    names = [f"x{j}" for j in range(len(inputs))]
    for j in range(len(operands_of(b.graph, node))):
        if rule.short_roots[j]:
            text, _ = rule.text(j, names, "y", "g")
            assert text
            assert text.count("(") == text.count(")")


def _text(make, *names: str) -> list[str]:  # type: ignore[no-untyped-def]
    b = Builder()
    inputs = [b.input(name, (), "float64") for name in names]
    node = make(b, *inputs)
    rule = Rules(b.graph).derivative(node)
    operands = [b.graph.name(j) for j in operands_of(b.graph, node)]
    return [rule.text(k, operands, "z")[0] if rule.short_roots[k] else "none" for k in range(len(operands))]


def _num(b: Builder, x: float) -> int:
    return b.const(x, "int64" if isinstance(x, int) else "float64")


def test_texts_of_scalar_derivatives() -> None:
    found = {
        "a·b": _text(lambda b, x, y: MUL(b, x, y), "a", "b"),
        "a+b": _text(lambda b, x, y: ADD(b, x, y), "a", "b"),
        "a-b": _text(lambda b, x, y: SUB(b, x, y), "a", "b"),
        "a/b": _text(lambda b, x, y: DIV(b, x, y), "a", "b"),
        "-a": _text(lambda b, x: NEG(b, x), "a"),
        "a·a": _text(lambda b, x: MUL(b, x, x), "a"),
        "a+a": _text(lambda b, x: ADD(b, x, x), "a"),
        "a-a": _text(lambda b, x: SUB(b, x, x), "a"),
        "3a": _text(lambda b, x: MUL(b, _num(b, 3.0), x), "a"),
        "a/4": _text(lambda b, x: DIV(b, x, _num(b, 4.0)), "a"),
        "a/3": _text(lambda b, x: DIV(b, x, _num(b, 3.0)), "a"),
        "2/a": _text(lambda b, x: DIV(b, _num(b, 2.0), x), "a"),
        "a^2": _text(lambda b, x: POWER(b, x, _num(b, 2)), "a"),
        "a^3": _text(lambda b, x: POWER(b, x, _num(b, 3)), "a"),
        "a^0.5": _text(lambda b, x: POWER(b, x, _num(b, 0.5)), "a"),
        "a^-1": _text(lambda b, x: POWER(b, x, _num(b, -1)), "a"),
        "square": _text(lambda b, x: SQUARE(b, x), "a"),
        "exp": _text(lambda b, x: EXP(b, x), "a"),
        "log": _text(lambda b, x: LOG(b, x), "a"),
        "sqrt": _text(lambda b, x: SQRT(b, x), "a"),
        "sin": _text(lambda b, x: SIN(b, x), "a"),
        "cos": _text(lambda b, x: COS(b, x), "a"),
        "tanh": _text(lambda b, x: TANH(b, x), "a"),
        "sigmoid": _text(lambda b, x: SIGMOID(b, x), "a"),
        "relu": _text(lambda b, x: RELU(b, x), "a"),
        "abs": _text(lambda b, x: ABS(b, x), "a"),
        "stop": _text(lambda b, x: STOP_GRADIENT(b, x), "a"),
    }
    assert found == {
        "a·b": ["b", "a"],
        "a+b": ["1", "1"],
        "a-b": ["1", "-1"],
        "a/b": ["1 / b", "-z / b"],
        "-a": ["-1"],
        "a·a": ["2 · a"],
        "a+a": ["2"],
        "a-a": ["0"],
        "3a": ["3"],
        "a/4": ["0.25"],
        "a/3": ["1 / 3"],
        "2/a": ["-z / a"],
        "a^2": ["2 · a"],
        "a^3": ["3 · a²"],
        "a^0.5": ["½ · a^(-0.5)"],
        "a^-1": ["-a^(-2)"],
        "square": ["2 · a"],
        "exp": ["z"],
        "log": ["1 / a"],
        "sqrt": ["1 / (2 · z)"],
        "sin": ["cos(a)"],
        "cos": ["-sin(a)"],
        "tanh": ["1 - z²"],
        "sigmoid": ["z · (1 - z)"],
        "relu": ["a > 0"],
        "abs": ["sign(a)"],
        "stop": ["none"],
    }


def test_values_are_those_of_the_vjp() -> None:
    b = Builder()
    w, x = b.input("w", (), "float64"), b.input("x", (), "float64")
    rules = Rules(b.graph)
    rule = rules.derivative(MUL(b, w, x))
    assert (rule.value(0, [2.0, -3.0], -6.0), rule.value(1, [2.0, -3.0], -6.0)) == (-3.0, 2.0)
    rule = rules.derivative(TANH(b, x))
    values = np.array([0.0, 1.0])
    np.testing.assert_array_equal(rule.value(0, [values], np.tanh(values)), 1 - np.tanh(values) ** 2)


def test_like_steps_share_a_rule() -> None:
    b = Builder()
    x = b.input("x", (), "float64")
    one, two = EXP(b, x), EXP(b, b.input("y", (), "float64"))
    rules = Rules(b.graph)
    assert rules.derivative(one) is rules.derivative(two)


def _product(make, *shapes: tuple[int, ...], direct: bool = False) -> list[str]:  # type: ignore[no-untyped-def]
    b = Builder()
    inputs = [b.input(name, s, "float64") for name, s in zip("xyw", shapes, strict=False)]
    node = make(b, *inputs)
    rule = Rules(b.graph).product(node, direct)
    operands = [b.graph.name(j) for j in operands_of(b.graph, node)]
    return [rule.text(k, operands, "z", "g")[0] for k in range(len(operands))]


def test_texts_of_products() -> None:
    assert _product(lambda b, x, y: MATMUL(b, x, y), (2, 3), (3, 4)) == ["g · yᵀ", "xᵀ · g"]
    assert _product(lambda b, x, y: MATMUL(b, x, y), (3,), (3,)) == ["g · y", "g · x"]
    assert _product(lambda b, x, y: ADD(b, x, y), (2, 3), (3,)) == ["g", "sum(g, axis=0)"]
    assert _product(lambda b, x, y: MUL(b, x, y), (2, 3), (2, 1)) == ["g ⊙ y", "sum(g ⊙ x, axis=1)"]
    assert _product(lambda b, x, y: MUL(b, x, y), (), (2, 3)) == ["sum(g ⊙ y)", "g · x"]
    assert _product(lambda b, x: SUM(b, x, axis=0), (2, 3)) == ["g"]
    assert _product(lambda b, x: SUM(b, x, axis=1), (2, 3)) == ["g"]
    assert _product(lambda b, x: MEAN(b, x), (2, 3)) == ["g / 6"]
    assert _product(lambda b, x: MEAN(b, x), (2, 3), direct=True) == ["1 / 6"]
    assert _product(lambda b, x: MEAN(b, x), (2, 4), direct=True) == ["0.125"]
    assert _product(lambda b, x: RELU(b, x), (2, 3)) == ["g ⊙ (x > 0)"]
    assert _product(lambda b, x: SLICE(b, x, index=((0, 2, 1), None)), (3, 2)) == ["g at [0:2, :]"]
