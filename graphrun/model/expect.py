"""A spec's own tests: the entries of `expect`, each compared with what is found (language.md §6, "Details that decide")."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from graphrun.build.values import Poisoned
from graphrun.errors import Diagnostic, Place, SpecError, UsageError
from graphrun.expr.parse import parse
from graphrun.ir.types import Shape, shape_text
from graphrun.model.explain import Question, Stepper
from graphrun.model.length import planned_steps
from graphrun.model.measure import Measure
from graphrun.model.model import Model
from graphrun.model.parting import first_backward, first_forward
from graphrun.model.training import TrainOptions, train_model
from graphrun.spec.models import ExpectModel

__all__ = ["Result", "run_expectations"]

BOUND = re.compile(r"\s*(<=|>=|<|>|==)\s*(\S+)\s*$")


@dataclass(frozen=True, slots=True)
class Result:
    """One expectation and what was found. `difference` is the largest one of all elements, None where that says nothing, and `at` where
    in an array that is. `step` is told once for an entry, with what is wrong first: the line of the ledger where it parts."""

    entry: int
    kind: str
    name: str
    expected: Any
    found: Any
    difference: float | None
    ok: bool
    place: Place
    written: Place  # where the value expected stands
    at: tuple[int, ...] | None = None
    step: str | None = None


def run_expectations(model: Model) -> list[Result]:
    """All results of a model's `expect`, in the order of the spec."""
    out: list[Result] = []
    faults: list[Diagnostic] = []
    for k, entry in enumerate(model.spec.model.expect):
        try:
            out += _Entry(model, k, entry).results()
        except UsageError as error:  # what the entry feeds or sets is the spec's, and no command line's
            at = model.spec.value("expect", k)
            faults += [
                Diagnostic("bad-expectation", f"entry {k + 1} of `expect` cannot be computed: {d.message}", at, help=d.help)
                for d in error.diagnostics
            ]
    if faults:
        raise SpecError(faults)
    return out


class _Entry:
    def __init__(self, model: Model, k: int, entry: ExpectModel) -> None:
        self.model, self.k, self.entry = model, k, entry
        default = 1e-4 if model.spec.model.dtype == "float32" else 1e-6
        self.tolerance = default if entry.tolerance is None else entry.tolerance

    def results(self) -> Iterator[Result]:
        """Each expectation of the entry."""
        entry, model = self.entry, self.model
        if entry.parameters is not None:
            found = sum(int(np.prod(p.shape, dtype=np.int64)) for p in model.built.params.values())
            yield Result(
                self.k, "parameters", "parameters", entry.parameters, found, None, found == entry.parameters, *self._places("parameters")
            )
        for name, shape in entry.shapes.items():
            have = self._found_shape(name)
            want = self._shape(name, shape)
            yield Result(self.k, "shapes", name, shape_text(want), shape_text(have), None, want == have, *self._places("shapes", name))
        if not (entry.values or entry.gradients or entry.metrics):
            return
        params, measured = self._params()
        compared: list[Result] = []
        if entry.gradients:
            g = model.grad(params=params, feeds=entry.inputs)
            values: Mapping[str, Any] = g.values
            compared += [self._compared("gradients", name, e, g[name]) for name, e in entry.gradients.items()]
        elif entry.values:
            values = model.run(params=params, feeds=entry.inputs)
        compared += [self._compared("values", name, e, values[name]) for name, e in entry.values.items()]
        yield from compared if all(r.ok for r in compared) else self._parted(compared, params)
        if entry.metrics:
            yield from self._metrics(measured)

    def _parted(self, found: list[Result], params: Mapping[str, Any]) -> list[Result]:
        """The results, with the step where values part; where all values are right, the one where gradients do."""
        built, feeds = self.model.built, self.model.feeds(self.entry.inputs)
        values = [r.name for r in found if r.kind == "values" and not r.ok]
        gradients = [r.name for r in found if r.kind == "gradients" and not r.ok]
        if values:
            kind, first = "values", first_forward(built, values, feeds, params, self.entry.after_steps)
        else:
            kind, first = "gradients", first_backward(built, gradients, feeds, params)
        if first is None:
            return found
        name, step = first
        return [replace(r, step=step) if (r.kind, r.name) == (kind, name) else r for r in found]

    def _params(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The parameters and state that the entry is about: as initialized or set, or after N updates; and those that are measured with."""
        entry, model = self.entry, self.model
        start = model.starting(entry.params, training=entry.after_steps is not None)
        if not entry.after_steps:
            return start, start
        if entry.inputs or model.dataset is None:
            built = model.built_for(True)
            assert built.loss is not None
            length = max(entry.after_steps, planned_steps(model) or 0)
            stepper = Stepper(Question(built, built.loss, model.feeds(entry.inputs, training=True), start), built, length)
            for _ in range(entry.after_steps):
                start, _ = stepper.step()
            return start, stepper.measured()
        fresh = Model(model.spec, (model.built, model.built_for(True)))
        fresh.loaded = start
        run = train_model(fresh, TrainOptions(steps=entry.after_steps, beginning=True))
        return dict(fresh.current), {**start, **run.measured}

    def _metrics(self, params: Mapping[str, Any]) -> Iterator[Result]:
        model = self.model
        data = model.dataset
        splits = {s: data.split(s) for s in ("test", "valid", "train") if data.split(s)} if data is not None else {}
        split = next(iter(splits), "train")
        feeds = model.feeds(self.entry.inputs)
        constants = {n: v for n, v in feeds.values.items() if n not in splits.get(split, {})}
        found = Measure(model.built, constants, splits)(params, split)
        for name, expected in self.entry.metrics.items():
            bound = BOUND.match(expected) if isinstance(expected, str) else None
            if bound is None:
                yield self._compared("metrics", name, float(expected), found[name])
                continue
            limit, value = float(bound[2]), found[name]
            ok = {"<": value < limit, "<=": value <= limit, ">": value > limit, ">=": value >= limit, "==": value == limit}[bound[1]]
            yield Result(self.k, "metrics", name, expected, value, None, ok, *self._places("metrics", name))

    def _compared(self, kind: str, name: str, expected: Any, found: Any) -> Result:
        want, have = np.asarray(expected, dtype=np.float64), np.asarray(found, dtype=np.float64)
        places = self._places(kind, name)
        if want.shape != have.shape:
            return Result(self.k, kind, name, expected, found, None, False, *places)
        off = np.abs(have - want)
        off = np.where(have == want, 0.0, off)  # infinities that agree
        ok = bool(np.all(off <= self.tolerance * np.maximum(1.0, np.abs(want))))
        at = tuple(int(k) for k in np.unravel_index(int(np.argmax(off)), off.shape)) if off.size and off.ndim else None
        return Result(self.k, kind, name, expected, found, float(np.max(off, initial=0.0)), ok, *places, at=at)

    def _found_shape(self, name: str) -> Shape:
        """The shape of a value, or of a parameter or state, which may be in the graph for training alone."""
        built = self.model.built
        node = built.find(name)
        if node is not None:
            return built.graph.shape(node)
        return (built.params[name] if name in built.params else built.state[name]).shape

    def _shape(self, name: str, written: list[int | str]) -> Shape:
        """The shape that an entry expects: its sizes may be formulas over `config` and dimensions."""
        a, spec = self.model.built.assembly, self.model.spec
        path = ("expect", self.k, "shapes", name)
        try:
            return a.shape_of(written, path, a.frame(parse("0"), path), spec.file)
        except Poisoned:
            raise SpecError(a.reporter.errors) from None

    def _places(self, *path: str) -> tuple[Place, Place]:
        spec = self.model.spec
        return spec.key("expect", self.k, *path), spec.value("expect", self.k, *path)
