"""A graph read as neurons: weighted sums of values, with biases and an activation, found from the operations themselves.

A neuron is a scalar of the graph, or one entry along the last axis of a small array: then a matrix product is opened into its scalar
weights. A formula that is no weighted sum is a neuron with plain arrows from what it is made of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from graphrun.diagram.groups import is_plain
from graphrun.ir.graph import Graph
from graphrun.ir.leaves import CONST, PARAM

__all__ = ["Element", "Net", "Neuron", "Term", "read_net"]

MOST_UNITS = 12
"""Arrays of up to so many units are opened."""

MOST_ARROWS = 160
"""A net of more arrows than this stays closed: one circle for each array."""

LIBRARY = PurePath(Path(__file__).parents[1] / "library")

Element = tuple[int, int | None]
"""A node, and which of its units (None for all of it, or a scalar)."""


@dataclass(frozen=True, slots=True)
class Term:
    """What flows into a neuron: a value, by a weight (the parameter's node and which of its entries) and a constant factor."""

    source: Element
    weight: int | None = None
    index: tuple[int, ...] = ()
    factor: float = 1.0


@dataclass(frozen=True, slots=True)
class Bias:
    """What is added to a sum: an entry of a parameter, or where `param` is None the number `factor` itself."""

    param: int | None
    index: tuple[int, ...] = ()
    factor: float = 1.0


@dataclass(frozen=True, slots=True)
class Neuron:
    """A weighted sum with its biases; `activation` is the function around it. Not `linear`: any formula of its sources."""

    element: Element
    terms: tuple[Term, ...]
    biases: tuple[Bias, ...] = ()
    activation: str = ""
    linear: bool = True


@dataclass(frozen=True, slots=True)
class Net:
    """The neurons in topological order, the values and parameters that they start from, and which steps each node's neuron is made of."""

    neurons: tuple[Neuron, ...]
    sources: tuple[Element, ...]
    inside: Mapping[int, tuple[int, ...]]
    layer: Mapping[int, str]  # node → the layer whose inside it is, where the node has no name of its own


def read_net(
    graph: Graph,
    shown: Sequence[int],
    *,
    loss: int | None,
    entries: Mapping[str, int],
    only: frozenset[int] | None = None,
    opened: bool = True,
) -> Net:
    """The nodes of `shown` as a net. `only` names the steps that are drawn; what they take from elsewhere is a source. Arrays are taken
    whole unless `opened`."""
    steps = [i for i in shown if len(graph.inputs(i)) and (only is None or i in only)]
    stops, layer = _stops(graph, steps, loss, set(entries.values()))
    for units in (opened, False):
        reader = _Reader(graph, frozenset(stops), frozenset(steps), units)
        net = reader.net([i for i in steps if i in stops], layer)
        if not units or sum(len(neuron.terms) for neuron in net.neurons) <= MOST_ARROWS:
            return net
    raise AssertionError("a closed net is always taken")


# -- which nodes are neurons -------------------------------------------------------------------------------------------


def _stops(graph: Graph, steps: Sequence[int], loss: int | None, named: set[int]) -> tuple[set[int], dict[int, str]]:
    """The nodes that are neurons of their own: ends of formulas, and steps that another formula uses."""
    users: dict[int, list[int]] = {i: [] for i in steps}
    for i in steps:
        for j in graph.inputs(i):
            if j in users:
                users[j].append(i)
    bare = _calls_without_parameters(graph)
    stops = set()
    for i in steps:
        hidden = graph.call(i) in bare and _in_library(graph, i)
        ends = graph.step(i) == 0 and not hidden
        used = any(graph.owner(u) != graph.owner(i) for u in users[i]) and not (hidden and len(users[i]) == 1)
        if i in named or i == loss or not users[i] or ((ends or used) and not is_plain(graph, i)):
            stops.add(i)
    layer: dict[int, str] = {}
    for i in steps:
        if i not in stops or len(graph.inputs(i)) != 1:
            continue
        j = graph.inputs(i)[0]
        if j not in stops or j in named or len(users[j]) != 1 or graph.call(j) < 0:
            continue
        site = graph.calls[graph.call(j)].name
        own = graph.name(i)
        if (i in named and graph.op(i).name == "identity" and site.startswith(own)) or _is_activation(graph, i):
            stops.discard(j)
            if i not in named:
                layer[i] = site
    return stops, layer


def _calls_without_parameters(graph: Graph) -> set[int]:
    holding: set[int] = set()
    for i in range(len(graph)):
        call = graph.call(i) if graph.op(i) is PARAM else -1
        while call >= 0 and call not in holding:
            holding.add(call)
            call = graph.calls[call].parent
    return set(range(len(graph.calls))) - holding


def _in_library(graph: Graph, i: int) -> bool:
    source = graph.place(i)[0]
    return source < len(graph.sources) and PurePath(graph.sources[source]).parent == LIBRARY


def _is_activation(graph: Graph, i: int) -> bool:
    op = graph.op(i)
    return op.elementwise and len(graph.inputs(i)) == 1 and op.name not in ("neg", "identity", "cast", "square")


# -- reading one -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Reader:
    graph: Graph
    stops: frozenset[int]
    steps: frozenset[int]
    opened: bool
    found: dict[Element, None] = field(default_factory=dict)

    def net(self, ends: Sequence[int], layer: Mapping[int, str]) -> Net:
        neurons = [self.neuron((i, k)) for i in ends for k in self.units(i)]
        own = {neuron.element for neuron in neurons}
        sources = dict.fromkeys(t.source for neuron in neurons for t in neuron.terms if t.source not in own)
        return Net(tuple(neurons), tuple(sorted(sources, key=lambda e: (e[0], e[1] or 0))), {i: self.inside(i) for i in ends}, layer)

    def units(self, i: int) -> Sequence[int | None]:
        """The units of a node: one, or where it is opened one for each entry along the last axis."""
        n = self.width(i)
        return (None,) if n is None else range(n)

    def width(self, i: int) -> int | None:
        """How many units node i is opened into, or None."""
        shape = self.graph.shape(i)
        if not self.opened or not shape or len(shape) > 2 or not isinstance(shape[-1], int) or not 0 < shape[-1] <= MOST_UNITS:
            return None
        return None if len(shape) == 2 and isinstance(shape[0], int) and shape[0] > 1 else shape[-1]

    def stop(self, i: int) -> bool:
        """Whether node i is written by its name in the formulas that use it."""
        return i in self.stops or i not in self.steps

    def inside(self, root: int) -> tuple[int, ...]:
        """The steps that the neuron of `root` is made of."""
        seen, stack = {root}, [root]
        while stack:
            for j in self.graph.inputs(stack.pop()):
                if j not in seen and not self.stop(j):
                    seen.add(j)
                    stack.append(j)
        return tuple(sorted(seen))

    def neuron(self, element: Element) -> Neuron:
        graph, (root, k) = self.graph, element
        start, activation = root, ""
        if _is_activation(graph, root):
            below = graph.inputs(root)[0]
            if not self.stop(below) or graph.op(root).name not in ("exp", "log"):
                activation, start = graph.op(root).name, below
        linear = self.linear(start, k, root)
        if linear is not None:
            return Neuron(element, linear[0], linear[1], activation)
        return Neuron(element, self.sources(root, k), linear=False)

    def linear(self, start: int, unit: int | None, root: int) -> tuple[tuple[Term, ...], tuple[Bias, ...]] | None:
        """The sum that node `start` is, or None where it is none."""
        graph = self.graph
        terms: list[Term] = []
        biases: list[Bias] = []
        stack: list[tuple[int, float]] = [(start, 1.0)]
        while stack:
            i, f = stack.pop()
            name, inputs = graph.op(i).name, graph.inputs(i)
            if i != root and self.stop(i):
                self.leaf(i, unit, f, terms, biases)
            elif name in ("add", "sub"):
                stack += [(inputs[1], -f if name == "sub" else f), (inputs[0], f)]
            elif name in ("neg", "identity"):
                stack.append((inputs[0], -f if name == "neg" else f))
            elif name in ("mul", "div"):
                if not self.product(i, unit, f, terms, biases):
                    return None
            elif name in ("matmul", "dot"):
                found = self.matrix(i, unit, f)
                if found is None:
                    return None
                terms += found
            else:
                return None
        return tuple(terms), tuple(biases)

    def leaf(self, i: int, unit: int | None, f: float, terms: list[Term], biases: list[Bias]) -> None:
        op = self.graph.op(i)
        if op is PARAM:
            biases.append(Bias(i, self.entry(i, unit), f))
        elif op is CONST and self.graph.shape(i) == ():
            biases.append(Bias(None, (), f * float(self.graph.attrs(i)["value"])))
        else:
            terms.append(Term(self.element(i, unit), factor=f))

    def entry(self, i: int, unit: int | None) -> tuple[int, ...]:
        shape = self.graph.shape(i)
        return () if unit is None or not shape else (unit if shape[-1] != 1 else 0,)

    def element(self, i: int, unit: int | None) -> Element:
        width = self.width(i)
        return (i, None) if width is None else (i, unit if unit is not None and width > 1 else 0)

    def product(self, root: int, unit: int | None, f: float, terms: list[Term], biases: list[Bias]) -> bool:
        """A product of numbers with at most one parameter and one value."""
        graph = self.graph
        params: list[int] = []
        values: list[int] = []
        stack = [root]
        while stack:
            i = stack.pop()
            name, inputs = graph.op(i).name, graph.inputs(i)
            if is_plain(graph, i) and graph.op(i) is CONST and graph.shape(i) == ():
                f *= float(graph.attrs(i)["value"])
            elif (i == root or not self.stop(i)) and name == "mul":
                stack += [inputs[1], inputs[0]]
            elif (i == root or not self.stop(i)) and name == "neg":
                f, stack = -f, [*stack, inputs[0]]
            elif (i == root or not self.stop(i)) and name == "div" and graph.op(inputs[1]) is CONST and is_plain(graph, inputs[1]):
                by = float(graph.attrs(inputs[1])["value"]) if graph.shape(inputs[1]) == () else 0.0
                if not by:
                    return False
                f, stack = f / by, [*stack, inputs[0]]
            elif not self.stop(i):
                return False
            else:
                (params if graph.op(i) is PARAM else values).append(i)
        if len(params) > 1 or len(values) > 1 or not params + values:
            return False
        if not values:
            biases.append(Bias(params[0], self.entry(params[0], unit), f))
        else:
            weight = params[0] if params else None
            terms.append(Term(self.element(values[0], unit), weight, () if weight is None else self.entry(weight, unit), f))
        return True

    def matrix(self, i: int, unit: int | None, f: float) -> list[Term] | None:
        """A matrix product of a value and a parameter, as the terms of one unit."""
        graph = self.graph
        a, b = graph.inputs(i)
        right, turned = self.bare_matrix(b)
        left, over = self.bare_matrix(a)
        if graph.op(right) is PARAM and self.stop(a):
            value, weight, flip = a, right, turned
        elif graph.op(left) is PARAM and self.stop(b) and len(graph.shape(b)) == 1:
            value, weight, flip = b, left, not over
        else:
            return None
        n = self.width(value)
        if n is None:
            return [Term((value, None), weight, (), f)]
        if len(graph.shape(weight)) == 1:
            return [Term((value, k), weight, (k,), f) for k in range(n)]
        if unit is None:
            return None
        return [Term((value, k), weight, (unit, k) if flip else (k, unit), f) for k in range(n)]

    def bare_matrix(self, i: int) -> tuple[int, bool]:
        """The parameter under transpositions, and whether it is turned."""
        turned = False
        while not self.stop(i) and self.graph.op(i).name in ("transpose", "swap_last") and len(self.graph.shape(i)) == 2:
            i, turned = self.graph.inputs(i)[0], not turned
        return i, turned

    def sources(self, root: int, unit: int | None) -> tuple[Term, ...]:
        """Plain arrows from all that a formula is made of; unit by unit where it is elementwise."""
        graph = self.graph
        own = self.inside(root)
        along = unit is not None and all(graph.op(i).elementwise for i in own)
        out: dict[Element, None] = {}
        for i in own:
            for j in graph.inputs(i):
                if not self.stop(j) or is_plain(graph, j):
                    continue
                width = self.width(j)
                units = [None] if width is None else [unit if width > 1 else 0] if along else list(range(width))
                out.update(dict.fromkeys((j, k) for k in units))
        return tuple(Term(element) for element in out)
