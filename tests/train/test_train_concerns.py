"""Warnings by parameter name: each made to happen, and none where a run learns."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import graphrun as gr
from graphrun.errors import Diagnostic
from graphrun.train.concerns import concerns
from graphrun.train.health import Gauge, Health
from graphrun.train.history import History, Line
from graphrun.train.loop import Run

SPECS = Path(__file__).parents[2] / "specs"


def test_an_update_that_is_too_large_is_named_with_its_parameter() -> None:
    text = """\
graphrun: 1
inputs: {x: {}, y: {}}
params: {w: 1, b: 0}
nodes: {hat_y: w * x + b, J: 1/2 * (hat_y - y)^2}
loss: J
data: {columns: [x, y], rows: [[2, 3], [1, 2], [10, 4]]}
train: {optimizer: sgd(lr=0.5), steps: 20}
"""
    found = gr.loads(text).train().warnings
    assert [d.to_text() for d in found] == [
        "warning step-too-large: at step 0 the update moved w by 9.5 times its own size, "
        "and the loss on its rows went from 6.33 to 1.43e+03\n"
        "   help: a smaller lr, a warmup of it, or train.clip: 1.0",
        "warning exploding-gradient: the gradient of w and b explodes: at step 3 the norm is 8.9e+04 for w, and 19 at step 0\n"
        "   help: train.clip: 1.0, or a smaller lr; in a deep or recurrent net smaller initial values",
    ]
    assert gr.loads(text, set={"train.optimizer": "sgd(lr=0.01)"}).train().warnings == ()


def test_steps_that_go_back_and_forth_are_told() -> None:
    """On J = ½ a w² with a = 1 a step of lr = 2.001 jumps over the minimum to a slightly larger loss, each time."""
    text = "graphrun: 1\nparams: {w: 1}\nnodes: {J: 1/2 * w^2}\nloss: J\ntrain: {optimizer: sgd(lr=2.001), steps: 30}\n"
    (found,) = gr.loads(text).train().warnings
    assert found.code == "step-too-large"
    assert found.message.startswith(
        "30 of 30 updates that should make the loss smaller make it larger on their own rows; w moves most, by 2 times its own size"
    )
    assert gr.loads(text, set={"train.optimizer": "sgd(lr=1.999)"}).train().warnings == ()


DEEP = """\
graphrun: 1
inputs: {{x: {{shape: [batch, 4]}}, y: {{shape: [batch, 1]}}}}
nodes:
  h: x -> dense(4, {activation}) -> {middle} -> dense(1)
  J: mean((h - y)^2)
loss: J
data: {{columns: [x, y], rows: [[[1, 2, 3, 4], [1]], [[2, -1, 0, 1], [0]], [[0, 1, 0, -1], [2]]]}}
train: {{optimizer: sgd(lr=0.01), steps: 12}}
"""


def test_a_gradient_that_vanishes_on_its_way_is_named_with_its_parameter() -> None:
    text = DEEP.format(activation="sigmoid", middle=" -> ".join(["dense(4, sigmoid)"] * 14))
    (found,) = gr.loads(text).train().warnings
    assert found.code == "vanishing-gradient"
    assert "the gradient of h.0.weight" in found.message
    assert "vanishes: " in found.message
    assert gr.loads(DEEP.format(activation="tanh", middle="dense(4, tanh)")).train().warnings == ()


def test_units_that_are_all_off_are_told() -> None:
    text = """\
graphrun: 1
inputs: {x: {shape: [batch, 2]}, y: {shape: [batch]}}
params: {W: [[-1, -2], [-3, -1]], b: [-1, -1], v: [1, 1], c: 0}
nodes: {h: relu(x @ W + b), p: h @ v + c, J: mean((p - y)^2)}
loss: J
data: {columns: [x, y], rows: [[[1, 2], 1], [[2, 1], 0]]}
train: {optimizer: sgd(lr=0.1), steps: 12}
"""
    (found,) = gr.loads(text).train().warnings
    assert found.to_text() == (
        "warning vanishing-gradient: the gradient of W, b and v vanishes: 0 for W at step 0, where that of c is 1\n"
        "   help: units that are off or saturated hand nothing back: other initial values, standardized inputs, or another activation"
    )


def test_a_start_in_a_flat_place_is_told() -> None:
    text = "graphrun: 1\nparams: {w: 30}\nnodes: {J: (sigmoid(w) - 0.5)^2}\nloss: J\ntrain: {optimizer: sgd(lr=0.1), steps: 10}\n"
    (found,) = gr.loads(text).train().warnings
    assert found.message == "the gradient of w is 9.35e-14 from the first step on, too small to change the loss"
    assert (found.help or "").endswith("or the run begins at a minimum")


def made(gradients: dict[str, Sequence[float]], losses: Sequence[float], sizes: dict[str, int]) -> list[Diagnostic]:
    small, parts = dict.fromkeys(gradients, 1e-3), dict.fromkeys(gradients, -0.1)
    healths = [Health({n: g[k] for n, g in gradients.items()}, small, parts, -0.1) for k in range(len(losses))]
    lines = [Line(k, 0, loss, 1.0, None, {}, healths[k]) for k, loss in enumerate(losses)]
    history = History(array("d", losses), lines)
    run = Run(history, len(losses), 1, {}, losses[-1], {}, "train", None, {}, {}, {}, False, 0.0, gauge=Gauge(sizes))
    return concerns(run)


def test_a_layer_that_dies_on_the_way_is_told_since_when() -> None:
    (found,) = made({"W": [1, 0.5, 0, 0, 0, 0], "v": [1, 1, 1, 1, 1, 1]}, [1, 0.9, 0.8, 0.8, 0.8, 0.8], {"W": 4, "v": 2})
    assert found.message == "the gradient of W is 0 since step 2: nothing that it does reaches the loss any more"
    assert made({"w": [1, 0.5, 0, 0, 0, 0], "v": [1] * 6}, [1.0] * 6, {"w": 1, "v": 2}) == []  # one number may well have arrived


def test_gradients_that_grow_while_the_loss_falls_are_no_explosion() -> None:
    assert made({"w": [1e-6, 1e-3, 1, 1, 1]}, [1.0, 1.0, 0.9, 0.5, 0.1], {"w": 1}) == []
    (found,) = made({"w": [1.0, 2.0, np.inf]}, [1.0, 2.0, 30.0], {"w": 1})
    assert found.code == "exploding-gradient"


def test_a_run_without_lines_says_nothing() -> None:
    assert made({}, [1.0, 0.5], {}) == []


@pytest.mark.parametrize("path", sorted(SPECS.rglob("*.yaml")), ids=lambda path: path.stem)
def test_the_shipped_specs_say_nothing(path: Path) -> None:
    model = gr.load(path)
    if model.spec.model.train is None or model.built_for(True).loss is None:
        pytest.skip("it is not trained")
    assert [d.to_text() for d in model.train().warnings] == []
