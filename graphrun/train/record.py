"""The record of a run for its report: curves, weights and gradients before and after, predictions, warnings, as plain values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from graphrun.errors import Diagnostic
from graphrun.train.history import Line
from graphrun.train.loop import Run
from graphrun.train.report import Heading, Predictions, details, duration, prediction_text, weight_texts
from graphrun.train.trace import Failure

__all__ = ["RowGradients", "run_record"]

MOST_POINTS = 1200  # of a curve; of longer ones the least and the largest of each stretch
MOST_SHOWN = 24  # parameters with histograms, and with their elements shown
MOST_ELEMENTS = 1024  # of a parameter whose elements are shown
MOST_COLUMNS = 6  # of data beside a prediction
MOST_WEIGHTS = 200  # parameters in the table of weights
MOST_SPEC = 100_000  # characters of a spec that is shown
BINS = 24
LARGE = 8  # elements of a parameter from which a histogram says something

RowGradients = Sequence[tuple[int, Mapping[str, Sequence[float]]]]
"""At some steps, parameter → its gradient for each of some rows."""


def run_record(
    run: Run,
    heading: Heading,
    *,
    predictions: Predictions | None = None,
    test: Mapping[str, float] | None = None,
    warnings: Sequence[Diagnostic] = (),
    failure: Failure | None = None,
    row_gradients: RowGradients = (),
    computes: str = "",
    spec: str = "",
) -> dict[str, Any]:
    """The record. Numbers of curves have six digits; what is not finite stands as the strings "nan", "inf" and "-inf"."""
    lines = run.history.lines
    return {
        "name": heading.name,
        "details": details(heading, run.steps),
        "outcome": _outcome(run),
        "took": "" if run.failed else duration(run.seconds),
        "loss": [_plain(run.first.get("loss", math.nan)), _plain(run.loss)],
        "scores": _scores(run, test),
        "computes": computes,
        "warnings": [{"code": d.code, "message": d.message, "help": d.help or ""} for d in warnings],
        "failure": None if failure is None else _failure(failure),
        "losses": _curve(range(len(run.history)), run.history.losses),
        "measured": _measured(lines),
        "lines": _lines(lines),
        "parameters": _parameters(lines),
        "weights": _weights(run),
        "more_weights": max(0, len(run.params) - MOST_WEIGHTS),
        "histograms": _histograms(run),
        "predictions": None if predictions is None or not len(predictions.after) else _predictions(predictions),
        "row_gradients": [{"step": step, "of": {n: _numbers(v) for n, v in found.items()}} for step, found in row_gradients],
        "spec": spec if len(spec) <= MOST_SPEC else "",
    }


# -- numbers -------------------------------------------------------------------------------------------------------------


def _plain(x: Any) -> Any:
    """A number as it stands in JSON."""
    x = float(x)
    return x if math.isfinite(x) else str(x)


def _number(x: Any) -> Any:
    """The same with six digits."""
    return _plain(f"{float(x):.6g}")


def _numbers(values: Iterable[Any]) -> list[Any]:
    return [_number(x) for x in values]


def _curve(steps: Sequence[int], values: Sequence[float]) -> list[list[Any]]:
    """Steps and values; of too many the least and the largest of each stretch, in their order, and both ends."""
    if len(values) <= MOST_POINTS:
        return [list(steps), _numbers(values)]
    array = np.asarray(values, dtype=np.float64)
    edges = np.linspace(0, len(array), MOST_POINTS // 2 + 1).astype(int)
    kept = {0, len(array) - 1}
    for a, b in pairwise(edges):
        kept |= {a + int(np.argmin(array[a:b])), a + int(np.argmax(array[a:b]))}
    places = sorted(kept)
    return [[int(steps[k]) for k in places], _numbers(array[places])]


# -- what came out -------------------------------------------------------------------------------------------------------


def _outcome(run: Run) -> str:
    steps = f"{run.steps:,} step{'' if run.steps == 1 else 's'}"
    if run.failed:
        return f"failed at step {run.steps:,}"
    if run.interrupted:
        return f"interrupted after {steps}"
    return f"stopped early after {steps}" if run.stopped_early else steps


def _scores(run: Run, test: Mapping[str, float] | None) -> list[list[Any]]:
    """What was measured at the end: (which rows, name, value)."""
    where = "validation" if run.split == "valid" else "training"
    found: list[list[Any]] = []
    if run.valid_loss is not None:
        found.append([where, "loss", _plain(run.valid_loss)])
    found += [[where, name, _plain(value)] for name, value in run.metrics.items()]
    return found + [["test", name, _plain(value)] for name, value in (test or {}).items()]


def _failure(f: Failure) -> dict[str, Any]:
    return {
        "step": f.step,
        "message": f.message,
        "what": f.what,
        "formula": f.formula,
        "place": "" if f.place is None else str(f.place),
        "line": 0 if f.place is None else f.place.line,
        "because": [list(pair) for pair in f.because],
        "where": f.where,
        "tries": list(f.tries),
    }


# -- curves --------------------------------------------------------------------------------------------------------------


def _measured(lines: Sequence[Line]) -> list[dict[str, Any]]:
    names = dict.fromkeys(name for line in lines for name in line.measured)
    out = []
    for name in names:
        there = [line for line in lines if name in line.measured]
        steps, values = _curve([line.step for line in there], [line.measured[name] for line in there])
        out.append({"name": name, "steps": steps, "values": values})
    return out


def _lines(lines: Sequence[Line]) -> dict[str, list[Any]]:
    healthy = [line for line in lines if line.health is not None]
    return {
        "steps": [line.step for line in healthy],
        "losses": _numbers(line.loss for line in healthy),
        "norms": _numbers(math.nan if line.gradient_norm is None else line.gradient_norm for line in healthy),
        "movers": ["" if line.largest is None else line.largest[0] for line in healthy],
        "moves": _numbers(0.0 if line.largest is None else line.largest[1] for line in healthy),
        "predicted": _numbers(line.health.change for line in healthy if line.health is not None),
        "actual": _numbers(line.health.actual for line in healthy if line.health is not None),
    }


def _parameters(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """The norm of each parameter's gradient, and its move beside itself, at each line."""
    healths = [line.health for line in lines if line.health is not None]
    names = list(healths[0].gradients) if healths else []
    return [
        {"name": n, "gradients": _numbers(h.gradients[n] for h in healths), "ratios": _numbers(h.ratios[n] for h in healths)} for n in names
    ]


# -- parameters ----------------------------------------------------------------------------------------------------------


def _weights(run: Run) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []
    opened = 0
    for name in list(run.params)[:MOST_WEIGHTS]:
        old, new = np.asarray(run.before[name]), np.asarray(run.params[name])
        entry: dict[str, Any] = {"name": name, "shape": list(old.shape), "texts": weight_texts(old, new)}
        if not old.ndim:
            entry |= {"before": _number(old), "after": _number(new)}
        elif old.size <= MOST_ELEMENTS and opened < MOST_SHOWN:
            opened += 1
            entry |= {"before": _numbers(old.ravel()), "after": _numbers(new.ravel())}
        out.append(entry)
    return out


def _histograms(run: Run) -> list[dict[str, Any]]:
    """Of the larger parameters those of their weights and gradients, at the start and at the end; where all are small, of all together."""
    large = [name for name, value in run.params.items() if np.size(value) >= LARGE]
    if large:
        return [_histogram(run, name, [name], list(np.shape(run.params[name]))) for name in large[:MOST_SHOWN]]
    total = sum(int(np.size(value)) for value in run.params.values())
    return [_histogram(run, "all parameters", list(run.params), [total])] if total >= LARGE else []


def _histogram(run: Run, name: str, of: Sequence[str], shape: list[int]) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": name, "shape": shape, "weights": _bins(_joined(run.before, of), _joined(run.params, of))}
    if run.gauge is not None and any(one in run.gauge.first for one in of):
        entry["gradients"] = _bins(_joined(run.gauge.first, of), _joined(run.gauge.last, of))
    return entry


def _joined(values: Mapping[str, Any], of: Sequence[str]) -> Any:
    return np.concatenate([np.ravel(values[name]).astype(np.float64) for name in of if name in values])


def _bins(start: Any, end: Any) -> dict[str, Any]:
    """Counts over equal stretches between the least and the largest finite value, for both the same."""
    finite = [a[np.isfinite(a)] for a in (start, end)]
    both = np.concatenate(finite)
    low, high = (float(both.min()), float(both.max())) if both.size else (0.0, 0.0)
    if not high > low:
        low, high = low - 0.5, high + 0.5
    counts = [np.histogram(a, BINS, (low, high))[0].tolist() for a in finite]
    return {"low": _number(low), "high": _number(high), "start": counts[0], "end": counts[1]}


# -- predictions ---------------------------------------------------------------------------------------------------------


def _predictions(p: Predictions) -> dict[str, Any]:
    """Rows with their cells as text, and the prediction before and after; as numbers where it is one."""
    count = len(p.after)
    others = [name for name in p.cells if name != p.target]
    columns = others if len(others) <= MOST_COLUMNS else others[: MOST_COLUMNS - 1]
    targets = list(p.cells[p.target][:count]) if p.target is not None and p.target in p.cells else []
    single = np.size(p.after) == count and not p.target_is_class
    rows = []
    for k in range(count):
        before, after = (prediction_text(p, values[k]) for values in (p.before, p.after))
        row: dict[str, Any] = {
            "row": p.rows[k] + 1 if p.rows else k + 1,
            "cells": [str(p.cells[name][k]) for name in columns],
            "target": str(targets[k]) if targets else "",
            "before": before,
            "after": after,
            "numbers": None,
            "goal": None,
        }
        if single:
            numbers = [np.ravel(values)[k] for values in (p.before, p.after)]
            row["numbers"] = [_plain(x) for x in numbers]
            row["goal"] = _goal(targets[k]) if targets else None
        rows.append(row)
    found = {"node": p.node, "target": p.target or "", "columns": columns, "more": len(others) - len(columns), "rows": rows}
    return {**found, "classes": p.target_is_class, "of": p.total}


def _goal(cell: Any) -> float | None:
    """The target as a number, where it is one."""
    try:
        value = float(cell)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None
