"""A graph for one row becomes a graph for many: as arrays over the rows, or, where all is scalar and rows are few, one copy for each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from graphrun.ir.builder import Builder
from graphrun.ir.graph import Graph
from graphrun.ir.leaves import LEAVES
from graphrun.ir.opdef import OpDef
from graphrun.ir.types import Dim, size
from graphrun.ops.arithmetic import ADD, DIV
from graphrun.ops.reduce import MEAN
from graphrun.ops.shape import RESHAPE, SLICE
from graphrun.passes.rebuild import Rebuild

__all__ = ["OverRows", "Unrolled", "map_rows", "over_rows", "unroll_rows"]

How = Literal["auto", "arrays", "unrolled"]

# Microseconds for a node of the forward pass with its share of the backward pass, measured on the 2-2-1 net (benchmarks/net.py).
SCALAR_US = 0.029
ARRAY_US = 0.55
BACKWARD = 4  # steps of a training step for one node of the forward pass, at most
MOST_STEPS = 20_000


@dataclass(frozen=True, slots=True)
class Unrolled:
    """`rows[k]` maps each node that depends on the row to its copy for row k; `shared` maps all others, and the fed leaves."""

    graph: Graph
    rows: tuple[Mapping[int, int], ...]
    shared: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class OverRows:
    """A graph over rows and its mean loss. `nodes` maps the leaves (the fed ones now have the rows as axis 0) and all else that is the same
    for all rows; `how` is what was chosen, and `why`."""

    graph: Graph
    loss: int
    nodes: Mapping[int, int]
    how: Literal["arrays", "unrolled"]
    why: str


def over_rows(graph: Graph, fed: Collection[int], loss: int, rows: Dim, how: How = "auto", keep: Sequence[int] = ()) -> OverRows:
    """`graph`, which is for one row, over `rows` rows: `fed` leaves carry rows, and the loss is the mean over them.

    `keep` are further nodes that are wanted, which are the same for all rows.
    """
    chosen, why = (how, "asked for") if how != "auto" else choose(graph, fed, loss, rows)
    if chosen == "unrolled":
        assert isinstance(rows, int)
        unrolled = unroll_rows(graph, fed, [loss, *keep], rows)
        mean, total = _mean_of_copies(unrolled, loss)
        return OverRows(mean, total, unrolled.shared, "unrolled", why)
    mapped, nodes = map_rows(graph, fed, [loss, *keep], rows)
    mapped, total = _mean_of_array(mapped, graph, loss, nodes[loss])
    return OverRows(mapped, total, nodes, "arrays", why)


def choose(graph: Graph, fed: Collection[int], loss: int, rows: Dim) -> tuple[Literal["arrays", "unrolled"], str]:
    """Which of the two costs less, and why."""
    if not isinstance(rows, int):
        return "arrays", "the number of rows is not fixed"
    needed = graph.ancestors([loss])
    carries = _carriers(graph, fed, needed)
    count = 0
    for i in range(len(graph)):
        if needed[i] and graph.shape(i):
            return "arrays", f"{graph.name(i)} is an array"
        count += carries[i]
    if count * rows * BACKWARD > MOST_STEPS:
        return "arrays", f"{count} nodes for each of {rows} rows are too many to write out"
    if rows * SCALAR_US > ARRAY_US:
        return "arrays", f"{rows} rows cost less as arrays"
    return "unrolled", f"{count} scalar nodes for each of {rows} rows cost less written out"


def map_rows(graph: Graph, fed: Collection[int], wanted: Sequence[int], dim: Dim) -> tuple[Graph, dict[int, int]]:
    """What `wanted` depends on, with `dim` rows as a new axis 0 of each node that depends on a leaf in `fed`; and old node → new node.

    The `fed` leaves are kept, used or not. Elementwise operations have the ranks of their operands aligned behind axis 0; the others
    have a rule.
    """
    rebuild = Rebuild(graph)
    b, new = rebuild.builder, rebuild.new
    needed = _needed(graph, fed, wanted)
    carries = _carriers(graph, fed, needed)
    for i in range(len(graph)):
        if not needed[i]:
            continue
        op = graph.op(i)
        if not carries[i]:
            new[i] = rebuild.copy(i)
        elif op in LEAVES:
            new[i] = _fed_leaf(rebuild, i, dim)
        else:
            rebuild.mark(i)
            owner, tag = b.owner, b.tag
            rebuild.unmark()
            inputs = [new[j] for j in graph.inputs(i)]
            with_rows = [bool(carries[j]) for j in graph.inputs(i)]
            start = len(b)
            k = _over_rows(rebuild, op, i, inputs, with_rows, dim)
            if k >= start:
                b.graph._owner[k] = ~k if owner is None else owner
                b.graph._tag[k] = tag
                rebuild.named(i, k)
            new[i] = k
    return rebuild.graph, {i: k for i, k in enumerate(new) if k >= 0}


def unroll_rows(graph: Graph, fed: Collection[int], wanted: Sequence[int], n: int) -> Unrolled:
    """What `wanted` depends on, the part that depends on a leaf in `fed` once for each of `n` rows.

    A fed leaf gets the rows as axis 0; each copy reads its row of it. The copies of `u` are named `u[row 1]`, `u[row 2]`, …
    """
    rebuild = Rebuild(graph)
    b, new = rebuild.builder, rebuild.new
    needed = _needed(graph, fed, wanted)
    carries = _carriers(graph, fed, needed)
    for i in range(len(graph)):
        if needed[i] and (i in fed or not carries[i]):
            new[i] = _fed_leaf(rebuild, i, n) if i in fed else rebuild.copy(i)
    own = [i for i in range(len(graph)) if needed[i] and carries[i]]
    copies: list[dict[int, int]] = []
    for row in range(n):
        suffix = f"[row {row + 1}]"
        here: dict[int, int] = {}
        for i in own:
            if i in fed:
                rebuild.mark(i, suffix)
                here[i] = _row_of(b, new[i], row)
            else:
                here[i] = rebuild.copy(i, [here[j] if carries[j] else new[j] for j in graph.inputs(i)], suffix)
                if graph.op(i).draws:
                    _draw_row(b, here[i], row)
        copies.append(here)
    return Unrolled(rebuild.graph, tuple(copies), {i: k for i, k in enumerate(new) if k >= 0})


def _needed(graph: Graph, fed: Collection[int], wanted: Sequence[int]) -> bytearray:
    needed = graph.ancestors(wanted)
    for i in fed:
        needed[i] = 1
    return needed


def _carriers(graph: Graph, fed: Collection[int], needed: bytearray) -> bytearray:
    """A mark for each needed node that depends on a leaf in `fed`, or on random values."""
    carries = bytearray(len(graph))
    for i in fed:
        carries[i] = needed[i]
    offset, inputs, ops = graph._offset, graph._input, graph._op
    draws = [op.draws for op in graph._op_table]
    for i in range(len(graph)):
        if needed[i] and not carries[i]:
            if draws[ops[i]]:  # each row draws its own
                carries[i] = 1
                continue
            for k in range(offset[i], offset[i + 1]):
                if carries[inputs[k]]:
                    carries[i] = 1
                    break
    return carries


def _fed_leaf(rebuild: Rebuild, i: int, dim: Dim) -> int:
    """Leaf i with `dim` rows as axis 0."""
    s, b = rebuild.source, rebuild.builder
    k = b.leaf(s.op(i), s.name(i), (dim, *s.shape(i)), s.dtype(i), **s.attrs(i))
    b.graph._call[k], b.graph._place[k] = s._call[i], s._place[i]
    return rebuild.named(i, k)


def _over_rows(rebuild: Rebuild, op: OpDef, i: int, inputs: Sequence[int], with_rows: Sequence[bool], dim: Dim) -> int:
    s, b = rebuild.source, rebuild.builder
    if op.rows is not None:
        return op.rows(b, s.node(i), inputs, with_rows, dim)
    assert op.elementwise, f"{op.name} says nothing about rows"
    rank = len(s.shape(i))
    aligned = []
    for k, carries, j in zip(inputs, with_rows, s.inputs(i), strict=True):
        shape = s.shape(j)
        short = rank - len(shape)
        aligned.append(RESHAPE(b, k, shape=(dim, *(1,) * short, *shape)) if carries and short else k)
    return b.node(op, aligned, s.attrs(i))


def _mean_of_array(mapped: Graph, graph: Graph, loss: int, k: int) -> tuple[Graph, int]:
    """The mean over axis 0 of the loss, where it depends on the row."""
    if mapped.shape(k) == graph.shape(loss):
        return mapped, k
    b = Builder(mapped)
    b.call, b.place = mapped._call[k], mapped._place[k]
    b.owner = b.name_id(f"mean({graph.name(loss)})")
    mean = MEAN(b, k, axis=(0,), keepdims=False)
    return b.graph, mean


def _mean_of_copies(unrolled: Unrolled, loss: int) -> tuple[Graph, int]:
    """The sum of the copies of the loss, in the order of rows, over their number."""
    if loss in unrolled.shared:
        return unrolled.graph, unrolled.shared[loss]
    b = Builder(unrolled.graph)
    first = unrolled.rows[0][loss]
    b.call, b.place = unrolled.graph._call[first], unrolled.graph._place[first]
    total = first
    b.owner = None
    for row in unrolled.rows[1:]:
        total = ADD(b, total, row[loss])
    name = unrolled.graph.name(first).partition("[")[0]
    b.owner = b.name_id(f"mean({name})")
    mean = DIV(b, total, b.const(float(len(unrolled.rows)), b.dtype(total)))
    return b.graph, mean


def _draw_row(b: Builder, i: int, row: int) -> None:
    """Random values i become those that row `row` has where all rows are drawn together."""
    attrs, count = b.graph.attrs(i), size(b.shape(i))
    b.graph._attr[i] = b._attr_id({**attrs, "offset": attrs["offset"] + row * count})


def _row_of(b: Builder, leaf: int, row: int) -> int:
    """Row `row` of a leaf that carries rows."""
    return SLICE(b, leaf, index=((row, row + 1, 1), *(None,) * (len(b.shape(leaf)) - 1)), squeeze=(0,))
