"""Scalar templates against the kernels, at ordinary and at special numbers."""

import itertools
import math

import pytest
from op_cases import value

from graphrun.ir.builder import Builder
from graphrun.ops.registry import OPS

NAMES = {k: v for k, v in vars(math).items() if not k.startswith("_")}
SPECIAL = (0.0, 1.0, -1.0, 0.3, -2.5, 2.5, 7.0, -800.0, 800.0, math.inf, -math.inf, math.nan)


def compiled(op, attrs):
    names = [f"x{k}" for k in range(len(op.arrays))]
    text = op.scalar.format(*names, **attrs)
    return eval(f"lambda {', '.join(names)}: {text}", dict(NAMES))  # noqa: S307


@pytest.mark.parametrize("op", [op for op in OPS.values() if op.scalar], ids=lambda op: op.name)
def test_scalar_template_is_the_kernel(op):
    given = next((c.attrs for c in op.cases if all(s == () for s in c.shapes)), next((c.attrs for c in op.cases), {}))
    if op.name in ("reshape", "broadcast_to", "sum_to"):
        given = {"shape": ()}
    elif op.arrays == ("x",) and not op.elementwise:
        given = {}
    b = Builder()
    dtypes = ["bool" if op.name == "where" and k == 0 else "float64" for k in range(len(op.arrays))]
    inputs = [b.input(f"x{k}", (), d) for k, d in enumerate(dtypes)]
    node = op(b, *inputs, **given)
    call = compiled(op, b.graph.attrs(node))
    computed = 0
    for xs in itertools.product(SPECIAL, repeat=len(inputs)):
        operands = [bool(x > 0) if d == "bool" else x for x, d in zip(xs, dtypes, strict=True)]
        expected = value(b, dict(zip(inputs, operands, strict=True)), node)
        try:
            found = call(*operands)
        except (ValueError, OverflowError, ZeroDivisionError):
            continue  # Python raises where IEEE arithmetic does not; the engine then computes the step anew
        assert type(found) is (bool if b.dtype(node) == "bool" else float)
        assert found == pytest.approx(float(expected), rel=1e-13, abs=1e-300, nan_ok=True), operands
        computed += 1
    assert computed >= 3
