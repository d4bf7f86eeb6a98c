"""The health of an update: what the gradients are, how far each parameter moves, and whether the loss falls as the gradients say."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

import numpy as np

from graphrun.engines.base import Step

__all__ = ["MOST_NAMED", "OTHERS", "Gauge", "Health", "fineness"]

MOST_NAMED = 128  # parameters with a health of their own; those after them are taken together
OTHERS = "the others"
FINER = 5
TENTH = 0.1
SMALL = 200_000  # numbers computed in a step up to which it is measured that often: about a millisecond
FEW = 5_000  # nodes of such a step


@dataclass(frozen=True, slots=True)
class Health:
    """What one update did, by parameter (of more than 128 the later ones together, as `the others`).

    `gradients` are the norms of the gradients before clipping, `ratios` those of the moves beside the parameters' own before (0 / 0 is 0,
    and inf where only the parameter is 0), `predicted` each parameter's part of the change of the loss that the gradients predict, the sum
    of gradient times move. `actual` is the change that came about, on the rows of the step.
    """

    gradients: Mapping[str, float]
    ratios: Mapping[str, float]
    predicted: Mapping[str, float]
    actual: float

    @property
    def change(self) -> float:
        """The predicted change of the loss."""
        return sum(self.predicted.values())


@dataclass(slots=True)
class Gauge:
    """Measures updates of parameters of these names and sizes.

    `first` and `last` hold the gradients of the first and the last update that was measured, by name; `middle` the step and the parameters
    where the loss had first come down to a tenth.
    """

    sizes: Mapping[str, int]
    first: Mapping[str, Any] = field(default_factory=dict)
    last: Mapping[str, Any] = field(default_factory=dict)
    middle: tuple[int, Mapping[str, Any]] | None = None
    began: float | None = None

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> Gauge:
        """The gauge of parameters like these."""
        return cls({name: int(np.size(value)) for name, value in params.items()})

    def move(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> Any:
        """How far each element went, all parameters one after the other."""
        return self._flat(after) - self._flat(before)

    def largest(self, move: Any, params: Mapping[str, Any]) -> tuple[str, float] | None:
        """The element that moved most, and by how much."""
        if not move.size:
            return None
        at = int(np.argmax(np.abs(move)))
        ends = list(accumulate(self.sizes.values()))
        k = bisect_right(ends, at)
        name = list(self.sizes)[k]
        place = np.unravel_index(at - (ends[k - 1] if k else 0), np.shape(params[name]))
        index = ", ".join(str(int(i)) for i in place)
        return (f"{name}[{index}]" if index else name), float(move[at])

    def health(self, before: Mapping[str, Any], move: Any, gradients: Mapping[str, Any], actual: float) -> Health:
        """The health of an update that began at `before`. A parameter without a gradient is frozen, and left out."""
        self.last = gradients
        self.first = self.first or gradients
        weights = self._flat(before)
        found: dict[str, tuple[float, float, float, float]] = {}
        names = list(self.sizes)
        starts = [0, *accumulate(self.sizes.values())]
        with np.errstate(all="ignore"):
            for name, start, stop in zip(names[:MOST_NAMED], starts, starts[1:], strict=False):
                if name in gradients and stop > start:
                    found[name] = _sums(_joined(gradients, [name]), move[start:stop], weights[start:stop])
            rest = [name for name in names[MOST_NAMED:] if name in gradients and self.sizes[name]]
            if rest:
                moving = np.repeat([name in gradients for name in names], list(self.sizes.values()))
                moving[: starts[MOST_NAMED]] = False
                found[OTHERS] = _sums(_joined(gradients, rest), move[moving], weights[moving])
            return Health(
                gradients={name: float(np.sqrt(gg)) for name, (gg, _, _, _) in found.items()},
                ratios={name: _ratio(dd, ww) for name, (_, dd, ww, _) in found.items()},
                predicted={name: gd for name, (_, _, _, gd) in found.items()},
                actual=actual,
            )

    def pass_by(self, step: int, loss: float, before: Mapping[str, Any]) -> None:
        """Notes the step that is measured next."""
        if self.began is None:
            self.began = loss
        elif self.middle is None and 0 < loss <= TENTH * self.began:
            self.middle = (step, before)

    def _flat(self, values: Mapping[str, Any]) -> Any:
        return _joined(values, list(self.sizes))


def _joined(values: Mapping[str, Any], names: Sequence[str]) -> Any:
    return np.concatenate([np.ravel(values[name]) for name in names]).astype(np.float64) if names else np.zeros(0)


def _sums(gradient: Any, move: Any, weight: Any) -> tuple[float, float, float, float]:
    """Σ g², Σ Δw², Σ w² and Σ g · Δw."""
    return float(gradient @ gradient), float(move @ move), float(weight @ weight), float(gradient @ move)


def _ratio(move: float, weight: float) -> float:
    return float(np.sqrt(move / weight)) if weight else 0.0 if not move else float("inf")


def fineness(step: Step) -> int:
    """How many times as often as a line on the screen is due the health is measured, where the spec does not say.

    A step that is computed in no time is measured five times as often, which gives the report its curves; any other only where a line is
    due. It follows from the spec alone, so that equal runs have equal histories.
    """
    graph = step.graph
    if len(graph) > FEW:
        return 1
    numbers = sum(int(np.prod([d for d in graph.shape(i) if isinstance(d, int)], dtype=np.int64)) for i in range(len(graph)))
    return 1 if numbers > SMALL else FINER
