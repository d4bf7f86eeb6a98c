"""A convolutional net: both engines come to the same step, and PyTorch to the same gradients."""

import re

import numpy as np
import pytest

import graphrun as gr
from graphrun.engines.python import PythonEngine
from graphrun.engines.reference import ReferenceEngine
from graphrun.train.plan import TrainingPlan

SPEC = """\
graphrun: 1
name: images
dtype: DTYPE
inputs:
  x: {shape: [SHAPE1, 10, 9]}
  label: {shape: [SHAPE2], dtype: int64}
params:
  k1: {shape: [4, 1, 3, 3], init: he_normal()}
  b1: {shape: [4], init: 0.1}
  k2: {shape: [6, 2, 3, 2], init: he_normal()}
  k3: {shape: [6, 2, 2, 2], init: he_normal()}
nodes:
  h1: conv2d(x, k1, b1, padding='same') -> relu -> max_pool2d(2)
  h2: conv2d(h1, k2, stride=[1, 2], padding=1, groups=2) -> tanh -> max_pool2d(3, stride=2, padding=1)
  h3: conv_transpose2d(h2, k3, stride=2, dilation=2) -> avg_pool2d(2, ceil_mode=true)
  logits: FLAT -> dense(5)
  J: LOSS
loss: J
train: {optimizer: adam(lr=0.01), steps: 5}
"""


def spec(dtype="float64", batch=True):
    shapes = ("batch, 1", "batch", "flatten(h3, 1)", "mean(cross_entropy(logits, label))")
    parts = shapes if batch else ("1", "", "flatten(h3)", "cross_entropy(logits, label)")
    text = SPEC.replace("DTYPE", dtype)
    for name, part in zip(("SHAPE1", "SHAPE2", "FLAT", "LOSS"), parts, strict=True):
        text = text.replace(name, part)
    return text


def rows(n, dtype="float64"):
    rng = np.random.default_rng(n)
    return {"x": rng.standard_normal((n, 1, 10, 9)).astype(dtype), "label": rng.integers(0, 5, n)}


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-11), ("float32", 2e-5)])
def test_the_engines_agree(dtype, tolerance):
    model = gr.loads(spec(dtype))
    plan = TrainingPlan(model.built_for(True), ("x", "label"), 1000, model.params, 6, {}, "auto")
    step = plan.step_for(6)
    python, reference = PythonEngine().compile(step), ReferenceEngine().compile(step)
    feeds = rows(6, dtype)
    for engine in (python, reference):
        engine.load(plan.slots_init())
    np.testing.assert_allclose(python.run(feeds, 0, 5), reference.run(feeds, 0, 5), rtol=tolerance)
    for name, value in reference.values().items():
        np.testing.assert_allclose(python.values()[name], value, rtol=tolerance, atol=tolerance)


def test_convolutions_and_poolings_write_into_buffers():
    model = gr.loads(spec())
    plan = TrainingPlan(model.built_for(True), ("x", "label"), 1000, model.params, 6, {}, "auto")
    source = PythonEngine().compile(plan.step_for(6)).source
    lines = [line for line in source.splitlines() if re.search(r"k_(conv|max_pool|avg_pool[12])", line)]
    assert len(lines) == 13
    assert all(", out=b" in line for line in lines), lines


def test_a_graph_for_one_row_comes_to_the_same_gradients():
    batch, one = gr.loads(spec()), gr.loads(spec(batch=False))
    feeds = rows(3)
    whole = batch.grad(**feeds)
    singles = [one.grad(x=feeds["x"][k], label=feeds["label"][k], params=batch.params) for k in range(3)]
    for name in ("k1", "b1", "k2", "k3"):
        np.testing.assert_allclose(whole[name], np.mean([g[name] for g in singles], axis=0), rtol=1e-10, atol=1e-13)


def test_gradients_are_torchs():
    torch = pytest.importorskip("torch")
    F = torch.nn.functional
    model = gr.loads(spec())
    feeds = rows(4)
    found = model.grad(**feeds)
    p = {name: torch.tensor(v, requires_grad=True) for name, v in model.params.items()}
    x = torch.tensor(feeds["x"])
    h = F.max_pool2d(F.relu(F.conv2d(x, p["k1"], p["b1"], padding="same")), 2)
    h = F.max_pool2d(torch.tanh(F.conv2d(h, p["k2"], stride=(1, 2), padding=1, groups=2)), 3, stride=2, padding=1)
    h = F.avg_pool2d(F.conv_transpose2d(h, p["k3"], stride=2, dilation=2), 2, ceil_mode=True)
    logits = h.flatten(1) @ p["logits.weight"] + p["logits.bias"]
    loss = F.cross_entropy(logits, torch.tensor(feeds["label"]))
    loss.backward()
    assert found.loss == pytest.approx(loss.item(), rel=1e-12)
    for name, t in p.items():
        np.testing.assert_allclose(found[name], t.grad.numpy(), rtol=1e-9, atol=1e-12)
