"""Each operation over rows against the same operation on one row after the other."""

import itertools

import numpy as np
import pytest
from op_cases import draw, dtypes, generator, single, table, value

from graphrun.ir.builder import Builder
from graphrun.ir.opdef import Case
from graphrun.ir.types import sym
from graphrun.ops.registry import OPS

ROWS = 3
WITHOUT_GRADIENT = {
    "argmax": (Case(((4,),)), Case(((2, 3),)), Case(((2, 3),), {"axis": -1, "keepdims": True}), Case(((2, 3),), {"keepdims": True})),
    "argmin": (Case(((4,),)), Case(((2, 3),)), Case(((2, 3),), {"axis": 0})),
    "any": (Case(((2, 3),), dtypes=("bool",)), Case(((2, 3),), {"axis": 1}, dtypes=("bool",))),
    "all": (Case(((2, 3),), dtypes=("bool",)), Case(((2, 3),), {"axis": 0, "keepdims": True}, dtypes=("bool",))),
    "sort_index": (Case(((4,),)), Case(((3, 2),), {"axis": 0, "descending": True})),
    "max_pool_tap": (
        Case(((2, 6), (2, 3)), {"kernel_size": 2}),
        Case(((5, 5), (2, 2)), {"kernel_size": (2, 3), "stride": 3, "padding": 1}),
    ),
    "one_hot": (Case(((),), {"num_classes": 3}, dtypes=("int64",)), Case(((2,),), {"num_classes": 4}, dtypes=("int64",))),
}


def patterns():
    """(operation, case, which operands carry rows), for every operation with a rule of its own."""
    rows = [p.values for p in table()] + [(OPS[name], c) for name, cases in WITHOUT_GRADIENT.items() for c in cases]
    for k, (op, case) in enumerate(rows):
        if op.rows is not None:
            for carries in itertools.product((True, False), repeat=len(case.shapes)):
                if any(carries):
                    yield pytest.param(op, case, carries, id=f"{op.name}-{k}-{''.join('r' if c else '_' for c in carries)}")


def mapped(op, case, carries, dim):
    """The graph of one row with the mapped operation added to it."""
    b, inputs, node = single(op, case)
    kinds = zip(case.shapes, dtypes(case), carries, inputs, strict=True)
    new = [b.input(f"r{k}", (dim, *s), d) if c else i for k, (s, d, c, i) in enumerate(kinds)]
    out = op.rows(b, b.graph.node(node), new, list(carries), dim)
    return b, inputs, new, node, out


@pytest.mark.parametrize(("op", "case", "carries"), list(patterns()))
def test_rows(op, case, carries):
    b, inputs, new, node, out = mapped(op, case, carries, ROWS)
    rng = generator(op, case)
    many, one = draw(case, rng, (ROWS,)), draw(case, rng)
    found = value(b, {n: m if c else o for n, m, o, c in zip(new, many, one, carries, strict=True)}, out)
    rows = []
    for r in range(ROWS):
        rows.append(value(b, {i: m[r] if c else o for i, m, o, c in zip(inputs, many, one, carries, strict=True)}, node))
    np.testing.assert_allclose(found, np.stack(rows), rtol=1e-12, atol=1e-14)
    assert b.dtype(out) == b.dtype(node)


@pytest.mark.parametrize(("op", "case", "carries"), list(patterns()))
def test_symbolic_rows(op, case, carries):
    b, _, _, node, out = mapped(op, case, carries, sym("batch"))
    assert b.shape(out) == (sym("batch"), *b.shape(node))


def test_every_operation_maps_over_rows():
    lacking = [op.name for op in OPS.values() if op.arrays and not op.elementwise and op.rows is None]
    assert lacking == []
    assert [op.name for op in OPS.values() if op.elementwise and op.rows is not None] == []


def test_indices_from_the_end_stay_in_their_row():
    b = Builder()
    x, i = b.input("x", (ROWS, 4), "float64"), b.input("i", (ROWS, 2), "int64")
    one = OPS["gather"](b, b.input("x1", (4,), "float64"), b.input("i1", (2,), "int64"))
    out = OPS["gather"].rows(b, b.graph.node(one), [x, i], [True, True], ROWS)
    table_ = np.arange(12.0).reshape(3, 4)
    index = np.array([[-1, 0], [1, -4], [-2, 3]])
    np.testing.assert_array_equal(value(b, {x: table_, i: index}, out), np.take_along_axis(table_, index, 1))
