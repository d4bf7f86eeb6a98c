"""`graphrun check`: every gradient compared with numerical differentiation, and where it is wrong, the step whose backward rule is."""

from __future__ import annotations

import math
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphrun.autodiff.reverse import backward
from graphrun.engines.reference import evaluate
from graphrun.errors import RunError
from graphrun.ir.cost import total_cost
from graphrun.ir.graph import Graph
from graphrun.ir.leaves import CONST, LEAVES
from graphrun.ir.types import is_real
from graphrun.model.explain import Question
from graphrun.model.moved import Moved, widened
from graphrun.model.slopes import EPSILON, Slope, slope
from graphrun.passes.widen import widen

__all__ = ["Checked", "Comparison", "check_gradients", "check_question"]

TOLERANCE = 1e-6  # of an entry, relative
ALONG = 1e-8  # of the slope along a direction through all entries, which hides a single one the better, the more there are
SURE = 4.0  # times the estimated error of a slope: what is further off is wrong
VAGUE = 1e-5  # a slope whose estimated error is larger than that, relative, is told as vague
ENTRIES = 64  # of the largest entries of a value, and as many drawn by its name, are compared one by one: at most
FEWEST = 2  # and at least
NODES = 2_000  # nodes beside inputs and parameters that are looked at, at most
WORK = 1e10  # multiply-adds that all this may take, about
VISIT = 3_000  # of them take as long as the visit of a node
POINTS = 12  # at which a value is computed for one slope, about


@dataclass(frozen=True, slots=True)
class Checked:
    """The gradient with respect to one value. `worst` is the entry (its index) that is off most, empty for the direction through all of
    them, with what the backward pass and what the differences say; `off` how far, relative to the larger of them. Of the `compared` entries
    `kinks` stand at a kink, where there is no one derivative, and `vague` are blurred by rounding or at the edge of where the value is
    finite, so that differences do not tell them to five digits."""

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
    vague: int = 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """All gradients of one node. `blame` is the step whose rule is at fault: its operand's gradient is wrong, that of its result is not.
    `steps` is how many steps there are, of which the last ones were looked at; `at` says at which values."""

    of: str
    value: float
    checked: tuple[Checked, ...]
    blame: int | None
    graph: Graph
    steps: int = 0
    at: str = ""

    @property
    def ok(self) -> bool:
        """Whether all agree."""
        return all(c.ok for c in self.checked)

    @property
    def worst(self) -> Checked | None:
        """The one that is off most: of those that are wrong, where there are any."""
        return max(self.checked, key=lambda c: (not c.ok, c.off), default=None)


def check_question(question: Question) -> Comparison:
    """Compares the gradients of a question with respect to every parameter, input, state and step that its node depends on.

    Raises RunError where the node's value is not finite."""
    graph, nodes, of = question.graph()
    counter = question.built.counter
    row = (question.feeds.row or "").partition(":")[0]
    at = ", ".join(part for part in (row, question.where) if part)
    return check_gradients(graph, of, question.leaves(nodes), [nodes[counter]] if counter in nodes else [], at)


def check_gradients(graph: Graph, of: int, leaves: Mapping[int, Any], leave_out: Collection[int] = (), at: str = "") -> Comparison:
    """Compares the gradients of the scalar node `of` of a graph with bound sizes, at these values of its leaves; all in float64."""
    graph = widen(graph)
    leaves = {i: widened(v) for i, v in leaves.items()}
    below = graph.ancestors([of])
    real = [i for i in range(of) if below[i] and is_real(graph.dtype(i)) and graph.op(i) is not CONST and i not in leave_out]
    leaf = [i for i in real if graph.op(i) in LEAVES]
    steps = [i for i in real if graph.op(i) not in LEAVES]
    slopes = _slopes(graph, [i for i in range(of + 1) if below[i]])
    looked = sorted([*leaf, *steps[-min(NODES, max(slopes, 1)) :]])
    entries = min(ENTRIES, max(FEWEST, slopes // (2 * max(1, len(leaf)))))
    both, gradients = backward(graph, of, looked)
    values = evaluate(both, leaves)
    if not math.isfinite(float(values[of])):
        raise RunError(f"`{graph.name(of)}` is {float(values[of])} here, so that there are no differences to compare its gradients with")
    tester = _Tester(Moved(graph, of, leaves, values), entries)
    checked = [tester.check(i, np.asarray(values[i]), np.asarray(values[gradients[i]])) for i in looked]
    return Comparison(graph.name(of), float(values[of]), tuple(checked), _blame(graph, of, checked), graph, len(steps), at)


def _slopes(graph: Graph, below: Sequence[int]) -> int:
    """How many slopes may be taken. It follows from the graph alone, so that the same is compared on every machine."""
    multiply_adds = total_cost(graph, below).multiply_adds
    assert isinstance(multiply_adds, int)
    return int(WORK / (POINTS * (multiply_adds + VISIT * len(below))))


def _blame(graph: Graph, of: int, checked: Sequence[Checked]) -> int | None:
    """The last step that has a wrong gradient at an operand: all behind it are right."""
    wrong = {c.node for c in checked if not c.ok}
    right = {c.node for c in checked if c.ok} | {of}
    users = [i for i in range(of + 1) if i in right and wrong.intersection(graph.inputs(i))]
    return users[-1] if users else None


class _Tester:
    def __init__(self, moved: Moved, entries: int) -> None:
        self.moved, self.graph, self.base, self.entries = moved, moved.graph, moved.base, entries

    def check(self, node: int, value: Any, gradient: Any) -> Checked:
        """The gradient with respect to a node: along a direction that has all entries, and of inputs and parameters entries by themselves
        (of steps where the direction disagrees)."""
        op, size = self.graph.op(node), value.size
        kind = {"input": "input", "param": "parameter", "state": "state"}.get(op.name, "step")
        found = _Found(float(np.max(np.abs(gradient), initial=0.0, where=np.isfinite(gradient))))
        rng = np.random.default_rng(zlib.crc32(self.graph.name(node).encode()))
        along = _Found(found.largest)
        if size > 1:
            self._along(along, node, value, gradient, rng)
        if size == 1 or (size and (kind != "step" or along.wrong or along.kinks)):
            order: list[int] = np.argsort(-np.abs(gradient).reshape(-1), kind="stable")[: self.entries].tolist()
            order += rng.permutation(size)[: self.entries].tolist() if size > self.entries else []
            for flat in dict.fromkeys(order):
                index = tuple(int(k) for k in np.unravel_index(flat, value.shape))
                if np.isfinite(value[index]):
                    self._entry(found, node, value, gradient, index)
            # where every entry that was compared is right, the fault is in another one, unless kinks of single entries explain it
            if along.wrong and not found.wrong and (found.compared < size or not (found.kinks or found.vague)):
                found.wrong, found.worst = 1, along.worst
        else:
            found.worst, found.vague = along.worst, along.vague
        off, index, said, numerical = found.worst or (0.0, (), 0.0, 0.0)
        name, ok = self.graph.name(node), not found.wrong
        return Checked(name, node, kind, size, found.compared, index, said, numerical, off, found.kinks, ok, found.vague)

    def _along(self, found: _Found, node: int, value: Any, gradient: Any, rng: Any) -> None:
        """Along a direction through all finite entries, none of them small."""
        finite = np.isfinite(value)
        scale = max(1.0, float(np.sqrt(np.mean(np.square(value, where=finite, out=np.zeros(value.shape))))))
        direction = np.where(finite, scale * rng.uniform(0.5, 1.0, value.shape) * rng.choice([-1.0, 1.0], value.shape), 0.0)
        terms = np.where(finite, gradient * direction, 0.0)
        rounding = 32.0 * EPSILON * float(np.sum(np.abs(terms)))  # a sum of many terms is rounded as they are
        said = float(np.sum(terms))
        line = slope(lambda t: self.moved.at({node: value + t * direction}), self.base, said, ALONG)
        found.note((), said, line, ALONG, scale, rounding)

    def _entry(self, found: _Found, node: int, value: Any, gradient: Any, index: tuple[int, ...]) -> None:
        scale = max(1.0, abs(float(value[index])))

        def at(t: float) -> tuple[float, int]:
            array = np.array(value)
            array[index] = float(value[index]) + t * scale
            return self.moved.at({node: array})

        said = float(gradient[index]) * scale
        found.note(index, said, slope(at, self.base, said, TOLERANCE), TOLERANCE, scale)


class _Found:
    """What the comparisons of one value come to. `largest` is its largest gradient."""

    def __init__(self, largest: float) -> None:
        self.largest = largest
        self.compared = self.wrong = self.kinks = self.vague = 0
        self.worst: tuple[float, tuple[int, ...], float, float] | None = None

    def note(self, index: tuple[int, ...], said: float, line: Slope, tolerance: float, scale: float, rounding: float = 0.0) -> None:
        """Takes in one comparison, of slopes by a value that is moved by `scale`."""
        self.compared += 1
        wrong = not _agree(said, line, tolerance, rounding)
        self.wrong += wrong
        self.kinks += line.bends > 0
        if not wrong and not line.bends and self._vague(said, line, scale):
            self.vague += 1
        if (line.bends or not math.isfinite(line.error)) and not wrong:
            return
        size = max(abs(said), abs(line.value), 1e-3 * scale * self.largest, 1e-6 * line.height)
        off = abs(said - line.value) / size if size else 0.0
        if self.worst is None or not off <= self.worst[0] or (wrong and self.wrong == 1):
            self.worst = (off, index, said / scale, line.value / scale)

    def _vague(self, said: float, line: Slope, scale: float) -> bool:
        """Whether differences say little of a gradient that counts: one far below the largest does not."""
        if math.isinf(line.error):
            return True
        return line.error > VAGUE * max(abs(said), abs(line.value)) and max(abs(said), line.error) > 1e-3 * scale * self.largest > 0


def _agree(said: float, line: Slope, tolerance: float, rounding: float) -> bool:
    """Whether a slope of the backward pass is that of the differences. At a kink of one element it lies between those of the two sides;
    where several stand on one, or the value jumps, nothing is said of it."""
    if line.bends:
        low, high = sorted((line.left, line.right))
        slack = 1e-4 * max(abs(low), abs(high)) + line.error
        return math.isfinite(said) and (line.bends > 1 or line.jumps or low - slack <= said <= high + slack)
    if math.isinf(line.error):
        return not math.isnan(said)  # at the edge of where the value is finite, as of sqrt at 0
    return abs(said - line.value) <= max(tolerance * max(abs(said), abs(line.value)), SURE * line.error + rounding)
