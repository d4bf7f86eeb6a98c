"""`after_steps` of `expect`: the values after so many updates of the run that `train` describes, schedules and all."""

from __future__ import annotations

from typing import Any

import pytest

import graphrun as gr
from graphrun.model import run_expectations

SPEC = """\
graphrun: 1
config: {n: 10}
inputs: {x: {shape: [batch]}}
params: {w: 0}
nodes: {J: mean(x) * w}
loss: J
data: {rows: [[1], [1], [1], [1]], columns: [x]}
train: {LENGTH, optimizer: "sgd(lr=(step + 1) / steps)"}
expect:
  - {ENTRY}
"""


def found(length: str, entry: str) -> Any:
    (result,) = run_expectations(gr.loads(SPEC.replace("LENGTH", length).replace("ENTRY", entry)))
    return float(result.found)


@pytest.mark.parametrize("inputs", ["", ", inputs: {x: [1, 1]}"])
@pytest.mark.parametrize("length", ["steps: 10", "steps: n", "epochs: 10", "epochs: 5, batch: 2", "epochs: 10, batch: 2, accumulate: 2"])
def test_steps_is_the_length_of_the_whole_run(length: str, inputs: str) -> None:
    assert found(length, f"after_steps: 2, values: {{w: 0}}{inputs}") == pytest.approx(-(1 + 2) / 10, rel=1e-14)


def test_at_the_end_it_is_what_train_comes_to() -> None:
    text = SPEC.replace("LENGTH", "steps: 10").replace("ENTRY", "after_steps: 10, values: {w: 0}")
    (result,) = run_expectations(gr.loads(text))
    assert float(result.found) == gr.loads(text).train().params["w"] == pytest.approx(-5.5, rel=1e-14)


@pytest.mark.parametrize("inputs", ["", ", inputs: {x: [1, 1]}"])
def test_more_updates_than_the_run_has_are_a_longer_run(inputs: str) -> None:
    assert found("steps: 10", f"after_steps: 20, values: {{w: 0}}{inputs}") == pytest.approx(-(20 * 21 / 2) / 20, rel=1e-14)


def test_nothing_is_updated_before_none() -> None:
    assert found("steps: 10", "after_steps: 0, inputs: {x: [1, 1]}, values: {w: 0}") == 0.0
