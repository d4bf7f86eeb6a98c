"""The ledger as a document of plain values, as language.md §8 says, and how any value is put into JSON."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from graphrun.ir.formula import formula_text
from graphrun.ir.leaves import LEAVES
from graphrun.ledger.lines import asked_nodes
from graphrun.ledger.local import Rules, operands_of, plain_constant

if TYPE_CHECKING:
    from graphrun.ledger.facts import Facts, Update
    from graphrun.ledger.ledger import Ledger

__all__ = ["MOST_ELEMENTS", "json_value", "ledger_json"]

MOST_ELEMENTS = 10_000
"""Arrays of more elements are described, not written out."""


def json_value(value: Any) -> Any:
    """A number, boolean or (nested) list; an array of over 10,000 elements as shape, dtype and statistics.

    JSON has no word for what is not finite: the strings `"nan"`, `"inf"` and `"-inf"` stand in, which Python's `float()` reads.
    None is null.
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return _finite(value)
    array = np.asarray(value)
    if array.size > MOST_ELEMENTS:
        return _described(array)
    out = array.tolist()
    return _mapped(out) if array.dtype.kind == "f" and not np.isfinite(array).all() else out


def _finite(x: float) -> float | str:
    if math.isfinite(x):
        return x
    return "nan" if math.isnan(x) else "inf" if x > 0 else "-inf"


def _mapped(value: Any) -> Any:
    return [_mapped(v) for v in value] if isinstance(value, list) else _finite(value)


def _described(array: Any) -> dict[str, Any]:
    with np.errstate(all="ignore"):
        wide = array.astype("float64")
        numbers = {"mean": wide.mean(), "std": wide.std(), "min": wide.min(), "max": wide.max(), "norm": np.linalg.norm(wide.ravel())}
    return {"shape": list(array.shape), "dtype": str(array.dtype), **{key: _finite(float(x)) for key, x in numbers.items()}}


def ledger_json(ledger: Ledger) -> dict[str, Any]:
    """The document. Beside the documented keys: `row`, `trials`, `agreement` and `update`, where there is one, and each node's `formula`.

    `nodes` has every primitive step, whatever lines the text has. Constants without a name are not among the `inputs` of a node.
    `local` has the derivative of a step by each input: as for one element where the operation is elementwise, with its value (an array
    where the operands are); else the formula of what the step hands back, with null.
    """
    facts = ledger.facts
    n, p = facts.nodes, facts.parameters
    document: dict[str, Any] = {
        "spec": facts.spec,
        "loss": {"name": _loss_name(facts), "value": json_value(facts.values[facts.of])},
        "nodes": _nodes(facts),
        "gradients": _gradients(facts),
        "work": {"nodes": n, "parameters": p, "reverse_steps": n + p, "per_parameter_steps": n * p},
    }
    if facts.row is not None:
        document["row"] = facts.row
    if facts.trials:
        document["trials"] = [
            {"name": t.name, "delta": t.delta, "change": _finite(t.change), "gradient": _finite(t.gradient)} for t in facts.trials
        ]
    if facts.agreement is not None:
        document["agreement"] = _finite(facts.agreement)
    if facts.update is not None:
        document["update"] = _update(facts.update)
    return document


def _loss_name(facts: Facts) -> str:
    """The name of what was differentiated; of the mean over rows, that of what it is the mean of."""
    inputs = facts.graph.inputs(facts.of)
    return facts.graph.name(inputs[0] if facts.graph.owner(facts.of) is None and len(inputs) == 1 else facts.of)


def _update(update: Update) -> dict[str, Any]:
    return {
        "optimizer": update.optimizer,
        "params": {name: {"before": json_value(old), "after": json_value(new)} for name, old, new in update.parameters},
        "loss": {"before": _finite(update.before), "after": _finite(update.after)},
    }


def _gradients(facts: Facts) -> dict[str, Any]:
    """By name: of parameters, inputs and the spec's own nodes, or of what was asked for alone."""
    asked = asked_nodes(facts)
    tables = (facts.params, facts.inputs, facts.entries)
    found = {name: i for table in tables for name, i in table.items() if i in facts.gradients}
    if facts.wrt is not None:
        return {facts.name(i): json_value(facts.gradients.get(i, 0.0)) for i in sorted(asked)}
    return {name: json_value(facts.gradients[i]) for name, i in found.items()}


def _nodes(facts: Facts) -> list[dict[str, Any]]:
    graph, rules = facts.graph, Rules(facts.graph)
    marks = graph.ancestors([facts.of])
    names: dict[int, str] = {}

    def name(i: int) -> str:
        known = names.get(i)
        if known is None:
            known = names[i] = facts.name(i)
        return known

    out = []
    for i in range(facts.of + 1):
        if not marks[i] or graph.op(i) in LEAVES:
            continue
        value = facts.values[i]
        stop = set(graph.inputs(i))
        out.append(
            {
                "name": name(i),
                "op": graph.op(i).name,
                "inputs": [name(j) for j in graph.inputs(i) if not plain_constant(graph, j)],
                "formula": formula_text(graph, i, name, stop.__contains__),
                "shape": list(getattr(value, "shape", ())),
                "value": json_value(value),
                "gradient": json_value(facts.gradients.get(i)),
                "local": _local(facts, rules, i),
                "line": graph.line(i),
            }
        )
    return out


def _local(facts: Facts, rules: Rules, i: int) -> list[dict[str, Any]]:
    graph, values = facts.graph, facts.values
    operands = operands_of(graph, i)
    elementwise = graph.op(i).elementwise
    direct = i == facts.of
    rule = rules.derivative(i) if elementwise else rules.product(i, direct)
    names = [facts.name(j) for j in operands]
    mine = facts.name(i)
    arriving = "1" if direct else f"∂{facts.name(facts.of)}/∂{mine}"
    out = []
    for k in range(len(operands)):
        if not rule.short_roots[k]:
            continue
        value = None
        if elementwise:
            value = np.broadcast_to(rule.value(k, [values[m] for m in operands], values[i]), np.shape(values[i]))
        out.append({"input": names[k], "formula": rule.text(k, names, mine, arriving)[0], "value": json_value(value)})
    return out
