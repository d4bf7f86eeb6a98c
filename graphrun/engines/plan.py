"""What each node of a step becomes in generated code: when it is computed, and where its value lives.

    stage 0   from constants alone         computed when the step is compiled
    stage 1   from feeds and what stays    computed at the start of `run`
    stage 2   from what moves              computed in every step

A scalar lives in a local. An array lives in a buffer of its own (`own`), in a stretch of another one's (`own` with a `home`: an operand
of a concat is computed where the concat wants it), is a view of one (`view`), or is an object that its kernel returns (`object`). A feed
is an object too, but for one that many views are taken of: it is copied into a buffer (`held`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphrun.engines.array_code import FEW, writes_out
from graphrun.engines.base import Step
from graphrun.engines.faults import kernel_fault
from graphrun.engines.reference import constant
from graphrun.ir.graph import Graph
from graphrun.ir.leaves import CONST, FED
from graphrun.ir.types import is_real

__all__ = ["ALIASES", "BUFFERS", "JOINS", "Cut", "Home", "Plan", "cuts", "make_plan", "total_of"]

ALIASES = frozenset({"identity", "stop_gradient"})
VIEWS = frozenset(
    {"reshape", "flatten", "expand_dims", "squeeze", "transpose", "swap_last", "broadcast_to", "slice", "unpack", "flip", "diagonal"}
)
JOINS = frozenset({"concat", "stack", "pack", "unslice"})
FRESH = frozenset(
    {"matmul", "softmax", "log_softmax", "logsumexp", "gather", "one_hot", "scatter_add", "where", "mean", "sum", "tile", "roll"}
)
"""Operations whose kernels never hand back a view of an operand."""

BUFFERS = ("own", "slot", "held")
MANY = 4  # a feed with so many views is copied into a buffer: one copy costs less than making the views anew for every batch

Cut = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Home:
    """Where node `node` is computed: in the stretch that `cut` takes from the buffer of `of`."""

    of: int
    cut: Cut


class Plan:
    """The decisions for one step."""

    def __init__(self, step: Step) -> None:
        self.step = step
        graph = self.graph = step.graph
        n = len(graph)
        self.same = list(range(n))  # identity(x) is x
        self.stage = bytearray(n)
        self.kind: list[str] = [""] * n  # const, scalar, slot, feed, held, own, view, object, fused
        self.value: dict[int, Any] = {}  # of stage 0
        self.home: dict[int, Home] = {}
        self.proto: dict[int, Any] = {}  # arrays laid out as the real ones will be; never read
        self.roots: dict[int, frozenset[int]] = {}  # the buffers that an array may lie in
        self.needed = graph.ancestors([step.loss, *step.outputs.values(), *(s.update for s in step.slots if s.update is not None)])
        self.fused: set[int] = set()  # products that are computed within the sum over them
        self.slot_nodes = {s.node for s in step.slots}
        for i in self.slot_nodes:
            self.needed[i] = 1

    def nodes(self) -> list[int]:
        """The needed nodes, in order, without those that are another by name only."""
        return [i for i in range(len(self.graph)) if self.needed[i] and self.same[i] == i]

    def is_scalar(self, i: int) -> bool:
        """Whether node i has no axes."""
        return not self.graph.shape(i)

    def solid(self, i: int) -> bool:
        """Whether array i is known to be contiguous when the step is compiled."""
        return i in self.proto and bool(self.proto[i].flags.c_contiguous)

    def inputs(self, i: int) -> list[int]:
        """The operands of node i, identities resolved."""
        return [self.same[j] for j in self.graph.inputs(i)]


def make_plan(step: Step) -> Plan:
    """Decides stage, kind, place and layout of every node."""
    p = Plan(step)
    _stages(p)
    _constants(p)
    _kinds(p)
    _fuse(p)
    _homes(p)
    _layout(p)
    return p


def _stages(p: Plan) -> None:
    graph, step = p.graph, p.step
    moving = {s.node for s in step.slots if s.update is not None}
    if step.counter is not None:
        moving.add(step.counter)
    for i in range(len(graph)):
        op = graph.op(i)
        if op in FED:
            p.stage[i] = 2 if i in moving else 1
        elif p.needed[i]:
            inputs = graph.inputs(i)
            p.stage[i] = max((p.stage[j] for j in inputs), default=0)
            if op.name in ALIASES:
                p.same[i] = p.same[inputs[0]]


def _constants(p: Plan) -> None:
    graph = p.graph
    with np.errstate(all="ignore"):
        for i in p.nodes():
            if p.stage[i] == 0:
                if graph.op(i) is CONST:
                    p.value[i] = constant(graph.attrs(i)["value"], graph.dtype(i), graph.shape(i))
                else:
                    p.value[i] = np.asarray(_computed(p, i))[()]


def _computed(p: Plan, i: int) -> Any:
    """The value of a node over constants alone; RunError where its kernel refuses them."""
    try:
        return p.graph.op(i).kernel(np, *[p.value[j] for j in p.inputs(i)], **p.graph.attrs(i))
    except (IndexError, ValueError):
        fault = kernel_fault(p.graph, i, [p.value.get(j) for j in range(len(p.graph))])
        if fault is None:
            raise
        raise fault from None


def _kinds(p: Plan) -> None:
    graph = p.graph
    viewed = Counter(p.inputs(i)[0] for i in p.nodes() if graph.op(i).name in VIEWS and not p.is_scalar(i))
    for i in p.nodes():
        op = graph.op(i)
        if p.stage[i] == 0:
            p.kind[i] = "const"
        elif p.is_scalar(i):
            p.kind[i] = "scalar"
        elif i in p.slot_nodes:
            p.kind[i] = "slot"
        elif op in FED:
            p.kind[i] = "held" if viewed[i] >= MANY else "feed"
        elif op.name in VIEWS and p.kind[p.inputs(i)[0]] != "scalar":
            p.kind[i] = "view"
        elif op.name in JOINS or writes_out(graph, i):
            p.kind[i] = "own"
        else:
            p.kind[i] = "object"


def total_of(p: Plan, i: int) -> int | None:
    """The array that scalar node i is the sum or mean of, where it has elements and the same real dtype; else None."""
    graph = p.graph
    if graph.op(i).name not in ("sum", "sum_to", "mean") or not p.is_scalar(i):
        return None
    (x,) = p.inputs(i)
    fits = not p.is_scalar(x) and 0 not in graph.shape(x) and graph.dtype(x) == graph.dtype(i) and is_real(graph.dtype(x))
    return x if fits else None


def _fuse(p: Plan) -> None:
    """sum(a * b), where the product is of two vectors of a few numbers and nothing else reads it, is dot(a, b)."""
    graph = p.graph
    read = [0] * len(graph)
    for i in p.nodes():
        for j in p.inputs(i):
            read[j] += 1
    for i in (*p.step.outputs.values(), *(s.update for s in p.step.slots if s.update is not None)):
        read[p.same[i]] += 1
    for i in p.nodes():
        x = total_of(p, i) if p.kind[i] == "scalar" else None
        if x is None or p.kind[x] != "own" or read[x] != 1 or graph.op(x).name not in ("mul", "square"):
            continue
        shapes = {graph.shape(j) for j in p.inputs(x)}
        if shapes == {graph.shape(x)} and len(graph.shape(x)) == 1 and graph.shape(x)[0] in range(FEW + 1) and p.stage[x] == p.stage[i]:
            p.kind[x] = "fused"
            p.fused.add(x)


def _homes(p: Plan) -> None:
    """Operands of concats and the like are computed in their stretch, where nothing else has a claim on them."""
    graph = p.graph
    for i in p.nodes():
        if p.kind[i] != "own" or graph.op(i).name not in JOINS:
            continue
        for j, cut in zip(p.inputs(i), cuts(graph, i), strict=True):
            free = p.kind[j] == "own" and p.stage[j] == p.stage[i] and j not in p.home
            if free and graph.dtype(j) == graph.dtype(i) and graph.op(j).name != "unslice":
                p.home[j] = Home(i, cut)


def cuts(graph: Graph, i: int) -> Sequence[Cut]:
    """For each operand of a join, what takes its stretch from the whole."""
    name, attrs = graph.op(i).name, graph.attrs(i)
    inputs = graph.inputs(i)
    if name == "unslice":
        at = tuple(slice(None) if s is None else slice(*s) for s in attrs["index"])
        return [lambda whole: whole[at]]
    if name == "stack":
        lead = (slice(None),) * attrs["axis"]
        return [_cut((*lead, k)) for k in range(len(inputs))]
    out: list[Cut] = []
    start = 0
    for j in inputs:
        shape: tuple[int, ...] = tuple(int(d) for d in graph.shape(j))  # type: ignore[arg-type]
        length = shape[attrs["axis"]] if name == "concat" else int(np.prod(shape, dtype=int))
        if name == "concat":
            out.append(_cut((*(slice(None),) * attrs["axis"], slice(start, start + length))))
        else:
            out.append(_stretch(start, length, shape))
        start += length
    return out


def _cut(index: tuple[Any, ...]) -> Cut:
    return lambda whole: whole[index]


def _stretch(start: int, length: int, shape: tuple[int, ...]) -> Cut:
    return lambda whole: whole[start : start + length].reshape(shape)


def _layout(p: Plan) -> None:
    """Prototypes: buffers from the last node to the first (a stretch after the whole), views from the first to the last."""
    graph = p.graph
    nodes = p.nodes()
    for i in reversed(nodes):
        if p.kind[i] in BUFFERS:
            home = p.home.get(i)
            p.proto[i] = home.cut(p.proto[home.of]) if home else np.empty(graph.shape(i), graph.dtype(i))
            if home:
                p.roots[i] = p.roots[home.of]
            else:
                p.roots[i] = frozenset((i,))
    for i in nodes:
        if p.kind[i] == "const" and not p.is_scalar(i):
            p.proto[i], p.roots[i] = p.value[i], frozenset()
        elif p.kind[i] == "feed":
            p.roots[i] = frozenset()
        elif p.kind[i] == "view":
            _view(p, i)
        elif p.kind[i] == "object":
            p.roots[i] = _roots_of_object(p, i)


def _view(p: Plan, i: int) -> None:
    graph = p.graph
    (j,) = p.inputs(i)
    if j not in p.proto:
        p.kind[i], p.roots[i] = "object", p.roots[j]
        return
    made = graph.op(i).kernel(np, p.proto[j], **graph.attrs(i))
    if made.size == 0 or np.may_share_memory(made, p.proto[j]):
        p.proto[i], p.roots[i] = made, p.roots[j]
    else:
        p.kind[i], p.roots[i] = "object", frozenset()


def _roots_of_object(p: Plan, i: int) -> frozenset[int]:
    if p.graph.op(i).name in FRESH:
        return frozenset()
    roots: frozenset[int] = frozenset()
    for j in p.inputs(i):
        roots |= p.roots.get(j, frozenset())
    return roots
