"""The local derivative of a step with respect to each of its operands, as text and as number, from the operation's own vjp."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from graphrun.ir.builder import Builder
from graphrun.ir.formula import SUM, formula_piece, index_text
from graphrun.ir.graph import Graph
from graphrun.ir.leaves import CONST
from graphrun.ir.opdef import Part
from graphrun.ir.types import Shape, TensorType
from graphrun.ledger import polynomial as poly
from graphrun.ledger.simplify import simplified
from graphrun.ops.arithmetic import ADD, MUL
from graphrun.ops.shape import SUM_TO

__all__ = ["Rule", "Rules", "operands_of"]

Index = tuple[Any, ...]
Place = tuple[int, "Index | None"]


@dataclass(frozen=True, eq=False)
class Rule:
    """The derivatives of one step over stand-ins for its operands (`leaves`: node → place among the operands, -1 for the step
    itself, -2 for the gradient that arrives).

    `raw` is what the vjp says and gives the numbers; `short` the same made short, for writing. The roots hold, for each operand,
    the contributions (node, the stretch of the operand that it covers or None for all of it); none where there is no derivative.
    """

    raw: Graph
    raw_leaves: Mapping[int, int]
    raw_roots: tuple[tuple[Place, ...], ...]
    short: Graph
    short_leaves: Mapping[int, int]
    short_roots: tuple[tuple[Place, ...], ...]

    @cached_property
    def constants(self) -> frozenset[int]:
        """The operands by which the derivative is a number whatever the operands are."""
        return frozenset(k for k, places in enumerate(self.short_roots) if len(places) == 1 and self.short.op(self.root(k)) is CONST)

    def text(self, k: int, names: Sequence[str], out: str, arriving: str = "1") -> tuple[str, int]:
        """The derivative by operand k, and how tightly it binds. `names` are the operands', `out` the step's, `arriving` its gradient's."""
        pieces = []
        leaves = self.short_leaves

        def leaf(i: int) -> str:
            place = leaves[i]
            return names[place] if place >= 0 else out if place == -1 else arriving

        for root, index in self.short_roots[k]:
            node = _bare(self.short, root)
            if index is not None and self.short.op(node).name == "expand_dims":
                node = self.short.inputs(node)[0]  # the place in the operand says it
            text, binding = (leaf(node), 40) if node in leaves else formula_piece(self.short, node, leaf, leaves.__contains__)
            if binding == 40 and text.startswith("-"):
                binding = 25
            pieces.append((text if index is None else f"{text} at {_index_text(index)}", binding))
        if len(pieces) == 1:
            return pieces[0]
        return " + ".join(text for text, _ in pieces), SUM

    def names_leaf(self, k: int) -> bool:
        """Whether the derivative by operand k is just one of the operands (or the step itself)."""
        return len(self.short_roots[k]) == 1 and self.root(k) in self.short_leaves

    def constant(self, k: int) -> bool:
        """Whether the derivative by operand k is a number whatever the operands are."""
        return k in self.constants

    def root(self, k: int) -> int:
        """The node of the short form of the derivative by operand k, without what is not written around it."""
        return _bare(self.short, self.short_roots[k][0][0])

    def value(self, k: int, values: Sequence[Any], out: Any, arriving: Any = 1.0) -> Any:
        """The number of the derivative by operand k (an array where the operands are), times the gradient that arrives."""
        root = self.raw_roots[k][0][0]
        return self.node_value(root, values, out, arriving)

    def node_value(self, root: int, values: Sequence[Any], out: Any, arriving: Any = 1.0) -> Any:
        """The value of a node of `raw`."""
        known: dict[int, Any] = {}
        with np.errstate(all="ignore"):
            for i in _order(self.raw, self.raw_leaves, root):
                place = self.raw_leaves.get(i)
                if place is not None:
                    known[i] = values[place] if place >= 0 else out if place == -1 else np.asarray(arriving, dtype=self.raw.dtype(i))[()]
                elif self.raw.op(i) is CONST:
                    known[i] = np.asarray(self.raw.attrs(i)["value"], dtype=self.raw.dtype(i)).reshape(_sizes(self.raw.shape(i)))[()]
                else:
                    known[i] = self.raw.op(i).kernel(np, *[known[j] for j in self.raw.inputs(i)], **self.raw.attrs(i))
        return known[root]

    def values(self, k: int, columns: Sequence[Any], out: Any) -> list[Any]:
        """The numbers of the derivative by operand k for many steps of scalars at once: `columns` hold each operand, `out` the results."""
        root = self.raw_roots[k][0][0]
        count = len(out)
        raw, leaves = self.raw, self.raw_leaves
        plain = (i in leaves or raw.op(i) is CONST or raw.op(i).elementwise for i in _order(raw, leaves, root))
        if count > 1 and all(plain):
            found = np.asarray(self.value(k, columns, out))
            if found.shape in ((), (count,)):
                return np.broadcast_to(found, (count,)).tolist()  # type: ignore[no-any-return]
        return [np.asarray(self.value(k, [c[m] for c in columns], out[m])).item() for m in range(count)]


def _order(graph: Graph, leaves: Mapping[int, int], root: int) -> list[int]:
    seen = {root}
    stack = [root]
    while stack:
        i = stack.pop()
        if i not in leaves:
            for j in graph.inputs(i):
                if j not in seen:
                    seen.add(j)
                    stack.append(j)
    return sorted(seen)


def _sizes(shape: Shape) -> tuple[int, ...]:
    return tuple(d for d in shape if isinstance(d, int))


def _index_text(index: Index) -> str:
    """The stretch that a part covers; one element as a single position."""
    single = [k for k, entry in enumerate(index) if entry is not None and entry[1] == entry[0] + 1]
    return index_text(index, single)


def plain_constant(graph: Graph, i: int) -> bool:
    """Whether node i is a number without a name, written where it is used."""
    return graph.op(i) is CONST and graph.owner(i) is None


def operands_of(graph: Graph, i: int) -> list[int]:
    """The distinct operands of node i, in order, without plain constants."""
    return [j for j in dict.fromkeys(graph.inputs(i)) if not plain_constant(graph, j)]


class Rules:
    """Makes rules, one for all steps that are alike."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._made: dict[Any, Rule | None] = {}
        self._found: dict[Any, Rule] = {}
        n = len(graph)
        self._plain = bytearray(plain_constant(graph, i) for i in range(n))
        self._scalar = bytearray(graph.shape(i) == () for i in range(n))

    def scalar_step(self, i: int) -> tuple[tuple[int, ...], Rule] | None:
        """The operands and the derivatives of a node of scalars; None where it is not elementwise, or arrays are in it."""
        graph = self._graph
        inputs, plain, scalar = graph.inputs(i), self._plain, self._scalar
        if not scalar[i] or not graph.op(i).elementwise:
            return None
        operands: list[int] = []
        key: list[Any] = [graph._op[i], graph._attr[i]]
        for j in inputs:
            if not scalar[j]:
                return None
            if plain[j]:
                key.append((graph._attr[j], graph._type[j]))
            else:
                if j not in operands:
                    operands.append(j)
                key.append(operands.index(j))
                key.append(graph._type[j])
        found = tuple(key)
        rule = self._found.get(found)
        if rule is None:
            rule = self._found[found] = self.derivative(i)
        return tuple(operands), rule

    def derivative(self, i: int) -> Rule:
        """The derivatives of node i, of an elementwise operation, by its operands, as for one element."""
        graph = self._graph
        operands = operands_of(graph, i)
        places = {j: k for k, j in enumerate(operands)}
        inputs = tuple(("c", repr(graph.attrs(j)["value"])) if j not in places else (places[j], graph.dtype(j)) for j in graph.inputs(i))
        key = ("derivative", graph.op(i), id(graph.attrs(i)), inputs)
        rule = self._made.get(key)
        if rule is None:
            rule = self._made[key] = _vjp_rule(graph, i, operands, one=True, scalar=True)
        return rule

    def product(self, i: int, direct: bool) -> Rule:
        """What node i hands back to its operands: its own gradient (1 where `direct`) times the derivative, with all shapes."""
        graph = self._graph
        operands = operands_of(graph, i)
        places = {j: k for k, j in enumerate(operands)}
        inputs = tuple((j if j not in places else -1 - places[j], graph.type(j)) for j in graph.inputs(i))
        key = ("product", direct, graph.op(i), id(graph.attrs(i)), graph.type(i), inputs)
        rule = self._made.get(key)
        if rule is None:
            rule = self._made[key] = _vjp_rule(graph, i, operands, one=direct, scalar=False)
        return rule

    def whole(self, steps: Sequence[int], operands: Sequence[int], direct: bool) -> Rule | None:
        """The derivatives of a formula of several steps by what it is made of; None where a reader would not know them as a whole.

        Known as a whole are polynomials with short derivatives, and sums of matrix products.

        In scalars the derivatives themselves, with arrays what the formula hands back.
        """
        graph = self._graph
        places = {j: k for k, j in enumerate(operands)}
        numbers = {j: k for k, j in enumerate(steps)}
        alike = tuple(
            (graph.op(i), id(graph.attrs(i)), graph.type(i), tuple(_described(graph, j, places, numbers) for j in graph.inputs(i)))
            for i in steps
        )
        key = ("whole", direct, alike)
        if key not in self._made:
            self._made[key] = _polynomial_rule(graph, steps, operands, direct) or _affine_rule(graph, steps, operands, direct)
        return self._made[key]


def _described(graph: Graph, j: int, places: Mapping[int, int], numbers: Mapping[int, int]) -> Any:
    if j in places:
        return ("v", places[j], graph.type(j))
    return ("s", numbers[j]) if j in numbers else ("c", repr(graph.attrs(j).get("value")), graph.type(j))


def _vjp_rule(graph: Graph, i: int, operands: Sequence[int], *, one: bool, scalar: bool) -> Rule:
    b = Builder()
    leaves: dict[int, int] = {}
    stand: dict[int, int] = {}
    for k, j in enumerate(operands):
        kind = graph.type(j)
        stand[j] = b.input(f"{k}", () if scalar else kind.shape, kind.dtype)
        leaves[stand[j]] = k
    for j in graph.inputs(i):
        if j not in stand:
            kind = graph.type(j)
            stand[j] = b.const(graph.attrs(j)["value"], kind.dtype, kind.shape)
    out = b.node(graph.op(i), [stand[j] for j in graph.inputs(i)], graph.attrs(i))
    leaves[out] = -1
    kind = b.type(out)
    if one:
        g = b.const(1.0, kind.dtype)
    else:
        g = b.input("g", kind.shape, kind.dtype)
        leaves[g] = -2
    vjp = graph.op(i).vjp
    handed = vjp(b, b.graph.node(out), g) if vjp is not None else [None] * len(graph.inputs(i))
    roots: dict[int, list[Place]] = {k: [] for k in range(len(operands))}
    for j, c in zip(graph.inputs(i), handed, strict=True):
        if c is None or stand[j] not in leaves:
            continue
        _add(b, roots[leaves[stand[j]]], c, b.type(stand[j]))
    return _finished(b.graph, leaves, [roots[k] for k in range(len(operands))])


def _add(b: Builder, places: list[Place], c: int | Part, kind: TensorType) -> None:
    """Adds a contribution to those of one operand; whole ones are added up."""
    if isinstance(c, Part):
        places.append((c.g, c.index))
        return
    if b.shape(c) != kind.shape:
        c = SUM_TO(b, c, shape=kind.shape)
    for k, (node, index) in enumerate(places):
        if index is None:
            places[k] = (ADD(b, node, c), None)
            return
    places.append((c, None))


def _finished(raw: Graph, leaves: Mapping[int, int], roots: Sequence[Sequence[Place]]) -> Rule:
    names = {i: f"{k}" for i, k in leaves.items()}
    short, new = simplified(raw, names, [node for places in roots for node, _ in places])
    return Rule(
        raw,
        leaves,
        tuple(tuple(places) for places in roots),
        short,
        {new[i]: k for i, k in leaves.items()},
        tuple(tuple((new[node], index) for node, index in places) for places in roots),
    )


def _bare(graph: Graph, i: int) -> int:
    """Node i without the changes of shape around it, which are not written."""
    while graph.op(i).name == "identity":
        i = graph.inputs(i)[0]
    return i


def _polynomial_rule(graph: Graph, steps: Sequence[int], operands: Sequence[int], direct: bool) -> Rule | None:
    try:
        p = poly.polynomial(graph, steps, {j: k for k, j in enumerate(operands)})
        if p is None:
            return None
        derivatives = [poly.differentiate(p, k) for k in range(len(operands))]
        if not all(poly.is_short(d) for d in derivatives):
            return None
        scalar = all(graph.shape(j) == () for j in (*steps, *operands))
        b = Builder()
        nodes = [b.input(f"{k}", graph.shape(j), graph.dtype(j)) for k, j in enumerate(operands)]
        leaves = {node: k for k, node in enumerate(nodes)}
        roots = [poly.write(b, d, nodes) for d in derivatives]
    except OverflowError:
        return None
    if scalar:
        return _finished(b.graph, leaves, [[(node, None)] for node in roots])
    kind = graph.type(steps[-1])
    g = b.const(1.0, kind.dtype) if direct else b.input("g", kind.shape, kind.dtype)
    if not direct:
        leaves[g] = -2
    places: list[list[Place]] = []
    for j, node in zip(operands, roots, strict=True):
        handed: list[Place] = []
        _add(b, handed, MUL(b, g, node), graph.type(j))
        places.append(handed)
    return _finished(b.graph, leaves, places)


AFFINE = frozenset({"matmul", "add", "sub", "neg", "identity", "transpose"})
MOST_SIGNS = 3


def _affine_rule(graph: Graph, steps: Sequence[int], operands: Sequence[int], direct: bool) -> Rule | None:
    """Matrix products and sums of them (`x · W + b`): what each hands back, put together from the steps' own vjps."""
    names = [graph.op(i).name for i in steps]
    if "matmul" not in names or not AFFINE.issuperset(names):
        return None
    b = Builder()
    new = {j: b.input(f"{k}", graph.shape(j), graph.dtype(j)) for k, j in enumerate(operands)}
    leaves = {new[j]: k for k, j in enumerate(operands)}
    for i in steps:
        for j in graph.inputs(i):
            if j not in new:
                new[j] = b.const(graph.attrs(j)["value"], graph.dtype(j), graph.shape(j))
        new[i] = b.node(graph.op(i), [new[j] for j in graph.inputs(i)], graph.attrs(i))
    kind = b.type(new[steps[-1]])
    g = b.const(1.0, kind.dtype) if direct else b.input("g", kind.shape, kind.dtype)
    if not direct:
        leaves[g] = -2
    handed: dict[int, list[Place]] = {j: [] for j in (*operands, *steps)}
    handed[steps[-1]] = [(g, None)]
    for i in reversed(steps):
        vjp = graph.op(i).vjp
        if vjp is None or len(handed[i]) != 1 or handed[i][0][1] is not None:
            return None
        for j, c in zip(graph.inputs(i), vjp(b, b.graph.node(new[i]), handed[i][0][0]), strict=True):
            if c is not None and j in handed:
                _add(b, handed[j], c, b.type(new[j]))
    rule = _finished(b.graph, leaves, [handed[j] for j in operands])
    short = rule.short
    for places in rule.short_roots:
        for node, _ in places:
            if sum(1 for i in _order(short, rule.short_leaves, node) if short.inputs(i)) > MOST_SIGNS:
                return None
    return rule
