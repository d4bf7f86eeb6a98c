"""Random values in formulas: from seed, name and training step; each row and each position of a scan its own; the same in every engine."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest

import graphrun as gr
from graphrun.engines.python import PythonEngine
from graphrun.engines.reference import ReferenceEngine
from graphrun.ops.registry import OPS
from graphrun.train.plan import TrainingPlan

BATCH = """
graphrun: 1
inputs: {x: {shape: [batch, 4], default: [[1, 2, 3, 4], [5, 6, 7, 8]]}}
params: {w: 1.0}
nodes:
  d: dropout(w * x, 0.25)
  n: normal([batch, 3], 1, 2)
  u: uniform([1000], -1, 3)
  b: bernoulli(0.3, [1000])
  J: sum(d)
loss: J
train: {steps: 3, optimizer: sgd(lr=0)}
"""


def test_dropout_scales_what_it_keeps_and_its_gradient_is_its_mask() -> None:
    model = gr.loads(BATCH)
    g = model.grad(training=True)
    x = np.array([[1, 2, 3, 4], [5, 6, 7, 8.0]])
    mask = g.values["d"] / x
    assert set(np.round(np.ravel(mask), 12)) <= {0.0, round(4 / 3, 12)}
    assert 0 < np.count_nonzero(mask) < 8
    np.testing.assert_allclose(g["x"], mask, rtol=1e-14)
    assert g["w"] == pytest.approx(float(np.sum(mask * x)))


def test_dropout_does_nothing_outside_training() -> None:
    model = gr.loads(BATCH)
    np.testing.assert_array_equal(model.run()["d"], [[1, 2, 3, 4], [5, 6, 7, 8]])
    assert set(np.ravel(model.grad()["x"])) == {1.0}
    assert model.built_for(True) is not model.built


@pytest.mark.parametrize(("p", "factor"), [(0, 1.0), (1, 0.0)])
def test_dropout_of_nothing_and_of_all(p: int, factor: float) -> None:
    values = gr.loads(BATCH.replace("0.25", str(p))).run(training=True)
    np.testing.assert_array_equal(values["d"], factor * np.array([[1, 2, 3, 4], [5, 6, 7, 8]]))


def test_distributions() -> None:
    values = gr.loads(BATCH.replace("[batch, 3]", "[2000]")).run()
    n, u, b = values["n"], values["u"], values["b"]
    assert (abs(n.mean() - 1) < 0.15, abs(n.std() - 2) < 0.15) == (True, True)
    assert (u.min() >= -1, u.max() < 3, abs(u.mean() - 1) < 0.15) == (True, True, True)
    assert set(b) == {0.0, 1.0}
    assert abs(b.mean() - 0.3) < 0.05


def test_numbers_stay_as_they_were() -> None:
    """A new release must not change what a seed draws."""
    values = gr.loads(BATCH).run()
    assert values["n"][0, 0] == pytest.approx(2.723830627421137, rel=1e-12)
    assert values["u"][:2].tolist() == pytest.approx([2.4627521208189123, -0.054919174736241194], rel=1e-12)
    assert values["b"][:10].tolist() == [0, 0, 0, 0, 1, 0, 0, 0, 0, 1]


@pytest.mark.parametrize("step", [0, 1, 77])
def test_it_is_philox_keyed_by_seed_and_name_and_counted_by_step_and_element(step: int) -> None:
    digest = hashlib.blake2b(b"5/h.noise#1", digest_size=16).digest()
    stream = np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "little"), counter=[0, 0, step, 0]))
    expected = stream.random(11)
    kernel = OPS["uniform"].kernel
    found = kernel(np, float(step), shape=(11,), low=0.0, high=1.0, key="h.noise#1", seed=5, dtype="float64")
    np.testing.assert_allclose(found, expected, rtol=0, atol=2**-53)
    for offset in range(11):
        rest = kernel(np, step, shape=(11 - offset,), low=0.0, high=1.0, key="h.noise#1", seed=5, dtype="float64", offset=offset)
        np.testing.assert_array_equal(rest, found[offset:])


def drawn(text: str, seed: int, steps: int, engine: Any = ReferenceEngine) -> np.ndarray:
    """What `n` is in successive training steps."""
    model = gr.loads(text)
    plan = TrainingPlan(model.built_for(True), (), steps, model.current, 2, {"batch": 2}, seed=seed)
    made = plan.step_for(2)
    step = engine().compile(made)
    step.load(plan.slots_init())
    return np.array([step.run(model.feeds({}).values, k, 1)[0] for k in range(steps)])


ONE = BATCH.replace("J: sum(d)", "J: w * sum(n)")


def test_step_seed_and_name_decide() -> None:
    first = drawn(ONE, 0, 3)
    assert len(set(first)) == 3
    np.testing.assert_array_equal(first, drawn(ONE, 0, 3))
    np.testing.assert_array_equal(first, drawn(ONE, 0, 3, PythonEngine))
    assert not set(first) & set(drawn(ONE, 1, 3))
    other = ONE.replace("  n: normal", "  m: normal").replace("sum(n)", "sum(m)")
    assert not set(first) & set(drawn(other, 0, 3))
    more = ONE.replace("  u: uniform", "  before: normal([7])\n  u: uniform")
    np.testing.assert_array_equal(first, drawn(more, 0, 3))


@pytest.mark.parametrize("draw", ["normal([30])", "uniform([30])", "bernoulli(0.5, [30])"])
def test_each_training_step_draws_anew_with_nothing_else_that_asks_for_training(draw: str) -> None:
    text = f"graphrun: 1\nparams: {{w: 1}}\nnodes:\n  J: w * sum({draw} * arange(30))\nloss: J\ntrain: {{steps: 4, optimizer: sgd(lr=0)}}\n"
    assert len(set(gr.loads(text).train().history.loss)) == 4


def test_outside_training_it_is_step_0_of_the_spec_s_seed() -> None:
    model = gr.loads(ONE)
    assert model.run()["J"] == drawn(ONE, 0, 1)[0] == model.run(training=True)["J"]
    seeded = ONE.replace("steps: 3", "steps: 3, seed: 5")
    assert gr.loads(seeded).run()["J"] == drawn(ONE, 5, 1)[0]


def test_train_takes_its_seed() -> None:
    def losses(**more: Any) -> list[float]:
        return list(gr.loads(ONE).train(**more).history.loss)

    np.testing.assert_allclose(losses(), drawn(ONE, 0, 3), rtol=1e-15)
    np.testing.assert_allclose(losses(seed=3), drawn(ONE, 3, 3), rtol=1e-15)


ROWS = """
graphrun: 1
inputs: {x: 1}
params: {w: 2.0}
nodes:
  c: dropout(w * x, 0.4) + bernoulli(0.5)
  z: normal([2], 1, 2)
  J: (c - sum(z))^2
loss: J
data: {rows: [[1], [2], [3], [4]], columns: [x]}
train: {steps: 5, optimizer: sgd(lr=0.01)}
"""


def test_each_row_draws_its_own_however_rows_are_made() -> None:
    values = gr.loads(ROWS).run(row="all")
    assert len(set(np.ravel(values["z"]))) == 8
    found = []
    for how in ("arrays", "unrolled"):
        for engine in (ReferenceEngine, PythonEngine):
            model = gr.loads(ROWS)
            plan = TrainingPlan(model.built_for(True), ("x",), 5, model.current, 4, {}, rows_as=how, seed=2)
            step = engine().compile(plan.step_for(4))
            step.load(plan.slots_init())
            found.append(list(step.run({"x": [1, 2, 3, 4]}, 0, 5)))
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], rtol=1e-13)


def test_probabilities_of_a_row_meet_what_that_row_draws() -> None:
    text = """
graphrun: 1
inputs: {p: {shape: [3], default: [0, 0.5, 1]}, q: 1}
params: {w: 1.0}
nodes:
  b: bernoulli(p, [50, 3])
  c: bernoulli(q, [4])
  J: w * (sum(b) + sum(c))
loss: J
data: {rows: [[[0, 1, 0], 1], [[1, 0, 0], 0]], columns: [p, q]}
"""
    values = gr.loads(text).run(row="all")
    assert values["b"].shape == (2, 50, 3)
    assert values["b"].sum(axis=1).tolist() == [[0, 50, 0], [50, 0, 0]]
    assert values["c"].tolist() == [[1, 1, 1, 1], [0, 0, 0, 0]]


def test_rows_of_a_batch_are_those_drawn_first() -> None:
    """Counted by element: a smaller batch has the beginning of what a larger one has."""
    model = gr.loads(BATCH)
    three = model.run(x=np.ones((3, 4)))["n"]
    np.testing.assert_array_equal(model.run(x=np.ones((1, 4)))["n"], three[:1])


def test_each_position_of_a_scan_draws_its_own() -> None:
    text = """
graphrun: 1
inputs: {x: {shape: [5], default: [1, 1, 1, 1, 1]}}
functions:
  f(carry, x): x + normal([])
nodes:
  h: scan(x, f, 0)
"""
    assert len(set(gr.loads(text).run()["h"])) == 5


def test_float32_stays_below_the_upper_bound_and_in_its_dtype() -> None:
    values = gr.loads(BATCH.replace("graphrun: 1", "graphrun: 1\ndtype: float32").replace("[1000]", "[100000]")).run()
    assert values["u"].dtype == np.float32
    assert values["u"].max() < 3
    assert values["b"].dtype == values["n"].dtype == np.float32


FAULTS = {
    "dropout(x, 2)": "the probability `p` of `dropout` is a number from 0 to 1; here it is 2",
    "orthogonal([3, 3])": "`orthogonal` makes initial values, and no values of a graph",
    "bernoulli(x, [3])": "probabilities of shape [batch, 4] do not fit values of shape [3]",
    "normal([3], w)": "`mean` of `normal` must be a number known when the graph is built; here it is a value of the graph",
    "step * x": "`step` is known in the arguments of the optimizer alone",
}


@pytest.mark.parametrize("formula", FAULTS)
def test_faults(formula: str) -> None:
    with pytest.raises(gr.SpecError) as caught:
        gr.loads(BATCH.replace("  J:", f"  q: {formula}\n  J:"))
    assert FAULTS[formula] in str(caught.value)


def test_transforms_draw_nothing() -> None:
    text = ROWS.replace("columns: [x]}", "columns: [x], transform: {x: x + normal(shape(x))}}")
    with pytest.raises(gr.GraphrunError, match="draws random values, which only the nodes of a graph do"):
        gr.loads(text).train()
