"""What a run says, whole."""

from __future__ import annotations

import io
from array import array
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from graphrun.train.history import History, Line
from graphrun.train.loop import Run
from graphrun.train.report import (
    Heading,
    Predictions,
    duration,
    final_line,
    folder_line,
    heading,
    number,
    plain,
    prediction_text,
    sparkline,
    summary,
    weights,
)
from graphrun.train.screen import Screen


def a_run(**changes: Any) -> Run:
    given: dict[str, Any] = {
        "history": History(array("d", [11.81, 3.0, 1.0, 0.1, 0.01])),
        "steps": 5,
        "epochs": 5,
        "first": {"loss": 11.81},
        "loss": 1.5e-12,
        "metrics": {},
        "split": "train",
        "valid_loss": None,
        "before": {f"w{k + 1}": np.array(float(v)) for k, v in enumerate((1, 2, -1, 1, 2, -3))},
        "params": {f"w{k + 1}": np.array(v) for k, v in enumerate((0.38912, 2.149, -0.0931, 0.78, 1.922, -2.73))},
        "slots": {},
        "interrupted": False,
        "seconds": 0.0002,
    }
    return Run(**{**given, **changes})


ANN = Heading("ann", "The 2-2-1 net.", "specs/ann.yaml", 6, {"train": 8}, "python", "sgd(lr=0.02)", 40, None, 8, 0)


def test_heading() -> None:
    assert heading(ANN) == [
        "ann: The 2-2-1 net, 6 parameters, 8 rows                          specs/ann.yaml",
        "engine python, sgd(lr=0.02), 40 steps of 8 rows, seed 0",
    ]


def test_heading_with_splits_and_epochs() -> None:
    counts = {"train": 120, "test": 30}
    text = "A softmax classifier with one hidden layer on the iris measurements of 1936."
    h = Heading("iris", text, "specs/iris.yaml", 1, counts, "python", "adam(lr=0.01)", 1200, 60, 16, 3)
    assert heading(h) == [
        "iris: A softmax classifier with one hidden layer on the iris measurements of 1936",
        "1 parameter, 150 rows (120 to train, 30 to test)",
        "engine python, adam(lr=0.01), 60 epochs, 1,200 steps of 16 rows, seed 3",
    ]


def test_heading_without_data() -> None:
    h = Heading("neuron", None, "n.yaml", 2, {}, "python", "sgd(lr=0.1)", 1, None, 1, 0)
    assert heading(h)[0].startswith("neuron: 2 parameters  ")
    assert heading(h)[1] == "engine python, sgd(lr=0.1), 1 step, seed 0"


def test_summary_with_predictions_beside_weights() -> None:
    cells = {"x1": [1, 0, 1], "x2": [2, 1, 0], "y": [5, 2, 1]}
    shown = Predictions(cells, "y", "hat_y", np.array([7.0, 1.0, 5.0]), np.array([4.99996, 2.0, 0.001234]))
    assert summary(a_run(), shown) == [
        "5 steps in 200 µs, loss 11.8 to 1.5e-12 ▇▇▇▆▆▁",
        "",
        "  row  x1  x2  y  hat_y before    after     w1   1 → 0.389     w4   1 → 0.780",
        "    1   1   2  5             7   5.0000     w2   2 → 2.149     w5   2 → 1.922",
        "    2   0   1  2             1        2     w3  -1 → -0.093    w6  -3 → -2.730",
        "    3   1   0  1             5  0.00123",
    ]


def test_the_classes_of_a_sequence_are_its_prediction() -> None:
    scores = np.zeros((2, 3, 4))
    scores[0, [0, 1, 2], [3, 0, 1]] = 1
    scores[1, [0, 1, 2], [2, 2, 0]] = 1
    shown = Predictions({"next": [[3, 0, 1], [2, 0, 0]]}, "next", "logits", np.zeros((2, 3, 4)), scores, target_is_class=True)
    assert [prediction_text(shown, row) for row in scores] == ["[3, 0, 1]", "[2, 2, 0]"]
    assert prediction_text(shown, scores[0, :1]) == "3"
    named = replace(shown, classes=("a", "b", "c", "d"))
    assert prediction_text(named, scores[0]) == "[d, a, b]"
    long = Predictions({"next": [list(range(9))]}, "next", "p", np.zeros((1, 9, 4)), np.zeros((1, 9, 4)), target_is_class=True)
    assert summary(a_run(), long)[2].split() == ["row", "next", "p", "before", "after"]
    assert "[0, 1, 2, 3, …  [0, 0, 0, 0, …  [0, 0, 0, 0, …" in summary(a_run(), long)[3]


def test_summary_of_a_classifier() -> None:
    cells = {"a": ["5.1", "4.9"], **{name: ["1", "2"] for name in "bcdef"}, "kind": ["cat", "dog"]}
    before, after = np.array([[0.1, 0.2], [0.4, 0.3]]), np.array([[2.0, 0.2], [0.4, 3.0]])
    shown = Predictions(cells, "kind", "logits", before, after, target_is_class=True, classes=("cat", "dog"))
    run = a_run(
        metrics={"accuracy": 0.96666},
        split="valid",
        valid_loss=0.1,
        before={"h.weight": np.zeros((4, 16)), "h.bias": np.zeros(16)},
        params={"h.weight": np.ones((4, 16)), "h.bias": np.zeros(16)},
    )
    assert summary(run, shown)[1:] == [
        "on the validation rows: loss 0.1, accuracy 0.9667",
        "",
        "  row    a  b  c  …  kind  logits before  after     h.weight [4×16]  |·| 0 → 8",
        "    1  5.1  1  1  …   cat            dog    cat     h.bias [16]      |·| 0 → 0",
        "    2  4.9  2  2  …   dog            cat    dog",
    ]


def test_a_table_that_is_too_wide_leaves_columns_out() -> None:
    names = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    shown = Predictions({**{n: ["5.1"] for n in names}, "species": ["setosa"]}, "species", "logits", np.array([1.0]), np.array([2.5]))
    assert summary(a_run(params={}, before={}), shown, {"loss": 0.25, "accuracy": 0.98})[1:] == [
        "on the test rows: loss 0.25, accuracy 0.98",
        "",
        "  row  sepal_length  sepal_width  …  species  logits before   after",
        "    1           5.1          5.1  …   setosa              1  2.5000",
    ]


def test_summary_of_an_interrupted_run() -> None:
    assert summary(a_run(interrupted=True))[:2] == ["interrupted after 5 steps; what was reached is kept", summary(a_run())[0]]


def test_many_weights_are_counted() -> None:
    values = {f"w{k}": np.array(1.0) for k in range(1300)}
    lines = weights(values, values)
    assert (len(lines), lines[-1]) == (13, "… and 1,288 more parameters")


@pytest.mark.parametrize(
    ("values", "bars"),
    [([8, 7, 6, 5, 4, 3, 2, 1], "▇▇▆▅▄▃▂▁"), ([1, 1, 1], "▁▁▁"), ([1], ""), ([1e6, 1e4, 1e2, 1], "▇▅▃▁"), ([0, 1, float("inf"), 0], "▁▇▁")],
)
def test_sparkline(values: list[float], bars: str) -> None:
    assert sparkline(values) == bars


def test_numbers_and_times() -> None:
    assert [number(x) for x in (4.0, -0.0612345, 1.5e-12, 123456.7, 1e300, float("nan"), float("inf"))] == [
        "4", "-0.06123", "1.5e-12", "1.235e+05", "1e+300", "nan", "inf"
    ]  # fmt: skip
    assert [duration(s) for s in (2e-5, 0.0123, 2.345, 75, 125, 7300)] == ["20 µs", "12.3 ms", "2.35 s", "75 s", "2 min 5 s", "2 h 1 min"]


def test_ascii() -> None:
    assert plain("|∇| 2×3 → 1 … ▇▁ é 3 µs |·|") == "|grad| 2x3 -> 1 ... *_ ? 3 us norm"


def test_the_line_of_the_folder_wraps() -> None:
    files = ["ledger.md", "ledger.json", "graph.svg", "history.csv", "params.safetensors", "spec.yaml"]
    assert folder_line("outputs/ann", files) == [
        "outputs/ann/   ledger.md  ledger.json  graph.svg  history.csv",
        "     params.safetensors  spec.yaml",
    ]


# -- the table ----------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    encoding = "utf-8"  # type: ignore[assignment]

    def isatty(self) -> bool:
        return True


def test_the_table_as_plain_lines() -> None:
    file = io.StringIO()
    with Screen(file, 40) as screen:
        screen.write("ann")
        screen.line(Line(0, 0, 11.81, 22.3, ("w3", 0.345)))
        screen.progress(1, 40, 11.81)
        screen.line(Line(39, 39, 3.1e-12, 9.73e-06, ("h.weight[2, 3]", -1.48e-07)))
    assert file.getvalue().split("\n") == [
        "ann",
        "",
        "  step       loss        |∇|   largest step",
        "     0      11.81       22.3   w3 +0.345",
        "    39    3.1e-12   9.73e-06   h.weight[2, 3] -1.48e-07",
        "",
    ]


def test_the_table_with_epochs_and_validation() -> None:
    file = io.StringIO()
    screen = Screen(file, 40, epochs=True, measured=["valid.loss", "valid.accuracy"])
    screen.line(Line(30, 2, 1.0, 2.0, ("w", -0.5), {"valid.loss": 0.25, "valid.accuracy": 1.0}))
    screen.line(Line(31, 2, 1.0, 2.0, ("w", -0.5)))
    assert file.getvalue().split("\n")[1:] == [
        "  step  epoch       loss        |∇|  valid.loss  valid.accuracy   largest step",
        "    30      2          1          2        0.25               1   w -0.5",
        "    31      2          1          2                               w -0.5",
        "",
    ]


def test_quiet_says_nothing_and_ascii_is_kept() -> None:
    file = io.StringIO()
    quiet = Screen(file, 40, quiet=True)
    quiet.line(Line(0, 0, 1.0, 2.0, None))
    quiet.final(final_line(a_run(), "outputs/ann"))
    quiet.write("no more")
    assert file.getvalue() == "5 steps, loss 1.5e-12, outputs/ann/\n"
    raw = io.BytesIO()
    narrow = io.TextIOWrapper(raw, encoding="ascii")
    Screen(narrow, 1).write("|∇| → ½")
    assert raw.getvalue() == b"|grad| -> 1/2\n"


def test_a_progress_bar_on_a_terminal_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphrun.train.screen.PATIENCE", -1.0)
    monkeypatch.setenv("TERM", "xterm")
    file = Terminal()
    with Screen(file, 40) as screen:
        screen.progress(10, 40, 0.5)
        screen.line(Line(10, 0, 0.5, 2.0, ("w", 0.1)))
        screen.progress(40, 40, 0.25)
    said = file.getvalue()
    assert "training" in said
    assert "10/40" in said
    assert "    10        0.5          2   w +0.1" in said
    assert said.endswith("\x1b[2K")  # the line of the bar is cleared
