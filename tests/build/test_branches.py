"""Choices on `training`: names, values and shapes in both graphs of a spec (language.md §4 and §5)."""

from __future__ import annotations

import pytest

import graphrun as gr
from graphrun.ir.verify import verify

HEAD = "graphrun: 1\ninputs: {x: {shape: [2], default: [1, 2]}}\n"
LAYER = """
functions:
  f(a, b):
    params: {w: {shape: [2], init: 1}}
    state: {s: {shape: [], init: 5, update: s + 1}}
    nodes: {z: a * w + b}
    returns: z * 2
nodes:
  h: f(x, 10 * x) if training else x
"""


def refused(text: str) -> list[str]:
    with pytest.raises(gr.SpecError) as error:
        gr.loads(text)
    return [f"{d.place.line}:{d.place.column} {d.code}: {d.message}" for d in error.value.diagnostics if d.place is not None]


def test_a_value_of_the_branch_that_is_not_taken_is_refused() -> None:
    """Its steps are not in this graph: what has their numbers now is another value."""
    assert refused(HEAD + LAYER + "  q: h.z * 1\n  g: x -> share(h)\n") == [
        "12:6 condition-not-known: `h.z` is computed only where `training` is true",
        "13:17 condition-not-known: `b` of `f` is computed only where `training` is true",
    ]


def test_it_may_stand_in_a_branch_that_is_not_taken_either() -> None:
    model = gr.loads(HEAD + LAYER + "  q: h.z * 1 if training else x\n  g: x -> share(h, 3)\n")
    assert model.run()["q"].tolist() == [1, 2]
    assert model.run(training=True)["q"].tolist() == [11, 22]
    assert model.run()["g"].tolist() == [8, 10]
    for training in (False, True):
        verify(model.built_for(training).graph)


def test_parameters_and_states_of_both_branches_are_there_in_both_graphs() -> None:
    model = gr.loads(HEAD + LAYER + "  q: sum(h.w) + h.s\n")
    assert model.run()["q"] == 7
    assert model.run(training=True)["q"] == 7


@pytest.mark.parametrize("training", [False, True])
def test_what_a_branch_made_is_taken_back_whatever_stands_in_it(training: bool) -> None:
    text = HEAD + LAYER + "  i: f(x, 1) if training else f(f(x, 2) if training else x, 3)\n  j: f(h, x) + i\n"
    built = gr.loads(text).built_for(training)
    leaves, updated = built.assembly.leaves, built.assembly.updated
    assert [p.node for p in leaves] == sorted({p.node for p in [*built.params.values(), *built.state.values()] if p.node is not None})
    assert all(built.graph.op(p.node).name in ("param", "state") for p in leaves if p.node is not None)
    assert sum(len(s.updates) for s in built.state.values()) == len(updated) == (3 if training else 0)


def test_functions_of_both_branches_are_counted() -> None:
    text = "nodes:\n  h: x -> repeat(relu if training else dense(2, bias=false), 2) -> dense(3, bias=false)"
    model = gr.loads(HEAD + text)
    assert sorted(model.params) == ["h.0.0.weight", "h.0.1.weight", "h.1.weight"]
    assert "h.1.weight" in model.run(training=True)
    text = "nodes:\n  h: x -> repeat(dense(2) if training else dense(2, bias=false), 2)"
    shapes = {n: p.shape for n, p in gr.loads(HEAD + text).params.items()}
    assert shapes == {f"h.{k}.{j}.weight": (2, 2) for k in (0, 1) for j in (0, 1)} | {f"h.{k}.0.bias": (2,) for k in (0, 1)}


def test_a_parameter_has_one_shape_in_both_graphs() -> None:
    assert refused(HEAD + "nodes:\n  h: x -> dense(3 if training else 2, bias=false)") == [
        "4:6 parameter-shape: `h.weight` has shape [2, 3] where `training` is true, and [2, 2] where it is false",
    ]
