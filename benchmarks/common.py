"""What the benchmarks share: timing, memory, a table, and the compiled step of a model."""

from __future__ import annotations

import importlib.util
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphrun.engines.select import get_engine
from graphrun.train.plan import TrainingPlan


def median(call: Callable[[], object], repeats: int = 7, least: float = 0.05) -> float:
    """Seconds of one call: the median of `repeats` measurements, each of so many calls that it takes `least` seconds."""
    count = 1
    while True:
        began = time.perf_counter()
        for _ in range(count):
            call()
        took = time.perf_counter() - began
        if took >= least:
            break
        count = max(count + 1, int(count * min(10, 1.3 * least / max(took, 1e-9))))
    measured = [took / count]
    for _ in range(repeats - 1):
        began = time.perf_counter()
        for _ in range(count):
            call()
        measured.append((time.perf_counter() - began) / count)
    return statistics.median(measured)


def once(call: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of one call, and what it gave."""
    began = time.perf_counter()
    value = call()
    return time.perf_counter() - began, value


def peak() -> float:
    """The most memory that this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)


def installed(name: str) -> bool:
    """Whether a package is there; says so where it is not."""
    found = importlib.util.find_spec(name) is not None
    if not found:
        print(f"  {name} is not installed")
    return found


def time_text(seconds: float) -> str:
    """Three digits and a unit."""
    for scale, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


@dataclass
class Table:
    """Times beside each other, with ratios to the first."""

    rows: list[tuple[str, float]] = field(default_factory=list)

    def add(self, who: str, seconds: float) -> None:
        """Prints a line at once."""
        self.rows.append((who, seconds))
        print(f"  {who:28} {time_text(seconds):>10} {seconds / self.rows[0][1]:9.2f} x", flush=True)


def agree(who: str, found: Any, expected: Any, tolerance: float = 1e-9) -> None:
    """Stops where two results are not the same."""
    found, expected = np.asarray(found, dtype=float), np.asarray(expected, dtype=float)
    scale = max(1.0, float(np.max(np.abs(expected))))
    off = float(np.max(np.abs(found - expected))) / scale
    if not off <= tolerance:
        sys.exit(f"  {who} does not agree: {off:.2e} apart")
    print(f"  {who} agrees to {off:.0e}")


@dataclass
class Compiled:
    """A model's training step, made ready for batches of some numbers of rows."""

    plan: TrainingPlan
    engine: str
    why: str
    steps: Mapping[int, Any]

    def load(self) -> None:
        """Sets the slots of all steps to their first values."""
        for step in self.steps.values():
            step.load(self.plan.slots_init())


def compiled(model: Any, fed: tuple[str, ...], rows: tuple[int, ...], engine: str = "auto", rows_as: str = "auto") -> Compiled:
    """The training step of `model`, whose inputs `fed` carry rows, for each number of rows."""
    plan = TrainingPlan(model.built_for(True), fed, 1000, model.current, rows[0], {}, rows_as)
    chosen, why = get_engine(engine, plan.step_for(rows[0]))
    made = Compiled(plan, chosen.name, why, {n: chosen.compile(plan.step_for(n)) for n in rows})
    made.load()
    return made
