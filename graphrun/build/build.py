"""From a spec to its graph."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from graphrun.build.assemble import Assembly, list_shape
from graphrun.build.beforehand import Beforehand
from graphrun.build.built import Built, InputInfo
from graphrun.build.counting import Counting, GaveUp
from graphrun.build.library import library
from graphrun.build.lower import POISON
from graphrun.build.states import row_fault
from graphrun.build.steps import MANY, Growing, TooManySteps
from graphrun.build.values import Fault, ListValue, Param, Poisoned, Ref, constant
from graphrun.errors import Diagnostic, Reporter, certain, nearest
from graphrun.expr.tree import Formula, Name
from graphrun.ir.pause import collection_paused
from graphrun.ir.types import DType, Shape, is_real, shape_text
from graphrun.ops.registry import OPS
from graphrun.spec.lost import Lost
from graphrun.spec.models import ExpectModel, InputModel, ParamModel
from graphrun.spec.spec import Spec

__all__ = ["Built", "InputInfo", "attempt", "build"]


def build(spec: Spec, reporter: Reporter, training: bool = False) -> Built | None:
    """The graph of a spec; None where it has errors, which are all in `reporter`."""
    built = attempt(spec, reporter, training)
    return built if built is not None and built.whole else None


def attempt(spec: Spec, reporter: Reporter, training: bool = False) -> Built | None:
    """As `build`; where there are errors, what could be built without the parts that have them, against which to check the rest."""
    try:
        with collection_paused():
            told = len(reporter.diagnostics)
            try:
                return _Build(spec, reporter, training, look_ahead=MANY).run()
            except Growing:
                fault = _foreseen(spec, training)
            if fault is not None:
                reporter.diagnostics.append(fault)
                return None
            del reporter.diagnostics[told:]
            return _Build(spec, reporter, training).run()
    except TooManySteps:  # told where it happened
        return None
    except RecursionError:
        reporter.error(
            "recursion",
            "functions are nested too deeply",
            spec.key("functions"),
            help="let functions call each other less deeply; for copies in a chain use `repeat(x, f, n)`",
        )
        return None


def _foreseen(spec: Spec, training: bool) -> Diagnostic | None:
    """The fault that the graph will have too many steps, where a count finds that without making them."""
    reporter = Reporter()
    try:
        _Build(spec, reporter, training, Counting).enter()
    except TooManySteps:
        return reporter.diagnostics[-1]
    except (GaveUp, RecursionError):
        pass
    return None


class _Build(Beforehand):
    """One spec on its way into a graph."""

    def __init__(
        self, spec: Spec, reporter: Reporter, training: bool, assembly: type[Assembly] = Assembly, look_ahead: int = 0
    ) -> None:
        self.spec, self.model, self.reporter = spec, spec.model, reporter
        functions, _ = library()
        self.one_row = not any(
            isinstance(i, InputModel) and any(d == "batch" or (isinstance(d, str) and "batch" in d) for d in i.shape)
            for i in self.model.inputs.values()
        )
        self.one_row &= not spec.file.lost.batch
        own = spec.file.functions
        dims = ["batch", *self.model.dims]
        self.assembly = assembly(reporter, self.model.dtype, dims, training, self.one_row, spec.file, functions)
        self.assembly.draws = True
        self.assembly.look_ahead = look_ahead
        self.inputs: dict[str, InputInfo] = {}
        self.nodes: dict[str, int] = {}
        for name in own:
            if name in functions or (name in OPS and OPS[name].public):
                self.assembly.tell(
                    Diagnostic(
                        "shadows-builtin",
                        f"`{name}` takes the place of the built-in function of that name in this file",
                        own[name].file.positions.key(own[name].path),
                        "warning",
                        help="give it another name if that is not meant",
                    )  # fmt: skip
                )

    def enter(self) -> tuple[int | None, str]:
        """Enters the leaves, the nodes and the loss; the node of that and its name."""
        a, spec, model = self.assembly, self.spec, self.model
        lost = spec.file.lost
        for name, value in model.config.items():
            a.scope.values[name] = constant(value)
        self._inputs()
        self._params()
        self._states()
        a.scope.values.update(dict.fromkeys(sorted(lost.names - {*a.dims}), POISON))
        formulas = {n: a.parsed(w, spec.file.positions, ("nodes", n)) or [] for n, w in model.nodes.items()}
        loss = self._parsed_loss()
        a.declared = [*model.nodes]
        self._check_functions()
        for name in self._order(formulas):
            value = self._enter(name, a.node_of(name, formulas[name], ("nodes", name)))
            a.scope.values[name] = POISON if name in lost.names else value
        for name in model.nodes:
            a.scope.values.setdefault(name, POISON)
        return self._loss(loss)

    def run(self) -> Built | None:
        """The whole graph."""
        a, spec = self.assembly, self.spec
        before, lost = len(self.reporter.errors), spec.file.lost
        at, loss_name = self.enter()
        metrics = self._metrics()
        outputs = self._outputs(at)
        self._updates()
        a.settle_draws(spec.model.train.seed if spec.model.train else 0)
        built = Built(
            spec, a.builder.graph, a.training, self.one_row, self.inputs, {p.name: p for p in a.params}, {s.name: s for s in a.states},
            self.nodes, outputs, at, loss_name, metrics, a.counter, a, len(self.reporter.errors) == before and lost == Lost(),
        )  # fmt: skip
        if built.whole:
            self._rows_and_state(built)
            self._unused(built)
        self._expectations(built)
        return built if len(self.reporter.errors) == before else replace(built, whole=False)

    # -- leaves ---------------------------------------------------------------------------------------------------

    def _inputs(self) -> None:
        a, spec = self.assembly, self.spec
        for name, model in self.model.inputs.items():
            place = spec.key("inputs", name)
            dtype: DType = self.model.dtype
            default: Any = model
            shape: Shape = list_shape(model)
            if isinstance(model, InputModel):
                default, dtype = model.default, model.dtype or self.model.dtype
                shape = list_shape(default)
                if "shape" in model.model_fields_set:
                    f = a.frame(_EMPTY, ("inputs", name))
                    try:
                        shape = a.shape_of(model.shape, ("inputs", name, "shape"), f, spec.file)
                    except Poisoned:
                        a.scope.values[name] = POISON
                        continue
                    given = list_shape(default)
                    fills = given == () and all(isinstance(d, int) for d in shape)
                    if default is not None and not fills and not _fits(given, shape):
                        message = f"the default of `{name}` has shape {shape_text(given)}, and the input {shape_text(shape)}"
                        mend = None if given else "a number fills a shape of numbers alone; write the rows as nested lists"
                        a.tell(Diagnostic("shape-mismatch", message, spec.value("inputs", name, "default"), help=mend))
            a.builder.place = a.pack(place, a.source_id(spec.file))
            node = a.builder.input(name, shape, dtype)
            self.inputs[name] = InputInfo(name, node, shape, dtype, default, place)
            a.scope.values[name] = Ref(node)

    def _params(self) -> None:
        a, spec = self.assembly, self.spec
        source = a.source_id(spec.file)
        for name, model in self.model.params.items():
            try:
                if isinstance(model, ParamModel):
                    p = a.new_param(name, model, ("params", name), a.frame(_EMPTY, ("params", name)), spec.file)
                else:
                    p = Param(name, list_shape(model), a.dtype, model, True, None, spec.key("params", name))
            except Poisoned:
                a.scope.values[name] = POISON
                continue
            a.builder.place = a.pack(p.place, source)
            p.node = a.builder.param(name, p.shape, p.dtype)
            a.params.append(p)
            a.scope.values[name] = Ref(p.node)
        a.builder.place = 0

    def _states(self) -> None:
        a, spec = self.assembly, self.spec
        source = a.source_id(spec.file)
        for name, model in self.model.state.items():
            try:
                s = a.new_state(name, model, ("state", name), a.frame(_EMPTY, ("state", name)), spec.file)
            except Poisoned:
                a.scope.values[name] = POISON
                continue
            a.builder.place = a.pack(s.place, source)
            a.scope.values[name] = Ref(a.enter_state(s, a.builder.name_id(name)))
        a.builder.place = 0

    def _updates(self) -> None:
        """The new values of the spec's own states, all from the old ones."""
        a = self.assembly
        if a.training:
            own = {s.name: s for s in a.states if s.name in self.model.state}
            found = []
            for name, state in own.items():
                path = ("state", name, "update")
                formulas = a.parsed(self.model.state[name].update, self.spec.file.positions, path) or []
                found.append((state, a.node_of(f"{name}/new", formulas, path), a.frame(_EMPTY, path, f"{name}/new")))
            for state, value, f in found:
                a.keep_update(state, f.context.owner, value, f)
        a.name_updates()

    # -- entries --------------------------------------------------------------------------------------------------

    def _enter(self, name: str, value: Any) -> Any:
        if isinstance(value, Ref):
            self.nodes[name] = value.node
        elif isinstance(value, ListValue):
            self.nodes.update({f"{name}.{k}": v.node for k, v in enumerate(value.items)})
        return value

    def _parsed_loss(self) -> list[Formula]:
        if self.model.loss is None:
            return []
        return self.assembly.parsed(self.model.loss, self.spec.file.positions, ("loss",)) or []

    def _loss(self, formulas: list[Formula]) -> tuple[int | None, str]:
        if not formulas:
            return None, ""
        a = self.assembly
        tree = formulas[0].tree
        name = formulas[0].name(tree) if isinstance(tree, Name) else "loss"
        if isinstance(tree, Name):
            try:
                value: Any = a.lower(tree, f := a.frame(formulas[0], ("loss",)))
            except Fault as fault:
                a.located(fault, f)
                value = POISON
            except Poisoned:
                value = POISON
        else:
            value = self._enter(name, a.node_of(name, formulas, ("loss",)))
        if not isinstance(value, Ref):
            return None, name
        shape, dtype = a.builder.shape(value.node), a.builder.dtype(value.node)
        if shape or not is_real(dtype):
            what = f"has shape {shape_text(shape)}" if shape else f"is {dtype}"
            a.tell(
                Diagnostic(
                    "non-scalar-loss",
                    f"the loss `{name}` {what}; it must be one real number",
                    self.spec.value("loss"),
                    notes=(f"{name} is defined in line {self.spec.key('nodes', name).line}",) if name in self.model.nodes else (),
                    help=f"reduce it: `loss: mean({name if name in self.nodes else self.model.loss})`" if shape else None,
                )  # fmt: skip
            )
        return value.node, name

    def _metrics(self) -> dict[str, int]:
        a, out = self.assembly, {}
        for name, written in self.model.metrics.items():
            formulas = a.parsed(written, self.spec.file.positions, ("metrics", name)) or []
            value = a.node_of(name, formulas, ("metrics", name))
            if isinstance(value, Ref):
                out[name] = value.node
                if a.builder.shape(value.node):
                    message = f"the metric `{name}` has shape {shape_text(a.builder.shape(value.node))}; it must be one number"
                    a.tell(Diagnostic("non-scalar-metric", message, self.spec.value("metrics", name), help=f"reduce it: `mean({written})`"))
        return out

    def _outputs(self, loss: int | None) -> dict[str, int]:
        if self.model.outputs is None:
            metrics = {n.partition("#")[0] for n in self.model.metrics}
            graph = self.assembly.builder.graph
            used = bytearray(len(graph))
            for i in range(len(graph)):
                if (graph.owner(i) or "").partition(".")[0] not in metrics:
                    for j in graph.inputs(i):
                        used[j] = 1
            return {n: i for n, i in self.nodes.items() if not used[i]}
        out: dict[str, int] = {}
        known = {**self.nodes, **{n: i.node for n, i in self.inputs.items()}}
        for k, name in enumerate(self.model.outputs):
            found = known.get(name, self.assembly.builder.graph.index().get(name) if "." in name else None)
            if found is not None:
                out[name] = found
            elif not self._poisoned(name):
                near = nearest(name, known)
                message, mend = f"there is no node called `{name}`", f"did you mean `{near}`?" if near else None
                self.assembly.tell(
                    Diagnostic("unknown-name", message, self.spec.value("outputs", k), help=mend, fix=certain(name, known))
                )
        return out

    # -- checks of the whole --------------------------------------------------------------------------------------

    def _rows_and_state(self, built: Built) -> None:
        """In a graph for one row, a state that depends on the row is told, as far as the columns are known."""
        data = self.model.data
        if not built.one_row or data is None:
            return
        columns = data.columns
        named = list(columns) if columns is not None else [n for n, i in self.inputs.items() if i.default is None]
        fed = [n for n in named if n in self.inputs]
        fault = row_fault(built.graph, built.state, [self.inputs[n].node for n in fed], fed)
        if fault is not None:
            self.assembly.tell(fault)

    def _expectations(self, built: Built) -> None:
        starting = {**built.params, **built.state}  # some of them perhaps in the graph for training alone

        def find(name: str) -> Any:
            return starting.get(name, built.find(name))

        for k, entry in enumerate(self.model.expect):
            self._known(entry.values, find, built.index, ("expect", k, "values"), "value")
            self._known(entry.gradients, find, built.index, ("expect", k, "gradients"), "value")
            self._known(entry.shapes, find, built.index, ("expect", k, "shapes"), "value")
            self._known(entry.inputs, self.inputs.get, self.inputs, ("expect", k, "inputs"), "input")
            self._known(entry.params, starting.get, starting, ("expect", k, "params"), "parameter")
            self._known(
                entry.metrics, {**self.model.metrics, "loss": 0}.get, [*self.model.metrics, "loss"], ("expect", k, "metrics"), "metric"
            )
            if self.model.loss is None and not self.spec.file.lost.loss:
                self._without_loss(k, entry)

    def _without_loss(self, k: int, entry: ExpectModel) -> None:
        """Tells what an entry of `expect` asks that only a spec with a loss can answer."""
        asked = {("gradients",): entry.gradients, ("after_steps",): entry.after_steps, ("metrics", "loss"): "loss" in entry.metrics}
        for path, wanted in asked.items():
            if wanted:
                mend = "name the scalar node: `loss: J`"
                place = self.spec.key("expect", k, *path)
                self.assembly.tell(Diagnostic("no-loss", f"`{path[-1]}` in `expect` needs a `loss`", place, help=mend))

    def _poisoned(self, name: str) -> bool:
        """Whether a name, perhaps of a step or of what a layer holds, may be that of a part that has faults of its own."""
        base = re.split(r"[.#@]", name, maxsplit=1)[0]
        lost = self.spec.file.lost
        return self.assembly.scope.values.get(base) is POISON or lost.value(base) or base in lost.metrics

    def _known(self, names: Iterable[str], find: Any, known: Iterable[str], path: tuple[str | int, ...], what: str) -> None:
        for name in names:
            if find(name) is None and not self._poisoned(name):
                near = nearest(name, known)
                message, mend = f"there is no {what} called `{name}`", f"did you mean `{near}`?" if near else None
                if mend is None and what == "metric":
                    mend = f"the metrics are {', '.join(known)}"
                self.assembly.tell(
                    Diagnostic("unknown-name", message, self.spec.key(*path, name), help=mend, fix=certain(name, known))
                )

    def _unused(self, built: Built) -> None:
        if built.loss is None:
            return
        below = built.graph.ancestors([built.loss])
        for p in built.params.values():
            if p.trainable and p.node is not None and not below[p.node]:
                outside = self.assembly.call_outside(built.graph.call(p.node))
                self.assembly.tell(
                    Diagnostic(
                        "unused-parameter",
                        f"the loss {built.loss_name} does not depend on the parameter `{p.name}`: its gradient is zero",
                        outside[0] if outside is not None and p.place.source is not self.spec.file.positions.source else p.place,
                        "warning",
                        help="use it in a node that the loss depends on, or take it out",
                    )  # fmt: skip
                )


def _fits(given: tuple[int, ...], shape: Shape) -> bool:
    return len(given) == len(shape) and all(not isinstance(d, int) or d == g for g, d in zip(given, shape, strict=True))


_EMPTY = Formula("", Name(0, 0, 0), ("",), (0,), (0,))
