"""Which node is the prediction; where a value stopped being finite."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphrun.build.build import Built, build
from graphrun.data.dataset import load_data
from graphrun.engines.reference import ReferenceEngine
from graphrun.errors import Reporter
from graphrun.spec.load import read_text
from graphrun.train.initial import initial_values
from graphrun.train.loop import Options, Parts, Stopped, train
from graphrun.train.plan import TrainingPlan
from graphrun.train.predictions import Pair, find_prediction
from graphrun.train.trace import non_finite


def built(text: str) -> Built:
    reporter = Reporter()
    spec = read_text("graphrun: 1\n" + text, ".", "s", (), reporter, "s.yaml")
    assert spec is not None
    out = build(spec, reporter)
    assert not reporter.errors, reporter.diagnostics
    assert out is not None
    return out


ANN = """\
inputs: {x: {}, y: {}}
params: {w: 2, b: 1}
nodes:
  u: w * x
  hat_y: u + b
  J: 1/2 * (hat_y - y)^2
loss: J
"""
NET = """\
inputs: {x: {shape: [batch, 4]}, label: {shape: [batch], dtype: int64}}
nodes:
  logits: x -> dense(8, relu) -> dense(3)
  J: mean(cross_entropy(logits, label))
loss: J
"""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (ANN, Pair("hat_y", "y")),
        (ANN.replace("hat_y: u + b", "hat_y: sigmoid(u + b)").replace("loss: J", "loss: J + w^2"), Pair("hat_y", "y")),
        (ANN.replace("  J: 1/2 * (hat_y - y)^2", "  d: hat_y - y\n  J: d^2"), Pair("hat_y", "y")),
        (NET, Pair("logits", "label")),
        (NET.replace("mean(cross_entropy(logits, label))", "mean((logits[:, 0] - label)^2)"), Pair("logits", "label")),
        ("inputs: {x: 1}\nparams: {w: 2}\nnodes: {a: w * x, J: a^2}\nloss: J", None),
        ("inputs: {x: 1}\nparams: {w: 2}\nnodes: {a: w * x, b: a + 1, J: a^2}\nloss: J", Pair("b", None)),
    ],
)
def test_the_prediction_is_what_meets_the_target(text: str, found: Pair | None) -> None:
    assert find_prediction(built(text)) == found


def stopped(text: str, rows: list[list[Any]], lr: float = 0.1, batch: int | None = None, plain: bool = True) -> str:
    """Trains a spec over x and y until it is no longer finite, and gives the message."""
    names = "[x]" if len(rows[0]) == 1 else "[x, y]"
    b = built(f"{text}data:\n  rows: {rows}\n  columns: {names}\ntrain: {{optimizer: sgd(lr={lr}), steps: 50}}\n")
    data = load_data(b.spec, b)
    assert data is not None
    start, count = initial_values(b, 0), batch or len(rows)
    plan = TrainingPlan(b, tuple(data.train), 50, start, count, {}, rows_as="arrays")
    parts = Parts(plan, ReferenceEngine(), data.train, {}, len(rows), lambda params, split: {"loss": 0.0})
    with pytest.raises(Stopped) as error:
        train(parts, Options(steps=50, batch=batch))
    as_built = TrainingPlan(b, tuple(data.train), 50, start, count, {}, rows_as="arrays", lean=False).step_for(count)
    return str(non_finite(error.value, {"s.yaml": b.spec.file.positions.source}, b.graph.sources, as_built if plain else None))


LOG = "inputs: {x: {}}\nparams: {w: 1}\nnodes:\n  p: w * x\n  z: log(p)\n  J: z^2\nloss: J\n"


@pytest.mark.parametrize("plain", [True, False])
def test_the_logarithm_of_0_is_found_with_its_row(plain: bool) -> None:
    assert stopped(LOG, [[1.0], [0.5], [0.0], [2.0]], plain=plain) == (
        "s.yaml:6:6 error non-finite: step 0: the loss became inf\n"
        "    6 |   z: log(p)\n"
        "      |      ^^^^^^\n"
        "   first at node z = log(p)\n"
        "   because  p = 0 in row 3 of 4 (x = 0)\n"
        "   help: try log(p + 1e-9), or log_softmax of the logits; train.clip: 1.0; a smaller lr"
    )


def test_the_row_of_a_batch_is_told_with_its_number_among_all() -> None:
    rows = [[float(k)] for k in range(1, 9)] + [[0.0]]
    said = stopped(LOG, rows, lr=0.0001, batch=3)
    assert "of 3, training row 9 (x = 0)\n" in said


def test_an_infinity_that_does_no_harm_is_not_blamed() -> None:
    """The exponential overflows in row 1, harmlessly; the root's derivative at 0 is what breaks the update."""
    text = "inputs: {x: {}}\nparams: {w: 1}\nnodes:\n  s: 1 / (1 + exp(x * 800))\n  r: sqrt(w * (x - 1)^2)\n  J: s + r\nloss: J\n"
    assert stopped(text, [[1.0], [2.0]]) == (
        "s.yaml:6:6 error non-finite: step 0: the loss became nan\n"
        "    6 |   r: sqrt(w * (x - 1)^2)\n"
        "      |      ^^^^^^^^^^^^^^^^^^^\n"
        "   first at the derivative of r = √(w · (x - 1)²)\n"
        "   because  w · (x - 1)² = 0 in row 1 of 2 (x = 1)\n"
        "   help: try sqrt(w * (x - 1)^2 + 1e-12); train.clip: 1.0; a smaller lr"
    )


def test_a_step_that_is_too_large_is_found() -> None:
    """The loss had grown, so that a smaller step is what is advised, whatever overflowed in the end."""
    assert stopped(ANN, [[1.0, 2.0], [2.0, 3.0]], lr=1e120, batch=1) == (
        "s.yaml:7:12 error non-finite: step 2: the loss became inf\n"
        "    7 |   J: 1/2 * (hat_y - y)^2\n"
        "      |            ^^^^^^^^^^^^^\n"
        "   first at node J#2 = (hat_y - y)²\n"
        "   because  hat_y - y = 1.5e+241 in row 1 of 1, training row 2 (x = 2, y = 3)\n"
        "   help: try a smaller lr; train.clip: 1.0"
    )


def test_an_update_that_overflows_is_told_as_that() -> None:
    said = stopped("inputs: {x: {}}\nparams: {w: 1e-170}\nnodes: {J: 1e200 * w * x}\nloss: J\n", [[1.0]], lr=1e200)
    assert said.startswith("error non-finite: step 0: the loss became")
    assert "first at the update of w" in said


def test_a_step_of_a_function_is_shown_where_the_function_is_written() -> None:
    text = (
        "inputs: {x: {shape: [batch, 1]}, y: {shape: [batch], dtype: int64}}\n"
        "functions: {odd(x): log(x)}\nparams: {w: 0}\n"
        "nodes:\n  h: x * w -> odd\n  J: mean(h)\nloss: J\n"
    )
    said = stopped(text, [[[1.0], 0], [[2.0], 1]])
    assert said.startswith("s.yaml:3:21 error non-finite: step 0: the loss became -inf\n")


def test_json_of_a_failure_says_the_same() -> None:
    b = built(LOG + "data: {rows: [[1.0], [0.0]], columns: [x]}\ntrain: {steps: 3}\n")
    data = load_data(b.spec, b)
    assert data is not None
    plan = TrainingPlan(b, tuple(data.train), 3, initial_values(b, 0), 2, {})
    with pytest.raises(Stopped) as error:
        train(Parts(plan, ReferenceEngine(), data.train, {}, 2, lambda params, split: {"loss": 0.0}), Options(steps=3))
    assert non_finite(error.value).to_json() == {
        "steps": 0,
        "loss": float("inf"),
        "out": None,
        "failed": {
            "node": "node z[row 2]",
            "formula": "log(p[row 2])",
            "because": {"p[row 2]": "0"},
            "row": None,
            "rows": 2,
            "training_row": None,
            "inputs": {},
            "try": ["log(p[row 2] + 1e-9), or log_softmax of the logits", "train.clip: 1.0", "a smaller lr"],
        },
    }


def test_values_before_the_step_are_the_ones_it_began_with() -> None:
    b = built(ANN)
    plan = TrainingPlan(b, ("x", "y"), 1, initial_values(b, 0), 2, {})
    slots = plan.slots_init(0)
    back = plan.params(slots)
    assert {k: float(np.asarray(v)) for k, v in back.items()} == {"w": 2, "b": 1}
