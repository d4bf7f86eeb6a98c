"""Sheets of a spec: the one with its own numbers, and variants with others, the same for the same seed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from random import Random
from typing import Any

from graphrun.errors import Diagnostic, UsageError
from graphrun.ir.types import is_real
from graphrun.ledger.ledger import Ledger
from graphrun.ledger.worksheet import blanks
from graphrun.model.model import Model

__all__ = ["variant"]

TRIES = 200
LARGEST = 2_000.0
WHOLE = (-4, -3, -2, -1, 1, 2, 3, 4, 5)
TENTHS = tuple(k / 10 for k in range(-10, 11) if k)


def variant(model: Model, k: int, seed: int, row: int | str | None, at: Mapping[str, Any]) -> Ledger:
    """The ledger of sheet k: 0 is the spec's own, others have inputs and parameters of their own.

    Their numbers are whole where the spec's are, else tenths from -1 to 1; they are drawn anew until every value is finite and of a size
    that a person works with, no step stands on a kink, and few gradients are zero. Raises UsageError where none such are found.
    """
    if k == 0:
        return model.ledger(row=row, at=at)
    own = model.ledger(row=row, at=at)
    count = len(blanks(own))  # tells of arrays
    random = Random(f"{seed}/{k}/{model.name}")
    real = {name for name, info in model.built.inputs.items() if is_real(info.dtype)}
    leaves = {leaf.name: float(leaf.value) for leaf in (*own.inputs, *own.parameters) if leaf.name not in model.built.inputs or leaf.name in real}
    whole = all(value.is_integer() for value in leaves.values())
    best: tuple[int, Ledger] | None = None
    for _ in range(TRIES):
        drawn = {name: float(random.choice(WHOLE if whole else TENTHS)) for name in leaves if name not in at}
        try:
            ledger = model.ledger(row=row, at={**at, **drawn})
        except UsageError:
            continue
        found = blanks(ledger)
        if len(found) < count - 2 or ledger.facts.kinks or not all(math.isfinite(b.value) and abs(b.value) <= LARGEST for b in found):
            continue
        zeros = sum(b.value == 0 for b in found)
        if best is None or zeros < best[0]:
            best = (zeros, ledger)
        if zeros == 0:
            break
    if best is None:
        message = f"no numbers were found for sheet {k} with which every step can be worked out by hand"
        raise UsageError(Diagnostic("no-worksheet", message, help="give some by hand: --at x=1"))
    return best[1]
