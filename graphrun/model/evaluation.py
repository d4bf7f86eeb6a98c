"""`graphrun eval`: loss and metrics of a model over one split of its data, with `training` false."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphrun.errors import UsageError, nearest
from graphrun.model.feeds import row_feeds
from graphrun.model.measure import Measure

if TYPE_CHECKING:
    from graphrun.model.model import Model

__all__ = ["SPLITS", "Evaluation", "evaluate_model"]

SPLITS = ("test", "valid", "train")
"""In the order in which they are looked for where none is named."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was measured: over all `rows` of `split`. Without data `split` is None, and the defaults were fed."""

    split: str | None
    rows: int
    loss: float | None
    metrics: Mapping[str, float]


def evaluate_model(model: Model, split: str | None = None) -> Evaluation:
    """Loss and metrics at the current parameters (their averages with `train.ema`) over `split`: where none is named over `test`, else
    `valid`, else the training rows.

    Raises UsageError where there is no such split, or nothing to measure.
    """
    built, data = model.built, model.dataset
    if built.loss is None and not built.metrics:
        raise UsageError("this spec has neither a loss nor metrics, so there is nothing to measure")
    splits = {s: data.split(s) for s in SPLITS if data.split(s)} if data is not None else {}
    if split is not None and split not in splits:
        near = nearest(split, splits)
        there = ", ".join(splits) or "none: the spec has no `data`"
        raise UsageError(f"there are no rows called `{split}`" + (f"; did you mean `{near}`?" if near else f"; there are {there}"))
    chosen = split or next(iter(splits), None)
    arrays = splits.get(chosen or "", {})
    given = {n: a[0] if built.one_row else a for n, a in arrays.items()}
    feeds = row_feeds(built, given, None, lambda: None, by_hand=False)
    constants = {n: v for n, v in feeds.values.items() if n not in arrays}
    found = Measure(built, constants, {chosen or "": arrays})(model.measured, chosen or "")
    rows = len(next(iter(arrays.values()), ())) if arrays else 0
    return Evaluation(chosen, rows, found.pop("loss", None), found)
