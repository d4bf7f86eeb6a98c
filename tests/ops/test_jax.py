"""The same kernels over JAX's arrays."""

import numpy as np
import pytest
from op_cases import draw, generator, single, value
from test_row_rules import WITHOUT_GRADIENT

from graphrun.ops.registry import OPS

jax = pytest.importorskip("jax")


ROWS = [pytest.param(op, op.cases[min(1, len(op.cases) - 1)], id=op.name) for op in OPS.values() if op.cases]
ROWS += [pytest.param(OPS[name], cases[-1], id=name) for name, cases in WITHOUT_GRADIENT.items()]


@pytest.mark.parametrize(("op", "case"), ROWS)
def test_kernel_over_jax(op, case):
    b, inputs, node = single(op, case)
    operands = draw(case, generator(op, case))
    expected = value(b, dict(zip(inputs, operands, strict=True)), node)
    with jax.enable_x64(True):
        found = op.kernel(jax.numpy, *map(jax.numpy.asarray, operands), **b.graph.attrs(node))
        np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-11, atol=1e-13)
    assert np.asarray(found).dtype == np.asarray(expected).dtype
