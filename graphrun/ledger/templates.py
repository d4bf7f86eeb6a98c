"""Formulas and derivatives as templates: steps that are alike are written once, then only their names and numbers are put in."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from graphrun.ir.formula import formula_text
from graphrun.ir.graph import Graph
from graphrun.ledger.local import Rule

__all__ = ["Templates"]

_MARK = "91823"  # begins and ends a stand-in, which looks like a number: brackets are then set as around a number
_PLACE = re.compile(rf"(?:-{_MARK}1|{_MARK}0)(\d{{4}}){_MARK}")  # a negative number's stand-in has its minus with it
_NUMBER = re.compile(r"-?\d[\d.]*(e[+-]?\d+)?")
MOST = 1500
"""A text of more characters is written afresh each time: its length may decide how it is written."""

Pieces = tuple[str | int, ...]


def _cut(text: str) -> Pieces | None:
    """Literal texts and the numbers of the places between them; None where that cannot be told apart."""
    if len(text) > MOST:
        return None
    parts = _PLACE.split(text)
    out = tuple(int(part) if k % 2 else part for k, part in enumerate(parts))
    return None if any(isinstance(part, str) and _MARK in part for part in out) else out


def _filled(pieces: Pieces, texts: Sequence[str]) -> str:
    return "".join([texts[p] if type(p) is int else p for p in pieces])  # type: ignore[misc]


def _stand_in(k: int, minus: bool = False) -> str:
    return f"{f'-{_MARK}1' if minus else f'{_MARK}0'}{k:04d}{_MARK}"


class Templates:
    """Writes the formulas of a graph's steps. Steps with the same rule are alike but for the nodes that they are made of."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._formulas: dict[tuple[int, tuple[bool, ...]], Pieces | None] = {}
        self._derivatives: dict[tuple[int, int], tuple[Pieces | None, int]] = {}
        self._kept: dict[int, Rule] = {}  # so that no rule's number is given to another one

    def formula(self, node: int, operands: Sequence[int], rule: Rule, texts: Sequence[str], numbers: bool = False) -> str:
        """The formula of a step of scalars, with `texts` (names, or `numbers`) for its operands."""
        signs = tuple(text.startswith("-") for text in texts) if numbers else ()
        if numbers and not all(_NUMBER.fullmatch(text) for text in texts):
            return self.written(node, operands, texts)
        self._kept[id(rule)] = rule
        key = (id(rule), signs)
        if key not in self._formulas:
            stand_ins = [_stand_in(k, bool(signs) and signs[k]) for k in range(len(texts))]
            self._formulas[key] = _cut(self.written(node, operands, stand_ins))
        pieces = self._formulas[key]
        return _filled(pieces, texts) if pieces is not None else self.written(node, operands, texts)

    def written(self, node: int, operands: Sequence[int], texts: Sequence[str]) -> str:
        """The formula of any step."""
        known = dict(zip(operands, texts, strict=True))
        leaf: Callable[[int], str] = known.__getitem__
        return formula_text(self._graph, node, leaf, known.__contains__)

    def derivative(self, rule: Rule, k: int, names: Sequence[str], out: str, arriving: str) -> tuple[str, int]:
        """The derivative of a step by its operand k in names, and how tightly it binds (see :meth:`Rule.text`)."""
        self._kept[id(rule)] = rule
        key = (id(rule), k)
        n = len(names)
        if key not in self._derivatives:
            text, binding = rule.text(k, [_stand_in(j) for j in range(n)], _stand_in(n), _stand_in(n + 1))
            self._derivatives[key] = (_cut(text), binding)
        pieces, binding = self._derivatives[key]
        if pieces is None:
            return rule.text(k, names, out, arriving)
        return _filled(pieces, [*names, out, arriving]), binding
