"""Marking a worksheet: which answers are right, which follow from wrong ones, and what went wrong at the others."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any

from graphrun.ir.formula import number
from graphrun.ir.graph import Graph
from graphrun.ir.leaves import CONST
from graphrun.ledger.facts import is_scalar
from graphrun.ledger.ledger import Ledger, make_ledger
from graphrun.ledger.worksheet import Blank, blanks

__all__ = ["Again", "Answers", "Mark", "mark"]

NEAR = 5e-3
"""An answer that is off by this much, relative to what is right, is right: three digits are enough."""

NONE = 1e-6
"""What is off by no more than this is right in any case."""

FACTORS = (2.0, 0.5, 10.0, 0.1, 100.0, 0.01)
_SGD = re.compile(r"sgd\((lr=)?[\d.e+-]+\)")

Answers = Mapping[str, Mapping[str, float | None]]
"""Part → name → what was answered, None where nothing was."""

Again = Callable[[Mapping[int, float]], Sequence[Any]]
"""The values of the forward pass, by node, with those of some nodes given in place of what they compute."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What is said of one answer. `follows`: it is wrong only because answers before it are."""

    blank: Blank
    answer: float | None
    right: bool
    follows: bool = False
    mistake: str = ""


@dataclass(frozen=True, slots=True)
class _Given:
    """An answer that was given."""

    blank: Blank
    answer: float
    right: bool


def mark(ledger: Ledger, answers: Answers, again: Again) -> list[Mark]:
    """Compares answers with the ledger, and names the mistakes."""
    found = blanks(ledger)
    given = [_Given(b, a, _near(a, b.value)) for b in found if (a := answers.get(b.part, {}).get(b.name)) is not None]
    own = _Own(ledger, given, again)
    out: list[Mark] = []
    for blank in found:
        answer = answers.get(blank.part, {}).get(blank.name)
        if answer is None or _near(answer, blank.value):
            out.append(Mark(blank, answer, answer is not None))
        else:
            out.append(_marked(ledger, blank, answer, own, again))
    return out


def _near(a: float, b: float) -> bool:
    return a == b or math.isclose(a, b, rel_tol=NEAR, abs_tol=NONE)


def _marked(ledger: Ledger, blank: Blank, answer: float, own: _Own, again: Again) -> Mark:
    """What is said of a wrong answer."""
    as_told = own.blank(blank)
    if not _near(as_told.value, blank.value):
        blame = f"your {own.blamed(blank)}, which is wrong above"
        if _near(answer, as_told.value):
            return Mark(blank, answer, False, True, f"right by {blame}")
        told = next(_mistakes(ledger, as_told, answer, own.values(blank), again), "")
        if told:
            return Mark(blank, answer, False, mistake=f"{told}; it builds on {blame}")
    return Mark(blank, answer, False, mistake=next(_mistakes(ledger, blank, answer, again({}), again), ""))


# -- what follows from answers that are wrong --------------------------------------------------------------------------


class _Own:
    """What the blanks would be by the answers that were given before them."""

    def __init__(self, ledger: Ledger, given: Sequence[_Given], again: Again) -> None:
        self._ledger, self._given, self._again = ledger, given, again
        self._answers = {(g.blank.part, g.blank.name): g for g in given}
        self._gradients = self._backward(given)

    def values(self, blank: Blank) -> Sequence[Any]:
        """The values of the forward pass by the answers that stand before a blank."""
        return self._values(self._before(blank))

    def _before(self, blank: Blank) -> list[_Given]:
        return list(takewhile(lambda g: (g.blank.part, g.blank.name) != (blank.part, blank.name), self._given))

    def _values(self, given: Sequence[_Given]) -> Sequence[Any]:
        return self._again({g.blank.node: g.answer for g in given if g.blank.part == "forward"})

    def _backward(self, given: Sequence[_Given]) -> dict[str, Blank]:
        """The gradients by the answers of the forward pass and those that are handed on."""
        forward = [g for g in given if g.blank.part == "forward"]
        ledger = self._ledger
        if not all(g.right for g in forward):
            ledger = make_ledger(replace(ledger.facts, values=self._values(forward)))
        found: dict[str, Blank] = {}
        handed: dict[str, float] = {}
        for line, blank in zip(ledger.backward, (b for b in blanks(self._ledger) if b.part == "backward"), strict=True):
            terms = tuple(t if t.direct else replace(t, upstream_gradient=handed[t.upstream_name]) for t in line.terms)
            value = sum((t.product or 0.0) for t in terms) if terms else blank.value
            found[blank.name] = replace(blank, value=value, terms=terms)
            answer = self._answers.get(("backward", blank.name))
            handed[blank.name] = value if answer is None else answer.answer
        return found

    def blank(self, blank: Blank) -> Blank:
        """The blank with the value, terms and gradient that it would have."""
        if blank.part == "forward":
            return replace(blank, value=float(self.values(blank)[blank.node]))
        if blank.part == "backward":
            return self._gradients[blank.name]
        update = self._ledger.facts.update
        answer = self._answers.get(("backward", blank.name))
        if update is None or answer is None or not blank.gradient or not _SGD.fullmatch(update.optimizer.replace(" ", "")):
            return blank  # of other optimizers the step is not a multiple of the gradient
        step = (blank.value - blank.before) / blank.gradient * answer.answer
        return replace(blank, value=blank.before + step, gradient=answer.answer)

    def blamed(self, blank: Blank) -> str:
        """The wrong answer that this one builds on: the nearest where there are several."""
        wrong = [g for g in self._before(blank) if not g.right]
        if blank.part == "update":
            return self._answers["backward", blank.name].blank.symbol
        above = {t.upstream_name for t in blank.terms if not t.direct}
        for g in reversed(wrong):
            if blank.part == "backward" and g.blank.part == "backward" and g.blank.name in above:
                return g.blank.symbol
        as_told = self.blank(blank).value
        for g in reversed(wrong):
            mended = [replace(g, answer=g.blank.value, right=True) if other is g else other for other in self._given]
            if not _near(_Own(self._ledger, mended, self._again).blank(blank).value, as_told):
                return g.blank.symbol
        return wrong[0].blank.symbol


# -- what went wrong ---------------------------------------------------------------------------------------------------


def _mistakes(ledger: Ledger, blank: Blank, answer: float, values: Sequence[Any], again: Again) -> Iterator[str]:
    """What may have gone wrong, likeliest first."""
    right = blank.value
    if blank.part == "update":
        yield from _of_update(blank, answer)
        return
    if right and _near(answer, -right):
        yield "the sign is wrong"
    if blank.part == "forward":
        yield from _of_step(ledger, blank, answer, values, again)
    else:
        yield from _of_terms(ledger, blank, answer)
    if right and answer:
        for factor in FACTORS:
            if _near(answer, right * factor):
                times = f"{number(factor)} times what is right"
                yield f"it is {times if factor > 1 else f'what is right divided by {number(1 / factor)}'}"


def _of_step(ledger: Ledger, blank: Blank, answer: float, values: Sequence[Any], again: Again) -> Iterator[str]:
    """A step of the forward pass computed with an operand of the wrong sign, or without one, or without a square."""
    graph = ledger.facts.graph
    operands, inner = _operands(ledger, blank.node)
    fixed = {j: float(values[j]) for j in operands if is_scalar(values[j])}

    def same(changed: Mapping[int, float]) -> bool:
        return _near(answer, float(again({**fixed, **changed})[blank.node]))

    named = {j: f"{graph.name(j)} = {number(value)}" for j, value in fixed.items()}
    for j, value in fixed.items():
        if value and same({j: -value}):
            yield f"the sign of {named[j]} is wrong"
    for i in inner:
        base = float(values[graph.inputs(i)[0]])
        if (graph.op(i).name == "square" or _is_square(graph, i)) and same({i: base}):
            yield "the square is missing"
    if len(fixed) > 1:
        for j, value in fixed.items():
            if value != 1 and same({j: 1.0}):
                yield f"the factor {named[j]} is missing"
        for j, value in fixed.items():
            if value and same({j: 0.0}):
                yield f"the part with {named[j]} is missing"


def _operands(ledger: Ledger, node: int) -> tuple[list[int], list[int]]:
    """The named values that a line of the forward pass is computed from, and the steps between, its own among them."""
    graph = ledger.facts.graph
    ends = {line.node for line in ledger.forward}
    found: dict[int, None] = {}
    inner: list[int] = []
    stack = [node]
    while stack:
        i = stack.pop()
        if i != node and (i in ends or not graph.inputs(i)):
            if graph.op(i) is not CONST or graph.owner(i) is not None:
                found[i] = None
        elif i not in inner:
            inner.append(i)
            stack += reversed(graph.inputs(i))
    return list(found), inner


def _is_square(graph: Graph, i: int) -> bool:
    if graph.op(i).name != "power":
        return False
    exponent = graph.inputs(i)[1]
    return graph.op(exponent) is CONST and graph.attrs(exponent)["value"] in (2, 2.0, (2,), (2.0,))


def _of_terms(ledger: Ledger, blank: Blank, answer: float) -> Iterator[str]:
    """A factor left out of a product, a path left out of a sum, a sign within it."""
    products = [(t, float(t.product or 0.0)) for t in blank.terms]
    for term, product in products:
        if term.direct:
            continue
        rest = blank.value - product
        local, arriving = float(term.value), float(term.upstream_gradient)
        step, gradient = f"∂{term.upstream_name}/∂{blank.name}", f"∂{ledger.of}/∂{term.upstream_name}"
        if abs(local) != 1 and _near(answer, rest + arriving):
            yield f"the factor {step} = {number(local)} is missing"
        if abs(arriving) != 1 and _near(answer, rest + local):
            yield f"the factor {gradient} = {number(arriving)} is missing"
        if _near(answer, rest + arriving + local):
            yield f"{number(arriving)} and {number(local)} are added, and are to be multiplied"
        if local and _near(answer, rest + arriving / local):
            yield f"it is divided by {step} = {number(local)}, and is to be multiplied"
    if len(products) > 1:
        for term, product in products:
            path = f"the path by way of {term.upstream_name}"
            if product and _near(answer, blank.value - product):
                yield f"{path} is missing: {number(product)}"
            if product and _near(answer, blank.value - 2 * product):
                yield f"{path} has the wrong sign: it is {number(product)}"
            if len(products) > 2 and _near(answer, product):
                yield f"only {path} is there"


def _of_update(blank: Blank, answer: float) -> Iterator[str]:
    moved = blank.value - blank.before
    if moved and _near(answer, blank.before - moved):
        yield "the step goes up the gradient: subtract it"
    if moved and _near(answer, blank.before):
        yield "nothing has moved"
    if _near(answer, moved) or _near(answer, -moved):
        yield f"that is the step alone; it is to be taken from {number(blank.before)}"
    if _near(answer, blank.before - blank.gradient):
        yield "the learning rate is missing"
    if _near(answer, blank.before + blank.gradient):
        yield "the learning rate is missing, and the step goes up the gradient"
