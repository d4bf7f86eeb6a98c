"""What the lines of one ledger have in common, worked out once: names, numbers as text, and the local derivatives of all steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphrun.ir.formula import number
from graphrun.ledger.facts import Facts, is_scalar
from graphrun.ledger.local import Rule
from graphrun.ledger.steps import Step
from graphrun.ledger.templates import Templates

__all__ = ["Notes"]


class Notes:
    """Names and numbers of the steps of a ledger."""

    def __init__(self, facts: Facts, steps: Sequence[Step]) -> None:
        self.facts = facts
        self.of = facts.name(facts.of)
        self.templates = Templates(facts.graph)
        self._names: dict[int, str] = {}
        self._plain: dict[int, Any] = {}
        self._values: dict[int, str] = {}
        self._gradients: dict[int, str] = {}
        self._numbers: dict[float, str] = {}
        self.locals = _local_values(self, steps)

    def name(self, i: int) -> str:
        """The name of a node."""
        found = self._names.get(i)
        if found is None:
            found = self._names[i] = self.facts.name(i)
        return found

    def plain(self, i: int) -> Any:
        """The value of a node of one number, as Python's own number."""
        found = self._plain.get(i)
        if found is None:
            found = self._plain[i] = as_number(self.facts.values[i])
        return found

    def value(self, i: int) -> str:
        """The value of a node of one number, as text."""
        found = self._values.get(i)
        if found is None:
            found = self._values[i] = self.number(self.plain(i))
        return found

    def gradient(self, i: int) -> str:
        """The gradient of a node of one number, as text."""
        found = self._gradients.get(i)
        if found is None:
            found = self._gradients[i] = self.number(as_number(self.facts.gradients[i]))
        return found

    def number(self, x: Any) -> str:
        """A number as text; the same ones come again and again."""
        if type(x) is not float:
            return number(x)
        found = self._numbers.get(x)
        if found is None:
            found = self._numbers[x] = number(x)
        return found

    def local(self, step: Step, k: int) -> Any:
        """The derivative of a step of scalars by its operand k, as a number."""
        return self.locals[step.node][k]

    def formula(self, step: Step) -> str:
        """The formula of a step in names."""
        names = [self.name(j) for j in step.operands]
        if step.scalar:
            return self.templates.formula(step.node, step.operands, step.rule, names)
        return self.templates.written(step.node, step.operands, names)

    def numbers(self, step: Step) -> str | None:
        """The formula of a step in numbers; None where arrays are in it, or there is nothing to put in."""
        values = self.facts.values
        if not step.operands or not is_scalar(values[step.node]) or not all(is_scalar(values[j]) for j in step.operands):
            return None
        texts = [self.value(j) for j in step.operands]
        if step.scalar:
            text = self.templates.formula(step.node, step.operands, step.rule, texts, numbers=True)
        else:
            text = self.templates.written(step.node, step.operands, texts)
        return None if text == self.value(step.node) else text


def as_number(value: Any) -> Any:
    """A NumPy scalar as Python's own number."""
    item = getattr(value, "item", None)
    return item() if item is not None else value


def _local_values(notes: Notes, steps: Sequence[Step]) -> dict[int, list[Any]]:
    """For each step of scalars its derivative by each operand (None where there is none), found for all steps that are alike at once."""
    alike: dict[int, list[Step]] = {}
    for step in steps:
        if step.scalar:
            alike.setdefault(id(step.rule), []).append(step)
    out: dict[int, list[Any]] = {}
    for group in alike.values():
        rule: Rule = group[0].rule
        count = len(group[0].operands)
        columns = [np.array([notes.plain(step.operands[k]) for step in group]) for k in range(count)]
        graph = notes.facts.graph
        columns = [column.astype(graph.dtype(j)) for column, j in zip(columns, group[0].operands, strict=True)]
        results = np.array([notes.plain(step.node) for step in group], dtype=graph.dtype(group[0].node))
        found = [rule.values(k, columns, results) if rule.raw_roots[k] else [None] * len(group) for k in range(count)]
        for m, step in enumerate(group):
            out[step.node] = [found[k][m] for k in range(count)]
    return out
