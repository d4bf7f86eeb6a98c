"""What the page shows, as plain values: the boxes of the diagram, the steps of both passes, and the graph as a program for the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from graphrun.ir.leaves import INPUT, LEAVES, PARAM, STATE
from graphrun.ledger.facts import Check, Facts, Kink, Timing, is_scalar
from graphrun.ledger.html.program import program
from graphrun.ledger.json import json_value
from graphrun.ledger.layout import size_text, value_text
from graphrun.ledger.lines import shape_text
from graphrun.ledger.local import plain_constant
from graphrun.ledger.text import agreement_text, shortened, trial_text
from graphrun.ledger.words import backward_sentence, forward_sentence, reading

if TYPE_CHECKING:
    from graphrun.ledger.facts import BackwardLine, Update
    from graphrun.ledger.ledger import GradientLine, Ledger

__all__ = ["page_data"]

MOST_SPEC = 200_000
"""A spec of more characters is not shown on the page."""


def page_data(ledger: Ledger, spec_text: str | None = None) -> dict[str, Any]:
    """The document that the page's scripts read. Numbers are exact; an array is described as the terminal does it."""
    facts = ledger.facts
    boxes, places = _boxes(ledger)
    text = facts.text if spec_text is None else spec_text
    return {
        "name": facts.spec,
        "about": " ".join(facts.about.split()),
        "path": "" if facts.path.startswith("<") else facts.path,
        "row": "   ".join(text for text in (facts.row, facts.where) if text),
        "of": ledger.of,
        "end": places[facts.of],
        "loss": facts.wrt is None,
        "boxes": boxes,
        "steps": [*_forward(ledger, places), *_backward(ledger, places)],
        "checks": {name: _check(found) for name, found in _checks(facts).items()},
        "gradients": [
            {"name": g.name, "symbol": g.symbol, "value": _value(g.value), "reading": _reading(g, ledger.of)} for g in ledger.gradients
        ],
        "agreement": agreement_text(facts, len(ledger.gradients)),
        "kinks": [_kink_text(kink) for kink in facts.kinks],
        "work": [facts.nodes, facts.parameters],
        "timing": _timing_text(facts.timing),
        "update": None if facts.update is None else _update(facts.update),
        "spec": text.splitlines() if len(text) <= MOST_SPEC else [],
        "program": program(facts, places),
    }


def _value(value: Any) -> Any:
    """A number as it is, an array as text (in full where it is small, and by its shape and size); None for what there is not."""
    if value is None:
        return None
    if is_scalar(value):
        return json_value(value.item() if hasattr(value, "item") else value)
    text, written = value_text(value)
    return [text, f"{shape_text(value.shape)}  {size_text(value)}"] if written else [text]


def _boxes(ledger: Ledger) -> tuple[list[dict[str, Any]], dict[int, int]]:
    """A box for each line of the forward pass and for each leaf under it, in order of the graph; and node → box."""
    facts = ledger.facts
    graph = facts.graph
    formulas = {line.node: line.formula for line in ledger.forward}
    under = {node: _operands(facts, node, formulas) for node in formulas}
    nodes = sorted({j for found in under.values() for j in found} | set(formulas) | {facts.of})
    places = {node: k for k, node in enumerate(nodes)}
    boxes = []
    for node in nodes:
        box = {
            "name": facts.name(node),
            "kind": _kind(facts, node),
            "formula": formulas.get(node, ""),
            "type": str(graph.type(node)),
            "value": _value(facts.values[node]),
            "line": graph.line(node),
            "uses": [places[j] for j in under.get(node, ())],
        }
        if node in facts.gradients:
            box["gradient"] = _value(facts.gradients[node])
        boxes.append(box)
    return boxes, places


def _operands(facts: Facts, node: int, shown: Mapping[int, str]) -> list[int]:
    """What the formula of a line is made of: the leaves and the other lines right under it."""
    graph = facts.graph
    found: dict[int, None] = {}
    seen = {node}
    stack = [*reversed(graph.inputs(node))]
    while stack:
        i = stack.pop()
        if i in seen:
            continue
        seen.add(i)
        if i in shown or (graph.op(i) in LEAVES and not plain_constant(graph, i)):
            found[i] = None
        else:
            stack.extend(reversed(graph.inputs(i)))
    return list(found)


def _kind(facts: Facts, i: int) -> str:
    op = facts.graph.op(i)
    if i == facts.of:
        return "loss"
    kinds = {INPUT: "input", PARAM: "parameter", STATE: "state"}
    return kinds.get(op, "constant" if op in LEAVES else "step")


def _forward(ledger: Ledger, places: Mapping[int, int]) -> list[dict[str, Any]]:
    return [
        {"pass": "forward", "box": places[line.node], "numbers": line.numbers or "", "sentence": forward_sentence(line)}
        for line in ledger.forward
    ]


def _backward(ledger: Ledger, places: Mapping[int, int]) -> list[dict[str, Any]]:
    return [_step(ledger.facts, line, places) for line in ledger.backward if line.node in places]


def _step(facts: Facts, line: BackwardLine, places: Mapping[int, int]) -> dict[str, Any]:
    terms = [
        {"of": places[t.upstream], "formula": t.formula, "value": None if t.value is None else _value(t.value), "direct": t.direct}
        for t in line.terms
    ]
    return {
        "pass": "backward",
        "box": places[line.node],
        "parts": list(shortened(line)),
        "shapes": line.shapes or "",
        "terms": terms,
        "sentence": backward_sentence(facts, line),
    }


def _reading(line: GradientLine, of: str) -> str:
    """A gradient in words, and what came of trying it."""
    trial = trial_text(line, of)
    texts = (reading(line, of), trial[:1].upper() + trial[1:])
    return " ".join(f"{text}." for text in texts if text)


def _checks(facts: Facts) -> dict[str, list[Check]]:
    """What was compared with central differences, by the name of the value."""
    found: dict[str, list[Check]] = {}
    for check in facts.checks:
        found.setdefault(check.name, []).append(check)
    return found


def _check(found: Sequence[Check]) -> dict[str, Any]:
    """The central difference of a number; of an array the worst relative error alone."""
    kink = any(check.kink for check in found)
    worst = max((check.error for check in found if not check.kink), default=None)
    whole = found[0] if len(found) == 1 and found[0].label == found[0].name else None
    return {"difference": None if whole is None else json_value(whole.difference), "error": json_value(worst), "kink": kink}


def _kink_text(kink: Kink) -> str:
    many = f" for {kink.count:,} of its elements" if kink.count > 1 else ""
    return f"{kink.name} = {kink.formula} stands on a kink, {kink.where}{many}: the derivative taken there is {kink.instead}."


def _timing_text(timing: Timing | None) -> str:
    """`measured here: 0.21 µs against 0.22 µs`."""
    if timing is None:
        return ""
    guess = "" if timing.measured >= timing.passes else f" (from {timing.measured:,} of {timing.passes:,})"
    return f"measured here: {_duration(timing.reverse)} against {_duration(timing.single)}{guess}"


def _duration(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} µs"


def _update(update: Update) -> dict[str, Any]:
    names: Sequence[tuple[str, Any, Any]] = update.parameters
    return {
        "optimizer": update.optimizer,
        "params": [[name, _value(old), _value(new)] for name, old, new in names],
        "before": json_value(update.before),
        "after": json_value(update.after),
    }
