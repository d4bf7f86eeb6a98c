"""One derivative at a time: forward mode, a sweep over all nodes for each entry of each parameter, with work that is done again marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphrun.errors import UsageError
from graphrun.ir.formula import number, operand
from graphrun.ir.types import is_real
from graphrun.ledger.facts import Facts, is_scalar
from graphrun.ledger.json import json_value
from graphrun.ledger.steps import Step
from graphrun.ledger.views import Block, Equation, View
from graphrun.model.explain import Question, gather
from graphrun.model.opened import Opened

__all__ = ["explain_forward"]

MOST_SWEEPS = 12
MOST_LINES = 240  # of all sweeps together
AGAIN, IDLE = "again", "idle"


@dataclass(frozen=True, slots=True)
class _Source:
    """An entry of a parameter by which one sweep differentiates."""

    node: int
    flat: int
    name: str


def explain_forward(question: Question, wrt: tuple[str, ...] | None) -> View:
    """The ledger of one derivative at a time: p sweeps of n steps each, a step for each number in the spec's own nodes."""
    found = gather(question, wrt)
    facts = found.facts
    opened = Opened(facts, asked=list(found.asked.values()))
    sources = _sources(question, facts, found.nodes, found.asked)
    if not sources:
        raise UsageError("--forward-mode takes a sweep for each parameter, and the value does not depend on any")
    counted = {found.nodes[i]: k for i, k in question.built.counted(question.of).items()}
    n, p = sum(counted.values()), len(sources)
    per = len(opened.steps)
    shown = min(p, MOST_SWEEPS, max(1, MOST_LINES // max(1, per)))
    of = facts.name(facts.of)
    used: set[tuple[int, int]] = set()
    blocks: list[Block] = []
    sweeps: list[dict[str, Any]] = []
    done = {"new": 0, AGAIN: 0, IDLE: 0}
    for k, source in enumerate(sources[:shown], 1):
        rows, marks, value = _sweep(opened, source, counted, used)
        done = {mark: done[mark] + marks[mark] for mark in done}
        cut = len(rows) > MOST_LINES
        notes = [f"… and {len(rows) - MOST_LINES:,} more steps", f"in the end ∂{of}/∂{source.name} = {number(value)}"] if cut else []
        blocks.append(Block(f"SWEEP {k} of {p:,}: by {source.name}, {_steps(n)}", tuple(rows[:MOST_LINES]), tuple(notes)))
        sweeps.append({"parameter": source.name, "steps": sum(marks.values()), **marks, "derivative": json_value(value)})
    blocks.append(_total(of, n, p, shown, done))
    work = {"nodes": n, "parameters": p, "reverse_steps": n + p, "per_parameter_steps": n * p, "shown_sweeps": shown}
    return View(facts, tuple(blocks), {"of": of, "sweeps": sweeps, "work": work})


def _sources(question: Question, facts: Facts, nodes: Any, asked: Any) -> list[_Source]:
    below = facts.graph.ancestors([facts.of])
    trained = {n: nodes[q.node] for n, q in question.built.params.items() if q.node is not None and q.node in nodes and q.trainable}
    wanted = asked or {n: i for n, i in trained.items() if below[i]}
    out = []
    for name, i in wanted.items():
        shape = np.shape(facts.values[i])
        if is_real(facts.graph.dtype(i)):
            size = int(np.prod(shape, dtype=int))
            out += [_Source(i, k, f"{name}{Opened.index_text(shape, k)}") for k in range(size)]
    return out


def _steps(n: int) -> str:
    return "1 step" if n == 1 else f"{n:,} steps"


def _sweep(
    opened: Opened, source: _Source, counted: dict[int, int], used: set[tuple[int, int]]
) -> tuple[list[Equation], dict[str, int], float]:
    """The lines of one sweep, how many of its steps are new, done again, or idle, and the derivative that it comes to."""
    facts = opened.facts
    seed = np.zeros(np.shape(facts.values[source.node]))
    seed.reshape(-1)[source.flat] = 1.0
    moves: dict[int, Any] = {source.node: seed if seed.shape else 1.0}
    rows: list[Equation] = []
    marks = {"new": 0, AGAIN: 0, IDLE: 0}
    for step in opened.steps:
        name = f"∂{opened.notes.name(step.node)}/∂{source.name}"
        ways = [(k, j) for k, j in enumerate(step.operands) if j in moves and step.rule.short_roots[k]]
        factors = {(step.node, k) for k, j in ways if j != source.node}
        mark = IDLE if not ways else AGAIN if factors and factors <= used else "new"
        used |= factors
        marks[mark] += counted.get(step.node, 0)
        if not ways:
            rows.append(Equation(name, (), _zero(facts.values[step.node]), IDLE))
            continue
        if step.scalar:
            value: Any = sum(float(opened.notes.local(step, k)) * float(moves[j]) for k, j in ways)
        else:
            value = opened.move(step, {j: moves[j] for _, j in ways})
        moves[step.node] = value
        rows.append(Equation(name, _parts(opened, step, ways, moves, source), value, AGAIN if mark == AGAIN else ""))
    idle = sorted(set(counted) - {step.node for step in opened.steps})  # a node that is a number does not move, but is visited
    rows += [Equation(f"∂{opened.notes.name(i)}/∂{source.name}", (), _zero(facts.values[i]), IDLE) for i in idle]
    marks[IDLE] += sum(counted[i] for i in idle)
    end = moves.get(facts.of, 0.0)
    return rows, marks, float(np.asarray(end))


def _zero(value: Any) -> Any:
    return np.zeros(np.shape(value)) if np.ndim(value) else 0.0


def _parts(opened: Opened, step: Step, ways: Sequence[tuple[int, int]], moves: dict[int, Any], source: _Source) -> tuple[str, ...]:
    """The chain rule from left to right: local derivative times what came from the operand, in symbols and in numbers."""
    name = opened.notes.name
    symbols, numbers = [], []
    scalar = step.scalar and all(is_scalar(moves[j]) for _, j in ways)
    for k, j in ways:
        local = f"∂{name(step.node)}/∂{name(j)}"
        texts = [name(i) for i in step.operands]
        formula = opened.notes.templates.derivative(step.rule, k, texts, name(step.node), "1")[0] if step.scalar else ""
        if j == source.node and not np.ndim(opened.facts.values[j]):
            symbols.append(formula or local)
            numbers.append(number(opened.notes.local(step, k)) if scalar else "")
        else:
            symbols.append(f"{local} · ∂{name(j)}/∂{source.name}")
            numbers.append(f"{number(opened.notes.local(step, k))} · {operand(number(float(moves[j])))}" if scalar else "")
    parts = [" + ".join(symbols)]
    if scalar and not (len(ways) == 1 and ways[0][1] == source.node):
        parts.append(" + ".join(numbers))
    return tuple(part for part in parts if part)


def _total(of: str, n: int, p: int, shown: int, done: dict[str, int]) -> Block:
    """Where n · p comes from."""
    notes = []
    if shown < p:
        notes.append(f"… and {p - shown:,} more sweeps of {_steps(n)} each.")
    notes.append(f"{p:,} sweeps of {_steps(n)}: {n:,} · {p:,} = {n * p:,} steps.")
    notes.append(
        f"Of the {sum(done.values()):,} steps above {done[AGAIN]:,} are marked `{AGAIN}`, as all that they multiply by was found in "
        f"an earlier sweep, and {done[IDLE]:,} `{IDLE}`, as the parameter does not reach them; {done['new']:,} are new."
    )
    reverse = f"{n:,} + {p:,} = {n + p:,} steps"
    notes.append(f"Reverse mode goes through the nodes once, from {of} back, and has all {p:,} derivatives after {reverse}.")
    return Block("WORK", (), tuple(notes))
