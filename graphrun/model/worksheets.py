"""Sheets of a spec: the one with its own numbers, variants with others, the same for the same seed, and the marking of answers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from graphrun.engines.reference import evaluate
from graphrun.errors import Diagnostic, UsageError
from graphrun.ir.types import is_real
from graphrun.ledger.ledger import Ledger
from graphrun.ledger.marking import Answers, Mark, mark
from graphrun.ledger.worksheet import blanks
from graphrun.model.model import Model

__all__ = ["marked", "variant"]

TRIES = 200
LARGEST = 2_000.0
HANDY = 100.0  # the largest number that is still easy to work with
WHOLE = (-4, -3, -2, -1, 1, 2, 3, 4, 5)
TENTHS = tuple(k / 10 for k in range(-10, 11) if k)


def variant(model: Model, k: int, seed: int, row: int | str | None = None, at: Mapping[str, Any] | None = None) -> Ledger:
    """The ledger of sheet k: 0 is the spec's own, others have inputs and parameters of their own, but for those that `at` gives.

    A number is whole where the spec's is, else a tenth from -1 to 1. They are drawn anew until every value is finite, none is larger than
    a person likes to work with, no step stands on a kink, and no gradient is zero; where there are none such, the nearest to it are taken.
    Raises UsageError where none are found that can be worked with at all.
    """
    at = at or {}
    own = model.ledger(row=row, at=at)
    blanks(own)  # tells of arrays
    if k == 0:
        return own
    random = Random(f"{seed}/{k}/{model.name}")
    real = {name for name, info in model.built.inputs.items() if is_real(info.dtype)}
    drawn_from = {
        leaf.name: WHOLE if float(leaf.value).is_integer() else TENTHS
        for leaf in (*own.inputs, *own.parameters)
        if leaf.name not in at and (leaf.name in real or leaf.name in model.built.params)
    }
    best: tuple[tuple[int, float], Ledger] | None = None
    for _ in range(TRIES):
        drawn = {name: float(random.choice(choices)) for name, choices in drawn_from.items()}
        ledger = model.ledger(row=row, at={**at, **drawn})
        values = [blank.value for blank in blanks(ledger)]
        if ledger.facts.kinks or not all(math.isfinite(value) and abs(value) <= LARGEST for value in values):
            continue
        score = (sum(value == 0 for value in values), max([HANDY, *map(abs, values)]))
        if best is None or score < best[0]:
            best = (score, ledger)
        if score == (0, HANDY):
            break
    if best is None:
        message = f"no numbers were found for sheet {k} with which every step can be worked out by hand"
        raise UsageError(Diagnostic("no-worksheet", message, help="give some of them: --at x=1"))
    return best[1]


def marked(ledger: Ledger, answers: Answers) -> list[Mark]:
    """Compares answers with a ledger, and names the mistakes (:mod:`graphrun.ledger.marking`)."""
    graph, values = ledger.facts.graph, ledger.facts.values
    fed = {i: values[i] for i in range(len(graph)) if not graph.inputs(i) and values[i] is not None}

    def again(given: Mapping[int, float]) -> Sequence[Any]:
        return evaluate(graph, {**fed, **given}, [ledger.facts.of])

    return mark(ledger, answers, again)
