"""The Python API (language.md §9) and what is fed (§6)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import graphrun as gr

SPECS = Path(__file__).parents[2] / "specs"


def test_the_example_of_the_language_page() -> None:
    model = gr.load(SPECS / "neuron.yaml", set={"train.steps": 10})
    assert model.run(x=-2.0)["J"] == 2.0
    g = model.grad(x=-2.0, params={"w": 3})
    assert (g.loss, g.values["c"], g["w"], g["c"]) == (0.0, -6.0, 0.0, 0.0)
    run = model.train(steps=100, seed=0, engine="auto", out=None)
    assert run.steps == 100
    assert len(run.history) == 100
    assert run.loss < 1e-9
    assert run.params["w"] == model.params["w"] == pytest.approx(2.8)
    assert "∂J/∂w = ∂J/∂c · ∂c/∂w" in model.ledger().to_markdown()


def test_a_setting_replaces_the_length() -> None:
    assert gr.load(SPECS / "neuron.yaml", set=["train.epochs=3"]).train().steps == 3
    assert gr.load(SPECS / "neuron.yaml", set={"train.steps": 10}).train().steps == 10


def test_training_begins_anew_each_time_and_from_loaded_parameters(tmp_path: Path) -> None:
    model = gr.load(SPECS / "neuron.yaml")
    first = model.train(steps=5, out=tmp_path / "run")
    assert model.train(steps=5).history.loss == first.history.loss
    again = gr.load(SPECS / "neuron.yaml")
    again.load_params(tmp_path / "run")
    assert again.params == first.params
    assert again.train(steps=1).history.loss[0] == pytest.approx(first.loss)


def test_the_run_folder_is_whole(tmp_path: Path) -> None:
    gr.load(SPECS / "ann.yaml").train(steps=3, out=tmp_path / "ann")
    found = {p.name for p in (tmp_path / "ann").iterdir()}
    explained = {"report.html", "ledger.md", "ledger.json", "graph.svg"}
    assert found == {"spec.yaml", "history.csv", "health.csv", "params.safetensors", "run.json"} | explained
    assert [p.name for p in tmp_path.iterdir()] == ["ann"]
    assert gr.load(tmp_path / "ann" / "spec.yaml").built.work == (5, 6)
    lines = (tmp_path / "ann" / "history.csv").read_text().splitlines()
    assert len(lines) == 4
    assert lines[1].split(",")[2] == "11.8125" or float(lines[1].split(",")[2]) > 0


def test_feeds_by_hand_come_first_then_data_then_defaults() -> None:
    model = gr.load(SPECS / "ann.yaml")
    assert model.run()["u1"] == 5.0
    assert model.run(row=2)["x1"] != model.run(row=1)["x1"]
    by_hand = model.run(x1=10)
    assert (by_hand["x1"], by_hand["x2"]) == (10.0, 2.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.run(x3=1), "there is no input called `x3`; did you mean `x1`"),
        (lambda m: m.run(params={"w9": 1}), "there is no parameter called `w9`"),
        (lambda m: m.run(params={"w1": [1, 2]}), "the value given for `w1` does not fit its shape []"),
        (lambda m: m.run(x1=[1, 2]), r"the value fed to `x1` has shape \[2\]; the input has shape \[\]"),
        (lambda m: m.run(x1="five"), "the value fed to `x1` is not made of float64 numbers"),
        (lambda m: m.run(row=9), "there is no row 9: the training rows are 1 to 8"),
        (lambda m: m.grad(of="u9"), "there is no node called `u9`; did you mean `u1`"),
        (lambda m: m.train(steps=0), "`steps` is a whole number from 1 on, and not 0"),
        (lambda m: m.train(steps=2.5), "`steps` is a whole number from 1 on, and not 2.5"),
        (lambda m: m.train(seed="x"), "`seed` is a whole number, and not 'x'"),
        (lambda m: m.train(steps=3, epochs=2), "`steps` and `epochs` both say how long to train"),
        (lambda m: m.train(engine="nativ"), "there is no engine called `nativ`"),
    ],
)
def test_a_wrong_call_is_told(call: object, message: str) -> None:
    model = gr.load(SPECS / "ann.yaml")
    with pytest.raises(gr.UsageError, match=message.replace("[]", r"\[\]")):
        call(model)  # type: ignore[operator]


def test_an_input_that_nothing_feeds_is_told() -> None:
    model = gr.loads("graphrun: 1\ninputs: {x: {}}\nnodes: {y: 2 * x}")
    with pytest.raises(gr.UsageError, match="nothing feeds the input `x`"):
        model.run()
    assert model.run(x=4)["y"] == 8.0


def test_two_sizes_of_one_dimension_are_told() -> None:
    model = gr.loads("graphrun: 1\ninputs: {a: {shape: [batch]}, b: {shape: [batch]}}\nnodes: {y: a + b}")
    with pytest.raises(gr.UsageError, match="the dimension `batch` is 2 in `a` and 3 in `b`"):
        model.run(a=[1, 2], b=[1, 2, 3])


def test_the_work_of_reverse_mode_is_counted() -> None:
    assert gr.load(SPECS / "neuron.yaml").built.work == (4, 2)
    assert gr.load(SPECS / "ann.yaml").built.work == (5, 6)


def test_ledgers_of_successive_updates_follow_each_other() -> None:
    first, second = gr.load(SPECS / "neuron.yaml").ledgers(2)
    assert first.facts.update is not None
    assert second.facts.update is not None
    assert [n for _, _, n in first.facts.update.parameters] == [o for _, o, _ in second.facts.update.parameters]
    assert first.facts.update.after == pytest.approx(second.facts.update.before)


@pytest.mark.parametrize("length", ["steps: 10", "epochs: 10"])
def test_the_updates_of_ledgers_are_those_of_the_whole_run(length: str) -> None:
    text = "graphrun: 1\ninputs: {x: {}}\nparams: {w: 1}\nnodes: {J: w * x}\nloss: J\ndata: {rows: [[1]], columns: [x]}\n"
    model = gr.loads(f'{text}train: {{optimizer: "sgd(lr=(step + 1) / steps)", {length}}}\n')
    updates = [ledger.facts.update for ledger in model.ledgers(3)]
    assert [float(new) for u in updates if u for _, _, new in u.parameters] == pytest.approx([0.9, 0.7, 0.4], rel=1e-14)


def test_the_loss_before_and_after_an_update_is_that_of_the_ledger_s_graph() -> None:
    text = "graphrun: 1\nparams: {w: 2}\nnodes: {J: 3 * w^2 if training else w^2}\nloss: J\ntrain: {optimizer: sgd(lr=0.1), steps: 1}\n"
    for training, before in ((False, 4.0), (True, 12.0)):
        update = gr.loads(text).ledger(training=training).facts.update
        assert update is not None
        assert (update.before, update.after) == (before, pytest.approx(before * 0.4**2))


def test_a_metric_may_bear_the_name_of_a_value_which_is_meant() -> None:
    text = "graphrun: 1\ninputs: {x: 3}\nparams: {w: 2}\nnodes: {p: w * x + 1, J: p^2}\nloss: J\n"
    plain, named = gr.loads(text), gr.loads(text + "metrics: {w: w + 10, x: x * 10, p: p * 2 + 1}\ntrain: {steps: 1}\n")
    for name in ("w", "x", "p", "p#1"):
        assert (named.run()[name], named.grad()[name]) == (plain.run()[name], plain.grad()[name])
    assert named.evaluate().metrics == {"w": 12, "x": 30, "p": 15}
    assert "w · x" in named.ledger().to_text()


def test_no_metric_is_called_loss() -> None:
    text = "graphrun: 1\nparams: {w: 2}\nnodes: {J: w^2}\nloss: J\nmetrics: {loss: w}\n"
    with pytest.raises(gr.SpecError, match="reserved-name: the loss is measured beside the metrics"):
        gr.loads(text)


def test_mean_over_all_rows_in_the_ledger() -> None:
    model = gr.load(SPECS / "ann.yaml")
    ledger = model.ledger(row="all")
    assert ledger.to_json()["gradients"]["w1"] == pytest.approx(float(np.mean([model.grad(row=k)["w1"] for k in range(1, 9)])))


def test_hostile_paths_and_texts_never_raise_anything_but_our_errors(tmp_path: Path) -> None:
    for text in ("", "[]", "- 1", "graphrun: 1\nnodes: 3", "\x00", "graphrun: 1\nnodes: {J: '__import__(\"os\")'}"):
        with pytest.raises(gr.GraphrunError):
            gr.loads(text)
    for path in (tmp_path, tmp_path / "missing.yaml"):
        with pytest.raises(gr.UsageError, match="missing-file"):
            gr.load(path)
