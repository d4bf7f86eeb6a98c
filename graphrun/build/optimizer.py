"""The optimizer: what `train.optimizer` and `per_parameter` say, lowered for parameters of one shape."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from graphrun.build.arguments import bind, given
from graphrun.build.assemble import Assembly
from graphrun.build.frame import Frame
from graphrun.build.library import library, schedules
from graphrun.build.lower import POISON
from graphrun.build.names import Scope, number_steps
from graphrun.build.options import option_faults
from graphrun.build.static import order
from graphrun.build.values import Fault, Poisoned, Ref, constant, describe, is_number, to_float, whole
from graphrun.errors import Diagnostic, Reporter, certain, nearest
from graphrun.expr.tree import Call, Formula, Name
from graphrun.ir.graph import Graph
from graphrun.ir.leaves import INPUT, PARAM
from graphrun.ir.types import DType, shape_text
from graphrun.ops.registry import OPS
from graphrun.spec.spec import Optimizer, Path, Spec

__all__ = ["Rule", "Start", "optimizer_rule", "settings_of", "whole_setting"]


@dataclass(frozen=True, slots=True)
class Start:
    """The initial value of a state that depends on the parameter: `node` of `graph` over the leaf `param`, where that is the value of
    the slot `slot` before the first step."""

    graph: Graph
    param: int
    node: int
    slot: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """An optimizer lowered for parameters of one shape: a graph over `param`, `grad` and `step`.

    `slots` maps the name of each state that the update needs to (leaf, node of its new value, initial value). An `elementwise` rule is
    the same for parameters of any shape, laid side by side.
    """

    graph: Graph
    param: int
    grad: int
    step: int
    slots: Mapping[str, tuple[int, int, float | Start]]
    new: int
    elementwise: bool
    text: str


def whole_setting(spec: Spec, key: str, reporter: Reporter) -> int | None:
    """`train.steps`, `train.epochs` or `train.batch`: a whole number, or a formula over `config` that comes out as one."""
    value = getattr(spec.model.train, key) if spec.model.train else None
    if isinstance(value, str):
        a, scope = _session(spec, reporter)
        parsed = a.parsed(value, spec.file.positions, ("train", key))
        if parsed is None:
            return None
        f = a.frame(parsed[0], ("train", key), scope=scope)
        try:
            found = whole(a.lower(parsed[0].tree, f))
            if found is None or found < 1:
                raise Fault("wrong-type", f"`train.{key}` is a whole number from 1 on", parsed[0].tree)
        except Fault as fault:
            a.located(fault, f)
            return None
        except Poisoned:
            return None
        return found
    return value


def _session(spec: Spec, reporter: Reporter) -> tuple[Assembly, Scope]:
    functions, _ = library()
    known = {**functions, **schedules()}
    a = Assembly(reporter, spec.model.dtype, spec.model.dims, True, True, spec.file, known)
    a.scope.values.update({k: constant(v) for k, v in spec.model.config.items()})
    a.scope.values.update(dict.fromkeys(spec.file.lost.names, POISON))
    return a, a.scope


def settings_of(spec: Spec, names: Sequence[str], reporter: Reporter, *, whole: bool = True) -> dict[str, dict[str, Any]]:
    """Name of each parameter → what `per_parameter` sets for it; a pattern that matches nothing is told where the names are `whole`."""
    out: dict[str, dict[str, Any]] = {name: {} for name in names}
    patterns = spec.model.train.per_parameter if spec.model.train else {}
    for pattern, settings in patterns.items():
        wanted = re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)
        matched = [name for name in names if wanted.fullmatch(name)]
        frozen = settings.get("frozen")
        if frozen is not None and not isinstance(frozen, bool):
            place = spec.value("train", "per_parameter", pattern, "frozen")
            reporter.error("wrong-type", f"`frozen` is `true` or `false`, not `{frozen}`", place)
        if not matched and whole:
            near = nearest(pattern, names)
            reporter.error(
                "unknown-name", f"no parameter's name matches `{pattern}`", spec.key("train", "per_parameter", pattern),
                help=f"did you mean `{near}`?" if near else f"parameters here: {', '.join(list(names)[:8])}",
            )  # fmt: skip
        for name in matched:
            out[name].update({k: (v, pattern) if isinstance(v, str) else v for k, v in settings.items()})
    return out


def optimizer_rule(
    spec: Spec, reporter: Reporter, shape: tuple[int, ...], steps: int, settings: Mapping[str, Any] | None = None
) -> Rule | None:
    """The optimizer of `train.optimizer` for parameters of `shape`; None where it has faults, which are told."""
    written = (spec.model.train.optimizer if spec.model.train else None) or "sgd(lr=0.01)"
    a, scope = _session(spec, reporter)
    path: Path = ("train", "optimizer")
    parsed = a.parsed(written, spec.file.positions, path)
    if parsed is None:
        return None
    dtype: DType = spec.model.dtype
    step = a.builder.input("step", (), "float64")  # powers like beta^step are numbers of Python's in torch.optim too
    a.narrows = True
    param, grad = a.builder.param("param", shape, dtype), a.builder.input("grad", shape, dtype)
    a.ambient = {"step": Ref(step), "steps": steps}
    f = a.frame(parsed[0], path, "update", scope)
    try:
        optimizer, values = _arguments(a, spec, parsed[0], f, settings or {})
    except Fault as fault:
        a.located(fault, f)
        return None
    except Poisoned:
        return None
    try:
        return _lower_rule(a, optimizer, values, (step, param, grad), written)
    except Poisoned:
        return None


def _arguments(a: Assembly, spec: Spec, formula: Formula, f: Frame, settings: Mapping[str, Any]) -> tuple[Optimizer, dict[str, Any]]:
    tree = formula.tree
    if isinstance(tree, Name):
        tree = Call(formula.name(tree), (), (), False, tree.first, tree.first, tree.last)
    if not isinstance(tree, Call):
        raise Fault("wrong-type", "an optimizer is a call: `adam(lr=1e-3)`", tree)
    _, built_in = library()
    known = {**built_in, **spec.file.optimizers}
    optimizer = known.get(tree.func)
    lost = spec.file.lost
    if tree.func in lost.optimizers or (optimizer is None and lost.optimizer(tree.func)):
        raise Poisoned
    if optimizer is None:
        near = nearest(tree.func, known)
        raise Fault(
            "unknown-function", f"there is no optimizer called `{tree.func}`", tree, token=tree.callee,
            help=f"did you mean `{near}`?" if near else f"there are {', '.join(sorted(known))}", fix=certain(tree.func, known),
        )  # fmt: skip
    head = optimizer.signature.args
    names = [n for n, _ in head]
    given_here = [*zip(names, tree.args, strict=False), *tree.kwargs]
    if len(tree.args) > len(names) or len({n for n, _ in given_here}) < len(given_here):
        bind(tree.func, names, [d is None for _, d in head], tree.args, dict(tree.kwargs), tree)  # raises the fault
    kwargs = {k: a.lower(x, f) for k, x in given_here}
    for key, value in settings.items():
        if key != "frozen":
            if key not in names:
                _tell_unknown(a, spec, tree.func, key, names)
                raise Poisoned
            kwargs[key] = _setting(a, value, key, f)
    found = bind(tree.func, names, [d is None for _, d in head], [], kwargs, tree)
    values: dict[str, Any] = {}
    scope = Scope(optimizer.file, values, outer=a.globals_for(optimizer.file))
    for (name, default), v in zip(head, found, strict=True):
        if given(v):
            values[name] = v
        else:
            assert default is not None
            at = replace(f, formula=default, positions=optimizer.file.positions, path=optimizer.path, scope=scope, key=True, base=None)
            try:
                values[name] = a.lower(default.tree, at)
            except Fault as fault:
                raise a.located(fault, at) from None
    if built_in.get(tree.func) is optimizer:
        written = dict(given_here)
        for name, code, message, mend in option_faults(tree.func, dict(head), values, a.builder):
            _tell_option(a, spec, Fault(code, message, written.get(name, tree), help=mend), name, settings, f)
    return optimizer, values


def _tell_option(a: Assembly, spec: Spec, fault: Fault, argument: str, settings: Mapping[str, Any], f: Frame) -> None:
    """Tells a fault in an argument, where the call or a pattern of `per_parameter` gives it, and gives up."""
    patterns = spec.model.train.per_parameter.items() if spec.model.train else ()
    last = [p for p, own in patterns if argument in own and settings.get(argument) in (own[argument], (own[argument], p))]
    if not last:
        raise a.located(fault, f)
    place = spec.value("train", "per_parameter", last[-1], argument)
    a.tell(Diagnostic(fault.code, fault.message, place, help=fault.help))
    raise Poisoned


def _tell_unknown(a: Assembly, spec: Spec, function: str, key: str, names: Sequence[str]) -> None:
    """Tells, for every pattern of `per_parameter` that sets it, an argument that the optimizer does not have."""
    near = nearest(key, [*names, "frozen"])
    mend = f"did you mean `{near}`?" if near else f"its arguments are {', '.join(f'`{n}`' for n in names)}"
    for pattern, settings in (spec.model.train.per_parameter if spec.model.train else {}).items():
        if key in settings:
            place = spec.key("train", "per_parameter", pattern, key)
            fix = certain(key, [*names, "frozen"])
            a.tell(Diagnostic("unknown-argument", f"`{function}` has no argument `{key}`", place, help=mend, fix=fix))


def _setting(a: Assembly, value: Any, key: str, f: Frame) -> Any:
    """What `per_parameter` sets: a number or boolean, or a formula, which comes with its pattern."""
    if not isinstance(value, tuple):
        return value
    written, pattern = value
    path = ("train", "per_parameter", pattern, key)
    parsed = a.parsed(written, f.positions, path)
    if parsed is None:
        raise Poisoned
    at = replace(f, formula=parsed[0], path=path, base=None)
    try:
        return a.lower(parsed[0].tree, at)
    except Fault as fault:
        raise a.located(fault, at) from None


def _lower_rule(a: Assembly, o: Optimizer, values: dict[str, Any], leaves: tuple[int, int, int], written: str) -> Rule:
    step, param, grad = leaves
    b = a.builder
    scope = Scope(o.file, {**values, "param": Ref(param), "grad": Ref(grad)}, outer=a.globals_for(o.file))
    slots: dict[str, tuple[int, float | Start]] = {}

    def lowered(written: Any, path: Path, name: str) -> Any:
        parsed = a.parsed(written, o.file.positions, path)
        if parsed is None:
            raise Poisoned
        f = a.frame(parsed[0], path, name, scope)
        f.positions = o.file.positions
        f.source = a.source_id(o.file)
        try:
            value = a.lower(parsed[0].tree, f)
            number_steps(a.builder, f.context, value.node if isinstance(value, Ref) else None)
            return value
        except Fault as fault:
            raise a.located(fault, f) from None

    def filled(value: Any, path: Path, what: str, fills: bool = True) -> int:
        """The node of a value in the parameter's shape, which one number fills."""
        node = value.node if isinstance(value, Ref) else b.const(_number(a, value, o, path, what), b.dtype(param))
        if b.dtype(node) != b.dtype(param):
            node = OPS["cast"](b, node, dtype=b.dtype(param))
        if b.shape(node) == () and (fills or not isinstance(value, Ref)):
            return OPS["broadcast_to"](b, node, shape=b.shape(param)) if b.shape(param) else node
        if b.shape(node) != b.shape(param):
            message = f"{what} has shape {shape_text(b.shape(node))}, and the parameter {shape_text(b.shape(param))}"
            a.tell(Diagnostic("shape-mismatch", message, o.file.positions.value(path), help="give it the parameter's shape"))
            raise Poisoned
        return node

    for name, slot in o.model.state.items():
        path = (*o.path, "state", name, "init")
        what = f"the initial value of `{name}`"
        init = slot.init if is_number(slot.init) else lowered(slot.init, path, name)
        slots[name] = (b.param(name, b.shape(param), b.dtype(param)), _start(a, init, o, path, what, filled, param))
    scope.values.update({name: Ref(leaf) for name, (leaf, _) in slots.items()})
    new: dict[str, int] = {}
    for name, slot in o.model.state.items():
        path = (*o.path, "state", name, "update")
        new[name] = filled(lowered(slot.update, path, name), path, f"the update of `{name}`")
        scope.values[name] = Ref(new[name])
    for name in _node_order(a, o):
        scope.values[name] = lowered(o.model.nodes[name], (*o.path, "nodes", name), name)
    path = (*o.path, "update")
    end = filled(lowered(o.model.update, path, "update"), path, f"the update of `{o.signature.name}`", fills=False)
    needed = _needed(b.graph, end, {n: (leaf, new[n]) for n, (leaf, _) in slots.items()})
    kept = {n: (leaf, new[n], init) for n, (leaf, init) in slots.items() if n in needed}
    ends = [end, *(new[n] for n in needed), *(init.node for _, _, init in kept.values() if isinstance(init, Start))]
    return Rule(b.graph, param, grad, step, kept, end, not a.asks_shape and _is_elementwise(b.graph, ends), written)


def _start(
    a: Assembly, value: Any, o: Optimizer, path: Path, what: str, filled: Callable[[Any, Path, str], int], param: int
) -> float | Start:
    """The initial value of a state: a number, or what is made of the parameter."""
    if not isinstance(value, Ref):
        return _number(a, value, o, path, what)
    node = filled(value, path, what)
    graph = a.builder.graph
    below = graph.ancestors([node])
    if any(below[i] and graph.op(i) in (INPUT, PARAM) and i != param for i in range(len(graph))):
        message = f"{what} may depend on `param` and the arguments, and not on what is known only while training"
        a.tell(Diagnostic("wrong-type", message, o.file.positions.value(path), help="a number, or a formula over `param`"))
        raise Poisoned
    return Start(graph, param, node)


def _number(a: Assembly, value: Any, o: Optimizer, path: Path, what: str) -> float:
    if is_number(value) or isinstance(value, bool):
        return to_float(value)
    a.tell(Diagnostic("wrong-type", f"{what} is {describe(value)}, and a number is wanted", o.file.positions.value(path)))
    raise Poisoned


def _is_elementwise(graph: Graph, ends: Sequence[int]) -> bool:
    """Whether each element of these nodes depends on the same element of the parameter alone."""
    below = graph.ancestors(list(ends))
    for i in range(len(graph)):
        if not below[i]:
            continue
        op, operands = graph.op(i), graph.inputs(i)
        fills = op is OPS["broadcast_to"] and graph.shape(operands[0]) == ()
        if not (op.elementwise or fills) if operands else graph.shape(i) and op not in (INPUT, PARAM):
            return False
    return True


def _node_order(a: Assembly, o: Optimizer) -> list[str]:
    needs = {}
    for name, written in o.model.nodes.items():
        parsed = a.parsed(written, o.file.positions, (*o.path, "nodes", name)) or []
        needs[name] = [n for p in parsed for n, _ in a.static.references(p, o.file).values if n in o.model.nodes]
    found, cycle = order(o.model.nodes, needs)
    if cycle:
        a.tell_cycle(cycle, {n: o.file.positions.key((*o.path, "nodes", n)) for n in cycle})
        raise Poisoned
    return found


def _needed(graph: Graph, end: int, slots: Mapping[str, tuple[int, int]]) -> set[str]:
    """The states that the update depends on, now or in later steps."""
    needed: set[str] = set()
    while True:
        below = graph.ancestors([end, *(slots[n][1] for n in needed)])
        found = {n for n, (leaf, _) in slots.items() if below[leaf]}
        if found == needed:
            return needed
        needed = found
