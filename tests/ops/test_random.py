"""Random initial values: from seed and name alone, and distributed as they should be."""

import numpy as np
import pytest
from op_cases import value

import graphrun as gr
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


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("normal([2], 0, -1)", "`std` of `normal` is not below 0; here it is -1"),
        ("uniform([2], 3, 2)", "the bounds of `uniform` must be in order: 3 and 2"),
        ("bernoulli(2, [3])", "the probability `p` of `bernoulli` is a number from 0 to 1; here it is 2"),
        ("bernoulli(x)", "the probability `p` of `bernoulli` is a number from 0 to 1; here it is -0.5"),
        ("dropout(x, 1.5)", "the probability `p` of `dropout` is a number from 0 to 1; here it is 1.5"),
    ],
)
def test_what_is_no_distribution_is_told(formula, message):
    with pytest.raises(gr.GraphrunError) as caught:
        gr.loads(f"graphrun: 1\ninputs: {{x: {{default: -0.5}}}}\nnodes:\n  y: {formula}\n").run()
    assert caught.value.diagnostics[0].message == message
    assert caught.value.diagnostics[0].place.line == 4


def test_bernoulli_is_an_initializer():
    w = gr.loads('graphrun: 1\nparams: {w: {shape: [40, 50], init: bernoulli(0.3)}}\nnodes: {J: sum(w)}\nloss: J\n').params["w"]
    assert set(w.ravel()) == {0, 1}
    assert w.mean() == pytest.approx(0.3, abs=0.03)


@pytest.mark.parametrize("init", ["normal(0, -1)", "uniform(3, 2)", "truncated_normal(0, 0)"])
def test_nor_is_it_an_initial_value(init):
    with pytest.raises(gr.SpecError, match="wrong-value"):
        gr.loads(f'graphrun: 1\nparams: {{w: {{shape: [2], init: "{init}"}}}}\nnodes: {{J: sum(w)}}\nloss: J\n')


def test_the_engines_draw_the_same():
    text = (
        "graphrun: 1\nparams: {w: {shape: [5, 3], init: orthogonal()}}\n"
        "nodes:\n  n: normal([5, 3]) + uniform([3]) + bernoulli(0.3, [5, 3])\n  J: mean(dropout(w + n, 0.4)^2)\n"
        "loss: J\ntrain: {steps: 6, optimizer: adam(lr=0.1), seed: 3}\n"
    )
    python, again, reference = (gr.loads(text).train(engine=e) for e in ("python", "python", "reference"))
    np.testing.assert_array_equal(python.params["w"], again.params["w"])
    np.testing.assert_allclose(python.params["w"], reference.params["w"], rtol=1e-12)
    assert len({round(x, 6) for x in python.history.losses}) == 6
