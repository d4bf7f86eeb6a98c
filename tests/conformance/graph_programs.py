"""A strategy for random specs."""

from __future__ import annotations

import numpy as np
from graph_draft import Draft, Program, Shape, count, squeezed
from graph_steps import STEPS, loss
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

MOST, AXES = 120, 4  # elements and axes of a value


@st.composite
def programs(draw: DrawFn, nodes: int = 7, batched: bool | None = None) -> Program:
    """Specs of up to so many nodes and a loss; with a dimension `batch` in half of them where nothing is said."""
    seed = draw(st.integers(0, 2**32 - 1))
    d = Draft(draw, np.random.default_rng(seed), draw(st.booleans()) if batched is None else batched)
    for _ in range(draw(st.integers(1, 3))):
        d.leaf(first_shape(d))
    for _ in range(draw(st.integers(2, nodes))):
        value = d.pick(d.pool)
        for _ in range(draw(st.integers(1, 3))):
            made = d.pick(STEPS)(d, squeezed(value))
            value = made if count(made.shape) <= MOST and len(made.shape) <= AXES else value
        d.node(value)
    total = loss(d)
    d.nodes["J"], d.asks["J"] = total.text, total.ask
    return Program(written(d), dict(d.leaves), dict(d.asks), tuple(d.inputs))


def first_shape(d: Draft) -> Shape:
    """A scalar, or up to three axes."""
    shape = tuple(d.pick([2, 3, 1, 4]) for _ in range(d.pick([0, 1, 2, 2, 3])))
    return ("batch", *shape[1:]) if d.batched and d.chance() else shape


def written(d: Draft) -> str:
    """The spec."""
    lines = ["graphrun: 1"]
    for section, entries in (("inputs", d.inputs), ("params", d.params), ("functions", d.functions), ("nodes", d.nodes)):
        if entries:
            lines += [
                f"{section}:",
                *(f"  {name}: {_quoted(text) if section in ('functions', 'nodes') else text}" for name, text in entries.items()),
            ]
    return "\n".join([*lines, "loss: J", "train: {optimizer: sgd(lr=0.05), steps: 3}", ""])


def _quoted(text: str) -> str:
    return f'"{text}"' if text[0] in "[{-'\"" else text
