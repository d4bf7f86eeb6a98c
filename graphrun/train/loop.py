"""The training loop: steps in chunks between the lines of history, batches of two sizes, a clean stop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from graphrun.data.batches import Batches
from graphrun.engines.base import CompiledStep, Engine, Step
from graphrun.train.health import Gauge
from graphrun.train.history import History, Line, line_steps
from graphrun.train.interrupt import interruptible

__all__ = ["EarlyStop", "Observer", "Options", "Parts", "Plan", "Run", "Stopped", "run_length", "train"]

MOST_LINES = 40  # measurements of which each gets a line on the screen, where nothing says how often lines are due
CHUNK_SECONDS = 0.05  # between two looks at the loss and at the keyboard
TOLD_SECONDS = 0.1  # between two words of progress
SNAPSHOT_SECONDS = 2.0  # between two copies of the slots, from which a non-finite loss is traced


class Plan(Protocol):
    """The training step of a spec, before the number of rows is known. Slots are parameters, single or packed, and optimizer state."""

    def step_for(self, rows: int, health: bool = False) -> Step:
        """The step for so many rows. With `health` its outputs hold the gradients and `gradient_norm`."""
        ...

    def slots_init(self, seed: int) -> dict[str, Any]:
        """The slots' first values."""
        ...

    def params(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters by name, out of the slots' values."""
        ...

    def gradients(self, outputs: Mapping[str, Any]) -> dict[str, Any]:
        """The gradients by the parameters' names, out of the outputs of a step with `health`."""
        ...

    def measured(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """What is measured with: the parameters, or averages of them, and the state, by name."""
        ...


class Observer(Protocol):
    """Is told how a run goes."""

    def line(self, line: Line) -> None:
        """A line of history is there."""
        ...

    def progress(self, done: int, steps: int, loss: float) -> None:
        """So many of all steps are done; called some times in a second."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What is trained, and on what.

    feeds      input → array with the training rows on axis 0; empty where there are no data
    constants  input → value that is the same in every step
    rows       the number of training rows; 1 where there are no data
    measure    (parameters and state, split) → loss and metrics with `training` false over all rows of `train` or `valid`
    valid      whether there are rows for validation
    start      slots that differ from the plan's first values (by name), or None
    """

    plan: Plan
    engine: Engine
    feeds: Mapping[str, Any]
    constants: Mapping[str, Any]
    rows: int
    measure: Callable[[Mapping[str, Any], str], Mapping[str, float]]
    valid: bool = False
    start: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class EarlyStop:
    """Ends a run once `patience` measurements in a row of `watch` (`valid.loss`, `train.accuracy`) are not better than the best before
    them by more than `min_delta`; better is smaller with the mode `min`."""

    watch: str
    patience: int
    min_delta: float = 0.0
    mode: str = "min"


@dataclass(frozen=True, slots=True)
class Options:
    """How long, in which batches, from which seed, and how often lines and measurements are due.

    A step is an update; with `accumulate` it takes so many batches one after the other, across the ends of epochs too. With `stop` and
    without `eval_every` measurements are due once an epoch. `health` says whether a line holds the gradients' health, `finer` how many
    times as often as a line on the screen that is measured, where `log_every` is not given.
    """

    steps: int | None = None
    epochs: int | None = None
    batch: int | None = None
    shuffle: bool | None = None
    drop_last: bool = False
    seed: int = 0
    log_every: int | None = None
    eval_every: int | None = None
    accumulate: int = 1
    stop: EarlyStop | None = None
    health: bool = True
    finer: int = 1


@dataclass(frozen=True, slots=True)
class Run:
    """What a run came to.

    `loss` and `metrics` are measured after the last update, with `training` false, over all rows of a split: `loss` over the training rows,
    `metrics` over `split`. `first` holds loss and metrics over the training rows before the first update, `gauge` the gradients of the
    first and the last update that was measured. A run that `failed` was ended by a value that is not finite: `steps` were made before, and
    `params` are those that the step which went wrong began with.
    """

    history: History = field(repr=False)
    steps: int
    epochs: int
    first: Mapping[str, float]
    loss: float
    metrics: Mapping[str, float]
    split: str
    valid_loss: float | None
    before: Mapping[str, Any] = field(repr=False)
    params: Mapping[str, Any] = field(repr=False)
    slots: Mapping[str, Any] = field(repr=False)
    interrupted: bool
    seconds: float
    stopped_early: bool = False
    failed: bool = False
    gauge: Gauge | None = field(default=None, repr=False)


class Stopped(Exception):
    """A loss or a parameter is no longer finite. Where it began can be found from `values`, the slots before step `step`; `run` is the run
    up to there, `rows` the numbers of the training rows that the step met."""

    run: Run
    rows: Any = None

    def __init__(
        self, step: int, loss: float, values: Mapping[str, Any], made: Step, feeds: Mapping[str, Any], batch: int | None = None
    ) -> None:
        super().__init__(f"step {step}: the loss became {loss}")
        self.step, self.loss, self.values, self.made, self.feeds = step, loss, values, made, feeds
        self.batch = step if batch is None else batch  # what the step's counter counts


def train(parts: Parts, options: Options, observe: Observer | None = None) -> Run:
    """Makes the steps. Raises Stopped where the loss is not finite. An interruption (Ctrl-C) ends the run after the step at hand."""
    return _Loop(parts, options, observe).run()


class _Loop:
    def __init__(self, parts: Parts, options: Options, observe: Observer | None) -> None:
        self.parts, self.options, self.observe = parts, options, observe
        self.batches = Batches(parts.rows, options.batch, options.shuffle, options.drop_last, options.seed)
        self.group = options.accumulate
        per = max(1, self.batches.per_epoch // self.group)
        self.steps = run_length(options, self.batches.per_epoch)
        often = options.eval_every if parts.valid else None
        if options.stop is not None:
            often = options.eval_every or per
        self.best, self.waited = math.inf, 0
        shown = often if often is not None and self.steps <= MOST_LINES * often else None
        self.every = line_steps(self.steps, options.log_every or shown, per)
        finer = max(1, self.every // options.finer) if options.log_every is None else self.every
        self.often = [self.every, finer, *([often] if often is not None else [])]
        self.history = History(per_epoch=self.batches.per_epoch, batches=self.group)
        self.steppers: dict[tuple[int, bool], CompiledStep] = {}
        self.made: dict[tuple[int, bool], Step] = {}
        self.current: tuple[int, bool] | None = None
        self.slots: dict[str, Any] = {**parts.plan.slots_init(options.seed), **(parts.start or {})}
        self.fixed = {**parts.constants, **parts.feeds} if self.batches.constant else None
        self.chunk = 1
        self.snapshot: tuple[int, dict[str, Any]] = (0, self.slots)
        self.snapped = time.perf_counter()
        self.told = 0.0
        self.seconds = 0.0
        self.before = parts.plan.params(self.slots)
        self.first: Mapping[str, float] = {}
        self.gauge = Gauge.of(self.before)

    def run(self) -> Run:
        """The whole run."""
        plan, measure = self.parts.plan, self.parts.measure
        self.first = measure(plan.measured(self.slots), "train")
        for k in {0, min(self.steps * self.group, self.batches.per_epoch) - 1}:  # compiled before the clock runs
            self._stepper(k)
        k = 0
        enough = False
        with interruptible() as stop:
            while k < self.steps and not stop:
                if self._due(k):
                    enough = not self._line(k)
                    if enough:
                        break
                    k += 1
                else:
                    k = self._stretch(k)
                self._tell(k)
            interrupted = bool(stop) and k < self.steps
        self.slots = self._values()
        params, values = plan.params(self.slots), plan.measured(self.slots)
        end = measure(values, "train")
        if not math.isfinite(end["loss"]):
            raise self._stopped(k, end["loss"])
        valid = measure(values, "valid") if self.parts.valid else None
        metrics = {name: value for name, value in (valid or end).items() if name != "loss"}
        return Run(
            history=self.history,
            steps=k,
            epochs=self.history.epoch(k),
            first=self.first,
            loss=end["loss"],
            metrics=metrics,
            split="valid" if valid is not None else "train",
            valid_loss=valid["loss"] if valid is not None else None,
            before=self.before,
            params=params,
            slots=self.slots,
            interrupted=interrupted,
            seconds=self.seconds,
            stopped_early=enough,
            gauge=self.gauge,
        )

    def _tell(self, k: int) -> None:
        """Tells the observer how far the run is, a few times in a second."""
        if self.observe is None:
            return
        now = time.perf_counter()
        if now - self.told > TOLD_SECONDS or k == self.steps:
            self.told = now
            self.observe.progress(k, self.steps, self.history.losses[-1])

    # -- single steps and stretches of them ---------------------------------------------------------------------------

    def _due(self, k: int) -> bool:
        """Whether step k gets a line: each `every`, the last one, and those that a measurement is due for."""
        return k == self.steps - 1 or any(k % often == 0 for often in self.often)

    def _next_due(self, k: int) -> int:
        """The first step behind k that gets a line."""
        return min([self.steps - 1, *((k // often + 1) * often for often in self.often)])

    def _stretch(self, k: int) -> int:
        """Makes steps from k on, up to the next line or the end of a chunk; returns the next step."""
        if self.fixed is None:
            self._advance(k, 1)
            return k + 1
        stop = min(k + self.chunk, self._next_due(k))
        began = time.perf_counter()
        self._advance(k, stop - k)
        if stop - k == self.chunk and time.perf_counter() - began < CHUNK_SECONDS:
            self.chunk *= 2
        return stop

    def _advance(self, first: int, count: int) -> None:
        stepper = self._stepper(first * self.group)
        if time.perf_counter() - self.snapped > SNAPSHOT_SECONDS:
            self.snapshot, self.snapped = (first, stepper.values()), time.perf_counter()
        began = time.perf_counter()
        losses = stepper.run(self._feeds(first), first, count) if self.group == 1 else self._updates(first, count)
        self.seconds += time.perf_counter() - began
        for n, loss in enumerate(losses):
            if not math.isfinite(loss):
                raise self._stopped(first + n, loss)
            self.history.losses.append(loss)

    def _updates(self, first: int, count: int) -> list[float]:
        """Makes updates of several batches each; the loss of each is the mean of its batches'."""
        out = []
        for k in range(first, first + count):
            batches = range(k * self.group, (k + 1) * self.group)
            out.append(sum(self._stepper(m).run(self._feeds(m), m, 1)[0] for m in batches) / self.group)
        return out

    def _feeds(self, k: int) -> Mapping[str, Any]:
        return self.fixed if self.fixed is not None else {**self.parts.constants, **self.batches.take(self.parts.feeds, k)}

    def _stepper(self, k: int, health: bool = False) -> CompiledStep:
        """The compiled step for the rows of batch k. The slots move to it where another one held them."""
        key = (self.batches.rows_at(k), health)
        if key not in self.steppers:
            self.made[key] = self.parts.plan.step_for(key[0], health=health)
            self.steppers[key] = self.parts.engine.compile(self.made[key])
        if not health and key != self.current:
            self.steppers[key].load(self._values())
            self.current = key
        return self.steppers[key]

    def _values(self) -> dict[str, Any]:
        return self.slots if self.current is None else self.steppers[self.current].values()

    # -- lines of history ---------------------------------------------------------------------------------------------

    def _line(self, k: int) -> bool:
        """Makes step k and writes a line; or nothing, and gives False, where what is measured before the step says to stop.

        The gradients come from a second compiled step, whose update is thrown away, so that the parameters do not depend on how often a
        line is written.
        """
        parts = self.parts
        old = self._stepper(k * self.group).values()
        before = parts.plan.params(old)
        measured: dict[str, float] = {}
        often = self.often[-1] if self.options.eval_every or self.options.stop else self.every
        if k % often == 0 or k == self.steps - 1:
            measured = self._measured(parts.plan.measured(old))
            if k % often == 0 and self._spent(measured):  # the last step's line is there whether a measurement is due or not
                return False
        outputs = self._tried(k, old)[1] if self.options.health else {}
        self._advance(k, 1)
        new = self._values()
        move = self.gauge.move(before, parts.plan.params(new))
        gradients = parts.plan.gradients(outputs)
        health = None
        if gradients:
            actual = self._tried(k, new)[0] - self.history.losses[-1]
            self.gauge.pass_by(k, self.history.losses[-1], before)
            health = self.gauge.health(before, move, gradients, actual)
        norm = outputs.get("gradient_norm")
        norm = None if norm is None else float(norm)
        largest = self.gauge.largest(move, before)
        line = Line(k, self.history.epoch(k), self.history.losses[-1], norm, largest, measured, health)
        self.history.lines.append(line)
        if self.observe is not None and (k % self.every == 0 or k == self.steps - 1):
            self.observe.line(line)
        return True

    def _measured(self, values: Mapping[str, Any]) -> dict[str, float]:
        """Loss and metrics over the validation rows, and over the training rows where these are watched."""
        watched = self.options.stop.watch.partition(".")[0] if self.options.stop is not None else ""
        splits = ["valid"] * self.parts.valid + ["train"] * (watched == "train")
        return {f"{split}.{name}": value for split in splits for name, value in self.parts.measure(values, split).items()}

    def _spent(self, measured: Mapping[str, float]) -> bool:
        """Notes what is watched; whether it has not become better for as long as there is patience."""
        stop = self.options.stop
        if stop is None:
            return False
        value = measured[stop.watch] if stop.mode == "min" else -measured[stop.watch]
        if value < self.best - stop.min_delta:
            self.best, self.waited = value, 0
        else:
            self.waited += 1
        return self.waited >= stop.patience

    def _tried(self, k: int, values: Mapping[str, Any]) -> tuple[float, Mapping[str, Any]]:
        """The loss of step k with these slots, and the outputs of its last batch, from steps whose updates are thrown away."""
        losses: list[float] = []
        outputs: Mapping[str, Any] = {}
        for m in range(k * self.group, (k + 1) * self.group):
            health = self._stepper(m, health=True)
            health.load(values)
            losses += health.run(self._feeds(m), m, 1)
            values, outputs = health.values(), health.outputs
        return sum(losses) / self.group, outputs

    # -- a loss that is not finite ------------------------------------------------------------------------------------

    def _stopped(self, step: int, loss: float) -> Stopped:
        """Runs again from the last snapshot, step by step, up to the step that first makes something non-finite."""
        start, values = self.snapshot
        self.current = None
        self.slots = dict(values)
        for k in range(start, step + 1):
            if k >= self.steps:
                break
            for m in range(k * self.group, (k + 1) * self.group):
                stepper = self._stepper(m)
                old = stepper.values()
                (found,) = stepper.run(self._feeds(m), m, 1)
                after = stepper.values()
                if not math.isfinite(found) or any(_went_wrong(old[name], v) for name, v in after.items()):
                    return self._stop(k, loss if math.isfinite(found) else found, old, m)
        return self._stop(step, loss, self._values())

    def _stop(self, step: int, loss: float, values: Mapping[str, Any], batch: int | None = None) -> Stopped:
        last = max(0, min(step, self.steps - 1)) * self.group if batch is None else batch
        stopped = Stopped(step, loss, values, self.made[self.batches.rows_at(last), False], self._feeds(last), last)
        stopped.run = self._reached(step, loss, values)
        if self.parts.feeds:
            stopped.rows = np.arange(self.parts.rows)[self.batches.at(last)]
        return stopped

    def _reached(self, step: int, loss: float, values: Mapping[str, Any]) -> Run:
        """The run up to a step that went wrong, which began with `values`."""
        history = self.history
        del history.losses[step:]
        history.lines = [line for line in history.lines if line.step < step]
        return Run(
            history=history,
            steps=step,
            epochs=history.epoch(step),
            first=self.first,
            loss=loss,
            metrics={},
            split="train",
            valid_loss=None,
            before=self.before,
            params=self.parts.plan.params(values),
            slots=values,
            interrupted=False,
            seconds=self.seconds,
            failed=True,
            gauge=self.gauge,
        )


def _went_wrong(before: Any, after: Any) -> bool:
    """Whether an element that was finite is so no longer; a state may be infinite from the start."""
    return bool(np.any(np.isfinite(before) & ~np.isfinite(after)))


def run_length(options: Options, per_epoch: int) -> int:
    """The number of updates of a run: `steps`, or those of its epochs of `per_epoch` batches, the last one filled up."""
    if options.steps is not None:
        return options.steps
    return -(-(options.epochs or 1) * per_epoch // options.accumulate)
