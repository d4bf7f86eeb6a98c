"""The difference as a JSON document."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from graphrun.changes.facts import Cost, Difference, Entry, EntryChange, ParamFacts

__all__ = ["to_json"]


def to_json(difference: Difference) -> dict[str, Any]:
    """Everything that changed, as plain values; docs/diff.md says what each key holds."""
    a, b = difference.names
    totals = difference.totals
    return {
        "before": a,
        "after": b,
        "same": difference.empty,
        "cost": {"before": _cost(totals.before), "after": _cost(totals.after)},
        "entries": [_entry(e) for e in difference.changed],
        "parameters": [{"before": _param(p.before), "after": _param(p.after)} for p in difference.params],
        "settings": [
            {"section": s.section, "key": s.key, "before": s.values[0], "after": s.values[1]} for s in difference.settings
        ],
        "faults": {
            "before": [d.to_json() for d in difference.faults[0]],
            "after": [d.to_json() for d in difference.faults[1]],
        },
    }  # fmt: skip


def _cost(cost: Cost | None) -> dict[str, Any] | None:
    if cost is None:
        return None
    steps = {"parameters": cost.parameters, "forward_steps": cost.forward, "backward_steps": cost.backward}
    return {**steps, "multiply_adds": cost.multiply_adds, "memory": cost.memory}


def _entry(e: EntryChange) -> dict[str, Any]:
    return {
        "change": "renamed" if e.change == "same" else e.change,
        "kind": e.entry.kind,
        "before": _facts(e.before),
        "after": _facts(e.after),
        "details": [asdict(d) for d in e.details],
        "follows": list(e.follows),
    }


def _facts(entry: Entry | None) -> dict[str, Any] | None:
    if entry is None:
        return None
    facts = {"shape": entry.shape, "dtype": entry.dtype, "parameters": entry.count, "steps": entry.steps}
    return {"name": entry.name, "formula": entry.formula, **facts}


def _param(p: ParamFacts | None) -> dict[str, Any] | None:
    if p is None:
        return None
    return {"name": p.name, "shape": list(p.shape), "dtype": p.dtype, "trainable": p.trainable, "count": p.count}
