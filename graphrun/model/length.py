"""The number of updates of the run that a spec describes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphrun.build.optimizer import whole_setting
from graphrun.data.batches import Batches
from graphrun.errors import DataError, Reporter
from graphrun.train.loop import Options, run_length

if TYPE_CHECKING:
    from graphrun.model.model import Model

__all__ = ["planned_steps"]


def planned_steps(model: Model) -> int | None:
    """The number of updates of the run that the spec of a model describes; None where it gives no length, or has epochs of rows that
    cannot be read."""
    section = model.spec.model.train
    if section is None:
        return None
    steps, epochs, batch = (whole_setting(model.spec, key, Reporter()) for key in ("steps", "epochs", "batch"))
    if steps is not None or epochs is None:
        return steps
    try:
        data = model.dataset
    except DataError:
        return None
    rows = len(next(iter(data.train.values()))) if data is not None and data.train else 1
    batches = Batches(rows, batch, section.shuffle, section.drop_last, section.seed)
    return run_length(Options(epochs=epochs, accumulate=section.accumulate or 1), batches.per_epoch)
