"""A sentence for every step and every gradient."""

from __future__ import annotations

import pytest
from ledger_cases import ann, dense, fan_out, neuron

from graphrun.ledger.ledger import GradientLine, make_ledger
from graphrun.ledger.words import backward_sentence, forward_sentence, reading


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (-4.0, "J falls 4 times as fast as w rises"),
        (2.0, "J rises 2 times as fast as w rises"),
        (1.0, "J rises as fast as w rises"),
        (-1.0, "J falls as fast as w rises"),
        (0.25, "J rises 0.25 times as fast as w rises"),
        (0.0, "J does not move with w here"),
        (float("nan"), "J has no derivative by w here"),
        (float("inf"), "J rises without bound as w rises"),
    ],
)
def test_readings(value: float, words: str) -> None:
    assert reading(GradientLine("w", "∂J/∂w", value, None), "J") == words


def test_the_neuron_in_sentences() -> None:
    ledger = make_ledger(neuron())
    assert forward_sentence(ledger.forward[0]) == "c is w · x: 2 · (-2) = -4."
    told = {line.name: backward_sentence(ledger.facts, line) for line in ledger.backward}
    assert told["J"] == "The backward pass begins at J: J moves by 1 for each unit of itself."
    assert told["d"] == "J depends on d directly: J moves by 2 for each unit of d."
    assert told["w"] == (
        "J moves by 2 for each unit of c, and c moves by -2 for each unit of w: so J moves by 2 · (-2) = -4 for each unit of w."
    )


def test_what_is_used_twice_and_what_is_an_array() -> None:
    ledger = make_ledger(fan_out())
    told = {line.name: backward_sentence(ledger.facts, line) for line in ledger.backward}
    assert told["u"] == "u is used 2 times: 0.6 by way of a, -0.5 by way of b. Together L moves by 0.1 for each unit of u."
    arrays = make_ledger(dense())
    told = {line.name: backward_sentence(arrays.facts, line) for line in arrays.backward}
    assert told["W"].startswith("What arrives at W is xᵀ · ∂J/∂z: [[")
    assert forward_sentence(make_ledger(ann()).forward[3]) == "hat_y is u3: 7."
