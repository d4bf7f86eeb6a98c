"""Every vjp against central differences in float64 along random directions, to second order."""

import numpy as np
import pytest
from op_cases import draw, dtypes, generator, single, table

from graphrun.autodiff.reverse import backward
from graphrun.engines.reference import evaluate
from graphrun.ir.builder import Builder
from graphrun.ops.arithmetic import ADD, MUL
from graphrun.ops.reduce import SUM
from graphrun.ops.registry import OPS

STEP = 1e-5


def weighted(b, parts, name):
    """Σ over parts of sum(part · weights), with the weights as inputs."""
    total, weights = None, []
    for k, part in enumerate(parts):
        weights.append(b.input(f"{name}{k}", b.shape(part), "float64"))
        term = SUM(b, MUL(b, part, weights[-1]))
        total = term if total is None else ADD(b, total, term)
    return total, weights


def agree(graph, of, gradients, feeds, wrt, rng):
    """The gradient along a random direction against the central difference."""
    moves = {i: rng.standard_normal(np.shape(feeds[i])) for i in wrt}

    def at(h):
        return float(evaluate(graph, {**feeds, **{i: feeds[i] + h * moves[i] for i in wrt}}, [of])[of])

    numeric = (at(STEP) - at(-STEP)) / (2 * STEP)
    values = evaluate(graph, feeds, [gradients[i] for i in wrt])
    exact = sum(float(np.sum(values[gradients[i]] * moves[i])) for i in wrt)
    assert exact == pytest.approx(numeric, rel=2e-6, abs=2e-6)
    for i in wrt:
        assert np.shape(values[gradients[i]]) == np.shape(feeds[i])
        assert graph.dtype(gradients[i]) == graph.dtype(i)


def prepared(op, case):
    rng = generator(op, case)
    b, inputs, node = single(op, case)
    loss, weights = weighted(b, [node], "r")
    feeds = dict(zip(inputs, draw(case, rng), strict=True))
    feeds.update({w: rng.standard_normal(b.shape(w)) for w in weights})
    real = [i for i, d in zip(inputs, dtypes(case), strict=True) if d == "float64"]
    graph, gradients = backward(b.graph, loss, real)
    return rng, graph, gradients, loss, feeds, real


@pytest.mark.parametrize(("op", "case"), table())
def test_first_order(op, case):
    rng, graph, gradients, loss, feeds, real = prepared(op, case)
    agree(graph, loss, gradients, feeds, real, rng)


@pytest.mark.parametrize(("op", "case"), table(second=True))
def test_second_order(op, case):
    rng, graph, gradients, _, feeds, real = prepared(op, case)
    b = Builder(graph)
    along, directions = weighted(b, [gradients[i] for i in real], "u")
    feeds.update({d: rng.standard_normal(b.shape(d)) for d in directions})
    graph, second = backward(b.graph, along, real)
    agree(graph, along, second, feeds, real, rng)


@pytest.mark.parametrize("op", OPS.values(), ids=list(OPS))
def test_documented(op):
    assert op.doc.endswith(".")
    assert op.formula
    assert (op.vjp is None) == (not op.cases)
    assert len(op.derivatives) in ({0} if op.vjp is None else {1, len(op.arrays)})


def test_names_are_unique():
    from graphrun.ops.registry import FAMILIES

    assert len(OPS) == sum(len(family) for family in FAMILIES.values())
