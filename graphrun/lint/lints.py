"""All lints of a spec that could be built."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from graphrun.build.build import Built
from graphrun.errors import Diagnostic
from graphrun.lint.beginnings import dead_relu, saturated, symmetric
from graphrun.lint.look import Look
from graphrun.lint.losses import unfit_predictions
from graphrun.lint.rates import unusual_learning_rate
from graphrun.lint.shapes import argmax_over_batch, broadcast_by_accident
from graphrun.lint.unused import unused_columns, unused_nodes

__all__ = ["lints"]

LINTS: tuple[Callable[[Look], Iterator[Diagnostic]], ...] = (
    unused_nodes, unfit_predictions, argmax_over_batch, broadcast_by_accident, unusual_learning_rate, dead_relu, symmetric, saturated,
)  # fmt: skip


def lints(built: Built, training: Built | None, columns: Iterable[str]) -> list[Diagnostic]:
    """The warnings about a spec; `columns` are those of its data that fill no input."""
    look = Look(built.spec, built, training)
    found = [*(d for lint in LINTS for d in lint(look)), *unused_columns(look, columns)]
    return list({(d.code, d.place): d for d in reversed(found)}.values())  # what a scan does at each step is told once
