"""Batches: the order of an epoch follows from the seed and the epoch's number alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphrun.data.order import permutation

__all__ = ["Batches"]


@dataclass(frozen=True, slots=True)
class Batches:
    """How rows are dealt into batches. Without `batch` a step takes all rows, in the file's order unless `shuffle` is true."""

    rows: int
    batch: int | None = None
    shuffle: bool | None = None
    drop_last: bool = False
    seed: int = 0
    _latest: dict[int, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def size(self) -> int:
        """Rows of a full batch."""
        return self.rows if self.batch is None else min(self.batch, self.rows)

    @property
    def shuffled(self) -> bool:
        """Whether each epoch has an order of its own."""
        return self.shuffle if self.shuffle is not None else self.batch is not None

    @property
    def per_epoch(self) -> int:
        """Steps of one pass over the rows. The last one may have fewer rows, unless it is dropped."""
        full, rest = divmod(self.rows, self.size) if self.size else (0, 0)
        return full + (1 if rest and not self.drop_last else 0)

    @property
    def constant(self) -> bool:
        """Whether every step meets the same rows in the same order."""
        return self.size == self.rows and not self.shuffled

    def rows_at(self, step: int) -> int:
        """How many rows step `step` (from 0) meets."""
        start = step % self.per_epoch * self.size
        return min(self.size, self.rows - start)

    def at(self, step: int) -> Any:
        """The rows of a step: a slice where the order is the file's, else an int64 array of indices."""
        epoch, k = divmod(step, self.per_epoch)
        start = k * self.size
        stop = min(start + self.size, self.rows)
        if not self.shuffled:
            return slice(start, stop)
        order = self._latest.get(epoch)
        if order is None:
            self._latest.clear()
            order = self._latest[epoch] = permutation(self.seed, f"epoch {epoch}", self.rows)
        return order[start:stop]

    def take(self, feeds: Mapping[str, Any], step: int) -> dict[str, Any]:
        """The rows of each feed that a step meets."""
        rows = self.at(step)
        return {name: value[rows] for name, value in feeds.items()}
