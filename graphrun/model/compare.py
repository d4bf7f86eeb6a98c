"""Each gradient tried out (± 0.001) and beside its central difference, in float64; kinks told apart from mistakes."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphrun.autodiff.check import central_difference
from graphrun.ir.graph import Graph
from graphrun.ir.types import is_real
from graphrun.ledger.facts import Check, Trial
from graphrun.model.moved import Moved, widened

__all__ = ["Compared", "compare"]

TRIED = 20  # gradients that are read out and tried
COMPARED = 64  # entries compared with central differences
WHOLE = 4  # arrays of so many entries are compared entry by entry
DRAWN = 2  # of larger ones, so many entries beside the one with the largest gradient
DELTA = 1e-3
PASSES = 4  # of a central difference
VISITS = 1_500_000  # nodes visited for all this together


@dataclass(frozen=True)
class Compared:
    """What came of it. `agreement` is the worst relative error away from kinks, `entries` how many of how many were compared singly."""

    trials: tuple[Trial, ...] = ()
    checks: tuple[Check, ...] = ()
    agreement: float | None = None
    entries: tuple[int, int] = (0, 0)


def compare(
    graph: Graph, of: int, leaves: Mapping[int, Any], tried: Mapping[str, int], gradients: Mapping[int, Any], values: Sequence[Any]
) -> Compared:
    """Tries and compares the gradients of `of` by the nodes `tried`, as far as a bound on the work allows.

    Of a large array some entries are compared, drawn by its name, and the derivative along a random direction, in which all have a
    share; where not every value has its turn, last of all a direction through all of them.
    """
    named = {n: i for n, i in tried.items() if i in gradients and values[i] is not None and is_real(graph.dtype(i))}
    if not named:
        return Compared()
    work = _Work(graph, of, leaves, values, gradients)
    total = sum(int(np.size(values[i])) for i in named.values())
    whole: Check | None = None
    budget = VISITS // max(1, work.visits)
    if len(named) > TRIED or budget < 6 * len(named):
        budget -= PASSES
        whole = work.along(named)
    trials: list[Trial] = []
    checks: list[Check] = []
    compared = 0
    for name, node in named.items():
        if budget < 2 or (len(trials) >= TRIED and compared >= COMPARED):
            break
        entries = _entries(name, gradients[node])
        for k, index in enumerate(entries):
            if k == 0 and len(trials) < TRIED and budget >= 2:
                budget -= 2
                trials.append(work.trial(name, node, index))
            if compared < COMPARED and budget >= PASSES:
                budget -= PASSES
                compared += 1
                checks.append(work.entry(name, node, index))
        if np.size(gradients[node]) > len(entries) and compared < COMPARED and budget >= PASSES:
            budget -= PASSES
            checks.append(work.along({name: node}))
    if whole is not None:
        checks.append(whole)
    plain = [c.error for c in checks if not c.kink]
    worst = max(plain, key=lambda e: np.inf if np.isnan(e) else e) if plain else None
    return Compared(tuple(trials), tuple(checks), worst, (compared, total))


def _entries(name: str, gradient: Any) -> list[tuple[int, ...]]:
    """The indices that are compared: the one with the largest gradient first."""
    flat = np.abs(np.asarray(gradient, dtype="float64")).reshape(-1)
    if flat.size == 0:
        return []
    order = np.argsort(-flat, kind="stable")
    if flat.size > WHOLE:
        drawn = np.random.default_rng(zlib.crc32(name.encode())).permutation(flat.size)
        order = np.array(list(dict.fromkeys([int(order[0]), *(int(k) for k in drawn)]))[: 1 + DRAWN])
    return [tuple(int(k) for k in np.unravel_index(int(i), np.shape(gradient))) for i in order]


def label(name: str, index: tuple[int, ...]) -> str:
    """`W[0, 1]`, or the name alone."""
    return f"{name}[{', '.join(map(str, index))}]" if index else name


class _Work:
    """The graph in float64, and what its end comes to where a value is moved."""

    def __init__(self, graph: Graph, of: int, leaves: Mapping[int, Any], values: Sequence[Any], gradients: Mapping[int, Any]) -> None:
        self.moved = Moved(graph, of, leaves, values)
        self.visits, self.base = self.moved.visits, self.moved.base
        self.values: Sequence[Any] = self.moved.values if self.moved.graph is graph else [None if v is None else widened(v) for v in values]
        self.gradients = gradients

    def trial(self, name: str, node: int, index: tuple[int, ...]) -> Trial:
        changes = []
        for delta in (DELTA, -DELTA):
            array = np.array(self.values[node])
            array[index] += delta
            changes.append(self.moved.at({node: array})[0] - self.base)
        return Trial(label(name, index), DELTA, changes[0], float(self.gradients[node][index]), changes[1])

    def entry(self, name: str, node: int, index: tuple[int, ...]) -> Check:
        value = np.array(self.values[node])
        found, kink = self._difference(lambda array: {node: array}, value, index)
        return self._check(name, label(name, index), float(self.gradients[node][index]), found, kink)

    def along(self, named: Mapping[str, int]) -> Check:
        """Along one random direction of length 1 through all of the values named."""
        rng = np.random.default_rng(zlib.crc32(" ".join(named).encode()))
        directions = {i: rng.normal(size=np.shape(self.values[i])) for i in named.values()}
        length = float(np.sqrt(sum(float(np.sum(d * d)) for d in directions.values()))) or 1.0
        directions = {i: d / length for i, d in directions.items()}
        slope = sum(float(np.sum(np.asarray(self.gradients[i], dtype="float64") * d)) for i, d in directions.items())
        found, kink = self._difference(lambda t: {i: self.values[i] + float(t) * d for i, d in directions.items()}, np.zeros(()), ())
        name = next(iter(named)) if len(named) == 1 else ""
        return self._check(name, f"{name or 'all of them'}, direction", slope, found, kink)

    def _difference(self, moved: Callable[[Any], Mapping[int, Any]], value: Any, index: tuple[int, ...]) -> tuple[float, bool]:
        """The central difference, and whether it reaches over a kink."""
        crossed = False

        def at(array: Any) -> float:
            nonlocal crossed
            end, sides = self.moved.at(moved(array))
            crossed = crossed or sides > 0
            return end

        return central_difference(at, value, index), crossed

    def _check(self, name: str, text: str, slope: float, found: float, kink: bool) -> Check:
        # differences carry the rounding of the end itself: below a millionth of it an error says nothing, and far below it is all there is
        scale = max(1.0, abs(self.base))
        found = 0.0 if abs(found) < 1e-12 * scale else found
        size = max(abs(slope), abs(found), 1e-6 * scale)
        return Check(name, text, slope, found, abs(found - slope) / size, kink)
