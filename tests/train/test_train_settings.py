"""Keys of `train`: per_parameter, settings that follow the step, clip, accumulate, ema, early_stop, from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphrun as gr

ENGINES = ("reference", "python")
HEAD = """
graphrun: 1
functions:
  decay(lr, rate=0.5): lr * rate^step
  ramp(lr, warmup): lr * minimum(1, (step + 1) / warmup) * (1 - step / steps)
params: {w: [1.0, 2.0], b: 1.0, c: 3.0}
nodes: {J: sum(w^2) + b^2 + c^2}
loss: J
"""
DATA = """
graphrun: 1
inputs: {x: {shape: [batch, 2]}, y: {shape: [batch]}}
nodes:
  h: x -> dense(3, tanh) -> dense(1)
  J: mean((squeeze(h, -1) - y)^2)
loss: J
metrics: {off: "mean(abs(squeeze(h, -1) - y))"}
data:
  rows: [[[1, 2], 3], [[2, 3], 4], [[-1, 0.5], 0], [[0, 1], 1], [[0.5, -2], -1], [[3, 1], 2], [[1, 1], 1]]
  columns: [x, y]
"""


def train(text: str, settings: str, engine: str = "python", **more: Any) -> Any:
    return gr.loads(text + f"train: {{{settings}}}\n").train(engine=engine, **more)


def descent(w: float, steps: int, lr: Any, momentum: float = 0.0) -> float:
    """w under sgd on w²."""
    v = 0.0
    for k in range(steps):
        v = momentum * v + 2 * w
        w -= lr(k) * v
    return w


@pytest.mark.parametrize("engine", ENGINES)
def test_settings_by_pattern_win_key_by_key_and_follow_the_step(engine: str) -> None:
    run = train(
        HEAD,
        'steps: 4, optimizer: "sgd(decay(0.1), 0.5)", per_parameter: {"*": {lr: "ramp(0.2, 2)"}, b: {lr: 0.01}, "b*": {momentum: 0}, '
        "c: {frozen: true}}",
        engine,
    )
    ramp = [0.2 * min(1, (k + 1) / 2) * (1 - k / 4) for k in range(4)]
    assert run.params["w"] == pytest.approx([descent(1, 4, ramp.__getitem__, 0.5), descent(2, 4, ramp.__getitem__, 0.5)], rel=1e-13)
    assert run.params["b"] == pytest.approx(descent(1, 4, lambda k: 0.01), rel=1e-13)
    assert run.params["c"] == 3


def test_the_optimizer_s_own_argument_may_be_a_schedule() -> None:
    run = train(HEAD, "steps: 3, optimizer: sgd(lr=decay(0.1))")
    assert run.params["b"] == pytest.approx(descent(1, 3, lambda k: 0.1 * 0.5**k), rel=1e-14)


def test_a_later_pattern_may_thaw_and_stars_cross_dots() -> None:
    settings = 'steps: 2, optimizer: sgd(lr=0.1), per_parameter: {"*": {frozen: true}, "h*bias": {frozen: false}}'
    model = gr.loads(DATA + f"train: {{{settings}}}\n")
    before = model.params
    after = model.train().params
    for name in before:
        assert np.array_equal(before[name], after[name]) == (not name.endswith("bias")), name


def test_positional_arguments_stay_where_a_pattern_sets_one() -> None:
    run = train(HEAD, 'steps: 3, optimizer: "sgd(0.1, 0.9)", per_parameter: {b: {lr: 0.01}}')
    assert run.params["b"] == pytest.approx(descent(1, 3, lambda k: 0.01, 0.9), rel=1e-14)


def test_parameters_with_equal_settings_are_packed_and_agree_with_torch() -> None:
    torch = pytest.importorskip("torch")
    settings = 'steps: 5, optimizer: "adam(lr=0.05, weight_decay=0.1)", per_parameter: {"*.bias": {weight_decay: 0, lr: 0.01}}'
    model = gr.loads(DATA + f"train: {{{settings}}}\n")
    p = {n: torch.tensor(v, requires_grad=True) for n, v in model.params.items()}
    x, y = (torch.tensor(model.dataset.train[n]) for n in ("x", "y"))
    optimizer = torch.optim.Adam(
        [
            {"params": [v for n, v in p.items() if n.endswith("weight")], "lr": 0.05, "weight_decay": 0.1},
            {"params": [v for n, v in p.items() if n.endswith("bias")], "lr": 0.01},
        ]
    )
    for _ in range(5):
        optimizer.zero_grad()
        h = torch.tanh(x @ p["h.0.weight"] + p["h.0.bias"]) @ p["h.1.weight"] + p["h.1.bias"]
        ((h.squeeze(-1) - y) ** 2).mean().backward()
        optimizer.step()
    run = model.train()
    assert {name.partition("/")[0] for name in run.run.slots} == {"packed#0", "packed#1"}
    for name, value in p.items():
        np.testing.assert_allclose(run.params[name], value.detach().numpy(), rtol=1e-11)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("clip", ["0.5", "{norm: 0.5}", "{value: 0.1}"])
def test_clip_is_torchs(engine: str, clip: str) -> None:
    torch = pytest.importorskip("torch")
    w, b = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True), torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    c = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([w, b, c], lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        ((w**2).sum() + b**2 + c**2).backward()
        if "value" in clip:
            torch.nn.utils.clip_grad_value_([w, b, c], 0.1)
        else:
            torch.nn.utils.clip_grad_norm_([w, b, c], 0.5)
        optimizer.step()
    run = train(HEAD, f"steps: 3, optimizer: sgd(lr=0.1), clip: {clip}", engine)
    np.testing.assert_allclose(run.params["w"], w.detach().numpy(), rtol=1e-12)
    np.testing.assert_allclose(run.params["c"], c.item(), rtol=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
def test_accumulated_batches_are_one_larger_batch(engine: str) -> None:
    common = "optimizer: adam(lr=0.01), shuffle: false, drop_last: true, clip: 1.0"
    small = train(DATA, f"{common}, steps: 6, batch: 1, accumulate: 3", engine)
    large = train(DATA, f"{common}, steps: 2, batch: 3", engine)
    two = train(DATA, f"{common}, steps: 2, batch: 1, accumulate: 3", engine)
    for name, value in large.params.items():
        np.testing.assert_allclose(two.params[name], value, rtol=1e-11, err_msg=name)
    assert two.history.loss == pytest.approx(large.history.loss, rel=1e-12)
    norms = [[line.gradient_norm for line in run.history.lines] for run in (two, large)]
    assert norms[0] == pytest.approx(norms[1], rel=1e-11)
    assert len(small.history) == 6


def test_accumulation_goes_on_across_the_ends_of_epochs_and_fills_up_the_last_update() -> None:
    run = train(DATA, "optimizer: sgd(lr=0.01), batch: 3, accumulate: 2, epochs: 3")
    assert run.steps == 5  # 3 epochs of 3 batches are 9 batches
    rows = run.history.to_csv().split("\n")
    assert [row.split(",")[1] for row in rows[1:6]] == ["0", "0", "1", "2", "2"]


def test_schedules_count_updates_not_batches() -> None:
    run = train(HEAD, "steps: 3, optimizer: sgd(lr=decay(0.1)), accumulate: 4")
    assert run.params["b"] == pytest.approx(descent(1, 3, lambda k: 0.1 * 0.5**k), rel=1e-14)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("accumulate", [1, 2])
def test_the_average_of_the_parameters_is_what_is_measured(engine: str, accumulate: int) -> None:
    run = train(HEAD, f"steps: 5, optimizer: sgd(lr=0.1), ema: 0.8, accumulate: {accumulate}", engine)
    w = average = 1.0
    for _ in range(5):
        w -= 0.1 * 2 * w
        average = 0.8 * average + 0.2 * w
    assert run.params["b"] == pytest.approx(w)
    assert run.averages["b"] == pytest.approx(average, rel=1e-13)
    a = run.averages
    assert run.loss == pytest.approx(float(np.sum(a["w"] ** 2) + a["b"] ** 2 + a["c"] ** 2), rel=1e-13)


def test_averages_of_packed_parameters_have_names_and_are_written(tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    run = train(DATA, 'steps: 4, optimizer: adam(lr=0.1), ema: 0.5, per_parameter: {"*.bias": {frozen: true}}', out=tmp_path / "run")
    written = load_file(tmp_path / "run" / "averages.safetensors")
    for name, value in run.averages.items():
        np.testing.assert_array_equal(written[name], value)
        assert np.array_equal(value, run.params[name]) == name.endswith("bias")


def test_early_stop_ends_the_run_when_patience_is_spent() -> None:
    split = "  split: {train: 5, valid: 2}\n"
    settings = "steps: 400, optimizer: sgd(lr=0.01), eval: {every: 5}, early_stop: {watch: valid.WHAT, patience: 2, mode: MODE}"
    run = train(DATA + split, settings.replace("WHAT", "loss").replace("MODE", "max"))
    watched = [line.measured["valid.loss"] for line in run.history.lines]
    assert (run.run.stopped_early, run.steps) == (True, 10)  # it only falls: measured before steps 0, 5 and 10
    assert watched == sorted(watched, reverse=True)
    whole = train(DATA + split, settings.replace("WHAT", "loss").replace("MODE", "min").replace("400", "15"))
    assert (whole.run.stopped_early, whole.steps) == (False, 15)
    small = train(DATA + split, settings.replace("WHAT", "off").replace("MODE", "min").replace("patience: 2", "patience: 3, min_delta: 10"))
    assert small.steps == 15


def test_the_line_of_the_last_step_uses_up_no_patience() -> None:
    settings = "steps: 12, optimizer: sgd(lr=0.01), eval: {every: 5}, early_stop: {watch: valid.loss, patience: 3, mode: max}"
    run = train(DATA + "  split: {train: 5, valid: 2}\n", settings)
    assert [line.step for line in run.history.lines if line.measured] == [0, 5, 10, 11]  # two of those that are due are no better
    assert (run.run.stopped_early, run.steps) == (False, 12)


def test_early_stop_looks_once_an_epoch_where_nothing_else_is_said() -> None:
    run = train(DATA, "epochs: 50, batch: 3, optimizer: sgd(lr=0), early_stop: {watch: train.loss, patience: 4}")
    assert run.steps == 4 * 3


def test_from_takes_what_has_the_same_name_and_shape(tmp_path: Path) -> None:
    first = train(DATA, "steps: 3, optimizer: sgd(lr=0.1)", out=tmp_path / "run")
    wide = DATA.replace("dense(3, tanh)", "dense(4, tanh)").replace("dense(1)", "dense(1, bias=true)")
    run = train(wide, f"steps: 1, optimizer: sgd(lr=0), from: {tmp_path / 'run'}")
    np.testing.assert_array_equal(run.params["h.1.bias"], first.params["h.1.bias"])
    same = train(DATA, f"steps: 1, optimizer: sgd(lr=0), from: {tmp_path / 'run' / 'params.safetensors'}")
    assert same.loss == pytest.approx(first.loss, rel=1e-14)
    with pytest.raises(gr.RunError, match="holds nothing of the name and shape"):
        train(HEAD, f"steps: 1, optimizer: sgd(lr=0), from: {tmp_path / 'run'}")


FAULTS = {
    'per_parameter: {"*": {frozen: 3}}': "`frozen` is `true` or `false`, not `3`",
    'per_parameter: {"q*": {lr: 3}}': "no parameter's name matches `q*`",
    "per_parameter: {w: {lrr: 3}}": "`sgd` has no argument `lrr`",
    'per_parameter: {w: {lr: "foo(1)"}}': "there is no function called `foo`",
    'optimizer: "sgd(decay(0.1), 0.5, lr=1)"': "`sgd` is given `lr` twice",
    "optimizer: sgd(lr=decay)": "`decay` is a function, and a value is wanted here",
    'optimizer: "sgd(0.1, 0, 0, false, 0, 1)"': "`sgd` takes 5 arguments, and 6 are given",
    "early_stop: {watch: valid.loss, patience: 3}": "`valid.loss` cannot be watched: the data have no validation rows",
    "early_stop: {watch: train.los, patience: 3}": "did you mean `train.loss`?",
}


@pytest.mark.parametrize("setting", FAULTS)
def test_faults(setting: str) -> None:
    with pytest.raises(gr.SpecError) as caught:
        train(HEAD, f"steps: 4, {setting}")
    assert FAULTS[setting] in str(caught.value)
