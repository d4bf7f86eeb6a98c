"""Kernels give what the rules promise: shape and dtype, for every mixture of dtypes."""

import itertools

import numpy as np
import pytest
from op_cases import draw, generator, single, table, value
from test_row_rules import WITHOUT_GRADIENT

from graphrun.ir.builder import Builder
from graphrun.ir.opdef import Case
from graphrun.ir.types import OpFault
from graphrun.ops.registry import OPS

DTYPES = ("float64", "float32", "int64", "bool")

# operations that insist on a dtype: which operand, which dtype
TAKES = {"where": (0, "bool"), "one_hot": (0, "int64")}
TAKES.update(dict.fromkeys(("gather", "scatter_rows", "take_along", "put_along", "scatter_add", "pool_put", "pool_take"), (1, "int64")))


def mixtures():
    """The first rows of every operation, over all dtypes of its operands."""
    cases = {op.name: list(op.cases[:3]) for op in OPS.values() if op.arrays and not op.draws}
    cases.update(WITHOUT_GRADIENT)
    for name, op in OPS.items():
        if name in cases and not cases[name]:
            cases[name] = [Case(((2, 3),) * len(op.arrays)), Case(((),) * len(op.arrays))]
        for k, case in enumerate(cases.get(name, ())):
            for mix in itertools.product(DTYPES, repeat=len(case.shapes)):
                yield pytest.param(op, Case(case.shapes, case.attrs, case.domain, mix), id=f"{name}-{k}-{'-'.join(mix)}")


@pytest.mark.parametrize(("op", "case"), list(mixtures()))
def test_kernel_gives_the_inferred_type(op, case):
    wanted = TAKES.get(op.name)
    if wanted is not None and case.dtypes[wanted[0]] != wanted[1]:
        with pytest.raises(OpFault) as caught:
            single(op, case)
        assert caught.value.code == "dtype-mismatch"
        return
    b, inputs, node = single(op, case)
    operands = draw(Case(case.shapes, case.attrs, (max(case.domain[0], 0.3), case.domain[1]), case.dtypes), generator(op, case))
    if op.name == "mod":  # whole numbers have no remainder by 0
        operands[1] = np.where(operands[1] == 0, 1, operands[1]).astype(operands[1].dtype)
    before = [o.copy() for o in operands]
    found = value(b, dict(zip(inputs, operands, strict=True)), node)
    assert np.shape(found) == b.shape(node)
    assert np.asarray(found).dtype.name == b.dtype(node)
    for old, new in zip(before, operands, strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize(
    ("name", "attrs", "expected"),
    [
        ("zeros", {"shape": (2, 3)}, np.zeros((2, 3))),
        ("ones", {"shape": 2, "dtype": "float32"}, np.ones(2, np.float32)),
        ("full", {"shape": (2,), "fill_value": 1.5}, np.full(2, 1.5)),
        ("eye", {"n": 2, "m": 3}, np.eye(2, 3)),
        ("arange", {"start": 4}, np.arange(4)),
        ("arange", {"start": 5, "end": 1, "step": -2}, np.arange(5, 1, -2)),
        ("arange", {"start": 0.0, "end": 1.0, "step": 0.25, "dtype": "float32"}, np.arange(0, 1, 0.25, dtype=np.float32)),
        ("linspace", {"start": 0, "end": 1, "steps": 5}, np.linspace(0, 1, 5)),
    ],
)
def test_values_from_numbers(name, attrs, expected):
    b = Builder()
    node = OPS[name](b, **attrs)
    found = value(b, {}, node)
    np.testing.assert_allclose(found, expected, rtol=1e-15)
    assert found.dtype == expected.dtype
    assert (found.shape, found.dtype.name) == (b.shape(node), b.dtype(node))


@pytest.mark.parametrize(("op", "case"), [p for p in table() if p.values[0].ufunc])
def test_ufunc_is_the_kernel(op, case):
    """Where all operands have the result's dtype, `out=` gives the kernel's bits."""
    if case.dtypes and set(case.dtypes) != {"float64"}:
        return
    b, inputs, node = single(op, case)
    operands = draw(case, generator(op, case))
    found = value(b, dict(zip(inputs, operands, strict=True)), node)
    out = np.empty(b.shape(node))
    getattr(np, op.ufunc)(*operands, out=out)
    np.testing.assert_array_equal(out, found)
