"""What happened in a run, step by step. It holds no times, so that equal runs have equal histories."""

from __future__ import annotations

import csv
import io
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphrun.train.health import Health

__all__ = ["History", "Line", "line_steps"]


COLUMNS = ("gradient_norm", "largest_step", "largest_step_of", "predicted_change", "actual_change")


@dataclass(frozen=True, slots=True)
class Line:
    """A step that is told more about.

    `loss` is the one before the step's update, on its rows; `gradient_norm` that of all gradients before clipping; `largest` the parameter
    (with its index, where it is an array) that the update moved most, and by how much. `measured` holds the loss and metrics over whole
    splits, before the update, by name (`valid.loss`, `valid.accuracy`). `health` says what the update did, by parameter.
    """

    step: int
    epoch: int
    loss: float
    gradient_norm: float | None = None
    largest: tuple[str, float] | None = None
    measured: Mapping[str, float] = field(default_factory=dict)
    health: Health | None = None


@dataclass(slots=True)
class History:
    """The loss of every step, and a line for some. An epoch has `per_epoch` batches, and a step `batches` of them."""

    losses: array[float] = field(default_factory=lambda: array("d"))
    lines: list[Line] = field(default_factory=list)
    per_epoch: int = 1
    batches: int = 1

    def __len__(self) -> int:
        return len(self.losses)

    @property
    def loss(self) -> list[float]:
        """The loss of every step, before its update."""
        return list(self.losses)

    def epoch(self, step: int) -> int:
        """The epoch in which a step begins."""
        return step * self.batches // self.per_epoch

    def to_csv(self) -> str:
        """All steps as comma-separated values; columns that only some steps have are empty elsewhere. Numbers are exact."""
        measured = list(dict.fromkeys(name for line in self.lines for name in line.measured))
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["step", "epoch", "loss", *COLUMNS, *measured])
        lines = {line.step: line for line in self.lines}
        empty = [""] * (len(COLUMNS) + len(measured))
        for step, loss in enumerate(self.losses):
            line = lines.get(step)
            rest: list[Any] = empty if line is None else [*_cells(line), *(line.measured.get(key, "") for key in measured)]
            writer.writerow([step, self.epoch(step), repr(loss), *rest])
        return text.getvalue()

    def health_csv(self) -> str:
        """The health of the updates that were measured, a row for each parameter; empty where none was."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["step", "parameter", "gradient_norm", "step_ratio", "predicted_change"])
        for line in self.lines:
            if line.health is not None:
                h = line.health
                writer.writerows([line.step, name, h.gradients[name], h.ratios[name], h.predicted[name]] for name in h.gradients)
        return text.getvalue() if any(line.health is not None for line in self.lines) else ""


def _cells(line: Line) -> list[Any]:
    name, amount = line.largest or ("", "")
    norm = "" if line.gradient_norm is None else line.gradient_norm
    changes = ["", ""] if line.health is None else [line.health.change, line.health.actual]
    return [norm, amount, name, *changes]


def line_steps(steps: int, every: int | None = None, per_epoch: int = 1, lines: int = 12) -> int:
    """How many steps lie between two lines: `every`, or a round number that gives about `lines` lines.

    Where an epoch has several steps, and there are enough epochs, lines fall on the beginnings of epochs.
    """
    if every is not None:
        return every
    unit = per_epoch if per_epoch > 1 and steps // per_epoch >= lines // 2 else 1
    wanted = max(1.0, steps / unit / lines)
    size = 1
    while True:
        for factor in (1, 2, 5):
            if size * factor >= wanted:
                return size * factor * unit
        size *= 10
