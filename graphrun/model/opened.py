"""A graph opened to single numbers: what an entry of a value is used for, entry by entry, with the local derivative of each use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphrun.ledger.facts import Facts
from graphrun.ledger.local import Rules
from graphrun.ledger.notes import Notes
from graphrun.ledger.steps import Step, shown_steps
from graphrun.ledger.web import Edge, Vertex
from graphrun.model.tangents import Tangents, between

__all__ = ["Opened"]


class Opened:
    """The steps of a ledger and their uses. With `expand` every primitive step is one."""

    def __init__(self, facts: Facts, *, expand: bool = False, asked: Sequence[int] = ()) -> None:
        graph = facts.graph
        self.facts, self.graph = facts, graph
        self.rules = Rules(graph)
        self.steps = shown_steps(graph, facts.of, self.rules, expand=expand, asked=asked)
        self.notes = Notes(facts, self.steps)
        self.users: dict[int, list[tuple[Step, int]]] = {}
        for step in self.steps:
            for k, j in enumerate(step.operands):
                if step.rule.short_roots[k]:
                    self.users.setdefault(j, []).append((step, k))
        self._tangents = Tangents(graph, facts.values)

    def name(self, v: Vertex) -> str:
        """`u1`, or `z[0, 1]` for an entry of an array."""
        node, flat = v
        shape = np.shape(self.facts.values[node])
        return f"{self.notes.name(node)}{self.index_text(shape, flat)}"

    @staticmethod
    def index_text(shape: tuple[int, ...], flat: int) -> str:
        """`[0, 1]` of the flat place of an element; nothing for a single number."""
        return f"[{', '.join(str(int(k)) for k in np.unravel_index(flat, shape))}]" if shape else ""

    def uses(self, v: Vertex) -> list[Edge]:
        """The numbers that an entry is used for; of arrays those that move with it."""
        node, flat = v
        out: list[Edge] = []
        for step, k in self.users.get(node, ()):
            if step.scalar:
                names = [self.notes.name(j) for j in step.operands]
                text = self.notes.templates.derivative(step.rule, k, names, self.notes.name(step.node), "1")[0]
                out.append(Edge(v, (step.node, 0), float(self.notes.local(step, k)), text))
                continue
            move = np.zeros(np.shape(self.facts.values[node]))
            move.reshape(-1)[flat] = 1.0
            column = self.move(step, {node: move}).reshape(-1)
            place = np.unravel_index(flat, move.shape)
            out += [
                Edge(v, (step.node, int(m)), float(column[m]), self._text(step, k, [int(p) for p in place], int(m)))
                for m in np.flatnonzero(column)
            ]
        return out

    def move(self, step: Step, moves: dict[int, Any]) -> Any:
        """How a step's result moves where its operands do."""
        return self._tangents.move(step.node, step.operands, moves)

    def _text(self, step: Step, k: int, place: Sequence[int], m: int) -> str | None:
        """The local derivative as written, for an elementwise operation and for a product of matrices; else None."""
        graph, node = self.graph, step.node
        shape = np.shape(self.facts.values[node])
        at = [int(p) for p in np.unravel_index(m, shape)] if shape else []
        if graph.op(node).elementwise and set(graph.inputs(node)) >= set(step.operands):
            names = [f"{self.notes.name(j)}{_entry(np.shape(self.facts.values[j]), at)}" for j in step.operands]
            rule = self.rules.derivative(node)
            return rule.text(k, names, f"{self.notes.name(node)}{_entry(shape, at)}")[0] if len(rule.short_roots) > k else None
        return self._matrix_text(step, step.operands[k], place, at)

    def _matrix_text(self, step: Step, operand: int, place: Sequence[int], at: Sequence[int]) -> str | None:
        """`x[n, i]` for ∂z[n, j]/∂W[i, j] where z = x · W, or that with something added; 1 for what is added."""
        graph = self.graph
        i, node = operand, step.node
        text = "1"
        for _ in range(MOST_STEPS):
            if i == node:
                return text
            users = [u for u in between(graph, node, step.operands) if i in graph.inputs(u)]
            if len(users) != 1:
                return None
            (user,) = users
            op, inputs = graph.op(user).name, graph.inputs(user)
            matrices = op == "matmul" and inputs[0] != inputs[1] and all(len(graph.shape(j)) == 2 for j in (*inputs, user))
            if matrices and text == "1" and len(at) == 2:
                left = inputs[0] == i
                other = inputs[1] if left else inputs[0]
                where = [place[1], at[1]] if left else [at[0], place[0]]
                text = f"{self.notes.name(other)}[{where[0]}, {where[1]}]"
                if other not in step.operands:
                    return None
            elif op not in ("add", "identity") or list(inputs).count(i) > 1:
                return None
            i = user
        return None


MOST_STEPS = 8


def _entry(shape: Sequence[int], at: Sequence[int]) -> str:
    """The index of the operand's entry that a broadcast result's entry is made of."""
    if not shape:
        return ""
    own = at[len(at) - len(shape) :]
    return f"[{', '.join(str(0 if d == 1 else p) for d, p in zip(shape, own, strict=True))}]"
