"""What a kernel refuses is told at its place in the spec, by every engine alike."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

import graphrun as gr

LABELS = """\
graphrun: 1
inputs: {x: {shape: [2]}, label: {dtype: int64}}
nodes:
  logits: x -> dense(2)
  J: cross_entropy(logits, label)
loss: J
data: {rows: [[[1, 2], 0], [[1, 3], 1], [[2, 2], 7]], columns: [x, label]}
train: {steps: 3}
"""
WORDS = """\
graphrun: 1
inputs: {x: {shape: [batch, 2], dtype: int64}}
nodes:
  h: x -> embedding(3, 2)
  J: mean(h^2)
loss: J
data: {rows: [[[0, 1]], [[4, 3]]], columns: [x]}
train: {steps: 3}
"""
PICKED = """\
graphrun: 1
inputs: {i: {shape: [2], dtype: int64, default: [-3, 3]}}
params: {x: [1, 2, 3]}
nodes:
  J: sum(exp(x)[i])
loss: J
train: {steps: 2}
"""
BEFORE = WORDS.replace("[0, 1]", "[2, -1]").replace("[4, 3]", "[1, 2]")
HOT = """\
graphrun: 1
inputs: {k: {shape: [3], dtype: int64, default: [0, -1, 5]}}
params: {w: 1}
nodes: {J: "w * sum(one_hot(k, 3))"}
loss: J
train: {steps: 2}
"""
HOT_NUMBER = HOT.replace("one_hot(k, 3)", "one_hot(3, 3)")
REMAINDER = """\
graphrun: 1
inputs: {a: {shape: [3], dtype: int64, default: [1, 2, 3]}, k: {shape: [3], dtype: int64, default: [1, 0, 2]}}
params: {w: 1}
nodes: {J: "w * sum(mod(a, k))"}
loss: J
train: {steps: 2}
"""
REMAINDER_NUMBER = """\
graphrun: 1
inputs: {a: {dtype: int64, default: 3}}
params: {w: 1}
nodes: {J: "w * mod(a, 0)"}
loss: J
train: {steps: 2}
"""
POWER = """\
graphrun: 1
inputs: {k: {dtype: int64, default: -2}}
params: {w: 1}
nodes: {J: w * 3 ^ k}
loss: J
train: {steps: 2}
"""
TOLD = {
    "a label": (LABELS, """\
<text>:5:6 error bad-index: index 7 is out of range for axis 1 of `logits`, which has shape [3, 2]
    5 |   J: cross_entropy(logits, label)
      |      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
   its indices are 0 to 1
   label[2] = 7
   help: make `logits` longer along that axis, or see that `label` stays below 2"""),
    "a word": (WORDS, """\
<text>:4:6 error bad-index: index 4 is out of range for axis 0 of `h.weight`, which has shape [3, 2]
    4 |   h: x -> embedding(3, 2)
      |      ^^^^^^^^^^^^^^^^^^^^
   its indices are 0 to 2
   x[1, 0] = 4, and 1 more is out of range
   help: make `h.weight` longer along that axis, or see that `x` stays below 3"""),
    "a word before the first": (BEFORE, """\
<text>:4:6 error bad-index: index -1 is out of range for axis 0 of `h.weight`, which has shape [3, 2]
    4 |   h: x -> embedding(3, 2)
      |      ^^^^^^^^^^^^^^^^^^^^
   its indices are 0 to 2
   x[0, 1] = -1
   help: `x` must not be below 0"""),
    "no class": (HOT, """\
<text>:4:21 error bad-index: -1 is no class: `one_hot` has 3 of them here
    4 | nodes: {J: "w * sum(one_hot(k, 3))"}
      |                     ^^^^^^^^^^^^^
   its classes are 0 to 2
   k[1] = -1, and 1 more is none of them
   help: `k` must not be below 0"""),
    "a number that is no class": (HOT_NUMBER, """\
<text>:4:21 error bad-index: 3 is no class: `one_hot` has 3 of them here
    4 | nodes: {J: "w * sum(one_hot(3, 3))"}
      |                     ^^^^^^^^^^^^^
   its classes are 0 to 2
   help: make `num_classes` larger, or see that the number stays below 3"""),
    "a remainder": (REMAINDER, """\
<text>:4:21 error wrong-value: a whole number has no remainder by 0
    4 | nodes: {J: "w * sum(mod(a, k))"}
      |                     ^^^^^^^^^
   both operands are int64
   k[1] = 0
   help: see that `k` is not 0"""),
    "a remainder by a number": (REMAINDER_NUMBER, """\
<text>:4:17 error wrong-value: a whole number has no remainder by 0
    4 | nodes: {J: "w * mod(a, 0)"}
      |                 ^^^^^^^^^
   both operands are int64
   help: see that the divisor is not 0"""),
    "an index": (PICKED, """\
<text>:5:10 error bad-index: index 3 is out of range for axis 0 of `J#1`, which has shape [3]
    5 |   J: sum(exp(x)[i])
      |          ^^^^^^^^^
   its indices are 0 to 2, or -3 to -1 from the end
   i[1] = 3
   help: make `J#1` longer along that axis, or see that `i` stays below 3"""),
    "a negative power": (POWER, """\
<text>:4:16 error dtype-mismatch: a whole number to the power of -2 is no whole number
    4 | nodes: {J: w * 3 ^ k}
      |                ^^^^^
   both operands are int64, and `k` is -2
   help: make the base real: `3.0`"""),
}  # fmt: skip


@pytest.mark.parametrize("name", TOLD)
@pytest.mark.parametrize("how", ["run", "grad", "reference", "python"])
def test_it_is_told_at_its_place(name: str, how: str) -> None:
    text, told = TOLD[name]
    model = gr.loads(text)
    row = "all" if name == "a label" else None
    asked = partial(getattr(model, how), row=row) if how in ("run", "grad") else partial(model.train, engine=how)
    with pytest.raises(gr.RunError) as caught:
        asked()
    assert str(caught.value) == told


@pytest.mark.parametrize("engine", ["python", "reference"])
def test_a_later_step_tells_it(engine: str) -> None:
    """No measurement comes before it: w moves on by 1 with each step, and is 3.5 in the last."""
    model = gr.loads(
        "graphrun: 1\nparams: {w: 0.5, x: [1, 2, 3]}\nnodes:\n  i: cast(w, 'int64')\n  J: sum(x[i]) - w\nloss: J\n"
        "train: {optimizer: sgd(lr=1), steps: 4, log: {every: 100}}\n"
    )
    with pytest.raises(gr.RunError) as caught:
        model.train(engine=engine)
    assert "<text>:5:10 error bad-index: index 3 is out of range for axis 0 of `x`" in str(caught.value)
    assert "i = 3" in str(caught.value)


@pytest.mark.parametrize("engine", ["python", "reference"])
def test_a_later_step_tells_of_a_class_below_zero(engine: str) -> None:
    model = gr.loads(
        "graphrun: 1\nparams: {w: [1.5, 0.5], x: [[1, 2, 3], [1, 2, 3]]}\nnodes:\n  t: cast(floor(w), 'int64')\n"
        "  J: mean(cross_entropy(x, t)) + sum(w)\nloss: J\ntrain: {optimizer: sgd(lr=1), steps: 4, log: {every: 100}}\n"
    )
    with pytest.raises(gr.RunError, match="index -1 is out of range for axis 1 of `x`"):
        model.train(engine=engine)


def test_a_class_below_zero_is_refused() -> None:
    """It would count from the end; PyTorch refuses it too."""
    for row in (3, "all"):
        with pytest.raises(gr.RunError) as caught:
            gr.loads(LABELS.replace("], 7]", "], -1]")).run(row=row)
        lines = str(caught.value).splitlines()
        assert "index -1 is out of range" in lines[0]
        label = "label[2]" if row == "all" else "label"
        assert lines[3:] == ["   its indices are 0 to 1", f"   {label} = -1", "   help: `label` must not be below 0"]


PER_ROW = """\
graphrun: 1
inputs: {{x: {{shape: {shape}}}, i: {{shape: {index}, dtype: int64}}}}
params: {{w: {{shape: {shape}, init: ones()}}}}
nodes:
  p: exp(x * w)
  J: sum(gather(p, i, {axis})^2)
loss: J
data: {{rows: {rows}, columns: [x, i]}}
train: {{optimizer: sgd(lr=0.01), steps: 2}}
"""


def per_row(shape: list[int], index: list[int], axis: int, draw: Any) -> str:
    drawn = [np.random.default_rng(k) for k in range(3)]
    rows = [[rng.normal(size=shape).round(3).tolist(), draw(rng, index).tolist()] for rng in drawn]
    return PER_ROW.format(shape=shape, index=index, axis=axis, rows=rows)


@pytest.mark.parametrize("index", [[], [2], [2, 3]])
@pytest.mark.parametrize(("shape", "axis"), [([4], 0), ([4, 2], 0), ([2, 4], 1), ([2, 4, 3], -2)])
def test_a_row_gathers_from_its_own_values(shape: list[int], axis: int, index: list[int]) -> None:
    """Repeated indices and those from the end too: over all rows as the mean of one row after the other."""
    model = gr.loads(per_row(shape, index, axis, lambda rng, size: rng.integers(-4, 4, size)))
    each = [model.grad(row=k) for k in (1, 2, 3)]
    whole = model.grad(row="all")
    assert whole.loss == pytest.approx(np.mean([g.loss for g in each]), rel=1e-13)
    np.testing.assert_allclose(whole["w"], np.mean([g["w"] for g in each], axis=0), rtol=1e-12, atol=1e-14)
    trained = [model.train(engine=e).params["w"] for e in ("python", "reference")]
    np.testing.assert_allclose(*trained, rtol=1e-12)


@pytest.mark.parametrize("wrong", [4, -5])
def test_an_index_out_of_range_is_not_taken_from_another_row(wrong: int) -> None:
    model = gr.loads(per_row([4, 2], [2], 0, lambda rng, size: np.array([0, wrong if rng.random() < 0.3 else 1])))
    with pytest.raises(gr.RunError, match=f"index {wrong} is out of range"):
        model.run(row="all")
    with pytest.raises(gr.RunError, match=f"index {wrong} is out of range"):
        model.train()
