"""The training step as one graph: forward, backward, clipping, and the optimizer's update, with parameters packed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from graphrun.autodiff.reverse import backward
from graphrun.build.build import Built
from graphrun.build.optimizer import Rule, Start, optimizer_rule, settings_of
from graphrun.build.values import Param
from graphrun.errors import Reporter
from graphrun.ir.builder import Builder
from graphrun.ir.graph import Graph
from graphrun.ir.leaves import CONST, STATE
from graphrun.ir.types import entries
from graphrun.ops.arithmetic import ADD, DIV, MUL, SUB
from graphrun.ops.compare import EQUAL, WHERE
from graphrun.ops.elementary import CLIP, FLOOR, MINIMUM, SQRT, SQUARE
from graphrun.ops.reduce import SUM
from graphrun.ops.registry import OPS
from graphrun.spec.models import ClipModel
from graphrun.spec.spec import Spec

__all__ = ["Layout", "Source", "TrainingGraph", "training_graph"]

Initial = float | Start | None  # of a slot; None for parameters, averages and states
SMALL = 64  # so many scalar parameters are updated one by one; more are packed


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a parameter lies: elements from `start` of a packed slot, or a slot of its own (`start` None)."""

    slot: str
    start: int | None
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """The graph that is trained: a spec's, perhaps mapped over rows. `params` has the leaves of the parameters, `states` the leaf of each
    state and the node of its new value, `counter` the leaf that random values are counted by."""

    graph: Graph
    loss: int
    params: Mapping[str, int]
    states: Mapping[str, tuple[int, int | None]]
    counter: int | None


@dataclass(frozen=True, slots=True)
class TrainingGraph:
    """A training step before sizes are bound: the gradients of one batch, and where it is the last of its update, the update.

    `slots` has (name, leaf, node of the new value or None, initial value or None for parameters, averages and states). `averages` has for
    a parameter's slot that of its average. `counter` counts batches.
    """

    graph: Graph
    loss: int
    slots: tuple[tuple[str, int, int | None, Initial], ...]
    layout: Mapping[str, Layout]
    averages: Mapping[str, str]
    counter: int
    gradient_norm: int | None
    gradients: Mapping[str, int]  # slot → gradient, before clipping; with `health`
    nodes: Sequence[int] = field(repr=False)  # the new number of each node of the graph that was given


def training_graph(built: Built, source: Source, steps: int, reporter: Reporter, health: bool = False) -> TrainingGraph | None:
    """One training step of `source`, which is that of `built`, in a run of `steps` updates.

    `health` adds the gradients and their norm (before clipping). None where the optimizer has faults, which are told.
    """
    spec, params = built.spec, source.params
    train = spec.model.train
    settings = settings_of(spec, list(built.params), reporter)
    moving = {n: i for n, i in params.items() if built.params[n].trainable and not settings[n].get("frozen")}
    graph, gradients = backward(source.graph, source.loss, moving.values())
    moving = {n: i for n, i in moving.items() if not _is_zero(graph, gradients[i])}  # torch.optim passes by what has no gradient
    b = Builder()
    layout: dict[str, Layout] = {}
    replaced: dict[int, int] = {}
    slots: list[tuple[str, int, int | None, Initial]] = []
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
    for name, (i, _) in source.states.items():
        replaced[i] = b.leaf(STATE, name, graph.shape(i), graph.dtype(i))
    counter = b.input("step", (), "float64")
    if source.counter is not None:
        replaced[source.counter] = counter
    new = b.graft(graph, replaced)
    slots += [(name, new[i], None if u is None else new[u], None) for name, (i, u) in source.states.items()]
    flat = [
        _gradients(b, names, [new[gradients[params[n]]] for n in names], packed) for piece in stretches for names, packed in piece.parts
    ]
    turn = _Turn(b, counter, (train.accumulate if train else None) or 1)
    leaves = [entry for piece in stretches for entry in piece.leaves]
    flat = turn.averaged(leaves, flat, slots)
    found = {name: g for (name, _), g in zip(leaves, flat, strict=True)} if health else {}
    flat, norm = _clipped(b, spec, flat, health)
    at = iter(flat)
    averages: dict[str, str] = {}
    for piece in stretches:
        for name, leaf in piece.leaves:
            made = turn.kept(_apply(b, piece.rule, name, leaf, next(at), turn.step))
            slots += made
            if train is not None and train.ema is not None:
                averages[name] = f"{name}/ema"
                slots.append(turn.average(averages[name], leaf, made[0][2], train.ema))
    return TrainingGraph(b.graph, new[source.loss], tuple(slots), layout, averages, counter, norm, found, new)


def _is_zero(graph: Graph, i: int) -> bool:
    """Whether a gradient is zero because the loss does not depend on the value at all."""
    node = graph.inputs(i)[0] if graph.op(i) is OPS["broadcast_to"] else i
    return graph.op(node) is CONST and not graph.attrs(node)["value"]


class _Turn:
    """The batches of one update: `step` is the number of the update, and only its last batch changes the parameters."""

    def __init__(self, b: Builder, counter: int, batches: int) -> None:
        self.b, self.batches, self.step = b, batches, counter
        self.last: int | None = None
        if batches > 1:
            count = b.const(float(batches), b.dtype(counter))
            self.step = FLOOR(b, DIV(b, counter, count))
            within = SUB(b, counter, MUL(b, self.step, count))
            self.last = EQUAL(b, within, b.const(float(batches - 1), b.dtype(counter)))

    def averaged(self, leaves: Sequence[tuple[str, int]], flat: Sequence[int], slots: list[Any]) -> list[int]:
        """The mean of the gradients of the update's batches so far, added up in slots of their own."""
        if self.last is None:
            return list(flat)
        b, out = self.b, []
        for (name, _), g in zip(leaves, flat, strict=True):
            kept = b.param(f"{name}/gradient", b.shape(g), b.dtype(g))
            total = ADD(b, kept, DIV(b, g, b.const(float(self.batches), b.dtype(g))))
            zero = b.const(0.0, b.dtype(g))
            slots.append((f"{name}/gradient", kept, WHERE(b, self.last, zero, total), 0.0))
            out.append(total)
        return out

    def kept(self, slots: list[tuple[str, int, int | None, Initial]]) -> list[tuple[str, int, int | None, Initial]]:
        """The slots, which move with the last batch alone."""
        if self.last is None:
            return slots
        return [(n, leaf, None if u is None else WHERE(self.b, self.last, u, leaf), init) for n, leaf, u, init in slots]

    def average(self, name: str, leaf: int, new: int | None, decay: float) -> tuple[str, int, int | None, Initial]:
        """The slot of a parameter's average: decay · average + (1 - decay) · parameter, after each update."""
        b = self.b
        dtype = b.dtype(leaf)
        old = b.param(name, b.shape(leaf), dtype)
        mean = ADD(b, MUL(b, b.const(decay, dtype), old), MUL(b, b.const(1.0 - decay, dtype), leaf if new is None else new))
        return self.kept([(name, old, mean, None)])[0]


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
        shape = shapes[0] if len(group) == 1 or each else (sum(entries(s) for s in shapes),)
        own = Reporter()  # what is wrong with an update of all together may be right for each
        rule = optimizer_rule(built.spec, own, shape, steps, settings[group[0]])
        if len(group) == 1 or (rule is not None and rule.elementwise):
            reporter.diagnostics += own.diagnostics
            yield group, rule
            continue
        rules = {s: optimizer_rule(built.spec, reporter, s, steps, settings[group[0]]) for s in dict.fromkeys(shapes)}
        for name, s in zip(group, shapes, strict=True):
            yield [name], rules[s]


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
        start += entries(infos[name].shape)
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


def _apply(b: Builder, rule: Rule, name: str, leaf: int, grad: int, counter: int) -> list[tuple[str, int, int | None, Initial]]:
    """Enters the optimizer's update of one leaf; its slots: the parameter and each state."""
    shape, dtype = b.shape(leaf), b.dtype(leaf)
    replaced = {rule.param: leaf, rule.grad: grad, rule.step: counter}
    states = {}
    for slot, (old, _, init) in rule.slots.items():
        states[slot] = (b.param(f"{name}/{slot}", shape, dtype), replace(init, slot=name) if isinstance(init, Start) else init)
        replaced[old] = states[slot][0]
    new = b.graft(rule.graph, replaced, f"{name}/")
    out: list[tuple[str, int, int | None, Initial]] = [(name, leaf, new[rule.new], None)]
    out += [(f"{name}/{slot}", node, new[rule.slots[slot][1]], init) for slot, (node, init) in states.items()]
    return out
