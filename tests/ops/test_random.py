"""Random initial values: from seed and name alone, and distributed as they should be."""

import numpy as np
import pytest
from op_cases import value

from graphrun.ir.builder import Builder
from graphrun.ops.registry import OPS

NAMES = ["normal", "uniform", "truncated_normal", "orthogonal"]


def drawn(name, **attrs):
    b = Builder()
    node = b.node(OPS[name], [], {"shape": (100, 50), "key": "h.weight", **attrs})
    found = value(b, {}, node)
    assert (found.shape, found.dtype.name) == (b.shape(node), b.dtype(node))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_the_key_decides(name):
    first = drawn(name)
    np.testing.assert_array_equal(first, drawn(name))
    assert np.all(first != drawn(name, seed=1))
    assert np.all(first != drawn(name, key="g.weight"))
    np.testing.assert_array_equal(drawn(name, dtype="float32"), first.astype(np.float32))


def test_numbers_stay_as_they_were():
    """A new release must not change the weights that a seed gives."""
    assert drawn("normal")[0, 0] == pytest.approx(-0.8464475812133031, rel=1e-12)
    assert drawn("uniform")[0, 0] == pytest.approx(0.30584728379621096, rel=1e-12)


def test_distributions():
    normal = drawn("normal", mean=3.0, std=2.0)
    assert normal.mean() == pytest.approx(3, abs=0.1)
    assert normal.std() == pytest.approx(2, rel=0.05)
    uniform = drawn("uniform", low=-1.0, high=3.0)
    assert uniform.min() >= -1
    assert uniform.max() < 3
    assert uniform.mean() == pytest.approx(1, abs=0.1)
    cut = drawn("truncated_normal", mean=0.5, std=1.0, a=-1.0, b=1.0)
    assert cut.min() >= -1
    assert cut.max() <= 1


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 2, 3)])
def test_orthogonal(shape):
    q = drawn("orthogonal", shape=shape, gain=2.0).reshape(shape[0], -1)
    small = q @ q.T if q.shape[0] <= q.shape[1] else q.T @ q
    np.testing.assert_allclose(small, 4 * np.eye(len(small)), atol=1e-12)


def test_scalars():
    assert np.shape(drawn("normal", shape=())) == ()
