"""The ledger as a document of plain values, as language.md §8 says, and how any value is put into JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from graphrun.ir.graph import Graph
from graphrun.ir.pause import collection_paused
from graphrun.ledger.facts import BackwardLine, Check, Facts, ForwardLine, Term, Trial, Update
from graphrun.ledger.lines import asked_nodes
from graphrun.ledger.local import Rules, operands_of, plain_constant
from graphrun.ledger.notes import Notes
from graphrun.ledger.steps import Step, shown_steps
from graphrun.ledger.text import MOST_GRADIENTS, ROUNDING, trial_text
from graphrun.ledger.words import backward_sentence, forward_sentence, reading

if TYPE_CHECKING:
    from graphrun.ledger.ledger import GradientLine, Ledger

__all__ = ["MOST_ELEMENTS", "json_text", "json_value", "ledger_json"]

MOST_ELEMENTS = 10_000
"""Arrays of more elements are described, not written out."""
MOST_LINES = 50_000
"""A ledger of more lines has its primitive steps alone."""


def json_value(value: Any) -> Any:
    """A number, boolean or (nested) list; an array of over 10,000 elements as shape, dtype and statistics.

    JSON has no word for what is not finite: the strings `"nan"`, `"inf"` and `"-inf"` stand in, which Python's `float()` reads.
    None is null.
    """
    if getattr(value, "shape", None) == ():
        value = value.item()
    if type(value) is float:
        return value if math.isfinite(value) else _finite(value)
    if value is None or isinstance(value, (bool, int, str)):
        return value
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
    """The document, as `schema.json` beside this file describes it: the keys of language.md §8, and what else the ledger says.

    `nodes` has every primitive step, whatever lines the text has; `forward` and `backward` are those lines, each with its sentence. A
    ledger of over 50,000 lines is without these two, which say again what `nodes` says.

    Constants without a name are not among the `inputs` of a node, but stand as numbers among its `operands`. `local` has the derivative of
    a step by each input: as for one element where the operation is elementwise, with its value (an array where the operands are); else the
    formula of what the step hands back, with null. Times are in it only where they were taken.
    """
    with collection_paused():
        return _ledger_json(ledger)


def _ledger_json(ledger: Ledger) -> dict[str, Any]:
    facts = ledger.facts
    n, p = facts.nodes, facts.parameters
    small = len(ledger.forward) + len(ledger.backward) <= MOST_LINES
    document: dict[str, Any] = {
        "spec": facts.spec,
        "about": " ".join(facts.about.split()),
        "file": facts.path,
        "loss": {"name": _loss_name(facts), "value": json_value(facts.values[facts.of])},
        "inputs": {leaf.name: json_value(leaf.value) for leaf in ledger.inputs},
        "parameters": {leaf.name: json_value(leaf.value) for leaf in ledger.parameters},
        "constants": {leaf.name: json_value(leaf.value) for leaf in ledger.constants},
        "nodes": _nodes(ledger),
        **({"forward": [_forward(line) for line in ledger.forward]} if small else {}),
        **({"backward": [_backward(facts, ledger.of, line) for line in ledger.backward]} if small else {}),
        "gradients": _gradients(facts),
        "work": {"nodes": n, "parameters": p, "reverse_steps": n + p, "per_parameter_steps": n * p},
    }
    for key, text in (("row", facts.row), ("where", facts.where)):
        if text:
            document[key] = text
    document["readings"] = [_reading(line, ledger.of) for line in ledger.gradients[:MOST_GRADIENTS]]
    if facts.trials:
        document["trials"] = [_trial(t) for t in facts.trials]
    if facts.agreement is not None:
        document["agreement"] = _finite(_bounded(facts.agreement))
    if facts.checks:
        document["checks"] = [_check(check) for check in facts.checks]
        document["compared"] = {"entries": facts.entries_checked[0], "of": facts.entries_checked[1]}
    document["kinks"] = [
        {"name": k.name, "formula": k.formula, "where": k.where, "derivative": k.instead, "elements": k.count} for k in facts.kinks
    ]
    if facts.update is not None:
        document["update"] = _update(facts.update)
    if facts.timing is not None:
        t = facts.timing
        document["timing"] = {
            "reverse_seconds": t.reverse,
            "per_parameter_seconds": t.single,
            "passes": t.passes,
            "measured_passes": t.measured,
            "extrapolated": t.measured < t.passes,
        }
    return document


def json_text(document: Mapping[str, Any]) -> str:
    """A document as text: an entry of a long list to a line, so that it can be read, compared and written quickly."""
    out = []
    for key, value in document.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            rows = ",\n    ".join([_ENCODE(entry) for entry in value])
            out.append(f"  {_ENCODE(key)}: [\n    {rows}\n  ]")
        else:
            out.append(f"  {_ENCODE(key)}: {_ENCODE(value)}")
    return "{\n" + ",\n".join(out) + "\n}\n"


_ENCODE = json.JSONEncoder(ensure_ascii=False, check_circular=False).encode


def _forward(line: ForwardLine) -> dict[str, Any]:
    return {
        "step": line.number,
        "name": line.name,
        "formula": line.formula,
        "numbers": line.numbers,
        "value": json_value(line.value),
        "sentence": forward_sentence(line),
    }


def _backward(facts: Facts, of: str, line: BackwardLine) -> dict[str, Any]:
    return {
        "name": line.name,
        "kind": line.kind,
        "symbol": line.symbol,
        "terms": [_term(of, line.name, term) for term in line.terms],
        "forms": list(line.parts),
        "value": json_value(line.value),
        "shapes": line.shapes,
        "sentence": backward_sentence(facts, line),
    }


def _term(of: str, name: str, term: Term) -> dict[str, Any]:
    """A term of a sum: what arrives, from the backward pass, times the local derivative, known from the forward pass."""
    up = term.upstream_name
    upstream = {"name": up, "symbol": f"∂{of}/∂{up}", "value": json_value(term.upstream_gradient), "pass": "backward"}
    local = {"symbol": f"∂{up}/∂{name}", "formula": term.formula, "value": json_value(term.value), "pass": "forward"}
    if term.value is None:
        local["formula"] = None
        return {"upstream": upstream, "local": local, "formula": term.formula, "product": None}
    formula = f"{upstream['symbol']} · {local['symbol']}"
    return {"upstream": upstream, "local": local, "formula": formula, "product": json_value(term.product)}


def _reading(line: GradientLine, of: str) -> dict[str, Any]:
    value = json_value(line.value)
    return {"name": line.name, "symbol": line.symbol, "value": value, "words": reading(line, of), "tried": trial_text(line, of)}


def _trial(t: Trial) -> dict[str, Any]:
    lowered = {} if t.lowered is None else {"lowered": _finite(_rounded(t.lowered))}
    return {"name": t.name, "delta": t.delta, "change": _finite(_rounded(t.change)), **lowered, "gradient": _finite(t.gradient)}


def _rounded(x: float) -> float:
    """A difference to nine digits: the rest is rounding, and not the same on every machine."""
    return float(f"{x:.9g}")


def _bounded(error: float) -> float:
    """A relative error to one digit, at least 1e-9."""
    return max(float(f"{error:.1g}"), ROUNDING)


def _check(c: Check) -> dict[str, Any]:
    return {
        "name": c.label,
        "gradient": _finite(c.gradient),
        "central_difference": _finite(_rounded(c.difference)),
        "relative_error": _finite(_bounded(c.error)),
        "kink": c.kink,
    }


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


def _nodes(ledger: Ledger) -> list[dict[str, Any]]:
    facts, graph = ledger.facts, ledger.facts.graph
    rules = Rules(graph)
    if ledger.primitive is not None:
        steps, notes = ledger.primitive
    else:
        steps = shown_steps(graph, facts.of, rules, expand=True)
        notes = Notes(facts, steps)
    constants: dict[int, Any] = {}
    out = []
    for step in steps:
        i = step.node
        names, operands = [], []
        for j in graph.inputs(i):
            if plain_constant(graph, j):
                if j not in constants:
                    constant = json_value(constant_value(graph, j))
                    constants[j] = {"constant": constant} if isinstance(constant, str) else constant  # a text is always a name
                operands.append(constants[j])
            else:
                name = notes.name(j)
                names.append(name)
                operands.append(name)
        value, attrs = facts.values[i], graph.attrs(i)
        out.append(
            {
                "name": notes.name(i),
                "op": graph.op(i).name,
                "inputs": names,
                "operands": operands,
                "attributes": _attributes(attrs) if attrs else {},
                "formula": notes.formula(step),
                "shape": list(value.shape),
                "value": json_value(value),
                "gradient": json_value(facts.gradients.get(i)),
                "local": _scalar_local(notes, step) if step.scalar else _array_local(notes, rules, step),
                "line": graph.line(i),
            }
        )
    return out


def constant_value(graph: Graph, i: int) -> Any:
    """The value of a constant, in its shape."""
    return np.asarray(graph.attrs(i)["value"], dtype=graph.dtype(i)).reshape([d for d in graph.shape(i) if isinstance(d, int)])


def _attributes(attrs: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain_attribute(value) for name, value in attrs.items()}


def _plain_attribute(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain_attribute(v) for v in value]
    return json_value(value) if value is None or isinstance(value, bool | int | float | str) else str(value)


def _scalar_local(notes: Notes, step: Step) -> list[dict[str, Any]]:
    names = [notes.name(j) for j in step.operands]
    rule, mine, write = step.rule, notes.name(step.node), notes.templates.derivative
    return [
        {"input": names[k], "formula": write(rule, k, names, mine, "1")[0], "value": json_value(value)}
        for k, value in enumerate(notes.locals[step.node])
        if rule.short_roots[k]
    ]


def _array_local(notes: Notes, rules: Rules, step: Step) -> list[dict[str, Any]]:
    facts, i = notes.facts, step.node
    graph, values = facts.graph, facts.values
    operands = operands_of(graph, i)
    elementwise = graph.op(i).elementwise
    direct = i == facts.of
    rule = rules.derivative(i) if elementwise else step.rule
    names = [notes.name(j) for j in operands]
    mine = notes.name(i)
    arriving = "1" if direct else f"∂{notes.of}/∂{mine}"
    out = []
    for k in range(len(operands)):
        if not rule.short_roots[k]:
            continue
        value = None
        if elementwise:
            value = np.broadcast_to(rule.value(k, [values[m] for m in operands], values[i]), np.shape(values[i]))
        out.append({"input": names[k], "formula": rule.text(k, names, mine, arriving)[0], "value": json_value(value)})
    return out
