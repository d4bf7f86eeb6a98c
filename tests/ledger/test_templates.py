"""What templates write is what is written without them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from ledger_cases import Net, neuron

from graphrun.ir.formula import formula_text, number
from graphrun.ledger.local import Rules
from graphrun.ledger.notes import Notes
from graphrun.ledger.steps import shown_steps
from graphrun.ledger.templates import Templates
from graphrun.ops.activation import RELU, SIGMOID
from graphrun.ops.arithmetic import ADD, DIV, LOG, MUL, NEG, POWER, SUB

MAKERS = [
    lambda b, x, y, n: MUL(b, x, y),
    lambda b, x, y, n: MUL(b, x, x),
    lambda b, x, y, n: NEG(b, x),
    lambda b, x, y, n: SUB(b, x, y),
    lambda b, x, y, n: SUB(b, n(2), y),
    lambda b, x, y, n: DIV(b, x, y),
    lambda b, x, y, n: POWER(b, x, n(2)),
    lambda b, x, y, n: MUL(b, n(0.5), x),
    lambda b, x, y, n: MUL(b, n(-3), x),
    lambda b, x, y, n: MUL(b, n(9182300009182.0), x),
    lambda b, x, y, n: LOG(b, x),
    lambda b, x, y, n: SIGMOID(b, x),
    lambda b, x, y, n: RELU(b, y),
    lambda b, x, y, n: MUL(b, n(0.5), POWER(b, SUB(b, x, y), n(2))),
    lambda b, x, y, n: ADD(b, MUL(b, x, y), MUL(b, n(2), x)),
]


@pytest.mark.parametrize("k", range(len(MAKERS)))
def test_formulas_in_names_and_numbers(k: int) -> None:
    net = Net()
    numbers = itertools.product([2, -3, 1e-5, -1e-9, np.inf], [4, -0.5])
    pairs = [(net.param(f"x{j}", a), net.param(f"y{j}", c)) for j, (a, c) in enumerate(numbers)]
    ends = [net.node(f"z{j}", lambda b, x=x, y=y: MAKERS[k](b, x, y, net.num)) for j, (x, y) in enumerate(pairs)]
    total = ends[0]
    for j, end in enumerate(ends[1:]):
        total = net.node(f"t{j}", lambda b, t=total, e=end: ADD(b, t, e))
    facts = net.facts(f"t{len(ends) - 2}")
    steps = [s for s in shown_steps(facts.graph, facts.of, Rules(facts.graph)) if facts.name(s.node).startswith("z")]
    notes, values = Notes(facts, steps), facts.values
    for step in steps:
        inside = set(step.operands).__contains__
        assert notes.formula(step) == formula_text(facts.graph, step.node, facts.name, inside)
        written = formula_text(facts.graph, step.node, lambda i: number(values[i].item()), inside)
        texts = [notes.value(j) for j in step.operands]
        assert notes.templates.formula(step.node, step.operands, step.rule, texts, numbers=True) == written
        for m in range(len(step.operands)):
            names = [facts.name(j) for j in step.operands]
            mine = facts.name(step.node)
            assert notes.templates.derivative(step.rule, m, names, mine, "∂J/∂z") == step.rule.text(m, names, mine, "∂J/∂z")
            with np.errstate(all="ignore"):
                one = step.rule.value(m, [values[j] for j in step.operands], values[step.node])
            np.testing.assert_allclose(notes.local(step, m), one, rtol=1e-14)


def test_alike_steps_are_written_once(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = neuron()
    steps = shown_steps(facts.graph, facts.of, Rules(facts.graph))
    templates = Templates(facts.graph)
    first = steps[0]
    assert templates.formula(first.node, first.operands, first.rule, ["p", "q"]) == "p · q"
    monkeypatch.setattr(templates, "written", lambda *args: pytest.fail("written afresh"))
    assert templates.formula(first.node, first.operands, first.rule, ["r", "s"]) == "r · s"
