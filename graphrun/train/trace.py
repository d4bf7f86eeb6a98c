"""Where a value stopped being finite: the step is evaluated once more, keeping every value, and followed back from the loss."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from graphrun.engines.base import Step
from graphrun.engines.reference import evaluate
from graphrun.errors import Diagnostic, Place, RunError, Source
from graphrun.ir.formula import formula_text, to_ascii
from graphrun.ir.graph import Graph, unpack_place
from graphrun.ir.leaves import CONST, FED
from graphrun.train.loop import Stopped

__all__ = ["Failure", "NonFinite", "find_failure", "non_finite", "place_in_spec"]

ADVICE = {
    "log": "log({0} + 1e-9), or log_softmax of the logits",
    "sqrt": "sqrt({0} + 1e-12)",
    "rsqrt": "rsqrt({0} + 1e-12)",
    "div": "a denominator away from 0: {1} + 1e-9",
    "reciprocal": "an operand away from 0: {0} + 1e-9",
    "exp": "exp(clip({0}, max=50))",
    "power": "a base above 0",
}
BELOW = {"log": "log(clip({0}, min=1e-9))", "sqrt": "sqrt(clip({0}, min=0))", "rsqrt": "rsqrt(clip({0}, min=1e-9))"}
"""The same where the operand is not 0 but negative."""
GROWN = 10.0  # a loss that has grown so much since it was least says that the steps are too large, whatever overflowed in the end
SHOWN = 4
WIDTH = 76  # of a note, behind its indentation


@dataclass(frozen=True, slots=True)
class Failure:
    """How a run went wrong.

    `what` is the node, its derivative or an update, with its `formula`; `because` the operands that it met (text, value), `row` the row
    of the step's `rows` (from 1), `training_row` its number among all training rows, `fed` what that row feeds. `tries` may mend it.
    """

    step: int
    loss: float
    what: str = ""
    formula: str = ""
    place: Place | None = None
    because: tuple[tuple[str, str], ...] = ()
    row: int | None = None
    rows: int = 0
    training_row: int | None = None
    fed: tuple[tuple[str, str], ...] = ()
    tries: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """What happened, and when."""
        return f"step {self.step}: the loss became {_number(self.loss)}"

    @property
    def where(self) -> str:
        """In which row, with what it was fed; empty where no row is to blame."""
        if self.row is None:
            return ""
        other = f", training row {self.training_row}" if self.training_row not in (None, self.row) else ""
        fed = f" ({', '.join(f'{name} = {text}' for name, text in self.fed)})" if self.fed else ""
        return f"in row {self.row} of {self.rows}{other}{fed}"

    def notes(self) -> tuple[str, ...]:
        """The lines below the place in the spec."""
        if not self.what:
            return ()
        lines = [f"first at {self.what}{f' = {self.formula}' if self.formula else ''}"]
        lines += [f"{'    and' if k else 'because'}  {name} = {value}" for k, (name, value) in enumerate(self.because)]
        if self.where and self.because and len(lines[-1]) + len(self.where) < WIDTH:
            lines[-1] += f" {self.where}"
        elif self.where:
            lines.append(f"         {self.where}" if self.because else self.where)
        return tuple(lines)


class NonFinite(RunError):
    """A run was ended by a value that is not finite; `failure` says where. `out` is the folder of the run, where one was written."""

    def __init__(self, failure: Failure, more: Sequence[str] = (), warnings: Sequence[Diagnostic] = ()) -> None:
        mend = "\n".join([f"try {'; '.join(failure.tries)}", *more])
        super().__init__([Diagnostic("non-finite", failure.message, failure.place, "error", failure.notes(), mend), *warnings])
        self.failure = failure
        self.out: Path | None = None

    def to_json(self) -> dict[str, Any]:
        """What the JSON of `train` says of it."""
        f = self.failure
        failed = {
            "node": f.what,
            "formula": f.formula,
            "because": dict(f.because),
            "row": f.row,
            "rows": f.rows,
            "training_row": f.training_row,
            "inputs": dict(f.fed),
            "try": list(f.tries),
        }
        return {"steps": f.step, "loss": f.loss, "out": None if self.out is None else str(self.out), "failed": failed}


def non_finite(
    stopped: Stopped, sources: Mapping[str, Source] | None = None, names: Sequence[str] = (), plain: Step | None = None
) -> NonFinite:
    """The error that tells at which node, from which operands and in which row the first non-finite value came up."""
    return NonFinite(find_failure(stopped, sources, names, plain))


def _as_it_is(slot: str, element: int) -> str:
    return slot


def find_failure(
    stopped: Stopped,
    sources: Mapping[str, Source] | None = None,
    names: Sequence[str] = (),
    plain: Step | None = None,
    owner: Callable[[str, int], str] = _as_it_is,
) -> Failure:
    """Where the first non-finite value of the step came up.

    `plain` is the same step before it was optimized, with rows as arrays: what it says is nearer to the spec. `sources` are the texts of
    the spec's files by name, so that the node's place can be shown; `names` numbers them as places do, for a graph that lacks them.
    `owner` gives the name of the parameter that an element of a slot belongs to.
    """
    for step in (plain, stopped.made):
        if step is None:
            continue
        values = _values(step, stopped)
        node = _origin(step, values)
        if node is not None:
            return _Finder(step, values, stopped, owner).failure(node, sources or {}, names)
    return Failure(stopped.step, stopped.loss, tries=_general(stopped, None))


class _Finder:
    """Describes a node of a step in terms of the spec."""

    def __init__(self, step: Step, values: list[Any], stopped: Stopped, owner: Callable[[str, int], str]) -> None:
        self.step, self.graph, self.values, self.stopped, self.owner = step, step.graph, values, stopped, owner
        self.slots = {slot.name for slot in step.slots}
        self.element = 0  # of a slot that holds several parameters, the one in question

    def failure(self, node: int, sources: Mapping[str, Source], names: Sequence[str]) -> Failure:
        graph = self.graph
        at = _position(self.values[node])
        self.element = at[0] if len(at) == 1 else 0
        cause = self._forward(node)
        shown = node if cause is None else cause
        row = self._row(shown, at)
        operands = [j for j in dict.fromkeys(graph.inputs(shown)) if graph.op(j) is not CONST]
        return Failure(
            step=self.stopped.step,
            loss=self.stopped.loss,
            what=self._what(node, cause),
            formula="" if graph.op(shown) in FED else self._text(shown),
            place=place_in_spec(graph, shown, sources, names),
            because=tuple((self._operand(j), self._at(j, at, shown)) for j in operands),
            row=None if row is None else row + 1,
            rows=self._rows(),
            training_row=None if row is None or self.stopped.rows is None else int(self.stopped.rows[row]) + 1,
            fed=() if row is None else tuple((n, _short(self.values[i][row])) for n, i in self._fed() if np.ndim(self.values[i])),
            tries=self._tries(shown, at),
        )

    def _forward(self, node: int) -> int | None:
        """The step of the forward pass whose derivative a node of the backward pass belongs to: both come from one place in the spec."""
        graph = self.graph
        place = graph._place[node]
        if "∂" not in graph.name(node) or not graph.place(node)[1]:
            return None
        found = [i for i in range(node) if graph._place[i] == place and graph.inputs(i) and "∂" not in graph.name(i)]
        return next((i for i in found if graph.op(i).name in ADVICE), found[-1] if found else None)

    def _what(self, node: int, cause: int | None) -> str:
        if cause is not None:
            return f"the derivative of {self._name(cause)}"
        name = self.graph.name(node)
        if "/" in name and not name.startswith("∂"):
            return f"the update of {self._name(node).partition('/')[0]}"
        kind = {"param": "parameter", "input": "input", "state": "state"}.get(self.graph.op(node).name, "node")
        return f"{kind} {self._name(node)}"

    def _name(self, i: int) -> str:
        if self._gathered(i):
            return "grad"
        name = self.graph.name(i)
        slot, slash, rest = name.partition("/")
        return f"{self.owner(slot, self.element)}{slash}{rest}" if slot in self.slots else name

    def _named(self, i: int) -> bool:
        return self._gathered(i) or (not self.graph.step(i) and self.graph.owner(i) is not None)

    def _gathered(self, i: int) -> bool:
        """Whether these are the gradients of several parameters side by side, which the optimizer calls `grad`."""
        return self.graph.op(i).name == "pack"

    def _text(self, i: int) -> str:
        """The formula of a step, in terms of what has a name in the spec."""
        return formula_text(self.graph, i, self._name, self._named)

    def _operand(self, j: int) -> str:
        return self._name(j) if self._named(j) or self.graph.op(j) in FED else self._text(j)

    def _fed(self) -> list[tuple[str, int]]:
        return list(self.step.feeds.items())

    def _rows(self) -> int:
        """How many rows the step was fed."""
        return max((int(np.shape(self.values[i])[0]) for _, i in self._fed() if np.ndim(self.values[i])), default=0)

    def _row(self, node: int, at: tuple[int, ...]) -> int | None:
        shape = np.shape(self.values[node])
        if not at or not shape or shape[0] != self._rows() or at[0] >= shape[0]:
            return None
        below = self.graph.ancestors([node])
        return at[0] if any(below[i] for _, i in self._fed()) else None

    def _at(self, j: int, at: tuple[int, ...], node: int) -> str:
        """The element of an operand that met the position `at` by broadcasting, or what can be said of the whole."""
        array, shape = np.asarray(self.values[j]), np.shape(self.values[node])
        if not array.ndim:
            return _number(array)
        if len(at) >= array.ndim and len(shape) >= array.ndim:
            index = tuple(k if d > 1 else 0 for k, d in zip(at[len(at) - array.ndim :], array.shape, strict=True))
            if all(d in {1, n} for d, n in zip(array.shape, shape[len(shape) - array.ndim :], strict=True)):
                return _number(array[index])
        return f"[{' × '.join(map(str, array.shape))}], from {_number(np.min(array))} to {_number(np.max(array))}"

    def _tries(self, node: int, at: tuple[int, ...]) -> tuple[str, ...]:
        name = self.graph.op(node).name
        last = self.graph.inputs(node)[-1:]
        if name == "div" and self.graph.op(last[0]) is CONST and not np.any(self.values[last[0]]):
            lone = "train.drop_last: true, or another train.batch: this step meets one row, which has no variance"
            return (lone if self._rows() == 1 else "a divisor that is not 0",)
        negative = name in BELOW and self._at(self.graph.inputs(node)[0], at, node).startswith("-")
        advice = BELOW[name] if negative else ADVICE.get(name)
        if name == "power" and "inf" in self._at(node, at, node) and self._at(self.graph.inputs(node)[0], at, node) != "0":
            advice = None  # the base is too large, above 0 or below
        operands = [to_ascii(self._operand(j).replace("⊙", "·")) for j in self.graph.inputs(node)]
        return _general(self.stopped, None if advice is None else advice.format(*operands))


def _general(stopped: Stopped, advice: str | None) -> tuple[str, ...]:
    """What may mend it, the likeliest first: where the loss had grown before, the steps are too large."""
    losses = [x for x in stopped.run.history.losses if math.isfinite(x)] if hasattr(stopped, "run") else []
    grown = bool(losses) and losses[-1] > GROWN * max(min(losses), 0.0) and losses[-1] > losses[0]
    usual = ("a smaller lr", "train.clip: 1.0")
    return usual if advice is None or grown else (advice, *reversed(usual))


def _values(step: Step, stopped: Stopped) -> list[Any]:
    """Every value of the step, with the slots as they were before it."""
    feeds: dict[int, Any] = {node: stopped.feeds[name] for name, node in step.feeds.items()}
    feeds.update({slot.node: stopped.values[slot.name] for slot in step.slots})
    if step.counter is not None:
        feeds[step.counter] = float(stopped.batch)
    return evaluate(step.graph, feeds, [step.loss, *(slot.update for slot in step.slots if slot.update is not None)])


def _bad(value: Any) -> bool:
    return value is not None and np.asarray(value).dtype.kind == "f" and not bool(np.all(np.isfinite(value)))


def _nan(value: Any) -> bool:
    return _bad(value) and bool(np.any(np.isnan(value)))


def _origin(step: Step, values: list[Any]) -> int | None:
    """From the loss (or an update) that is not finite back through operands that are not, to a node whose operands all are.

    Where a value is nan, an operand that is nan is followed before one that is infinite: infinities may be harmless.
    """
    ends = [step.loss, *(slot.update for slot in step.slots if slot.update is not None and not _bad(values[slot.node]))]
    node = next((i for i in ends if _bad(values[i])), None)
    if node is None:
        return None
    while True:
        inputs = step.graph.inputs(node)
        bad = [j for j in inputs if _nan(values[j])] or [j for j in inputs if _bad(values[j])]
        if not bad:
            return node
        node = bad[0]


def _position(value: Any) -> tuple[int, ...]:
    """Where the first non-finite element stands; nan before infinite."""
    array = np.asarray(value)
    wrong = np.isnan(array) if np.any(np.isnan(array)) else ~np.isfinite(array)
    return tuple(int(k) for k in np.argwhere(wrong)[0])


def _short(value: Any) -> str:
    array = np.asarray(value)
    if not array.ndim:
        return _number(array)
    flat = [_number(x) for x in array.reshape(-1)[:SHOWN]]
    return f"[{', '.join(flat)}{', …' if array.size > SHOWN else ''}]"


def _number(value: Any) -> str:
    return f"{float(value):.4g}"


def place_in_spec(graph: Graph, i: int, sources: Mapping[str, Source], names: Sequence[str]) -> Place | None:
    """Where a node stands in the spec: of one that came from another file, where it is called."""
    known = graph.sources or names
    place, call = graph._place[i], graph.call(i)
    while True:
        number, line, column, length = unpack_place(place)
        if line and number < len(known) and known[number] in sources:
            return Place(sources[known[number]], line, column, line, column + length)
        if call < 0:
            return None
        place, call = graph.calls[call].place, graph.calls[call].parent
