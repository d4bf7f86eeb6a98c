"""The loop: which rows each step meets, chunks, lines of history, interruption, a loss that is not finite."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from graphrun.train.history import Line, line_steps
from graphrun.train.loop import Options, Parts, Run, Stopped, train


class Mean:
    """A step that moves w towards the mean of x: loss ½(w - mean x)², by sgd. Plan, engine and step in one; what it was asked is kept."""

    name = "mean"

    def __init__(self, lr: float = 0.1, blow_up: int | None = None) -> None:
        self.lr, self.blow_up = lr, blow_up
        self.compiled: list[tuple[int, bool]] = []
        self.runs: list[tuple[int, int, int, list[float]]] = []

    def step_for(self, rows: int, health: bool = False) -> Any:
        return (rows, health)

    def slots_init(self, seed: int) -> dict[str, Any]:
        return {"w": np.array(float(seed)), "moves": np.array(0.0)}

    def params(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {"w": values["w"]}

    measured = params

    def gradients(self, outputs: Mapping[str, Any]) -> dict[str, Any]:
        return {"w": outputs["w"]} if outputs else {}

    def compile(self, step: Any) -> Any:
        self.compiled.append(step)
        return _Compiled(self, *step)

    def measure(self, params: Mapping[str, Any], split: str) -> dict[str, float]:
        x = {"train": X, "valid": X[:2]}[split]
        return {"loss": float(0.5 * (params["w"] - x.mean()) ** 2), "w": float(params["w"])}


class _Compiled:
    def __init__(self, mean: Mean, rows: int, health: bool) -> None:
        self.mean, self.rows, self.health = mean, rows, health
        self.slots: dict[str, Any] = {}
        self.outputs: dict[str, Any] = {}

    def load(self, values: Mapping[str, Any]) -> None:
        self.slots = {k: np.array(v) for k, v in values.items()}

    def values(self) -> dict[str, Any]:
        return {k: np.array(v) for k, v in self.slots.items()}

    def run(self, feeds: Mapping[str, Any], first: int, count: int) -> list[float]:
        assert len(feeds["x"]) == self.rows
        if not self.health:
            self.mean.runs.append((self.rows, first, count, feeds["x"].tolist()))
        losses = []
        for k in range(first, first + count):
            d = self.slots["w"] - feeds["x"].mean()
            losses.append(float(0.5 * d**2) if k != self.mean.blow_up else float("nan"))
            self.slots = {"w": self.slots["w"] - self.mean.lr * d, "moves": self.slots["moves"] + 1}
            self.outputs = {"gradient_norm": abs(d), "w": d} if self.health else {}
        return losses


X = np.array([1.0, 2.0, 4.0, 5.0, 8.0])


def run(mean: Mean, options: Options, valid: bool = False, observe: Any = None) -> Run:
    return train(Parts(mean, mean, {"x": X}, {}, 5, mean.measure, valid), options, observe)


class Seen:
    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.done: list[int] = []

    def line(self, line: Line) -> None:
        self.lines.append(line)

    def progress(self, done: int, steps: int, loss: float) -> None:
        self.done.append(done)


def test_a_full_batch_follows_the_formula() -> None:
    mean = Mean()
    out = run(mean, Options(steps=50))
    expected = 4 - 4 * 0.9 ** np.arange(51)
    np.testing.assert_allclose(out.history.loss, 0.5 * (expected[:50] - 4) ** 2, rtol=1e-12)
    assert out.params["w"] == pytest.approx(expected[50])
    assert out.loss == pytest.approx(0.5 * (expected[50] - 4) ** 2)
    assert (out.steps, out.epochs, out.split, out.interrupted) == (50, 50, "train", False)
    assert out.metrics == {"w": pytest.approx(expected[50])}
    assert out.first == {"loss": 8.0, "w": 0.0}
    assert (out.before["w"], out.slots["moves"]) == (0, 50)
    assert mean.compiled == [(5, False), (5, True)]


def test_steps_between_lines_are_made_in_chunks_that_cover_each_once() -> None:
    mean = Mean()
    run(mean, Options(steps=1000, log_every=400))
    made = [k for _, first, count, _ in mean.runs for k in range(first, first + count)]
    assert made == list(range(1000))
    assert max(count for _, _, count, _ in mean.runs) > 50
    assert {first for _, first, count, _ in mean.runs if count == 1} >= {0, 400, 800, 999}


def test_batches_of_two_sizes_share_their_slots() -> None:
    mean = Mean()
    out = run(mean, Options(epochs=3, batch=2))
    assert [(rows, first) for rows, first, _, _ in mean.runs] == [(2, 0), (2, 1), (1, 2), (2, 3), (2, 4), (1, 5), (2, 6), (2, 7), (1, 8)]
    w = 0.0
    for _, _, _, x in mean.runs:
        w -= 0.1 * (w - np.mean(x))
    assert out.params["w"] == pytest.approx(w)
    assert (out.slots["moves"], out.epochs, out.history.per_epoch) == (9, 3, 3)
    for epoch in range(3):
        assert sorted(x for _, _, _, xs in mean.runs[3 * epoch : 3 * epoch + 3] for x in xs) == X.tolist()


def test_the_parameters_do_not_depend_on_how_often_a_line_is_written() -> None:
    found = {float(run(Mean(), Options(steps=37, batch=2, log_every=every)).params["w"]) for every in (1, 5, 37)}
    assert len(found) == 1


def test_equal_seeds_give_equal_runs_and_others_do_not() -> None:
    first, again, other = (run(Mean(), Options(epochs=4, batch=2, seed=seed)).history.to_csv() for seed in (0, 0, 1))
    assert first == again != other


def test_lines_hold_norm_largest_step_and_what_validation_says() -> None:
    seen = Seen()
    out = run(Mean(), Options(steps=10, log_every=4, eval_every=3), valid=True, observe=seen)
    assert [line.step for line in out.history.lines] == [0, 3, 4, 6, 8, 9]
    assert [line.step for line in seen.lines] == [0, 4, 8, 9]
    first = out.history.lines[0]
    assert (first.loss, first.gradient_norm) == (8, 4)
    assert first.largest == ("w", pytest.approx(0.4))
    assert [line.step for line in out.history.lines if line.measured] == [0, 3, 6, 9]
    assert first.measured == {"valid.loss": 0.5 * 1.5**2, "valid.w": 0}
    assert (out.split, out.valid_loss) == ("valid", pytest.approx(0.5 * (float(out.params["w"]) - 1.5) ** 2))
    assert seen.done[-1] == 10


def test_each_measurement_is_shown_where_there_are_not_too_many() -> None:
    for steps, shown in ((100, 13), (1000, 11)):
        seen = Seen()
        run(Mean(), Options(steps=steps, eval_every=8), valid=True, observe=seen)
        assert len(seen.lines) == shown + (steps == 100)


def test_history_as_csv() -> None:
    out = run(Mean(0.5), Options(steps=3, log_every=2), valid=True)
    assert out.history.to_csv() == (
        "step,epoch,loss,gradient_norm,largest_step,largest_step_of,predicted_change,actual_change,valid.loss,valid.w\n"
        "0,0,8.0,4.0,2.0,w,-8.0,-6.0,1.125,0.0\n"
        "1,1,2.0,,,,,,,\n"
        "2,2,0.5,1.0,0.5,w,-0.5,-0.375,1.125,3.0\n"
    )
    assert out.history.health_csv() == (
        "step,parameter,gradient_norm,step_ratio,predicted_change\n"
        "0,w,4.0,inf,-8.0\n"
        "2,w,1.0,0.16666666666666666,-0.5\n"
    )


def test_without_health_no_second_step_is_compiled_and_the_rest_is_the_same() -> None:
    with_, without = Mean(), Mean()
    a, b = run(with_, Options(steps=9, batch=2, log_every=2)), run(without, Options(steps=9, batch=2, log_every=2, health=False))
    assert {health for _, health in with_.compiled} == {False, True}
    assert {health for _, health in without.compiled} == {False}
    assert (a.params, a.history.loss) == (b.params, b.history.loss)
    assert [line.largest for line in a.history.lines] == [line.largest for line in b.history.lines]
    assert {(line.gradient_norm, line.health) for line in b.history.lines} == {(None, None)}
    assert b.history.health_csv() == ""


def test_health_may_be_measured_more_often_than_a_line_is_shown() -> None:
    seen = Seen()
    out = run(Mean(), Options(steps=100, finer=5), observe=seen)
    assert [line.step for line in seen.lines] == [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 99]
    assert [line.step for line in out.history.lines] == [*range(0, 100, 2), 99]
    assert [line.step for line in run(Mean(), Options(steps=100, finer=5, log_every=50)).history.lines] == [0, 50, 99]


def test_a_line_says_how_far_the_loss_falls_and_how_far_it_should() -> None:
    out = run(Mean(), Options(steps=3, batch=2, log_every=1, seed=1))
    w = 1.0
    for line, (_, _, _, x) in zip(out.history.lines, out_runs(Options(steps=3, batch=2, log_every=1, seed=1)), strict=True):
        g = w - np.mean(x)
        assert line.health is not None
        assert line.health.gradients == {"w": pytest.approx(abs(g))}
        assert line.health.ratios == {"w": pytest.approx(abs(0.1 * g / w))}
        assert line.health.change == pytest.approx(-0.1 * g**2)
        assert line.health.actual == pytest.approx(0.5 * (0.9 * g) ** 2 - 0.5 * g**2)
        w -= 0.1 * g
    assert out.gauge is not None
    assert out.gauge.first == {"w": pytest.approx(1 - np.mean(out_runs(Options(steps=1, batch=2, seed=1))[0][3]))}


def out_runs(options: Options) -> list[tuple[int, int, int, list[float]]]:
    mean = Mean()
    run(mean, options)
    return mean.runs


def test_an_interruption_keeps_what_was_reached() -> None:
    class Presses(Seen):
        def progress(self, done: int, steps: int, loss: float) -> None:
            super().progress(done, steps, loss)
            if done == 1:
                os.kill(os.getpid(), signal.SIGINT)

    usual = signal.getsignal(signal.SIGINT)
    out = run(Mean(), Options(steps=10_000_000), observe=Presses())
    assert out.interrupted
    assert 1 <= out.steps == len(out.history) < 10_000_000
    assert out.slots["moves"] == out.steps
    assert signal.getsignal(signal.SIGINT) is usual


def test_a_loss_that_is_not_finite_stops_the_run_at_its_step() -> None:
    mean = Mean(blow_up=33)
    with pytest.raises(Stopped) as stopped:
        run(mean, Options(steps=100, batch=2))
    assert stopped.value.step == 33
    assert str(stopped.value) == "step 33: the loss became nan"
    assert stopped.value.values["moves"] == 33  # the slots before that step
    assert stopped.value.feeds["x"].tolist() == mean.runs[33][3]
    assert X[stopped.value.rows].tolist() == mean.runs[33][3]
    reached = stopped.value.run
    assert (reached.failed, reached.steps, len(reached.history), reached.epochs) == (True, 33, 33, 11)
    assert reached.history.loss == run(Mean(), Options(steps=33, batch=2)).history.loss
    assert np.isnan(reached.loss)
    assert all(line.step < 33 for line in reached.history.lines)
    assert reached.params["w"] == run(Mean(), Options(steps=33, batch=2)).params["w"]  # those that the bad step began with


def test_a_parameter_that_blows_up_is_found_at_the_step_that_did_it() -> None:
    with pytest.raises(Stopped) as stopped, np.errstate(all="ignore"):
        run(Mean(lr=1e200), Options(steps=100))
    assert stopped.value.step == 1  # step 0 makes w large, step 1 squares the distance


@pytest.mark.parametrize(
    ("steps", "per_epoch", "every"),
    [(40, 1, 5), (100, 1, 10), (1, 1, 1), (12, 1, 1), (1000, 1, 100), (10**6, 1, 10**5), (600, 30, 60), (60, 30, 5)],
)
def test_lines_are_about_a_dozen(steps: int, per_epoch: int, every: int) -> None:
    assert line_steps(steps, None, per_epoch) == every
    assert line_steps(steps, 7, per_epoch) == 7
