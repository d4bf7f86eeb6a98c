"""`graphrun check`: every gradient compared with numerical differentiation, and where it is wrong, the step whose backward rule is."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphrun.autodiff.reverse import backward
from graphrun.engines.reference import evaluate
from graphrun.ir.graph import Graph
from graphrun.ir.leaves import CONST, LEAVES
from graphrun.ir.types import is_real
from graphrun.model.explain import Question
from graphrun.ops.elementary import STOP_GRADIENT

__all__ = ["Checked", "Comparison", "check_gradients", "check_question"]

STEP = 1e-3  # of the differences, times the size of the entry
SMALL_STEP = 1e-6  # of those that tell a kink
RELATIVE = 1e-5  # how far off a derivative may be: of itself
ABSOLUTE = 1e-9  # and of the value that is differentiated, whose rounding the differences see
ENTRIES = 64  # entries of one value that are compared one by one; along a direction all are
NODES = 2_000  # nodes beside inputs and parameters that are looked at


@dataclass(frozen=True, slots=True)
class Checked:
    """The gradient with respect to one value. `worst` is the entry (its index) that is off most, with what the backward pass and what the
    differences say; `off` how far, relative to the larger of them; `kinks` how many entries stand at a kink, where any slope between those
    of the two sides is right."""

    name: str
    node: int
    kind: str  # parameter, input, state, or step
    entries: int
    compared: int
    worst: tuple[int, ...]
    backward: float
    numerical: float
    off: float
    kinks: int
    ok: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """All gradients of one node. `blame` is the step whose rule is at fault: its operand's gradient is wrong, that of its result is not."""

    of: str
    value: float
    checked: tuple[Checked, ...]
    blame: int | None
    graph: Graph

    @property
    def ok(self) -> bool:
        """Whether all agree."""
        return all(c.ok for c in self.checked)

    @property
    def worst(self) -> Checked | None:
        """The one that is off most: of those that are wrong, where there are any."""
        return max(self.checked, key=lambda c: (not c.ok, c.off), default=None)


def check_question(question: Question) -> Comparison:
    """Compares the gradients of a question with respect to every parameter, input, state and step that its node depends on."""
    graph, nodes, of = question.graph()
    counter = question.built.counter
    return check_gradients(graph, of, question.leaves(nodes), [nodes[counter]] if counter in nodes else [])


def check_gradients(graph: Graph, of: int, leaves: Mapping[int, Any], leave_out: Collection[int] = ()) -> Comparison:
    """Compares the gradients of the scalar node `of` of a graph with bound sizes, at these values of its leaves."""
    below = graph.ancestors([of])
    real = [i for i in range(of) if below[i] and is_real(graph.dtype(i)) and graph.op(i) is not CONST and i not in leave_out]
    steps = [i for i in real if graph.op(i) not in LEAVES]
    looked = sorted({*(i for i in real if graph.op(i) in LEAVES), *steps[-NODES:]})
    both, gradients = backward(graph, of, looked)
    values = evaluate(both, leaves)
    # what stands behind stop_gradient is a constant to the gradient, and so to the differences
    held = {i: values[i] for i in range(of) if below[i] and graph.op(i) is STOP_GRADIENT}
    tester = _Tester(graph, of, {**leaves, **held}, float(values[of]))
    checked = [tester.check(i, np.asarray(values[i]), np.asarray(values[gradients[i]])) for i in looked]
    return Comparison(graph.name(of), float(values[of]), tuple(checked), _blame(graph, checked), graph)


def _blame(graph: Graph, checked: Sequence[Checked]) -> int | None:
    """The last step that has a wrong gradient at an operand: all behind it are right."""
    wrong = {c.node for c in checked if not c.ok}
    users = [i for i in range(len(graph)) if wrong.intersection(graph.inputs(i))]
    return next((i for i in reversed(users) if i not in wrong), None) if wrong else None


class _Tester:
    def __init__(self, graph: Graph, of: int, leaves: Mapping[int, Any], base: float) -> None:
        self.graph, self.of, self.leaves, self.base = graph, of, leaves, base

    def check(self, node: int, value: Any, gradient: Any) -> Checked:
        """The gradient with respect to a node: along a direction that has all entries, and some entries by themselves."""
        graph, op = self.graph, self.graph.op(node)
        kind = {"input": "input", "param": "parameter", "state": "state"}.get(op.name, "step")
        rng = np.random.default_rng(zlib.crc32(graph.name(node).encode()))
        direction = rng.uniform(0.5, 1.0, value.shape) * rng.choice([-1.0, 1.0], value.shape)
        along = _Line(lambda t: self.at(node, value + t * direction), self.base)
        fine = value.size == 0 or self.agree(float(np.sum(gradient * direction)), along)
        few = kind != "step" or not fine
        order: list[int] = np.argsort(-np.abs(gradient).reshape(-1), kind="stable")[:ENTRIES].tolist() if few else []
        order += rng.permutation(value.size)[:ENTRIES].tolist() if few and value.size > ENTRIES else []
        worst: tuple[float, tuple[int, ...], float, float] = (0.0, (), 0.0, 0.0)
        kinks, wrong, compared = 0, 0, 0
        for flat in dict.fromkeys(order):
            index = tuple(int(k) for k in np.unravel_index(flat, value.shape))
            line = self.entry(node, value, index)
            said = float(gradient[index])
            good = self.agree(said, line)
            compared += 1
            if line.kinked:
                kinks += 1
                wrong += not good
                if good:
                    continue
            else:
                wrong += not good
            off = line.off(said)
            if not off <= worst[0]:
                worst = (off, index, said, line.slope)
        if not few or (not fine and not wrong):
            said = float(np.sum(gradient * direction))
            worst = (0.0 if along.kinked and fine else along.off(said), (), said, along.slope)
            kinks += along.kinked
        # kinks of single entries can make the direction disagree while every entry is right
        ok = not wrong and (fine or (bool(kinks) and compared == value.size))
        off, index, said, numerical = worst
        return Checked(graph.name(node), node, kind, value.size, compared, index, said, numerical, off, kinks, ok)

    def entry(self, node: int, value: Any, index: tuple[int, ...]) -> _Line:
        """The line through one entry of a node's value."""
        scale = max(1.0, abs(float(value[index])))

        def moved(t: float) -> float:
            array = value.copy()
            array[index] = float(value[index]) + t * scale
            return self.at(node, array)

        return _Line(moved, self.base, scale)

    def at(self, node: int, array: Any) -> float:
        """The value of `of` with that of a node replaced."""
        return float(evaluate(self.graph, {**self.leaves, node: array}, [self.of])[self.of])

    def agree(self, said: float, line: _Line) -> bool:
        """Whether a slope of the backward pass is that of the differences, or at a kink one between those of its sides."""
        room = RELATIVE * max(abs(said), abs(line.slope)) + ABSOLUTE * max(1.0, abs(self.base))
        if abs(said - line.slope) <= room:
            return True
        line.look_closer()
        if not line.kinked:
            return abs(said - line.slope) <= room
        low, high = sorted((line.left, line.right))
        slack = 1e-4 * max(1.0, abs(low), abs(high))
        return low - slack <= said <= high + slack


class _Line:
    """A function along a line, t = 0 at the point: its slope by central differences of fourth order."""

    def __init__(self, f: Callable[[float], float], base: float, scale: float = 1.0) -> None:
        self.f, self.base, self.scale = f, base, scale
        self.slope = self._central(STEP)
        self.kinked = False
        self.left = self.right = 0.0

    def _central(self, h: float) -> float:
        f = self.f
        return (8.0 * (f(h) - f(-h)) - (f(2 * h) - f(-2 * h))) / (12.0 * h) / self.scale

    def look_closer(self) -> None:
        """Tells a kink at the point from one nearby: with small steps the two sides have one slope, and that is taken."""
        h = SMALL_STEP
        self.left, self.right = (self.base - self.f(-h)) / h / self.scale, (self.f(h) - self.base) / h / self.scale
        size = max(abs(self.left), abs(self.right), 1e-6 * max(1.0, abs(self.base)))
        self.kinked = abs(self.right - self.left) > 1e-3 * size
        if not self.kinked:
            nearer = [self._central(STEP / 10), self._central(STEP / 100)]
            if abs(nearer[0] - nearer[1]) > RELATIVE * max(map(abs, nearer)) or abs(self.slope - nearer[0]) > RELATIVE * abs(nearer[0]):
                self.slope = nearer[1]

    def off(self, said: float) -> float:
        """How far a slope is off, relative to the larger one (at least 1e-6 of the value)."""
        size = max(abs(said), abs(self.slope), 1e-6 * max(1.0, abs(self.base)))
        return abs(said - self.slope) / size
