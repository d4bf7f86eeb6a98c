"""Random graphs, written in the language: every value and every gradient beside torch, both engines beside each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from graph_draft import NEAR, ROWS, Program
from graph_programs import programs
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import graphrun as gr
from graphrun.engines.select import get_engine
from graphrun.train.plan import TrainingPlan

VALUES, GRADIENTS = 1e-11, 1e-9  # of the largest entry, or of 1
RATE = 0.05
CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


def compare(what: str, found: Any, expected: np.ndarray, tolerance: float) -> None:
    found = np.asarray(found, dtype=float)
    assert found.shape == expected.shape, what
    scale = max(1.0, float(np.max(np.abs(expected), initial=0.0)))
    off = float(np.max(np.abs(found - expected), initial=0.0)) / scale
    assert off <= tolerance, f"{what} is off by {off:.1e}:\n{found}\nand torch has\n{expected}"


def check_gradients(program: Program) -> None:
    env, values, gradients = program.torch(program.leaves)
    assume(env.nearest > NEAR)
    g = gr.loads(program.text).grad(**{n: program.leaves[n] for n in program.inputs})
    for name, expected in values.items():
        compare(f"the value of {name}", g.values[name], expected, VALUES)
    for name, expected in gradients.items():
        compare(f"the gradient of {name}", g[name], expected, GRADIENTS)


@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=CHECKS)
@given(programs())
def test_gradients_are_those_of_torch(program):
    check_gradients(program)


@pytest.mark.slow
@settings(max_examples=10_000, deadline=None, database=None, suppress_health_check=CHECKS)
@given(programs())
def test_ten_thousand_graphs(program):
    check_gradients(program)


def rows_of(program: Program) -> tuple[tuple[str, ...], list[dict[str, np.ndarray]], dict[str, np.ndarray]]:
    """The inputs that carry rows; the leaves for each row (all at once, where they carry `batch`); and what is fed."""
    batched = tuple(n for n in program.inputs if f"  {n}: {{shape: [batch" in program.text)
    if "batch" in program.text or not program.inputs:
        return batched, [dict(program.leaves)], {n: program.leaves[n] for n in program.inputs}
    fed = {n: np.stack([np.roll(program.leaves[n], k) * (1 - k / 8) for k in range(ROWS)]) for n in program.inputs}
    return program.inputs, [{**program.leaves, **{n: v[k] for n, v in fed.items()}} for k in range(ROWS)], fed


def check_step(program: Program) -> None:
    """A step of both engines, and what follows from torch: graphs for one row are mapped over rows, and their loss is the mean."""
    carry, each, fed = rows_of(program)
    went = [program.torch(leaves) for leaves in each]
    assume(all(env.nearest > NEAR for env, _, _ in went))
    loss = np.mean([values["J"] for _, values, _ in went])
    model = gr.loads(program.text)
    assume(model.params)
    for name in ("reference", "python"):
        plan = TrainingPlan(model.built_for(True), carry, 3, model.current, ROWS, {})
        engine, _ = get_engine(name, plan.step_for(ROWS))
        assert engine.name == name
        step = engine.compile(plan.step_for(ROWS))
        step.load(plan.slots_init())
        (found,) = step.run(fed, 0, 1)
        compare(f"the loss by {name}", found, loss, VALUES)
        after = plan.params(step.values())
        for parameter, value in model.params.items():
            expected = value - RATE * np.mean([gradients[parameter] for _, _, gradients in went], axis=0)
            compare(f"{parameter} after a step by {name}", after.get(parameter, value), expected, GRADIENTS)


@pytest.mark.parametrize("batched", [False, True])
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=CHECKS)
@given(data=st.data())
def test_a_training_step_by_both_engines(batched, data):
    check_step(data.draw(programs(batched=batched)))


@pytest.mark.slow
@pytest.mark.parametrize("batched", [False, True])
@settings(max_examples=1000, deadline=None, database=None, suppress_health_check=CHECKS)
@given(data=st.data())
def test_a_thousand_training_steps(batched, data):
    check_step(data.draw(programs(batched=batched)))
