"""A smoke test: forward, backward and a few updates on synthetic data of the declared shapes, without the data set.

What is told holds for every kind of synthetic data: a formula that needs positive numbers is not wrong because a negative one was drawn.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphrun.build.build import Built, InputInfo
from graphrun.build.optimizer import settings_of
from graphrun.engines.base import Slot, Step
from graphrun.engines.reference import evaluate
from graphrun.errors import Diagnostic, GraphrunError, Place, Reporter, RunError, Source, UsageError, sort_diagnostics
from graphrun.ir.types import Shape, bind_dim
from graphrun.model.allowed import without_allowed
from graphrun.model.feeds import Feeds, row_feeds
from graphrun.model.model import Model, load
from graphrun.model.opening import Settings
from graphrun.passes.bind import bind
from graphrun.train.initial import initial_values
from graphrun.train.loop import Stopped
from graphrun.train.plan import TrainingPlan
from graphrun.train.trace import find_failure, place_in_spec

__all__ = ["smoke_test"]

ROWS = 4
UPDATES = 3  # a factor that begins at 0 hands no gradient on in the first update, and does in the next
SIZES = (8, 64)  # of symbolic dimensions besides `batch`; the second where the first is too small for the formulas
KINDS = ("normal", "fractions", "positive")
USUAL = {"a smaller lr", "train.clip: 1.0"}  # advice for a run under way, not for its first step
MOVES_INDEX = frozenset({
    "identity", "stop_gradient", "reshape", "flatten", "expand_dims", "squeeze", "transpose", "swap_last", "broadcast_to", "slice",
    "flip", "roll", "cast",
})  # fmt: skip
"""Operations behind which whole numbers are still the same indices."""


def smoke_test(path: str | os.PathLike[str], set: Settings = ()) -> list[Diagnostic]:
    """What forward, backward and updates on synthetic data find in the spec at `path`; nothing where the spec has errors.

    Codes: `smoke-non-finite` and `smoke-zero-gradient`; `smoke-failed` (a warning) where no pass could be made.
    """
    try:
        model = load(path, set=set)
    except GraphrunError:
        return []  # which `validate` tells
    found = _Smoke(model).faults()
    told = without_allowed(found, model.spec.file.positions.source)
    return sort_diagnostics(d for d in told if not d.code.endswith("-allowance"))  # of the comments `validate` has told


@dataclass(frozen=True, slots=True)
class _Trial:
    """What one kind of data came to: a fault, or the largest element of each parameter's gradient."""

    fault: Diagnostic | None = None
    largest: Mapping[str, float] | None = None


class _Smoke:
    def __init__(self, model: Model) -> None:
        self.model, self.spec = model, model.spec
        self.training, self.built = model.built_for(True), model.built
        source = self.spec.file.positions.source
        self.sources: dict[str, Source] = {source.name: source}
        self.start = initial_values(self.training, model.seed)
        self.rows = [name for name, info in self.built.inputs.items() if self._drawn(info)]
        self.learned = self._learned()
        self.unreached: frozenset[str] = frozenset()  # of these, what no gradient comes back to, whatever the numbers
        self.limits = {name: _index_limit(self.training, self._classes(name), name) for name in self.rows}

    def faults(self) -> list[Diagnostic]:
        """The faults that no kind of data avoids."""
        trials: list[_Trial] = []
        failed: Exception | None = None
        for size in SIZES:
            for kind in KINDS if self.rows else KINDS[:1]:
                try:
                    trials.append(self._trial(kind, size))
                    if self._good(trials[-1]):
                        return []
                except (ValueError, UsageError, RunError) as error:
                    failed = error
                    break
            if trials:
                break
        if not trials:
            what = failed.diagnostics[0].message if isinstance(failed, GraphrunError) else " ".join(str(failed).split())
            message = f"no pass can be made with synthetic data: {what}"
            return [Diagnostic("smoke-failed", message, self.spec.key("inputs"), "warning", help="try it with the data: `graphrun run`")]
        if all(t.fault is not None for t in trials):
            return [t.fault for t in trials[:1] if t.fault is not None]
        return list(self._still([t.largest for t in trials if t.largest is not None]))

    def _good(self, trial: _Trial) -> bool:
        """Whether a trial leaves nothing to tell, so that no other is needed."""
        return trial.fault is None and trial.largest is not None and all(trial.largest.values())

    # -- what is fed -----------------------------------------------------------------------------------------------

    def _drawn(self, info: InputInfo) -> bool:
        """Whether an input is fed synthetic rows: one that a column of data feeds, or that has no default."""
        data = self.spec.model.data
        named = data.columns if data is not None and data.columns is not None else ()
        return info.name in named or info.default is None

    def _classes(self, name: str) -> int:
        """How many classes `data.classes` says that an input has; 2 where it does not."""
        data = self.spec.model.data
        if data is None:
            return 2
        column = data.columns.get(name) if isinstance(data.columns, dict) else name
        return max(2, len(data.classes.get(column, ()))) if isinstance(column, str) else 2

    def _sizes(self, size: int) -> dict[str, int]:
        """The size of each symbolic dimension: that of a default, else a small one."""
        sizes = {"batch": ROWS, **dict.fromkeys(self.spec.model.dims, size)}
        for name, info in self.built.inputs.items():
            if name in self.rows:
                continue
            for d, n in zip(info.shape, np.shape(info.default), strict=False):
                if not isinstance(d, int) and str(d) in sizes:
                    sizes[str(d)] = n
        return sizes

    def _feeds(self, kind: str, sizes: Mapping[str, int]) -> dict[str, Any]:
        """Synthetic values of every input that gets some; in a graph for one row with the rows on axis 0."""
        random = np.random.default_rng(0)
        lead: Shape = (ROWS,) if self.built.one_row else ()
        out = {}
        for name in self.rows:
            info = self.built.inputs[name]
            shape = tuple(bind_dim(d, sizes) for d in (*lead, *info.shape))
            whole = [int(d) for d in shape if isinstance(d, int)]
            out[name] = _values(info.dtype, whole, kind, self.limits[name], random)
        return out

    # -- the passes ------------------------------------------------------------------------------------------------

    def _trial(self, kind: str, size: int) -> _Trial:
        sizes = self._sizes(size)
        feeds = self._feeds(kind, sizes)
        given = {n: a[0] if self.built.one_row else a for n, a in feeds.items()}
        first = row_feeds(self.training, given, None, lambda: None)
        constants = {n: v for n, v in first.values.items() if n not in feeds}
        largest: dict[str, float] = {}
        if self.training.loss is not None:
            fault = self._updates(feeds, constants, sizes, largest)
            if fault is not None:
                return _Trial(fault)
        return _Trial(self._forward(feeds, constants, sizes), largest)

    def _updates(
        self, feeds: Mapping[str, Any], constants: Mapping[str, Any], sizes: Mapping[str, int], largest: dict[str, float]
    ) -> Diagnostic | None:
        """The first updates; what is wrong with the very first, else the gradients' largest elements are in `largest`."""
        section = self.spec.model.train
        steps = section.steps if section is not None and isinstance(section.steps, int) else 100
        batch = sizes["batch"] if not self.built.one_row else ROWS
        plan = TrainingPlan(
            self.training, tuple(feeds), steps, self.start, batch, sizes, rows_as="arrays", seed=self.model.seed, lean=False
        )
        step, slots = plan.step_for(batch, health=True), plan.slots_init()
        fed = {**constants, **feeds}
        ends = [step.loss, *step.outputs.values(), *(s.update for s in step.slots if s.update is not None)]
        for k in range(UPDATES):
            values = evaluate(step.graph, _leaves(step, fed, slots, k), ends)
            new = {s.name: slots[s.name] if s.update is None else values[s.update] for s in step.slots}
            loss = float(values[step.loss])
            if not all(map(_finite, [values[step.loss], *new.values()])):
                if k:
                    break  # steps that are too large for these data say nothing about others
                what = f"the loss is {_number(loss)}" if not np.isfinite(loss) else "the first update is not finite"
                return self._non_finite(what, step, fed, slots)
            gradients = plan.gradients({name: values[i] for name, i in step.outputs.items()})
            self.unreached = self.learned - set(gradients)
            for name in self.learned:
                largest[name] = max(largest.get(name, 0.0), float(np.max(np.abs(gradients.get(name, 0.0)), initial=0.0)))
            if all(largest.values()):
                break
            slots = new
        return None

    def _forward(self, feeds: Mapping[str, Any], constants: Mapping[str, Any], sizes: Mapping[str, int]) -> Diagnostic | None:
        """The pass with `training` false: loss and metrics, and the outputs of a spec without a loss."""
        built = self.built
        rows = Feeds({**constants, **feeds}, {}, tuple(feeds) if built.one_row else ())
        graph, nodes = rows.mapped(built)
        graph = bind(graph, sizes)
        wanted = {f"the metric {name}": i for name, i in built.metrics.items()}
        if built.loss is None:
            wanted.update({f"the output {name}": built.index[name] for name in built.outputs if name in built.index})
        else:
            wanted["the loss outside training"] = built.loss
        values = evaluate(graph, rows.leaves(built, nodes, self.start), [nodes[i] for i in wanted.values()])
        for what, i in wanted.items():
            if not _finite(values[nodes[i]]):
                fed = {name: nodes[info.node] for name, info in built.inputs.items()}
                leaves = [(n, p.node) for table in (built.params, built.state) for n, p in table.items() if p.node in nodes]
                slots = tuple(Slot(name, nodes[node], None) for name, node in leaves if node is not None)
                counter = nodes.get(built.counter) if built.counter is not None else None
                step = Step(graph, nodes[i], slots, fed, counter)
                wrong = np.asarray(values[nodes[i]])
                first = _number(wrong[~np.isfinite(wrong)].flat[0])
                return self._non_finite(f"{what} is {first}", step, rows.values, self.start)
        return None

    def _non_finite(self, what: str, step: Step, feeds: Mapping[str, Any], slots: Mapping[str, Any]) -> Diagnostic:
        failure = find_failure(Stopped(0, float("nan"), slots, step, feeds), self.sources, self.training.graph.sources)
        tries = [one for one in failure.tries if one not in USUAL]
        mend = f"try {'; '.join(tries)}" if tries else "take other initial values, or keep the formula away from what has no value"
        place = failure.place or self.spec.value("loss" if self.spec.model.loss is not None else "nodes")
        return Diagnostic("smoke-non-finite", f"on synthetic data {what}", place, notes=failure.notes(), help=mend)

    # -- gradients -------------------------------------------------------------------------------------------------

    def _learned(self) -> frozenset[str]:
        """The parameters on which the loss depends, without those that are kept as they are; none where nothing is trained."""
        built = self.training
        if built.loss is None or self.spec.model.train is None:
            return frozenset()
        below = built.graph.ancestors([built.loss])
        settings = settings_of(self.spec, list(built.params), Reporter())
        moving = {name: p for name, p in built.params.items() if p.trainable and not settings[name].get("frozen")}
        return frozenset(name for name, p in moving.items() if p.node is not None and below[p.node])

    def _still(self, trials: Sequence[Mapping[str, float]]) -> Iterator[Diagnostic]:
        """Parameters whose gradients are 0 in each update of every trial."""
        seen = [name for name in self.training.params if trials and name in trials[0]]
        still = [name for name in seen if not any(t.get(name) for t in trials)]
        if still and len(still) == len(seen):
            every = "every gradient is 0" if len(still) > 1 else f"the gradient of `{still[0]}` is 0"
            mend = "look for zeros as initial values, and for a comparison, `floor` or `argmax` before the loss"
            yield Diagnostic(
                "smoke-zero-gradient", f"on synthetic data {every}, so that nothing is learned", self.spec.value("loss"), help=mend
            )
            return
        for name in still:
            message = f"on synthetic data the gradient of `{name}` is 0 in each of {UPDATES} updates, so that it does not learn"
            mend = "other initial values, of it or of what it is multiplied with, hand a gradient back"
            if name in self.unreached:
                mend = "look for a comparison, `floor`, `argmax` or `stop_gradient` before the loss; if it is meant, say `trainable: false`"
            yield Diagnostic("smoke-zero-gradient", message, self._place(name), "warning", help=mend)

    def _place(self, name: str) -> Place | None:
        node = self.training.params[name].node
        if name in self.spec.model.params or node is None:
            return self.spec.key("params", name)
        return place_in_spec(self.training.graph, node, self.sources, self.training.graph.sources)


def _values(dtype: str, shape: Sequence[int], kind: str, limit: int, random: np.random.Generator) -> Any:
    """An array of a dtype: whole numbers below `limit`, booleans, or reals of a kind."""
    if dtype in ("int64", "bool"):
        flat = np.arange(int(np.prod(shape, dtype=np.int64))) % (2 if dtype == "bool" else limit)
        return flat.reshape(shape).astype(dtype)
    if kind == "normal":
        return random.standard_normal(shape).astype(dtype)
    low, high = (0.1, 0.9) if kind == "fractions" else (1.0, 10.0)
    return random.uniform(low, high, shape).astype(dtype)


def _index_limit(built: Built, classes: int, name: str) -> int:
    """The number below which an input of whole numbers is an index wherever it is used as one; `classes` where it is used as none."""
    graph = built.graph
    if built.inputs[name].dtype != "int64":
        return classes
    users = graph.users()
    limits = []
    todo, seen = [built.inputs[name].node], {built.inputs[name].node}
    while todo:
        i = todo.pop()
        for user in users[i]:
            op = graph.op(user).name
            if op in ("gather", "take_along") and graph.inputs(user)[1] == i:
                size = graph.shape(graph.inputs(user)[0])[graph.attrs(user)["axis"]]
                limits.append(size if isinstance(size, int) else 1)
            elif op == "one_hot" and isinstance(graph.attrs(user).get("num_classes"), int):
                limits.append(graph.attrs(user)["num_classes"])
            elif op in MOVES_INDEX and user not in seen:
                seen.add(user)
                todo.append(user)
    return max(1, min(limits, default=classes))


def _leaves(step: Step, feeds: Mapping[str, Any], slots: Mapping[str, Any], k: int) -> dict[int, Any]:
    out: dict[int, Any] = {node: feeds[name] for name, node in step.feeds.items()}
    out.update({slot.node: slots[slot.name] for slot in step.slots})
    if step.counter is not None:
        out[step.counter] = float(k)
    return out


def _finite(value: Any) -> bool:
    array = np.asarray(value)
    return array.dtype.kind != "f" or bool(np.all(np.isfinite(array)))


def _number(value: Any) -> str:
    return f"{float(value):.4g}"
