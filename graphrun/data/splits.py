"""Which rows are for training, validation and test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphrun.data.order import permutation

__all__ = ["divide"]


def divide(sizes: Mapping[str, int], seed: int, labels: Sequence[Any] | None = None) -> dict[str, list[int]]:
    """Draws the rows of each split, given how many it gets; within a split they keep the file's order.

    With `labels` (a cell for each row) each class is divided in proportion: the rows of a class are spread evenly over one long sequence,
    which is then cut. So the sizes are exact, and each class's share in a split is within one row of its share in the whole.
    """
    total = sum(sizes.values())
    order = permutation(seed, "split", total)
    if labels is not None:
        order = _interleaved(order, labels)
    out = {}
    start = 0
    for split, size in sizes.items():
        out[split] = sorted(int(i) for i in order[start : start + size])
        start += size
    return out


def _interleaved(order: Any, labels: Sequence[Any]) -> Any:
    """`order`, with the rows of each class spread evenly."""
    members: dict[str, list[int]] = {}
    for i in order:
        members.setdefault(str(labels[i]), []).append(int(i))
    at = np.empty(len(order))
    for rows in members.values():
        at[rows] = (np.arange(len(rows)) + 0.5) / len(rows)
    return order[np.argsort(at[order], kind="stable")]
