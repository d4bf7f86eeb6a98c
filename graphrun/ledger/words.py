"""A plain sentence for every step of both passes, and for every gradient at the end."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from graphrun.ir.formula import number, operand
from graphrun.ledger.facts import BackwardLine, Facts, ForwardLine, Term, is_scalar
from graphrun.ledger.layout import value_text

if TYPE_CHECKING:
    from graphrun.ledger.ledger import GradientLine

__all__ = ["backward_sentence", "forward_sentence", "reading"]

MOST_WAYS = 4


def forward_sentence(line: ForwardLine) -> str:
    """`c is w · x: 2 · (-2) = -4.`"""
    value = value_text(line.value)[0]
    if not line.formula:
        return f"{line.name} is {value}."
    return f"{line.name} is {line.formula}: {f'{line.numbers} = ' if line.numbers else ''}{value}."


def backward_sentence(facts: Facts, line: BackwardLine) -> str:
    """What is handed back to a value, and how much the end moves with it."""
    of, name = facts.name(facts.of), line.name
    total = value_text(line.value)[0]
    if line.node == facts.of:
        return f"The backward pass begins at {of}: {of} moves by 1 for each unit of itself."
    if not line.terms:
        return f"{of} does not depend on {name}."
    if not is_scalar(line.value) or any(term.value is None for term in line.terms):
        return f"What arrives at {name} is {line.parts[0] if line.parts else 'nothing'}: {total}."
    if len(line.terms) == 1:
        return _one_way(of, name, line.terms[0], total)
    ways = [
        f"{number(_float(t.value))} directly" if t.direct else f"{number(t.product or 0.0)} by way of {t.upstream_name}"
        for t in line.terms[:MOST_WAYS]
    ]
    if len(line.terms) > MOST_WAYS:
        ways = [*ways[:-1], f"{len(line.terms) - MOST_WAYS + 1:,} more"]
    return f"{name} is used {len(line.terms):,} times: {', '.join(ways)}. Together {of} moves by {total} for each unit of {name}."


def _one_way(of: str, name: str, term: Term, total: str) -> str:
    local = number(_float(term.value))
    if term.direct:
        return f"{of} depends on {name} directly: {of} moves by {total} for each unit of {name}."
    arriving = number(_float(term.upstream_gradient))
    through = term.upstream_name
    return (
        f"{of} moves by {arriving} for each unit of {through}, and {through} moves by {local} for each unit of {name}: "
        f"so {of} moves by {arriving} · {operand(local)} = {total} for each unit of {name}."
    )


def _float(value: object) -> float:
    return float(value)  # type: ignore[arg-type]


def reading(line: GradientLine, of: str) -> str:
    """A gradient in words: `J falls 4 times as fast as w rises`. Empty for an array, which is no one number."""
    if not is_scalar(line.value):
        return ""
    slope, name = float(line.value), line.name
    if math.isnan(slope):
        return f"{of} has no derivative by {name} here"
    if slope == 0:
        return f"{of} does not move with {name} here"
    moves = "rises" if slope > 0 else "falls"
    size = abs(slope)
    if math.isinf(size):
        return f"{of} {moves} without bound as {name} rises"
    if size == 1:
        return f"{of} {moves} as fast as {name} rises"
    return f"{of} {moves} {number(size, 3)} times as fast as {name} rises"
