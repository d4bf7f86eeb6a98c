"""How long the gradient takes in reverse mode, and one derivative at a time."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphrun.engines.reference import evaluate
from graphrun.ir.graph import Graph
from graphrun.ledger.facts import Timing

__all__ = ["measured"]

PATIENCE = 1.0  # seconds within which all passes of one derivative at a time are made
SAMPLE = 3  # passes that are made where that is not enough, to extrapolate from
REPEATS = 5


def measured(both: Graph, of: int, gradients: Sequence[int], leaves: Mapping[int, Any], params: Sequence[int]) -> Timing:
    """Measures both ways with the reference engine: forward and backward once; and forward once for each entry of a parameter, with that
    entry moved a little. Beyond a second the latter is extrapolated from three passes."""
    reverse = _least(lambda: evaluate(both, leaves, [of, *gradients]))
    forward = _least(lambda: evaluate(both, leaves, [of]))
    entries = [(i, k) for i in params for k in range(int(np.size(leaves[i])))]
    some = entries if forward * len(entries) < PATIENCE else entries[:SAMPLE]
    start = time.perf_counter()
    for i, k in some:
        moved = np.array(leaves[i], dtype="float64")
        moved.reshape(-1)[k] += 1e-3
        evaluate(both, {**leaves, i: moved}, [of])
    spent = time.perf_counter() - start
    return Timing(reverse, spent * len(entries) / len(some) if some else 0.0, len(entries), len(some))


def _least(work: Any) -> float:
    """The shortest of some times; a long one is not repeated."""
    best = float("inf")
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
        if best > PATIENCE / REPEATS:
            break
    return best
