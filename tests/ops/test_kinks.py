"""Derivatives at kinks and ties, as PyTorch has them."""

import math

import numpy as np
import pytest

from graphrun.autodiff.reverse import backward
from graphrun.engines.reference import evaluate
from graphrun.ir.builder import Builder
from graphrun.ops.reduce import SUM
from graphrun.ops.registry import OPS


def gradients(name, *operands, **attrs):
    b = Builder()
    inputs = [b.input(f"x{k}", np.shape(x), "float64") for k, x in enumerate(operands)]
    out = OPS[name](b, *inputs, **attrs)
    graph, found = backward(b.graph, SUM(b, out), inputs)
    values = evaluate(graph, dict(zip(inputs, map(np.asarray, operands), strict=True)))
    return [np.asarray(values[found[i]]).tolist() for i in inputs]


@pytest.mark.parametrize(
    ("name", "x", "attrs", "expected"),
    [
        ("relu", [-1.0, 0.0, 1.0], {}, [0, 0, 1]),
        ("abs", [-1.0, 0.0, 1.0], {}, [-1, 0, 1]),
        ("relu6", [0.0, 3.0, 6.0], {}, [0, 1, 0]),
        ("leaky_relu", [0.0, 1.0], {"negative_slope": 0.1}, [0.1, 1]),
        ("hard_tanh", [-1.0, 0.0, 1.0], {}, [0, 1, 0]),
        ("hard_swish", [-3.0, 3.0], {}, [0, 1]),
        ("elu", [0.0], {"alpha": 0.5}, [0.5]),
        ("elu", [math.nan], {"alpha": 0.5}, [1]),
        ("celu", [math.nan], {"alpha": 0.5}, [1]),
        ("selu", [math.nan], {}, [1.0507009873554805]),
        ("leaky_relu", [math.nan], {}, [0.01]),
        ("clip", [-1.0, 0.0, 0.5, 1.0, 2.0], {"min": 0, "max": 1}, [0, 1, 1, 1, 0]),
        ("max", [1.0, 3.0, 3.0], {}, [0, 0.5, 0.5]),
        ("min", [[1.0, 1.0], [1.0, 2.0]], {"axis": 1}, [[0.5, 0.5], [1, 0]]),
        ("norm", [0.0, 0.0], {}, [0, 0]),
        ("norm", [-2.0, 2.0, 1.0], {"ord": math.inf}, [-0.5, 0.5, 0]),
        ("std", [2.0, 2.0], {}, [0, 0]),
        ("prod", [0.0, 2.0, 3.0], {}, [6, 0, 0]),
        ("prod", [0.0, 0.0, 3.0], {}, [0, 0, 0]),
        ("prod", [[0.0, 2.0], [0.0, 3.0]], {"axis": 0}, [[0, 3], [0, 2]]),
        ("cumprod", [2.0, 0.0, 3.0, 0.0], {"axis": 0}, [1, 8, 0, 0]),
        ("norm", [0.0, 3.0, -4.0], {"ord": 0}, [0, 0, 0]),
        ("norm", [0.0, 4.0], {"ord": 0.5}, [0, 1]),
        ("norm", [1.0, -1.0, 3.0], {"ord": -math.inf}, [0.5, -0.5, 0]),
        ("max_pool1d", [1.0, 1.0, 0.0, 2.0], {"kernel_size": 2}, [1, 0, 0, 1]),
        ("max_pool1d", [1.0, 3.0, 3.0, 2.0], {"kernel_size": 3, "stride": 1}, [0, 2, 0, 0]),
        ("max_pool2d", [[1.0, 1.0], [1.0, 1.0]], {"kernel_size": 2}, [[1, 0], [0, 0]]),
        ("avg_pool1d", [1.0, 2.0, 3.0], {"kernel_size": 2, "stride": 1}, [0.5, 1, 0.5]),
        ("floor", [1.5], {}, [0]),
        ("stop_gradient", [1.5], {}, [0]),
    ],
)
def test_of_one_operand(name, x, attrs, expected):
    assert gradients(name, x, **attrs)[0] == pytest.approx(expected) if np.ndim(x) == 1 else gradients(name, x, **attrs)[0] == expected


@pytest.mark.parametrize("name", ["prod", "cumprod"])
@pytest.mark.parametrize("x", [[0.0, 2.0, 3.0], [0.0, 0.0, 3.0], [0.0, 0.0, 0.0], [2.0, 0.0, -1.0]])
def test_second_derivatives_of_products_are_exact_at_zeros(name, x):
    b = Builder()
    i, weights = b.input("x", (3,), "float64"), b.const((1.0, 10.0, 100.0), "float64", (3,))
    out = OPS[name](b, i, axis=0)
    graph, first = backward(b.graph, SUM(b, OPS["mul"](b, out, weights)) if b.shape(out) else out, [i])
    b = Builder(graph)
    found = []
    for k in range(3):
        part = OPS["slice"](b, first[i], index=((k, k + 1, 1),), squeeze=(0,))
        whole, second = backward(b.graph, part, [i])
        found.append(evaluate(whole, {i: np.array(x)}, [second[i]])[second[i]].tolist())
    p, q, r = x
    expected = {
        "prod": [[0, r, q], [r, 0, p], [q, p, 0]],
        "cumprod": [[0, 10 + 100 * r, 100 * q], [10 + 100 * r, 0, 100 * p], [100 * q, 100 * p, 0]],
    }
    assert found == expected[name]


@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_a_tie_is_halved(name):
    assert gradients(name, [1.0, 2.0], [1.0, 1.0])[0] == ([0.5, 1] if name == "maximum" else [0.5, 0])


def test_the_exponent_of_zero():
    assert gradients("power", [0.0, 0.0, 2.0], [2.0, 0.0, 1.0])[1] == pytest.approx([0, 0, 2 * math.log(2)])


@pytest.mark.parametrize(("exponent", "expected"), [(0.0, 0.0), (1.0, 1.0), (2.0, 6.0), (3.0, 27.0), (-1.0, -1 / 9)])
def test_constant_exponents(exponent, expected):
    b = Builder()
    x = b.input("x", (), "float64")
    out = OPS["power"](b, x, b.const(exponent, "float64"))
    graph, found = backward(b.graph, out, [x])
    assert evaluate(graph, {x: 3.0}, [found[x]])[found[x]] == pytest.approx(expected)
    assert "log" not in {graph.op(i).name for i in range(len(graph))}


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp", "sigmoid", "log_sigmoid", "softplus"])
def test_large_numbers_stay_finite(name):
    b = Builder()
    x = b.input("x", (3,), "float64")
    out = OPS[name](b, x)
    graph, found = backward(b.graph, SUM(b, out), [x])
    values = evaluate(graph, {x: np.array([-800.0, 0.0, 800.0])})
    assert np.all(np.isfinite(values[out]))
    assert np.all(np.isfinite(values[found[x]]))
