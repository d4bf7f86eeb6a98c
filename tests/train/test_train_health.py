"""What is measured of an update, what it costs, and that it changes nothing; and the record of a run."""

from __future__ import annotations

import json
from array import array
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphrun as gr
from graphrun.train.health import MOST_NAMED, OTHERS, Gauge
from graphrun.train.history import History
from graphrun.train.loop import Run
from graphrun.train.record import run_record
from graphrun.train.report import Heading

SPECS = Path(__file__).parents[2] / "specs"
NET = """\
graphrun: 1
dtype: float32
inputs: {x: {shape: [batch, 3]}, y: {shape: [batch], dtype: int64}}
nodes:
  logits: x -> dense(5, relu) -> dense(2)
  J: mean(cross_entropy(logits, y))
loss: J
data:
  columns: [x, y]
  rows: [[[1, 2, 3], 0], [[0, 1, -1], 1], [[2, 0, 1], 0], [[-1, 1, 0], 1], [[1, 1, 1], 0]]
train: {optimizer: adam(lr=0.05), epochs: 9, batch: 2, clip: 1.0, accumulate: 2}
"""


@pytest.mark.parametrize("engine", ["python", "reference"])
@pytest.mark.parametrize("spec", ["ann", "iris", "xor", "net"])
def test_the_parameters_do_not_depend_on_what_is_measured(spec: str, engine: str) -> None:
    """To the last bit: a line at every step, at none but the ends, and without health."""
    runs = []
    for log in ("{every: 1}", "{every: 1000}", "{every: 1, health: false}", "{health: true}"):
        change = {"train.log": log} | ({"train.epochs": 3} if spec == "iris" else {"train.steps": 40} if spec == "xor" else {})
        model = gr.loads(NET, set=change) if spec == "net" else gr.load(SPECS / f"{spec}.yaml", set=change)
        runs.append(model.train(engine=engine))
    for run in runs[1:]:
        assert run.history.loss == runs[0].history.loss
        for name, value in runs[0].params.items():
            assert np.array_equal(value, run.params[name])
    assert [sum(line.health is not None for line in run.history.lines) > 0 for run in runs] == [True, True, False, True]


def test_gradients_are_those_of_the_ledger_before_clipping() -> None:
    model = gr.load(SPECS / "ann.yaml", set={"train.clip": 0.001})
    run = model.train(steps=1)
    health = run.history.lines[0].health
    assert health is not None
    expected = gr.load(SPECS / "ann.yaml").grad(row="all")
    assert health.gradients == {f"w{k}": pytest.approx(abs(expected[f"w{k}"])) for k in range(1, 7)}
    moves = {name: float(run.params[name] - run.run.before[name]) for name in run.params}
    assert health.change == pytest.approx(sum(float(expected[n]) * moves[n] for n in moves))
    after = gr.load(SPECS / "ann.yaml").grad(params=run.params, row="all").loss
    assert health.actual == pytest.approx(after - 3.0625, rel=1e-6)


def test_a_frozen_parameter_is_left_out() -> None:
    run = gr.load(SPECS / "ann.yaml", set={"train.per_parameter": "{w1: {frozen: true}}"}).train(steps=3)
    health = run.history.lines[0].health
    assert health is not None
    assert list(health.gradients) == ["w2", "w3", "w4", "w5", "w6"]


def test_of_many_parameters_the_later_ones_are_taken_together() -> None:
    values = {f"w{k}": np.array(1.0) for k in range(MOST_NAMED + 2)}
    gauge = Gauge.of(values)
    moved = {name: value + 0.5 for name, value in values.items()}
    health = gauge.health(values, gauge.move(values, moved), {name: np.array(3.0) for name in values}, -1.0)
    assert len(health.gradients) == MOST_NAMED + 1
    assert health.gradients[OTHERS] == pytest.approx(3 * np.sqrt(2))
    assert (health.ratios[OTHERS], health.predicted[OTHERS]) == (0.5, 3.0)
    assert health.change == pytest.approx(1.5 * (MOST_NAMED + 2))


def test_the_largest_step_is_found_in_its_parameter() -> None:
    before = {"a": np.zeros((2, 2)), "none": np.zeros((0,)), "b": np.array(0.0)}
    gauge = Gauge.of(before)
    after = {**before, "a": np.array([[0, 0], [-2.0, 1]])}
    assert gauge.largest(gauge.move(before, after), before) == ("a[1, 0]", -2.0)
    assert gauge.largest(gauge.move(before, {**before, "b": np.array(3.0)}), before) == ("b", 3.0)
    assert Gauge.of({}).largest(Gauge.of({}).move({}, {}), {}) is None


HEADING = Heading("a", None, "a.yaml", 1, {"train": 3}, "python", "sgd(lr=0.1)", 5, None, 3, 0)


def a_run(losses: list[float], **changes: Any) -> Run:
    given: dict[str, Any] = {
        "history": History(array("d", losses)), "steps": len(losses), "epochs": 1, "first": {"loss": losses[0]}, "loss": losses[-1],
        "metrics": {}, "split": "train", "valid_loss": None, "before": {}, "params": {}, "slots": {}, "interrupted": False, "seconds": 0.0,
    }  # fmt: skip
    return Run(**{**given, **changes})


def test_a_long_curve_keeps_its_ends_and_its_peaks() -> None:
    losses = [1.0 + 1e-4 * k for k in range(100_000)]
    losses[54_321], losses[67_890] = 1e6, 1e-6
    steps, values = run_record(a_run(losses), HEADING)["losses"]
    assert len(steps) == len(values) <= 1202
    assert (steps[0], steps[-1]) == (0, 99_999)
    assert {54_321, 67_890} <= set(steps)
    assert steps == sorted(set(steps))
    assert values[steps.index(54_321)] == 1e6


def test_the_record_is_json_whatever_the_numbers_are() -> None:
    before, after = {"w": np.array([1.0, np.inf] * 8), "v": np.array(2.0)}, {"w": np.array([np.nan, 2.0] * 8), "v": np.array(np.nan)}
    found = run_record(a_run([1.0, float("nan")], before=before, params=after, failed=True), HEADING)
    again = json.loads(json.dumps(found, allow_nan=False))
    assert again["loss"] == [1.0, "nan"]
    assert again["weights"][1] == {"name": "v", "shape": [], "texts": ["2", "nan"], "before": 2.0, "after": "nan"}
    assert again["histograms"][0]["weights"]["low"] == 1.0
    assert (again["outcome"], again["took"]) == ("failed at step 2", "")


def test_the_record_says_how_a_run_ended() -> None:
    ends = {"2 steps": "", "interrupted after 2 steps": "interrupted", "stopped early after 2 steps": "stopped_early"}
    for said, flag in ends.items():
        changes = {flag: True} if flag else {}
        assert run_record(a_run([1.0, 0.5], **changes), HEADING)["outcome"] == said
    found = run_record(a_run([1.0, 0.5], valid_loss=0.25, split="valid", metrics={"accuracy": 1.0}), HEADING, test={"loss": 0.75})
    assert found["scores"] == [["validation", "loss", 0.25], ["validation", "accuracy", 1.0], ["test", "loss", 0.75]]
    assert found["details"] == ["1 parameter", "3 rows", "sgd(lr=0.1)", "2 steps of 3 rows", "seed 0", "engine python"]
