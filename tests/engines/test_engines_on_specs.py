"""Both engines train every spec that ships to the same numbers; the graphs they get are sound."""

from pathlib import Path

import numpy as np
import pytest

import graphrun as gr
from graphrun.engines import codegen
from graphrun.engines.python import PythonEngine
from graphrun.engines.reference import ReferenceEngine
from graphrun.ir.verify import verify
from graphrun.model.training import training_step
from graphrun.train.plan import TrainingPlan

SPECS = sorted(Path(__file__).parents[2].joinpath("specs").glob("*.yaml"))
STEPS = 25


def trainable(path):
    model = gr.load(path)
    return model if model.spec.model.train is not None and model.built.loss is not None else None


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_the_engines_agree(path):
    model = trainable(path)
    if model is None:
        pytest.skip("this spec is not trained")
    python, reference = (gr.load(path).train(steps=STEPS, engine=engine) for engine in ("python", "reference"))
    np.testing.assert_allclose(python.history.losses, reference.history.losses, rtol=1e-11, atol=1e-14)
    for name, value in reference.params.items():
        np.testing.assert_allclose(python.params[name], value, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_the_step_is_sound_and_its_code_short(path):
    model = trainable(path)
    if model is None:
        pytest.skip("this spec is not trained")
    step = training_step(model)
    verify(step.graph, "the road to a step")
    functions = PythonEngine().compile(step).source.split("def ")
    assert max(f.count("\n") for f in functions) <= codegen.LIMIT


RECURRENT = """\
graphrun: 1
name: recurrent
inputs:
  x: {shape: [batch, 6, 3]}
  y: {shape: [batch, 4]}
params:
  W: {shape: [3, 4], init: glorot_uniform()}
  U: {shape: [4, 4], init: glorot_uniform()}
functions:
  cell(h, x_t): tanh(x_t @ W + h @ U)
nodes:
  h: scan(x, cell, zeros([batch, 4]), axis=1)
  J: mean((h[:, -1] - y)^2) + mean(h^2)
loss: J
train: {optimizer: adam(lr=0.1), steps: 10}
"""


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_scan_over_batches_of_two_sizes(dtype):
    model = gr.loads(RECURRENT.replace("name:", f"dtype: {dtype}\nname:"))
    found = {}
    for engine in (PythonEngine(), ReferenceEngine()):
        plan = TrainingPlan(model.built_for(True), ("x", "y"), 10, model.params, 5, {})
        steps = {rows: engine.compile(plan.step_for(rows)) for rows in (5, 2)}
        values, losses = plan.slots_init(), []
        data = np.random.default_rng(0)
        for k, rows in enumerate((5, 5, 2, 5, 2)):
            steps[rows].load(values)
            losses += steps[rows].run({"x": data.normal(size=(rows, 6, 3)), "y": data.normal(size=(rows, 4))}, k, 1)
            values = steps[rows].values()
        found[engine.name] = losses
    tolerance = 1e-12 if dtype == "float64" else 1e-5
    np.testing.assert_allclose(found["python"], found["reference"], rtol=tolerance)
