"""Random specs, each with the same computation in torch: what a formula says and what torch does are drawn together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

ROWS = 5  # what `batch` is; no other dimension is as long
LARGE = 20.0  # what may be larger is squeezed by tanh
NEAR = 1e-7  # of a kink: rounding decides there

Dim = int | str
Shape = tuple[Dim, ...]
Ask = Callable[["Torch"], torch.Tensor]


class Torch:
    """The values by name while torch goes through a spec, and how near to a kink it came."""

    def __init__(self) -> None:
        self.values: dict[str, torch.Tensor] = {}
        self.nearest = float("inf")

    def kink(self, distance: torch.Tensor, exact: bool) -> None:
        """Notes how far a value is from where its function has no derivative; operands free of rounding may well stand there."""
        if not exact and distance.numel():
            self.nearest = min(self.nearest, float(distance.detach().abs().min()))


@dataclass(frozen=True)
class Value:
    """A formula, what torch computes for it, and what is known of it.

    bound  no element is larger
    exact  each element is free of rounding, so that it may stand at a kink, and two may tie
    """

    text: str
    ask: Ask
    shape: Shape
    bound: float
    exact: bool = False

    @property
    def within(self) -> str:
        """The formula as an operand of an operator: a name or a call as it is, all else in parentheses."""
        depth = 0
        for k, c in enumerate(self.text):
            depth += (c in "([") - (c in ")]")
            if (depth == 0 and not (c.isalnum() or c in "_)")) or (c in "])" and depth == 0 and k + 1 < len(self.text)):
                return f"({self.text})"
        return self.text


@dataclass
class Draft:
    """A spec in the making."""

    draw: DrawFn
    data: np.random.Generator
    batched: bool
    leaves: dict[str, np.ndarray] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    functions: dict[str, str] = field(default_factory=dict)
    nodes: dict[str, str] = field(default_factory=dict)
    asks: dict[str, Ask] = field(default_factory=dict)
    pool: list[Value] = field(default_factory=list)

    def pick(self, options: list[Any]) -> Any:
        """One of these."""
        return options[self.draw(st.integers(0, len(options) - 1))]

    def chance(self, of: int = 2) -> bool:
        """True once in `of` times, and false in what shrinks."""
        return self.draw(st.integers(0, of - 1)) == of - 1

    def leaf(self, shape: Shape, small: float = 2.0) -> Value:
        """A new parameter or input; with few distinct values, some zero and some equal, once in four times."""
        sizes = numbers(shape)
        coarse = self.chance(4)
        array = self.data.integers(-2, 3, sizes) / 2 if coarse else np.round(self.data.uniform(-small, small, sizes), 3)
        is_input = "batch" in shape or self.chance(3)
        name = f"{'x' if is_input else 'w'}{len(self.leaves)}"
        self.leaves[name] = array
        if is_input:
            self.inputs[name] = "{}" if not shape else f"{{shape: [{', '.join(map(str, shape))}]}}"
        else:
            self.params[name] = str(array.tolist())
        found = named(name, shape, max(small, 1.0), exact=True)
        self.pool.append(found)
        return found

    def fits(self, test: Callable[[Value], bool], shape: Shape, small: float = 2.0) -> Value:
        """A value of the pool that passes, or a new leaf of this shape."""
        options = [v for v in self.pool if test(v) and v.bound <= LARGE]
        return self.leaf(shape, small) if not options or self.chance(4) else self.pick(options)

    def node(self, value: Value) -> Value:
        """A node of its own; large values squeezed."""
        value = squeezed(value)
        name = f"n{len(self.nodes)}"
        self.nodes[name] = value.text
        self.asks[name] = value.ask
        found = named(name, value.shape, value.bound, exact=value.exact)
        self.pool.append(found)
        return found


@dataclass(frozen=True)
class Program:
    """A spec as text, and the same in torch."""

    text: str
    leaves: Mapping[str, np.ndarray]
    asks: Mapping[str, Ask]
    inputs: tuple[str, ...]

    def __repr__(self) -> str:
        feeds = "".join(f"\n# {n} = {self.leaves[n].tolist()}" for n in self.inputs)
        return f"\n{self.text}{feeds}\n"

    def torch(self, leaves: Mapping[str, Any]) -> tuple[Torch, dict[str, np.ndarray], dict[str, np.ndarray]]:
        """How it went, the value of every name, and its gradient."""
        env = Torch()
        for name, array in leaves.items():
            env.values[name] = torch.tensor(np.array(array), dtype=torch.float64, requires_grad=True)
        for name, ask in self.asks.items():
            value = ask(env)
            env.values[name] = value.view_as(value) if value.requires_grad else value.detach().clone().requires_grad_()
        found = torch.autograd.grad(env.values["J"], list(env.values.values()), allow_unused=True)
        values = {n: v.detach().numpy() for n, v in env.values.items()}
        gradients = {n: np.zeros(v.shape) if g is None else g.numpy() for (n, v), g in zip(env.values.items(), found, strict=True)}
        return env, values, gradients


def numbers(shape: Shape) -> tuple[int, ...]:
    """The shape with a number of rows for `batch`."""
    return tuple(ROWS if d == "batch" else int(d) for d in shape)


def count(shape: Shape) -> int:
    """The number of elements."""
    return int(np.prod(numbers(shape), dtype=int))


def named(name: str, shape: Shape, bound: float, exact: bool = False) -> Value:
    """What bears a name."""
    return Value(name, lambda env: env.values[name], shape, bound, exact)


def squeezed(v: Value) -> Value:
    """The value, or its tanh where it may be large."""
    return Value(f"tanh({v.text})", lambda env: torch.tanh(v.ask(env)), v.shape, 1.0) if v.bound > LARGE else v


def meet(a: Shape, b: Shape) -> Shape | None:
    """The shape of both broadcast, or None."""
    n = max(len(a), len(b))
    left, right = (1,) * (n - len(a)) + a, (1,) * (n - len(b)) + b
    if any(x != y and x != 1 and y != 1 for x, y in zip(left, right, strict=True)):
        return None
    return tuple(y if x == 1 else x for x, y in zip(left, right, strict=True))
