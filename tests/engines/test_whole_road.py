"""Backward, update, simplification and the python engine together, against the plain graph run by the reference."""

from random import Random

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from random_steps import random_step

from graphrun.autodiff.reverse import backward
from graphrun.engines.base import Slot, Step
from graphrun.engines.python import PythonEngine
from graphrun.engines.reference import ReferenceEngine
from graphrun.ir.builder import Builder
from graphrun.ir.verify import verify
from graphrun.ops.registry import OPS
from graphrun.passes.pipeline import optimize


def trained(step):
    """`step` with gradient descent on its loss as update."""
    full, gradients = backward(step.graph, step.loss, [s.node for s in step.slots])
    verify(full, "backward")
    b = Builder(full)
    rate = b.const(0.01, "float64")
    slots = [Slot(s.name, s.node, OPS["sub"](b, s.node, OPS["mul"](b, rate, gradients[s.node]))) for s in step.slots]
    return Step(b.graph, step.loss, tuple(slots), step.feeds, step.counter, step.outputs)


def simplified(step):
    """The same step after the passes."""
    nodes = [step.loss, *step.feeds.values(), *step.outputs.values(), *(i for s in step.slots for i in (s.node, s.update))]
    keep = nodes if step.counter is None else [*nodes, step.counter]
    graph, new = optimize(step.graph, keep, verify)
    slots = tuple(Slot(s.name, new[s.node], new[s.update]) for s in step.slots)
    counter = None if step.counter is None else new[step.counter]
    feeds, outputs = ({name: new[i] for name, i in some.items()} for some in (step.feeds, step.outputs))
    return Step(graph, new[step.loss], slots, feeds, counter, outputs)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.integers(0, 10**9), st.booleans())
def test_a_step_of_gradient_descent(seed, wild):
    rng = Random(seed)
    step, values, feeds = random_step(rng, rng.randint(5, 30), wild)
    plain = trained(step)
    python, reference = PythonEngine().compile(simplified(plain)), ReferenceEngine().compile(plain)
    reference.load(values)
    python.load(values)
    (expected,) = reference.run(feeds, 0, 1)
    assume(np.isfinite(expected))
    (found,) = python.run(feeds, 0, 1)
    assert abs(found - expected) <= 1e-11 * max(1.0, abs(expected))
    for name in values:
        a, b = python.values()[name], reference.values()[name]
        scale = max(1.0, np.max(np.abs(b[np.isfinite(b)]), initial=0))
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-10 * scale)
