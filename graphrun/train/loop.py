"""The training loop: steps in chunks between the lines of history, batches of two sizes, a clean stop."""

from __future__ import annotations

import math
import signal
import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Protocol

import numpy as np

from graphrun.data.batches import Batches
from graphrun.engines.base import CompiledStep, Engine, Step
from graphrun.train.history import History, Line, line_steps

__all__ = ["Observer", "Options", "Parts", "Plan", "Run", "Stopped", "train"]

MOST_LINES = 40  # measurements of which each gets a line on the screen, where nothing says how often lines are due
CHUNK_SECONDS = 0.05  # between two looks at the loss and at the keyboard
TOLD_SECONDS = 0.1  # between two words of progress
SNAPSHOT_SECONDS = 2.0  # between two copies of the slots, from which a non-finite loss is traced


class Plan(Protocol):
    """The training step of a spec, before the number of rows is known. Slots are parameters, single or packed, and optimizer state."""

    def step_for(self, rows: int, health: bool = False) -> Step:
        """The step for so many rows. With `health` its outputs hold `gradient_norm`."""
        ...

    def slots_init(self, seed: int) -> dict[str, Any]:
        """The slots' first values."""
        ...

    def params(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters by name, out of the slots' values."""
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
    measure    (parameters, split) → loss and metrics with `training` false over all rows of `train` or `valid`
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
class Options:
    """How long, in which batches, from which seed, and how often lines and measurements are due."""

    steps: int | None = None
    epochs: int | None = None
    batch: int | None = None
    shuffle: bool | None = None
    drop_last: bool = False
    seed: int = 0
    log_every: int | None = None
    eval_every: int | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """What a run came to.

    `loss` and `metrics` are measured after the last update, with `training` false, over all rows of a split: `loss` over the training rows,
    `metrics` over `split`. `first` holds loss and metrics over the training rows before the first update.
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


class Stopped(Exception):
    """A loss or a parameter is no longer finite. Where it began can be found from `values`, the slots before step `step`."""

    def __init__(self, step: int, loss: float, values: Mapping[str, Any], made: Step, feeds: Mapping[str, Any]) -> None:
        super().__init__(f"step {step}: the loss became {loss}")
        self.step, self.loss, self.values, self.made, self.feeds = step, loss, values, made, feeds


def train(parts: Parts, options: Options, observe: Observer | None = None) -> Run:
    """Makes the steps. Raises Stopped where the loss is not finite. An interruption (Ctrl-C) ends the run after the step at hand."""
    return _Loop(parts, options, observe).run()


class _Loop:
    def __init__(self, parts: Parts, options: Options, observe: Observer | None) -> None:
        self.parts, self.options, self.observe = parts, options, observe
        self.batches = Batches(parts.rows, options.batch, options.shuffle, options.drop_last, options.seed)
        per = self.batches.per_epoch
        self.steps = options.steps if options.steps is not None else (options.epochs or 1) * per
        often = options.eval_every if parts.valid else None
        shown = often if often is not None and self.steps <= MOST_LINES * often else None
        self.every = line_steps(self.steps, options.log_every or shown, per)
        self.often = [self.every, *([often] if often is not None else [])]
        self.history = History(per_epoch=per)
        self.steppers: dict[tuple[int, bool], CompiledStep] = {}
        self.made: dict[tuple[int, bool], Step] = {}
        self.current: tuple[int, bool] | None = None
        self.slots: dict[str, Any] = {**parts.plan.slots_init(options.seed), **(parts.start or {})}
        self.fixed = {**parts.constants, **parts.feeds} if self.batches.constant else None
        self.chunk = 1
        self.snapshot: tuple[int, dict[str, Any]] = (0, self.slots)
        self.snapped = time.perf_counter()
        self.told = 0.0

    def run(self) -> Run:
        """The whole run."""
        plan, measure = self.parts.plan, self.parts.measure
        before = plan.params(self.slots)
        first = measure(before, "train")
        for k in {0, min(self.steps, self.batches.per_epoch) - 1}:  # compiled before the clock runs
            self._stepper(k)
        began = time.perf_counter()
        measuring = 0.0
        k = 0
        with _interruptible() as stop:
            while k < self.steps and not stop:
                if self._due(k):
                    began_line = time.perf_counter()
                    self._line(k)
                    measuring += time.perf_counter() - began_line
                    k += 1
                else:
                    k = self._stretch(k)
                self._tell(k)
            interrupted = bool(stop) and k < self.steps
        seconds = time.perf_counter() - began - measuring
        self.slots = self._values()
        params = plan.params(self.slots)
        end = measure(params, "train")
        if not math.isfinite(end["loss"]):
            raise self._stopped(k, end["loss"])
        valid = measure(params, "valid") if self.parts.valid else None
        metrics = {name: value for name, value in (valid or end).items() if name != "loss"}
        return Run(
            history=self.history,
            steps=k,
            epochs=k // self.batches.per_epoch,
            first=first,
            loss=end["loss"],
            metrics=metrics,
            split="valid" if valid is not None else "train",
            valid_loss=valid["loss"] if valid is not None else None,
            before=before,
            params=params,
            slots=self.slots,
            interrupted=interrupted,
            seconds=seconds,
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
        stepper = self._stepper(first)
        if time.perf_counter() - self.snapped > SNAPSHOT_SECONDS:
            self.snapshot, self.snapped = (first, stepper.values()), time.perf_counter()
        losses = stepper.run(self._feeds(first), first, count)
        for n, loss in enumerate(losses):
            if not math.isfinite(loss):
                raise self._stopped(first + n, loss)
            self.history.losses.append(loss)

    def _feeds(self, k: int) -> Mapping[str, Any]:
        return self.fixed if self.fixed is not None else {**self.parts.constants, **self.batches.take(self.parts.feeds, k)}

    def _stepper(self, k: int, health: bool = False) -> CompiledStep:
        """The compiled step for the rows of step k. The slots move to it where another one held them."""
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

    def _line(self, k: int) -> None:
        """Makes step k and writes a line.

        The gradients' norm comes from a second compiled step, whose update is thrown away, so that the parameters do not depend on how
        often a line is written.
        """
        parts = self.parts
        stepper = self._stepper(k)
        old = stepper.values()
        before = parts.plan.params(old)
        measured: dict[str, float] = {}
        often = self.options.eval_every
        if parts.valid and (k % (often or self.every) == 0 or k == self.steps - 1):
            measured = {f"valid.{name}": value for name, value in parts.measure(before, "valid").items()}
        health = self._stepper(k, health=True)
        health.load(old)
        health.run(self._feeds(k), k, 1)
        norm = health.outputs.get("gradient_norm")
        self._advance(k, 1)
        largest = _largest(before, parts.plan.params(stepper.values()))
        norm = None if norm is None else float(norm)
        line = Line(k, k // self.batches.per_epoch, self.history.losses[-1], norm, largest, measured)
        self.history.lines.append(line)
        if self.observe is not None and (k % self.every == 0 or k == self.steps - 1):
            self.observe.line(line)

    # -- a loss that is not finite ------------------------------------------------------------------------------------

    def _stopped(self, step: int, loss: float) -> Stopped:
        """Runs again from the last snapshot, step by step, up to the step that first makes something non-finite."""
        start, values = self.snapshot
        self.current = None
        self.slots = dict(values)
        for k in range(start, step + 1):
            if k >= self.steps:
                break
            stepper = self._stepper(k)
            old = stepper.values()
            (found,) = stepper.run(self._feeds(k), k, 1)
            after = stepper.values()
            if not math.isfinite(found) or not all(np.all(np.isfinite(v)) for v in after.values()):
                return self._stop(k, loss if math.isfinite(found) else found, old)
        return self._stop(step, loss, self._values())

    def _stop(self, step: int, loss: float, values: Mapping[str, Any]) -> Stopped:
        last = max(0, min(step, self.steps - 1))
        return Stopped(step, loss, values, self.made[self.batches.rows_at(last), False], self._feeds(last))


def _largest(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, float] | None:
    """The element of a parameter that moved most, and by how much."""
    ends = list(accumulate(int(np.size(value)) for value in after.values()))
    if not ends or not ends[-1]:
        return None
    old, new = (np.concatenate([np.ravel(values[name]) for name in after]).astype(np.float64) for values in (before, after))
    move = new - old
    at = int(np.argmax(np.abs(move)))
    k = bisect_right(ends, at)
    name, value = list(after.items())[k]
    index = ", ".join(str(int(i)) for i in np.unravel_index(at - (ends[k - 1] if k else 0), np.shape(value)))
    return (f"{name}[{index}]" if index else name), float(move[at])


@contextmanager
def _interruptible() -> Iterator[list[int]]:
    """A list that is no longer empty once Ctrl-C was pressed; pressed again, it interrupts at once. Idle outside the main thread."""
    pressed: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield pressed
        return
    usual = signal.getsignal(signal.SIGINT)

    def note(number: int, frame: Any) -> None:
        if pressed:
            raise KeyboardInterrupt
        pressed.append(number)

    signal.signal(signal.SIGINT, note)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL if usual is None else usual)
