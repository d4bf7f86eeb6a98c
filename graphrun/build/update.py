"""The training step as one graph: forward, backward, clipping, and the optimizer's update, with parameters packed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from graphrun.autodiff.reverse import backward
from graphrun.build.arguments import bind, given
from graphrun.build.assemble import Assembly
from graphrun.build.build import Built
from graphrun.build.expand import LATER
from graphrun.build.frame import Frame
from graphrun.build.library import library
from graphrun.build.names import Scope, number_steps
from graphrun.build.static import order
from graphrun.build.values import Fault, Param, Poisoned, Ref, is_number, to_float, whole
from graphrun.errors import Diagnostic, Reporter, nearest
from graphrun.expr.tree import Call, Formula, Name
from graphrun.ir.builder import Builder
from graphrun.ir.graph import Graph
from graphrun.ir.types import DType
from graphrun.ops.arithmetic import ADD, DIV, MUL
from graphrun.ops.elementary import CLIP, MINIMUM, SQRT, SQUARE
from graphrun.ops.reduce import SUM
from graphrun.ops.registry import OPS
from graphrun.spec.models import ClipModel
from graphrun.spec.spec import Optimizer, Path, Spec

__all__ = ["Layout", "Rule", "TrainingGraph", "optimizer_rule", "settings_of", "training_graph", "whole_setting"]

SMALL = 64  # so many scalar parameters are updated one by one; more are packed


@dataclass(frozen=True, slots=True)
class Rule:
    """An optimizer lowered for parameters of one shape: a graph over `param`, `grad` and `step`.

    `slots` maps the name of each state that the update needs to (leaf, node of its new value, initial value).
    """

    graph: Graph
    param: int
    grad: int
    step: int
    slots: Mapping[str, tuple[int, int, float]]
    new: int
    elementwise: bool
    text: str


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a parameter lies: elements from `start` of a packed slot, or a slot of its own (`start` None)."""

    slot: str
    start: int | None
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TrainingGraph:
    """A training step before sizes are bound.

    `slots` has (name, leaf, node of the new value or None, initial value or None for parameters).
    """

    graph: Graph
    loss: int
    slots: tuple[tuple[str, int, int | None, float | None], ...]
    layout: Mapping[str, Layout]
    counter: int
    gradient_norm: int | None
    nodes: Sequence[int] = field(repr=False)  # the new number of each node of the graph that was given


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
    a = Assembly(reporter, spec.model.dtype, spec.model.dims, True, True, spec.file, functions)
    scope = Scope(spec.file)
    scope.values.update({k: v for k, v in spec.model.config.items() if not isinstance(v, list)})
    return a, scope


def settings_of(spec: Spec, names: Sequence[str], reporter: Reporter) -> dict[str, dict[str, Any]]:
    """Name of each parameter → what `per_parameter` sets for it; a pattern that matches nothing is told."""
    out: dict[str, dict[str, Any]] = {name: {} for name in names}
    patterns = spec.model.train.per_parameter if spec.model.train else {}
    for pattern, settings in patterns.items():
        matched = [name for name in names if fnmatchcase(name, pattern)]
        if not matched:
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
    step = a.builder.input("step", (), dtype)
    param, grad = a.builder.param("param", shape, dtype), a.builder.input("grad", shape, dtype)
    scope.values.update(step=Ref(step), steps=steps)
    f = a.frame(parsed[0], path, "update", scope)
    try:
        optimizer, values = _arguments(a, spec, parsed[0], f, settings or {})
    except Fault as fault:
        a.located(fault, f)
        return None
    except Poisoned:
        return None
    try:
        return _lower_rule(a, optimizer, values, (step, param, grad), steps, written)
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
    if optimizer is None:
        if tree.func in LATER:
            raise Fault(
                "not-yet", f"`{tree.func}` is part of the language, but this version does not carry it out yet", tree, token=tree.callee
            )
        near = nearest(tree.func, known)
        raise Fault(
            "unknown-function", f"there is no optimizer called `{tree.func}`", tree, token=tree.callee,
            help=f"did you mean `{near}`?" if near else f"there are {', '.join(sorted(known))}",
        )  # fmt: skip
    args = [a.lower(x, f) for x in tree.args]
    kwargs = {k: a.lower(x, f) for k, x in tree.kwargs}
    head = optimizer.signature.args
    for key, value in settings.items():
        if key != "frozen":
            if key not in dict(head):
                raise Fault("unknown-argument", f"`{tree.func}` has no argument `{key}`, which `per_parameter` sets", tree)
            kwargs[key] = _setting(a, value, key, f)
            args = args[: [n for n, _ in head].index(key)]
    found = bind(tree.func, [n for n, _ in head], [d is None for _, d in head], args, kwargs, tree)
    values: dict[str, Any] = {}
    scope = Scope(optimizer.file, values)
    for (name, default), v in zip(head, found, strict=True):
        if given(v):
            values[name] = v
        else:
            assert default is not None
            at = replace(f, formula=default, positions=optimizer.file.positions, path=optimizer.path, scope=scope, key=True, base=None)
            values[name] = a.lower(default.tree, at)
    return optimizer, values


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


def _lower_rule(a: Assembly, o: Optimizer, values: dict[str, Any], leaves: tuple[int, int, int], steps: int, written: str) -> Rule:
    step, param, grad = leaves
    b = a.builder
    scope = Scope(o.file, {**values, "param": Ref(param), "grad": Ref(grad), "step": Ref(step), "steps": steps})
    slots: dict[str, tuple[int, float]] = {}

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

    for name, slot in o.model.state.items():
        init = slot.init if is_number(slot.init) else lowered(slot.init, (*o.path, "state", name, "init"), name)
        slots[name] = (b.param(name, b.shape(param), b.dtype(param)), float(init) if isinstance(init, int | float) else 0.0)
        scope.values[name] = Ref(slots[name][0])
    new: dict[str, int] = {}
    for name, slot in o.model.state.items():
        value = lowered(slot.update, (*o.path, "state", name, "update"), name)
        new[name] = _as_node(a, value, param)
        scope.values[name] = Ref(new[name])
    for name in _node_order(a, o):
        scope.values[name] = lowered(o.model.nodes[name], (*o.path, "nodes", name), name)
    end = _as_node(a, lowered(o.model.update, (*o.path, "update"), "update"), param)
    if b.shape(end) != b.shape(param):
        a.tell(
            Diagnostic(
                "shape-mismatch",
                f"the update of `{o.signature.name}` has another shape than the parameter",
                o.file.positions.value((*o.path, "update")),
            )
        )
        raise Poisoned
    needed = _needed(b.graph, end, {n: (leaf, new[n]) for n, (leaf, _) in slots.items()})
    below = b.graph.ancestors([end, *(new[n] for n in needed)])
    elementwise = all(b.graph.op(i).elementwise or not b.graph.inputs(i) for i in range(len(b.graph)) if below[i])
    kept = {n: (leaf, new[n], init) for n, (leaf, init) in slots.items() if n in needed}
    return Rule(b.graph, param, grad, step, kept, end, elementwise, written)


def _as_node(a: Assembly, value: Any, param: int) -> int:
    if isinstance(value, Ref):
        return value.node
    node = a.builder.const(to_float(value), a.builder.dtype(param))
    shape = a.builder.shape(param)
    return OPS["broadcast_to"](a.builder, node, shape=shape) if shape else node


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


# -- the whole step -----------------------------------------------------------------------------------------------


def training_graph(
    built: Built, graph: Graph, loss: int, params: Mapping[str, int], steps: int, reporter: Reporter, health: bool = False
) -> TrainingGraph | None:
    """One training step of `graph` (that of `built`, perhaps mapped over rows), whose parameters are the leaves `params`.

    `health` adds the norm of the gradients (before clipping) as an output. None where the optimizer has faults, which are told.
    """
    spec = built.spec
    settings = settings_of(spec, list(params), reporter)
    moving = {n: i for n, i in params.items() if built.params[n].trainable and not settings[n].get("frozen")}
    graph, gradients = backward(graph, loss, moving.values())
    b = Builder()
    layout: dict[str, Layout] = {}
    replaced: dict[int, int] = {}
    slots: list[tuple[str, int, int | None, float | None]] = []
    stretches = []
    for k, (group, rule) in enumerate(_rules(built, moving, settings, steps, reporter)):
        if rule is None:
            return None
        stretches.append(_leaves(b, group, rule, built.params, params, k, layout, replaced))
    for name, i in params.items():
        if name not in moving:
            leaf = b.param(name, built.params[name].shape, built.params[name].dtype)
            layout[name], replaced[i] = Layout(name, None, built.params[name].shape), leaf
            slots.append((name, leaf, None, None))
    new = b.graft(graph, replaced)
    counter = b.input("step", (), spec.model.dtype)
    flat = [
        _gradients(b, names, [new[gradients[params[n]]] for n in names], packed) for piece in stretches for names, packed in piece.parts
    ]
    flat, norm = _clipped(b, spec, flat, health)
    at = iter(flat)
    for piece in stretches:
        for leaf_name, leaf in piece.leaves:
            slots += _apply(b, piece.rule, leaf_name, leaf, next(at), counter)
    return TrainingGraph(b.graph, new[loss], tuple(slots), layout, counter, norm, new)


@dataclass(frozen=True, slots=True)
class _Piece:
    """Parameters with one rule: packed into one leaf, or a leaf for each."""

    rule: Rule
    leaves: list[tuple[str, int]]
    parts: list[tuple[list[str], bool]]


def _rules(
    built: Built, moving: Mapping[str, int], settings: Mapping[str, Mapping[str, Any]], steps: int, reporter: Reporter
) -> Iterator[tuple[list[str], Rule | None]]:
    """Parameters with equal settings, with the optimizer for them: together where its update is elementwise, else one by one."""
    groups: dict[Any, list[str]] = {}
    for name in moving:
        groups.setdefault(tuple(sorted((k, repr(v)) for k, v in settings[name].items())), []).append(name)
    for group in groups.values():
        shapes = [built.params[n].shape for n in group]
        each = len(group) <= SMALL and not any(shapes)
        shape = shapes[0] if len(group) == 1 or each else (sum(_count(s) for s in shapes),)
        rule = optimizer_rule(built.spec, reporter, shape, steps, settings[group[0]])
        if rule is None or rule.elementwise or len(group) == 1:
            yield group, rule
            continue
        for name in group:
            yield [name], optimizer_rule(built.spec, reporter, built.params[name].shape, steps, settings[name])


def _count(shape: Sequence[int]) -> int:
    out = 1
    for d in shape:
        out *= d
    return out


def _leaves(
    b: Builder, group: list[str], rule: Rule, infos: Mapping[str, Param], params: Mapping[str, int], k: int, layout: dict[str, Layout],
    replaced: dict[int, int],
) -> _Piece:  # fmt: skip
    """Makes the leaves of a group; a packed one is taken apart by `unpack`, a stretch for each parameter."""
    shape = rule.graph.shape(rule.param)
    if len(group) == 1 or shape == () or not rule.elementwise:
        leaves = []
        for name in group:
            leaf = b.param(name, infos[name].shape, infos[name].dtype)
            layout[name], replaced[params[name]] = Layout(name, None, infos[name].shape), leaf
            leaves.append((name, leaf))
        return _Piece(rule, leaves, [([name], False) for name in group])
    packed = f"packed#{k}"
    leaf = b.param(packed, shape, infos[group[0]].dtype)
    start = 0
    for name in group:
        b.owner = b.name_id(name)
        replaced[params[name]] = OPS["unpack"](b, leaf, start=start, shape=infos[name].shape)
        layout[name] = Layout(packed, start, infos[name].shape)
        start += _count(infos[name].shape)
    b.owner = None
    return _Piece(rule, [(packed, leaf)], [(group, True)])


def _gradients(b: Builder, names: list[str], nodes: list[int], packed: bool) -> int:
    return OPS["pack"](b, *nodes) if packed else nodes[0]


def _clipped(b: Builder, spec: Spec, flat: list[int], health: bool) -> tuple[list[int], int | None]:
    """The gradients after `train.clip`, and their global norm before it where it is needed (torch.nn.utils.clip_grad_norm_)."""
    clip = spec.model.train.clip if spec.model.train else None
    limit = clip.norm if isinstance(clip, ClipModel) else clip
    value = clip.value if isinstance(clip, ClipModel) else None
    norm = None
    if (limit is not None or health) and flat:
        total: int | None = None
        for g in flat:
            square = SQUARE(b, g)
            square = SUM(b, square) if b.shape(g) else square
            total = square if total is None else ADD(b, total, square)
        assert total is not None
        norm = SQRT(b, total)
        if limit is not None:
            room = ADD(b, norm, b.const(1e-6, b.dtype(norm)))
            scale = MINIMUM(b, DIV(b, b.const(limit, b.dtype(norm)), room), b.const(1.0, b.dtype(norm)))
            flat = [MUL(b, g, scale) for g in flat]
    if value is not None:
        flat = [CLIP(b, g, min=-value, max=value) for g in flat]
    return flat, norm


def _apply(b: Builder, rule: Rule, name: str, leaf: int, grad: int, counter: int) -> list[tuple[str, int, int | None, float | None]]:
    """Enters the optimizer's update of one leaf; its slots: the parameter and each state."""
    shape, dtype = b.shape(leaf), b.dtype(leaf)
    replaced = {rule.param: leaf, rule.grad: grad, rule.step: counter}
    states = {}
    for slot, (old, _, init) in rule.slots.items():
        states[slot] = (b.param(f"{name}/{slot}", shape, dtype), init)
        replaced[old] = states[slot][0]
    new = b.graft(rule.graph, replaced, f"{name}/")
    out: list[tuple[str, int, int | None, float | None]] = [(name, leaf, new[rule.new], None)]
    out += [(f"{name}/{slot}", node, new[rule.slots[slot][1]], init) for slot, (node, init) in states.items()]
    return out
